"""The plan of a study: its runs in order, what they lack, and how long they take."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from facevalue.errors import FaceValueError, MissingExtraError, SettingError
from facevalue.recipes import Recipe
from facevalue.studies import Budget, Experiment, Later, Outcome, Run, Search, Study
from facevalue.studies.results import is_done, read_diverged, source_of

LEFT_OUT = "left out by --only"


def plan(study: Study, out: Path, seeds: int, budget: Budget, only: Sequence[str] = ()) -> list[Run]:
    """Every run of a study but later ones, in order: experiment by experiment, seeds 1, 2, ... of each.

    only: as of `run_study`; of others the minutes are not estimated.
    """
    return plan_experiments(study.experiments(), out, seeds, budget, only)


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


# ---- told by --dry-run -----------------------------------------------------------------------------------------------


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


def describe_rest(
    study: Study, results: Sequence[Outcome], missing: Mapping[Run, str], out: Path, seeds: int, budget: Budget
) -> list[str]:
    """A line for what is not thought of yet, and one for what is not decided on.  results: of all runs that are."""
    lines = []
    if study.search is not None:
        left = study.search.count(budget) - len(plan_tried(study, out, budget))
        lines += [describe_search(study.search, left, out, budget)] if left > 0 else []
    if study.later is not None and not is_decided(study, results, missing, budget):
        lines.append(describe_later(study.later, out, seeds, budget))
    return lines


def describe_search(search: Search, left: int, out: Path, budget: Budget) -> str:
    """A line for experiments that are not thought of yet; minutes as for the example."""
    (run,) = plan_experiments([search.example()], out, 1, budget)
    return f"then {left} runs of {search.about}, about {left * run.minutes:.0f} minutes more"


def describe_later(later: Later, out: Path, seeds: int, budget: Budget) -> str:
    """A line for runs that are not decided on yet; minutes as for the mean of the candidates."""
    runs = plan_experiments(later.candidates(), out, seeds, budget)
    minutes = later.count * seeds * sum(run.minutes for run in runs) / max(1, len(runs))
    return f"then {later.count * seeds} runs of {later.about}, about {minutes:.0f} minutes more"
