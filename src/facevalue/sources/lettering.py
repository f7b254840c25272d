"""Rows of digits to draw: printed, seven-segment, dot-matrix, on rolling drums, by hand.

A row is laid out in its own units, digits 100 high with their tops at y = 0 and the first one's cell at x = 0, and is
painted onto a canvas that the source has already turned to where the row stands in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.digits import MOST_DIGITS
from facevalue.sources import paint
from facevalue.sources.paint import Colour, skia

HEIGHT = 100.0
THINNEST = 0.34  # of its height is the cell of a digit, though a one is thinner


@dataclass(frozen=True)
class Row:
    """One row of digits, ready to paint.

    places: of each digit, 0 <= place < 10, a whole number where it stands still, NaN where nobody could tell it.
    cells: left and right end of each digit's cell; tops, bottoms: of each digit.  points: indices of digits that a
    decimal point or comma follows.  width: of all, further marks included.  stretched: how
    often it is scaled to a strip of some given shape.  ground: colour of what it stands on.  contrast: how far the ink
    stands off it, 0..1; light and grain that would drown it are drawn weaker.  glossy: how often light falls on it.
    """

    places: tuple[float, ...]
    cells: tuple[tuple[float, float], ...]
    width: float
    ground: Colour
    paint: Callable[[skia.Canvas], None]
    points: frozenset[int] = frozenset()
    stretched: float = 0.08
    tops: tuple[float, ...] = field(default=())
    bottoms: tuple[float, ...] = field(default=())
    contrast: float = 1.0
    glossy: float = 0.15

    def extents(self) -> list[tuple[float, float]]:
        """Top and bottom of each digit."""
        tops = self.tops or (0.0,) * len(self.places)
        bottoms = self.bottoms or (HEIGHT,) * len(self.places)
        return list(zip(tops, bottoms, strict=True))


def pick_digits(rnd: Random, count: int) -> list[int]:
    """Digits of a number: any, or with leading zeros, or with runs of the same digit as counters and prices have."""
    digits = [rnd.randrange(10) for _ in range(count)]
    kind = rnd.random()
    if kind < 0.22:
        for index in range(rnd.randint(0, count)):
            digits[index] = 0
    elif kind < 0.36:
        for index in range(1, count):
            if rnd.random() < 0.5:
                digits[index] = digits[index - 1]
    return digits


def pick_count(rnd: Random, kind: str) -> int:
    """How many digits: one to eight; displays show longer numbers more often."""
    weights = (6, 7, 11, 14, 17, 18, 16, 11) if kind == "segments" else (10, 11, 13, 14, 14, 14, 13, 11)
    return rnd.choices(range(1, MOST_DIGITS + 1), weights)[0]


UNITS: tuple[str, ...] = (
    "kWh",
    "kW",
    "m³",
    "km",
    "mi",
    "°C",
    "%",
    "V",
    "A",
    "h",
    "L",
    "kg",
    "€",
    "$",
    "m3",
    "Hz",
    "No",
    "bar",
    "ltr",
)
UNITS += ("kVAh", "kvarh", "Wh", "MWh", "GJ", "mA", "W", "Ω", "°F", "psi", "kPa", "mmHg", "pH", "g", "lb", "s")
UNITS += ("min", "/min")


LETTERS: tuple[str, ...] = ("CUM", "BP", "RY", "MD", "kWh", "kVA", "T", "EXP", "IMP", "TARIF", "kW", "PH", "Wh", "m")
LETTERS += ("AM", "PM", "MAX", "Total", "Meter", "Water", "QUARTZ", "Model", "Gas", "price", "House", "LCD", "▲", "◄")
LETTERS += ("►", "#", "~", "=", "-")
UNDER: tuple[str, ...] = ("kWh", "CkWh", "C kW h", "kW h", "kW", "h", "MD kW", "kVAh", "m³", "RTC", "PF", "kvarh")


def draw_letters(canvas: skia.Canvas, rnd: Random, x: float, y: float, colour: Colour) -> None:
    """A word without digits, small or large, with its foot at y."""
    font = paint.pick_font(rnd, rnd.uniform(7, 40))
    canvas.drawString(rnd.choice(LETTERS), x, y, font, paint.fill(colour))


def draw_unit(canvas: skia.Canvas, rnd: Random, x: float, colour: Colour) -> float:
    """A unit after the number, smaller than it, above or on its foot. Returns its width."""
    size = rnd.uniform(25, 80)
    font = paint.pick_font(rnd, size)
    text = rnd.choice(UNITS)
    y = rnd.choice((HEIGHT, HEIGHT, size * 0.75, rnd.uniform(40, 100)))
    canvas.drawString(text, x, y, font, paint.fill(colour))
    return float(font.measureText(text))


# ---- printed ---------------------------------------------------------------------------------------------------------


def printed_row(rnd: Random, digits: Sequence[int]) -> Row:
    """Digits of a typeface: labels, prices, house numbers, plates, tickets."""
    font = paint.pick_font(rnd, 138.0)
    boxes = font.getBounds(font.textToGlyphs("0123456789"))
    top, bottom = min(box.top() for box in boxes[:1]), max(box.bottom() for box in boxes[:1])
    scale = HEIGHT / max(bottom - top, 20.0)
    advances = font.getWidths(font.textToGlyphs("0123456789"))
    tracking = rnd.choice((0.0, 0.0, rnd.uniform(-4, 25), rnd.uniform(0, 60))) / scale
    ground = paint.face_colour(rnd) if rnd.random() < 0.7 else paint.any_colour(rnd)
    least = rnd.choice((0.35, 0.35, 0.2, 0.12))
    ink = paint.contrasting(rnd, ground, least)
    point_at = rnd.randrange(len(digits) - 1) if len(digits) > 1 and rnd.random() < 0.2 else -1
    mark = rnd.choice(".,")
    mark_width = float(font.measureText(mark))
    x, cells, lefts = 0.0, [], []
    for index, digit in enumerate(digits):
        lefts.append(x)
        cells.append((x * scale, (x + advances[digit]) * scale))
        x += advances[digit] + tracking
        if index == point_at:
            x += mark_width + tracking * rnd.choice((0.0, 1.0))
    width = (x - tracking) * scale
    jitter = [rnd.gauss(0, 2.5) if rnd.random() < 0.12 else 0.0 for _ in digits] if rnd.random() < 0.3 else None
    boxed = rnd.random() < 0.08
    style = rnd.random()
    unit_seed = rnd.random()
    unit_gap = rnd.uniform(6, 50)
    marks_seed = rnd.getrandbits(32)
    shadow = (rnd.uniform(-5, 5), rnd.uniform(1, 6)) if rnd.random() < 0.15 else None

    def draw(canvas: skia.Canvas) -> None:
        if boxed:
            frame = paint.stroke(paint.mixed(ink, ground, rnd_marks.random() * 0.6), rnd_marks.uniform(1.5, 5))
            for left, right in cells:
                canvas.drawRect(skia.Rect.MakeLTRB(left - 5, -14, right + 5, HEIGHT + 14), frame)
        canvas.save()
        canvas.scale(scale, scale)
        pens = []
        if shadow is not None:
            pens.append((shadow, paint.fill(paint.shade(ground, -0.6), 0.7)))
        if style < 0.08:  # outlined
            pens.append(((0.0, 0.0), paint.stroke(ink, rnd_marks.uniform(2.5, 5))))
        else:
            pens.append(((0.0, 0.0), paint.fill(ink)))
        for (dx, dy), pen in pens:
            for index, (digit, left) in enumerate(zip(digits, lefts, strict=True)):
                up = jitter[index] if jitter else 0.0
                canvas.drawString(str(digit), left + dx, -top + dy + up, font, pen)
                if index == point_at:
                    canvas.drawString(mark, left + advances[digit] + tracking / 2 + dx, -top + dy, font, pen)
        canvas.restore()
        if unit_seed < 0.15:
            draw_unit(canvas, rnd_marks, width + unit_gap, ink)

    rnd_marks = Random(marks_seed)
    return Row(
        places=tuple(float(d) for d in digits),
        cells=tuple(cells),
        width=width + (unit_gap + 60 if unit_seed < 0.15 else 0.0),
        ground=ground,
        paint=draw,
        points=frozenset({point_at} - {-1}),
    )


# ---- seven segments --------------------------------------------------------------------------------------------------

SEGMENTS = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")
ALSO = {6: "cdefg", 7: "abcf", 9: "abcfg"}  # as other makers light them
LED_LUMINANCE = 0.22  # darker grounds than this have lit digits
LEAST_CONTRAST = 0.1  # of lit segments of usual breadth, before light falls on the pane


def segment_path(lit: str, width: float, thick: float, gap: float, style: int) -> skia.Path:
    """The named segments of one digit: a top, b c right, d bottom, e f left, g middle."""
    half, middle = thick / 2, HEIGHT / 2
    ends = {
        "a": ((half, half), (width - half, half)),
        "g": ((half, middle), (width - half, middle)),
        "d": ((half, HEIGHT - half), (width - half, HEIGHT - half)),
        "f": ((half, half), (half, middle)),
        "e": ((half, middle), (half, HEIGHT - half)),
        "b": ((width - half, half), (width - half, middle)),
        "c": ((width - half, middle), (width - half, HEIGHT - half)),
    }
    path = skia.Path()
    for name in lit:
        (x0, y0), (x1, y1) = ends[name]
        if name in "adg":
            x0, x1 = x0 + gap, x1 - gap
            if style == 0:
                points = [(x0, y0), (x0 + half, y0 - half), (x1 - half, y0 - half), (x1, y0)]
                points += [(x1 - half, y0 + half), (x0 + half, y0 + half)]
            elif style == 1:
                points = [
                    (x0 + half, y0 - half),
                    (x1 - half, y0 - half),
                    (x1 - half, y0 + half),
                    (x0 + half, y0 + half),
                ]
            else:  # mitred: the outer edge is longer
                far = half if name == "a" else -half if name == "d" else 0.0
                points = [(x0 - far, y0 - half), (x1 + far, y0 - half), (x1 - far, y0 + half), (x0 + far, y0 + half)]
                if name == "g":
                    points = [(x0, y0), (x0 + half, y0 - half), (x1 - half, y0 - half), (x1, y0)]
                    points += [(x1 - half, y0 + half), (x0 + half, y0 + half)]
        else:
            y0, y1 = y0 + gap, y1 - gap
            if style == 0:
                points = [(x0, y0), (x0 + half, y0 + half), (x0 + half, y1 - half), (x0, y1)]
                points += [(x0 - half, y1 - half), (x0 - half, y0 + half)]
            elif style == 1:
                lower, upper = (half if name in "fb" else 0.0), (half if name in "ec" else 0.0)
                points = [(x0 - half, y0 - lower + half), (x0 + half, y0 - lower + half)]
                points += [(x0 + half, y1 + upper - half), (x0 - half, y1 + upper - half)]
            else:
                left = name in "fe"
                top_far = half if name in "fb" else 0.0
                low_far = half if name in "ec" else 0.0
                outer, inner = (x0 - half, x0 + half) if left else (x0 + half, x0 - half)
                points = [(outer, y0 - top_far), (inner, y0 + half), (inner, y1 - half), (outer, y1 + low_far)]
        path.moveTo(*points[0])
        for point in points[1:]:
            path.lineTo(*point)
        path.close()
    return path


def lcd_ground(rnd: Random) -> Colour:
    """Colour of a display: grey-green, lit green, blue, orange, white, or the black of LEDs."""
    kind = rnd.random()
    if kind < 0.3:
        return paint.from_hsv(rnd.uniform(0.1, 0.5), rnd.uniform(0.02, 0.3), rnd.uniform(0.3, 0.85))
    if kind < 0.5:
        return paint.from_hsv(rnd.uniform(0.25, 0.5), rnd.uniform(0.5, 1), rnd.uniform(0.3, 1))
    if kind < 0.62:
        return paint.from_hsv(rnd.uniform(0.5, 0.68), rnd.uniform(0.2, 0.9), rnd.uniform(0.4, 1))
    if kind < 0.74:
        return paint.from_hsv(rnd.uniform(0.0, 0.16), rnd.uniform(0.4, 1), rnd.uniform(0.5, 1))
    if kind < 0.86:
        return paint.from_hsv(rnd.random(), rnd.uniform(0, 0.12), rnd.uniform(0.75, 1))
    return paint.from_hsv(rnd.random(), rnd.uniform(0, 0.5), rnd.uniform(0.0, 0.35))


def tinted_ink(rnd: Random, ground: Colour) -> Colour:
    """Ink of a lit display that is hardly darker than its ground and differs in hue: grey or pink on green, say."""
    for _ in range(6):
        other = paint.from_hsv(rnd.random(), rnd.uniform(0, 0.5), rnd.uniform(0.35, 0.85))
        ink = paint.mixed(ground, other, rnd.uniform(0.4, 0.85))
        if max(abs(a - b) for a, b in zip(ink, ground, strict=True)) > 0.22:
            return ink
    return paint.shade(ground, -0.5)


def draw_sign(canvas: skia.Canvas, rnd: Random, x: float, y: float, size: float, ink: Colour) -> None:
    """One of the signs that displays carry, in a box of that size at (x, y): a battery, a lamp, an arrow."""
    kind = rnd.randrange(6)
    line, solid = paint.stroke(ink, max(1.5, size * rnd.uniform(0.05, 0.12))), paint.fill(ink)
    if kind == 0:  # battery
        canvas.drawRect(skia.Rect.MakeXYWH(x, y + size * 0.3, size, size * 0.5), line)
        canvas.drawRect(skia.Rect.MakeXYWH(x + size, y + size * 0.45, size * 0.1, size * 0.2), solid)
        canvas.drawRect(skia.Rect.MakeXYWH(x, y + size * 0.3, size * rnd.uniform(0.1, 1), size * 0.5), solid)
    elif kind == 1:  # signal: bars that rise
        for bar in range(rnd.randint(3, 5)):
            high = size * (0.25 + 0.2 * bar)
            canvas.drawRect(skia.Rect.MakeXYWH(x + bar * size * 0.24, y + size - high, size * 0.14, high), solid)
    elif kind == 2:  # lamp or sun
        px, py = x + size / 2, y + size / 2
        canvas.drawCircle(px, py, size * 0.24, line)
        for ray in range(8):
            dx, dy = math.cos(ray * math.pi / 4) * size, math.sin(ray * math.pi / 4) * size
            canvas.drawLine(px + dx * 0.34, py + dy * 0.34, px + dx * 0.48, py + dy * 0.48, line)
    elif kind == 3:  # arrow or pointer
        turn = rnd.choice(((0, 1), (1, 0), (0, -1), (-1, 0)))
        corners = ((0.5, 0.0), (-0.5, 0.5), (-0.5, -0.5))
        points = [(u * turn[0] - v * turn[1], u * turn[1] + v * turn[0]) for u, v in corners]
        path = skia.Path()
        path.addPoly([skia.Point(x + size * (0.5 + u), y + size * (0.5 + v)) for u, v in points], True)
        canvas.drawPath(path, solid)
    elif kind == 4:  # waves of a radio, or of water
        for step in range(3):
            box = skia.Rect.MakeXYWH(x + step * size * 0.28, y + size * 0.2, size * 0.4, size * 0.6)
            canvas.drawArc(box, -60, 120, False, line)
    else:  # bell or drop
        box = skia.Rect.MakeXYWH(x + size * 0.2, y + size * 0.1, size * 0.6, size * 0.9)
        canvas.drawArc(box, 180, 180, True, solid)
        canvas.drawLine(x + size * 0.1, y + size * 0.65, x + size * 0.9, y + size * 0.65, line)


def draw_side(canvas: skia.Canvas, rnd: Random, end: float, ground: Colour) -> None:
    """The rim of the display's window close beside the number, on one side: a wall, its lit or dark lip, its shadow."""
    near = rnd.uniform(10, 60)
    wall, lip = paint.any_colour(rnd), paint.shade(ground, rnd.choice((-0.8, -0.4, 0.5, 0.9)))
    if rnd.random() < 0.5:
        wall = paint.shade(ground, rnd.uniform(-1, -0.5))
    canvas.save()
    if rnd.random() < 0.4:  # on the right; otherwise on the left
        canvas.translate(end, 0)
        canvas.scale(-1, 1)
    canvas.translate(-near, HEIGHT / 2)
    canvas.skew(rnd.gauss(0, 0.06), 0)
    canvas.drawRect(skia.Rect.MakeLTRB(-600, -500, 0, 500), paint.fill(wall))
    if rnd.random() < 0.6:
        canvas.drawRect(skia.Rect.MakeLTRB(-rnd.uniform(2, 16), -500, 0, 500), paint.fill(lip, rnd.uniform(0.5, 1)))
    if rnd.random() < 0.4:
        ends = [skia.Point(0, 0), skia.Point(rnd.uniform(8, near + 20), 0)]
        shade = skia.GradientShader.MakeLinear(ends, [paint.argb((0, 0, 0), rnd.uniform(0.2, 0.6)), 0])
        canvas.drawRect(skia.Rect.MakeLTRB(0, -500, ends[1].x(), 500), skia.Paint(Shader=shade))
    canvas.restore()


