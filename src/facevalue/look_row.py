"""How a row of digits is looked at: fitted into a wide frame as it is; where that leaves doubt, a second time,
straightened and cut out by where the digits were seen; a row that is doubtful still, in four more cuts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facevalue.calibration import FEATURES_OF
from facevalue.codecs.digits import BESIDE_PX, MOST_DIGITS, STEP_PX, RowBelief, RowNumber, with_point
from facevalue.images import RGB, Source, fit_row, open_reduced, warp, whole_row
from facevalue.reading import Polyline, Reading, shared_out

if TYPE_CHECKING:
    from facevalue.reader import Weight

ENOUGH_PX = 96  # a JPEG is decoded at a fraction as long as its smaller side stays this large
SURE = 0.98  # a row read surer than this at first, its digits and how many, is not looked at again
DOUBTED = 0.5  # a row that one of two looks reads less surely than this is looked at in all CUTS
CUTS = ((1.12, 1.0), (1.0, 1.12))  # of both its frames, across and down: as much wider, as much taller
DIGITS_SHARE = 0.8  # of the height of the straightened row
SINGLE_SHARE = 0.72  # where that is one digit, which is seen on black as the first look shows it
EDGE_PX = 2  # more rows than a frame reaches beyond a picture, for what is sampled around its corners
ROOM = 0.35  # beside the first and last digit, of their height


@dataclass(frozen=True)
class Look:
    """What all looks at a picture saw, and the number that follows.

    frame: homography from [-1, 1]^2 of the look that the digits' places are from to picture pixels.  agreed: how sure
    the looks were of that many digits, on average, 0 for one that saw another number of them.  expected: how many
    digits there are, None where that is not known.
    """

    belief: RowBelief
    number: RowNumber
    frame: NDArray[np.float64]
    agreed: float
    expected: int | None = None

    @property
    def has_all(self) -> bool:
        """Whether it saw as many digits as there are, where that is known."""
        return self.expected in (None, self.belief.count)

    def features(self) -> dict[str, float]:
        """What the confidence is computed from, see ``calibration``, each 0..1."""
        belief, number = self.belief, self.number
        if not number.digits:
            return dict.fromkeys(FEATURES_OF["digits"], 0.0)
        return {
            "joint": number.joint,
            "least": min(number.certainty),
            "place": number.near if len(number.digits) == 1 else number.joint,
            "length": float(belief.lengths[len(number.digits)]),
            "counted": counted(belief),
            "agreed": self.agreed,
        }


def counted(belief: RowBelief) -> float:
    """How near the count is to a whole number: 1 there, 0 half-way between two, or beyond the most digits."""
    return max(0.0, 1 - 2 * abs(belief.total - belief.count))


def sureness(belief: RowBelief, number: RowNumber) -> float:
    """How sure one look is of its number: of each digit, and of how many there are. 0..1

    A count that is a quarter off a whole number is as good as one; from there on it tells against the reading.
    """
    if not number.digits:
        return 0.0
    return number.joint * float(belief.lengths[belief.count]) * min(1.0, 2 * counted(belief))


class View(NamedTuple):
    """One pass over the picture.  frame: homography of its [-1, 1]^2 to picture pixels."""

    belief: RowBelief
    number: RowNumber
    frame: NDArray[np.float64]

    @property
    def sure(self) -> float:
        return sureness(self.belief, self.number)


def look_at(weight: Weight, source: Source, expected: int | None = None) -> tuple[Look, tuple[float, float]]:
    """Open a picture no larger than is useful and look; also its scale (x, y), see ``images.open_reduced``.

    Raises PictureError.
    """
    rgb, scale = open_reduced(source, at_least_px=ENOUGH_PX)
    return look(weight, rgb, expected), scale


def look(weight: Weight, rgb: RGB, expected: int | None = None) -> Look:
    """Read the whole picture; where that is not sure, straighten the row by what was seen and read again.

    expected: how many digits there are, where that is known: looks that see as many are preferred, surer ones or not.
    Where two looks at several digits differ, or one is hardly sure, both frames are looked through in CUTS too: what a
    frame cuts off or squeezes is read wrongly through it each time. All looks that saw as many digits are joined; which
    number of them counts is told by how sure its looks are together.
    """
    frame = whole_row(rgb, weight.frame_px)
    if getattr(weight.codec, "from_left", False):
        frame[0, 2] = frame[0, 0]
    (first,) = view(weight, rgb, [frame])
    is_enough = first.sure >= SURE and expected in (None, first.belief.count)
    if not getattr(weight.codec, "locates", True) or not first.number.digits or is_enough:
        return Look(first.belief, first.number, first.frame, first.sure, expected)
    anew = straightened(first.belief, first.frame, weight.frame_px)
    several = first.belief.count > 1
    views = [first, *view(weight, rgb, [anew], extend=several)]
    if is_doubtful(views) or any(expected not in (None, one.belief.count) for one in views):
        for seen in (frame, anew):
            cuts = [seen @ np.diag([across, down, 1.0]) for across, down in CUTS]
            views += view(weight, rgb, cuts, extend=several and seen is anew)
    return join(views, expected)


def view(weight: Weight, rgb: RGB, frames: Sequence[NDArray[np.float64]], *, extend: bool = False) -> list[View]:
    """One pass of the network over the picture through each frame, or the middles of all where those show it whole.

    extend: above and below the picture frames show what its edge is; otherwise black, as they do beside it.
    """
    size_px = weight.frame_px
    if weight.narrow_px and (across := width_needed(rgb, frames, size_px)) <= weight.narrow_px:
        frames = [frame @ np.diag([across / size_px[0], 1.0, 1.0]) for frame in frames]
        size_px = across, size_px[1]
    shown, placed = extended(rgb, frames) if extend else (rgb, frames)
    outputs = weight.run(np.stack([warp(shown, frame, size_px) for frame in placed]))
    return [
        View(belief, belief.read(), frame) for belief, frame in zip(weight.codec.decode(outputs), frames, strict=True)
    ]


def extended(rgb: RGB, frames: Sequence[NDArray[np.float64]]) -> tuple[RGB, list[NDArray[np.float64]]]:
    """The picture, its first and last row repeated as far as frames without perspective reach, and those frames in it.

    A row's straightened frame shows the edge of a picture askew: black there would be a stroke beside the digits.
    """
    y = np.stack(frames)[:, 1] @ np.array([[-1, 1, 1, -1], [-1, -1, 1, 1], [1, 1, 1, 1]])
    above, below = (max(0, math.ceil(beyond) + EDGE_PX) for beyond in (-y.min(), y.max() - rgb.shape[0]))
    lowered = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, above], [0.0, 0.0, 1.0]])
    return np.pad(rgb, ((above, below), (0, 0), (0, 0)), mode="edge"), [lowered @ frame for frame in frames]


def width_needed(rgb: RGB, frames: Sequence[NDArray[np.float64]], frame_px: tuple[int, int]) -> int:
    """Pixels across the middle of frames of that size in which all show the whole picture, and black beside it.

    frames: without perspective.
    """
    height, width = rgb.shape[:2]
    corners = np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]], dtype=np.float64)
    reach = float(np.abs(np.linalg.solve(np.stack(frames), corners[None])[:, 0]).max()) * frame_px[0]
    return math.ceil((reach + 2 * BESIDE_PX) / STEP_PX - 1e-6) * STEP_PX


def is_doubtful(views: Sequence[View]) -> bool:
    """Whether views of several digits differ, or one of them is hardly sure.

    A single digit is not doubted so: its views differ by tenths of a place, and more of them read it no better.
    """
    several = any(one.belief.count > 1 for one in views)
    differ = any(one.number.digits != views[0].number.digits for one in views)
    return several and (differ or min(one.sure for one in views) < DOUBTED)


def join(views: Sequence[View], expected: int | None = None) -> Look:
    """What views say together: those that see as many digits, of the number of them that is surest by their sum.

    expected: the number of digits that counts, if any view sees it, however sure.
    """
    by_count: dict[int, list[View]] = {}
    for one in views:
        by_count.setdefault(one.belief.count, []).append(one)
    surest = max(by_count.values(), key=lambda alike: sum(one.sure for one in alike))
    chosen = surest if expected is None else by_count.get(expected, surest)
    joined = chosen[0].belief.joined_with(*(one.belief for one in chosen[1:]))
    return Look(joined, joined.read(), chosen[0].frame, sum(one.sure for one in chosen) / len(views), expected)


def outline(belief: RowBelief, frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 4, 2) corners of each digit's box in picture pixels, from top left clockwise."""
    left, right = belief.spans[:, 0], belief.spans[:, 1]
    top, bottom = belief.rows[:, 0], belief.rows[:, 1]
    x = np.stack([left, right, right, left], axis=1)
    y = np.stack([top, top, bottom, bottom], axis=1)
    points = np.stack([x, y, np.ones_like(x)], axis=2) @ frame.T
    return np.asarray(points[..., :2] / points[..., 2:])


