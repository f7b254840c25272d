"""Label files: a csv of ``file,label`` and any other columns, read and checked before a picture is opened.

labels.csv ──► cells ──► only, without ──► parse ──► Labelled rows, all their pictures present

An index of clocks, ``.tsv`` with lines of file, hour and minute as ``facevalue synth`` writes it, is one of them.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facevalue.codecs.clock import parse_time
from facevalue.errors import LabelError
from facevalue.texts import in_full

GROUP_COLUMNS = ("source", "meter", "group")  # the first that a file has groups its rows
NO_GROUP = "(none)"
LISTED = 10
INDEX_SUFFIX = ".tsv"
INDEX_HEADER = ["file", "hour", "minute"]

Pick = tuple[str, str]  # column and value


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row of labels.csv.

    truth: what the parser made of the label: of a clock minutes past twelve, 0..719; of digits see
    ``judging.parse_digits``.  source: its group, "" where the csv has no such column.
    """

    file: str
    path: Path
    label: str
    truth: Any
    source: str
    line: int

    @property
    def minutes(self) -> int:
        """The truth of a clock."""
        minutes: int = self.truth
        return minutes


@dataclass(frozen=True)
class Table:
    """The cells of one label file, not yet taken for labels.  rows: line number and cells, stripped."""

    path: Path
    column: dict[str, int]
    rows: list[tuple[int, list[str]]]

    def values(self, column: str) -> set[str]:
        return {cells[self.column[column]] for _, cells in self.rows}

    def group(self, cells: Sequence[str]) -> str:
        name = next((name for name in GROUP_COLUMNS if name in self.column), None)
        return "" if name is None else cells[self.column[name]] or NO_GROUP


def read_labels(
    labels_csv: str | Path,
    parse: Callable[[str], Any] = parse_time,
    only: Sequence[Pick] = (),
    without: Sequence[Pick] = (),
) -> list[Labelled]:
    """The rows of a label file, each checked, all their pictures present.

    parse: of a label, raises ValueError.  only, without: columns and values, see ``read_tables``.
    Raises LabelError naming file and line for a row that can't be used, and for missing pictures (ten and a count).
    """
    return read_tables([labels_csv], parse, only, without)[0]


def check_range(labels_csv: str | Path, rows: Iterable[Labelled], span: tuple[float, float]) -> None:
    """Raise LabelError for a dial's label outside the values at its scale's two ends; NaN is none."""
    low, high = sorted(span)
    for row in rows:
        if row.truth < low or row.truth > high:
            raise LabelError(
                f"{labels_csv}:{row.line}: label {row.label!r} is outside the range from {in_full(low)} to "
                f"{in_full(high)}; correct it, or give the dial's --range LOW:HIGH"
            )


def read_tables(
    paths: Sequence[str | Path],
    parse: Callable[[str], Any] = parse_time,
    only: Sequence[Pick] = (),
    without: Sequence[Pick] = (),
) -> list[list[Labelled]]:
    """The rows of several label files, each as ``read_labels`` gives them.

    only: for each column named, rows with one of the values named for it.  without: rows with none of them.  A file
    that lacks a column is not picked from by it.
    Raises LabelError also for a column or a value that no file has, and where a file is left without rows.
    """
    tables = [read_cells(Path(path)) for path in paths]
    for column, value in (*only, *without):
        _check_pick(tables, column, value)
    return [_label_rows(table, parse, only, without) for table in tables]


def _check_pick(tables: Sequence[Table], column: str, value: str) -> None:
    """A misspelt value must not quietly pick nothing, or leave everything."""
    having = [table for table in tables if column in table.column]
    where = ", ".join(str(table.path) for table in having or tables)
    if not having:
        known = ",".join(dict.fromkeys(name for table in tables for name in table.column))
        raise LabelError(f"{where}: no column {column!r} to pick rows by; expected one of {known}")
    values = set().union(*(table.values(column) for table in having))
    if value not in values:
        known = _list_some([name or "(nothing)" for name in sorted(values)])
        raise LabelError(f"{where}: no row has {column}={value}; {column} is {known}")


def _list_some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _label_rows(
    table: Table, parse: Callable[[str], Any], only: Sequence[Pick], without: Sequence[Pick]
) -> list[Labelled]:
    path, column = table.path, table.column
    wanted: dict[int, set[str]] = {}
    for name, value in only:
        if name in column:
            wanted.setdefault(column[name], set()).add(value)
    unwanted = [(column[name], value) for name, value in without if name in column]
    rows: list[Labelled] = []
    for line, cells in table.rows:
        if any(cells[index] not in values for index, values in wanted.items()):
            continue
        if any(cells[index] == value for index, value in unwanted):
            continue
        file, label = cells[column["file"]], cells[column["label"]]
        try:
            truth = parse(label)
        except ValueError as error:
            raise LabelError(f"{path}:{line}: label {error}") from error
        rows.append(Labelled(file, path.parent / file, label, truth, table.group(cells), line))
    if not rows:
        given = [f"only {name}={value}" for name, value in only] + [
            f"without {name}={value}" for name, value in without
        ]
        raise LabelError(f"{path}: none of its {len(table.rows)} rows is left: {', '.join(given)}")
    missing = [row for row in rows if not os.path.isfile(row.path)]
    if missing:
        listed = _list_some([f"{row.file} (line {row.line})" for row in missing])
        raise LabelError(
            f"{path}: {len(missing)} of {len(rows)} pictures are missing: {listed}; "
            f"expected them relative to {path.parent}"
        )
    return rows


