"""A weight file gives back the network that it came from, and training goes on from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from facevalue import assembly, training  # noqa: E402
from facevalue.checkpoint import read_checkpoint  # noqa: E402
from facevalue.codecs import make_codec  # noqa: E402
from facevalue.errors import ModelError, SettingError  # noqa: E402
from facevalue.export import export  # noqa: E402
from facevalue.reader import SHIPPED, WEIGHTS, load_weight  # noqa: E402
from facevalue.recipes import clocks as clock_recipes  # noqa: E402
from facevalue.recipes import find_recipe  # noqa: E402
from facevalue.restoring import restore  # noqa: E402
from facevalue.sources import Source  # noqa: E402
from facevalue.sources.clocks import ClockSource  # noqa: E402
from facevalue.sources.dials import DialSource  # noqa: E402
from facevalue.sources.digits import DigitSource  # noqa: E402

TINY = {"steps": "2", "batch_size": "4", "size_px": "32", "widths": "4,8,8", "blocks": "0,1,1", "hidden": "8"}
DRAWN: dict[str, Source] = {
    "clock": ClockSource(size_px=112),
    "dial": DialSource(size_px=80),
    "digits": DigitSource(shares=(("printed", 1.0), ("segments", 1.0), ("drums", 1.0))),
}


@pytest.mark.parametrize("kind", SHIPPED)
def test_a_restored_network_computes_what_its_weight_does(kind: str) -> None:
    path, source = WEIGHTS / f"{SHIPPED[kind]}.onnx", DRAWN[kind]
    recipe, metadata, network = restore(path, source)
    assert recipe.hash() == metadata["recipe_hash"]
    assert network.training
    pictures = source.batch(5, 0, 160).pictures
    expected = load_weight(path, threads=1).run(pictures)
    given = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    with torch.no_grad():
        read = {name: output.numpy() for name, output in network.eval()(given).items()}
        anew = {name: output.numpy() for name, output in network.train()(given).items()}  # by the batch's own norms
    for name, output in expected.items():
        assert np.abs(read[name] - output).max() < 1e-3 * max(1.0, np.abs(output).max())
        assert np.abs(anew[name] - output).mean() < 0.25 * output.std()


def test_the_filters_restored_are_as_long_as_those_that_training_starts_with() -> None:
    recipe, _, network = restore(WEIGHTS / "clock-1.onnx", DRAWN["clock"])
    start = assembly.make_network(recipe, make_codec(recipe.codec))
    for (name, filters), begun in zip(network.named_parameters(), start.parameters(), strict=True):
        if name.endswith("conv1.weight"):
            assert float(filters.detach().std() / begun.detach().std()) == pytest.approx(1.0, abs=0.1)


@pytest.fixture(scope="module")
def tiny_weight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("tiny")
    training.run("clocks/tiny", TINY, run, resume=False, workers=0)
    return export(run, run / "weight.onnx", "tiny")


def test_a_child_goes_on_from_a_weight(tiny_weight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    after = dataclasses.replace(find_recipe("clocks/tiny"), name="clocks/after-tiny", parent="clocks/tiny")
    monkeypatch.setattr(clock_recipes, "RECIPES", (*clock_recipes.RECIPES, after))
    still = TINY | {"steps": "1", "learning_rate": "1e-30"}
    with pytest.raises(SettingError, match=r"clocks/after-tiny goes on from a finished run of clocks/tiny"):
        training.run(after.name, {}, tmp_path / "shipped", resume=False, workers=0, start_from=Path("clock-1"))
    for start in (tiny_weight, tiny_weight.parent):
        with pytest.raises(SettingError, match=r"clocks/after-tiny with size_px=40 can't go on from clocks/tiny"):
            larger = still | {"size_px": "40"}
            training.run(after.name, larger, tmp_path / "larger", resume=False, workers=0, start_from=start)
    training.run(after.name, still, tmp_path / "run", resume=False, workers=0, start_from=tiny_weight)
    state = read_checkpoint(tmp_path / "run")
    of_run = read_checkpoint(tiny_weight.parent)
    assert state["ancestry"] == [of_run["recipe"]]
    assert torch.allclose(state["network"]["out.bias"], of_run["network"]["out.bias"], atol=1e-3)  # stored in fp16


def test_a_norm_that_follows_no_filter_is_told(tmp_path: Path) -> None:
    """In leiden-2021's blocks the norm is behind the pool."""
    settings = {"steps": "1", "batch_size": "4", "size_px": "32", "widths": "4,4", "hidden": "8"}
    run = training.run("clocks/leiden-24-classes", settings, tmp_path / "run", resume=False, workers=0)
    weight = export(run, tmp_path / "weight.onnx", "blocks")
    with pytest.raises(
        ModelError, match=r"a weight of four-blocks can't be trained further, as its norm trunk\.3 follo"
    ):
        restore(weight)


def test_what_is_no_weight_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"no model")
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "other", ends[:1], ends[1:]))
    onnx.save(model, str(tmp_path / "other.onnx"))
    for name in ("noise", "other"):
        with pytest.raises(ModelError, match=f"{name}.onnx: not a weight of facevalue export"):
            restore(tmp_path / f"{name}.onnx")


def test_a_weight_that_lacks_a_filter_is_refused(tiny_weight: Path, tmp_path: Path) -> None:
    model = onnx.load(str(tiny_weight))
    for tensor in model.graph.initializer:
        if "conv1.weight" in tensor.name:
            tensor.name = "renamed"
            break
    onnx.save(model, str(tmp_path / "weight.onnx"))
    with pytest.raises(ModelError, match=r"holds no 'trunk\.\d\.conv1\.weight'"):
        restore(tmp_path / "weight.onnx", DRAWN["clock"])
