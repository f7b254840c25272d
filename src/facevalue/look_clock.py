"""How a clock is looked at: once on the whole picture, which says where the dial stands and how it is turned; and,
unless that is upright, fills the picture and leaves no doubt, a second time, straightened by what was seen, with a
little room round it. Before that a dial that is small in the picture is gone nearer to. A network that was taught the
time alone looks once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.clock import ClockBelief, format_time, hours_and_minutes
from facevalue.codecs.encodings import TimeBelief
from facevalue.codecs.needles import degrees_apart
from facevalue.codecs.pose import is_straight, pose_matrix
from facevalue.images import RGB, Source, open_reduced, warp, whole_picture
from facevalue.nearer import go_nearer
from facevalue.reading import RUNNERS_UP, Polyline, Reading, shared_out

if TYPE_CHECKING:
    from facevalue.reader import Weight

FILL = 0.78  # radius of the straightened dial; training draws about 0.9, more room reads better (lab notes)
ENOUGH_PX = 224  # a JPEG is decoded at a fraction as long as its smaller side stays this large
SURE = 0.9  # of a dial that is straight: a time seen so surely stays what it is when looked at again (lab notes)
UPRIGHT_DEGREES = 10.0
SECOND_HAND_SEEN = 0.2  # a sharp peak has about 0.4 in its highest bin
SECOND_HAND_APART = 9.0  # degrees: where there is no second hand its head tends to repeat another one
CIRCLE = tuple((float(np.sin(a)), -float(np.cos(a))) for a in np.linspace(0, 2 * np.pi, 72, endpoint=False))


@dataclass(frozen=True)
class Look:
    """What the passes over one picture saw, and what follows from them.

    first, second: the last two; of a single look they are the same.  frame: homography of the last one's [-1, 1]^2 to
    picture pixels.
    """

    first: ClockBelief | TimeBelief
    second: ClockBelief | TimeBelief
    both: ClockBelief | TimeBelief
    frame: NDArray[np.float64]

    def features(self) -> dict[str, float]:
        """What the confidence is computed from, see ``calibration``: probability near the time read, by each pass."""
        minutes = self.both.minutes()
        return {
            "both": self.both.mass_near(minutes),
            "first": self.first.mass_near(minutes, 1.5),
            "second": self.second.mass_near(minutes, 1.5),
            "dial": min(self.first.dial, self.second.dial),
        }


def look_at(weight: Weight, source: Source) -> tuple[Look, tuple[float, float]]:
    """Open a picture no larger than is useful and look; also its scale (x, y), see ``images.open_reduced``.

    Raises PictureError.
    """
    rgb, scale = open_reduced(source, at_least_px=ENOUGH_PX)
    return look(weight, rgb), scale


def look(weight: Weight, rgb: RGB) -> Look:
    """Read the whole picture; unless that is enough, straighten the dial by what was seen, read again, join the two.

    While the dial is small in the frame, a frame drawn round it takes the frame's place. Where it is not seen where the
    dial stands, the first look is all there is.
    """
    frame = whole_picture(rgb)
    first = look_through(weight, rgb, frame)
    if isinstance(first, TimeBelief):
        return Look(first, first, first, frame)
    first, frame = go_nearer(first, frame, lambda nearer: look_at_clock(weight, rgb, nearer), round_dial)
    if is_enough(first):  # a second look would say the same once more
        return Look(first, first, first.joined_with(first), frame)
    return look_again(weight, rgb, frame, first)


def look_again(weight: Weight, rgb: RGB, frame: NDArray[np.float64], first: ClockBelief) -> Look:
    """The second look, at the dial as the first one through a frame places it, and what both say together."""
    straight = round_dial(frame, first)
    second = look_at_clock(weight, rgb, straight)
    return Look(first, second, second.joined_with(first), straight)


def round_dial(frame: NDArray[np.float64], seen: ClockBelief) -> NDArray[np.float64]:
    """A frame straight round the dial, with a little room, as it was seen through another one."""
    return np.asarray(frame @ pose_matrix(seen.pose, seen.twelve_degrees) @ np.diag([1 / FILL, 1 / FILL, 1.0]))


def is_enough(first: ClockBelief) -> bool:
    """Whether the whole picture is what a second look would straighten it to, and its time is beyond doubt."""
    turned = abs(degrees_apart(first.twelve_degrees, 0.0))
    upright = turned < UPRIGHT_DEGREES and is_straight(first.pose)
    return upright and first.mass_near(first.minutes()) > SURE


def look_through(weight: Weight, rgb: RGB, frame: NDArray[np.float64]) -> ClockBelief | TimeBelief:
    outputs = weight.run(warp(rgb, frame, weight.frame_px)[None])
    belief: ClockBelief | TimeBelief = weight.codec.decode(outputs)[0]
    return belief


def look_at_clock(weight: Weight, rgb: RGB, frame: NDArray[np.float64]) -> ClockBelief:
    """What a network that was taught more than the time sees through a frame."""
    belief = look_through(weight, rgb, frame)
    assert isinstance(belief, ClockBelief)
    return belief


def make_reading(weight: Weight, look: Look, scale: tuple[float, float], began: float) -> Reading:
    """What a look comes to. scale: as of ``look_at``; began: when it was begun, as ``time.perf_counter`` has it."""
    (minutes, joint), *others = look.both.candidates(RUNNERS_UP + 1)
    confidence = weight.calibration.confidence(look.features())
    of_hours, of_minutes = hours_and_minutes(look.both.by_minute())
    return Reading(
        kind=weight.kind,
        value=format_time(minutes),
        number=minutes,
        confidence=confidence,
        uncertain=confidence < weight.calibration.threshold,
        alternatives=shared_out([(format_time(other), share) for other, share in others], confidence, joint),
        model=weight.name,
        milliseconds=(time.perf_counter() - began) * 1e3,
        marks=place_marks(look, minutes, scale),
        hours=tuple(of_hours.tolist()),
        minutes=tuple(of_minutes.tolist()),
    )


def place_marks(look: Look, minutes: float, scale: tuple[float, float]) -> dict[str, Polyline]:
    """Outline of the dial and directions of the hands, in pixels of the full-size picture; none of a single look."""
    if isinstance(look.second, TimeBelief):
        return {}
    twelve = float(look.second.turns[round(minutes * 2) % len(look.second.turns)])
    dial_to_px = look.frame @ pose_matrix(look.second.pose, twelve)

    def to_px(points: Sequence[tuple[float, float]]) -> Polyline:
        x, y, w = dial_to_px @ np.array([(x, y, 1.0) for x, y in points]).T
        w = np.where(np.abs(w) < 1e-6, 1e-6, w)
        # Marks count pixel centres from 0, homographies from the picture's corner.
        across, down = x / w * scale[0] - 0.5, y / w * scale[1] - 0.5
        return tuple(zip(across.tolist(), down.tolist(), strict=True))

    def hand(degrees: float, length: float) -> Polyline:
        angle = np.radians(degrees)
        return to_px([(0.0, 0.0), (length * float(np.sin(angle)), -length * float(np.cos(angle)))])

    marks = {"dial": to_px(CIRCLE), "hour": hand(minutes / 2, 0.5), "minute": hand(minutes * 6, 0.8)}
    second = look.second.second_degrees - twelve
    away = min(abs(degrees_apart(second, degrees)) for degrees in (minutes / 2, minutes * 6))
    if look.second.second_share > SECOND_HAND_SEEN and away > SECOND_HAND_APART:
        marks["second"] = hand(second, 0.85)
    return marks
