"""Pages of separate digits: what is found on them, in which order, and what ``facevalue read --page`` says of it.

Pages are drawn with Pillow. Where FACEVALUE_DATA names a folder with MNIST, handwritten digits are pasted on sheets of
paper and boards as well. A stand-in that compares with templates takes the place of the trained reader.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from facevalue.cli import main
from facevalue.errors import FaceValueError, PictureError
from facevalue.images import RGB, Source, open_picture
from facevalue.mnist_form import Steps, normalise
from facevalue.page import Page, draw_page, read_page
from facevalue.reader import read_each
from facevalue.reading import Alternative, Reading
from facevalue.sheets import Box, cut_digit, cut_digits, find_digits, group_rows, label_pieces, look_over
from facevalue.sources.datasets import read_idx
from facevalue.sources.sheets import draw_sheet

DATA = os.environ.get("FACEVALUE_DATA")
MNIST = Path(DATA or "", "mnist", "t10k-images-idx3-ubyte.gz")
PAPER, INK = (240, 238, 230), (30, 35, 110)
Glyphs = Sequence[NDArray[np.uint8]]  # each (28, 28), ink bright on black


# ---- pages and readers to test with ----------------------------------------------------------------------------------


def write(
    rows: Sequence[str],
    *,
    size: tuple[int, int] = (600, 450),
    height_px: int = 50,
    pitch: tuple[int, int] = (80, 100),
    slope: float = 0.0,
    paper: tuple[int, int, int] = PAPER,
    ink: tuple[int, int, int] = INK,
) -> Image.Image:
    """A page with rows of printed digits, a space for a gap; slope: how far rows fall for each pixel to the right."""
    page = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(height_px * 1.35)
    for i, row in enumerate(rows):
        for j, digit in enumerate(row):
            x, y = 60 + j * pitch[0], 75 + i * pitch[1] + slope * j * pitch[0]
            draw.text((x, y), digit, font=font, fill=ink, anchor="mm")
    return page


def with_lines(
    page: Image.Image, pitch_px: int, colour: tuple[int, int, int], fall: int = 0, squared: bool = True
) -> RGB:
    """Ruled lines under the ink, as on squared or lined paper; fall: how far they fall from left to right."""
    lines = Image.new("RGB", page.size, (255, 255, 255))
    draw = ImageDraw.Draw(lines)
    for y in range(pitch_px // 3, page.height, pitch_px):
        draw.line((0, y, page.width, y + fall), fill=colour, width=2)
    for x in range(pitch_px // 3, page.width, pitch_px) if squared else ():
        draw.line((x, 0, x - fall, page.height), fill=colour, width=2)
    return np.minimum(np.asarray(page), np.asarray(lines))


def in_shadow(page: Image.Image, blur_px: float, corner: float = 0.0, lit: int = 120) -> RGB:
    """A phone's shadow over half of the page, and light that falls off to one side.

    corner: how far down it begins.  lit: light that is left in it, of 255.
    """
    shadow = Image.new("L", page.size, 255)
    width, height = page.size
    corners = [(width * 0.35, height * corner), (width, 0), (width, height), (width * 0.5, height)]
    ImageDraw.Draw(shadow).polygon(corners, fill=lit)
    light = np.asarray(shadow.filter(ImageFilter.GaussianBlur(blur_px))) / 255 * np.linspace(1, 0.75, width)
    return (np.asarray(page) * light[..., None]).astype(np.uint8)


def on_table(page: Image.Image) -> RGB:
    """A sheet that lies askew on a dark table and fills part of the picture."""
    turned = page.convert("RGBA").rotate(4, Image.Resampling.BICUBIC, expand=True)
    table = Image.new("RGB", (turned.width + 260, turned.height + 160), (70, 52, 40))
    table.paste(turned, (170, 60), turned)
    return np.asarray(table)


def as_chalk(glyph: NDArray[np.uint8], side_px: int) -> RGB:
    picture = Image.fromarray(glyph).resize((side_px, side_px), Image.Resampling.BICUBIC)
    return np.asarray(picture.convert("RGB"))


@functools.cache
def printed_glyphs() -> list[NDArray[np.uint8]]:
    """Ten digits of Pillow's own font, upright."""
    glyphs = []
    for digit in range(10):
        glyph = Image.new("L", (28, 28))
        ImageDraw.Draw(glyph).text((14, 14), str(digit), font=ImageFont.load_default(26), fill=255, anchor="mm")
        glyphs.append(np.asarray(glyph))
    return glyphs


