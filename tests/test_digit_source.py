"""Rows of digits: the same pixels for the same seed, and labels that say where each digit stands in the pixels."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from facevalue.codecs.digits import MOST_DIGITS, DigitRow, RowBelief, shown, tenths
from facevalue.errors import FaceValueError, LabelError
from facevalue.images import fit_row
from facevalue.recipes import find_recipe
from facevalue.sources import datasets, lettering, paint
from facevalue.sources.digits import (
    BLANK_CONTRAST,
    LCD_METERS,
    LEFT_OUT_METERS,
    MNIST_CELL,
    SHARES,
    DigitBatch,
    DigitSource,
    as_others_write,
    draw_empty,
    meter_digits,
    meter_of,
    mnist_crop,
    open_four,
    pick_meter,
    roughened,
    with_flag,
)
from facevalue.sources.lettering import HEIGHT, THINNEST, Row

GOLDEN = Path(__file__).parent / "golden"
DATA = os.environ.get("FACEVALUE_DATA")
KINDS = ("printed", "segments", "dots", "drums")
DRAWN = tuple((name, 1.0) for name in KINDS)
skia = paint.skia


def only(name: str, data: Path | None = None) -> DigitSource:
    """A source of one kind of picture."""
    return DigitSource(data=data, shares=((name, 1.0),))


@pytest.fixture(scope="module")
def many() -> DigitBatch:
    """Some hundred drawn rows."""
    return DigitSource(shares=DRAWN).batch(5, 0, 240)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny data sets in the formats of the true ones: MNIST, meter digits and printed cells."""
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder / "mnist")
    write_meters(folder / "meter-digits", [(name, place) for name in METERS for place in (0.0, 3.3, 9.9)])
    write_cells(folder / "sudoku-cells")
    return folder


METERS = ("collected/a/20240102/07", "collected/a/20240103/11", "collected/b", LEFT_OUT_METERS[0])


def write_mnist(folder: Path) -> None:
    """Ten digits, each a bar of its own width in the middle of 28 x 28."""
    folder.mkdir()
    pictures = np.zeros((10, 28, 28), np.uint8)
    for digit in range(10):
        pictures[digit, 4:24, 10 : 12 + digit] = 250
    for stem, array in (("images-idx3", pictures), ("labels-idx1", np.arange(10, dtype=np.uint8))):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / f"train-{stem}-ubyte").write_bytes(header + array.tobytes())


def write_meters(folder: Path, crops: Sequence[tuple[str, Any]], contrast: int = 200) -> None:
    """Crops (meter, label) of a bright bar on black; the meter's number and the label are its width and place."""
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", "label", "meter"])
        for index, (meter, label) in enumerate(crops):
            picture = np.zeros((60, 40, 3), np.uint8)
            picture[10:50, 12:28] = contrast
            Image.fromarray(picture).save(folder / f"{index}.png")
            table.writerow([f"{index}.png", label, meter])


def write_cells(folder: Path) -> None:
    """Printed cells, 0 empty, half of them for testing."""
    folder.mkdir()
    labels = np.tile(np.arange(10), 2)
    pictures = np.full((20, 40, 40), 230, np.uint8)
    pictures[labels > 0, 8:32, 15:25] = 20
    np.savez(folder / "cells.npz", x=pictures, y=labels, is_test=np.arange(20) >= 10)


# ---- a pure function of (seed, step)


def test_same_seed_and_step_same_pixels_and_labels() -> None:
    one, other = (DigitSource(shares=DRAWN).batch(3, 7, 16) for _ in range(2))
    assert (one.pictures == other.pictures).all()
    for name, values in one.labels().items():
        np.testing.assert_array_equal(values, other.labels()[name], err_msg=name)


@pytest.mark.parametrize(("seed", "step", "reason"), [(3, 8, "the next step"), (4, 7, "another seed"), (7, 3, "both")])
def test_other_seed_or_step_other_pixels(seed: int, step: int, reason: str) -> None:
    source = DigitSource(shares=DRAWN)
    one, other = source.batch(3, 7, 8), source.batch(seed, step, 8)
    assert not (one.pictures == other.pictures).all(axis=(1, 2, 3)).any(), reason


def test_pictures_of_one_batch_differ(many: DigitBatch) -> None:
    assert len({picture.tobytes() for picture in many.pictures}) == len(many.pictures)


def test_a_batch_of_data_sets_is_pure_too(data: Path) -> None:
    one, other = (DigitSource(data=data).batch(1, 2, 24) for _ in range(2))
    assert (one.pictures == other.pictures).all()
    np.testing.assert_array_equal(one.cells, other.cells)


