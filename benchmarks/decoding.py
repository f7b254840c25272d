"""What each step between the network's outputs and the time is worth, on labelled photos.

    python benchmarks/decoding.py --data DATA/clocks-real/labels.csv [--data ...] [--weight clock-1]

Share of pictures within one minute: the heads one by one with the dial taken as upright; the hands together; with the
dial's turn summed out; the straightened picture alone; both looks joined.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click
import numpy as np

from facevalue.codecs import Floats
from facevalue.codecs.clock import BINS, ClockBelief, ClockNeedles, format_time, parse_time
from facevalue.codecs.needles import local_direction, log_softmax
from facevalue.evaluate import read_labels
from facevalue.images import RGB, open_picture, warp, whole_picture
from facevalue.look_clock import ENOUGH_PX, look_again
from facevalue.metrics import is_right
from facevalue.reader import Weight, find_weight, load_weight


def upright(outputs: dict[str, Floats]) -> ClockBelief:
    """Decode as if the dial's twelve were known to point up."""
    twelve = np.full((1, BINS), -50.0, dtype=np.float32)
    twelve[0, 0] = 0.0
    return ClockNeedles().decode({**outputs, "twelve": twelve})[0]


def head_by_head(outputs: dict[str, Floats]) -> float:
    """Hour from the hour hand alone, minute from the minute hand alone, the dial upright."""
    hour = local_direction(log_softmax(outputs["hour"][0])) / 30
    minute = local_direction(log_softmax(outputs["minute"][0])) / 6
    return float(int(hour) % 12 * 60 + minute) % 720


def ways(weight: Weight, rgb: RGB) -> dict[str, float]:
    """Minutes read in each way."""
    whole = whole_picture(rgb)
    outputs = weight.run(warp(rgb, whole, weight.frame_px)[None])
    look = look_again(weight, rgb, whole, weight.codec.decode(outputs)[0])
    return {
        "each hand alone": head_by_head(outputs),
        "hands together": upright(outputs).minutes(),
        "… and the dial's turn": look.first.minutes(),
        "straightened": look.second.minutes(),
        "both looks": look.both.minutes(),
    }


@click.command()
@click.option("--data", "tables", required=True, multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--weight", "name", default="clock-1", show_default=True)
def main(tables: tuple[Path, ...], name: str) -> None:
    """Print a table, a row for each set."""
    weight = load_weight(find_weight("clock", name), threads=1)
    for number, table in enumerate(tables):
        right: dict[str, list[bool]] = defaultdict(list)
        rows = read_labels(table)
        for row in rows:
            for way, minutes in ways(weight, open_picture(row.path, at_least_px=ENOUGH_PX)).items():
                right[way].append(bool(is_right(parse_time(format_time(minutes)), row.minutes)))
        if number == 0:
            click.echo("| within 1 minute | n | " + " | ".join(right) + " |\n" + "| --- " * (len(right) + 2) + "|")
        shares = " | ".join(f"{np.mean(values):.1%}" for values in right.values())
        click.echo(f"| {table.parent.name} | {len(rows)} | {shares} |")


if __name__ == "__main__":
    main()
