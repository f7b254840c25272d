"""Records: the best that a small budget of CPU minutes buys on small pictures, and what each ingredient is worth.

fully connected ones on nine tenths ► validation part                       what was chosen was chosen by it
five recipes, all training records ──► test set, once: one look and six ──► beside the reports, against minutes
eight ablations on nine tenths ────► validation part ──► points that each ingredient left out costs
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facevalue.assembly import make_source
from facevalue.metrics import class_scores
from facevalue.recipes import Recipe
from facevalue.recipes.records import ABLATIONS, FINAL, VALIDATED
from facevalue.sources.pictures import CLASSES, PICTURES, LabelledBatch, PictureSource, flipped, shifted
from facevalue.studies import Answer, Drawing, Experiment, Measured, Outcome, Score, Study, Trained
from facevalue.studies.clock_figures import new_figure, png_of
from facevalue.studies.encodings import bootstrap
from facevalue.studies.figures import draw_mistakes
from facevalue.studies.picture_figures import STYLES, finish_shares, legend_below
from facevalue.studies.pictures import (
    CIFAR,
    FASHION,
    LOSS,
    RIGHT,
    TESTS,
    VALIDATION,
    by_title,
    figures_of,
    intervals,
    name_of_test,
    read_logits,
    rights_of,
)

LOOKS = ", six looks"
VIEWS = (
    *((0, mirrored, 0.25) for mirrored in (False, True)),
    *((by, mirrored, 0.125) for by in (1, -1) for mirrored in (False, True)),
)
"""Pixels that a look is moved down and right, whether it is mirrored, and its weight, as airbench94 has them."""
READS, VALIDATION_READS = 60_000, 30_000
QUICK_STEPS = {"records/fashion-mlp": 60, "records/cifar10-mlp": 10}
QUICK_CNN_STEPS = 4
LEAST_MINUTES = 0.01  # less is drawn as that

TITLES = {
    "fashion-mlp": f"fully connected, {FASHION}",
    "fashion-cnn": f"convolutional, {FASHION}",
    "cifar10-mlp": f"fully connected, {CIFAR}",
    "cifar10-cnn": f"convolutional, {CIFAR}",
    "cifar10-cnn-long": f"convolutional and long, {CIFAR}",
}
"""By the end of the recipe's name."""

PLAIN = ", not whitened"
PARTS = {
    "no-whitening": "no whitening",
    "random-flips": "flips by a coin",
    "no-flips": "no flips",
    "no-shifts": "no shifts",
    "no-smoothing": "labels not smoothed",
    "not-orthogonal": "steps not orthogonal",
    "random-start": "no identity at the start",
}
"""What is left out, by the end of the recipe's name."""
WHOLE, ONE_LOOK = "ablation: whole", "one look"
DASHED, DOTTED = "--", ":"


class Told(NamedTuple):
    """A share of the test set that others give.  looks: whether of several looks.  report: whether of the documents."""

    who: str
    share: float
    looks: bool = False
    report: bool = False


PUBLISHED = {
    "fashion-mlp": (Told("leiden-2024", 0.870, report=True), Told("best MLP", 0.900)),
    "fashion-cnn": (Told("leiden-2024", 0.92, report=True), Told("WRN-40-4", 0.967)),
    "cifar10-mlp": (Told("leiden-2024", 0.466, report=True), Told("Neyshabur 2020", 0.852)),
    "cifar10-cnn": (Told("leiden-2024", 0.78, report=True), Told("airbench94", 0.9401, looks=True)),
    "cifar10-cnn-long": (Told("leiden-2024", 0.78, report=True), Told("airbench96", 0.96, looks=True)),
}
"""By the end of the recipe's name."""


# ---- measuring -------------------------------------------------------------------------------------------------------


def measure_test(trained: Trained, data: Path | None) -> Measured:
    """Read the test set, with one look at each picture and with six."""
    return read_with_looks(trained, source_of(trained.recipe, data).test(), name_of_test(trained.recipe))


def measure_validation(trained: Trained, data: Path | None) -> Measured:
    """Read the validation part alone, with one look at each picture and with six."""
    test = name_of_test(trained.recipe) + VALIDATION
    return read_with_looks(trained, source_of(trained.recipe, data).validation(), test)


