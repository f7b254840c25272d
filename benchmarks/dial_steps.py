"""What each step of reading a dial is worth, on sub-dials of meters; and how a needle stands beside its dial's truth.

    python benchmarks/dial_steps.py --data DATA [--weight dial-4] [--publish]

DATA holds meter-needles. Every crop is read by the whole picture alone, by the straightened one alone, by both
together, as the reader does (a second look only where the first leaves doubt), and from the zero as it is seen. Of the
three meters of ``own_training.py`` a sine is fitted to the error of forty pictures and taken away from the rest, with
no training. With --publish the table goes into docs/studies/dials.md, and the figure of the three meters beside it.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections import defaultdict
from pathlib import Path
from random import Random

import click
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from own_training import METERS_PX, TURN, of_one_size
from publish import ROOT, replace_between
from read_speed import describe_hardware

from facevalue.codecs.dial import Eccentricity, Scale
from facevalue.images import open_reduced, whole_picture
from facevalue.labels import read_labels
from facevalue.look_dial import ENOUGH_PX, look, look_again, look_through
from facevalue.reader import Weight, find_weight, load_weight
from facevalue.studies.clock_figures import new_figure, png_of
from facevalue.tuning import Own, find_eccentricity

PAGE = ROOT / "docs" / "studies" / "dials.md"
AS_SEEN = Scale(clockwise=True)
TAUGHT = 40

Values = NDArray[np.float64]


def apart(read: Values, true: Values) -> Values:
    """Signed difference round a dial of ten of what the reader tells, which it rounds."""
    return np.asarray((np.round(read, TURN.decimals + 2) - true + 5) % 10 - 5)


def row(name: str, off: Values) -> str:
    off = np.abs(off)
    shares = [*(float(np.mean(off <= reach + 1e-6)) for reach in (0.1, 0.2)), float(np.mean(off > 0.5))]
    return f"| {name} | {len(off):,} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |"


def ways(weight: Weight, path: Path) -> dict[str, float]:
    """What is read in each way, 0 to 10."""
    rgb, _ = open_reduced(path, at_least_px=ENOUGH_PX)
    whole = whole_picture(rgb)
    always = look_again(weight, rgb, whole, look_through(weight, rgb, whole), TURN)
    return {
        "the whole picture alone": float(always.placed.value(always.first.degrees())),
        "the straightened picture alone": float(always.placed.value(always.second.degrees())),
        "both, always": always.value,
        "both, the second only where there is doubt": look(weight, rgb, TURN).value,
        "… from the zero as it is seen": look(weight, rgb, AS_SEEN).value,
    }


def three_meters(weight: Weight, data: Path, seed: int) -> tuple[list[str], bytes]:
    """Rows before and after a sine of forty pictures is taken away, and the figure of the errors."""
    rows = []
    figure = new_figure(9.0, 3.2)
    panels = figure.subplots(1, len(METERS_PX), sharey=True)
    for panel, side_px in zip(panels, METERS_PX, strict=True):
        labelled = of_one_size(data / "meter-needles", side_px)
        Random(seed).shuffle(labelled)
        true = np.array([label for _, label in labelled])
        lines = {line.path: line for line in read_labels(data / "meter-needles" / "labels.csv", float)}
        own = [Own(lines[path], open_reduced(path, at_least_px=ENOUGH_PX)[0], "") for path, _ in labelled]
        found = find_eccentricity(weight, own[:TAUGHT], TURN)
        read = np.array([look(weight, one.rgb, TURN).value for one in own])
        off = apart(read, true)
        taught = dataclasses.replace(weight, eccentricity=found)
        again = np.array([look(taught, one.rgb, TURN).value for one in own[TAUGHT:]])
        rows.append(row(f"one meter, {side_px} px", off[TAUGHT:]))
        rows.append(row(f"… less a sine of {TAUGHT} other pictures", apart(again, true[TAUGHT:])))
        panel.scatter(true, off, s=9, color="0.25", alpha=0.7, linewidths=0)
        draw_sine(panel, found)
        panel.set_title(f"{side_px} px, {len(off)} pictures", fontsize=9)
        panel.set_xlabel("label")
        panel.set_ylim(-0.5, 0.5)
        panel.axhspan(-0.1, 0.1, color="0.9", zorder=0)
    panels[0].set_ylabel("read less label")
    return rows, png_of(figure)


def draw_sine(panel: object, found: Eccentricity) -> None:
    along = np.linspace(0, 10, 200)
    panel.plot(along, found.degrees(along * 36) / 36, color="black", linewidth=1.5)  # type: ignore[attr-defined]


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--weight", "name", default="dial-4", show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of the forty pictures.")
@click.option("--publish", is_flag=True, help="Write docs/studies/dials.md and its figure.")
def main(data: Path, name: str, seed: int, publish: bool) -> None:
    """Measure, print, and with --publish write the page."""
    weight = load_weight(find_weight("dial", name), threads=1)
    read: dict[str, list[float]] = defaultdict(list)
    labels = read_labels(data / "meter-needles" / "labels.csv", float)
    for line in labels:
        for way, value in ways(weight, line.path).items():
            read[way].append(value)
    true = np.array([float(line.truth) for line in labels])
    rows = [row(way, apart(np.array(values), true)) for way, values in read.items()]
    of_meters, figure = three_meters(weight, data, seed)
    lines = [
        f"* Made by `python benchmarks/dial_steps.py --data DATA --publish`, {datetime.date.today()}.",
        f"* Weight {name}, {describe_hardware()}, onnxruntime {onnxruntime.__version__}; seed {seed} of the forty "
        "pictures.",
        "* Of meter-needles no picture was trained on. Differences are round the dial, in tenths of its ten.",
        "",
        "| read | n | within 0.1 | within 0.2 | more than 0.5 off |",
        "| --- " * 5 + "|",
        *rows,
        *of_meters,
    ]
    if publish:
        replace_between(PAGE, lines, "study")
        picture = PAGE.with_suffix("") / "meters.png"
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(figure)
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
