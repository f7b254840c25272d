"""Rows of digits as people meet them: drawn rows, and real digits from data sets whose licence allows it.

lettering rows ──► placed, lit, developed ─┐
real crops, alone or side by side ─────────┼─► DigitBatch: pictures and where each digit stands
pictures without a digit ──────────────────┘
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from facevalue.codecs.digits import MOST_DIGITS, RowBelief, shown, tenths
from facevalue.errors import FaceValueError, LabelError
from facevalue.images import fit_row
from facevalue.labels import read_cells
from facevalue.metrics import place_is_right
from facevalue.sources import albums, camera, displays, lettering, paint
from facevalue.sources.clocks import ClockSource
from facevalue.sources.datasets import DATA_VARIABLE, find_dataset, read_idx_pair, read_npz
from facevalue.sources.dials import DialSource
from facevalue.sources.lettering import HEIGHT, Row
from facevalue.sources.mnist import augmented
from facevalue.sources.paint import skia

RGB = NDArray[np.uint8]

# Meters that training never sees, so that reading an unseen meter can be measured.
LEFT_OUT_METERS = (
    "collected/powermeter/Landis+Gyr - MM2600JH",
    "collected/powermeter/Heliowatt/IKN",
    "collected/powermeter/unknown/japander",
    "collected/watermeter/pp",
    "collected/watermeter/integra/NiLi",
)
# Meters among the others that show their digits on an LCD.
LCD_METERS = (
    "collected/lcd",
    "collected/lcd/lcd_pb",
    "collected/powermeter/LandisGyrT330_C",
    "collected/powermeter/unknown/liflitz",
    "collected/watermeter/Metrona/cold",
    "collected/watermeter/Metrona/warm",
    "collected/watermeter/watermeter_lcd",
)
SYNTH_BATCH = 64
UNKNOWN = -1  # whether a point follows a digit
MNIST_CELL = (0.2, 0.8, 0.12, 0.88)
LEFT_BY_LIGHT = 0.08  # of the contrast of a row, under the strongest light on its pane
STRIPS = 0.8  # of the displays: a meter's, cut close
FACES = 0.3  # of the pictures without a digit: clocks and dials
DRAWN_FACES = 1500  # different ones
BLANK_CONTRAST = 30  # a crop with less between its darkest and lightest parts shows a cell that is off
SHARES = {
    "printed": 0.05,
    "segments": 0.36,
    "dots": 0.015,
    "drums": 0.12,
    "written": 0.165,
    "real": 0.17,
    "empty": 0.05,
    "lcd": 0.07,
}
# of a training for displays, which keeps in mind what else there is
DISPLAY_SHARES = {
    "printed": 0.05,
    "segments": 0.62,
    "dots": 0.02,
    "drums": 0.05,
    "written": 0.06,
    "real": 0.05,
    "empty": 0.04,
    "lcd": 0.11,
}
# of a training for all of them that keeps what was learned of displays
MOSTLY_DISPLAY_SHARES = {
    "printed": 0.04,
    "segments": 0.39,
    "dots": 0.02,
    "drums": 0.1,
    "written": 0.11,
    "real": 0.13,
    "empty": 0.05,
    "lcd": 0.16,
}
NEED_DATA = ("written", "real", "empty", "lcd")  # kinds of rows that are drawn from data sets


def drawn_shares() -> tuple[tuple[str, float], ...]:
    """How often each kind of row is drawn that needs no data set."""
    return tuple((name, share) for name, share in SHARES.items() if name not in NEED_DATA)


@dataclass(frozen=True)
class DigitBatch:
    """Pictures of rows of digits and what stands where in them.

    pictures: (N, H, W, 3) uint8.  count: (N,) int64 digits.  places: (N, 8) float32, 0 <= place < 10, NaN where there
    is no digit or nobody could tell it.  points: (N, 8) int64, 1 where a decimal point or comma follows,
    UNKNOWN where nobody said.  cells: (N, 8, 4) float32 left, right, top and bottom of each digit in pixels, NaN where
    there is none or it is not known.
    """

    pictures: NDArray[np.uint8]
    count: NDArray[np.int64]
    places: NDArray[np.float32]
    points: NDArray[np.int64]
    cells: NDArray[np.float32]

    def labels(self) -> dict[str, NDArray[np.generic]]:
        """What the codecs of digits encode, by name."""
        return {"count": self.count, "places": self.places, "points": self.points, "cells": self.cells}

    def label(self, index: int) -> str:
        """What picture ``index`` shows, as an index has it: digits with their point, or tenths of one drum, or NaN."""
        count = int(self.count[index])
        places = self.places[index, :count]
        if count == 0 or np.isnan(places).any():
            return "NaN"
        if count == 1 and tenths(places)[0] % 10:
            return f"{tenths(places)[0] / 10:.1f}"
        digits = shown(tenths(places)).tolist()
        return "".join(f"{d}{'.' if p == 1 else ''}" for d, p in zip(digits, self.points[index], strict=False))

    def scores(self, beliefs: Sequence[RowBelief]) -> dict[str, float]:
        """Of rows whose digits can all be told: counted right, all digits right; of single ones: place within 0.1."""
        read = [belief.read() for belief in beliefs]
        whole = [i for i, n in enumerate(self.count.tolist()) if not np.isnan(self.places[i, :n]).any()]
        counted = [len(read[i].digits) == self.count[i] for i in whole]
        exact: list[bool] = [
            counted[k] and read[i].digits == tuple(shown(tenths(self.places[i, : self.count[i]])).tolist())
            for k, i in enumerate(whole)
        ]
        single = [i for i in whole if self.count[i] == 1]
        near = [len(read[i].digits) == 1 and bool(place_is_right(read[i].number(), self.places[i, 0])) for i in single]
        return {
            name: float(np.mean(right)) if right else math.nan
            for name, right in (("exact", exact), ("counted", counted), ("place_within_0.1", near))
        }

    @staticmethod
    def describe(scores: dict[str, float]) -> str:
        shares = {name: value for name, value in scores.items() if name != "loss"}
        return ", ".join(f"{name} {value:.1%}" for name, value in shares.items())


def ends_of_cell(
    matrix: NDArray[np.float64], left: float, right: float, top: float, bottom: float
) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of a digit's cell, the middles of its sides, moved by a matrix (3, 3)."""
    across, down = (left + right) / 2, (top + bottom) / 2
    middle = matrix @ np.array([[left, right, across, across], [down, down, top, bottom], [1.0, 1.0, 1.0, 1.0]])
    x, y = middle[:2] / middle[2]
    return x[0], x[1], y[2], y[3]


