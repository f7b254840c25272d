"""Checkpoints that a kill or a full disk cannot spoil."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from facevalue.errors import FaceValueError, ModelError
from facevalue.files import put_in_place
from facevalue.recipes import Recipe

FILE_NAME = "checkpoint.pt"


def write_checkpoint(run_dir: Path, state: dict[str, Any]) -> None:
    """Write under a temporary name, flush to disk, rename: the last good checkpoint stands until the new one does.

    Raises FaceValueError when it can't be written (a full disk).
    """
    temporary = run_dir / (FILE_NAME + ".tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, run_dir / FILE_NAME)
    except (OSError, RuntimeError) as error:  # torch's own writer meets a full disk with RuntimeError
        temporary.unlink(missing_ok=True)
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise FaceValueError(
            f"can't write the checkpoint {run_dir / FILE_NAME} ({reason}): make room, then go on with --resume"
        ) from error


def is_finished(state: Mapping[str, Any]) -> bool:
    """Whether the training of a checkpoint went to its end, by its steps or by the plateau schedule before that."""
    ended = bool(state.get("plateau", {}).get("ended", False))
    return ended or int(state["step"]) >= Recipe.from_json(state["recipe"]).steps


def read_checkpoint(run_dir: Path) -> dict[str, Any]:
    """The state that ``write_checkpoint`` wrote. Raises ModelError when there is none or it cannot be read."""
    path = run_dir / FILE_NAME
    if not path.exists():
        raise ModelError(f"{run_dir}: no {FILE_NAME} here; expected the folder of a training run")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"{path}: not a checkpoint of facevalue ({type(error).__name__})") from error
    if not isinstance(state, dict) or not {"step", "recipe", "recipe_hash", "network"} <= state.keys():
        raise ModelError(f"{path}: a file of torch, but not a checkpoint of facevalue")
    return state
