"""Clock faces of every kind, drawn with labels exact to the second.

A face (plate, rim, ticks, numerals, ornaments) is drawn once, larger than it will be seen, and put with mipmaps into
a few pictures, each with its own time, hands drawn on the spot, pose, light and camera. Canvas units on a face: the
dial has radius 100 and its twelve points up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facevalue import metrics
from facevalue.codecs.clock import ClockBelief, format_time
from facevalue.codecs.encodings import TimeBelief
from facevalue.codecs.pose import POSE_NUMBERS
from facevalue.sources import albums, camera, hands, paint
from facevalue.sources.paint import Colour, any_colour, contrasting, fill, luminance, mixed, shade, skia, stroke

RADIUS = 100.0
FACE_REACH = 165.0  # a face's drawing ends this far from its centre, in canvas units
FACE_PX = 256  # and is this wide for pictures of up to 112 px, in proportion for larger ones
PICTURES_PER_FACE = 8
SYNTH_BATCH = 64
MINUTE_ERROR_DEGREES = 0.4  # standard deviation of a minute hand's setting
SECONDS_PER_TURN = 12 * 60 * 60

ARABIC = tuple(str(n) for n in range(1, 13))
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
ROMAN_IIII = (*ROMAN[:3], "IIII", *ROMAN[4:])


@dataclass
class ClockBatch:
    """Pictures and what they show. N pictures of S x S pixels.

    pictures: (N, S, S, 3) uint8 RGB.  seconds: (N,) float32, 0 <= s < 43,200, the time shown; NaN where there is no
    dial.  hour, minute, second, twelve: (N,) float32, clockwise degrees from up, in the picture's frame (up to the
    pose's stretch), NaN where there is none to see.  pose: (N, 7) float32, see ``camera``; NaN without a dial.
    """

    pictures: NDArray[np.uint8]
    seconds: NDArray[np.float32]
    hour: NDArray[np.float32]
    minute: NDArray[np.float32]
    second: NDArray[np.float32]
    twelve: NDArray[np.float32]
    pose: NDArray[np.float32]

    def labels(self) -> dict[str, NDArray[np.float32]]:
        """Everything but the pictures, by name: what the codecs of clocks encode."""
        return {name: getattr(self, name) for name in ("seconds", "hour", "minute", "second", "twelve", "pose")}

    def scores(self, beliefs: Sequence[ClockBelief | TimeBelief]) -> dict[str, float]:
        """The metrics of evaluation, of what was read of these pictures: shares 0..1, and minutes."""
        shown = ~np.isnan(self.seconds)
        read = np.array([belief.minutes() for belief in beliefs])[shown]
        true = self.seconds[shown] / 60
        scores = {**metrics.time_scores(read, true), **metrics.figure_scores(read, true)}
        return {name: float(value) for name, value in scores.items()}  # type: ignore[arg-type]

    @staticmethod
    def describe(scores: dict[str, float]) -> str:
        return (
            f"within 1 min {scores['within_1']:.1%}, mean {scores['mean']:.2f} min, median {scores['median']:.2f} min; "
            f"right: hour {scores['hour']:.1%}, minute {scores['minute']:.1%}, both {scores['both']:.1%}; "
            f"off: hours alone {scores['hour_error']:.2f} min, minutes alone {scores['minute_error']:.2f} min, "
            f"both {scores['time_error']:.2f} min"
        )


@dataclass
class Face:
    """A drawn clock without its hands.

    body_radius: of the whole case in dial radii.  turns: it shows where twelve is.
    """

    image: skia.Image
    ground: Colour
    ink: Colour
    body_radius: float
    turns: bool


class Drawn(Protocol):
    """A face of any instrument, as a picture."""

    @property
    def image(self) -> skia.Image:
        """FACE_REACH units to each side of its centre."""


def place(radius: float, degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return radius * math.sin(angle), -radius * math.cos(angle)


class FaceMaker:
    """Samples one face and draws it. Every method draws one part on the canvas."""

    def __init__(self, seed: int) -> None:
        self.rnd = rnd = Random(seed)
        self.ground = paint.face_colour(rnd)
        self.ink = contrasting(rnd, self.ground)
        kind = rnd.random()
        self.shape = (
            "round" if kind < 0.82 else rnd.choice(("square", "square", "soft", "soft", "oval", "octagon", "bare"))
        )
        self.rim = rnd.choice((0.0, rnd.uniform(0.02, 0.08), rnd.uniform(0.05, 0.2), rnd.uniform(0.1, 0.45)))
        self.aspect = rnd.uniform(0.72, 1.3) if self.shape == "oval" else 1.0
        if self.shape in ("square", "soft") and rnd.random() < 0.2:
            self.aspect = rnd.uniform(0.85, 1.2)
        # Square plates reach beyond the circle of the minute track; round ones end there or a little outside.
        self.plate = RADIUS * (rnd.uniform(1.0, 1.12) if self.shape != "octagon" else 1.08)
        self.edge = RADIUS * rnd.uniform(0.88, 0.985)  # outer end of the minute track
        self.turns = False

    def make(self, size_px: int) -> Face:
        """Draw the face for pictures of that size."""
        rnd = self.rnd
        side_px = max(FACE_PX, FACE_PX * size_px // 112)
        surface = skia.Surface(side_px, side_px)
        canvas = surface.getCanvas()
        canvas.scale(side_px / (2 * FACE_REACH), side_px / (2 * FACE_REACH))
        canvas.translate(FACE_REACH, FACE_REACH)
        body = self.draw_case(canvas)
        self.draw_plate(canvas)
        inner = self.edge
        if rnd.random() < 0.16:
            inner = self.draw_outer_numbers(canvas, inner)
        has_ticks = rnd.random() < 0.8
        if has_ticks:
            inner = self.draw_ticks(canvas, inner)
        if rnd.random() < 0.87 or not has_ticks:
            inner = self.draw_numerals(canvas, inner)
        self.draw_inside(canvas, inner)
        return Face(surface.makeImageSnapshot().withDefaultMipmaps(), self.ground, self.ink, body, self.turns)

    # --- the case and the plate ---

    def outline(self, radius: float) -> skia.Path:
        path = skia.Path()
        if self.shape in ("square", "soft"):
            wide, tall = radius * max(1.0, 1 / self.aspect), radius * max(1.0, self.aspect)  # the dial is round
            rect = skia.Rect.MakeLTRB(-wide, -tall, wide, tall)
            corner = radius * (0.03 if self.shape == "square" else 0.28)
            path.addRoundRect(rect, corner, corner)
        elif self.shape == "oval":
            path.addOval(skia.Rect.MakeLTRB(-radius, -radius * self.aspect, radius, radius * self.aspect))
        elif self.shape == "octagon":
            return hands.polygon([place(radius, 22.5 + 45 * k) for k in range(8)])
        else:
            path.addCircle(0, 0, radius)
        return path

    def draw_case(self, canvas: skia.Canvas) -> float:
        """Rim, body, bells, feet, strap, rays, cast shadow. Returns the body's radius in dial radii."""
        rnd = self.rnd
        if self.shape == "bare":
            return self.plate / RADIUS
        outer = self.plate * (1 + self.rim)
        colour = any_colour(rnd) if rnd.random() < 0.6 else shade(self.ground, rnd.uniform(-0.7, 0.4))
        extras = rnd.random()
        if extras < 0.07:  # strap of a watch
            half = outer * rnd.uniform(0.4, 0.75)
            strap = fill(any_colour(rnd))
            canvas.drawRect(skia.Rect.MakeLTRB(-half, -3 * outer, half, 3 * outer), strap)
            canvas.drawRect(skia.Rect.MakeXYWH(outer * 0.95, -outer * 0.1, outer * 0.2, outer * 0.2), fill(colour))
        elif extras < 0.14:  # bells, handle and feet of an alarm clock
            for side in (-1, 1):
                bell = skia.Rect.MakeXYWH(side * outer * 0.65 - outer * 0.38, -outer * 1.5, outer * 0.76, outer * 0.6)
                canvas.drawOval(bell, paint.gradient(rnd, colour, outer))
                canvas.drawLine(0, 0, side * outer * 0.75, outer * 1.25, stroke(colour, outer * 0.1))
        elif extras < 0.2:  # rays, petals, a carved wreath
            count, reach = rnd.choice((8, 12, 16, 24, 36)), outer * rnd.uniform(1.15, 1.6)
            for k in range(count):
                if rnd.random() < 0.5:
                    canvas.drawCircle(*place(outer * 1.05, 360 * k / count), reach * 2.2 / count, fill(colour))
                else:
                    canvas.drawLine(0, 0, *place(reach, 360 * k / count), stroke(colour, rnd.uniform(2, 12)))
            outer_body = reach
        elif extras < 0.32:  # a box, a plaque, a tower's wall
            half = outer * rnd.uniform(1.02, 1.5)
            box = skia.Rect.MakeLTRB(-half, -half * rnd.uniform(0.8, 1.5), half, half * rnd.uniform(0.8, 1.5))
            look = rnd.random()
            box_colour = any_colour(rnd)
            box_paint = fill(box_colour) if look < 0.5 else paint.gradient(rnd, box_colour, half)
            if look > 0.8:
                box_paint = paint.grain(rnd, box_colour, rnd.uniform(4, 40))
            corner = rnd.choice((0.0, 0.1, 0.4)) * half
            canvas.drawRoundRect(box, corner, corner, box_paint)
        if rnd.random() < 0.3:  # the whole clock's shadow on the wall
            canvas.save()
            canvas.translate(rnd.gauss(0, 7), rnd.gauss(5, 6))
            softness = rnd.uniform(0, 9)
            pen = fill((0, 0, 0), rnd.uniform(0.04, 0.18))
            for k in (-1, 0, 1):  # three layers stand for a blur, at a tenth of its cost
                canvas.drawPath(self.outline(outer + k * softness), pen)
            canvas.restore()
        rings = rnd.choice((1, 1, 2, 3)) if self.rim > 0.03 else 1
        if self.rim > 0:
            for k in range(rings):
                radius = outer - (outer - self.plate) * k / rings
                ring = shade(colour, rnd.uniform(-0.5, 0.5)) if k else colour
                look = rnd.random()
                if look < 0.5:
                    ring_paint = fill(ring)
                elif look < 0.9:
                    ring_paint = paint.gradient(rnd, ring, outer)
                else:
                    ring_paint = paint.grain(rnd, ring, rnd.uniform(4, 30))
                canvas.drawPath(self.outline(radius), ring_paint)
            if self.rim > 0.12 and rnd.random() < 0.2:  # a diver's bezel: marks that are no minutes
                count = rnd.choice((12, 24, 60))
                for k in range(count):
                    x, y = place((outer + self.plate) / 2, 360 * k / count)
                    canvas.drawCircle(x, y, rnd.uniform(1, 3), fill(contrasting(rnd, colour)))
        if 0.14 <= extras < 0.2:
            return outer_body / RADIUS
        return outer / RADIUS

    def draw_plate(self, canvas: skia.Canvas) -> None:
        rnd = self.rnd
        path = self.outline(self.plate)
        if self.shape == "bare":  # numerals on the wall, on glass, on wood
            if rnd.random() < 0.4:
                canvas.drawCircle(0, 0, RADIUS * 1.3, fill(self.ground))
            else:
                canvas.drawPaint(fill(self.ground))
            return
        look = rnd.random()
        if look < 0.66:
            canvas.drawPath(path, fill(self.ground))
        elif look < 0.92:
            canvas.drawPath(path, paint.gradient(rnd, self.ground, self.plate, rnd.uniform(0.05, 0.4)))
        else:
            canvas.drawPath(path, paint.grain(rnd, self.ground, rnd.uniform(3, 60), rnd.uniform(0.05, 0.6)))
        canvas.save()
        canvas.clipPath(path, True)
        for _ in range(rnd.choice((0, 0, 0, 0, 1, 1, 2))):  # an inner disc or zone of another colour, rings
            radius = rnd.uniform(0.25, 0.85) * RADIUS
            if rnd.random() < 0.5:
                tone = mixed(self.ground, any_colour(rnd), rnd.uniform(0.05, 0.9))
                if abs(luminance(tone) - luminance(self.ink)) > 0.25:
                    canvas.drawCircle(0, 0, radius, fill(tone))
            else:
                canvas.drawCircle(
                    0, 0, radius, stroke(mixed(self.ground, self.ink, rnd.uniform(0.2, 1)), rnd.uniform(0.4, 2))
                )
        if rnd.random() < 0.09:
            self.draw_ornament(canvas)
        if rnd.random() < 0.3 and self.rim > 0:  # the rim's shadow on the plate
            canvas.translate(rnd.gauss(0, 4), rnd.gauss(3, 4))
            width, alpha = rnd.uniform(4, 16), rnd.uniform(0.04, 0.18)
            for share in (1.0, 0.66, 0.33):
                canvas.drawPath(self.outline(self.plate * 1.02), stroke((0, 0, 0), width * share, alpha))
        canvas.restore()

    def draw_ornament(self, canvas: skia.Canvas) -> None:
        """A picture, engraving or pattern on the plate: random curves and blobs in muted tones."""
        rnd = self.rnd
        for _ in range(rnd.choice((3, 6, 10, 18))):
            colour = mixed(self.ground, any_colour(rnd), rnd.uniform(0.15, 1.0))
            path = skia.Path()
            x, y = rnd.gauss(0, 30), rnd.gauss(0, 30)
            path.moveTo(x, y)
            for _ in range(rnd.choice((1, 2, 3))):
                path.quadTo(x + rnd.gauss(0, 35), y + rnd.gauss(0, 35), x + rnd.gauss(0, 35), y + rnd.gauss(0, 35))
            canvas.drawPath(path, fill(colour) if rnd.random() < 0.5 else stroke(colour, rnd.uniform(0.6, 4)))

    # --- marks that tell ---

    def place(self, radius: float, degrees: float) -> tuple[float, float]:
        """A place on the dial in that direction, where a hand would point to it; on an oval plate as much nearer as
        its edge is."""
        if self.shape == "oval":
            angle = math.radians(degrees)
            radius /= math.hypot(math.sin(angle), math.cos(angle) / self.aspect)
        return place(radius, degrees)

    def draw_ticks(self, canvas: skia.Canvas, outer: float) -> float:
        """Minute and hour marks. Returns the radius inside them."""
        rnd = self.rnd
        ink = self.ink if rnd.random() < 0.8 else contrasting(rnd, self.ground, 0.2)
        minute_length = rnd.uniform(2, 8)
        minute_kind = rnd.choice(("none", "line", "line", "line", "dot", "rail"))
        squarish = self.shape in ("square", "soft") and rnd.random() < 0.5

        def at(degrees: float, radius: float) -> tuple[float, float]:
            x, y = self.place(radius, degrees)
            if squarish:  # a track along the square's edge
                grow = radius / max(abs(x), abs(y))
                x, y = x * grow, y * grow
            return x, y

        def line(canvas: skia.Canvas, degrees: float, length: float, pen: skia.Paint) -> None:
            canvas.drawLine(*at(degrees, outer), *at(degrees, outer - length), pen)

        if minute_kind in ("line", "rail"):
            pen = stroke(ink, rnd.uniform(0.5, 1.8))
            for k in range(60):
                if k % 5 or rnd.random() < 0.5:
                    line(canvas, 6 * k, minute_length, pen)
            if minute_kind == "rail" and not squarish and self.aspect == 1.0:
                rail = stroke(ink, rnd.uniform(0.4, 1.2))
                canvas.drawCircle(0, 0, outer, rail)
                canvas.drawCircle(0, 0, outer - minute_length, rail)
        elif minute_kind == "dot":
            radius = rnd.uniform(0.5, 1.3)
            pen = fill(ink)
            for k in range(60):
                if k % 5:
                    canvas.drawCircle(*at(6 * k, outer - radius), radius, pen)

        hour_kind = rnd.choice(("none", "line", "line", "bar", "bar", "dot", "triangle", "diamond", "square"))
        if hour_kind == "none":
            return outer - (minute_length if minute_kind != "none" else 0)
        length = rnd.uniform(4, 11) if rnd.random() < 0.65 else rnd.uniform(10, 30)
        width = rnd.uniform(1.2, 3) if hour_kind == "line" else rnd.uniform(3, 8)
        only = rnd.choice((1, 1, 1, 1, 3, 6))
        special = rnd.random()
        for k in range(0, 12, only):
            degrees = 30.0 * k
            mark_length, mark_width = length, width
            if k % 3 == 0 and special < 0.25:
                mark_length, mark_width = length * 1.4, width * 1.4
            if k == 0 and special < 0.2:  # twelve has its own mark
                self.turns = True
                self.draw_mark(
                    canvas, rnd.choice(("double", "triangle", "bar")), at(0, outer), 0, length * 1.3, width * 1.8, ink
                )
                continue
            if hour_kind == "line":
                line(canvas, degrees, mark_length, stroke(ink, mark_width))
            else:
                self.draw_mark(canvas, hour_kind, at(degrees, outer), degrees, mark_length, mark_width, ink)
        return outer - max(length if hour_kind in ("line", "bar", "triangle") else width * 1.4, minute_length)

    def draw_mark(
        self,
        canvas: skia.Canvas,
        kind: str,
        at: tuple[float, float],
        degrees: float,
        length: float,
        width: float,
        ink: Colour,
    ) -> None:
        pen = fill(ink)
        half = width / 2
        canvas.save()
        canvas.translate(*at)
        canvas.rotate(degrees)
        if kind == "bar":
            canvas.drawRect(skia.Rect.MakeLTRB(-half, 0, half, length), pen)
        elif kind == "double":
            canvas.drawRect(skia.Rect.MakeLTRB(-half * 1.6, 0, -half * 0.4, length), pen)
            canvas.drawRect(skia.Rect.MakeLTRB(half * 0.4, 0, half * 1.6, length), pen)
        elif kind == "triangle":
            canvas.drawPath(hands.polygon([(-half * 1.3, 0), (half * 1.3, 0), (0, length)]), pen)
        elif kind == "diamond":
            canvas.drawPath(hands.polygon([(0, 0), (half, half), (0, width), (-half, half)]), pen)
        elif kind == "square":
            canvas.drawRect(skia.Rect.MakeLTRB(-half, 0, half, width), pen)
        else:
            canvas.drawCircle(0, half, half, pen)
        canvas.restore()

    def draw_outer_numbers(self, canvas: skia.Canvas, outer: float) -> float:
        """A ring of 5 ... 60, small, outside the track. Returns the radius inside it."""
        rnd = self.rnd
        size = rnd.uniform(5, 9)
        font = paint.pick_font(rnd, size)
        pen = fill(self.ink)
        for k in range(1, 13):
            self.draw_text(canvas, str(5 * k), 30.0 * k, outer - size / 2, font, pen, turned=rnd.random() < 0.02)
        self.turns = True
        return outer - size - 1

    def draw_text(
        self,
        canvas: skia.Canvas,
        text: str,
        degrees: float,
        radius: float,
        font: skia.Font,
        pen: skia.Paint,
        *,
        turned: bool,
    ) -> None:
        """Text centred at a place on the dial; turned: its feet point to the centre."""
        metrics_height = font.getSize() * 0.35
        canvas.save()
        canvas.translate(*self.place(radius, degrees))
        if turned:
            canvas.rotate(degrees)
        canvas.drawString(text, -font.measureText(text) / 2, metrics_height, font, pen)
        canvas.restore()

    def draw_numerals(self, canvas: skia.Canvas, outer: float) -> float:
        """The ring of hours. Returns the radius inside it."""
        rnd = self.rnd
        roman = rnd.random() < 0.27
        texts = (ROMAN if rnd.random() < 0.5 else ROMAN_IIII) if roman else ARABIC
        size = rnd.uniform(13, 30) if rnd.random() < 0.85 else rnd.uniform(28, 40)
        outer = max(outer, 66.0)
        size = min(size, outer * 0.42)
        font = paint.pick_font(rnd, size)
        if roman:
            font.setScaleX(rnd.uniform(0.55, 1.0))
            font.setSkewX(0)
        turned = rnd.random() < (0.75 if roman else 0.06)
        flip = turned and rnd.random() < 0.5  # the lower half reads from outside
        which = rnd.random()
        shown = range(1, 13)
        if which > 0.8:
            shown = rnd.choice((range(3, 13, 3), range(3, 13, 3), range(12, 13), range(6, 13, 6), range(2, 13, 2)))
        ink = self.ink if rnd.random() < 0.8 else contrasting(rnd, self.ground, 0.25)
        outlined = rnd.random() < 0.05
        cartouche = contrasting(rnd, self.ground, 0.3) if rnd.random() < 0.06 else None
        if cartouche is not None and abs(luminance(cartouche) - luminance(ink)) < 0.3:
            ink = contrasting(rnd, cartouche)
        motley = rnd.random() < 0.05
        relief = rnd.random() < 0.1
        gap = rnd.uniform(1, 7)
        wide = 0.62 if roman else 0.5
        radius = outer - gap - size * (0.42 if turned else wide)
        # On oblong plates and in the wild numerals do not sit on one circle.
        stretch = rnd.uniform(0.0, 0.12) if self.shape in ("square", "soft") and rnd.random() < 0.6 else 0.0
        for hour in shown:
            text = texts[hour - 1]
            pen_colour = contrasting(rnd, self.ground, 0.25) if motley else ink
            pen = stroke(pen_colour, 0.9) if outlined else fill(pen_colour)
            r = radius * (1 + stretch * abs(math.sin(math.radians(60 * hour))))
            if cartouche is not None:
                canvas.drawCircle(*self.place(r, 30 * hour), size * 0.62, fill(cartouche))
            for shift, how in (((size * 0.06, size * 0.07), fill((0, 0, 0), 0.3)), ((0.0, 0.0), pen))[not relief :]:
                canvas.save()
                canvas.translate(*shift)
                if flip and hour in (4, 5, 6, 7, 8):
                    canvas.translate(*self.place(r, 30 * hour))
                    canvas.rotate(30 * hour + 180)
                    canvas.drawString(text, -font.measureText(text) / 2, size * 0.35, font, how)
                else:
                    self.draw_text(canvas, text, 30.0 * hour, r, font, how, turned=turned)
                canvas.restore()
        self.turns = True
        inner = radius - size * 0.5
        if inner > 45 and rnd.random() < 0.06:  # 13 ... 24 inside
            small = paint.pick_font(rnd, rnd.uniform(6, 9))
            for hour in range(1, 13):
                self.draw_text(canvas, str(hour + 12), 30.0 * hour, inner - 6, small, fill(ink), turned=False)
            inner -= 11
        return inner

    # --- things inside the ring ---

    def draw_inside(self, canvas: skia.Canvas, inner: float) -> None:
        """Names, date windows, sub-dials, displays, winding holes, a pendulum's cut-out."""
        rnd = self.rnd
        faint = mixed(self.ground, self.ink, rnd.uniform(0.3, 1))
        if rnd.random() < 0.6:
            size = rnd.uniform(5, 13) if rnd.random() < 0.88 else rnd.uniform(12, 22)
            paint.draw_word(canvas, rnd, faint, 0, -inner * rnd.uniform(0.3, 0.6), size)
        if rnd.random() < 0.3:
            paint.draw_word(canvas, rnd, faint, 0, inner * rnd.uniform(0.3, 0.7), rnd.uniform(3.5, 8))
        if rnd.random() < 0.1:
            canvas.drawCircle(0, -inner * rnd.uniform(0.4, 0.6), rnd.uniform(2, 6), fill(any_colour(rnd)))
        if rnd.random() < 0.1:  # date
            x = inner * rnd.uniform(0.55, 0.95)
            canvas.save()
            canvas.rotate(rnd.choice((0, 0, 0, 90, 45)))
            canvas.drawRect(skia.Rect.MakeXYWH(x - 7, -6, rnd.choice((14, 26)), 12), fill(shade(self.ground, 0.7)))
            font = paint.pick_font(rnd, 10)
            canvas.drawString(str(rnd.randint(1, 31)), x - 5, 3.5, font, fill((0.1, 0.1, 0.1)))
            canvas.restore()
        if rnd.random() < 0.05:  # a small liquid-crystal display
            y = inner * rnd.uniform(0.3, 0.7)
            canvas.drawRect(skia.Rect.MakeXYWH(-22, y - 8, 44, 16), fill((0.6, 0.65, 0.55)))
            canvas.drawString(
                f"{rnd.randint(1, 12)}:{rnd.randint(0, 59):02d}",
                -15,
                y + 5,
                paint.pick_font(rnd, 13),
                fill((0.1, 0.1, 0.1)),
            )
        if rnd.random() < 0.15:
            for degrees in rnd.choice(((180,), (180,), (180,), (270, 90), (0, 180), (270, 180, 90), (90,))):
                self.draw_sub_dial(canvas, degrees, inner)
        if rnd.random() < 0.07:  # winding holes
            for side in (-1, 1):
                canvas.drawCircle(side * inner * 0.45, inner * 0.35, rnd.uniform(2, 5), fill((0.1, 0.08, 0.05)))
        if rnd.random() < 0.03:  # a cut-out that shows the works
            canvas.drawCircle(
                0, inner * rnd.uniform(0.3, 0.6), rnd.uniform(10, 25), paint.grain(rnd, any_colour(rnd), 5)
            )

    def draw_sub_dial(self, canvas: skia.Canvas, degrees: float, inner: float) -> None:
        rnd = self.rnd
        radius = rnd.uniform(10, 28)
        ink = self.ink if rnd.random() < 0.7 else contrasting(rnd, self.ground)
        canvas.save()
        canvas.translate(*place(min(inner * 0.75, 55), degrees))
        if rnd.random() < 0.5:
            canvas.drawCircle(0, 0, radius, fill(mixed(self.ground, ink, rnd.uniform(0, 0.35))))
        canvas.drawCircle(0, 0, radius, stroke(ink, rnd.uniform(0.4, 1.5)))
        pen = stroke(ink, rnd.uniform(0.4, 1.2))
        marks = rnd.choice((4, 12, 12, 30))
        for k in range(marks):
            canvas.drawLine(*place(radius * 0.98, 360 * k / marks), *place(radius * 0.82, 360 * k / marks), pen)
        if rnd.random() < 0.4:
            font = paint.pick_font(rnd, radius * 0.35)
            for k, text in enumerate(("60", "15", "30", "45")):
                self.draw_text(canvas, text, 90.0 * k, radius * 0.6, font, fill(ink), turned=False)
        turn = rnd.uniform(0, 360)
        canvas.drawLine(
            *place(-radius * 0.2, turn), *place(radius * rnd.uniform(0.6, 0.95), turn), stroke(ink, rnd.uniform(0.6, 2))
        )
        canvas.restore()


