"""The scores of this package: one metric, one place. Training, evaluation and reports call these functions.

Times are minutes past twelve, 0 <= m < 720; a place on a drum of ten is 0 <= p < 10. Input that no score can be made of
(NaN, lengths that differ, a time of 725) raises ValueError: a broken reading must never come out as a number that looks
like a score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facevalue.codecs.digits import shown, tenths

if TYPE_CHECKING:
    from facevalue.codecs.classes import ClassBelief

DAY_HALF_MINUTES = 720
FLOAT_NOISE_MINUTES = 1e-6  # 0.3 + 0.7 minutes apart is one minute, whatever the last bit says
FLOAT_NOISE_PERCENT = 1e-6
WHOLE_RANGE_PERCENT = 100.0  # how far off a reading is that there is none of
DRUM = 10  # a drum's places
FLOAT_NOISE_SHARE = 1e-12  # 19 of 20 that weigh 0.7 each are 0.95 of them, whatever the last bit says
PLACE_NOISE = 1e-6  # 9.95 and 0.05 are a tenth apart


class TimeScores(TypedDict):
    """What `time_scores` returns: minutes and shares; all but `count` are NaN where nothing was read."""

    count: int
    mean: float
    median: float
    within_1: float
    within_5: float
    within_10: float
    hour_right: float


class FigureScores(TypedDict):
    """What `figure_scores` returns: shares, and mean minutes off; NaN where nothing was read.

    hour, minute, both: of times with the true figure there, or with both.  hour_error: of the hours alone, 60 minutes
    each, round the twelve.  minute_error: of the minutes alone, round the hour.  time_error: of the two together.
    """

    hour: float
    minute: float
    both: float
    hour_error: float
    minute_error: float
    time_error: float


# What `place_scores` returns: shares, and the mean distance; all but `count` are NaN where there is nothing to read.
PlaceScores = TypedDict(
    "PlaceScores",
    {"count": int, "within_0.1": float, "within_0.2": float, "off_by_more_than_1": float, "mean": float},
)


class DigitScores(TypedDict):
    """What `digit_scores` returns: shares of the count before them, NaN where that is 0.

    exact: right.  exact_with_point: of the rows with a point, also that stands as labelled.  counted: as many digits
    as labelled.  digits_right: of the single digits of rows counted right.  places: of single rolling digits.
    """

    count: int
    exact: float
    counted: float
    with_point: int
    exact_with_point: float
    digits: int
    digits_right: float
    places: PlaceScores


class RangeScores(TypedDict):
    """Of dials, shares 0..1 and percent of the range."""

    count: int
    within_1: float
    within_2: float
    within_5: float
    mean: float
    median: float
    unreadable: int


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
    read, true = _time_pairs(read_minutes, true_minutes)
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


def figure_scores(read_minutes: ArrayLike, true_minutes: ArrayLike) -> FigureScores:
    """Score the hours and the minutes of times apart, as figures: each time is the whole minute nearest to it.

    read_minutes, true_minutes: (N,) float, minutes past twelve, 0 <= m < 720.  1:59 read for 2:01 is two minutes off in
    all and in its minutes, but an hour in its hours.  Raises ValueError as `time_scores` does.
    The precision and the time errors of the deep-time report, whose "combined" precision is the mean of two of these.
    """
    read, true = _time_pairs(read_minutes, true_minutes)
    read, true = (np.floor(times + 0.5) % DAY_HALF_MINUTES for times in (read, true))
    (read_hour, read_minute), (true_hour, true_minute) = np.divmod(read, 60), np.divmod(true, 60)
    minutes_off = np.abs(read_minute - true_minute)
    return FigureScores(
        hour=_share(read_hour == true_hour),
        minute=_share(read_minute == true_minute),
        both=_share(read == true),
        hour_error=_mean(minutes_apart(read_hour * 60, true_hour * 60)),
        minute_error=_mean(np.minimum(minutes_off, 60 - minutes_off)),
        time_error=_mean(minutes_apart(read, true)),
    )


def places_apart(read: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """Shortest way round a drum of ten between two places: 9.9 and 0.1 are 0.2 apart.

    read, true: (N,) float, 0 <= place < 10.  Returns (N,) float, 0..5; NaN stays NaN.
    """
    apart = np.abs(np.asarray(read, np.float64) - np.asarray(true, np.float64)) % DRUM
    return np.asarray(np.minimum(apart, DRUM - apart), np.float64)


def place_is_right(read: ArrayLike, true: ArrayLike) -> NDArray[np.bool_]:
    """Whether each place on a drum is within a tenth of the truth: what "right" means of a single rolling digit.

    read, true: (N,) float, 0 <= place < 10.  Returns (N,) bool; NaN is never right.
    """
    return np.asarray(places_apart(read, true) <= 0.1 + PLACE_NOISE)


def place_scores(read: ArrayLike, true: ArrayLike) -> PlaceScores:
    """Score places of single rolling digits: shares within 0.1, within 0.2 and off by more than 1, mean distance.

    read: (N,) float, NaN where nothing was read, which counts as the farthest, 5.  true: (N,) float, 0 <= place < 10.
    Raises ValueError for a true place outside that or lengths that differ.
    """
    places, expected = np.asarray(read, np.float64), np.asarray(true, np.float64)
    if places.shape != expected.shape:
        raise ValueError(f"{places.size} places read against {expected.size} true ones: expected as many of each")
    bad = expected[~((expected >= 0) & (expected < DRUM))]
    if bad.size:
        raise ValueError(f"true places hold {bad[0]:g}: expected 0 <= place < 10")
    apart = np.nan_to_num(places_apart(places, expected), nan=DRUM / 2)
    return PlaceScores(
        {
            "count": int(apart.size),
            "within_0.1": _share(apart <= 0.1 + PLACE_NOISE),
            "within_0.2": _share(apart <= 0.2 + PLACE_NOISE),
            "off_by_more_than_1": _share(apart > 1 + PLACE_NOISE),
            "mean": float(apart.mean()) if apart.size else float("nan"),
        }
    )


def place_of(label: str) -> float | None:
    """The place on its drum that a label of the form d.d gives a single rolling digit; None for any other label."""
    return float(label) if re.fullmatch(r"[0-9]\.[0-9]", label) else None


def digits_are_right(text: str, number: float, label: str) -> bool:
    """Whether every digit is as labelled, the point ignored: what "right" means of a row of digits, everywhere.

    text: as read, ``?`` for a digit that can't be told, "" where there is none.  number: what it makes; of a single
    digit its place, 0 <= p < 10; NaN where it can't be told, which is never right.  label: digits, at most one point.
    Against a label of the form d.d, the place of a rolling digit, a single digit is right within 0.1 round the drum.
    """
    digits, place = text.replace(".", ""), place_of(label)
    if not digits or "?" in digits or math.isnan(number):
        return False
    if place is not None and len(digits) == 1:
        return bool(place_is_right(number, place))
    return digits == label.replace(".", "")


def point_is_right(text: str, label: str) -> bool | None:
    """Whether the point of a labelled row stands where it was read, its digits right too; None for one without a point.

    Arguments as of `digits_are_right`.  The point of a label of the form d.d parts the tenths of a drum's place; one
    behind the last digit is none.
    """
    return None if "." not in label[:-1] or place_of(label) is not None else text == label


def pair_digits(text: str, number: float, label: str) -> list[tuple[str, str]]:
    """The labelled digits, each with the one read in its place; none where their counts differ.

    Arguments as of `digits_are_right`.  A rolling digit stands for the one that its place shows, and is read as that
    where its place is right; read as two digits it is counted right if those are the label's two.
    """
    digits, place = text.replace(".", ""), place_of(label)
    right = digits_are_right(text, number, label)
    if place is not None and len(digits) == 1:
        true = str(shown(tenths(np.array([place])))[0])
        return [(true, true if right else digits)]
    true = label.replace(".", "")
    if len(digits) != len(true) or (place is not None and not right):
        return []
    return list(zip(true, digits, strict=True))


def digit_scores(texts: Sequence[str], numbers: ArrayLike, labels: Sequence[str]) -> DigitScores:
    """Score rows of digits read against labelled ones.

    texts, numbers, labels: N each, as `digits_are_right` takes them.
    Raises ValueError for lengths that differ and for a label without a digit: where none can be told, none is scored.
    """
    values = _numbers_of_rows(texts, numbers, labels)
    rows = list(zip(texts, values, labels, strict=True))
    pairs = [pair_digits(*row) for row in rows]
    single = [row for row in rows if place_of(row[2]) is not None]
    pointed = [right for text, _, label in rows if (right := point_is_right(text, label)) is not None]
    places = [math.nan if len(text) != 1 else number for text, number, _ in single]
    for index, (row, place) in enumerate(zip(single, places, strict=True)):
        if math.isnan(place) and digits_are_right(*row):
            places[index] = float(row[2])  # its two digits read as such
    return DigitScores(
        count=len(rows),
        exact=_share([digits_are_right(*row) for row in rows]),
        counted=_share([bool(row_pairs) for row_pairs in pairs]),
        with_point=len(pointed),
        exact_with_point=_share(pointed),
        digits=sum(map(len, pairs)),
        digits_right=_share([true == read for row_pairs in pairs for true, read in row_pairs]),
        places=place_scores(places, [float(label) for _, _, label in single]),
    )


def digit_confusion(texts: Sequence[str], numbers: ArrayLike, labels: Sequence[str]) -> NDArray[np.int64]:
    """How often each digit was read as each: (10, 10) counts, labelled by read, over rows counted right.

    texts, numbers, labels: as of `digit_scores`.  Digits that can't be told are left out.
    """
    counts = np.zeros((10, 10), dtype=np.int64)
    for row in zip(texts, _numbers_of_rows(texts, numbers, labels), labels, strict=True):
        for true, read in pair_digits(*row):
            if read != "?":
                counts[int(true), int(read)] += 1
    return counts


def range_scores(percent_off: ArrayLike) -> RangeScores:
    """Scores of dials. percent_off: (N,) how far each reading is off, in percent of its range; NaN where unreadable.

    What is unreadable counts as a whole range off.
    """
    given = np.asarray(percent_off, dtype=np.float64)
    off = np.where(np.isnan(given), WHOLE_RANGE_PERCENT, given)
    return RangeScores(
        count=len(off),
        within_1=_share(off <= 1 + FLOAT_NOISE_PERCENT),
        within_2=_share(off <= 2 + FLOAT_NOISE_PERCENT),
        within_5=_share(off <= 5 + FLOAT_NOISE_PERCENT),
        mean=_mean(off),
        median=float(np.median(off)) if len(off) else math.nan,
        unreadable=int(np.isnan(given).sum()),
    )


def risk_coverage(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share answered, and share wrong among the answered, as the confidence asked for falls.

    confidence: (N,) float.  right: (N,) bool.  Returns coverage (K,) rising to 1 and risk (K,), one point for each
    distinct confidence: equal confidences cannot be told apart, so they are answered together or not at all.
    Raises ValueError for NaN or lengths that differ.
    """
    _, answered, count_right = _answered_from_surest(confidence, right)
    total = answered[-1] if answered.size else 1
    return answered / total, (answered - count_right) / np.maximum(answered, 1)


