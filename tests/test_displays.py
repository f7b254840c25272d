"""Displays made of crops of their digits: each stays where its cell says, whatever is done to the picture."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from facevalue.sources import displays
from facevalue.sources.displays import (
    CELL,
    LEAST_APART,
    TALL_PX,
    ground_of,
    join,
    middle_of,
    photograph,
    recoloured,
    side_by_side,
)

SEEDS = range(40)
STROKE_PX = 7


def crop(level: int = 20, ground: int = 220, shape: tuple[int, int] = (60, 40)) -> NDArray[np.uint8]:
    """A crop whose digit is a zero that fills its cell, of strokes as broad as segments are."""
    rgb = np.full((*shape, 3), ground, dtype=np.uint8)
    zero = middle_of(rgb)
    zero[:] = level
    zero[STROKE_PX:-STROKE_PX, STROKE_PX:-STROKE_PX] = ground
    return rgb


def apart(rgb: NDArray[np.uint8], cell: tuple[float, float, float, float]) -> tuple[float, float]:
    """How far the foot of a cell's zero is from what lies just below it, and from the zero's middle.

    Each in the channel that differs most.
    """
    left, right, top, bottom = (round(end) for end in cell)
    x, middle = slice((3 * left + right) // 4, (left + 3 * right) // 4 + 1), (top + bottom) // 2
    foot, below, inside = (
        rgb[rows, x].reshape(-1, 3).mean(axis=0)
        for rows in (slice(bottom - 4, bottom - 1), slice(bottom + 2, bottom + 4), slice(middle - 3, middle + 4))
    )
    return float(np.abs(foot - below).max()), float(np.abs(foot - inside).max())


@pytest.mark.parametrize("seed", SEEDS)
def test_digits_stand_side_by_side_where_their_cells_say(seed: int) -> None:
    display = join(Random(seed), [crop()] * 5)
    cells = np.array(display.cells)
    assert (cells[1:, 0] >= cells[:-1, 1]).all()
    assert (cells[:, 1] <= display.rgb.shape[1]).all()
    assert (cells[:, 0] >= 0).all()
    tall = cells[:, 3] - cells[:, 2]
    assert np.ptp(tall[:-1]) == 0
    assert 0.4 * tall[0] < tall[-1] <= tall[0]
    assert np.ptp(cells[:, 3] + (1 - CELL[3]) * tall / (CELL[3] - CELL[2])) < 2  # on one foot
    for left, right, top, bottom in display.cells[:-1]:
        assert min(apart(display.rgb, (left, right, top, bottom))) > 20


def test_some_displays_end_in_a_small_digit_and_some_are_recoloured() -> None:
    made = [join(Random(seed), [crop()] * 4) for seed in range(200)]
    small = [one.cells[-1][3] - one.cells[-1][2] < 0.9 * (one.cells[0][3] - one.cells[0][2]) for one in made]
    coloured = [int(np.ptp(one.rgb.astype(int), axis=2).max()) > 12 for one in made]
    assert 0.25 < np.mean(small) < 0.45
    assert 0.5 < np.mean(coloured) < 0.9


def test_the_ground_of_a_crop_is_what_lies_around_its_ink() -> None:
    light = np.linspace(90, 220, 60)[:, None, None] * np.ones((1, 40, 3))
    rgb = light.astype(np.uint8)
    inked = np.where(crop()[..., :] < 100, rgb // 3, rgb)
    assert np.abs(ground_of(inked) - light)[6:-6].max() < 25
    assert np.abs(inked - light).max() > 100


def lines(parts: list[NDArray[np.uint8]], uneven: float) -> tuple[NDArray[np.float32], list[float]]:
    """The ground above each of some crops side by side, and how much darker its zero's foot is than that."""
    width = parts[0].shape[1]
    canvas = side_by_side(parts, [k * width for k in range(len(parts))], len(parts) * width, uneven)
    assert canvas.shape == (parts[0].shape[0] + 40, len(parts) * width, 3)
    top = 20 + int(CELL[2] * TALL_PX) - 3
    foot = 20 + round(CELL[3] * TALL_PX) - 3
    middles = [k * width + width // 2 for k in range(len(parts))]
    grounds = canvas[top, middles]
    return grounds, [float((ground - canvas[foot, x]).mean()) for ground, x in zip(grounds, middles, strict=True)]


def test_digits_of_one_display_have_one_ground_and_one_contrast_most_times() -> None:
    shape = (TALL_PX, 32)
    parts = [crop(20, 220, shape), crop(60, 120, shape), crop(100, 200, shape)]
    grounds, inks = lines(parts, 0.0)
    assert np.ptp(grounds) < 12
    assert max(inks) - min(inks) < 12
    assert min(inks) > 60
    grounds, inks = lines(parts, 0.9)
    assert np.ptp(grounds) == 100
    assert np.ptp(inks) > 100, "and sometimes as they were cut out of different displays"


@pytest.mark.parametrize("seed", SEEDS)
def test_new_colours_leave_something_to_see(seed: int) -> None:
    canvas = np.full((40, 80, 3), 200.0, dtype=np.float32)
    canvas[:, 20:30] = 60.0
    out = recoloured(Random(seed), canvas)
    assert np.abs(out[0, 25] - out[0, 0]).max() > 0.6 * LEAST_APART * 255


@pytest.mark.parametrize("seed", SEEDS)
def test_a_photo_shows_each_pixel_where_its_matrix_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A white spot on black is found again; what the camera does to its grey levels is left out."""
    monkeypatch.setattr(displays.camera, "develop", lambda _, rgb: rgb)
    rgb = np.zeros((60, 240, 3), dtype=np.uint8)
    rgb[26:34, 116:124] = 255
    picture, matrix = photograph(Random(seed), rgb, (160, 32))
    assert picture.shape == (32, 160, 3)
    light = picture[..., 0].astype(float)
    y, x = (float((axis * light).sum() / light.sum()) + 0.5 for axis in np.indices(light.shape))
    expected = matrix @ [120.0, 30.0, 1.0]
    assert (x, y) == pytest.approx(tuple(expected[:2] / expected[2]), abs=0.6)
