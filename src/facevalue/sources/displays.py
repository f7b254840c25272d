"""Displays of LCD meters, made of crops of their digits.

crops of one meter ──► join: side by side, in colours of other displays ──► photograph: askew, blurred, in a frame

What the crops bring is how segments look in photos; a drawn display only has what we thought of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facevalue.images import fit_row
from facevalue.sources import camera, lettering, paint

RGB = NDArray[np.uint8]
Floats = NDArray[np.float32]

TALL_PX = 48  # of a crop in a joined display
SPARE_PX = 20  # above and below it before the display is cut out
PAD_PX = 24  # of its edges that are repeated around it
CELL = (0.08, 0.92, 0.1, 0.9)  # left, right, top and bottom of the digit in a crop
EVENED, HALF_EVENED = 0.6, 0.8  # how often the grounds of its crops are made one, and how often made alike
STROKE_PX = 11  # more than the breadth of a segment in a joined display, odd
MOST_DEEPER = 4.0  # as much more contrast at most is given to the ink of a faint crop beside dark ones
LEAST_APART = 0.16  # of faint ink from its ground, in the colour that differs most


class Display(NamedTuple):
    """rgb: (H, W, 3) uint8.  cells: left, right, top and bottom of each digit in its pixels."""

    rgb: RGB
    cells: list[tuple[float, float, float, float]]


def join(rnd: Random, crops: Sequence[RGB]) -> Display:
    """Crops (H, W, 3) uint8 of digits side by side on one foot, the last one small now and then."""
    has_small = rnd.random() < 0.35
    small = rnd.uniform(0.42, 0.8)
    gap = rnd.choice((0, 0, rnd.randint(0, 14)))
    trim = rnd.uniform(0.0, 0.08)
    widen = math.exp(rnd.gauss(0, 0.12))
    parts: list[RGB] = []
    for k, rgb in enumerate(crops):
        tall = TALL_PX * (small if has_small and k == len(crops) - 1 else 1.0)
        wide = max(4, round(rgb.shape[1] / rgb.shape[0] * tall * widen))
        part = np.asarray(Image.fromarray(rgb).resize((wide, max(4, round(tall))), Image.Resampling.BICUBIC))
        cut = int(trim * wide)
        parts.append(part[:, cut : wide - cut])
    before, after, above, below = (
        int(rnd.uniform(-2, 14) if rnd.random() < 0.6 else rnd.uniform(0, most)) for most in (60, 60, 16, 16)
    )
    widths = [part.shape[1] for part in parts]
    lefts = [max(0, before) + sum(widths[:k]) + k * gap for k in range(len(parts))]
    canvas: NDArray[Any] = side_by_side(parts, lefts, lefts[-1] + widths[-1] + max(0, after), rnd.random())
    canvas = canvas[SPARE_PX - above : SPARE_PX + TALL_PX + below]
    if rnd.random() < 0.75:
        canvas = recoloured(rnd, canvas)
    picture = np.clip(canvas, 0, 255).astype(np.uint8)
    if rnd.random() < 0.3:  # lit from one side
        light = np.linspace(rnd.uniform(0.5, 1.3), rnd.uniform(0.5, 1.3), picture.shape[1])[None, :, None]
        picture = np.clip(picture * light, 0, 255).astype(np.uint8)
    left, right, top, bottom = CELL
    cells = [
        (x + left * part.shape[1], x + right * part.shape[1], y + top * part.shape[0], y + bottom * part.shape[0])
        for part, x in zip(parts, lefts, strict=True)
        for y in [above + TALL_PX - part.shape[0]]
    ]
    return Display(picture, cells)


def side_by_side(parts: Sequence[RGB], lefts: Sequence[int], width: int, uneven: float) -> Floats:
    """(TALL_PX + 2 SPARE_PX, width, 3): parts with their feet on one line, on the usual colour of their edges.

    uneven: 0..1, below EVENED parts have one ground and their ink one contrast with it, as the digits of one display
    have them; up to HALF_EVENED their grounds are alike.
    """
    edges = np.concatenate([part[[0, -1]].reshape(-1, 3) for part in parts])
    plain = np.median(edges, axis=0).astype(np.float32)
    canvas = np.empty((TALL_PX + 2 * SPARE_PX, width, 3), dtype=np.float32)
    canvas[:] = plain
    foot = SPARE_PX + TALL_PX
    depths = [ground_of(part) - part for part in parts]
    darkest = np.array([max(1.0, float(np.percentile(middle_of(depth).mean(axis=2), 96))) for depth in depths])
    factors = np.clip(np.median(darkest) / darkest, 1 / MOST_DEEPER, MOST_DEEPER)
    for part, left, depth, factor in zip(parts, lefts, depths, factors, strict=True):
        column = canvas[:, left : left + part.shape[1]]
        column[foot - part.shape[0] : foot] = part
        if uneven < EVENED:
            column[foot - part.shape[0] : foot] = plain - factor * depth
        elif uneven < HALF_EVENED:
            column += 0.8 * (plain - np.median(column[SPARE_PX:foot].reshape(-1, 3), axis=0))
    return canvas


def middle_of(part: NDArray[Any]) -> NDArray[Any]:
    """(h, w, 3): where a crop (H, W, 3) shows its digit."""
    height, width = part.shape[:2]
    left, right, top, bottom = CELL
    return part[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def ground_of(part: RGB) -> Floats:
    """(H, W, 3): the colour that a crop of dark ink would have without it: its closing by STROKE_PX, smoothed."""
    image = Image.fromarray(part).filter(ImageFilter.MaxFilter(STROKE_PX)).filter(ImageFilter.MinFilter(STROKE_PX))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(STROKE_PX / 4)), dtype=np.float32)


def recoloured(rnd: Random, canvas: Floats) -> NDArray[np.float64]:
    """(H, W, 3): a display's grey levels in the colours of another, from its ink to its ground; some hardly apart."""
    grey = canvas.mean(axis=2)
    low, high = np.percentile(grey, (4, 90))
    level = ((grey - low) / max(high - low, 10.0))[..., None]
    ground = lettering.lcd_ground(rnd)
    if paint.luminance(ground) < lettering.LED_LUMINANCE:
        ink = paint.shade(ground, rnd.uniform(0.4, 1))
    elif rnd.random() < 0.4:
        ink = lettering.tinted_ink(rnd, ground)
    else:
        ink = paint.shade(ground, -rnd.uniform(0.3, 1))
    apart = max(abs(a - b) for a, b in zip(ink, ground, strict=True))
    if rnd.random() < 0.35:
        ink = paint.mixed(ground, ink, max(rnd.uniform(0.35, 1), min(1.0, LEAST_APART / max(apart, 0.01))))
    return np.asarray(255 * (np.array(ink) * (1 - level) + np.array(ground) * level))


