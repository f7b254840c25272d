"""The scores of this package: one metric, one place. Training, evaluation and reports call these functions.

Times are minutes past twelve, 0 <= m < 720. Input that no score can be made of (NaN, lengths that differ, a time of
725) raises ValueError: a broken reading must never come out as a number that looks like a score.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

DAY_HALF_MINUTES = 720
FLOAT_NOISE_MINUTES = 1e-6  # 0.3 + 0.7 minutes apart is one minute, whatever the last bit says


class TimeScores(TypedDict):
    """What `time_scores` returns: minutes and shares; all but `count` are NaN where nothing was read."""

    count: int
    mean: float
    median: float
    within_1: float
    within_5: float
    within_10: float
    hour_right: float


class ReliabilityRow(TypedDict):
    """One row of `reliability_table`: the bin [low, high), mean confidence and share right in it (NaN if empty)."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def minutes_apart(read: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Shortest way round the dial between two times, in minutes: 11:59 and 12:00 are 1 apart, not 719.

    read, true: (N,) float, minutes past twelve, 0 <= m < 720.  Returns (N,) float, 0..360; NaN stays NaN.
    The "common-sense difference" (CSD) of Leiden's tell-the-time assignment: min(|p - a|, 720 - |p - a|).
    """
    apart = np.abs(np.asarray(read, np.float64) - np.asarray(true, np.float64)) % DAY_HALF_MINUTES
    return np.asarray(np.minimum(apart, DAY_HALF_MINUTES - apart), np.float64)


def is_right(read: ArrayLike, true: ArrayLike) -> NDArray[np.bool_]:
    """Whether each reading is within one minute of the truth: what "right" means of a clock, everywhere.

    read, true: (N,) float, minutes past twelve, 0 <= m < 720.  Returns (N,) bool; NaN, nothing to read, is never right.
    """
    return np.asarray(minutes_apart(read, true) <= 1 + FLOAT_NOISE_MINUTES)


def hour_is_right(read: ArrayLike, true: ArrayLike) -> NDArray[np.bool_]:
    """Whether each reading has the true hour figure, or is at most five minutes off across a full hour.

    read, true: (N,) float, minutes past twelve, 0 <= m < 720.  Returns (N,) bool.
    5:59 read for 6:00 is a minute's mistake and no hour mistake; 6:59 read for 5:59 is one.
    """
    same_figure = np.asarray(read, np.float64) // 60 == np.asarray(true, np.float64) // 60
    return np.asarray(same_figure | (minutes_apart(read, true) <= 5 + FLOAT_NOISE_MINUTES))


def time_scores(read_minutes: ArrayLike, true_minutes: ArrayLike) -> TimeScores:
    """Score times read against true ones: count, mean and median CSD, shares within 1, 5, 10 minutes, hour right.

    read_minutes, true_minutes: (N,) float, minutes past twelve, 0 <= m < 720.
    Returns minutes for `mean` and `median`, shares 0..1 for the rest; for N = 0 a count of 0 and NaN.
    Raises ValueError for NaN, a time outside 0..720 or lengths that differ.
    """
    read, true = _times("read_minutes", read_minutes), _times("true_minutes", true_minutes)
    if read.shape != true.shape:
        raise ValueError(f"{read.size} times read against {true.size} true ones: expected as many of each")
    if read.size == 0:
        nan = float("nan")
        return TimeScores(count=0, mean=nan, median=nan, within_1=nan, within_5=nan, within_10=nan, hour_right=nan)
    apart = minutes_apart(read, true)
    return TimeScores(
        count=int(read.size),
        mean=float(apart.mean()),
        median=float(np.median(apart)),
        within_1=float(np.mean(is_right(read, true))),
        within_5=float(np.mean(apart <= 5 + FLOAT_NOISE_MINUTES)),
        within_10=float(np.mean(apart <= 10 + FLOAT_NOISE_MINUTES)),
        hour_right=float(np.mean(hour_is_right(read, true))),
    )


def places_apart(read: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Shortest way round a drum of ten between two places: 9.9 and 0.1 are 0.2 apart.

    read, true: (N,) float, 0 <= place < 10.  Returns (N,) float, 0..5; NaN stays NaN.
    """
    apart = np.abs(np.asarray(read, np.float64) - np.asarray(true, np.float64)) % 10
    return np.asarray(np.minimum(apart, 10 - apart), np.float64)


def place_is_right(read: ArrayLike, true: ArrayLike) -> NDArray[np.bool_]:
    """Whether each place on a drum is within a tenth of the truth: what "right" means of a single rolling digit.

    read, true: (N,) float, 0 <= place < 10.  Returns (N,) bool; NaN is never right.
    """
    return np.asarray(places_apart(read, true) <= 0.1 + 1e-6)