@pytest.fixture(scope="module")
def golden() -> ModuleType:
    """tests/golden/draw_digits.py."""
    spec = importlib.util.spec_from_file_location("draw_digits", GOLDEN / "draw_digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_golden_rows(golden: ModuleType) -> None:
    """Another build of skia may round otherwise, so a few levels are forgiven; another drawing is not."""
    expected, drawn = json.loads((GOLDEN / "digits.json").read_text()), golden.digest()
    for name, off in (("count", 0), ("points", 0), ("places", 0.002), ("cells", 0.2)):
        assert np.abs(np.array(drawn[name]) - np.array(expected[name])).max() <= off, name
    difference = np.abs(np.array(drawn["blocks"]) - np.array(expected["blocks"]))
    assert difference.shape == (golden.COUNT, 32 // golden.BLOCK_PX, 160 // golden.BLOCK_PX, 3)
    assert difference.max() <= 8
    assert difference.mean() <= 1.5


@pytest.mark.parametrize(
    ("size_px", "reason"),
    [((160, 32), "as trained"), ((64, 32), "short"), ((320, 64), "twice as large"), ((161, 33), "odd")],
)
def test_sizes(size_px: tuple[int, int], reason: str) -> None:
    batch = DigitSource(size_px=size_px, shares=DRAWN).batch(1, 0, 12)
    assert batch.pictures.shape == (12, size_px[1], size_px[0], 3), reason
    assert batch.pictures.dtype == np.uint8
    assert (batch.pictures.reshape(12, -1).std(axis=1) > 1).all()  # not one of them is blank
    shapes = {name: (values.shape, values.dtype) for name, values in batch.labels().items()}
    assert shapes == {
        "count": ((12,), np.int64),
        "places": ((12, MOST_DIGITS), np.float32),
        "points": ((12, MOST_DIGITS), np.int64),
        "cells": ((12, MOST_DIGITS, 4), np.float32),
    }
    middle = np.nanmean(np.where(np.isnan(batch.cells[:, :1]), 0, batch.cells[:, :1]), axis=(0, 1))
    assert (middle[:2] < size_px[0]).all()  # in pixels of this frame
    assert (middle[2:] < 1.1 * size_px[1]).all()


def test_the_shares_and_the_recipe() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    assert set(KINDS) < SHARES.keys()
    recipe = find_recipe("digits/wild")
    assert recipe.frame_px == DigitSource().size_px


# ---- labels agree with each other


def check_labels(batch: DigitBatch, size_px: tuple[int, int] = (160, 32)) -> None:
    """What holds of every picture, whatever it shows."""
    across, down = size_px
    inside = np.arange(MOST_DIGITS)[None] < batch.count[:, None]
    assert ((batch.count >= 0) & (batch.count <= MOST_DIGITS)).all()
    located = np.isfinite(batch.cells)
    assert (located.all(axis=2) == inside).all()  # every digit stands somewhere, and nothing else does
    assert (located.any(axis=2) == inside).all()
    places = batch.places
    assert np.isnan(places[~inside]).all()
    told = places[~np.isnan(places)]
    assert ((told >= 0) & (told <= 10)).all()  # 10 itself where float32 rounds up
    assert set(np.unique(batch.points).tolist()) <= {0, 1}
    assert (batch.points.sum(axis=1) <= 1).all()
    behind = np.arange(MOST_DIGITS)[None] >= batch.count[:, None] - 1
    assert not batch.points[behind].any()  # never after the last digit, nor where there is none
    left, right, top, bottom = np.moveaxis(batch.cells, 2, 0)
    assert (right[inside] - left[inside] > 2).all()
    assert (bottom[inside] - top[inside] > 5).all()
    middle = (left + right)[inside] / 2, (top + bottom)[inside] / 2
    assert ((middle[0] > 0) & (middle[0] < across)).all()  # at most a part of a digit is cut off
    assert ((middle[1] > 0) & (middle[1] < down)).all()
    for k in range(MOST_DIGITS - 1):
        both = inside[:, k + 1]
        assert ((left + right)[both, k] < (left + right)[both, k + 1]).all()  # from left to right


def test_labels_of_drawn_rows(many: DigitBatch) -> None:
    check_labels(many)
    assert set(many.count.tolist()) == set(range(1, MOST_DIGITS + 1))  # every length is drawn
    assert many.points.any(axis=1).mean() > 0.05
    overlap = many.cells[:, :-1, 1] - many.cells[:, 1:, 0]
    widths = many.cells[:, :-1, 1] - many.cells[:, :-1, 0]
    assert np.nanmax(overlap / widths) < 0.2  # neighbours do not lie on each other
    edges = many.cells[~np.isnan(many.cells[..., 0])]
    assert (np.abs(edges[:, :2].clip(0, 160) - edges[:, :2]) < 12).all()  # a border cuts little off
    assert (np.abs(edges[:, 2:].clip(0, 32) - edges[:, 2:]) < 4).all()
    covered = np.isnan(many.places) & (np.arange(MOST_DIGITS)[None] < many.count[:, None])
    assert 0 < covered.any(axis=1).sum() < 0.08 * len(many.count)  # now and then one is hidden
    assert (covered.sum(axis=1) <= 1).all()


def test_the_codec_takes_all_labels(many: DigitBatch) -> None:
    targets = DigitRow().encode(many.labels())
    total = targets["count"].values[:, -1]
    assert (np.rint(total) == many.count).all()  # what the right border cuts off is less than half a digit
    assert (np.diff(targets["count"].values, axis=1) >= 0).all()
    assert all(np.isfinite(target.values).all() for target in targets.values())


@pytest.mark.parametrize("name", KINDS)
def test_each_kind(name: str) -> None:
    batch = only(name).batch(2, 0, 40)
    check_labels(batch)
    told = batch.places[~np.isnan(batch.places)]
    if name == "drums":
        assert (told != told.round()).mean() > 0.3  # drums stand between digits
    else:
        assert (told == told.round()).all()
        assert set(told.tolist()) == set(range(10))
    if name == "dots":
        assert not batch.points.any()


def test_a_covered_digit_has_no_place_and_its_neighbours_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a digit was hidden its place is NaN, by its index in the row even when the picture shows a part of it."""
    from facevalue.sources import digits as module

    draw_row = module.draw_row
    seen: list[tuple[int, int, int]] = []

    def cover_third(
        rnd: Random, row: Row, size_px: tuple[int, int], first: int, last: int, *, strip: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], set[int]]:
        picture, matrix, _ = draw_row(rnd, row, size_px, first, last, strip=strip)
        seen.append((first, last, len(row.places)))
        return picture, matrix, {2}

    monkeypatch.setattr(module, "draw_row", cover_third)
    batch = DigitSource(shares=DRAWN).batch(4, 0, 60)
    assert len({first for first, _, _ in seen}) > 2  # some are parts of a longer row
    for index, (first, last, _) in enumerate(seen):
        assert batch.count[index] == last - first
        expected = [k == 2 - first for k in range(last - first)]
        assert np.isnan(batch.places[index, : last - first]).tolist() == expected
        assert np.isfinite(batch.cells[index, : last - first]).all()


def test_displays_of_meters_are_strips_with_small_last_digits() -> None:
    """Of every display at least STRIPS are whole rows of three digits and more; a third of those end in small ones."""
    from facevalue.sources.digits import STRIPS

    batch = DigitSource(shares=(("segments", 1.0),)).batch(3, 0, 300)
    long = batch.count >= 3
    assert long.mean() > STRIPS + 0.1
    tall = batch.cells[long, :, 3] - batch.cells[long, :, 2]
    last = tall[np.arange(len(tall)), batch.count[long] - 1]
    assert 0.3 < (last < 0.85 * tall[:, 0]).mean() < 0.6


def block_row(rnd: Random, count: int = 4, black: int = 1) -> Row:
    """A row of cells, of which one is filled with black and the others are as white as the ground."""
    cells = tuple((80.0 * k, 80.0 * k + 60) for k in range(count))

    def draw(canvas: skia.Canvas) -> None:
        left, right = cells[black]
        canvas.drawRect(skia.Rect.MakeLTRB(left, 0, right, HEIGHT), paint.fill((0.0, 0.0, 0.0)))

    return Row((1.0,) * count, cells, cells[-1][1], (1.0, 1.0, 1.0), draw)


@pytest.mark.parametrize("black", [0, 3], ids=["the first", "the last"])
def test_cells_lie_on_the_digits(black: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The labelled cell of the black digit is darker than each other one: turned, squeezed, cropped and developed."""
    monkeypatch.setattr(DigitSource, "make_row", lambda self, rnd, name: block_row(rnd, black=black))
    batch = only("printed").batch(6, 0, 60)
    right, found = [], []
    for picture, count, cells in zip(batch.pictures, batch.count, batch.cells, strict=True):
        if count < 4:
            continue  # cropped
        grey, darkness = picture.mean(axis=2), []
        for left, end, top, bottom in cells[:4]:
            width, height = end - left, bottom - top
            x = np.clip([left + 0.25 * width, end - 0.25 * width], 0, 160).astype(int)
            y = np.clip([top + 0.25 * height, bottom - 0.25 * height], 0, 32).astype(int)
            darkness.append(255 - float(np.median(grey[y[0] : y[1] + 1, x[0] : x[1] + 1])))
        right.append(int(np.argmax(darkness)) == black)
        found.append(darkness[black] - float(np.median(darkness)))
    assert len(right) > 30
    assert np.mean(right) > 0.9  # a few are lost to covers and bad light
    assert np.median(found) > 80


@pytest.mark.parametrize("seed", range(6))
def test_cells_of_small_leaning_digits_lie_on_their_segments(seed: int) -> None:
    """Small digits stand on the foot of the row, where the slant has moved it: their cells go with them."""
    drawn: list[tuple[float, float]] = []
    rnd = Random(f"small {seed}")
    while True:
        row = lettering.segment_row(rnd, [8] * 4, small_last=1.0)
        if row.extents()[-1][0] > 30:
            break

    class Canvas:
        """Notes where on the row each digit's outline is drawn."""

        def __init__(self, canvas: skia.Canvas) -> None:
            self.canvas = canvas

        def drawPath(self, path: skia.Path, pen: skia.Paint) -> None:
            outline = skia.Path(path)
            outline.transform(self.canvas.getTotalMatrix())
            bounds = outline.getBounds()
            drawn.append((bounds.left(), bounds.right()))
            self.canvas.drawPath(path, pen)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.canvas, name)

    row.paint(Canvas(skia.Surface(800, 200).getCanvas()))  # type: ignore[arg-type]
    for left, right in row.cells:
        nearest = min(drawn, key=lambda ends: abs(sum(ends) - left - right))
        width = right - left
        assert sum(nearest) / 2 == pytest.approx((left + right) / 2, abs=0.06 * width)


# ---- the rows themselves


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**32), count=st.integers(1, MOST_DIGITS))
def test_a_row_is_laid_out_from_left_to_right(name: str, seed: int, count: int) -> None:
    rnd = Random(seed)
    digits = lettering.pick_digits(rnd, count)
    assert len(digits) == count
    assert all(0 <= digit <= 9 for digit in digits)
    make = {
        "printed": lettering.printed_row,
        "segments": lettering.segment_row,
        "dots": lettering.dot_row,
        "drums": lambda rnd, digits: lettering.drum_row(rnd, [float(d) for d in digits]),
    }[name]
    row = make(rnd, digits)
    assert [round(place) for place in row.places] == digits
    assert len(row.cells) == len(row.extents()) == count
    middles = [left + right for left, right in row.cells]
    assert middles == sorted(middles)
    assert all(right > left for left, right in row.cells)
    assert row.width > sum(row.cells[-1]) / 2
    assert all(0 <= point < count - 1 for point in row.points)
    assert all(top < bottom for top, bottom in row.extents())


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 9), min_size=2, max_size=MOST_DIGITS))
def test_drums_of_a_counter_agree(seed: int, digits: list[int]) -> None:
    """Each drum but the last rests, or is as far on as its right neighbour is beyond 9; give or take the play."""
    places = lettering.counter_places(Random(seed), digits)
    assert len(places) == len(digits)
    play = 4.5 * 0.06
    for digit, place, neighbour in zip(digits, places, places[1:], strict=False):
        beyond = (place - digit + 5) % 10 - 5
        carry = max(0.0, neighbour - 9)
        assert min(abs(beyond), abs(beyond - carry), abs(beyond - 1)) < 2 * play  # -1: play took it past its neighbour
        assert -2 * play < beyond < 1 + 2 * play