def straightened(belief: RowBelief, frame: NDArray[np.float64], frame_px: tuple[int, int]) -> NDArray[np.float64]:
    """Homography (3, 3) from [-1, 1]^2 to pixels: the digits seen, upright in the frame with a little room."""
    boxes = outline(belief, frame)
    centres = boxes.mean(axis=1)
    height = max(float(np.median(np.abs(boxes[:, 2, 1] - boxes[:, 1, 1]))), 1.0)
    slope = 0.0
    if len(centres) > 1 and np.ptp(centres[:, 0]) > 0.5 * height:
        x, y = (centres - centres.mean(axis=0)).T
        slope = min(max(float(x @ y / (x @ x)), -0.5), 0.5)  # of the line of least squares
    along = np.array([1.0, slope]) / math.hypot(1.0, slope)
    across = np.array([-along[1], along[0]])
    ends = boxes.reshape(-1, 2) @ along
    length = float(np.ptp(ends)) + 2 * ROOM * height
    middle = centres.mean(axis=0)
    middle = middle + ((ends.max() + ends.min()) / 2 - float(middle @ along)) * along
    tall = height / (DIGITS_SHARE if len(boxes) > 1 else SINGLE_SHARE)
    sx, sy = fit_row(length, tall, frame_px)
    half = frame_px[0] / sx / 2, frame_px[1] / sy / 2
    return np.array(
        [
            [along[0] * half[0], across[0] * half[1], middle[0]],
            [along[1] * half[0], across[1] * half[1], middle[1]],
            [0.0, 0.0, 1.0],
        ]
    )