@functools.cache
def slanted_glyphs() -> list[NDArray[np.uint8]]:
    """The same, each slanted in six ways."""
    return [
        np.asarray(Image.fromarray(glyph).rotate(angle, Image.Resampling.BICUBIC))
        for glyph in printed_glyphs()
        for angle in range(-15, 16, 6)
    ]


@functools.cache
def handwritten_glyphs() -> NDArray[np.uint8]:
    return read_idx(MNIST)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    both = max(width, 0) * max(height, 0)
    return both / (sum((box.right - box.left) * (box.bottom - box.top) for box in (a, b)) - both)


def measure_finding(glyphs: Glyphs, pages: int, seed: int) -> tuple[float, float]:
    """Recall and precision over pages of 20 digits; a digit counts as found where a box covers half of both."""
    rng = np.random.default_rng(seed)
    hits = found_count = true_count = 0
    for _ in range(pages):
        rgb, boxes, _ = draw_sheet(rng, glyphs, (400, 300))
        true = [Box(*box) for box in boxes]
        found = find_digits(rgb)
        hits += sum(max((overlap(box, other) for other in found), default=0) > 0.45 for box in true)
        found_count += len(found)
        true_count += len(true)
    return hits / true_count, min(hits / found_count, 1.0)


class TemplateReader:
    """Reads printed digits by the nearest template; what is unlike all of them is a question mark."""

    def __init__(
        self, kind: str = "digits", model: str | Path | None = None, threads: int = 1, scale: object = None
    ) -> None:
        self.seen: list[RGB] = []

    def read(self, source: Source) -> Reading:
        rgb = open_picture(source)
        self.seen.append(rgb)
        seen = normalise(rgb).astype(float).ravel()
        likeness = [float(np.corrcoef(seen, template)[0, 1]) if seen.any() else 0.0 for template in templates()]
        order = np.argsort(likeness)[::-1]
        sure = max(likeness[order[0]], 0.0)
        value = str(order[0]) if sure > 0.5 else "?"
        others = tuple(Alternative(str(i), max(likeness[i], 0.0) / 10) for i in order[1:4])
        return Reading("digits", value, float(order[0]), sure, sure < 0.7, others, "template-1", 0.1)

    def read_many(self, sources: Iterable[Source], *, on_error: str = "raise") -> Iterator[Reading | FaceValueError]:
        return (self.read(source) for source in sources)


@functools.cache
def templates() -> list[NDArray[np.float64]]:
    pages = [np.asarray(write([str(digit)], size=(120, 150))) for digit in range(10)]
    return [normalise(cut_digit(page, find_digits(page)[0])).astype(float).ravel() for page in pages]


def values(rgb: RGB) -> list[str]:
    """What is read on a page, row by row."""
    page = read_page(TemplateReader(), rgb)
    rows = [""] * max(page.rows, default=0)
    for row, reading in zip(page.rows, page.readings, strict=True):
        rows[row - 1] += reading.value
    return rows


# ---- finding ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(DATA is None or not MNIST.is_file(), reason="FACEVALUE_DATA names no folder with MNIST")
def test_finds_handwritten_digits_on_photographed_pages() -> None:
    recall, precision = measure_finding(list(handwritten_glyphs()), pages=40, seed=1)
    assert recall >= 0.99
    assert precision >= 0.99