def test_counts_and_leading_zeros_are_varied() -> None:
    rnd = Random(1)
    numbers = [lettering.pick_digits(rnd, lettering.pick_count(rnd, "printed")) for _ in range(600)]
    assert {len(number) for number in numbers} == set(range(1, MOST_DIGITS + 1))
    assert sum(number[:2] == [0, 0] for number in numbers if len(number) > 2) > 30
    assert sum(len(set(number)) == 1 for number in numbers if len(number) > 2) > 5


def painted(row: Row) -> NDArray[np.float64]:
    """The first digit of a row on its plain ground, 0..255: how far each pixel is off the ground, at its most."""
    sheet = np.zeros((100, 100, 4), dtype=np.uint8)
    with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
        canvas.clear(paint.argb(row.ground))
        row.paint(canvas)
    return np.asarray(np.abs(sheet[..., :3] - np.array(row.ground) * 255).max(axis=2))


def test_segments_stand_off_their_ground() -> None:
    """However faint, a lit 8 can be seen; and its row says how faint it is."""
    rows = [lettering.segment_row(Random(seed), [8, 8, 8]) for seed in range(150)]
    apart = [np.percentile(painted(row), 97) for row in rows]
    assert min(apart) > 255 * lettering.LEAST_CONTRAST * 0.45  # uneven segments are down to 0.45 of it
    assert min(row.contrast for row in rows) > 0.02
    assert np.corrcoef(apart, [row.contrast for row in rows])[0, 1] > 0.5


