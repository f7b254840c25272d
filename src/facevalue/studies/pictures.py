"""What the studies of small pictures share: how they measure, how they choose, and their intervals.

trained ──► validation part ──► right          chooses
        ──► test set, once ──► right, loss     is reported, and decides nothing
        ──► a batch of the training part, at the start and at the end ──► what is inside
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facevalue.assembly import make_network, make_source
from facevalue.metrics import class_scores
from facevalue.precision import autocast
from facevalue.recipes import Recipe
from facevalue.sources.pictures import PICTURES, LabelledBatch, PictureSource
from facevalue.studies import Answer, Experiment, Measured, Outcome, Score, Trained, read_answers
from facevalue.studies.encodings import bootstrap
from facevalue.studies.insides import look_inside
from facevalue.studies.picture_figures import Row
from facevalue.trainee import to_tensor

TESTS = {"fashion-mnist": "Fashion-MNIST", "cifar-10": "CIFAR-10"}
"""By data set."""
FASHION, CIFAR = TESTS.values()
VALIDATION = ", validation"
RIGHT, LOSS = "right", "loss"
READS = 16_000  # 10,000 of the test set and a tenth of the training set
TRIAL_READS = 6000
AT_ONCE = 500
INSIDE = 128  # pictures that are looked inside with


def measure(trained: Trained, data: Path | None) -> Measured:
    """Read the validation part and the test set, and look inside the network as it started and as it ended."""
    source = make_source(trained.recipe, data)
    assert isinstance(source, PictureSource)
    test = name_of_test(trained.recipe)
    chosen, chosen_answers = read_part(trained, source.validation(), test + VALIDATION)
    scores, answers = read_part(trained, source.test(), test)
    batch = source.batch(trained.recipe.seed, 0, INSIDE)
    device = next(trained.network.parameters()).device
    started = make_network(trained.recipe, trained.codec).to(device)
    inside = {"start": look_inside(started, batch), "end": look_inside(trained.network, batch)}
    return Measured((chosen[0], *scores), (*chosen_answers, *answers), inside)


def measure_validation(trained: Trained, data: Path | None) -> Measured:
    """Read the validation part alone, with no reading kept: of a trial."""
    source = make_source(trained.recipe, data)
    assert isinstance(source, PictureSource)
    scores, _ = read_part(trained, source.validation(), name_of_test(trained.recipe) + VALIDATION)
    return Measured(tuple(scores))


def read_part(trained: Trained, batch: LabelledBatch, test: str) -> tuple[list[Score], list[Answer]]:
    """Share right and mean loss of a part, and each reading by the numbers of the classes."""
    beliefs = trained.codec.decode({"class": read_logits(trained, batch.pictures)})
    scores, count = class_scores(beliefs, batch.classes), len(beliefs)
    answers = [
        Answer(test, record, str(true), str(belief.read()), belief.confidence())
        for record, (true, belief) in enumerate(zip(batch.classes.tolist(), beliefs, strict=True))
    ]
    return [Score(test, RIGHT, scores["right"], count), Score(test, LOSS, scores["loss"], count, "nats")], answers


def read_logits(trained: Trained, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 10) in the precision of training."""
    device = next(trained.network.parameters()).device
    parts = []
    with torch.inference_mode(), autocast(device.type):
        for start in range(0, len(pictures), AT_ONCE):
            outputs = trained.network(to_tensor(pictures[start : start + AT_ONCE], device))
            parts.append(outputs["class"].float().cpu().numpy())
    return np.concatenate(parts)


def name_of_test(recipe: Recipe) -> str:
    """The name of the test set of a recipe's source."""
    dataset, _ = PICTURES[recipe.source]
    return TESTS[dataset]


def experiment(title: str, recipe: Recipe, quick_steps: int, published: Mapping[str, str] | None = None) -> Experiment:
    """An experiment of small pictures.  published: by metric of the test set."""
    dataset, _ = PICTURES[recipe.source]
    return Experiment(
        title,
        recipe,
        measure,
        {(TESTS[dataset], metric): text for metric, text in (published or {}).items()},
        minutes=None,
        reads=READS,
        quick={"steps": str(quick_steps)},
        dataset=dataset,
    )


def trial(title: str, recipe: Recipe, quick_steps: int) -> Experiment:
    """A short training that only prepares others, and sees no test set."""
    whole = experiment(title, recipe, quick_steps)
    return dataclasses.replace(whole, measure=measure_validation, reads=TRIAL_READS, trial=True)


# ---- what is made of the outcomes ------------------------------------------------------------------------------------


def by_title(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The measured outcomes of each experiment but trials."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.measured and not outcome.run.experiment.trial:
            groups.setdefault(outcome.run.experiment.title, []).append(outcome)
    return groups


def mean_of(group: Sequence[Outcome], test: str, metric: str) -> float:
    """Mean of a figure over the seeds of one experiment."""
    values = figures_of(group, test, metric)
    return sum(values) / len(values)


def best(outcomes: Sequence[Outcome], count: int) -> list[Experiment]:
    """The experiments that are right most often on the validation part, the best first.

    By the mean of the seeds that have run, of which one that diverged is never right.
    """
    groups = by_title(outcomes)
    ran = collections.Counter(one.run.experiment.title for one in outcomes if one.measured or one.diverged)
    right = {
        title: sum(figures_of(group, name_of_test(group[0].run.recipe) + VALIDATION, RIGHT)) / ran[title]
        for title, group in groups.items()
    }
    return [groups[title][0].run.experiment for title in sorted(groups, key=lambda title: -right[title])[:count]]


def on_cifar10(title: str) -> str:
    """The title of the same network on CIFAR-10."""
    return f"{title}, {CIFAR}"


def best_on_cifar10(outcomes: Sequence[Outcome], candidates: Sequence[Experiment], count: int) -> list[Experiment]:
    """The candidates that are the best networks of the outcomes, the best first."""
    named = {candidate.title: candidate for candidate in candidates}
    return [named[on_cifar10(chosen.title)] for chosen in best(outcomes, count)]


def figures_of(group: Sequence[Outcome], test: str, metric: str) -> tuple[float, ...]:
    """A figure of each seed of one experiment."""
    return tuple(s.value for outcome in group for s in outcome.scores() if (s.test, s.metric) == (test, metric))


def rows_of(outcomes: Sequence[Outcome], test: str, published: Mapping[str, float]) -> list[Row]:
    """What each experiment with that test set reads right.  published: by title."""
    rows = []
    for title, group in by_title(outcomes).items():
        seeds = figures_of(group, test, RIGHT)
        if seeds:
            low, high = intervals(group)[test, RIGHT]
            rows.append(Row(title, seeds, low, high, (published[title],) if title in published else ()))
    return rows


def intervals(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], tuple[float, float]]:
    """Where the share right lies in 95 % of draws of seeds and pictures, of the runs of one experiment."""
    return intervals_of(tuple(outcome.run.folder for outcome in outcomes))


@functools.lru_cache(maxsize=512)  # the table is written after each run of many
def intervals_of(folders: tuple[Path, ...]) -> dict[tuple[str, str], tuple[float, float]]:
    rights = [rights_of(folder) for folder in folders]
    return {(test, RIGHT): bootstrap(np.array([right[test] for right in rights])) for test in rights[0]}


def rights_of(folder: Path) -> dict[str, NDArray[np.float64]]:
    """What a run read right, 1 or 0, by test."""
    rights: dict[str, list[float]] = {}
    for answer in read_answers(folder):
        rights.setdefault(answer.test, []).append(float(answer.read == answer.label))
    return {test: np.array(values) for test, values in rights.items()}
