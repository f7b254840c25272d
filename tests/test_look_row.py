"""Looking at rows: what is seen in the frame lies there in the picture, and a second look is taken when it pays."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facevalue.calibration import Calibration
from facevalue.codecs import Floats
from facevalue.codecs.digits import COLUMN_PX, COLUMNS, FRAME_PX, MOST_DIGITS, PLACES, DigitRow, RowBelief
from facevalue.images import ROW_STRETCH, fit_row, whole_row
from facevalue.look_row import (
    CUTS,
    DIGITS_SHARE,
    DOUBTED,
    SINGLE_SHARE,
    SURE,
    Look,
    look,
    make_reading,
    outline,
    straightened,
)
from facevalue.reader import Reader
from facevalue.reading import Reading, draw_overlay

FRAME = (COLUMNS * COLUMN_PX, FRAME_PX)
COLOURS = ((250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (250, 0, 250), (0, 250, 250))  # of the digits 0 .. 5
GREY = (128, 128, 128)


class ColourWeight:
    """Stands in for a Weight: a digit is a patch of one of COLOURS, and it sees where in the frame each patch is.

    doubt: share of each digit's place that is spread over the whole drum, one for each look; the last one stays.
    """

    kind, name, frame_px, calibration, codec = "digits", "told", FRAME, Calibration.untrained("digits"), DigitRow()
    narrow_px = 0

    def __init__(self, *doubt: float) -> None:
        self.doubt = list(doubt or (0.0,))
        self.seen: list[NDArray[np.uint8]] = []
        self.most = [MOST_DIGITS]  # digits that it sees at most in each look; the last one stays

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        outputs = [self.run_one(picture) for picture in pictures]
        return {name: np.concatenate([one[name] for one in outputs]) for name in outputs[0]}

    def run_one(self, pixels: NDArray[np.uint8]) -> dict[str, Floats]:
        picture = pixels.astype(int)
        self.seen.append(pixels)
        patches = []
        for digit, colour in enumerate(COLOURS):
            inside = np.abs(picture - colour).max(axis=2) < 90
            if inside.sum() >= 3:
                x, y = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
                patches.append((float(x[0]), float(x[-1] + 1), float(y[0]), float(y[-1] + 1), digit))
        patches = sorted(patches)[: self.most[min(len(self.seen), len(self.most)) - 1]]
        places, cells = np.full((1, MOST_DIGITS), np.nan, np.float32), np.full((1, MOST_DIGITS, 4), np.nan, np.float32)
        for k, (*cell, digit) in enumerate(patches):
            places[0, k], cells[0, k] = digit, cell
        labels = {"count": np.array([len(patches)]), "places": places, "cells": cells}
        cut = (COLUMNS * COLUMN_PX - pixels.shape[1]) // 2  # the codec's columns are those of a whole frame
        cells[..., :2] += cut
        targets = self.codec.encode({**labels, "points": np.zeros((1, MOST_DIGITS), np.int64)})
        columns = slice(cut // COLUMN_PX, COLUMNS - cut // COLUMN_PX)
        doubt = self.doubt.pop(0) if len(self.doubt) > 1 else self.doubt[0]
        return {
            "place": np.log((1 - doubt) * targets["place"].values + doubt / PLACES + 1e-9).astype(np.float32),
            "count": targets["count"].values[:, columns],
            "length": np.where(np.arange(MOST_DIGITS + 1) == len(patches), 9.0, -9.0).astype(np.float32)[None],
            "point": np.tile(np.array([9.0, -9.0], np.float32), (1, MOST_DIGITS, 1)),
            "extent": targets["extent"].values,
        }


def row_of(
    count: int, *, size: tuple[int, int], first: tuple[float, float], step: tuple[float, float], digit: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A grey picture with patches of COLOURS, and their boxes (count, 4): left, top, right, bottom in pixels.

    first: centre of the first one.  step: from each centre to the next.  digit: width and height of each.
    """
    picture = Image.new("RGB", size, GREY)
    boxes = []
    for k in range(count):
        x, y = round(first[0] + k * step[0]), round(first[1] + k * step[1])
        box = x - digit[0] // 2, y - digit[1] // 2, x - digit[0] // 2 + digit[0], y - digit[1] // 2 + digit[1]
        ImageDraw.Draw(picture).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=COLOURS[k])
        boxes.append(box)
    return np.asarray(picture), np.array(boxes, float)


