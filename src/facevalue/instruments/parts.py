"""One part of an instrument: cut out of the photo, looked at, and turned into what is known of its wheels."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats
from facevalue.codecs.dial import BIN_DEGREES, BINS, DialBelief, Scale, at_directions
from facevalue.codecs.digits import PLACES, RowBelief
from facevalue.images import RGB, warp
from facevalue.instruments.schema import Corners, Digits, Gauge, Needle, Part
from facevalue.look_row import counted
from facevalue.reading import PartReading, Polyline, Reading

if TYPE_CHECKING:
    from facevalue.look_dial import Look
    from facevalue.reader import Reader

LARGEST_PX = 512  # a part is looked at no larger than this
CUTS = (0.9, 1.1)  # beside a needle's box itself, cut out smaller and larger
SQUARE = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))  # corners of a frame, from top left clockwise
THERE = 0.5  # a part less likely to be there than this is not told

Homography = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """A part as it was seen.

    reading: the part's own, its marks in pixels of the photo.  there: probability that such a part is seen at all.
    corners: of its box, in pixels of the photo.  wheels: (K, bins) log-probabilities of where its wheels stand, from
    the left, vague where they may not be there; none of a part that turns with no other.
    """

    part: Part
    reading: Reading
    there: float
    corners: Polyline
    wheels: Floats

    @property
    def told(self) -> bool:
        """Whether what it shows can be told."""
        return self.there >= THERE

    def as_part(self) -> PartReading:
        """What the reading of the whole says of it."""
        value, confidence = (self.reading.value, self.reading.confidence) if self.told else ("?", 0.0)
        return PartReading(self.part.name, self.part.kind, value, confidence, self.corners)


def see_part(part: Part, reader: Reader, rgb: RGB, to_photo: Homography) -> Seen:
    """Look at one part of a photo. to_photo: (3, 3) from the reference picture's pixels to the photo's."""
    corners = moved(to_photo, part.corners)
    frame = frame_of(corners)
    crop = cut_out(rgb, corners, frame)
    options = {"dial": scale_of(part)} if isinstance(part, Needle | Gauge) else {}
    look, _ = reader.look.look_at(reader.weight, crop, **options)
    wheels = np.zeros((0, 1), np.float32)
    if isinstance(part, Digits):
        wheels, there = digit_wheels(part, look.belief)
    elif isinstance(part, Needle):
        look, there = look_near_and_far(reader, rgb, frame, look)
        wheels = needle_wheel(part, look.both, there)[None]
    else:
        there = look.features()["dial"]
    reading: Reading = reader.look.make_reading(reader.weight, look, (1.0, 1.0), 0.0)
    height, width = crop.shape[:2]
    # marks count pixel centres from 0, homographies from the picture's corner
    to_frame = np.array([[2 / width, 0.0, 1 / width - 1], [0.0, 2 / height, 1 / height - 1], [0.0, 0.0, 1.0]])
    marks = {name: moved(frame @ to_frame, mark) for name, mark in reading.marks.items()}
    return Seen(part, dataclasses.replace(reading, marks=marks), there, corners, wheels)


def look_near_and_far(reader: Reader, rgb: RGB, frame: Homography, look: Look) -> tuple[Look, float]:
    """The look at a needle with its direction where other cuts see it too, and how sure all are that it is there.

    How near a box is drawn is chance, and a needle that one cut turns round another mostly does not.
    """
    looks = [look]
    for size in CUTS:
        cut = frame @ np.diag([size, size, 1.0])
        crop = cut_out(rgb, moved(cut, SQUARE), cut)
        looks.append(reader.look.look_at(reader.weight, crop, dial=look.scale)[0])
    there = float(np.mean([one.features()["dial"] for one in looks]))
    return dataclasses.replace(look, both=look.both.agreed_with([one.both for one in looks[1:]])), there


def scale_of(part: Needle | Gauge) -> Scale:
    """What the directions of a part's needle mean."""
    if isinstance(part, Gauge):
        return part.scale
    return Scale(sweep=(part.zero, part.zero + 360), clockwise=part.clockwise)


def digit_wheels(part: Digits, belief: RowBelief) -> tuple[Floats, float]:
    """(K, 100) of the drums and how sure it is that they are that many. Nothing is known of them where they are not."""
    there = float(belief.lengths[part.digits]) * min(1.0, 2 * counted(belief))
    if belief.count != part.digits:
        return vague(np.zeros((part.digits, PLACES), dtype=np.float32), 0.0), min(there, 0.5)
    return vague(belief.log_probability, there ** (1 / part.digits)), there  # all are there, or none


def needle_wheel(part: Needle, belief: DialBelief, there: float) -> Floats:
    """(120,) of where the needle stands on its dial, counted from the dial's zero in the way that the number rises."""
    way = 1 if part.clockwise else -1
    return vague(at_directions(belief.needle, part.zero + way * BIN_DEGREES * np.arange(BINS)), there)


def vague(log_probability: Floats, there: float) -> Floats:
    """What is known of wheels (..., bins) that are there with this probability, and could be anywhere if not."""
    probability = np.exp(log_probability.astype(np.float64))
    probability /= probability.sum(axis=-1, keepdims=True)
    mixed = there * probability + (1 - there) / probability.shape[-1]
    return np.asarray(np.log(np.maximum(mixed, 1e-12)), dtype=np.float32)


def moved(homography: Homography, points: Polyline | Corners) -> Polyline:
    """Points through a homography."""
    x, y, w = homography @ np.array([(x, y, 1.0) for x, y in points]).T
    return tuple((float(a), float(b)) for a, b in zip(x / w, y / w, strict=True))


def frame_of(corners: Polyline) -> Homography:
    """Homography (3, 3) from [-1, 1]^2 to the pixels between four corners, from top left clockwise."""
    rows, wanted = [], []
    for (u, v), (x, y) in zip(SQUARE, corners, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        wanted += [x, y]
    return np.append(np.linalg.solve(np.array(rows, dtype=np.float64), wanted), 1.0).reshape(3, 3)


def cut_out(rgb: RGB, corners: Polyline, frame: Homography) -> RGB:
    """The picture between four corners, upright, as large as it is there; black outside of the picture."""
    sides = [math.dist(corners[k - 1], corners[k]) for k in range(4)]
    across, down = max(sides[1], sides[3]), max(sides[0], sides[2])
    smaller = min(1.0, LARGEST_PX / max(across, down))
    return warp(rgb, frame, (max(8, round(across * smaller)), max(8, round(down * smaller))))
