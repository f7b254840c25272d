"""Drawn pictures on disk: a folder with its index, or one contact sheet."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facevalue.errors import FaceValueError
from facevalue.files import is_of_others, write_picture, write_whole

CAPTION_PX = 14


def write_folder(
    out: Path, header: str, pictures: Iterable[tuple[NDArray[np.uint8], str]], count: int, stem: str
) -> None:
    """PNG files below ``out/images`` and labels.csv, which is written last and whole.

    header: of labels.csv after ``file``.  pictures: each with the rest of its line.  stem: of the files' names.
    Raises FaceValueError when out can't be written or holds an index already.
    """
    try:
        if (out / "labels.csv").exists():
            raise FaceValueError(f"{out} holds a labels.csv already: name another folder")
        (out / "images").mkdir(parents=True, exist_ok=True)
        lines = [f"file,{header}"]
        for index, (picture, label) in enumerate(pictures):
            name = f"images/{stem}_{index:06d}.png"
            Image.fromarray(picture).save(out / name)
            lines.append(f"{name},{label}")
            if (index + 1) % 1000 == 0:
                print(f"{index + 1}/{count} pictures", file=sys.stderr, flush=True)
        write_whole(out / "labels.csv", "\n".join(lines) + "\n")
        tell(f"{count} picture{'s' * (count != 1)} and their labels.csv are in {out}")
    except OSError as error:
        raise FaceValueError(f"can't write {error.filename or out}: {error.strerror or error}") from error


class Indexed(NamedTuple):
    """A picture of a clock with its file's name, its time, and the part of the split that it is of."""

    name: str
    picture: NDArray[np.uint8]
    hour: int
    minute: int
    part: str


def write_index(out: Path, pictures: Iterable[Indexed], count: int) -> None:
    """PNG files, and their lines of file, hour and minute with tabs between.

    The lines of each part are in a file of its name, and all in index.tsv, which is written last and whole.
    Raises FaceValueError when out can't be written or holds an index already.
    """
    try:
        if (out / "index.tsv").exists():
            raise FaceValueError(f"{out} holds an index.tsv already: name another folder")
        lines: dict[str, list[str]] = {}
        for index, (name, picture, hour, minute, part) in enumerate(pictures):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(out / name)
            for table in (part, "index"):
                lines.setdefault(table, []).append(f"{name}\t{hour}\t{minute}\n")
            if (index + 1) % 1000 == 0:
                print(f"{index + 1}/{count} pictures", file=sys.stderr, flush=True)
        for table in sorted(lines, key=lambda table: table == "index"):
            write_whole(out / f"{table}.tsv", "".join(lines[table]))
        shares = ", ".join(f"{table}.tsv {len(lines[table])}" for table in lines if table != "index")
        tell(f"{count} pictures and their index.tsv are in {out}; of them {shares}")
    except OSError as error:
        raise FaceValueError(f"can't write {error.filename or out}: {error.strerror or error}") from error


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def write_sheet(out: Path, drawn: Iterable[tuple[NDArray[np.uint8], str]]) -> None:
    """All pictures side by side, what each shows below it.

    Raises FaceValueError when out can't be written, where that can be told before they are drawn.
    """
    file = out if out.suffix else out.with_suffix(".png")
    if file.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise FaceValueError(f"can't write {file}: sheets are .png or .jpg")
    if is_of_others(file):
        raise FaceValueError(
            f"{file} is there already, and facevalue did not draw it, or an earlier version did: name another file"
        )
    pictures = list(drawn)
    height, width = pictures[0][0].shape[:2]
    columns = max(1, round(math.sqrt(len(pictures) * (height + CAPTION_PX) / width)))
    rows = math.ceil(len(pictures) / columns)
    canvas = Image.new("RGB", (columns * width, rows * (height + CAPTION_PX)), "white")
    pen = ImageDraw.Draw(canvas)
    for index, (picture, caption) in enumerate(pictures):
        left, top = index % columns * width, index // columns * (height + CAPTION_PX)
        canvas.paste(Image.fromarray(picture), (left, top))
        pen.text((left + width // 2, top + height), caption, fill="black", anchor="ma")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_picture(file, np.asarray(canvas))
        tell(f"{len(pictures)} pictures on a sheet: {file}")
    except OSError as error:
        raise FaceValueError(f"can't write {file}: {error.strerror or error}") from error
