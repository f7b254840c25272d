"""Figures that studies share: sheets of pictures with captions, and learning curves; each as PNG, readable in grey."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facevalue.studies import Answer

INK, GREY, PAPER, EDGE = "#1a1a1a", "#6b6b6b", "#ffffff", "#c4c4c4"
GAP_PX, LINE_PX, HEAD_PX = 14, 17, 44
WORST = 30


class Tile(NamedTuple):
    """A picture (H, W, 3) uint8 and the lines below it."""

    picture: NDArray[np.uint8]
    lines: tuple[str, ...]


def sheet(tiles: Sequence[Tile], title: str, columns: int, scale: int) -> bytes:
    """The tiles in rows of so many, each picture enlarged by whole pixels, their captions below, as PNG."""
    font, large = ImageFont.load_default(13), ImageFont.load_default(18)
    wide = max((tile.picture.shape[1] * scale for tile in tiles), default=0)
    captions = [line for tile in tiles for line in tile.lines]
    wide = max(wide, *(int(font.getlength(line)) + 1 for line in captions)) if captions else wide
    high = max((tile.picture.shape[0] * scale + LINE_PX * len(tile.lines) for tile in tiles), default=0)
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    across = max(columns * (wide + GAP_PX) + GAP_PX, int(large.getlength(title)) + 2 * GAP_PX)
    canvas = Image.new("RGB", (across, HEAD_PX + rows * (high + GAP_PX)), PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.text((GAP_PX, 12), title, INK, large)
    for index, tile in enumerate(tiles):
        left, top = GAP_PX + index % columns * (wide + GAP_PX), HEAD_PX + index // columns * (high + GAP_PX)
        size = tile.picture.shape[1] * scale, tile.picture.shape[0] * scale
        canvas.paste(Image.fromarray(tile.picture).resize(size, Image.Resampling.NEAREST), (left, top))
        pen.rectangle((left, top, left + size[0] - 1, top + size[1] - 1), outline=EDGE)
        for number, line in enumerate(tile.lines):
            at = left, top + size[1] + 2 + number * LINE_PX
            pen.text(at, line, INK if number == 0 else GREY, font)
    stream = io.BytesIO()
    canvas.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def draw_mistakes(
    answers: Sequence[Answer],
    pictures: NDArray[np.uint8],
    title: str,
    said: Callable[[Answer], tuple[str, ...]],
    columns: int,
    scale: int,
) -> bytes:
    """The wrong readings, the surest first, as a sheet.

    pictures: (N, H, W, 3) uint8, of all records.  said: the lines of an answer above its confidence and record.
    """
    wrong = sorted((one for one in answers if one.read != one.label), key=lambda one: (-one.confidence, one.record))
    tiles = [
        Tile(pictures[one.record], (*said(one), f"{one.confidence:.0%} no. {one.record}")) for one in wrong[:WORST]
    ]
    heading = f"{title}: the surest {len(tiles)} of {len(wrong)} mistakes, n = {len(answers):,}"
    return sheet(tiles, heading, columns, scale)


class Curve(NamedTuple):
    """What a network got wrong, by step.  steps, wrong: (N,), shares 0..1."""

    name: str
    steps: NDArray[np.float64]
    wrong: NDArray[np.float64]


def read_curves(runs: Iterable[tuple[str, Path]], tag: str) -> list[Curve]:
    """1 less a scalar that trainings logged for TensorBoard, of those that did: results taken over have no log.

    runs: names and run folders.
    """
    logged = ((name, *read_scalar(run_dir, tag)) for name, run_dir in runs)
    return [Curve(name, steps, 1 - values) for name, steps, values in logged if len(steps)]


def read_scalar(run_dir: Path, tag: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and values (N,) of a scalar that training logged for TensorBoard.

    tag: where it begins with ``held_out/`` and the run held nothing out, that of the pictures trained on.
    """
    from tensorboard.backend.event_processing import event_accumulator  # type: ignore[import-untyped]

    events = event_accumulator.EventAccumulator(str(run_dir), size_guidance={"scalars": 0, "images": 1})
    events.Reload()
    scalars = events.Tags()["scalars"]
    tag = tag if tag in scalars else tag.replace("held_out/", "trained_on/")
    logged = events.Scalars(tag) if tag in scalars else []
    steps = np.array([event.step for event in logged], dtype=np.float64)
    return steps, np.array([event.value for event in logged], dtype=np.float64)


def plot_curves(curves: Sequence[Curve], title: str, count: int) -> bytes:
    """Share wrong of the pictures scored in training, on a logarithmic scale, against the share of the steps, as PNG.

    count: of those pictures; none wrong is drawn as half of one.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no state
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

    figure = Figure(figsize=(7.2, 4.4), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    styles = (("-", "black", "o"), ("--", "0.3", "s"), ("-.", "0.45", "^"), (":", "0.2", "D"), ("-", "0.6", "v"))
    for curve, (dashes, shade, mark) in zip(curves, styles * (1 + len(curves) // len(styles)), strict=False):
        axes.plot(
            curve.steps / curve.steps[-1],
            np.maximum(curve.wrong, 0.5 / count),
            linestyle=dashes,
            color=shade,
            marker=mark,
            markersize=4,
            linewidth=1.6,
            label=f"{curve.name}, {curve.steps[-1]:,.0f} steps",
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    none = "; none as half of one" * any(curve.wrong.min() == 0 for curve in curves)
    axes.set(xlim=(0, 1.02), xlabel="share of the training done", ylabel=f"share wrong of {count} pictures{none}")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False, fontsize=9, loc="upper right")
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
