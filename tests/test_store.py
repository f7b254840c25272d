"""Keeping readings: each once, in order, judged; also while the database or the disk fails. Both databases are real."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import Postgres, postgres

from facevalue import watch
from facevalue.ending import Ending
from facevalue.errors import FaceValueError
from facevalue.watching import keeper as keeper_module
from facevalue.watching.history import history
from facevalue.watching.keeper import Backoff, Keeper
from facevalue.watching.plausibility import Limits
from facevalue.watching.spool import Spool
from facevalue.watching.store import READINGS, TABLES, Entry, Record, Store, StoreGone, parse_url

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
COUNTER = Limits(rises=True, most_per_hour=60)


def record(minute: int, number: float | None, source: str = "cellar", uncertain: bool = False) -> Record:
    """A reading of so many minutes past noon."""
    return Record(
        source=source,
        identity=f"{minute:02d}.png",
        time=NOON + timedelta(minutes=minute, microseconds=123456),
        kind="digits",
        value="" if number is None else f"{number:04.0f}",
        number=number,
        confidence=0.5 if uncertain else 0.99,
        uncertain=uncertain,
        problem="the picture is cut off" if number is None else "",
        model="digits-1",
        picture_hash=f"hash {source} {minute}",
        picture=b"\xff\x00jpeg",
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "readings.db")
    url: str = request.getfixturevalue("cluster").url
    engine = sa.create_engine(url.replace("postgresql", "postgresql+psycopg"))
    TABLES.drop_all(engine)
    engine.dispose()
    return url


Open = Callable[[str, Path, list[str]], Keeper]


@pytest.fixture
def open_keeper() -> Iterator[Open]:
    """Makes a keeper of a database, with its spool in a folder, that tries again at once; closed after the test."""
    with ExitStack() as stack:

        def make(address: str, folder: Path, said: list[str]) -> Keeper:
            store = stack.enter_context(closing(Store(address, COUNTER)))
            spool = stack.enter_context(closing(Spool(folder / "spool.jsonl")))
            keeper = Keeper(store, spool, said.append)
            keeper.backoff = Backoff(first_seconds=0.0)
            return keeper

        yield make


def numbers(address: str) -> list[tuple[float | None, bool, float | None]]:
    return [(entry.number, entry.plausible, entry.good_number) for entry in history(address)]


def test_each_reading_is_stored_once_and_judged(address: str) -> None:
    store = Store(address, COUNTER)
    rows = [record(0, 40), record(1, 41), record(2, 39), record(3, 42, uncertain=True), record(4, None), record(5, 43)]
    for row in rows:
        verdict, is_new = store.add(row)
        assert is_new
    again, is_new = store.add(rows[2])
    assert (is_new, again.plausible, again.why) == (False, False, "backwards: 0041 was read before")
    assert verdict.good is not None
    assert verdict.good.number == 43
    assert numbers(address) == [
        (40, True, 40),
        (41, True, 41),
        (39, False, 41),  # the last good one stays
        (42, True, 41),  # plausible, but uncertain
        (None, False, 41),
        (43, True, 43),
    ]
    first = history(address)[0]
    assert (first.time, first.value, first.picture_hash) == (rows[0].time, "0040", "hash cellar 0")
    assert first.to_dict()["time"] == "2026-11-21T12:00:00.123456Z"
    with store._engine.connect() as connection:
        assert connection.execute(sa.select(READINGS.c.picture)).scalars().first() == b"\xff\x00jpeg"
    store.close()


def test_sources_are_judged_apart_and_chosen(address: str) -> None:
    store = Store(address, COUNTER)
    store.add(record(0, 40))
    verdict, is_new = store.add(record(0, 7, source="attic"))
    assert (is_new, verdict.plausible) == (True, True)
    assert [entry.number for entry in history(address, source="attic")] == [7]
    assert [entry.number for entry in history(address, since=NOON + timedelta(minutes=1))] == []
    assert dict(store.pictures("attic")) == {"00.png": record(0, 7).time}
    assert store.sources() == {"attic": "digits", "cellar": "digits"}
    store.close()


def test_a_late_picture_is_judged_by_those_before_it(address: str) -> None:
    store = Store(address, COUNTER)
    for row in (record(0, 40), record(10, 45)):
        store.add(row)
    verdict, _ = store.add(record(5, 42))
    assert (verdict.plausible, verdict.good and verdict.good.number) == (True, 42)
    verdict, _ = store.add(record(11, 44))
    assert not verdict.plausible
    store.close()


def test_a_reading_is_judged_by_the_time_of_the_last_certain_one(address: str) -> None:
    """Forty in 51 minutes, at most sixty an hour; not in the one minute since the reading that nobody was sure of."""
    store = Store(address, COUNTER)
    for row in (record(0, 40), record(50, 41, uncertain=True)):
        store.add(row)
    assert store.add(record(51, 80))[0].plausible
    store.close()


def test_what_a_person_sets_is_believed(address: str) -> None:
    store = Store(address, COUNTER)
    store.add(record(0, 9040))
    entry = store.set_by_hand("cellar", "digits", "0041", NOON + timedelta(minutes=1))
    assert (entry.why, entry.good_number) == ("set by hand", 41)
    verdict, _ = store.add(record(2, 42))
    assert verdict.plausible
    assert numbers(address) == [(9040, True, 9040), (41, True, 41), (42, True, 42)]
    store.close()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mysql://x/y", "mysql is not supported"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("://", "not the address of a database"),
        ("postgresql://me@here:port/db", "not the address of a database"),
    ],
)
def test_no_database(text: str, problem: str) -> None:
    with pytest.raises(FaceValueError, match=problem):
        parse_url(text)


def test_the_name_of_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    assert parse_url(str(tmp_path / "a?b=c.db")).database == str(tmp_path / "a?b=c.db")


def test_the_newest_of_many(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "readings.db"))
    for row in [record(minute, 40 + minute) for minute in range(5)]:
        store.add(row)
    assert [entry.number for entry in store.entries(limit=2)] == [43, 44]
    assert [entry.number for entry in store.entries()] == [40, 41, 42, 43, 44]
    store.close()


def test_no_password_in_a_message() -> None:
    store = Store("postgresql://me:s3cret@127.0.0.1:1/house?sslpassword=s3cret")
    with pytest.raises(StoreGone) as caught:
        store.add(record(0, 1))
    assert str(caught.value).startswith("postgresql://me:***@127.0.0.1:1/house: ")
    assert "s3cret" not in str(caught.value)


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FaceValueError, match=r"none\.db: no such file"):
        history(str(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreGone, match="no such table"):
        history(str(tmp_path / "empty.db"))
    assert (tmp_path / "empty.db").stat().st_size == 0


# ---- the database is away --------------------------------------------------------------------------------------------


def test_readings_wait_in_the_spool(open_keeper: Open, tmp_path: Path) -> None:
    """SQLite's folder goes away and comes back; what was read meanwhile is stored in order, with its picture."""
    said: list[str] = []
    disk, away = tmp_path / "disk", tmp_path / "away"
    disk.mkdir()
    address = str(disk / "readings.db")
    keeper = open_keeper(address, tmp_path, said)
    assert keeper.keep(record(0, 40))[1]
    disk.rename(away)
    verdicts = [keeper.keep(record(minute, number))[0] for minute, number in ((1, 41), (2, 7), (3, 42))]
    assert [verdict and verdict.plausible for verdict in verdicts] == [True, False, True]  # judged in memory
    keeper.drain(Ending())
    assert (keeper.is_behind, keeper.unsaved) == (True, 0)
    away.rename(disk)
    assert keeper.keep(record(4, 43))[0] is not None  # behind those that wait
    keeper.drain(Ending())
    assert not keeper.is_behind
    assert (tmp_path / "spool.jsonl").read_bytes() == b""
    assert numbers(address) == [(40, True, 40), (41, True, 41), (7, False, 41), (42, True, 42), (43, True, 43)]
    assert len(said) == 3  # once gone, once back, once what was stored
    assert "unable to open database file; readings wait in " in said[0]
    assert "back after" in said[1]
    assert said[2].endswith("4 readings that waited stored")


