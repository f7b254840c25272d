"""Following trainings: the newest checkpoint measured on held-out pictures, again and again, beside what writes it.

    RUNS/**/checkpoint.pt ──► the one written last ──► network ──► held-out pictures ──► a line, and RUN/watch
                                                                                         (TensorBoard)
Pictures, scores and their names are those that the training itself logs now and then, so that the curves of both lie
in one chart.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from facevalue import training
from facevalue.assembly import make_source
from facevalue.checkpoint import FILE_NAME, read_checkpoint
from facevalue.ending import ending_by_signal
from facevalue.errors import FaceValueError, ModelError
from facevalue.export import trained_network
from facevalue.runs import data_of, refuse_other_data
from facevalue.scoring import Scored, score_held_out, scored_of

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG_FOLDER = "watch"


@dataclass(frozen=True)
class Found:
    """A checkpoint on disk.  written: when (ns), how large and under which number; another one after each writing."""

    run_dir: Path
    written: tuple[int, int, int]


def newest_checkpoint(runs: Path) -> Found | None:
    """The checkpoint written last in a folder or anywhere below it; None where there is none."""
    found = []
    for folder, _, files in os.walk(runs):
        if FILE_NAME in files:
            with suppress(OSError):  # gone since
                about = os.stat(os.path.join(folder, FILE_NAME))
                found.append(Found(Path(folder), (about.st_mtime_ns, about.st_size, about.st_ino)))
    return max(found, key=lambda one: one.written, default=None)


class Follower:
    """Measures checkpoints, and logs to the folder ``watch`` of their run.

    data: folder of the data sets that the runs were trained on, see ``assembly.make_source``; where not given, that
    which each run notes.
    """

    def __init__(self, data: Path | None = None) -> None:
        self.data = data
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.scored: tuple[tuple[str, str], Scored] | None = None  # of a recipe's hash and a digest of data
        self.log: tuple[Path, SummaryWriter] | None = None
        self.step = 0  # logged last

    def measure(self, run_dir: Path) -> str:
        """Measure the checkpoint of a run and log its scores. Returns them in a line.

        Raises ModelError for a checkpoint that is gone, cut off or of another version, other FaceValueErrors where its
        pictures can't be had or nothing can be logged.
        """
        state = read_checkpoint(run_dir)
        try:
            recipe, codec, network = trained_network(state)
        except ModelError as error:
            raise ModelError(f"{run_dir}: {error}") from error
        pictures = recipe.hash(), str(state.get("data", ""))
        if self.scored is None or self.scored[0] != pictures:
            source = make_source(recipe, self.data or data_of(run_dir))
            refuse_other_data(run_dir, state, source)
            self.scored = pictures, scored_of(source, training.scored_pictures(recipe))
        scored = self.scored[1]
        scores = score_held_out(network.to(self.device), codec, scored.batch, self.device)
        step = int(state["step"])
        writer = self.log_of(run_dir, step)
        for name, value in scores.items():
            writer.add_scalar(f"{scored.name}/{name}", value, step)
        writer.flush()
        self.step = step
        return f"{run_dir}: step {step} of {recipe.steps}: {scored.words()}: {scored.batch.describe(scores)}"

    def log_of(self, run_dir: Path, step: int) -> SummaryWriter:
        """The log of a run, that of the last one closed; begun anew where the run was, without what is behind now."""
        from torch.utils.tensorboard import SummaryWriter

        folder = run_dir / LOG_FOLDER
        if self.log is not None and self.log[0] == folder and step > self.step and folder.is_dir():
            return self.log[1]
        self.close()
        try:
            writer = SummaryWriter(str(folder), purge_step=step)
        except OSError as error:
            raise FaceValueError(f"can't write the log {folder}: {error.strerror or error}") from error
        self.log = folder, writer
        return writer

    def close(self) -> None:
        """Close the log, if one is open."""
        if self.log is not None:
            self.log[1].close()
            self.log = None


def follow_command(runs: Path, every_seconds: float = 30.0, count: int | None = None, data: Path | None = None) -> None:
    """``facevalue evaluate --watch RUNS``: measure the newest checkpoint of the newest run until asked to end.

    runs: a run, or a folder of runs; the newest is the one that wrote a checkpoint last. Looks every so many seconds,
    waits where there is none, and measures none twice; one that can't be read is named once and left until it is
    written anew.  count: ends after so many measurements.  data: see ``Follower``.
    """
    torch.set_num_threads(1)  # the other cores are the training's
    follower = Follower(data)
    seen: dict[Path, Found] = {}
    measured, waits = 0, False
    try:
        with ending_by_signal() as ending:
            while not ending.asked:
                began = time.monotonic()
                found = newest_checkpoint(runs)
                if found is None and not waits:
                    waits = True
                    why = "no checkpoint yet" if runs.is_dir() else "no such folder yet"
                    print(f"{runs}: {why}, waiting for the first checkpoint", file=sys.stderr, flush=True)
                elif found is not None and seen.get(found.run_dir) != found:
                    seen[found.run_dir] = found
                    try:
                        line = follower.measure(found.run_dir)
                        measured += 1
                    except ModelError as error:
                        line = f"not measured: {error}"
                    print(line, file=sys.stderr, flush=True)
                if measured == count:
                    break
                ending.pause(every_seconds - (time.monotonic() - began))
    finally:
        follower.close()
