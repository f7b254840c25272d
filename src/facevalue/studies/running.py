"""``facevalue study NAME``: train what is not trained, measure what is not measured, write what is known so far."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facevalue import __version__
from facevalue.errors import DivergedError, FaceValueError, ModelError, SettingError, StoppedError
from facevalue.files import claimed, make_folder, write_whole
from facevalue.studies import (
    Answer,
    Budget,
    Drawing,
    Experiment,
    Outcome,
    Run,
    Score,
    Study,
    Trained,
    find_study,
)
from facevalue.studies.elsewhere import pack_results, take_results
from facevalue.studies.planning import (
    LEFT_OUT,
    check_only,
    describe_plan,
    describe_rest,
    is_asked,
    missing_data,
    missing_for,
    plan,
    plan_experiments,
    plan_later,
    plan_tried,
    with_sources,
)
from facevalue.studies.report import write_table
from facevalue.studies.results import is_done, note_diverged, outcomes, read_diverged, read_measured, source_of


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
        lines = describe_plan(runs, missing, to_fetch)
        print("\n".join(lines if only else [*lines, *describe_rest(study, results, missing, out, seeds, budget)]))
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


def study_command(name: str, *, dry_run: bool = False, **options: Any) -> None:
    """``facevalue study NAME``: prints the table.  NAME ``list`` prints the studies.  options: of `run_study`."""
    from facevalue.studies import studies

    if name == "list":
        print("\n".join(f"{study.name:<12}{study.title}" for study in studies().values()))
        return
    folder = run_study(name, dry_run=dry_run, **options)
    if not dry_run:
        lines = (folder / "report.md").read_text(encoding="utf-8").splitlines()
        print("\n".join(line for line in lines if line.startswith("|") and LEFT_OUT not in line))
        print(f"report, results and figures are in {folder}", file=sys.stderr)
