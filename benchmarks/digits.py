"""Measure the digit reader on every set of pictures that it has figures for, and write them where they are published.

    python benchmarks/digits.py --data DATA [--weight digits-5] [--publish]

DATA holds mnist, meter-digits, meter-digits-whole, seven-segment and optdigits. With --publish everything between the
markers ``<!-- digits -->`` and ``<!-- /digits -->`` of README.md and of the weight's card is replaced; nothing there is
typed by hand. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

import click
import numpy as np
import onnxruntime
from no_instrument import answered, drawn
from publish import ROOT, percent, replace_between
from read_speed import describe_hardware, median_milliseconds

from facevalue.codecs.digits import BESIDE_PX
from facevalue.evaluate import evaluate
from facevalue.images import list_pictures, open_picture
from facevalue.judging import parse_digits
from facevalue.labels import read_tables
from facevalue.look_row import look_at
from facevalue.metrics import place_is_right, place_of
from facevalue.reader import Reader
from facevalue.sources.datasets import unpack
from facevalue.sources.digits import LEFT_OUT_METERS

SEQUENCES = 10_000
SPEED_CROPS = 60
WITH_NONE = "meter-digits-whole"  # holds pictures that are labelled as no digit


class Measured(NamedTuple):
    """A set of pictures.  only: columns and values of the rows that count."""

    name: str
    about: str
    labels: Path
    only: tuple[tuple[str, str], ...] = ()


def prepare(data: Path, folder: Path) -> Iterator[Measured]:
    """The sets, those that are no folders of pictures yet unpacked below ``folder``."""
    unpack(data / "mnist", folder / "mnist", split="test")
    yield Measured("MNIST test", "handwritten, white on black, 28 px", folder / "mnist" / "labels.csv")
    unpack(data / "mnist", folder / "sequences", split="test", count=SEQUENCES, sequences=(1, 5))
    yield Measured("MNIST sequences", "1 to 5 test digits joined, all right", folder / "sequences" / "labels.csv")
    unpack(data / "optdigits" / "optdigits.npz", folder / "optdigits")
    yield Measured("optdigits", "handwritten, black and white", folder / "optdigits" / "labels.csv")
    yield Measured(
        "meter-digits, 5 meters left out",
        "rolling digits, place within 0.1, read in tenths",
        data / "meter-digits" / "labels.csv",
        tuple(("meter", meter) for meter in LEFT_OUT_METERS),
    )
    yield Measured(WITH_NONE, "digits of other meters", data / WITH_NONE / "labels.csv")
    yield Measured("seven-segment", "LCD strings, point ignored", data / "seven-segment" / "labels.csv")


def count_answered(reader: Reader, n: int, seed: int) -> dict[str, int]:
    """Of n pictures without a digit, kind by kind, how many are answered."""
    return {name: sum(answered(reader, list(pictures))) for name, pictures in drawn(n, seed).items()}


def share_within(reader: Reader, labels: Path) -> float:
    """Of single drums of the meters left out, how many places are within 0.1 of their label before they are rounded."""
    read, true = [], []
    (rows,) = read_tables([labels], parse_digits, [("meter", meter) for meter in LEFT_OUT_METERS])
    for row in rows:
        number = look_at(reader.weight, row.path)[0].number
        place = place_of(row.truth)
        if place is not None:
            read.append(number.last if len(number.digits) == 1 else np.nan)
            true.append(place)
    return float(place_is_right(read, true).mean())


def measure_speed(reader: Reader, pictures: list[Path], runs: int = 200) -> dict[str, float]:
    """Milliseconds on one thread: one pass of the network over a whole frame, and over the narrow one of a square digit
    where it has those; whole readings of crops in memory, median and 90th."""
    width, height = reader.weight.frame_px
    pixels = np.random.default_rng(1).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    narrow = np.ascontiguousarray(pixels[:, :, : height + 2 * BESIDE_PX]) if reader.weight.narrow_px else pixels
    crops = [open_picture(path) for path in Random(1).sample(pictures, min(SPEED_CROPS, len(pictures)))]
    each = [median_milliseconds(lambda crop=crop: reader.read(crop), 9) for crop in crops]
    return {
        "pass_ms": median_milliseconds(lambda: reader.weight.session.run(None, {"pictures": pixels}), runs),
        "narrow_ms": median_milliseconds(lambda: reader.weight.session.run(None, {"pictures": narrow}), runs),
        "reading_ms": float(np.median(each)),
        "reading_90_ms": float(np.quantile(each, 0.9)),
    }


def calibration_of(about: Mapping[str, str], folds: str = "", on: str = "on those") -> str:
    """What was answered, and how much of it rightly, by calibrations that had not seen it.

    about: metadata.  folds: how they were parted; on: which pictures, in words.
    """
    if "calibration_held_out" not in about:
        raise click.ClickException("this weight has no calibration_held_out: run facevalue calibrate on it first")
    held_out = json.loads(about["calibration_held_out"])
    return (
        f"Cross-validated {on} ({held_out['folds']} folds{folds}, n = {held_out['count']}): "
        f"{percent(held_out['answered'])} answered, {percent(held_out['right'])} of them right."
    )


def calibration_note(about: Mapping[str, str]) -> str:
    """What the columns of answered readings can't promise, with the figures that can. about: a weight's metadata."""
    return (
        "These are development sets: drawing was improved by looking at misses on them. Confidence and its threshold "
        "were fitted on the meters left out, on strings of MNIST test digits and on printed cells, so there “answered” "
        "and “of them right” are in-sample. " + calibration_of(about, ", whole meters apart")
    )


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--weight", default="digits-5", show_default=True)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Keep each set's scores and sheets there."
)
@click.option("--publish", is_flag=True, help="Write README.md and the weight's card.")
def main(data: Path, weight: str, out: Path | None, publish: bool) -> None:
    """Measure, print, and with --publish write README.md and the card."""
    reader = Reader("digits", weight)
    about = reader.weight.metadata
    lines = [
        "| pictures | n | right | answered | … of them right |",
        "| --- " * 5 + "|",
    ]
    right_answers, counts, shares = [], [], []
    no_digit = {"count": 0, "answered": 0}
    with tempfile.TemporaryDirectory() as scratch:
        for measured in prepare(data, Path(scratch)):
            folder = out / measured.labels.parent.name if out is not None else None
            scores = evaluate(reader, measured.labels, folder, model=weight, only=measured.only)
            answers = scores["answered"]
            lines.append(
                f"| {measured.name}: {measured.about} | {scores['count']} | {percent(scores['exact'])} "
                f"| {percent(answers['share'])} | {percent(answers['exact'])} |"
            )
            click.echo(lines[-1])
            shares.append(answers["share"])
            counts.append(scores["count"])
            right_answers.append(answers["exact"])
            if measured.labels.parent.name == WITH_NONE:
                no_digit = scores["without_digit"]
    place = share_within(reader, data / "meter-digits" / "labels.csv")
    empty = count_answered(reader, 1000, 1)
    speed = measure_speed(reader, list_pictures(data / "meter-digits-whole"))
    mean_right = float(np.mean([share for share in right_answers if share is not None]))
    told = np.array(counts) * np.array(shares)  # pictures answered, of each set
    all_right = float(np.average([share or 0.0 for share in right_answers], weights=told))
    lines += [
        f"| all, each set weighing the same | {sum(counts)} | – | {percent(float(np.mean(shares)))} "
        f"| {percent(mean_right)} |",
        f"| all, each picture weighing the same | {sum(counts)} | – | {percent(float(told.sum() / sum(counts)))} "
        f"| {percent(all_right)} |",
        "",
        f"Of 1,000 pictures without a digit ({', '.join(empty)}) {sum(empty.values())} are answered. "
        f"The meters left out of training whole: {', '.join(LEFT_OUT_METERS)}.",
        "",
        f"Places on a drum are labelled and read in tenths; before they are rounded {percent(place)} are within 0.1 of "
        f"their label. Of the pictures of {WITH_NONE} {no_digit['count']} more are labelled as no digit, "
        f"drums between two; {no_digit['answered']} of them are answered.",
        "",
        calibration_note(about),
        "",
        "| speed, one thread | figure |",
        "| --- | --- |",
        f"| one pass of the network over a long row; over a single digit | {speed['pass_ms']:.2f} ms; "
        f"{speed['narrow_ms']:.2f} ms |",
        f"| one digit's crop in memory, read whole: median, 90th percentile | {speed['reading_ms']:.2f} ms, "
        f"{speed['reading_90_ms']:.2f} ms |",
        "",
        f"Weight {weight}, recipe {about['recipe_hash']}, {about['steps']} steps after its parent's, one seed each; "
        f"threshold {json.loads(about['calibration'])['threshold']:.3f}. {describe_hardware()}, onnxruntime "
        f"{onnxruntime.__version__}, {datetime.date.today()}. Written by `python benchmarks/digits.py --data DATA "
        f"--publish`; one set alone: `facevalue evaluate {weight} --data DATA/seven-segment/labels.csv`.",
    ]
    if publish:
        replace_between(ROOT / "README.md", lines, "digits")
        replace_between(ROOT / "src/facevalue/weights" / f"{weight}.md", lines, "digits")
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
