"""Search: random and TPE search over what the reports tuned by hand, against their settings, on as many pictures each.

by hand ──► trained, read                                                                                          ┐
random ──► N settings, each trained on as many pictures ──► the best by validation ──► every seed ──► the test set ├──►
TPE    ──► N settings, each from what the ones before gave ──► the best ─────────────► every seed ──► the test set ┘

Optuna keeps what was tried in OUT/search.db (SQLite): a search that was stopped goes on, and several processes given
the same command work on it together. A process that works on a training sends a sign of life every few seconds; what
has given none for GRACE_SECONDS is tried again by another, from its checkpoint.
"""

from __future__ import annotations

import functools
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facevalue.errors import FaceValueError, MissingExtraError
from facevalue.files import make_folder
from facevalue.recipes.pictures import BY_HAND, searched
from facevalue.studies import Budget, Drawing, Experiment, Later, Outcome, Search, Study
from facevalue.studies.picture_figures import Line, plot_history, plot_rows, plot_tried
from facevalue.studies.pictures import (
    FASHION,
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

if TYPE_CHECKING:
    import optuna

STORAGE = "search.db"
BATCH_SIZES, RATES, DROPOUTS, KERNELS = (62, 128), (1e-6, 1e-3), (0.1, 0.7), (3, 5)
"""The reports' ranges: from and to, the rate on a logarithmic scale; and the kernels."""
SAMPLERS = {"random": "random search", "tpe": "TPE"}
TRIALS: dict[Budget, int] = {"quick": 3, "full": 20}  # of each
STARTUP = 8  # of TPE's, which are drawn at random
SEED = 1
HEARTBEAT_SECONDS, GRACE_SECONDS = 5, 30
QUICK_STEPS = 20
HAND = "by hand"


def experiments() -> list[Experiment]:
    """The settings that were found by hand."""
    return [experiment(HAND, BY_HAND, QUICK_STEPS)]


def tried_with(
    sampler: str, number: int, batch_size: int, learning_rate: float, dropout: float, kernel: int
) -> Experiment:
    """A training of the search.  number: from 0."""
    recipe = searched(f"{sampler}-trial", batch_size, learning_rate, dropout, kernel)
    return trial(f"{SAMPLERS[sampler]}, no. {number + 1}", recipe, QUICK_STEPS)


def example() -> Experiment:
    return tried_with("random", 0, BATCH_SIZES[1], RATES[1], DROPOUTS[0], KERNELS[0])


def count(budget: Budget) -> int:
    return len(SAMPLERS) * TRIALS[budget]


# ---- what Optuna keeps -----------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def open_storage(out: Path) -> optuna.storages.RDBStorage:
    """OUT/search.db. Raises MissingExtraError without Optuna, FaceValueError for a file that is no such database."""
    try:
        import optuna
        import sqlalchemy.exc
    except ModuleNotFoundError as error:
        raise MissingExtraError("the search needs Optuna: pip install 'facevalue[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # its heartbeat, since version 2.9
        try:
            return optuna.storages.RDBStorage(
                f"sqlite:///{out / STORAGE}",
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=GRACE_SECONDS,
                heartbeat_stale_trial_callback=try_again,
            )
        except (sqlalchemy.exc.DatabaseError, RuntimeError, AssertionError) as error:  # no database, or not Optuna's
            why = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise FaceValueError(
                f"{out / STORAGE}: can't be read as what a search has kept ({why}); move it away to search anew"
            ) from error


def free_lost(study: optuna.Study) -> None:
    """Have tried again what another process was at that gives no sign of life."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)


def try_again(study: optuna.Study, stopped: optuna.trial.FrozenTrial | optuna.Trial) -> None:
    """Have the same settings tried next, which go on from their checkpoint."""
    study.enqueue_trial(stopped.params)


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """What was tried to its end, in order; what diverged is pruned."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def tried(out: Path, budget: Budget) -> list[Experiment]:
    """All that is measured: what was drawn at random, then TPE's, each in order; two processes may do one too many."""
    if not (out / STORAGE).exists():
        return []
    storage = open_storage(out)
    import optuna

    kept = set(optuna.get_all_study_names(storage))
    return [
        tried_with(sampler, one.number, **one.params)
        for sampler in SAMPLERS
        if name_of(sampler, budget) in kept
        for one in finished(optuna.load_study(study_name=name_of(sampler, budget), storage=storage))[: TRIALS[budget]]
    ]


def name_of(sampler: str, budget: Budget) -> str:
    return f"{sampler}-{budget}"


def go_on(out: Path, budget: Budget, carry_out: Callable[[Experiment], Outcome]) -> None:
    """Try settings until there are enough of both searches, together with all processes that do the same."""
    make_folder(out)
    storage = open_storage(out)
    import optuna
    from optuna.trial import TrialState

    for sampler in SAMPLERS:
        study = optuna.create_study(
            storage=storage, study_name=name_of(sampler, budget), direction="maximize", load_if_exists=True
        )
        while (left := TRIALS[budget] - len(finished(study))) > 0:
            free_lost(study)
            if len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))) >= left:
                time.sleep(1)  # others are at all that is left
                continue
            study.optimize(functools.partial(score, sampler=sampler, carry_out=carry_out), n_trials=1)