@dataclass
class HandSet:
    """The hands of one clock, sampled once a face."""

    hour: hands.Hand
    minute: hands.Hand
    second: tuple[float, float, float, float, Colour] | None  # length, width, tail, disc, colour
    alarm: tuple[float, float, float, float, Colour] | None
    cap_radius: float
    cap: Colour
    shadow: tuple[float, float]
    hour_error: float  # standard deviation, degrees, of a badly set hour hand


def make_hands(rnd: Random, face: Face) -> HandSet:
    """Sample hands for a face: lengths from stubby to equal, of its ink or of a colour of their own."""
    ground = face.ground
    kind = rnd.random()
    if kind < 0.55 and abs(luminance(face.ink) - luminance(ground)) > 0.25:
        colour = face.ink
    elif kind < 0.83:
        colour = contrasting(rnd, ground, 0.22)
    elif kind < 0.93:  # pale gold on marble, grey on white
        colour = contrasting(rnd, ground, 0.1)
        if abs(luminance(colour) - luminance(ground)) > 0.3:
            colour = mixed(ground, colour, rnd.uniform(0.25, 0.6))
    else:  # as good as the plate's own colour: outline and shadow alone show them
        colour = shade(ground, rnd.uniform(-0.25, 0.25))
    look = hands.pick_look(rnd, colour, ground)
    family = hands.pick_family(rnd)
    minute_length = min(max(rnd.gauss(80, 10), 52), 100)
    ratio = rnd.uniform(0.5, 0.76) if rnd.random() < 0.8 else rnd.uniform(0.74, 0.97)
    if rnd.random() < 0.04:
        ratio = rnd.uniform(0.35, 0.5)
    minute_width = rnd.choice((rnd.uniform(1.2, 3.5), rnd.uniform(2.5, 7), rnd.uniform(2.5, 7), rnd.uniform(5, 12)))
    thicker = rnd.uniform(0.95, 1.25) if rnd.random() < 0.5 else rnd.uniform(1.2, 2.2)
    if ratio > 0.86:
        thicker = max(thicker, rnd.uniform(1.35, 2.5))
    tail = rnd.choice((0.0, 0.0, rnd.uniform(4, 14), rnd.uniform(8, 34)))
    hour_tail = tail * rnd.choice((1.0, 0.7, 0.0)) if rnd.random() < 0.8 else rnd.uniform(0, 20)
    hour_family = family if rnd.random() < 0.86 else hands.pick_family(rnd)
    hour_colour = colour if rnd.random() < 0.93 else contrasting(rnd, ground)
    minute = hands.make_hand(rnd, family, minute_length, minute_width, tail, colour, look)
    hour = hands.make_hand(
        rnd, hour_family, minute_length * ratio, minute_width * thicker, hour_tail, hour_colour, look
    )
    second = alarm = None
    if rnd.random() < 0.48:
        second_colour = (
            from_red(rnd) if rnd.random() < 0.45 else (colour if rnd.random() < 0.6 else contrasting(rnd, ground, 0.15))
        )
        disc = rnd.uniform(3, 9) if rnd.random() < 0.06 else 0.0
        length = rnd.uniform(60, 100) if rnd.random() < 0.9 else rnd.uniform(35, 60)
        second = (length, rnd.uniform(0.6, 2.4), rnd.choice((0.0, rnd.uniform(8, 45))), disc, second_colour)
    if rnd.random() < 0.08:
        alarm_colour = from_red(rnd) if rnd.random() < 0.4 else contrasting(rnd, ground, 0.2)
        alarm = (rnd.uniform(28, 62), rnd.uniform(0.8, 3), rnd.choice((0.0, rnd.uniform(4, 14))), 0.0, alarm_colour)
    cap = rnd.choice((colour, colour, hour_colour, any_colour(rnd), second[4] if second else colour))
    cap_radius = minute_width * rnd.uniform(0.4, 1.2) if rnd.random() < 0.8 else rnd.uniform(4, 16)
    reach = rnd.choice((0.5, 1, 2, 4))
    sloppy = rnd.random()
    return HandSet(
        hour=hour,
        minute=minute,
        second=second,
        alarm=alarm,
        cap_radius=cap_radius,
        cap=cap,
        shadow=(rnd.gauss(0, 1.5) * reach, rnd.gauss(0.8, 1.2) * reach),
        hour_error=0.8 if sloppy < 0.75 else (2.2 if sloppy < 0.95 else 4.5),
    )


