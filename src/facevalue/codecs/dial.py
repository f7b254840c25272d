"""The dial with one needle: where the needle points, where its scale begins and ends, its pose, and if there is one.

Directions are clockwise degrees from up, in the picture's frame, and are probabilities over 120 bins of 3 degrees. A
scale is a part of the turn (a pressure gauge) or all of it (a meter's sub-dial, which begins where it ends).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats, Head, Target
from facevalue.codecs.needles import degrees_apart, local_direction, log_softmax, soft_circle
from facevalue.codecs.pose import POSE_NUMBERS
from facevalue.errors import SettingError

BINS = 120
BIN_DEGREES = 360 / BINS
CENTRES = np.arange(BINS) * BIN_DEGREES
SHARES = 100  # a reading is right within one part of this many of its range
LARGEST, SMALLEST = 1e15, 1e-12  # numbers of a range, and what they may be apart
DECADE = (0.0, 10.0)  # the range of a meter's sub-dial
UPRIGHT_DEGREES = 5.0  # how straight dials are photographed, standard deviation
ENDS_REACH_DEGREES, ENDS_APART_DEGREES, ENDS_SURE = 6.0, 12.0, 0.7  # of two ends that are surely seen
TURNED = 0.05  # share of those that stand in any way
NO_CHANCE = 1e-5  # the probability of a direction below which it is no runner-up
LOG_NO_CHANCE = math.log(NO_CHANCE)
LOOK_FLOOR = 1e-4  # of the probability of a direction, in one of several looks that are to agree


def upright_prior() -> Floats:
    """(120,) log-probability of where the zero of a full turn points before it is seen: mostly up."""
    away = np.minimum(np.arange(BINS), BINS - np.arange(BINS)) * BIN_DEGREES
    peak = np.exp(-0.5 * (away / UPRIGHT_DEGREES) ** 2)
    return np.asarray(np.log((1 - TURNED) * peak / peak.sum() + TURNED / BINS), dtype=np.float32)


def parse_pair(name: str, text: str) -> tuple[float, float]:
    """``LOW:HIGH`` as two numbers; name: what they are. Raises SettingError."""
    first, _, last = text.partition(":")
    try:
        return float(first), float(last)
    except ValueError:
        raise SettingError(f"{name} {text!r}: expected two numbers with a colon, such as 0:10 or -1:1.5") from None


@dataclass(frozen=True)
class Scale:
    """What the directions of a needle mean.

    low, high: values at the scale's two ends.  sweep: directions of the two ends, clockwise degrees from up, for 0:360
    a full turn from up; None where the network finds them.  clockwise: the way in which values rise; None where the
    network says it.
    """

    low: float = DECADE[0]
    high: float = DECADE[1]
    sweep: tuple[float, float] | None = None
    clockwise: bool | None = None

    @classmethod
    def from_text(cls, span: str | None, sweep: str | None, direction: str | None) -> Scale | None:
        """Of texts as people write them, None where all are absent: span ``LOW:HIGH``, sweep ``START:END``, direction
        ``clockwise`` or ``counterclockwise``.  Raises SettingError.
        """
        if span is None and sweep is None and direction is None:
            return None
        if direction not in (None, "clockwise", "counterclockwise"):
            raise SettingError(f"direction {direction!r}: expected clockwise or counterclockwise")
        low, high = DECADE if span is None else parse_pair("range", span)
        clockwise = None if direction is None else direction == "clockwise"
        scale = cls(low, high, None if sweep is None else parse_pair("sweep", sweep), clockwise)
        scale.check_falling("{:g}:{:g}")
        return scale

    def check_falling(self, form: str) -> None:
        """Raise SettingError for a sweep that falls, unless values are said to rise counterclockwise.

        Who writes 225 to 135 mostly means 225 to 495, which is another arc.  form: how two ends are written.
        """
        if self.sweep is None or self.clockwise is False or self.sweep[0] < self.sweep[1]:
            return
        start, end = self.sweep
        wrapped = form.format(*((start, end + 360) if start - end < 360 else (end, start)))
        raise SettingError(
            f"a sweep from {start:g} down to {end:g} degrees: where values rise clockwise, past straight up, write "
            f"{wrapped}; where they rise the other way, say so (direction counterclockwise)"
        )

    def __post_init__(self) -> None:
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        if not finite or max(abs(self.low), abs(self.high)) > LARGEST or abs(self.high - self.low) < SMALLEST:
            raise SettingError(
                f"a range from {self.low:g} to {self.high:g}: expected two different numbers, at most {LARGEST:g} and "
                f"at least {SMALLEST:g} apart"
            )
        # infinities and NaN fail it too
        if self.sweep is not None and not 0 < abs(self.sweep[1] - self.sweep[0]) <= 360:
            raise SettingError(
                f"a sweep from {self.sweep[0]:g} to {self.sweep[1]:g} degrees: expected two different directions, "
                "at most a full turn apart"
            )

    @property
    def span(self) -> tuple[float, float]:
        """The values at its two ends."""
        return self.low, self.high

    @functools.cached_property
    def decimals(self) -> int:
        """As many as tell a hundredth of the range."""
        return max(0, math.ceil(-math.log10(abs(self.high - self.low) / SHARES) - 1e-9))

    def text(self, value: float) -> str:
        return f"{round(value, self.decimals) + 0.0:.{self.decimals}f}"  # + 0.0: no -0


@dataclass(frozen=True)
class Placed:
    """A scale as it lies in one picture.

    start: direction of the low end, degrees.  sweep: degrees from there to the high end, clockwise ones positive.
    """

    low: float
    high: float
    start: float
    sweep: float

    @property
    def full(self) -> bool:
        """Whether the scale ends where it begins."""
        return abs(self.sweep) > 360 - BIN_DEGREES

    def to_dict(self) -> dict[str, float]:
        """The JSON object ``scale`` of a reading: values, and clockwise degrees from up."""
        return {"low": self.low, "high": self.high, "start": round(self.start, 1), "sweep": round(self.sweep, 1)}

    def share_apart(self, a: float, b: float) -> float:
        """How far two values are apart, as a share of the range; the shorter way where the scale is a full turn."""
        share = abs(a - b) / abs(self.high - self.low)
        return min(share % 1, 1 - share % 1) if self.full else share

    def value(self, degrees: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """The value where a needle points; beyond the scale that of its nearer end."""
        way = math.copysign(1.0, self.sweep)
        along = np.asarray((degrees - self.start) * way, dtype=np.float64) % 360
        length = abs(self.sweep)
        beyond = along > length
        along = np.where(beyond, np.where(along - length < 360 - along, length, 0.0), along)
        return np.asarray(self.low + (self.high - self.low) * along / length)

    def degrees_beyond(self, degrees: float) -> float:
        """How far a direction lies off the scale, from its nearer end; 0 on it."""
        length = abs(self.sweep)
        along = (degrees - self.start) * math.copysign(1.0, self.sweep) % 360
        return max(0.0, min(along - length, 360 - along))

    def degrees(self, value: float) -> float:
        """Where a needle that shows this value points, 0 <= degrees < 360."""
        return float((self.start + self.sweep * (value - self.low) / (self.high - self.low)) % 360)


@dataclass(frozen=True)
class Eccentricity:
    """How far beside the truth a needle is seen, once round like a sine: of one dial and one camera.

    A pivot beside the middle of the scale does that, and a camera beside the axis of a needle that floats above its
    dial. ``shift + sine sin(a) + cosine cos(a)`` degrees, where the needle truly stands a degrees clockwise from the
    scale's low end.
    """

    shift: float
    sine: float
    cosine: float

    def degrees(self, along: float | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """How many degrees too far clockwise the needle is seen there."""
        angle = np.radians(along)
        return np.asarray(self.shift + self.sine * np.sin(angle) + self.cosine * np.cos(angle))

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Eccentricity:
        """What ``to_json`` wrote. Raises ValueError or TypeError for anything else."""
        numbers = json.loads(text)
        if not isinstance(numbers, dict):
            raise ValueError(f"{text}: no shift, sine and cosine")
        return cls(**{name: float(value) for name, value in numbers.items()})


UPRIGHT = upright_prior()


@dataclass(frozen=True)
class DialBelief:
    """What one picture says of its dial.

    needle, start, end: (120,) log-probabilities of the directions of the needle and of the scale's low and high end.
    full: probability that the scale goes all the way round, where start and end are both its zero.  clockwise: that
    values rise clockwise.  dial: that there is a dial with a needle.  pose: (7,), see ``sources.camera``.
    """

    needle: Floats
    start: Floats
    end: Floats
    full: float
    clockwise: float
    dial: float
    pose: Floats

    def joined_with(self, other: DialBelief) -> DialBelief:
        """This belief, with what another look at the same dial says of directions multiplied in."""
        return dataclasses.replace(
            self,
            needle=log_softmax(self.needle + other.needle),
            start=log_softmax(self.start + other.start),
            end=log_softmax(self.end + other.end),
            full=(self.full + other.full) / 2,
            clockwise=(self.clockwise + other.clockwise) / 2,
        )

    def agreed_with(self, others: Sequence[DialBelief]) -> DialBelief:
        """This belief with the needle where looks at other cuts of the picture, in the same directions, see it too.

        The geometric mean of all, above a floor, so that no look can veto what the others see. Looks at one picture
        share most of their errors: their product, as of ``joined_with``, would be too sure.
        """
        seen = np.exp(np.stack([belief.needle for belief in (self, *others)]).astype(np.float64))
        joined = np.log(seen + LOOK_FLOOR).mean(axis=0)
        return dataclasses.replace(self, needle=log_softmax(joined.astype(np.float32)))

    def corrected(self, by: Eccentricity, start: float) -> DialBelief:
        """This belief with the needle where it truly stands.  start: direction of the scale's low end, degrees."""
        needle = at_directions(self.needle, CENTRES + by.degrees(CENTRES - start))
        return dataclasses.replace(self, needle=log_softmax(needle))

    def degrees(self) -> float:
        """The needle's likeliest direction, between the bins where its peak lies so, 0 <= degrees < 360."""
        return local_direction(self.needle)

    def mass_near(self, degrees: float, reach_degrees: float) -> float:
        """Probability that the needle is within reach of a direction."""
        return mass_near(self.needle, degrees, reach_degrees)

    def place(self, scale: Scale) -> Placed:
        """The scale as it lies in this picture: as it was given, or as it is seen."""
        if scale.sweep is not None:
            first, last = scale.sweep
            length = abs(last - first)
            clockwise = (last > first) if scale.clockwise is None else scale.clockwise
            start = first if (last > first) == clockwise else last
            return Placed(scale.low, scale.high, start % 360, length if clockwise else -length)
        clockwise = self.clockwise >= 0.5 if scale.clockwise is None else scale.clockwise
        way = 1.0 if clockwise else -1.0
        if self.full >= 0.5 and not self.has_two_ends():
            seen = (self.start + self.end) / 2 + UPRIGHT
            zero = local_direction(log_softmax(seen.astype(np.float32)))
            return Placed(scale.low, scale.high, zero, way * 360.0)
        start, end = local_direction(self.start), local_direction(self.end)
        length = (end - start) * way % 360
        return Placed(scale.low, scale.high, start, way * (length or 360.0))

    def has_two_ends(self) -> bool:
        """Whether the scale is surely seen to begin and to end at two places, whatever ``full`` says."""
        start, end = local_direction(self.start), local_direction(self.end)
        sure = min(mass_near(self.start, start, ENDS_REACH_DEGREES), mass_near(self.end, end, ENDS_REACH_DEGREES))
        return abs(degrees_apart(start, end)) > ENDS_APART_DEGREES and sure > ENDS_SURE

    def candidates(self, count: int, apart_degrees: float = 7.5) -> list[tuple[float, float]]:
        """The needle's likeliest directions, each with the mass within a bin of it, best first, none near another.

        Those whose bin has less than NO_CHANCE are left out.
        """
        log_probability = self.needle.copy()
        found: list[tuple[float, float]] = []
        while len(found) < count and log_probability.max() > LOG_NO_CHANCE:
            degrees = local_direction(log_probability, reach=1)
            found.append((degrees, mass_near(self.needle, degrees, 1.5 * BIN_DEGREES)))
            taken = range(math.ceil((degrees - apart_degrees) / BIN_DEGREES),
                          math.floor((degrees + apart_degrees) / BIN_DEGREES) + 1)  # fmt: skip
            log_probability.put(taken, -np.inf, mode="wrap")
        return found[:1] + sorted(found[1:], key=lambda candidate: -candidate[1])


