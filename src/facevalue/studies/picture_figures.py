"""Figures of the studies of small pictures: each as PNG, readable in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facevalue.sources.pictures import LabelledBatch
from facevalue.studies.clock_figures import name_points, new_figure, png_of, scale_values
from facevalue.studies.figures import Tile, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = (("-", "black", "o"), ("--", "0.35", "s"), (":", "0.2", "^"), ("-.", "0.5", "D"), ("-", "0.65", "v"))
LEAST_GRADIENT = 1e-9  # less is drawn as that
FAR = 0.3  # of a share, below which the axis does not reach for a few


class Row(NamedTuple):
    """Shares right of one network: of its seeds, their mean's interval, and what others give."""

    title: str
    seeds: tuple[float, ...]
    low: float
    high: float
    published: tuple[float, ...] = ()


class Sized(NamedTuple):
    """A figure of one network, by seed, at its number of parameters.

    family: networks drawn alike.  title: written once, where several of the same size have it.
    """

    title: str
    family: str
    parameters: int
    seeds: tuple[float, ...]


class Depth(NamedTuple):
    """Norm of the gradient by layer, the first layer first."""

    title: str
    gradients: tuple[float, ...]


class Cause(NamedTuple):
    """How often a network is right, and the share of pictures that it will learn nothing from.  family: drawn alike."""

    title: str
    family: str
    deaf: float
    right: float


class Tested(NamedTuple):
    """Losses of one network at rates, None where it diverged.  chosen: the rate that a rule takes."""

    title: str
    rates: tuple[float, ...]
    losses: tuple[float | None, ...]
    chosen: float


class Line(NamedTuple):
    """Figures at places along an axis."""

    title: str
    at: tuple[float, ...]
    values: tuple[float, ...]


def plot_rows(rows: Sequence[Row], title: str, whose: str = "the report") -> bytes:
    """A line for each network: a dot a seed, the mean with its interval, and what is published as a hollow diamond.

    whose: that is.  Where a few lie far below all others, the axis begins with those and an arrow tells of the few.
    """
    figure = new_figure(7.4, 1.1 + 0.31 * len(rows))
    axes = figure.add_subplot()
    floor = floor_of([share for row in rows for share in (row.low, *row.seeds, *row.published)])
    for line, row in enumerate(reversed(rows)):
        below = [f"{100 * share:.4g} %" for share in row.seeds if share < floor]
        below += [f"{whose} {100 * share:.4g} %" for share in row.published if share < floor]
        if below:
            axes.annotate(
                f"◄ {', '.join(below)}",
                (0, line),
                (4, 0),
                axes.get_yaxis_transform(),
                "offset points",
                fontsize=7.5,
                va="center",
            )
        mean = sum(row.seeds) / len(row.seeds)
        axes.plot([row.low, row.high], [line, line], color="0.55", linewidth=3, solid_capstyle="butt", zorder=1)
        axes.plot(row.seeds, [line] * len(row.seeds), "o", color="black", markersize=3, zorder=3)
        axes.plot([mean], [line], "|", color="black", markersize=13, markeredgewidth=2, zorder=2)
        if row.published:
            places = [line] * len(row.published)
            axes.plot(
                row.published, places, "D", markerfacecolor="white", markeredgecolor="black", markersize=6, zorder=2
            )
    axes.plot([], [], "o", color="black", markersize=3, label="a seed")
    axes.plot([], [], color="0.55", linewidth=3, label="mean, 95 of 100 draws")
    if any(row.published for row in rows):
        axes.plot([], [], "D", markerfacecolor="white", markeredgecolor="black", markersize=6, label=whose)
    axes.set_axisbelow(True)
    axes.set_yticks(range(len(rows)), [row.title for row in reversed(rows)], fontsize=8)
    axes.set(xlabel="share of the test set read right", ylim=(-0.7, len(rows) - 0.3))
    if floor > 0:
        most = max(share for row in rows for share in (row.high, *row.seeds, *row.published))
        axes.set_xlim(floor - 0.12 * (most - floor), most + 0.04 * (most - floor))
    as_percent(axes, "x")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(figure, 3)
    return png_of(figure)


