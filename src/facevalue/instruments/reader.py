"""The reader of an instrument: each part is looked at by the reader of its kind, and all of them give one number."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facevalue.codecs.digits import TOLD, decode_row
from facevalue.errors import ModelError
from facevalue.images import Source, open_reduced
from facevalue.instruments.align import Aligner, place_unaligned
from facevalue.instruments.joint import (
    DRUM_PLAY,
    TOLD_PARTS,
    Wheel,
    decimals_of,
    decode_wheels,
    number_text,
    steps_text,
)
from facevalue.instruments.parts import Seen, see_part
from facevalue.instruments.schema import Digits, Instrument, Needle, finest_turn, load_instrument
from facevalue.reader import Reader, find_weight, load_weight
from facevalue.reading import Alternative, Polyline, Reading, shared_out

THRESHOLD = 0.5  # of the confidence in a number of several parts


class InstrumentReader(Reader):
    """Reads one instrument from photos, as its file describes it; ``read_many`` as any reader does.

    instrument: the file, or what it says.  model: a weight of one of its kinds, in place of the shipped one.  weight,
    kind and look are of the first part.
    The confidence of a number of several parts is the joint probability that it is right, within half of a digit of its
    finest wheel, times the probability of each part being there; that of a single part is the one that its kind has.
    Raises InstrumentError, ModelError; MissingExtraError where the photos are to be aligned and OpenCV is missing.
    """

    def __init__(self, instrument: str | Path | Instrument, model: str | Path | None = None, threads: int = 1) -> None:
        self.instrument = instrument if isinstance(instrument, Instrument) else load_instrument(instrument)
        kinds = list(dict.fromkeys(part.kind for part in self.instrument.parts))
        models: dict[str, str | Path] = {}
        if model is not None:
            kind = load_weight(find_weight(kinds[0], model), 1).kind
            if kind not in kinds:
                raise ModelError(f"{model}: a weight for {kind!r}, and {self.instrument.file} has no such part")
            models[kind] = model
        super().__init__(kinds[0], models.get(kinds[0]), threads)
        others = {kind: Reader(kind, models.get(kind), threads) for kind in kinds[1:]}
        self.readers: dict[str, Reader] = {kinds[0]: self, **others}
        self.aligner = None if self.instrument.align == "none" else Aligner(self.instrument)

    def read(self, source: Source) -> Reading:
        """Read one photo. Raises PictureError for one that can't be read, or not be laid over the reference picture."""
        began = time.perf_counter()
        rgb, scale = open_reduced(source, at_least_px=min(self.instrument.size))
        to_photo = place_unaligned(self.instrument, rgb) if self.aligner is None else self.aligner.place(rgb)
        seen = [see_part(part, self.readers[part.kind], rgb, to_photo) for part in self.instrument.parts]
        reading = alone(seen[0]) if len(seen) == 1 else together(seen)
        threshold = THRESHOLD if len(seen) > 1 else self.weight.calibration.threshold
        marks = {f"part {k}": look.corners for k, look in enumerate(seen, start=1)}
        for k, look in enumerate(seen, start=1):
            drawn = look.reading.marks if look.told else {}
            marks |= {f"{name} {k}": drawn[name] for name in ("hour", "minute", "needle") if name in drawn}
        return dataclasses.replace(
            reading,
            kind="instrument",
            unit=self.instrument.unit,
            uncertain="?" in reading.value or reading.confidence < threshold,
            model="+".join(reader.weight.name for reader in self.readers.values()),
            milliseconds=(time.perf_counter() - began) * 1e3,
            marks={name: in_full(mark, scale) for name, mark in marks.items()},
            parts=tuple(dataclasses.replace(look.as_part(), corners=in_full(look.corners, scale)) for look in seen),
        )


def alone(seen: Seen) -> Reading:
    """The reading of an instrument of one part: as sure as its own reader is."""
    if isinstance(seen.part, Digits | Needle):
        joint = together([seen])
        confidence = min(seen.reading.confidence, seen.there) if seen.told else 0.0
        others = [Alternative(other.value, min(other.confidence, confidence)) for other in joint.alternatives]
        return dataclasses.replace(joint, confidence=confidence, alternatives=tuple(others) if seen.told else ())
    if seen.told:
        return dataclasses.replace(seen.reading, number=seen.reading.rounded_number())  # as of its own kind
    return dataclasses.replace(seen.reading, value="?", number=math.nan, confidence=0.0, alternatives=())


def together(seen: Sequence[Seen]) -> Reading:
    """The number of parts that turn together."""
    ordered = sorted(seen, key=lambda look: finest_turn(look.part))
    return number_of_digits(ordered) if isinstance(ordered[0].part, Digits) else number_of_wheels(ordered)


def number_of_wheels(ordered: Sequence[Seen]) -> Reading:
    """The number of needles, and of digits that they drive. ordered: the part with the finest wheel first."""
    wheels = [
        Wheel(row, look.part.play) if isinstance(look.part, Needle) else Wheel(row, DRUM_PLAY, drum=True)
        for look in ordered
        for row in look.wheels[::-1]
    ]
    joint = decode_wheels(wheels)
    turn = finest_turn(ordered[0].part)
    decimals = decimals_of(turn)
    there = math.prod(look.there for look in ordered)
    told = None not in joint.digits
    others = [(steps_text(steps, len(wheels), decimals), share * there) for steps, share in joint.others]
    return Reading(
        kind="instrument",
        value=number_text(joint.digits, decimals),
        number=round(joint.steps * turn / TOLD_PARTS, max(decimals, 0)) if told else math.nan,
        confidence=joint.probability * there,
        uncertain=not told,
        alternatives=shared_out(others, joint.probability * there, joint.probability),
    )


def number_of_digits(ordered: Sequence[Seen]) -> Reading:
    """The number of rows of digits alone. ordered: the row with the last digit first."""
    rows = np.concatenate([look.wheels for look in reversed(ordered)])
    turn = finest_turn(ordered[0].part)
    number = decode_row(rows, np.zeros(len(rows), dtype=np.float32))
    decimals = decimals_of(turn) - 1
    there = math.prod(look.there for look in ordered)
    digits = [d if sure >= TOLD else None for d, sure in zip(number.digits, number.certainty, strict=True)]
    others = [(number_text([int(c) for c in text], decimals), share * there) for text, share in number.others]
    return Reading(
        kind="instrument",
        value=number_text(digits, decimals),
        number=round(number.number() * turn / 10, max(decimals, 0) + 1),
        confidence=number.joint * there,
        uncertain=None in digits,
        alternatives=shared_out(others, number.joint * there, number.joint),
    )


def in_full(points: Polyline, scale: tuple[float, float]) -> Polyline:
    """Points in pixels of the full-size picture; marks count pixel centres from 0."""
    return tuple((x * scale[0] - 0.5, y * scale[1] - 0.5) for x, y in points)
