"""Anyone's pictures of clocks, by an index: read, checked line by line, and split for good.

index.tsv, or labels.csv ──► lines ──► pictures, all of one size ──► ClockSet
train.tsv, validation.tsv, test.tsv beside index.tsv ──► the part of each line; without them its name decides
"""

from __future__ import annotations

import functools
import hashlib
import os
import posixpath
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.clock import parse_time
from facevalue.errors import LabelError, PictureError, SettingError
from facevalue.images import open_picture
from facevalue.labels import INDEX_SUFFIX, parse_index_line, read_cells, read_lines
from facevalue.sources.clock_faces import UPRIGHT
from facevalue.sources.clock_sets import PARTS, Clocks, ClockSet, Part, placed_as

INDEX_FILE, LABELS_FILE = "index.tsv", "labels.csv"
HELD_OUT_ONE_IN = 5
LISTED = 10


class OtherSizeError(ValueError):
    """A picture of another size than is asked for."""

    def __init__(self, message: str, wide: int, high: int) -> None:
        super().__init__(message)
        self.size = wide, high


@dataclass(frozen=True)
class Index:
    """What an index holds.

    clocks: of all good lines.  part_of: (N,) of PARTS.  problems: what is wrong with each of the other lines.
    """

    clocks: Clocks
    part_of: NDArray[np.str_]
    problems: tuple[str, ...]

    @functools.cached_property
    def digest(self) -> str:
        """Twelve hex digits of the pictures, their times and their parts."""
        sha = hashlib.sha256(self.clocks.minutes.tobytes() + str(self.part_of.tolist()).encode())
        sha.update(self.clocks.pictures.tobytes())
        return sha.hexdigest()[:12]


def open_index(data: Path | None, size_px: int, skip_bad: bool = False) -> ClockSet:
    """Anyone's pictures: lines of file, hour and minute with tabs between, files relative to the index.

    data: the index, a labels.csv, or a folder with one of them.  size_px: side of all the pictures.  skip_bad: leave
    out lines that can't be used and say so on standard error.
    Files train.tsv, validation.tsv and test.tsv beside an index.tsv, the first and one more, say what is trained on,
    held out and tested on: of their lines the name counts, all else is the index'. Without them a fifth, chosen by the
    names of the files, is held out, and nothing kept for testing. Where a dial stands is not known: it is taken to be
    upright and to fill its picture.
    Raises SettingError without data, LabelError for lines that can't be used, named and counted.
    """
    if data is None:
        raise SettingError("clocks/index trains on pictures of yours: name their index with --data FILE")
    path = data
    if data.is_dir():
        tables = [data / name for name in (INDEX_FILE, LABELS_FILE)]
        path = next((table for table in tables if table.is_file()), tables[0])
    for cached in (read_index, index_part):
        cached.cache_clear()  # the files may have been mended since
    index = read_index(path, size_px)
    problems = index.problems
    if problems and not (skip_bad and len(index.clocks.minutes)):
        hint = "" if skip_bad else "; mend them, or leave them out with --set source=clocks/index-skip-bad"
        raise LabelError(f"{listed(problems)} of {path} can't be used{hint}")
    if problems:
        print(f"left out: {listed(problems)}", file=sys.stderr)
    if not (index.part_of == "train").any():
        raise LabelError(f"{path}: none of its {len(index.part_of)} pictures is for training, see train.tsv beside it")
    trained, held_out = ((index.part_of == part).sum().item() for part in ("train", "validation"))
    part = functools.partial(index_part, path, size_px, index.digest)
    return ClockSet(part, digest=index.digest, sizes=(trained, held_out))


def listed(problems: tuple[str, ...]) -> str:
    more = f"; and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
    return f"{len(problems)} line{'s' * (len(problems) != 1)} ({'; '.join(problems[:LISTED])}{more})"


@functools.lru_cache(maxsize=4)
def index_part(path: Path, size_px: int, digest: str, part: Part) -> Clocks:
    """The clocks of a part.  Raises LabelError where the index or a picture is another than when it was opened."""
    index = read_index(path, size_px)
    if index.digest != digest:
        raise LabelError(f"{path}: it, or a picture of it, was changed since the training began; begin it anew")
    return index.clocks.taken(np.flatnonzero(index.part_of == part))


