"""Sources of MNIST and SVHN: pure functions of seed and step, and no test digit ever trains a network."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from small_sets import TEST, TRAIN, digits_of, write_mnist, write_svhn
from torch.nn import functional as F

from facevalue import assembly, scoring, training
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.codecs.digits import FIFTHS
from facevalue.errors import FaceValueError, SettingError
from facevalue.images import open_picture
from facevalue.recipes import find_recipe
from facevalue.sources import mnist
from facevalue.sources.mnist import HELD_OUT_SEEDS, MnistSequences, MnistSource, SvhnSource, WrittenBatch

HELD_OUT = TRAIN // 12


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_svhn(write_mnist(tmp_path_factory.mktemp("data")))


def records(source: MnistSource | SvhnSource, seed: int, steps: int, count: int) -> list[int]:
    """Which training records a source gives, told by their pixels, which are all different."""
    pictures = source.batch(HELD_OUT_SEEDS, 0, 1).pictures  # one of them, for the shape
    known = mnist.mnist(source.data, "train") if pictures.shape[1] == 28 else mnist.svhn(source.data, "train")
    of_pixels = {mnist.as_rgb(picture[None])[0].tobytes(): k for k, picture in enumerate(known[0])}
    return [
        of_pixels[picture.tobytes()] for step in range(steps) for picture in source.batch(seed, step, count).pictures
    ]


ALL_SOURCES = [
    pytest.param("digits/mnist", (28, 28), 1, id="augmented"),
    pytest.param("digits/mnist-all", (28, 28), 1, id="all records"),
    pytest.param("digits/mnist-plain", (28, 28), 1, id="as they are"),
    pytest.param("digits/mnist-sequences", (28, 140), 5, id="strings"),
    pytest.param("digits/mnist-sequences-augmented", (28, 140), 5, id="augmented strings"),
    pytest.param("digits/svhn", (32, 32), 1, id="house numbers"),
]


@pytest.mark.parametrize(("name", "size", "places"), ALL_SOURCES)
def test_a_batch_is_a_pure_function_of_seed_and_step(name: str, size: tuple[int, int], places: int, data: Path) -> None:
    recipe = find_recipe("digits/mnist-tutorial").with_settings({"source": name})
    one, other = assembly.make_source(recipe, data), assembly.make_source(recipe, data)
    for at in ((1, 5, 9), (HELD_OUT_SEEDS, 0, 9), (1, 9_000, 9)):
        first, again = one.batch(*at), other.batch(*at)
        assert first.pictures.shape == (9, *size, 3)
        assert first.pictures.dtype == np.uint8
        assert first.digits.shape == (9, places)
        assert (first.pictures == again.pictures).all()
        assert (first.digits == again.digits).all()
        other.batch(2, 3, 4)  # what is drawn in between changes nothing
    assert (one.batch(1, 5, 9).pictures != one.batch(1, 6, 9).pictures).any()
    assert (one.batch(1, 5, 9).pictures != one.batch(2, 5, 9).pictures).any()


@pytest.mark.parametrize(
    ("source", "first", "last", "reason"),
    [
        (MnistSource(), 0, TRAIN - HELD_OUT, "the last twelfth is held out"),
        (MnistSource(hold_out=False), 0, TRAIN, "all are trained on"),
        (SvhnSource(), 0, TRAIN - HELD_OUT, "of SVHN too"),
    ],
)
def test_an_epoch_shows_each_record_once(
    source: MnistSource | SvhnSource, first: int, last: int, reason: str, data: Path
) -> None:
    source = type(source)(**{**source.__dict__, "data": data})
    size = (last - first) // 10
    epochs = records(source, 1, 20, size)
    assert sorted(epochs[: 10 * size]) == sorted(epochs[10 * size :]) == list(range(first, last)), reason
    assert epochs[: 10 * size] != epochs[10 * size :]
    seam = records(source, 1, 3, 70)  # a batch that runs over the end of an epoch
    assert sorted(seam[: last - first]) == list(range(first, last))
    held_out = records(source, HELD_OUT_SEEDS, 1, HELD_OUT)
    assert sorted(held_out) == list(range(TRAIN - HELD_OUT, TRAIN))


@pytest.mark.parametrize("settings", [{"size_px": "56"}, {"size_px": "14"}])
def test_pictures_of_another_size_than_the_networks_are_refused(
    settings: dict[str, str], data: Path, tmp_path: Path
) -> None:
    asked = settings["size_px"]
    with pytest.raises(SettingError, match=rf"have 28 x 28 px, and network \S+ is made for {asked} x {asked}"):
        training.run("digits/mnist-ours", settings, tmp_path / "run", resume=False, workers=0, data=data)
    assert not (tmp_path / "run").exists()


def test_trainings_held_out_pictures_are_held_out(data: Path) -> None:
    assert scoring.HELD_OUT_SEED >= HELD_OUT_SEEDS
    augmented = MnistSource(data, steps=100).batch(scoring.HELD_OUT_SEED, 0, HELD_OUT)
    plain = MnistSource(data).batch(scoring.HELD_OUT_SEED, 0, HELD_OUT)
    assert (augmented.pictures == plain.pictures).all()  # as they are


def cells_of(batch: WrittenBatch) -> list[tuple[NDArray[np.uint8], int]]:
    """Each fifth with its digit."""
    return [
        (picture[:, 28 * k : 28 * (k + 1)], digit)
        for picture, digits in zip(batch.pictures, batch.digits.tolist(), strict=True)
        for k, digit in enumerate(digits)
    ]


@pytest.mark.parametrize("steps", [0, 100])
@pytest.mark.parametrize("seed", [1, HELD_OUT_SEEDS])
def test_strings_are_digits_side_by_side_and_black_behind(seed: int, steps: int, data: Path) -> None:
    batch = MnistSequences(data, steps).batch(seed, 3, 200)
    pictures, labels = mnist.mnist(data, "train")
    known = {picture.tobytes(): int(label) for picture, label in zip(pictures, labels, strict=True)}
    held_out = {picture.tobytes() for picture in pictures[-HELD_OUT:]}
    lengths = (batch.digits >= 0).sum(axis=1)
    assert sorted(set(lengths.tolist())) == [1, 2, 3, 4, 5]
    for cell, digit in cells_of(batch):
        if digit < 0:
            assert not cell.any()
        elif not steps or seed == HELD_OUT_SEEDS:
            pixels = cell[..., 0].tobytes()
            assert known[pixels] == digit
            assert (pixels in held_out) == (seed == HELD_OUT_SEEDS)
        else:
            assert cell.any()
    assert all(len(text) == length for text, length in zip(batch.texts(), lengths, strict=True))


def test_test_strings_are_those_that_unpack_writes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "TEST_STRINGS", 25)
    options = ["--split", "test", "--sequences", "1:5", "--count", "25"]
    assert CliRunner().invoke(main, ["unpack", str(data / "mnist"), str(tmp_path), *options]).exit_code == 0
    batch = MnistSequences(data).test()
    with (tmp_path / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == batch.texts()
    for row, picture in zip(rows, batch.pictures, strict=True):
        written = open_picture(tmp_path / row["file"])
        assert (written == picture[:, : written.shape[1]]).all()
        assert not picture[:, written.shape[1] :].any()


@pytest.mark.parametrize(("source", "records_of"), [(MnistSource, mnist.mnist), (SvhnSource, mnist.svhn)])
def test_the_test_set_is_the_test_set(
    source: type[MnistSource | SvhnSource], records_of: Callable[..., tuple[Any, Any]], data: Path
) -> None:
    batch = source(data=data).test()
    assert batch.digits[:, 0].tolist() == digits_of(TEST).tolist()
    pictures = mnist.as_rgb(records_of(data, "train")[0])
    assert pictures.shape[1:] == batch.pictures.shape[1:]
    train = {picture.tobytes() for picture in pictures}
    assert not any(picture.tobytes() in train for picture in batch.pictures)


def test_data_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FaceValueError, match=r"no svhn there; expected train_32x32\.mat"):
        SvhnSource(tmp_path).batch(1, 0, 1)
    with pytest.raises(FaceValueError, match="no mnist there"):
        MnistSequences(tmp_path).batch(1, 0, 1)


# ---- what is read of them


@pytest.mark.parametrize(
    ("digits", "read", "exact", "element", "reason"),
    [
        ([[3], [7]], [[3], [7]], 1.0, 1.0, "both right"),
        ([[3], [7]], [[3], [1]], 0.5, 0.5, "one wrong"),
        ([[1, 2, -1, -1, -1]], [[1, 2]], 1.0, 1.0, "blank fifths are right too"),
        ([[1, 2, -1, -1, -1]], [[1, 3]], 0.0, 0.8, "one fifth wrong"),
        ([[1, 2, -1, -1, -1]], [[1]], 0.0, 0.8, "one digit not seen"),
        ([[1, 2, -1, -1, -1]], [[1, 2, 2]], 0.0, 0.8, "one digit too many"),
        ([[1, 2, 3, 4, 5]], [[]], 0.0, 0.0, "nothing read"),
    ],
)
def test_scores(digits: list[list[int]], read: list[list[int]], exact: float, element: float, reason: str) -> None:
    batch = WrittenBatch(np.zeros((len(digits), 28, 28, 3), np.uint8), np.array(digits))
    logits = np.full((len(digits), FIFTHS, 11), -9.0, np.float32)
    for row, numbers in zip(logits, read, strict=True):
        for k in range(FIFTHS):
            row[k, numbers[k] if k < len(numbers) else 10] = 9.0
    scores = batch.scores(make_codec("digits/five").decode({"digit": logits}))
    assert scores == pytest.approx({"exact": exact, "element": element}), reason
    assert batch.describe(scores).startswith(f"exact {exact:.2%}")


# ---- augmentation


def test_augmentation_samples_as_torch_does() -> None:
    random = np.random.default_rng(0)
    cells = random.integers(0, 256, (6, 28, 28)).astype(np.uint8)
    matrices = random.normal(0, 0.1, (6, 2, 3)).astype(np.float32) + np.eye(2, 3, dtype=np.float32)
    matrices[:, :, 2] *= 30
    bend = random.normal(0, 1, (6, 2, 5, 5)).astype(np.float32)
    spline = mnist.splines(5, 28)
    ours = mnist.sampled(cells, mnist.grid(matrices, 28) + spline @ bend @ spline.T)
    scaled = torch.from_numpy(matrices / np.array([1, 1, 14], np.float32))
    grid = F.affine_grid(scaled, [6, 1, 28, 28], align_corners=False)
    knots = torch.from_numpy(bend) / 14
    grid = grid + F.interpolate(knots, (28, 28), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    theirs = F.grid_sample(torch.from_numpy(cells).float()[:, None], grid, align_corners=False)[:, 0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=0.01)
    pooled = F.max_pool2d(torch.from_numpy(ours)[:, None], 3, 1, 1)[:, 0]
    np.testing.assert_array_equal(mnist.largest(ours), pooled.numpy())


def test_no_strength_changes_nothing_and_more_changes_more() -> None:
    cells = np.zeros((64, 28, 28), np.uint8)
    cells[:, 8:20, 12:16] = 200

    def change(strength: float) -> float:
        moved = mnist.augmented(np.random.default_rng(1), cells, strength)
        return float(np.abs(moved.astype(int) - cells).mean())

    assert change(0.0) < 0.01
    assert 1 < change(0.5) < change(1.0)
    assert (mnist.augmented(np.random.default_rng(1), cells, 1.0) != cells).reshape(64, -1).any(axis=1).all()


@pytest.mark.parametrize(("step", "strength"), [(0, 1.0), (69, 1.0), (70, 0.5), (99, 0.5)])
def test_the_last_steps_are_calm(step: int, strength: float) -> None:
    assert mnist.strength_at(step, 100) == strength


@pytest.mark.parametrize(
    ("view", "brightest", "reason"),
    [
        ((0, 0, 0), (10, 20), "as it is"),
        ((3, 0, 0), (10, 23), "to the right"),
        ((0, -4, 0), (6, 20), "up"),
        ((0, 0, 90), (20, 17), "a quarter turn clockwise: from upper right to lower right"),
    ],
)
def test_another_view(view: tuple[int, int, int], brightest: tuple[int, int], reason: str) -> None:
    cell = np.zeros((1, 28, 28), np.uint8)
    cell[0, 10, 20] = 255
    seen = mnist.seen_again(cell, *view)[0]
    assert np.unravel_index(seen.argmax(), seen.shape) == brightest, reason
    assert seen.sum() == pytest.approx(255, abs=3)
