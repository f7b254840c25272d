"""A sheet of separate digits: each one is found, see ``sheets``, read, and drawn on the picture."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facevalue.errors import FaceValueError
from facevalue.images import RGB, Source, open_reduced
from facevalue.mnist_form import normalise
from facevalue.reading import AMBER, GREEN, INK, WHITE, Reading, enlarge
from facevalue.sheets import Box, cut_digits, look_over

Prepare = Literal["crop", "mnist"]
ENOUGH_PX = 1100  # a JPEG is decoded at a fraction as long as its smaller side stays this large


class ReadsDigits(Protocol):
    """What ``read_page`` needs of a reader."""

    def read_many(self, sources: Iterable[Source], /) -> Iterable[Reading | FaceValueError]:
        """A Reading for each picture, in order."""


@dataclass(frozen=True, slots=True)
class Page:
    """The digits of a sheet, in reading order.

    boxes: in pixels of the upright picture; rows: the row of each, from 1; readings: what each was read as.
    """

    boxes: tuple[Box, ...]
    rows: tuple[int, ...]
    readings: tuple[Reading, ...]
    model: str = ""
    milliseconds: float = 0.0

    def lines(self, name: str) -> list[str]:
        """One line a row of the sheet: ``name  row 1  3 5 8?  97% 93% 41%``; a ``?`` marks what is uncertain."""
        if not self.boxes:
            return [f"{name}  no digits found"]
        lines = []
        for row in range(1, self.rows[-1] + 1):
            readings = [reading for reading, its_row in zip(self.readings, self.rows, strict=True) if its_row == row]
            values = " ".join(show_value(reading) for reading in readings)
            lines.append(f"{name}  row {row}  {values}  {' '.join(f'{r.confidence:.0%}' for r in readings)}")
        return lines

    def to_dict(self, file: str | None = None, *, top: int | None = None) -> dict[str, Any]:
        """The JSON object of ``facevalue read --page --json``; top: how many values it names of each digit."""
        digits = []
        for box, row, reading in zip(self.boxes, self.rows, self.readings, strict=True):
            record = reading.to_dict(top=top)
            kept = {key: record[key] for key in ("value", "confidence", "uncertain")}
            digits.append(kept | {"box": list(box), "row": row, "alternatives": record["alternatives"]})
        return ({} if file is None else {"file": file}) | {
            "kind": "digits",
            "page": digits,
            "model": self.model,
            "milliseconds": round(self.milliseconds, 1),
        }


def show_value(reading: Reading) -> str:
    """The value as printed and drawn, with one ``?`` where it is not to be trusted."""
    return reading.value if not reading.uncertain or "?" in reading.value else f"{reading.value}?"


def read_page(reader: ReadsDigits, source: Source, *, prepare: Prepare = "crop") -> Page:
    """Find the digits of a page and read each with a reader of digits.

    source: as ``images.open_picture`` takes it.  prepare: what the reader is given of each digit: ``crop``, its square
    part of the picture, or ``mnist``, that made like a picture of MNIST.
    Raises PictureError.
    """
    began = time.perf_counter()
    rgb, scale = open_reduced(source, at_least_px=ENOUGH_PX)
    sheet = look_over(rgb)
    crops = cut_digits(rgb, sheet)
    if prepare == "mnist":
        crops = [np.repeat(normalise(crop)[..., None], 3, axis=2) for crop in crops]
    readings = []
    for reading in reader.read_many(crops):
        if isinstance(reading, FaceValueError):
            raise reading
        readings.append(reading)
    weight = getattr(reader, "weight", None)
    return Page(
        boxes=tuple(Box(*(round(side * scale[i % 2]) for i, side in enumerate(box))) for box in sheet.boxes),
        rows=sheet.rows,
        readings=tuple(readings),
        model=readings[0].model if readings else getattr(weight, "name", ""),
        milliseconds=(time.perf_counter() - began) * 1e3,
    )


# ---- overlay ---------------------------------------------------------------------------------------------------------


def draw_page(rgb: RGB, page: Page) -> RGB:
    """The picture with a box round each digit and its value above it; amber, with a ``?``, where that is uncertain.

    rgb: (H, W, 3) uint8, full size.  Returns (H', W', 3) uint8: a small picture is enlarged, and a caption adds rows.
    """
    picture, enlarged = enlarge(rgb)
    draw = ImageDraw.Draw(picture)
    usual = float(np.median([box.bottom - box.top for box in page.boxes])) * enlarged if page.boxes else 0.0
    line = max(2, round(0.0025 * min(picture.size)))
    room = max(2.0, 0.06 * usual)
    font = ImageFont.load_default(max(14.0, 0.35 * usual))
    for box, reading in zip(page.boxes, page.readings, strict=True):
        colour = AMBER if reading.uncertain else GREEN
        left, top, right, bottom = (side * enlarged + (room if i > 1 else -room) for i, side in enumerate(box))
        outline = max(left, 0), max(top, 0), min(right, picture.width - 1), min(bottom, picture.height - 1)
        draw.rectangle(outline, outline=INK, width=line + 2)
        draw.rectangle([side + (1 if i < 2 else -1) for i, side in enumerate(outline)], outline=colour, width=line)
    for box, reading in zip(page.boxes, page.readings, strict=True):  # above all boxes
        colour = AMBER if reading.uncertain else GREEN
        at = box.left * enlarged - room, max(box.top * enlarged - room, 0)
        left, top, right, bottom = draw.textbbox(at, show_value(reading), font=font, anchor="lb")
        down = max(0.0, 2 - top)  # stays in the picture
        plate = left - 3, top - 2 + down, right + 3, bottom + 2 + down
        draw.rectangle(plate, fill=INK)
        draw.text((at[0], at[1] + down), show_value(reading), font=font, fill=colour, anchor="lb")
    return np.asarray(_add_caption(picture, page))


def _add_caption(picture: Image.Image, page: Page) -> Image.Image:
    """A dark strip below the picture: how many digits in how many rows, and how many of them are uncertain."""
    count, unsure = len(page.boxes), sum(reading.uncertain for reading in page.readings)
    rows = len(set(page.rows))
    text = f"{count} digit{'s' * (count != 1)} in {rows} row{'s' * (rows != 1)}" if count else "no digits found"
    size_px = max(18.0, 0.04 * min(picture.size))
    font = ImageFont.load_default(size_px)
    strip = Image.new("RGB", (picture.width, round(1.8 * size_px)), INK)
    draw = ImageDraw.Draw(strip)
    middle = strip.height / 2
    draw.text((0.5 * size_px, middle), text, font=font, fill=WHITE, anchor="lm")
    if unsure:
        after = 0.5 * size_px + font.getlength(text)
        draw.text((after, middle), f",  {unsure} uncertain", font=font, fill=AMBER, anchor="lm")
    result = Image.new("RGB", (picture.width, picture.height + strip.height))
    result.paste(picture, (0, 0))
    result.paste(strip, (0, picture.height))
    return result
