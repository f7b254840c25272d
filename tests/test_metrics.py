"""Case tables for the scores; the last column of each row says why the row is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from facevalue.metrics import (
    digit_confusion,
    digit_scores,
    digits_are_right,
    expected_calibration_error,
    figure_scores,
    hour_is_right,
    is_right,
    minutes_apart,
    pair_digits,
    place_is_right,
    place_of,
    place_scores,
    places_apart,
    range_scores,
    reliability_table,
    risk_coverage,
    threshold_for_accuracy,
    time_scores,
)

NAN = float("nan")


def at(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) % 12 * 60 + int(minutes)


@pytest.mark.parametrize(
    ("read", "true", "apart", "reason"),
    [
        (at("10:09"), at("10:09"), 0, "the same time"),
        (at("11:59"), at("12:00"), 1, "across twelve the short way, not 719"),
        (at("12:00"), at("11:59"), 1, "the same, read and true exchanged"),
        (at("6:59"), at("5:59"), 60, "an hour mistake"),
        (at("1:00"), at("11:00"), 120, "two hours across twelve"),
        (at("6:00"), at("12:00"), 360, "the exact half of the dial is the farthest"),
        (at("6:01"), at("12:00"), 359, "beyond the half the other way is shorter"),
        (609.5, 609.0, 0.5, "fractional minutes are kept"),
        (719.75, 0.25, 0.5, "fractions across twelve"),
        (725, 5, 0, "a whole turn more points the same way"),
        (NAN, 5, NAN, "nothing read is no distance, least of all 0"),
    ],
)
def test_minutes_apart(read: float, true: float, apart: float, reason: str) -> None:
    np.testing.assert_allclose(minutes_apart([read], [true]), [apart], err_msg=reason)


def test_minutes_apart_is_symmetric_and_never_above_the_half() -> None:
    first, second = np.meshgrid(np.arange(0, 720, 7), np.arange(0, 720, 11))
    apart = minutes_apart(first, second)
    np.testing.assert_array_equal(apart, minutes_apart(second, first))
    assert apart.shape == first.shape
    assert apart.min() >= 0
    assert apart.max() <= 360


@pytest.mark.parametrize(
    ("read", "true", "right", "reason"),
    [
        (at("10:09"), at("10:09"), True, "the same time"),
        (at("11:59"), at("12:00"), True, "a minute across twelve"),
        (at("10:11"), at("10:09"), False, "two minutes"),
        (at("6:59"), at("5:59"), False, "an hour mistake"),
        (0.1 + 0.2 + 1.0, 0.3, True, "a minute and the last bit of a float"),
        (1.01, 0.0, False, "more than that bit"),
        (5, NAN, False, "read where there is nothing to read"),
        (NAN, 5, False, "nothing read"),
    ],
)
def test_is_right(read: float, true: float, right: bool, reason: str) -> None:
    assert is_right([read], [true]).tolist() == [right], reason
    assert bool(is_right(read, true)) is right, "one pair of plain numbers"


@pytest.mark.parametrize(
    ("read", "true", "right", "reason"),
    [
        ("10:09", "10:45", True, "a minute mistake leaves the hour right"),
        ("6:59", "5:59", False, "the classical hour mistake"),
        ("5:59", "6:00", True, "the hour figure differs, the hour hand was read well"),
        ("12:00", "11:59", True, "the same across twelve"),
        ("6:05", "6:00", True, "same hour, five minutes"),
        ("5:55", "6:00", True, "exactly five minutes before the full hour still counts"),
        ("5:54", "6:00", False, "six minutes before it does not"),
        ("12:30", "12:10", True, "twelve is hour nought"),
    ],
)
def test_hour_is_right(read: str, true: str, right: bool, reason: str) -> None:
    assert hour_is_right([at(read)], [at(true)]).tolist() == [right], reason


@pytest.mark.parametrize(
    ("read", "true", "expected", "reason"),
    [
        (["10:09"], ["10:09"], (1, 0, 0, 1, 1, 1, 1), "one perfect reading"),
        (["11:59"], ["12:00"], (1, 1, 1, 1, 1, 1, 1), "one minute across twelve is within one"),
        (["10:11"], ["10:09"], (1, 2, 2, 0, 1, 1, 1), "two minutes are within five"),
        (["10:14"], ["10:09"], (1, 5, 5, 0, 1, 1, 1), "exactly five is within five"),
        (["10:15"], ["10:09"], (1, 6, 6, 0, 0, 1, 1), "six is not"),
        (["10:19"], ["10:09"], (1, 10, 10, 0, 0, 1, 1), "exactly ten is within ten"),
        (["10:20"], ["10:09"], (1, 11, 11, 0, 0, 0, 1), "eleven is within none, the hour still right"),
        (["6:59"], ["5:59"], (1, 60, 60, 0, 0, 0, 0), "hour mistake"),
        (["6:00"], ["12:00"], (1, 360, 360, 0, 0, 0, 0), "the worst that can be"),
        (["1:00", "1:00"], ["1:00", "1:01"], (2, 0.5, 0.5, 1, 1, 1, 1), "median of an even count is the middle"),
        (["1:00"] * 3 + ["7:00"], ["1:00"] * 4, (4, 90, 0, 0.75, 0.75, 0.75, 0.75), "one miss moves only the mean"),
    ],
)
def test_time_scores(read: list[str], true: list[str], expected: tuple[float, ...], reason: str) -> None:
    scores = time_scores([at(clock) for clock in read], [at(clock) for clock in true])
    assert tuple(scores.values()) == pytest.approx(expected), reason


@pytest.mark.parametrize(
    ("read", "true", "expected", "reason"),
    [
        (["10:09"], ["10:09"], (1, 1, 1, 0, 0, 0), "one perfect reading"),
        (["6:59"], ["5:59"], (0, 1, 0, 60, 0, 60), "hour mistake"),
        (["5:58"], ["5:59"], (1, 0, 0, 0, 1, 1), "a minute off"),
        (["1:59"], ["2:01"], (0, 0, 0, 60, 2, 2), "minutes wrap round the hour; the hour figure is another one"),
        (["11:59"], ["12:00"], (0, 0, 0, 60, 1, 1), "all three wrap round twelve"),
        (["6:30"], ["12:00"], (0, 0, 0, 360, 30, 330), "as far off as hours and minutes can be, each alone"),
        (["1:00", "1:00"], ["1:00", "3:04"], (0.5, 0.5, 0.5, 60, 2, 62), "shares and means of two"),
        (["1:00", "2:07"], ["1:05", "1:07"], (0.5, 0.5, 0, 30, 2.5, 32.5), "each right once, never both"),
    ],
)
def test_figure_scores(read: list[str], true: list[str], expected: tuple[float, ...], reason: str) -> None:
    scores = figure_scores([at(clock) for clock in read], [at(clock) for clock in true])
    assert list(scores) == ["hour", "minute", "both", "hour_error", "minute_error", "time_error"]
    assert tuple(scores.values()) == pytest.approx(expected), reason


def test_figures_are_those_of_the_nearest_minute() -> None:
    assert figure_scores([719.6, 59.5], [0.2, 60.4])["both"] == 1.0
    assert figure_scores([59.4], [60.4]) == pytest.approx(
        {"hour": 0, "minute": 0, "both": 0, "hour_error": 60, "minute_error": 1, "time_error": 1}
    )


def test_figure_scores_refuse_what_is_no_reading() -> None:
    assert all(math.isnan(value) for value in dict[str, Any](figure_scores([], [])).values())
    for read, true in (([math.nan], [1.0]), ([720.0], [1.0]), ([1.0], [1.0, 2.0])):
        with pytest.raises(ValueError, match="expected"):
            figure_scores(read, true)


def test_time_scores_of_fractions_forgive_the_last_bit() -> None:
    assert time_scores([0.1 + 0.2 + 1.0], [0.3])["within_1"] == 1.0  # 1.0000000000000002 apart in floats


def test_time_scores_of_nothing_are_nan_and_not_perfect() -> None:
    scores: dict[str, Any] = dict(time_scores([], []))
    assert scores.pop("count") == 0
    assert all(math.isnan(value) for value in scores.values())


@pytest.mark.parametrize(
    ("read", "true"),
    [
        pytest.param([NAN], [5], id="an unread picture must be scored by the caller, not dropped"),
        pytest.param([math.inf], [5], id="infinite"),
        pytest.param([5], [NAN], id="no truth"),
        pytest.param([720], [5], id="720 is twelve, which is 0"),
        pytest.param([-1], [5], id="negative"),
        pytest.param([5], [785], id="a 24-hour label that nobody folded"),
        pytest.param([5, 6], [5], id="lengths differ; broadcasting would score one truth twice"),
        pytest.param([[5]], [[5]], id="a matrix"),
    ],
)
def test_time_scores_refuse(read: list[float], true: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        time_scores(read, true)


@pytest.mark.parametrize(
    ("off", "within", "reason"),
    [
        ([1, 1.1], (0.5, 1, 1), "exactly one is within one"),
        ([2, 2.1, 5, 5.1], (0, 0.25, 0.75), "exactly two within two, and five within five"),
        ([5, 5.1], (0, 0, 0.5), "a little more than five is within none"),
        ([1 + 2**-52, NAN], (0.5, 0.5, 0.5), "one and the last bit of a float; what is unreadable counts too"),
    ],
)
def test_range_scores(off: list[float], within: tuple[float, ...], reason: str) -> None:
    scores = range_scores(off)
    assert (scores["within_1"], scores["within_2"], scores["within_5"]) == within, reason


@pytest.mark.parametrize(
    ("read", "true", "apart", "reason"),
    [
        (3.7, 3.7, 0, "the same place"),
        (9.9, 0.1, 0.2, "across nought the short way, not 9.8"),
        (0.1, 9.9, 0.2, "the same, read and true exchanged"),
        (0.0, 5.0, 5, "the other side of the drum is the farthest"),
        (6.0, 0.9, 4.9, "beyond the half the other way is shorter"),
        (10.0, 0.0, 0, "a whole turn more is the same place"),
        (NAN, 5, NAN, "nothing read is no distance, least of all 0"),
    ],
)
def test_places_apart(read: float, true: float, apart: float, reason: str) -> None:
    np.testing.assert_allclose(places_apart([read], [true]), [apart], atol=1e-9, err_msg=reason)


@pytest.mark.parametrize(
    ("read", "true", "right", "reason"),
    [
        (3.7, 3.7, True, "the same place"),
        (3.8, 3.7, True, "a tenth, which floats hold as a bit more"),
        (9.95, 0.05, True, "a tenth across nought"),
        (3.9, 3.7, False, "two tenths"),
        (4.7, 3.7, False, "a whole digit"),
        (NAN, 3.7, False, "nothing read"),
        (3.7, NAN, False, "nothing to read"),
    ],
)
def test_place_is_right(read: float, true: float, right: bool, reason: str) -> None:
    assert place_is_right([read], [true]).tolist() == [right], reason


@pytest.mark.parametrize(
    ("read", "true", "expected", "reason"),
    [
        ([3.7], [3.7], (1, 1, 1, 0, 0), "one perfect reading"),
        ([3.9], [3.7], (1, 0, 1, 0, 0.2), "two tenths are within 0.2"),
        ([4.7], [3.7], (1, 0, 0, 0, 1), "exactly one is not off by more than 1"),
        ([9.0], [0.5], (1, 0, 0, 1, 1.5), "across nought"),
        ([NAN], [0.5], (1, 0, 0, 1, 5), "nothing read is the farthest there is, and is not dropped"),
        ([3.7, NAN], [3.7, 1.0], (2, 0.5, 0.5, 0.5, 2.5), "shares and mean of both"),
        ([], [], (0, NAN, NAN, NAN, NAN), "of nothing there are no scores, and none is perfect"),
    ],
)
def test_place_scores(read: list[float], true: list[float], expected: tuple[float, ...], reason: str) -> None:
    scores = place_scores(read, true)
    assert list(scores) == ["count", "within_0.1", "within_0.2", "off_by_more_than_1", "mean"]
    assert tuple(scores.values()) == pytest.approx(expected, nan_ok=True), reason


@pytest.mark.parametrize(
    ("read", "true"),
    [
        pytest.param([1.0], [10.0], id="ten is nought"),
        pytest.param([1.0], [NAN], id="no truth"),
        pytest.param([1.0, 2.0], [1.0], id="lengths differ"),
    ],
)
def test_place_scores_refuse(read: list[float], true: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        place_scores(read, true)


@pytest.mark.parametrize(
    ("label", "place", "reason"),
    [
        ("3.7", 3.7, "one digit, point, one decimal"),
        ("0.0", 0.0, "nought is a place too"),
        ("3", None, "a digit without a decimal is a row of one"),
        ("12.5", None, "two digits before the point"),
        ("3.75", None, "two decimals"),
        (".5", None, "none before the point"),
    ],
)
def test_place_of(label: str, place: float | None, reason: str) -> None:
    assert place_of(label) == place, reason


@pytest.mark.parametrize(
    ("text", "number", "label", "right", "reason"),
    [
        ("0042", 42, "0042", True, "as labelled"),
        ("42", 42, "0042", False, "leading noughts are digits"),
        ("630.2", 630.2, "6302", True, "the point is ignored"),
        ("6302", 6302, "630.2", True, "wherever it is"),
        ("0043", 43, "0042", False, "one digit off"),
        ("00?2", NAN, "0042", False, "a digit that is not told"),
        ("00?2", 42, "00?2", False, "though the label has the same"),
        ("0042", NAN, "0042", False, "no number was made of it"),
        ("", NAN, "0042", False, "nothing read"),
        ("3", 3.0, "3", True, "a single printed digit"),
        ("3", 3.4, "3", True, "of which only the digit is labelled"),
        ("3", 3.6, "3.7", True, "a rolling digit, a tenth off"),
        ("4", 3.8, "3.7", True, "a tenth off, though it shows the next digit"),
        ("3", 3.5, "3.7", False, "two tenths off"),
        ("0", 0.0, "9.9", True, "a tenth across nought"),
        ("37", 37, "3.7", True, "two digits are a row that has a point"),
        ("3.7", 3.7, "3.7", True, "with its point"),
        ("38", 38, "3.7", False, "and must be the label's two"),
        ("?", NAN, "3.7", False, "a rolling digit that can't be told"),
        ("3", NAN, "3.7", False, "one without a place"),
    ],
)
def test_digits_are_right(text: str, number: float, label: str, right: bool, reason: str) -> None:
    assert digits_are_right(text, number, label) is right, reason


@pytest.mark.parametrize(
    ("text", "number", "label", "pairs", "reason"),
    [
        ("0142", 142, "0042", "00 01 44 22", "position by position, labelled and read"),
        ("01.42", 1.42, "0042", "00 01 44 22", "the point is no position"),
        ("0?42", NAN, "0042", "00 0? 44 22", "a digit that can't be told keeps its place"),
        ("042", 42, "0042", "", "of another count there are no positions to compare"),
        ("", NAN, "0042", "", "nothing read"),
        ("3", 3.0, "3.1", "33", "a rolling digit stands for what it shows"),
        ("4", 3.8, "3.9", "44", "which is the next one where that has nearly settled"),
        ("4", 3.8, "3.7", "33", "read rightly it is that digit, though it shows another"),
        ("8", 8.0, "3.1", "38", "read wrongly it is the one read"),
        ("37", 37, "3.7", "33 77", "two digits as labelled"),
        ("38", 38, "3.7", "", "two where there is one drum: counted wrong"),
    ],
)
def test_pair_digits(text: str, number: float, label: str, pairs: str, reason: str) -> None:
    assert ["".join(pair) for pair in pair_digits(text, number, label)] == pairs.split(), reason


@pytest.mark.parametrize(
    ("rows", "expected", "reason"),
    [
        ([("0042", 42, "0042")], (1, 1, 1, 0, NAN, 4, 1), "one perfect row; no point is labelled"),
        ([("0043", 43, "0042")], (1, 0, 1, 0, NAN, 4, 0.75), "one of four digits wrong, the row wrong"),
        ([("042", 42, "0042")], (1, 0, 0, 0, NAN, 0, NAN), "counted wrong: none of its digits is compared"),
        ([("63.02", 63.02, "630.2")], (1, 1, 1, 1, 0, 4, 1), "right, but for the point"),
        ([("630.2", 630.2, "630.2")], (1, 1, 1, 1, 1, 4, 1), "and with it"),
        ([("630", 630, "630.")], (1, 1, 1, 0, NAN, 3, 1), "a point behind the last digit is none"),
        ([("6302", 6302, "630.2"), ("42", 42, "42")], (2, 1, 1, 1, 0, 6, 1), "the row without a point has none to get"),
        ([("3", 3.6, "3.7")], (1, 1, 1, 0, NAN, 1, 1), "the point of a place is none to read"),
        ([("?", NAN, "42")], (1, 0, 0, 0, NAN, 0, NAN), "one digit, not told, where there are two"),
        ([("4?", NAN, "42")], (1, 0, 1, 0, NAN, 2, 0.5), "counted right, one of them not told"),
        ([("", NAN, "42"), ("42", 42, "42")], (2, 0.5, 0.5, 0, NAN, 2, 1), "nothing read stays in the count"),
        ([], (0, NAN, NAN, 0, NAN, 0, NAN), "of nothing there are no scores, and none is perfect"),
    ],
)
def test_digit_scores(rows: list[tuple[str, float, str]], expected: tuple[float, ...], reason: str) -> None:
    scores: dict[str, Any] = dict(digit_scores(*([row[k] for row in rows] for k in range(3))))
    scores.pop("places")
    assert list(scores) == ["count", "exact", "counted", "with_point", "exact_with_point", "digits", "digits_right"]
    assert tuple(scores.values()) == pytest.approx(expected, nan_ok=True), reason


@pytest.mark.parametrize(
    ("row", "apart", "reason"),
    [
        (("3", 3.6, "3.7"), 0.1, "the place read"),
        (("?", NAN, "3.7"), 5, "not told: the farthest"),
        (("", NAN, "3.7"), 5, "nothing seen"),
        (("37", 37, "3.7"), 0, "as two digits, rightly"),
        (("38", 38, "3.7"), 5, "as two digits, which is no place"),
    ],
)
def test_digit_scores_of_places(row: tuple[str, float, str], apart: float, reason: str) -> None:
    places = digit_scores(*([cell] for cell in row))["places"]
    assert (places["count"], places["mean"]) == (1, pytest.approx(apart)), reason


@pytest.mark.parametrize(
    ("texts", "numbers", "labels"),
    [
        pytest.param(["42"], [42], [""], id="a picture without a digit is no row to score"),
        pytest.param(["42"], [42], ["nan"], id="nor is it one by another name"),
        pytest.param(["42"], [42], ["4.2.0"], id="two points"),
        pytest.param(["42"], [42], ["4,2"], id="a comma that nobody made a point"),
        pytest.param(["42", "43"], [42], ["42"], id="lengths differ"),
    ],
)
@pytest.mark.parametrize("score", [digit_scores, digit_confusion])
def test_digit_scores_refuse(
    score: Callable[..., object], texts: list[str], numbers: list[float], labels: list[str]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        score(texts, numbers, labels)


def test_digit_confusion_counts_each_position() -> None:
    counts = digit_confusion(["0142", "7?", "123", "4"], [142, NAN, 123, 3.8], ["0042", "12", "12", "3.7"])
    assert counts.shape == (10, 10)
    found = {(true, read): counts[true, read] for true, read in np.argwhere(counts).tolist()}
    assert found == {(0, 0): 1, (0, 1): 1, (4, 4): 1, (2, 2): 1, (1, 7): 1, (3, 3): 1}, "rows labelled, columns read"


@pytest.mark.parametrize(
    ("confidence", "right", "coverage", "risk", "reason"),
    [
        ([], [], [], [], "nothing read: an empty curve"),
        ([0.9], [True], [1], [0], "one right"),
        ([0.9], [False], [1], [1], "one wrong"),
        ([0.9, 0.5], [True, False], [0.5, 1], [0, 0.5], "the sure one is right: risk rises late"),
        ([0.5, 0.9], [False, True], [0.5, 1], [0, 0.5], "order of input does not matter"),
        ([0.9, 0.5], [False, True], [0.5, 1], [1, 0.5], "surely wrong: risk is there from the start"),
        ([0.7, 0.7], [True, False], [1], [0.5], "equal confidences are one point, not a lucky order"),
        ([0.9, 0.7, 0.7, 0.1], [1, 0, 1, 0], [0.25, 0.75, 1], [0, 1 / 3, 0.5], "equals in the middle"),
        ([-2.0, 3.0], [False, True], [0.5, 1], [0, 0.5], "any score orders; it need not be a probability"),
    ],
)
def test_risk_coverage(
    confidence: list[float], right: list[bool], coverage: list[float], risk: list[float], reason: str
) -> None:
    found_coverage, found_risk = risk_coverage(confidence, right)
    np.testing.assert_allclose(found_coverage, coverage, err_msg=reason)
    np.testing.assert_allclose(found_risk, risk, err_msg=reason)


@pytest.mark.parametrize(
    ("confidence", "right", "accuracy", "threshold", "share", "reason"),
    [
        ([0.9, 0.8, 0.1], [1, 1, 1], 0.95, 0.1, 1.0, "all right: everything is answered"),
        ([0.9, 0.8, 0.1], [1, 1, 0], 0.95, 0.8, 2 / 3, "the unsure one is left out"),
        ([0.9, 0.8, 0.1], [0, 0, 0], 0.95, math.inf, 0.0, "never right: nothing is answered"),
        ([0.9, 0.8, 0.1], [0, 1, 1], 0.95, math.inf, 0.0, "wrong when surest: no threshold helps"),
        ([0.9, 0.8, 0.7], [0, 1, 1], 0.6, 0.7, 1.0, "the lowest threshold, though a higher one misses the accuracy"),
        ([0.9, 0.9], [1, 0], 0.95, math.inf, 0.0, "equals cannot be parted"),
        ([0.9, 0.9], [1, 0], 0.5, 0.9, 1.0, "exactly the accuracy is enough"),
        (list(np.linspace(1, 0.05, 20)), [1] * 19 + [0], 0.95, 0.05, 1.0, "19 of 20 is 0.95 in floats too"),
        ([0.9, 0.1], [0, 0], 0.0, 0.1, 1.0, "accuracy 0 answers everything"),
        ([], [], 0.95, math.inf, 0.0, "nothing read"),
    ],
)
def test_threshold_for_accuracy(
    confidence: list[float], right: list[bool], accuracy: float, threshold: float, share: float, reason: str
) -> None:
    assert threshold_for_accuracy(confidence, right, accuracy) == pytest.approx((threshold, share)), reason


@pytest.mark.parametrize(
    ("weight", "accuracy", "threshold", "share", "reason"),
    [
        ([1, 1, 1], 0.6, 0.1, 1.0, "equal weights: two of three are right"),
        ([1, 1, 2], 0.6, 0.8, 0.5, "the wrong one counts twice: half of all are right"),
        ([1, 1, 2], 0.5, 0.1, 1.0, "which is enough where half is asked for"),
        ([2, 2, 2], 0.6, 0.1, 1.0, "only the ratios count"),
        ([0.1, 0.1, 0.1], 2 / 3, 0.1, 1.0, "exactly the accuracy, but for the last bits of three tenths"),
    ],
)
def test_weighted_threshold(weight: list[float], accuracy: float, threshold: float, share: float, reason: str) -> None:
    found = threshold_for_accuracy([0.9, 0.8, 0.1], [True, True, False], accuracy, weight)
    assert found == pytest.approx((threshold, share)), reason


@pytest.mark.parametrize("weight", [[1.0], [1.0, 0.0], [1.0, NAN], [1.0, -1.0]])
def test_threshold_refuses_weights(weight: list[float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        threshold_for_accuracy([0.5, 0.6], [True, True], 0.9, weight)


def test_threshold_keeps_its_promise_on_random_readings() -> None:
    random = np.random.default_rng(1)
    confidence = random.random(500).round(2)
    right = random.random(500) < confidence
    threshold, share = threshold_for_accuracy(confidence, right, 0.9)
    answered = confidence >= threshold
    assert answered.mean() == share
    assert right[answered].mean() >= 0.9
    lower = confidence >= confidence[confidence < threshold].max()
    assert right[lower].mean() < 0.9


@pytest.mark.parametrize(
    ("confidence", "right", "error", "reason"),
    [
        ([1.0, 1.0], [1, 1], 0.0, "sure and right"),
        ([1.0, 1.0], [0, 0], 1.0, "sure and wrong"),
        ([0.0, 0.0], [0, 0], 0.0, "doubtful and wrong is honest"),
        ([0.5, 0.5], [1, 0], 0.0, "half sure, half right"),
        ([0.75] * 4, [1, 1, 1, 1], 0.25, "too modest counts as well"),
        ([0.95, 0.15], [1, 0], 0.1, "bins weighted by count: (0.05 + 0.15) / 2"),
        ([0.95, 0.95, 0.95, 0.15], [1, 1, 1, 0], 0.075, "three weigh three times: (3 · 0.05 + 0.15) / 4"),
        ([0.92, 0.98], [1, 0], 0.45, "within a bin the means are compared: |0.95 - 0.5|"),
        ([], [], NAN, "nothing read is not well calibrated"),
    ],
)
def test_expected_calibration_error(confidence: list[float], right: list[bool], error: float, reason: str) -> None:
    assert expected_calibration_error(confidence, right) == pytest.approx(error, nan_ok=True), reason


@pytest.mark.parametrize(
    ("confidence", "row", "reason"),
    [
        (0.0, 0, "the lowest"),
        (0.0999, 0, "just below an edge"),
        (0.1, 1, "on an edge: the upper bin"),
        (0.3, 3, "an edge that floats cannot hold exactly"),
        (0.7, 7, "another"),
        (1.0, 9, "the highest belongs to the last bin"),
    ],
)
def test_reliability_bins(confidence: float, row: int, reason: str) -> None:
    table = reliability_table([confidence], [True])
    assert [line["count"] for line in table].index(1) == row, reason
    assert table[row]["confidence"] == confidence
    assert table[row]["accuracy"] == 1.0
    assert sum(math.isnan(line["accuracy"]) for line in table) == 9, "empty bins claim nothing"


@pytest.mark.parametrize(
    ("confidence", "right"),
    [
        pytest.param([NAN], [True], id="NaN would sort somewhere"),
        pytest.param([0.5], [NAN], id="NaN is true as a bool"),
        pytest.param([0.5], [0.7], id="a share is no judgement"),
        pytest.param([0.5, 0.6], [True], id="lengths differ"),
        pytest.param([[0.5]], [[True]], id="a matrix"),
    ],
)
@pytest.mark.parametrize("score", [risk_coverage, threshold_for_accuracy, expected_calibration_error])
def test_confidence_scores_refuse(score: Callable[..., object], confidence: list[float], right: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        score(confidence, right)


@pytest.mark.parametrize("confidence", [-0.1, 1.5, 97.0])
def test_calibration_refuses_percent(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_calibration_error([confidence], [True])


def test_threshold_refuses_percent() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_for_accuracy([0.5], [True], accuracy=95)
