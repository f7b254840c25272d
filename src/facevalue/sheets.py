"""Finding the separate digits of a sheet, and cutting each out of it.

    strokes   what is darker (or lighter) than the paper round it, ruled lines taken away
    pieces    connected strokes; pieces of one digit joined; dots, edges and shadows dropped
    rows      top to bottom, tolerant of a slant; left to right within a row
    crops     one a digit, neighbours painted over with paper

NumPy and Pillow only. All finding is done at about 1,500 px; boxes are in pixels of the picture as given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facevalue.images import MIN_SIDE_PX, RGB

Grey = NDArray[np.uint8]  # (H, W)
Mask = NDArray[np.bool_]  # (H, W)
Floats = NDArray[np.float32]

WORK_PX = 1500  # the longer side at which digits are looked for
SMALL_PX = 900  # a smaller picture is enlarged to this
FEW = 4  # with fewer digits than this, wider strokes are looked for too
MARGIN = 0.25  # room round a digit in its crop, as a share of its longer side


class StrokeSize(NamedTuple):
    """Shares of the longer side: strokes are narrower than the first; noise is measured in tiles of the second."""

    stroke: float
    tile: float


# Shares of the longer side of the picture.
PAGE = StrokeSize(stroke=1 / 12, tile=1 / 8)
LARGE = StrokeSize(stroke=1 / 4, tile=1)  # for one or two digits that fill the picture, written with a marker
FINE = 1 / 40  # what is narrower says whether ink is dark or light
NEIGHBOURHOOD = 1 / 16  # a stroke is judged by the strongest ink this near
LINE_WIDTH = 1 / 120  # no ruled line is wider
SMALLEST = 1 / 110  # no digit is lower

MOST_PIECES = 1500  # the largest; a page has fewer, texture has more

DARKEST = 24  # grey level of paper below which contrast is not magnified further
BRIGHTEST = 4  # chalk is at most about so many times brighter than its board, beyond the board itself
LEAST_CONTRAST = 0.07  # of ink to paper; less is texture
LEAST_STEP = 2.5  # grey levels from ink to paper across its outline; less is a gradient of light
INK_SHARE = 0.4  # of the strongest contrast nearby
LINE_LENGTH = 0.4  # of the picture's width or height: a straight stroke this long is a ruled line
STEEPEST = 0.18  # slope of ruled lines and of rows: 10 degrees


class Box(NamedTuple):
    """A rectangle in pixels of the picture; right and bottom are the first column and row beyond it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Sheet:
    """What was found on a page.

    boxes: in reading order; rows: the row of each, from 1.  owner: (h, w) int32 at the size that was worked at: 0 for
    paper, i + 1 for the ink of boxes[i], -1 for ink of nobody (lines, dots, edges).
    """

    boxes: tuple[Box, ...]
    rows: tuple[int, ...]
    owner: NDArray[np.int32]


# ---- strokes ---------------------------------------------------------------------------------------------------------


def find_digits(rgb: RGB) -> list[Box]:
    """The separate digits of a page, in reading order.

    rgb: (H, W, 3) uint8, digits dark on light or light on dark.  Returns boxes in pixels of rgb; none for a blank page.
    """
    return list(look_over(rgb).boxes)