def draw_signs(canvas: skia.Canvas, rnd: Random, end: float, ink: Colour) -> None:
    """Signs and units round the number: before and after it, above and below."""
    for _ in range(rnd.randint(1, 4)):
        size = rnd.uniform(16, 52)
        x, y = rnd.choice(
            (
                (-size - rnd.uniform(10, 60), rnd.uniform(-10, 110 - size)),
                (end + rnd.uniform(12, 60), rnd.uniform(-10, 110 - size)),
                (rnd.uniform(0, end), -size - rnd.uniform(6, 25)),
                (rnd.uniform(0, end), HEIGHT + rnd.uniform(6, 25)),
            )
        )
        if rnd.random() < 0.6:
            draw_sign(canvas, rnd, x, y, size, ink)
        else:
            font = paint.pick_font(rnd, size * 0.8)
            text = rnd.choice(UNITS)
            left = x + size - font.measureText(text) if x < 0 else x
            canvas.drawString(text, left, y + size * 0.8, font, paint.fill(ink))


def draw_stacked(canvas: skia.Canvas, rnd: Random, x: float, room: float, ink: Colour) -> None:
    """A unit above the small last digits, in the room up to the top of the large ones."""
    font = paint.pick_font(rnd, rnd.uniform(0.55, 0.95) * room)
    foot = room * rnd.uniform(0.75, 0.9)
    canvas.drawString(rnd.choice(UNITS), x + rnd.uniform(-6, 6), foot, font, paint.fill(ink))