def marked_boxes(reading: Reading) -> NDArray[np.float64]:
    """(K, 4) left, top, right, bottom of the marks, in pixels counted from the picture's corner."""
    corners = np.array([reading.marks[f"digit {k + 1}"] for k in range(len(reading.marks))]) + 0.5
    assert (corners[:, 0, 0] == corners[:, 3, 0]).all()  # from the top left clockwise, upright
    assert (corners[:, 0, 1] == corners[:, 1, 1]).all()
    return np.concatenate([corners[:, 0], corners[:, 2]], axis=1)


def assert_on_digits(reading: Reading, boxes: NDArray[np.float64], pixel: tuple[float, float]) -> None:
    """Each mark on its digit, to a column across and a pixel and a half down of the frame; pixel: one of the frame's,
    in the picture's."""
    marks = marked_boxes(reading)
    assert marks.shape == boxes.shape
    slack = np.array([COLUMN_PX * pixel[0], 1.5 * pixel[1]] * 2) + 0.12 * np.tile(boxes[:, 2:3] - boxes[:, :1], 4)
    assert (np.abs(marks - boxes) <= slack).all(), (marks, boxes)


def reader_of(weight: Any, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Reader:
    monkeypatch.setattr("facevalue.reader.load_weight", lambda path, threads: weight)
    (folder / "told.onnx").write_bytes(b"")
    return Reader("digits", folder / "told.onnx")


# ---- marks lie on the digits


@pytest.mark.parametrize(
    ("size", "digit", "reason"),
    [
        ((160, 32), (16, 24), "the frame itself"),
        ((640, 128), (60, 100), "four times the frame"),
        ((800, 100), (80, 70), "wider: stretched upwards by as much as fills the frame"),
        ((1600, 100), (90, 60), "much wider: stretched as far as it may be"),
        ((300, 200), (30, 120), "higher: black beside it"),
        ((90, 300), (14, 120), "a high strip"),
        ((120, 24), (12, 16), "small"),
    ],
)
def test_marks_lie_on_the_digits(
    size: tuple[int, int], digit: tuple[int, int], reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pitch = size[0] / 5
    rgb, boxes = row_of(4, size=size, first=(pitch, size[1] / 2), step=(pitch, 0), digit=digit)
    reading = reader_of(ColourWeight(), monkeypatch, tmp_path).read(rgb)
    assert reading.value == "0123", reason
    assert reading.number == 123
    sx, sy = fit_row(*size, FRAME)
    assert_on_digits(reading, boxes, (1 / sx, 1 / sy))


@pytest.mark.parametrize("orientation", [None, 6, 3], ids=["upright", "turned a quarter", "upside down"])
def test_marks_are_in_pixels_of_a_jpeg_that_was_decoded_reduced(
    orientation: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Eight times as large as is needed, so decoded at an eighth; the marks are in pixels of the upright whole."""
    size = (3840, 800)
    rgb, boxes = row_of(4, size=size, first=(800, 400), step=(700, 0), digit=(420, 560))
    turns = {None: 0, 6: 1, 3: 2}[orientation]
    stored, exif = Image.fromarray(np.rot90(rgb, turns)), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    stream = io.BytesIO()
    stored.save(stream, "JPEG", quality=95, exif=exif)
    weight = ColourWeight()
    reading = reader_of(weight, monkeypatch, tmp_path).read(stream.getvalue())
    assert reading.value == "0123"
    assert_on_digits(reading, boxes, (size[0] / 160, size[1] / 32))


def test_the_whole_picture_is_in_the_first_frame() -> None:
    for width, height in [(160, 32), (1000, 40), (40, 1000), (8, 8), (123, 77)]:
        frame = whole_row(np.zeros((height, width, 3), np.uint8), FRAME)
        corners = np.linalg.inv(frame) @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]])
        reach = np.abs(corners[:2]).max(axis=1)
        assert reach.max() == pytest.approx(1)  # it touches the borders one way, and is inside the other way
        stretch = (frame[0, 0] / FRAME[0]) / (frame[1, 1] / FRAME[1])
        assert 1 - 1e-9 <= stretch <= ROW_STRETCH + 1e-9
        if reach[1] < 1 - 1e-9:
            assert stretch == pytest.approx(ROW_STRETCH)  # as high as it may be


# ---- the second look


@pytest.mark.parametrize(
    ("doubt", "looks", "reason"),
    [
        (0.0, 1, "sure"),
        (0.001, 1, "all but sure"),
        (0.05, 2, "each digit a little in doubt"),
        (0.15, 2, "each one more in doubt"),
        (0.6, 6, "much in doubt"),
    ],
)
def test_more_looks_are_taken_only_in_doubt(doubt: float, looks: int, reason: str) -> None:
    rgb, _ = row_of(3, size=(400, 200), first=(140, 90), step=(60, 0), digit=(36, 60))
    weight: Any = ColourWeight(doubt)
    seen = look(weight, rgb)
    assert len(weight.seen) == looks, reason
    assert seen.number.text() == "012"
    first_joint = weight.codec.decode(ColourWeight(doubt).run(weight.seen[0][None]))[0].read().joint
    assert (first_joint < SURE) == (looks > 1)
    assert (first_joint < DOUBTED) == (looks > 2)
    if looks == 1:
        assert seen.agreed == pytest.approx(first_joint, abs=0.01)
    else:
        assert seen.number.joint > first_joint
        assert seen.agreed == pytest.approx(first_joint, abs=0.1)
        marks = make_reading(weight, seen, (1.0, 1.0), began=0.0).marks
        assert np.array(marks["digit 1"]).mean(axis=0) == pytest.approx([139.5, 89.5], abs=6)  # as first seen


@pytest.mark.parametrize(
    ("most", "kept", "reason"),
    [
        ([3, 2, 3, 3, 2, 3], 3, "four of six looks see three digits"),
        ([3, 2, 2, 2, 3, 2], 2, "four of six see two"),
        ([2, 3, 3, 2, 2, 3], 2, "as many see either; the first look is one of those that see two"),
    ],
)
def test_of_looks_that_count_differently_those_that_are_surer_together_count(
    most: list[int], kept: int, reason: str
) -> None:
    rgb, _ = row_of(3, size=(400, 200), first=(140, 90), step=(60, 0), digit=(36, 60))
    weight: Any = ColourWeight(0.3)
    weight.most = most
    seen = look(weight, rgb)
    assert len(weight.seen) == 2 + 2 * len(CUTS)
    assert seen.number.text() == "012"[:kept], reason
    alone: Any = ColourWeight(0.3)
    alone.most = [kept]
    joint = alone.codec.decode(alone.run(weight.seen[most.index(kept)][None]))[0].read().joint
    assert seen.agreed == pytest.approx(joint * most.count(kept) / len(most), abs=0.03)
    assert seen.number.joint > joint
    marks = make_reading(weight, seen, (1.0, 1.0), began=0.0).marks
    assert np.array(marks["digit 1"]).mean(axis=0) == pytest.approx([139.5, 89.5], abs=6)  # wherever it was seen


@pytest.mark.parametrize(
    ("doubt", "most", "expected", "looks", "kept", "reason"),
    [
        (0.3, [3, 2, 2, 2, 3, 2], 3, 6, 3, "two of six looks see as many as there are, which outweighs the others"),
        (0.0, [2, 3, 3, 3, 3, 3], 3, 6, 3, "however sure the first look is of two"),
        (0.0, [3], 3, 1, 3, "a sure look at as many is enough"),
        (0.3, [2], 3, 6, 2, "no look sees as many: what was seen"),
    ],
)
def test_how_many_digits_there_are_decides_which_looks_count(
    doubt: float, most: list[int], expected: int, looks: int, kept: int, reason: str
) -> None:
    rgb, _ = row_of(3, size=(400, 200), first=(140, 90), step=(60, 0), digit=(36, 60))
    weight: Any = ColourWeight(doubt)
    weight.most = most
    seen = look(weight, rgb, expected)
    assert len(weight.seen) == looks, reason
    assert seen.number.text() == "012"[:kept], reason
    reading = make_reading(weight, seen, (1.0, 1.0), began=0.0)
    if kept != expected:
        assert (reading.confidence, reading.uncertain) == (0.0, True)
        assert make_reading(weight, look(weight, rgb), (1.0, 1.0), began=0.0).confidence > 0.1  # where it isn't known
    else:
        assert reading.confidence > 0.1


def test_a_single_digit_is_looked_at_twice_at_most() -> None:
    rgb, _ = row_of(1, size=(80, 80), first=(40, 40), step=(60, 0), digit=(36, 60))
    weight: Any = ColourWeight(0.6)
    assert look(weight, rgb).number.text() == "0"
    assert len(weight.seen) == 2


def test_the_further_looks_are_through_wider_and_taller_frames() -> None:
    rgb, _ = row_of(3, size=(400, 200), first=(140, 90), step=(60, 0), digit=(36, 60))
    weight: Any = ColourWeight(0.6)
    look(weight, rgb)
    whole, straight, *cuts = (patches_of(picture) for picture in weight.seen)
    for base, wide, tall in ((whole, *cuts[:2]), (straight, *cuts[2:])):
        assert np.ptp(wide[:, 0]) == pytest.approx(np.ptp(base[:, 0]) / CUTS[0][0], abs=1.5)
        assert wide[:, 2] == pytest.approx(base[:, 2], abs=1.5)  # as high
        assert np.ptp(tall[:, 0]) == pytest.approx(np.ptp(base[:, 0]), abs=1.5)
        assert tall[:, 2] == pytest.approx(base[:, 2] / CUTS[1][1], abs=1.5)


def test_the_second_look_sees_no_edge_of_a_picture_askew() -> None:
    """What lies above and below it looks like its first and last row; beside it is black, as in the first look."""
    rgb = row_of(4, size=(314, 90), first=(22, 30), step=(90, 10), digit=(36, 50))[0].copy()
    rgb[:3], rgb[-3:] = 90, 170
    weight: Any = ColourWeight(0.3)
    look(weight, rgb)
    second = weight.seen[1]
    assert not second[:, :2].any()
    assert not second[:, -2:].any()
    inside = second[:, 12:-12].astype(int)
    for row, level in ((0, 90), (-1, 170)):
        alike = (np.abs(inside[row] - level) < 12).all(axis=1)
        assert 0.05 < alike.mean() < 0.95, "one corner reaches beyond the picture"
    assert inside.max(axis=2).min() > 40, "and nothing there is black"


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ((90.0, 0.0), "level"),
        ((90.0, 12.0), "falling"),
        ((90.0, -20.0), "rising"),
        ((80.0, 30.0), "steep"),
    ],
)
def test_the_second_look_sees_the_row_straight_and_large(step: tuple[float, float], reason: str) -> None:
    rgb, _ = row_of(4, size=(900, 420), first=(300, 200), step=step, digit=(50, 90))
    weight: Any = ColourWeight(0.3)
    look(weight, rgb)
    first, second = (patches_of(picture) for picture in weight.seen)
    assert len(first) == len(second) == 4, reason
    assert np.ptp(second[:, 1]) <= 2.8, reason  # centres on one line, but for whole pixels of the first look
    assert second[:, 1].mean() == pytest.approx(FRAME_PX / 2, abs=1)
    assert (second[0, 0] + second[-1, 0]) / 2 == pytest.approx(FRAME[0] / 2, abs=4)
    assert second[:, 2].mean() > 1.3 * first[:, 2].mean()  # larger than before
    assert second[:, 2].mean() < 0.95 * FRAME_PX  # and whole


def patches_of(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(K, 3) centre x and y and height of each patch of COLOURS, from left to right, measured by its pixels' spread."""
    found = []
    for colour in COLOURS:
        y, x = np.nonzero(np.abs(picture.astype(int) - colour).max(axis=2) < 90)
        if len(x) >= 3:
            found.append((x.mean() + 0.5, y.mean() + 0.5, y.max() + 1 - y.min()))
    return np.array(sorted(found))


def belief_in(boxes: NDArray[np.float64]) -> RowBelief:
    """A belief in digits at these boxes (K, 4) of the frame's [-1, 1]^2: left, top, right, bottom."""
    count = len(boxes)
    return RowBelief(
        np.full((count, PLACES), -math.log(PLACES), np.float32),
        np.zeros(count, np.float32),
        float(count),
        np.eye(MOST_DIGITS + 1, dtype=np.float32)[count],
        boxes[:, [0, 2]].astype(np.float32),
        boxes[:, [1, 3]].astype(np.float32),
    )


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(1, MOST_DIGITS),
    degrees=st.floats(-20, 20),
    centre=st.tuples(st.floats(200, 800), st.floats(150, 350)),
    height=st.floats(10, 120),
    wide=st.floats(0.4, 0.9),
    size=st.sampled_from([(1000, 500), (1000, 200), (400, 400)]),
)
def test_straightened_holds_the_row(
    count: int, degrees: float, centre: tuple[float, float], height: float, wide: float, size: tuple[int, int]
) -> None:
    """Whatever the tilt: level, centred, every digit inside, and the row fills the frame in one direction."""
    along = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    centres = np.array(centre) + (np.arange(count) - (count - 1) / 2)[:, None] * height * along
    half = np.array([wide * height / 2, height / 2])
    frame = whole_row(np.zeros((size[1], size[0], 3), np.uint8), FRAME)
    scale, middle = np.diag(frame)[:2], frame[:2, 2]
    boxes = np.concatenate([(centres - half - middle) / scale, (centres + half - middle) / scale], axis=1)
    belief = belief_in(boxes)
    corners = outline(belief, frame)
    assert corners[:, 0] == pytest.approx(centres - half, abs=1e-3)
    assert corners[:, 2] == pytest.approx(centres + half, abs=1e-3)

    seen = straightened(belief, frame, FRAME)
    inverse = np.linalg.inv(seen)
    level = np.column_stack([centres, np.ones(count)]) @ inverse.T
    assert level[:, 1] == pytest.approx(np.zeros(count), abs=0.02)
    assert level[:, 0] == pytest.approx(-level[::-1, 0], abs=0.02)
    inside = np.concatenate([corners.reshape(-1, 2), np.ones((4 * count, 1))], axis=1) @ inverse.T
    assert (np.abs(inside[:, 0]) < 1).all()
    assert (np.abs(inside[:, 1]) < 1.3).all()  # upright corners of digits in a tilted row reach a little out of it
    x_px, y_px = (float(np.linalg.norm(seen[:2, k])) for k in (0, 1))  # half the frame, in pixels of the picture
    stretch = (x_px / FRAME[0]) / (y_px / FRAME[1])
    assert 1 - 1e-6 <= stretch <= ROW_STRETCH + 1e-6
    share, meant = height / (2 * y_px), DIGITS_SHARE if count > 1 else SINGLE_SHARE
    assert share <= meant + 1e-3
    if share < meant - 1e-3:  # not as high as it is meant to be: then it is as wide as the frame
        assert np.ptp(inside[:, 0]) > 1.2
    assert seen[:2, 0] @ seen[:2, 1] == pytest.approx(0, abs=1e-6)  # a turn, no shear
    assert np.linalg.det(seen) > 0  # and no mirror


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([[0.0, 0.0, 0.0, 0.0]], "a digit of no size"),
        ([[-0.1, 0.4, 0.1, -0.4]], "one whose bottom is above its top"),
        ([[-1.0, -1.0, 1.0, 1.0]], "one as large as the frame"),
        ([[-3.0, -2.0, 3.0, 2.0]], "and larger"),
        ([[0.0, -0.5, 0.01, 0.5], [0.0, 0.2, 0.01, 0.9]], "one above the other"),
        ([[-0.9, -0.9, -0.8, -0.8], [0.8, 0.8, 0.9, 0.9]], "from corner to corner"),
    ],
)
@pytest.mark.parametrize("size", [(8, 8), (1000, 8), (8, 1000)], ids=["tiny", "a wide strip", "a high strip"])
def test_straightened_bears_any_boxes(boxes: list[list[float]], reason: str, size: tuple[int, int]) -> None:
    frame = whole_row(np.zeros((size[1], size[0], 3), np.uint8), FRAME)
    seen = straightened(belief_in(np.array(boxes)), frame, FRAME)
    assert np.isfinite(seen).all(), reason
    assert abs(np.linalg.det(seen)) > 1e-6, reason


