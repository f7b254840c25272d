"""What is believed of a reading: a counter never runs backwards, and no faster than it can."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator knows of the instrument.

    rises: a counter, whose value never falls.  most_per_hour: how much it can change in an hour, in its unit; None for
    any amount.  digits: how many it shows; None for any.
    """

    rises: bool = False
    most_per_hour: float | None = None
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class Good:
    """A reading that was believed: as shown, as a number, and when."""

    value: str
    number: float
    time: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was made of a reading.

    plausible: whether it can be; why: what speaks against it, "" where nothing does.  good: the last reading believed
    after this one, which is the one before unless this one is plausible and certain; None where there is none yet.
    """

    plausible: bool
    why: str
    good: Good | None


def last_unit(value: str) -> float:
    """What the last digit shown counts: 1 of "0042", 0.1 of "004.2"."""
    return 10.0 ** -(len(value) - 1 - value.index(".")) if "." in value else 1.0


def judge(
    before: Good | None,
    value: str,
    number: float | None,
    time: datetime,
    certain: bool,
    limits: Limits,
    period: float | None = None,
) -> Verdict:
    """Whether a reading can be, after the last one that was believed.

    number: None where it can't be told.  certain: whether the reader is sure.  period: after how much it is where it
    was, as a clock after 720 minutes; None for what never is.  A counter that stands still is read with some play of
    its last drum: up to half of its last digit below the reading before counts as standing still.
    """
    why = find_objection(before, value, number, time, limits, period)
    if why or not certain or number is None:
        return Verdict(not why, why, before)
    if limits.rises and before is not None and change_since(before, number, period) < 0:
        return Verdict(True, "", Good(before.value, before.number, time))
    return Verdict(True, "", Good(value, number, time))


def find_objection(
    before: Good | None, value: str, number: float | None, time: datetime, limits: Limits, period: float | None = None
) -> str:
    """What speaks against a reading, "" where nothing does."""
    shown = sum(character.isdigit() or character == "?" for character in value)
    if limits.digits is not None and shown != limits.digits:
        return f"{shown} digits, where {limits.digits} were expected"
    if number is None:
        return "no number can be told"
    if before is None:
        return ""
    change, unit = change_since(before, number, period), last_unit(value)
    if limits.rises and change < -unit / 2:
        return f"backwards: {before.value} was read before"
    hours = max((time - before.time).total_seconds(), 0.0) / 3600
    # one step of the last digit may come at any moment
    if limits.most_per_hour is not None and abs(change) > limits.most_per_hour * hours + unit:
        return f"too fast: {change:+.6g} in {describe_hours(hours)} after {before.value}"
    return ""


def change_since(before: Good, number: float, period: float | None) -> float:
    """How far a number is from the one before; of what comes round, the shorter way."""
    change = number - before.number
    return change if period is None else math.remainder(change, period)


def describe_hours(hours: float) -> str:
    """``90 s``, ``12 min``, ``3.5 h``."""
    seconds = hours * 3600
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{hours:.3g} h"
