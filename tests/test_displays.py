"""Displays made of crops of their digits: each stays where its cell says, whatever is done to the picture."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from facevalue.sources import displays
from facevalue.sources.displays import CELL, LEAST_APART, join, photograph, recoloured

SEEDS = range(40)


def crop(level: int = 20, ground: int = 220, shape: tuple[int, int] = (60, 40)) -> NDArray[np.uint8]:
    """A crop whose digit is a block that fills its cell."""
    height, width = shape
    rgb = np.full((height, width, 3), ground, dtype=np.uint8)
    left, right, top, bottom = CELL
    rgb[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = level
    return rgb


def apart(rgb: NDArray[np.uint8], cell: tuple[float, float, float, float]) -> float:
    """How far the middle of a cell is from what lies just below it, in the channel that differs most."""
    left, right, top, bottom = (round(end) for end in cell)
    x, third = slice((3 * left + right) // 4, (left + 3 * right) // 4 + 1), (bottom - top) // 3
    inside = rgb[top + third : bottom - third, x].reshape(-1, 3).mean(axis=0)
    below = rgb[bottom + 2 : bottom + 4, x].reshape(-1, 3).mean(axis=0)
    return float(np.abs(inside - below).max())


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
        inside = display.rgb[max(0, int(top) + 6) : int(bottom) - 6, int(left) + 4 : int(right) - 4]
        assert np.ptp(inside.astype(int), axis=(0, 1)).max() < 60, "the block fills its cell"
        assert apart(display.rgb, (left, right, top, bottom)) > 20, "and ends with it"


def test_some_displays_end_in_a_small_digit_and_some_are_recoloured() -> None:
    made = [join(Random(seed), [crop()] * 4) for seed in range(200)]
    small = [one.cells[-1][3] - one.cells[-1][2] < 0.9 * (one.cells[0][3] - one.cells[0][2]) for one in made]
    coloured = [int(np.ptp(one.rgb.astype(int), axis=2).max()) > 12 for one in made]
    assert 0.25 < np.mean(small) < 0.45
    assert 0.5 < np.mean(coloured) < 0.9


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
