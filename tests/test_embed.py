"""The projector's files, read back, hold what the network's last layer is given, beside the pictures it is of."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from google.protobuf import text_format
from numpy.typing import NDArray
from PIL import Image
from small_pictures import write_fashion
from small_sets import write_mnist
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from facevalue import assembly, embedding, scoring, trainee
from facevalue.checkpoint import FILE_NAME, read_checkpoint, write_checkpoint
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.codecs.clock import format_time, parse_time
from facevalue.embedding import FOLDER, THUMB_PX, look_inside, make_table, output_layers
from facevalue.errors import ModelError
from facevalue.export import trained_network
from facevalue.images import warp, whole_picture
from facevalue.metrics import minutes_apart
from facevalue.recipes import find_recipe
from facevalue.sources.clocks import ClockBatch, ClockSource
from facevalue.sources.digits import DigitBatch

CPU = torch.device("cpu")


def embed(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["embed", *map(str, arguments)], catch_exceptions=False)


def read_back(run: Path) -> tuple[NDArray[np.float64], list[list[str]], list[NDArray[np.uint8]]]:
    """Points, rows of metadata with the header first, and thumbnails, found by the projector's own configuration."""
    folder = run / FOLDER
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (about,) = config.embeddings
    points = np.loadtxt(folder / about.tensor_path, delimiter="\t", ndmin=2)
    rows = [line.split("\t") for line in (folder / about.metadata_path).read_text().splitlines()]
    wide, high = about.sprite.single_image_dim
    with Image.open(folder / about.sprite.image_path) as image:
        sprite = np.asarray(image)
    across = sprite.shape[1] // wide
    places = [divmod(index, across) for index in range(len(points))]
    tiles = [sprite[row * high : (row + 1) * high, column * wide : (column + 1) * wide] for row, column in places]
    return points, rows, tiles


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A run of clocks that may be written to."""
    (tmp_path / "run").mkdir()
    shutil.copy(tiny_run / FILE_NAME, tmp_path / "run")
    return tmp_path / "run"


def test_clocks(run: Path) -> None:
    result = embed(run, "--n", "30")
    assert (result.exit_code, result.stdout) == (0, "")
    points, (header, *rows), tiles = read_back(run)
    assert header == ["time", "read", "minutes_off", "hour", "minute"]
    batch = ClockSource(size_px=32).batch(scoring.HELD_OUT_SEED, 0, 30)
    shown = np.flatnonzero(~np.isnan(batch.seconds))
    assert points.shape == (len(shown), 16)
    told = (
        f"{len(shown)} points of 16 numbers, of 30 pictures held out, are in {run / FOLDER}; {30 - len(shown)} of them"
    )
    assert told in result.stderr

    _, codec, network = trained_network(read_checkpoint(run))
    with torch.inference_mode():
        outputs = network(trainee.to_tensor(batch.pictures, CPU))
        whole = torch.cat(list(outputs.values()), dim=1)[torch.from_numpy(shown)]
        from_points = network.out(torch.from_numpy(points.astype(np.float32)))  # type: ignore[operator]
    assert torch.allclose(from_points, whole, atol=1e-4), "a point is what the last layer is given"
    beliefs = codec.decode({name: value.numpy() for name, value in outputs.items()})
    for (time, read, off, hour, minute), tile, record in zip(rows, tiles, shown.tolist(), strict=True):
        minutes = float(batch.seconds[record]) / 60
        assert time == format_time(minutes)
        assert read == format_time(beliefs[record].minutes())
        assert float(off) == pytest.approx(minutes_apart(beliefs[record].minutes(), minutes), abs=0.006)
        assert parse_time(time) == int(hour) % 12 * 60 + int(minute)
        picture = batch.pictures[record]
        assert np.array_equal(tile, warp(picture, whole_picture(picture), THUMB_PX))


def test_once_more_takes_the_place_of_the_last(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert embed(run, "--n", "12").exit_code == 0
    (run / FOLDER / "stale").touch()
    before = read_back(run)[0]

    def full(*_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(SummaryWriter, "add_embedding", full)
        failed = embed(run, "--n", "20")
    assert failed.exit_code == 2
    assert f"can't write {run / FOLDER}: No space left on device" in failed.stderr
    assert np.array_equal(read_back(run)[0], before)
    assert embed(run, "--n", "20").exit_code == 0
    assert len(read_back(run)[0]) > len(before)
    assert not (run / FOLDER / "stale").exists()
    assert sorted(path.name for path in run.iterdir()) == [FILE_NAME, FOLDER]


def test_digits_and_pictures_that_come_twice(tmp_path: Path) -> None:
    recipe = find_recipe("digits/mnist-tutorial").with_settings({"widths": "4,6", "hidden": "8"})
    network = assembly.make_network(recipe, make_codec(recipe.codec))
    about = {"recipe": recipe.to_json(), "recipe_hash": recipe.hash()}
    write_checkpoint(tmp_path, {"step": 5, "network": network.state_dict(), **about})
    data = write_mnist(tmp_path / "data")
    assert embed(tmp_path, "--n", "40", "--data", data).exit_code == 0
    points, (header, *rows), tiles = read_back(tmp_path)
    assert header == ["digits", "read", "wrong", "length"]
    assert points.shape == (10, 8), "ten pictures are held out"
    assert len({tile.tobytes() for tile in tiles}) == 10
    assert all(length == "1" and wrong == str(int(label != read)) for label, read, wrong, length in rows)
    assert len({label for label, *_ in rows}) > 3


def test_dials_and_small_pictures(tmp_path: Path) -> None:
    pictures = write_fashion(tmp_path / "data")
    for name, settings, header in (
        ("dials/tiny", {}, ["needle_degrees", "read", "degrees_off"]),
        ("pictures/mlp-2", {}, ["class", "read", "wrong"]),
    ):
        recipe = find_recipe(name).with_settings(settings)
        network = assembly.make_network(recipe, make_codec(recipe.codec))
        about = {"recipe": recipe.to_json(), "recipe_hash": recipe.hash()}
        (tmp_path / header[0]).mkdir()
        write_checkpoint(tmp_path / header[0], {"step": 5, "network": network.state_dict(), **about})
        assert embed(tmp_path / header[0], "--n", "12", "--data", pictures).exit_code == 0
        points, (first, *rows), _ = read_back(tmp_path / header[0])
        assert first == header
        assert len(points) == len(rows) > 3


@pytest.mark.parametrize(
    ("name", "settings", "numbers"),
    [
        ("clocks/tiny", {}, 128),
        ("digits/mnist-tutorial", {"hidden": "8"}, 8),
        ("digits/mnist-ours", {"hidden": "8"}, 8),
        ("digits/sequences-report", {"hidden": "8"}, 5 * 8),
        ("digits/tiny", {"hidden": "12"}, 2 * 12),
    ],
)
def test_every_network_has_a_last_layer(name: str, settings: dict[str, str], numbers: int) -> None:
    """One vector a picture, and it tells the pictures apart; in two parts it is the same as at once."""
    recipe = find_recipe(name).with_settings(settings)
    codec = make_codec(recipe.codec)
    network = assembly.make_network(recipe, codec)
    across, down = recipe.frame_px
    pictures = np.random.default_rng(1).integers(0, 256, (5, down, across, 3), np.uint8)
    features, beliefs = look_inside(network, codec, pictures, CPU)
    assert features.shape == (5, numbers)
    assert len(beliefs) == 5
    assert len(np.unique(features, axis=0)) == 5
    assert np.allclose(features[3:], look_inside(network, codec, pictures[3:], CPU)[0], atol=1e-5)


class Branches(nn.Module):
    """Two heads of one layer's numbers, and one of its own branch's."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Linear(3, 2)
        parts = {"a": nn.Linear(3, 1), "b": nn.Linear(3, 1), "c": nn.Sequential(nn.ReLU(), nn.Linear(2, 1))}
        self.out = nn.ModuleDict(parts)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        x = pictures.float().mean((2, 3))
        return {"a": self.out["a"](x), "b": self.out["b"](x), "c": self.out["c"](self.own(x))}


