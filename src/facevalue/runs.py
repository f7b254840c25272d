"""A run's folder: where it lies, who may write there, and run.json, which says what was done there.

runs/<recipe>-<hash>[-<digest of the pictures>]/
    checkpoint.pt    what training goes on from             run.json        recipe, machine, data of each session
    weight.onnx      what ``facevalue export`` makes        training.lock   held while a training is at work
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facevalue import __version__
from facevalue.checkpoint import FILE_NAME, read_checkpoint
from facevalue.errors import FaceValueError, SettingError
from facevalue.files import claimed, make_folder, write_whole
from facevalue.precision import training_dtype
from facevalue.recipes import Recipe
from facevalue.sources import Source

LOCK_FILE = "training.lock"


def digest_of(source: Source) -> str:
    """Of pictures by an index; "" where recipe and data set say all."""
    return str(getattr(source, "digest", ""))


def refuse_other_data(run_dir: Path, state: Mapping[str, Any], source: Source) -> None:
    """Raise SettingError where the run of that checkpoint was trained on other pictures by an index."""
    ours, theirs = digest_of(source), state.get("data")
    if theirs is not None and ours != theirs:  # None: older than digests
        raise SettingError(
            f"{run_dir} was trained on other pictures, times or parts ({theirs or 'not by an index'}) than those of "
            f"--data ({ours or 'not by an index'}): give the index that it was trained on, or train into another --out"
        )


def matching_checkpoint(run_dir: Path, recipe: Recipe, source: Source) -> dict[str, Any]:
    """The checkpoint to go on from.  Raises SettingError for that of another recipe or other data, ModelError."""
    state = read_checkpoint(run_dir)
    if state["recipe_hash"] != recipe.hash():
        theirs = Recipe.from_json(state["recipe"])
        names = [field.name for field in dataclasses.fields(recipe)]
        differ = [f"{name}={getattr(theirs, name)}" for name in names if getattr(theirs, name) != getattr(recipe, name)]
        raise SettingError(
            f"{run_dir} holds a run with other settings: {', '.join(differ)}; give the same, or name another folder "
            "with --out"
        )
    refuse_other_data(run_dir, state, source)
    return state


def data_of(run_dir: Path) -> Path | None:
    """What --data named when the run was trained last, if it is still there."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
        path = Path(json.loads((run_dir / "run.json").read_text(encoding="utf-8"))["sessions"][-1]["data"])
        return path if path.exists() else None
    return None


def place_run(recipe: Recipe, out: Path | None, resume: bool, digest: str = "") -> Path:
    """The run's folder.  digest: of its data.  Raises SettingError for one with a training, if not resumed."""
    name = "-".join(filter(None, (recipe.name.replace("/", "-"), recipe.hash(), digest)))
    run_dir = out or Path("runs") / name
    refuse_trained(run_dir, resume)
    return run_dir


def refuse_trained(run_dir: Path, resume: bool) -> None:
    """Raise SettingError for a folder with a training that is not to be resumed."""
    if (run_dir / FILE_NAME).exists() and not resume:
        raise SettingError(
            f"{run_dir} holds a training already: go on with --resume, or name another folder with --out"
        )


@contextlib.contextmanager
def alone_in(run_dir: Path) -> Iterator[None]:
    """Make the run's folder, and let no other training into it meanwhile.  Raises FaceValueError."""
    make_folder(run_dir)
    with claimed(run_dir, LOCK_FILE) as ours:
        if not ours:
            raise FaceValueError(f"another training is at work in {run_dir}; wait for it, or name another with --out")
        yield


def write_description(recipe: Recipe, run_dir: Path, start: int, compiled: bool, data: Mapping[str, Any]) -> None:
    """Write run.json: recipe and hash, and for each session of the training where it began and what it ran on.

    data: about the pictures.
    """
    path = run_dir / "run.json"
    session = {
        "from_step": start,
        "facevalue": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "commit": find_commit(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
        "threads": torch.get_num_threads(),
        "dtype": str(training_dtype("cuda" if torch.cuda.is_available() else "cpu")).removeprefix("torch."),
        "compiled": compiled,
        **data,
    }
    sessions = []
    if start:
        with contextlib.suppress(OSError, ValueError, KeyError):
            sessions = json.loads(path.read_text())["sessions"]
    about = {"recipe": json.loads(recipe.to_json()), "recipe_hash": recipe.hash(), "sessions": [*sessions, session]}
    write_whole(path, json.dumps(about, indent=1) + "\n")


def find_commit() -> str:
    """Commit of the checkout that this package runs from, ``-dirty`` when changed since; "" outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
