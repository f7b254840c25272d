"""Dials with one needle, drawn: sub-dials of meters and gauges of any sweep, as strangers photograph them.

A face is drawn once and put into a few pictures, each with its own value, pose, light and camera, as clocks are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.dial import DialBelief, Scale
from facevalue.codecs.needles import degrees_apart
from facevalue.codecs.pose import POSE_NUMBERS
from facevalue.sources import albums, camera, dial_faces, paint
from facevalue.sources.clocks import RADIUS, FaceMaker, draw_face, draw_hands, make_hands, mask_border
from facevalue.sources.dial_faces import Face, Needle
from facevalue.sources.paint import fill, skia

PICTURES_PER_FACE = 6
SYNTH_BATCH = 64
BEYOND_DEGREES = 12.0  # how far a needle may lie off its scale, on its stop


@dataclass(frozen=True)
class DialBatch:
    """Pictures and what they show. N pictures of S x S pixels.

    pictures: (N, S, S, 3) uint8 RGB.  needle, start, end: (N,) float32, clockwise degrees from up in the picture's
    frame (up to the pose's stretch): the needle, and the low and the high end of its scale; NaN where there is none to
    see.  full, clockwise: (N,) float32, 1 where the scale goes all the way round and where values rise clockwise, 0
    where not, NaN where it can't be seen.  pose: (N, 7) float32, see ``camera``; NaN without a dial.  fraction: (N,)
    float32, where on its scale the needle points, 0 at the low end, 1 at the high one; NaN without a needle.
    """

    pictures: NDArray[np.uint8]
    needle: NDArray[np.float32]
    start: NDArray[np.float32]
    end: NDArray[np.float32]
    full: NDArray[np.float32]
    clockwise: NDArray[np.float32]
    pose: NDArray[np.float32]
    fraction: NDArray[np.float32]

    @classmethod
    def empty(cls, count: int, size_px: int) -> DialBatch:
        pictures = np.zeros((count, size_px, size_px, 3), dtype=np.uint8)
        needle, start, end, full, clockwise, fraction = np.full((6, count), np.nan, dtype=np.float32)
        pose = np.full((count, POSE_NUMBERS), np.nan, dtype=np.float32)
        return cls(pictures, needle, start, end, full, clockwise, pose, fraction)

    def told(self) -> NDArray[np.bool_]:
        """(N,) whether the needle and the marks tell the value: where the scale ends, and which way it rises."""
        return np.asarray(~np.isnan([self.needle, self.start, self.clockwise]).any(axis=0))

    def labels(self) -> dict[str, NDArray[np.float32]]:
        """What the codec of dials encodes, by name."""
        return {name: getattr(self, name) for name in ("needle", "start", "end", "full", "clockwise", "pose")}

    def scores(self, beliefs: Sequence[DialBelief]) -> dict[str, float]:
        """Of full turns the share within 0.1 and 0.2 of ten, of other scales the error in percent of the range."""
        turns: list[float] = []
        parts: list[float] = []
        degrees: list[float] = []
        told = self.told()
        for i, belief in enumerate(beliefs):
            if math.isnan(self.needle[i]) or math.isnan(self.fraction[i]):
                continue
            off = degrees_apart(belief.degrees(), float(self.needle[i]))
            degrees.append(abs(off))
            if self.full[i] == 1:
                turns.append(abs(off) / 36)
            elif told[i]:
                read = float(belief.place(Scale(0, 100, clockwise=bool(self.clockwise[i]))).value(belief.degrees()))
                parts.append(abs(read - 100 * float(self.fraction[i])))
        return {
            "degrees": mean(degrees),
            "within_0.1": mean([off <= 0.1 for off in turns]),
            "within_0.2": mean([off <= 0.2 for off in turns]),
            "range_error": mean(parts),
            "range_median": float(np.median(parts)) if parts else math.nan,
        }

    @staticmethod
    def describe(scores: dict[str, float]) -> str:
        lines = {
            "degrees": f"needle off {scores['degrees']:.2f} degrees",
            "within_0.1": f"full turns within 0.1 of ten {scores['within_0.1']:.1%}, "
            f"within 0.2 {scores['within_0.2']:.1%}",
            "range_error": f"gauges off {scores['range_error']:.2f} % of their range "
            f"(median {scores['range_median']:.2f} %)",
        }
        return "; ".join(line for name, line in lines.items() if not math.isnan(scores[name]))


@dataclass(frozen=True)
class DialSource:
    """Dials as strangers photograph and crop them.

    size_px: side of the pictures.  meters: share of meters' sub-dials, the rest are gauges.  straight: share of
    pictures in the pose that straightening leaves.  empty: share without a dial or without its needle.  careful: share
    of pictures taken with care, nothing over the dial or before it, no second needle, not far too small or too bright.
    """

    size_px: int = 80
    meters: float = 0.5
    straight: float = 0.45
    empty: float = 0.05
    careful: float = 0.2

    def batch(self, seed: int, step: int, count: int) -> DialBatch:
        """``count`` pictures, a pure function of (seed, step)."""
        rnd = Random(f"dials {seed} {step}")
        size = self.size_px
        batch = DialBatch.empty(count, size)
        sheet = np.empty((size, size, 4), dtype=np.uint8)
        for index in range(count):
            if index % PICTURES_PER_FACE == 0:
                meter = rnd.random() < self.meters
                face = (dial_faces.meter_face if meter else dial_faces.gauge_face)(rnd, size)
                needle = dial_faces.make_needle(rnd, face, meter)
                wall = paint.make_wall(rnd, size)
            if rnd.random() < self.empty:
                with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
                    draw_nothing(canvas, rnd, size, face)
            else:
                self.draw_one(rnd, face, needle, meter, wall, batch, index, sheet)
            batch.pictures[index] = camera.develop(rnd, sheet[..., :3])
        return batch

    def draw_one(
        self,
        rnd: Random,
        face: Face,
        needle: Needle,
        meter: bool,
        wall: skia.Image,
        batch: DialBatch,
        index: int,
        sheet: NDArray[np.uint8],
    ) -> None:
        """Draw one picture of a dial into ``sheet`` (S, S, 4) and its labels into the batch."""
        size = self.size_px
        is_straight = rnd.random() < self.straight
        if face.panel:
            pose = pick_panel_crop(rnd)
        elif is_straight:
            pose = camera.pick_straight_pose(rnd, True)
        elif meter:
            pose = pick_crop(rnd)
        else:
            pose = camera.pick_loose_pose(rnd, face.body_radius, True)
        fraction = pick_fraction(rnd, face)
        degrees = face.start + face.sweep * fraction
        drawn_px = size
        careful = rnd.random() < self.careful
        if not careful and rnd.random() < 0.25:  # a tiny picture, scaled up
            drawn_px = int(size * (rnd.uniform(0.5, 1.0) if rnd.random() < 0.75 else rnd.uniform(0.3, 0.6)))
        with camera.taken_with(drawn_px, sheet) as canvas:
            paint.draw_wall(canvas, rnd, wall, drawn_px)
            canvas.save()
            canvas.concat(pose.canvas_matrix(drawn_px, RADIUS))
            draw_face(canvas, face)
            others = not meter and not careful and rnd.random() < 0.16
            above = rnd.random() < 0.5
            if others and not above:
                dial_faces.draw_other_needles(canvas, rnd, face)
            needle.draw(canvas, degrees)
            if others and above:
                dial_faces.draw_other_needles(canvas, rnd, face)
            if not careful:
                draw_cover(canvas, rnd)
                draw_reflections(canvas, rnd, degrees)
            canvas.restore()
            if not careful:
                draw_mishaps(canvas, rnd, drawn_px)
        turn = pose.rotation_degrees
        batch.needle[index] = (degrees + turn) % 360
        batch.fraction[index] = min(max(fraction, 0.0), 1.0) if not face.full else fraction % 1
        if face.shows_ends:
            batch.start[index] = (face.start + turn) % 360
            batch.end[index] = (face.start + face.sweep + turn) % 360
            batch.full[index] = face.full
        if face.shows_way:
            batch.clockwise[index] = face.sweep > 0
        batch.pose[index] = pose.vector()


def mean(values: Sequence[float]) -> float:
    """NaN of none."""
    return float(np.mean(values)) if values else math.nan


def pick_fraction(rnd: Random, face: Face) -> float:
    """Where a needle stands on its scale: anywhere, at rest at its low end, or on a stop a little beyond."""
    kind = rnd.random()
    if face.full or kind < 0.85:
        return rnd.random()
    if kind < 0.93:
        return abs(rnd.gauss(0, 0.01))
    beyond = min(BEYOND_DEGREES, (360 - abs(face.sweep)) / 3) / abs(face.sweep)
    return -rnd.uniform(0, beyond) if rnd.random() < 0.6 else 1 + rnd.uniform(0, beyond)


def pick_crop(rnd: Random) -> camera.Pose:
    """As a sub-dial is cut out of a photo of its meter: tight, a little off, nearly frontal, nearly upright."""
    radius = min(max(rnd.gauss(0.88, 0.13), 0.5), 1.25)
    centre = (rnd.gauss(0, 0.07), rnd.gauss(0, 0.07))
    tilt = abs(rnd.gauss(0, 8)) if rnd.random() < 0.8 else rnd.uniform(0, 40)
    kind = rnd.random()
    turn = rnd.gauss(0, 4) if kind < 0.75 else rnd.gauss(0, 15) if kind < 0.94 else rnd.uniform(-180, 180)
    return camera.tilted(rnd, radius, centre, min(tilt, 50.0), turn)


def pick_panel_crop(rnd: Random) -> camera.Pose:
    """As the window of a panel instrument is cropped: its pivot below the middle, mostly towards the lower edge."""
    radius = rnd.uniform(0.75, 1.3)
    centre = (rnd.gauss(0, 0.06), radius - rnd.uniform(0.75, 1.0) + rnd.gauss(0, 0.04))
    return camera.tilted(rnd, radius, centre, min(abs(rnd.gauss(0, 10)), 40.0), rnd.gauss(0, 4))


def draw_cover(canvas: skia.Canvas, rnd: Random) -> None:
    """What lies over a dial: glare on the glass, drops, dirt, scratches, a shadow."""
    if rnd.random() < 0.3:
        camera.draw_glass(canvas, rnd, RADIUS)
    kind = rnd.random()
    if rnd.random() < 0.06:  # a lamp's streak, on the glass or on a fibre over it
        path = skia.Path()
        x, y = rnd.gauss(0, 70), rnd.gauss(0, 70)
        path.moveTo(x, y)
        for _ in range(rnd.choice((1, 2, 3))):
            x, y = x + rnd.gauss(0, 40), y + rnd.gauss(0, 40)
            path.lineTo(x, y)
        canvas.drawPath(path, paint.stroke((1, 1, 1), rnd.uniform(2, 16), rnd.uniform(0.5, 1)))
    if kind < 0.06:  # drops and specks
        for _ in range(rnd.choice((3, 8, 20))):
            tone = rnd.choice(((1, 1, 1), (0.2, 0.17, 0.12), (0.7, 0.7, 0.7)))
            x, y = rnd.gauss(0, 55), rnd.gauss(0, 55)
            canvas.drawCircle(x, y, rnd.uniform(1, 7), fill(tone, rnd.uniform(0.15, 0.7)))
    elif kind < 0.1:  # scratches
        for _ in range(rnd.choice((1, 3, 6))):
            pen = paint.stroke((1, 1, 1), rnd.uniform(0.5, 2), rnd.uniform(0.2, 0.7))
            canvas.drawLine(*(rnd.gauss(0, 60) for _ in range(4)), pen)
    elif kind < 0.18:  # a shadow over one side
        angle = rnd.uniform(0, 360)
        canvas.save()
        canvas.rotate(angle)
        edge = rnd.uniform(-60, 90)
        canvas.drawRect(skia.Rect.MakeLTRB(-400, edge, 400, 400), fill((0, 0, 0), rnd.uniform(0.15, 0.65)))
        canvas.restore()
    elif kind < 0.22:  # a milky cover
        canvas.drawCircle(0, 0, 130, fill((1, 1, 1), rnd.uniform(0.1, 0.5)))


def draw_reflections(canvas: skia.Canvas, rnd: Random, degrees: float) -> None:
    """Lamps and fibres of light on the glass; every second one right over the needle, which stands at ``degrees``."""
    if rnd.random() >= 0.2:
        return
    for _ in range(rnd.choice((1, 1, 2))):
        if rnd.random() < 0.5:
            along, aside = rnd.uniform(25, 105), rnd.gauss(0, 10)
        else:
            along, aside = rnd.gauss(0, 80), rnd.gauss(0, 80)
        canvas.save()
        canvas.rotate(degrees)
        canvas.translate(aside, -along)
        canvas.rotate(rnd.uniform(0, 180))
        if rnd.random() < 0.65:
            draw_lamp(canvas, rnd)
        else:
            far = rnd.uniform(30, 130)
            bend = rnd.gauss(0, 12)
            fibre = skia.Path()
            fibre.moveTo(-far * rnd.random(), rnd.gauss(0, 5))
            fibre.quadTo(0, bend, far * rnd.random(), rnd.gauss(0, 5))
            canvas.drawPath(fibre, paint.stroke((1, 1, 1), rnd.uniform(2, 14), rnd.uniform(0.5, 1)))
        canvas.restore()


def draw_lamp(canvas: skia.Canvas, rnd: Random) -> None:
    """The mirror image of a lamp about the origin: a bright spot, often with a rim of another colour and a halo."""
    wide, high = rnd.uniform(5, 22), rnd.uniform(3, 12)
    if rnd.random() < 0.5:
        canvas.drawOval(ellipse(1.5 * wide, 1.7 * high), fill((1, 1, 1), rnd.uniform(0.1, 0.4)))
    if rnd.random() < 0.6:
        rim = paint.from_hsv(rnd.random(), rnd.uniform(0.05, 0.4), rnd.uniform(0.6, 1))
        canvas.drawOval(ellipse(wide, high), fill(rim, rnd.uniform(0.5, 1)))
        wide, high = 0.8 * wide, 0.75 * high
    canvas.drawOval(ellipse(wide, high), fill((1, 1, 1), rnd.uniform(0.7, 1)))


def ellipse(wide: float, high: float) -> skia.Rect:
    """About the origin."""
    return skia.Rect.MakeLTRB(-wide, -high, wide, high)


def draw_mishaps(canvas: skia.Canvas, rnd: Random, size_px: int) -> None:
    """What goes wrong with a picture: something before the dial, the dial half outside, too much light."""
    if rnd.random() < 0.06:
        paint.draw_something_before(canvas, rnd, size_px)
    if rnd.random() < 0.15:
        mask_border(canvas, rnd, size_px, 0.12, rnd.gauss(0, 4))
    if rnd.random() < 0.1:  # too long exposed
        draw_overexposed(canvas, rnd)


def draw_overexposed(canvas: skia.Canvas, rnd: Random) -> None:
    """Add light, of a tint or white, until bright parts lose what they show."""
    tint = rnd.choice(((1.0, 1.0, 1.0), (1.0, 0.5, 1.0), (1.0, 0.6, 0.9), (1.0, 0.9, 0.7), (0.8, 0.9, 1.0)))
    strength = rnd.uniform(0.1, 0.7)
    light = skia.Paint(Color=paint.argb(tint, strength))
    light.setBlendMode(skia.BlendMode.kPlus)
    canvas.drawPaint(light)


def draw_nothing(canvas: skia.Canvas, rnd: Random, size_px: int, face: Face) -> None:
    """A picture without a needle to read: clutter, a dial that lost its needle, a clock."""
    paint.draw_background(canvas, rnd, size_px)
    kind = rnd.random()
    if kind < 0.3:
        canvas.concat(camera.pick_loose_pose(rnd, face.body_radius, True).canvas_matrix(size_px, RADIUS))
        draw_face(canvas, face)
    elif kind < 0.45:
        clock = FaceMaker(rnd.getrandbits(62)).make(size_px)
        canvas.concat(camera.pick_loose_pose(rnd, clock.body_radius, True).canvas_matrix(size_px, RADIUS))
        draw_face(canvas, clock)
        angles = {name: rnd.uniform(0, 360) for name in ("hour", "minute", "second")}
        draw_hands(canvas, rnd, make_hands(rnd, clock), angles)
    else:
        for _ in range(rnd.randrange(12)):
            paint.draw_clutter(canvas, rnd, size_px)


def write_pictures(out: Path, n: int, seed: int, sheet: bool, size_px: int) -> None:
    """``facevalue synth dials``: a folder of PNG files with labels.csv, or one contact sheet.

    The index has, beside the file, where on its scale the needle stands from 0 to 100, its direction and those of the
    scale's two ends, and the way in which values rise.  Dials whose marks don't tell the value are left out.
    Raises FaceValueError when OUT can't be written.
    """
    source = DialSource(size_px=size_px, empty=0.0)
    batches = (source.batch(seed, step, SYNTH_BATCH) for step in itertools.count())
    rows = (
        (batch.pictures[i], index_line(batch, i)) for batch in batches for i in np.flatnonzero(batch.told()).tolist()
    )
    chosen = itertools.islice(rows, n)
    if sheet:
        albums.write_sheet(out, ((picture, line.partition(",")[0]) for picture, line in chosen))
        return
    header = "label,needle_degrees,start_degrees,end_degrees,clockwise"
    albums.write_folder(out, header, chosen, n, f"dial_{seed}")


def index_line(batch: DialBatch, index: int) -> str:
    """Of a dial whose value is told: percent of the scale, three directions in degrees, and 1 or 0."""
    numbers = [100 * batch.fraction[index], batch.needle[index], batch.start[index], batch.end[index]]
    return ",".join([*(f"{number:.2f}" for number in numbers), str(int(batch.clockwise[index]))])
