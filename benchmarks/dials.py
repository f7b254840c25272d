"""Measure the dial reader on every set of pictures that it has figures for, and write them where they are published.

    python benchmarks/dials.py --data DATA [--weight dial-4] [--publish]

DATA holds meter-needles. With --publish everything between the markers ``<!-- dials -->`` and ``<!-- /dials -->`` of
README.md and of the weight's card is replaced; nothing there is typed by hand. Nothing else should run on the machine
meanwhile.
"""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path

import click
import numpy as np
import onnxruntime
from digits import calibration_of, measure_speed
from no_instrument import answered, drawn
from own_training import TURN
from publish import ROOT, percent, replace_between
from read_speed import describe_hardware

from facevalue.codecs.dial import Scale
from facevalue.evaluate import evaluate
from facevalue.images import list_pictures
from facevalue.labels import read_labels
from facevalue.metrics import places_apart
from facevalue.reader import Reader
from facevalue.sources.albums import write_folder
from facevalue.sources.dials import DialSource

DRAWN = 2_000
DRAWN_SEED = 3_000_017  # neither training's nor calibration's
DRAWN_PX = 160
MIDDLE_DEGREES, ORDINARY_RADIUS = 25.0, 0.5


def draw_gauges(folder: Path, *, ordinary: bool = False) -> Path:
    """Gauges with their values from 0 to 10, of those whose marks tell the value. Returns their index.

    ordinary: those that rise clockwise, with the middle of the scale within MIDDLE_DEGREES of straight up, at least
    ORDINARY_RADIUS of the half picture in size, and photographed with care (``DialSource``, careful).
    """
    batch = DialSource(size_px=DRAWN_PX, meters=0.0, empty=0.0, careful=float(ordinary)).batch(DRAWN_SEED, 0, DRAWN)
    seen = ~np.isnan(batch.start) & ~np.isnan(batch.clockwise)
    if ordinary:
        sxx, sxy, syy = batch.pose[:, 2], batch.pose[:, 3], batch.pose[:, 4]
        middle = (batch.start + (batch.end - batch.start) % 360 / 2 + 180) % 360 - 180
        seen &= (batch.clockwise == 1) & (batch.full == 0) & (np.abs(middle) <= MIDDLE_DEGREES)
        seen &= np.sqrt(np.abs(sxx * syy - sxy**2)) >= ORDINARY_RADIUS
    told = np.flatnonzero(seen).tolist()
    rows = ((batch.pictures[i], f"{10 * batch.fraction[i]:.4f}") for i in told)
    write_folder(folder, "label", rows, len(told), "gauge")
    return folder / "labels.csv"


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--weight", default="dial-4", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Keep scores and sheets there.")
@click.option("--publish", is_flag=True, help="Write README.md and the weight's card.")
def main(data: Path, weight: str, out: Path | None, publish: bool) -> None:
    """Measure, print, and with --publish write README.md and the card."""
    needles = data / "meter-needles" / "labels.csv"
    reader = Reader("dial", weight)
    about = reader.weight.metadata
    lines = [
        "| pictures | n | off by at most 1 % of the range | 2 % | more than 5 % off | mean | answered "
        "| … of them within 1 % |",
        "| --- " * 8 + "|",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        sets = (
            ("meter-needles: sub-dials of meters, full turn from up", needles, Scale(sweep=(0, 360))),
            ("… their zero as it is seen", needles, Scale(clockwise=True)),
            ("drawn gauges, sweep unknown: ordinary ones", draw_gauges(Path(scratch, "o"), ordinary=True), None),
            ("… as hard as training draws them", draw_gauges(Path(scratch, "h")), None),
        )
        for index, (name, labels, scale) in enumerate(sets):
            one = Reader("dial", weight, scale=scale)
            folder = out / str(index) if out is not None else None
            scores = evaluate(one, labels, folder, model=weight)
            told = scores["answered"]
            lines.append(
                f"| {name} | {scores['count']} | {percent(scores['within_1'])} | {percent(scores['within_2'])} "
                f"| {percent(1 - scores['within_5'])} | {scores['mean']:.2f} % | {percent(told['share'])} "
                f"| {percent(told['within_1'])} |"
            )
            click.echo(lines[-1])
    turn = Reader("dial", weight, scale=TURN)
    rows = read_labels(needles, float)
    printed = [float(turn.read(row.path).value) for row in rows]
    off = places_apart(printed, [float(row.truth) for row in rows])
    near, far = ([float(np.mean(off <= reach + 1e-6)) for reach in (0.1, 0.2)], float(np.mean(off > 0.5 + 1e-6)))
    empty = {name: sum(answered(reader, list(pictures))) for name, pictures in drawn(1000, 1).items()}
    speed = measure_speed(reader, list_pictures(needles.parent))
    lines += [
        "",
        f"Of 1,000 pictures without a dial ({', '.join(empty)}) {sum(empty.values())} are answered. "
        "No picture of meter-needles was trained on: the weight has seen drawings alone.",
        "",
        "Labels of meter-needles are in tenths of ten. Of values as they are printed, in tenths too, "
        f"{percent(near[0])} are within 0.1 of their label, {percent(near[1])} within 0.2, "
        f"{percent(far)} more than 0.5 off.",
        "",
        "Confidence and its threshold were fitted on meter-needles and on drawn dials: “answered” is in-sample there. "
        + calibration_of(about, on="on meter-needles, each picture read in both ways"),
        "",
        "| speed, one thread | figure |",
        "| --- | --- |",
        f"| one pass of the network | {speed['pass_ms']:.2f} ms |",
        f"| one crop in memory, read whole: median, 90th percentile | {speed['reading_ms']:.2f} ms, "
        f"{speed['reading_90_ms']:.2f} ms |",
        "",
        f"Weight {weight}, recipe {about['recipe_hash']}, {about['steps']} steps after its parents', one seed "
        f"each; "
        f"threshold {json.loads(about['calibration'])['threshold']:.3f}. {describe_hardware()}, onnxruntime "
        f"{onnxruntime.__version__}, {datetime.date.today()}. Written by `python benchmarks/dials.py --data DATA "
        f"--publish`; one set alone: `facevalue evaluate {weight} --data DATA/meter-needles/labels.csv --sweep 0:360`.",
    ]
    if publish:
        replace_between(ROOT / "README.md", lines, "dials")
        replace_between(ROOT / "src/facevalue/weights" / f"{weight}.md", lines, "dials")
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