def test_ink_of_another_hue_stands_off_its_ground() -> None:
    for seed in range(100):
        rnd = Random(seed)
        ground = lettering.lcd_ground(rnd)
        ink = lettering.tinted_ink(rnd, ground)
        assert max(abs(a - b) for a, b in zip(ink, ground, strict=True)) > 0.05
        assert all(0 <= channel <= 1 for channel in ink)


@pytest.mark.parametrize("seed", range(24))
def test_signs_stay_in_their_box(seed: int) -> None:
    sheet = np.zeros((90, 90, 4), dtype=np.uint8)
    with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
        lettering.draw_sign(canvas, Random(seed), 25.0, 25.0, 40.0, (1.0, 1.0, 1.0))
    inked = sheet[..., 3] > 100
    assert inked.sum() > 30
    down, across = np.nonzero(inked)
    assert min(down.min(), across.min()) >= 19
    assert max(down.max(), across.max()) <= 71


def test_light_leaves_faint_rows_readable() -> None:
    """The veil over a row keeps part of the difference between black and white, more of it where little is."""
    from facevalue.sources.digits import draw_veil

    def left_of(contrast: float, seed: int) -> float:
        row = Row((1.0,), ((0.0, 60.0),), 60.0, (0.5, 0.5, 0.5), lambda canvas: None, contrast=contrast)
        levels = []
        for level in (0.0, 1.0):
            sheet = np.zeros((100, 60, 4), dtype=np.uint8)
            with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
                canvas.clear(paint.argb((level,) * 3))
                draw_veil(canvas, Random(seed), row)
            levels.append(sheet[..., :3].astype(float))
        return float((levels[1] - levels[0]).min() / 255)

    strong, faint = ([left_of(contrast, seed) for seed in range(80)] for contrast in (1.0, 0.1))
    assert 0.1 < min(strong) < 0.4
    assert min(faint) > 0.65


