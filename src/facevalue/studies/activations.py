"""Three layers, three activations: which of 27 networks learn Fashion-MNIST, and why the others don't.

27 recipes ──► validation part, test set ──► the grid of what is right
           ──► a training batch, at the start and at the end ──► gradients by layer, and pictures that pass none
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from facevalue.recipes.pictures import ACTIVATIONS
from facevalue.sources.pictures import CLASSES, PictureSource
from facevalue.studies import Drawing, Experiment, Outcome, Study
from facevalue.studies.picture_figures import Cause, Depth, draw_samples, plot_causes, plot_depths, plot_grid
from facevalue.studies.pictures import FASHION, RIGHT, by_title, experiment, intervals, mean_of

PUBLISHED = {
    "relu-tanh-softmax": "leiden-2021 88.02 %, its best",
    "relu-relu-softmax": "leiden-2021 87.94 %",
}
QUICK_STEPS = 200
DRAWN = ("relu-tanh-softmax", "softmax-softmax-softmax", "relu-relu-relu", "tanh-tanh-tanh")
"""Whose gradients are drawn by layer."""


def experiments() -> list[Experiment]:
    """All 27."""
    return [
        experiment(name, recipe, QUICK_STEPS, {RIGHT: PUBLISHED[name]} if name in PUBLISHED else {})
        for name, recipe in ACTIVATIONS.items()
    ]


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """The grid, pictures without a gradient, gradients by layer, and samples."""
    groups = by_title(outcomes)
    if not groups:
        return
    right = {title: mean_of(group, FASHION, RIGHT) for title, group in groups.items()}
    shares = {(a, b, c): share for title, share in right.items() for a, b, c in [title.split("-")]}
    yield Drawing(
        "grid.png",
        "Share of the test set read right, mean of the seeds, by the activation of each layer.",
        plot_grid(shares, "Share right"),
    )
    causes = [
        Cause(title, f"outputs: {title.split('-')[2]}", mean_deaf(group), right[title])
        for title, group in groups.items()
    ]
    failed = sorted((cause for cause in causes if cause.right < 0.2), key=lambda cause: -cause.deaf)
    dead = sum(cause.deaf > 0.5 for cause in failed)
    yield Drawing(
        "dead.png",
        f"Why they fail: {len(failed)} of {len(causes)} networks read less than a fifth right; in {dead} of those more "
        "than half of a training batch is read wrong while the output of its class passes no gradient, so that nothing "
        "will be learned from it.",
        plot_causes(causes, "Outputs that no longer listen"),
    )
    panels = {
        name: [
            Depth(title, tuple(layer["gradient"] for layer in about["diagnostics"][when]["layers"]))
            for title in DRAWN
            if title in groups and (about := groups[title][0].measured)
        ]
        for name, when in (("before the first step", "start"), ("after the last", "end"))
    }
    if any(panels.values()):
        yield Drawing(
            "gradients.png",
            "Norm of the gradient of each layer's weights over a training batch, seed 1. A softmax over many units "
            "hands little of it down; outputs that are dead hand down none, drawn at the least value.",
            plot_depths(panels, "What arrives at each layer"),
        )
    batch = PictureSource("fashion-mnist", data).batch(1, 0, 20)
    yield Drawing("samples.png", "What training sees.", draw_samples([(batch, CLASSES["fashion-mnist"])], FASHION))


def mean_deaf(group: Sequence[Outcome]) -> float:
    """Share of a training batch that nothing will be learned from at the end, mean of the seeds."""
    values = [outcome.measured["diagnostics"]["end"]["deaf"] for outcome in group if outcome.measured]
    return float(sum(values) / len(values))


STUDY = Study(
    "activations",
    "Activations: 27 networks of three layers",
    "Dense layers of 300 and 100 units and ten outputs on Fashion-MNIST, each of the three with ReLU, tanh or softmax. "
    "Outputs of ReLU and tanh are taken for probabilities, as Keras' cross entropy takes them: at 0 or below, and at 1 "
    "or above, no gradient passes, and an output that is there for every picture is dead for good. leiden-2021 gives "
    "its two best, and that 19 of the 27 read at most 20 % right; it doesn't give the units of the layers. The last "
    "tenth of the training pictures is for validation. Of losses the table gives the least and the most of the seeds.",
    experiments,
    draw,
    intervals,
)
