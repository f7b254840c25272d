"""Every way that others told a network the time: the encodings that the study of encodings compares.

They need no more of a label than the time, so that any of them goes with any source of clocks, and say nothing of
where the dial stands. A dial without seconds shows whole minutes: classes of minutes are of the whole minute nearest to
the time. Reports are named as in the study.

    clock/hours                     one number, decimal hours (3:30 is 3.5), absolute error                leiden-2024
    clock/hours-59                  the same by the formula hour + minute / 59, squared error              leiden-2021
    clock/24-classes .. /720-classes   classes of 30, 10, 4 and 1 minutes                           leiden-2021, -2024
    clock/hour-class-minute-value   12 classes of hours, and the minute as a number, 0.8 to 0.2     leiden-2021, -2024
    clock/hour-minute-classes       12 classes of hours and 60 of minutes               deep-time, leiden-2021, -2024
    clock/sine-cosine               sine and cosine of the time, of 720 minutes                     leiden-2021
    clock/two-sine-cosines          sine and cosine of the time and of the minute, of 60
    clock/wrapped                   a direction, trained on the way round the dial to the true one
    clock/720-soft                  720 minutes, those near the true one nearly as good
    clock/two-circles               the time and the minute as soft circles, decoded together: needles without a pose
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Codec, Floats, Head, HeadLoss, Target
from facevalue.codecs.clock import HALF_BIN, by_minute
from facevalue.codecs.needles import decode_turned_pair, local_direction, log_softmax, soft_circle

MINUTES = 720
WHOLE = np.arange(MINUTES)
SPREAD_MINUTES = 1.0  # of a regression, which does not say how sure it is
NOISE = 0.05  # of a sine or cosine: a minute of the minute hand is twice that

Minutes = NDArray[np.float64]


@dataclass(frozen=True)
class TimeBelief:
    """What one picture says of the time, and of nothing else.

    time: as read, minutes past twelve, 0 <= t < 720.  shares: (K,) probabilities of the K equal parts of twelve hours,
    K at most 720, each of so many whole minutes: part k of k w .. k w + w - 1, where w = 720 / K.
    """

    time: float
    shares: Floats
    dial: ClassVar[float] = 1.0  # that there is a dial is taken for granted

    def minutes(self) -> float:
        """The time read, minutes past twelve, 0 <= m < 720."""
        return self.time

    def by_minute(self) -> Floats:
        """(720,) probability of each whole minute, as much for each of a part."""
        width = MINUTES // len(self.shares)
        return np.repeat(self.shares / width, width).astype(np.float32)

    def mass_near(self, minutes: float, reach_minutes: float = 1.0) -> float:
        """Probability that the time is within reach of ``minutes``, or a quarter beyond."""
        apart = np.abs(WHOLE - minutes % MINUTES)
        near = np.minimum(apart, MINUTES - apart) <= reach_minutes + HALF_BIN
        return min(float(self.by_minute()[near].sum()), 1.0)

    def candidates(self, count: int, apart_minutes: float = 2.5) -> list[tuple[float, float]]:
        """The likeliest times, each with the mass within a minute of it, best first, none near a better one."""
        middles = middles_of(len(self.shares))
        times = [self.time]
        for part in np.argsort(-self.shares, kind="stable").tolist():
            if len(times) >= count:
                break
            apart = np.abs(np.array(times) - middles[part])
            if np.minimum(apart, MINUTES - apart).min() > apart_minutes:
                times.append(float(middles[part]))
        found = [(time, self.mass_near(time)) for time in times]
        return found[:1] + sorted(found[1:], key=lambda candidate: -candidate[1])


def middles_of(parts: int) -> Minutes:
    """(parts,) the middle of the whole minutes of each of the equal parts of twelve hours: of 3:00 .. 3:29, 3:14.5."""
    width = MINUTES // parts
    return np.asarray(np.arange(parts) * width + (width - 1) / 2, dtype=np.float64)


def times_of(labels: Mapping[str, NDArray[Any]]) -> tuple[Minutes, Floats]:
    """(N,) the labelled times, minutes past twelve, and (N,) float32 weights: 0, and a time of 0, without a dial."""
    seconds = np.asarray(labels["seconds"], dtype=np.float64)
    return np.nan_to_num(seconds) / 60, (~np.isnan(seconds)).astype(np.float32)


def whole_minutes(minutes: Minutes) -> NDArray[np.int64]:
    """(N,) the whole minute nearest to each time, 0..719."""
    return np.floor(minutes + 0.5).astype(np.int64) % MINUTES


def on_the_dial(minutes: Minutes) -> Minutes:
    """Minutes, any number, as 0 <= m < 720; twice, as -1e-17 % 720 is 720."""
    return np.asarray(minutes, dtype=np.float64) % MINUTES % MINUTES


def direction(minutes: Minutes, turn_minutes: int) -> Floats:
    """(N, 2) sine and cosine of times on a circle of so many minutes."""
    angle = minutes * (2 * np.pi / turn_minutes)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


def spread_about(minutes: Minutes) -> Floats:
    """(N, 720) a wrapped Gaussian about each time, SPREAD_MINUTES wide: what is believed of a bare number."""
    return soft_circle((minutes / 2).astype(np.float32), MINUTES, SPREAD_MINUTES / 2)  # 720 minutes are 360 degrees


def beliefs_of(times: Minutes, shares: Floats) -> list[TimeBelief]:
    """times: (N,) any number of minutes.  shares: (N, K)."""
    wrapped = on_the_dial(times).tolist()
    return [TimeBelief(time, row) for time, row in zip(wrapped, shares.astype(np.float32), strict=True)]


# ---- numbers ---------------------------------------------------------------------------------------------------------


class ClockHours:
    """Decimal hours, 0 <= h < 12, as one number: 12:01 and 11:59 are far apart.

    per_hour, loss: 60 with the absolute error, of leiden-2024, or the 59 of hour + minute / 59, by which 3:59 and 4:00
    are both 4.0 and read as 4:00, with the squared error, of leiden-2021. In doubt which side of twelve it is the
    absolute error takes one of the two, the squared error what lies between.
    """

    def __init__(self, per_hour: int = 60, loss: HeadLoss = "absolute") -> None:
        self.name = "clock/hours" if per_hour == 60 else f"clock/hours-{per_hour}"
        self.per_hour = per_hour
        self.heads: tuple[Head, ...] = (Head("hours", 1, "value", loss=loss),)

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        hours = minutes // 60 + minutes % 60 / self.per_hour
        return {"hours": Target(hours[:, None].astype(np.float32), weight)}

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: hours (N, 1), any number, wrapped round the dial."""
        hours = outputs["hours"][:, 0].astype(np.float64)
        times = on_the_dial(np.floor(hours) * 60 + hours % 1 * self.per_hour)
        return beliefs_of(times, spread_about(times))


