"""What a short training on forty pictures of one's own meter is worth.

    python benchmarks/own_training.py --data DATA [--pictures 40] [--from dial]

DATA holds meter-needles. Its pictures of one size that are of one meter (looked at: 142, 193 and 82 px) are told apart
by their size; of each meter forty, drawn by seed, are given to ``facevalue train --from dial``, and the rest is read
before and after. Nothing of it is shipped.

Labels are in tenths of ten. Beside what ``number`` says, which is finer, stands what ``value`` prints, in tenths too:
of two numbers rounded to tenths one that is off by 0.14 may be a tenth off.
"""

from __future__ import annotations

import csv
import tempfile
import time
from pathlib import Path
from random import Random

import click
import numpy as np
from PIL import Image

from facevalue import Reader, Scale
from facevalue.metrics import places_apart
from facevalue.reading import Reading
from facevalue.tuning import tune

METERS_PX = (142, 193, 82)
TURN = Scale(sweep=(0, 360))


def of_one_size(data: Path, side_px: int) -> list[tuple[Path, float]]:
    """Pictures of that side with their labels, in the table's order."""
    found = []
    with open(data / "labels.csv", newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            with Image.open(data / row["file"]) as picture:
                if picture.size == (side_px, side_px):
                    found.append((data / row["file"], float(row["label"])))
    return found


def within(model: str | Path, rows: list[tuple[Path, float]]) -> str:
    """Shares within 0.1 and 0.2 of ten, in words: of numbers, and of values as they are printed."""
    reader = Reader("dial", model, scale=TURN)
    read = [reading for reading in reader.read_many([p for p, _ in rows]) if isinstance(reading, Reading)]
    true = [label for _, label in rows]
    numbers, printed = [one.number for one in read], [float(one.value) for one in read]
    return f"{shares_near(numbers, true)} (printed {shares_near(printed, true)})"


def shares_near(read: list[float], true: list[float]) -> str:
    """Shares within 0.1 and 0.2 of ten, round the dial."""
    off = places_apart(read, true)
    return ", ".join(f"{np.mean(off <= reach + 1e-6):.1%}" for reach in (0.1, 0.2))


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--pictures", default=40, show_default=True)
@click.option("--from", "start", default="dial-4", show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(data: Path, pictures: int, start: str, seed: int) -> None:
    """Print, meter by meter, how much is within 0.1 and 0.2 of ten before and after, as a number and as printed."""
    for side_px in METERS_PX:
        rows = of_one_size(data / "meter-needles", side_px)
        Random(seed).shuffle(rows)
        own, rest = rows[:pictures], rows[pictures:]
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "labels.csv"
            with open(table, "w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(("file", "label"))
                writer.writerows((str(path.resolve()), label) for path, label in own)
            began = time.perf_counter()
            tuned = tune(start, table, scale=TURN, out=Path(folder) / "run")
            seconds = time.perf_counter() - began
            before, after = within(start, rest), within(tuned.run_dir, rest)
        click.echo(
            f"meter of {side_px} px: {pictures} given, {len(rest)} measured: within 0.1 and 0.2 {before} before, "
            f"{after} after; {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
