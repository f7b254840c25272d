"""How small a clock or a dial may be in a photo: the photos of a label file, shrunk and laid anywhere on a grey wall.

    python benchmarks/far_away.py --data DATA/clocks-real/labels.csv [--n 222] [--weight clock-1]
    python benchmarks/far_away.py --kind dial --data DATA/meter-needles/labels.csv

A wall is 640 x 480 pixels, so that a photo of a fifth of its height has 96. Dials are the sub-dials of meters, 0 to 9
all the way round.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import click
import numpy as np
from own_training import TURN
from PIL import Image

from facevalue.images import RGB, open_picture
from facevalue.judging import kind_of
from facevalue.labels import Labelled, read_labels
from facevalue.reader import Reader

WALL_PX = 640, 480
SHARES = (0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15)
SCALES = {"clock": None, "dial": TURN}


def on_a_wall(row: Labelled, share: float, seed: int) -> RGB:
    """The photo, as high as that share of the wall, or as wide where it is wider."""
    rnd = Random(f"{seed} {row.file} {share}")
    photo = Image.fromarray(open_picture(row.path))
    scale = share * min(side / own for side, own in zip(WALL_PX, photo.size, strict=True))
    small = photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))), Image.LANCZOS)
    wall = Image.new("RGB", WALL_PX, (rnd.randint(60, 220),) * 3)
    wall.paste(small, (rnd.randint(0, WALL_PX[0] - small.width), rnd.randint(0, WALL_PX[1] - small.height)))
    return np.asarray(wall)


@click.command()
@click.option("--kind", "kind_name", default="clock", show_default=True, type=click.Choice(list(SCALES)))
@click.option("--data", "labels_csv", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--n", default=222, show_default=True, type=click.IntRange(min=1), help="Of the photos, at most.")
@click.option("--seed", default=1, show_default=True)
@click.option("--weight", help="[default: the shipped one]")
def main(kind_name: str, labels_csv: Path, n: int, seed: int, weight: str | None) -> None:
    """Print a row for each share of the wall's height."""
    kind, reader = kind_of(kind_name), Reader(kind_name, weight, scale=SCALES[kind_name])
    rows = read_labels(labels_csv, kind.parse_label)
    rows = Random(seed).sample(rows, min(n, len(rows)))
    click.echo(f"| height of the photo in the picture | n | {kind.right_column} | answered | … of them right |")
    click.echo("| --- | --- | --- | --- | --- |")
    for share in SHARES:
        readings = [reader.read(on_a_wall(row, share, seed)) for row in rows]
        right = np.array([kind.is_right(one, row.truth) for one, row in zip(readings, rows, strict=True)])
        sure = np.array([not one.uncertain for one in readings])
        told = f"{right[sure].mean():.1%}" if sure.any() else "–"
        click.echo(f"| {share:g} | {len(rows)} | {right.mean():.1%} | {sure.mean():.1%} | {told} |")


if __name__ == "__main__":
    main()
