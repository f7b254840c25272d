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
AS_MANY = 2  # looks, that several of one picture together weigh as much as
MOST_DIGITS = 8
COLUMNS = 40
COLUMN_PX = 4
FRAME_PX = 32
STEP_PX = 8  # widths of narrow frames are multiples of it, see ``networks.narrow``
MOST_OF_WHOLE = 0.7  # of a whole frame's width; beyond that its grey sides are seen from the middle
BESIDE_PX = 24  # of black that a narrow frame leaves at least on either side of what it shows
SIGMA_PLACES = 0.07  # of the soft target
PLAY_PLACES = 0.12  # how far a counter's drum may stand from where its right neighbour says
SETTLED_BINS = 2  # a drum this near to the next digit shows that one
FLOOR = 1e-6  # one blind digit cannot veto the others
CANDIDATES = 4  # values of a digit that are tried, where they have at least this share
LEAST_SHARE = 1e-3
INSIDE = 0.08  # a digit's span leaves out this much of its count at either end
TOLD = 0.4  # a digit less likely than this is a question mark


@dataclass(frozen=True)
class RowBelief:
    """What one picture says of its row of digits.

    log_probability: (K, 100) of each digit's place.  points: (K,) probability of a point after each digit.  total:
    how many digits were counted, a fraction where in doubt.  lengths: (9,) probability of 0 .. 8 digits.  spans: (K, 2)
    left and right end of each digit, a little inside its cell, and rows: (K, 2) its top and bottom, all in [-1, 1] of
    the frame.
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

    def joined_with(self, *others: RowBelief) -> RowBelief:
        """This belief with the places of other looks at the same digits multiplied in, of those that count as many.

        Looks at one picture share most of their errors: however many there are, they weigh as much as AS_MANY.
        """
        alike = [self, *(other for other in others if other.count == self.count > 0)]
        if len(alike) == 1:
            return self
        return dataclasses.replace(
            self,
            log_probability=log_softmax(
                np.mean([belief.log_probability for belief in alike], axis=0) * np.float32(AS_MANY)
            ),
            points=np.mean([belief.points for belief in alike], axis=0, dtype=np.float32),
            lengths=np.mean([belief.lengths for belief in alike], axis=0, dtype=np.float32),
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
        whole = max(int("".join(map(str, self.digits))) + fraction, 0.0)  # all zeros are not 999999.9
        return float(round(whole % 10.0 ** len(self.digits) / 10.0**decimals, decimals + 1))


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


def play() -> NDArray[np.float64]:
    """(100, 100) share of each place (column) where a drum with some play stands, of those where it should (row)."""
    reach = np.arange(-4, 5)
    kernel = np.exp(-0.5 * (reach / (PLAY_PLACES * STEPS)) ** 2)
    kernel /= kernel.sum()
    return np.asarray(sum(k * np.roll(np.eye(PLACES), shift, axis=1) for k, shift in zip(kernel, reach, strict=True)))


PLAY = play()


def with_play(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """Likelihoods of drums that have some play, (..., 100)."""
    return likelihood @ PLAY


def ahead_of(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., K, 100) likelihood of each drum and all to the right of it, given where it stands.

    A drum rests at a whole digit while its right neighbour is at 9 or below, and is as far beyond it as that one is
    beyond 9.
    """
    ahead = likelihood.copy()
    by_digit = ahead.reshape(*ahead.shape[:-1], 10, STEPS)
    for k in range(likelihood.shape[-2] - 2, -1, -1):
        right = ahead[..., k + 1, :]
        resting = right[..., :MOVING].sum(axis=-1, keepdims=True)
        by_digit[..., k, :, :1] *= resting[..., None, :]
        by_digit[..., k, :, 1:] *= right[..., None, MOVING:]
    return ahead


def behind(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., K, 100) likelihood of all drums to the left of each, given where it stands."""
    before = np.ones_like(likelihood)
    for k in range(1, likelihood.shape[-2]):
        left = before[..., k - 1, :] * likelihood[..., k - 1, :]
        by_fraction = left.reshape(*left.shape[:-1], 10, STEPS).sum(axis=-2)
        before[..., k, :MOVING] = by_fraction[..., :1]
        before[..., k, MOVING:] = by_fraction[..., 1:]
    return before


def digit_shares(marginal: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., K, 10) probability of each digit, given the whole row.  marginal: (..., K, 100), of each place."""
    return np.asarray((marginal / marginal.sum(axis=-1, keepdims=True)) @ OF_DIGIT)


