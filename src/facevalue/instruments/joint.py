"""Needles and drums that turn together, read as one number.

All wheels of a meter are driven by one shaft, each turning a tenth as fast as the one before it. So the number alone
says where every wheel stands. With V counted in turns of the finest wheel and V = ... d2 d1 . x0, the k-th wheel has
done V / 10^k turns, of which

    x_k = (d_k + x_{k-1}) / 10        0 <= x_k < 1

is left over whole turns. A needle shows x_k. The drums of a counter rest while what drives them goes from 0 to 9, and
go along from 9 to 10:

    q_k = (d_k + max(0, 10 q_{k-1} - 9)) / 10        q: what the drum shows, in turns

The first drum after a needle does so in some meters, and in others rolls along with the needle as a needle would; both
are tried. The probability of V, all values being equally likely before, is the product over the wheels of the
probability of standing where V puts them, blurred by the play of their mounting and never below a floor, so that one
blind wheel can't veto.

The search goes from the finest wheel, whose place is tried in steps of 1/600 of a turn, to the coarsest, and keeps the
likeliest ``BEAM`` values of each: a value falls out where thousands of others fit the wheels so far better. Where
blind wheels leave more than that equally likely, lots are drawn, which keeps the shares of their digits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats
from facevalue.codecs.digits import TOLD
from facevalue.reading import RUNNERS_UP

GRID = 600  # places of the finest wheel that are tried, a multiple of the needle's 120 bins
BEAM = 6000
FLOOR = 1e-3  # of the probability that a wheel that could be anywhere has
NEEDLE_PLAY = 0.04  # of a turn: two fifths of a digit, as needles of real meters stand (docs/lab-notes.md)
DRUM_PLAY = 0.03
TOLD_PARTS = 100  # the number is told to this part of the finest wheel's turn
RIGHT_STEPS = 5  # a number is right within so many of these parts: within half of the finest wheel's digit
NEAR = 0.025  # turns of the finest wheel: values this near are one, seen a little differently

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Wheel:
    """What is known of one wheel.

    log_probability: (n,) of where it stands, the first bin being its zero and the others in the way that the number
    rises.  play: how far it may stand from where the finer wheels say, in turns: two standard deviations.  drum:
    whether it is a counter's.
    """

    log_probability: Floats
    play: float = NEEDLE_PLAY
    drum: bool = False


@dataclass(frozen=True)
class Joint:
    """The number that all wheels agree on best.

    steps: the number in hundredths of the finest wheel's turn.  digits: its digits from the coarsest to the hundredth,
    None for one that can't be told.  probability: that the number is right, within half of the finest wheel's digit.
    others: other numbers, in steps, with theirs, best first.
    """

    steps: int
    digits: tuple[int | None, ...]
    probability: float
    others: tuple[tuple[int, float], ...]


def decode_wheels(wheels: Sequence[Wheel]) -> Joint:
    """The one number of wheels that turn together. wheels: the finest first, each turning a tenth as fast as the last.

    Runs of drums stand after the needles; ValueError where the finest one is a drum, see ``codecs.digits`` for those.
    """
    if not wheels or wheels[0].drum:
        raise ValueError("the finest wheel is to be a needle")
    modulus = 10.0 ** (len(wheels) - 1)
    ways = (False, True) if any(wheel.drum for wheel in wheels) else (False,)
    found = [search(wheels, rolling) for rolling in ways]
    values = np.concatenate([value for value, _ in found])
    scores = np.concatenate([score for _, score in found])
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()

    best = refined(values, shares, float(values[scores.argmax()]), modulus)
    steps = round(best * TOLD_PARTS) % (TOLD_PARTS * round(modulus))
    return Joint(
        steps=steps,
        digits=told_digits(values, shares, steps, len(wheels)),
        probability=near_right(values, shares, steps, modulus),
        others=runners_up(values, shares, best, modulus),
    )


def search(wheels: Sequence[Wheel], rolling: bool) -> tuple[Doubles, Doubles]:
    """The likeliest numbers, in turns of the finest wheel, and their log-scores.

    rolling: whether the first drum after a needle goes along with it all the time.
    """
    values = np.arange(GRID) / GRID
    shown = values
    scores = score_at(wheels[0].log_probability, 0.0, shown)
    digits = np.arange(10.0)[:, None]
    lots = np.random.default_rng(1).random(10 * max(BEAM, GRID))
    place = 1.0
    for finer, wheel in itertools.pairwise(wheels):
        jumps = wheel.drum and (finer.drum or not rolling)
        driven = np.maximum(0.0, 10 * shown - 9) if jumps else shown
        shown = ((digits + driven) / 10).ravel()
        values = (digits * place + values).ravel()
        scores = np.tile(scores, 10) + score_at(wheel.log_probability, wheel.play, shown)
        place *= 10
        if len(scores) > BEAM:
            kept = np.argpartition(lots[: len(scores)] - scores, BEAM)[:BEAM]
            shown, values, scores = shown[kept], values[kept], scores[kept]
    return values, scores


def score_at(log_probability: Floats, play: float, turns: Doubles) -> Doubles:
    """Log-probability of standing there, blurred by the play, 0 for a wheel that may be anywhere. turns: any shape."""
    bins = len(log_probability)
    likelihood = np.exp(log_probability.astype(np.float64))
    likelihood *= bins / likelihood.sum()
    if play > 0:
        away = (np.arange(bins) / bins + 0.5) % 1 - 0.5
        kernel = np.exp(-0.5 * (away / (play / 2)) ** 2)
        likelihood = np.fft.irfft(np.fft.rfft(likelihood) * np.fft.rfft(kernel / kernel.sum()), bins)
    logs = np.log(np.maximum(likelihood, FLOOR))
    return np.asarray(np.interp(turns % 1 * bins, np.arange(bins + 1), np.append(logs, logs[0])))


def apart(values: Doubles, other: float, modulus: float) -> Doubles:
    """Signed difference of numbers the shorter way round."""
    return np.asarray((values - other + modulus / 2) % modulus - modulus / 2)


def refined(values: Doubles, shares: Doubles, best: float, modulus: float) -> float:
    """The mean of all values near the best one: finer than the needle's bins."""
    difference = apart(values, best, modulus)
    weight = np.where(np.abs(difference) <= NEAR, shares, 0.0)
    return float(best + (weight * difference).sum() / weight.sum()) % modulus