class ClockSineCosine:
    """Sine and cosine of the time of 720 minutes, squared error; read by the arc tangent of the two.

    The squared error is least at the mean of what the picture may show, so the two numbers are the shorter the less is
    known: the spread is that of a wrapped normal distribution whose mean they are, a minute at least.
    """

    name = "clock/sine-cosine"
    heads: tuple[Head, ...] = (Head("time", 2, "vector", loss="squared"),)

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        return {"time": Target(direction(minutes, MINUTES), weight)}

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: time (N, 2), sine and cosine."""
        times = minutes_towards(outputs["time"])
        length = np.clip(np.linalg.norm(outputs["time"].astype(np.float64), axis=1), 1e-3, 1 - 1e-9)
        width = np.maximum(np.sqrt(-2 * np.log(length)), SPREAD_MINUTES * 2 * np.pi / MINUTES)
        away = np.cos((WHOLE - times[:, None]) * (2 * np.pi / MINUTES))
        return beliefs_of(times, np.exp(log_softmax((away / width[:, None] ** 2).astype(np.float32))))


class ClockWrapped:
    """Circular regression: two numbers that are a direction, of any length, trained on the way round to the true one.

    One number would have to jump somewhere on the dial; two can follow it round.
    """

    name = "clock/wrapped"
    heads: tuple[Head, ...] = (Head("time", 2, "vector", loss="wrapped"),)
    encode = ClockSineCosine.encode

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: time (N, 2), a direction."""
        times = minutes_towards(outputs["time"])
        return beliefs_of(times, spread_about(times))


