"""Needles as probabilities over the circle, and their joint decoding into one value.

A needle's direction is read as a distribution over bins round the circle. An instrument of several geared needles
shows one value; each candidate value places every needle, so its score is the sum of the needles' log-probabilities
there. The dial itself may be turned: its twelve (or zero) is one more needle that shifts all the others, and is
summed out. So 5:59 is told from 6:59 by the minute hand, and the turn of a dial without numerals by its hands.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from facevalue.codecs import Floats


def degrees_apart(to: float, start: float) -> float:
    """The shorter way round from one direction to another, clockwise, in degrees: -180 <= d < 180."""
    return (to - start + 180) % 360 - 180


def soft_circle(degrees: Floats, bins: int, sigma_degrees: float) -> Floats:
    """Targets of a circle head: a wrapped Gaussian about each angle; uniform where the angle is NaN.

    degrees: (N,) clockwise from up, any turn.  Returns (N, bins) float32, rows sum to 1.
    """
    centres = np.arange(bins, dtype=np.float32) * (360.0 / bins)
    away = (centres[None] - np.asarray(degrees, dtype=np.float32)[:, None] + 180.0) % 360.0 - 180.0
    density = np.exp(-0.5 * (away / sigma_degrees) ** 2)
    density[np.isnan(density).any(axis=1)] = 1.0
    return np.asarray(density / density.sum(axis=1, keepdims=True), dtype=np.float32)


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float32)


def local_direction(log_probability: Floats, reach: int = 3) -> float:
    """Sub-bin direction of the strongest peak, 0 <= degrees < 360: circular mean of the bins within reach of it."""
    bins = log_probability.shape[0]
    peak = int(log_probability.argmax())
    highest = float(log_probability[peak])
    total = moment = 0.0  # a handful of bins: Python's own floats are faster than arrays
    for offset in range(-reach, reach + 1):
        weight = math.exp(float(log_probability[(peak + offset) % bins]) - highest)
        total += weight
        moment += weight * offset
    place = (peak + moment / total) % bins % bins  # twice: -1e-17 % 120 is 120.0
    return float(place * 360 / bins)


def rotations(row: Floats, count: int, by: int, length: int) -> Floats:
    """(count, length) view whose row r is ``row``, read cyclically from r * by on. No copy but the unrolled row."""
    need = (count - 1) * by + length
    unrolled = np.tile(row, -(-need // row.shape[0]))
    step = unrolled.strides[0]
    return as_strided(unrolled, (count, length), (by * step, step), writeable=False)


def decode_turned_pair(
    slow: Floats, fast: Floats, turn: Floats, gear: int, floor: float = -9.0
) -> tuple[Floats, NDArray[np.intp]]:
    """Joint score of every value of a two-needle instrument whose dial may be turned.

    slow, fast, turn: (bins,) log-probabilities of the two needles and of the dial's zero, in the picture's frame. The
    fast needle turns ``gear`` times while the slow one turns once; values are counted in bins of the fast needle.
    floor: log-probabilities below the peak less this are raised to it, so that one blind needle cannot veto.
    Returns the log-score (gear * bins,), summed over the dial's turn, and for each value the best turn (bin).
    """
    bins = fast.shape[0]
    values = gear * bins
    slow, fast, turn = (np.maximum(row, row.max() + floor) for row in (slow, fast, turn))
    # The slow needle moves 1/gear bin a value: interpolate its log-probability between bins.
    fine = np.interp(np.arange(values) / gear, np.arange(bins + 1), np.append(slow, slow[0])).astype(np.float32)
    kept = np.flatnonzero(turn > turn.max() - 8.0)
    score = rotations(fast, bins, 1, values)[kept] + rotations(fine, bins, gear, values)[kept] + turn[kept, None]
    best = score.argmax(axis=0)
    top = score[best, np.arange(values)]
    total = top + np.log(np.exp(score - top).sum(axis=0))
    return np.asarray(total, dtype=np.float32), kept[best]
