"""Digits of MNIST and SVHN as training sources, one to a picture or joined into strings of up to five.

    training records ──► permuted by epoch, or drawn ──► bent, turned, thickened ──┬──► WrittenBatch
    test records ──► as they are, in order, or joined as ``facevalue unpack`` does ─┘

The last twelfth of the training records is held out: of MNIST's 60,000 the last 5,000, as TensorFlow's tutorial does.
Seeds from HELD_OUT_SEEDS on, training's own among them, give pictures of that part as they are; no other seed does, but
where ``hold_out`` is False all records are trained on, and what is measured on them during training is then no more
than a sign of life. Test records are given by ``test`` alone, which no training calls.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.digits import FIFTHS, MOST_DIGITS, RowBelief
from facevalue.sources.datasets import Labels, Pictures, Split, find_dataset, read_idx_pair, read_svhn_cropped

Floats = NDArray[np.float32]

HELD_OUT_SEEDS = 1_000_000
HELD_OUT_SHARE = 12  # one of so many records
CALM_SHARE, CALM_STRENGTH = 0.3, 0.5  # the last share of the steps augments at this strength
ROTATION_DEGREES, SHEAR, SHIFT_PX = 15.0, 0.2, 2.5
LOG_SCALE, LOG_ASPECT = 0.15, 0.075
ELASTIC_PX = 1.0
THICKNESS = 0.4
TEST_STRINGS, TEST_SEED = 10_000, 1


@dataclass(frozen=True)
class WrittenBatch:
    """Pictures of digits from the left, and which they are.

    pictures: (N, H, W, 3) uint8.  digits: (N, places) int64, -1 behind the last one.
    """

    pictures: NDArray[np.uint8]
    digits: Labels

    def labels(self) -> dict[str, NDArray[np.generic]]:
        """What the codecs of digits encode, by name."""
        places = np.full((len(self.digits), MOST_DIGITS), np.nan, dtype=np.float32)
        places[:, : self.digits.shape[1]] = np.where(self.digits < 0, np.nan, self.digits)
        return {"count": (self.digits >= 0).sum(axis=1), "places": places}

    def texts(self) -> list[str]:
        """The digits as labels.csv has them."""
        return ["".join(str(d) for d in row if d >= 0) for row in self.digits.tolist()]

    def scores(self, beliefs: Sequence[RowBelief]) -> dict[str, float]:
        """Shares: exact, every digit as labelled and no other; element, of the places one by one, blank ones included.

        Of single digits the two are the same.
        """
        read = np.full(self.digits.shape, -1, dtype=np.int64)
        for row, belief in zip(read, beliefs, strict=True):
            digits = belief.read().digits[: len(row)]
            row[: len(digits)] = digits
        right = read == self.digits
        return {"exact": float(right.all(axis=1).mean()), "element": float(right.mean())}

    @staticmethod
    def describe(scores: dict[str, float]) -> str:
        shares = {name: value for name, value in scores.items() if name != "loss"}
        return ", ".join(f"{name} {value:.2%}" for name, value in shares.items())


# ---- records ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def mnist(data: Path | None, split: Split) -> tuple[Pictures, Labels]:
    """MNIST's pictures (N, 28, 28) and labels. Raises FaceValueError where they are not found."""
    return read_idx_pair(find_dataset("mnist", data), split)


@functools.lru_cache(maxsize=4)
def svhn(data: Path | None, split: Split) -> tuple[Pictures, Labels]:
    """SVHN's cropped digits (N, 32, 32, 3) and labels. Raises FaceValueError where they are not found."""
    return read_svhn_cropped(find_dataset("svhn", data) / f"{split}_32x32.mat")


