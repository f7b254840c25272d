"""The network of rows: it counts without ever going back, and a digit reads the same wherever it stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from facevalue import export as export_module
from facevalue import training
from facevalue.assembly import make_network
from facevalue.checkpoint import FILE_NAME, read_checkpoint
from facevalue.cli import main
from facevalue.codecs.digits import COLUMN_PX, COLUMNS, FRAME_PX, MOST_DIGITS, PLACES, DigitRow
from facevalue.errors import ModelError, SettingError
from facevalue.export import export, export_again, trained_network
from facevalue.losses import total_loss
from facevalue.networks import narrow as narrow_module
from facevalue.networks.narrow import NarrowRowNet
from facevalue.networks.rownet import RowNet
from facevalue.reader import Reader, load_weight
from facevalue.recipes import Recipe, find_recipe
from facevalue.restoring import restore
from facevalue.sources.digits import DigitSource

CODEC = DigitRow()
DRAWN = (("printed", 1.0), ("segments", 1.0), ("dots", 1.0), ("drums", 1.0))
TINY = {"widths": "6,8,8", "blocks": "0,1,1", "hidden": "12", "steps": "3", "batch_size": "4", "warmup_steps": "2"}
SHAPES = {
    "place": (MOST_DIGITS, PLACES),
    "count": (COLUMNS,),
    "length": (MOST_DIGITS + 1,),
    "point": (MOST_DIGITS, 2),
    "extent": (MOST_DIGITS, 2),
}


@pytest.fixture
def network() -> RowNet:
    """An untrained network, as it reads."""
    torch.manual_seed(1)
    network = RowNet(CODEC.heads, FRAME_PX, (6, 8, 8), (0, 1, 1), 12)
    return network.eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    """(N, 3, H, W) uint8."""
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def count_of(rises: list[float]) -> Tensor:
    """(1, COLUMNS) the rise in each column, nothing beyond those given."""
    return torch.tensor([rises + [0.0] * (COLUMNS - len(rises))])


class Said(torch.nn.Module):
    """Stands in for the layer of the rise, and says what it is told."""

    def __init__(self, rise: Tensor) -> None:
        super().__init__()
        self.logits = torch.logit(rise.double(), eps=1e-12).float()[:, None, None]  # (B, 1, 1, columns)

    def forward(self, maps: Tensor) -> Tensor:
        return self.logits.expand(len(maps), -1, -1, -1)


# ---- shapes


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("height_px", "widths", "blocks", "reason"),
    [
        (32, (6, 8, 8), (0, 1, 1), "as in these tests"),
        (32, (6, 8, 8, 8), (0, 2, 1, 1), "as deep as the shipped one"),
        (32, (6, 8), (1, 1), "two stages"),
        (32, (6, 8, 8, 8, 8), (0, 1, 1, 1, 1), "down to one row"),
        (64, (6, 8, 8), (0, 1, 1), "higher pictures, as many columns"),
    ],
)
def test_shapes(batch: int, height_px: int, widths: Any, blocks: Any, reason: str) -> None:
    network = RowNet(CODEC.heads, height_px, widths, blocks, 12).eval()
    outputs = network(noise(batch, 3, height_px, COLUMNS * COLUMN_PX))
    assert outputs.keys() == SHAPES.keys()
    for name, shape in SHAPES.items():
        assert outputs[name].shape == (batch, *shape), f"{reason}: {name}"
        assert outputs[name].dtype == torch.float32, name
        assert outputs[name].isfinite().all(), name


@pytest.mark.parametrize("autocast", [False, True], ids=["as it reads", "as it is trained"])
def test_outputs_are_float32_and_the_count_is_exact_enough(autocast: bool, network: RowNet) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast), torch.inference_mode():
        outputs = network(noise(2, 3, FRAME_PX, 160))
    assert {output.dtype for output in outputs.values()} == {torch.float32}
    rise = outputs["count"].diff(dim=1)
    assert rise.std() > 1e-4  # a bfloat16 sum would stand still above 2


@pytest.mark.parametrize("name", ["digits/wild", "digits/tiny"])
def test_the_recipes_make_networks(name: str) -> None:
    recipe = find_recipe(name)
    network = make_network(recipe, CODEC)
    assert isinstance(network, RowNet)
    with torch.inference_mode():
        outputs = network.eval()(noise(1, 3, recipe.size_px, recipe.frame_px[0]))
    assert {output: tuple(value.shape[1:]) for output, value in outputs.items()} == SHAPES


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"size_px": "40"}, "its last map is no whole number of rows"),
        ({"widths": "8,16,32"}, "a width too few"),
        ({"blocks": "0,1,0,1"}, "a stage without a block cannot halve"),
    ],
)
def test_stages_that_make_no_network_are_refused(settings: dict[str, str], reason: str) -> None:
    recipe = find_recipe("digits/tiny").with_settings(settings)
    with pytest.raises(SettingError, match="make no network"):
        make_network(recipe, CODEC)


# ---- the count and the shares


def test_the_count_never_falls_and_starts_low(network: RowNet) -> None:
    with torch.inference_mode():
        count = network(noise(8, 3, FRAME_PX, 160))["count"]
    rise = torch.cat([count[:, :1], count.diff(dim=1)], dim=1)
    assert (rise >= 0).all()
    assert (rise <= 1).all()
    assert (count[:, -1] < MOST_DIGITS).all()  # an untrained network counts few digits


@pytest.mark.parametrize(
    ("rises", "expected", "reason"),
    [
        ([0.0, 0.5, 0.5, 0.0, 1.0, 0.25, 0.25, 0.5], 3, "three digits, one of them in one column"),
        ([0.75, 0.5, 0.75], 2, "two in a column"),
        ([1.0] * MOST_DIGITS, MOST_DIGITS, "as many as there may be"),
        ([0.2] * 5 * MOST_DIGITS, MOST_DIGITS, "evenly over the frame"),
        ([0.0], 0, "none"),
        ([1.0] * (MOST_DIGITS + 2), MOST_DIGITS, "more than there may be: the first eight"),
    ],
)
def test_each_digit_takes_one_whole_share(
    rises: list[float], expected: int, reason: str, network: RowNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every feature 1, a digit's features are the sum of its share over the columns: 1, and 0 beyond the count."""
    network.out["rise"] = Said(count_of(rises))
    network.columns = torch.nn.Sequential(network.columns, OnesLike())
    shares: list[Tensor] = []
    network.digit.register_forward_pre_hook(lambda module, inputs: shares.append(inputs[0]))
    count = network(noise(1, 3, FRAME_PX, 160))["count"]
    assert count[0, -1].item() == pytest.approx(sum(rises), abs=1e-4), reason
    assert shares[0].shape == (1, MOST_DIGITS, 12)
    each = shares[0][0, :, 0].detach().numpy()
    assert each == pytest.approx([1.0] * expected + [0.0] * (MOST_DIGITS - expected), abs=1e-4), reason


