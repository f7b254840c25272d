"""What several test files share: one thread, and a network too small and too briefly trained to read anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import settings

from facevalue import training
from facevalue.export import export

# Tests share a machine with other work, so none is timed; and they try the same examples each time.
settings.register_profile("no clock", deadline=None, derandomize=True)
settings.load_profile("no clock")

# The recipe clocks/tiny, cut down to seconds: 32 px are halved twice, to maps of 8 x 8.
TINY = {
    "size_px": "32",
    "widths": "8,16",
    "blocks": "0,1",
    "hidden": "16",
    "squeeze": "4",
    "steps": "12",
    "batch_size": "8",
    "warmup_steps": "2",
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests share a machine with other work, and one thread adds up in one order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished training of ``TINY``. Don't write to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "HELD_OUT_PICTURES", 16)
        return training.run("clocks/tiny", TINY, tmp_path_factory.mktemp("runs") / "tiny", resume=False, workers=0)


@pytest.fixture(scope="session")
def tiny_weight(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weight file of ``tiny_run``. Don't write to it."""
    return export(tiny_run, tmp_path_factory.mktemp("weights") / "tiny-1.onnx", "tiny-1")
