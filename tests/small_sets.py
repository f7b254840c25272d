"""MNIST and SVHN in the very formats that they are published in, but small: digits that a small network can tell."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray

TRAIN, TEST = 120, 30  # of which the last 10 training records are held out


def draw_digits(labels: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """(N, 28, 28): a bright block whose place tells the digit, in a little noise on black."""
    random = np.random.default_rng(seed)
    pictures = np.zeros((len(labels), 28, 28), np.uint8)
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        top, left = 5 + label // 4 * 6, 4 + label % 4 * 5
        picture[top : top + 5, left : left + 5] = random.integers(200, 256, (5, 5))
    return pictures


def digits_of(count: int) -> NDArray[np.int64]:
    return np.arange(count) * 7 % 10


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes(), 1))


def write_mnist(data: Path) -> Path:
    """The four files of MNIST in data/mnist. Returns data."""
    folder = data / "mnist"
    folder.mkdir(parents=True)
    for seed, (part, count) in enumerate((("train", TRAIN), ("t10k", TEST))):
        labels = digits_of(count)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", draw_digits(labels, seed))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels.astype(np.uint8))
    return data


def write_svhn(data: Path) -> Path:
    """The two files of SVHN's cropped digits in data/svhn. Returns data."""
    folder = data / "svhn"
    folder.mkdir(parents=True)
    for seed, (part, count) in enumerate((("train", TRAIN), ("test", TEST))):
        labels = digits_of(count)
        pictures = np.pad(draw_digits(labels, seed), ((0, 0), (2, 2), (2, 2)))
        x = np.repeat(pictures[..., None], 3, axis=3).transpose(1, 2, 3, 0)
        y = np.where(labels == 0, 10, labels)[:, None].astype(np.uint8)
        scipy.io.savemat(folder / f"{part}_32x32.mat", {"X": x, "y": y})
    return data