def threshold_for_accuracy(
    confidence: ArrayLike, right: ArrayLike, accuracy: float = 0.95, weight: ArrayLike | None = None
) -> tuple[float, float]:
    """Lowest threshold such that the readings at or above it are right at least at that accuracy.

    confidence: (N,) float.  right: (N,) bool.  accuracy: 0..1.  weight: (N,) float above 0, how much each reading
    counts; 1 where not given.  Returns the threshold and the share answered at it; (inf, 0.0) where no threshold
    reaches the accuracy, so that nothing is answered.
    Raises ValueError for NaN, lengths that differ, a weight that is not above 0 or an accuracy outside 0..1.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy is {accuracy}: expected a share between 0 and 1")
    thresholds, answered, count_right = _answered_from_surest(confidence, right, weight)
    good = np.flatnonzero(count_right >= accuracy * answered - FLOAT_NOISE_SHARE * answered)
    if good.size == 0:
        return float("inf"), 0.0
    return float(thresholds[good[-1]]), float(answered[good[-1]] / answered[-1])


def paired_difference(before: ArrayLike, after: ArrayLike) -> tuple[float, float, float]:
    """By how much the share right rose on the same pictures, and the 95 % interval of that: difference, low, high.

    before, after: (N,) bool, N > 0.  Each -1..1.  Raises ValueError for lengths that differ or no picture.
    Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions": Wald's interval with
    half a picture added to each of the four cells, which holds its promise for a dozen pictures too.
    """
    was_right, is_now = np.asarray(before, np.bool_), np.asarray(after, np.bool_)
    if was_right.ndim != 1 or was_right.shape != is_now.shape or not was_right.size:
        raise ValueError(f"before {was_right.shape} and after {is_now.shape}: expected two (N,) of one length")
    gained, lost = int((~was_right & is_now).sum()), int((was_right & ~is_now).sum())
    count, change = was_right.size + 2, gained - lost
    middle = change / count
    reach = 1.96 * math.sqrt(gained + lost + 1 - change**2 / count) / count
    return change / was_right.size, max(middle - reach, -1.0), min(middle + reach, 1.0)


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
    confidence: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Distinct confidences from high to low (K,), and how many are answered (K,) and right (K,) at each of them."""
    sure, was_right = _judged(confidence, right)
    counts = np.ones(sure.shape) if weight is None else np.asarray(weight, np.float64)
    if counts.shape != sure.shape or not (np.isfinite(counts) & (counts > 0)).all():
        raise ValueError(f"weight {counts.shape}: expected ({sure.size},) finite numbers above 0")
    order = np.argsort(-sure, kind="stable")
    sure, was_right, counts = sure[order], was_right[order], counts[order]
    last_of_equals = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)[: sure.size])
    return sure[last_of_equals], counts.cumsum()[last_of_equals], (counts * was_right).cumsum()[last_of_equals]


