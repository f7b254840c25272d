"""How fast a clock is read: the model alone, the whole command, and many JPEG files in one process.

    python benchmarks/read_speed.py                        # the shipped weight, on clocks that it draws itself
    python benchmarks/read_speed.py --data PHOTOS --json   # on a folder of photos

Nothing else should run on the machine meanwhile. Drawing the clocks needs facevalue[train]; --data does not.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np

from facevalue import Reader, __version__
from facevalue.errors import FaceValueError
from facevalue.images import list_pictures, open_picture
from facevalue.reader import find_weight

PICTURE_PX = 448
WARM_UP_RUNS = 20
CROPS = 60
PACKAGES = ("onnxruntime", "numpy", "pillow")


@click.command()
@click.option("--model", help="An .onnx file or the name of a shipped weight.  [default: the one that `read` takes]")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of pictures.")
@click.option("--n", default=300, show_default=True, type=click.IntRange(min=1), help="How many pictures to draw.")
@click.option("--runs", default=300, show_default=True, type=click.IntRange(min=1), help="Runs of the model.")
@click.option("--processes", default=10, show_default=True, type=click.IntRange(min=1), help="Runs of the command.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(model: str | None, data: Path | None, n: int, runs: int, processes: int, as_json: bool) -> None:
    """Measure the speed of reading clocks, on one thread."""
    try:
        with tempfile.TemporaryDirectory() as drawn:
            pictures = list_pictures(data) if data is not None else draw_pictures(Path(drawn), n)
            result = {
                "facevalue": __version__,
                "date": datetime.now(UTC).strftime("%Y-%m-%d"),
                "hardware": describe_hardware(),
                "python": platform.python_version(),
                **{package: importlib.metadata.version(package) for package in PACKAGES},
                "threads": 1,
                **measure_model(model, pictures, runs),
                "command": measure_command(model, pictures[0], processes),
                "files": measure_files(model, pictures),
            }
    except FaceValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(result) if as_json else format_result(result))


def draw_pictures(folder: Path, count: int) -> list[Path]:
    """Writes ``count`` clocks as JPEG files of 448 px and returns their paths."""
    from PIL import Image

    from facevalue.sources.clocks import ClockSource

    source = ClockSource(size_px=PICTURE_PX, empty=0.0)
    paths: list[Path] = []
    for step in range(-(-count // 20)):
        for picture in source.batch(1, step, min(20, count - 20 * step)).pictures:
            paths.append(folder / f"{len(paths):05d}.jpg")
            Image.fromarray(picture).save(paths[-1], quality=90)
    return paths


def measure_model(model: str | None, pictures: list[Path], runs: int) -> dict[str, Any]:
    """Crops of the network's input size, in memory: each through the Reader, which looks once or twice, as often as
    takes as many runs; and its bare ONNX session."""
    reader = Reader("clock", model, threads=1)
    weight, (size_px, _) = reader.weight, reader.weight.frame_px
    pixels = np.random.default_rng(1).integers(0, 256, (1, size_px, size_px, 3), dtype=np.uint8)
    crops = [resize(open_picture(path), size_px) for path in Random(1).sample(pictures, min(CROPS, len(pictures)))]
    each = [median_milliseconds(lambda crop=crop: reader.read(crop), 1 + runs // len(crops)) for crop in crops]
    return {
        "model": weight.name,
        "megabytes": round(find_weight("clock", model).stat().st_size / 1e6, 2),
        "crop": {
            "input": f"{size_px}×{size_px}×3 uint8",
            "runs": runs,
            "session_ms": median_milliseconds(lambda: weight.session.run(None, {"pictures": pixels}), runs),
            "crops": len(crops),
            "reader_ms": round(float(np.median(each)), 3),
            "reader_90_ms": round(float(np.quantile(each, 0.9)), 3),
        },
    }


def resize(rgb: np.ndarray[Any, np.dtype[np.uint8]], side_px: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture at side_px × side_px."""
    from PIL import Image

    return np.asarray(Image.fromarray(rgb).resize((side_px, side_px), Image.Resampling.BOX))


def median_milliseconds(run: Callable[[], object], runs: int) -> float:
    """Median time of ``runs`` calls, after a warm-up."""
    for _ in range(WARM_UP_RUNS):
        run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return round(statistics.median(times) * 1000, 3)


def measure_command(model: str | None, picture: Path, processes: int) -> dict[str, Any]:
    """The whole process ``facevalue read one.jpg``, start of Python and imports included, files warm in memory."""
    script = Path(sys.executable).with_name("facevalue")
    start_of_command = [str(script)] if script.is_file() else [sys.executable, "-m", "facevalue"]
    command = [*start_of_command, "read", str(picture), *(["--model", model] if model is not None else [])]
    times = []
    for _ in range(processes + 1):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        times.append(time.perf_counter() - start)
        if done.returncode:
            raise FaceValueError(f"`{' '.join(command)}` failed ({done.returncode}): {done.stderr.strip()[-300:]}")
    return {"runs": processes, "seconds": round(statistics.median(times[1:]), 3)}  # the first one warms the files


def measure_files(model: str | None, pictures: list[Path], passes: int = 3) -> dict[str, Any]:
    """Pictures a second from files, decoded and read in one process, on all cores; median of three passes."""
    reader = Reader("clock", model, threads=1)
    for result in reader.read_many(pictures[:WARM_UP_RUNS], on_error="return"):
        if isinstance(result, FaceValueError):
            raise result
    rates = []
    for _ in range(passes):
        start = time.perf_counter()
        failed = sum(isinstance(result, FaceValueError) for result in reader.read_many(pictures, on_error="return"))
        rates.append(len(pictures) / (time.perf_counter() - start))
        if failed:
            raise FaceValueError(f"{failed} of {len(pictures)} pictures can't be read; a rate would mean nothing")
    return {
        "pictures": len(pictures),
        "mean_kilobytes": round(statistics.mean(path.stat().st_size for path in pictures) / 1000, 1),
        "passes": passes,
        "pictures_a_second": round(statistics.median(rates), 1),
    }


def describe_hardware() -> str:
    """The CPU's name and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text(errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


def format_result(result: dict[str, Any]) -> str:
    """The result as lines to read."""
    crop, command, many = result["crop"], result["command"], result["files"]
    versions = ", ".join(f"{package} {result[package]}" for package in ("facevalue", "python", *PACKAGES))
    rows = [
        ("one crop, ONNX session", f"{crop['session_ms']:.2f} ms", f"median of {crop['runs']}; {crop['input']}"),
        ("one crop, Reader", f"{crop['reader_ms']:.2f} ms", f"median of {crop['crops']} crops; array in, reading out"),
        ("", f"{crop['reader_90_ms']:.2f} ms", "the slowest tenth takes longer"),
        ("facevalue read one.jpg", f"{command['seconds']:.2f} s", f"median of {command['runs']} processes"),
        (
            "pictures a second",
            f"{many['pictures_a_second']:.0f}",
            f"median of {many['passes']} passes over {many['pictures']} files of {many['mean_kilobytes']:.0f} kB",
        ),
    ]
    return "\n".join(
        [
            f"{result['model']} ({result['megabytes']} MB), one thread, {result['date']}",
            result["hardware"],
            versions,
            "",
            *(f"  {name:<24}{value:>10}   {note}" for name, value, note in rows),
        ]
    )


if __name__ == "__main__":
    main()