@functools.lru_cache(maxsize=2)
def read_index(path: Path, size_px: int) -> Index:
    """Every line of an index, good or bad.

    Raises LabelError for an index that can't be read or has no lines, and where all the pictures have another size.
    """
    first_line: dict[str, int] = {}
    minutes: list[int] = []
    pictures: list[NDArray[np.uint8]] = []
    problems: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()
    parts: list[Part] = []
    part_named = read_parts(path)
    for number, line in time_lines(path):
        try:
            if isinstance(line, ValueError):
                raise line
            file, time = line
            same = plain(file)
            if same in first_line:
                raise ValueError(f"{file} stands in line {first_line[same]} already")
            if part_named and same not in part_named:
                raise ValueError(f"{file} stands in no file of a part, such as train{INDEX_SUFFIX}")
            picture = open_clock(path.parent / file, size_px)
        except ValueError as error:
            if isinstance(error, OtherSizeError):
                sizes[error.size] += 1
            problems.append(f"{path.name}:{number}: {error}")
        else:
            first_line[same] = number
            pictures.append(picture)
            minutes.append(time)
            parts.append(part_named[same] if part_named else part_by_name(same))
    if not (minutes or problems):
        raise LabelError(f"{path}: no lines; expected one of file, hour, minute with tabs for each picture")
    if len(sizes) == 1 and sizes.total() == len(problems) > 1 and not minutes:
        ((wide, high),) = sizes
        advice = f"train with --set size_px={wide}" if wide == high else f"make them {size_px} x {size_px}"
        raise LabelError(
            f"{path}: all its {len(problems)} pictures are {wide} x {high} px, where {size_px} x {size_px} are asked "
            f"for: {advice}"
        )
    if "train" not in parts and not part_named:
        parts = ["train"] * len(parts)  # so few that none is to be held out
    stacked = np.array(pictures, dtype=np.uint8).reshape(-1, size_px, size_px, 3)
    second = np.full(len(minutes), np.nan, dtype=np.float32)
    placed = placed_as([UPRIGHT] * len(minutes))
    clocks = Clocks(stacked, np.array(minutes, dtype=np.int64), second, placed)
    return Index(clocks, np.array(parts, dtype=np.str_), tuple(problems))


def plain(file: str) -> str:
    """A file's path below its index, written as everywhere the same, for the part that it is in hangs on it."""
    return posixpath.normpath(file.replace(os.sep, "/"))


def part_by_name(name: str) -> Part:
    """Whether a picture is held out; other pictures, added or left out, change nothing for it."""
    return "validation" if zlib.crc32(name.encode()) % HELD_OUT_ONE_IN == 0 else "train"


def read_parts(path: Path) -> dict[str, Part]:
    """The part of each file that train.tsv, validation.tsv and test.tsv name beside an index.tsv.

    {} where not the first and one more of them are there.  Raises LabelError for a file that stands in two parts.
    """
    tables = {part: path.parent / f"{part}{INDEX_SUFFIX}" for part in PARTS}
    tables = {part: table for part, table in tables.items() if table.is_file()}
    if path.name != INDEX_FILE or "train" not in tables or len(tables) < 2:
        return {}
    found: dict[str, Part] = {}
    for part, table in tables.items():
        for number, line in read_lines(table):
            file = line.split("\t")[0].strip()
            same = plain(file)
            if found.setdefault(same, part) != part:
                raise LabelError(f"{table}:{number}: {file} stands in {found[same]}{INDEX_SUFFIX} already")
    return found


def time_lines(path: Path) -> Iterator[tuple[int, tuple[str, int] | ValueError]]:
    """Number, file and minutes past twelve of each line, or what is wrong with it.  Raises LabelError."""
    if path.suffix.lower() == ".csv":
        table = read_cells(path)
        for number, cells in table.rows:
            try:
                yield number, (cells[table.column["file"]], parse_time(cells[table.column["label"]]))
            except ValueError as error:
                yield number, ValueError(f"label {error}")
        return
    for number, line in read_lines(path):
        try:
            file, hour, minute = parse_index_line(line)
        except ValueError as error:
            yield number, error
        else:
            yield number, (file, hour % 12 * 60 + minute)


def open_clock(path: Path, size_px: int) -> NDArray[np.uint8]:
    """(S, S, 3) of a picture. Raises ValueError for one that is missing, broken or of another size."""
    try:
        rgb = open_picture(path)
    except PictureError as error:
        raise ValueError(f"{path.name}: {error.problem}") from error
    high, wide = rgb.shape[:2]
    if (high, wide) != (size_px, size_px):
        message = f"{path.name}: {wide} x {high} px; expected {size_px} x {size_px}, see --set size_px"
        raise OtherSizeError(message, wide, high)
    return rgb