def test_finds_printed_digits_on_photographed_pages() -> None:
    recall, precision = measure_finding(slanted_glyphs(), pages=8, seed=2)
    assert recall >= 0.99
    assert precision >= 0.99


ROWS = ["3141592", "6535897", "9323846"]


@pytest.mark.parametrize(
    "rgb",
    [
        pytest.param(np.asarray(write(ROWS)), id="ink on paper"),
        pytest.param(np.asarray(write(ROWS, paper=(35, 60, 48), ink=(225, 228, 220))), id="chalk on a board"),
        pytest.param(np.asarray(write(ROWS, paper=(128, 128, 128), ink=(250, 250, 250))), id="white on grey"),
        pytest.param(np.asarray(write(ROWS, ink=(195, 195, 190))), id="pencil: a fifth darker than the paper"),
        pytest.param(np.asarray(write(ROWS, slope=0.1)), id="rows fall by a row's height over the page"),
        pytest.param(np.asarray(write(ROWS, slope=-0.1)), id="rows rise"),
        pytest.param(with_lines(write(ROWS), 40, (170, 190, 230)), id="squares, pale"),
        pytest.param(with_lines(write(ROWS), 40, (60, 60, 60), fall=9), id="squares as dark as the ink, aslant"),
        pytest.param(with_lines(write(ROWS), 34, (40, 40, 60), fall=-14, squared=False), id="lines through digits"),
        pytest.param(in_shadow(write(ROWS), 0.5), id="a shadow with a sharp edge through digits"),
        pytest.param(in_shadow(write(ROWS), 9), id="a shadow with a soft edge"),
        pytest.param(
            in_shadow(write(ROWS, paper=(60, 80, 70), ink=(240, 240, 235)), 3),
            id="a board half in shadow: chalk is dim",
        ),
        pytest.param(in_shadow(write(ROWS), 1, lit=50), id="in the sun, with a fifth of its light in the shadow"),
        pytest.param(
            in_shadow(write(ROWS, paper=(60, 80, 70), ink=(240, 240, 235)), 1, lit=85),
            id="a board in the sun, half in a dark shadow",
        ),
        pytest.param(on_table(write(ROWS)), id="a sheet on a dark table: the table is no ink, nor are its corners"),
        pytest.param(on_table(write(ROWS, paper=(70, 90, 80), ink=(240, 240, 235))), id="a board on a darker wall"),
        pytest.param(np.asarray(write(ROWS).filter(ImageFilter.GaussianBlur(1.6))), id="out of focus"),
        pytest.param(np.asarray(write(ROWS).resize((1800, 1350))), id="a larger picture"),
        pytest.param(np.asarray(write(ROWS).resize((300, 225), Image.Resampling.BOX)), id="a small one, 25 px a digit"),
    ],
)
def test_finds_all_digits_in_rows(rgb: RGB) -> None:
    sheet = look_over(rgb)
    assert sheet.rows == (1,) * 7 + (2,) * 7 + (3,) * 7
    for row in (sheet.boxes[0:7], sheet.boxes[7:14], sheet.boxes[14:21]):
        assert list(row) == sorted(row)
    heights = [box.bottom - box.top for box in sheet.boxes]
    assert np.ptp(heights) <= 0.3 * np.median(heights)  # digits alone, and whole


@pytest.mark.parametrize(
    "rgb",
    [
        pytest.param(np.asarray(write(ROWS)), id="ink on paper"),
        pytest.param(np.asarray(write(ROWS, paper=(35, 60, 48), ink=(225, 228, 220))), id="chalk on a board"),
        pytest.param(np.asarray(write(ROWS, slope=0.1)), id="rows fall by a row's height over the page"),
        pytest.param(np.asarray(write(ROWS, slope=-0.1)), id="rows rise"),
        pytest.param(with_lines(write(ROWS), 40, (170, 190, 230)), id="squares"),
    ],
)
def test_reads_all_rows_in_order(rgb: RGB) -> None:
    assert values(rgb) == ROWS


