"""What evaluation and calibration know of each kind of instrument: its labels, when a reading is right, its scores.

``KINDS`` holds one ``Kind`` for each; everything else about measuring is the same for all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.clock import format_time, parse_time
from facevalue.errors import ModelError, PictureError
from facevalue.labels import Labelled
from facevalue.metrics import (
    FLOAT_NOISE_MINUTES,
    FLOAT_NOISE_PERCENT,
    digit_confusion,
    digit_scores,
    digits_are_right,
    is_right,
    minutes_apart,
    pair_digits,
    place_of,
    places_apart,
    range_scores,
    time_scores,
)
from facevalue.reading import Reading

WORST_MINUTES = 360.0

Scores = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """One row and what was made of it.

    reading: None where the picture could not be read, which `error` says.  off: how far it is off, for the order of
    the worst: of clocks in minutes, 360 where nothing was read; of digits 1 for a wrong row; of dials in percent of the
    range.
    """

    row: Labelled
    reading: Reading | None
    right: bool
    off: float
    error: str = ""

    @property
    def confidence(self) -> float:
        return self.reading.confidence if self.reading else 0.0

    @property
    def answered(self) -> bool:
        return self.reading is not None and not self.reading.uncertain


@dataclass(frozen=True)
class Caption:
    """What stands below a picture of the sheet.

    true, read: as text, read "" where nothing was.  off: how far apart they are.  dials: the times to draw beside the
    texts, past twelve in minutes; none but for clocks.
    """

    true: str
    read: str
    off: str
    dials: tuple[int, int | None] | None = None


@dataclass(frozen=True)
class Curve:
    """A curve of risk against coverage: what it is called, and which readings count as right, (N,) bool."""

    name: str
    right: list[bool]


class Kind(Protocol):
    """One kind of instrument.

    promised_accuracy: how often what is answered should be right.  right_means: in few words, after "answered, of which
    95 %", and as the head of a column.  tile_px: width and height of a picture of the sheet.
    """

    name: str
    promised_accuracy: float
    right_means: str
    right_column: str
    tile_px: tuple[int, int]
    source_header: tuple[str, ...]

    def parse_label(self, text: str) -> Any:
        """The truth that a label tells.  Raises ValueError."""

    def is_told(self, reading: Reading) -> bool:
        """Whether it names a value at all; one that doesn't is never answered, however sure."""

    def is_right(self, reading: Reading, truth: Any) -> bool:
        """Whether a reading is right.  Raises ModelError for one of another kind."""

    def judge(self, row: Labelled, reading: Reading | PictureError) -> Judged:
        """A row and its reading, or why there is none."""

    def scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        """Scores of all rows or of a group: `count`, ..., and the same of the `answered` ones with their `share`."""

    def extra_scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        """Scores that are given of all rows only."""

    def record(self, one: Judged) -> dict[str, Any]:
        """One row of readings.csv and of the worst in scores.json."""

    def heading(self, scores: Scores) -> str:
        """How many pictures were read."""

    def accuracy_lines(self, scores: Scores) -> list[str]:
        """The first part of the table."""

    def answered_lines(self, scores: Scores) -> list[str]:
        """The second part: what was answered, and how often rightly."""

    def source_cells(self, group: Scores) -> list[str]:
        """A row of the table by source, below `source_header` without its first."""

    def caption(self, one: Judged) -> Caption:
        """What stands below its picture on the sheet."""

    def count_wrong(self, judged: Sequence[Judged]) -> str:
        """How many are wrong, in words."""

    def curves(self, judged: Sequence[Judged]) -> list[Curve]:
        """The curves of risk against coverage, the first one what `right` means."""

    def confusion(self, judged: Sequence[Judged]) -> NDArray[np.int64] | None:
        """Counts (10, 10) of each digit, labelled by read; None where there are no digits."""


def kind_of(name: str) -> Kind:
    """Raises ModelError for a kind that can't be measured yet."""
    if name not in KINDS:
        raise ModelError(f"a weight for {name!r}, which can't be measured yet; expected one of {', '.join(KINDS)}")
    return KINDS[name]


# ---- clocks


class Clock:
    """Times, right within one minute.  Truth: minutes past twelve, 0 <= m < 720; NaN where there is no dial."""

    name = "clock"
    promised_accuracy = 0.95
    right_means, right_column = "within 1 minute", "within 1 min"
    tile_px = (240, 240)
    source_header: tuple[str, ...] = (
        *("source", "pictures", "within 1", "within 5", "within 10", "hour"),
        *("mean", "median", "answered", "… right"),
    )

    def parse_label(self, text: str) -> int:
        return parse_time(text)

    def is_told(self, reading: Reading) -> bool:
        return True

    def is_right(self, reading: Reading, truth: float) -> bool:
        return bool(is_right(self._minutes(reading), truth))

    def judge(self, row: Labelled, reading: Reading | PictureError) -> Judged:
        if isinstance(reading, PictureError):
            return Judged(row, None, False, WORST_MINUTES, reading.problem)
        off = float(minutes_apart(self._minutes(reading), row.truth))
        return Judged(row, reading, self.is_right(reading, row.truth), off)

    def scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        answered = [one for one in judged if one.answered]
        return {
            **self._time_scores(judged),
            "answered": {"share": len(answered) / len(judged), **self._time_scores(answered)},
        }

    def extra_scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        return {"kind": self.name}

    def record(self, one: Judged) -> dict[str, Any]:
        first, last = _record_of(one)
        return {**first, "minutes_apart": one.off, **last}

    def heading(self, scores: Scores) -> str:
        return f"{scores['count']} picture{'s' * (scores['count'] != 1)}"

    def accuracy_lines(self, scores: Scores) -> list[str]:
        count, unreadable = scores["count"], scores["unreadable"]
        return [
            share_line("within 1 minute", scores["within_1"], count),
            share_line("within 5 minutes", scores["within_5"], count),
            share_line("within 10 minutes", scores["within_10"], count),
            share_line("hour right", scores["hour_right"], count),
            number_line("mean off", scores["mean"], "min"),
            number_line("median off", scores["median"], "min"),
            share_line("unreadable", unreadable / count, count, "counted as 360 min" * bool(unreadable)),
        ]

    def answered_lines(self, scores: Scores) -> list[str]:
        answered = scores["answered"]
        return [
            share_line("answered", answered["share"], scores["count"]),
            share_line("… within 1 minute", answered["within_1"], answered["count"]),
        ]

    def source_cells(self, group: Scores) -> list[str]:
        return [
            str(group["count"]),
            *(percent(group[name]) for name in ("within_1", "within_5", "within_10", "hour_right")),
            *(number(group[name], 1) for name in ("mean", "median")),
            *(percent(group["answered"][name]) for name in ("share", "within_1")),
        ]

    def caption(self, one: Judged) -> Caption:
        true = one.row.minutes
        if one.reading is None:
            return Caption(format_time(true), "", "counted as 6 h off", (true, None))
        read = self._minutes(one.reading)
        return Caption(format_time(true), format_time(read), f"{_spell_span(one.off)} off", (true, read))

    def count_wrong(self, judged: Sequence[Judged]) -> str:
        return f"{sum(not one.right for one in judged)} more than one minute off"

    def curves(self, judged: Sequence[Judged]) -> list[Curve]:
        return [
            Curve(
                f"off by more than {minutes} minute{'s' * (minutes > 1)}",
                [one.off <= minutes + FLOAT_NOISE_MINUTES for one in judged],
            )
            for minutes in (1, 10)
        ]

    def confusion(self, judged: Sequence[Judged]) -> None:
        return None

    def _minutes(self, reading: Reading) -> int:
        try:
            return parse_time(reading.value)
        except ValueError as error:
            raise ModelError(
                f"{reading.model} reads {reading.kind} values, here {error}; give a clock model"
            ) from error

    def _time_scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        """Where nothing was read, the other side of the dial, the farthest from the truth."""
        read = [
            self._minutes(one.reading) if one.reading else (one.row.minutes + WORST_MINUTES) % 720 for one in judged
        ]
        return dict(time_scores(read, [one.row.minutes for one in judged]))


def _spell_span(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0 or hours == 0))


# ---- digits


def parse_digits(text: str) -> str:
    """The digits of a label with their point, a comma made one; "" for NaN, a picture in which no digit can be told.

    A label of the form d.d is the place of a single rolling digit on its drum.  Raises ValueError for anything else.
    """
    if text.lower() == "nan":
        return ""
    if not re.fullmatch(r"(?=.*[0-9])[0-9]*[.,]?[0-9]*", text):
        raise ValueError(f"{text!r} is no digit string; expected digits with at most one point or comma, or NaN")
    return text.replace(",", ".")


class Digits:
    """Rows of digits, right where each is as labelled.  Truth: as `parse_digits` gives it.

    Rows without a digit are in no score of digits; whatever is read there is never right.
    """

    name = "digits"
    promised_accuracy = 0.99
    right_means, right_column = "right", "right"
    tile_px = (240, 120)
    source_header: tuple[str, ...] = (
        *("source", "pictures", "right", "count", "digits", "within 0.1"),
        *("answered", "… right", "no digit", "answered"),
    )

    def parse_label(self, text: str) -> str:
        return parse_digits(text)

    def is_told(self, reading: Reading) -> bool:
        return "?" not in reading.value

    def is_right(self, reading: Reading, truth: str) -> bool:
        self._check_kind(reading)
        return digits_are_right(reading.value, reading.number, truth) if truth else False

    def judge(self, row: Labelled, reading: Reading | PictureError) -> Judged:
        if isinstance(reading, PictureError):
            return Judged(row, None, False, float(bool(row.truth)), reading.problem)
        right = self.is_right(reading, row.truth)
        as_wanted = right if row.truth else reading.uncertain
        return Judged(row, reading, right, float(not as_wanted))

    def scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        rows = [one for one in judged if one.row.truth]
        answered = [one for one in rows if one.answered]
        without = [one for one in judged if not one.row.truth]
        without_answered = sum(one.answered for one in without)
        return {
            **digit_scores(*self._columns(rows)),
            "answered": {
                "share": len(answered) / len(rows) if rows else math.nan,
                **digit_scores(*self._columns(answered)),
            },
            "without_digit": {
                "count": len(without),
                "answered": without_answered,
                "share": without_answered / len(without) if without else math.nan,
            },
        }

    def extra_scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        return {"kind": self.name, "confusion": self.confusion(judged).tolist()}

    def record(self, one: Judged) -> dict[str, Any]:
        first, last = _record_of(one)
        place, reading = place_of(one.row.truth), one.reading
        apart = None
        if place is not None and reading and len(reading.value) == 1 and not math.isnan(reading.number):
            apart = round(float(places_apart(reading.number, place)), 2)
        return {**first, "right": one.right, "place_apart": apart, **last}

    def heading(self, scores: Scores) -> str:
        without = scores["without_digit"]["count"]
        count = scores["count"] + without
        heading = f"{count} picture{'s' * (count != 1)}"
        return f"{heading}, {without} of them without a digit that can be told" if without else heading

    def accuracy_lines(self, scores: Scores) -> list[str]:
        count, places, pointed = scores["count"], scores["places"], scores["with_point"]
        pictures = count + scores["without_digit"]["count"]
        lines = [
            share_line("every digit right", scores["exact"], count),
            share_line("… and the point", scores["exact_with_point"], pointed, f"of {pointed}") if pointed else "",
            share_line("count right", scores["counted"], count),
            share_line("digits right", scores["digits_right"], scores["digits"], "of rows counted right"),
        ]
        if places["count"]:
            lines += [
                share_line("place within 0.1", places["within_0.1"], places["count"], f"of {places['count']}"),
                share_line("place within 0.2", places["within_0.2"], places["count"]),
                share_line("place over 1 off", places["off_by_more_than_1"], places["count"]),
                number_line("mean place off", places["mean"], "of a drum's 10"),
            ]
        lines.append(share_line("unreadable", scores["unreadable"] / pictures, pictures))
        return [line for line in lines if line]

    def answered_lines(self, scores: Scores) -> list[str]:
        answered, without = scores["answered"], scores["without_digit"]
        lines = [
            share_line("answered", answered["share"], scores["count"]),
            share_line("… right", answered["exact"], answered["count"]),
        ]
        if without["count"]:
            lines.append(share_line("no digit, answered", without["share"], without["count"], f"of {without['count']}"))
        return lines

    def source_cells(self, group: Scores) -> list[str]:
        answered, without = group["answered"], group["without_digit"]
        return [
            str(group["count"] + without["count"]),
            *(percent(group[name]) for name in ("exact", "counted", "digits_right")),
            percent(group["places"]["within_0.1"]),
            *(percent(answered[name]) for name in ("share", "exact")),
            str(without["count"]),
            str(without["answered"]),
        ]

    def caption(self, one: Judged) -> Caption:
        true = one.row.label if one.row.truth else "no digit"
        if one.reading is None:
            return Caption(true, "", "not read")
        text, read = one.reading.value, one.reading.number
        rolling = len(text) == 1 and place_of(one.row.truth) is not None and not math.isnan(read)
        return Caption(true, f"{read:.1f}" if rolling else text, self._tell_difference(one, one.reading))

    def count_wrong(self, judged: Sequence[Judged]) -> str:
        rows = [one for one in judged if one.row.truth]
        told = f"{sum(not one.right for one in rows)} of {len(rows)} wrong"
        without = [one for one in judged if not one.row.truth]
        if without:
            told += f", {sum(one.answered for one in without)} of {len(without)} without a digit answered"
        return told

    def curves(self, judged: Sequence[Judged]) -> list[Curve]:
        return [Curve("any digit wrong", [one.right for one in judged])]

    def confusion(self, judged: Sequence[Judged]) -> NDArray[np.int64]:
        return digit_confusion(*self._columns([one for one in judged if one.row.truth]))

    def _check_kind(self, reading: Reading) -> None:
        if reading.kind != self.name:
            raise ModelError(
                f"{reading.model} reads {reading.kind} values, here {reading.value!r}; give a digits model"
            )

    def _text(self, one: Judged) -> str:
        """As read, "" where no digit was seen, which a reading tells by ``?`` alone and no mark."""
        if one.reading is None or (one.reading.value == "?" and not one.reading.marks):
            return ""
        return one.reading.value

    def _columns(self, rows: Sequence[Judged]) -> tuple[list[str], list[float], list[str]]:
        """Texts, numbers and labels, as the metrics take them."""
        numbers = [one.reading.number if one.reading else math.nan for one in rows]
        return [self._text(one) for one in rows], numbers, [one.row.truth for one in rows]

    def _tell_difference(self, one: Judged, reading: Reading) -> str:
        text, label = self._text(one), one.row.truth
        if not label:
            return "nothing to read there"
        if one.right:
            return "right"
        place = place_of(label)
        if place is not None and len(text) == 1 and not math.isnan(reading.number):
            return f"{float(places_apart(reading.number, place)):.1f} off"
        pairs = pair_digits(text, reading.number, label)
        if not pairs:
            wanted = 1 if place is not None else len(label.replace(".", ""))
            return f"{len(text.replace('.', ''))} digits, not {wanted}"
        wrong = sum(true != read for true, read in pairs)
        return f"{wrong} of {len(pairs)} wrong" if wrong else "no number"


# ---- dials


class Dial:
    """Values of dials, right within a hundredth of the range.  Truth: a number, NaN where there is no dial.

    Rows without a dial are in no score of dials; whatever is read there is never right.
    """

    name = "dial"
    promised_accuracy = 0.85  # its labels are rounded to a hundredth of the range, half of what is allowed
    right_means, right_column = "within 1 % of the range", "within 1 %"
    tile_px = (240, 240)
    source_header: tuple[str, ...] = (
        *("source", "pictures", "within 1 %", "within 2 %", "within 5 %", "mean", "median"),
        *("answered", "… right", "no dial", "answered"),
    )

    def parse_label(self, text: str) -> float:
        if text.lower() == "nan":
            return math.nan
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = math.inf
        if not math.isfinite(value):
            raise ValueError(f"{text!r} is no value of a dial; expected a number, or NaN where there is none")
        return value

    def is_told(self, reading: Reading) -> bool:
        return True

    def is_right(self, reading: Reading, truth: float) -> bool:
        return self._percent_off(reading, truth) <= 1 + FLOAT_NOISE_PERCENT

    def judge(self, row: Labelled, reading: Reading | PictureError) -> Judged:
        if isinstance(reading, PictureError):
            return Judged(row, None, False, 0.0 if math.isnan(row.truth) else 100.0, reading.problem)
        if math.isnan(row.truth):
            return Judged(row, reading, False, 0.0 if reading.uncertain else 100.0)
        return Judged(row, reading, self.is_right(reading, row.truth), self._percent_off(reading, row.truth))

    def scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        rows = [one for one in judged if not math.isnan(one.row.truth)]
        answered = [one for one in rows if one.answered]
        without = [one for one in judged if math.isnan(one.row.truth)]
        without_answered = sum(one.answered for one in without)
        return {
            **range_scores([one.off if one.reading else math.nan for one in rows]),
            "answered": {
                "share": len(answered) / len(rows) if rows else math.nan,
                **range_scores([one.off for one in answered]),
            },
            "without_dial": {
                "count": len(without),
                "answered": without_answered,
                "share": without_answered / len(without) if without else math.nan,
            },
        }

    def extra_scores(self, judged: Sequence[Judged]) -> dict[str, Any]:
        return {"kind": self.name}

    def record(self, one: Judged) -> dict[str, Any]:
        first, last = _record_of(one)
        return {**first, "percent_off": round(one.off, 3), **last}

    def heading(self, scores: Scores) -> str:
        without = scores["without_dial"]["count"]
        count = scores["count"] + without
        heading = f"{count} picture{'s' * (count != 1)}"
        return f"{heading}, {without} of them without a dial" if without else heading

    def accuracy_lines(self, scores: Scores) -> list[str]:
        count, pictures = scores["count"], scores["count"] + scores["without_dial"]["count"]
        return [
            share_line("within 1 %", scores["within_1"], count, "of the range"),
            share_line("within 2 %", scores["within_2"], count),
            share_line("within 5 %", scores["within_5"], count),
            number_line("mean off", scores["mean"], "% of the range"),
            number_line("median off", scores["median"], "% of the range"),
            share_line("unreadable", scores["unreadable"] / pictures if pictures else None, pictures),
        ]

    def answered_lines(self, scores: Scores) -> list[str]:
        answered, without = scores["answered"], scores["without_dial"]
        lines = [
            share_line("answered", answered["share"], scores["count"]),
            share_line("… within 1 %", answered["within_1"], answered["count"]),
        ]
        if without["count"]:
            lines.append(share_line("no dial, answered", without["share"], without["count"], f"of {without['count']}"))
        return lines

    def source_cells(self, group: Scores) -> list[str]:
        answered, without = group["answered"], group["without_dial"]
        return [
            str(group["count"] + without["count"]),
            *(percent(group[name]) for name in ("within_1", "within_2", "within_5")),
            *(number(group[name], 2) for name in ("mean", "median")),
            *(percent(answered[name]) for name in ("share", "within_1")),
            str(without["count"]),
            str(without["answered"]),
        ]

    def caption(self, one: Judged) -> Caption:
        true = "no dial" if math.isnan(one.row.truth) else one.row.label
        if one.reading is None:
            return Caption(true, "", "not read")
        told = "nothing to read there" if math.isnan(one.row.truth) else f"{one.off:.1f} % off"
        return Caption(true, one.reading.value, told)

    def count_wrong(self, judged: Sequence[Judged]) -> str:
        rows = [one for one in judged if not math.isnan(one.row.truth)]
        return f"{sum(not one.right for one in rows)} of {len(rows)} more than 1 % of the range off"

    def curves(self, judged: Sequence[Judged]) -> list[Curve]:
        return [
            Curve(
                f"off by more than {most} % of the range",
                [one.off <= most + FLOAT_NOISE_PERCENT and not math.isnan(one.row.truth) for one in judged],
            )
            for most in (1, 5)
        ]

    def confusion(self, judged: Sequence[Judged]) -> None:
        return None

    def _percent_off(self, reading: Reading, truth: float) -> float:
        """NaN without a dial."""
        if reading.scale is None:
            raise ModelError(
                f"{reading.model} reads {reading.kind} values, here {reading.value!r}; give a model of dials"
            )
        return 100 * reading.scale.share_apart(reading.number, truth)


KINDS: dict[str, Kind] = {kind.name: kind for kind in (Clock(), Digits(), Dial())}


# ---- rows and lines that all kinds share


def _record_of(one: Judged) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a record of any kind begins and ends with."""
    reading = one.reading
    first = {
        "file": one.row.file,
        "label": one.row.label,
        "value": reading.value if reading else None,
        "number": reading.rounded_number() if reading else None,
        "confidence": round(reading.confidence, 6) if reading else None,
        "uncertain": reading.uncertain if reading else None,
    }
    last = {
        "milliseconds": round(reading.milliseconds, 1) if reading else None,
        "source": one.row.source or None,
        "error": one.error or None,
    }
    return first, last


def share_line(name: str, share: float | None, of: int, note: str = "") -> str:
    """A share with the count that it is, of so many."""
    count = "–" if share is None else str(round(share * of))
    return f"  {name:<20}{percent(share):>8}  {count:>6}{'   ' * bool(note)}{note}"


def number_line(name: str, value: float | None, unit: str) -> str:
    return f"  {name:<20}{number(value, 2):>8}     {unit}"


def percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share * 100:.{digits}f} %"


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