# ---- other hands than MNIST's


def bar_of(width: int) -> NDArray[np.uint8]:
    glyph = np.zeros((28, 28), np.uint8)
    glyph[4:24, 14 - width // 2 : 14 - width // 2 + width] = 250
    return glyph


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_flag_hangs_from_the_top_of_a_one(width: int) -> None:
    bar, feet = bar_of(width), 0
    for seed in range(60):
        flagged = with_flag(Random(seed), bar)
        added = (flagged > 100) & (bar < 100)
        assert (flagged >= bar).all()  # the stem stays
        down, across = np.nonzero(added)
        left = across < 14 - width // 2
        high = down < 19
        assert (left & high).sum() > 3
        assert (~left & high).sum() <= max(4, 2 * width)  # to the left alone, but for a round end
        feet += bool((down >= 20).any())
    assert 5 < feet < 35


def test_a_flag_needs_a_stem() -> None:
    dot = np.zeros((28, 28), np.uint8)
    dot[12:16, 12:16] = 250
    assert (with_flag(Random(1), dot) == dot).all()
    flat = np.asarray(Image.fromarray(bar_of(3)).rotate(-60))  # so far over to the right that a flag made it a 7
    assert (with_flag(Random(1), flat) == flat).all()


def test_fours_are_open_and_their_stem_crosses_the_bar() -> None:
    fours = [open_four(Random(seed)) for seed in range(60)]
    for four in fours:
        assert four.shape == (28, 28)
        assert four.dtype == np.uint8
        inked = four > 100
        assert not inked[:, 0].any()
        assert not inked[0].any()
        down = np.flatnonzero(inked.any(axis=1))
        assert down[0] <= 6
        assert down[-1] >= 20  # the stem's foot, below the bar
        assert inked[down[-1]].sum() <= 8  # a stem, not a bowl
    assert len({four.tobytes() for four in fours}) == 60


def test_other_hands_change_some_digits_only() -> None:
    glyph = bar_of(3)
    changed = {
        digit: np.mean([(as_others_write(Random(seed), glyph, digit) != glyph).any() for seed in range(200)])
        for digit in range(10)
    }
    assert 0.3 < changed.pop(1) < 0.5
    assert 0.12 < changed.pop(4) < 0.28
    assert 0.15 < changed.pop(7) < 0.35
    assert set(changed.values()) == {0.0}


@pytest.mark.parametrize("side", [20, 28, 32])
def test_a_coarse_scan_keeps_the_ink(side: int) -> None:
    square = np.zeros((side, side, 3), np.uint8)
    square[2:-2, side // 2 - 2 : side // 2 + 2] = 255
    grey = 0
    for seed in range(40):
        rough = roughened(Random(seed), square)
        assert rough.shape == square.shape
        assert rough.dtype == np.uint8
        assert rough[4:-4, side // 2 - 1 : side // 2 + 1].mean() > 120
        assert rough[:, : side // 4].mean() < 20
        grey += len(np.unique(rough)) > 2
    assert 5 < grey < 25  # the others are black and white


# ---- real digits, of tiny data sets


def test_labels_of_real_rows(data: Path) -> None:
    batch = DigitSource(data=data, shares=(("real", 1.0),)).batch(3, 0, 60)
    check_labels(batch)
    assert batch.count.max() >= 5
    assert not np.isnan(batch.places[np.arange(MOST_DIGITS)[None] < batch.count[:, None]]).any()
    assert not batch.points.any()
    places = set(np.unique(batch.places[~np.isnan(batch.places)]).round(1).tolist())
    assert {0.0, 3.3, 9.9, 1.0, 7.0} <= {round(place, 1) for place in places}


def test_the_cell_of_a_cut_out_digit_is_its_ink(data: Path) -> None:
    """As high as the picture; as wide as the ink, or as a one's cell."""
    rnd, seen = Random(4), 0
    for _ in range(300):
        crop = mnist_crop(rnd, data)
        left, right, top, bottom = crop.cell
        if crop.cell == MNIST_CELL or set(np.unique(crop.rgb)) != {0, 255} or crop.rgb[:, 0].any():
            continue
        ink = crop.rgb[..., 0] > 0
        x = np.flatnonzero(ink.any(axis=0)) / ink.shape[1]
        assert (top, bottom) == (0, 1)
        assert left - 0.1 <= x[0]
        assert x[-1] <= right + 0.1
        assert right - left == pytest.approx(max(x[-1] - x[0] + 1 / ink.shape[1], THINNEST), abs=0.2)
        seen += 1
    assert seen > 10


def test_empty_pictures_have_no_digits(data: Path) -> None:
    batch = only("empty", data).batch(1, 0, 40)
    check_labels(batch)
    assert not batch.count.any()
    assert len({picture.tobytes() for picture in batch.pictures}) > 30
    targets = DigitRow().encode(batch.labels())
    assert (targets["length"].values == 0).all()
    assert (targets["count"].values == 0).all()
    assert (targets["count"].weight == 1).all()  # that there is nothing is worth learning


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32))
def test_any_empty_picture_is_drawn(seed: int) -> None:
    picture = draw_empty(Random(seed), (160, 32))
    assert picture.shape == (32, 160, 3)
    assert picture.dtype == np.uint8


def test_meters_that_are_left_out_are_never_shown(data: Path) -> None:
    crops, of_meter = meter_digits(data)
    assert len(crops) == 9
    assert sorted(place for _, place in crops) == pytest.approx([0.0] * 3 + [3.3] * 3 + [9.9] * 3)
    assert {name: len(group) for name, group in of_meter.items()} == {
        "collected/a": 6,  # both hours of it are one meter
        "collected/b": 3,
    }
    picked = [len(pick_meter(Random(seed), of_meter.values())) for seed in range(2000)]
    assert np.mean(np.array(picked) == 6) == pytest.approx(2**0.5 / (1 + 2**0.5), abs=0.04)
    assert all(rgb.shape[0] <= 64 and rgb.shape[1] <= 48 for rgb, _ in crops)


@pytest.mark.parametrize(
    ("name", "meter"),
    [
        ("collected/a/20240102/07", "collected/a"),
        ("collected/a/20240102", "collected/a"),
        ("collected/a_20240102/20240103", "collected/a_20240102"),
        ("collected/a", "collected/a"),
        ("collected/2024/07", "collected/2024/07"),
        ("", ""),
    ],
)
def test_a_burst_belongs_to_its_meter(name: str, meter: str) -> None:
    assert meter_of(name) == meter


def test_displays_are_made_of_the_digits_of_one_lcd_meter(tmp_path: Path) -> None:
    """Of those that stand still, with their places; whether a point follows is not known, so it is not taught."""
    lcd, drum = LCD_METERS[0], "collected/drum"
    write_meters(tmp_path / "meter-digits", [(lcd, 4.0), (lcd, 7.0), (lcd, 2.5), (drum, 9.0)])
    batch = only("lcd", tmp_path).batch(1, 0, 40)
    shown_places = batch.places[np.isfinite(batch.places)]
    assert set(shown_places.tolist()) == {4.0, 7.0}
    assert len(shown_places) == batch.count.sum()
    assert batch.count.min() >= 2
    target = DigitRow().encode(batch.labels())["point"]
    assert target.weight.sum() == 0
    assert target.values.min() >= 0  # a class that there is
    assert "." not in batch.label(0)
    left = batch.cells[:, :, 0]
    assert all((np.diff(left[i, :n]) > 0).all() for i, n in enumerate(batch.count.tolist()))


def test_displays_are_made_of_any_meter_where_there_is_no_lcd(tmp_path: Path) -> None:
    write_meters(tmp_path / "meter-digits", [("collected/drum", 9.0), ("collected/drum", 9.5)])
    batch = only("lcd", tmp_path).batch(1, 0, 20)
    assert set(batch.places[np.isfinite(batch.places)].tolist()) == {9.0, 9.5}


def test_a_cell_that_is_off_is_left_out(tmp_path: Path) -> None:
    write_meters(tmp_path / "meter-digits", [("a", 0.0), ("a", 4.0)], contrast=BLANK_CONTRAST // 2)
    assert [place for _, place in meter_digits(tmp_path)[0]] == [4.0]  # a dim digit, but no zero


@pytest.mark.parametrize(
    ("label", "reason"),
    [("three", "no number"), ("", "nothing"), ("nan", "no place"), ("12.5", "beyond the drum"), ("-1", "before it")],
)
def test_a_bad_label_names_its_line(label: str, reason: str, tmp_path: Path) -> None:
    write_meters(tmp_path / "meter-digits", [("a", 4.0), ("a", label)])
    with pytest.raises(
        LabelError, match=rf"labels\.csv:3: label {re.escape(repr(label))} is no place from 0\.0 to 9\.9"
    ):
        meter_digits(tmp_path)


def test_a_missing_crop_is_named(tmp_path: Path) -> None:
    write_meters(tmp_path / "meter-digits", [("a", 4.0), ("a", 5.0)])
    (tmp_path / "meter-digits" / "1.png").unlink()
    with pytest.raises(FaceValueError, match=r"labels\.csv:3: .*1\.png can't be read: No such file"):
        meter_digits(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: b"\xef\xbb\xbf" + text, ""),
        (lambda text: text.replace(b"meter", b"counter"), "no column 'meter' in file,label,counter"),
        (lambda text: text + b"2.png,7.0\n", r"labels\.csv:4: 2 cells; expected 3"),
        (lambda text: text.replace(b",a", b",\xe4"), r"not UTF-8 text"),
        (lambda text: text[: text.index(b"\n") + 1], "no rows below the header"),
        (lambda text: text.replace(b",a", b"," + LEFT_OUT_METERS[0].encode()), "no picture of a meter that may be"),
    ],
    ids=["a byte order mark", "no meter", "a short row", "another encoding", "a header alone", "none to train on"],
)
def test_what_a_table_of_meters_lacks_is_named(change: Callable[[bytes], bytes], says: str, tmp_path: Path) -> None:
    write_meters(tmp_path / "meter-digits", [("a", 4.0), ("a", 5.0)])
    table = tmp_path / "meter-digits" / "labels.csv"
    table.write_bytes(change(table.read_bytes()))
    if not says:
        assert len(meter_digits(tmp_path)[0]) == 2
        return
    with pytest.raises(LabelError, match=says):
        meter_digits(tmp_path)


def test_a_crop_cut_off_is_named(tmp_path: Path) -> None:
    write_meters(tmp_path / "meter-digits", [("a", 4.0), ("a", 5.0)])
    crop = tmp_path / "meter-digits" / "0.png"
    crop.write_bytes(crop.read_bytes()[:60])
    with pytest.raises(FaceValueError, match=r"labels\.csv:2: .*0\.png can't be read: "):
        meter_digits(tmp_path)


class Spy:
    """A canvas that notes the circles drawn on it."""

    def __init__(self, canvas: Any) -> None:
        self.canvas, self.circles = canvas, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.canvas, name)

    def drawCircle(self, *arguments: Any) -> None:
        self.circles += 1
        self.canvas.drawCircle(*arguments)


