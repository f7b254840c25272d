"""Faces and needles of dials: the sub-dials of meters, 0 to 9 all the way round, and gauges of any sweep.

Canvas units as on clocks: the scale has radius 100, up is 0 degrees, clockwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from facevalue.sources import hands, paint
from facevalue.sources.clocks import FACE_REACH, RADIUS, draw_face, from_red, place
from facevalue.sources.paint import Colour, any_colour, contrasting, fill, mixed, shade, skia, stroke

NEEDLE_TRIES, LEAST_CONTRAST, CONTRAST_PX = 4, 0.15, 64
FACE_PX = 192  # side of a face's drawing for pictures of up to 80 px, in proportion for larger ones
UNITS: tuple[str, ...] = (
    "bar",
    "psi",
    "kPa",
    "MPa",
    "mbar",
    "°C",
    "°F",
    "V",
    "A",
    "kV",
    "mA",
    "%",
    "Hz",
    "kW",
    "cos φ",
    "l/min",
    "m³/h",
)
UNITS += ("kg/cm²", "inHg", "x100", "x1000 r/min", "km/h", "% rF", "µA", "m/s", "lb/in²", "mm")
FACTORS = (
    "x0.1",
    "x0.01",
    "x0.001",
    "x0.0001",
    "x1",
    "x10",
    "x100",
    "1000",
    "100",
    "10",
    "m³",
    "l",
    "kWh",
    "1 l",
    "0,1",
)
SPANS: tuple[float, ...] = (
    1.0,
    1.6,
    2.0,
    2.5,
    3.0,
    4.0,
    5.0,
    6.0,
    8.0,
    10.0,
    12.0,
    15.0,
    16.0,
    20.0,
    25.0,
    30.0,
    40.0,
    50.0,
    60.0,
)
SPANS += (80.0, 100.0, 120.0, 140.0, 150.0, 160.0, 200.0, 220.0, 250.0, 300.0, 400.0, 500.0, 600.0, 1000.0)


@dataclass(frozen=True)
class Face:
    """A drawn dial without its needle.

    body_radius: of the whole case in scale radii.  start: direction of the scale's low end; sweep: degrees from there
    to its high end, clockwise ones positive, 360 or -360 all the way round.  shows_ends, shows_way: the marks tell
    where the scale ends, the numerals in which way values rise.  panel: its case is a box that shows the part above the
    pivot alone.
    """

    image: skia.Image
    ground: Colour
    ink: Colour
    body_radius: float
    start: float
    sweep: float
    shows_ends: bool
    shows_way: bool
    panel: bool = False

    @property
    def full(self) -> bool:
        return abs(self.sweep) == 360


def draw_on_canvas(size_px: int) -> tuple[skia.Surface, skia.Canvas]:
    """A surface for a face, and its canvas with the origin at the pivot."""
    side_px = max(FACE_PX, FACE_PX * size_px // 80)
    surface = skia.Surface(side_px, side_px)
    canvas = surface.getCanvas()
    canvas.scale(side_px / (2 * FACE_REACH), side_px / (2 * FACE_REACH))
    canvas.translate(FACE_REACH, FACE_REACH)
    return surface, canvas


def finished(surface: skia.Surface) -> skia.Image:
    return surface.makeImageSnapshot().withDefaultMipmaps()


def text_at(canvas: skia.Canvas, text: str, at: tuple[float, float], font: skia.Font, pen: skia.Paint) -> None:
    """Text centred at a place."""
    canvas.drawString(text, at[0] - font.measureText(text) / 2, at[1] + font.getSize() * 0.35, font, pen)


# ---- the sub-dials of meters -----------------------------------------------------------------------------------------


def meter_face(rnd: Random, size_px: int) -> Face:
    """A small dial of a meter: ten numerals and ticks round a full turn, often with a little of its neighbours."""
    kind = rnd.random()
    ground = paint.face_colour(rnd) if kind < 0.25 else paint.from_hsv(rnd.random(), rnd.uniform(0, 0.12), 1.0)
    if kind >= 0.25:
        ground = shade(ground, -(rnd.uniform(0, 0.35) ** 1.3))
    ink = contrasting(rnd, ground, 0.4)
    surface, canvas = draw_on_canvas(size_px)
    around = ground if rnd.random() < 0.7 else shade(ground, rnd.uniform(-0.8, 0.6))
    if rnd.random() < 0.06:
        around = any_colour(rnd)
    canvas.drawPaint(paint.gradient(rnd, around, 150, rnd.uniform(0.02, 0.15)) if rnd.random() < 0.4 else fill(around))
    draw_neighbours(canvas, rnd, around, ink)
    plate = rnd.uniform(98, 128)
    if around != ground or rnd.random() < 0.3:
        canvas.drawCircle(0, 0, plate, fill(ground))
        if rnd.random() < 0.5:
            canvas.drawCircle(0, 0, plate, stroke(shade(ground, rnd.uniform(-0.7, 0.5)), rnd.uniform(1, 12)))
    clockwise = rnd.random() < 0.72
    outside = rnd.random() < 0.25
    tick_outer = draw_decade_ticks(canvas, rnd, ink, outside)
    shown = draw_decade(canvas, rnd, ground, ink, clockwise, outside, tick_outer)
    if rnd.random() < 0.25:
        size = rnd.uniform(9, 16)
        at = place(rnd.uniform(25, 50), rnd.choice((0, 180, rnd.uniform(0, 360))))
        text_at(canvas, rnd.choice(FACTORS), at, paint.pick_font(rnd, size), fill(mixed(ground, ink, 0.8)))
    sweep = 360.0 if clockwise else -360.0
    return Face(finished(surface), ground, ink, plate / RADIUS, 0.0, sweep, shown > 0, shown > 2)


def draw_decade_ticks(canvas: skia.Canvas, rnd: Random, ink: Colour, outside: bool) -> float:
    """Ring and ticks. Returns the outer radius of the ticks (the inner one where the numerals stand outside)."""
    ring = rnd.uniform(86, 100)
    if rnd.random() < 0.62:
        canvas.drawCircle(0, 0, ring, stroke(ink, rnd.choice((rnd.uniform(1, 3), rnd.uniform(2, 6)))))
    inward = rnd.random() < 0.75
    way = -1.0 if inward else 1.0
    length, width = rnd.uniform(6, 24), rnd.uniform(2, 8)
    minor = rnd.choice((10, 10, 20, 50, 50, 100))
    kind = rnd.random()
    for k in range(minor):
        degrees = 360.0 * k / minor
        major = k % (minor // 10) == 0
        if kind < 0.85:
            long = length * (1.0 if major else 0.8 if minor == 20 else 0.5)  # halves of digits nearly as long as digits
            pen = stroke(ink, width if major else max(1.0, width * 0.4))
            canvas.drawLine(*place(ring, degrees), *place(ring + way * long, degrees), pen)
        elif major:
            canvas.drawCircle(*place(ring, degrees), width * 0.8, fill(ink))
    if rnd.random() < 0.12:  # a second ring
        canvas.drawCircle(0, 0, ring + way * length, stroke(ink, rnd.uniform(0.8, 2)))
    if outside:
        return ring + (0.0 if inward else length)
    return ring - (length if inward else 0.0)


def draw_decade(
    canvas: skia.Canvas, rnd: Random, ground: Colour, ink: Colour, clockwise: bool, outside: bool, edge: float
) -> int:
    """The numerals 0 to 9, or some of them. Returns how many: one tells the zero, 0 and 5 alone no way round."""
    if rnd.random() < 0.03:
        return 0
    size = rnd.uniform(17, 30) if outside else rnd.uniform(18, 42)
    radius = edge + size * 0.6 if outside else max(edge - size * rnd.uniform(0.5, 0.75), 38)
    font = paint.pick_font(rnd, size)
    turned = rnd.random() < 0.1
    shown = rnd.choice((range(10), range(10), range(10), range(10), range(10), range(0, 10, 2), (0, 5)))
    pen = fill(ink if rnd.random() < 0.85 else contrasting(rnd, ground, 0.3))
    for digit in shown:
        degrees = digit * (36.0 if clockwise else -36.0)
        if turned:
            canvas.save()
            canvas.rotate(degrees)
            text_at(canvas, str(digit), (0.0, -radius), font, pen)
            canvas.restore()
        else:
            text_at(canvas, str(digit), place(radius, degrees), font, pen)
    return len(shown)


def draw_neighbours(canvas: skia.Canvas, rnd: Random, ground: Colour, ink: Colour) -> None:
    """What a crop shows beside its dial: rings of others, a factor, an arrow, a line, the case."""
    for _ in range(rnd.choice((0, 0, 1, 2, 3))):
        degrees = rnd.uniform(0, 360)
        kind = rnd.random()
        if kind < 0.4:
            x, y = place(rnd.uniform(190, 230), degrees)
            radius = rnd.uniform(70, 100)
            canvas.drawCircle(x, y, radius, stroke(ink, rnd.uniform(1, 5)))
            for k in range(10):
                a, b = place(radius, 36 * k), place(radius * 0.85, 36 * k)
                canvas.drawLine(x + a[0], y + a[1], x + b[0], y + b[1], stroke(ink, 3))
        elif kind < 0.75:
            pen = fill(ink if rnd.random() < 0.8 else from_red(rnd))
            text_at(canvas, rnd.choice(FACTORS), place(128, degrees), paint.pick_font(rnd, rnd.uniform(12, 24)), pen)
        elif kind < 0.85:
            canvas.drawCircle(*place(rnd.uniform(130, 170), degrees), rnd.uniform(10, 35), fill(any_colour(rnd)))
        else:
            x, y = place(rnd.uniform(118, 150), degrees)
            canvas.save()
            canvas.translate(x, y)
            canvas.rotate(degrees + rnd.gauss(0, 10))
            tone = shade(ground, rnd.uniform(-0.8, 0.5))
            canvas.drawRect(skia.Rect.MakeLTRB(-200, -60, 200, 0), fill(tone))
            canvas.restore()


@dataclass(frozen=True)
class Needle:
    """One needle, drawn once and put at many angles, pointing up.

    picture: of it alone.  cap: what lies over the pivot and does not turn, radius and colour.
    """

    picture: skia.Picture
    cap: tuple[float, Colour] | None
    shadow: tuple[float, float, float]  # offset x, y and strength

    def draw(self, canvas: skia.Canvas, degrees: float) -> None:
        dx, dy, alpha = self.shadow
        if alpha > 0:
            dark = skia.Paint(ColorFilter=skia.ColorFilters.Blend(paint.argb((0, 0, 0), 1), skia.BlendMode.kSrcIn))
            dark.setAlphaf(alpha)
            canvas.save()
            canvas.translate(dx, dy)
            canvas.rotate(degrees)
            canvas.drawPicture(self.picture, None, dark)
            canvas.restore()
        canvas.save()
        canvas.rotate(degrees)
        canvas.drawPicture(self.picture)
        canvas.restore()
        if self.cap is not None:
            canvas.drawCircle(0, 0, self.cap[0], fill(self.cap[1]))
            canvas.drawCircle(-self.cap[0] * 0.25, -self.cap[0] * 0.25, self.cap[0] * 0.4, fill((1, 1, 1), 0.25))


def make_needle(rnd: Random, face: Face, meter: bool) -> Needle:
    """A needle for a face, drawn anew while it can hardly be told from it.  meter: of a sub-dial, else of a gauge."""
    for _ in range(NEEDLE_TRIES):
        needle = meter_needle(rnd, face) if meter else gauge_needle(rnd, face)
        if contrast_of(needle, face) > LEAST_CONTRAST:
            break
    return needle


def contrast_of(needle: Needle, face: Face) -> float:
    """How far a needle is from what lies below it, 0..1: the mean difference of its pixels outside the cap.

    The least of three directions on its scale.
    """
    return min(contrast_at(needle, face, face.start + face.sweep * share) for share in (0.15, 0.5, 0.85))


def contrast_at(needle: Needle, face: Face, degrees: float) -> float:
    """The same in one direction, clockwise from up."""

    def seen(with_face: bool, with_needle: bool) -> NDArray[np.float64]:
        pixels = np.zeros((CONTRAST_PX, CONTRAST_PX, 4), dtype=np.uint8)
        with skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType) as canvas:
            canvas.translate(CONTRAST_PX / 2, CONTRAST_PX / 2)
            canvas.scale(CONTRAST_PX / 2 / RADIUS, CONTRAST_PX / 2 / RADIUS)
            if with_face:
                draw_face(canvas, face)
            canvas.rotate(degrees)
            if with_needle:
                canvas.drawPicture(needle.picture)
        return pixels / 255

    covered = seen(False, True)[..., 3]
    centre = np.hypot(*np.meshgrid(*[np.arange(CONTRAST_PX) - (CONTRAST_PX - 1) / 2] * 2))
    covered[centre < (needle.cap[0] if needle.cap else 0.0) * CONTRAST_PX / 2 / RADIUS] = 0
    apart = np.abs(seen(True, True) - seen(True, False))[..., :3].max(axis=2)
    total = float(covered.sum())
    return float((apart * (covered > 0)).sum()) / total if total > 0 else 0.0


def needle_colour(rnd: Random, ground: Colour) -> Colour:
    """Red, as on most meters, from dark to bleached; orange, black or white now and then."""
    for _ in range(8):
        kind = rnd.random()
        if kind < 0.72:
            colour = paint.from_hsv(rnd.gauss(0.0, 0.018), rnd.uniform(0.45, 1), rnd.uniform(0.3, 1))
        elif kind < 0.84:
            colour = paint.from_hsv(rnd.uniform(0.02, 0.09), rnd.uniform(0.6, 1), rnd.uniform(0.6, 1))
        elif kind < 0.95:
            colour = contrasting(rnd, ground)
        else:
            colour = any_colour(rnd)
        if math.dist(colour, ground) > 0.4:
            return colour
    return contrasting(rnd, ground)


def meter_needle(rnd: Random, face: Face) -> Needle:
    """A needle of a meter's sub-dial: a broad red triangle, a drop, a fan, an arrow with a counterweight, a stick.

    Its direction is that of its tip from the dial's centre: seen from near, a needle that floats above its dial leans.
    """
    colour = needle_colour(rnd, face.ground)
    length = rnd.uniform(62, 98)
    lean = (rnd.gauss(0, 6), rnd.gauss(0, 5)) if rnd.random() < 0.7 else (0.0, 0.0)
    recorder = skia.PictureRecorder()
    canvas = recorder.beginRecording(skia.Rect.MakeLTRB(-RADIUS, -RADIUS, RADIUS, RADIUS))
    families = ("blob", "drop", "fan", "flag", "stick", "crescent", "hand", "plate", "half", "lobe", "arm", "dart")
    family = rnd.choices(families, (19, 16, 8, 11, 10, 8, 8, 6, 5, 5, 8, 12))[0]
    cap: tuple[float, Colour] | None = None
    if family in ("arm", "dart"):
        length *= rnd.uniform(0.7, 1.0)
    # it leans about its tip, which alone stays where it is
    canvas.concat(skia.Matrix.MakeAll(1, lean[0] / length, lean[0], 0, 1 + lean[1] / length, lean[1], 0, 0, 1))
    if family == "blob":
        draw_blob(canvas, rnd, colour, length)
    elif family == "drop":
        draw_drop(canvas, rnd, colour, length)
    elif family in ("fan", "crescent"):
        draw_fan(canvas, rnd, colour, length, hollow=family == "crescent")
    elif family == "plate":
        draw_plate(canvas, rnd, colour, length)
    elif family == "half":
        draw_half(canvas, rnd, colour, length)
    elif family == "lobe":
        draw_lobe(canvas, rnd, colour, length)
    elif family == "arm":
        draw_arm(canvas, rnd, colour, length)
    elif family == "dart":
        draw_dart(canvas, rnd, colour, length)
    elif family == "flag":
        draw_flag(canvas, rnd, colour, length)
    elif family == "stick":
        draw_stick(canvas, rnd, colour, length)
    else:
        width = rnd.uniform(4, 20)
        tail = rnd.choice((0.0, rnd.uniform(8, 40)))
        look = hands.pick_look(rnd, colour, face.ground)
        hand = hands.make_hand(rnd, pick_pointer(rnd), length, width, tail, colour, look)
        hand.draw(canvas, 0.0, (0.0, 0.0))
        if rnd.random() < 0.6:
            canvas.drawCircle(0, 0, max(width * rnd.uniform(0.6, 1.5), 4), fill(colour))
    if rnd.random() < 0.3:
        cap = rnd.uniform(3, 9), rnd.choice((shade(colour, -0.6), (0.1, 0.1, 0.1), (0.8, 0.8, 0.75), any_colour(rnd)))
    reach = rnd.choice((1.0, 3.0, 6.0))
    shadow = (rnd.gauss(0, reach), rnd.gauss(0.5, reach), rnd.uniform(0.08, 0.5) if rnd.random() < 0.6 else 0.0)
    return Needle(recorder.finishRecordingAsPicture(), cap, shadow)


def lit(rnd: Random, colour: Colour, length: float) -> skia.Paint:
    """The look of moulded plastic: flat, or lighter at one side."""
    if rnd.random() < 0.5:
        return fill(colour)
    a, b = shade(colour, rnd.uniform(0, 0.5)), shade(colour, -rnd.uniform(0, 0.5))
    ends = [skia.Point(-length * 0.5, rnd.uniform(-1, 1) * length), skia.Point(length * 0.5, 0)]
    return skia.Paint(Shader=skia.GradientShader.MakeLinear(ends, [paint.argb(a), paint.argb(b)]), AntiAlias=True)


def draw_blob(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A broad blunt base that narrows to a tip: triangle, pentagon, shield."""
    base, shoulder = rnd.uniform(-10, 42), rnd.uniform(-10, 0.55 * length)
    half = rnd.uniform(13, 30)
    at_base = half * rnd.uniform(0.35, 1.15)
    tip = rnd.choice((0.3, rnd.uniform(0.5, 5)))
    body = hands.mirrored([(at_base, -base), (half, shoulder), (tip, length)])
    canvas.drawPath(body, lit(rnd, colour, length))
    if rnd.random() < 0.35:
        canvas.drawPath(body, stroke(shade(colour, rnd.uniform(-0.7, 0.3)), rnd.uniform(1, 4)))
    if rnd.random() < 0.35:  # a ridge along it, a hub
        canvas.drawLine(0, base * 0.6, 0, -length * 0.85, stroke(shade(colour, rnd.uniform(-0.5, 0.5)), 2.5))
    if rnd.random() < 0.35:
        canvas.drawCircle(0, 0, rnd.uniform(6, 0.9 * half), fill(shade(colour, rnd.uniform(-0.5, 0.4))))