@pytest.mark.parametrize("size", [(8, 8), (9, 200), (2000, 8)])
def test_any_shape_is_looked_at_twice(size: tuple[int, int]) -> None:
    rgb = np.zeros((size[1], size[0], 3), np.uint8)
    rgb[:] = COLOURS[1]
    weight: Any = ColourWeight(0.5)
    seen = look(weight, rgb)
    assert seen.belief.count == 1
    assert [picture.shape for picture in weight.seen] == [(FRAME_PX, FRAME[0], 3)] * 2


# ---- readings


def test_a_picture_without_a_digit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weight = ColourWeight()
    reading = reader_of(weight, monkeypatch, tmp_path).read(np.full((60, 200, 3), 128, np.uint8))
    assert len(weight.seen) == 1
    assert (reading.value, reading.confidence, reading.uncertain) == ("?", 0.0, True)
    assert math.isnan(reading.number)
    assert reading.alternatives == ()
    assert reading.marks == {}
    told = json.loads(json.dumps(reading.to_dict("a.jpg"), allow_nan=False))
    assert (told["value"], told["number"], told["confidence"], told["uncertain"]) == ("?", None, 0.0, True)
    assert reading.line("a.jpg").startswith("a.jpg  ?")
    assert draw_overlay(np.full((60, 200, 3), 128, np.uint8), reading).ndim == 3