def grey_noise(mean: float, deviation: float) -> RGB:
    noise = np.random.default_rng(0).normal(mean, deviation, (300, 400, 1))
    return np.repeat(noise.clip(0, 255).astype(np.uint8), 3, axis=2)


def plain(level: int, height: int = 300, width: int = 400) -> RGB:
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize(
    "rgb",
    [
        pytest.param(plain(255), id="white"),
        pytest.param(plain(0), id="black: dividing by it must not make ink"),
        pytest.param(plain(235), id="paper"),
        pytest.param(plain(128, 8, 8), id="the smallest picture there is"),
        pytest.param(plain(128, 8, 3000), id="a strip"),
        pytest.param(grey_noise(200, 15), id="noise on paper"),
        pytest.param(grey_noise(12, 10), id="noise in the dark"),
        pytest.param(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8), id="nothing but noise"),
        pytest.param(np.asarray(Image.linear_gradient("L").convert("RGB")), id="light falling off to black"),
        pytest.param(np.asarray(Image.radial_gradient("L").convert("RGB")), id="light falling off from the middle"),
        pytest.param(in_shadow(Image.new("RGB", (600, 450), PAPER), 0.5, 0.2), id="a shadow's corner on blank paper"),
        pytest.param(on_table(Image.new("RGB", (600, 450), PAPER)), id="a blank sheet on a table"),
        pytest.param(with_lines(Image.new("RGB", (600, 450), PAPER), 40, (60, 60, 90), fall=5), id="squared paper"),
    ],
)
def test_finds_nothing_where_nothing_is_written(rgb: RGB) -> None:
    assert find_digits(rgb) == []


@pytest.mark.parametrize(
    ("digit", "side_px"),
    [
        pytest.param(3, 28, id="a picture of MNIST"),
        pytest.param(0, 600, id="fills a picture, with a broad stroke"),
        pytest.param(1, 600, id="fills a picture; its stroke is no ruled line"),
        pytest.param(8, 120, id="its insides are no digits"),
    ],
)
def test_finds_one_digit_alone(digit: int, side_px: int) -> None:
    for rgb in (as_chalk(printed_glyphs()[digit], side_px), ~as_chalk(printed_glyphs()[digit], side_px)):
        (box,) = find_digits(rgb)
        ys, xs = np.nonzero(printed_glyphs()[digit] > 100)
        true = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) * side_px / 28
        assert overlap(box, Box(*true)) > 0.7


Marks = Callable[[ImageDraw.ImageDraw], Any]


@pytest.mark.parametrize(
    ("add", "count"),
    [
        pytest.param(lambda draw: draw.ellipse((280, 40, 288, 48), fill=INK), 21, id="a dot"),
        pytest.param(lambda draw: draw.line((90, 75, 108, 75), fill=INK, width=5), 21, id="a dash between two digits"),
        pytest.param(lambda draw: draw.line((0, 425, 600, 431), fill=INK, width=4), 21, id="a line drawn under it"),
        pytest.param(lambda draw: draw.rectangle((0, 0, 15, 450), fill=(20, 20, 20)), 21, id="the picture's dark edge"),
        pytest.param(lambda draw: draw.rectangle((8, 8, 590, 440), outline=INK, width=3), 21, id="a frame round all"),
        pytest.param(lambda draw: draw.line((165, 25, 190, 25), fill=INK, width=5), 21, id="a bar cut off from its 5"),
        pytest.param(lambda draw: draw.line((40, 328, 80, 328), fill=PAPER, width=4), 21, id="a gap through a digit"),
        pytest.param(lambda draw: draw.line((560, 320, 563, 370), fill=INK, width=5), 22, id="a 1 near the edge"),
        pytest.param(lambda draw: draw.point([(x, 400) for x in range(20, 600, 9)], fill=INK), 21, id="dust"),
    ],
)
def test_other_marks_are_no_digits(add: Marks, count: int) -> None:
    page = write(["3154592", "6535897", "9323846"], pitch=(78, 125))
    add(ImageDraw.Draw(page))
    assert len(find_digits(np.asarray(page))) == count