def score(one: optuna.Trial, sampler: str, carry_out: Callable[[Experiment], Outcome]) -> float:
    """Share of the validation part that is read right with the settings that the sampler suggests."""
    import optuna

    one.study.sampler = make_sampler(sampler, one.number)
    chosen = tried_with(
        sampler,
        one.number,
        one.suggest_int("batch_size", *BATCH_SIZES),
        one.suggest_float("learning_rate", *RATES, log=True),
        one.suggest_float("dropout", *DROPOUTS),
        one.suggest_categorical("kernel", KERNELS),
    )
    print(f"{chosen.title}: {tell(one)}", file=sys.stderr, flush=True)
    try:
        outcome = carry_out(chosen)
        if outcome.measured is None and not outcome.diverged:
            raise FaceValueError(f"{chosen.title}: another process is at the same training; give the same study again")
    except FaceValueError:
        try_again(one.study, one)
        raise
    if outcome.measured is None:
        raise optuna.TrialPruned(outcome.why)
    return figures_of([outcome], FASHION + VALIDATION, RIGHT)[0]


def make_sampler(sampler: str, number: int) -> optuna.samplers.BaseSampler:
    """A sampler whose draws depend on the number of the trial, whichever process asks."""
    import optuna

    if sampler == "random":
        return optuna.samplers.RandomSampler(seed=SEED + number)
    return optuna.samplers.TPESampler(seed=SEED + TRIALS["full"] + number, n_startup_trials=STARTUP)


def tell(one: optuna.Trial) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in one.params.items())


# ---- what comes of it ------------------------------------------------------------------------------------------------


def sampler_of(outcome: Outcome) -> str:
    """The search that a trial belongs to."""
    return outcome.run.recipe.name.removeprefix("pictures/search-").removesuffix("-trial")


def right_of(outcome: Outcome) -> float:
    return figures_of([outcome], FASHION + VALIDATION, RIGHT)[0]


def trials_of(outcomes: Sequence[Outcome], sampler: str) -> list[Outcome]:
    """The measured trials of a search, in order."""
    return [one for one in outcomes if one.run.experiment.trial and one.measured and sampler_of(one) == sampler]


def winner_of(sampler: str, recipe_of: Outcome) -> Experiment:
    """The settings of a trial as an experiment of their own."""
    recipe = recipe_of.run.experiment.recipe
    settings = recipe.batch_size, recipe.learning_rate, recipe.dropout, recipe.kernel
    return experiment(f"best of {SAMPLERS[sampler]}", searched(sampler, *settings), QUICK_STEPS)


def choose(outcomes: Sequence[Outcome]) -> list[Experiment]:
    """The best of each search by validation."""
    return [
        winner_of(sampler, max(trials, key=right_of))
        for sampler in SAMPLERS
        if (trials := trials_of(outcomes, sampler))
    ]


def candidates() -> list[Experiment]:
    """As long as the winners, whoever they will be."""
    return experiments()


def draw(outcomes: Sequence[Outcome], data: Path | None) -> Iterator[Drawing]:
    """The history of the searches, what the rate does, and the winners on the test set."""
    groups = by_title(outcomes)
    searches = {sampler: trials for sampler in SAMPLERS if (trials := trials_of(outcomes, sampler))}
    if HAND not in groups:
        return
    by_hand = mean_of(groups[HAND], FASHION + VALIDATION, RIGHT)
    if searches:
        history = [
            Line(SAMPLERS[sampler], tuple(range(1, len(trials) + 1)), tuple(right_of(one) for one in trials))
            for sampler, trials in searches.items()
        ]
        better = [f"{line.title} {sum(value > by_hand for value in line.values)}" for line in history]
        caption = (
            f"Every training of the searches, all on as many pictures; the stair is the best so far. Better than by "
            f"hand: {', '.join(better)} of {len(history[0].values)} trainings."
        )
        yield Drawing("history.png", caption, plot_history(history, by_hand, f"{FASHION}, validation part"))
        rates = [
            Line(line.title, tuple(one.run.recipe.learning_rate for one in trials), line.values)
            for line, trials in zip(history, searches.values(), strict=True)
        ]
        caption = "The same trainings by their rate, whatever their batch, dropout and kernel."
        yield Drawing("rates.png", caption, plot_tried(rates, f"{FASHION}, validation part", "rate"))
    told = "; ".join(f"{title}: {settings_of(group[0])}" for title, group in groups.items())
    yield Drawing("right.png", f"On the test set. {told}.", plot_rows(rows_of(outcomes, FASHION, {}), FASHION))


def settings_of(outcome: Outcome) -> str:
    recipe = outcome.run.recipe
    return (
        f"batches of {recipe.batch_size}, rate {recipe.learning_rate:g}, dropout {recipe.dropout:g}, "
        f"kernel {recipe.kernel}"
    )


STUDY = Study(
    "search",
    "Search: random and TPE against a hand",
    "The reports tuned by hand: batches of 62 to 128, rates from 1e-3 to 1e-6, dropout of 0.1 to 0.7, kernels of 3 "
    "or 5. Here the same ranges are searched on Fashion-MNIST at random and by the tree-structured Parzen estimator "
    f"of Optuna, {TRIALS['full']} trainings each, for a network of two convolutions of 32 and 64 channels and a "
    f"dense layer of 128. Every training sees as many pictures, {BY_HAND.steps} batches of {BY_HAND.batch_size} or "
    "so; the searches see the validation part alone. "
    "By hand means batches of 128, 1e-3, dropout of 0.3 and kernels of 3, a point of these ranges that we took: one "
    "training, on as many pictures; what the reports' own sweeps cost is not told. The best of each search by "
    "validation is trained anew with every seed and read on the test set. The last tenth of the training pictures is "
    "for validation. results.csv has every training of the searches.",
    experiments,
    draw,
    intervals,
    Search("random search and TPE", count, example, tried, go_on),
    Later("the best of each search", len(SAMPLERS), candidates, choose),
)