def reading_of(*places: float, doubt: float = 0.0, total: float | None = None) -> tuple[Look, Reading]:
    """What is made of digits at these places, NaN for one that cannot be told."""
    count = len(places)
    cells = np.array([[k * 0.1, -0.5, k * 0.1 + 0.08, 0.5] for k in range(count)])
    bins = np.arange(PLACES) / 10
    off = (bins[None] - np.array(places)[:, None] + 5) % 10 - 5
    p = np.where(np.isnan(off), 1.0, np.exp(-0.5 * (off / 0.07) ** 2))
    p = (1 - doubt) * p / p.sum(axis=1, keepdims=True) + doubt / PLACES + 1e-9
    belief = belief_in(cells)
    belief = RowBelief(
        np.log(p / p.sum(axis=1, keepdims=True)).astype(np.float32),
        belief.points,
        belief.total if total is None else total,
        belief.lengths,
        belief.spans,
        belief.rows,
    )
    seen = Look(belief, belief.read(), np.diag([80.0, 16.0, 1.0]), 1.0)
    weight: Any = ColourWeight()
    return seen, make_reading(weight, seen, (1.0, 1.0), began=0.0)


def test_a_sure_reading() -> None:
    seen, reading = reading_of(0.0, 4.0, 2.0)
    assert (reading.kind, reading.value, reading.number, reading.uncertain) == ("digits", "042", 42.0, False)
    assert reading.confidence > 0.99
    assert set(reading.marks) == {"digit 1", "digit 2", "digit 3"}
    assert all(0 <= value <= 1 + 1e-6 for value in seen.features().values())
    assert seen.features()["counted"] == 1.0


