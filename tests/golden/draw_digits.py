"""Regenerates digits.json, the digest that tests/test_digit_source.py compares drawn rows of digits with.

    python tests/golden/draw_digits.py

Do so only when the drawing is meant to change; every trained weight's recipe then means other pictures, so say it in
the CHANGELOG. Only what needs no data set is drawn.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevalue.sources.digits import DigitSource

FILE = Path(__file__).with_name("digits.json")
SEED, STEP, COUNT, BLOCK_PX = 1, 0, 8, 8
SHARES = (("printed", 0.25), ("segments", 0.25), ("dots", 0.25), ("drums", 0.25))


def block_means(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colour of blocks of 8 x 8 px. pictures: (N, H, W, 3) uint8.  Returns (N, H / 8, W / 8, 3), 0..255."""
    count, height, width = pictures.shape[:3]
    blocks = pictures.reshape(count, height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX, 3)
    return np.asarray(blocks.mean(axis=(2, 4)))


def known(values: NDArray[np.float32], decimals: int) -> object:
    """Rounded, as lists; 99 for NaN."""
    return np.nan_to_num(values.astype(np.float64), nan=99.0).round(decimals).tolist()


def digest() -> dict[str, object]:
    """Block means and labels of the first few rows; 99 where a label is not known."""
    batch = DigitSource(shares=SHARES).batch(SEED, STEP, COUNT)
    return {
        "count": batch.count.tolist(),
        "places": known(batch.places, 3),
        "points": batch.points.tolist(),
        "cells": known(batch.cells, 1),
        "blocks": block_means(batch.pictures).round(1).tolist(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(digest()) + "\n")