def from_red(rnd: Random) -> Colour:
    return paint.from_hsv(rnd.uniform(-0.04, 0.06), rnd.uniform(0.75, 1), rnd.uniform(0.6, 1))


def pick_seconds(rnd: Random) -> float:
    """A time of the twelve hours: mostly any, sometimes a hard one: near a full hour, hands over each other."""
    kind = rnd.random()
    if kind < 0.84:
        return rnd.uniform(0, SECONDS_PER_TURN)
    if kind < 0.94:
        return (rnd.randrange(12) * 3600 + rnd.gauss(0, 120)) % SECONDS_PER_TURN
    turns = rnd.randrange(11) + rnd.choice((0.0, 0.5))
    return (turns * SECONDS_PER_TURN / 11 + rnd.gauss(0, 60)) % SECONDS_PER_TURN


@dataclass(frozen=True)
class ClockSource:
    """Clocks as strangers photograph them.

    size_px: side of the pictures.  straight: share of pictures in the pose that straightening leaves, the rest are
    loose crops.  empty: share without a dial.
    """

    size_px: int = 112
    straight: float = 0.55
    empty: float = 0.03

    def batch(self, seed: int, step: int, count: int) -> ClockBatch:
        """``count`` pictures, a pure function of (seed, step)."""
        rnd = Random(f"clocks {seed} {step}")
        size = self.size_px
        pictures = np.empty((count, size, size, 3), dtype=np.uint8)
        seconds, hour, minute, second, twelve = np.full((5, count), np.nan, dtype=np.float32)
        pose = np.full((count, POSE_NUMBERS), np.nan, dtype=np.float32)
        batch = ClockBatch(pictures, seconds, hour, minute, second, twelve, pose)
        sheet = np.empty((size, size, 4), dtype=np.uint8)
        for index in range(count):
            if index % PICTURES_PER_FACE == 0:
                face = FaceMaker(rnd.getrandbits(62)).make(size)
                hand_set = make_hands(rnd, face)
                wall = paint.make_wall(rnd, size)
            if rnd.random() < self.empty:
                surface = skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType)
                with surface as canvas:
                    draw_nothing(canvas, rnd, size, face)
            else:
                self.draw_one(rnd, face, hand_set, wall, batch, index, sheet)
            pictures[index] = camera.develop(rnd, sheet[..., :3])
        return batch

    def draw_one(
        self,
        rnd: Random,
        face: Face,
        hand_set: HandSet,
        wall: skia.Image,
        batch: ClockBatch,
        index: int,
        sheet: NDArray[np.uint8],
    ) -> None:
        """Draw one picture of a clock into ``sheet`` (S, S, 4) and its labels into the batch."""
        size = self.size_px
        is_straight = rnd.random() < self.straight
        pose = (
            camera.pick_straight_pose(rnd, face.turns)
            if is_straight
            else camera.pick_loose_pose(rnd, face.body_radius, face.turns)
        )
        seconds = pick_seconds(rnd)
        angles = {
            "hour": seconds / 120 + rnd.gauss(0, hand_set.hour_error),
            "minute": seconds / 10 + rnd.gauss(0, MINUTE_ERROR_DEGREES),
            "second": seconds * 6,
        }
        drawn_px = size
        if rnd.random() < 0.2:  # a tiny picture, scaled up
            drawn_px = int(size * (rnd.uniform(0.55, 1.0) if rnd.random() < 0.7 else rnd.uniform(0.25, 0.6)))
        with camera.taken_with(drawn_px, sheet) as canvas:
            paint.draw_wall(canvas, rnd, wall, drawn_px)
            canvas.save()
            canvas.concat(pose.canvas_matrix(drawn_px, RADIUS))
            draw_face(canvas, face)
            draw_hands(canvas, rnd, hand_set, angles)
            if rnd.random() < 0.22:
                camera.draw_glass(canvas, rnd, RADIUS)
            canvas.restore()
            if rnd.random() < 0.08:
                paint.draw_something_before(canvas, rnd, drawn_px)
            if rnd.random() < 0.25:  # the picture's own edge inside the frame: a square pad, or beyond the photo
                mask_border(
                    canvas, rnd, drawn_px, 0.14 if is_straight else 0.25, rnd.gauss(0, 6) if is_straight else 0.0
                )
        turn = pose.rotation_degrees
        batch.seconds[index] = np.float32(seconds) % SECONDS_PER_TURN
        batch.hour[index] = (angles["hour"] + turn) % 360
        batch.minute[index] = (angles["minute"] + turn) % 360
        if hand_set.second is not None:
            batch.second[index] = (angles["second"] + turn) % 360
        batch.twelve[index] = turn % 360
        batch.pose[index] = pose.vector()