def make_reading(weight: Weight, look: Look, scale: tuple[float, float], began: float) -> Reading:
    """What a look comes to. scale: as of ``look_at``; began: when it was begun, as ``time.perf_counter`` has it."""
    number = look.number
    text = number.text()
    confidence = weight.calibration.confidence(look.features()) if number.digits and look.has_all else 0.0
    others = list(number.others)
    if "?" in text and number.digits:  # the best guess, where it is not told
        others.insert(0, (with_point([str(d) for d in number.digits], number.point_after), number.joint))
    overfull = look.belief.total > MOST_DIGITS + 0.5
    boxes = outline(look.belief, look.frame)
    return Reading(
        kind=weight.kind,
        value=text,
        number=number.number(),
        confidence=confidence,
        uncertain="?" in text or overfull or confidence < weight.calibration.threshold,
        alternatives=shared_out(others, confidence, number.joint),
        model=weight.name,
        milliseconds=(time.perf_counter() - began) * 1e3,
        marks={f"digit {k + 1}": place_box(box, scale) for k, box in enumerate(boxes)},
    )


def place_box(box: NDArray[np.float64], scale: tuple[float, float]) -> Polyline:
    """Corners in pixels of the full-size picture; marks count pixel centres from 0."""
    return tuple((float(x) * scale[0] - 0.5, float(y) * scale[1] - 0.5) for x, y in box)
