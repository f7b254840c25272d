"""Convolutional networks: a base and its variations on Fashion-MNIST, the best three on CIFAR-10.

13 recipes ──► validation part ──► the best three ──► the same networks trained on CIFAR-10
           ──► test set ──► each beside the report's figure, and mistakes against parameters
           ──► a training batch ──► gradients by layer: ten layers plain, with shortcuts, with norms
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from facevalue.metrics import class_confusion
from facevalue.recipes.pictures import CIFAR_CNNS, CNNS
from facevalue.sources.pictures import CLASSES
from facevalue.studies import Drawing, Experiment, Later, Outcome, Study
from facevalue.studies.picture_figures import Depth, Sized, plot_depths, plot_rows, plot_sizes, plot_taken
from facevalue.studies.pictures import (
    CIFAR,
    FASHION,
    RIGHT,
    best,
    best_on_cifar10,
    by_title,
    experiment,
    figures_of,
    intervals,
    on_cifar10,
    rows_of,
)

TITLES = {
    "base": "base: 64, 64, 128, 128, 256, 256",
    "rising": "rising: 64, 128, 256, 512",
    "falling": "falling: 512, 256, 128, 64",
    "kernel-1": "kernels of 1",
    "kernel-5": "kernels of 5",
    "2-layers": "2 layers",
    "10-layers": "10 layers",
    "10-residual": "10 layers, residual",
    "10-norm": "10 layers, batch norm",
    "average": "average pooling",
    "global": "global average pooling",
    "one-1x1": "one 1×1 layer of one filter",
    "5-layers": "5 layers, 64 to 1,024",
}
PUBLISHED = {"rising": 0.91, "falling": 0.92, "2-layers": 0.92, "10-layers": 0.10, "one-1x1": 0.10}
PUBLISHED_CIFAR = {"2-layers": 0.67, "falling": 0.78, "rising": 0.78}
"""Shares of the test set, by the end of the recipe's name, leiden-2024; of the others it gives none."""
DEEP = ("10-layers", "10-residual", "10-norm")
BEST = 3
QUICK_STEPS = 40


def told(share: float | None) -> dict[str, str]:
    return {} if share is None else {RIGHT: f"leiden-2024 {100 * share:.0f} %"}


def experiments() -> list[Experiment]:
    """The base and its variations."""
    return [experiment(TITLES[name], recipe, QUICK_STEPS, told(PUBLISHED.get(name))) for name, recipe in CNNS.items()]


def cifar_experiments() -> list[Experiment]:
    """All on CIFAR-10, of which three are chosen."""
    return [
        experiment(on_cifar10(TITLES[name]), recipe, QUICK_STEPS, told(PUBLISHED_CIFAR.get(name)))
        for name, recipe in CIFAR_CNNS.items()
    ]


def choose(outcomes: Sequence[Outcome]) -> list[Experiment]:
    """The best three by validation."""
    return best_on_cifar10(outcomes, cifar_experiments(), BEST)


# ---- figures ---------------------------------------------------------------------------------------------------------


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """Each network beside the report's figure, gradients by layer, mistakes against parameters, and confusions."""
    groups = by_title(outcomes)
    if not groups:
        return
    beside = {TITLES[name]: share for name, share in PUBLISHED.items()}
    caption = f"Share of {FASHION}'s test set read right, beside the report."
    yield Drawing("right.png", caption, plot_rows(rows_of(outcomes, FASHION, beside), FASHION))
    deep = [TITLES[name] for name in DEEP if TITLES[name] in groups]
    if deep:
        panels = {
            name: [
                Depth(title, tuple(layer["gradient"] for layer in about["diagnostics"][when]["layers"]))
                for title in deep
                if (about := groups[title][0].measured)
            ]
            for name, when in (("before the first step", "start"), ("after the last", "end"))
        }
        parts = [f"{title} {sum(figures_of(groups[title], FASHION, RIGHT)) / len(groups[title]):.1%}" for title in deep]
        caption = (
            "Norm of the gradient of each layer's weights over a training batch, seed "
            f"{groups[deep[0]][0].run.recipe.seed}, the dense layer and the outputs last. Right in the end: "
            f"{'; '.join(parts)}."
        )
        yield Drawing("gradients.png", caption, plot_depths(panels, "Ten layers, with and without a way round"))
    sized = [
        Sized(title, "a seed", about["parameters"], tuple(100 * (1 - share) for share in shares))
        for title, group in groups.items()
        if (about := group[0].measured) and (shares := figures_of(group, FASHION, RIGHT))
    ]
    caption = f"Mistakes on {FASHION}'s test set against parameters."
    yield Drawing("parameters.png", caption, plot_sizes(sized, FASHION, "mistakes on the test set, %"))
    of_cifar = rows_of(outcomes, CIFAR, {on_cifar10(TITLES[name]): share for name, share in PUBLISHED_CIFAR.items()})
    if of_cifar:
        caption = f"The three that are best on {FASHION}'s validation part, unchanged on {CIFAR}."
        yield Drawing("cifar10.png", caption, plot_rows(of_cifar, CIFAR))
    for dataset, test in (("fashion-mnist", FASHION), ("cifar-10", CIFAR)):
        mine = [outcome for outcome in outcomes if outcome.run.experiment.dataset == dataset]
        if any(outcome.measured for outcome in mine):
            title = best(mine, 1)[0].title
            answers = [answer for outcome in groups[title] for answer in outcome.answers() if answer.test == test]
            counts = class_confusion([int(one.read) for one in answers], [int(one.label) for one in answers])
            picture = plot_taken(counts, CLASSES[dataset], title)
            caption = f"{title}, the best by validation: which class is taken for which, all seeds."
            yield Drawing(f"confusion-{dataset}.png", caption, picture)


STUDY = Study(
    "cnn",
    "Convolutional networks: a base and its variations",
    "The base has two 3×3 convolutions each of 64, 128 and 256 channels, halved by the largest behind each two, a "
    "dense layer of 128 and dropout of 0.3; each variation changes what it is named for; those of other depths have "
    "other widths and dense layers too, and the one 1×1 layer has neither pooling, dense layer nor dropout. "
    "leiden-2024 prints the sizes of its networks, not their layers: these were chosen to have its sizes (kernels "
    "of 1 0.43 million parameters, of 5 3.5; 2 layers 2.59; one 1×1 layer 7,800; five layers 7.6), rising and "
    "falling only nearly, ten layers with shortcuts 1.85 million where it has 3.6; it names no base. None but one "
    "has batch norms. Adam at 1e-3, falling over the second half, batches of 128, four epochs; eight of CIFAR-10, "
    "for the three that read most of Fashion-MNIST's validation part right. The last tenth of the training pictures "
    "is for validation. Of losses the table gives the least and the most of the seeds.",
    experiments,
    draw,
    intervals,
    later=Later("the best three by validation, on CIFAR-10", BEST, cifar_experiments, choose),
)
