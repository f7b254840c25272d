"""Case tables for the scores; the last column of each row says why the row is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from facevalue.metrics import (
    expected_calibration_error,
    hour_is_right,
    is_right,
    minutes_apart,
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
