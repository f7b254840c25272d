"""Shapes of hands and needles: a dozen and a half families, drawn pointing up from the origin.

Units are the canvas's own: a dial has radius 100. A ``Hand`` is sampled once for a face and drawn at many angles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from facevalue.sources.paint import Colour, argb, fill, luminance, shade, skia, stroke

FAMILIES = (
    ("stick", 16),
    ("rounded", 12),
    ("taper", 10),
    ("pencil", 8),
    ("wedge", 6),
    ("paddle", 4),
    ("dauphine", 7),
    ("leaf", 7),
    ("sword", 6),
    ("syringe", 4),
    ("arrow", 6),
    ("spade", 12),
    ("breguet", 7),
    ("mercedes", 2),
    ("cathedral", 5),
    ("fretwork", 10),
    ("floating", 2),
    ("serpentine", 3),
)


@dataclass(frozen=True)
class Hand:
    """One hand: shape and look. ``draw`` puts it on a canvas whose origin is the pivot."""

    body: skia.Path
    length: float
    width: float
    colour: Colour
    outline: Colour | None
    hollow: bool
    insert: Colour | None
    two_tone: float
    shadow_alpha: float

    def draw(self, canvas: skia.Canvas, degrees: float, shadow: tuple[float, float]) -> None:
        """Draw at an angle, clockwise from up. shadow: offset of its shadow on the plate, canvas units."""
        if self.shadow_alpha > 0:
            canvas.save()
            canvas.translate(*shadow)
            canvas.rotate(degrees)
            paint = fill((0, 0, 0), self.shadow_alpha)
            if self.hollow:
                paint = stroke((0, 0, 0), self.width * 0.2, self.shadow_alpha)
            canvas.drawPath(self.body, paint)
            canvas.restore()
        canvas.save()
        canvas.rotate(degrees)
        if self.hollow:
            canvas.drawPath(self.body, stroke(self.colour, max(1.3, self.width * 0.22)))
        else:
            canvas.drawPath(self.body, fill(self.colour))
            if self.two_tone:
                canvas.save()
                canvas.clipRect(skia.Rect.MakeLTRB(0, -2 * self.length, self.length, 2 * self.length))
                canvas.drawPath(self.body, fill(shade(self.colour, self.two_tone)))
                canvas.restore()
            if self.outline is not None:
                canvas.drawPath(self.body, stroke(self.outline, max(0.8, self.width * 0.14)))
            if self.insert is not None:
                half = self.width * 0.27
                rect = skia.Rect.MakeLTRB(-half, -self.length * 0.84, half, -self.length * 0.3)
                canvas.drawRoundRect(rect, half, half, fill(self.insert))
        canvas.restore()


def pick_family(rnd: Random) -> str:
    names, weights = zip(*FAMILIES, strict=True)
    return str(rnd.choices(names, weights)[0])


def make_hand(
    rnd: Random, family: str, length: float, width: float, tail: float, colour: Colour, look: HandLook
) -> Hand:
    """A hand of a family.

    length: pivot to tip; width: greatest width of the shaft; tail: length behind the pivot (0 for none).
    """
    body = blade(rnd, family, length, width)
    if tail > 0:
        add_tail(body, look.counterweight, tail, width)
    return Hand(
        body=body,
        length=length,
        width=width,
        colour=colour,
        outline=look.outline,
        hollow=look.hollow and family not in ("breguet", "fretwork", "cathedral", "mercedes"),
        insert=look.insert if width >= 4.5 and family not in ("breguet", "spade", "fretwork", "serpentine") else None,
        two_tone=look.two_tone,
        shadow_alpha=look.shadow_alpha,
    )


@dataclass(frozen=True)
class HandLook:
    """What the hands of one clock have in common."""

    outline: Colour | None
    hollow: bool
    insert: Colour | None
    two_tone: float
    shadow_alpha: float
    counterweight: str


def pick_look(rnd: Random, colour: Colour, ground: Colour) -> HandLook:
    light = luminance(colour) > 0.5
    outline = None
    if rnd.random() < 0.12 or abs(luminance(colour) - luminance(ground)) < 0.2:
        outline = shade(colour, rnd.uniform(-0.9, -0.4)) if light else shade(colour, rnd.uniform(0.4, 1))
    return HandLook(
        outline=outline,
        hollow=rnd.random() < 0.07,
        insert=(rnd.choice(((0.9, 0.95, 0.8), (1, 1, 1), (0.6, 0.9, 0.6), (0.9, 0.85, 0.6), ground)))
        if rnd.random() < 0.15
        else None,
        two_tone=rnd.uniform(-0.6, 0.6) if rnd.random() < 0.18 else 0.0,
        shadow_alpha=rnd.uniform(0.08, 0.5) if rnd.random() < 0.55 else 0.0,
        counterweight=rnd.choice(("stick", "stick", "stick", "disc", "wide", "crescent", "taper")),
    )


def polygon(points: list[tuple[float, float]]) -> skia.Path:
    return skia.Path.Polygon([skia.Point(x, y) for x, y in points], True)


def mirrored(right: list[tuple[float, float]]) -> skia.Path:
    """A closed outline from its right-hand half, listed from base to tip as (x, height above the pivot)."""
    return polygon([(x, -y) for x, y in right] + [(-x, -y) for x, y in reversed(right)])


def blade(rnd: Random, family: str, length: float, width: float) -> skia.Path:
    """Outline of a hand's blade, base at the origin, tip at (0, -length)."""
    half = width / 2
    if family == "stick":
        return mirrored([(half, 0), (half, length)])
    if family == "rounded":
        path = skia.Path()
        path.addRoundRect(skia.Rect.MakeLTRB(-half, -length, half, half), half, half)
        return path
    if family == "taper":
        return mirrored([(half, 0), (half * rnd.uniform(0.25, 0.7), length)])
    if family == "pencil":
        return mirrored([(half, 0), (half, length * rnd.uniform(0.8, 0.94)), (0.2, length)])
    if family == "wedge":
        return mirrored([(half * 1.3, 0), (0.15, length)])
    if family == "paddle":
        return mirrored([(half * 0.55, 0), (half, length)])
    if family == "dauphine":
        at = length * rnd.uniform(0.12, 0.3)
        return mirrored([(half * 0.2, 0), (half * 1.2, at), (0.1, length)])
    if family == "leaf":
        path = skia.Path()
        bulge = half * rnd.uniform(1.6, 2.6)
        base = rnd.uniform(0, 0.15) * length
        path.moveTo(0, -length)
        path.quadTo(bulge, -length * rnd.uniform(0.35, 0.65), half * 0.4, -base)
        path.lineTo(half * 0.4, 0)
        path.lineTo(-half * 0.4, 0)
        path.lineTo(-half * 0.4, -base)
        path.quadTo(-bulge, -length * 0.5, 0, -length)
        path.close()
        return path
    if family == "sword":
        at = length * rnd.uniform(0.6, 0.88)
        return mirrored([(half * 0.45, 0), (half * 1.1, at), (0.1, length)])
    if family == "syringe":
        at = length * rnd.uniform(0.5, 0.8)
        thin = max(0.5, half * 0.22)
        return mirrored([(half, length * rnd.choice((0.0, 0.15))), (half, at), (thin, at + half), (thin, length)])
    if family == "arrow":
        head = rnd.uniform(0.14, 0.4) * length
        thin = half * rnd.uniform(0.3, 0.6)
        return mirrored(
            [(thin, 0), (thin, length - head), (half * rnd.uniform(1.5, 2.6), length - head), (0.1, length)]
        )
    if family == "floating":
        base = length * rnd.uniform(0.25, 0.45)
        return mirrored([(half, base), (half * rnd.uniform(0.5, 1), length)])
    thin = max(0.7, half * rnd.uniform(0.28, 0.5))
    if family == "spade":
        return spade(rnd, length, half, thin)
    if family == "breguet":
        ring = max(2.0, half * rnd.uniform(1.2, 2.0))
        at = length * rnd.uniform(0.55, 0.8)
        path = mirrored([(thin, 0), (thin * 0.8, at - ring)])
        path.addPath(mirrored([(thin * 0.9, at + ring), (0.15, length)]))
        add_ring(path, at, ring, max(1.0, ring * 0.3))
        return path
    if family == "mercedes":
        ring = max(3.0, half * 2.2)
        at = length * 0.62
        path = mirrored([(half, 0), (half, at - ring)])
        path.addPath(mirrored([(half * 0.9, at + ring), (0.2, length)]))
        add_ring(path, at, ring, max(1.0, ring * 0.28))
        for spoke in (0, 120, 240):
            turned = polygon([(-0.4, -at), (0.4, -at), (0.4, -at - ring), (-0.4, -at - ring)])
            turned.transform(skia.Matrix().setRotate(spoke, 0, -at))
            path.addPath(turned)
        return path
    if family == "serpentine":
        return serpentine(length, half, thin, turns=rnd.choice((2, 3, 4)))
    if family == "cathedral":
        return cathedral(rnd, length, half * 1.6)
    return fretwork(rnd, length, half, thin)