def source_of(recipe: Recipe, data: Path | None) -> PictureSource:
    source = make_source(recipe, data)
    assert isinstance(source, PictureSource)
    return source


def read_with_looks(trained: Trained, batch: LabelledBatch, test: str) -> Measured:
    """Share right and mean loss, and every reading: of one look, and of the six with their logits averaged."""
    scores: list[Score] = []
    answers: list[Answer] = []
    looks = [read_logits(trained, view(batch.pictures, by, mirrored)) for by, mirrored, _ in VIEWS]
    averaged = sum((weight * look for look, (*_, weight) in zip(looks, VIEWS, strict=True)), np.zeros_like(looks[0]))
    for name, logits in ((test, looks[0]), (test + LOOKS, averaged)):
        beliefs = trained.codec.decode({"class": logits})
        told = class_scores(beliefs, batch.classes)
        scores += [
            Score(name, RIGHT, told["right"], len(beliefs)),
            Score(name, LOSS, told["loss"], len(beliefs), "nats"),
        ]
        answers += [
            Answer(name, record, str(true), str(belief.read()), belief.confidence())
            for record, (true, belief) in enumerate(zip(batch.classes.tolist(), beliefs, strict=True))
        ]
    return Measured(tuple(scores), tuple(answers))


def view(pictures: NDArray[np.uint8], by: int, mirrored: bool) -> NDArray[np.uint8]:
    """Each picture moved down and right by so many pixels, and mirrored.  (N, S, S, 3) uint8, returned so."""
    moved = shifted(pictures, np.full((len(pictures), 2), by))
    return flipped(moved, np.full(len(pictures), mirrored))


# ---- the plan --------------------------------------------------------------------------------------------------------


def published_of(name: str) -> dict[tuple[str, str], str]:
    """What others give for a recipe, by (test, metric)."""
    test = name_of_test(FINAL[name])
    rows: dict[tuple[str, str], str] = {}
    for told in PUBLISHED[name]:
        key = (test + LOOKS if told.looks else test, RIGHT)
        rows[key] = "; ".join(filter(None, (rows.get(key), f"{told.who} {100 * told.share:.1f} %")))
    return rows


def record(title: str, recipe: Recipe, published: Mapping[tuple[str, str], str]) -> Experiment:
    """An experiment that is measured on the test set."""
    return Experiment(
        title,
        recipe,
        measure_test,
        published,
        minutes=None,
        reads=READS,
        quick={"steps": str(QUICK_STEPS.get(recipe.name, QUICK_CNN_STEPS))},
        dataset=PICTURES[recipe.source][0],
    )


def of_validation(title: str, recipe: Recipe, trial: bool) -> Experiment:
    """An experiment that is measured on the validation part and sees no test set."""
    return Experiment(
        title,
        recipe,
        measure_validation,
        minutes=None,
        reads=VALIDATION_READS,
        quick={"steps": str(QUICK_CNN_STEPS)},
        dataset=PICTURES[recipe.source][0],
        trial=trial,
    )


def experiments() -> list[Experiment]:
    """What the records' settings are chosen by, the records, and the ablations."""
    rows = []
    for name, recipe in VALIDATED.items():
        if "-mlp" not in name:
            continue
        of, plain = name.removesuffix("-validated"), "-plain" in name
        title = TITLES[of.removesuffix("-plain")] + PLAIN * plain + VALIDATION
        rows.append(of_validation(title, recipe, trial=True))
    rows += [record(TITLES[name], recipe, published_of(name)) for name, recipe in FINAL.items()]
    for name, recipe in ABLATIONS.items():
        rows.append(of_validation(f"ablation: {PARTS[name]}" if name in PARTS else WHOLE, recipe, trial=False))
    return rows


# ---- figures ---------------------------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """Points of a share that are lost without a part, and where they lie in 95 of 100 draws."""

    part: str
    points: float
    low: float
    high: float