def draw_face(canvas: skia.Canvas, face: Drawn) -> None:
    sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kNearest)
    canvas.drawImageRect(face.image, skia.Rect.MakeLTRB(-FACE_REACH, -FACE_REACH, FACE_REACH, FACE_REACH), sampling)


def draw_hands(canvas: skia.Canvas, rnd: Random, hand_set: HandSet, degrees: dict[str, float]) -> None:
    """Hour below minute below second, as clocks have them; the alarm's lowest."""
    if hand_set.alarm is not None:
        length, width, tail, disc, colour = hand_set.alarm
        hands.draw_second_hand(canvas, rnd.uniform(0, 360), length, width, tail, disc, colour)
    hand_set.hour.draw(canvas, degrees["hour"], hand_set.shadow)
    hand_set.minute.draw(canvas, degrees["minute"], hand_set.shadow)
    cap_below = rnd.random() < 0.1
    if cap_below:
        hands.draw_cap(canvas, rnd, hand_set.cap, hand_set.cap_radius)
    if hand_set.second is not None:
        length, width, tail, disc, colour = hand_set.second
        hands.draw_second_hand(canvas, degrees["second"], length, width, tail, disc, colour)
    if not cap_below:
        hands.draw_cap(canvas, rnd, hand_set.cap, hand_set.cap_radius)


