"""How often a reader answers with confidence where there is no instrument.

    python benchmarks/no_instrument.py [--kind clock] [--data FOLDER ...] [--n 1000] [--weight clock-1]

Flat, gradient and noise pictures, drawn clutter and textures, and the pictures of any folders named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import click
import numpy as np

from facevalue.images import RGB, Source, list_pictures
from facevalue.reader import Reader
from facevalue.reading import Reading
from facevalue.sources import paint


def flat(rnd: Random, size_px: int) -> RGB:
    level = rnd.choice((0, 255, rnd.randrange(256)))
    return np.full((size_px, size_px, 3), level, np.uint8)


def gradient(rnd: Random, size_px: int) -> RGB:
    y, x = np.mgrid[:size_px, :size_px] / size_px
    ramp = 255 * (rnd.random() * x + rnd.random() * y) / 2
    return np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2)


def noise(rnd: Random, size_px: int) -> RGB:
    level, spread = rnd.uniform(0, 255), rnd.uniform(5, 120)
    values = np.random.default_rng(rnd.getrandbits(32)).normal(level, spread, (size_px, size_px, 3))
    return np.asarray(values.clip(0, 255), np.uint8)


def clutter(rnd: Random, size_px: int) -> RGB:
    pixels = paint.make_wall(rnd, size_px).toarray(colorType=paint.skia.kRGBA_8888_ColorType)
    return np.ascontiguousarray(pixels[:size_px, :size_px, :3])


def drawn(count: int, seed: int) -> dict[str, list[RGB]]:
    """The same number of pictures of each kind, of 48 to 400 px."""
    rnd = Random(seed)
    kinds = {"flat": flat, "gradient": gradient, "noise": noise, "clutter": clutter}
    return {name: [make(rnd, rnd.randint(48, 400)) for _ in range(count // len(kinds))] for name, make in kinds.items()}


def answered(reader: Reader, pictures: list[Source]) -> Iterator[bool]:
    for reading in reader.read_many(pictures, on_error="return"):
        yield isinstance(reading, Reading) and not reading.uncertain


@click.command()
@click.option("--data", "folders", multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--n", default=1000, show_default=True, type=click.IntRange(min=4))
@click.option("--seed", default=1, show_default=True)
@click.option("--kind", default="clock", show_default=True)
@click.option("--weight", help="[default: the shipped one of that kind]")
def main(folders: tuple[Path, ...], n: int, seed: int, kind: str, weight: str | None) -> None:
    """Print, kind by kind, how many are answered; every one is a mistake."""
    reader = Reader(kind, weight)
    sets: dict[str, list[Source]] = {name: list(pictures) for name, pictures in drawn(n, seed).items()}
    for folder in folders:
        sets[str(folder)] = list(Random(seed).sample(found := list_pictures(folder), min(n, len(found))))
    for name, pictures in sets.items():
        wrong = sum(answered(reader, pictures))
        click.echo(f"{name}: {wrong} of {len(pictures)} answered")


if __name__ == "__main__":
    main()