class OnesLike(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


def test_a_digit_is_made_of_its_own_columns_alone(network: RowNet) -> None:
    """What the columns of the second digit say changes the second digit, and no other."""
    network.out["rise"] = Said(count_of([0.0] * 5 + [0.2] * 5 + [0.0] * 5 + [0.2] * 5 + [0.0] * 5 + [0.2] * 5))
    shift = torch.zeros(1, 12, 1, COLUMNS)

    class Shifted(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + shift

    network.columns = torch.nn.Sequential(network.columns, Shifted())
    pictures = noise(1, 3, FRAME_PX, 160)
    with torch.inference_mode():
        before = network(pictures)["place"]
        shift[..., 15:20] = 3.0
        after = network(pictures)["place"]
    changed = (before - after).abs().amax(dim=(0, 2))
    assert changed[1] > 0.01
    assert changed[[0, 2, 3, 4, 5, 6, 7]].max() < 1e-4


# ---- it is the same wherever it stands


@pytest.mark.parametrize("columns", [-2, 1, 3])
def test_a_row_moved_by_whole_columns_reads_the_same(columns: int) -> None:
    """Away from the borders; the rise is set so that the plain ground counts nothing and the pattern something."""
    torch.manual_seed(3)
    network = RowNet(CODEC.heads, FRAME_PX, (6, 8), (0, 1), 12).eval()  # shallow: it sees only a few columns far
    with torch.no_grad():  # norms as of a trained network, so that no channel is dead
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(0.1, 0.5)
    pattern = noise(1, 3, FRAME_PX, 48)
    pictures = torch.full((2, 3, FRAME_PX, 160), 90, dtype=torch.uint8)
    pictures[0, ..., 56:104] = pattern
    pictures[1, ..., 56 + COLUMN_PX * columns : 104 + COLUMN_PX * columns] = pattern
    with torch.inference_mode():
        maps = network.columns(network.trunk(pictures.float() / 64.0 - 2.0))
        ground, inked = maps[0, :, 0, 33], maps[0, :, 0, 15:25].mean(1)
        assert (ground - maps[0, :, 0, 34]).abs().max() < 1e-5
        rise = network.out["rise"]
        rise.weight.zero_()  # type: ignore[operator, union-attr]
        towards = (inked - ground) / (inked - ground).square().sum()
        rise.weight[0, :, 0, 1] = 18 * towards  # type: ignore[index]
        rise.bias[:] = -18 * (towards @ ground) - 17  # type: ignore[index, operator]
        still, moved = (network(picture[None]) for picture in pictures)
    assert still["count"][0, -1] > 1.5
    for name in ("place", "point", "extent"):
        assert still[name].std() > 1e-3, name  # it says something
        assert (still[name] - moved[name]).abs().max() < 1e-3, name
    count, later = still["count"][0], moved["count"][0]
    if columns > 0:
        count, later = later, count
    steps = abs(columns)
    assert (count[6 + steps : 34] - later[6 : 34 - steps]).abs().max() < 1e-3  # the same rise, so many columns on


# ---- losses


def test_perfect_outputs_cost_nothing() -> None:
    batch = DigitSource(shares=DRAWN).batch(1, 0, 16)
    targets = {
        name: (torch.from_numpy(target.values), torch.from_numpy(target.weight))
        for name, target in CODEC.encode(batch.labels()).items()
    }
    perfect = {}
    for head in CODEC.heads:
        values = targets[head.name][0]
        if head.kind == "circle":
            perfect[head.name] = values.clamp(min=1e-30).log()
        elif head.kind == "classes":
            perfect[head.name] = 40.0 * torch.nn.functional.one_hot(values, head.size).float()
        else:
            perfect[head.name] = values
    total, parts = total_loss(CODEC.heads, perfect, targets)
    assert parts.keys() == SHAPES.keys()
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(dict.fromkeys(SHAPES, 0.0), abs=1e-4)
    assert total.item() == pytest.approx(0, abs=1e-3)


def test_digits_beyond_the_count_cost_nothing() -> None:
    batch = DigitSource(shares=DRAWN).batch(1, 1, 16)
    targets = {
        name: (torch.from_numpy(target.values), torch.from_numpy(target.weight))
        for name, target in CODEC.encode(batch.labels()).items()
    }
    generator = torch.Generator().manual_seed(1)
    outputs = {name: torch.randn(16, *shape, generator=generator) for name, shape in SHAPES.items()}
    before = total_loss(CODEC.heads, outputs, targets)[0].item()
    beyond = torch.arange(MOST_DIGITS)[None] >= torch.from_numpy(batch.count)[:, None]
    assert beyond.any()
    for name in ("place", "point", "extent"):
        outputs[name][beyond] += 50.0
    assert total_loss(CODEC.heads, outputs, targets)[0].item() == pytest.approx(before, rel=1e-6)
    outputs["place"][~beyond] += torch.randn(PLACES, generator=generator)
    assert abs(total_loss(CODEC.heads, outputs, targets)[0].item() - before) > 1e-3


def test_every_weight_learns() -> None:
    torch.manual_seed(2)
    network = RowNet(CODEC.heads, FRAME_PX, (6, 8, 8), (0, 1, 1), 12)
    batch = DigitSource(shares=DRAWN).batch(1, 2, 8)
    targets = {
        name: (torch.from_numpy(target.values), torch.from_numpy(target.weight))
        for name, target in CODEC.encode(batch.labels()).items()
    }
    outputs = network(torch.from_numpy(batch.pictures).permute(0, 3, 1, 2))
    total_loss(CODEC.heads, outputs, targets)[0].backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        behind_a_zero = "conv" in name or "norm1" in name  # a block starts as its shortcut
        assert behind_a_zero or parameter.grad.abs().max() > 0, name


# ---- from training to a file that reads


@pytest.fixture(scope="module")
def row_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a training of three steps on drawn rows. Don't write to it."""
    with pytest.MonkeyPatch.context() as patch:
        drawn_alone(patch)
        return training.run("digits/tiny", TINY, tmp_path_factory.mktemp("runs") / "row", resume=False, workers=0)


@pytest.fixture(scope="module")
def row_weight(row_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weight file of ``row_run``. Don't write to it."""
    with pytest.MonkeyPatch.context() as patch:
        drawn_alone(patch)
        return export(row_run, tmp_path_factory.mktemp("weights") / "row-1.onnx", "row-1")


def drawn_alone(patch: pytest.MonkeyPatch) -> None:
    """A source that needs no data set, for training and export."""

    def make_source(recipe: Recipe, data: Path | None = None) -> DigitSource:
        return DigitSource(size_px=recipe.frame_px, shares=DRAWN)

    patch.setattr(training, "make_source", make_source)
    patch.setattr(export_module, "make_source", make_source)
    patch.setattr(training, "HELD_OUT_PICTURES", 48)


def test_a_training_is_the_same_twice(row_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_alone(monkeypatch)
    training.run("digits/tiny", TINY, tmp_path, resume=False, workers=0)
    one, other = (read_checkpoint(folder)["network"] for folder in (row_run, tmp_path))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (row_run / FILE_NAME).is_file()


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        pytest.param(DigitSource(shares=DRAWN).batch(77, 0, 16).pictures, "drawn rows", id="rows"),
        pytest.param(np.zeros((1, FRAME_PX, 160, 3), np.uint8), "black, a batch of one", id="black"),
        pytest.param(np.full((3, FRAME_PX, 160, 3), 255, np.uint8), "white, a batch of three", id="white"),
    ],
)
def test_the_file_says_what_torch_says(row_run: Path, row_weight: Path, pictures: np.ndarray, reason: str) -> None:
    _, codec, network = trained_network(read_checkpoint(row_run))
    with torch.inference_mode():
        expected = network(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    session = onnxruntime.InferenceSession(str(row_weight), providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    assert (entry.name, entry.type) == ("pictures", "tensor(uint8)")
    assert (entry.shape[1], entry.shape[3]) == (FRAME_PX, 3)
    assert isinstance(entry.shape[2], str)  # any width
    names = [head.name for head in codec.heads]
    for name, value in zip(names, session.run(names, {"pictures": pictures}), strict=True):
        assert value.shape == (len(pictures), *SHAPES[name]), reason
        assert np.abs(value - expected[name].numpy()).max() < 0.01, name
    assert session.run(["place"], {"pictures": pictures})[0].std() > 0.01  # it is not that both are constant


def test_the_weight_says_what_it_is(row_weight: Path) -> None:
    weight = load_weight(row_weight, threads=1)
    assert (weight.name, weight.kind, weight.frame_px, weight.narrow_px) == ("row-1", "digits", (160, 32), 112)
    assert isinstance(weight.codec, DigitRow)
    assert set(weight.calibration.features) == {"joint", "least", "place", "length", "counted", "agreed"}
    assert Recipe.from_json(weight.metadata["recipe"]) == find_recipe("digits/tiny").with_settings(TINY)


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (8, 8, "the smallest"),
        (8, 400, "a high strip"),
        (600, 8, "a very wide one"),
        (160, 32, "the frame itself"),
        (700, 500, "larger than is needed"),
    ],
)
def test_any_shape_is_read(width: int, height: int, reason: str, row_weight: Path) -> None:
    pixels = noise(height, width, 3, seed=1).numpy()
    reading = Reader("digits", row_weight).read(pixels)
    assert 0 <= reading.confidence <= 1, reason
    assert len(reading.marks) == sum(c in "0123456789?" for c in reading.value) * bool(reading.marks)
    assert all(np.isfinite(mark).all() for mark in map(np.array, reading.marks.values()))


def test_threads_read_as_one(row_weight: Path) -> None:
    pictures = list(DigitSource(shares=DRAWN).batch(3, 0, 6).pictures)
    reader = Reader("digits", row_weight)
    expected = [dataclasses.replace(reader.read(picture), milliseconds=0.0) for picture in pictures]
    again = reader.read_many(pictures * 4, workers=4)
    for index, reading in enumerate(again):
        got: Any = dataclasses.replace(reading, milliseconds=0.0)  # type: ignore[type-var]
        assert repr(got) == repr(expected[index % len(pictures)])  # NaN is not equal to itself
        assert got.alternatives == expected[index % len(pictures)].alternatives


# ---- narrow frames


def settled(network: RowNet) -> RowNet:
    """A network whose norms have seen pictures, and whose residual blocks do something."""
    for name, parameter in network.named_parameters():
        if name.endswith("norm2.weight"):
            torch.nn.init.ones_(parameter)
    network.train()
    for seed in range(20):
        network(noise(8, 3, FRAME_PX, 160, seed=seed))
    return network.eval()


def beside_black(width_px: int) -> Tensor:
    """(3, 3, 32, 160) noise, black but for so much of its middle."""
    pictures = noise(3, 3, FRAME_PX, 160, seed=5)
    black = (160 - width_px) // 2
    pictures[..., :black], pictures[..., -black:] = 0, 0
    return pictures


def test_a_whole_frame_is_read_as_before(network: RowNet) -> None:
    settled(network)
    pictures = noise(3, 3, FRAME_PX, 160, seed=3)
    with torch.inference_mode():
        expected, outputs = network(pictures), NarrowRowNet(network, (160, FRAME_PX))(pictures)
    for name, values in expected.items():
        assert torch.equal(outputs[name], values), name


@pytest.mark.parametrize("width_px", [72, 96, 112])
def test_a_narrow_frame_is_read_as_the_whole_one(width_px: int, network: RowNet) -> None:
    settled(network)
    pictures, cut = beside_black(width_px - 48), (160 - width_px) // 2
    with torch.inference_mode():
        whole = network(pictures)
        grey = network(pictures[..., cut:-cut])
        narrow = NarrowRowNet(network, (160, FRAME_PX))(pictures[..., cut:-cut])
    columns = slice(cut // COLUMN_PX, -(cut // COLUMN_PX))
    rise = np.diff(whole["count"].numpy(), axis=1, prepend=0)[:, columns]
    assert np.abs(np.diff(narrow["count"].numpy(), axis=1, prepend=0) - rise).max() < 0.01
    away = {name: float((outputs["length"] - whole["length"]).abs().max()) for name, outputs in
            (("grey", grey), ("narrow", narrow))}  # fmt: skip
    assert away["narrow"] < min(0.05, away["grey"] / 4), away  # what is beyond the frame matters, and is known


def test_a_narrow_copy_leaves_the_network_as_it_was(network: RowNet) -> None:
    settled(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    kinds = [type(module) for module in network.modules()]
    NarrowRowNet(network, (160, FRAME_PX))
    assert [type(module) for module in network.modules()] == kinds
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("part", ["middle_columns", "summary"])
def test_a_file_that_reads_narrow_frames_otherwise_reads_whole_ones_alone(
    part: str, row_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn_alone(monkeypatch)
    as_black, summary = narrow_module.middle_columns, NarrowRowNet.summary

    def as_bright(network: RowNet, pictures: Tensor) -> dict[str, Tensor]:
        return {name: column + 100 for name, column in as_black(network, pictures).items()}

    def as_many(self: NarrowRowNet, features: Tensor) -> Tensor:
        return summary(self, features) + 100 * self.frame.is_narrow

    if part == "middle_columns":
        monkeypatch.setattr(narrow_module, part, as_bright)
    else:
        monkeypatch.setattr(NarrowRowNet, part, as_many)
    weight = load_weight(export(row_run, tmp_path / "off.onnx", "off"), threads=1)
    assert weight.narrow_px == 0
    assert "off.onnx: reads whole frames alone" in capsys.readouterr().err


def test_a_weight_is_written_again(row_weight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = onnx.load(str(row_weight))
    for entry in old.metadata_props:
        if entry.key == "narrow_px":
            entry.value = "0"  # as of a version that knew none
        if entry.key == "calibration":
            entry.value = entry.value.replace('"threshold": 0.5', '"threshold": 0.75')
    onnx.save(old, str(tmp_path / "old.onnx"))
    drawn_alone(monkeypatch)
    arguments = ["export", str(tmp_path / "old.onnx")]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 2 and "say with --out" in refused.output
    missing = CliRunner().invoke(main, ["export", str(tmp_path / "none.onnx")])
    assert missing.exit_code == 2 and "none.onnx: no such weight" in missing.output
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "new.onnx")])
    assert done.exit_code == 0, done.output
    before, after = (load_weight(tmp_path / f"{name}.onnx", threads=1) for name in ("old", "new"))
    assert (before.narrow_px, after.narrow_px) == (0, 112)
    assert after.name == "row-1" and after.calibration == before.calibration
    assert {**after.metadata, "narrow_px": "0"} == before.metadata
    pictures = DigitSource(shares=DRAWN).batch(78, 0, 8).pictures
    outputs = after.run(pictures)
    for name, values in before.run(pictures).items():
        assert np.abs(outputs[name] - values).max() < 0.01, name


def test_a_weight_that_would_read_otherwise_is_not_written_again(
    row_weight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_alone(monkeypatch)

    def misread(*given: Any) -> Any:
        recipe, metadata, network = restore(*given)
        torch.nn.init.ones_(network.get_parameter("out.length.bias"))
        return recipe, metadata, network

    monkeypatch.setattr(export_module, "restore", misread)
    with pytest.raises(ModelError, match="head 'length' of the file differs"):
        export_again(row_weight, tmp_path / "new.onnx")
    assert not list(tmp_path.iterdir())


def test_a_weight_taught_by_own_pictures_is_not_written_again(row_weight: Path, tmp_path: Path) -> None:
    model = onnx.load(str(row_weight))
    for entry in model.metadata_props:
        if entry.key == "recipe":
            entry.value = entry.value.replace("digits/wild", "own/digits")
    onnx.save(model, str(tmp_path / "own.onnx"))
    with pytest.raises(SettingError, match=r"own.onnx: taught by pictures that are not in it"):
        export_again(tmp_path / "own.onnx", tmp_path / "new.onnx")