def add_ring(path: skia.Path, at: float, radius: float, line: float) -> None:
    """Add a ring about (0, -at), of outer radius and line width."""
    add_band(path, (0, -at), radius, max(radius - line, 0.1))


def add_band(path: skia.Path, centre: tuple[float, float], outer: float, inner: float) -> None:
    """Add what lies between two circles, round the way of ``mirrored``, so that a shaft that crosses it stays whole."""
    path.setFillType(skia.PathFillType.kWinding)
    path.addCircle(*centre, outer, skia.PathDirection.kCCW)
    path.addCircle(*centre, inner, skia.PathDirection.kCW)


def spade(rnd: Random, length: float, half: float, thin: float) -> skia.Path:
    """A thin shaft with a spade, heart or drop below a thin point."""
    at = length * rnd.uniform(0.5, 0.82)
    broad = max(half * rnd.uniform(1.4, 2.6), 3.0)
    tall = broad * rnd.uniform(1.0, 2.2)
    path = mirrored([(thin * rnd.uniform(1, 1.8), 0), (thin, at)])
    leaf = skia.Path()
    leaf.moveTo(0, -at + tall * 0.25 * rnd.choice((0, 1)))
    leaf.cubicTo(
        broad * 1.5, -at + tall * 0.4, broad * 1.3, -at - tall * 0.5, thin * 0.8, -min(at + tall, length * 0.96)
    )
    leaf.lineTo(0.15, -length)
    leaf.lineTo(-0.15, -length)
    leaf.lineTo(-thin * 0.8, -min(at + tall, length * 0.96))
    leaf.cubicTo(-broad * 1.3, -at - tall * 0.5, -broad * 1.5, -at + tall * 0.4, 0, -at)
    leaf.close()
    path.addPath(leaf)
    path.setFillType(skia.PathFillType.kWinding)
    return path