@pytest.mark.parametrize(
    ("places", "value", "reason"),
    [
        ((4.0, math.nan), "4?", "the last"),
        ((math.nan, 4.0, 2.0), "?42", "the first"),
        ((math.nan,), "?", "the only one"),
    ],
)
def test_a_digit_that_nobody_can_tell(places: tuple[float, ...], value: str, reason: str) -> None:
    _, reading = reading_of(*places)
    assert reading.value == value, reason
    assert reading.uncertain, "whatever its confidence"
    assert math.isnan(reading.number)
    assert json.loads(json.dumps(reading.to_dict(), allow_nan=False))["number"] is None
    assert len(reading.marks) == len(places)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 9.99), min_size=1, max_size=MOST_DIGITS), st.floats(0, 0.95))
def test_confidence_and_runners_up(places: list[float], doubt: float) -> None:
    seen, reading = reading_of(*places, doubt=doubt)
    shares = [other.confidence for other in reading.alternatives]
    assert 0 <= reading.confidence <= 1
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= reading.confidence for share in shares)
    assert reading.confidence + sum(shares) <= 1 + 1e-6
    assert reading.value not in {other.value for other in reading.alternatives}
    assert len(reading.alternatives) <= 9
    assert all(0 <= value <= 1 + 1e-6 for value in seen.features().values())
    json.dumps(reading.to_dict(), allow_nan=False)
    assert reading.uncertain == ("?" in reading.value or reading.confidence < 0.5)


