"""Codecs of classes: one thing of several, such as what a small picture shows. NumPy only.

class ──► TenClasses.encode ──► head of ten ──► network ──► TenClasses.decode ──► ClassBelief
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats, Head, Target
from facevalue.codecs.needles import log_softmax


@dataclass(frozen=True)
class ClassBelief:
    """How likely each class is.  log_probability: (classes,) float32."""

    log_probability: Floats

    def read(self) -> int:
        """The likeliest class; the first of equally likely ones."""
        return int(self.log_probability.argmax())

    def confidence(self) -> float:
        """Probability of the likeliest class, 0..1."""
        return float(np.exp(self.log_probability.max()))


class TenClasses:
    """``classes/ten``: one of ten.  Labels: ``class``, (N,) whole numbers, 0..9."""

    name = "classes/ten"
    count = 10
    heads: tuple[Head, ...] = (Head("class", count, "classes"),)

    def encode(self, labels: Mapping[str, NDArray[Any]]) -> dict[str, Target]:
        """Targets of the head. Raises ValueError for a class outside 0..9."""
        classes = np.asarray(labels["class"], dtype=np.int64)
        if classes.size and not (classes.min() >= 0 and classes.max() < self.count):
            raise ValueError(f"classes from {classes.min()} to {classes.max()}: expected 0 to {self.count - 1}")
        return {"class": Target(classes, np.ones(len(classes), dtype=np.float32))}

    def decode(self, outputs: Mapping[str, Floats]) -> list[ClassBelief]:
        """A belief for each picture.  outputs: ``class``, (N, 10) logits."""
        return [ClassBelief(row) for row in log_softmax(outputs["class"])]
