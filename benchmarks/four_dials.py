"""How well a whole meter is read: the four-dial water meter of examples/, told by another program's labels.

    python benchmarks/four_dials.py --data shared/data/meter-four-dials [--weight dial-4]

The labels are litres, ``ddd.ddd``: a digit for each dial, and two more of the finest one's needle. A value is right in
all digits but the last if it is within a tenth of the finest dial's digit, 0.01 litres, of the label; as the labels are
a program's too, what agrees to within the finest dial's half digit, and in the three coarser digits, is told beside it.
"""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path

import click
import numpy as np

from facevalue.instruments.reader import InstrumentReader
from facevalue.reading import Reading

EXAMPLE = Path(__file__).parent.parent / "examples" / "four-dial-water-meter.toml"
LITRES = 1000.0


def litres_apart(read: float, true: float) -> float:
    """The shorter way round the coarsest dial, NaN for what was not told."""
    return abs((read - true + LITRES / 2) % LITRES - LITRES / 2)


def percent(hits: np.ndarray) -> str:
    return f"{np.mean(hits):6.1%} ({int(np.sum(hits))} of {len(hits)})" if len(hits) else "-"


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--instrument", default=EXAMPLE, show_default=False, type=click.Path(path_type=Path))
@click.option("--weight", help="[default: the shipped one]")
@click.option("--wrong", is_flag=True, help="List the pictures that were read otherwise than labelled.")
def main(data: Path, instrument: Path, weight: str | None, wrong: bool) -> None:
    """Print the share of values that are right, of all pictures and of those answered, and the time for one."""
    with open(data / "labels.csv", newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    reader = InstrumentReader(instrument, weight)
    began = time.perf_counter()
    readings = [reading for row in rows if isinstance(reading := reader.read(data / row["file"]), Reading)]
    milliseconds = (time.perf_counter() - began) / len(rows) * 1e3
    told = np.array([row["label"] != "UNKNOWN" for row in rows])
    answered = np.array([not reading.uncertain for reading in readings])
    true = np.array([float(row["label"]) if known else math.nan for row, known in zip(rows, told, strict=True)])
    read = np.array([reading.number * LITRES for reading in readings])
    off = np.array([litres_apart(a, b) for a, b in zip(read, true, strict=True)])
    click.echo(f"pictures: {len(rows)}, labelled: {told.sum()}")
    for name, limit in (("but the last", 0.0105), ("of the dials", 0.0505), ("of the three coarser dials", 0.505)):
        right = off <= limit
        click.echo(f"all digits {name}: {percent(right[told])}; of those answered {percent(right[told & answered])}")
    click.echo(f"answered: {percent(answered[told])}")
    if not told.all():
        click.echo(f"answered where the label is UNKNOWN: {percent(answered[~told])}")
    click.echo(f"one photo: {milliseconds:.1f} ms")
    if wrong:
        for row, reading, far in zip(rows, readings, off, strict=True):
            if not far <= 0.0505:
                parts = " ".join(part.value for part in reading.parts)
                click.echo(f"  {row['file']}  {row['label']}  {reading.line('read')}  [{parts}]")


if __name__ == "__main__":
    main()
