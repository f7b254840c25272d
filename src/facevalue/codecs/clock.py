"""The clock as a two-needle instrument: hour and minute hand, the dial's turn, its pose, and whether there is a dial.

Time is counted in half minutes, 1,440 of them in twelve hours: one bin (3 degrees) of the minute hand each.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats, Head, Target
from facevalue.codecs.needles import decode_turned_pair, local_direction, log_softmax, soft_circle
from facevalue.codecs.pose import POSE_NUMBERS

BINS = 120
HALF_MINUTES = 12 * BINS
GRID_MINUTES = np.arange(HALF_MINUTES) / 2
HALF_BIN = 0.25  # minutes: without it a time on a bin's border would gain or lose a bin by rounding
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")


def bins_away(minutes: float) -> NDArray[np.float64]:
    """(1440,) how far each half minute of the dial is from a time, in minutes, the shorter way round."""
    apart = np.abs(GRID_MINUTES - minutes % 720)
    return np.asarray(np.minimum(apart, 720 - apart))


def by_minute(log_probability: Floats) -> Floats:
    """(720,) probability of each whole minute, of (1440,) of half minutes: a half goes to its neighbours alike."""
    share = np.exp(log_probability).reshape(-1, 2)
    halves = share[:, 1] / 2
    return np.asarray(share[:, 0] + halves + np.roll(halves, 1), dtype=np.float32)


def hours_and_minutes(shares: Floats) -> tuple[Floats, Floats]:
    """(12,) probability of each hour, twelve first, and (60,) of each minute of the hour, of (720,) of both."""
    table = shares.reshape(12, 60)
    return table.sum(axis=1), table.sum(axis=0)


@dataclass(frozen=True)
class ClockBelief:
    """What one picture says of the time.

    log_probability: (1440,) over half minutes past twelve.  turns: (1440,) the dial's turn, degrees, that goes best
    with each of them.
    pose: (7,), see ``sources.camera``.  dial: probability that there is a dial, 0..1.  second_degrees: direction of
    the second hand, in the picture's frame; second_share: probability of that bin. Where there is no second hand that
    head was never trained, so second_share says little there: mostly low, not always.
    """

    log_probability: Floats
    turns: Floats
    pose: Floats
    dial: float
    second_degrees: float
    second_share: float

    @property
    def twelve_degrees(self) -> float:
        """The dial's turn at the likeliest time, clockwise."""
        return float(self.turns[int(self.log_probability.argmax())])

    def joined_with(self, other: ClockBelief) -> ClockBelief:
        """This belief, with the time's probabilities multiplied by those of another look at the same clock."""
        return dataclasses.replace(self, log_probability=log_softmax(self.log_probability + other.log_probability))

    def minutes(self) -> float:
        """The likeliest time, minutes past twelve, 0 <= m < 720, between the half minutes where the peak lies so."""
        return local_direction(self.log_probability, reach=3) * 2.0  # 360 degrees are 720 minutes

    def by_minute(self) -> Floats:
        """(720,) probability of each whole minute."""
        return by_minute(self.log_probability)

    def mass_near(self, minutes: float, reach_minutes: float = 1.0) -> float:
        """Probability that the time is within reach of ``minutes``, or less than a bin beyond."""
        return float(np.exp(self.log_probability[bins_away(minutes) <= reach_minutes + HALF_BIN]).sum())

    def candidates(self, count: int, apart_minutes: float = 2.5) -> list[tuple[float, float]]:
        """The likeliest times, each with the mass within a minute of it, best first, none near a better one."""
        log_probability = self.log_probability.copy()
        found: list[tuple[float, float]] = []
        for _ in range(count):
            if not np.isfinite(log_probability.max()):
                break
            minutes = local_direction(log_probability, reach=3) * 2.0
            away = bins_away(minutes)
            found.append((minutes, float(np.exp(log_probability[away <= 1.0 + HALF_BIN]).sum())))
            log_probability[away <= apart_minutes] = -np.inf
        return found[:1] + sorted(found[1:], key=lambda candidate: -candidate[1])


class ClockNeedles:
    """Needle codec of clocks: ``circle`` heads for the hands and the twelve, decoded together."""

    name = "clock/needles"
    heads: tuple[Head, ...] = (
        Head("hour", BINS, "circle", 1.0),
        Head("minute", BINS, "circle", 1.0),
        Head("twelve", BINS, "circle", 0.6),
        Head("second", BINS, "circle", 0.15),
        Head("dial", 2, "classes", 0.2),
        Head("pose", POSE_NUMBERS, "vector", 4.0),
    )
    # Of the soft targets, degrees: real hour hands are set badly more often than minute hands.
    sigma: ClassVar[Mapping[str, float]] = {"hour": 3.0, "minute": 2.2, "twelve": 3.0, "second": 3.0}

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: hour, minute, twelve, second (N,) degrees and pose (N, 7), NaN without a dial or a second hand; pose
        also where a dial's is not known.

        Without a dial hour, minute and twelve are uniform, so that nothing is read with confidence there.
        """
        ones = np.ones(len(labels["hour"]), dtype=np.float32)
        targets = {
            name: Target(soft_circle(labels[name], BINS, self.sigma[name]), ones)
            for name in ("hour", "minute", "twelve")
        }
        has_second = (~np.isnan(labels["second"])).astype(np.float32)
        targets["second"] = Target(soft_circle(labels["second"], BINS, self.sigma["second"]), has_second)
        has_dial = ~np.isnan(labels["hour"])
        targets["dial"] = Target(has_dial.astype(np.int64), ones)
        known = (~np.isnan(labels["pose"]).any(axis=1)).astype(np.float32)
        targets["pose"] = Target(np.nan_to_num(labels["pose"]).astype(np.float32), known)
        return targets

    def decode(self, outputs: Mapping[str, Floats]) -> list[ClockBelief]:
        """outputs: one (N, size) float32 array of raw head outputs for each head.  Returns N beliefs."""
        logs = {name: log_softmax(outputs[name]) for name in ("hour", "minute", "twelve", "second", "dial")}
        return [
            self.join(
                logs["hour"][i],
                logs["minute"][i],
                logs["twelve"][i],
                logs["second"][i],
                logs["dial"][i],
                outputs["pose"][i],
            )
            for i in range(len(outputs["hour"]))
        ]

    def join(
        self, hour: Floats, minute: Floats, twelve: Floats, second: Floats, dial: Floats, pose: Floats
    ) -> ClockBelief:
        score, turns = decode_turned_pair(hour, minute, twelve, gear=12)
        return ClockBelief(
            log_probability=log_softmax(score),
            turns=(turns * (360 / BINS)).astype(np.float32),
            pose=np.asarray(pose, dtype=np.float32),
            dial=float(np.exp(dial[1])),
            second_degrees=local_direction(second),
            second_share=float(np.exp(second.max())),
        )


def format_time(minutes: float) -> str:
    """12-hour H:MM of a time in minutes past twelve: 5.2 is 12:05, 65 is 1:05."""
    whole = int(np.floor(minutes + 0.5)) % 720
    return f"{whole // 60 or 12}:{whole % 60:02d}"


def parse_time(text: str) -> int:
    """Minutes past twelve, 0..719, of `H:MM` or `HH:MM`, of 12 or 24 hours: 12:05 and 0:05 are 5, 13:05 is 65.

    Raises ValueError for anything else.
    """
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"{text!r} is no time; expected H:MM or HH:MM from 0:00 to 23:59")
    return int(found[1]) % 12 * 60 + int(found[2])
