"""The commands ``facevalue instrument``: propose an instrument file, and look at what one says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facevalue.errors import ModelError, PictureError

if TYPE_CHECKING:
    from facevalue.instruments.schema import Instrument
    from facevalue.reading import Reading


@click.group()
def instrument() -> None:
    """Describe whole meters, to be read with: facevalue read --instrument FILE PHOTO."""


@instrument.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("photo", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out",
    "-o",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the boxes and the reading of each part on the photo.",
)
@click.option("--model", metavar="FILE", help="Read with this weight file.")
def check(file: Path, photo: Path | None, out: Path | None, model: str | None) -> None:
    """Check the instrument FILE, and read PHOTO, or its reference picture, part by part.

    Exit code 0: read; 1: the photo could not be; 2: wrong usage, or a mistake in FILE.
    """
    from facevalue.instruments.schema import load_instrument

    described = load_instrument(file)
    photo = photo or described.picture
    if photo is None:
        if out is not None:
            raise click.UsageError(f"--out needs a photo: {file} names no reference picture")
        click.echo("\n".join(part_lines(described)))
        return
    if out is not None:
        refuse_drawing(out, [file, photo, described.picture or photo])
    from facevalue.instruments.reader import InstrumentReader

    try:
        reading = InstrumentReader(described, model).read(photo)
    except PictureError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(1) from error
    width = max(len(part.name) for part in reading.parts)
    for part in reading.parts:
        click.echo(f"  {part.name:<{width}}  {part.value}  {part.confidence:.0%}")
    click.echo(f"{reading.line(described.name)}" + (f"  {reading.unit}" if reading.unit else ""))
    if out is not None:
        write_drawing(out, photo, reading)


def refuse_drawing(out: Path, read: list[Path]) -> None:
    """Raises UsageError for a drawing that would be none, has no folder, or would take the place of what is read."""
    from facevalue.files import is_of_others

    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise click.UsageError(f"--out {out}: expected a .png or .jpg file")
    if not out.parent.is_dir():
        raise click.UsageError(f"--out {out} can't be written: no such folder")
    for path in read:
        if os.path.realpath(out) == os.path.realpath(path):
            raise click.UsageError(f"--out {out} would write over {path}, which is read; name another file")
    if is_of_others(out):
        raise click.UsageError(f"--out {out} would write over a picture that facevalue did not draw; name another file")


def write_drawing(out: Path, photo: Path, reading: Reading) -> None:
    """Write the photo with the reading drawn on it. Raises UsageError where it can't be written there."""
    from facevalue.files import write_picture
    from facevalue.images import open_picture
    from facevalue.reading import draw_overlay

    try:
        write_picture(out, draw_overlay(open_picture(photo), reading))
    except OSError as error:
        raise click.UsageError(f"--out {out} can't be written: {error.strerror or error}") from error


def part_lines(described: Instrument) -> list[str]:
    """A line for each part."""
    width = max(len(part.name) for part in described.parts)
    return [f"  {part.name:<{width}}  {part.kind}" for part in described.parts] + [f"{described.file}: nothing wrong"]


@instrument.command()
@click.argument("photo", type=click.Path(path_type=Path))
@click.option(
    "--out", "-o", metavar="TOML", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file."
)
def new(photo: Path, out: Path) -> None:
    """Propose an instrument file for the meter in PHOTO: the parts that are found. Check it before use."""
    from facevalue.instruments.finding import propose
    from facevalue.reader import Reader

    dials: Reader | None = None
    try:
        dials = Reader("dial")
    except ModelError as error:
        click.echo(f"no dials are looked for: {error}", err=True)
    found = propose(photo, out, dials, Reader("digits"))
    for part in found:
        what = f"a row of {part.digits} digits" if part.digits else "a dial"
        click.echo(f"{what} at {', '.join(f'{v:.0f}' for v in part.box)}  {part.sure:.0%}")
    click.echo(
        f"{out} is written. Check its boxes, and what each part is worth: facevalue instrument check {out} -o check.png"
    )