class Crop(NamedTuple):
    """A real picture of one digit.  place: NaN where it shows none.  cell: left, right, top, bottom, shares of it."""

    rgb: RGB
    place: float
    cell: tuple[float, float, float, float]


@dataclass(frozen=True)
class DigitSource:
    """Rows of one to eight digits in a frame of size_px (width, height).

    data: folder of the data sets mnist, meter-digits and sudoku-cells; None for where ``find_dataset`` looks.
    shares: of each kind of picture.
    """

    size_px: tuple[int, int] = (160, 32)
    data: Path | None = None
    shares: tuple[tuple[str, float], ...] = tuple(SHARES.items())

    def batch(self, seed: int, step: int, count: int) -> DigitBatch:
        """``count`` pictures, a pure function of (seed, step) and of the data."""
        rnd = Random(f"digits {seed} {step}")
        across, down = self.size_px
        batch = DigitBatch(
            np.zeros((count, down, across, 3), dtype=np.uint8),
            np.zeros(count, dtype=np.int64),
            np.full((count, MOST_DIGITS), np.nan, dtype=np.float32),
            np.zeros((count, MOST_DIGITS), dtype=np.int64),
            np.full((count, MOST_DIGITS, 4), np.nan, dtype=np.float32),
        )
        names, weights = zip(*self.shares, strict=True)
        for index, name in enumerate(rnd.choices(names, weights, k=count)):
            if name == "real":
                self.place_real(rnd, batch, index)
            elif name == "lcd":
                self.place_display(rnd, batch, index)
            else:
                self.draw_one(rnd, name, batch, index)
        return batch

    def draw_one(self, rnd: Random, name: str, batch: DigitBatch, index: int) -> None:
        """Draw a row of that kind into picture ``index``, and write down what stands where."""
        if name == "empty":
            what = rnd.random()
            if what < 0.3:
                self.place_real(rnd, batch, index, empty=True)
            elif what < 0.3 + FACES:
                batch.pictures[index] = draw_face(rnd, self.size_px)
            else:
                batch.pictures[index] = draw_empty(rnd, self.size_px)
            return
        strip = name == "segments" and rnd.random() < STRIPS
        row = lettering.meter_display(rnd) if strip else self.make_row(rnd, name)
        first, last = 0, len(row.places)
        if last > 1 and not strip and rnd.random() < 0.2:  # a crop of some of them, which cuts their neighbours off
            first = rnd.randrange(last)
            last = rnd.randint(first + 1, min(last, first + rnd.choice((1, 2, MOST_DIGITS))))
        picture, matrix, covered = draw_row(rnd, row, self.size_px, first, last, strip=strip)
        batch.pictures[index] = picture
        batch.count[index] = last - first
        for k, digit in enumerate(range(first, last)):
            (left, right), (top, bottom) = row.cells[digit], row.extents()[digit]
            batch.places[index, k] = np.nan if digit in covered else row.places[digit] % 10
            batch.points[index, k] = digit in row.points and digit + 1 < last
            batch.cells[index, k] = ends_of_cell(matrix, left, right, top, bottom)

    def make_row(self, rnd: Random, name: str) -> Row:
        digits = lettering.pick_digits(rnd, lettering.pick_count(rnd, name))
        if name == "printed":
            return lettering.printed_row(rnd, digits)
        if name == "segments":
            return lettering.segment_row(rnd, digits)
        if name == "dots":
            return lettering.dot_row(rnd, digits)
        if name == "drums":
            if rnd.random() < 0.55:
                return lettering.drum_row(rnd, [rnd.random() * 10])
            return lettering.drum_row(rnd, lettering.counter_places(rnd, digits))
        glyphs, by_digit = mnist_glyphs(self.data)
        written = [bent(rnd, as_others_write(rnd, glyphs[rnd.choice(by_digit[digit])], digit)) for digit in digits]
        return lettering.written_row(rnd, digits, written)

    def place_display(self, rnd: Random, batch: DigitBatch, index: int) -> None:
        """Real digits of one LCD meter side by side, as its display may look in a photo; see ``sources.displays``."""
        chosen = display_crops(rnd, self.data)
        display = displays.join(rnd, [rgb for rgb, _ in chosen])
        picture, matrix = displays.photograph(rnd, display.rgb, self.size_px)
        batch.pictures[index] = picture
        batch.count[index] = len(chosen)
        for k, ((_, place), (left, right, top, bottom)) in enumerate(zip(chosen, display.cells, strict=True)):
            batch.places[index, k] = place
            batch.points[index, k] = UNKNOWN  # some crops show the one that follows their digit
            batch.cells[index, k] = ends_of_cell(matrix, left, right, top, bottom)

    def place_real(self, rnd: Random, batch: DigitBatch, index: int, empty: bool = False) -> None:
        """One real crop as the reader fits it, or several side by side, which teaches more for the same arithmetic."""
        across, down = self.size_px
        canvas = batch.pictures[index]
        count = 1 if empty or rnd.random() < 0.4 else rnd.randint(2, 7)
        cells_of_mnist = False
        if empty:
            crops = [empty_crop(rnd, self.data)]
        elif count > 1 and rnd.random() < 0.25:  # as MNIST's digits are joined into sequences
            cells_of_mnist = True
            crops = [mnist_crop(rnd, self.data, plain=True) for _ in range(min(count, 5))]
        elif count > 1 and rnd.random() < 0.4:
            crops = counter_crops(rnd, self.data, count)
        else:
            crops = [real_crop(rnd, self.data) for _ in range(count)]
        if len(crops) == 1:
            height, width = crops[0].rgb.shape[:2]
            sx, sy = fit_row(width, height, self.size_px)
            size = min(across, max(1, round(width * sx))), min(down, max(1, round(height * sy)))
            boxes = [((across - size[0]) // 2, (down - size[1]) // 2, *size)]
        else:
            same = cells_of_mnist or rnd.random() < 0.5
            gap = 0 if cells_of_mnist else rnd.choice((0, 0, 1, rnd.randint(0, 8)))
            heights = [down if same else rnd.randint(down * 9 // 16, down) for _ in crops]
            widths = [max(6, round(c.rgb.shape[1] / c.rgb.shape[0] * h)) for c, h in zip(crops, heights, strict=True)]
            total = sum(widths) + gap * (len(crops) - 1)
            if total > across:
                shrink = across / total
                widths = [max(6, int(width * shrink)) for width in widths]
                least = shrink if shrink > 1 / 1.6 else shrink * 1.6
                heights = [max(10, int(height * min(1.0, least))) for height in heights]
                gap = int(gap * shrink)
                total = sum(widths) + gap * (len(crops) - 1)
            while total > across:  # at most the last one or two go
                crops, widths, heights = crops[:-1], widths[:-1], heights[:-1]
                total = sum(widths) + gap * (len(crops) - 1)
            if rnd.random() < 0.4:
                canvas[:] = np.array([int(255 * c) for c in paint.any_colour(rnd)], dtype=np.uint8)
            x = (across - total) // 2
            boxes = []
            for width, height in zip(widths, heights, strict=True):
                y = (down - height) // 2 if same else rnd.randint(0, down - height)
                boxes.append((x, y, width, height))
                x += width + gap
        for k, (crop, (left, top, width, height)) in enumerate(zip(crops, boxes, strict=True)):
            small = np.asarray(Image.fromarray(crop.rgb).resize((width, height), Image.Resampling.BICUBIC))
            if rnd.random() < (0.25 if cells_of_mnist else 0.6):
                small = camera.develop(rnd, small)
            canvas[top : top + height, left : left + width] = small
            if math.isnan(crop.place):
                continue
            batch.places[index, k] = crop.place
            a, b, c, d = crop.cell
            batch.cells[index, k] = left + a * width, left + b * width, top + c * height, top + d * height
        batch.count[index] = 0 if math.isnan(crops[0].place) else len(crops)


def write_pictures(out: Path, n: int, seed: int, sheet: bool, height_px: int, data: Path | None = None) -> None:
    """``facevalue synth digits``: a folder of PNG files with labels.csv, or one contact sheet.

    Pictures five times as wide as high, with the digits as label, the point where it is and the tenths of a single
    drum; NaN where there is no digit or one is covered. Handwriting and real digits are among them where a folder of
    data sets is named, by data or FACEVALUE_DATA.  Raises FaceValueError when OUT can't be written.
    """
    shares = dict(SHARES)
    if data is None and not os.environ.get(DATA_VARIABLE):
        shares = dict(drawn_shares())
        print("no data sets: drawn rows alone, without handwriting; name their folder with --data", file=sys.stderr)
    source = DigitSource((5 * height_px, height_px), data, tuple(shares.items()))
    batches = (source.batch(seed, step, SYNTH_BATCH) for step in range(-(-n // SYNTH_BATCH)))
    pictures = ((batch.pictures[i], batch.label(i)) for batch in batches for i in range(SYNTH_BATCH))
    chosen = itertools.islice(pictures, n)
    if sheet:
        albums.write_sheet(out, chosen)
    else:
        albums.write_folder(out, "label", chosen, n, f"digits_{seed}")


# ---- drawn rows ------------------------------------------------------------------------------------------------------


def draw_row(
    rnd: Random, row: Row, size_px: tuple[int, int], first: int, last: int, *, strip: bool = False
) -> tuple[RGB, NDArray[np.float64], set[int]]:
    """The picture of a row as a stranger crops it, fitted into the frame as the reader fits it.

    first, last: the digits wanted, first <= k < last; of their neighbours less than half is left in the picture.
    strip: as detectors cut out displays: little above and below, more or less room on either side, in the shapes of
    sets that were scaled to one size, their noise with them; neither coarse nor covered.
    Returns (H, W, 3) uint8, the matrix (3, 3) from the row's units to pixels, and which digits were covered.
    """
    across, down = size_px
    kind = 0.0 if strip else rnd.random()
    if kind < 0.35:
        share = rnd.uniform(0.58 if strip else 0.8, 1.0)
    else:
        share = rnd.uniform(0.55, 0.85) if kind < 0.82 else rnd.uniform(0.32, 0.6)
    tall = HEIGHT / share
    begin, end = 0.0, row.width
    if first > 0:
        begin = row.cells[first][0] - rnd.uniform(0, 0.4) * (row.cells[first - 1][1] - row.cells[first - 1][0])
    if last < len(row.cells):
        end = row.cells[last - 1][1] + rnd.uniform(0, 0.4) * (row.cells[last][1] - row.cells[last][0])
    is_part = first > 0 or last < len(row.cells)
    length = end - begin
    loose = rnd.uniform(-3, 15) if kind < 0.35 else rnd.uniform(0, 60) if kind < 0.82 else rnd.uniform(0, 160)
    wide = length + (0.0 if is_part else loose + (loose if rnd.random() < 0.6 else rnd.uniform(-3, 60)))
    aside = 0.0
    if strip:
        before, after = (
            rnd.uniform(-3, 20) if kind < 0.45 else rnd.uniform(0, 80) if kind < 0.82 else rnd.uniform(40, 250)
            for kind in (rnd.random(), rnd.random())
        )
        wide, aside = length + before + after, (before - after) / 2
    angle = math.radians(rnd.gauss(0, 2.0) if is_part or rnd.random() < 0.7 else rnd.uniform(-11, 11))
    c, s = math.cos(angle), math.sin(angle)
    tall = max(tall, abs(s) * length * 0.9 + c * HEIGHT)
    if not is_part:
        wide = max(wide, abs(c) * length * 0.98 + abs(s) * HEIGHT * 0.7)
    squeeze = math.exp(rnd.gauss(0, 0.15))
    if strip or rnd.random() < row.stretched:  # as sets of crops have it that were all scaled to one size
        aspect = rnd.uniform(5.5, 7.0) if strip and rnd.random() < 0.5 else rnd.uniform(3.5, 7.5)
        squeeze = min(max(aspect * tall / wide, 1 / 1.6), 2.6)
    sx, sy = fit_row(wide * squeeze, tall, size_px)
    area = min(across, wide * squeeze * sx), min(down, tall * sy)
    left, top = (across - area[0]) / 2, (down - area[1]) / 2
    free = tall - (abs(s) * length + HEIGHT)
    shift = (rnd.uniform(-0.5, 0.5) * max(0.0, wide - length) * 0.7, rnd.uniform(-0.5, 0.5) * max(free, 4.0) * 0.9)
    if strip:
        shift = aside, shift[1]
    centred = np.array([[1.0, 0.0, -(begin + end) / 2], [0.0, 1.0, -HEIGHT / 2], [0.0, 0.0, 1.0]])
    lean = rnd.gauss(0, 0.07)
    turned = np.array([[c, -s + lean * c, shift[0]], [s, c + lean * s, shift[1]], [0.0, 0.0, 1.0]])
    if rnd.random() < 0.4 and not is_part:
        turned[2, 0], turned[2, 1] = rnd.gauss(0, 0.07) / max(row.width, 300.0), rnd.gauss(0, 0.08) / 300.0
    placed = np.array([[squeeze * sx, 0.0, across / 2], [0.0, sy, down / 2], [0.0, 0.0, 1.0]])
    matrix = placed @ turned @ centred

    finer = 1.0
    if rnd.random() < (0.45 if strip else 0.3):  # a tiny picture, scaled up
        finer = rnd.uniform(0.55, 1.0) if strip or rnd.random() < 0.7 else rnd.uniform(0.4, 0.7)
    drawn = max(8, round(across * finer)), max(8, round(down * finer))
    sheet = np.zeros((drawn[1], drawn[0], 4), dtype=np.uint8)
    covered: set[int] = set()
    with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
        canvas.scale(drawn[0] / across, drawn[1] / down)
        canvas.clipRect(skia.Rect.MakeXYWH(left, top, *area))
        draw_ground(canvas, rnd, row, size_px, matrix)
        canvas.save()
        canvas.concat(skia.Matrix.MakeAll(*(float(v) for v in matrix.ravel())))
        row.paint(canvas)
        if rnd.random() < 0.12:
            canvas.save()
            canvas.translate(rnd.uniform(0, row.width), HEIGHT / 2)
            camera.draw_glass(canvas, rnd, rnd.uniform(50, 160))
            canvas.restore()
        if rnd.random() < row.glossy:
            draw_veil(canvas, rnd, row)
        if rnd.random() < 0.08:  # dirt and scratches
            for _ in range(rnd.randint(1, 6)):
                colour = paint.any_colour(rnd)
                x, y = rnd.uniform(0, row.width), rnd.uniform(-10, 110)
                if rnd.random() < 0.5:
                    canvas.drawCircle(x, y, rnd.uniform(1, 9), paint.fill(colour, rnd.uniform(0.3, 1)))
                else:
                    to = x + rnd.gauss(0, 60), y + rnd.gauss(0, 60)
                    canvas.drawLine(x, y, *to, paint.stroke(colour, rnd.uniform(1, 4), rnd.uniform(0.3, 1)))
        if not strip and rnd.random() < 0.03:
            covered.add(cover_digit(canvas, rnd, row))
        canvas.restore()
    rgb = sheet[..., :3]
    early = strip and drawn != size_px and rnd.random() < 0.5
    if early:  # its noise is scaled up with it
        rgb = camera.develop(rnd, np.ascontiguousarray(rgb))
    if drawn != size_px:
        resample = Image.Resampling.BILINEAR
        if early:
            resample = rnd.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC))
        elif not strip and rnd.random() >= 0.7:
            resample = Image.Resampling.NEAREST
        rgb = np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize(size_px, resample))
    x0, x1, y0, y1 = round(left), round(left + area[0]), round(top), round(top + area[1])
    picture = np.zeros((down, across, 3), dtype=np.uint8)
    part = np.ascontiguousarray(rgb[y0:y1, x0:x1])
    if rnd.random() < (0.35 if strip else 0.2):
        part = camera.blurred(part, rnd.uniform(0.3, 2.0 if strip else 1.5), rnd.uniform(0.3, 1.5))
    picture[y0:y1, x0:x1] = camera.develop(rnd, part) if rnd.random() < (0.4 if early else 0.92) else part
    return picture, matrix, covered


def draw_ground(
    canvas: skia.Canvas, rnd: Random, row: Row, size_px: tuple[int, int], matrix: NDArray[np.float64]
) -> None:
    """What the row stands on: a plain, shaded or grained ground, or a plate on some other wall."""
    kind = rnd.random()
    plate = rnd.random() < 0.3
    if plate and rnd.random() < 0.5:
        canvas.save()
        canvas.scale(size_px[0] / size_px[1], 1.0)
        paint.draw_background(canvas, rnd, size_px[1])
        canvas.restore()
    elif plate:
        canvas.clear(paint.argb(paint.any_colour(rnd)))
    canvas.save()
    if plate:
        canvas.concat(skia.Matrix.MakeAll(*(float(v) for v in matrix.ravel())))
        pad = rnd.uniform(8, 60)
        box = skia.Rect.MakeLTRB(-pad, -rnd.uniform(8, 45), row.width + pad, HEIGHT + rnd.uniform(8, 45))
        canvas.clipRect(box, skia.ClipOp.kIntersect, True)
    if kind < 0.45:
        canvas.drawPaint(paint.fill(row.ground))
    elif kind < 0.85:
        if not plate:
            canvas.translate(size_px[0] / 2, size_px[1] / 2)
        extent = max(row.width, HEIGHT) if plate else size_px[0] * 0.6
        canvas.drawPaint(paint.gradient(rnd, row.ground, extent, rnd.uniform(0.03, 0.3)))
    else:
        strength = rnd.uniform(0.3, 1.2) * row.contrast
        canvas.drawPaint(paint.grain(rnd, row.ground, rnd.uniform(1, 8) * (3 if plate else 1), strength))
    canvas.restore()


def draw_veil(canvas: skia.Canvas, rnd: Random, row: Row) -> None:
    """Light on the pane, or a display seen from a bad angle: contrast that fades towards one side of the row.

    It leaves something to see: faint rows get weaker light.
    """
    colour = paint.mixed(row.ground, rnd.choice(((1.0, 1.0, 1.0), paint.any_colour(rnd), row.ground)), rnd.random())
    strongest = min(0.88, max(0.3, 1 - LEFT_BY_LIGHT / row.contrast))
    strong = rnd.uniform(0.3, strongest)
    if rnd.random() < 0.35:  # a lamp or a window mirrored near an end of the row
        centre = skia.Point(rnd.choice((0.0, row.width)) + rnd.gauss(0, 50), rnd.uniform(-40, 140))
        white = paint.mixed(colour, (1.0, 1.0, 1.0), rnd.random())
        shades = [paint.argb(white, strong), paint.argb(white, strong * rnd.uniform(0.5, 1)), paint.argb(white, 0.0)]
        shader = skia.GradientShader.MakeRadial(centre, rnd.uniform(70, 260), shades, [0.0, rnd.uniform(0.2, 0.7), 1.0])
    else:
        begin = rnd.uniform(-0.2, 1.2) * row.width
        length = rnd.choice((-1, 1)) * rnd.uniform(0.3, 1.2) * max(row.width, HEIGHT)
        ends = [skia.Point(begin, rnd.uniform(-40, 140)), skia.Point(begin + length, rnd.uniform(-40, 140))]
        shades = [paint.argb(colour, strong), paint.argb(colour, rnd.choice((0.0, 0.0, strong / 3)))]
        shader = skia.GradientShader.MakeLinear(ends, shades)
    canvas.drawRect(skia.Rect.MakeLTRB(-500, -500, row.width + 500, HEIGHT + 500), skia.Paint(Shader=shader))


def cover_digit(canvas: skia.Canvas, rnd: Random, row: Row) -> int:
    """Hide one digit wholly; returns its index."""
    index = rnd.randrange(len(row.cells))
    left, right = row.cells[index]
    colour = paint.any_colour(rnd)
    box = skia.Rect.MakeLTRB(left - 8, -22, right + 8, HEIGHT + 22)
    if rnd.random() < 0.5:
        canvas.drawRect(box, paint.fill(colour))
    else:
        box.outset(0.2 * box.width(), 0.2 * box.height())
        canvas.drawOval(box, paint.fill(colour))
    return index


def draw_face(rnd: Random, size_px: tuple[int, int]) -> RGB:
    """A clock or a dial as the reader of rows fits its photo into the frame: round, but no zero."""
    across, down = size_px
    face = face_of(rnd.randrange(DRAWN_FACES), 2 * down)
    wide = rnd.uniform(0.8, 1.25)
    sx, sy = fit_row(wide, 1.0, size_px)
    width, height = min(across, round(wide * sx)), min(down, round(sy))
    left, top = (across - width) // 2, (down - height) // 2
    small = np.asarray(Image.fromarray(face).resize((width, height), Image.Resampling.BILINEAR))
    sheet = np.zeros((down, across, 3), dtype=np.uint8)
    sheet[top : top + height, left : left + width] = camera.develop(rnd, small) if rnd.random() < 0.5 else small
    return sheet


@functools.lru_cache(maxsize=DRAWN_FACES)
def face_of(number: int, side_px: int) -> RGB:
    """(S, S, 3) uint8 of a drawn clock or, two in five, a dial; kept, as a new face takes longer than ten rows."""
    source = DialSource(side_px) if number % 5 < 2 else ClockSource(side_px)
    return np.asarray(source.batch(number, 0, 1).pictures[0], dtype=np.uint8)


def draw_empty(rnd: Random, size_px: tuple[int, int]) -> RGB:
    """A picture without a digit: flat, noise, texture, clutter, a display that is off, ruled paper."""
    across, down = size_px
    kind = rnd.random()
    wide = rnd.uniform(0.6, 1.6) if rnd.random() < 0.4 else rnd.uniform(0.5, 12)
    sx, sy = fit_row(wide, 1.0, size_px)
    area = max(8, min(across, round(wide * sx))), max(8, min(down, round(sy)))
    left, top = (across - area[0]) // 2, (down - area[1]) // 2
    fitted = rnd.random() < 0.5  # things as the whole picture shows them, or a strip out of a wider wall
    sheet = np.zeros((down, across, 4), dtype=np.uint8)
    if kind < 0.15:
        sheet[..., :3] = rnd.choice((0, 255, rnd.randrange(256)))
    elif kind < 0.3:
        random = np.random.default_rng(rnd.getrandbits(62))
        coarse = rnd.choice((1, 2, 4, 8))
        noise = random.integers(0, 256, (-(-down // coarse), -(-across // coarse), rnd.choice((1, 3))))
        sheet[..., :3] = noise.astype(np.uint8).repeat(coarse, 0).repeat(coarse, 1)[:down, :across]
    else:
        with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
            canvas.save()
            if fitted:
                canvas.translate(left, top)
                canvas.scale(area[0] / down, area[1] / down)
            else:
                canvas.scale(across / down, 1.0)
            paint.draw_background(canvas, rnd, down)
            if kind < 0.5:
                for _ in range(rnd.randrange(9)):
                    paint.draw_clutter(canvas, rnd, down)
            canvas.restore()
            if kind > 0.7:
                ground, pitch = paint.any_colour(rnd), rnd.uniform(4, 24)
                canvas.clear(paint.argb(ground))
                pen = paint.stroke(paint.contrasting(rnd, ground, 0.1), rnd.uniform(0.3, 3), rnd.uniform(0.2, 1))
                canvas.rotate(rnd.choice((0, 0, rnd.uniform(-8, 8), rnd.uniform(0, 90))))
                for step in range(-20, 60):
                    if kind < 0.87:
                        canvas.drawLine(-300, step * pitch, 400, step * pitch, pen)
                    if kind > 0.78:
                        canvas.drawLine(step * pitch, -300, step * pitch, 400, pen)
            for _ in range(rnd.randrange(4)):
                paint.draw_clutter(canvas, rnd, down)
            if rnd.random() < 0.25:
                colour = paint.any_colour(rnd)
                for _ in range(rnd.randint(1, 3)):
                    lettering.draw_letters(canvas, rnd, rnd.uniform(0, across * 0.8), rnd.uniform(8, 34), colour)
    picture = np.zeros((down, across, 3), dtype=np.uint8)
    part = np.ascontiguousarray(sheet[top : top + area[1], left : left + area[0], :3])
    picture[top : top + area[1], left : left + area[0]] = camera.develop(rnd, part) if rnd.random() < 0.7 else part
    return picture


# ---- real digits -----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def mnist_glyphs(data: Path | None) -> tuple[NDArray[np.uint8], list[list[int]]]:
    """MNIST's training digits (60000, 28, 28) uint8, and the indices of each digit."""
    pictures, labels = read_idx_pair(find_dataset("mnist", data), "train")
    return pictures, [np.flatnonzero(labels == digit).tolist() for digit in range(10)]


@functools.lru_cache(maxsize=2)
def sudoku_cells(data: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[int], list[int]]:
    """Printed cells of the training part: pictures, labels, indices of the filled and of the empty ones."""
    pictures, labels = read_npz(find_dataset("sudoku-cells", data) / "cells.npz", "train")
    return pictures, labels, np.flatnonzero(labels > 0).tolist(), np.flatnonzero(labels == 0).tolist()


def meter_of(name: str) -> str:
    """The meter that a group of pictures shows: bursts of one meter carry its name and their day, or day and hour."""
    return re.sub(r"/\d{8}(/\d\d)?$", "", name)


@functools.lru_cache(maxsize=2)
def meter_digits(data: Path | None) -> tuple[list[tuple[RGB, float]], dict[str, list[int]]]:
    """Crops and places of meter digits, and the indices of each meter's by its name, in alphabetical order.

    Meters that are left out, and cells that are off, are not among them.  Raises LabelError, FaceValueError.
    """
    folder = find_dataset("meter-digits", data)
    crops: list[tuple[RGB, float]] = []
    of_meter: defaultdict[str, list[int]] = defaultdict(list)
    path = folder / "labels.csv"
    table = read_cells(path)
    if "meter" not in table.column:
        raise LabelError(f"{path}: no column 'meter' in {','.join(table.column)}; it tells which are left out whole")
    file, label, meter = (table.column[name] for name in ("file", "label", "meter"))
    for line, cells in table.rows:
        if meter_of(cells[meter]) in LEFT_OUT_METERS:
            continue
        try:
            place = float(cells[label])
            if not 0 <= place < 10:
                raise ValueError
        except ValueError as error:
            raise LabelError(f"{path}:{line}: label {cells[label]!r} is no place from 0.0 to 9.9") from error
        try:
            with Image.open(folder / cells[file]) as picture:
                picture.draft("RGB", (48, 64))
                picture.thumbnail((48, 64), Image.Resampling.BILINEAR)
                rgb = np.asarray(picture.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise FaceValueError(f"{path}:{line}: {folder / cells[file]} can't be read: {why}") from error
        if place == 0 and contrast_of(rgb) < BLANK_CONTRAST:
            continue
        of_meter[meter_of(cells[meter])].append(len(crops))
        crops.append((rgb, place))
    if not crops:
        raise LabelError(f"{path}: no picture of a meter that may be trained on")
    return crops, dict(sorted(of_meter.items()))


def contrast_of(rgb: RGB) -> float:
    """Grey levels between a crop's darkest and its lightest parts."""
    low, high = np.percentile(rgb.mean(axis=2), (3, 97))
    return float(high - low)


def pick_meter(rnd: Random, groups: Iterable[list[int]]) -> list[int]:
    """One of some meters' indices; one with four times the crops is picked twice as often."""
    groups = list(groups)
    return rnd.choices(groups, [math.sqrt(len(group)) for group in groups])[0]


def display_crops(rnd: Random, data: Path | None) -> list[tuple[RGB, float]]:
    """Two to eight crops of one LCD meter with their places, often with zeros in front."""
    crops, groups = lcd_digits(data)
    group = pick_meter(rnd, groups)
    count = rnd.choices((2, 3, 4, 5, 6, 7, 8), (1, 1, 3, 4, 5, 4, 1))[0]
    chosen = [crops[rnd.choice(group)] for _ in range(count)]
    if rnd.random() < 0.35:
        zeros = [i for i in group if crops[i][1] == 0]
        for k in range(min(rnd.choice((1, 2, 3)), count) if zeros else 0):
            chosen[k] = crops[rnd.choice(zeros)]
    return chosen


@functools.lru_cache(maxsize=2)
def lcd_digits(data: Path | None) -> tuple[list[tuple[RGB, float]], list[list[int]]]:
    """What ``meter_digits`` has, and the indices of each meter's that shows them on an LCD, of LCD_METERS.

    Where none of those is among them, of all meters.  Raises as that does.
    """
    crops, of_meter = meter_digits(data)
    groups = [of_meter[name] for name in LCD_METERS if name in of_meter]
    plain = [
        [i for i in group if crops[i][1] % 1 == 0 and contrast_of(crops[i][0]) >= BLANK_CONTRAST] for group in groups
    ]
    return crops, [group for group in plain if group] or list(of_meter.values())


def turned(rnd: Random, rgb: RGB, degrees: float, stretch: float, shift: float) -> RGB:
    """A crop turned, sheared, scaled and shifted a little about its centre; its edges repeat."""
    height, width = rgb.shape[:2]
    angle = math.radians(rnd.gauss(0, degrees))
    c, s = math.cos(angle), math.sin(angle)
    sx, sy = math.exp(rnd.gauss(0, stretch)), math.exp(rnd.gauss(0, stretch))
    shear = rnd.gauss(0, degrees / 60)
    a, b, d, e = c * sx, (-s + shear) * sy, s * sx, c * sy
    x, y = width / 2, height / 2
    dx, dy = rnd.gauss(0, shift) * width, rnd.gauss(0, shift) * height
    pad = max(2, max(height, width) // 6)
    framed = np.pad(rgb, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    matrix = (a, b, x - a * x - b * y + dx + pad, d, e, y - d * x - e * y + dy + pad)
    moved = Image.fromarray(framed).transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    return np.asarray(moved)


def real_crop(rnd: Random, data: Path | None) -> Crop:
    """A meter's digit, a handwritten or a printed one."""
    kind = rnd.random()
    if kind < 0.46:
        crops, of_meter = meter_digits(data)
        return meter_crop(rnd, *crops[rnd.choice(pick_meter(rnd, of_meter.values()))])
    if kind < 0.9:
        return mnist_crop(rnd, data)
    pictures, labels, filled, _ = sudoku_cells(data)
    index = rnd.choice(filled)
    grey = pictures[index]
    rgb = turned(rnd, np.repeat(grey[..., None], 3, axis=2), 5, 0.06, 0.04)
    if rnd.random() < 0.15:
        rgb = np.asarray(255 - rgb)
    return Crop(rgb, float(labels[index]), (0.2, 0.8, 0.15, 0.85))


def meter_crop(rnd: Random, rgb: RGB, place: float) -> Crop:
    if rnd.random() < 0.7:
        rgb = turned(rnd, rgb, 1.5, 0.06, 0.03)
    if rnd.random() < 0.15:
        rgb = np.asarray(255 - rgb)
    if rnd.random() < 0.15:
        rgb = np.ascontiguousarray(rgb[..., rnd.choice(((2, 1, 0), (1, 2, 0), (0, 2, 1)))])
    if rnd.random() < 0.15:
        rgb = with_streaks(rnd, rgb)
    if rnd.random() < 0.2:  # dim or foggy: little is left between its darkest and its lightest parts
        left, middle = rnd.uniform(0.12, 0.6), rgb.mean()
        rgb = np.clip((rgb - middle) * left + rnd.uniform(0.15, 1.05) * middle, 0, 255).astype(np.uint8)
    return Crop(rgb, place, (0.12, 0.88, 0.1, 0.9))


def with_streaks(rnd: Random, rgb: RGB) -> RGB:
    """Lamps mirrored in a drum, which is round: short bright bars across it, seldom dark ones."""
    image = Image.fromarray(rgb)
    pen = ImageDraw.Draw(image, "RGBA")
    height, width = rgb.shape[:2]
    level = rnd.choice((255, 255, 230, 40))
    for _ in range(rnd.randint(1, 4)):
        x, y, long = rnd.uniform(-0.3, 0.9) * width, rnd.random() * height, rnd.uniform(0.2, 1.2) * width
        colour = (level, level, rnd.choice((level, level * 4 // 5)), rnd.randint(60, 240))
        pen.rectangle((x, y, x + long, y + rnd.uniform(0.0, 0.06) * height), fill=colour)
    return np.asarray(image)


def counter_crops(rnd: Random, data: Path | None, count: int) -> list[Crop]:
    """Digits of one meter, as its whole counter would show them, though not with places that belong together."""
    crops, of_meter = meter_digits(data)
    group = pick_meter(rnd, of_meter.values())
    return [meter_crop(rnd, *crops[rnd.choice(group)]) for _ in range(count)]


def bent(rnd: Random, glyph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half of the digits turned, bent, thickened or thinned, as ``sources.mnist`` does it."""
    if rnd.random() < 0.5:
        return glyph
    changed = augmented(np.random.default_rng(rnd.getrandbits(62)), glyph[None], rnd.uniform(0.4, 1.0))[0]
    return changed if (changed > 100).any() else glyph


def with_bar(rnd: Random, glyph: NDArray[np.uint8], digit: int) -> NDArray[np.uint8]:
    """Every fourth 7 with a bar across its stem, as much of the world writes it and MNIST seldom has it."""
    if digit != 7 or rnd.random() > 0.25:
        return glyph
    image = Image.fromarray(glyph)
    rows = np.flatnonzero((glyph > 100).any(axis=1))
    y = rows[0] + (rows[-1] - rows[0]) * rnd.uniform(0.4, 0.65)
    stem = np.flatnonzero(glyph[int(y)] > 100)
    if stem.size == 0:
        return glyph
    x, reach, lean = stem.mean(), rnd.uniform(3, 6.5), rnd.uniform(-2, 1)
    pen = ImageDraw.Draw(image)
    pen.line((x - reach, y - lean, x + reach, y + lean), fill=rnd.randint(180, 255), width=rnd.choice((1, 2, 2)))
    return np.asarray(image)


def with_flag(rnd: Random, glyph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A 1 with a flag, short or as long as half its stem, and now and then a foot, by a pen as broad as its stem's.

    MNIST's ones are mostly bare bars.  glyph: (28, 28) uint8.
    """
    rows = np.flatnonzero((glyph > 100).any(axis=1))
    if len(rows) < 8:
        return glyph
    inked = [np.flatnonzero(glyph[y] > 100) for y in (rows[1], rows[-2])]
    if any(len(ink) == 0 for ink in inked):
        return glyph
    top, foot = np.array([inked[0].mean(), rows[1]]), np.array([inked[1].mean(), rows[-2]])
    stem = foot - top
    tall = float(np.hypot(*stem))
    pen_px = float(np.median((glyph[rows] > 100).sum(axis=1))) * abs(stem[1]) / tall
    lean = math.degrees(math.atan2(-stem[0], stem[1]))
    angle = min(lean + rnd.uniform(26, 62), 62.0)  # from straight down to the left; flatter it would be a 7
    if angle < lean + 22:
        return glyph
    toward = np.array([-math.sin(math.radians(angle)), math.cos(math.radians(angle))])
    tip = top + toward * tall * rnd.uniform(0.22, 0.52)
    middle = (top + tip) / 2 + toward[::-1] * (1, -1) * tall * rnd.gauss(0, 0.05)
    strokes = [[tuple(top), tuple(middle), tuple(tip)]]
    if abs(lean) < 16 and rnd.random() < 0.3:
        reach, tilt = tall * rnd.uniform(0.15, 0.32), rnd.gauss(0, 0.7)
        strokes.append([(foot[0] - reach, foot[1] - tilt), (foot[0] + reach * rnd.uniform(0.6, 1), foot[1] + tilt)])
    return np.maximum(glyph, pen_strokes(strokes, pen_px * rnd.uniform(0.8, 1.15)))


def open_four(rnd: Random) -> NDArray[np.uint8]:
    """(28, 28) uint8: a 4 whose left stroke runs far down to a low bar, and whose stem is short and starts low.

    MNIST has few of them, and they are near a 6; what tells them apart is that the stem crosses the bar.
    """
    corner = np.array([rnd.uniform(6.5, 9.5), rnd.uniform(15, 18.5)])
    begin = np.array([corner[0] + rnd.uniform(1, 8.5), 4.5])
    belly = (begin + corner) / 2 + np.array([rnd.uniform(-1.5, 0.6), rnd.uniform(-1, 1)])
    bar = np.array([corner[0] + rnd.uniform(9, 13), corner[1] + rnd.gauss(0, 1.2)])
    across = rnd.uniform(0.6, 0.85)
    stem_x = corner[0] + (bar[0] - corner[0]) * across
    stem_top, stem_foot = corner[1] - rnd.uniform(2, 8), rnd.uniform(22, 24)
    lean = rnd.uniform(-0.35, 0.1)
    stem = [(stem_x - lean * (corner[1] - stem_top), stem_top), (stem_x + lean * (stem_foot - corner[1]), stem_foot)]
    return pen_strokes([[tuple(begin), tuple(belly), tuple(corner), tuple(bar)], stem], rnd.uniform(1.4, 3.8))


def pen_strokes(strokes: Sequence[Sequence[tuple[float, float]]], pen_px: float) -> NDArray[np.uint8]:
    """(28, 28) uint8: bent lines by a round pen, each a list of points (x, y) in pixels, with soft edges."""
    finer = 4
    image = Image.new("L", (28 * finer, 28 * finer))
    pen = ImageDraw.Draw(image)
    half = max(pen_px, 1.0) * finer / 2
    for stroke in strokes:
        points = [(x * finer, y * finer) for x, y in stroke]
        pen.line(points, fill=255, width=max(1, round(2 * half)), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - half, y - half, x + half, y + half), fill=255)
    return np.asarray(image.reduce(finer))


def as_others_write(rnd: Random, glyph: NDArray[np.uint8], digit: int) -> NDArray[np.uint8]:
    """A digit of MNIST, or as other hands than MNIST's write it: barred sevens, flagged ones, open fours."""
    if digit == 1 and rnd.random() < 0.4:
        return with_flag(rnd, glyph)
    if digit == 4 and rnd.random() < 0.2:
        return open_four(rnd)
    return with_bar(rnd, glyph, digit)


def roughened(rnd: Random, square: RGB) -> RGB:
    """A cut out digit as a coarse scan has it: in 8 to 14 pixels, or black and white with a ragged edge."""
    side = square.shape[0]
    image = Image.fromarray(square)
    if rnd.random() < 0.35:
        coarse = rnd.choice((8, 10, 12, 14))
        image = image.resize((coarse, coarse), Image.Resampling.BOX)
        again = Image.Resampling.NEAREST if coarse > 8 and rnd.random() < 0.5 else Image.Resampling.BILINEAR
        return np.asarray(image.resize((side, side), again))
    soft = np.asarray(image.filter(ImageFilter.BoxBlur(1)).getchannel(0)).astype(np.int64)
    noise = np.random.default_rng(rnd.getrandbits(62)).integers(-50, 51, soft.shape)
    ink = soft + noise > max(60, 0.5 * soft.max())
    return np.repeat(np.where(ink, np.uint8(255), np.uint8(0))[..., None], 3, axis=2)


def mnist_crop(rnd: Random, data: Path | None, plain: bool = False) -> Crop:
    """An MNIST digit as it is, moved a little; where not plain also as ink on paper, or cut out, black and white."""
    glyphs, by_digit = mnist_glyphs(data)
    digit = rnd.randrange(10)
    plain_grey = as_others_write(rnd, glyphs[rnd.choice(by_digit[digit])], digit)
    grey = bent(rnd, plain_grey)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    if grey is plain_grey and rnd.random() < 0.6:
        rgb = turned(rnd, rgb, 8, 0.09, 0.05)
    if plain:
        return Crop(rgb, float(digit), MNIST_CELL)
    cell = MNIST_CELL
    kind = rnd.random()
    if kind < 0.4:  # black and white, cut out, stretched into a square
        ink = rgb[..., 0] > rnd.uniform(70, 170)
        if not ink.any():
            ink = rgb[..., 0] > 40
        x, y = np.flatnonzero(ink.any(0)), np.flatnonzero(ink.any(1))
        if x.size and y.size:
            part = rgb[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
            side = rnd.choice((32, 32, 20, 28))
            width = max(side * part.shape[1] // part.shape[0], side // rnd.choice((1, 2, 3)))
            resized = np.asarray(Image.fromarray(np.ascontiguousarray(part)).resize((min(width, side), side)))
            square = np.zeros((side, side, 3), dtype=np.uint8)
            left = (side - resized.shape[1]) // 2
            square[:, left : left + resized.shape[1]] = resized
            beside = min(left / side, (1 - lettering.THINNEST) / 2)
            cell = (beside, 1 - beside, 0.0, 1.0)
            if rnd.random() < 0.4:  # a broad pen
                broad = Image.fromarray(square).filter(ImageFilter.MaxFilter(rnd.choice((3, 3, 5)) if side > 20 else 3))
                square = np.asarray(broad)
            rgb = np.where(square > rnd.uniform(70, 170), np.uint8(255), np.uint8(0)) if rnd.random() < 0.8 else square
            if rnd.random() < 0.35:
                rgb = roughened(rnd, rgb)
    if rnd.random() < 0.35:
        paper, ink_colour = (np.array([255 * c for c in paint.any_colour(rnd)]) for _ in range(2))
        if abs(paper.mean() - ink_colour.mean()) > 50:
            share = rgb[..., :1] / 255.0
            rgb = (paper * (1 - share) + ink_colour * share).astype(np.uint8)
        else:
            rgb = np.asarray(255 - rgb)
    return Crop(rgb, float(digit), cell)


def empty_crop(rnd: Random, data: Path | None) -> Crop:
    """A real cell without a digit."""
    pictures, _, _, blank = sudoku_cells(data)
    rgb = np.repeat(pictures[rnd.choice(blank)][..., None], 3, axis=2)
    return Crop(turned(rnd, rgb, 5, 0.06, 0.04), math.nan, (0.0, 1.0, 0.0, 1.0))