@pytest.mark.parametrize(("total", "counted"), [(3.0, 1.0), (2.9, 0.8), (3.25, 0.5), (2.5, 0.0), (6.0, 0.0)])
def test_a_count_in_doubt_is_a_feature(total: float, counted: float) -> None:
    """Of more than eight digits the first eight are read: then the count is far off, which the calibration sees."""
    seen, _ = reading_of(1.0, 2.0, 3.0, total=total)
    assert seen.features()["counted"] == pytest.approx(counted)


def look_with(*places: dict[int, float]) -> Look:
    """At digits with these probabilities of tenths of a place, 0.4 of there being as many; other looks agreed less."""
    p = np.full((len(places), PLACES), 1e-6)
    for row, shares in zip(p, places, strict=True):
        for tenths, share in shares.items():
            row[tenths] = share
    belief = dataclasses.replace(
        belief_in(np.zeros((len(places), 4))),
        log_probability=np.log(p / p.sum(axis=1, keepdims=True)).astype(np.float32),
        total=len(places) - 0.1,
        lengths=np.where(np.arange(MOST_DIGITS + 1) == len(places), 0.4, 0.6 / MOST_DIGITS).astype(np.float32),
    )
    return Look(belief, belief.read(), np.eye(3), 0.25)


def test_features_of_a_row() -> None:
    features = look_with({40: 1.0}, {20: 0.7, 50: 0.3}, {70: 0.8, 10: 0.2}).features()
    expected = {"joint": 0.56, "least": 0.7, "place": 0.56, "length": 0.4, "counted": 0.8, "agreed": 0.25}
    assert features == pytest.approx(expected, abs=0.02)


