"""Fashion-MNIST and CIFAR-10 as training sources: small pictures, each of one class of ten.

    training records ──┬──► the first nine tenths, permuted by epoch ──► flipped, shifted, cut out ──┬──► LabelledBatch
                       └──► the last tenth, for validation, as they are ─────────────────────────────┤
    test records ──► as they are, in order ──────────────────────────────────────────────────────────┘

Seeds from HELD_OUT_SEEDS on, training's own among them, give records of the validation part; no other seed does, but
where ``hold_out`` is False all records are trained on, and what is measured on the last tenth during training is then
no more than a sign of life: choices are made with a validation part, and the chosen is trained on all. Test records are
given by ``test`` alone, which no training calls. Obfuscated, the pixels of every picture change places by one
permutation, always the same: nothing is lost but who is whose neighbour.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.classes import ClassBelief
from facevalue.metrics import class_scores
from facevalue.sources.datasets import Labels, Pictures, Split, find_dataset, read_cifar10, read_idx_pair
from facevalue.sources.mnist import HELD_OUT_SEEDS, as_rgb, records_of

VALIDATION_SHARE = 10  # one of so many training records
OBFUSCATION_SEED = 1
NEAR_SHIFT_PX, SHIFT_PX, FAR_SHIFT_PX = 1, 2, 4  # at most, each way
CUT_SHARE = 0.375  # side of the square that is cut out, of the picture's

CLASSES = {
    "fashion-mnist": (
        *("T-shirt", "trousers", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    "cifar-10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}
"""By data set, in the order of its labels."""


@dataclass(frozen=True)
class LabelledBatch:
    """Pictures (N, S, S, 3) uint8, and what they show: classes (N,) int64, 0..9."""

    pictures: NDArray[np.uint8]
    classes: Labels

    def labels(self) -> dict[str, NDArray[np.generic]]:
        """What ``classes/ten`` encodes."""
        return {"class": self.classes}

    def scores(self, beliefs: Sequence[ClassBelief]) -> dict[str, float]:
        """right: share whose likeliest class is the true one."""
        return {"right": class_scores(beliefs, self.classes)["right"]}

    @staticmethod
    def describe(scores: dict[str, float]) -> str:
        return f"right {scores['right']:.2%}"


@dataclass(frozen=True)
class PictureSource:
    """Small pictures of a data set, an epoch after the other.

    dataset: of CLASSES.  data: folder of the data sets, None for where ``find_dataset`` looks.
    obfuscated: pixels permuted.  flip: every other epoch mirrors a picture, which epochs is drawn for each; with
    random_flip each epoch tosses a coin for each instead.  shift_px: by up to so many each way, the picture mirrored
    at its edge.  cut: a square somewhere is black.  hold_out: whether the last of the training
    records are kept out.
    """

    dataset: str
    data: Path | None = None
    obfuscated: bool = False
    flip: bool = False
    shift_px: int = 0
    cut: bool = False
    random_flip: bool = False
    hold_out: bool = True

    def counts(self) -> tuple[int, int]:
        """Pictures that are trained on, and that are held out."""
        total = len(records(self.dataset, self.data, "train", self.obfuscated)[1])
        return (trained_on(total), total - trained_on(total)) if self.hold_out else (total, 0)

    def batch(self, seed: int, step: int, count: int) -> LabelledBatch:
        """``count`` pictures, a pure function of (seed, step) and of the data."""
        pictures, classes = records(self.dataset, self.data, "train", self.obfuscated)
        train = trained_on(len(classes))
        if seed >= HELD_OUT_SEEDS:
            chosen = train + records_of(len(classes) - train, seed, step, count)
            return LabelledBatch(as_rgb(pictures[chosen]), classes[chosen])
        train = train if self.hold_out else len(classes)
        chosen = records_of(train, seed, step, count)
        taken = pictures[chosen]
        random = np.random.default_rng([seed, step, 1])
        if self.random_flip:
            taken = flipped(taken, np.random.default_rng([seed, step, 2]).integers(0, 2, count) == 1)
        elif self.flip:
            epoch = (step * count + np.arange(count)) // train
            taken = flipped(taken, (coins(train, seed)[chosen] + epoch) % 2 == 1)
        if self.shift_px:
            taken = shifted(taken, random.integers(-self.shift_px, self.shift_px + 1, (count, 2)))
        if self.cut:
            side = taken.shape[1]
            taken = cut_out(taken, random.integers(0, side, (count, 2)), round(CUT_SHARE * side))
        return LabelledBatch(as_rgb(taken), classes[chosen])

    def validation(self) -> LabelledBatch:
        """All records of the validation part, in order."""
        pictures, classes = records(self.dataset, self.data, "train", self.obfuscated)
        train = trained_on(len(classes))
        return LabelledBatch(as_rgb(pictures[train:]), classes[train:])

    def test(self) -> LabelledBatch:
        """All test records, in order."""
        pictures, classes = records(self.dataset, self.data, "test", self.obfuscated)
        return LabelledBatch(as_rgb(pictures), classes)


class Variant(TypedDict, total=False):
    """What a source does to its pictures, see ``PictureSource``."""

    obfuscated: bool
    flip: bool
    shift_px: int
    cut: bool
    random_flip: bool
    hold_out: bool


VARIANTS: dict[str, Variant] = {
    "": {},
    "-obfuscated": {"obfuscated": True},
    "-shift": {"shift_px": SHIFT_PX},
    "-flip": {"flip": True},
    "-flip-near-shift": {"flip": True, "shift_px": NEAR_SHIFT_PX},
    "-flip-shift": {"flip": True, "shift_px": SHIFT_PX},
    "-random-flip-shift": {"random_flip": True, "shift_px": SHIFT_PX},
    "-flip-shift-cut": {"flip": True, "shift_px": SHIFT_PX, "cut": True},
    "-flip-far-shift-cut": {"flip": True, "shift_px": FAR_SHIFT_PX, "cut": True},
}
ON_ALL = "-all"
VARIANTS |= {
    f"{name}{ON_ALL}": {**VARIANTS[name], "hold_out": False}
    for name in ("-shift", "-flip-near-shift", "-flip-shift", "-flip-shift-cut", "-flip-far-shift-cut")
}
SETS = {"pictures/fashion-mnist": "fashion-mnist", "pictures/cifar10": "cifar-10"}
PICTURES = {name + variant: (dataset, variant) for name, dataset in SETS.items() for variant in VARIANTS}
"""Data set and variant by name of source."""


def open_pictures(name: str, data: Path | None) -> PictureSource:
    """The source of that name, one of PICTURES.  data: as of ``PictureSource``."""
    dataset, variant = PICTURES[name]
    return PictureSource(dataset, data, **VARIANTS[variant])


# ---- records ---------------------------------------------------------------------------------------------------------


def trained_on(total: int) -> int:
    """How many of the training records, from the first, are not for validation."""
    return total - max(1, total // VALIDATION_SHARE)


@functools.lru_cache(maxsize=4)
def records(dataset: str, data: Path | None, split: Split, obfuscated: bool) -> tuple[Pictures, Labels]:
    """All records of a split: pictures (N, S, S) or (N, S, S, 3), and classes (N,).

    Raises FaceValueError where they are not found or damaged, LabelError for a class outside 0..9.
    """
    folder = find_dataset(dataset, data)
    pictures, classes = (read_cifar10 if dataset == "cifar-10" else read_idx_pair)(folder, split)
    return (permuted(pictures) if obfuscated else pictures), classes


def permuted(pictures: Pictures) -> Pictures:
    """Every picture with its pixels at other places, the same for all.  (N, H, W) or (N, H, W, 3), returned so."""
    count, high, wide = pictures.shape[:3]
    order = np.random.default_rng(OBFUSCATION_SEED).permutation(high * wide)
    return np.take(pictures.reshape(count, high * wide, -1), order, axis=1).reshape(pictures.shape)


# ---- augmentation ----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def coins(total: int, seed: int) -> NDArray[np.int64]:
    """(total,) 0 or 1 for each record."""
    return np.random.default_rng([seed, total]).integers(0, 2, total)


def flipped(pictures: Pictures, chosen: NDArray[np.bool_]) -> Pictures:
    """Left and right changed in those that are chosen (N,)."""
    result = pictures.copy()
    result[chosen] = pictures[chosen, :, ::-1]
    return result


def shifted(pictures: Pictures, by: NDArray[np.int64]) -> Pictures:
    """Each picture moved by whole pixels down and right (N, 2), mirrored at its edge."""
    most = int(np.abs(by).max(initial=0))
    high, wide = pictures.shape[1:3]
    edges = [(0, 0), (most, most), (most, most), (0, 0)][: pictures.ndim]
    framed = np.pad(pictures, edges, mode="reflect")
    result = np.empty_like(pictures)
    for moved, frame, (top, left) in zip(result, framed, (most - by).tolist(), strict=True):
        moved[:] = frame[top : top + high, left : left + wide]
    return result


def cut_out(pictures: Pictures, centres: NDArray[np.int64], side: int) -> Pictures:
    """A black square of that side about each centre (N, 2), row and column; what lies beyond the edge is lost."""
    high, wide = pictures.shape[1:3]
    first = centres - side // 2
    rows = (np.arange(high) >= first[:, :1]) & (np.arange(high) < first[:, :1] + side)
    columns = (np.arange(wide) >= first[:, 1:]) & (np.arange(wide) < first[:, 1:] + side)
    result = pictures.copy()
    result[rows[:, :, None] & columns[:, None, :]] = 0
    return result