def _judged(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    sure, judged = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if sure.ndim != 1 or sure.shape != judged.shape:
        raise ValueError(f"confidence {sure.shape} and right {judged.shape}: expected two (N,) of one length")
    if not np.isfinite(sure).all():
        raise ValueError("a confidence is NaN or infinite: expected finite numbers")
    if not np.isin(judged, (0, 1)).all():
        raise ValueError("right holds something else than true and false (NaN?): expected (N,) bool")
    return sure, judged.astype(bool)


def _share(right: ArrayLike) -> float:
    judged = np.asarray(right, np.bool_)
    return float(judged.mean()) if judged.size else float("nan")


def _numbers_of_rows(texts: Sequence[str], numbers: ArrayLike, labels: Sequence[str]) -> list[float]:
    values: list[float] = np.asarray(numbers, np.float64).ravel().tolist()
    if not len(texts) == len(values) == len(labels):
        raise ValueError(
            f"{len(texts)} texts, {len(values)} numbers and {len(labels)} labels: expected as many of each"
        )
    for label in labels:
        if not re.fullmatch(r"(?=.*[0-9])[0-9]*\.?[0-9]*", label):
            raise ValueError(f"label {label!r}: expected digits with at most one point")
    return values


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _time_pairs(read_minutes: ArrayLike, true_minutes: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    read, true = _times("read_minutes", read_minutes), _times("true_minutes", true_minutes)
    if read.shape != true.shape:
        raise ValueError(f"{read.size} times read against {true.size} true ones: expected as many of each")
    return read, true


def _times(name: str, minutes: ArrayLike) -> NDArray[np.float64]:
    times = np.asarray(minutes, np.float64)
    if times.ndim != 1:
        raise ValueError(f"{name} has shape {times.shape}: expected (N,)")
    bad = times[~((times >= 0) & (times < DAY_HALF_MINUTES))]  # NaN compares false, so it is caught here
    if bad.size:
        raise ValueError(f"{name} holds {bad[0]:g}: expected minutes past twelve, 0 <= m < 720")
    return times


def class_scores(beliefs: Sequence[ClassBelief], classes: ArrayLike) -> dict[str, float]:
    """Scores of beliefs against the true classes (N,).

    right: share whose likeliest class is the true one (top-1).  loss: mean of -log of the true class' probability.
    Raises ValueError for lengths that differ or no picture.
    """
    true = np.asarray(classes, dtype=np.int64)
    if true.shape != (len(beliefs),) or not beliefs:
        raise ValueError(f"{len(beliefs)} beliefs against {true.shape} classes: expected as many of each, and some")
    log_probability = np.array([belief.log_probability for belief in beliefs], dtype=np.float64)
    right = log_probability.argmax(axis=1) == true
    loss = -log_probability[np.arange(len(true)), true]
    return {"right": float(right.mean()), "loss": float(loss.mean())}


def class_confusion(read: ArrayLike, true: ArrayLike, count: int = 10) -> NDArray[np.int64]:
    """How often each class was read as each: (count, count), true by read.  read, true: (N,) classes.

    Raises ValueError for lengths that differ.
    """
    was_read, was_true = np.asarray(read, dtype=np.int64), np.asarray(true, dtype=np.int64)
    if was_read.shape != was_true.shape:
        raise ValueError(f"{was_read.size} classes read against {was_true.size} true ones: expected as many of each")
    counts = np.zeros((count, count), dtype=np.int64)
    np.add.at(counts, (was_true, was_read), 1)
    return counts
