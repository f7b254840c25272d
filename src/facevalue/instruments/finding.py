"""Parts proposed for a new instrument file: round dials and rows of digits that the readers find in a photo.

Circles (Hough's transform) and red spots are where dials may be, the dial reader says where one is. Rows of digits are
looked for by the digits reader in windows of all sizes. What a part is worth can't be seen: needles are taken to follow
on the counter from the right to the left, as most water meters have them, and the user is asked to check.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facevalue.camera import import_cv2
from facevalue.codecs.dial import DialBelief, Scale
from facevalue.codecs.digits import MOST_DIGITS
from facevalue.codecs.pose import pose_matrix
from facevalue.errors import InstrumentError
from facevalue.images import RGB, open_picture, warp, whole_row
from facevalue.instruments.parts import Homography
from facevalue.instruments.schema import LEAST_PX, MOST_PARTS, OVERLAP
from facevalue.look_row import look, outline, sureness

if TYPE_CHECKING:
    from facevalue.reader import Reader

LONGEST_PX = 1000  # the photo is searched no larger than this
BATCH = 64
SURE_DIAL = 0.8
NEARLY_AS_SURE = 0.005  # as the surest: dials of one meter look alike, what is not one looks otherwise
ALIKE = 1.5  # dials of one meter are at most so much larger or smaller than the usual one
SURE_ROW = 0.8  # of a row that is taken for one
SEEN_ROW = 0.4  # a window that shows a row this surely is looked at more closely
LEAST_DIGITS = 3
RADII = (0.015, 0.5)  # of the shorter side
HEIGHTS = (0.02, 0.16)  # of a window, of the longer side
GROWTH = 1.45  # from one size of window to the next
SHAPE = 4.5  # width of a window by its height
LEAST_HEIGHT_PX = 16
LEAST_CONTRAST = 8.0  # standard deviation of a window's grey levels
ROOM = 1.1  # of a dial's box, by the dial

Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class Found:
    """A part that was found. digits: how many of them, 0 of a dial.  sure: 0..1.  zero: where a dial that goes all the
    way round has its zero, degrees clockwise from up.
    """

    box: Box
    sure: float
    digits: int = 0
    zero: int = 0


def find_parts(rgb: RGB, dials: Reader | None, digits: Reader) -> list[Found]:
    """Dials and the counter, none over another. dials, digits: readers of these kinds. Raises MissingExtraError."""
    cv2 = import_cv2("looking for the parts of a meter (instrument new)")
    scale = min(1.0, LONGEST_PX / max(rgb.shape[:2]))
    small = rgb if scale == 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = find_counter(small, digits) + (find_dials(cv2, small, dials) if dials is not None else [])
    chosen = apart(found)[:MOST_PARTS]
    return [dataclasses.replace(part, box=within(rgb, [v / scale for v in part.box])) for part in chosen]


# ---- dials


def find_dials(cv2: Any, rgb: RGB, reader: Reader) -> list[Found]:
    """Dials, wherever a circle or a red spot is."""
    squares = [square(x, y, r) for x, y, r in (*find_circles(cv2, rgb), *find_red(cv2, rgb))]
    first = [moved_square(one, belief) for one, belief in look_through(reader, rgb, squares) if belief.dial >= 0.5]
    second = look_through(reader, rgb, [one for one in first if one is not None])
    found = [Found(box_of(one), seen.dial, zero=zero_of(seen)) for one, seen in second if seen.dial >= SURE_DIAL]
    return of_one_meter(apart(found))


def zero_of(belief: DialBelief) -> int:
    """Where the zero is seen of a dial that goes all the way round, in whole degrees clockwise from up; 0 of others."""
    placed = belief.place(Scale(clockwise=True))
    return round((placed.start + 180) % 360 - 180) if placed.full else 0


def of_one_meter(dials: Sequence[Found]) -> list[Found]:
    """The dials nearly as sure as the surest one and about as large: hinges, screws and rims are not."""
    surest = max((dial.sure for dial in dials), default=0.0)
    sure = [dial for dial in dials if dial.sure >= surest - NEARLY_AS_SURE]
    usual = float(np.median([dial.box[2] for dial in sure])) if sure else 0.0
    return [dial for dial in sure if usual / ALIKE <= dial.box[2] <= usual * ALIKE]


def find_circles(cv2: Any, rgb: RGB) -> list[tuple[float, float, float]]:
    """Centres and radii of what may be circles."""
    grey = cv2.medianBlur(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY), 3)
    shorter = min(grey.shape)
    found: list[list[float]] = []
    low = max(6, RADII[0] * shorter)
    while low < RADII[1] * shorter:
        high = min(2 * low, RADII[1] * shorter)
        circles = cv2.HoughCircles(
            grey, cv2.HOUGH_GRADIENT, 1, low, param1=120, param2=18, minRadius=round(low), maxRadius=round(high)
        )
        found += [] if circles is None else circles.reshape(-1, circles.shape[-1])[:40, :3].tolist()
        low = high
    return [(x, y, r) for x, y, r in found]


def find_red(cv2: Any, rgb: RGB) -> list[tuple[float, float, float]]:
    """Middles of red spots, with the radii that a dial round them may have."""
    red, green, blue = (rgb[..., k].astype(np.int16) for k in range(3))
    mask = ((red - np.maximum(green, blue)) > 30).astype(np.uint8)
    _, _, boxes, middles = cv2.connectedComponentsWithStats(mask)
    found = []
    for (_, _, width, height, area), (x, y) in zip(boxes[1:], middles[1:], strict=True):
        side = max(width, height)
        if area >= 20 and side < 0.5 * min(mask.shape):
            found += [(x, y, side * times) for times in (0.8, 1.2, 1.8)]
    return found[:150]


def square(x: float, y: float, radius: float) -> Homography:
    """Homography (3, 3) from [-1, 1]^2 to a square round a dial."""
    half = radius * ROOM
    return np.array([[half, 0.0, x], [0.0, half, y], [0.0, 0.0, 1.0]])


def look_through(reader: Reader, rgb: RGB, frames: Sequence[Homography]) -> Iterator[tuple[Homography, Any]]:
    """What the network makes of each frame, a batch at a time."""
    weight = reader.weight
    for begin in range(0, len(frames), BATCH):
        batch = frames[begin : begin + BATCH]
        outputs = weight.run(np.stack([warp(rgb, frame, weight.frame_px) for frame in batch]))
        yield from zip(batch, weight.codec.decode(outputs), strict=True)


def moved_square(frame: Homography, belief: Any) -> Homography | None:
    """The square round the dial where the network sees it in another one; None where that is nowhere."""
    dial = frame @ pose_matrix(belief.pose, 0.0)
    points = dial @ np.array([[0, 1, -1, 0, 0], [0, 0, 0, 1, -1], [1, 1, 1, 1, 1]], dtype=np.float64)
    if np.any(points[2] <= 1e-6):
        return None
    x, y = points[:2] / points[2]
    radius = float(np.hypot(x[1:] - x[0], y[1:] - y[0]).mean())
    if not frame[0, 0] / 3 < radius < frame[0, 0] * 1.5:
        return None
    return square(float(x[0]), float(y[0]), radius)


def box_of(frame: Homography) -> Box:
    """The box of an upright frame."""
    half = float(frame[0, 0])
    return float(frame[0, 2]) - half, float(frame[1, 2]) - half, 2 * half, 2 * half


# ---- digits


def find_counter(rgb: RGB, reader: Reader) -> list[Found]:
    """The largest row of digits, none where there is none: a counter is larger than what is printed beside dials."""
    grey = rgb.mean(axis=2)
    frames = [
        frame
        for box in windows(rgb.shape[1], rgb.shape[0])
        if grey[box[1] : box[1] + box[3], box[0] : box[0] + box[2]].std() >= LEAST_CONTRAST
        for frame in (shifted(whole_row(rgb[: box[3], : box[2]], reader.weight.frame_px), box),)
    ]
    seen = []
    for frame, belief in look_through(reader, rgb, frames):
        sure = sureness(belief, belief.read()) if belief.count >= LEAST_DIGITS else 0.0
        if sure >= SEEN_ROW:
            seen.append(Found(box_round(belief, frame), sure, belief.count))
    rows = [closer for part in apart(seen) if (closer := look_closer(rgb, part, reader)) is not None]
    return sorted(rows, key=lambda row: row.box[2] * row.box[3])[-1:]


def windows(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Windows of all sizes, left, top, width and height, each over half of the next."""
    tall = max(float(LEAST_HEIGHT_PX), HEIGHTS[0] * max(width, height))
    while tall <= HEIGHTS[1] * max(width, height):
        down, across = round(tall), round(tall * SHAPE)
        for top in range(0, height - down + 1, max(1, down // 2)):
            for left in range(0, max(1, width - across + down), round(1.5 * tall)):
                yield left, top, min(across, width - left), down
        tall *= GROWTH


def shifted(frame: Homography, box: tuple[int, int, int, int]) -> Homography:
    """A frame of a cut out window as one of the picture."""
    return np.array([[1.0, 0.0, box[0]], [0.0, 1.0, box[1]], [0.0, 0.0, 1.0]]) @ frame


def box_round(belief: Any, frame: Homography) -> Box:
    """The box of the digits seen, with a little room."""
    points = outline(belief, frame).reshape(-1, 2)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    room = 0.25 * float(bottom - top)
    return float(left) - room, float(top) - room, float(right - left) + 2 * room, float(bottom - top) + 2 * room


def look_closer(rgb: RGB, part: Found, reader: Reader) -> Found | None:
    """The row, cut out by where it was seen, as long as it is; None where nothing sure is left of it."""
    best = read_box(rgb, part.box, reader)
    for _ in range(MOST_DIGITS):
        if best is None:
            return None
        left, top, width, height = best.box
        cell = width / best.digits
        wider = [(left - cell, width + cell), (left, width + cell)]
        read = [read_box(rgb, (begin, top, length, height), reader) for begin, length in wider]
        longer = [found for found in read if found is not None and found.digits > best.digits]
        if not longer:
            return best
        best = max(longer, key=lambda found: found.sure)
    return best


def read_box(rgb: RGB, box: Box, reader: Reader) -> Found | None:
    """The row of digits in a box; None where none is surely there."""
    left, top, width, height = (round(v) for v in within(rgb, box))
    if min(width, height) < LEAST_PX:
        return None
    seen = look(reader.weight, rgb[top : top + height, left : left + width])
    sure, count = min(seen.agreed, sureness(seen.belief, seen.number)), seen.belief.count
    if sure < SURE_ROW or count < LEAST_DIGITS:
        return None
    place = outline(seen.belief, seen.frame).reshape(-1, 2) + np.array([left, top])
    room = 0.25 * float(np.ptp(place[:, 1]))
    (x, y), (right, bottom) = place.min(axis=0) - room, place.max(axis=0) + room
    return Found((float(x), float(y), float(right - x), float(bottom - y)), sure, count)


# ---- the file


def within(rgb: RGB, box: Sequence[float]) -> Box:
    """The part of a box that is inside the picture, in whole pixels."""
    left, top = max(0.0, math.floor(box[0])), max(0.0, math.floor(box[1]))
    right, bottom = min(rgb.shape[1], math.ceil(box[0] + box[2])), min(rgb.shape[0], math.ceil(box[1] + box[3]))
    return left, top, max(0.0, right - left), max(0.0, bottom - top)


def apart(found: Sequence[Found]) -> list[Found]:
    """The surest parts of which none lies over another; of equally sure rows the longer."""
    chosen: list[Found] = []
    for part in sorted(found, key=lambda part: (-round(part.sure, 2), -part.digits)):
        if all(overlap(part.box, other.box) <= OVERLAP * 0.8 for other in chosen):
            chosen.append(part)
    return chosen


def overlap(one: Box, other: Box) -> float:
    """Common area by the smaller area."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down) / max(1e-9, min(one[2] * one[3], other[2] * other[3]))


def describe(found: Sequence[Found], size: tuple[int, int], picture: str) -> str:
    """The text of an instrument file."""
    rows = [part for part in found if part.digits]
    needles = sorted((part for part in found if not part.digits), key=lambda part: -part.box[0])
    lines = [
        "# Proposed from a photo: check each box, and what each part is worth.",
        'name = "my meter"',
        'unit = ""',
        f"size = [{size[0]}, {size[1]}]",
        f"picture = {quoted(picture)}",
        'align = "none"  # or "picture", where the photos are taken by hand',
    ]
    for part in rows:
        lines += ["", "[[part]]", 'name = "counter"', 'kind = "digits"', f"box = {listed(part.box)}"]
        lines += [f"digits = {part.digits}", "step = 1.0  # what one step of the last digit is worth"]
    if len(needles) == 1 and not rows:
        lines += ["", "[[part]]", 'name = "gauge"', 'kind = "dial"', f"box = {listed(needles[0].box)}"]
        lines += ["range = [0, 10]  # what the two ends of its scale say"]
        return "\n".join(lines) + "\n"
    for k, part in enumerate(needles):
        power = -k if rows else len(needles) - 1 - k
        lines += ["", "[[part]]", f'name = "dial {k + 1}"', 'kind = "dial"', f"box = {listed(part.box)}"]
        lines += [f"turn = {10.0**power:.{max(1, -power)}f}  # what a full turn of the needle is worth"]
        lines += ['direction = "clockwise"', f"zero = {part.zero}  # where its zero is, degrees clockwise from up"]
    return "\n".join(lines) + "\n"


def listed(box: Box) -> str:
    return "[" + ", ".join(f"{value:.0f}" for value in box) + "]"


def quoted(text: str) -> str:
    """Text as TOML has it."""
    return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\' or ord(c) < 32 else c for c in text) + '"'


def propose(photo: Path, out: Path, dials: Reader | None, digits: Reader) -> list[Found]:
    """Find the parts of a photo and write the file. Raises InstrumentError where it exists, or nothing is found."""
    if out.exists():
        raise InstrumentError(f"{out}: exists already; name another file with -o")
    if not out.parent.is_dir():
        raise InstrumentError(f"{out}: can't be written: no such folder")  # told before the search, which takes seconds
    rgb = open_picture(photo)
    found = find_parts(rgb, dials, digits)
    if not found:
        raise InstrumentError(f"{photo}: no dial and no row of digits is found in it; nothing to propose")
    try:
        picture = os.path.relpath(os.path.realpath(photo), os.path.realpath(out.parent))
    except ValueError:  # on another drive
        picture = os.path.abspath(photo)
    try:
        out.write_text(describe(found, (rgb.shape[1], rgb.shape[0]), Path(picture).as_posix()), encoding="utf-8")
    except OSError as error:
        raise InstrumentError(f"{out}: can't be written: {error.strerror or error}") from error
    return found
