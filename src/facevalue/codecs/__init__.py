"""Codecs: what a label means to a network's heads, and what the heads' outputs mean as readings. NumPy only.

The same object encodes labels for training and decodes outputs for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from facevalue.errors import SettingError

HeadKind = Literal["classes", "circle", "value", "vector"]
HeadLoss = Literal["", "squared", "absolute", "wrapped"]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """One output of a network.

    kind: ``classes`` (logits, integer target), ``circle`` (logits over bins round the circle, soft target; bin k is
    centred at 360 k / size degrees clockwise from up), ``value`` and ``vector`` (numbers, regressed).
    weight: its share in the loss.  places: how many such outputs it gives side by side, (N, places, size), one for
    each digit of a row for instance; (N, size) for one.  loss: another than its kind's: ``squared`` or ``absolute``
    error of numbers, or ``wrapped``, the angle between two numbers that are a sine and a cosine and those wanted.
    """

    name: str
    size: int
    kind: HeadKind
    weight: float = 1.0
    places: int = 1
    loss: HeadLoss = ""


@dataclass(frozen=True)
class Target:
    """What a head should say: values (N, size) float32, or (N,) int64 for classes; weight (N,) float32, 0 to ignore.

    A head of several places has one dimension more, after N, in both.
    """

    values: NDArray[Any]
    weight: Floats


class Codec(Protocol):
    """Label to heads and back."""

    name: str
    heads: tuple[Head, ...]

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]: ...

    def decode(self, outputs: Mapping[str, Floats]) -> list[Any]: ...


def make_codec(name: str) -> Codec:
    """The codec of that name, as it stands in recipes and in a weight's metadata."""
    from facevalue.codecs.classes import TenClasses
    from facevalue.codecs.clock import ClockNeedles
    from facevalue.codecs.dial import DialNeedle
    from facevalue.codecs.digits import DigitFive, DigitOne, DigitRow
    from facevalue.codecs.encodings import ENCODINGS

    table: dict[str, Callable[[], Codec]] = {
        **{codec.name: codec for codec in (ClockNeedles, DialNeedle, DigitRow, DigitOne, DigitFive, TenClasses)},
        **ENCODINGS,
    }
    if name not in table:
        raise SettingError(f"there is no codec {name!r}; there are: {', '.join(sorted(table))}")
    return table[name]()
