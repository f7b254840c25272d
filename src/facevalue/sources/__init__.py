"""Sources of training pictures: each a pure function of ``(seed, step)``, so that a resumed run needs only its step.

paint.py      colours, fonts, textures and backgrounds    hands.py      shapes of hands and needles
camera.py     pose of the dial, optics and sensor         clocks.py     clock faces, and the source of clocks
dial_faces.py faces and needles of dials                dials.py      the source of dials
lettering.py  rows of digits of every kind                digits.py     the source of rows of digits, drawn and real
datasets.py   files of known data sets                    mnist.py      MNIST and SVHN as training sources
albums.py     pictures on disk                            sheets.py     sheets of handwriting, to measure on
clock_faces.py  two clocks that are always the same       clock_sets.py  their fixed sets
clock_index.py  anyone's clocks, by an index
own.py        one's own instrument, among drawn ones    pictures.py    Fashion-MNIST and CIFAR-10
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Batch(Protocol):
    """Pictures and what they show."""

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """(N, H, W, 3) RGB."""

    def labels(self) -> dict[str, NDArray[Any]]:
        """What the codec encodes, by name."""

    def scores(self, beliefs: list[Any]) -> dict[str, float]:
        """How well these pictures were decoded, by ``metrics`` where evaluation measures the same."""

    def describe(self, scores: dict[str, float]) -> str:
        """The scores in one line."""


class Source(Protocol):
    """Gives batches, each a pure function of (seed, step)."""

    def batch(self, seed: int, step: int, count: int) -> Any: ...


@runtime_checkable
class Limited(Protocol):
    """What a source of a fixed number of pictures also has."""

    def counts(self) -> tuple[int, int]:
        """Pictures that are trained on, and that are held out; without the latter some of the former are scored."""