def test_full_squares_stay_apart() -> None:
    rgb = np.asarray(write(["88888888"] * 6, size=(560, 440), pitch=(60, 60)))
    sheet = look_over(rgb)
    assert sheet.rows == tuple(row for row in range(1, 7) for _ in range(8))


def test_whose_ink_is_whose() -> None:
    sheet = look_over(with_lines(write(["31"]), 40, (150, 170, 220)))
    assert len(sheet.boxes) == 2
    assert set(np.unique(sheet.owner)) == {-1, 0, 1, 2}
    scale = sheet.owner.shape[1] / 600
    for number, box in enumerate(sheet.boxes, 1):
        _, xs = np.nonzero(sheet.owner == number)
        assert xs.min() >= box.left * scale - 1
        assert xs.max() <= box.right * scale + 1


@pytest.mark.parametrize(
    ("picture", "count"),
    [
        pytest.param(["....", "...."], 0, id="empty"),
        pytest.param(["#..#", "#..#"], 2, id="two, at the borders of neighbouring rows: no wrapping round"),
        pytest.param(["#...", ".#..", "..#."], 1, id="a diagonal holds together"),
        pytest.param(["#.#.#", "#.#.#", "#####"], 1, id="a comb is joined at its end"),
        pytest.param(["#####", "#...#", "#.#.#", "#...#", "#####"], 2, id="one inside the other"),
        pytest.param(["...#", "#..."], 2, id="end of a row and start of the next"),
    ],
)
def test_connected_pieces(picture: list[str], count: int) -> None:
    mask = np.array([[c == "#" for c in row] for row in picture])
    labels, found = label_pieces(mask)
    assert found == count
    assert np.array_equal(labels > 0, mask)
    assert set(np.unique(labels[mask])) == set(range(1, count + 1))


# ---- rows ------------------------------------------------------------------------------------------------------------


def boxes_at(*centres: tuple[int, int]) -> list[Box]:
    return [Box(x - 15, y - 20, x + 15, y + 20) for x, y in centres]


@pytest.mark.parametrize(
    ("boxes", "rows"),
    [
        pytest.param([], [], id="none"),
        pytest.param(boxes_at((50, 50)), [[0]], id="one"),
        pytest.param(boxes_at((90, 50), (30, 56)), [[1, 0]], id="two side by side, the left one first"),
        pytest.param(boxes_at((60, 150), (50, 50)), [[1], [0]], id="two, one above the other"),
        pytest.param(boxes_at((50, 50), (400, 110), (750, 170)), [[0, 1, 2]], id="three on a slant of ten degrees"),
        pytest.param(boxes_at((50, 50), (120, 58), (50, 95), (120, 103)), [[0, 1], [2, 3]], id="rows close together"),
        pytest.param(
            [Box(0, 0, 20, 60), Box(30, 25, 50, 55), Box(60, 5, 90, 60)], [[0, 1, 2]], id="a small digit on the line"
        ),
    ],
)
def test_rows(boxes: list[Box], rows: list[list[int]]) -> None:
    assert group_rows(boxes) == rows


# ---- crops -----------------------------------------------------------------------------------------------------------


def test_a_crop_is_square_with_the_digit_in_its_middle() -> None:
    crop = cut_digit(np.asarray(write(["1"])), Box(50, 50, 70, 100), margin=0.2)
    assert crop.shape == (70, 70, 3)
    assert crop.dtype == np.uint8


def test_a_crop_beyond_the_picture_is_paper() -> None:
    rgb = plain(200, 60, 60)
    rgb[5:55, 20:30] = 20
    crop = cut_digit(rgb, Box(20, 5, 30, 55), margin=0.5)
    assert crop.shape == (100, 100, 3)
    assert np.count_nonzero(crop != 200) == 50 * 10 * 3


