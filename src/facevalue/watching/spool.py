"""Readings that the database could not take yet, in a small file, one JSON object a line, until it can."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import ModuleType

from facevalue.errors import FaceValueError
from facevalue.watching.store import Record, utc_text

locks: ModuleType | None
try:
    import fcntl as locks
except ModuleNotFoundError:  # not on Windows
    locks = None

CLOSED_ON_EXEC, UNTRANSLATED = getattr(os, "O_CLOEXEC", 0), getattr(os, "O_BINARY", 0)  # the second is of Windows
BLOCK = 1 << 20


def default_folder() -> Path:
    """Where spools lie: what systemd's StateDirectory= gives, or the user's own folder for such things."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "facevalue"


def spool_name(source: str, database: str) -> str:
    """The spool's file for what is watched and the database it belongs in."""
    return f"spool-{hashlib.sha256(f'{source} {database}'.encode()).hexdigest()[:16]}.jsonl"


class Spool:
    """An append-only file that survives a kill at any point, and belongs to one process.

    Raises FaceValueError where it can't be made, or where another watcher has it. Its other methods raise OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | CLOSED_ON_EXEC | UNTRANSLATED, 0o600)
        except OSError as error:
            raise FaceValueError(f"{path}: can't keep a spool there ({error.strerror}); choose with --spool") from error
        if locks is not None:
            try:
                locks.flock(self._file, locks.LOCK_EX | locks.LOCK_NB)
            except OSError as error:
                os.close(self._file)
                raise FaceValueError(
                    f"{path}: another facevalue watch has this spool; it watches the same, or give one another --name"
                ) from error
        self._taken = 0  # bytes at the beginning that are in the database
        self._size = self._cut_torn_line()

    def _cut_torn_line(self) -> int:
        """Drop what a kill left of a line that was being written; the size of the rest."""
        size = os.fstat(self._file).st_size
        at = size
        while at and self._read_at(at - 1, 1) != b"\n":
            at -= 1
        if at != size:
            os.ftruncate(self._file, at)
        return at

    def _read_at(self, at: int, count: int) -> bytes:
        os.lseek(self._file, at, os.SEEK_SET)
        return os.read(self._file, count)

    def __bool__(self) -> bool:
        return self._taken < self._size

    def append(self, record: Record) -> None:
        """Write a reading so that it survives a loss of power, whole or not at all; without its picture if need be."""
        try:
            self._append(record)
        except OSError:
            if record.picture is None:
                raise
            self._append(replace(record, picture=None))

    def _append(self, record: Record) -> None:
        line = to_line(record)
        try:
            written = 0
            os.lseek(self._file, self._size, os.SEEK_SET)
            while written < len(line):
                written += os.write(self._file, line[written:])
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def lines(self) -> Iterator[tuple[Record | None, int]]:
        """The readings that are not in the database, oldest first, and where each ends; None for a damaged line."""
        end, begun = self._taken, b""
        while block := self._read_at(end + len(begun), BLOCK):
            *lines, begun = (begun + block).split(b"\n")
            for line in lines:
                end += len(line) + 1
                yield from_line(line), end

    def take(self, end: int) -> None:
        """Forget what lies before ``end``: it is in the database."""
        self._taken = end
        if not self:
            os.ftruncate(self._file, 0)
            self._taken = self._size = 0

    def close(self) -> None:
        os.close(self._file)


def to_line(record: Record) -> bytes:
    fields = asdict(record)
    fields["time"] = utc_text(record.time)
    fields["picture"] = None if record.picture is None else base64.b64encode(record.picture).decode()
    return json.dumps(fields).encode() + b"\n"


def from_line(line: bytes) -> Record | None:
    """The reading of a line, None for one that a disk has damaged."""
    try:
        fields = json.loads(line)
        fields["time"] = datetime.fromisoformat(fields["time"])
        if fields["picture"] is not None:
            fields["picture"] = base64.b64decode(fields["picture"])
        return Record(**fields)
    except (ValueError, TypeError, KeyError):
        return None
