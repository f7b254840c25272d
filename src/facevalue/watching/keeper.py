"""Keeps readings: in the database, while that is away in the spool, and while the disk is full in memory."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from facevalue.ending import Ending
from facevalue.watching.plausibility import Good, Verdict
from facevalue.watching.spool import Spool
from facevalue.watching.store import Record, Store, StoreGone

MOST_IN_MEMORY = 10_000  # readings without their pictures: some megabytes


@dataclass(slots=True)
class Backoff:
    """When to try again what fails: twice as long after each failure, from ``first_seconds`` to ``most_seconds``."""

    first_seconds: float = 1.0
    most_seconds: float = 300.0
    failures: int = 0
    since: float = 0.0  # time.monotonic() of the first failure
    due: float = 0.0  # and of the next attempt

    def fail(self) -> float:
        """Note a failure.  Returns the seconds until the next attempt."""
        now = time.monotonic()
        if not self.failures:
            self.since = now
        seconds = min(self.first_seconds * 2.0 ** min(self.failures, 60), self.most_seconds)
        self.failures += 1
        self.due = now + seconds
        return seconds

    def succeed(self) -> None:
        self.failures, self.due = 0, 0.0

    def seconds_left(self) -> float:
        return max(self.due - time.monotonic(), 0.0)

    def seconds_gone(self) -> float:
        """Since the first failure."""
        return time.monotonic() - self.since


class Keeper:
    """Stores the readings of one source in the order they come, whatever is away meanwhile.

    say: is told once when the database or the disk fails, and once when it is back.
    """

    def __init__(self, store: Store, spool: Spool, say: Callable[[str], object]) -> None:
        self._store, self._spool, self._say = store, spool, say
        self._memory: deque[Record] = deque()
        self._is_full = False
        self._complaint = ""
        self.backoff = Backoff()
        self.good: Good | None = None  # the last reading that was believed
        self.knows_good = False  # whether that is known: not before the database has been reached

    @property
    def unsaved(self) -> int:
        """Readings that are nowhere but in memory."""
        return len(self._memory)

    @property
    def is_behind(self) -> bool:
        """Whether readings wait for the database."""
        return bool(self._spool) or bool(self._memory)

    def pictures(self, source: str) -> Iterator[tuple[str, datetime]]:
        """Identity and time of all that is kept of a source, what waits included. Raises StoreGone."""
        for record, _ in self._spool.lines():
            if record is not None:
                yield record.identity, record.time
        yield from self._store.pictures(source)

    def keep(self, record: Record) -> tuple[Verdict | None, bool]:
        """Keep a reading.  Returns what is believed of it, None where only the database can tell, and if it is new."""
        if not self.is_behind and not self.backoff.seconds_left():
            try:
                verdict, is_new = self._store.add(record)
            except StoreGone as error:
                self._fail(error)
            else:
                self._note(verdict.good)
                self._succeed()
                return verdict, is_new
        self._put_aside(record)
        if not self.knows_good:
            return None, True
        verdict = self._store.judge(self.good, record)
        self._note(verdict.good)
        return verdict, True

    def drain(self, ending: Ending | None = None, until: float = math.inf) -> None:
        """Store what waits, where the next attempt is due; without ``ending`` at once, and to its end.

        until: time.monotonic() at which to leave the rest for later.
        """
        if not self.is_behind or (ending is not None and self.backoff.seconds_left()):
            return
        self._empty_memory()
        stored = 0
        try:
            for record, end in self._spool.lines():
                if record is None:
                    self._say(f"{self._spool.path}: a damaged line is left out")
                else:
                    stored += self._store_late(record)
                self._spool.take(end)
                if (ending is not None and ending.asked) or time.monotonic() > until:
                    break
            while self._memory and not self._spool and time.monotonic() <= until:
                stored += self._store_late(self._memory[0])
                self._memory.popleft()
        except StoreGone as error:
            self._fail(error)
        except OSError as error:
            self._say(f"{self._spool.path}: {error.strerror or error}")
            self.backoff.fail()
        else:
            self._succeed()
        if stored:
            self._say(f"{self._store.name}: {stored} reading{'s' * (stored != 1)} that waited stored")

    def _store_late(self, record: Record) -> bool:
        verdict, is_new = self._store.add(record)
        self._note(verdict.good)
        return is_new

    def _put_aside(self, record: Record) -> None:
        self._empty_memory()
        if not self._memory and self._append(record):
            return
        if len(self._memory) == MOST_IN_MEMORY:
            lost = self._memory.popleft()
            self._say(f"memory is full too: the reading {lost.value} of {lost.time:%Y-%m-%d %H:%M:%S} is lost")
        self._memory.append(replace(record, picture=None))

    def _empty_memory(self) -> None:
        while self._memory and self._append(self._memory[0]):
            self._memory.popleft()

    def _append(self, record: Record) -> bool:
        try:
            self._spool.append(record)
        except OSError as error:
            if not self._is_full:
                self._say(f"{self._spool.path}: {error.strerror or error}; readings are kept in memory")
            self._is_full = True
            return False
        if self._is_full:
            self._say(f"{self._spool.path}: can be written again")
        self._is_full = False
        return True

    def _note(self, good: Good | None) -> None:
        if good is not None and (self.good is None or good.time >= self.good.time):
            self.good = good
        self.knows_good = True

    def _fail(self, error: StoreGone) -> None:
        self.backoff.fail()
        if str(error) != self._complaint:
            self._complaint = str(error)
            most = f"{self.backoff.most_seconds / 60:.0f} minutes"
            self._say(f"{error}; readings wait in {self._spool.path}, trying again after 1 s up to {most}")

    def _succeed(self) -> None:
        if self.backoff.failures:
            self._say(f"{self._store.name}: back after {self.backoff.seconds_gone():.0f} s")
        self._complaint = ""
        self.backoff.succeed()
