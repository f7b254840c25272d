"""The runs of a study on a Ray cluster: each a task, trained on one core or one GPU, again when its worker is killed.

    runs ──► tasks ──► a worker: train, measure in the run's folder ──► its files ──► the same folder here

Workers work in a folder of the same path as here. Where that is shared, a run whose worker was killed goes on from its
checkpoint; else it starts anew, and what the worker wrote is copied when it is done. Folders of data sets that are
named must be on every machine. Ray finds its cluster by RAY_ADDRESS, and starts one of this machine where there is
none. Trainings on one thread add up in one order: here they give what they give alone with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facevalue.errors import FaceValueError, MissingExtraError, StoppedError
from facevalue.files import claimed, make_folder, write_whole
from facevalue.sources.datasets import DATA_VARIABLE
from facevalue.studies import Run
from facevalue.studies.elsewhere import MEASURED
from facevalue.studies.results import is_done
from facevalue.studies.running import carry_out_run, finished_row

RETRIES = 3  # of a run whose worker dies


def carry_out_on_cluster(runs: Sequence[Run], data: Path | None, done: Callable[[], None]) -> None:
    """Train and measure the runs together.  done: is called after each.

    Raises FaceValueError, when all others are done, for a run that failed, MissingExtraError without Ray.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise MissingExtraError("a cluster needs Ray: pip install 'facevalue[cluster]'") from error
    if not runs:
        return
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, logging_level="warning")
    try:
        gpus = 1 if ray.cluster_resources().get("GPU", 0) else 0
        again = {"max_retries": RETRIES, "retry_exceptions": [StoppedError]}  # lost, or asked to stop
        task = ray.remote(num_cpus=1, num_gpus=gpus, **again)(carry_out_there)
        place = data.resolve() if data is not None else None
        given: dict[Any, Run] = {task.remote(away(run), place, os.environ.get(DATA_VARIABLE)): run for run in runs}
        collect(ray, given, done)
    finally:
        if ours:
            ray.shutdown()


def collect(ray: Any, given: dict[Any, Run], done: Callable[[], None]) -> None:
    """Copy what each task wrote, as it ends. Raises FaceValueError for the first that failed, when all have ended."""
    left, failed = list(given), ""
    while left:
        (first,), left = ray.wait(left, num_returns=1)
        run = given[first]
        ended = f"[{len(given) - len(left)}/{len(given)}] {run.name}"
        try:
            files = ray.get(first)
            keep(run.folder, files)
        except ray.exceptions.RayTaskError as error:
            why = str(error.cause).partition("\n")[0] or type(error.cause).__name__
            failed = failed or f"{run.name}: {why}"
            print(f"{ended}: failed", file=sys.stderr, flush=True)
        except FaceValueError as error:  # of keep: a full disk
            failed = failed or f"{run.name}: {error}"
            print(f"{ended}: failed", file=sys.stderr, flush=True)
        except ray.exceptions.RayError as error:
            failed = failed or f"{run.name}: its worker was lost {1 + RETRIES} times ({type(error).__name__})"
            print(f"{ended}: failed", file=sys.stderr, flush=True)
        else:
            if not files:
                print(f"{ended}: another process is at it", file=sys.stderr, flush=True)
                continue
            print(f"{ended}: done\n{finished_row(run, [run])}", file=sys.stderr, flush=True)
            done()
    if failed:
        raise FaceValueError(failed)


def away(run: Run) -> Run:
    """The run with a folder that means the same to a process that started elsewhere."""
    return dataclasses.replace(run, folder=run.folder.resolve())


def carry_out_there(run: Run, data: Path | None, variable: str | None) -> dict[str, bytes]:
    """The task: train and measure.  variable: of the environment, for data that are not named here.

    Returns the files of the run's folder by name; none where another process is at it.
    """
    if variable is not None:
        os.environ[DATA_VARIABLE] = variable
    make_folder(run.folder)
    with claimed(run.folder) as ours:
        if not ours:
            return {}
        if not is_done(run, [run]):
            carry_out_run(run, [run], data, 0, False)
    paths = [path for path in sorted(run.folder.iterdir()) if path.is_file() and path.name != "lock"]
    return {path.name: path.read_bytes() for path in paths}


def keep(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files that are not in the folder as they are, what says that the others are there last."""
    make_folder(folder)
    for name in sorted(files, key=lambda name: MEASURED.index(name) if name in MEASURED else -1):
        path, content = folder / name, files[name]
        if not path.is_file() or path.read_bytes() != content:
            write_whole(path, content)
