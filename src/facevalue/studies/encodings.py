"""The tell-the-time laboratory: every way to label a clock, on the same clocks and the same network, and the reports'.

    encodings      our network, 1,300 steps of 128 kitchen clocks, another codec each ──► 3,600 test pictures
    longer         the slowest of them for twice the steps                            ──► the same
    reports        their networks at 75 px, as far as three hours for all allow       ──► the same
    plain clocks   576 pictures, one of each minute: deep-time's network, and ours    ──► the other 144

Recipes and their names stand in ``recipes.encodings``; what the reports gave beside each row is theirs, with their own
pictures, networks and far longer trainings.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevalue.assembly import make_source
from facevalue.codecs import Codec, make_codec
from facevalue.codecs.clock import format_time
from facevalue.codecs.encodings import ClockClasses, whole_minutes
from facevalue.metrics import hour_is_right, is_right, minutes_apart
from facevalue.recipes import find_recipe
from facevalue.recipes.encodings import ENCODINGS, LONGER, SMOOTHING
from facevalue.sources.clock_sets import ClockSet, kitchen_clocks, plain_clocks
from facevalue.studies import Answer, Drawing, Experiment, Measured, Outcome, Score, Study, Trained
from facevalue.studies.clock_figures import (
    Curves,
    Panel,
    Point,
    plot_circle,
    plot_classes,
    plot_errors,
    plot_learning,
    plot_points,
)
from facevalue.studies.figures import Tile, read_scalar, sheet

KITCHEN, PLAIN = "kitchen clocks", "plain clocks"
EXACT, OFF, OFF_SHOWN, WITHIN = "exact minute", "minutes off", "minutes off, as H:MM", "within one minute"
HOUR, MINUTE, NOT_MISTAKEN = "hour figure", "minute figure", "hour not mistaken"
CLASS, CLASS_OFF = "class", "minutes off, in classes"
UNITS = {OFF: "min", OFF_SHOWN: "min", CLASS_OFF: "min"}
MINUTES_EACH = 2.15  # of an encoding
AT_ONCE = 100  # pictures: the maps of VGG16 are large
DRAWS = 1000  # of the bootstrap
QUICK = {"steps": "450", "warmup_steps": "40"}  # most encodings have begun to tell the time by then

Values = NDArray[np.float64]

PUBLISHED: dict[str, dict[str, str]] = {
    "hours": {OFF: "leiden-2024 14.52 min"},
    "hours-59": {OFF: "leiden-2021 about 30 min"},
    "24-classes": {CLASS: "leiden-2021 94.42 %", CLASS_OFF: "leiden-2021 6.09 min"},
    "72-classes": {CLASS: "leiden-2021 88.75 %", CLASS_OFF: "leiden-2021 10.72 min"},
    "180-classes": {CLASS: "leiden-2021 60.06 %", CLASS_OFF: "leiden-2021 44.33 min"},
    "720-classes": {EXACT: "leiden-2021 43.14 %, leiden-2024 about 75 %", OFF: "leiden-2024 2.88 min"},
    "hour-class-minute-value": {OFF: "leiden-2021 5.06 min, leiden-2024 7.41 min", HOUR: "leiden-2021 97.06 %"},
    "hour-minute-classes": {
        OFF: "leiden-2024 1.02 min",
        HOUR: "leiden-2021 96.89 %, leiden-2024 99 %",
        MINUTE: "leiden-2021 85.53 %, leiden-2024 75 %",
    },
    "sine-cosine": {OFF: "leiden-2021 1.73 min"},
}
"""By encoding and metric."""
BEST_PUBLISHED = {OFF: "best of the reports, leiden-2024: 1.02 min"}
# Mean minutes off by number of classes, for the figure.
PUBLISHED_CLASSES = ((24, 6.09), (72, 10.72), (180, 44.33), (720, 2.88))


# ---- measuring -------------------------------------------------------------------------------------------------------


def class_codec(codec: Codec) -> ClockClasses | None:
    """The codec, where it tells less than whole minutes."""
    return codec if isinstance(codec, ClockClasses) and codec.width_minutes > 1 else None


def judge(codec: Codec, read: Values, true: Values) -> dict[str, Values]:
    """What is right of each picture, 0 or 1, and how far off in minutes, by metric.

    read, true: (N,) minutes past twelve.  Times are right to the figure where the whole minute nearest to them is.
    """
    shown, wanted = (whole_minutes(times).astype(np.float64) for times in (read, true))
    figures: dict[str, NDArray[np.generic]] = {
        EXACT: shown == wanted,
        OFF: minutes_apart(read, true),
        OFF_SHOWN: minutes_apart(shown, wanted),
        WITHIN: is_right(read, true),
        HOUR: shown // 60 == wanted // 60,
        MINUTE: shown % 60 == wanted % 60,
        NOT_MISTAKEN: hour_is_right(read, true),
    }
    coarse = class_codec(codec)
    if coarse is not None:
        classes, wide = [coarse.class_of(times) for times in (read, true)], coarse.width_minutes
        figures[CLASS] = classes[0] == classes[1]
        figures[CLASS_OFF] = minutes_apart(classes[0] * wide, classes[1] * wide)
    return {name: values.astype(np.float64) for name, values in figures.items()}


def measure(trained: Trained, data: Path | None) -> Measured:
    """Read all test pictures of the recipe's source; readings are kept in minutes past twelve."""
    source = make_source(trained.recipe, data)
    assert isinstance(source, ClockSet)
    batch, test = source.test(), part_name(trained.recipe.source)
    true = batch.seconds.astype(np.float64) / 60
    answers = []
    for start in range(0, len(true), AT_ONCE):
        beliefs = trained.codec.decode(trained.outputs(batch.pictures[start : start + AT_ONCE]))
        for record, belief in enumerate(beliefs, start):
            read = f"{round(belief.minutes(), 3) % 720:.3f}"
            answers.append(Answer(test, record, f"{true[record]:.0f}", read, belief.mass_near(belief.minutes())))
    figures = judge(trained.codec, *times_of(answers))
    scores = [
        Score(test, name, float(values.mean()), len(true), UNITS.get(name, "%")) for name, values in figures.items()
    ]
    return Measured(tuple(scores), tuple(answers))