def draw_uneven(canvas: skia.Canvas, rnd: Random, paths: Sequence[skia.Path], ink: Colour, alpha: float) -> None:
    """Segments of one digit that are not equally dark, as a display seen from aside or driven weakly shows them."""
    for path in paths:
        canvas.drawPath(path, paint.fill(ink, alpha * rnd.uniform(0.45, 1)))


def meter_display(rnd: Random) -> Row:
    """The display of an electricity or gas meter: three to eight digits, the last often small, a unit above it."""
    digits = pick_digits(rnd, rnd.choices((3, 4, 5, 6, 7, 8), (1, 3, 4, 6, 5, 1))[0])
    if rnd.random() < 0.4:  # the zeros that meters show in front
        zeros = min(rnd.choice((1, 1, 2, 2, 3, 4)), len(digits))
        digits[:zeros] = [0] * zeros
    return segment_row(rnd, digits, small_last=0.5, meter=True)


def segment_row(rnd: Random, digits: Sequence[int], small_last: float = 0.35, meter: bool = False) -> Row:
    """A seven-segment display, LCD or LED.  small_last: how often the last digits, or those past a point, are small.

    meter: a meter's, where a point mostly stands before the last digit, small digits may be raised, cells before the
    number are off, and what stands beside the number fades with it.
    """
    width = rnd.uniform(42, 92)
    pitch = width + rnd.uniform(10, 48)
    thick = rnd.uniform(6, 20) if rnd.random() < 0.8 else rnd.uniform(5, 9)
    if meter and thick > 12 and rnd.random() < 0.6:
        thick = rnd.uniform(6, 13)
    gap = rnd.choice((0.0, rnd.uniform(0, 2), rnd.uniform(1, 5)))
    style = rnd.randrange(3)
    slant = rnd.choice((0.0, rnd.uniform(0, 0.12), rnd.uniform(0.05, 0.25)))
    ground = lcd_ground(rnd)
    luma = paint.luminance(ground)
    led = luma < LED_LUMINANCE
    if led:
        ink = paint.from_hsv(
            rnd.choice((0.0, 0.03, 0.33, 0.4, 0.55, 0.12)), rnd.choice((0, 0.4, 1)), rnd.uniform(0.6, 1)
        )
    elif rnd.random() < 0.12:
        ink = paint.shade(ground, rnd.uniform(0.4, 1))  # inverted LCD
        if abs(paint.luminance(ink) - luma) < 0.12:
            ink = (1.0, 1.0, 1.0) if luma < 0.6 else (0.05, 0.05, 0.1)
    elif rnd.random() < (0.3 if meter else 0.12):
        ink = tinted_ink(rnd, ground)
    else:
        ink = paint.shade(ground, -rnd.choice((rnd.uniform(0.22, 0.6), rnd.uniform(0.5, 1))))
    ghost = rnd.choice((0.0, 0.0, rnd.uniform(0.0, 0.1), rnd.uniform(0.03, 0.2), rnd.uniform(0.15, 0.3)))
    other_way = {digit for digit in ALSO if rnd.random() < 0.3}
    point_at = rnd.randrange(len(digits) - 1) if len(digits) > 1 and rnd.random() < 0.45 else -1
    if meter and len(digits) > 2:
        kind = rnd.random()
        point_at = len(digits) - 2 if kind < 0.55 else point_at if kind < 0.65 else -1
    small_from = len(digits)
    if len(digits) > 2 and rnd.random() < small_last:
        small_from = point_at + 1 if point_at >= 0 else len(digits) - rnd.choice((1, 1, 2))
        if meter and point_at < 0 and rnd.random() < 0.7:
            small_from = len(digits) - 1
    small = rnd.uniform(0.4, 0.85) if rnd.random() < 0.6 else rnd.uniform(0.36, 0.6)
    stacked = small < 0.68 and small_from < len(digits) and rnd.random() < 0.5
    may_tell_time = point_at < 0 and len(digits) in (4, 6) and small_from == len(digits)
    colon_after = 1 if may_tell_time and rnd.random() < 0.12 else -1
    point_gap = rnd.choice((0.0, 0.0, rnd.uniform(0, 18)))
    if colon_after >= 0:
        point_gap = rnd.uniform(8, 36)
    elif rnd.random() < 0.06:  # two groups
        point_gap = rnd.uniform(15, 60)
    point_radius = rnd.uniform(0.35, 0.75) * thick
    round_point = rnd.random() < 0.5
    sunk = rnd.uniform(0, 1) if meter and rnd.random() < 0.12 else 1.0  # small digits: 1 on the foot, 0 at the top
    factors = [small if index >= small_from else 1.0 for index in range(len(digits))]
    x, cells, tops = 0.0, [], []
    for index, factor in enumerate(factors):
        cells.append((x - (pitch - width) * 0.2 * factor, x + (width + (pitch - width) * 0.2) * factor))
        tops.append(HEIGHT * (1 - factor) * sunk)
        x += pitch * factor + (point_gap if index in (point_at, colon_after) else 0.0)
    end = x - (pitch - width) * (small if small_from < len(digits) else 1.0)
    off_before = rnd.randint(1, 3) if meter and ghost > 0.05 and rnd.random() < 0.5 else 0
    fades = meter and rnd.random() < 0.8
    furniture = rnd.getrandbits(32)
    glow = led and rnd.random() < 0.6
    with_unit = rnd.random() < 0.3
    under = meter and rnd.random() < 0.3
    unit_gap = rnd.uniform(-4, 30)
    rim = rnd.random()
    rim_colour = paint.shade(ground, rnd.choice((-0.9, -0.6, -0.3, 0.6)))
    icons = rnd.random() < 0.15
    framed_icons = rnd.random() < 0.5
    faint = rnd.uniform(0.12, 0.6) if not led and rnd.random() < 0.25 else 1.0
    apart = max(max(abs(a - b) for a, b in zip(ink, ground, strict=True)) / 2, abs(paint.luminance(ink) - luma), 0.01)
    faint = min(1.0, max(faint, LEAST_CONTRAST * max(1.0, 12 / thick) / apart))
    uneven = rnd.random() < 0.1
    walled = rnd.random() < (0.25 if meter else 0.12)
    signs = rnd.random() < 0.2
    edge = rnd.random() < 0.25
    before = rnd.random() < 0.15
    cast = rnd.uniform(0.1, 0.4) if not led and rnd.random() < 0.15 else 0.0
    cast_by = rnd.uniform(1, 6), rnd.uniform(-3, 6)

    def draw(canvas: skia.Canvas) -> None:
        more = Random(furniture)
        lit_pen, ghost_pen = paint.fill(ink, faint), paint.fill(ink, ghost * faint)
        beside = paint.mixed(ground, ink, faint) if fades else ink
        if rim < 0.25:  # the display's frame
            gap_left, gap_right = more.uniform(5, 60), more.uniform(5, 60)
            box = skia.Rect.MakeLTRB(-gap_left, -more.uniform(6, 40), end + gap_right, HEIGHT + more.uniform(6, 40))
            if rim < 0.13:
                canvas.drawRect(box, paint.stroke(rim_colour, more.uniform(2, 14)))
            else:  # beyond it another colour
                outside = paint.stroke(paint.any_colour(more), 400)
                box.outset(200, 200)
                canvas.drawRect(box, outside)
        if walled:
            draw_side(canvas, more, end, ground)
        if signs:
            draw_signs(canvas, more, end, paint.mixed(ground, ink, faint))
        if icons:  # little boxes before the number
            for step in range(more.randint(1, 2)):
                y, side = step * 50 + more.uniform(0, 12), more.uniform(26, 44)
                box = skia.Rect.MakeXYWH(-side - more.uniform(8, 40), y, side, side)
                if framed_icons:  # with a sign in it
                    canvas.drawRect(box, paint.stroke(beside, more.uniform(2, 5)))
                    sign = paint.pick_font(more, side * 0.7)
                    word = more.choice(("I", "L", "T", "Q", "II", "▲", "~", "Σ", "R"))
                    canvas.drawString(
                        word, box.left() + 0.1 * side, box.bottom() - 0.2 * side, sign, paint.fill(beside)
                    )
                else:
                    canvas.drawRect(box, paint.fill(beside))
        if glow:
            lit_pen.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kSolid_BlurStyle, more.uniform(2, 9)))
        canvas.save()
        canvas.translate(slant * HEIGHT / 2, 0)
        canvas.skew(-slant, 0)
        for cell in range(off_before):
            canvas.save()
            canvas.translate(-pitch * (cell + 1), 0)
            canvas.drawPath(segment_path("abcdefg", width, thick, gap, style), ghost_pen)
            canvas.restore()
        for index, (digit, factor) in enumerate(zip(digits, factors, strict=True)):
            lit = ALSO[digit] if digit in other_way else SEGMENTS[digit]
            canvas.save()
            left = cells[index][0] + (pitch - width) * 0.2 * factor
            canvas.translate(left, tops[index])
            canvas.scale(factor, factor)
            if ghost > 0:
                unlit = "".join(name for name in "abcdefg" if name not in lit)
                canvas.drawPath(segment_path(unlit, width, thick, gap, style), ghost_pen)
            path = segment_path(lit, width, thick, gap, style)
            if cast > 0:  # the crystal's shadow on the plate behind it
                canvas.save()
                canvas.translate(*cast_by)
                canvas.drawPath(path, paint.fill(ink, cast))
                canvas.restore()
            if uneven:
                paths = [segment_path(name, width, thick, gap, style) for name in lit]
                draw_uneven(canvas, more, paths, ink, faint)
            else:
                canvas.drawPath(path, lit_pen)
            canvas.restore()
            if index == colon_after:
                px = left + width + (pitch - width + point_gap) / 2
                for py in (HEIGHT * 0.3, HEIGHT * 0.7):
                    canvas.drawCircle(px, py, point_radius * 1.2, lit_pen)
            if index == point_at or ghost > 0.05:
                px = left + (width + (pitch - width + point_gap) / 2) * factor
                pen = lit_pen if index == point_at else ghost_pen
                py = HEIGHT - point_radius * more.uniform(0.4, 1.1)
                if round_point:
                    canvas.drawCircle(px, py, point_radius, pen)
                else:
                    r = point_radius
                    canvas.drawRect(skia.Rect.MakeLTRB(px - r, py - r, px + r, py + r), pen)
        if stacked:
            draw_stacked(canvas, more, cells[small_from][0], tops[small_from], paint.mixed(ground, ink, faint))
        canvas.restore()
        if with_unit:
            draw_unit(canvas, more, end + unit_gap, beside)
            if more.random() < 0.3:  # a second one below it
                font = paint.pick_font(more, more.uniform(20, 50))
                canvas.drawString(more.choice(UNITS), end + unit_gap, HEIGHT + more.uniform(-10, 20), font, lit_pen)
        if under:  # a unit at the foot of the last digits, partly below the picture
            font = paint.pick_font(more, more.uniform(14, 36))
            left, foot = end - more.uniform(-60, 130), HEIGHT + more.uniform(12, 42)
            canvas.drawString(more.choice(UNDER), left, foot, font, paint.fill(beside, more.uniform(0.5, 1)))
        if before:
            font = paint.pick_font(more, more.uniform(20, 60))
            word = more.choice(LETTERS)
            canvas.drawString(word, -font.measureText(word) - more.uniform(8, 40), HEIGHT, font, paint.fill(beside))
        if edge:  # words and arrows above and below, as displays carry them
            for _ in range(more.randrange(1, 5)):
                font = paint.pick_font(more, more.uniform(12, 30))
                y = more.choice((-more.uniform(14, 40), HEIGHT + more.uniform(30, 50)))
                canvas.drawString(
                    more.choice(LETTERS),
                    more.uniform(-30, max(end, 1)),
                    y,
                    font,
                    paint.fill(beside, more.uniform(0.4, 1)),
                )

    # leaning digits stand where they are drawn half-way up a whole one; the middle of a small one is lower or higher
    bottoms = tuple(top + HEIGHT * factor for top, factor in zip(tops, factors, strict=True))
    lower = [(top + bottom - HEIGHT) / 2 for top, bottom in zip(tops, bottoms, strict=True)]
    leaning = tuple(
        (left - slant * down, right - slant * down) for (left, right), down in zip(cells, lower, strict=True)
    )
    return Row(
        places=tuple(float(d) for d in digits),
        cells=leaning,
        width=end + (unit_gap + 70 if with_unit else 0.0),
        ground=ground,
        paint=draw,
        points=frozenset({point_at} - {-1}),
        stretched=0.6,
        tops=tuple(tops),
        bottoms=bottoms,
        contrast=min(1.0, apart * faint, apart * faint * thick / 12),
        glossy=0.25,
    )


