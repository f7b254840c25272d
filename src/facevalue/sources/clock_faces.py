"""Two clocks that are always the same: the plain one of the 2016 project, and the kitchen clock of the assignments.

Canvas units on a dial: radius 100, twelve up. Both show whole minutes; the hour hand moves on with the minute.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from facevalue.sources import camera, hands, paint
from facevalue.sources.camera import Pose
from facevalue.sources.clocks import RADIUS, place
from facevalue.sources.hands import Hand, mirrored
from facevalue.sources.paint import fill, skia, stroke

UPRIGHT = Pose((0.0, 0.0), (0.9, 0.0, 0.9), (0.0, 0.0), 0.0)  # nearly as wide as the picture
INK, RED = (0.12, 0.13, 0.16), (0.78, 0.12, 0.12)

DIAL_PX = 640
DIAL_REACH = 120.0  # the kitchen clock's drawing ends this far from its centre, in canvas units
CASE = 114.0
KITCHEN_RADIUS = 0.72  # of the dial, of half the picture's side, before it is zoomed
ZOOM, SHEAR_DEGREES, SHIFT = (0.9, 1.1), 12.0, 0.04
GLARE_SHARE, NOISE_LEVELS = 0.6, 2.5
LIGHT = (1.6, 2.6)  # offset of a hand's shadow in a picture, in canvas units: the lamp is up on the left


def simple_hand(body: skia.Path, length: float, width: float, shadow_alpha: float = 0.0) -> Hand:
    """A hand of one dark colour."""
    return Hand(body, length, width, INK, None, False, None, 0.0, shadow_alpha)


# ---- plain -----------------------------------------------------------------------------------------------------------


def draw_plain(size_px: int, minutes: int, second_degrees: float = math.nan) -> NDArray[np.uint8]:
    """The plain clock at a time, (S, S, 3) uint8: a ring, twelve marks, two hands, and a red one if it has a direction.

    minutes: past twelve, 0..719.
    """
    sheet = np.empty((size_px, size_px, 4), dtype=np.uint8)
    with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
        canvas.clear(paint.argb((1.0, 1.0, 1.0)))
        canvas.concat(UPRIGHT.canvas_matrix(size_px, RADIUS))
        canvas.drawCircle(0, 0, RADIUS, fill((0.97, 0.96, 0.92)))
        canvas.drawCircle(0, 0, RADIUS, stroke(INK, 6))
        for mark in range(12):
            length = 26 if mark == 0 else 18 if mark % 3 == 0 else 10
            pen = stroke(INK, 8 if mark == 0 else 5)
            canvas.drawLine(*place(92, 30 * mark), *place(92 - length, 30 * mark), pen)
        hour, minute = plain_hands()
        hour.draw(canvas, minutes / 2, (0, 0))
        minute.draw(canvas, minutes * 6.0, (0, 0))
        if not math.isnan(second_degrees):
            hands.draw_second_hand(canvas, second_degrees, 80, 2.5, 18, 0, RED)
        canvas.drawCircle(0, 0, 7, fill(INK))
    return sheet[..., :3].copy()


@functools.lru_cache(maxsize=1)
def plain_hands() -> tuple[Hand, Hand]:
    """Hour and minute hand."""
    hour = mirrored([(6.5, -10), (6.5, 48), (2, 54)])
    minute = mirrored([(4, -14), (3.5, 76), (1.5, 84)])
    return simple_hand(hour, 54, 13), simple_hand(minute, 84, 8)


# ---- kitchen ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kitchen:
    """One photo of the kitchen clock before its time: where the dial stands, light, glare."""

    pose: Pose
    wall: float
    slope: tuple[float, float]
    gain: float
    glare_seed: int
    noise_at: int


def pick_kitchen(rnd: Random) -> Kitchen:
    """Turned any way, nearer or farther, sheared, lit from above, with glare more often than not."""
    turn, shear = math.radians(rnd.uniform(0, 360)), math.tan(math.radians(rnd.uniform(0, SHEAR_DEGREES)))
    radius = KITCHEN_RADIUS * rnd.uniform(*ZOOM)
    cos, sin = math.cos(turn), math.sin(turn)
    matrix = radius * np.array([[1.0, shear], [0.0, 1.0]]) @ np.array([[cos, -sin], [sin, cos]])
    return Kitchen(
        pose=placed_pose(matrix, (rnd.uniform(-SHIFT, SHIFT), rnd.uniform(-SHIFT, SHIFT))),
        wall=rnd.uniform(0.42, 0.8),
        slope=(rnd.uniform(-0.12, 0.12), rnd.uniform(0.0, 0.16)),
        gain=rnd.uniform(0.82, 1.04),
        glare_seed=rnd.getrandbits(40) if rnd.random() < GLARE_SHARE else -1,
        noise_at=rnd.getrandbits(30),
    )


def placed_pose(matrix: NDArray[np.float64], centre: tuple[float, float]) -> Pose:
    """The pose of a dial drawn by that matrix (2, 2), dial to picture: its polar decomposition, see ``camera``."""
    turn = math.atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1])
    cos, sin = math.cos(turn), math.sin(turn)
    stretch = matrix @ np.array([[cos, sin], [-sin, cos]])
    symmetric = (float(stretch[0, 0]), float(stretch[0, 1]), float(stretch[1, 1]))
    return Pose(centre, symmetric, (0.0, 0.0), math.degrees(turn))


def draw_kitchen(size_px: int, minutes: int, photo: Kitchen) -> NDArray[np.uint8]:
    """The kitchen clock at a time, (S, S) uint8 grey.  minutes: past twelve, 0..719."""
    sheet = np.empty((size_px, size_px, 4), dtype=np.uint8)  # skia draws colours twice as fast as greys
    with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
        draw_wall(canvas, size_px, photo)
        canvas.concat(photo.pose.canvas_matrix(size_px, RADIUS))
        sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kNearest)
        reach = skia.Rect.MakeLTRB(-DIAL_REACH, -DIAL_REACH, DIAL_REACH, DIAL_REACH)
        canvas.drawImageRect(kitchen_dial(), reach, sampling)
        turn = math.radians(photo.pose.rotation_degrees)
        cos, sin = math.cos(turn), math.sin(turn)
        shadow = (LIGHT[0] * cos + LIGHT[1] * sin, LIGHT[1] * cos - LIGHT[0] * sin)  # the lamp does not turn
        hour, minute = kitchen_hands()
        hour.draw(canvas, minutes / 2, shadow)
        minute.draw(canvas, minutes * 6.0, shadow)
        canvas.drawCircle(0, 0, 5.5, fill(INK))
        canvas.drawCircle(0, 0, 2.2, fill((0.75, 0.75, 0.75)))
        if photo.glare_seed >= 0:
            draw_glare(canvas, Random(photo.glare_seed))
    grey = sheet[..., 1]
    pool = camera.pool_for(grey.size)
    start = photo.noise_at % (len(pool) - grey.size)
    noise = pool[start : start + grey.size].reshape(grey.shape) * np.float32(NOISE_LEVELS / 64)
    return np.asarray(np.clip(grey * np.float32(photo.gain) + noise + 0.5, 0, 255), dtype=np.uint8)


def draw_wall(canvas: skia.Canvas, size_px: int, photo: Kitchen) -> None:
    """A wall that the lamp lights unevenly, and the clock's soft shadow on it."""
    (right, down), far = photo.slope, float(size_px)
    ends = [paint.argb((level, level, level)) for level in (photo.wall + right + down, photo.wall - right - down)]
    along = [skia.Point(0, 0), skia.Point(far * (0.5 + right), far * (0.5 + down) * 2)]
    canvas.drawPaint(skia.Paint(Shader=skia.GradientShader.MakeLinear(along, ends)))
    half, (x, y) = size_px / 2, photo.pose.centre
    radius = half * math.sqrt(photo.pose.stretch[0] * photo.pose.stretch[2]) * CASE / RADIUS
    at = skia.Point(half * (1 + x) + 0.03 * far, half * (1 + y) + 0.05 * far)
    stops = [paint.argb((0, 0, 0), alpha) for alpha in (0.45, 0.3, 0.0)]
    shade = skia.GradientShader.MakeRadial(at, radius * 1.12, stops, [0.0, 0.84, 1.0])
    canvas.drawCircle(at, radius * 1.12, skia.Paint(Shader=shade, AntiAlias=True))