def part_name(source: str) -> str:
    """The name of the test part of a source."""
    return PLAIN if source.startswith("clocks/plain") else KITCHEN


def times_of(answers: Sequence[Answer]) -> tuple[Values, Values]:
    """(N,) the times read and shown, minutes past twelve."""
    return np.array([float(one.read) for one in answers]), np.array([float(one.label) for one in answers])


def intervals(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], tuple[float, float]]:
    """Where the mean of each figure lies in 95 % of draws of seeds and pictures, of the runs of one experiment."""
    codec = make_codec(outcomes[0].run.recipe.codec)
    test = outcomes[0].scores()[0].test
    judged = [judge(codec, *readings_of(outcome)) for outcome in outcomes]
    return {(test, name): bootstrap(np.array([figures[name] for figures in judged])) for name in judged[0]}


def bootstrap(values: Values) -> tuple[float, float]:
    """The 2.5th and the 97.5th percentile of the mean over DRAWS draws, with replacement, of rows and of columns.

    values: (seeds, pictures).  Every seed read the same pictures, so a draw takes the same pictures of all its seeds.
    """
    seeds, pictures = values.shape
    by_seed = picture_draws(pictures) @ values.T / pictures  # (DRAWS, seeds)
    share = np.random.default_rng(seeds).multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS) / seeds
    low, high = np.percentile((by_seed * share).sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


@functools.lru_cache(maxsize=2)
def picture_draws(pictures: int) -> Values:
    """(DRAWS, pictures) how often each is drawn."""
    chosen = np.random.default_rng(0).integers(0, pictures, (DRAWS, pictures))
    return np.array([np.bincount(row, minlength=pictures) for row in chosen], dtype=np.float64)


def readings_of(outcome: Outcome) -> tuple[Values, Values]:
    """(N,) the times read and shown, of one run."""
    return times_of(outcome.answers())


# ---- the plan --------------------------------------------------------------------------------------------------------


def published(test: str, figures: Mapping[str, str]) -> dict[tuple[str, str], str]:
    return {(test, metric): text for metric, text in figures.items()}


def experiments() -> list[Experiment]:
    """The rows of the report. Minutes are those of two cores without AMX."""
    return [*encoding_rows(), *longer_rows(), *plain_rows(), *report_rows()]


def encoding_rows() -> list[Experiment]:
    """Every encoding on our network, the needle codec, which we think wins, among them."""
    rows = []
    for encoding in (*ENCODINGS, "needles"):
        name = "clocks/kitchen" + f"-{encoding}" * (encoding in ENCODINGS)
        figures = BEST_PUBLISHED if encoding == "needles" else PUBLISHED.get(encoding, {})
        rows.append(
            Experiment(
                encoding, find_recipe(name), measure, published(KITCHEN, figures), minutes=MINUTES_EACH, quick=QUICK
            )
        )
    return rows


def longer_rows() -> list[Experiment]:
    """More steps for the encodings that learn slowest."""
    return [
        Experiment(
            f"{encoding}, {'smoothed, ' * (encoding in SMOOTHING)}twice the steps",
            find_recipe(f"clocks/kitchen-{encoding}-longer"),
            measure,
            published(KITCHEN, PUBLISHED[encoding]),
            minutes=2 * MINUTES_EACH,
            quick=None,
        )
        for encoding in LONGER
    ]


def plain_rows() -> list[Experiment]:
    """Ours for the plain clocks."""
    quick = {"steps": "150", "warmup_steps": "20"}
    return [Experiment("needles, plain clocks", find_recipe("clocks/plain-ours"), measure, minutes=2.1, quick=quick)]


def report_rows() -> list[Experiment]:
    """Networks of the reports, at 75 px and with fewer steps than theirs; too slow but one for the quick budget."""
    brief = {"size_px": "75", "source": "clocks/kitchen-x25", "schedule": "linear"}
    return [
        Experiment(
            "deep-time's network",
            find_recipe("clocks/deep-time").with_settings({"steps": "200"}),
            measure,
            published(PLAIN, {WITHIN: "deep-time: often off by one minute"}),
            minutes=2.4,
            quick={"steps": "40"},
        ),
        Experiment(
            "leiden-2021's four blocks",
            find_recipe("clocks/leiden-hour-minute-classes").with_settings(brief | {"steps": "150"}),
            measure,
            published(KITCHEN, {HOUR: "leiden-2021 96.89 %", MINUTE: "leiden-2021 85.53 %"}),
            minutes=3.0,
            quick=None,
        ),
        Experiment(
            "leiden-2024's VGG16, of edges",
            find_recipe("clocks/transfer-edges").with_settings(brief | {"steps": "90"}),
            measure,
            published(KITCHEN, {OFF: "leiden-2024 1.02 min", HOUR: "leiden-2024 99 %", MINUTE: "leiden-2024 75 %"}),
            minutes=3.0,
            quick=None,
        ),
        Experiment(
            "ResNet-18 of ImageNet",
            find_recipe("clocks/transfer-resnet").with_settings(brief | {"steps": "270"}),
            measure,
            minutes=3.0,
            quick=None,
        ),
        Experiment(
            "EfficientNet-lite0 of ImageNet",
            find_recipe("clocks/transfer-efficientnet").with_settings(brief | {"steps": "200"}),
            measure,
            minutes=2.8,
            quick=None,
        ),
    ]


# ---- figures ---------------------------------------------------------------------------------------------------------


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """Samples, heat maps of 24 and 72 classes, the dial, histograms, what the error depends on, learning curves."""
    runs: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.measured:
            runs.setdefault(outcome.run.experiment.title, []).append(outcome)
    if not runs:
        return
    yield Drawing("samples.png", "The clocks: kitchen, as they are and turned for training; and plain.", draw_samples())
    panels = [Panel(title, *pooled(group)) for title, group in runs.items()]
    for title, group in runs.items():
        coarse = class_codec(make_codec(group[0].run.recipe.codec))
        if coarse is not None and coarse.count in (24, 72):
            read, true = (coarse.class_of(times) for times in pooled(group))
            caption = f"{title}: which class is taken for which, all seeds."
            yield Drawing(f"confusion-{coarse.count}.png", caption, plot_classes(true, read, coarse.count, title))
    caption = (
        "Where on the dial each time was read, seed 1: the time shown on the outer ring, joined to that read on the "
        "inner one, in black where they are more than ten minutes apart; 150 pictures at most."
    )
    yield Drawing(
        "circle.png", caption, plot_circle([Panel(title, *pooled(group[:1])) for title, group in runs.items()])
    )
    yield Drawing("errors.png", "How far off the readings are, all seeds.", plot_errors(panels))
    by_classes = list(points_by_classes(runs))
    if by_classes:
        title, label = "The more classes, the finer and the fewer pictures of each", "classes of twelve hours"
        picture = plot_points(by_classes, title, label, named=False, ylabel="mean minutes off, counted in classes")
        caption = (
            "Minutes off, in classes as the reports count them, against the number of classes; a point a seed. At 720 "
            "those with smoothed labels and twice the steps too. Published: leiden-2021's, and at 720 leiden-2024's."
        )
        yield Drawing("classes.png", caption, picture)
    by_size = [
        Point(title, float(one["parameters"]), float(panel.read.size and minutes_apart(panel.read, panel.true).mean()))
        for (title, group), panel in zip(runs.items(), panels, strict=True)
        if (one := group[0].measured)
    ]
    picture = plot_points(by_size, "Minutes off against the size of the network", "parameters", named=True)
    yield Drawing("parameters.png", "Minutes off against parameters, mean of the seeds.", picture)
    curves = [
        Curves(title, seeds)
        for title, group in runs.items()
        if (
            seeds := tuple(
                curve for outcome in group if len((curve := read_scalar(outcome.run.folder, "held_out/mean"))[0])
            )
        )
    ]
    if not curves:  # of results that were taken over
        return
    caption = (
        "Minutes off while training, a line a seed: on held-out pictures of kitchen clocks; of plain clocks none are "
        "held out beside the tested ones, so theirs are of training pictures."
    )
    yield Drawing("learning.png", caption, plot_learning(curves))


def pooled(outcomes: Sequence[Outcome]) -> tuple[Values, Values]:
    """(N,) the times read and shown, of several runs together."""
    readings = [readings_of(outcome) for outcome in outcomes]
    return np.concatenate([read for read, _ in readings]), np.concatenate([true for _, true in readings])


def points_by_classes(runs: Mapping[str, Sequence[Outcome]]) -> Iterator[Point]:
    """Mean minutes off, counted in classes, by number of classes; with the published ones, where there are others."""
    found = False
    for title, group in runs.items():
        codec = make_codec(group[0].run.recipe.codec)
        if isinstance(codec, ClockClasses) and group[0].run.recipe.network == "clocknet":
            for outcome in group:
                figures = judge(codec, *readings_of(outcome))
                yield Point(title, codec.count, float(figures.get(CLASS_OFF, figures[OFF]).mean()))
                found = True
    if found:
        for count, off in PUBLISHED_CLASSES:
            yield Point(f"{count} classes", count, off, published=True)


def draw_samples() -> bytes:
    """Eight of each: kitchen as they are, the same set turned, and plain ones."""
    tiles = []
    for source in (kitchen_clocks(75), kitchen_clocks(75, copies=25), plain_clocks(75)):
        batch = source.batch(1, 0, 8)
        times = [format_time(seconds / 60) for seconds in batch.seconds.tolist()]
        tiles += [Tile(picture, (time,)) for picture, time in zip(batch.pictures, times, strict=True)]
    return sheet(tiles, "Kitchen clocks, the same turned for training, and plain ones", 8, 2)


STUDY = Study(
    "encodings",
    "Clocks: every way to label them, ours and the reports'",
    "One network of 0.7 to 0.9 million parameters learns the same 10,800 kitchen clocks under every encoding, each for "
    "the same number of steps, the slowest also for twice as many, and reads the same 3,600 test pictures; networks of "
    "the reports learn them as hours and minutes, at 75 px and for a few minutes instead of hours. Of the "
    "plain clocks 576 are learned and the other 144 read, each a minute that training never showed. Published figures "
    "are of the reports' own pictures. A class is read as the middle of its minutes; the reports count how many "
    "classes a reading is off, which is the row in classes here.",
    experiments,
    draw,
    intervals,
)
