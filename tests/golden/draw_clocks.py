"""Regenerates clocks.json, the digest that tests/test_sources.py compares drawn clocks with.

    python tests/golden/draw_clocks.py

Do so only when the drawing is meant to change; every trained weight's recipe then means other pictures, so say it in
the CHANGELOG.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevalue.sources.clocks import ClockSource

FILE = Path(__file__).with_name("clocks.json")
SEED, STEP, COUNT, SIZE_PX, BLOCKS = 1, 0, 4, 32, 4


def block_means(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colour of 4 x 4 blocks. pictures: (N, S, S, 3) uint8.  Returns (N, 4, 4, 3), 0..255."""
    count, size = pictures.shape[:2]
    side = size // BLOCKS
    return np.asarray(pictures.reshape(count, BLOCKS, side, BLOCKS, side, 3).mean(axis=(2, 4)))


def digest() -> dict[str, object]:
    """Block means and times of the first few clocks."""
    batch = ClockSource(size_px=SIZE_PX).batch(SEED, STEP, COUNT)
    return {"seconds": batch.seconds.round(2).tolist(), "blocks": block_means(batch.pictures).round(1).tolist()}


if __name__ == "__main__":
    FILE.write_text(json.dumps(digest()) + "\n")