def floor_of(shares: Sequence[float]) -> float:
    """The least of most shares, where at most a quarter of them lie FAR or more below all others; else 0."""
    ordered = np.sort(shares)
    far = np.flatnonzero(np.diff(ordered[: len(ordered) // 4 + 1]) >= FAR)
    return float(ordered[far[-1] + 1]) if len(far) else 0.0


def plot_sizes(points: Sequence[Sized], title: str, label: str) -> bytes:
    """A figure against the number of parameters, both logarithmic: a mark a seed, named at the lowest."""
    figure = new_figure(7.6, 5.0)
    axes = figure.add_subplot()
    families = dict.fromkeys(point.family for point in points)
    for family, (_, shade, mark) in zip(families, STYLES * (1 + len(families) // len(STYLES)), strict=False):
        mine = [point for point in points if point.family == family]
        across = [point.parameters for point in mine for _ in point.seeds]
        up = [value for point in mine for value in point.seeds]
        axes.plot(across, up, mark, color=shade, markersize=5, label=family, markerfacecolor="none", linestyle="none")
    axes.set_xscale("log")
    scale_values(axes, (1, 2, 3, 4, 5, 7))
    axes.margins(x=0.1, y=0.1)
    names = []
    for name in dict.fromkeys(point.title for point in points):
        mine = [point for point in points if point.title == name]
        names.append((float(mine[0].parameters), min(value for point in mine for value in point.seeds), name))
    name_points(axes, names, 7)
    axes.set(xlabel="parameters", ylabel=label)
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(figure, 5)
    return png_of(figure)


def plot_depths(panels: Mapping[str, Sequence[Depth]], title: str) -> bytes:
    """Norms of gradients by layer, a panel for each moment, a line for each network, on a logarithmic scale."""
    figure = new_figure(4.2 * len(panels) + 0.8, 4.0)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, depths) in zip(grid, panels.items(), strict=True):
        for depth, (dashes, shade, mark) in zip(depths, STYLES * (1 + len(depths) // len(STYLES)), strict=False):
            norms = np.maximum(depth.gradients, LEAST_GRADIENT)
            layers = np.arange(1, len(norms) + 1)
            axes.plot(layers, norms, linestyle=dashes, color=shade, marker=mark, markersize=4, label=depth.title)
        axes.set_yscale("log")
        axes.set(xlabel="layer, the outputs last")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_title(name, loc="left", fontsize=9)
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel("norm of the weights' gradient")
    legend_below(figure, 4, grid[0])
    return png_of(figure)


def plot_causes(causes: Sequence[Cause], title: str) -> bytes:
    """How often each network is right against the share of pictures that it will learn nothing from."""
    figure = new_figure(6.6, 4.4)
    axes = figure.add_subplot()
    families = dict.fromkeys(cause.family for cause in causes)
    for family, (_, shade, mark) in zip(families, STYLES, strict=False):
        mine = [cause for cause in causes if cause.family == family]
        across, up = [cause.deaf for cause in mine], [cause.right for cause in mine]
        axes.plot(across, up, mark, color=shade, markersize=6, markerfacecolor="none", linestyle="none", label=family)
    axes.axhline(0.1, color="0.6", linewidth=0.9, linestyle="--", zorder=0)
    axes.annotate(
        "chance", (1.0, 0.1), xytext=(-2, 3), textcoords="offset points", fontsize=8, color="0.35", ha="right"
    )
    axes.set(
        xlim=(-0.03, 1.03),
        ylim=(0, 1),
        xlabel="share of pictures read wrong whose right output passes no gradient",
        ylabel="share of the test set read right",
    )
    as_percent(axes, "x")
    as_percent(axes, "y")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(figure, 3)
    return png_of(figure)


def plot_grid(shares: Mapping[tuple[str, str, str], float], title: str) -> bytes:
    """Shares right by three activations: a panel for each of the outputs, the first layer down, the second across."""
    names = list(dict.fromkeys(name for key in shares for name in key))
    figure = new_figure(8.4, 3.2)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    for axes, output in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        table = np.array([[shares.get((first, second, output), np.nan) for second in names] for first in names])
        axes.imshow(np.nan_to_num(table), cmap="Greys", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(table):
            text = "" if np.isnan(share) else f"{100 * share:.1f} %"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=9, color="white" if share > 0.5 else "black"
            )
        axes.set_xticks(range(len(names)), names, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set(xlabel="second layer", ylabel="first layer")
        axes.set_title(f"outputs: {output}", fontsize=9)
        axes.tick_params(length=0)
    return png_of(figure)


def plot_taken(counts: NDArray[np.int64], names: Sequence[str], title: str) -> bytes:
    """Which class is taken for which.  counts: (classes, classes), true by read.  Shades are shares of each row."""
    figure = new_figure(6.6, 6.2)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1)  # the root lets one in a hundred be seen
    for true, read in np.argwhere(counts > 0).tolist():
        shade = "white" if shares[true, read] > 0.3 else "black"
        axes.text(read, true, str(counts[true, read]), ha="center", va="center", fontsize=7, color=shade)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set(xlabel="read", ylabel="true")
    wrong = int(counts.sum() - np.trace(counts))
    axes.set_title(f"{title}: {wrong:,} of {int(counts.sum()):,} taken for another", loc="left", fontsize=10)
    axes.tick_params(length=0)
    return png_of(figure)


def plot_rates(panels: Mapping[str, Sequence[Tested]], title: str, chance: float) -> bytes:
    """Losses against rates, a panel for each of several batches; what diverged, or is no better, on top.

    chance: the loss of knowing nothing.  What the rule chooses has a ring.
    """
    figure = new_figure(3.6 * len(panels) + 0.8, 4.2)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    top = 1.08 * chance
    for axes, (name, tests) in zip(grid, panels.items(), strict=True):
        for test, (dashes, shade, mark) in zip(tests, STYLES * (1 + len(tests) // len(STYLES)), strict=False):
            losses = [top if loss is None else min(loss, top) for loss in test.losses]
            axes.plot(
                test.rates, losses, linestyle=dashes, color=shade, marker=mark, markersize=4, label=test.title, zorder=2
            )
            at = losses[test.rates.index(test.chosen)]
            axes.plot([test.chosen], [at], "o", markersize=11, markerfacecolor="none", markeredgecolor=shade, zorder=3)
        axes.axhline(chance, color="0.6", linewidth=0.9, linestyle="--", zorder=1)
        axes.set_xscale("log")
        axes.set(xlabel="rate")
        axes.set_title(name, loc="left", fontsize=9)
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].annotate("chance", (0.02, chance), (0, -10), grid[0].get_yaxis_transform(), "offset points", fontsize=8)
    grid[0].set_ylabel("loss, nats; on top: diverged")
    grid[0].plot([], [], "o", markersize=9, markerfacecolor="none", markeredgecolor="black", label="by the rule")
    legend_below(figure, 6, grid[0])
    return png_of(figure)


def plot_lines(lines: Sequence[Line], title: str, across: str, up: str) -> bytes:
    """Shares against something on a logarithmic scale, a line for each."""
    figure = new_figure(6.6, 4.4)
    axes = figure.add_subplot()
    for line, (dashes, shade, mark) in zip(lines, STYLES * (1 + len(lines) // len(STYLES)), strict=False):
        axes.plot(line.at, line.values, linestyle=dashes, color=shade, marker=mark, markersize=5, label=line.title)
    axes.set_xscale("log")
    axes.set_xticks(sorted({at for line in lines for at in line.at}))
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter("{x:,g}")
    finish_shares(axes, title, across, up)
    legend_below(figure, 5)
    return png_of(figure)


def plot_history(lines: Sequence[Line], by_hand: float, title: str) -> bytes:
    """What each of several searches tried, the best so far as a stair, and what was found by hand."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(6.6, 4.4)
    axes = figure.add_subplot()
    for line, (dashes, shade, mark) in zip(lines, STYLES, strict=False):
        best = np.maximum.accumulate(line.values)
        axes.step(line.at, best, where="post", linestyle=dashes, color=shade, linewidth=1.8, label=line.title)
        axes.plot(line.at, line.values, mark, color=shade, markersize=4, markerfacecolor="none", linestyle="none")
    axes.axhline(by_hand, color="0.5", linestyle=":", linewidth=1.8, label="by hand")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish_shares(axes, title, "trainings", "share of the validation part read right")
    legend_below(figure, 3)
    return png_of(figure)


def plot_tried(lines: Sequence[Line], title: str, across: str) -> bytes:
    """Shares against a setting on a logarithmic scale, a mark for each training."""
    figure = new_figure(6.6, 4.0)
    axes = figure.add_subplot()
    for line, (_, shade, mark) in zip(lines, STYLES, strict=False):
        axes.plot(
            line.at,
            line.values,
            mark,
            color=shade,
            markersize=5,
            markerfacecolor="none",
            linestyle="none",
            label=line.title,
        )
    axes.set_xscale("log")
    finish_shares(axes, title, across, "share of the validation part read right")
    legend_below(figure, 3)
    return png_of(figure)


def finish_shares(axes: Axes, title: str, across: str, up: str) -> None:
    """What plots of shares upwards have in common."""
    axes.set(xlabel=across, ylabel=up)
    as_percent(axes, "y")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)


def draw_samples(batches: Sequence[tuple[LabelledBatch, Sequence[str]]], title: str, columns: int = 10) -> bytes:
    """The first pictures of each batch in a row of their own, each with the name of its class."""
    tiles = []
    for batch, names in batches:
        chosen = list(zip(batch.pictures, batch.classes.tolist(), strict=True))[:columns]
        tiles += [Tile(picture, (names[label],)) for picture, label in chosen]
    return sheet(tiles, title, columns, 2)


def legend_below(figure: Figure, columns: int, axes: Axes | None = None) -> None:
    """A legend below everything, where it hides nothing.  axes: whose, the first ones where None."""
    handles, labels = (axes or figure.axes[0]).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8)


def as_percent(axes: Axes, which: str) -> None:
    from matplotlib.ticker import FuncFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %"))