@pytest.mark.parametrize(
    "rgb",
    [
        pytest.param(np.asarray(write(["171"], pitch=(34, 100))), id="neighbours on both sides"),
        pytest.param(with_lines(write(["  7"], pitch=(17, 100)), 23, (60, 60, 60)), id="squares round it"),
    ],
)
def test_a_crop_shows_no_other_ink(rgb: RGB) -> None:
    sheet = look_over(rgb)
    middle = len(sheet.boxes) // 2
    box, crop = sheet.boxes[middle], cut_digits(rgb, sheet, 0.4)[middle].astype(int)
    side = len(crop)
    inset = round(side * (1 - 1 / 1.8) / 2) - 5  # the ring round the box
    crop[inset : side - inset, inset : side - inset] = PAPER
    assert np.abs(crop - PAPER).max() < 40
    alone = cut_digit(rgb, box, 0.4).astype(int)
    alone[inset : side - inset, inset : side - inset] = PAPER
    assert np.abs(alone - PAPER).max() > 100  # there was other ink


def test_a_thin_digit_is_not_taken_for_the_bold_one_that_reaches_into_its_box() -> None:
    page = write(["3580"])
    draw = ImageDraw.Draw(page)
    draw.line((100, 340, 150, 260), fill=INK, width=4)
    draw.text((131, 345), "8", font=ImageFont.load_default(80), fill=INK, anchor="lb", stroke_width=2)
    rgb = np.asarray(page)
    sheet = look_over(rgb)
    thin = next(k for k, box in enumerate(sheet.boxes) if box.top > 200 and box.left < 110)
    box = sheet.boxes[thin]
    shares = np.bincount(sheet.owner[box.top : box.bottom, box.left : box.right].ravel(), minlength=len(sheet.boxes))
    assert shares[1:].argmax() != thin  # most of the ink in its box is not its own
    ink = np.abs(cut_digits(rgb, sheet)[thin].astype(int) - PAPER).max(axis=2) > 100
    assert 250 < np.count_nonzero(ink) < 500  # a stroke of 94 by 4 pixels


def test_a_normalised_digit_is_like_one_of_mnist() -> None:
    for digit in "0123456789":
        rgb = np.asarray(write([digit], size=(120, 150)))
        result = normalise(cut_digit(rgb, find_digits(rgb)[0]))
        assert result.shape == (28, 28)
        assert result.dtype == np.uint8
        ys, xs = np.nonzero(result)
        assert max(np.ptp(ys), np.ptp(xs)) + 1 == 20
        mass = result.astype(float)
        assert np.abs(np.average(np.arange(28), weights=mass.sum(axis=1)) - 14) <= 0.51
        assert np.abs(np.average(np.arange(28), weights=mass.sum(axis=0)) - 14) <= 0.51


RED_ON_WHITE = write(["7"], size=(120, 150), paper=(255, 255, 255), ink=(255, 40, 40))


@pytest.mark.parametrize(
    ("steps", "corner", "shades", "ink_px"),
    [
        pytest.param(Steps(), 0, True, 20, id="all: 20 px of white on black"),
        pytest.param(Steps(invert=False), 255, True, 20, id="not inverted: black on white"),
        pytest.param(Steps(otsu=False), 0, False, 20, id="no threshold: red stays a grey"),
        pytest.param(Steps(centre=False), 0, True, 26, id="not centred: the whole picture shrunk"),
        pytest.param(Steps(grey=False), 0, True, 0, id="the red channel alone: red ink is gone"),
    ],
)
def test_each_step_can_be_left_out(steps: Steps, corner: int, shades: bool, ink_px: int) -> None:
    rgb = np.asarray(RED_ON_WHITE.crop((35, 45, 85, 105)))
    result = normalise(rgb, steps)
    assert result[0, 0] == corner
    assert (set(np.unique(result)) >= {corner, 255 - corner}) == (shades and ink_px > 0)
    ys, _ = np.nonzero(result != corner)
    assert (np.ptp(ys) + 1 if len(ys) else 0) == pytest.approx(ink_px, abs=3 if steps == Steps(centre=False) else 0)