def test_what_waits_is_stored_a_part_at_a_time(open_keeper: Open, tmp_path: Path) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    disk.mkdir()
    keeper = open_keeper(str(disk / "readings.db"), tmp_path, [])
    keeper.keep(record(0, 40))
    disk.rename(away)
    for minute in range(1, 5):
        keeper.keep(record(minute, 40 + minute))
    away.rename(disk)
    for left in (3, 2):
        keeper.drain(until=0.0)  # which is over: one all the same, so that it gets on
        assert len(list(keeper._spool.lines())) == left
    keeper.drain()
    assert [number for number, *_ in numbers(str(disk / "readings.db"))] == [40, 41, 42, 43, 44]


def test_an_older_table_gets_the_index_that_it_lacks(tmp_path: Path) -> None:
    address = str(tmp_path / "readings.db")
    store = Store(address)
    store.add(record(0, 40))
    with closing(sqlite3.connect(address)) as connection:
        connection.execute("DROP INDEX readings_of_all_by_time")
        connection.commit()
    Store(address).add(record(1, 41))
    with closing(sqlite3.connect(address)) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT * FROM readings WHERE time >= 'x' ORDER BY time DESC")
        assert "readings_of_all_by_time" in str(plan.fetchall())


def test_postgresql_stops_and_starts(open_keeper: Open, tmp_path: Path) -> None:
    said: list[str] = []
    with postgres() as server:
        keeper = open_keeper(server.url, tmp_path, said)
        keeper.keep(record(0, 40))
        server.stop()
        keeper.keep(record(1, 41))
        assert keeper.is_behind
        server.start()
        keeper.keep(record(2, 42))
        keeper.drain(Ending())
        assert numbers(server.url) == [(40, True, 40), (41, True, 41), (42, True, 42)]
    assert "back after" in said[-2]