def test_the_place_of_a_single_digit_is_a_feature() -> None:
    features = look_with({40: 0.6, 45: 0.4}).features()  # a four, at 4.0 or at 4.5
    assert features["joint"] > 0.99
    assert features["place"] == pytest.approx(0.6, abs=0.02)


def test_more_digits_than_are_read_is_uncertain_however_sure() -> None:
    for total, uncertain in ((8.0, False), (9.0, True)):
        _, reading = reading_of(*[1.0] * MOST_DIGITS, total=total)
        assert (reading.value, reading.confidence > 0.9, reading.uncertain) == ("1" * MOST_DIGITS, True, uncertain)


def test_features_are_those_that_calibration_expects() -> None:
    for places in ((), (1.0,), (1.0, 2.0)):
        seen = Look(belief_in(np.zeros((0, 4))), belief_in(np.zeros((0, 4))).read(), np.eye(3), 0.0)
        if places:
            seen, _ = reading_of(*places)
        assert seen.features().keys() == set(Calibration.untrained("digits").features)


# ---- the overlay


def test_the_overlay_draws_a_box_round_each_digit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rgb, boxes = row_of(3, size=(800, 400), first=(250, 200), step=(150, 0), digit=(80, 160))
    reading = reader_of(ColourWeight(), monkeypatch, tmp_path).read(rgb)
    result = draw_overlay(rgb, reading)[:400]
    assert result.shape == (400, 800, 3)
    green = (np.abs(result.astype(int) - (90, 220, 140)).max(axis=2) < 12).astype(int)
    assert green.sum() > 500
    marks = marked_boxes(reading)
    for left, top, right, bottom in marks:
        x, y = round((left + right) / 2), round((top + bottom) / 2)
        for at in ((y, round(left)), (y, round(right)), (round(top), x), (round(bottom), x)):  # on all four sides
            around = green[at[0] - 3 : at[0] + 4, at[1] - 3 : at[1] + 4]
            assert around.any(), at
        assert not green[y - 10 : y + 10, x - 5 : x + 5].any()  # the digit itself is left as it was
    far = np.ones((400, 800), bool)
    for left, top, right, bottom in boxes:
        far[int(top) - 30 : int(bottom) + 30, int(left) - 30 : int(right) + 30] = False
    assert (result[far] == 128).all()  # nothing anywhere else


