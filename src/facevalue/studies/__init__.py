"""Studies: recipes in, a table beside the published figures out, with the pictures that explain it.

    study.experiments() ──► train each recipe and seed, go on, or skip ──► measure on test pictures, once
                                                                                │
             results.csv, report.md, figures/ ◄── what is measured so far ◄── RUN/measured.json, RUN/readings.csv

A study is a function that returns experiments: each a recipe, how it is measured, and what others published for it.
Runs lie in OUT/runs under their recipe's name and hash, so that the same command, killed and given again, goes on with
the step it was at and neither trains nor measures anything twice; given twice at once, the two share the runs. A new
study is a file beside this one and a line in ``studies``.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import fnmatch
import functools
import io
import json
import math
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facevalue import __version__
from facevalue.codecs import Codec, Floats
from facevalue.errors import DivergedError, FaceValueError, MissingExtraError, ModelError, SettingError, StoppedError
from facevalue.files import claimed, make_folder, write_whole
from facevalue.recipes import Recipe
from facevalue.studies.elsewhere import pack_results, take_results

if TYPE_CHECKING:
    from torch import nn

Budget = Literal["quick", "full"]
FEW_SEEDS = 3
AT_ONCE = 500  # pictures that a measurement gives the network together


@dataclass(frozen=True)
class Score:
    """One figure that was measured.  value: a share where the unit is %, else in that unit.  count: of pictures."""

    test: str
    metric: str
    value: float
    count: int
    unit: str = "%"

    def text(self, value: float | None = None) -> str:
        value = self.value if value is None else value
        return f"{100 * value:.2f} %" if self.unit == "%" else f"{value:.2f} {self.unit}"


class Answer(NamedTuple):
    """What was read of one test picture.  record: its place in the test set."""

    test: str
    record: int
    label: str
    read: str
    confidence: float


@dataclass(frozen=True)
class Measured:
    """All that a measurement gives: figures, the readings that they come from, and what else explains them.

    diagnostics: as it goes into measured.json.
    """

    scores: tuple[Score, ...]
    answers: tuple[Answer, ...] = ()
    diagnostics: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A trained network, ready to read."""

    recipe: Recipe
    codec: Codec
    network: nn.Module

    def outputs(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        """Raw float32 outputs by head name, in full precision.  pictures: (N, H, W, 3) uint8."""
        import torch

        from facevalue.trainee import to_tensor

        device = next(self.network.parameters()).device
        parts: dict[str, list[Floats]] = {head.name: [] for head in self.codec.heads}
        with torch.inference_mode():
            for start in range(0, len(pictures), AT_ONCE):
                for name, value in self.network(to_tensor(pictures[start : start + AT_ONCE], device)).items():
                    parts[name].append(value.float().cpu().numpy())
        return {name: np.concatenate(values) for name, values in parts.items()}


@dataclass(frozen=True, eq=False)
class Experiment:
    """One recipe of a study.

    title: for tables.  measure: reads the test pictures of the data in a folder, None for where it is looked for.
    published: what others give, by (test, metric) of the scores.  minutes: that the full training takes on two cores;
    None where a few steps, and a few of the pictures that are read when it is measured, tell it.  reads: so many.
    quick: settings of the quick budget, None where that leaves it out. dataset: that it needs, of
    ``datasets.ORIGINS``, "" for none; fetched: whether it may be downloaded. takes_from: name of an earlier recipe
    whose trained parameters it takes over instead of training. drawn: whether its pictures take so long that a
    process of their own, and a compiled network, pay.
    trial: whether it only prepares others: one seed, in results.csv, but not in the report's table.
    """

    title: str
    recipe: Recipe
    measure: Callable[[Trained, Path | None], Measured]
    published: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    minutes: float | None = 1.0
    reads: int = 0
    quick: Mapping[str, str] | None = dataclasses.field(default_factory=dict)
    dataset: str = ""
    fetched: bool = True
    takes_from: str = ""
    drawn: bool = False
    trial: bool = False


@dataclass(frozen=True, eq=False)
class Run:
    """An experiment with its seed and budget, and the folder of its training."""

    experiment: Experiment
    recipe: Recipe
    folder: Path
    minutes: float

    @property
    def name(self) -> str:
        return f"{self.experiment.title}, seed {self.recipe.seed}"


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    measured: measured.json, None where it is not measured; why: then the reason.  diverged: whether that is the reason.
    """

    run: Run
    measured: dict[str, Any] | None
    why: str = ""
    diverged: bool = False

    def scores(self) -> list[Score]:
        return [Score(**score) for score in self.measured["scores"]] if self.measured else []

    def answers(self) -> list[Answer]:
        """The readings of all its test pictures."""
        return read_answers(self.run.folder) if self.measured is not None else []


def read_answers(folder: Path) -> list[Answer]:
    """The readings that were measured in the folder of a run."""
    with (folder / "readings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [
        Answer(row["test"], int(row["record"]), row["label"], row["read"], float(row["confidence"])) for row in rows
    ]


class Drawing(NamedTuple):
    """A figure of the report: file name, what it shows, PNG."""

    name: str
    caption: str
    png: bytes


@dataclass(frozen=True, eq=False)
class Later:
    """Experiments that are decided on when the others of a study are measured, never by a test set.

    about: which, for the plan.  count: how many.  candidates: all that may be chosen.  choose: those that are.
    """

    about: str
    count: int
    candidates: Callable[[], Sequence[Experiment]]
    choose: Callable[[Sequence[Outcome]], Sequence[Experiment]]


@dataclass(frozen=True, eq=False)
class Search:
    """Experiments that are thought of one by one, each from what those before it gave.

    about: which, for the plan.  count: how many.  example: one of them, for the plan.  tried: those that are measured,
    in order, in a study's folder.  go_on: thinks of more until there are enough; its last argument trains and measures
    one and tells what became of it.
    """

    about: str
    count: Callable[[Budget], int]
    example: Callable[[], Experiment]
    tried: Callable[[Path, Budget], Sequence[Experiment]]
    go_on: Callable[[Path, Budget, Callable[[Experiment], Outcome]], None]


@dataclass(frozen=True, eq=False)
class Study:
    """name: as typed.  title, about: for the report.  draw: the figures of its outcomes, from data in a folder.

    interval: low and high end of where each figure may lie, by (test, metric), from the measured outcomes of one
    experiment; None where the table gives the least and the most of the seeds.  search: what comes after the
    experiments.  later: what the outcomes of both decide.  read: how often the test sets were.
    """

    name: str
    title: str
    about: str
    experiments: Callable[[], Sequence[Experiment]]
    draw: Callable[[Sequence[Outcome], Path | None], Iterable[Drawing]]
    interval: Callable[[Sequence[Outcome]], Mapping[tuple[str, str], tuple[float, float]]] | None = None
    search: Search | None = None
    later: Later | None = None
    read: str = "Each test set was read once, after training."


def studies() -> dict[str, Study]:
    """All studies by name."""
    from facevalue.studies import activations, cnn, digits, encodings, mlp, obfuscated, optimizers, records, search

    files = (activations, cnn, digits, encodings, mlp, obfuscated, optimizers, records, search)
    return {file.STUDY.name: file.STUDY for file in files}


def find_study(name: str) -> Study:
    """The study of that name. Raises SettingError, with the nearest name, when there is none."""
    table = studies()
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise SettingError(f"unknown study {name!r}{hint} (there are: {', '.join(sorted(table))})")


# ---- the plan --------------------------------------------------------------------------------------------------------


LEFT_OUT = "left out by --only"


def plan(study: Study, out: Path, seeds: int, budget: Budget, only: Sequence[str] = ()) -> list[Run]:
    """Every run of a study but later ones, in order: experiment by experiment, seeds 1, 2, ... of each.

    only: as of `run_study`; of others the minutes are not estimated.
    """
    return plan_experiments(study.experiments(), out, seeds, budget, only)


def with_sources(study: Study, only: Sequence[str]) -> tuple[str, ...]:
    """The patterns, and the names of what the networks that they fit take their parameters from."""
    experiments = study.experiments()
    return (*only, *{one.takes_from for one in experiments if only and one.takes_from and is_asked(one.recipe, only)})


def check_only(study: Study, runs: Sequence[Run], only: Sequence[str]) -> None:
    """Raise SettingError for a pattern that fits none of the runs, nor what may be decided on later."""
    known = [run.recipe.name for run in runs]
    known += [one.recipe.name for one in (study.later.candidates() if study.later is not None else ())]
    for pattern in only:
        if not any(fits(name, pattern) for name in known):
            names = ", ".join(dict.fromkeys(known))
            raise SettingError(f"--only {pattern!r} fits no network of the study {study.name} (there are: {names})")


def is_asked(recipe: Recipe, only: Sequence[str]) -> bool:
    """Whether a recipe fits one of the patterns; every one does where there are none."""
    return not only or any(fits(recipe.name, pattern) for pattern in only)


def fits(name: str, pattern: str) -> bool:
    """Whether a name, or its end as "fashion-mlp" of "records/fashion-mlp", fits a pattern as of file names."""
    return any(fnmatch.fnmatchcase(one, pattern) for one in (name, name.rpartition("/")[2]))


def plan_experiments(
    experiments: Sequence[Experiment], out: Path, seeds: int, budget: Budget, only: Sequence[str] = ()
) -> list[Run]:
    runs = []
    for experiment in experiments:
        if budget == "quick" and experiment.quick is None:
            continue
        settings = dict(experiment.quick or {}) if budget == "quick" else {}
        for seed in range(1, 2 if experiment.trial else seeds + 1):
            recipe = experiment.recipe.with_settings(settings | {"seed": str(seed)})
            folder = out / "runs" / f"{recipe.name.replace('/', '-')}-{recipe.hash()}"
            share = recipe.steps * recipe.batch_size / (experiment.recipe.steps * experiment.recipe.batch_size)
            if experiment.minutes is not None:
                minutes = experiment.minutes * share
            elif is_asked(recipe, only) and not (folder / "measured.json").exists():
                minutes = minutes_by_trial(recipe, experiment.reads)
            else:
                minutes = 0.0  # which nobody asks for
            runs.append(Run(experiment, recipe, folder, minutes))
    return runs


def plan_tried(study: Study, out: Path, budget: Budget) -> list[Run]:
    """What a study's search has tried so far."""
    return plan_experiments(study.search.tried(out, budget), out, 1, budget) if study.search is not None else []


def is_decided(study: Study, results: Sequence[Outcome], missing: Mapping[Run, str], budget: Budget) -> bool:
    """Whether all is measured that a study's later runs depend on."""
    measured = all(
        outcome.measured or outcome.diverged or missing[outcome.run] not in ("", LEFT_OUT) for outcome in results
    )
    trials = sum(outcome.run.experiment.trial for outcome in results)
    return measured and (study.search is None or trials >= study.search.count(budget))


def plan_later(
    study: Study,
    results: Sequence[Outcome],
    missing: Mapping[Run, str],
    out: Path,
    seeds: int,
    budget: Budget,
    only: Sequence[str] = (),
) -> list[Run]:
    """The later runs of a study; while they are not decided on, those that are measured already."""
    if study.later is None:
        return []
    if is_decided(study, results, missing, budget):
        return plan_experiments(study.later.choose(results), out, seeds, budget, only)
    may_be = plan_experiments(study.later.candidates(), out, seeds, budget, ("",))
    others = {outcome.run.folder for outcome in results}
    return [run for run in may_be if run.folder not in others and is_done(run, may_be)]


def source_of(run: Run, runs: Sequence[Run]) -> Run | None:
    """The run whose parameters a run takes over. Raises SettingError where the study has none before it."""
    name = run.experiment.takes_from
    if not name:
        return None
    for other in runs[: runs.index(run)]:
        if other.recipe.name == name and other.recipe.seed == run.recipe.seed:
            return other
    raise SettingError(f"{run.recipe.name} takes its parameters from {name!r}, which is not trained before it")


def missing_for(
    runs: Sequence[Run],
    data: Path | None,
    may_fetch: bool,
    only: Sequence[str],
    known: dict[tuple[str, str], str],
    errors: dict[str, str] | None = None,
) -> dict[Run, str]:
    """Why each run can't be carried out, or is not to be, "" where it is; see `missing_data`.

    known: why data are not there, by data set and pretrained weights; grows, so that nothing is looked for twice.
    """
    missing = {}
    for run in runs:
        if not is_asked(run.recipe, only):
            missing[run] = LEFT_OUT
            continue
        needs = run.experiment.dataset, run.recipe.pretrained
        if needs not in known:
            known[needs] = missing_data(run.experiment, data, may_fetch, errors)
        missing[run] = known[needs]
    return missing


def missing_data(
    experiment: Experiment, data: Path | None, may_fetch: bool, errors: dict[str, str] | None = None
) -> str:
    """Why an experiment can't run for want of data, "" where it can.

    may_fetch: whether to download what may be; else what could be downloaded counts as there.  errors: takes what went
    wrong, by data set or pretrained weights.
    """
    from facevalue.sources.datasets import DATA_VARIABLE, ORIGINS, find_dataset

    if experiment.recipe.pretrained:
        from facevalue.networks.pretrained import find_weights

        try:
            find_weights(experiment.recipe.pretrained, data, may_fetch=False)
        except MissingExtraError as error:
            if errors is not None:
                errors[experiment.recipe.pretrained] = str(error)
            return "no pretrained weights here"
    if not experiment.dataset:
        return ""
    variable = os.environ.get(DATA_VARIABLE)
    place = data if data is not None else Path(variable) if variable else None
    fetched = experiment.fetched and data is None
    try:
        if fetched and may_fetch:
            folder = find_dataset(experiment.dataset)
        elif place is not None:
            folder = find_dataset(experiment.dataset, place)
        else:
            return "" if fetched else "no data here"
    except FaceValueError as error:
        if not may_fetch and fetched:
            return ""
        if errors is not None:
            errors[experiment.dataset] = str(error)
        return "no data here"
    files = [folder / file for file in ORIGINS[experiment.dataset].files]
    lacking = [
        file.name
        for file in files
        if not file.is_file() and not file.with_name(file.name.removesuffix(".gz")).is_file()
    ]
    if lacking and errors is not None:
        errors[experiment.dataset] = f"{folder} lacks {', '.join(lacking)}"
    return f"no {', '.join(lacking)} here" if lacking else ""


# ---- running ---------------------------------------------------------------------------------------------------------


def run_study(
    name: str,
    *,
    data: Path | None = None,
    out: Path | None = None,
    seeds: int = 1,
    budget: Budget = "full",
    dry_run: bool = False,
    workers: int | None = None,
    compiled: bool = False,
    cluster: bool = False,
    only: Sequence[str] = (),
    elsewhere: Sequence[Path] = (),
    keep: Path | None = None,
) -> Path:
    """``facevalue study NAME``: train what is not trained, measure what is not measured, write the report.

    data: folder of the data sets, None for where ``datasets.find_dataset`` looks.  out: by default ``study-NAME`` here,
    with ``-quick`` behind it for that budget.  dry_run: print the plan, change nothing.  workers, compiled: as of
    ``training.train``, for experiments whose pictures are drawn.  cluster: whether on a Ray cluster, see ``cluster``.
    only: names of recipes, or their ends, with * and ? as in file names: nothing else is trained, and nothing searched
    for; what is measured already stays in the report.  elsewhere: folders or files whose results are taken over
    first, see `elsewhere`.  keep: a file into which all results are packed in the end.
    Returns the study's folder.
    Raises SettingError for an unknown study or network, FaceValueError when stopped, or where nothing can run.
    """
    from facevalue.sources.datasets import is_here

    study = find_study(name)
    out = out or Path(f"study-{name}" + "-quick" * (budget == "quick"))
    if elsewhere:
        if dry_run:
            raise SettingError("--with takes results over, and --dry-run changes nothing: give one after the other")
        print(f"results of {take_results(out, elsewhere)} runs taken over", file=sys.stderr, flush=True)
    only = with_sources(study, only)
    runs = plan(study, out, seeds, budget, only)
    tried = plan_tried(study, out, budget)
    known: dict[tuple[str, str], str] = {}
    errors: dict[str, str] = {}
    missing = missing_for(runs, data, not dry_run, only, known, errors) | dict.fromkeys(tried, "")
    results = outcomes([*runs, *tried], missing)
    later = plan_later(study, results, missing, out, seeds, budget, only)
    check_only(study, [*runs, *tried, *later], only)
    if dry_run:
        fetched = {run.experiment.dataset for run in runs if run.experiment.fetched and data is None}
        to_fetch = {name for name in fetched if name and not is_here(name)}
        missing |= missing_for(later, data, False, only, known)
        runs = [run for run in (*runs, *tried, *later) if is_asked(run.recipe, only)]
        print("\n".join(describe_plan(runs, missing, to_fetch)))
        if only:
            return out
        if study.search is not None and (left := study.search.count(budget) - len(tried)) > 0:
            print(describe_search(study.search, left, out, budget))
        if study.later is not None and not is_decided(study, results, missing, budget):
            print(describe_later(study.later, out, seeds, budget))
        return out
    asked = [run for run in runs if is_asked(run.recipe, only)]
    if asked and all(missing[run] and not is_done(run, runs) for run in asked):
        why = "; ".join(errors.values()) or f"{missing[asked[0]]}; name a folder with --data"
        raise FaceValueError(f"nothing of {name} can be trained: {why}")
    for error in errors.values():  # which name the data set
        print(error, file=sys.stderr, flush=True)
    options = (data, workers, compiled, cluster)
    tell_finished(runs)
    carry_out(study, runs, missing, out, budget, *options, shown=[*tried, *later])
    if study.search is not None:

        def carry_out_one(experiment: Experiment) -> Outcome:
            tried = plan_tried(study, out, budget)
            (run,) = plan_experiments([experiment], out, 1, budget)
            known = missing | dict.fromkeys([*tried, run], "")
            carry_out(study, [*runs, *tried, run], known, out, budget, *options, shown=later)
            return outcomes([run], known)[0]

        if not only and not missing_data(study.search.example(), data, may_fetch=True):
            carry_out(study, [*runs, *tried], missing, out, budget, *options, shown=later)  # what its results lack
            study.search.go_on(out, budget, carry_out_one)
        tried = plan_tried(study, out, budget)
        runs = [*runs, *tried]
        missing |= dict.fromkeys(tried, "")
    later = plan_later(study, outcomes(runs, missing), missing, out, seeds, budget, only)
    if later:
        runs = [*runs, *later]
        missing |= missing_for(later, data, True, only, known)
        tell_finished(later)
        carry_out(study, runs, missing, out, budget, *options)
    if not any(is_asked(run.recipe, only) for run in runs):
        raise FaceValueError(f"{', '.join(only)}: not among what the others of {name} decide on, as far as measured")
    results = outcomes(runs, missing)
    write_table(study, results, out, budget, [])  # before the figures, which may want pictures that are not here
    if keep is not None:
        print(f"results of {pack_results(out, keep)} runs kept in {keep}", file=sys.stderr, flush=True)
    print("drawing the figures", file=sys.stderr, flush=True)
    write_table(study, results, out, budget, draw_what_can_be(study, results, data))
    return out


def draw_what_can_be(study: Study, results: Sequence[Outcome], data: Path | None) -> list[Drawing]:
    """The drawings, up to one for which pictures are wanted that are not here."""
    drawn = []
    try:
        for drawing in study.draw(results, data):
            drawn.append(drawing)
    except FaceValueError as error:
        print(f"the other figures are left out: {error}", file=sys.stderr, flush=True)
    return drawn


def carry_out(
    study: Study,
    runs: Sequence[Run],
    missing: Mapping[Run, str],
    out: Path,
    budget: Budget,
    data: Path | None,
    workers: int | None,
    compiled: bool,
    cluster: bool = False,
    shown: Sequence[Run] = (),
) -> None:
    """Train and measure the runs that are not measured and miss nothing, and write the table after each.

    shown: runs that stand in the table too.
    """
    from facevalue.checkpoint import FILE_NAME

    def write() -> None:
        others = [run for run in shown if run not in runs]
        known = {**dict.fromkeys(others, ""), **missing}
        write_table(study, outcomes([*runs, *others], known), out, budget, [])

    waiting = [run for run in runs if not missing[run] and not is_done(run, runs)]
    if cluster:
        from facevalue.studies.cluster import carry_out_on_cluster

        together = [run for run in waiting if source_of(run, runs) is None]
        carry_out_on_cluster(together, data, write)
        waiting = [run for run in waiting if run not in together]
    spent = expected = 1e-9  # minutes that whole runs took, and were thought to take
    for number, run in enumerate(waiting, 1):
        left = spent / expected * sum(other.minutes for other in waiting[number - 1 :])
        print(
            f"[{number}/{len(waiting)}] {run.name}: {run.recipe.steps:,} steps of {run.recipe.batch_size}; "
            f"about {left:.0f} minutes left of the study",
            file=sys.stderr,
            flush=True,
        )
        began = time.monotonic()
        make_folder(run.folder)
        with claimed(run.folder) as ours:
            if not ours:
                print("another process is at it", file=sys.stderr, flush=True)
                continue
            if is_done(run, runs):
                continue
            source = source_of(run, runs)
            if source is not None and not (read_measured(source, runs) and (source.folder / FILE_NAME).exists()):
                print(
                    f"{run.name}: the parameters of {source.name} are not there; delete "
                    f"{source.folder / 'measured.json'} to train it here",
                    file=sys.stderr,
                    flush=True,
                )
                continue
            is_whole = not (run.folder / FILE_NAME).exists()
            carry_out_run(run, runs, data, workers, compiled)
        print(finished_row(run, runs), file=sys.stderr, flush=True)
        if is_whole and run.minutes > 0:
            spent += (time.monotonic() - began) / 60
            expected += run.minutes
        write()


def tell_finished(runs: Sequence[Run]) -> None:
    """A line for each run that is done, as they are told when they end."""
    for run in runs:
        if is_done(run, runs):
            print(finished_row(run, runs), file=sys.stderr, flush=True)


def finished_row(run: Run, runs: Sequence[Run]) -> str:
    """A line for a run that is done: its first figure of each test, or why it has none, and its minutes."""
    about = read_measured(run, runs)
    if about is None:
        return f"done   {run.name:<52}  {read_diverged(run) or 'not measured'}"
    firsts = {score["test"]: Score(**score) for score in reversed(about["scores"])}
    told = [f"{score.test} {score.metric} {score.text()}" for score in reversed(firsts.values())]
    return f"done   {run.name:<52}  {about['minutes']:5.1f} min  {'; '.join(told)}"


def carry_out_run(run: Run, runs: Sequence[Run], data: Path | None, workers: int | None, compiled: bool) -> None:
    """Train a run, or go on with it, and measure it; or note that it diverged."""
    source = source_of(run, runs)
    if source is not None:
        take_parameters(run, source)
    else:
        try:
            finish_training(run, workers, compiled, data)
        except DivergedError as error:
            note_diverged(run, error)
            return
        except StoppedError as error:
            raise StoppedError(f"{error}; give the same study again to go on") from error
        except FaceValueError as error:
            # A training's advice, in a study's words; what it gives none for would only happen again.
            again = "; or give the same study again" if "--resume" in str(error) else ""
            raise FaceValueError(f"{error}{again}") from error
    measure(run, runs, data)


def note_diverged(run: Run, error: DivergedError) -> None:
    """Leave it beside the run, which would diverge again."""
    why = f"diverged: {str(error).partition(';')[0]}"
    print(f"{run.name} {why}", file=sys.stderr, flush=True)
    about = {"recipe_hash": run.recipe.hash(), "why": why}
    write_whole(run.folder / "diverged.json", (json.dumps(about, indent=1) + "\n").encode())


def read_diverged(run: Run) -> str:
    """How a run diverged, "" where it didn't."""
    try:
        about = json.loads((run.folder / "diverged.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(about["why"]) if about.get("recipe_hash") == run.recipe.hash() else ""


def is_done(run: Run, runs: Sequence[Run]) -> bool:
    """Whether a run is measured, or is known to diverge."""
    return read_measured(run, runs) is not None or bool(read_diverged(run))


def finish_training(run: Run, workers: int | None, compiled: bool, data: Path | None) -> None:
    """Train a run to its end, from wherever it stands."""
    from facevalue import training
    from facevalue.checkpoint import FILE_NAME, is_finished, read_checkpoint

    if (run.folder / FILE_NAME).exists():
        try:
            state = read_checkpoint(run.folder)
        except ModelError as error:
            raise ModelError(f"{error}: delete it, and the same study trains it anew") from error
        if state["recipe_hash"] == run.recipe.hash() and is_finished(state):
            return
    drawn = run.experiment.drawn
    workers = workers if drawn else 0
    training.train(run.recipe, run.folder, resume=True, workers=workers, compiled=compiled and drawn, data=data)


def take_parameters(run: Run, source: Run) -> None:
    """Make a finished run of another one's parameters; it exports and reads like one that was trained."""
    from facevalue.checkpoint import read_checkpoint, write_checkpoint

    state = read_checkpoint(source.folder)
    recipe = {"recipe": run.recipe.to_json(), "recipe_hash": run.recipe.hash()}
    write_checkpoint(run.folder, state | recipe | {"taken_from": source.recipe.hash()})
    about = recipe | {"recipe": json.loads(run.recipe.to_json()), "taken_from": source.folder.name}
    write_whole(run.folder / "run.json", (json.dumps(about, indent=1) + "\n").encode())


def measure(run: Run, runs: Sequence[Run], data: Path | None) -> None:
    """Read the test pictures and write what came of it beside the run: the readings first, then the scores."""
    import torch

    from facevalue.checkpoint import read_checkpoint
    from facevalue.export import trained_network
    from facevalue.runs import find_commit

    state = read_checkpoint(run.folder)
    recipe, codec, network = trained_network(state)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(f"measuring {run.name}", file=sys.stderr, flush=True)
    measured = run.experiment.measure(Trained(recipe, codec, network), data)
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(Answer._fields)
    table.writerows((*answer[:-1], f"{answer.confidence:.6f}") for answer in measured.answers)
    write_whole(run.folder / "readings.csv", stream.getvalue().encode())
    source = source_of(run, runs)
    about = {
        "recipe": recipe.name,
        "recipe_hash": recipe.hash(),
        "taken_from": source.recipe.hash() if source else "",
        "scores": [dataclasses.asdict(score) for score in measured.scores],
        **({"diagnostics": dict(measured.diagnostics)} if measured.diagnostics else {}),
        "steps": 0 if source else state["step"],
        "minutes": 0.0 if source else round(state["seconds"] / 60, 2),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "hardware": hardware(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "facevalue": __version__,
        "commit": find_commit(),
    }
    write_whole(run.folder / "measured.json", (json.dumps(about, indent=1) + "\n").encode())


def read_measured(run: Run, runs: Sequence[Run]) -> dict[str, Any] | None:
    """measured.json of a run, None where it is not measured, lacks its readings, or was for another training."""
    if not (run.folder / "readings.csv").exists():
        return None
    try:
        about: dict[str, Any] = json.loads((run.folder / "measured.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    source = source_of(run, runs)
    same = about.get("recipe_hash") == run.recipe.hash()
    if source is not None:
        same = same and about.get("taken_from") == source.recipe.hash()
    return about if same else None


def outcomes(runs: Sequence[Run], missing: Mapping[Run, str]) -> list[Outcome]:
    results = []
    for run in runs:
        diverged = read_diverged(run)
        why = diverged or (f"not run: {missing[run]}" if missing[run] else "not run yet")
        results.append(Outcome(run, read_measured(run, runs), why, bool(diverged)))
    return results


def hardware() -> str:
    """What this process computes on: the GPU, or the processor and how many threads of it."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {torch.get_num_threads()} threads"


# ---- what is written -------------------------------------------------------------------------------------------------


def describe_plan(runs: Sequence[Run], missing: Mapping[Run, str], to_fetch: Collection[str] = ()) -> list[str]:
    """A line for each run, and one for all.  to_fetch: data sets that are not here yet."""
    lines = []
    left, absent = 0.0, 0
    wide = max([24, *(len(run.recipe.name) for run in runs)])
    for run in runs:
        source = source_of(run, runs)
        if is_done(run, runs):
            state = "diverged" if read_diverged(run) else "done"
        elif missing[run]:
            absent += 1
            state = f"not run: {missing[run]}"
        else:
            left += run.minutes
            minutes = f"about {run.minutes:.1f} minutes" if run.minutes >= 0.1 else "some seconds"
            state = minutes if source is None else f"takes over {source.recipe.name}"
            if run.experiment.dataset in to_fetch:
                state += f", if {run.experiment.dataset} can be downloaded"
        steps = f"{run.recipe.steps:,} steps of {run.recipe.batch_size}" if source is None else "no training"
        lines.append(f"{run.recipe.name:<{wide}}  {run.recipe.hash()}  seed {run.recipe.seed}  {steps:<22}  {state}")
    count = f"{len(runs)} run{'s' * (len(runs) != 1)}"
    if absent:
        count += f", {absent} of them not possible here"
    return [*lines, f"{count}, about {left:.0f} minutes of two CPU cores left"]


def describe_search(search: Search, left: int, out: Path, budget: Budget) -> str:
    """A line for experiments that are not thought of yet; minutes as for the example."""
    (run,) = plan_experiments([search.example()], out, 1, budget)
    return f"then {left} runs of {search.about}, about {left * run.minutes:.0f} minutes more"


def describe_later(later: Later, out: Path, seeds: int, budget: Budget) -> str:
    """A line for runs that are not decided on yet; minutes as for the mean of the candidates."""
    runs = plan_experiments(later.candidates(), out, seeds, budget)
    minutes = later.count * seeds * sum(run.minutes for run in runs) / max(1, len(runs))
    return f"then {later.count * seeds} runs of {later.about}, about {minutes:.0f} minutes more"


def minutes_by_trial(recipe: Recipe, reads: int) -> float:
    """Minutes of a training, and of reading so many pictures, by a few steps here and now."""
    from facevalue.studies.trial import try_out

    tell_trials()
    a_step, a_picture = try_out(dataclasses.replace(recipe, name="", source="", steps=1, seed=1, learning_rate=1e-3))
    return (recipe.steps * a_step + reads * a_picture) / 60


@functools.cache
def tell_trials() -> None:
    """Once in a process: why it takes a while until the plan stands, and what it stands on."""
    print("a few steps of each network tell how long it takes, on this machine as busy as it is", file=sys.stderr)


def write_table(
    study: Study, results: Sequence[Outcome], out: Path, budget: Budget, drawings: Sequence[Drawing]
) -> None:
    """results.csv, a row for each figure of each seed, the drawings, and report.md; by one process at a time."""
    columns = [
        *("study", "budget", "experiment", "recipe", "recipe_hash", "seed", "test", "metric", "value", "unit", "n"),
        *(
            "published",
            "steps",
            "batch_size",
            "minutes",
            "parameters",
            "hardware",
            "date",
            "facevalue",
            "commit",
            "note",
        ),
    ]
    stream = io.StringIO()
    table = csv.DictWriter(stream, columns, lineterminator="\n")
    table.writeheader()
    for outcome in results:
        run, about = outcome.run, outcome.measured
        row: dict[str, Any] = {
            "study": study.name,
            "budget": budget,
            "experiment": run.experiment.title,
            "recipe": run.recipe.name,
            "recipe_hash": run.recipe.hash(),
            "seed": run.recipe.seed,
            "batch_size": run.recipe.batch_size,
        }
        if about is None:
            table.writerow(row | {"note": outcome.why})
            continue
        row |= {name: about[name] for name in columns if name in about and name not in row}
        if about["taken_from"]:
            row["note"] = f"parameters of {run.experiment.takes_from}"
        for score in outcome.scores():
            figures = {"test": score.test, "metric": score.metric, "value": f"{score.value:.6f}", "unit": score.unit}
            published = run.experiment.published.get((score.test, score.metric), "")
            table.writerow(row | figures | {"n": score.count, "published": published})
    make_folder(out / "figures" if drawings else out)
    with claimed(out, ".lock", wait=True):
        write_whole(out / "results.csv", stream.getvalue().encode())
        for drawing in drawings:
            write_whole(out / "figures" / drawing.name, drawing.png)
        write_whole(out / "report.md", report(study, results, budget, drawings).encode())


def report(study: Study, results: Sequence[Outcome], budget: Budget, drawings: Sequence[Drawing]) -> str:
    """The study as Markdown: what it is, the table, the figures."""
    done = [outcome.measured for outcome in results if outcome.measured]
    dates = sorted({about["date"] for about in done})
    machines = sorted({about["hardware"] for about in done})
    versions = sorted({" ".join(filter(None, (about["facevalue"], about["commit"][:12]))) for about in done})
    quick = " The quick budget trains too briefly for its figures to stand beside published ones." * (budget == "quick")
    seeds = len({outcome.run.recipe.seed for outcome in results})
    in_table = [outcome.run.experiment for outcome in results if outcome.measured]
    measured = Counter(experiment.title for experiment in in_table if not experiment.trial)
    fewest = min(measured.values(), default=0)
    spread = "of several seeds the mean, least and most"
    if study.interval is not None:
        spread = (
            "the mean of the seeds, and where it lies in 95 of 100 draws of seeds and pictures (bootstrap), of "
            "pictures alone where there is one seed"
        )
    command = f"facevalue study {study.name}" + f" --seeds {seeds}" * (seeds > 1) + " --budget quick" * bool(quick)
    lines = [
        f"# {study.title}",
        "",
        study.about + quick,
        "",
        f"* Made by `{command}`, {' to '.join(dates[:: max(1, len(dates) - 1)]) or 'not yet'}.",
        f"* On {'; '.join(machines) or 'nothing yet'}. facevalue {', '.join(versions) or __version__}.",
        f"* {study.read} n is its size; {spread}."
        + f" {FEW_SEEDS} seeds or more tell how much of a figure is luck." * (fewest < FEW_SEEDS),
        "* Minutes are of the whole training by the clock on the wall, the least of the seeds, as machines are shared.",
        "",
        *table_lines(results, study),
    ]
    for drawing in drawings:
        lines += ["", f"![{drawing.caption}](figures/{drawing.name})", "", drawing.caption]
    return "\n".join(lines) + "\n"


def table_lines(results: Sequence[Outcome], study: Study) -> list[str]:
    """The table of the report, a row for each figure; of trials none."""
    results = [outcome for outcome in results if not outcome.run.experiment.trial]
    header = ("network", "test", "measure", "n", "seeds", "here", "published", "steps", "minutes")
    rows = [header, tuple("---" for _ in header)]
    for experiment in dict.fromkeys(outcome.run.experiment.title for outcome in results):
        group = [outcome for outcome in results if outcome.run.experiment.title == experiment]
        done = [outcome for outcome in group if outcome.measured]
        first = group[0]
        published = first.run.experiment.published
        if not done:
            for (test, metric), figure in published.items() or [(("", ""), "")]:
                rows.append((experiment, test, metric, "", "0", first.why, figure, "", ""))
            continue
        taken = bool(done[0].measured and done[0].measured["taken_from"])
        steps = "as above" if taken else f"{first.run.recipe.steps:,} × {first.run.recipe.batch_size}"
        spent = [outcome.measured["minutes"] for outcome in done if outcome.measured]
        minutes = "0" if taken else f"{min(spent):.1f}"
        diverged = sum(one.diverged for one in group)
        intervals = study.interval(done) if study.interval is not None else {}
        by_seed = [{(score.test, score.metric): score.value for score in outcome.scores()} for outcome in done]
        for score in done[0].scores():
            key = score.test, score.metric
            values = [figures[key] for figures in by_seed if key in figures]
            seeds = f"{len(values)}, {diverged} diverged" if diverged else str(len(values))
            mean = score.text(math.fsum(values) / len(values))
            if study.interval is not None or len(values) > 1:
                low, high = intervals.get(key, (min(values), max(values)))
                mean += f" ({score.text(low)} to {score.text(high)})"
            figure = published.get(key, "")
            cells = (score.test, score.metric, f"{score.count:,}", seeds, mean, figure, steps, minutes)
            rows.append((experiment, *cells))
    return [f"| {' | '.join(row)} |" for row in rows]


def study_command(
    name: str,
    data: Path | None,
    out: Path | None,
    seeds: int,
    budget: Budget,
    dry_run: bool,
    workers: int | None,
    compiled: bool,
    cluster: bool = False,
    only: Sequence[str] = (),
    elsewhere: Sequence[Path] = (),
    keep: Path | None = None,
) -> None:
    """``facevalue study NAME``: see `run_study`; prints the table.  NAME ``list`` prints the studies."""
    if name == "list":
        print("\n".join(f"{study.name:<12}{study.title}" for study in studies().values()))
        return
    folder = run_study(
        name,
        data=data,
        out=out,
        seeds=seeds,
        budget=budget,
        dry_run=dry_run,
        workers=workers,
        compiled=compiled,
        cluster=cluster,
        only=only,
        elsewhere=elsewhere,
        keep=keep,
    )
    if not dry_run:
        lines = (folder / "report.md").read_text(encoding="utf-8").splitlines()
        print("\n".join(line for line in lines if line.startswith("|") and LEFT_OUT not in line))
        print(f"report, results and figures are in {folder}", file=sys.stderr)