# Rows of five bits, top to bottom, of the usual 5 x 7 character generator.
DOTS = (
    (14, 17, 19, 21, 25, 17, 14),
    (4, 12, 4, 4, 4, 4, 14),
    (14, 17, 1, 2, 4, 8, 31),
    (31, 2, 4, 2, 1, 17, 14),
    (2, 6, 10, 18, 31, 2, 2),
    (31, 16, 30, 1, 1, 17, 14),
    (6, 8, 16, 30, 17, 17, 14),
    (31, 1, 2, 4, 8, 8, 8),
    (14, 17, 17, 14, 17, 17, 14),
    (14, 17, 17, 15, 1, 2, 12),
)


def dot_row(rnd: Random, digits: Sequence[int]) -> Row:
    """A dot-matrix display."""
    step = HEIGHT / 7
    across = step * rnd.uniform(0.75, 1.15)
    pitch = across * rnd.uniform(5.6, 7.2)
    fill_share = rnd.uniform(0.7, 1.03)
    ground = lcd_ground(rnd)
    dark = paint.luminance(ground) > rnd.uniform(0.25, 0.5)
    ink = paint.shade(ground, -rnd.uniform(0.35, 1)) if dark else paint.shade(ground, rnd.uniform(0.5, 1))
    if abs(paint.luminance(ink) - paint.luminance(ground)) < 0.15:
        ink = (0.02, 0.02, 0.05) if paint.luminance(ground) > 0.4 else (0.95, 1.0, 0.95)
    plain_zero = rnd.random() < 0.6

    def draw(canvas: skia.Canvas) -> None:
        pen = paint.fill(ink)
        for index, digit in enumerate(digits):
            bits = (14, 17, 17, 17, 17, 17, 14) if digit == 0 and plain_zero else DOTS[digit]
            for row, line in enumerate(bits):
                for column in range(5):
                    if line >> (4 - column) & 1:
                        x, y = index * pitch + column * across, row * step
                        canvas.drawRect(skia.Rect.MakeXYWH(x, y, across * fill_share, step * fill_share), pen)

    cells = tuple((i * pitch - 0.3 * across, i * pitch + 5.3 * across) for i in range(len(digits)))
    return Row(tuple(float(d) for d in digits), cells, pitch * (len(digits) - 1) + 5 * across, ground, draw)