def at_directions(log_probability: Floats, degrees: NDArray[np.floating[Any]]) -> Floats:
    """What (120,) log-probabilities are at any directions, between the bins along a line."""
    closed = np.append(log_probability, log_probability[0])
    return np.asarray(np.interp(degrees / BIN_DEGREES % BINS, np.arange(BINS + 1), closed), dtype=np.float32)


def mass_near(log_probability: Floats, degrees: float, reach_degrees: float) -> float:
    """Probability within reach, less than half a turn, of a direction; bins that reach cuts count by their part inside.

    Few bins are near, and Python's own floats are faster for them than arrays.
    """
    first = math.ceil((degrees - reach_degrees) / BIN_DEGREES - 0.5)
    last = math.floor((degrees + reach_degrees) / BIN_DEGREES + 0.5)
    mass = 0.0
    for k in range(first, last + 1):
        inside = (reach_degrees - abs(k * BIN_DEGREES - degrees)) / BIN_DEGREES + 0.5
        mass += math.exp(float(log_probability[k % BINS])) * min(inside, 1.0)
    return mass


class DialNeedle:
    """Codec of dials with one needle."""

    name = "dial/needle"
    heads: tuple[Head, ...] = (
        Head("needle", BINS, "circle", 1.0),
        Head("start", BINS, "circle", 0.5),
        Head("end", BINS, "circle", 0.5),
        Head("full", 2, "classes", 0.5),
        Head("clockwise", 2, "classes", 1.0),
        Head("dial", 2, "classes", 0.2),
        Head("pose", POSE_NUMBERS, "vector", 4.0),
    )
    sigma: ClassVar[Mapping[str, float]] = {"needle": 2.2, "start": 2.5, "end": 2.5}  # of the soft targets, degrees

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """labels: needle, start, end (N,) degrees, full and clockwise (N,) 0 or 1, pose (N, 7); NaN where unknown.

        Without a dial its needle is uniform, so that nothing is read with confidence there.
        """
        ones = np.ones(len(labels["needle"]), dtype=np.float32)
        has_dial = ~np.isnan(labels["needle"])
        targets = {"needle": Target(soft_circle(labels["needle"], BINS, self.sigma["needle"]), ones)}
        for name in ("start", "end"):
            known = (~np.isnan(labels[name])).astype(np.float32)
            targets[name] = Target(soft_circle(labels[name], BINS, self.sigma[name]), known)
        for name in ("full", "clockwise"):
            known = (~np.isnan(labels[name])).astype(np.float32)
            targets[name] = Target(np.nan_to_num(labels[name]).astype(np.int64), known)
        targets["dial"] = Target(has_dial.astype(np.int64), ones)
        known = (~np.isnan(labels["pose"]).any(axis=1)).astype(np.float32)
        targets["pose"] = Target(np.nan_to_num(labels["pose"]).astype(np.float32), known)
        return targets

    def decode(self, outputs: Mapping[str, Floats]) -> list[DialBelief]:
        """outputs: one (N, size) float32 array of raw head outputs for each head.  Returns N beliefs."""
        needle, start, end = log_softmax(np.stack([outputs[name] for name in ("needle", "start", "end")]))
        classes = log_softmax(np.stack([outputs[name] for name in ("full", "clockwise", "dial")]))
        full, clockwise, dial = np.exp(classes[..., 1]).tolist()
        return [
            DialBelief(
                needle=needle[i],
                start=start[i],
                end=end[i],
                full=full[i],
                clockwise=clockwise[i],
                dial=dial[i],
                pose=np.asarray(outputs["pose"][i], dtype=np.float32),
            )
            for i in range(len(outputs["needle"]))
        ]