@functools.lru_cache(maxsize=1)
def kitchen_dial() -> skia.Image:
    """The clock without its hands: a dark case, a white plate, marks of minutes and hours, twelve numerals."""
    surface = skia.Surface(DIAL_PX, DIAL_PX)
    canvas = surface.getCanvas()
    canvas.scale(DIAL_PX / (2 * DIAL_REACH), DIAL_PX / (2 * DIAL_REACH))
    canvas.translate(DIAL_REACH, DIAL_REACH)
    rings = ((CASE, 0.2), (CASE - 2, 0.36), (CASE - 5, 0.3), (CASE - 9, 0.16), (103.0, 0.5))
    for radius, level in rings:
        canvas.drawCircle(0, 0, radius, fill((level, level, level)))
    ends = [paint.argb((level, level, level)) for level in (0.98, 0.96, 0.86)]
    plate = skia.GradientShader.MakeRadial(skia.Point(0, 0), 101, ends, [0.0, 0.8, 1.0])
    canvas.drawCircle(0, 0, 101, skia.Paint(Shader=plate, AntiAlias=True))
    for mark in range(60):
        hour = mark % 5 == 0
        pen = stroke(INK, 3.4 if hour else 1.3)
        canvas.drawLine(*place(96, 6 * mark), *place(86 if hour else 91, 6 * mark), pen)
    font = skia.Font(numeral_face(), 21)
    font.setSubpixel(True)
    font.setHinting(skia.FontHinting.kNone)
    for numeral in range(1, 13):
        text, (x, y) = str(numeral), place(71, 30 * numeral)
        canvas.drawString(text, x - font.measureText(text) / 2, y + 7.4, font, fill(INK))
    return surface.makeImageSnapshot().withDefaultMipmaps()


