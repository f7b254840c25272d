"""Checkpoints that a kill or a full disk cannot spoil."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from facevalue.errors import ModelError

FILE_NAME = "checkpoint.pt"


def write_checkpoint(run_dir: Path, state: dict[str, Any]) -> None:
    """Write under a temporary name, flush to disk, rename: the last good checkpoint stands until the new one does."""
    temporary = run_dir / (FILE_NAME + ".tmp")
    with open(temporary, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, run_dir / FILE_NAME)


def read_checkpoint(run_dir: Path) -> dict[str, Any]:
    """The state that ``write_checkpoint`` wrote. Raises ModelError when there is none or it cannot be read."""
    path = run_dir / FILE_NAME
    if not path.exists():
        raise ModelError(f"{run_dir}: no {FILE_NAME} here; expected the folder of a training run")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"{path}: not a checkpoint of facevalue ({error})") from error
    return state