def mask_border(canvas: skia.Canvas, rnd: Random, size_px: int, most: float, slant_degrees: float) -> None:
    """Black (or white) out a strip at one or two opposite sides, as square padding and crops beyond the edge do;
    slanted where the straightening turned the picture."""
    colour = paint.argb((0, 0, 0) if rnd.random() < 0.85 else (1, 1, 1))
    pen = skia.Paint(Color=colour)
    first = rnd.uniform(0, most) * size_px
    second = first if rnd.random() < 0.5 else rnd.uniform(0, most) * size_px * rnd.choice((0, 1))
    far = 2 * size_px
    canvas.save()
    canvas.rotate(slant_degrees, size_px / 2, size_px / 2)
    if rnd.random() < 0.5:
        canvas.drawRect(skia.Rect.MakeLTRB(-far, -far, far, first), pen)
        canvas.drawRect(skia.Rect.MakeLTRB(-far, size_px - second, far, far), pen)
    else:
        canvas.drawRect(skia.Rect.MakeLTRB(-far, -far, first, far), pen)
        canvas.drawRect(skia.Rect.MakeLTRB(size_px - second, -far, far, far), pen)
    canvas.restore()


def draw_nothing(canvas: skia.Canvas, rnd: Random, size_px: int, face: Face) -> None:
    """A picture without a time: clutter, or a dial that has lost its hands."""
    paint.draw_background(canvas, rnd, size_px)
    if rnd.random() < 0.4:
        canvas.concat(camera.pick_loose_pose(rnd, face.body_radius, face.turns).canvas_matrix(size_px, RADIUS))
        draw_face(canvas, face)
    else:
        for _ in range(rnd.randrange(12)):
            paint.draw_clutter(canvas, rnd, size_px)