def trained_on(total: int) -> int:
    """How many of the training records, from the first, are not held out."""
    return total - max(1, total // HELD_OUT_SHARE)


@functools.lru_cache(maxsize=4)
def permutation(total: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(total)


def records_of(total: int, seed: int, step: int, count: int) -> NDArray[np.int64]:
    """The records of a step, epochs permuted anew each and without a seam between them."""
    at = step * count + np.arange(count)
    epochs = at // total
    result = np.empty(count, dtype=np.int64)
    for epoch in np.unique(epochs).tolist():
        here = epochs == epoch
        result[here] = permutation(total, seed, epoch)[at[here] % total]
    return result


def as_rgb(pictures: Pictures) -> NDArray[np.uint8]:
    """(N, H, W) grey, or (N, H, W, 3) as it is, to (N, H, W, 3)."""
    return pictures if pictures.ndim == 4 else np.repeat(pictures[..., None], 3, axis=3)


# ---- sources ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MnistSource:
    """Single digits of MNIST, an epoch after the other.

    data: folder of the data sets, None for where ``find_dataset`` looks.  steps: of the training, the last of which
    augment less; 0 for pictures as they are.  hold_out: whether the last of the training records are kept out.
    """

    data: Path | None = None
    steps: int = 0
    hold_out: bool = True

    def counts(self) -> tuple[int, int]:
        """Pictures that are trained on, and that are held out."""
        total = len(mnist(self.data, "train")[1])
        return (trained_on(total), total - trained_on(total)) if self.hold_out else (total, 0)

    def batch(self, seed: int, step: int, count: int) -> WrittenBatch:
        """``count`` pictures, a pure function of (seed, step) and of the data."""
        pictures, labels = mnist(self.data, "train")
        train = trained_on(len(labels))
        if seed >= HELD_OUT_SEEDS:
            chosen = train + records_of(len(labels) - train, seed, step, count)
        else:
            chosen = records_of(train if self.hold_out else len(labels), seed, step, count)
        cells = pictures[chosen]
        if self.steps and seed < HELD_OUT_SEEDS:
            cells = augmented(np.random.default_rng([seed, step, 1]), cells, strength_at(step, self.steps))
        return WrittenBatch(as_rgb(cells), labels[chosen, None])

    def test(self) -> WrittenBatch:
        """All test records, in order."""
        pictures, labels = mnist(self.data, "test")
        return WrittenBatch(as_rgb(pictures), labels[:, None])


@dataclass(frozen=True)
class MnistSequences:
    """Strings of one to five digits of MNIST, each length as often, from the left of a frame of five cells.

    data, steps: as of ``MnistSource``.
    """

    data: Path | None = None
    steps: int = 0

    def batch(self, seed: int, step: int, count: int) -> WrittenBatch:
        """``count`` pictures, a pure function of (seed, step) and of the data."""
        pictures, labels = mnist(self.data, "train")
        train = trained_on(len(labels))
        random = np.random.default_rng([seed, step])
        first, behind = (train, len(labels)) if seed >= HELD_OUT_SEEDS else (0, train)
        records = random.integers(first, behind, (count, FIFTHS))
        records[np.arange(FIFTHS)[None] >= random.integers(1, FIFTHS + 1, count)[:, None]] = -1
        strength = strength_at(step, self.steps) if self.steps and seed < HELD_OUT_SEEDS else 0.0
        return joined(pictures, labels, records, strength, random)

    def test(self) -> WrittenBatch:
        """TEST_STRINGS strings of test digits: the first that ``facevalue unpack mnist --split test --sequences 1:5``
        writes.
        """
        return joined(*mnist(self.data, "test"), self.test_records())

    def test_records(self) -> NDArray[np.int64]:
        """(TEST_STRINGS, 5) test records of each string, -1 behind the last."""
        total = len(mnist(self.data, "test")[1])
        records = np.full((TEST_STRINGS, FIFTHS), -1, dtype=np.int64)
        for row, chosen in enumerate(records):
            random = np.random.default_rng([TEST_SEED, row])
            drawn = random.choice(np.arange(total), random.integers(1, FIFTHS, endpoint=True))
            chosen[: len(drawn)] = drawn
        return records


@dataclass(frozen=True)
class SvhnSource:
    """Cropped digits of SVHN's training set as they are, an epoch after the other."""

    data: Path | None = None

    def counts(self) -> tuple[int, int]:
        """Pictures that are trained on, and that are held out."""
        total = len(svhn(self.data, "train")[1])
        return trained_on(total), total - trained_on(total)

    def batch(self, seed: int, step: int, count: int) -> WrittenBatch:
        """``count`` pictures, a pure function of (seed, step) and of the data."""
        pictures, labels = svhn(self.data, "train")
        train = trained_on(len(labels))
        if seed >= HELD_OUT_SEEDS:
            chosen = train + records_of(len(labels) - train, seed, step, count)
        else:
            chosen = records_of(train, seed, step, count)
        return WrittenBatch(pictures[chosen], labels[chosen, None])

    def test(self) -> WrittenBatch:
        """All test records, in order."""
        pictures, labels = svhn(self.data, "test")
        return WrittenBatch(pictures, labels[:, None])


def joined(
    pictures: Pictures,
    labels: Labels,
    records: NDArray[np.int64],
    strength: float = 0.0,
    random: np.random.Generator | None = None,
) -> WrittenBatch:
    """Records (N, 5) side by side, black where -1; augmented where strength is above 0."""
    cells = pictures[records.ravel()]
    if strength > 0 and random is not None:
        cells = augmented(random, cells, strength)
    cells = cells * (records.ravel() >= 0)[:, None, None].astype(np.uint8)
    count, places = records.shape
    high, wide = pictures.shape[1:3]
    frames = cells.reshape(count, places, high, wide).transpose(0, 2, 1, 3).reshape(count, high, places * wide)
    return WrittenBatch(as_rgb(frames), np.where(records < 0, -1, labels[records]))


# ---- augmentation ----------------------------------------------------------------------------------------------------


def strength_at(step: int, steps: int) -> float:
    """Full strength, and half of it over the last CALM_SHARE of the steps."""
    return CALM_STRENGTH if step >= (1 - CALM_SHARE) * steps else 1.0


def augmented(random: np.random.Generator, cells: Pictures, strength: float) -> Pictures:
    """Turn, scale, stretch, shear, shift, bend, and thicken or thin each picture.  cells: (N, S, S) uint8, returned so.

    strength: 0 leaves them as they are, 1 is what the constants say.
    """
    count, side = cells.shape[:2]

    def spread(limit: float) -> Floats:
        return np.asarray((random.random(count, dtype=np.float32) * 2 - 1) * np.float32(limit * strength))

    angle, scale, aspect = spread(math.radians(ROTATION_DEGREES)), np.exp(spread(LOG_SCALE)), np.exp(spread(LOG_ASPECT))
    shear, cos, sin = spread(SHEAR), np.cos(angle), np.sin(angle)
    across, down = 1 / (scale * aspect), aspect / scale
    matrices = np.array(
        [[cos * across, (cos * shear - sin) * across, spread(SHIFT_PX)],
         [sin * down, (sin * shear + cos) * down, spread(SHIFT_PX)]]
    ).transpose(2, 0, 1)  # (N, 2, 3)  # fmt: skip
    knots = int(random.integers(4, 8))  # control points a side; each picture bends by its own amount
    bend = random.standard_normal((count, 2, knots, knots), dtype=np.float32)
    bend *= random.random((count, 1, 1, 1), dtype=np.float32) * np.float32(ELASTIC_PX * strength)
    spline = splines(knots, side)
    moved = sampled(cells, np.asarray(grid(matrices, side) + spline @ bend @ spline.T, dtype=np.float32))
    amount = spread(THICKNESS)[:, None, None]  # part of the way to the 3x3 maximum, or minimum
    thicker, thinner = largest(moved), -largest(-moved)
    moved = moved + np.maximum(amount, 0) * (thicker - moved) + np.maximum(-amount, 0) * (thinner - moved)
    return np.asarray(np.rint(moved), dtype=np.uint8)


def seen_again(cells: Pictures, right_px: float, down_px: float, degrees: float) -> Pictures:
    """Another view of each picture: moved by so many pixels, turned clockwise about its centre.  (N, S, S) uint8."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.array([[[cos, sin, 0.0], [-sin, cos, 0.0]]], dtype=np.float32)
    matrix[0, :, 2] = -matrix[0, :, :2] @ (right_px, down_px)
    places = np.broadcast_to(grid(matrix, cells.shape[1]), (len(cells), 2, *cells.shape[1:]))
    return np.asarray(np.rint(sampled(cells, places)), dtype=np.uint8)


def grid(matrices: NDArray[np.floating], side: int) -> Floats:
    """(N, 2, S, S) where each pixel is taken from, x and y from the centre, in pixels.  matrices: (N, 2, 3)."""
    at = np.arange(side, dtype=np.float32) - (side - 1) / 2
    x, y = np.meshgrid(at, at)
    target = np.stack([x.ravel(), y.ravel(), np.ones(side * side, dtype=np.float32)])
    return np.asarray(matrices @ target, dtype=np.float32).reshape(-1, 2, side, side)


def sampled(cells: Pictures, places: Floats) -> Floats:
    """Bilinear samples, black outside.  cells: (N, S, S) uint8.  places: (N, 2, S, S) as of ``grid``.  (N, S, S)."""
    count, side = cells.shape[:2]
    wide = side + 3
    framed = np.zeros((count, wide, wide), dtype=np.float32)
    framed[:, 1 : side + 1, 1 : side + 1] = cells
    at = np.clip(places + (side + 1) / 2, 0, side + 1)  # what lies farther out is as black as the frame
    whole = at.astype(np.int32)
    x, y = whole[:, 0], whole[:, 1]
    right, low = at[:, 0] - x, at[:, 1] - y
    index = (np.arange(count, dtype=np.int32)[:, None, None] * wide + y) * wide + x
    flat = framed.ravel()
    above = flat[index] * (1 - right) + flat[index + 1] * right
    below = flat[index + wide] * (1 - right) + flat[index + wide + 1] * right
    return np.asarray(above * (1 - low) + below * low, dtype=np.float32)


def largest(cells: Floats) -> Floats:
    """The largest of each pixel and its eight neighbours.  (N, S, S)."""
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1)), mode="edge")
    tall = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return np.asarray(np.maximum(np.maximum(tall[..., :-2], tall[..., 1:-1]), tall[..., 2:]))


@functools.lru_cache(maxsize=8)
def splines(knots: int, side: int) -> Floats:
    """(side, knots) shares of control points in pixels: cubic convolution of Keys 1981, a = -3/4, ends repeated."""
    a = -0.75
    shares = np.zeros((side, knots), dtype=np.float32)
    for row, at in enumerate(np.linspace(0, knots - 1, side)):
        for knot in range(math.floor(at) - 1, math.floor(at) + 3):
            t = abs(at - knot)
            share = (a + 2) * t**3 - (a + 3) * t**2 + 1 if t <= 1 else a * (t**3 - 5 * t**2 + 8 * t - 4)
            shares[row, min(max(knot, 0), knots - 1)] += share if t < 2 else 0.0
    return shares