class ClockTwoSineCosines:
    """Sine and cosine of the time and of the minute, read as the time whose four numbers are nearest to those seen."""

    name = "clock/two-sine-cosines"
    heads: tuple[Head, ...] = (
        Head("time", 2, "vector", loss="squared"),
        Head("minute", 2, "vector", loss="squared"),
    )

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        return {
            "time": Target(direction(minutes, MINUTES), weight),
            "minute": Target(direction(minutes, 60), weight),
        }

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: time and minute (N, 2), sine and cosine each."""
        whole = WHOLE.astype(np.float64)
        # The true numbers all have the same length, so the nearest are those with the largest product.
        score = outputs["time"] @ direction(whole, MINUTES).T + outputs["minute"] @ direction(whole, 60).T  # (N, 720)
        return beliefs_of(peaks_of(score), np.exp(log_softmax((score / NOISE**2).astype(np.float32))))


def minutes_towards(sine_cosine: Floats) -> Minutes:
    """(N,) minutes past twelve of directions (N, 2)."""
    sine, cosine = sine_cosine.astype(np.float64).T
    return on_the_dial(np.arctan2(sine, cosine) * (MINUTES / (2 * np.pi)))


def peaks_of(score: Floats) -> Minutes:
    """(N,) where each row of (N, 720) is largest, between the minutes by the parabola through three of them."""
    rows, top = np.arange(len(score)), score.argmax(axis=1)
    before, at, after = (score[rows, (top + by) % MINUTES].astype(np.float64) for by in (-1, 0, 1))
    bend = before - 2 * at + after
    return np.asarray(top + np.where(bend < 0, (before - after) / (2 * np.minimum(bend, -1e-12)), 0.0))


# ---- classes ---------------------------------------------------------------------------------------------------------


class ClockClasses:
    """Twelve hours in equal classes: class k of n is of the whole minutes k w .. k w + w - 1, where w = 720 / n.

    Of 24 classes number 7 is 3:30 .. 3:59. A class is read as the middle of its minutes, 3:44.5, so that no time is
    farther off than need be; reports that count how many classes a reading is off have 0 minutes there, see
    ``class_of``.
    """

    def __init__(self, count: int) -> None:
        self.name = f"clock/{count}-classes"
        self.count = count
        self.width_minutes = MINUTES // count
        self.heads: tuple[Head, ...] = (Head("time", count, "classes"),)

    def class_of(self, minutes: Minutes) -> NDArray[np.int64]:
        """(N,) the class, 0 .. count - 1, of times in minutes past twelve."""
        return whole_minutes(minutes) // self.width_minutes

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        return {"time": Target(self.class_of(minutes), weight)}

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: time (N, count) logits."""
        logits = outputs["time"]
        return beliefs_of(middles_of(self.count)[logits.argmax(axis=1)], np.exp(log_softmax(logits)))