def test_several_output_layers_stand_side_by_side_the_same_but_once() -> None:
    codec: Any = SimpleNamespace(
        heads=[SimpleNamespace(name=name) for name in "abc"], decode=lambda outputs: [None] * len(outputs["a"])
    )
    network = Branches()
    pictures = np.full((200, 4, 4, 3), (10, 20, 30), np.uint8)
    features, _ = look_inside(network, codec, pictures, CPU)
    assert features.shape == (200, 3 + 2)
    assert features[:, :3].tolist() == [[10.0, 20.0, 30.0]] * 200
    own = network.own(torch.tensor([10.0, 20.0, 30.0])).relu()
    assert np.allclose(features[:, 3:], own.detach().numpy())


@pytest.mark.parametrize("network", [nn.Linear(2, 2), nn.ModuleDict({"out": nn.Conv2d(1, 1, 1)})])
def test_a_network_without_an_output_layer(network: nn.Module) -> None:
    with pytest.raises(ModelError, match="has no linear layer in 'out'"):
        output_layers(network)


def digits_read(text: str, number: float) -> Any:
    return SimpleNamespace(read=lambda: SimpleNamespace(text=lambda: text, number=lambda: number))


def test_rows_of_digits_are_labelled_as_an_index_labels_them() -> None:
    places = np.full((4, 8), np.nan, np.float32)
    places[0, :3], places[1, 0], places[3, :2] = (0, 4, 2), 3.7, (1, 2)
    points = np.zeros((4, 8), np.int64)
    points[0, 1] = 1
    batch = DigitBatch(
        pictures=np.zeros((4, 4, 20, 3), np.uint8),
        count=np.array([3, 1, 2, 2]),
        places=places,
        points=points,
        cells=np.full((4, 8, 4), np.nan, np.float32),
    )
    beliefs = [digits_read("04.2", 4.2), digits_read("4", 3.8), digits_read("12", 12.0), digits_read("1?", np.nan)]
    table = make_table(batch, beliefs, range(4))
    assert table.records.tolist() == [0, 1, 3], "nobody could tell the third"
    assert table.rows == [["04.2", "04.2", "0", "3"], ["3.7", "4", "0", "1"], ["12", "1?", "1", "2"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no checkpoint.pt here; expected the folder of a training run"),
        (["--n", "1"], "--n"),
        (["--n", "5001"], "--n"),
        (["--data", "nowhere"], "--data"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, tmp_path: Path) -> None:
    result = embed(tmp_path, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert not list(tmp_path.iterdir())


def test_pictures_without_a_time_make_no_point(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(self: ClockSource, seed: int, step: int, count: int) -> ClockBatch:
        nothing = np.full((4, count), np.nan, np.float32)
        pose = np.full((count, 7), np.nan, np.float32)
        pictures = np.zeros((count, 32, 32, 3), np.uint8)
        return ClockBatch(pictures, np.full(count, np.nan, np.float32), *nothing, pose)

    monkeypatch.setattr(ClockSource, "batch", empty)
    result = embed(run, "--n", "4")
    assert result.exit_code == 2
    assert "none of 4 pictures held out shows a value" in result.stderr
    assert not (run / embedding.FOLDER).exists()