@pytest.mark.parametrize("steps", [Steps(), Steps(otsu=False), Steps(centre=False), Steps(False, False, False, False)])
@pytest.mark.parametrize("level", [0, 130, 255])
def test_a_blank_crop_stays_blank(level: int, steps: Steps) -> None:
    assert np.ptp(normalise(plain(level, 30, 30), steps)) == 0


def test_dark_and_light_ink_are_normalised_alike() -> None:
    rgb = np.asarray(write(["4"], size=(120, 150), paper=(230, 230, 230), ink=(20, 20, 20)))
    assert np.array_equal(normalise(rgb), normalise(~rgb))


# ---- reading ---------------------------------------------------------------------------------------------------------


def test_lines_and_json_of_a_page() -> None:
    readings = (
        Reading("digits", "3", 3.0, 0.97, False, (Alternative("8", 0.02), Alternative("5", 0.01)), "digits-1", 2.0),
        Reading("digits", "5", 5.0, 0.6, True, (Alternative("6", 0.3),), "digits-1", 2.0),
        Reading("digits", "?", float("nan"), 0.41, True, (), "digits-1", 2.0),
    )
    page = Page((Box(1, 2, 3, 4), Box(11, 2, 13, 4), Box(1, 12, 3, 14)), (1, 1, 2), readings, "digits-1", 12.345)
    assert page.lines("a.jpg") == ["a.jpg  row 1  3 5?  97% 60%", "a.jpg  row 2  ?  41%"]
    record = page.to_dict("a.jpg", top=2)
    assert json.dumps(record["page"][0]) == (
        '{"value": "3", "confidence": 0.97, "uncertain": false, "box": [1, 2, 3, 4], "row": 1, '
        '"alternatives": [{"value": "8", "confidence": 0.02}]}'
    )
    assert [digit["row"] for digit in record["page"]] == [1, 1, 2]
    del record["page"]
    assert record == {"file": "a.jpg", "kind": "digits", "model": "digits-1", "milliseconds": 12.3}
    assert "file" not in page.to_dict()
    assert Page((), (), ()).lines("a.jpg") == ["a.jpg  no digits found"]


def test_boxes_are_in_pixels_of_the_whole_picture() -> None:
    page = write(ROWS)
    stream = BytesIO()
    page.resize((3600, 2700), Image.Resampling.BICUBIC).save(stream, "JPEG")  # decoded at half its size
    large = read_page(TemplateReader(), stream.getvalue())
    assert [reading.value for reading in large.readings] == list("".join(ROWS))
    for box, other in zip(large.boxes, find_digits(np.asarray(page)), strict=True):
        assert overlap(box, Box(*(6 * side for side in other))) > 0.8


@pytest.mark.parametrize(("prepare", "shape"), [("crop", (75, 75, 3)), ("mnist", (28, 28, 3))])
def test_what_the_reader_is_given(prepare: Any, shape: tuple[int, int, int]) -> None:
    reader = TemplateReader()
    page = read_page(reader, np.asarray(write(["42"])), prepare=prepare)
    assert [reading.value for reading in page.readings] == ["4", "2"]
    assert page.model == "template-1"
    assert page.milliseconds > 0
    for rgb in reader.seen:
        assert np.allclose(rgb.shape, shape, atol=6 if prepare == "crop" else 0)


def test_an_error_of_the_reader_is_not_a_digit() -> None:
    class Broken(TemplateReader):
        def read_many(self, sources: Any, *, on_error: str = "raise") -> Iterator[Reading | FaceValueError]:
            return iter([PictureError("broken")])

    with pytest.raises(PictureError, match="broken"):
        read_page(Broken(), np.asarray(write(["4"])))


