"""What runs left in their folders: whether they are measured, what came of it, or that they diverged."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from facevalue.errors import DivergedError, SettingError
from facevalue.files import write_whole
from facevalue.studies import Outcome, Run


def source_of(run: Run, runs: Sequence[Run]) -> Run | None:
    """The run whose parameters a run takes over. Raises SettingError where the study has none before it."""
    name = run.experiment.takes_from
    if not name:
        return None
    for other in runs[: runs.index(run)]:
        if other.recipe.name == name and other.recipe.seed == run.recipe.seed:
            return other
    raise SettingError(f"{run.recipe.name} takes its parameters from {name!r}, which is not trained before it")


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


def outcomes(runs: Sequence[Run], missing: Mapping[Run, str]) -> list[Outcome]:
    results = []
    for run in runs:
        diverged = read_diverged(run)
        why = diverged or (f"not run: {missing[run]}" if missing[run] else "not run yet")
        results.append(Outcome(run, read_measured(run, runs), why, bool(diverged)))
    return results
