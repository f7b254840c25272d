"""Studies: recipes in, a table beside the published figures out, with the pictures that explain it.

    study.experiments() ──► train each recipe and seed, go on, or skip ──► measure on test pictures, once
                                                                                │
             results.csv, report.md, figures/ ◄── what is measured so far ◄── RUN/measured.json, RUN/readings.csv

A study is a function that returns experiments: each a recipe, how it is measured, and what others published for it.
Here are the nouns; ``planning`` makes runs of experiments, ``running`` carries them out, ``results`` knows what they
left, ``report`` writes it down.
Runs lie in OUT/runs under their recipe's name and hash, so that the same command, killed and given again, goes on with
the step it was at and neither trains nor measures anything twice; given twice at once, the two share the runs. A new
study is a file beside this one and a line in ``studies``.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Codec, Floats
from facevalue.errors import SettingError
from facevalue.recipes import Recipe

if TYPE_CHECKING:
    from torch import nn

Budget = Literal["quick", "full"]
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