def test_a_point_that_is_drawn_between_drums_is_labelled() -> None:
    pointed = 0
    for seed in range(300):
        row = lettering.drum_row(Random(seed), [float(digit) for digit in (1, 2, 3, 4, 5)])
        sheet = np.zeros((int(HEIGHT), int(row.width) + 1, 4), dtype=np.uint8)
        with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
            spy = Spy(canvas)
            row.paint(spy)
        assert spy.circles == len(row.points), seed
        pointed += len(row.points)
    assert pointed > 10


@pytest.mark.parametrize("name", ["real", "written", "empty"])
def test_without_data_it_says_what_is_missing(name: str, tmp_path: Path) -> None:
    with pytest.raises(FaceValueError, match=r"no (mnist|meter-digits|sudoku-cells) there"):
        only(name, tmp_path).batch(1, 0, 40)


def test_drawn_rows_need_no_data(tmp_path: Path) -> None:
    assert DigitSource(data=tmp_path, shares=DRAWN).batch(1, 0, 4).count.all()


@pytest.mark.parametrize("width", [8, 20, 40, 60, 200, 1000])
def test_one_real_crop_is_fitted_as_the_reader_fits_it(width: int, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops from narrow to very wide: black beside what ``fit_row`` leaves free, and the cell where the crop is."""
    from facevalue.sources import digits as module

    white = np.full((40, width, 3), 255, np.uint8)
    monkeypatch.setattr(module, "empty_crop", lambda rnd, data: module.Crop(white, 7.0, (0.0, 1.0, 0.0, 1.0)))
    monkeypatch.setattr(module.camera, "develop", lambda rnd, rgb: rgb)
    batch = batch_of([])
    DigitSource(data=data).place_real(Random(0), batch, 0, empty=True)
    sx, sy = fit_row(width, 40, (160, 32))
    lit = batch.pictures[0, ..., 0] > 128
    assert lit.any(axis=0).sum() == pytest.approx(min(160, width * sx), abs=1)
    assert lit.any(axis=1).sum() == pytest.approx(min(32, 40 * sy), abs=1)
    x, y = np.flatnonzero(lit.any(axis=0)), np.flatnonzero(lit.any(axis=1))
    assert batch.cells[0, 0].tolist() == [x[0], x[-1] + 1, y[0], y[-1] + 1]


# ---- scores


def batch_of(*rows: Sequence[float]) -> DigitBatch:
    places = np.full((len(rows), MOST_DIGITS), np.nan, np.float32)
    for index, row in enumerate(rows):
        places[index, : len(row)] = row
    return DigitBatch(
        np.zeros((len(rows), 32, 160, 3), np.uint8),
        np.array([len(row) for row in rows]),
        places,
        np.zeros((len(rows), MOST_DIGITS), np.int64),
        np.full((len(rows), MOST_DIGITS, 4), np.nan, np.float32),
    )


def seen(*rows: Sequence[float]) -> list[RowBelief]:
    """Beliefs of a network that sees these places without a doubt."""
    bins = np.arange(100) / 10
    beliefs = []
    for row in rows:
        off = (bins[None] - np.array(row).reshape(-1, 1) + 5) % 10 - 5
        p = np.exp(-0.5 * (off / 0.07) ** 2) + 1e-9
        log_p = np.log(p / p.sum(axis=1, keepdims=True)).astype(np.float32)
        nothing = np.zeros((len(row), 2), np.float32)
        beliefs.append(RowBelief(log_p, nothing[:, 0], float(len(row)), np.eye(9)[len(row)], nothing, nothing))
    return beliefs


@pytest.mark.parametrize(
    ("true", "read", "expected", "reason"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], {"exact": 1.0, "counted": 1.0}, "right"),
        ([[1.0, 2.0]], [[1.0, 3.0]], {"exact": 0.0, "counted": 1.0}, "a digit wrong"),
        ([[1.0, 2.0]], [[1.0]], {"exact": 0.0, "counted": 0.0}, "a digit missing"),
        ([[1.0, 2.0]], [[1.0, 2.0, 3.0]], {"exact": 0.0, "counted": 0.0}, "a digit too many"),
        ([[3.44]], [[3.5]], {"exact": 1.0, "place_within_0.1": 1.0}, "of a single drum within a tenth"),
        ([[3.44]], [[3.6]], {"exact": 1.0, "place_within_0.1": 0.0}, "farther off, the same digit"),
        ([[9.96]], [[0.0]], {"exact": 1.0, "place_within_0.1": 1.0}, "round the drum"),
        ([[4.0]], [[4.0, 4.0]], {"exact": 0.0, "place_within_0.1": 0.0}, "of what was read as two, nothing is near"),
        ([[]], [[]], {"exact": 1.0, "counted": 1.0}, "nothing, and nothing read"),
        ([[]], [[1.0]], {"exact": 0.0, "counted": 0.0}, "a digit where there is none"),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]], {"exact": 0.5}, "one of two"),
        ([[1.0, np.nan], [3.0, 4.0]], [[1.0, 5.0], [3.0, 4.0]], {"exact": 1.0}, "what nobody can tell is not judged"),
        ([[1.0, 9.9]], [[1.0, 9.9]], {"exact": 1.0}, "shown as 10, by both"),
    ],
)
def test_scores(true: Any, read: Any, expected: dict[str, float], reason: str) -> None:
    # One more single drum, read right, and one more row, so that no share is of nothing.
    scores = batch_of(*true, [5.0], [6.0]).scores(seen(*read, [5.0], [6.0]))
    whole = sum(not np.isnan(row).any() for row in map(np.array, true)) + 2
    single = sum(len(row) == 1 for row in true) + 2
    for name, value in expected.items():
        if name == "place_within_0.1":
            assert scores[name] == pytest.approx((value * (single - 2) + 2) / single), reason
        else:
            assert scores[name] == pytest.approx((value * (whole - 2) + 2) / whole), reason


@pytest.mark.parametrize(
    ("rows", "reason"),
    [([[1.0, 2.0]], "no single drum"), ([[np.nan, 2.0]], "none that can be told"), ([], "no picture at all")],
)
def test_scores_of_nothing_are_not_numbers_and_no_warning(rows: Any, reason: str) -> None:
    scores = batch_of(*rows).scores(seen(*([1.0] * len(row) for row in rows)))
    assert np.isnan(scores["place_within_0.1"]), reason


def test_scores_are_told_in_one_line() -> None:
    assert DigitBatch.describe({"exact": 0.5, "counted": 1.0}) == "exact 50.0%, counted 100.0%"


def test_the_digits_of_the_labels_are_those_that_are_shown() -> None:
    assert shown(tenths(np.array([1.9, 9.9, 3.2], np.float32))).tolist() == [2, 0, 3]


# ---- the true data sets, where they are


@pytest.mark.skipif(DATA is None, reason="FACEVALUE_DATA names no folder of data sets")
def test_the_true_data_sets() -> None:
    assert DATA is not None
    for name in ("mnist", "meter-digits", "sudoku-cells"):
        if not Path(DATA, datasets.ORIGINS[name].folder).is_dir():
            pytest.skip(f"no {name} in FACEVALUE_DATA")
    batch = DigitSource(data=Path(DATA)).batch(7, 0, 128)
    check_labels(batch)
    assert (batch.count == 0).any()
    assert (batch.count > 1).any()
