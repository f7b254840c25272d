"""Measure the shipped weight and write its figures where they are published: README.md and the weight's card.

    python benchmarks/publish.py --data DATA [--weight clock-1]

DATA holds the development sets clocks-real, clocks-reset and clocks-painted, each with a labels.csv. Nothing else
should run on the machine meanwhile. Everything between the markers ``<!-- results -->`` and ``<!-- /results -->`` is
replaced; nothing there is typed by hand.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from facevalue.evaluate import evaluate
from facevalue.reader import Reader

HERE = Path(__file__).parent
ROOT = HERE.parent
SETS = {
    "clocks-real": "photos of real clocks and watches",
    "clocks-reset": "22 real clocks, hands set anew",
    "clocks-painted": "real dials, painted hands, many turned by 90°",
}


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def accuracy_table(scores: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "| pictures (none trained on) | n | within 1 min | within 5 min | hour right | mean off | answered "
        "| … of them right |",
        "| --- " * 8 + "|",
    ]
    for name, about in SETS.items():
        s = scores[name]
        lines.append(
            f"| {name}: {about} | {s['count']} | {percent(s['within_1'])} | {percent(s['within_5'])} "
            f"| {percent(s['hour_right'])} | {s['mean']:.1f} min | {percent(s['answered']['share'])} "
            f"| {percent(s['answered']['within_1'])} |"
        )
    return lines


def calibration_note(about: Mapping[str, str]) -> str:
    """What the columns of answered readings can't promise, with the figures that can. about: a weight's metadata."""
    if "calibration_held_out" not in about:
        raise click.ClickException("this weight has no calibration_held_out: run facevalue calibrate on it first")
    held_out = json.loads(about["calibration_held_out"])
    threshold = json.loads(about["calibration"])["threshold"]
    return (
        f"Below a confidence of {threshold:.0%} a reading is uncertain, and not answered. "
        "These are development sets: drawing and straightening were chosen by looking at them. "
        "Confidence was calibrated on these sets, and its threshold chosen on the first, so “answered” and “of them "
        f"right” are in-sample. Cross-validated ({held_out['folds']} folds, {next(iter(SETS))}, "
        f"n = {held_out['count']}): {percent(held_out['answered'])} answered, "
        f"{percent(held_out['right'])} of them right."
    )


def speed_table(read: dict[str, Any], draw: dict[str, Any]) -> list[str]:
    many = read["files"]
    return [
        "| speed | figure |",
        "| --- | --- |",
        "| network, one pass over one crop, one thread (one or two a reading, up to four of a clock far away) | "
        f"{read['crop']['session_ms']:.1f} ms |",
        f"| one crop in memory, read whole, one thread: median, 90th percentile of {read['crop']['crops']} "
        f"| {read['crop']['reader_ms']:.1f} ms, {read['crop']['reader_90_ms']:.1f} ms |",
        f"| `facevalue read photo.jpg`, whole process | {read['command']['seconds']:.2f} s |",
        f"| pictures a second, one process, from {many['pictures']} drawn JPEG files of 448 px "
        f"| {many['pictures_a_second']:.0f} |",
        f"| training clocks drawn a second, one core, {draw['size_px']} px | {draw['pictures_a_second']} |",
    ]


def run_json(script: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(HERE / script), "--json", *arguments]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result


def replace_between(path: Path, lines: list[str], name: str = "results") -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->``."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = path.read_text()
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise click.ClickException(f"{path} has no {begin} ... {end}")
    path.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + after)


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--weight", default="clock-1", show_default=True)
def main(data: Path, weight: str) -> None:
    """Measure, and write README.md and the card."""
    reader = Reader("clock", weight)
    about = reader.weight.metadata
    note = calibration_note(about)  # first, as it may be refused
    scores = {name: evaluate(reader, data / name / "labels.csv", None, model=weight) for name in SETS}
    speed, draw = run_json("read_speed.py", "--model", weight), run_json("draw_speed.py")
    when = f"{speed['hardware']}, onnxruntime {speed['onnxruntime']}, {speed['date']}"
    command = "`python benchmarks/publish.py --data DATA`"
    lines = [
        *accuracy_table(scores),
        "",
        note,
        "",
        *speed_table(speed, draw),
        "",
        f"Weight {weight}, recipe {about['recipe_hash']}, {about['steps']} steps, one seed. {when}. "
        f"Written by {command}; one set alone: `facevalue evaluate {weight} --data DATA/clocks-real/labels.csv`.",
    ]
    replace_between(ROOT / "README.md", lines)
    replace_between(ROOT / "src/facevalue/weights" / f"{weight}.md", lines)
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
