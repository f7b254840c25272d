"""A digit made as the pictures of MNIST are, for readers that know those alone; what each step is worth is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevalue.images import RGB

Grey = NDArray[np.uint8]  # (H, W)


@dataclass(frozen=True)
class Steps:
    """Which steps ``normalise`` takes; each can be left out, to measure what it is worth.

    grey: luminance, else the red channel alone.  invert: ink bright on black, else as photographed.
    otsu: ink white and paper black by Otsu's threshold, else all shades.  centre: the ink fitted into 20 x 20 and its
    centre of mass put in the middle, else the whole crop shrunk to 28 x 28.
    """

    grey: bool = True
    invert: bool = True
    otsu: bool = True
    centre: bool = True


ALL_STEPS = Steps()


def normalise(rgb: RGB, steps: Steps = ALL_STEPS) -> Grey:
    """A crop made as the pictures of MNIST are: ink bright on black, fitted into 20 x 20, centred by mass in 28 x 28.

    rgb: (H, W, 3) uint8, one digit.  Returns (28, 28) uint8.  ``Steps`` says what each step does.
    Source: LeCun's page of MNIST, whose pictures have their centre of mass at (14, 14); Otsu, IEEE SMC 9 (1979) 62.
    """
    grey = np.asarray(Image.fromarray(rgb).convert("L")) if steps.grey else np.ascontiguousarray(rgb[..., 0])
    threshold = find_threshold(grey)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    dark_ink = bool(np.median(border) > threshold)
    ink = (grey > threshold) != dark_ink
    if steps.invert and dark_ink:
        grey, dark_ink = ~grey, False
    if steps.otsu:
        grey = np.where(ink != dark_ink, np.uint8(255), np.uint8(0))
    if not steps.centre:
        return np.asarray(Image.fromarray(grey).resize((28, 28), Image.Resampling.BOX))
    paper = int(np.median(grey[~ink])) if not ink.all() else 0
    result = np.full((28, 28), paper, np.uint8)
    if ink.any():
        y, x = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        part = Image.fromarray(grey[y[0] : y[-1] + 1, x[0] : x[-1] + 1])
        size = [max(1, round(side * 20 / max(part.size))) for side in part.size]
        digit = np.asarray(part.resize((size[0], size[1]), Image.Resampling.BOX))
        mass = np.abs(digit.astype(float) - paper) + 1e-9
        # (14, 14) is an index: the middle of the pixel right of the middle and below it
        top, left = (
            int(np.clip(round(14 - np.average(np.arange(side), weights=mass.sum(axis=1 - axis))), 0, 28 - side))
            for axis, side in enumerate(digit.shape)
        )
        result[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return result


def find_threshold(grey: Grey) -> int:
    """Otsu's: the level that parts two classes, dark ones up to it, with the greatest variance between them."""
    count = np.bincount(grey.ravel(), minlength=256).astype(float)
    below, moment = np.cumsum(count), np.cumsum(count * np.arange(256))
    above = below[-1] - below
    between = (moment[-1] * below - moment * below[-1]) ** 2 / np.maximum(below * above, 1)
    best = np.flatnonzero(between == between.max())  # a range, where levels between the two classes are empty
    return int(best[0] + best[-1]) // 2 if between.max() > 0 else int(grey.max())
