"""Optimizers: five of them with batches of 16 to 1,024, each at the rate of a rule and at the best of a range test.

each optimizer and batch ──► 200 steps at each rate, a third of the one before ──► loss of the validation part
      ──► the rule: the first that doesn't diverge ──┬──► the whole training ──► test set
      ──► the least loss ────────────────────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from facevalue.recipes.pictures import BATCHES, OPTIMIZERS, RATES, optimized, range_tests
from facevalue.studies import Drawing, Experiment, Later, Outcome, Study
from facevalue.studies.figures import plot_curves, read_curves
from facevalue.studies.picture_figures import Line, Tested, plot_lines, plot_rates, plot_rows
from facevalue.studies.pictures import (
    FASHION,
    LOSS,
    RIGHT,
    VALIDATION,
    by_title,
    experiment,
    figures_of,
    intervals,
    mean_of,
    rows_of,
    trial,
)
from facevalue.training import HELD_OUT_PICTURES

NAMES = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam", "adamw": "AdamW", "muon": "Muon"}
CHANCE = math.log(10)  # loss of one who knows nothing
CURVES_OF = 128  # batches whose learning curves are drawn
QUICK_RANGE_STEPS, QUICK_STEPS = 20, 60

Losses = Mapping[float, float | None]
"""Of one optimizer and batch, by rate; None where it diverged."""


class Chosen(NamedTuple):
    """Rates: the highest that doesn't diverge, and that of the least loss."""

    rule: float
    best: float


def title_of(optimizer: str, batch_size: int, rate: float) -> str:
    return f"{NAMES[optimizer]}, batches of {batch_size:,}, rate {rate:g}"


def experiments() -> list[Experiment]:
    """The range tests."""
    return [
        trial(
            f"range test: {title_of(recipe.optimizer, recipe.batch_size, recipe.learning_rate)}",
            recipe,
            QUICK_RANGE_STEPS,
        )
        for optimizer in OPTIMIZERS
        for batch_size in BATCHES
        for recipe in range_tests(optimizer, batch_size)
    ]


def whole(optimizer: str, batch_size: int, rate: float) -> Experiment:
    """The training at a rate that was chosen."""
    return experiment(title_of(optimizer, batch_size, rate), optimized(optimizer, batch_size, rate), QUICK_STEPS, {})


def candidates() -> list[Experiment]:
    """Each optimizer and batch at every rate."""
    return [whole(optimizer, batch_size, rate) for optimizer in OPTIMIZERS for batch_size in BATCHES for rate in RATES]


def range_losses(outcomes: Sequence[Outcome]) -> dict[tuple[str, int], dict[float, float | None]]:
    """What the range tests gave, by optimizer and batch, the highest rate first."""
    tests: dict[tuple[str, int], dict[float, float | None]] = {}
    for outcome in outcomes:
        recipe = outcome.run.recipe
        if outcome.run.experiment.trial and (outcome.measured or outcome.diverged):
            loss = None if outcome.diverged else figures_of([outcome], FASHION + VALIDATION, LOSS)[0]
            tests.setdefault((recipe.optimizer, recipe.batch_size), {})[recipe.learning_rate] = loss
    return tests


def choose_rates(losses: Losses) -> Chosen | None:
    """The rule divides by 3 until the loss is finite and below chance; None where no rate is."""
    learned = {rate: loss for rate, loss in losses.items() if loss is not None and loss < CHANCE}
    return Chosen(max(learned), min(learned, key=lambda rate: learned[rate])) if learned else None


def choose(outcomes: Sequence[Outcome]) -> list[Experiment]:
    """Each optimizer and batch at both rates, or at the one that is both."""
    rows = []
    for (optimizer, batch_size), losses in range_losses(outcomes).items():
        for rate in dict.fromkeys(choose_rates(losses) or ()):
            rows.append(whole(optimizer, batch_size, rate))
    return rows


