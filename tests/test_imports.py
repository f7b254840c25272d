"""Reading needs neither torch nor anything else of the laboratory, and importing facevalue costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import facevalue

LABORATORY = ("torch", "skia", "onnx", "onnxscript", "tensorboard", "matplotlib")
BLOCK = f"""
import sys
for name in {LABORATORY!r}:
    sys.modules[name] = None  # importing it now raises ModuleNotFoundError
"""


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter that lacks the laboratory's packages."""
    command = [sys.executable, "-W", "error", "-c", BLOCK + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "module",
    ["", ".errors", ".images", ".reading", ".codecs", ".codecs.clock", ".reader", ".cli", ".metrics", ".evaluate"],
)
def test_imports_without_the_laboratory(module: str) -> None:
    done = run_python(f"import facevalue{module}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["facevalue", "facevalue.cli", "facevalue.errors", "facevalue.reading"])
def test_imports_nothing_heavy(module: str) -> None:
    done = run_python(f"import {module}; print(*sorted(sys.modules))")
    assert done.returncode == 0, done.stderr
    assert not {"numpy", "PIL", "PIL.Image", "onnxruntime"} & set(done.stdout.split())


def test_names_of_the_package() -> None:
    assert facevalue.Reader.__module__ == "facevalue.reader"
    assert facevalue.Reading.__module__ == "facevalue.reading"
    assert {"read", "Reader", "Reading", "__version__"} <= set(dir(facevalue))
    with pytest.raises(AttributeError, match="no attribute 'raed'"):
        facevalue.raed  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["train", "clocks/wild"], id="train needs torch"),
        pytest.param(["synth", "clocks", "out"], id="synth needs skia"),
        pytest.param(["export", "."], id="export needs torch"),
    ],
)
def test_a_laboratory_command_says_what_to_install(arguments: list[str], tmp_path: Path) -> None:
    program = "import os; os.chdir(sys.argv.pop()); from facevalue.cli import main; main(prog_name='facevalue')"
    done = run_python(program, *arguments, str(tmp_path))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "pip install 'facevalue[train]'" in done.stderr


def test_reads_without_the_laboratory(tmp_path: Path) -> None:
    file = tmp_path / "grey.png"
    Image.new("RGB", (64, 64), "grey").save(file)
    program = """
import facevalue
print(facevalue.read(sys.argv[1]).uncertain)
from facevalue.cli import main
main(["read", sys.argv[1]], prog_name="facevalue")
"""
    done = run_python(program, str(file))
    assert done.returncode == 0, done.stderr
    first, line = done.stdout.splitlines()
    assert first == "True"
    assert line.startswith(f"{file}  ")
