"""Fashion-MNIST and CIFAR-10 in the very formats that they are published in, but small: classes that can be told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from small_sets import digits_of, draw_digits, write_idx

TRAIN, TEST = 100, 30  # of which the last 10 training records are for validation


def cifar_records(labels: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """(N, 3073): each label, then red, green and blue of a bright block whose place tells it, red the brightest."""
    grey = np.pad(draw_digits(labels, seed), ((0, 0), (2, 2), (2, 2)))
    planes = np.stack([grey, grey // 2, grey // 4], axis=1).reshape(len(labels), -1)
    return np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)


def write_fashion(data: Path) -> Path:
    """The four files of Fashion-MNIST in data/fashion-mnist. Returns data."""
    folder = data / "fashion-mnist"
    folder.mkdir(parents=True)
    for seed, (part, count) in enumerate((("train", TRAIN), ("t10k", TEST))):
        labels = digits_of(count)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", draw_digits(labels, seed))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels.astype(np.uint8))
    return data


def write_cifar(data: Path, folder: str = "cifar-10") -> Path:
    """The six batches of CIFAR-10's binary version in data/cifar-10, a fifth of TRAIN in each. Returns data."""
    place = data / folder
    place.mkdir(parents=True)
    train = cifar_records(digits_of(TRAIN), 0)
    for number, records in enumerate(np.split(train, 5), 1):
        (place / f"data_batch_{number}.bin").write_bytes(records.tobytes())
    (place / "test_batch.bin").write_bytes(cifar_records(digits_of(TEST), 1).tobytes())
    return data