def look_over(rgb: RGB) -> Sheet:
    """As ``find_digits``, with the row of each digit and whose each stroke is."""
    height, width = rgb.shape[:2]
    longest = max(height, width)
    factor = min(WORK_PX / longest, max(1.0, SMALL_PX / longest))
    size = max(8, round(width * factor)), max(8, round(height * factor))
    smooth = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
    picture = Image.fromarray(rgb).convert("L").resize(size, smooth)
    tone = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.0)))
    light_ink = has_light_ink(tone)
    tone = ~tone if light_ink else tone
    owner, boxes = find_in(tone, light_ink, PAGE)
    if len(boxes) < FEW:  # perhaps large, written with a broad marker
        wider, others = find_in(tone, light_ink, LARGE)
        if np.count_nonzero(wider > 0) > 1.3 * np.count_nonzero(owner > 0):
            owner, boxes = wider, others
    rows = group_rows(boxes)
    order = [index for row in rows for index in row]
    renumbered = np.zeros(len(boxes) + 2, np.int32)  # the last one is for -1
    renumbered[-1] = -1
    for new, old in enumerate(order):
        renumbered[old + 1] = new + 1
    scale = np.array([width / size[0], height / size[1]] * 2)
    largest = np.array([width, height] * 2)
    found = []
    for index in order:
        left, top, right, bottom = np.clip(np.array(boxes[index]) * scale, 0, largest)
        found.append(Box(int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))))
    numbers = tuple(number for number, row in enumerate(rows, 1) for _ in row)
    return Sheet(tuple(found), numbers, renumbered[owner])


