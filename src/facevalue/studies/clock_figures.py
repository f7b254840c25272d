"""Figures of the study of encodings: what is taken for what, how far off, and what it depends on; each as PNG.

Times are (N,) float, minutes past twelve, 0 <= m < 720.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facevalue.metrics import FLOAT_NOISE_MINUTES, minutes_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Times = NDArray[np.float64]
WRONG = "#b3261e"
EDGES = (0.0, 0.5, 1.5, 5, 10, 30, 60, 120, 361)  # minutes off, of the histograms
SHOWN_ON_CIRCLE, FAR_MINUTES = 150, 10
LEAST_OFF = 0.01  # minutes; less is drawn as that


class Panel(NamedTuple):
    """What one network read."""

    title: str
    read: Times
    true: Times


class Curves(NamedTuple):
    """Learning curves of the seeds of one network: steps and mean minutes off of each."""

    title: str
    seeds: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]


class Point(NamedTuple):
    """Mean minutes off at a number of classes or parameters.  published: by a report, not measured here."""

    title: str
    at: float
    off: float
    published: bool = False


def plot_classes(true: NDArray[np.int64], read: NDArray[np.int64], count: int, title: str) -> bytes:
    """Which class is taken for which, as a heat map.  true, read: (N,) class, 0 .. count - 1, of twelve hours."""
    figure = new_figure(6.4, 5.8)
    axes = figure.add_subplot()
    counts = np.zeros((count, count))
    np.add.at(counts, (true, read), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    bar = figure.colorbar(image, shrink=0.8, label="share of the class that is shown")
    bar.set_ticks(
        [math.sqrt(share) for share in (0, 0.01, 0.1, 0.25, 0.5, 1)], labels=["0", "1 %", "10", "25", "50", "100"]
    )
    hours = np.arange(12) * count / 12 - 0.5
    names = ["12:00", *(f"{hour}:00" for hour in range(1, 12))]
    axes.set_xticks(hours, names, rotation=90, fontsize=8)
    axes.set_yticks(hours, names, fontsize=8)
    axes.set(xlabel="read", ylabel="shown")
    wrong = int((true != read).sum())
    axes.set_title(f"{title}: {wrong} of {len(true)} in another class", loc="left", fontsize=10)
    return png_of(figure)


def plot_circle(panels: Sequence[Panel]) -> bytes:
    """Where on the dial each time was read: the time shown on the outer ring, joined to that read on the inner one."""
    figure, grid = small_multiples(len(panels), 2.5, 2.7)
    for axes, panel in zip(grid, panels, strict=False):
        chosen = np.arange(len(panel.true)) if len(panel.true) <= SHOWN_ON_CIRCLE else spread(len(panel.true))
        read, true = panel.read[chosen], panel.true[chosen]
        off = minutes_apart(read, true)
        for ring in (1.0, 0.72):
            circle = np.linspace(0, 2 * np.pi, 181)
            axes.plot(ring * np.sin(circle), ring * np.cos(circle), color="0.85", linewidth=0.8, zorder=1)
        for index in np.argsort(off).tolist():
            outer, inner = (2 * np.pi * times[index] / 720 for times in (true, read))
            far = off[index] > FAR_MINUTES
            ends = (np.sin(outer), 0.72 * np.sin(inner)), (np.cos(outer), 0.72 * np.cos(inner))
            axes.plot(*ends, color="black" if far else "0.7", linewidth=0.9 if far else 0.4, marker="o", markersize=1.2)
        for hour in range(0, 12, 3):
            angle = np.pi * hour / 6
            axes.text(1.16 * np.sin(angle), 1.16 * np.cos(angle), str(hour or 12), ha="center", va="center", fontsize=8)
        share = float((minutes_apart(panel.read, panel.true) > FAR_MINUTES).mean())
        axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
        axes.set_title(f"{panel.title}\n{share:.1%} more than {FAR_MINUTES} minutes off", fontsize=8)
        axes.axis("off")
    return png_of(figure)


def spread(total: int) -> NDArray[np.int64]:
    """SHOWN_ON_CIRCLE records, evenly apart."""
    return np.asarray(np.linspace(0, total - 1, SHOWN_ON_CIRCLE).round(), dtype=np.int64)


def plot_errors(panels: Sequence[Panel]) -> bytes:
    """How many pictures were how far off, in steps of EDGES, on a logarithmic scale."""
    figure, grid = small_multiples(len(panels), 2.6, 2.0)
    names = ["≤ ½", *(f"≤ {edge:g}" for edge in EDGES[2:-1]), f"> {EDGES[-2]:g}"]
    names[1] = "≤ 1½"
    for axes, panel in zip(grid, panels, strict=False):
        off = minutes_apart(panel.read, panel.true)
        counts = np.bincount(np.searchsorted(EDGES[1:-1], off - FLOAT_NOISE_MINUTES), minlength=len(names))
        axes.bar(range(len(counts)), counts, color=["0.25", "0.45", *[WRONG] * (len(counts) - 2)], width=0.8)
        axes.set_yscale("log")
        axes.set_ylim(0.5, max(10, 2 * len(off)))
        axes.set_xticks(range(len(names)), names, rotation=60, fontsize=7)
        axes.tick_params(axis="y", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{panel.title}\n{off.mean():.2f} min", fontsize=8, loc="left")
    figure.supxlabel("minutes off", fontsize=9)
    figure.supylabel("pictures", fontsize=9)
    return png_of(figure)


def plot_points(
    points: Sequence[Point], title: str, xlabel: str, named: bool, ylabel: str = "mean minutes off, round the dial"
) -> bytes:
    """Mean minutes off against classes or parameters, both logarithmic.  named: write its title at each point."""
    from matplotlib.ticker import NullFormatter

    figure = new_figure(7.2, 4.8)
    axes = figure.add_subplot()
    for published, colour, mark, label in ((False, "black", "o", "here"), (True, "0.5", "^", "published")):
        mine = [point for point in points if point.published == published]
        if mine:
            off = [max(point.off, LEAST_OFF) for point in mine]
            axes.plot([point.at for point in mine], off, mark, color=colour, markersize=5, label=label)
    axes.set_xscale("log")
    scale_values(axes, (1, 2, 5))
    axes.margins(x=0.1, y=0.1)
    if named:
        name_points(axes, [(point.at, max(point.off, LEAST_OFF), point.title) for point in points])
    else:
        places = sorted({point.at for point in points})
        axes.set_xticks(places, [f"{at:g}" for at in places])
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    if any(point.published for point in points):
        axes.legend(frameon=False, fontsize=9)
    return png_of(figure)


def scale_values(axes: Axes, subs: Sequence[int]) -> None:
    """Upwards a logarithmic scale with plain numbers.  subs: those marked between powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


