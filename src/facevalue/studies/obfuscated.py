"""Obfuscated pictures: what a permutation of the pixels takes from a fully connected and a convolutional network.

    the same network ──┬──► pictures as they are ──────────┬──► share right, the one less the other
                       └──► their pixels permuted, all alike ─┘

To a fully connected network the order of its inputs means nothing, and the start of its weights is drawn alike for all
of them: it can't tell. A convolution is made of neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from facevalue.recipes.pictures import PLAIN, obfuscated
from facevalue.sources.pictures import CLASSES, PictureSource
from facevalue.studies import Drawing, Experiment, Outcome, Study
from facevalue.studies.encodings import bootstrap
from facevalue.studies.figures import plot_curves, read_curves
from facevalue.studies.picture_figures import draw_samples, plot_rows
from facevalue.studies.pictures import TESTS, by_title, experiment, intervals, name_of_test, rights_of, rows_of
from facevalue.training import HELD_OUT_PICTURES

NETWORKS = {"mlp": "fully connected", "cnn": "convolutional"}
PERMUTED = ", permuted"
QUICK_STEPS = {"mlp": 300, "cnn": 60}


def title_of(network: str, test: str) -> str:
    return f"{NETWORKS[network]}, {test}"


def experiments() -> list[Experiment]:
    """Two networks on two data sets, each as it is and permuted."""
    rows = []
    for recipe in PLAIN:
        title, steps = title_of(recipe.network, name_of_test(recipe)), QUICK_STEPS[recipe.network]
        rows.append(experiment(title, recipe, steps))
        rows.append(experiment(title + PERMUTED, obfuscated(recipe), steps))
    return rows


# ---- figures ---------------------------------------------------------------------------------------------------------


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """Shares right, learning curves, and samples as they are and permuted."""
    groups = by_title(outcomes)
    if not groups:
        return
    tests = {dataset: test for dataset, test in TESTS.items() if any(test in title for title in groups)}
    for dataset, test in tests.items():
        caption = "; ".join(
            tell_loss(groups, network, test) for network in NETWORKS if title_of(network, test) in groups
        )
        rows = rows_of(outcomes, test, {})
        told = (
            f"What the permutation costs: {caption}." if caption else "Permuted, with nothing to compare it with yet."
        )
        yield Drawing(f"right-{dataset}.png", told, plot_rows(rows, test))
        trained = [(title, group[0].run.folder) for title, group in groups.items() if test in title]
        if curves := read_curves(trained, "held_out/right"):
            caption = "Mistakes on pictures of the validation part while training; seed 1."
            picture = plot_curves(curves, f"{test}: learning curves", HELD_OUT_PICTURES)
            yield Drawing(f"learning-{dataset}.png", caption, picture)
    for dataset, test in tests.items():  # in the end, as it wants pictures
        batches = [PictureSource(dataset, data, obfuscated=hidden).batch(1, 0, 10) for hidden in (False, True)]
        caption = f"{test} as it is, and the same pictures with their pixels permuted."
        picture = draw_samples([(batch, CLASSES[dataset]) for batch in batches], test)
        yield Drawing(f"samples-{dataset}.png", caption, picture)


def tell_loss(groups: dict[str, list[Outcome]], network: str, test: str) -> str:
    """By how many points a network reads less right of permuted pictures, and where 95 % of draws have it."""
    title = title_of(network, test)
    if title + PERMUTED not in groups:
        return f"{NETWORKS[network]} not measured"
    plain, permuted = ([rights_of(one.run.folder)[test] for one in groups[name]] for name in (title, title + PERMUTED))
    seeds = min(len(plain), len(permuted))
    lost = np.array(plain[:seeds]) - np.array(permuted[:seeds])
    low, high = bootstrap(lost)
    return f"{NETWORKS[network]} {100 * lost.mean():.1f} points ({100 * low:.1f} to {100 * high:.1f})"


STUDY = Study(
    "obfuscated",
    "Obfuscated pictures: who needs neighbours",
    "The pixels of every picture change places by one permutation, always the same. leiden-2021 saw no significant "
    "difference for convolutional networks and worse fully connected ones. Theory says the opposite: to dense layers "
    "the order of their inputs means nothing, while a convolution is made of neighbours. The networks are two layers "
    "of 100 and 200 units, and the base of the study of convolutional networks, trained as there. The last tenth of "
    "the training pictures is for validation. Of losses the table gives the least and the most of the seeds.",
    experiments,
    draw,
    intervals,
)
