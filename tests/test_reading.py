"""Readings as people and programs see them: the line, the JSON object, the overlay."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import numpy as np
import pytest

from facevalue.reading import Alternative, Reading, draw_overlay

SURE = Reading("clock", "10:09", 609.25, 0.97321, False, (Alternative("1:50", 0.02111),), "clock-1", 3.14159)
RUNNERS_UP = (Alternative("9:51", 0.22), Alternative("10:12", 0.08), Alternative("3:51", 0.01))
UNSURE = Reading("clock", "10:09", 609.0, 0.41, True, RUNNERS_UP, "clock-1", 3.0)


@pytest.mark.parametrize(
    ("reading", "top", "expected"),
    [
        pytest.param(SURE, None, "a.jpg  10:09  97%", id="sure: no more than that"),
        pytest.param(SURE, 1, "a.jpg  10:09  97%", id="asked for one"),
        pytest.param(SURE, 3, "a.jpg  10:09  97%   (1:50 2%)", id="asked for more than there are"),
        pytest.param(UNSURE, None, "a.jpg  10:09 ?  41%   (9:51 22%, 10:12 8%)", id="unsure: with two runners-up"),
        pytest.param(UNSURE, 1, "a.jpg  10:09 ?  41%", id="unsure, asked for one"),
        pytest.param(UNSURE, 4, "a.jpg  10:09 ?  41%   (9:51 22%, 10:12 8%, 3:51 1%)", id="unsure, asked for four"),
    ],
)
def test_line(reading: Reading, top: int | None, expected: str) -> None:
    assert reading.line("a.jpg", top=top) == expected


def test_json_object_is_that_of_the_contract() -> None:
    assert json.dumps(SURE.to_dict("a.jpg")) == (
        '{"file": "a.jpg", "kind": "clock", "value": "10:09", "number": 609.25, "confidence": 0.9732, '
        '"uncertain": false, "alternatives": [{"value": "1:50", "confidence": 0.0211}], '
        '"model": "clock-1", "milliseconds": 3.1}'
    )
    assert "file" not in SURE.to_dict()
    assert [other["value"] for other in UNSURE.to_dict(top=2)["alternatives"]] == ["9:51"]


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ("clock", 719.999, 0.0),  # rounding must not lead out of 0 <= m < 720
        ("clock", 719.99, 719.99),
        ("dial", 719.999, 719.999),  # as many decimals as its range asks for are left by the reader
    ],
)
def test_number_stays_in_its_range(kind: str, number: float, expected: float) -> None:
    assert Reading(kind, "", number, 1.0, False).to_dict()["number"] == expected


def test_readings_are_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SURE.value = "1:50"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(SURE)) == SURE


def marked(width: int, height: int, reading: Reading = SURE, **marks: Any) -> tuple[np.ndarray, np.ndarray]:
    rgb = np.full((height, width, 3), 128, np.uint8)
    return rgb, draw_overlay(rgb, dataclasses.replace(reading, marks=marks))


@pytest.mark.parametrize(
    ("width", "height"),
    [(100, 100), (448, 300), (1700, 1600), (8, 8), (2000, 20), (20, 2000), (361, 359)],
)
@pytest.mark.parametrize("reading", [SURE, UNSURE])
def test_overlay_keeps_the_proportions_and_adds_a_caption(width: int, height: int, reading: Reading) -> None:
    rgb, result = marked(width, height, reading)
    assert result.dtype == np.uint8
    assert result.shape[1] >= width
    picture_height = round(height * result.shape[1] / width)
    assert result.shape[0] > picture_height  # the caption stands below
    assert (result[: picture_height - 1] == 128).all()  # without marks the picture is as it was
    assert len(np.unique(result[picture_height + 1 :])) > 2  # something is written
    assert (rgb == 128).all()  # the caller's picture is left alone


@pytest.mark.parametrize("side", [90, 400, 2000])
def test_overlay_draws_each_mark_where_it_is(side: int) -> None:
    middle, quarter = (side - 1) / 2, (side - 1) / 4
    _, result = marked(
        side,
        side,
        dial=((0.1 * side, 0.1 * side), (0.9 * side, 0.1 * side), (0.9 * side, 0.9 * side), (0.1 * side, 0.9 * side)),
        hour=((middle, middle), (middle, quarter)),
        minute=((middle, middle), (3 * quarter, middle)),
    )
    scale = result.shape[1] / side

    def colour(x: float, y: float) -> tuple[int, ...]:
        return tuple(int(c) for c in result[int((y + 0.5) * scale), int((x + 0.5) * scale)])

    assert colour(middle, 1.5 * quarter) == (255, 190, 60)  # hour, upwards
    assert colour(2.5 * quarter, middle) == (70, 190, 255)  # minute, to the right
    assert colour(0.1 * side, middle) == (90, 220, 140)  # the outline is closed: its last side is drawn
    assert colour(1.5 * quarter, middle) == (128, 128, 128)  # nothing to the left


def test_overlay_bears_marks_outside_the_picture_and_marks_of_one_point() -> None:
    _, result = marked(64, 64, hour=((-500.0, -500.0), (-400.0, 900.0)), minute=((3.0, 3.0),), dial=())
    assert result.shape[1] == 360


def test_a_reading_prints_short() -> None:
    marks = {"dial": tuple((float(k), 0.0) for k in range(72))}
    reading = Reading("clock", "10:09", 609.25, 0.97, False, marks=marks)
    assert repr(reading) == "Reading(clock 10:09, number=609.25, confidence=0.970, uncertain=False)"
