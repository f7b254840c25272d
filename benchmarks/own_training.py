"""What a short training on forty pictures of one's own meter is worth.

    python benchmarks/own_training.py --data DATA [--kind dial] [--pictures 40] [--from dial]

DATA holds meter-needles or meter-digits. Of the needles, pictures of one size that are of one meter (looked at: 142,
193 and 82 px) are told apart by their size; of the rolling digits, the meters are those that no training sees. Of each
meter forty, drawn by seed, are given to ``facevalue train --from``, and the rest is read before and after. Nothing of
it is shipped.

Labels are in tenths of ten, and so is ``number`` of a rolling digit. Of a dial it is finer; beside it stands what
``value`` prints, in tenths too: of two numbers rounded to tenths one that is off by 0.14 may be a tenth off.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import click
import numpy as np
from PIL import Image

from facevalue import Reader, Scale
from facevalue.metrics import places_apart
from facevalue.reader import SHIPPED
from facevalue.reading import Reading
from facevalue.sources.digits import LEFT_OUT_METERS
from facevalue.tuning import tune

METERS_PX = (142, 193, 82)
TURN = Scale(sweep=(0, 360))
SCALES = {"dial": TURN, "digits": None}

Rows = list[tuple[Path, float]]


def meters(data: Path, kind: str) -> Iterator[tuple[str, Rows]]:
    """Each meter's name, and its pictures with their labels."""
    if kind == "dial":
        for side_px in METERS_PX:
            yield f"meter of {side_px} px", of_one_size(data / "meter-needles", side_px)
    else:
        for meter in LEFT_OUT_METERS:
            yield meter, of_one_meter(data / "meter-digits", meter)


def of_one_size(data: Path, side_px: int) -> Rows:
    """Pictures of that side with their labels, in the table's order."""
    found = []
    with open(data / "labels.csv", newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            with Image.open(data / row["file"]) as picture:
                if picture.size == (side_px, side_px):
                    found.append((data / row["file"], float(row["label"])))
    return found


def of_one_meter(data: Path, meter: str) -> Rows:
    """Its pictures that show a digit, in the table's order."""
    with open(data / "labels.csv", newline="", encoding="utf-8") as table:
        rows = [(data / row["file"], float(row["label"])) for row in csv.DictReader(table) if row["meter"] == meter]
    return [(path, label) for path, label in rows if label == label]


def within(model: str | Path, rows: Rows, kind: str = "dial") -> str:
    """Shares within 0.1 and 0.2 of ten, in words: of numbers, and of a dial's values as they are printed.

    A number that is not told is within nothing.
    """
    reader = Reader(kind, model, scale=SCALES[kind])
    read = [reading for reading in reader.read_many([p for p, _ in rows]) if isinstance(reading, Reading)]
    true = [label for _, label in rows]
    numbers = shares_near([one.number for one in read], true)
    if kind != "dial":
        return numbers
    return f"{numbers} (printed {shares_near([float(one.value) for one in read], true)})"


def shares_near(read: list[float], true: list[float]) -> str:
    """Shares within 0.1 and 0.2 of ten, round the dial."""
    off = places_apart(read, true)
    return ", ".join(f"{np.mean(off <= reach + 1e-6):.1%}" for reach in (0.1, 0.2))


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--kind", default="dial", show_default=True, type=click.Choice(list(SCALES)))
@click.option("--pictures", default=40, show_default=True)
@click.option("--from", "start", help="A weight.  [default: the kind's shipped one]")
@click.option("--seed", default=1, show_default=True)
def main(data: Path, kind: str, pictures: int, start: str | None, seed: int) -> None:
    """Print, meter by meter, how much is within 0.1 and 0.2 of ten before and after, as a number and as printed."""
    start = start or SHIPPED[kind]
    for meter, rows in meters(data, kind):
        Random(seed).shuffle(rows)
        own, rest = rows[:pictures], rows[pictures:]
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "labels.csv"
            with open(table, "w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(("file", "label"))
                writer.writerows((str(path.resolve()), label) for path, label in own)
            began = time.perf_counter()
            tuned = tune(start, table, scale=SCALES[kind], out=Path(folder) / "run")
            seconds = time.perf_counter() - began
            before, after = within(start, rest, kind), within(tuned.run_dir, rest, kind)
        click.echo(
            f"{meter}: {pictures} given, {len(rest)} measured: within 0.1 and 0.2 {before} before, "
            f"{after} after; {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