# ---- cells


def read_cells(path: Path) -> Table:
    """The cells of a label file.  Raises LabelError naming file and line."""
    if path.suffix.lower() == INDEX_SUFFIX:
        return _index_cells(path)
    if path.is_dir():  # what opening one raises depends on the system
        raise LabelError(f"{path}: a folder, where a label file was expected; try {path / 'labels.csv'}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = _parse_cells(path, stream)
    except FileNotFoundError as error:
        raise LabelError(f"{path}: no such label file; expected a csv with the columns file,label") from error
    except OSError as error:
        raise LabelError(f"{path}: can't be opened: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8 text (byte {error.start}); save it as CSV in UTF-8") from error
    if not table.rows:
        raise LabelError(f"{path}: no rows below the header; expected one for each picture")
    return table


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line of an index that is not empty, its header left out.  Raises LabelError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise LabelError(f"{path}: can't be read ({why}); expected lines of file, hour, minute with tabs") from error
    for number, line in enumerate(lines, 1):
        cells = [cell.strip().lower() for cell in line.split("\t")]
        if line.strip() and not (number == 1 and cells == INDEX_HEADER):
            yield number, line


def parse_index_line(line: str) -> tuple[str, int, int]:
    """File, hour 0..12 and minute 0..59. Raises ValueError saying what is wrong with the line."""
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != 3 or not cells[0]:
        found = f"{len(cells)} cells" if len(cells) != 3 else "no file"
        raise ValueError(f"{found}; expected file, hour and minute with tabs between")
    file, hour, minute = cells
    if not (hour.isdecimal() and int(hour) <= 12):
        raise ValueError(f"hour {hour!r}; expected 0 to 12")
    if not (minute.isdecimal() and int(minute) <= 59):
        raise ValueError(f"minute {minute!r}; expected 0 to 59")
    return file, int(hour), int(minute)


def _index_cells(path: Path) -> Table:
    """An index as a table of file and label, H:MM."""
    first_line: dict[str, int] = {}
    rows: list[tuple[int, list[str]]] = []
    for number, line in read_lines(path):
        try:
            file, hour, minute = parse_index_line(line)
        except ValueError as error:
            raise LabelError(f"{path}:{number}: {error}") from error
        same = os.path.normpath(file)
        if same in first_line:
            raise LabelError(f"{path}:{number}: {file} stands in line {first_line[same]} already; remove one of them")
        first_line[same] = number
        rows.append((number, [file, f"{hour}:{minute:02d}"]))
    if not rows:
        raise LabelError(f"{path}: no lines; expected one of file, hour, minute with tabs for each picture")
    return Table(path, {"file": 0, "label": 1}, rows)


def _parse_cells(path: Path, stream: Iterable[str]) -> Table:
    table = csv.reader(stream, strict=True, skipinitialspace=True)
    first_line: dict[str, int] = {}
    column: dict[str, int] = {}
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in table:
            where = f"{path}:{table.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not column:
                column = _find_columns(where, cells)
                width = len(cells)
                continue
            if len(cells) != width:
                raise LabelError(f"{where}: {len(cells)} cells; expected {width}, as many as the header has")
            file = cells[column["file"]].strip()
            if not file:
                raise LabelError(f"{where}: no file name; expected a picture, relative to the csv")
            same = os.path.normpath(file)
            if same in first_line:
                raise LabelError(f"{where}: {file} is labelled twice (line {first_line[same]}); remove one of them")
            first_line[same] = table.line_num
            rows.append((table.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise LabelError(f"{path}:{table.line_num}: broken csv: {error}") from error
    if not column:
        raise LabelError(f"{path}: empty; expected a header with the columns file,label")
    return Table(path, column, rows)


def _find_columns(where: str, header: Sequence[str]) -> dict[str, int]:
    names = [name.strip() for name in header]
    for wanted in ("file", "label"):
        if names.count(wanted) != 1:
            problem = f"no column {wanted!r}" if wanted not in names else f"column {wanted!r} twice"
            raise LabelError(f"{where}: {problem} in {','.join(names)!r}; expected the header file,label")
    return {name: index for index, name in enumerate(names) if name}