def draw_drop(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A disc about the pivot with a tip."""
    radius = rnd.uniform(16, 44)
    tip = rnd.choice((0.5, rnd.uniform(1, 6)))
    foot = radius * rnd.uniform(0.45, 1.0)
    path = hands.mirrored([(foot, math.sqrt(max(radius**2 - foot**2, 0.0))), (tip, length)])
    pen = lit(rnd, colour, length)
    canvas.drawPath(path, pen)
    canvas.drawCircle(0, 0, radius, pen)
    if rnd.random() < 0.4:
        canvas.drawCircle(0, 0, radius * rnd.uniform(0.3, 0.9), fill(shade(colour, rnd.uniform(-0.5, 0.4))))
    if rnd.random() < 0.3:
        canvas.drawLine(0, 0, 0, -length * 0.9, stroke(shade(colour, rnd.uniform(-0.5, 0.5)), 2))


def draw_fan(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float, *, hollow: bool) -> None:
    """A tip in front, and behind the pivot a half disc or a crescent that carries a mirror for a light barrier."""
    radius, width = rnd.uniform(45, 112), rnd.uniform(90, 220)
    back = sector(radius, width)
    dark = shade(colour, rnd.uniform(-0.3, 0.1))
    canvas.drawPath(back, fill(dark))
    if hollow:
        mirror = rnd.choice(((1, 1, 1), (0.9, 0.9, 0.88), (0.75, 0.72, 0.65), (0.6, 0.6, 0.6)))
        if rnd.random() < 0.5:  # a crescent within a ring
            canvas.drawCircle(0, 0, radius, fill(dark))
            canvas.drawCircle(0, rnd.uniform(2, 14), radius * rnd.uniform(0.7, 0.92), fill(mirror))
        else:
            back.transform(skia.Matrix().setScale(0.86, 0.86, 0, radius * 0.3))
            canvas.drawPath(back, fill(mirror) if rnd.random() < 0.6 else paint.grain(rnd, mirror, rnd.uniform(5, 30)))
    elif rnd.random() < 0.5:
        canvas.drawPath(back, stroke(shade(colour, rnd.uniform(-0.8, 0.4)), rnd.uniform(1, 4)))
    half = rnd.uniform(7, 22)
    blade = hands.mirrored([(half, -rnd.uniform(0, 15)), (half, length * rnd.uniform(0, 0.3)), (0.6, length)])
    canvas.drawPath(blade, lit(rnd, colour, length))
    if rnd.random() < 0.4:
        canvas.drawCircle(0, 0, rnd.uniform(5, 20), fill(shade(colour, rnd.uniform(-0.6, 0.4))))


def metal(rnd: Random) -> skia.Paint:
    """A reflecting plate: white, burnt out, or showing what is about it."""
    tone = paint.from_hsv(rnd.random(), rnd.uniform(0, 0.3), rnd.uniform(0.5, 1))
    kind = rnd.random()
    if kind < 0.45:
        return fill(rnd.choice(((1.0, 1.0, 1.0), (0.93, 0.93, 0.9), tone)))
    return paint.grain(rnd, tone, rnd.uniform(6, 30)) if kind < 0.75 else paint.gradient(rnd, tone, 60)


def sector(radius: float, width: float, middle: float = 180.0) -> skia.Path:
    """A sector about the pivot, so many degrees wide."""
    path = skia.Path()
    path.moveTo(0, 0)
    path.arcTo(skia.Rect.MakeLTRB(-radius, -radius, radius, radius), middle - 90 - width / 2, width, False)
    path.close()
    return path


def draw_plate(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A wedge in front, behind it a sector of mirror or white plate as large as the dial, riveted, with edges of the
    needle's colour."""
    radius, width = rnd.uniform(70, 118), rnd.uniform(75, 185)
    half = rnd.uniform(12, 30)
    canvas.drawPath(
        hands.mirrored([(half, -rnd.uniform(0, 15)), (half * rnd.uniform(0.4, 1), 12), (0.6, length)]), fill(colour)
    )
    plate = sector(radius, width)
    canvas.drawPath(plate, metal(rnd))
    if rnd.random() < 0.8:
        canvas.drawPath(plate, stroke(colour, rnd.uniform(2, 8)))
    if rnd.random() < 0.6:
        canvas.drawCircle(0, 0, rnd.uniform(8, 22), fill(rnd.choice((colour, (1.0, 1.0, 1.0), shade(colour, 0.6)))))
    if rnd.random() < 0.6:  # rivets
        for degrees in (180 - width * 0.38, 180 + width * 0.38):
            canvas.drawCircle(*place(radius * 0.85, degrees), rnd.uniform(3, 6), fill(colour))
        canvas.drawCircle(0, 0, rnd.uniform(3, 6), fill(colour))


def draw_half(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A disc whose front half is coloured, with notches or spikes, the middle one the longest, and its back metal."""
    radius = min(rnd.uniform(50, 85), length)
    canvas.drawPath(sector(radius * rnd.uniform(0.9, 1.05), rnd.uniform(150, 200)), metal(rnd))
    canvas.drawPath(sector(radius, rnd.uniform(150, 190), 0.0), fill(colour))
    notch = shade(colour, rnd.choice((-0.8, -0.5, 0.7)))
    count = rnd.choice((2, 4))
    for k in range(count):
        side = (k - (count - 1) / 2) * rnd.uniform(30, 40)
        canvas.save()
        canvas.rotate(side)
        canvas.drawPath(hands.polygon([(-7, -radius), (7, -radius), (0, -radius * rnd.uniform(0.3, 0.6))]), fill(notch))
        canvas.restore()
    if rnd.random() < 0.7:
        canvas.drawPath(hands.mirrored([(rnd.uniform(4, 9), radius * 0.6), (0.6, length)]), fill(colour))
    if rnd.random() < 0.7:
        canvas.drawCircle(0, 0, rnd.uniform(6, 18), fill(shade(colour, rnd.uniform(-0.6, 0.6))))


def draw_lobe(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A narrow tip in front of the pivot, behind it a lobe larger than all the rest."""
    wide, far, aside = rnd.uniform(20, 42), rnd.uniform(60, 115), rnd.gauss(0, 9)
    canvas.save()
    canvas.skew(aside / far, 0)
    canvas.drawOval(skia.Rect.MakeLTRB(-wide, rnd.uniform(-5, 15), wide, far), lit(rnd, colour, length))
    canvas.restore()
    waist = wide * rnd.uniform(0.3, 0.9)
    body = hands.mirrored([(waist, -rnd.uniform(15, 40)), (waist * 0.8, 0), (rnd.uniform(0.5, 4), length)])
    canvas.drawPath(body, fill(colour))
    if rnd.random() < 0.5:  # a light on it
        path = skia.Path()
        path.moveTo(rnd.gauss(0, wide), -10)
        path.quadTo(rnd.gauss(0, wide), 20, rnd.gauss(0, wide), far)
        canvas.drawPath(path, stroke((1.0, 0.95, 0.85), rnd.uniform(2, 7), rnd.uniform(0.3, 0.9)))


def draw_flag(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """An arrow with a box behind the pivot, often with a metal plate in it, or an open frame on an arm."""
    half, near, far = rnd.uniform(20, 48), rnd.uniform(5, 35), rnd.uniform(50, 98)
    frame = rnd.random() < 0.35
    if frame:
        half, near, far = rnd.uniform(12, 26), rnd.uniform(30, 75), rnd.uniform(85, 125)
    box = skia.Rect.MakeLTRB(-half, near, half, far)
    waist = rnd.uniform(6, 20)
    canvas.drawPath(hands.mirrored([(waist, -near - 4), (waist, 0), (0.6, length)]), lit(rnd, colour, length))
    shoulder = half * rnd.uniform(0.5, 1.0)
    canvas.drawPath(hands.mirrored([(waist, -near), (shoulder, rnd.uniform(-4, 12)), (0.6, length)]), fill(colour))
    edge_colour = shade(colour, rnd.uniform(-0.4, 0.1))
    if frame:
        canvas.drawRoundRect(box, 6, 6, stroke(edge_colour, rnd.uniform(6, 13)))
        return
    canvas.drawRoundRect(box, 4, 4, fill(edge_colour))
    if rnd.random() < 0.8:
        edge = rnd.uniform(4, 9)
        plate = skia.Rect.MakeLTRB(-half + edge, near + edge, half - edge, far - edge)
        canvas.drawRect(plate, metal(rnd))


def draw_arm(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A spear whose back is a broad arm that ends, often beyond the dial, in a ring or frame with nothing in it."""
    half, far = rnd.uniform(13, 24), rnd.uniform(75, 125)
    hole = half * rnd.uniform(0.45, 0.75)
    spear = hands.mirrored(
        [
            (half * rnd.uniform(0.8, 1.0), -far),
            (half, -rnd.uniform(0, 30)),
            (half * 0.8, 10),
            (rnd.uniform(0.5, 4), length),
        ]
    )
    middle = far - half * rnd.uniform(0.9, 1.3)
    if rnd.random() < 0.6:
        spear.addRoundRect(skia.Rect.MakeLTRB(-hole, middle - hole, hole, middle + hole), 3, 3)
    else:
        spear.addCircle(0, middle, hole)
    spear.setFillType(skia.PathFillType.kEvenOdd)
    canvas.drawPath(spear, lit(rnd, colour, length))
    if rnd.random() < 0.3:
        canvas.drawPath(spear, stroke(shade(colour, rnd.uniform(-0.6, 0.2)), rnd.uniform(1, 3)))


def draw_dart(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A long wedge that narrows from its very back to a blunt tip, the pivot near its middle, a plate in its back."""
    half, far = rnd.uniform(17, 34), rnd.uniform(60, 110)
    beside_plate = far - half * rnd.uniform(1.2, 2.0)
    body = hands.mirrored(
        [(half * rnd.uniform(0.8, 1.05), -far), (half, -beside_plate), (half * 0.75, 0), (rnd.uniform(0.5, 6), length)]
    )
    canvas.drawPath(body, lit(rnd, colour, length))
    if rnd.random() < 0.4:
        canvas.drawPath(body, stroke(shade(colour, rnd.uniform(-0.6, 0.2)), rnd.uniform(1, 4)))
    if rnd.random() < 0.85:
        side, edge = half * rnd.uniform(0.45, 0.75), rnd.uniform(2, 8)
        top = far - edge - 2 * side
        plate = skia.Rect.MakeLTRB(-side, top, side, top + 2 * side)
        corner = side * rnd.choice((0.1, 0.4, 1.0))
        canvas.drawRoundRect(plate, corner, corner, metal(rnd))


def draw_stick(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
    """A thin or thick stick on a hub."""
    half, hub = rnd.uniform(2, 7), rnd.uniform(10, 27)
    tail = rnd.choice((0.0, 0.0, rnd.uniform(hub, 45)))
    tip = half * rnd.choice((1.0, 1.0, rnd.uniform(0.1, 0.8)))
    canvas.drawPath(hands.mirrored([(half, -tail), (tip, length)]), fill(colour))
    hub_colour = colour if rnd.random() < 0.5 else rnd.choice((shade(colour, -0.6), (0.12, 0.1, 0.1), any_colour(rnd)))
    canvas.drawCircle(0, 0, hub, fill(hub_colour))
    if rnd.random() < 0.4:
        canvas.drawCircle(0, 0, hub * rnd.uniform(0.3, 0.8), fill(shade(hub_colour, rnd.uniform(-0.6, 0.6))))
    if hub_colour != colour and rnd.random() < 0.5:
        canvas.drawPath(hands.mirrored([(half, 0), (tip, length)]), fill(colour))


def pick_pointer(rnd: Random) -> str:
    """A family of hands that is met on gauges."""
    names = ("taper", "wedge", "stick", "pencil", "rounded", "arrow", "dauphine", "sword", "syringe", "paddle", "spade")
    return str(rnd.choices(names, (22, 18, 14, 12, 6, 9, 5, 4, 5, 2, 3))[0])


# ---- gauges ----------------------------------------------------------------------------------------------------------


def pick_sweep(rnd: Random) -> tuple[float, float]:
    """Where a gauge's scale begins and how far it goes: mostly 270 degrees with the gap below."""
    lengths = (270.0, 240.0, 300.0, 180.0, 90.0, 120.0, rnd.uniform(80, 330), rnd.uniform(310, 348))
    length = rnd.choices(lengths, (42, 10, 12, 8, 6, 4, 12, 8))[0]
    middle = 0.0 if rnd.random() < 0.86 else rnd.choice((90.0, -90.0, 180.0, 45.0, -45.0, rnd.uniform(0, 360)))
    if rnd.random() < 0.04:
        length = 360.0
        middle = 180.0
    start = middle - length / 2
    if rnd.random() < 0.015:  # values rise the other way round, as on some vacuum gauges
        return (start + length) % 360, -length
    return start % 360, length


def gauge_face(rnd: Random, size_px: int) -> Face:
    """A gauge: case, plate, scale with numerals and ticks, coloured zones, unit, names, a second scale inside."""
    ground = paint.face_colour(rnd) if rnd.random() < 0.35 else shade((1.0, 1.0, 1.0), -(rnd.uniform(0, 0.25) ** 1.5))
    if rnd.random() < 0.12:
        ground = paint.from_hsv(rnd.random(), rnd.uniform(0, 0.3), rnd.uniform(0, 0.2))
    ink = contrasting(rnd, ground, 0.4)
    surface, canvas = draw_on_canvas(size_px)
    plate = rnd.uniform(103, 122)
    start, sweep = pick_sweep(rnd)
    panel = abs(sweep) <= 120 and abs((start + sweep / 2 + 180) % 360 - 180) < 1 and rnd.random() < 0.6
    body = draw_panel(canvas, rnd, ground, plate) if panel else draw_gauge_case(canvas, rnd, ground, plate)
    edge = rnd.uniform(86, 100)
    draw_zones(canvas, rnd, start, sweep, edge)
    majors = rnd.choice((4, 5, 5, 6, 6, 8, 10, 10, 12))
    inner = draw_gauge_ticks(canvas, rnd, ink, start, sweep, edge, majors)
    numerals = draw_gauge_numerals(canvas, rnd, ground, ink, start, sweep, inner, edge, majors, plate)
    draw_gauge_texts(canvas, rnd, ground, ink, start, sweep)
    shows_ends = abs(sweep) < 360 or numerals  # a full turn's are both its zero
    return Face(finished(surface), ground, ink, body / RADIUS, start, sweep, shows_ends, numerals, panel)


def draw_panel(canvas: skia.Canvas, rnd: Random, ground: Colour, plate: float) -> float:
    """The box of a panel instrument, its window from above the scale to the pivot. Returns its radius."""
    across, above, below = plate * rnd.uniform(0.85, 1.05), plate * rnd.uniform(1.0, 1.12), rnd.uniform(8, 35)
    edge = rnd.uniform(0, 14)
    case = rnd.choice(((0.07, 0.07, 0.07), (0.3, 0.3, 0.3), (0.8, 0.8, 0.78), any_colour(rnd)))
    foot = below + (rnd.uniform(20, 60) if rnd.random() < 0.6 else edge)
    canvas.drawRect(skia.Rect.MakeLTRB(-across - edge, -above - edge, across + edge, foot), fill(case))
    pen = fill(ground) if rnd.random() < 0.7 else paint.gradient(rnd, ground, plate, rnd.uniform(0.04, 0.2))
    canvas.drawRect(skia.Rect.MakeLTRB(-across, -above, across, below), pen)
    return plate


def draw_gauge_case(canvas: skia.Canvas, rnd: Random, ground: Colour, plate: float) -> float:
    """Case and plate. Returns the radius of the whole."""
    rim = rnd.choice((0.0, rnd.uniform(3, 10), rnd.uniform(6, 22), rnd.uniform(10, 34)))
    colour = rnd.choice(((0.08, 0.08, 0.08), (0.7, 0.7, 0.7), paint.from_hsv(0.12, 0.5, 0.75), any_colour(rnd)))
    outer = plate + rim
    shape = rnd.random()
    if shape < 0.2:  # a square panel instrument
        half = outer * rnd.uniform(1.0, 1.1)
        canvas.drawRoundRect(skia.Rect.MakeLTRB(-half, -half, half, half), 6, 6, fill(colour))
        if rnd.random() < 0.6:
            half *= 0.95
            canvas.drawRect(skia.Rect.MakeLTRB(-half, -half, half, half), fill(ground))
    elif rim > 0:
        rings = rnd.choice((1, 2, 3))
        for k in range(rings):
            tone = shade(colour, rnd.uniform(-0.5, 0.5)) if k else colour
            pen = fill(tone) if rnd.random() < 0.5 else paint.gradient(rnd, tone, outer)
            canvas.drawCircle(0, 0, outer - rim * k / rings, pen)
    if rnd.random() < 0.25:  # the connection below
        half = rnd.uniform(10, 28)
        canvas.drawRect(skia.Rect.MakeLTRB(-half, outer * 0.98, half, FACE_REACH), fill(shade(colour, -0.2)))
    look = rnd.random()
    pen = fill(ground) if look < 0.7 else paint.gradient(rnd, ground, plate, rnd.uniform(0.04, 0.3))
    canvas.drawCircle(0, 0, plate, pen)
    if rnd.random() < 0.3:
        canvas.drawCircle(0, 0, plate, stroke((0, 0, 0), rnd.uniform(2, 9), rnd.uniform(0.05, 0.4)))
    return outer


def arc(canvas: skia.Canvas, start: float, sweep: float, radius: float, pen: skia.Paint) -> None:
    """An arc about the pivot; directions clockwise from up, where Skia counts them from the right."""
    box = skia.Rect.MakeLTRB(-radius, -radius, radius, radius)
    if abs(sweep) >= 360:
        canvas.drawOval(box, pen)
    else:
        canvas.drawArc(box, start - 90, sweep, False, pen)


def draw_zones(canvas: skia.Canvas, rnd: Random, start: float, sweep: float, edge: float) -> None:
    """Green, yellow and red parts of the scale."""
    if rnd.random() > 0.3:
        return
    width = rnd.uniform(3, 14)
    radius = edge - width / 2 if rnd.random() < 0.7 else edge * rnd.uniform(0.6, 0.85)
    cuts = sorted(rnd.random() for _ in range(rnd.choice((1, 2, 2, 3))))
    hues = [rnd.choice((0.33, 0.3, 0.0, 0.14, 0.58)) for _ in range(len(cuts) + 1)]
    skip = rnd.randrange(len(hues) + 1)
    for k, (a, b) in enumerate(zip([0.0, *cuts], [*cuts, 1.0], strict=True)):
        if k != skip:
            pen = stroke(paint.from_hsv(hues[k], rnd.uniform(0.5, 1), rnd.uniform(0.5, 0.95)), width)
            arc(canvas, start + sweep * a, sweep * (b - a), radius, pen)


def draw_gauge_ticks(
    canvas: skia.Canvas, rnd: Random, ink: Colour, start: float, sweep: float, edge: float, majors: int
) -> float:
    """Marks from end to end. Returns the radius inside them."""
    length, width = rnd.uniform(7, 22), rnd.uniform(1.2, 4.5)
    minors = rnd.choice((1, 2, 4, 5, 5, 10))
    if majors * minors > 100:
        minors = 5
    short, thin = length * rnd.uniform(0.35, 0.8), width * rnd.uniform(0.3, 0.8)
    for k in range(majors * minors + 1):
        degrees = start + sweep * k / (majors * minors)
        major = k % minors == 0
        half = minors % 2 == 0 and k % minors == minors // 2
        long = length if major else (length + short) / 2 if half else short
        canvas.drawLine(
            *place(edge, degrees), *place(edge - long, degrees), stroke(ink, max(width if major else thin, 0.7))
        )
    if rnd.random() < 0.4:
        arc(canvas, start, sweep, rnd.choice((edge, edge - short, edge - length)), stroke(ink, rnd.uniform(0.7, 2.5)))
    return edge - length


def number_text(value: float) -> str:
    return f"{value:g}"


def draw_gauge_numerals(
    canvas: skia.Canvas,
    rnd: Random,
    ground: Colour,
    ink: Colour,
    start: float,
    sweep: float,
    inner: float,
    edge: float,
    majors: int,
    plate: float,
) -> bool:
    """Numerals at the long marks, inside them or outside. Returns whether there are enough to tell the way."""
    if rnd.random() < 0.05:
        return False
    span = rnd.choice(SPANS)
    low = 0.0 if rnd.random() < 0.7 else rnd.choice((-1.0, -span, -span / 2, -10.0, -20.0, -30.0, -40.0, 10.0, 20.0))
    size = rnd.uniform(9, 20) if rnd.random() < 0.8 else rnd.uniform(18, 28)
    outside = plate - edge > size * 1.1
    font = paint.pick_font(rnd, size)
    turned = rnd.random() < 0.12
    every = 1 if rnd.random() < 0.8 else 2
    radius = edge + size * 0.6 if outside else inner - size * rnd.uniform(0.55, 0.95)
    pen = fill(ink if rnd.random() < 0.85 else contrasting(rnd, ground, 0.3))
    for k in range(0, majors + 1, every):
        degrees = start + sweep * k / majors
        if k == majors and abs(sweep) == 360:  # where the first one stands
            break
        text = number_text(round(low + span * k / majors, 3))
        if turned:
            canvas.save()
            canvas.rotate(degrees)
            text_at(canvas, text, (0.0, -radius), font, pen)
            canvas.restore()
        else:
            text_at(canvas, text, place(radius, degrees), font, pen)
    if rnd.random() < 0.16:  # a second scale inside, in another colour and unit
        other = paint.from_hsv(rnd.choice((0.0, 0.6, 0.33)), 0.8, 0.6) if rnd.random() < 0.7 else ink
        small, ring = paint.pick_font(rnd, rnd.uniform(6, 10)), (radius - size * 0.7) * rnd.uniform(0.75, 0.9)
        arc(canvas, start, sweep, ring, stroke(other, 0.9))
        parts = rnd.choice((4, 5, 7, 8))
        for k in range(parts + 1):
            degrees = start + sweep * 0.97 * k / parts
            canvas.drawLine(*place(ring, degrees), *place(ring - 4, degrees), stroke(other, 0.9))
            at = place(ring - 4 - small.getSize() * 0.7, degrees)
            text_at(canvas, number_text(round(span * 2.5 * k / parts)), at, small, fill(other))
    return True


def draw_gauge_texts(canvas: skia.Canvas, rnd: Random, ground: Colour, ink: Colour, start: float, sweep: float) -> None:
    """Unit, maker, class and small print inside the scale or in its gap."""
    faint = mixed(ground, ink, rnd.uniform(0.4, 1))
    gap = start + sweep / 2 + 180
    if rnd.random() < 0.75:
        at = place(rnd.uniform(20, 55), rnd.choice((gap, gap + 180, gap, 180)))
        text_at(canvas, rnd.choice(UNITS), at, paint.pick_font(rnd, rnd.uniform(9, 22)), fill(faint))
    if rnd.random() < 0.5:
        paint.draw_word(canvas, rnd, faint, 0, rnd.choice((-1, 1)) * rnd.uniform(20, 60), rnd.uniform(5, 12))
    if rnd.random() < 0.25:
        paint.draw_word(canvas, rnd, faint, 0, rnd.uniform(60, 90), rnd.uniform(4, 7))
    if rnd.random() < 0.15:
        canvas.drawCircle(*place(rnd.uniform(30, 70), gap), rnd.uniform(3, 12), stroke(faint, rnd.uniform(0.7, 2)))


def gauge_needle(rnd: Random, face: Face) -> Needle:
    """A gauge's needle: dark mostly, or red or white, with or without a counterweight, on a cap."""
    kind = rnd.random()
    if kind < 0.7:
        colour = contrasting(rnd, face.ground, 0.4)
    elif kind < 0.92:
        colour = from_red(rnd) if math.dist(from_red(rnd), face.ground) > 0.5 else contrasting(rnd, face.ground)
    else:
        colour = needle_colour(rnd, face.ground)
    if math.dist(colour, face.ground) < 0.4:
        colour = contrasting(rnd, face.ground)
    length = rnd.uniform(62, 100)
    width = rnd.choice((rnd.uniform(1.5, 4), rnd.uniform(2.5, 7), rnd.uniform(3, 7), rnd.uniform(5, 14)))
    tail = rnd.choice((0.0, rnd.uniform(8, 25), rnd.uniform(15, 45)))
    look = hands.pick_look(rnd, colour, face.ground)
    hand = hands.make_hand(rnd, pick_pointer(rnd), length, width, tail, colour, look)
    recorder = skia.PictureRecorder()
    canvas = recorder.beginRecording(skia.Rect.MakeLTRB(-RADIUS, -RADIUS, RADIUS, RADIUS))
    lean = rnd.gauss(0, 1.2) if rnd.random() < 0.5 else 0.0
    canvas.concat(skia.Matrix.MakeAll(1, lean / length, lean, 0, 1, 0, 0, 0, 1))
    if rnd.random() < 0.22:
        draw_counterweight(canvas, rnd, colour, length, width)
    hand.draw(canvas, 0.0, (0.0, 0.0))
    cap_colour = rnd.choice((colour, colour, (0.08, 0.08, 0.08), (0.75, 0.75, 0.72), any_colour(rnd)))
    cap_radius = rnd.choice((rnd.uniform(2, 7), rnd.uniform(5, 14), rnd.uniform(10, 28)))
    reach = rnd.choice((1.0, 2.0, 5.0))
    shadow = (rnd.gauss(0, reach), rnd.gauss(0.5, reach), rnd.uniform(0.08, 0.45) if rnd.random() < 0.55 else 0.0)
    return Needle(recorder.finishRecordingAsPicture(), (cap_radius, cap_colour), shadow)


def draw_counterweight(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float, width: float) -> None:
    """Behind the pivot, broader than the blade and up to two thirds as long: a wedge, a bar, a disc, a sickle."""
    far, half = length * rnd.uniform(0.25, 0.66), width * rnd.uniform(0.8, 1.6) + rnd.uniform(2, 6)
    kind = rnd.choice(("wedge", "wedge", "bar", "disc", "sickle"))
    if kind in ("wedge", "bar"):
        near = half * (rnd.uniform(0.2, 0.6) if kind == "wedge" else 1.0)
        canvas.drawPath(hands.mirrored([(half, -far), (near, rnd.uniform(0, 8))]), fill(colour))
        return
    canvas.drawPath(hands.mirrored([(width / 2, -far), (width / 2, 0)]), fill(colour))
    canvas.drawCircle(0, far, half * 1.2, fill(colour) if kind == "disc" else stroke(colour, half * 0.7))


def draw_other_needles(canvas: skia.Canvas, rnd: Random, face: Face) -> None:
    """Set-point and drag needles, and marks at the rim: thinner or shorter than the needle, and of a colour."""
    for _ in range(rnd.choice((1, 1, 2))):
        degrees = face.start + face.sweep * rnd.random()
        colour = paint.from_hsv(rnd.choice((0.0, 0.0, 0.33, 0.13, 0.6)), rnd.uniform(0.7, 1), rnd.uniform(0.6, 1))
        canvas.save()
        canvas.rotate(degrees)
        if rnd.random() < 0.5:
            canvas.drawLine(0, 0, 0, -rnd.uniform(55, 95), stroke(colour, rnd.uniform(0.8, 2.2)))
        else:
            at, tall = rnd.uniform(78, 104), rnd.uniform(8, 20)
            half = rnd.uniform(2, 6)
            marker = hands.polygon([(-half, -at), (half, -at), (0.0, -at + tall * rnd.choice((-1, 1)))])
            canvas.drawPath(marker, fill(colour))
        canvas.restore()