def photograph(rnd: Random, rgb: RGB, size_px: tuple[int, int]) -> tuple[RGB, NDArray[np.float64]]:
    """A display askew, as a crop that the reader fits into a frame of size_px (width, height), black beside it.

    rgb: (h, w, 3) uint8.  Returns (height, width, 3) uint8, and the matrix (3, 3) from the display's pixels to its.
    """
    across, down = size_px
    height, width = rgb.shape[:2]
    aspect = rnd.uniform(5.5, 7.0) if rnd.random() < 0.5 else rnd.uniform(3.5, 7.5)
    squeeze = min(max(aspect * height / width, 1 / 1.6), 2.6) if rnd.random() < 0.6 else 1.0
    sx, sy = fit_row(width * squeeze, height, size_px)
    area = min(across, round(width * squeeze * sx)), min(down, round(height * sy))
    left, top = (across - area[0]) // 2, (down - area[1]) // 2
    angle, lean = math.radians(rnd.gauss(0, 1.5)), rnd.gauss(0, 0.08)
    c, s = math.cos(angle), math.sin(angle)
    turned = np.array([[c, -s + lean * c, 0.0], [s, c + lean * s, 0.0], [0.0, 0.0, 1.0]])
    if rnd.random() < 0.4:
        turned[2, 0], turned[2, 1] = rnd.gauss(0, 0.05) / width, rnd.gauss(0, 0.05) / height
    room = 1 + abs(s) * width * 0.8 / height
    scaled = np.diag([area[0] / width, area[1] / height / room, 1.0])
    inside = shifted(area[0] / 2, area[1] / 2) @ scaled @ turned @ shifted(-width / 2, -height / 2)

    framed = np.pad(rgb, ((PAD_PX, PAD_PX), (PAD_PX, PAD_PX), (0, 0)), mode="edge")
    if min(sx * squeeze, sy) < 0.7:  # it shrinks
        framed = camera.blurred(framed, 0.35 / max(sx * squeeze, 0.2), 0.3)
    back = shifted(PAD_PX, PAD_PX) @ np.linalg.inv(inside)
    part = np.asarray(
        Image.fromarray(framed).transform(
            area, Image.Transform.PERSPECTIVE, tuple((back / back[2, 2]).ravel()[:8]), Image.Resampling.BICUBIC
        )
    )
    if rnd.random() < 0.25:
        part = camera.blurred(part, rnd.uniform(0.3, 2.0), rnd.uniform(0.3, 1.3))
    if rnd.random() < 0.8:
        part = camera.develop(rnd, np.ascontiguousarray(part))
    picture = np.zeros((down, across, 3), dtype=np.uint8)
    picture[top : top + area[1], left : left + area[0]] = part
    return picture, shifted(left, top) @ inside


def shifted(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