def likely_numbers(
    likelihood: NDArray[np.float64], whole: float, shares: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(C, K) numbers, likeliest first, with the probability of each: a drum that turns over takes its left ones along.

    Each digit in doubt is held at each of its CANDIDATES likeliest values, and the others are read given that.
    whole: likelihood of all numbers together.  shares: (K, 10) of ``digit_shares``.
    """
    ranked = np.argsort(-shares, axis=1)[:, :CANDIDATES]  # (K, CANDIDATES)
    wanted = np.take_along_axis(shares, ranked, axis=1) >= LEAST_SHARE
    wanted[1:, 0] = wanted[1:, 1]  # the likeliest of all digits need not be held at each of them
    at, rank = np.nonzero(wanted)
    given = np.tile(likelihood, (len(at), 1, 1))
    given[np.arange(len(given)), at] *= OF_DIGIT.T[ranked[at, rank]]
    held = digit_shares(ahead_of(given) * behind(given)).argmax(axis=2)
    _, first = np.unique(held @ 10 ** np.arange(held.shape[1])[::-1], return_index=True)
    numbers = held[first]
    share = ahead_of(likelihood * OF_DIGIT.T[numbers])[:, 0].sum(axis=1) / whole
    order = np.argsort(-share, kind="stable")
    return numbers[order], share[order]


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
    ahead = ahead_of(likelihood)
    marginal = ahead * behind(likelihood)
    shares = digit_shares(marginal)
    numbers, share = likely_numbers(likelihood, float(ahead[0].sum()), shares)
    best = numbers[0]
    certainty = shares[np.arange(count), best]

    last_marginal = marginal[-1] / marginal[-1].sum()
    as_shown = np.where(best[-1] == DIGIT_OF, last_marginal, 0.0)
    last = local_direction(np.log(as_shown + 1e-30).astype(np.float32), reach=2) / 360 * 10
    point = int(points[:-1].argmax()) if count > 1 else -1
    point = point if point >= 0 and points[point] >= 0.5 else -1
    around = (np.rint(last * STEPS).astype(int) + np.arange(-1, 2)) % PLACES
    return RowNumber(
        digits=tuple(int(d) for d in best),
        last=last % 10,
        point_after=point,
        certainty=tuple(min(float(c), 1.0) for c in certainty),
        near=min(float(last_marginal[around].sum()), 1.0),
        joint=min(float(share[0]), 1.0),
        others=tuple(
            (with_point([str(d) for d in number], point), float(p))
            for number, p in zip(numbers[1:10].tolist(), share[1:10], strict=True)
        ),
    )


class DigitRow:
    """Codec of rows of digits: how many up to each column, then each digit's place, point and extent.

    Heads of several places, (N, 8, size), give one output for each digit of the row, from the left; those beyond the
    count mean nothing and are not trained.
    """

    name = "digits/row"
    locates = True  # so that a second look can be taken at what the first one found
    from_left = False  # rows stand in the middle of the frame
    heads: tuple[Head, ...] = (
        Head("place", PLACES, "circle", 1.0, MOST_DIGITS),
        Head("count", COLUMNS, "value", 4.0),
        Head("length", MOST_DIGITS + 1, "classes", 0.2),
        Head("point", 2, "classes", 0.3, MOST_DIGITS),
        Head("extent", 2, "vector", 1.0, MOST_DIGITS),
    )

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: count (N,), places (N, 8), points (N, 8), and cells (N, 8, 4) in pixels of a frame whose columns
        are 4 wide and whose height is 32; NaN where not known, of points a negative number.
        """
        count, places, points, cells = (labels[name] for name in ("count", "places", "points", "cells"))
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
            "point": Target(np.maximum(points, 0).astype(np.int64), (present & (points >= 0)).astype(np.float32)),
            "extent": Target(extent.astype(np.float32), located.astype(np.float32)),
        }

    def decode(self, outputs: Mapping[str, Floats]) -> list[RowBelief]:
        """outputs: raw head outputs, (N, size) or (N, 8, size); the count as long as its frame.  Returns N beliefs."""
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
        at = np.arange(len(edges)) / len(rise) * 2 - 1
        ends = np.minimum(np.arange(count)[:, None] + np.array([[INSIDE, 1 - INSIDE]]), total - INSIDE)
        marks = np.interp(ends, edges, at)
        return RowBelief(
            log_probability=place[:count],
            points=point[:count],
            total=total,
            lengths=lengths,
            spans=marks.astype(np.float32),
            rows=np.asarray(extent[:count], dtype=np.float32),
        )


