"""Growing: a deeper network starts as its parent."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from facevalue import training
from facevalue.assembly import make_network
from facevalue.checkpoint import read_checkpoint
from facevalue.codecs import make_codec
from facevalue.errors import SettingError
from facevalue.growing import grown
from facevalue.recipes import Recipe, clocks, find_recipe

ROWS = dataclasses.replace(find_recipe("digits/tiny"), widths=(6, 8, 8), blocks=(0, 1, 1), hidden=12)
CLOCKS = dataclasses.replace(find_recipe("clocks/tiny"), widths=(6, 8, 8), blocks=(0, 1, 1), hidden=12)


def trained(recipe: Recipe) -> nn.Module:
    """A network none of whose blocks is its shortcut any more, in the mode of reading."""
    network = make_network(recipe, make_codec(recipe.codec))
    for name, parameter in network.named_parameters():
        if "norm" in name:
            nn.init.uniform_(parameter)
    network.train()
    network(pictures(recipe, 16))
    return network.eval()


def pictures(recipe: Recipe, count: int) -> torch.Tensor:
    across, down = recipe.frame_px
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (count, 3, down, across), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("blocks", [(1, 1, 1), (0, 2, 1), (0, 1, 2), (2, 3, 2), (0, 1, 1)])
@pytest.mark.parametrize("recipe", [ROWS, CLOCKS], ids=["rows", "clocks"])
def test_a_deeper_network_starts_as_its_parent(recipe: Recipe, blocks: tuple[int, ...]) -> None:
    parent = trained(recipe)
    deeper = dataclasses.replace(recipe, blocks=blocks, seed=5)
    network = make_network(deeper, make_codec(deeper.codec))
    network.load_state_dict(grown(parent.state_dict(), recipe, deeper, network.state_dict()))
    shown = pictures(recipe, 4)
    with torch.inference_mode():
        expected, outputs = parent(shown), network.eval()(shown)
    assert expected.keys() == outputs.keys()
    for name, values in expected.items():
        assert torch.equal(values, outputs[name]), name
    added = sum(blocks) - sum(recipe.blocks)
    still = [name for name, value in network.named_parameters() if name.endswith("norm2.weight") and not value.any()]
    assert len(still) == added  # the new ones are there, and do nothing yet


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"blocks": (0, 1, 0)}, "blocks=(0, 1, 0)"),
        ({"blocks": (0, 1)}, "blocks=(0, 1)"),
        ({"widths": (6, 8, 12)}, "widths=(6, 8, 12)"),
        ({"hidden": 16, "blocks": (1, 1, 1)}, "hidden=16"),
    ],
)
def test_another_network_is_refused(change: dict[str, tuple[int, ...]], told: str) -> None:
    other = dataclasses.replace(ROWS, name="digits/other", **change)  # type: ignore[arg-type]
    with pytest.raises(SettingError) as refused:
        grown({}, ROWS, other, {})
    assert f"digits/other with {told} can't go on from digits/tiny" in str(refused.value)


def test_a_training_goes_on_from_a_smaller_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"steps": "2", "batch_size": "4", "size_px": "32", "widths": "8,8,8", "blocks": "0,1,1", "hidden": "16"}
    small |= {"squeeze": "4", "warmup_steps": "2"}
    training.run("clocks/tiny", small, tmp_path / "parent", resume=False, workers=0)
    deeper = dataclasses.replace(find_recipe("clocks/tiny"), name="clocks/deeper", parent="clocks/tiny")
    monkeypatch.setattr(clocks, "RECIPES", (*clocks.RECIPES, deeper))
    still = small | {"blocks": "1,2,1", "learning_rate": "1e-30"}
    training.run("clocks/deeper", still, tmp_path / "run", resume=False, workers=0, start_from=tmp_path / "parent")
    before, after = (read_checkpoint(tmp_path / folder)["network"] for folder in ("parent", "run"))
    assert torch.allclose(after["trunk.4.conv1.weight"], before["trunk.3.conv1.weight"], atol=1e-6)
    assert torch.allclose(after["trunk.6.conv2.weight"], before["trunk.4.conv2.weight"], atol=1e-6)
    with pytest.raises(SettingError, match=r"clocks/deeper with widths=\(8, 8, 16\) can't go on from clocks/tiny"):
        wider = still | {"widths": "8,8,16"}
        training.run("clocks/deeper", wider, tmp_path / "no", resume=False, workers=0, start_from=tmp_path / "parent")
