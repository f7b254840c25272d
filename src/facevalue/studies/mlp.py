"""Fully connected networks: fourteen of a report on Fashion-MNIST, and its way to the best three on CIFAR-10.

14 recipes ──► validation part ──► the best three ──► the same networks trained on CIFAR-10
           ──► test set ──► loss against parameters, and each beside the report's figure
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from facevalue.recipes.pictures import CIFAR_MLPS, MLPS
from facevalue.sources.pictures import CLASSES, PictureSource
from facevalue.studies import Drawing, Experiment, Later, Outcome, Study
from facevalue.studies.picture_figures import Sized, draw_samples, plot_rows, plot_sizes
from facevalue.studies.pictures import (
    CIFAR,
    FASHION,
    LOSS,
    RIGHT,
    best_on_cifar10,
    by_title,
    experiment,
    figures_of,
    intervals,
    on_cifar10,
    rows_of,
)

PUBLISHED = {
    "1": 0.855,
    "2": 0.870,
    "5": 0.837,
    "1-l2": 0.722,
    "2-l2": 0.716,
    "5-l2": 0.518,
    "1-dropout": 0.846,
    "2-dropout": 0.839,
    "5-dropout": 0.833,
    "1-of-2": 0.447,
    "1-of-5": 0.74,
    "1-of-10": 0.81,
    "12": 0.672,
    "15": 0.205,
}
"""Share of the test set of Fashion-MNIST, by the end of the recipe's name, leiden-2024."""
PUBLISHED_CIFAR = "leiden-2024's best three 46.6, 42.6, 40.9 %"  # it doesn't say which is which
BEST = 3
QUICK_STEPS = 150


def title_of(name: str) -> str:
    """``2-dropout`` to "2 layers, dropout"."""
    layers, _, rest = name.partition("-")
    told = f"{layers} layer{'s' * (layers != '1')}"
    return {"": told, "l2": f"{told}, L2", "dropout": f"{told}, dropout"}.get(rest, f"{told} of {rest[3:]} units")


def experiments() -> list[Experiment]:
    """The fourteen."""
    return [
        experiment(title_of(name), recipe, QUICK_STEPS, {RIGHT: f"leiden-2024 {100 * PUBLISHED[name]:.1f} %"})
        for name, recipe in MLPS.items()
    ]


def cifar_experiments() -> list[Experiment]:
    """All fourteen on CIFAR-10, of which three are chosen."""
    return [experiment(on_cifar10(title_of(name)), recipe, QUICK_STEPS) for name, recipe in CIFAR_MLPS.items()]


def choose(outcomes: Sequence[Outcome]) -> list[Experiment]:
    """The best three by validation; beside each the figures of the report's best three, which are other networks."""
    chosen = best_on_cifar10(outcomes, cifar_experiments(), BEST)
    return [dataclasses.replace(one, published={(CIFAR, RIGHT): PUBLISHED_CIFAR}) for one in chosen]


# ---- figures ---------------------------------------------------------------------------------------------------------


def family_of(title: str) -> str:
    """Networks that are drawn alike."""
    return next((family for family in ("L2", "dropout") if f", {family}" in title), "neither")


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """Test loss against parameters, each network beside the report's figure, on both data sets, and samples."""
    groups = by_title(outcomes)
    if not groups:
        return
    sized = [
        Sized(title.partition(",")[0], family_of(title), about["parameters"], figures_of(group, FASHION, LOSS))
        for title, group in groups.items()
        if (about := group[0].measured) and figures_of(group, FASHION, LOSS)
    ]
    least = min(sized, key=lambda point: sum(point.seeds) / len(point.seeds))
    caption = (
        f"Test loss on {FASHION} against parameters, a mark a seed. The least mean is that of {least.title}, "
        f"{least.family if least.family != 'neither' else 'plain'}: {least.parameters:,} parameters."
    )
    yield Drawing("loss.png", caption, plot_sizes(sized, f"{FASHION}: test loss", "test loss, nats"))
    published = {title_of(name): share for name, share in PUBLISHED.items()}
    yield Drawing(
        "right.png",
        f"Share of {FASHION}'s test set read right, beside the report.",
        plot_rows(rows_of(outcomes, FASHION, published), FASHION),
    )
    of_cifar = rows_of(outcomes, CIFAR, {})
    if of_cifar:
        caption = f"The best on {FASHION}'s validation part, unchanged on {CIFAR}; {PUBLISHED_CIFAR}."
        yield Drawing("cifar10.png", caption, plot_rows(of_cifar, CIFAR))
    samples = [(PictureSource("fashion-mnist", data).batch(1, 0, 20), CLASSES["fashion-mnist"])]
    yield Drawing("samples.png", "What training sees.", draw_samples(samples, FASHION))


STUDY = Study(
    "mlp",
    "Fully connected networks, from two units to fifteen layers",
    "Layer k has 100 k units with ReLUs; networks of 1, 2 and 5 layers come plain, with L2 (Keras' 0.01) and with "
    "dropout of 0.2, as leiden-2024 tells of them; Adam at 1e-3, batches of 128 and ten epochs, which it doesn't give. "
    "The three that read most of Fashion-MNIST's validation part right are trained unchanged on CIFAR-10. The last "
    "tenth of the training pictures is for validation. Of losses the table gives the least and the most of the seeds.",
    experiments,
    draw,
    intervals,
    later=Later("the best three by validation, on CIFAR-10", BEST, cifar_experiments, choose),
)
