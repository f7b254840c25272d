"""How a dial is looked at: once on the whole picture, which says where the dial stands; and where that is far from
filling the picture, or leaves doubt, a second time, straightened by what was seen. Before that a dial that is small in
the picture is gone nearer to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.dial import ENDS_REACH_DEGREES, SHARES, DialBelief, Placed, Scale, mass_near
from facevalue.codecs.pose import is_straight, pose_matrix
from facevalue.images import RGB, Source, open_reduced, warp, whole_picture
from facevalue.nearer import go_nearer
from facevalue.reading import RUNNERS_UP, Alternative, Polyline, Reading

if TYPE_CHECKING:
    from facevalue.reader import Weight

FILL = 0.9  # radius of the straightened dial, as training draws it
ENOUGH_PX = 192  # a JPEG is decoded at a fraction as long as its smaller side stays this large
SURE, SURE_REACH_DEGREES = 0.9, 7.2  # of a dial that is straight: a needle seen so surely is not looked at again
OFF_DEGREES = 15.0  # a needle further off its scale, on no stop, shows no value of it
# points of the marks: round the dial, along its scale, and the needle's two ends
ROUND, ALONG = np.linspace(0, 2 * np.pi, 72, endpoint=False), np.linspace(0, 1, 48)
MARKS = np.ones((3, len(ROUND) + len(ALONG) + 2))
MARKS[0, : len(ROUND)], MARKS[1, : len(ROUND)] = np.sin(ROUND), -np.cos(ROUND)
RADII = np.repeat([0.92, 0.0, 0.8], [len(ALONG), 1, 1])  # of the scale and the needle, where the dial's is 1
LEAST_REACH_DEGREES = 1.5  # a short scale's hundredth is finer than a needle can be seen


@dataclass(frozen=True)
class Look:
    """What two passes over one picture saw, and what follows from both.

    frame: homography of the second one's [-1, 1]^2 to picture pixels.  scale: what directions mean; placed: as it lies
    in the picture.
    """

    first: DialBelief
    second: DialBelief
    both: DialBelief
    frame: NDArray[np.float64]
    scale: Scale
    placed: Placed

    @property
    def value(self) -> float:
        """The value read; of a scale that ends where it begins below its high end."""
        return float(self.placed.value(self.both.degrees()))

    @property
    def reach_degrees(self) -> float:
        """A hundredth of the scale."""
        return max(LEAST_REACH_DEGREES, abs(self.placed.sweep) / SHARES)

    def features(self) -> dict[str, float]:
        """What the confidence is computed from, see ``calibration``, each 0..1.

        both, first, second: probability that the needle is within a hundredth of the scale of where it was read, by
        each pass (twice as far for a single pass).  ends: that the scale's ends are where they were seen, 1 where its
        sweep was given.  dial: that there is one.
        """
        degrees = self.both.degrees()
        ends = 1.0
        if self.scale.sweep is None:
            end = self.placed.start + self.placed.sweep
            ends = min(
                mass_near(self.both.start, self.placed.start, ENDS_REACH_DEGREES),
                mass_near(self.both.end, end, ENDS_REACH_DEGREES),
                max(self.both.full, 1 - self.both.full),
                1.0 if self.scale.clockwise is not None else max(self.both.clockwise, 1 - self.both.clockwise),
            )
        return {
            "both": self.both.mass_near(degrees, self.reach_degrees),
            "first": self.first.mass_near(degrees, 2 * self.reach_degrees),
            "second": self.second.mass_near(degrees, 2 * self.reach_degrees),
            "ends": ends,
            "dial": min(self.first.dial, self.second.dial),
        }


def look_at(weight: Weight, source: Source, dial: Scale | None = None) -> tuple[Look, tuple[float, float]]:
    """Open a picture no larger than is useful and look; also its scale (x, y), see ``images.open_reduced``.

    Raises PictureError.
    """
    rgb, scale = open_reduced(source, at_least_px=ENOUGH_PX)
    return look(weight, rgb, dial), scale


def look(weight: Weight, rgb: RGB, dial: Scale | None = None) -> Look:
    """Read the whole picture; unless that is sure of a dial that fills it, straighten it, read again, and join the two.

    dial: what directions mean, 0 to 10 where the network sees the scale's ends when None.
    """
    scale = dial or Scale()
    frame = whole_picture(rgb)
    first = look_through(weight, rgb, frame)
    first, frame = go_nearer(first, frame, lambda nearer: look_through(weight, rgb, nearer), round_dial)
    if is_straight(first.pose) and first.mass_near(first.degrees(), SURE_REACH_DEGREES) > SURE:
        return placed_look(weight, (first, first, first), frame, scale)
    return look_again(weight, rgb, frame, first, scale)


def look_again(weight: Weight, rgb: RGB, frame: NDArray[np.float64], first: DialBelief, scale: Scale) -> Look:
    """Look at the picture straightened by what the first look saw.  frame: the first one's."""
    straight = round_dial(frame, first)
    second = look_through(weight, rgb, straight)
    return placed_look(weight, (first, second, second.joined_with(first)), straight, scale)


