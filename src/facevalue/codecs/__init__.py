"""Codecs: what a label means to a network's heads, and what the heads' outputs mean as readings. NumPy only.

The same object encodes labels for training and decodes outputs for reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from facevalue.errors import SettingError

HeadKind = Literal["classes", "circle", "value", "vector"]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """One output of a network.

    kind: ``classes`` (logits, integer target), ``circle`` (logits over bins round the circle, soft target; bin k is
    centred at 360 k / size degrees clockwise from up), ``value`` and ``vector`` (numbers, regressed).
    weight: its share in the loss.
    """

    name: str
    size: int
    kind: HeadKind
    weight: float = 1.0


@dataclass(frozen=True)
class Target:
    """What a head should say: values (N, size) float32, or (N,) int64 for classes; weight (N,) float32, 0 to ignore."""

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
    from facevalue.codecs.clock import ClockNeedles

    table = {ClockNeedles.name: ClockNeedles}
    if name not in table:
        raise SettingError(f"there is no codec {name!r}; there are: {', '.join(sorted(table))}")
    return table[name]()