def risk_coverage(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share answered, and share wrong among the answered, as the confidence asked for falls.

    confidence: (N,) float.  right: (N,) bool.  Returns coverage (K,) rising to 1 and risk (K,), one point for each
    distinct confidence: equal confidences cannot be told apart, so they are answered together or not at all.
    Raises ValueError for NaN or lengths that differ.
    """
    _, answered, count_right = _answered_from_surest(confidence, right)
    total = answered[-1] if answered.size else 0
    return answered / max(int(total), 1), (answered - count_right) / np.maximum(answered, 1)


def threshold_for_accuracy(confidence: ArrayLike, right: ArrayLike, accuracy: float = 0.95) -> tuple[float, float]:
    """Lowest threshold such that the readings at or above it are right at least at that accuracy.

    confidence: (N,) float.  right: (N,) bool.  accuracy: 0..1.  Returns the threshold and the share answered at it;
    (inf, 0.0) where no threshold reaches the accuracy, so that nothing is answered.
    Raises ValueError for NaN, lengths that differ or an accuracy outside 0..1.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy is {accuracy}: expected a share between 0 and 1")
    thresholds, answered, count_right = _answered_from_surest(confidence, right)
    good = np.flatnonzero(count_right / np.maximum(answered, 1) >= accuracy)
    if good.size == 0:
        return float("inf"), 0.0
    return float(thresholds[good[-1]]), float(answered[good[-1]] / answered[-1])


def reliability_table(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> list[ReliabilityRow]:
    """Confidence against accuracy in bins of equal width: the two columns agree where confidence tells the truth.

    confidence: (N,) float, 0..1.  right: (N,) bool.  Returns `bins` rows; a confidence on an edge is in the upper bin,
    1.0 in the last.  Raises ValueError for NaN, a confidence outside 0..1 or lengths that differ.
    """
    sure, was_right = _judged(confidence, right)
    if sure.size and (sure.min() < 0 or sure.max() > 1):
        raise ValueError(f"confidences from {sure.min():g} to {sure.max():g}: expected them between 0 and 1")
    edges = np.arange(bins + 1) / bins
    bin_of = np.minimum(np.searchsorted(edges, sure, side="right") - 1, bins - 1)  # (N,)
    rows = []
    for index in range(bins):
        inside = bin_of == index
        count = int(inside.sum())
        rows.append(
            ReliabilityRow(
                low=float(edges[index]),
                high=float(edges[index + 1]),
                count=count,
                confidence=float(sure[inside].mean()) if count else float("nan"),
                accuracy=float(was_right[inside].mean()) if count else float("nan"),
            )
        )
    return rows


def expected_calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over the bins of `reliability_table`, weighted by their counts.

    confidence: (N,) float, 0..1.  right: (N,) bool.  Returns 0 (confidence is the share right) to 1; NaN for N = 0.
    Raises ValueError as `reliability_table` does.  Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3.
    """
    filled = [row for row in reliability_table(confidence, right, bins) if row["count"]]
    if not filled:
        return float("nan")
    gaps = sum(row["count"] * abs(row["confidence"] - row["accuracy"]) for row in filled)
    return float(gaps / sum(row["count"] for row in filled))


def _answered_from_surest(
    confidence: ArrayLike, right: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct confidences from high to low (K,), and how many are answered (K,) and right (K,) at each of them."""
    sure, was_right = _judged(confidence, right)
    order = np.argsort(-sure, kind="stable")
    sure, was_right = sure[order], was_right[order]
    last_of_equals = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)[: sure.size])
    count_right = np.cumsum(was_right, dtype=np.int64)[last_of_equals]
    return sure[last_of_equals], (last_of_equals + 1).astype(np.int64), count_right


def _judged(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    sure, judged = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if sure.ndim != 1 or sure.shape != judged.shape:
        raise ValueError(f"confidence {sure.shape} and right {judged.shape}: expected two (N,) of one length")
    if not np.isfinite(sure).all():
        raise ValueError("a confidence is NaN or infinite: expected finite numbers")
    if not np.isin(judged, (0, 1)).all():
        raise ValueError("right holds something else than true and false (NaN?): expected (N,) bool")
    return sure, judged.astype(bool)


def _times(name: str, minutes: ArrayLike) -> NDArray[np.float64]:
    times = np.asarray(minutes, np.float64)
    if times.ndim != 1:
        raise ValueError(f"{name} has shape {times.shape}: expected (N,)")
    bad = times[~((times >= 0) & (times < DAY_HALF_MINUTES))]  # NaN compares false, so it is caught here
    if bad.size:
        raise ValueError(f"{name} holds {bad[0]:g}: expected minutes past twelve, 0 <= m < 720")
    return times