IMPOSSIBLE = -30.0  # logarithm of the share of a place between two digits, where only whole ones are told
FIFTHS = 5


def whole_places(digits: Floats) -> Floats:
    """(..., 100) places whose mass is on whole digits. digits: (..., 10) logarithms of shares."""
    places = np.full((*digits.shape[:-1], PLACES), IMPOSSIBLE, dtype=np.float32)
    places[..., ::STEPS] = np.maximum(digits, IMPOSSIBLE)
    return places


def side_by_side(digits: Floats, frame: int, lengths: Floats) -> RowBelief:
    """The belief in a row that fills equal cells of a frame from the left.

    digits: (K, 10) logarithms of shares.  frame: how many cells the frame has.  lengths: as of ``RowBelief``.
    """
    count = len(digits)
    edges = np.arange(count + 1) / frame * 2 - 1
    return RowBelief(
        log_probability=whole_places(digits),
        points=np.zeros(count, dtype=np.float32),
        total=float(count),
        lengths=lengths,
        spans=np.stack([edges[:-1], edges[1:]], axis=1).astype(np.float32),
        rows=np.tile(np.array([-1.0, 1.0], dtype=np.float32), (count, 1)),
    )


class DigitOne:
    """Codec of one digit that fills the picture: ten classes."""

    name = "digits/one"
    locates = False
    from_left = False
    heads: tuple[Head, ...] = (Head("digit", 10, "classes"),)

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: places (N, 8), of which the first counts, to the nearest digit; NaN where not known."""
        place = labels["places"][:, 0]
        digit = np.rint(np.nan_to_num(place)).astype(np.int64) % 10
        return {"digit": Target(digit, np.isfinite(place).astype(np.float32))}

    def decode(self, outputs: Mapping[str, Floats]) -> list[RowBelief]:
        """outputs: raw head outputs, (N, 10).  Returns N beliefs in one digit each, which spans the frame."""
        lengths = np.eye(MOST_DIGITS + 1, dtype=np.float32)[1]
        return [side_by_side(digit[None], 1, lengths) for digit in log_softmax(outputs["digit"])]


class DigitFive:
    """Codec of up to five digits, each in its fifth of the frame, from the left: ten digits and blank, five times.

    The number ends before the first fifth whose likeliest class is blank; what stands behind that is not read.
    """

    name = "digits/five"
    locates = False
    from_left = True
    heads: tuple[Head, ...] = (Head("digit", 11, "classes", float(FIFTHS), FIFTHS),)  # the sum of five losses

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: count (N,), and places (N, 8), to the nearest digit; NaN where not known.

        A row of more than five digits weighs nothing, as it can't be told.
        """
        places = labels["places"][:, :FIFTHS]
        blank = np.arange(FIFTHS)[None] >= labels["count"][:, None]
        digit = np.rint(np.nan_to_num(places)).astype(np.int64) % 10
        known = blank | np.isfinite(places)
        known &= (labels["count"] <= FIFTHS)[:, None]
        return {"digit": Target(np.where(blank, 10, digit), known.astype(np.float32))}

    def decode(self, outputs: Mapping[str, Floats]) -> list[RowBelief]:
        """outputs: raw head outputs, (N, 5, 11).  Returns N beliefs."""
        logits = outputs["digit"]
        digits = log_softmax(logits[..., :10])
        blank = np.exp(log_softmax(logits)[..., 10])  # (N, 5)
        ended = np.concatenate([logits.argmax(axis=2) == 10, np.ones((len(logits), 1), dtype=bool)], axis=1)
        counts = ended.argmax(axis=1)
        going_on = np.concatenate([np.ones_like(blank[:, :1]), np.cumprod(1 - blank, axis=1)], axis=1)  # (N, 6)
        lengths = np.zeros((len(logits), MOST_DIGITS + 1), dtype=np.float32)
        lengths[:, : FIFTHS + 1] = going_on * np.concatenate([blank, np.ones_like(blank[:, :1])], axis=1)
        return [side_by_side(digits[i, :count], FIFTHS, lengths[i]) for i, count in enumerate(counts.tolist())]
