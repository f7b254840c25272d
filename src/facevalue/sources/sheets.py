"""Sheets of separate handwritten digits, as somebody would photograph them, to measure and test ``page`` on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter


def draw_sheet(
    rng: np.random.Generator, glyphs: Sequence[NDArray[np.uint8]], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, int]], list[int]]:
    """A photo of a sheet or board with 20 digits: pens, lines or squares, slant, shadow, noise.

    glyphs: (28, 28) uint8 masks of ink.  size: width and height in pixels, or the other way round.
    Returns (H, W, 3) uint8, the digits' boxes (left, top, right, bottom), and which glyph stands in each.
    """
    width, height = size if rng.random() < 0.7 else size[::-1]
    count, row_count = 20, int(rng.integers(3, 6))
    column_count = -(-count // row_count)
    cell_x, cell_y = width / (column_count + 0.5), height / (row_count + 0.5)
    cell = min(cell_x, cell_y)
    each = cell * rng.uniform(0.65, 1.0)
    board = rng.random() < 0.25
    paper = np.array([40.0, 60, 50]) if board else rng.uniform(215, 250) * np.array([1, 0.98, rng.uniform(0.88, 1)])
    pens = [(25, 25, 30), (30, 40, 140), (170, 30, 40), (95, 95, 100), (20, 110, 60)]
    pen = np.array((230, 230, 225) if board else pens[rng.integers(len(pens))])
    ruling = np.zeros((height, width, 1))
    style, pitch, thick, strength = rng.integers(3), int(rng.uniform(0.3, 0.9) * cell), 1, rng.uniform(0.15, 0.6)
    if style > 0:
        for row in range(pitch // 2, height, pitch):
            ruling[row : row + thick] = strength
    if style > 1:
        for column in range(pitch // 2, width, pitch):
            ruling[:, column : column + thick] = strength
    ink = np.zeros((height, width, 1))
    centres, sides, chosen = [], [], []
    degrees = rng.uniform(-3, 3)
    turn = np.radians(degrees)
    for index in range(count):
        row, column = divmod(index, column_count)
        side = round(each * rng.uniform(0.8, 1.2))
        x, y = np.array([(column + 0.75) * cell_x, (row + 0.75) * cell_y]) + rng.uniform(-0.06, 0.06, 2) * cell
        chosen.append(int(rng.integers(len(glyphs))))
        glyph = glyphs[chosen[-1]]
        left = int(np.clip(x - side / 2, 0, width - side))
        top = int(np.clip(y - side / 2, 0, height - side))
        share = np.asarray(Image.fromarray(glyph).resize((side, side), Image.Resampling.BICUBIC))[..., None] / 255
        part = ink[top : top + side, left : left + side]
        np.maximum(part, share, out=part)
        down, across = np.nonzero(share[..., 0] > 0.4)
        box = np.array([across.min() + left, down.min() + top, across.max() + 1 + left, down.max() + 1 + top])
        away = (box[:2] + box[2:]) / 2 - (width / 2, height / 2)
        centres.append((away @ [np.cos(turn), np.sin(turn)], away @ [-np.sin(turn), np.cos(turn)]))
        sides.append(box[2:] - box[:2])
    line = np.array([150.0, 170, 160]) if board else np.array([110.0, 140, 200])
    flat = paper + (line - paper) * ruling
    flat = flat + (pen - flat) * ink
    picture = Image.fromarray(flat.astype(np.uint8))
    picture = picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=tuple(int(c) for c in paper))
    direction = rng.uniform(-0.3, 0.3, 2)
    light = 1 + direction[0] * np.linspace(-1, 1, width) + direction[1] * np.linspace(-1, 1, height)[:, None]
    if rng.random() < 0.6:
        shadow = Image.new("L", (width, height), 255)
        corner, along = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0.3, 0.7, 2) * (width, height)
        lean = rng.uniform(-0.5, 0.5)
        sides_xy = np.array([[0, 0], [along[0], along[0] * lean], [along[0], along[1]], [0, along[1]]])
        ImageDraw.Draw(shadow).polygon([tuple(p) for p in corner + sides_xy], fill=int(rng.uniform(120, 205)))
        light = light * np.asarray(shadow.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 7)))) / 255
    noise = rng.normal(0, rng.uniform(0, 6), (height, width, 1))
    rgb = (np.asarray(picture) * light[..., None] + noise).clip(0, 255).astype(np.uint8)
    boxes = []
    for (x, y), side in zip(centres, sides, strict=True):
        corner = np.array([x + width / 2, y + height / 2]) - side / 2
        left, top, right, bottom = (int(v) for v in (*corner, *(corner + side)))
        boxes.append((left, top, right, bottom))
    return rgb, boxes, chosen