def numeral_face() -> skia.Typeface:
    """Lato Bold, upright."""
    return next(
        face
        for face in paint.typefaces()
        if (face.getFamilyName(), face.fontStyle().weight(), face.isItalic()) == ("Lato", 700, False)
    )


@functools.lru_cache(maxsize=1)
def kitchen_hands() -> tuple[Hand, Hand]:
    """Hour and minute hand."""
    hour = mirrored([(3.0, -14), (4.6, 30), (4.0, 50), (0.6, 57)])
    minute = mirrored([(2.4, -18), (3.2, 40), (2.4, 82), (0.6, 89)])
    return simple_hand(hour, 57, 9, 0.22), simple_hand(minute, 89, 6, 0.22)


def draw_glare(canvas: skia.Canvas, rnd: Random) -> None:
    """A lamp, a window or a sheen in the glass, thin enough to read through."""
    alpha = rnd.uniform(0.15, 0.55)
    white, clear = paint.argb((1, 1, 1), alpha), paint.argb((1, 1, 1), 0)
    x, y = place(rnd.uniform(10, 75), rnd.uniform(0, 360))
    kind = rnd.random()
    canvas.save()
    glass = skia.Path()
    glass.addCircle(0, 0, 101)
    canvas.clipPath(glass, doAntiAlias=True)
    if kind < 0.45:
        extent = rnd.uniform(20, 60)
        lamp = skia.GradientShader.MakeRadial(skia.Point(x, y), extent, [white, white, clear], [0.0, 0.25, 1.0])
        canvas.drawCircle(x, y, extent, skia.Paint(Shader=lamp, AntiAlias=True))
    elif kind < 0.75:
        wide, high = rnd.uniform(18, 38), rnd.uniform(24, 56)
        canvas.translate(x, y)
        canvas.rotate(rnd.uniform(0, 360))
        for pane in (-1, 1):
            box = skia.Rect.MakeXYWH(wide * 0.53 * pane - wide / 2, -high / 2, wide, high)
            canvas.drawRoundRect(box, 2, 2, skia.Paint(Color=white, AntiAlias=True))
    else:
        ends = [skia.Point(x, y), skia.Point(-0.6 * x, -0.6 * y)]
        canvas.drawPaint(skia.Paint(Shader=skia.GradientShader.MakeLinear(ends, [white, clear]), AntiAlias=True))
    canvas.restore()