class Spent(NamedTuple):
    """A network's share of the test set, a seed each, by the least minutes of its trainings, and what others give."""

    title: str
    minutes: float
    shares: tuple[float, ...]
    told: tuple[Told, ...]


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """Shares against minutes beside what others give, what each ingredient is worth, and the surest mistakes."""
    groups = by_title(outcomes)
    panels = {test: spent_on(groups, test) for test in TESTS.values()}
    panels = {test: spent for test, spent in panels.items() if spent}
    if panels:
        caption = (
            "Share of the test set read wrong with six looks, less is higher, a mark a seed, against minutes of the "
            "whole training, the least of the seeds, as they were trained on several machines. Lines: what others "
            "give, whatever their minutes; dashed the reports, dotted others."
        )
        yield Drawing("minutes.png", caption, plot_minutes(panels))
    losses = losses_of(groups)
    if losses:
        most = max(losses, key=lambda loss: loss.points)
        caption = (
            f"Points of {CIFAR}'s validation part that the recipe loses with one part left out, all trained as long; "
            f"whole it reads {tell_whole(groups)} right with six looks. The most it loses with {most.part}."
        )
        yield Drawing("ablations.png", caption, plot_losses(losses, f"{CIFAR}: what each part is worth"))
    for dataset, test in TESTS.items():
        mine = [title for title in TITLES.values() if title in groups and title.endswith(test)]
        if mine:
            first = groups[mine[-1]][0]
            batch = source_of(first.run.recipe, data).test()
            answers = [answer for answer in first.answers() if answer.test == test + LOOKS]
            caption = f"{mine[-1]}, seed {first.run.recipe.seed}: its surest mistakes."
            said = functools.partial(told_misread, CLASSES[dataset])
            drawn = draw_mistakes(answers, batch.pictures, mine[-1], said, 10, 3)
            yield Drawing(f"mistakes-{dataset}.png", caption, drawn)


def told_misread(names: Sequence[str], wrong: Answer) -> tuple[str, ...]:
    return names[int(wrong.label)], f"read {names[int(wrong.read)]}"


def spent_on(groups: Mapping[str, Sequence[Outcome]], test: str) -> list[Spent]:
    """The records of a test set."""
    rows = []
    for name, title in TITLES.items():
        shares = figures_of(groups.get(title, ()), test + LOOKS, RIGHT)
        if shares:
            minutes = min(float(one.measured["minutes"]) for one in groups[title] if one.measured)
            rows.append(Spent(title.partition(",")[0], minutes, shares, PUBLISHED[name]))
    return rows


def tell_whole(groups: Mapping[str, Sequence[Outcome]]) -> str:
    shares = figures_of(groups[WHOLE], CIFAR + VALIDATION + LOOKS, RIGHT)
    return f"{100 * sum(shares) / len(shares):.2f} %"


def losses_of(groups: Mapping[str, Sequence[Outcome]]) -> list[Loss]:
    """What each ablation loses against the whole, and one look against six; nothing where that is not measured."""
    if WHOLE not in groups:
        return []
    test = CIFAR + VALIDATION
    whole, single = (rights(groups[WHOLE], name) for name in (test + LOOKS, test))
    rows = [loss_of(ONE_LOOK, whole, single)]
    for part in PARTS.values():
        if (title := f"ablation: {part}") in groups:
            rows.append(loss_of(part, whole, rights(groups[title], test + LOOKS)))
    return rows


def rights(group: Sequence[Outcome], test: str) -> NDArray[np.float64]:
    """(seeds, pictures) 1 or 0."""
    return np.array([rights_of(outcome.run.folder)[test] for outcome in group])


def loss_of(part: str, whole: NDArray[np.float64], without: NDArray[np.float64]) -> Loss:
    """Of as many seeds as both have."""
    seeds = min(len(whole), len(without))
    lost = whole[:seeds] - without[:seeds]
    low, high = bootstrap(lost)
    return Loss(part, 100 * float(lost.mean()), 100 * low, 100 * high)