NAME_HEIGHT = 1 / 24  # of the axes, that a name takes


def name_points(axes: Axes, points: Sequence[tuple[float, float, str]], size: float = 6.5) -> None:
    """Write the names of points (x, y, name) beside the axes, each as high as its point or near it, with a line to it.

    The scales and margins of the axes are settled before.
    """
    low, high = axes.yaxis.get_transform().transform(axes.get_ylim())
    ordered = sorted(points, key=lambda point: point[1])
    wanted = (axes.yaxis.get_transform().transform([y for _, y, _ in ordered]) - low) / (high - low)
    for (x, y, name), height in zip(ordered, keep_apart(wanted, NAME_HEIGHT), strict=True):
        axes.annotate(
            name,
            (x, y),
            (1.03, height),
            textcoords="axes fraction",
            fontsize=size,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": "0.7",
                "linewidth": 0.5,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 3,
            },
        )


def keep_apart(wanted: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Places at least a gap apart, as near to those wanted as that allows by least squares, from 0 to 1 if they can be.

    wanted: (N,) rising.  Pools neighbours that violate the order, as isotonic regression does (Ayer et al., 1955).
    """
    steps = gap * np.arange(len(wanted))
    pools: list[list[float]] = []
    for place in wanted - steps:
        pools.append([float(place)])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    found = np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools]) + steps
    return np.asarray(np.maximum(np.minimum(found, 1 - steps[::-1]), steps))


def plot_learning(curves: Sequence[Curves]) -> bytes:
    """Mean minutes off on the pictures scored while training, by step, a line a seed."""
    figure, grid = small_multiples(len(curves), 2.6, 1.9)
    for axes, network in zip(grid, curves, strict=False):
        for steps, off in network.seeds:
            axes.plot(steps, np.maximum(off, LEAST_OFF), color="0.2", linewidth=1, marker=".", markersize=3)
        axes.set_yscale("log")
        axes.set_ylim(LEAST_OFF, 400)
        axes.tick_params(labelsize=7)
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(network.title, fontsize=8, loc="left")
    figure.supxlabel("step", fontsize=9)
    figure.supylabel("mean minutes off", fontsize=9)
    return png_of(figure)


def small_multiples(count: int, wide: float, high: float) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels, each so many inches wide and high."""
    columns = min(4, max(1, count))
    rows = -(-max(1, count) // columns)
    figure = new_figure(columns * wide + 0.4, rows * high + 0.4)
    return figure, [figure.add_subplot(rows, columns, index + 1) for index in range(count)]


def new_figure(wide: float, high: float) -> Figure:
    from matplotlib.figure import Figure  # not pyplot: no window, no state

    return Figure(figsize=(wide, high), dpi=150, layout="constrained")


def png_of(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