# ---- figures ---------------------------------------------------------------------------------------------------------


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """The range tests, then what came of the rates: by batch, by network, and while learning."""
    tests = range_losses(outcomes)
    chosen = {key: rates for key, losses in tests.items() if (rates := choose_rates(losses))}
    panels = {
        f"batches of {batch_size:,}": [
            Tested(NAMES[optimizer], tuple(losses), tuple(losses.values()), chosen[optimizer, batch_size].rule)
            for (optimizer, batch), losses in tests.items()
            if batch == batch_size and (optimizer, batch) in chosen
        ]
        for batch_size in BATCHES
        if any(batch == batch_size for _, batch in chosen)
    }
    if not panels:
        return
    same = sum(rates.rule == rates.best for rates in chosen.values())
    caption = (
        f"Loss of {FASHION}'s validation part after the same short training at each rate. A ring: the first that does "
        "not diverge when the rate is divided by 3 again and again. It is that of the least loss in "
        f"{same} of {len(chosen)}."
    )
    yield Drawing("rates.png", caption, plot_rates(panels, "Range test", CHANCE))
    groups = by_title(outcomes)
    if not groups:
        return
    lines = [line for name in OPTIMIZERS if (line := line_of(name, chosen, groups)).at]
    caption = f"Share of {FASHION}'s test set read right after as many pictures, at the rate of the least loss."
    yield Drawing("batches.png", caption, plot_lines(lines, FASHION, "pictures in a batch", "share read right"))
    picture = plot_rows(rows_of(outcomes, FASHION, {}), FASHION)
    diverged = {outcome.run.experiment.title for outcome in outcomes if outcome.diverged}
    yield Drawing("right.png", tell_rule(chosen, groups, diverged), picture)
    trained = [
        (NAMES[optimizer], groups[title][0].run.folder)
        for (optimizer, batch_size), rates in chosen.items()
        if batch_size == CURVES_OF and (title := title_of(optimizer, batch_size, rates.best)) in groups
    ]
    if curves := read_curves(trained, "held_out/right"):
        caption = f"Mistakes on pictures of the validation part while training with batches of {CURVES_OF}; seed 1."
        yield Drawing("learning.png", caption, plot_curves(curves, f"{FASHION}: learning curves", HELD_OUT_PICTURES))


def line_of(optimizer: str, chosen: Mapping[tuple[str, int], Chosen], groups: Mapping[str, list[Outcome]]) -> Line:
    """What an optimizer reads right by batch, at its best rates."""
    right = {}
    for batch_size in BATCHES:
        if (optimizer, batch_size) in chosen:
            title = title_of(optimizer, batch_size, chosen[optimizer, batch_size].best)
            if title in groups:
                right[float(batch_size)] = mean_of(groups[title], FASHION, RIGHT)
    return Line(NAMES[optimizer], tuple(right), tuple(right.values()))


def tell_rule(
    chosen: Mapping[tuple[str, int], Chosen], groups: Mapping[str, list[Outcome]], diverged: Collection[str]
) -> str:
    """What the rule's rate costs in the whole training, where it is another than the best, and how often it fails.

    diverged: titles of which a seed did.
    """
    lost, failed = [], 0
    for (optimizer, batch_size), rates in chosen.items():
        rule, best = (title_of(optimizer, batch_size, rate) for rate in rates)
        if rule == best:
            continue
        failed += rule in diverged
        if rule in groups and best in groups and not {rule, best} & set(diverged):
            lost.append(mean_of(groups[best], FASHION, RIGHT) - mean_of(groups[rule], FASHION, RIGHT))
    told = f"Share of {FASHION}'s test set read right. "
    if lost:
        told += f"Where the rule's rate is another than the best, it costs {100 * sum(lost) / len(lost):.1f} points "
        told += f"(mean of {len(lost)}; {100 * min(lost):.1f} to {100 * max(lost):.1f}). "
    return told + f"The whole training diverged at {failed} of the rule's rates, with one seed at least."


STUDY = Study(
    "optimizers",
    "Optimizers: five, from batches of 16 to 1,024, and how to find a rate",
    "Two dense layers of 100 and 200 units on Fashion-MNIST, under SGD, Nesterov's momentum of 0.9, Adam, AdamW and "
    "Muon (with AdamW on outputs and biases), the last two with a weight decay of 0.1. For each optimizer and batch "
    f"a range test trains for {range_tests('sgd', 16)[0].steps} steps at rates from {RATES[0]:g} down to "
    f"{RATES[-1]:g}, each a third of the one before, and reads the validation part alone. The rule takes the "
    "first rate that does not diverge: whose loss is finite and below chance. That rate, and that of the least loss, "
    "are then trained for five epochs, falling to zero all along. The last tenth of the training pictures is for "
    "validation. Of losses the table gives the least and the most of the seeds; results.csv has the range tests too.",
    experiments,
    draw,
    intervals,
    later=Later(
        "each optimizer and batch at the rule's rate and at the best",
        2 * len(OPTIMIZERS) * len(BATCHES),
        candidates,
        choose,
    ),
)