# ---- narrow frames


@pytest.mark.parametrize(
    ("count", "size", "first", "across", "reason"),
    [
        (1, (40, 60), (20, 30), 72, "one digit: 21 px of the frame, 24 on either side, up to a multiple of 8"),
        (2, (60, 40), (15, 20), 96, "two: 48 px"),
        (2, (80, 40), (20, 20), 112, "two: 64 px, the most"),
        (2, (84, 40), (20, 20), 160, "a little more: the whole frame"),
        (6, (240, 40), (20, 20), 160, "a long row"),
    ],
)
def test_what_is_narrow_is_read_through_a_narrow_frame(
    count: int, size: tuple[int, int], first: tuple[float, float], across: int, reason: str
) -> None:
    picture, _ = row_of(count, size=size, first=first, step=(30, 0), digit=(14, 26))
    weight = ColourWeight()
    weight.narrow_px = 112
    seen = look(weight, picture)
    assert [pixels.shape for pixels in weight.seen] == [(FRAME_PX, across, 3)], reason
    whole = ColourWeight()
    expected = look(whole, picture)
    cut = (FRAME[0] - across) // 2
    assert np.array_equal(weight.seen[0], whole.seen[0][:, cut : FRAME[0] - cut]), reason  # pixel by pixel
    assert seen.number == expected.number
    boxes, whole_boxes = (outline(one.belief, one.frame) for one in (seen, expected))
    assert np.abs(boxes - whole_boxes).max() < 0.02


def test_a_second_look_is_narrow_where_the_picture_is() -> None:
    picture, boxes = row_of(1, size=(40, 60), first=(20, 30), step=(0, 0), digit=(16, 40))
    weight = ColourWeight(0.5, 0.0)
    weight.narrow_px = 112
    reading = make_reading(weight, look(weight, picture), (1.0, 1.0), 0.0)
    assert len(weight.seen) == 2
    assert all(FRAME[0] > pixels.shape[1] > 0 for pixels in weight.seen)
    assert_on_digits(reading, boxes, (60 / FRAME_PX, 60 / FRAME_PX))