# ---- rolling drums ---------------------------------------------------------------------------------------------------


def counter_places(rnd: Random, digits: Sequence[int]) -> list[float]:
    """Places of a counter's drums: the last one anywhere, each other one moved only while its right neighbour goes
    from 9 to 0, all with a little play."""
    kind = rnd.random()
    if kind < 0.4:
        last = float(digits[-1])
    elif kind < 0.85:
        last = digits[-1] + rnd.random()
    else:
        last = 9 + rnd.random()
    places = [last % 10]
    play = rnd.choice((0.0, 0.03, 0.06))
    for digit in reversed(digits[:-1]):
        carry = max(0.0, places[0] - 9) if rnd.random() < 0.97 else 0.0
        places.insert(0, (digit + carry) % 10)
    return [(place + rnd.gauss(0, play)) % 10 for place in places]


def drum_row(rnd: Random, places: Sequence[float]) -> Row:
    """Windows on drums that carry 0 to 9; the next digit comes up from below."""
    font = paint.pick_font(rnd, 138.0)
    glyphs = font.textToGlyphs("0123456789")
    box = font.getBounds(glyphs)[0]
    scale = HEIGHT / max(box.bottom() - box.top(), 20.0)
    squeeze = rnd.uniform(0.7, 1.15)
    advances = [float(a) * scale * squeeze for a in font.getWidths(glyphs)]
    cell = max(advances)
    pad = rnd.uniform(0.05, 0.4) * cell
    window = cell + 2 * pad
    between = rnd.choice((0.0, rnd.uniform(0, 10), rnd.uniform(5, 60)))
    pitch_down = rnd.uniform(1.12, 1.9) * HEIGHT
    half_window = rnd.uniform(0.56, 1.05) * HEIGHT
    radius = rnd.choice((1e9, rnd.uniform(1.3, 3.0) * HEIGHT))
    dark = rnd.random() < 0.6
    plain = paint.from_hsv(rnd.random(), rnd.uniform(0, 0.15), rnd.uniform(0, 0.3) if dark else rnd.uniform(0.7, 1))
    red = paint.from_hsv(rnd.uniform(-0.03, 0.04), rnd.uniform(0.5, 0.95), rnd.uniform(0.35, 0.95))
    pale = paint.from_hsv(rnd.uniform(0, 0.17), rnd.uniform(0, 0.2), rnd.uniform(0.72, 1))
    deep = paint.from_hsv(rnd.random(), rnd.uniform(0, 0.3), rnd.uniform(0, 0.25))
    ink = pale if dark else deep
    red_style = rnd.random()
    red_count = 0 if rnd.random() < 0.45 else rnd.randint(1, min(3, len(places)))
    frame = paint.from_hsv(rnd.random(), rnd.uniform(0, 0.3), rnd.choice((rnd.random(), rnd.uniform(0, 0.25), 0.9)))
    frame_red = rnd.random() < 0.2
    has_ticks = rnd.random() < 0.3
    marks = rnd.getrandbits(32)
    shadow = rnd.uniform(0.0, 0.75)
    worn = rnd.random() < 0.15
    glints = rnd.random() < 0.15
    rim = rnd.random() < 0.2  # bright or dark edges of the window, above and below
    rim_colour = paint.any_colour(rnd)
    rim_height = rnd.uniform(0.05, 0.3) * HEIGHT
    dim = rnd.uniform(0.2, 0.6) if rnd.random() < 0.15 else 0.0  # ink that has lost part of what sets it off its drum
    point_mark = red_count and red_count < len(places) and rnd.random() < 0.3 and between > 12
    cells = []
    for index in range(len(places)):
        left = index * (window + between)
        cells.append((left, left + window))

    def draw(canvas: skia.Canvas) -> None:
        more = Random(marks)
        for index, place in enumerate(places):
            left, right = cells[index]
            is_red = index >= len(places) - red_count
            ground, pen_colour = plain, ink
            if is_red:
                if red_style < 0.6:
                    ground, pen_colour = red, pale
                elif red_style < 0.85:
                    ground, pen_colour = (pale if not dark else plain), red
            if abs(paint.luminance(ground) - paint.luminance(pen_colour)) < 0.18:
                pen_colour = (0.97, 0.97, 0.95) if paint.luminance(ground) < 0.55 else (0.08, 0.05, 0.05)
            pen_colour = paint.mixed(pen_colour, ground, dim)
            centre = HEIGHT / 2
            hole = skia.Rect.MakeLTRB(left, centre - half_window, right, centre + half_window)
            canvas.save()
            canvas.clipRect(hole, skia.ClipOp.kIntersect, True)
            canvas.drawRect(hole, paint.fill(ground))
            first = math.floor(place) - 1
            pen = paint.fill(pen_colour, more.uniform(0.6, 1) if worn else 1.0)
            for turn in range(first, first + 4):
                angle = (turn - place) * pitch_down / radius
                if abs(angle) > 1.3:
                    continue
                y = radius * math.sin(angle) if radius < 1e8 else (turn - place) * pitch_down
                digit = turn % 10
                canvas.save()
                canvas.translate((left + right) / 2 - advances[digit] / 2, centre + y)
                canvas.scale(scale * squeeze, scale * math.cos(angle))
                canvas.drawString(str(digit), 0, -(box.top() + box.bottom()) / 2, font, pen)
                canvas.restore()
            if has_ticks and index == len(places) - 1:
                for tick in range(-12, 13):
                    y = centre + (tick / 10 + math.ceil(place) - place) * pitch_down
                    length = (0.28 if tick % 5 == 0 else 0.16) * cell
                    canvas.drawLine(right - length, y, right, y, paint.stroke(pen_colour, 0.028 * HEIGHT))
            if shadow > 0.05:
                black, clear = paint.argb((0, 0, 0), shadow), paint.argb((0, 0, 0), 0.0)
                shader = skia.GradientShader.MakeLinear(
                    [skia.Point(0, hole.top()), skia.Point(0, hole.bottom())],
                    [black, clear, clear, black],
                    [0.0, 0.3, 0.75, 1.0],
                )
                canvas.drawRect(hole, skia.Paint(Shader=shader))
            canvas.restore()
            if glints and more.random() < 0.8:  # lamps mirrored in the drum
                for _ in range(more.randint(1, 3)):
                    x, y = left + more.uniform(-0.3, 0.8) * window, more.uniform(hole.top(), hole.bottom())
                    bar = skia.Rect.MakeXYWH(x, y, more.uniform(0.2, 1.0) * window, more.uniform(1, 7))
                    canvas.save()
                    canvas.clipRect(hole, skia.ClipOp.kIntersect, True)
                    canvas.drawRect(bar, paint.fill((1.0, 1.0, 0.95), more.uniform(0.2, 0.95)))
                    canvas.restore()
            if rim:
                for y in (hole.top() - 30, hole.bottom() - rim_height):
                    strip = skia.Rect.MakeLTRB(left, y, right, y + 30 + rim_height)
                    canvas.drawRect(strip, paint.fill(rim_colour))
            if between > 0 or more.random() < 0.3:
                canvas.drawRect(hole, paint.stroke(paint.shade(frame, -0.4), more.uniform(1, 6)))
        if point_mark:
            x = cells[len(places) - red_count][0] - between / 2
            canvas.drawCircle(x, HEIGHT * 0.95, 5, paint.fill(pale if paint.luminance(frame) < 0.5 else deep))

    points = frozenset({len(places) - red_count - 1}) if point_mark else frozenset()
    return Row(
        places=tuple(places),
        cells=tuple(cells),
        width=cells[-1][1],
        ground=red if frame_red else frame,
        paint=draw,
        points=points,
    )