def write_pictures(out: Path, n: int, seed: int, sheet: bool, size_px: int) -> None:
    """``facevalue synth clocks``: a folder of PNG files with labels.csv, or one contact sheet.

    The index has, beside file and label (H:MM), seconds past twelve and the directions of the hands, for whoever
    wants to train on the pictures elsewhere.  Raises FaceValueError when OUT can't be written.
    """
    source = ClockSource(size_px=size_px, empty=0.0)
    pictures = (
        picture for step in range(-(-n // SYNTH_BATCH)) for picture in rows(source.batch(seed, step, SYNTH_BATCH))
    )
    chosen = itertools.islice(pictures, n)
    if sheet:
        albums.write_sheet(out, ((picture, with_seconds(label["seconds"])) for picture, label in chosen))
        return
    header = "label,seconds,hour_degrees,minute_degrees,twelve_degrees"
    albums.write_folder(out, header, ((picture, index_line(label)) for picture, label in chosen), n, f"clock_{seed}")


def index_line(label: Mapping[str, float]) -> str:
    """Time as H:MM, seconds, and the three angles."""
    angles = ",".join(f"{label[key]:.2f}" for key in ("hour", "minute", "twelve"))
    return f"{format_time(label['seconds'] // 60)},{label['seconds']:.1f},{angles}"


def with_seconds(seconds: float) -> str:
    """12-hour H:MM:SS."""
    return f"{format_time(seconds // 60)}:{int(seconds) % 60:02d}"


def rows(batch: ClockBatch) -> Iterator[tuple[NDArray[np.uint8], dict[str, float]]]:
    """The pictures of a batch one by one, each with its scalar labels."""
    for index, picture in enumerate(batch.pictures):
        yield picture, {name: float(values[index]) for name, values in batch.labels().items() if values.ndim == 1}