def round_dial(frame: NDArray[np.float64], seen: DialBelief) -> NDArray[np.float64]:
    """A frame straight round the dial as it was seen through another one."""
    return np.asarray(frame @ pose_matrix(seen.pose, 0.0) @ np.diag([1 / FILL, 1 / FILL, 1.0]))


def placed_look(
    weight: Weight, beliefs: tuple[DialBelief, DialBelief, DialBelief], frame: NDArray[np.float64], scale: Scale
) -> Look:
    """A look of the first belief, the second and both, with the scale placed and the needle set right by that."""
    placed = beliefs[2].place(scale)
    if weight.eccentricity is not None:
        first, second, both = (belief.corrected(weight.eccentricity, placed.start) for belief in beliefs)
        beliefs = first, second, both
    return Look(*beliefs, frame, scale, placed)


def look_through(weight: Weight, rgb: RGB, frame: NDArray[np.float64]) -> DialBelief:
    outputs = weight.run(warp(rgb, frame, weight.frame_px)[None])
    belief: DialBelief = weight.codec.decode(outputs)[0]
    return belief


def make_reading(weight: Weight, look: Look, scale: tuple[float, float], began: float) -> Reading:
    """What a look comes to. scale: as of ``look_at``; began: when it was begun, as ``time.perf_counter`` has it."""
    candidates = look.both.candidates(RUNNERS_UP + 1)
    value = look.value
    is_off = look.placed.degrees_beyond(look.both.degrees()) > OFF_DEGREES
    confidence = 0.0 if is_off else weight.calibration.confidence(look.features())
    # Each runner-up has its part of what the first leaves, as the network shared it out, and is never above the first.
    spare = (1 - confidence) / max(1 - candidates[0][1], sum(mass for _, mass in candidates[1:]), 1e-6)
    values = look.placed.value(np.array([degrees for degrees, _ in candidates[1:]])).tolist()
    text = value_text(look, value)
    shares: dict[str, float] = {}
    for other, (_, mass) in zip(values, candidates[1:], strict=True):  # off a scale many directions show the same end
        if (told := value_text(look, other)) != text:
            shares[told] = shares.get(told, 0.0) + spare * mass
    ranked = sorted(shares.items(), key=lambda told: -told[1])
    others = [Alternative(told, min(share, confidence)) for told, share in ranked]
    return Reading(
        kind=weight.kind,
        value=text,
        number=round(value, look.scale.decimals + 2),
        confidence=confidence,
        uncertain=confidence < weight.calibration.threshold,
        alternatives=tuple(others),
        model=weight.name,
        milliseconds=(time.perf_counter() - began) * 1e3,
        marks=place_marks(look, scale),
        scale=look.placed,
    )


def value_text(look: Look, value: float) -> str:
    """A value as a person would write it; a needle just before the zero of a full turn shows the zero."""
    text = look.scale.text(value)
    shows_zero = look.placed.full and text == look.scale.text(look.scale.high)
    return look.scale.text(look.scale.low) if shows_zero else text


def place_marks(look: Look, scale: tuple[float, float]) -> dict[str, Polyline]:
    """Outline of the dial, its scale and the direction of the needle, in pixels of the full-size picture."""
    placed, needle = look.placed, look.both.degrees()
    angle = np.radians(np.append(placed.start + placed.sweep * ALONG, (needle, needle)))
    points = MARKS.copy()
    points[0, len(ROUND) :], points[1, len(ROUND) :] = RADII * np.sin(angle), -RADII * np.cos(angle)
    # Marks count pixel centres from 0, homographies from the picture's corner.
    to_centres = np.array([[scale[0], 0.0, -0.5], [0.0, scale[1], -0.5], [0.0, 0.0, 1.0]])
    x, y, w = to_centres @ look.frame @ pose_matrix(look.second.pose, 0.0) @ points
    w[np.abs(w) < 1e-6] = 1e-6
    line = tuple(zip((x / w).tolist(), (y / w).tolist(), strict=True))
    return {"dial": line[: len(ROUND)], "scale": line[len(ROUND) : -2], "needle": line[-2:]}
