"""Pictures of an evaluation: the worst readings on a sheet, risk against coverage, and digits taken for others."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facevalue.errors import MissingExtraError, PictureError
from facevalue.images import open_picture
from facevalue.judging import Caption, Judged, Kind
from facevalue.metrics import risk_coverage

WORST_COUNT = 20

_INK, _GREY, _WRONG, _PAPER, _MAT, _EDGE = "#1a1a1a", "#6b6b6b", "#b3261e", "#ffffff", "#ececec", "#c4c4c4"


def worst_first(judged: Sequence[Judged]) -> list[Judged]:
    """The worst twenty; among equally wrong ones, the surest first."""
    return sorted(judged, key=lambda one: (-one.off, -one.confidence, one.row.file))[:WORST_COUNT]


def draw_worst(kind: Kind, judged: Sequence[Judged], title: str, *, columns: int = 5) -> Image.Image:
    """Contact sheet of the worst readings, worst first: picture, truth and reading, of a clock each with a little dial.

    Among equally wrong ones the surest come first.  Returns an RGB picture.
    """
    worst = worst_first(judged)
    columns = min(columns, len(worst))
    lines = -(-len(worst) // columns)
    gap, caption, head = 20, 84, 64
    tile_px, tall_px = kind.tile_px
    width, height = max(columns * (tile_px + gap) + gap, 520), head + lines * (tall_px + caption + gap)
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    heading = f"{title}: the worst {len(worst)} of {len(judged)}"
    pen.text((gap, 14), _fit(heading, width - 2 * gap, 20), _INK, _font(20))
    pen.text((gap, 39), f"{kind.count_wrong(judged)}; ? marks an uncertain reading", _GREY, _font(14))
    for index, one in enumerate(worst):
        left = gap + index % columns * (tile_px + gap)
        top = head + index // columns * (tall_px + caption + gap)
        _draw_picture(sheet, pen, one, (left, top), kind.tile_px)
        _draw_caption(sheet, pen, one, kind.caption(one), (left, top + tall_px + 8), tile_px)
    return sheet


def _draw_picture(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, one: Judged, at: tuple[int, int], tile_px: tuple[int, int]
) -> None:
    left, top = at
    wide, tall = tile_px
    pen.rectangle((left, top, left + wide - 1, top + tall - 1), _MAT)
    try:
        picture = Image.fromarray(open_picture(one.row.path, at_least_px=min(tile_px)))
    except PictureError:
        pen.text((left + wide / 2, top + tall / 2), "can't be read", _GREY, _font(18), anchor="mm")
    else:
        scale = min(wide / picture.width, tall / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (wide - size[0]) // 2, top + (tall - size[1]) // 2))
    pen.rectangle((left, top, left + wide - 1, top + tall - 1), outline=_EDGE)


def _draw_caption(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    one: Judged,
    caption: Caption,
    at: tuple[int, int],
    width_px: int,
) -> None:
    left, below = at
    half, dial_px, line_px = left + width_px // 2, 42, 42
    beside = dial_px + 7 if caption.dials else 0
    room = width_px // 2 - beside - 6
    pen.text((left + beside, below), "true", _GREY, _font(13))
    pen.text((left + beside, below + 15), _fit(caption.true, room, 21), _INK, _font(21))
    colour = _INK if one.right else _WRONG
    if caption.dials:
        true, read = caption.dials
        sheet.paste(_draw_dial(true, dial_px, _INK), (left, below))
        if read is not None:
            sheet.paste(_draw_dial(read, dial_px, colour), (half, below))
    if caption.read:
        doubt = " ?" if not one.answered else ""
        pen.text((half + beside, below), f"read, {one.confidence * 100:.0f} %{doubt}", _GREY, _font(13))
        pen.text((half + beside, below + 15), _fit(caption.read, room, 21), colour, _font(21))
    else:
        pen.text((half, below + 15), "not read", colour, _font(21))
    pen.text((left, below + line_px + 6), caption.off, _INK, _font(13))
    spare = width_px - pen.textlength(caption.off, _font(13)) - 12
    name = _fit(Path(one.row.file).stem, spare, 13)
    pen.text((left + width_px, below + line_px + 6), name, _GREY, _font(13), anchor="ra")


def _draw_dial(minutes: float, size_px: int, colour: str) -> Image.Image:
    """A plain dial that shows a time; drawn four times too large and reduced, for smooth edges."""
    large = size_px * 4
    dial = Image.new("RGB", (large, large), _PAPER)
    pen = ImageDraw.Draw(dial)
    centre, radius = large / 2, large / 2 - 6

    def point(turn: float, length: float) -> tuple[float, float]:
        return (
            centre + math.sin(2 * math.pi * turn) * radius * length,
            centre - math.cos(2 * math.pi * turn) * radius * length,
        )

    pen.ellipse((6, 6, large - 6, large - 6), outline=colour, width=7)
    for hour in range(12):
        pen.line((point(hour / 12, 0.88), point(hour / 12, 0.98)), colour, 5)
    pen.line(((centre, centre), point(minutes / 720, 0.50)), colour, 13)
    pen.line(((centre, centre), point(minutes / 60, 0.80)), colour, 7)
    return dial.resize((size_px, size_px), Image.Resampling.LANCZOS)


def plot_risk_coverage(kind: Kind, judged: Sequence[Judged], title: str) -> bytes:
    """Risk against coverage as PNG: how many of the answered readings are wrong, when only the surest are answered.

    A curve for each way of being wrong (of clocks by more than 1 minute, and by more than 10); the dot is where
    `uncertain` draws the line.  Raises MissingExtraError without matplotlib.
    """
    _need_matplotlib()
    from matplotlib.figure import Figure  # not pyplot: no window, no state
    from matplotlib.ticker import MultipleLocator, PercentFormatter

    figure = Figure(figsize=(6.4, 4.4), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    confidence = [one.confidence for one in judged]
    promised_risk = 1 - kind.promised_accuracy
    highest = promised_risk
    for curve, (dashes, width, shade) in zip(
        kind.curves(judged), (("-", 2.2, "black"), ("--", 1.6, "0.35")), strict=False
    ):
        coverage, risk = risk_coverage(confidence, curve.right)
        axes.plot(
            coverage,
            risk,
            linestyle=dashes,
            linewidth=width,
            color=shade,
            marker="o" if len(coverage) == 1 else "",
            label=curve.name,
        )
        highest = max(highest, float(risk.max()))
    answered = [one for one in judged if one.answered]
    if answered:
        share, wrong = len(answered) / len(judged), 1 - sum(one.right for one in answered) / len(answered)
        label = f"answered: {share:.0%}, of which {1 - wrong:.1%} {kind.right_means}"
        axes.plot(
            share,
            wrong,
            "o",
            color="black",
            clip_on=False,
            zorder=3,
            markerfacecolor="white",
            markersize=8,
            markeredgewidth=2,
            label=label,
        )
    axes.axhline(promised_risk, color="0.4", linewidth=1.2, linestyle="-.", zorder=1.9)
    axes.annotate(
        f"at most {promised_risk:.0%} wrong",
        (0, promised_risk),
        xytext=(4, 3),
        textcoords="offset points",
        color="0.35",
        fontsize=9,
    )
    axes.set(
        xlim=(0, 1.01),
        ylim=(-0.02 * highest, highest * 1.12),
        xlabel="coverage: share of pictures answered, surest first",
        ylabel="risk: share of the answered that is wrong",
    )
    axes.set_title(f"{title}, n = {len(judged)}", loc="left", fontsize=11)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(
        MultipleLocator(next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if highest <= 8 * step))
    )
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best", fontsize=9)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def plot_confusion(counts: NDArray[np.int64], title: str) -> bytes:
    """Which digit is taken for which, as PNG.  counts: (10, 10) labelled by read.  Shades are shares of each row.

    Raises MissingExtraError without matplotlib.
    """
    _need_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 5.6), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1)  # the root lets one in a hundred be seen
    for true, read in np.argwhere(counts > 0).tolist():
        mistake = true != read
        axes.text(
            read,
            true,
            str(counts[true, read]),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if shares[true, read] > 0.3 else _WRONG if mistake else "black",
            fontweight="bold" if mistake else "normal",
        )
    axes.set(xticks=range(10), yticks=range(10), xlabel="digit read", ylabel="digit labelled")
    wrong = int(counts.sum() - np.trace(counts))
    axes.set_title(f"{title}: {wrong} of {int(counts.sum())} digits taken for another", loc="left", fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the plot needs matplotlib: pip install 'facevalue[train]'") from error


def png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _font(size_px: int) -> Any:
    return ImageFont.load_default(size_px)


def _fit(text: str, room_px: float, size_px: int) -> str:
    """The text, its middle left out where it is too long for the room."""
    font = _font(size_px)
    kept = len(text)
    shown = text
    while font.getlength(shown) > room_px and kept > 2:
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[len(text) - kept // 2 :]}"
    return shown