def serpentine(length: float, half: float, thin: float, turns: int) -> skia.Path:
    """A wavy shaft with a straight tip."""
    end = length * 0.75
    right, left = [], []
    for k in range(17):
        y = end * k / 16
        x = half * 0.8 * math.sin(math.pi * turns * k / 16)
        right.append((x + thin, -y))
        left.append((x - thin, -y))
    return polygon([*right, (0.2, -length), (-0.2, -length), *reversed(left)])


def cathedral(rnd: Random, length: float, half: float) -> skia.Path:
    """An open frame with crossbars and a point, as on pocket watches and skeleton clocks."""
    line = max(0.9, half * 0.3)
    base, shoulder = length * rnd.uniform(0.05, 0.2), length * rnd.uniform(0.65, 0.85)
    path = mirrored([(line * 0.7, 0), (half * 0.9, base), (half, shoulder), (0.15, length)])
    opening = [(0.05, length * 0.9), (half - line, shoulder - line), (half * 0.9 - line, base + line)]
    path.addPath(mirrored(opening))  # listed from tip to base: round the other way, which cuts it out
    path.setFillType(skia.PathFillType.kWinding)
    for _ in range(rnd.choice((0, 1, 2))):
        at = rnd.uniform(base, shoulder)
        path.addPath(
            polygon([(-half + line, -at), (half - line, -at), (half - line, -at - line), (-half + line, -at - line)])
        )
    return path