def near_right(values: Doubles, shares: Doubles, steps: int, modulus: float) -> float:
    """Probability of being so near to a number that it is right."""
    difference = np.abs(apart(values, steps / TOLD_PARTS, modulus))
    return min(1.0, float(shares[difference <= RIGHT_STEPS / TOLD_PARTS + 1e-6].sum()))


def told_digits(values: Doubles, shares: Doubles, steps: int, wheels: int) -> tuple[int | None, ...]:
    """The digits of a number, the coarsest first; None for one that less than ``TOLD`` of the probability agrees on.

    A digit is agreed on by the values that, apart from the digits before it, are within half of its place.
    """
    digits: list[int | None] = []
    for power in range(wheels, -1, -1):  # of ten, in steps
        place = 10.0**power / TOLD_PARTS
        difference = np.abs(apart(values, steps / TOLD_PARTS, 10 * place))
        sure = float(shares[difference <= max(place / 2, 1 / TOLD_PARTS) + 1e-6].sum())
        digits.append(steps // 10**power % 10 if sure >= TOLD else None)
    return tuple(digits)


def runners_up(values: Doubles, shares: Doubles, best: float, modulus: float) -> tuple[tuple[int, float], ...]:
    """Other numbers, in steps, each with the probability that it is right."""
    found: list[tuple[int, float]] = []
    left = np.where(np.abs(apart(values, best, modulus)) <= 2 * NEAR, 0.0, shares)
    while len(found) < RUNNERS_UP and left.max() > 1e-6:
        value = refined(values, left, float(values[left.argmax()]), modulus)
        steps = round(value * TOLD_PARTS) % (TOLD_PARTS * round(modulus))
        found.append((steps, near_right(values, left, steps, modulus)))
        left = np.where(np.abs(apart(values, value, modulus)) <= 2 * NEAR, 0.0, left)
    return tuple(sorted(found, key=lambda other: -other[1]))


def number_text(digits: Sequence[int | None], decimals: int) -> str:
    """Digits as a decimal number without leading zeros, ``?`` for one that isn't told; ``?`` alone where none is.

    decimals: how many of the digits are behind the point; a negative number of them stands for zeros at the end.
    """
    if all(digit is None for digit in digits):
        return "?"
    told = ["?" if digit is None else str(digit) for digit in digits] + ["0"] * max(0, -decimals)
    decimals = max(0, decimals)
    told = ["0"] * (decimals + 1 - len(told)) + told
    whole, fraction = "".join(told[: len(told) - decimals]), "".join(told[len(told) - decimals :])
    return (whole.lstrip("0") or "0") + ("." + fraction if fraction else "")


def steps_text(steps: int, wheels: int, decimals: int) -> str:
    """A number in steps as text."""
    return number_text([int(digit) for digit in f"{steps:0{wheels + 1}d}"], decimals)


def decimals_of(turn: float) -> int:
    """Digits behind the point that a hundredth of a turn needs; negative ones are zeros before it.

    turn: of the finest wheel, a power of ten.
    """
    return round(math.log10(TOLD_PARTS / turn))