class ClockHourMinuteClasses:
    """12 classes of hours and 60 of minutes, independent of each other, read one by one as the reports do."""

    name = "clock/hour-minute-classes"
    heads: tuple[Head, ...] = (Head("hour", 12, "classes"), Head("minute", 60, "classes"))

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        hour, minute = np.divmod(whole_minutes(minutes), 60)
        return {"hour": Target(hour, weight), "minute": Target(minute, weight)}

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: hour (N, 12) and minute (N, 60) logits."""
        hour, minute = (np.exp(log_softmax(outputs[name])) for name in ("hour", "minute"))
        times = outputs["hour"].argmax(axis=1) * 60.0 + outputs["minute"].argmax(axis=1)
        return beliefs_of(times, (hour[:, :, None] * minute[:, None, :]).reshape(-1, MINUTES))


class ClockHourClassMinuteValue:
    """12 classes of hours, and the minute of the hour as a number with the absolute error, 0.8 to 0.2 in the loss."""

    name = "clock/hour-class-minute-value"
    heads: tuple[Head, ...] = (
        Head("hour", 12, "classes", 0.8),
        Head("minute", 1, "value", 0.2, loss="absolute"),
    )

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        minute = (minutes % 60)[:, None].astype(np.float32)
        return {"hour": Target((minutes // 60).astype(np.int64), weight), "minute": Target(minute, weight)}

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: hour (N, 12) logits, and minute (N, 1), any number: 61 past three is 4:01."""
        hour, minute = np.exp(log_softmax(outputs["hour"])), outputs["minute"][:, 0].astype(np.float64)
        after_twelve = spread_about(minute)
        shares = sum(hour[:, k, None] * np.roll(after_twelve, 60 * k, axis=1) for k in range(12))
        return beliefs_of(outputs["hour"].argmax(axis=1) * 60 + minute, np.asarray(shares))


# ---- soft circles ----------------------------------------------------------------------------------------------------


class ClockSoft:
    """A circle of 720 minutes with soft targets, so that what is learned of a minute is learned of its neighbours."""

    name = "clock/720-soft"
    heads: tuple[Head, ...] = (Head("time", MINUTES, "circle"),)
    sigma_minutes: ClassVar[float] = 1.0

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        soft = soft_circle((minutes / 2).astype(np.float32), MINUTES, self.sigma_minutes / 2)
        return {"time": Target(soft, weight)}

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: time (N, 720) logits; read as the likeliest whole minute."""
        logits = outputs["time"]
        return beliefs_of(logits.argmax(axis=1).astype(np.float64), np.exp(log_softmax(logits)))


class ClockTwoCircles:
    """The time and the minute of the hour, each a soft circle, decoded together into the time that goes with both.

    The needle codec of an instrument that is always seen upright, or whose network turns it upright in its head.
    """

    name = "clock/two-circles"
    bins: ClassVar[int] = 120
    heads: tuple[Head, ...] = (Head("time", bins, "circle"), Head("minute", bins, "circle"))
    sigma_degrees: ClassVar[float] = 3.0  # six minutes of the time, half a minute of the minute

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: seconds (N,) past twelve, NaN without a dial."""
        minutes, weight = times_of(labels)
        return {
            name: Target(soft_circle((minutes * degrees).astype(np.float32), self.bins, self.sigma_degrees), weight)
            for name, degrees in (("time", 0.5), ("minute", 6.0))
        }

    def decode(self, outputs: Mapping[str, Floats]) -> list[TimeBelief]:
        """outputs: time and minute (N, 120) logits; read between the half minutes where the peak lies so."""
        slow, fast = log_softmax(outputs["time"]), log_softmax(outputs["minute"])
        upright = np.where(np.arange(self.bins) == 0, 0.0, -np.inf).astype(np.float32)
        scores = [decode_turned_pair(*pair, upright, gear=12)[0] for pair in zip(slow, fast, strict=True)]
        times = np.array([local_direction(score) * 2.0 for score in scores])  # 360 degrees are 720 minutes
        return beliefs_of(times, np.array([by_minute(log_softmax(score)) for score in scores]))


ENCODINGS: dict[str, Callable[[], Codec]] = {
    "clock/hours": ClockHours,
    "clock/hours-59": partial(ClockHours, 59, "squared"),
    **{f"clock/{count}-classes": partial(ClockClasses, count) for count in (24, 72, 180, 720)},
    **{
        codec.name: codec
        for codec in (
            ClockHourClassMinuteValue,
            ClockHourMinuteClasses,
            ClockSineCosine,
            ClockTwoSineCosines,
            ClockWrapped,
            ClockSoft,
            ClockTwoCircles,
        )
    },
}
"""By name, as ``make_codec`` finds them."""