def fretwork(rnd: Random, length: float, half: float, thin: float) -> skia.Path:
    """Ornate pierced hands of mantel and longcase clocks: a shaft with rings, scrolls and a leaf at random places."""
    path = mirrored([(thin * 1.4, 0), (thin, length * 0.55), (0.25, length)])
    path.setFillType(skia.PathFillType.kWinding)
    for _ in range(rnd.choice((1, 2, 2, 3))):
        at = length * rnd.uniform(0.25, 0.75)
        radius = max(2.0, half * rnd.uniform(0.7, 1.8))
        kind = rnd.random()
        if kind < 0.4:
            add_ring(path, at, radius, max(0.9, radius * 0.35))
        elif kind < 0.7:  # a pair of scrolls
            for side in (-1, 1):
                add_band(path, (side * radius, -at), radius, radius * 0.55)
        else:
            path.addPath(mirrored([(thin, at - radius), (radius, at), (thin, at + radius)]))
    return path


def add_tail(path: skia.Path, kind: str, tail: float, width: float) -> None:
    """Add what lies behind the pivot: a stick, perhaps with a counterweight."""
    half = max(0.5, width / 2)
    if kind == "wide":
        path.addPath(polygon([(-half * 0.6, 0), (half * 0.6, 0), (half * 1.3, tail), (-half * 1.3, tail)]))
    elif kind == "taper":
        path.addPath(polygon([(-half, 0), (half, 0), (half * 0.3, tail), (-half * 0.3, tail)]))
    else:
        path.addRect(skia.Rect.MakeLTRB(-half * 0.8, 0, half * 0.8, tail))
    if kind == "disc":
        path.addCircle(0, tail, max(half * 1.8, 2.5))
    elif kind == "crescent":
        path.addCircle(0, tail, max(half * 2, 4), skia.PathDirection.kCW)
        path.addCircle(0, tail + 1, max(half * 1.2, 2.5), skia.PathDirection.kCCW)
    path.setFillType(skia.PathFillType.kWinding)


def draw_second_hand(
    canvas: skia.Canvas, degrees: float, length: float, width: float, tail: float, disc: float, colour: Colour
) -> None:
    """A thin second or alarm hand; disc: radius of the lollipop near its tip, or 0."""
    canvas.save()
    canvas.rotate(degrees)
    canvas.drawLine(0, tail, 0, -length, stroke(colour, width))
    if tail > 12 and width < 2:
        canvas.drawLine(0, tail, 0, tail * 0.45, stroke(colour, width * 2.6))
    if disc:
        canvas.drawCircle(0, -length * 0.8, disc, fill(colour))
    canvas.restore()


def draw_cap(canvas: skia.Canvas, rnd: Random, colour: Colour, radius: float) -> None:
    """The boss over the pivot."""
    canvas.drawCircle(0, 0, radius, skia.Paint(Color=argb(colour), AntiAlias=True))
    if rnd.random() < 0.4:
        canvas.drawCircle(0, 0, radius * 0.5, fill(shade(colour, rnd.uniform(-0.7, 0.7))))