def test_what_is_believed_is_unknown_until_the_database_is_reached(open_keeper: Open, tmp_path: Path) -> None:
    Store(str(tmp_path / "readings.db"), COUNTER).add(record(0, 40))
    (tmp_path / "readings.db").rename(tmp_path / "away.db")
    (tmp_path / "readings.db").mkdir()
    keeper = open_keeper(str(tmp_path / "readings.db"), tmp_path, [])
    assert keeper.keep(record(1, 7)) == (None, True)
    (tmp_path / "readings.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "readings.db")
    keeper.drain()
    assert numbers(str(tmp_path / "readings.db")) == [(40, True, 40), (7, False, 40)]


def test_a_deleted_database_is_made_again(open_keeper: Open, tmp_path: Path) -> None:
    address = str(tmp_path / "readings.db")
    keeper = open_keeper(address, tmp_path, [])
    keeper.keep(record(0, 40))
    os.unlink(address)
    keeper.keep(record(1, 41))
    keeper.drain()
    assert [number for number, _, _ in numbers(address)] == [41]


def test_a_kill_between_storing_and_forgetting_doubles_nothing(open_keeper: Open, tmp_path: Path) -> None:
    """The spool still holds what the database has already taken, and half a line."""
    said: list[str] = []
    address = str(tmp_path / "readings.db")
    spool = Spool(tmp_path / "spool.jsonl")
    for row in (record(0, 40), record(1, 41)):
        spool.append(row)
    spool.close()
    with open(tmp_path / "spool.jsonl", "ab") as file:
        file.write(b"{damaged}\n" + b'{"source": "cel')
    Store(address, COUNTER).add(record(0, 40))
    keeper = open_keeper(address, tmp_path, said)
    keeper.drain()
    assert numbers(address) == [(40, True, 40), (41, True, 41)]
    assert [line.partition(": ")[2] for line in said] == ["a damaged line is left out", "1 reading that waited stored"]


def test_a_spool_is_read_while_it_is_written_to(tmp_path: Path) -> None:
    """Lines longer than a block, and one that comes while those before it are given out."""
    large = replace(record(1, 41), picture=bytes(range(256)) * 6000)
    with closing(Spool(tmp_path / "spool.jsonl")) as spool:
        spool.append(record(0, 40))
        spool.append(large)
        given = []
        for row, end in spool.lines():
            if not given:
                spool.append(record(2, 42))
            given.append(row)
            spool.take(end)
        assert given == [record(0, 40), large, record(2, 42)]
        assert not spool


def test_what_waits_in_the_spool_is_not_read_again(open_keeper: Open, tmp_path: Path) -> None:
    address = str(tmp_path / "readings.db")
    with closing(Spool(tmp_path / "spool.jsonl")) as spool:
        spool.append(record(0, 40))
    with closing(Store(address, COUNTER)) as store:
        store.add(record(1, 41))
    keeper = open_keeper(address, tmp_path, [])
    assert dict(keeper.pictures("cellar")) == {"00.png": record(0, 40).time, "01.png": record(1, 41).time}


def test_a_reading_is_on_the_disk_before_it_counts_as_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def note(file: int) -> None:
        synced.append(os.fstat(file).st_size)
        fsync(file)

    monkeypatch.setattr(os, "fsync", note)
    with closing(Spool(tmp_path / "spool.jsonl")) as spool:
        spool.append(record(0, 40))
    assert synced == [(tmp_path / "spool.jsonl").stat().st_size]


def test_a_reading_is_told_once_and_after_it_is_kept(open_keeper: Open, tmp_path: Path) -> None:
    address = str(tmp_path / "readings.db")
    keeper = open_keeper(address, tmp_path, [])
    told: list[tuple[float | None, float | None, int]] = []

    class Listener:
        def publish(self, entry: Entry) -> None:
            told.append((entry.number, entry.good_number, len(history(address))))

    listener: Any = Listener()
    for row in (record(0, 40), record(1, 41), record(1, 41), record(2, 7)):
        watch.handle(row, keeper, listener)
    assert told == [(40, 40, 1), (41, 41, 2), (7, 41, 3)]


def test_a_spool_has_one_owner(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.jsonl")
    with pytest.raises(FaceValueError, match="another facevalue watch has this spool"):
        Spool(tmp_path / "spool.jsonl")
    spool.close()
    Spool(tmp_path / "spool.jsonl").close()
    with pytest.raises(FaceValueError, match="can't keep a spool there"):
        Spool(tmp_path / "spool.jsonl" / "below")


# ---- the disk is full ------------------------------------------------------------------------------------------------


def test_a_full_disk(open_keeper: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is taken back; readings are kept in memory, and first in the queue once there is room."""
    said: list[str] = []
    (tmp_path / "readings.db").mkdir()  # no database can be there
    address = str(tmp_path / "readings.db")
    keeper = open_keeper(address, tmp_path, said)
    keeper.keep(record(0, 40))
    size = (tmp_path / "spool.jsonl").stat().st_size
    write = os.write
    room = 10

    def full(file: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(file, data[:room])
        room -= written
        return written

    monkeypatch.setattr(os, "write", full)
    for minute in (1, 2):
        keeper.keep(record(minute, 40 + minute))
    assert keeper.unsaved == 2
    assert (tmp_path / "spool.jsonl").stat().st_size == size
    monkeypatch.undo()
    keeper.keep(record(3, 43))
    assert keeper.unsaved == 0
    (tmp_path / "readings.db").rmdir()
    keeper.drain()
    assert [number for number, _, _ in numbers(address)] == [40, 41, 42, 43]
    full = [line for line in said if "No space left on device; readings are kept in memory" in line]
    assert len(full) == 1
    assert any(line.endswith("can be written again") for line in said)


def test_a_picture_goes_before_its_reading_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool.jsonl")
    write = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
    spool.append(replace(record(0, 40), picture=b"x" * 5000))
    (kept, _), *others = spool.lines()
    assert (kept is not None and kept.number, kept is not None and kept.picture, others) == (40, None, [])


def test_pictures_stay_where_they_are_while_nothing_can_be_kept(
    open_keeper: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is not read before there is room for what was read of the first."""
    taken: list[int] = []
    taken_at_waits: list[list[int]] = []
    write = os.write

    class Folder:
        name, waits, has_ended = "cellar", True, False

        def shots(self, stored: object) -> Iterator[int]:
            for minute in range(3):
                taken.append(minute)
                yield minute

    class Reads:
        def read(self, minute: int) -> Record:
            return record(minute, 40 + minute)

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def wait(seconds: float, keeper: Keeper, ending: Ending) -> None:
        taken_at_waits.append(list(taken))
        if len(taken_at_waits) == 2:
            monkeypatch.setattr(os, "write", write)
            (tmp_path / "readings.db").rmdir()
        keeper.drain(ending)

    monkeypatch.setattr(watch, "wait", wait)
    monkeypatch.setattr(os, "write", fail)
    (tmp_path / "readings.db").mkdir()  # no database can be there
    keeper = open_keeper(str(tmp_path / "readings.db"), tmp_path, [])
    folder: Any = Folder()
    reads: Any = Reads()
    watch.run(folder, reads, keeper, None, Ending(), once=True)
    assert taken_at_waits == [[0], [0]]
    assert [number for number, _, _ in numbers(str(tmp_path / "readings.db"))] == [40, 41, 42]


def test_memory_is_bounded(open_keeper: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keeper_module, "MOST_IN_MEMORY", 2)
    monkeypatch.setattr(os, "write", fail)
    (tmp_path / "readings.db").mkdir()
    keeper = open_keeper(str(tmp_path / "readings.db"), tmp_path, said)
    for minute in range(3):
        keeper.keep(record(minute, 40 + minute))
    assert keeper.unsaved == 2
    assert said[-1] == "memory is full too: the reading 0040 of 2026-11-21 12:00:00 is lost"


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can mount a small file system")
def test_a_disk_that_is_really_full(open_keeper: Open, tmp_path: Path) -> None:
    """Database and spool on a file system of 300 kB: all that was kept is there once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        said: list[str] = []
        keeper = open_keeper(str(disk / "readings.db"), disk, said)
        keeper.keep(record(0, 40))
        room = os.statvfs(disk)
        (disk / "filler").write_bytes(b"x" * (room.f_bavail * room.f_frsize))
        for minute in range(1, 30):
            keeper.keep(record(minute, 40 + minute))
        assert keeper.unsaved > 0
        assert sum("No space left on device; readings are kept in memory" in line for line in said) == 1
        (disk / "filler").unlink()
        keeper.drain()
        assert not keeper.is_behind
        assert [number for number, _, _ in numbers(str(disk / "readings.db"))] == [40 + minute for minute in range(30)]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_time_between_attempts_doubles() -> None:
    backoff = Backoff()
    assert [backoff.fail() for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert 0 < backoff.seconds_left() <= 300
    backoff.succeed()
    assert (backoff.seconds_left(), backoff.fail()) == (0, 1)