def plot_losses(losses: Sequence[Loss], title: str) -> bytes:
    """A bar for each part, the most that is lost on top, with its interval."""
    ordered = sorted(losses, key=lambda loss: loss.points)
    figure = new_figure(7.0, 1.2 + 0.36 * len(ordered))
    axes = figure.add_subplot()
    lines = range(len(ordered))
    axes.barh(lines, [loss.points for loss in ordered], color="0.7", edgecolor="black", height=0.6, zorder=2)
    axes.hlines(lines, [loss.low for loss in ordered], [loss.high for loss in ordered], color="black", zorder=3)
    for line, loss in zip(lines, ordered, strict=True):
        at = max(loss.points, loss.high, 0.0), line
        axes.annotate(f"{loss.points:.2f}", at, (5, 0), textcoords="offset points", fontsize=8, va="center")
    axes.axvline(0, color="black", linewidth=0.8, zorder=3)
    axes.set_yticks(lines, [loss.part for loss in ordered], fontsize=8)
    axes.margins(x=0.12)
    axes.set(xlabel="points lost; lines: 95 of 100 draws (bootstrap)")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(color="0.92", axis="x")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return png_of(figure)


def plot_minutes(panels: Mapping[str, Sequence[Spent]]) -> bytes:
    """Shares wrong against minutes, both logarithmic, a panel for each test set; a line for what others give."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = new_figure(5.0 * len(panels) + 0.4, 4.6)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (test, spent) in zip(grid, panels.items(), strict=True):
        for one, (_, shade, mark) in zip(spent, STYLES, strict=False):
            minutes = max(one.minutes, LEAST_MINUTES)
            wrong = [1 - share for share in one.shares]
            axes.plot([minutes] * len(wrong), wrong, mark, color=shade, markersize=5, linestyle="none", zorder=3)
            at = minutes, sum(wrong) / len(wrong)
            bare = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # of the lines
            axes.annotate(one.title, at, (-7, -3), textcoords="offset points", fontsize=8, ha="right", bbox=bare)
        every = np.maximum([one.minutes for one in spent], LEAST_MINUTES)
        axes.set_xscale("log")
        axes.set_xlim(every.min() / 8, every.max() * 8)
        axes.xaxis.set_minor_formatter("")
        for told in dict.fromkeys(told for one in spent for told in one.told):
            dashes = DASHED if told.report else DOTTED
            axes.axhline(1 - told.share, color="0.5", linewidth=1, linestyle=dashes, zorder=1)
            at, text = (axes.get_xlim()[1], 1 - told.share), f"{told.who}, {100 * told.share:.1f} % right"
            axes.annotate(text, at, (-2, 3), textcoords="offset points", fontsize=7, color="0.25", ha="right")
        finish_shares(axes, test, "minutes of training", "share of the test set read wrong")
        axes.set_yscale("log")
        axes.margins(y=0.12)
        axes.invert_yaxis()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter("{x:,g}")
    for dashes, label in ((DASHED, "the reports"), (DOTTED, "others")):
        grid[0].plot([], [], color="0.5", linewidth=1, linestyle=dashes, label=label)
    legend_below(figure, 2, grid[0])
    return png_of(figure)


STUDY = Study(
    "records",
    "Records: what a small budget buys on small pictures",
    "A convolutional network after airbench94 (Keller Jordan, 2024): patches whitened by a frozen first layer, "
    "filters that start as the identity, Muon with filters kept at one length, smoothed labels, flips that alternate "
    "from epoch to epoch, and shifts; trained longer, wider and with a square cut out for the long one. The fully "
    "connected networks have batch norms, dropout, flips and shifts; that of Fashion-MNIST learns with Muon, that of "
    "CIFAR-10 sees whitened principal components and learns with AdamW. The convolutional settings are airbench's, "
    "whose author may have chosen them by this test set, and ours where Fashion-MNIST and the longer training differ, "
    "chosen once; CIFAR-10's epochs alone were made more later, as minutes allowed, after the test set had been read: "
    "once with eight, for the long one twice with 24. Those of the fully connected networks were chosen with the last "
    "tenth of the training pictures as validation part. The figures are of networks trained with them on all training "
    "pictures. Six looks are the picture, moved by a pixel both ways along the diagonal, each mirrored too, their "
    "logits averaged. An ablation leaves one part out of the convolutional network of CIFAR-10, trained for four "
    "epochs on nine tenths, and is read on the validation part alone. Minutes are of the whole training. Of losses the "
    "table gives the least and the most of the seeds; results.csv has validation figures of the records where those "
    "were trained.",
    experiments,
    draw,
    intervals,
    read="Each test set was read once after each of these trainings, CIFAR-10's after shorter ones before, see above.",
)
