"""What is believed of a reading, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facevalue.errors import FaceValueError
from facevalue.reading import place_point
from facevalue.watching.plausibility import Good, Limits, judge, last_unit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEFORE = Good("0042.7", 42.7, NOON)
COUNTER = Limits(rises=True, most_per_hour=2.0, digits=5)
SCALE = Limits(rises=False, most_per_hour=2.0)


@pytest.mark.parametrize(
    ("value", "number", "minutes", "limits", "objection"),
    [
        pytest.param("0043.1", 43.1, 60, COUNTER, "", id="a usual hour"),
        pytest.param("0042.7", 42.7, 60, COUNTER, "", id="it stood still"),
        pytest.param("0044.8", 44.8, 60, COUNTER, "", id="as fast as it can, and one step of the last digit"),
        pytest.param("0045.0", 45.0, 60, COUNTER, "too fast: +2.3 in 60 min after 0042.7", id="faster than it can"),
        pytest.param("0042.8", 42.8, 0, COUNTER, "", id="one step may come at any moment"),
        pytest.param("0043.0", 43.0, 0, COUNTER, "too fast: +0.3 in 0 s after 0042.7", id="three may not"),
        pytest.param("0142.8", 142.8, 180, COUNTER, "too fast: +100.1 in 3 h after 0042.7", id="a digit misread"),
        pytest.param("0041.7", 41.7, 60, COUNTER, "backwards: 0042.7 was read before", id="a counter never falls"),
        pytest.param("0042.7", 42.66, 60, COUNTER, "", id="but its last drum has play"),
        pytest.param("0042.6", 42.64, 60, COUNTER, "backwards: 0042.7 was read before", id="of half a digit, not more"),
        pytest.param("042.8", 42.8, 60, COUNTER, "4 digits, where 5 were expected", id="a digit lost"),
        pytest.param("00?2.8", None, 60, COUNTER, "no number can be told", id="a digit that can't be told"),
        pytest.param("0041.7", 41.7, 60, SCALE, "", id="a scale may fall"),
        pytest.param("0032.7", 32.7, 60, SCALE, "too fast: -10 in 60 min after 0042.7", id="but not so fast"),
        pytest.param("9999.9", 9999.9, 60, Limits(rises=True), "", id="without a limit any rise can be"),
    ],
)
def test_what_can_be(value: str, number: float | None, minutes: int, limits: Limits, objection: str) -> None:
    time = NOON + timedelta(minutes=minutes)
    verdict = judge(BEFORE, value, number, time, True, limits)
    assert (verdict.plausible, verdict.why) == (not objection, objection)
    if objection:
        assert verdict.good == BEFORE  # the last good one stays
    doubted = judge(BEFORE, value, number, time, False, limits)
    assert (doubted.plausible, doubted.why, doubted.good) == (not objection, objection, BEFORE)


@pytest.mark.parametrize(
    ("before", "value", "number", "minutes", "period", "objection"),
    [
        pytest.param(719.0, "12:01", 1.0, 2, 720, "", id="a clock past twelve"),
        pytest.param(1.0, "11:59", 719.0, 2, 720, "", id="a clock set back past twelve"),
        pytest.param(719.0, "12:31", 31.0, 2, 720, "too fast: +32 in 2 min after x", id="too far past twelve"),
        pytest.param(9.9, "0.1", 0.1, 2, 10, "", id="a dial past its top"),
        pytest.param(9.9, "0.1", 0.1, 2, None, "too fast: -9.8 in 2 min after x", id="a dial that has ends"),
    ],
)
def test_what_comes_round_is_compared_the_shorter_way(
    before: float, value: str, number: float, minutes: int, period: float | None, objection: str
) -> None:
    limits = Limits(most_per_hour=61.0 if period == 720 else 6.0)
    good = Good("x", before, NOON)
    verdict = judge(good, value, number, NOON + timedelta(minutes=minutes), True, limits, period)
    assert verdict.why == objection


def test_play_of_the_last_drum_never_adds_up() -> None:
    """A counter read a little lower each time still stands where it stood."""
    good: Good | None = Good("0042", 42.3, NOON)
    for minute, number in enumerate((42.0, 41.9, 41.8)):
        verdict = judge(good, "0042", number, NOON + timedelta(minutes=minute), True, Limits(rises=True))
        assert verdict.plausible
        good = verdict.good
        assert good is not None
        assert (good.number, good.time) == (42.3, NOON + timedelta(minutes=minute))
    assert not judge(good, "0042", 41.7, NOON, True, Limits(rises=True)).plausible


def test_needles_that_come_round_go_on_rising() -> None:
    """Past the coarsest one's turn the number begins anew, and is the last good one all the same."""
    limits, good = Limits(rises=True), Good("999.8", 999.8, NOON)
    for number in (999.9, 0.1, 0.3):
        verdict = judge(good, f"{number:05.1f}", number, NOON, True, limits, 1000.0)
        assert verdict.good == Good(f"{number:05.1f}", number, NOON)
        good = verdict.good
    assert judge(good, "999.9", 999.9, NOON, True, limits, 1000.0).why == "backwards: 000.3 was read before"


def test_the_first_reading_is_believed_if_it_is_certain() -> None:
    assert judge(None, "0042", 42.0, NOON, True, COUNTER).good is None  # five digits were expected
    assert judge(None, "0042", 42.0, NOON, True, Limits()).good == Good("0042", 42.0, NOON)
    assert judge(None, "0042", 42.0, NOON, False, Limits()).good is None


@pytest.mark.parametrize(
    ("value", "number", "decimals", "placed", "shown"),
    [
        pytest.param("024816", 24816.3, 3, "024.816", 24.8163, id="a point that is not seen"),
        pytest.param("0248.16", 248.163, 3, "024.816", 24.8163, id="one seen elsewhere"),
        pytest.param("024.816", 24.816, 3, "024.816", 24.816, id="where it is"),
        pytest.param("0248.16", 248.163, 0, "024816", 24816.3, id="none"),
        pytest.param("0016", 16.0, 3, "0.016", 0.016, id="one digit before it"),
        pytest.param("02?8", None, 2, "02.?8", None, id="a digit that can't be told"),
    ],
)
def test_the_point_is_placed(value: str, number: float | None, decimals: int, placed: str, shown: float | None) -> None:
    assert place_point(value, number, decimals) == (placed, pytest.approx(shown))


@pytest.mark.parametrize(("value", "number"), [("16", 16.0), ("016", 16.0), ("?", None)])
def test_a_reading_with_no_digit_before_its_decimals_is_none(value: str, number: float | None) -> None:
    """Digits were missed: padded with zeros it would have as many as --digits wants."""
    with pytest.raises(FaceValueError, match="no digit is left before its 3 decimals"):
        place_point(value, number, 3)


def test_what_the_last_digit_counts() -> None:
    assert [last_unit(value) for value in ("0042", "004.2", "0.042")] == pytest.approx([1, 0.1, 0.001])