# ---- by hand ---------------------------------------------------------------------------------------------------------


def written_row(rnd: Random, digits: Sequence[int], glyphs: Sequence[NDArray[np.uint8]]) -> Row:
    """Digits written by hand, one after the other, sometimes touching, on any paper.

    glyphs: for each digit a (28, 28) uint8 mask of ink, as MNIST has them.
    """
    ground = paint.from_hsv(rnd.uniform(0.05, 0.65), rnd.uniform(0, 0.15), rnd.uniform(0.6, 1))
    if rnd.random() < 0.3:
        ground = paint.from_hsv(rnd.random(), rnd.uniform(0, 0.6), rnd.uniform(0, 0.35))
    ink = paint.contrasting(rnd, ground, 0.25)
    gap = rnd.uniform(-12, 30)
    sizes = [rnd.gauss(1.0, 0.07) for _ in digits]
    lines = rnd.random()
    pitch = rnd.uniform(40, 140)
    line_offset = rnd.uniform(0, 60)
    line_colour = paint.mixed(ground, paint.contrasting(rnd, ground), rnd.uniform(0.1, 0.5))
    line_width = rnd.uniform(1, 4)
    hard = rnd.random() < 0.4
    x, cells, boxes, tops, bottoms = 0.0, [], [], [], []
    slope = rnd.gauss(0, 0.03)
    for glyph, size in zip(glyphs, sizes, strict=True):
        inked = glyph > 60
        across, down = np.flatnonzero(inked.any(0)), np.flatnonzero(inked.any(1))
        x0, x1, y0, y1 = int(across[0]), int(across[-1]) + 1, int(down[0]), int(down[-1]) + 1
        unit = HEIGHT / 20 * size  # MNIST fits digits into 20 pixels
        width = (x1 - x0) * unit
        top = HEIGHT / 2 - (y1 - y0) * unit / 2 + rnd.gauss(0, 5) + slope * x
        boxes.append((x - x0 * unit, top - y0 * unit, 28 * unit))
        room = max(0.0, THINNEST * HEIGHT - width) / 2
        cells.append((x - room, x + width + room))
        tops.append(top)
        bottoms.append(top + (y1 - y0) * unit)
        x += width + max(gap, 18 - width) + rnd.gauss(0, 3)
    width = max(right for _, right in cells)

    def draw(canvas: skia.Canvas) -> None:
        if lines < 0.4:
            pen = paint.stroke(line_colour, line_width)
            for step in range(-8, 9):
                y = line_offset + step * pitch
                canvas.drawLine(-500, y, width + 500, y, pen)
            if lines < 0.25:
                for step in range(-6, int(width / pitch) + 8):
                    at = line_offset + step * pitch
                    canvas.drawLine(at, -700, at, 800, pen)
        red, green, blue = (int(255 * c) for c in ink)
        sampling = skia.SamplingOptions(skia.CubicResampler.Mitchell())
        for glyph, (left, top, extent) in zip(glyphs, boxes, strict=True):
            sheet = np.empty((28, 28, 4), dtype=np.uint8)
            mask = glyph if not hard else np.minimum(255, glyph.astype(np.int32) * 2 - 60).clip(0).astype(np.uint8)
            sheet[..., 0], sheet[..., 1], sheet[..., 2], sheet[..., 3] = red, green, blue, mask
            image = skia.Image.fromarray(
                sheet, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kUnpremul_AlphaType, copy=True
            )
            canvas.drawImageRect(image, skia.Rect.MakeXYWH(left, top, extent, extent), sampling)

    return Row(
        places=tuple(float(d) for d in digits),
        cells=tuple(cells),
        width=width,
        ground=ground,
        paint=draw,
        tops=tuple(tops),
        bottoms=tuple(bottoms),
    )
