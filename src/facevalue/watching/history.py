"""The history of readings: what ``facevalue log`` prints, writes and draws."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from facevalue.errors import FaceValueError, MissingExtraError
from facevalue.files import told_as_ours, unfinished_file
from facevalue.texts import printable
from facevalue.watching.store import Entry, open_existing

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
CSV_COLUMNS = (
    *("time", "source", "kind", "value", "number", "confidence", "uncertain", "plausible", "why"),
    *("good_value", "good_number", "model", "identity", "picture_hash", "picture_file"),
)
OF_FILE = re.compile(r"(.+) [0-9a-f]{16}", re.DOTALL)  # identity of a picture of a folder: its name, and of its content


def history(
    db_url: str, since: datetime | None = None, source: str | None = None, limit: int | None = None
) -> list[Entry]:
    """The readings that a database holds, oldest first.

    db_url: an SQLite file, or a URL as facevalue watch takes it.  since: the first time wanted.  source: one of them,
    else all.  limit: how many at most, the newest.  Raises FaceValueError where there is no such database or it
    can't be reached.
    """
    with closing(open_existing(db_url)) as store:
        return store.entries(since, source, limit)


def parse_since(text: str, now: datetime) -> datetime:
    """``2h`` before now, or a date with or without a time, of this place where it names no zone. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhdw])", text.strip(), re.ASCII)
    try:
        if match is not None:
            return now - timedelta(seconds=float(match[1]) * UNITS[match[2]])
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time; expected 90m, 2h, 7d, 2026-11-01 or 2026-11-01T12:00") from error


def line_of(entry: Entry) -> str:
    """``time  value  confidence``, of a reading that was not believed why, and what is believed in its place.

    Of a picture in a folder its name too.
    """
    value = entry.value or "-"
    if entry.uncertain and "?" not in value and not entry.why:
        value += " ?"
    line = f"{entry.time.astimezone().isoformat(' ', 'seconds')}  {value}  {entry.confidence:.0%}"
    if file := OF_FILE.fullmatch(entry.identity):
        line += f"  {printable(file[1])}"
    if entry.why and entry.plausible:
        return f"{line}  ({entry.why})"
    if entry.why or entry.uncertain:
        kept = "" if entry.good_value is None else f"; still {entry.good_value}"
        line += f"  ({entry.why or 'uncertain'}{kept})"
    return line


def write_csv(path: Path, entries: Iterable[Entry]) -> None:
    """Write a table with the names of its columns in the first line, whole or not at all. Raises FaceValueError."""

    with (
        told_as_ours(path),
        unfinished_file(path) as unfinished,
        open(unfinished, "w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(entry.to_dict() for entry in entries)


def split_known(points: Iterable[tuple[datetime, float | None]]) -> tuple[Any, NDArray[np.float64]]:
    """Times, and numbers (N,), of the points that have a number."""
    known = [(time, number) for time, number in points if number is not None]
    return [time for time, _ in known], np.array([number for _, number in known], dtype=np.float64)


def draw_history(path: Path, entries: Sequence[Entry]) -> None:
    """Draw what was believed over time as a line, and what was not believed as crosses: .png, .svg or .pdf.

    The axis spans what was believed, and what lies beyond stands at its edge: one wrong reading must not flatten all.
    Raises FaceValueError, MissingExtraError.
    """
    try:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "--plot needs matplotlib, which is not installed: pip install 'facevalue[serve]'"
        ) from error
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise FaceValueError(f"--plot {path}: expected a .png, .svg or .pdf file")
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for index, source in enumerate(sorted({entry.source for entry in entries})):
        believed = [(entry.time, entry.good_number) for entry in entries if entry.source == source]
        times, numbers = split_known(believed)
        axes.step(times, numbers, where="post", color=f"C{index}", marker=".", label=source)
    low, high = axes.get_ylim() if any(entry.good_number is not None for entry in entries) else (-math.inf, math.inf)
    doubted = [(entry.time, entry.number) for entry in entries if entry.uncertain or not entry.plausible]
    times, numbers = split_known(doubted)
    axes.plot(times, numbers.clip(low, high), "x", color="#b3261e", clip_on=False, label="not believed")
    if math.isfinite(low):
        axes.set_ylim(low, high)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    here = datetime.now().astimezone().tzinfo
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=here))  # type: ignore[no-untyped-call]
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", frameon=False)
    with told_as_ours(path), unfinished_file(path) as unfinished:
        figure.savefig(unfinished, dpi=120)


def log_command(
    db_url: str,
    *,
    since: datetime | None,
    source: str | None,
    csv_file: Path | None,
    plot: Path | None,
    as_json: bool,
    correct: str | None,
) -> None:
    """Print the history, or write it to the files asked for; or set by hand what an instrument shows now.

    Raises FaceValueError.
    """
    if correct is not None:
        if since is not None or csv_file is not None or plot is not None or as_json:
            raise FaceValueError("--correct stores a value and shows nothing: give it with --db and --source alone")
        click.echo(line_of(set_by_hand(db_url, source, correct)))
        return
    entries = history(db_url, since, source)
    if csv_file is not None:
        write_csv(csv_file, entries)
    if plot is not None:
        draw_history(plot, entries)
    if as_json:
        for entry in entries:
            click.echo(json.dumps(entry.to_dict()))
    elif csv_file is None and plot is None:
        several = len({entry.source for entry in entries}) > 1
        for entry in entries:
            click.echo(f"{entry.source}: {line_of(entry)}" if several else line_of(entry))
    if not entries:
        click.echo("no readings", err=True)


def set_by_hand(db_url: str, source: str | None, value: str) -> Entry:
    """Store what a person sees on a counter: the readings from now on are judged by it, those before stay as they are.

    source: may be None where the database holds one alone.  Raises FaceValueError.
    """
    if not re.fullmatch(r"-?\d{1,20}(\.\d{1,10})?", value, re.ASCII):
        raise FaceValueError(f"--correct {value}: expected what the instrument shows, such as 0042.7")
    with closing(open_existing(db_url)) as store:
        kinds = store.sources()
        if source is None and len(kinds) == 1:
            source = next(iter(kinds))
        if source is None or source not in kinds:
            raise FaceValueError(
                f"--correct needs --source, one of: {', '.join(sorted(kinds)) or 'none is stored yet'}"
            )
        if kinds[source] == "clock" or (kinds[source] == "digits" and value.startswith("-")):
            raise FaceValueError(f"--correct {value}: no value of {source}, which is read as {kinds[source]}")
        return store.set_by_hand(source, kinds[source], value, datetime.now(UTC))