def test_overlay_marks_the_digits_and_grows_a_caption() -> None:
    rgb = np.asarray(write(["4"]))
    before = rgb.copy()
    reading = Reading("digits", "4", 4.0, 0.9, False)
    page = Page(tuple(find_digits(rgb)), (1,), (reading,))
    sure = draw_page(rgb, page)
    unsure = draw_page(rgb, Page(page.boxes, (1,), (Reading("digits", "4", 4.0, 0.4, True),)))
    assert np.array_equal(rgb, before)
    assert sure.shape[0] > rgb.shape[0]
    assert sure.shape[1] == rgb.shape[1]
    box = page.boxes[0]
    assert sure[(box.top + box.bottom) // 2, box.left - 8 : box.left + 3].tolist().count([90, 220, 140]) >= 2
    assert unsure[(box.top + box.bottom) // 2, box.left - 8 : box.left + 3].tolist().count([255, 190, 60]) >= 2
    assert not np.array_equal(sure[: box.top], unsure[: box.top])  # the ? above the box
    small = draw_page(plain(200, 30, 40), Page((), (), ()))
    assert small.shape[1] == 480


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder with page.png and blank.png; the reader is the stand-in."""
    stand_in = types.ModuleType("facevalue.reader")
    stand_in.Reader = TemplateReader  # type: ignore[attr-defined]
    opened = lambda kind, model, scale, _, **others: stand_in.Reader(kind, model, scale=scale)  # noqa: E731
    stand_in.open_reader = opened  # type: ignore[attr-defined]
    stand_in.read_each = read_each  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "facevalue.reader", stand_in)
    monkeypatch.chdir(tmp_path)
    write(["358", "071"]).save("page.png")
    Image.new("RGB", (300, 200), PAPER).save("blank.png")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["read", "--kind", "digits", "--page", *arguments], catch_exceptions=False)


def test_prints_a_line_a_row(folder: Path) -> None:
    result = run("page.png")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("page.png  row 1  3 5 8  ")
    assert second.startswith("page.png  row 2  0 7 1  ")
    assert all(share.endswith("%") for share in first.split()[-3:])


def test_prints_one_json_object_a_picture(folder: Path) -> None:
    result = run("page.png", "blank.png", "--json", "--top", "2")
    assert result.exit_code == 0
    page, blank = (json.loads(line) for line in result.stdout.splitlines())
    assert list(page) == ["file", "kind", "page", "model", "milliseconds"]
    assert [(digit["value"], digit["row"]) for digit in page["page"]] == [
        *(("3", 1), ("5", 1), ("8", 1)),
        *(("0", 2), ("7", 2), ("1", 2)),
    ]
    assert list(page["page"][0]) == ["value", "confidence", "uncertain", "box", "row", "alternatives"]
    assert all(len(digit["alternatives"]) == 1 for digit in page["page"])
    assert blank["page"] == []
    assert blank["kind"] == "digits"


def test_a_page_without_digits_is_read_all_the_same(folder: Path) -> None:
    result = run("blank.png")
    assert (result.exit_code, result.stdout) == (0, "blank.png  no digits found\n")


def test_a_bad_file_does_not_stop_the_others(folder: Path) -> None:
    result = run("none.png", "page.png")
    assert result.exit_code == 1
    assert "none.png: no such file" in result.stderr
    assert len(result.stdout.splitlines()) == 2


def test_writes_overlays(folder: Path) -> None:
    assert run("page.png", "blank.png", "--overlay", "marked").exit_code == 0
    with Image.open(folder / "marked" / "page.png") as marked:
        assert marked.width == 600
        assert marked.height > 450
    assert (folder / "marked" / "blank.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--kind", "clock"], "it needs --kind digits, not clock", id="a page of clocks"),
        pytest.param(["--kind", "dial"], "it needs --kind digits, not dial", id="a page of dials"),
        pytest.param(["--top", "3"], "--json", id="the line has no room for other values"),
    ],
)
def test_wrong_usage_is_one_line(folder: Path, arguments: list[str], says: str) -> None:
    result = run("page.png", *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr
