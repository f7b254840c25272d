"""Rows of digits: where each stands along the row, its place on the drum, and their joint decoding into one number.

Every digit is read as a place on a drum of ten, 0 <= place < 10: a printed 3 stands at 3.0, a rolling one between 3
and 4 at 3.7. Which columns of the picture belong to which digit is said by a count that rises from left to right (see
``networks.rownet``). In a counter a drum moves only while its right neighbour goes from 9 to 0, so the places of all
drums must agree; a printed number is the special case in which none moves, so one decoding serves both.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats, Head, Target
from facevalue.codecs.needles import local_direction, log_softmax, soft_circle

PLACES = 100  # bins round the drum: a tenth of a digit each
STEPS = 10  # bins from one digit to the next
MOST_DIGITS = 8
COLUMNS = 40
COLUMN_PX = 4
FRAME_PX = 32
SIGMA_PLACES = 0.07  # of the soft target
PLAY_PLACES = 0.12  # how far a counter's drum may stand from where its right neighbour says
SETTLED_BINS = 2  # a drum this near to the next digit shows that one
FLOOR = 1e-6  # one blind digit cannot veto the others
TOLD = 0.5  # a digit less likely than this is a question mark


@dataclass(frozen=True)
class RowBelief:
    """What one picture says of its row of digits.

    log_probability: (K, 100) of each digit's place.  points: (K,) probability of a point after each digit.  total:
    how many digits were counted, a fraction where in doubt.  lengths: (9,) probability of 0 .. 8 digits.  spans: (K, 2)
    left and right end of each digit, and rows: (K, 2) its top and bottom, all in [-1, 1] of the frame.
    """

    log_probability: Floats
    points: Floats
    total: float
    lengths: Floats
    spans: Floats
    rows: Floats

    @property
    def count(self) -> int:
        return len(self.log_probability)

    def joined_with(self, other: RowBelief) -> RowBelief:
        """This belief with the places of another look at the same digits multiplied in; itself if the counts differ."""
        if other.count != self.count or self.count == 0:
            return self
        return dataclasses.replace(
            self,
            log_probability=log_softmax(self.log_probability + other.log_probability),
            points=np.asarray((self.points + other.points) / 2, dtype=np.float32),
            lengths=np.asarray((self.lengths + other.lengths) / 2, dtype=np.float32),
        )

    def read(self) -> RowNumber:
        """The likeliest consistent number."""
        return decode_row(self.log_probability, self.points)


@dataclass(frozen=True)
class RowNumber:
    """A number as decoded.

    digits: as shown, left to right.  last: place of the last drum, 0 <= place < 10.  point_after: index of the digit
    that the decimal point follows, -1 without one.  certainty: (K,) probability of each digit, given the whole row.
    near: probability that the last drum is within a tenth of its place.  joint: that all digits are as shown.
    others: other numbers with their probabilities, best first.
    """

    digits: tuple[int, ...]
    last: float
    point_after: int
    certainty: tuple[float, ...]
    near: float
    joint: float
    others: tuple[tuple[str, float], ...]

    def text(self) -> str:
        """The digits as seen, leading zeros kept, ``?`` for one that can't be told; ``?`` alone where none is."""
        told = [str(d) if sure >= TOLD else "?" for d, sure in zip(self.digits, self.certainty, strict=True)]
        return with_point(told, self.point_after) or "?"

    def number(self) -> float:
        """The value, with the last drum's fraction in tenths; a single digit's place. NaN where a digit is not told."""
        text = self.text()
        if "?" in text:
            return math.nan
        if len(self.digits) == 1:
            return round(self.last, 1) % 10
        decimals = len(self.digits) - 1 - self.point_after if self.point_after >= 0 else 0
        fraction = round((self.last - self.digits[-1] + 5) % 10 - 5, 1)  # -0.1 where the next one nearly stands
        return float(round((int("".join(map(str, self.digits))) + fraction) / 10.0**decimals, decimals + 1))


def with_point(digits: list[str], point_after: int) -> str:
    """Digits as text, with a point after the one of that index."""
    if point_after < 0:
        return "".join(digits)
    return "".join(digits[: point_after + 1]) + "." + "".join(digits[point_after + 1 :])


def shown(bins: NDArray[np.intp]) -> NDArray[np.intp]:
    """The digit that a drum shows at each place (in bins): the one that has passed, or the next, nearly settled one."""
    return (bins + SETTLED_BINS) // STEPS % 10


def tenths(places: Floats) -> NDArray[np.intp]:
    """The bin of each place."""
    return np.asarray(np.rint(np.asarray(places) * STEPS) % PLACES, dtype=np.intp)


DIGIT_OF = shown(np.arange(PLACES))
OF_DIGIT = np.eye(10)[DIGIT_OF]  # (100, 10)
MOVING = 9 * STEPS + 1  # from 9.1 on a drum takes its left neighbour along


def with_play(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """Likelihoods of drums that have some play, (..., 100)."""
    reach = np.arange(-4, 5)
    kernel = np.exp(-0.5 * (reach / (PLAY_PLACES * STEPS)) ** 2)
    kernel /= kernel.sum()
    return np.asarray(sum(k * np.roll(likelihood, shift, axis=-1) for k, shift in zip(kernel, reach, strict=True)))


def ahead_of(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 100) likelihood of each drum and all to the right of it, given where it stands.

    A drum rests at a whole digit while its right neighbour is at 9 or below, and is as far beyond it as that one is
    beyond 9.
    """
    ahead = likelihood.copy()
    for k in range(len(likelihood) - 2, -1, -1):
        right = ahead[k + 1]
        ahead[k] *= np.tile(np.append(right[:MOVING].sum(), right[MOVING:]), 10)
    return ahead


def behind(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 100) likelihood of all drums to the left of each, given where it stands."""
    before = np.ones_like(likelihood)
    for k in range(1, len(likelihood)):
        by_fraction = (before[k - 1] * likelihood[k - 1]).reshape(10, STEPS).sum(axis=0)
        before[k, :MOVING] = by_fraction[0]
        before[k, MOVING:] = by_fraction[1:]
    return before


def decode_row(log_probability: Floats, points: Floats) -> RowNumber:
    """The likeliest number of a row of drums, with the probability of each digit and of other numbers.

    log_probability: (K, 100).  points: (K,) probability of a point after each.
    """
    count = len(log_probability)
    if count == 0:
        return RowNumber((), 0.0, -1, (), 0.0, 0.0, ())
    likelihood = np.exp(log_probability.astype(np.float64))
    likelihood[:-1] = with_play(likelihood[:-1])
    likelihood = np.maximum(likelihood, FLOOR)
    ahead, before = ahead_of(likelihood), behind(likelihood)
    marginal = ahead * before
    everything = ahead[0].sum()
    marginal /= marginal.sum(axis=1, keepdims=True)  # (K, 100)
    of_digit = marginal @ OF_DIGIT  # (K, 10)
    best = of_digit.argmax(axis=1)
    certainty = of_digit[np.arange(count), best]
    joint = float(ahead_of(likelihood * OF_DIGIT.T[best])[0].sum() / everything)

    near = np.where(best[-1] == DIGIT_OF, marginal[-1], 0.0)
    last = local_direction(np.log(near + 1e-30).astype(np.float32), reach=2) / 360 * 10
    point = int(points[:-1].argmax()) if count > 1 else -1
    point = point if point >= 0 and points[point] >= 0.5 else -1
    others: dict[str, float] = {}
    for k in range(count):
        for digit in of_digit[k].argsort()[::-1][:4].tolist():
            if digit != best[k]:
                text = [str(d) for d in best]
                text[k] = str(digit)
                others[with_point(text, point)] = joint * of_digit[k, digit] / max(certainty[k], 1e-9)
    return RowNumber(
        digits=tuple(int(d) for d in best),
        last=last % 10,
        point_after=point,
        certainty=tuple(float(c) for c in certainty),
        near=float(marginal[-1, (round(last * STEPS) + np.arange(-1, 2)) % PLACES].sum()),
        joint=min(joint, 1.0),
        others=tuple(sorted(((text, min(p, 1.0)) for text, p in others.items()), key=lambda pair: -pair[1])[:9]),
    )


class DigitRow:
    """Codec of rows of digits: how many up to each column, then each digit's place, point and extent.

    Heads of several places, (N, 8, size), give one output for each digit of the row, from the left; those beyond the
    count mean nothing and are not trained.
    """

    name = "digits/row"
    heads: tuple[Head, ...] = (
        Head("place", PLACES, "circle", 1.0, MOST_DIGITS),
        Head("count", COLUMNS, "value", 4.0),
        Head("length", MOST_DIGITS + 1, "classes", 0.2),
        Head("point", 2, "classes", 0.3, MOST_DIGITS),
        Head("extent", 2, "vector", 1.0, MOST_DIGITS),
    )

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: count (N,), places (N, 8), points (N, 8), and cells (N, 8, 4) in pixels of a frame whose columns
        are 4 wide and whose height is 32; NaN where not known.
        """
        count, places, cells = labels["count"], labels["places"], labels["cells"]
        present = np.arange(MOST_DIGITS)[None] < count[:, None]
        soft = soft_circle(places.ravel() * 36, PLACES, SIGMA_PLACES * 36).reshape(*places.shape, PLACES)
        located = present & np.isfinite(cells).all(axis=2)
        left, right = np.where(located[..., None], cells[..., :2], 0.0).transpose(2, 0, 1)
        edges = (np.arange(COLUMNS) + 1) * COLUMN_PX
        rise = (edges[None, None] - left[..., None]) / np.maximum(right - left, 1e-3)[..., None]
        rising = np.clip(rise, 0.0, 1.0) * located[..., None]
        all_located = (located == present).all(axis=1)
        extent = np.nan_to_num(cells[..., 2:]) / FRAME_PX * 2 - 1
        everywhere = np.ones(len(count), dtype=np.float32)
        return {
            "place": Target(soft, present.astype(np.float32)),
            "count": Target(rising.sum(axis=1).astype(np.float32), all_located.astype(np.float32)),
            "length": Target(count.astype(np.int64), everywhere),
            "point": Target(labels["points"].astype(np.int64), present.astype(np.float32)),
            "extent": Target(extent.astype(np.float32), located.astype(np.float32)),
        }

    def decode(self, outputs: Mapping[str, Floats]) -> list[RowBelief]:
        """outputs: raw head outputs, (N, size) or (N, 8, size).  Returns N beliefs."""
        place = log_softmax(outputs["place"])
        point = np.exp(log_softmax(outputs["point"]))[..., 1]
        lengths = np.exp(log_softmax(outputs["length"]))
        return [
            self.believe(place[i], point[i], outputs["count"][i], lengths[i], outputs["extent"][i])
            for i in range(len(place))
        ]

    def believe(self, place: Floats, point: Floats, rise: Floats, lengths: Floats, extent: Floats) -> RowBelief:
        total = float(rise[-1])
        count = min(max(round(total), 0), MOST_DIGITS)
        edges = np.concatenate([[0.0], rise])
        at = np.arange(COLUMNS + 1) / COLUMNS * 2 - 1
        marks = np.interp(np.arange(count)[:, None] + np.array([[0.08, 0.92]]), edges, at)
        return RowBelief(
            log_probability=place[:count],
            points=point[:count],
            total=total,
            lengths=lengths,
            spans=marks.astype(np.float32),
            rows=np.asarray(extent[:count], dtype=np.float32),
        )
