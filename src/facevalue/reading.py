"""What a reader returns: the value, how sure it is, the runners-up, and where in the picture they were seen."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from facevalue.errors import FaceValueError

if TYPE_CHECKING:
    from PIL.Image import Image

    from facevalue.codecs.dial import Placed
    from facevalue.images import RGB

Polyline = tuple[tuple[float, float], ...]  # (x, y) in picture pixels
RUNNERS_UP = 9  # values that a reading names besides its own


@dataclass(frozen=True, slots=True)
class Alternative:
    """A value that was not chosen, and the calibrated probability that it would have been right."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class PartReading:
    """A part of an instrument, read by itself; corners: of its box in picture pixels, from top left clockwise."""

    name: str
    kind: str
    value: str
    confidence: float
    corners: Polyline

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the JSON object of the whole."""
        return {
            "name": self.name,
            "kind": self.kind,
            "value": self.value,
            "confidence": round(self.confidence, 4),
            "box": [[round(x, 1), round(y, 1)] for x, y in self.corners],
        }


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """One instrument read from one picture.

    value: as a person would write it ("10:09", "0042.7", "?" for a digit that can't be told); number: the same as a
    float (minutes past twelve, 0 <= m < 720; of digits the value with the last drum's fraction, of a single digit its
    place, 0 <= p < 10; of a dial the value; NaN where it can't be told);
    confidence: calibrated probability of being right, 0..1; uncertain: below the model's threshold;
    alternatives: runners-up, likeliest first; marks: polylines in picture pixels, "dial" and "digit 1", "digit 2", ...
    closed outlines, "hour", "minute", "second" and "needle" from the centre to the tip, "scale" of a dial from its low
    to its high end; hours, minutes: of a clock what the
    network makes of each hour, (12,), twelve first, and of each minute of the hour, (60,), not calibrated, each adding
    up to 1; scale: of a dial the range and where its ends lie; unit, parts: of an instrument of several parts.
    """

    kind: str
    value: str
    number: float
    confidence: float
    uncertain: bool
    alternatives: tuple[Alternative, ...] = ()
    model: str = ""
    milliseconds: float = 0.0
    marks: Mapping[str, Polyline] = field(default_factory=dict)
    hours: tuple[float, ...] = ()
    minutes: tuple[float, ...] = ()
    scale: Placed | None = None
    unit: str = ""
    parts: tuple[PartReading, ...] = ()

    def __repr__(self) -> str:
        """Short: what was read and how surely; runners-up and marks are in the fields."""
        return (
            f"Reading({self.kind} {self.value}, number={self.number:.2f}, confidence={self.confidence:.3f}, "
            f"uncertain={self.uncertain})"
        )

    def to_dict(self, file: str | None = None, *, top: int | None = None) -> dict[str, Any]:
        """The JSON object of ``facevalue read --json``; top: how many values it names, this one among them."""
        result: dict[str, Any] = {} if file is None else {"file": file}
        result |= {
            "kind": self.kind,
            "value": self.value,
            "number": None if math.isnan(self.number) else self.rounded_number(),
            "confidence": round(self.confidence, 4),
            "uncertain": self.uncertain,
            "alternatives": [
                {"value": other.value, "confidence": round(other.confidence, 4)} for other in self._runners_up(top)
            ],
            "model": self.model,
            "milliseconds": round(self.milliseconds, 1),
        }
        if self.scale is not None:
            result["scale"] = self.scale.to_dict()
        if self.parts:
            result |= {"unit": self.unit, "parts": [part.to_dict() for part in self.parts]}
        return result

    def marked_value(self) -> str:
        """The value, with a question mark where it is uncertain and holds none."""
        return f"{self.value} ?" if self.uncertain and "?" not in self.value else self.value

    def line(self, name: str, *, top: int | None = None) -> str:
        """``name  value  confidence``; an uncertain one shows ``?`` and two runners-up, any shows top - 1 if asked."""
        text = f"{name}  {self.marked_value()}  {self.confidence:.0%}"
        shown = self._runners_up(top if top is not None else 3 if self.uncertain else 1)
        if shown:
            text += "   (" + ", ".join(f"{other.value} {other.confidence:.0%}" for other in shown) + ")"
        return text

    def rounded_number(self) -> float:
        """The number as it is printed in JSON: with as many decimals as its kind is read to."""
        if self.kind in ("digits", "dial", "instrument"):
            return self.number
        return round(self.number, 2) % 720 if self.kind == "clock" else round(self.number, 2)

    def ranked(self) -> list[tuple[str, float]]:
        """The value and the runners-up with their confidence."""
        return [(self.value, self.confidence), *((other.value, other.confidence) for other in self.alternatives)]

    def _runners_up(self, top: int | None) -> tuple[Alternative, ...]:
        return self.alternatives if top is None else self.alternatives[: max(top - 1, 0)]


def shared_out(others: Sequence[tuple[str, float]], confidence: float, joint: float) -> tuple[Alternative, ...]:
    """Runners-up, likeliest first: each has its part of what the reading leaves, and is never above it.

    others: values and their probabilities as the network shared them out.  confidence: of the reading, calibrated;
    joint: as the network has it.
    """
    spare = (1 - confidence) / max(sum(share for _, share in others), 1 - joint, 1e-6)
    ranked = sorted(others, key=lambda other: -other[1])[:RUNNERS_UP]
    return tuple(Alternative(value, min(spare * share, confidence)) for value, share in ranked)


def place_point(value: str, number: float | None, decimals: int) -> tuple[str, float | None]:
    """A reading of digits with its decimal point where the operator says that it stands.

    value: as read, "024816" or "0248.16"; number: the same as a number, with the last drum's tenths, None where it
    can't be told.  Returns both with that many decimals, ("024.816", 24.816).  Raises FaceValueError where no digit is
    left before the point.
    """
    digits = value.replace(".", "")
    seen = len(value) - 1 - value.index(".") if "." in value else 0
    if len(digits) <= decimals:
        raise FaceValueError(f"{value}: no digit is left before its {decimals} decimals")
    placed = digits if decimals == 0 else f"{digits[:-decimals]}.{digits[-decimals:]}"
    if number is None:
        return placed, None
    return placed, round(number * 10.0 ** (seen - decimals), decimals + 1)


def with_decimals(reading: Reading, decimals: int) -> Reading:
    """A reading of digits, and its runners-up, with that many decimals; one of no digits as it is.

    Raises FaceValueError as ``place_point``.
    """
    if reading.value == "?":
        return reading
    value, number = place_point(reading.value, reading.number, decimals)
    assert number is not None
    others = []
    for other in reading.alternatives:
        with contextlib.suppress(FaceValueError):  # a shorter one
            others.append(Alternative(place_point(other.value, None, decimals)[0], other.confidence))
    return dataclasses.replace(reading, value=value, number=number, alternatives=tuple(others))


INK = (16, 22, 30)
WHITE = (250, 250, 250)
_GREY = (168, 178, 190)
AMBER = (255, 190, 60)
GREEN = (90, 220, 140)
# name: colour, and width as a share of the picture's smaller side; drawn in this order
_STROKES = {
    "dial": (GREEN, 0.006),
    "scale": (GREEN, 0.012),
    "needle": ((70, 190, 255), 0.011),
    "second": ((255, 90, 110), 0.006),
    "minute": ((70, 190, 255), 0.011),
    "hour": (AMBER, 0.016),
    "digit": (GREEN, 0.006),
    "part": (GREEN, 0.004),
}
_CLOSED = ("dial", "digit", "part")
_LEGIBLE_PX = 360  # a smaller picture is enlarged to this before it is drawn on
_LONGEST_ENLARGED_PX = 1440  # but not beyond this
_SMOOTHED_PX = 1600  # up to this size, strokes are drawn three times as large and reduced


def draw_overlay(rgb: RGB, reading: Reading) -> RGB:
    """The picture with the dial's outline and the hands' directions drawn on it, and a caption below it.

    rgb: (H, W, 3) uint8.  Returns (H', W', 3) uint8: a picture below 360 px is enlarged, and the caption adds rows
    so that it hides nothing.
    """
    import numpy as np
    from PIL import Image

    picture, enlarged = enlarge(rgb)
    marks = _draw_marks(picture.size, reading.marks, enlarged)
    _label_parts(marks, reading.parts, enlarged)
    caption = _draw_caption(picture.size, reading)
    result = Image.new("RGB", (picture.width, picture.height + caption.height))
    result.paste(picture, (0, 0))
    result.paste(marks, (0, 0), marks)
    result.paste(caption, (0, picture.height))
    return np.asarray(result)


def enlarge(rgb: RGB) -> tuple[Image, float]:
    """A picture to draw on, large enough for what is drawn to be legible, and how many times as large: 1.0 or more.

    rgb: (H, W, 3) uint8.
    """
    from PIL import Image

    picture = Image.fromarray(rgb)
    enlarged = max(1.0, min(_LEGIBLE_PX / min(picture.size), _LONGEST_ENLARGED_PX / max(picture.size)))
    if enlarged > 1:
        size = round(picture.width * enlarged), round(picture.height * enlarged)
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    return picture, enlarged


def _draw_marks(size: tuple[int, int], marks: Mapping[str, Polyline], enlarged: float) -> Image:
    """The marks on a transparent layer, each with a dark edge that sets it off from any background."""
    from PIL import Image, ImageDraw

    finer = 3 if max(size) <= _SMOOTHED_PX else 1
    layer = Image.new("RGBA", (size[0] * finer, size[1] * finer), (*INK, 0))
    draw = ImageDraw.Draw(layer)
    # "digit 1" is drawn as every digit is
    order = [(kind, mark) for kind in _STROKES for name, mark in marks.items() if name.partition(" ")[0] == kind]
    for name, mark in order:
        colour, share = _STROKES[name]
        # pixel centres are at whole numbers in the picture, at halves on the layer
        points = [((x + 0.5) * enlarged * finer, (y + 0.5) * enlarged * finer) for x, y in mark]
        if len(points) < 2:
            continue
        if name in _CLOSED:
            points += points[:2]  # closed, with a round joint where it closes
        width = max(2.0, share * min(size)) * finer
        edge = max(1.0, 0.003 * min(size)) * finer
        for ink, extra in ((INK, 2 * edge), (colour, 0.0)):
            draw.line(points, fill=ink, width=round(width + extra), joint="curve")
            if name not in _CLOSED:
                for (x, y), radius in ((points[0], width * 0.5), (points[-1], width)):
                    radius += extra / 2
                    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    return layer.reduce(finer) if finer > 1 else layer


def _label_parts(layer: Image, parts: tuple[PartReading, ...], enlarged: float) -> None:
    """What each part shows, above its box or, where the picture ends there, below."""
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(layer)
    size_px = max(11.0, 0.03 * min(layer.size))
    font = ImageFont.load_default(size_px)
    for part in parts:
        x = (min(x for x, _ in part.corners) + 0.5) * enlarged
        top, bottom = ((y + 0.5) * enlarged for y in (f(y for _, y in part.corners) for f in (min, max)))
        place = (x, top - 0.2 * size_px) if top > 1.4 * size_px else (x, bottom + 1.1 * size_px)
        draw.text(place, part.value, font=font, fill=WHITE, anchor="ls", stroke_width=2, stroke_fill=INK)


def _draw_caption(size: tuple[int, int], reading: Reading) -> Image:
    """A dark strip as wide as the picture: value and confidence at the left, an uncertain one's runners-up right."""
    from PIL import Image, ImageDraw, ImageFont

    big_px = max(26.0, 0.08 * min(size))
    main = [(reading.marked_value(), AMBER if reading.uncertain else WHITE)]
    main.append((f"{reading.confidence:.0%}", _GREY))
    while True:
        big, small = ImageFont.load_default(big_px), ImageFont.load_default(0.5 * big_px)
        gap = 0.5 * big_px
        needed = sum(gap + big.getlength(text) for text, _ in main) + gap
        if needed <= size[0] or big_px < 8:
            break
        big_px *= 0.9
    strip = Image.new("RGB", (size[0], round(1.7 * big_px)), INK)
    draw = ImageDraw.Draw(strip)
    x, baseline = gap, round(1.2 * big_px)
    for text, colour in main:
        draw.text((x, baseline), text, font=big, fill=colour, anchor="ls")
        x += big.getlength(text) + gap
    if reading.uncertain:
        for count in (2, 1):  # as many as there is room for
            others = reading.alternatives[:count]
            text = "or " + ", ".join(f"{other.value} {other.confidence:.0%}" for other in others)
            if others and x + small.getlength(text) + gap <= size[0]:
                draw.text((size[0] - gap, baseline), text, font=small, fill=_GREY, anchor="rs")
                break
    return strip
