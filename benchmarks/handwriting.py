"""Read drawn sheets of MNIST test digits: how many are found and read, and what each step before reading is worth.

    python benchmarks/handwriting.py --data DATA [--model digits-5] [--pages 100] [--seed 1]

The digits are cut out as they are, or normalised as MNIST is, with every step and without each of them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import numpy as np

from facevalue.images import RGB
from facevalue.mnist_form import ALL_STEPS, normalise
from facevalue.reader import Reader
from facevalue.reading import Reading
from facevalue.sheets import Box, cut_digits, look_over
from facevalue.sources.datasets import read_idx_pair
from facevalue.sources.sheets import draw_sheet

SIZE_PX = (1000, 750)
NEAR = 0.5  # intersection over union from which a box is the digit's


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a.right, b.right) - max(a.left, b.left), min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(width, 0) * max(height, 0)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (a, b)]
    return shared / (sum(areas) - shared)


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", help="[default: the shipped weight for digits]")
@click.option("--pages", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True)
def main(data: Path, model: str | None, pages: int, seed: int) -> None:
    """Print recall and precision of finding, and the share read right of what was found, way by way."""
    glyphs, labels = read_idx_pair(data / "mnist", "test")
    reader = Reader("digits", model)
    rng = np.random.default_rng(seed)
    crops: list[RGB] = []
    truth: list[str] = []
    found_count = true_count = 0
    for _ in range(pages):
        rgb, true, chosen = draw_sheet(rng, list(glyphs), SIZE_PX)
        sheet = look_over(rgb)
        found_count, true_count = found_count + len(sheet.boxes), true_count + len(true)
        for box, crop in zip(sheet.boxes, cut_digits(rgb, sheet), strict=True):
            near = [overlap(box, Box(*other)) for other in true]
            if max(near) > NEAR:
                crops.append(crop)
                truth.append(str(labels[chosen[int(np.argmax(near))]]))
    click.echo(f"{pages} sheets, seed {seed}, {reader.weight.name}: {true_count} digits, {found_count} found")
    click.echo(f"recall {len(crops) / true_count:.2%}, precision {len(crops) / found_count:.2%}; of those read right:")
    ways = {"cut out as they are": crops, "normalised, all steps": [normalise(crop) for crop in crops]}
    for step in dataclasses.fields(ALL_STEPS):
        steps = dataclasses.replace(ALL_STEPS, **{step.name: False})
        ways[f"normalised without {step.name}"] = [normalise(crop, steps) for crop in crops]
    for name, pictures in ways.items():
        readings = list(reader.read_many(pictures))
        right = [isinstance(r, Reading) and r.value == t for r, t in zip(readings, truth, strict=True)]
        click.echo(f"  {name:<28}{np.mean(right):>8.2%}")


if __name__ == "__main__":
    main()