def has_light_ink(grey: Grey) -> bool:
    """Whether the narrow things that stand out from the median of their surroundings are the light ones.

    The insides of an 8 and the gaps between digits are narrow too, but they are as the median is.
    """
    size = odd_px(FINE, grey)
    level = smooth_tiles(grey, max(grey.shape) // 5, lambda tile: float(np.median(tile)))
    dark, light = (
        (close_over(grey, size) - grey).astype(np.float32),
        (close_over(~grey, size) - ~grey).astype(np.float32),
    )
    dark_ink = np.sum(dark**2, where=level - grey > dark / 2)
    return bool(dark_ink < np.sum(light**2, where=grey - level > light / 2))


def find_in(tone: Grey, light_ink: bool, scale: StrokeSize) -> tuple[NDArray[np.int32], list[Box]]:
    """Digits of one scale.

    tone: (H, W) uint8, the lower the inkier: the negative where ink is light.  Returns whose ink each pixel is, as in
    Sheet, and the boxes, both in any order.
    """
    contrast = measure_contrast(tone, light_ink, odd_px(scale.stroke, tone))
    ink, ruled = find_ink(contrast, odd_px(scale.tile, tone))
    owner, boxes = gather_digits(ink & ~ruled, ruled, contrast, tone, light_ink)
    owner[(owner == 0) & (ink | ruled)] = -1
    return owner, boxes


def measure_contrast(tone: Grey, light_ink: bool, size: int) -> Floats:
    """How far each pixel is from the paper round it, towards ink: (H, W) float32, 0..1, as high in shadow as in light.

    The paper is a morphological closing: strokes narrower than size, in pixels, vanish in it, while shadows and
    gradients of light, being wider, stay, sharp edges and all.
    """
    paper = close_over(tone, size)
    depth = (paper - tone).astype(np.float32)
    if light_ink:  # the board is dark, and chalk many times brighter than it
        depth /= BRIGHTEST * np.maximum(~paper, DARKEST).astype(np.float32)
    else:
        depth /= np.maximum(paper, DARKEST).astype(np.float32)
    return np.asarray(np.minimum(depth, 1))


def odd_px(share: float, array: NDArray[Any]) -> int:
    """A share of the longer side in pixels, odd."""
    return max(3, int(share * max(array.shape)) | 1)


def close_over(grey: Grey, size: int) -> Grey:
    """Morphological closing with a square: dark things narrower than it vanish."""
    return slide(slide(grey, size, np.maximum), size, np.minimum)


def slide(array: NDArray[Any], size: int, extreme: np.ufunc) -> NDArray[Any]:
    """Largest or smallest value in a square window round each pixel; size: odd, in pixels."""
    for axis in (0, 1):
        sides = [(size // 2, size // 2) if axis == other else (0, 0) for other in (0, 1)]
        array = np.moveaxis(np.pad(array, sides, mode="edge"), axis, 0)
        reach = 1
        while reach < size:  # windows of 1, 2, 4, … joined to the one asked for
            step = min(reach, size - reach)
            array = extreme(array[:-step], array[step:])
            reach += step
        array = np.moveaxis(array, 0, axis)
    return np.ascontiguousarray(array)


def smooth_tiles(array: NDArray[Any], tile_px: int, measure: Any) -> Floats:
    """A measure of each tile, interpolated between the tiles' centres.  Returns (H, W) float32."""
    down, across = (max(1, round(side / max(tile_px, 1))) for side in array.shape)
    values = np.array(
        [[measure(tile) for tile in np.array_split(band, across, axis=1)] for band in np.array_split(array, down)],
        np.float32,
    )
    return np.asarray(Image.fromarray(values).resize(array.shape[::-1], Image.Resampling.BILINEAR))


def find_ink(contrast: Floats, tile_px: int) -> tuple[Mask, Mask]:
    """Strokes, and ruled lines.

    A stroke has a share of the strongest contrast nearby, so that a pencil counts where there is no pen; lines are
    looked for in all that is above the noise.
    """

    def noise(tile: NDArray[Any]) -> float:
        low, middle = np.quantile(tile[::2, ::2], (0.16, 0.5))
        return float(middle + 4 * (middle - low))  # standard deviations, from the side where there is no ink

    floor = LEAST_CONTRAST + smooth_tiles(contrast, tile_px, noise)
    around = odd_px(NEIGHBOURHOOD, contrast)
    strongest = slide(np.minimum(contrast * 255, 255).astype(np.uint8), around, np.maximum)
    seen = contrast > floor
    ink = seen & (contrast * 255 > INK_SHARE * strongest)
    across, across_alone = find_lines(seen, contrast)
    down, down_alone = find_lines(seen.T, contrast.T)
    reach = odd_px(2 * LINE_WIDTH, contrast)  # where two lines cross, each is taken for a stroke over the other
    crossing = slide(across_alone, reach, np.logical_or) & slide(down_alone.T, reach, np.logical_or)
    return ink, across_alone | down_alone.T | (across & down.T & crossing)


def find_lines(seen: Mask, contrast: Floats) -> tuple[Mask, Mask]:
    """Near-horizontal straight lines across a good part of the picture; and the same without what crosses them."""
    height, width = seen.shape
    quarters = seen[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2)
    half: Mask = np.asarray(quarters.any(axis=(1, 3)))
    coarse = Image.fromarray(half).convert("L").reduce(2)
    shares = np.asarray(coarse).astype(np.float32) / 255
    slopes = np.arange(-STEEPEST, STEEPEST + 0.001, 0.005)
    sharpness = [np.sum(shear(shares, slope).sum(axis=1) ** 2) for slope in slopes]
    best = slopes[int(np.argmax(sharpness))]
    window = max(8, round(LINE_LENGTH * half.shape[1]))
    on_line: Mask = np.zeros_like(half)
    for slope in best + np.arange(-0.03, 0.031, 0.0075):
        level = shear(half, slope)
        covered = sum_windows(level, window) >= 0.8 * window
        if covered.any():
            on_line |= shear((sum_windows(covered, window) > 0) & level, -slope)
    ruled: Mask = np.zeros_like(seen)
    ruled[: half.shape[0] * 2, : half.shape[1] * 2] = on_line.repeat(2, axis=0).repeat(2, axis=1)
    ruled &= seen
    if not ruled.any():
        return ruled, ruled
    thick = run_lengths(seen.T).T
    usual = np.median(thick[ruled])
    widest = min(usual + 3, LINE_WIDTH * max(seen.shape))
    strong = contrast > 1.3 * np.quantile(contrast[ruled], 0.9)  # a stroke along the line
    return np.asarray(ruled & ~strong), np.asarray(ruled & (thick <= widest) & ~strong)


def shear(array: NDArray[Any], slope: float) -> NDArray[Any]:
    """Columns moved up by slope times their distance from the middle, round and round; the inverse of -slope."""
    height, width = array.shape
    moves = np.round(slope * (np.arange(width) - width // 2)).astype(int)
    result = np.empty_like(array)
    ends = (np.flatnonzero(np.diff(moves)) + 1).tolist()
    for start, stop in zip([0, *ends], [*ends, width], strict=True):
        up = int(moves[start]) % height
        result[: height - up, start:stop] = array[up:, start:stop]
        result[height - up :, start:stop] = array[:up, start:stop]
    return result


def sum_windows(mask: Mask, window: int) -> NDArray[np.int32]:
    """How many pixels are set in the window round each pixel, along its row."""
    before = window // 2
    padded = np.pad(mask, ((0, 0), (before + 1, window - before - 1)))
    total = np.cumsum(padded, axis=1, dtype=np.int32)
    return total[:, window:] - total[:, :-window]


def run_lengths(mask: Mask) -> NDArray[np.int32]:
    """For each pixel that is set, the length of the run in its row that it belongs to; 0 elsewhere."""
    starts, ends, pitch = find_runs(mask)
    flat = np.zeros(mask.shape[0] * pitch, np.int32)
    flat[spell_out(starts, ends)] = np.repeat(ends - starts, ends - starts)
    return flat.reshape(mask.shape[0], pitch)[:, : mask.shape[1]]


# ---- pieces ----------------------------------------------------------------------------------------------------------


def find_runs(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Starts and ends of the horizontal runs, as positions in the mask flattened with one empty column more."""
    flat = np.pad(mask, ((0, 0), (0, 1))).ravel().view(np.int8)
    change = np.diff(flat, prepend=np.int8(0))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1), mask.shape[1] + 1


def spell_out(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """All positions of the ranges [start, end), one range after the other."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    positions: NDArray[np.int64] = np.arange(lengths.sum()) - np.repeat(before - starts, lengths)
    return positions


def label_pieces(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Connected pieces, diagonals included: (H, W) int32 labels from 1, 0 elsewhere, and how many there are."""
    starts, ends, pitch = find_runs(mask)
    first = np.searchsorted(ends - pitch, starts, "left")  # runs of the next row that touch this one
    beyond = np.searchsorted(starts - pitch, ends, "right")
    upper = np.repeat(np.arange(len(starts)), np.maximum(beyond - first, 0))
    lower = spell_out(first, np.maximum(beyond, first))
    root = np.arange(len(starts))
    while True:
        a, b = root[upper], root[lower]
        if np.array_equal(a, b):
            break
        smaller = np.minimum(a, b)
        np.minimum.at(root, a, smaller)
        np.minimum.at(root, b, smaller)
        while not np.array_equal(root, root[root]):
            root = root[root]
    _, label = np.unique(root, return_inverse=True)
    flat = np.zeros(mask.shape[0] * pitch, np.int32)
    flat[spell_out(starts, ends)] = np.repeat(label + 1, ends - starts)
    return flat.reshape(mask.shape[0], pitch)[:, : mask.shape[1]].copy(), int(label.max(initial=-1)) + 1


@dataclass(frozen=True)
class Pieces:
    """Connected pieces of ink: boxes (N, 4) left, top, right, bottom; area in pixels; mean contrast."""

    boxes: NDArray[np.int64]
    area: NDArray[np.int64]
    contrast: NDArray[np.float64]

    @property
    def width(self) -> NDArray[np.int64]:
        """In pixels."""
        return self.boxes[:, 2] - self.boxes[:, 0]

    @property
    def height(self) -> NDArray[np.int64]:
        """In pixels."""
        return self.boxes[:, 3] - self.boxes[:, 1]


def measure_pieces(labels: NDArray[np.int32], count: int, contrast: Floats) -> Pieces:
    rows, columns = np.nonzero(labels)
    label = labels[rows, columns] - 1
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, :2] = np.iinfo(np.int64).max
    for column, extreme, values in (
        (0, np.minimum, columns),
        (1, np.minimum, rows),
        (2, np.maximum, columns + 1),
        (3, np.maximum, rows + 1),
    ):
        extreme.at(boxes[:, column], label, values)
    area = np.bincount(label, minlength=count)
    total = np.bincount(label, weights=contrast[rows, columns], minlength=count)
    return Pieces(boxes, area, total / np.maximum(area, 1))


def gather_digits(
    ink: Mask, ruled: Mask, contrast: Floats, tone: Grey, light_ink: bool
) -> tuple[NDArray[np.int32], list[Box]]:
    """The pieces that are digits, pieces of one digit joined, all else dropped.

    Returns (H, W) int32: i + 1 where the ink of box i is, 0 elsewhere; and the boxes.
    """
    labels, count = label_pieces(ink)
    pieces = measure_pieces(labels, count, contrast)
    height, width = ink.shape
    longest = max(height, width)
    extent = np.maximum(pieces.width, pieces.height)
    # Larger than a digit can be: a shadow's edge, the sheet's border, the table.
    edge = (pieces.boxes[:, :2] <= 1).any(axis=1) | (pieces.boxes[:, 2:] >= [width - 1, height - 1]).any(axis=1)
    huge = (pieces.height > 0.9 * height) | (pieces.width > 0.6 * width) | (edge & (extent > 0.12 * longest))
    kept = np.flatnonzero(~huge & (extent >= SMALLEST * longest / 4) & (pieces.area >= 4))
    owner_of = np.full(count + 1, 0, np.int32)
    tall = kept[pieces.height[kept] >= SMALLEST * longest]
    if not len(tall):
        return owner_of[labels], []
    weight = np.sqrt(pieces.area[tall]) * pieces.contrast[tall]
    usual_contrast = weighted_median(pieces.contrast[tall], weight)
    kept = kept[pieces.contrast[kept] > 0.45 * usual_contrast]
    tall = tall[pieces.contrast[tall] > 0.45 * usual_contrast]
    usual = weighted_median(pieces.height[tall], np.sqrt(pieces.area[tall]) * pieces.contrast[tall])
    kept = kept[extent[kept] >= 0.08 * usual]
    kept = kept[np.argsort(-pieces.area[kept], kind="stable")[:MOST_PIECES]]
    light = np.maximum(~tone if light_ink else tone, DARKEST)
    kept = kept[[has_edge(int(i), labels, pieces.boxes[i], ruled, tone, light) for i in kept]]
    boxes, members = join_pieces(pieces.boxes[kept], pieces.area[kept], usual)
    found: list[Box] = []
    for box, group in zip(boxes, members, strict=True):
        left, top, right, bottom = (int(side) for side in box)
        area = int(pieces.area[kept[group]].sum())
        at_edge = left <= 1 or top <= 1 or right >= width - 1 or bottom >= height - 1
        if bottom - top >= SMALLEST * longest and is_digit(right - left, bottom - top, area, usual, at_edge):
            found.append(Box(left, top, right, bottom))
            owner_of[kept[group] + 1] = len(found)
    return owner_of[labels], found


def is_digit(width: float, height: float, area: float, usual: float, at_edge: bool) -> bool:
    """Whether ink of this size may be a digit where most are as high as usual; all in pixels."""
    if at_edge and (height > 1.8 * usual or width > 1.8 * usual):
        return False
    if not 0.45 * usual <= height <= 2.6 * usual or width > 2.2 * usual:
        return False
    return width <= 2.5 * height and area >= 0.02 * height * height


def has_edge(
    index: int, labels: NDArray[np.int32], box: NDArray[np.int64], ruled: Mask, tone: Grey, light: Grey
) -> bool:
    """Whether nearly all of a piece's outline is an edge towards something paler a few pixels away, as a stroke's is.

    What a closing takes for ink at the corner of a shadow goes over into the rest of the shadow, or fades.
    tone: (H, W), the lower the inkier.  light: (H, W) brightness, by which steps are compared: a stroke that lies half
    in shadow has lower ones there.
    """
    part = tuple(slice(max(box[axis] - 8, 0), box[axis + 2] + 8) for axis in (1, 0))
    own = labels[part] == index + 1
    marked = (labels[part] > 0) | ruled[part]
    outside = slide(own, 9, np.logical_or) & ~slide(marked, 5, np.logical_or)  # a blurred outline is left out
    count = sum_square(own, 15)
    outside &= count > 0
    if not outside.any():
        return True
    inside = sum_square(np.where(own, tone[part], 0), 15)[outside] / count[outside]
    step = tone[part][outside] - inside
    contrast = step / light[part][outside]
    clear = (contrast > 0.4 * np.quantile(contrast, 0.8)) & (step > LEAST_STEP)
    return float(np.mean(clear)) > 0.75


def sum_square(values: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Sum over the square window round each pixel; size: odd, in pixels."""
    half = size // 2
    total = np.pad(values, ((half + 1, half), (half + 1, half))).astype(np.int64).cumsum(axis=0).cumsum(axis=1)
    return np.asarray(total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size])


def join_pieces(
    boxes: NDArray[np.int64], area: NDArray[np.int64], usual: float
) -> tuple[NDArray[np.int64], list[list[int]]]:
    """Small pieces joined to the digit they belong to: the bar of a 5, a stroke broken by a line.

    boxes: (N, 4); area: (N,); usual: height of a digit.  Returns the joined boxes and the pieces of each.
    """
    joined = np.zeros((len(boxes), 4), np.int64)
    members: list[list[int]] = []
    for index in np.argsort(-area, kind="stable"):  # the largest first: the others find it there
        apart = part_of(boxes[index], joined[: len(members)], usual)
        best = int(np.argmin(apart)) if len(apart) else -1
        if best >= 0 and apart[best] < np.inf:
            joined[best] = unite(boxes[index], joined[best])
            members[best].append(int(index))
        else:
            joined[len(members)] = boxes[index]
            members.append([int(index)])
    return joined[: len(members)], members


def part_of(box: NDArray[np.int64], others: NDArray[np.int64], usual: float) -> NDArray[np.float64]:
    """How far a piece is from each larger one that it may be part of, in pixels; infinite where it can't be.

    box: (4,); others: (N, 4); usual: height of a digit.  Returns (N,).
    """
    width, height = box[2:] - box[:2]
    gap_x, gap_y = np.maximum(box[:2] - others[:, 2:], others[:, :2] - box[2:]).T  # negative: the overlap
    union = unite(box, others)
    wide, high = (union[:, 2:] - union[:, :2]).T
    other_width, other_height = (others[:, 2:] - others[:, :2]).T
    inside = (-gap_x >= 0.5 * width) & (-gap_y >= 0.5 * height)
    stacked = (np.minimum(height, other_height) < 0.7 * usual) & (gap_y <= 0.2 * usual)
    stacked &= -gap_x >= 0.4 * np.minimum(width, other_width)
    beside = (height < 0.6 * usual) & (width < 0.8 * usual) & (gap_x <= 0.1 * usual) & (gap_y <= 0.1 * usual)
    bar = (height < 0.35 * usual) & (width < usual) & (gap_x <= 0.15 * usual) & (gap_y <= 0.25 * usual)
    bar &= box[3] <= union[:, 1] + 0.4 * high  # a dash is lower
    fits = (high <= 1.45 * np.maximum(usual, other_height)) & (wide <= 1.6 * usual)
    apart = np.maximum(gap_x, 0) + np.maximum(gap_y, 0)
    return np.where(inside | ((stacked | beside | bar) & fits), apart, np.inf)


def unite(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """The box round two boxes, (4,) and (4,) or (N, 4)."""
    return np.concatenate([np.minimum(a[..., :2], b[..., :2]), np.maximum(a[..., 2:], b[..., 2:])], axis=-1)


def weighted_median(values: NDArray[Any], weights: NDArray[Any]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


# ---- rows ------------------------------------------------------------------------------------------------------------


def group_rows(boxes: Sequence[Box]) -> list[list[int]]:
    """Indices of the boxes by rows, top to bottom, and left to right within each.

    All rows are taken to slant alike: the slope is the one that lines the boxes up best, the flattest of equals.
    """
    if not boxes:
        return []
    left, top, right, bottom = np.array(boxes, float).T
    x, y = (left + right) / 2, (top + bottom) / 2
    usual = float(np.median(bottom - top))
    slopes = np.arange(-STEEPEST, STEEPEST + 0.001, 0.005)
    best = 0.0
    if len(boxes) > 2:

        def agreement(slope: float) -> float:
            level = y - slope * x
            return float(np.exp(-(((level[:, None] - level) / (0.25 * usual)) ** 2)).sum()) - abs(slope) * len(boxes)

        best = max(slopes, key=agreement)
    level = y - best * x
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.diff(level[order]) > 0.4 * usual) + 1
    return [sorted((int(i) for i in row), key=lambda i: x[i]) for row in np.split(order, starts)]


# ---- crops -----------------------------------------------------------------------------------------------------------


def cut_digits(rgb: RGB, sheet: Sheet, margin: float = MARGIN) -> list[RGB]:
    """A crop of each digit of a sheet, in its order, without the ink of its neighbours."""
    return [cut_digit(rgb, box, margin, (sheet.owner, k)) for k, box in enumerate(sheet.boxes, start=1)]


def cut_digit(rgb: RGB, box: Box, margin: float = MARGIN, ink: tuple[NDArray[np.int32], int] | None = None) -> RGB:
    """A square crop with the digit in its middle, and paper where there is other ink or no picture.

    rgb: (H, W, 3) uint8.  margin: room on each side, as a share of the box's longer side.  ink: the Sheet's owner, and
    the digit's own number in it; without it only what is beyond the picture is filled.  Returns (S, S, 3) uint8.
    """
    height, width = rgb.shape[:2]
    longer = max(box.right - box.left, box.bottom - box.top)
    side = max(MIN_SIDE_PX, round(longer * (1 + 2 * margin)))
    left, top = (box.left + box.right - side) // 2, (box.top + box.bottom - side) // 2
    columns, rows = np.arange(left, left + side), np.arange(top, top + side)
    inside = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    columns, rows = columns.clip(0, width - 1), rows.clip(0, height - 1)
    crop = rgb[rows[:, None], columns]
    foreign = ~inside
    paper = inside & (np.abs(crop - np.median(crop[inside], axis=0)).max(axis=2) < 40)
    if ink is not None:
        owner, number = ink
        down, across = owner.shape[0] / height, owner.shape[1] / width
        part = owner[((rows + 0.5) * down).astype(int)[:, None], ((columns + 0.5) * across).astype(int)]
        blurred = 2 * round(2 / max(down, 0.1)) + 1  # ink spreads about two pixels beyond its outline
        ours = slide(part == number, blurred, np.logical_or)
        others = slide((part != number) & (part != 0), blurred, np.logical_or)
        foreign = foreign | (others & ~ours)
        paper = inside & ~ours & ~others
    if foreign.any() and paper.any():
        reach = side // 2 | 1
        count = sum_square(paper, reach)
        usual = np.median(crop[paper], axis=0)
        for channel in range(3):
            total = sum_square(np.where(paper, crop[..., channel], 0), reach)
            fill = np.where(count > 0, total / np.maximum(count, 1), usual[channel])
            crop[..., channel] = np.where(foreign, fill, crop[..., channel])
    return crop
