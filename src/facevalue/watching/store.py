"""The database of readings, SQLite or PostgreSQL: each reading is stored once, judged after the ones before it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from facevalue.errors import FaceValueError, MissingExtraError
from facevalue.watching.plausibility import Good, Limits, Verdict, judge

try:
    import sqlalchemy as sa
    from sqlalchemy.engine import URL
    from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
    from sqlalchemy.pool import NullPool
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f"the history needs {error.name}, which is not installed: pip install 'facevalue[serve]'"
    ) from error

CONNECT_SECONDS = 5
BUSY_SECONDS = 5  # SQLite waits so long for another writer
SET_BY_HAND = "set by hand"


class StoreGone(FaceValueError):
    """The database can't be reached or written now; it may be back later."""


@dataclass(frozen=True, slots=True)
class Record:
    """A reading, before it is judged.

    source: the name of what is watched; identity: of the picture within it, the same whenever it is read again.
    time: when the picture was taken.  value, number, confidence, uncertain, model: of the Reading, the number None
    where it can't be told; problem: why there is none, "" where there is.  picture_hash: SHA-256.  picture_file,
    picture: the file that it is kept in, or its JPEG bytes, None where it is not kept so.  period: after how much the
    instrument is where it was, see ``plausibility.judge``; not stored.
    """

    source: str
    identity: str
    time: datetime
    kind: str
    value: str
    number: float | None
    confidence: float
    uncertain: bool
    problem: str
    model: str
    picture_hash: str
    picture_file: str | None = None
    picture: bytes | None = None
    period: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A reading as stored: a Record without its picture, and what was believed of it.

    plausible, why: see Verdict.  good_value, good_number: the last reading believed after this one, None before the
    first.
    """

    source: str
    identity: str
    time: datetime
    kind: str
    value: str
    number: float | None
    confidence: float
    uncertain: bool
    plausible: bool
    why: str
    good_value: str | None
    good_number: float | None
    model: str
    picture_hash: str
    picture_file: str | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it, the time in ISO 8601, UTC."""
        return asdict(self) | {"time": utc_text(self.time)}


class UTCTime(sa.types.TypeDecorator[datetime]):
    """A time with its zone, which SQLite itself does not keep."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


TABLES = sa.MetaData()
READINGS = sa.Table(
    "readings",
    TABLES,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("time", UTCTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("number", sa.Double),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("uncertain", sa.Boolean, nullable=False),
    sa.Column("plausible", sa.Boolean, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("good_value", sa.Text),
    sa.Column("good_number", sa.Double),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("picture_hash", sa.Text, nullable=False),
    sa.Column("picture_file", sa.Text),
    sa.Column("picture", sa.LargeBinary),
    sa.UniqueConstraint("source", "identity", name="readings_once"),
    sa.Index("readings_by_time", "source", "time"),
    sa.Index("readings_of_all_by_time", "time"),
)
ENTRY_COLUMNS = [READINGS.c[name] for name in Entry.__slots__]


def utc_text(time: datetime) -> str:
    """ISO 8601 in UTC, to the second or as finely as it is known: 2026-11-21T15:37:00Z."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_url(text: str) -> URL:
    """The database's address: a URL, or the path of an SQLite file. Raises FaceValueError."""
    expected = "expected a file, sqlite:///FILE or postgresql://USER@HOST/NAME"
    try:
        url = sa.make_url(text) if "://" in text else URL.create("sqlite", database=text)
    except (ArgumentError, ValueError) as error:
        raise FaceValueError(f"--db: not the address of a database; {expected}") from error
    family = url.drivername.partition("+")[0]
    if family in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise FaceValueError(f"--db: {family} is not supported; {expected}")
    if url.database in (None, "", ":memory:"):
        raise FaceValueError(f"--db {text}: names no file; {expected}")
    return url.set(database=os.path.abspath(str(url.database)))


def name_database(url: URL) -> str:
    """What messages call it; a password is left out."""
    if url.drivername == "sqlite":
        return str(url.database)
    return url.set(query={}, drivername="postgresql").render_as_string(hide_password=True)


def make_engine(url: URL) -> sa.Engine:
    """An engine that gives up soon on a database that is away. Raises MissingExtraError."""
    if url.drivername == "sqlite":
        # a connection each time: one that is kept open would go on writing into a file that was deleted
        return sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
    usual = {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": 3000 * CONNECT_SECONDS,
        "client_encoding": "utf8",
    }
    try:
        return sa.create_engine(
            url,
            pool_size=1,
            pool_pre_ping=True,
            connect_args={key: value for key, value in usual.items() if key not in url.query},
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"PostgreSQL needs {error.name}, which is not installed: pip install 'facevalue[serve]'"
        ) from error


def explain(error: Exception) -> str:
    """The first line of what the database said."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


class Store:
    """Stores readings, each judged after the last good one of its source that is older. One writer a source.

    address: see parse_url.  make_table: where there is none.  Raises FaceValueError for an address that is none; all
    methods raise StoreGone.
    """

    def __init__(self, address: str, limits: Limits | None = None, *, make_table: bool = True) -> None:
        self.url = parse_url(address)
        self.name = name_database(self.url)
        self.limits = limits or Limits()
        self._engine = make_engine(self.url)
        self._make_table = make_table
        self._is_ready = not make_table

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """A transaction on a database that has the table. Raises StoreGone."""
        try:
            if not self._is_ready:
                with self._engine.connect() as connection:
                    if self._engine.dialect.name == "sqlite":
                        connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # a reader does not hold up the writer
                    TABLES.create_all(connection)
                    for index in READINGS.indexes:  # one that an older version's table lacks
                        index.create(connection, checkfirst=True)
                    connection.commit()
                self._is_ready = True
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, sa.exc.TimeoutError) as error:
            self._is_ready = not self._make_table  # who knows what comes back: a file may have been deleted
            raise StoreGone(f"{self.name}: {explain(error)}") from error

    def add(self, record: Record) -> tuple[Verdict, bool]:
        """Store a reading unless it is stored.  Returns what was believed of it, and whether it is new."""
        try:
            with self._transaction() as connection:
                verdict = self.judge(last_good(connection, record.source, record.time), record)
                row = asdict(entry_of(record, verdict)) | {"picture": record.picture}
                connection.execute(READINGS.insert().values(row))
            return verdict, True
        except IntegrityError:
            return self._verdict_of(record), False

    def judge(self, before: Good | None, record: Record) -> Verdict:
        """What is believed of a reading after that last good one."""
        if record.problem:
            return Verdict(False, record.problem, before)
        certain = not record.uncertain
        return judge(before, record.value, record.number, record.time, certain, self.limits, record.period)

    def _verdict_of(self, record: Record) -> Verdict:
        same = (READINGS.c.source == record.source) & (READINGS.c.identity == record.identity)
        with self._transaction() as connection:
            row = connection.execute(sa.select(*ENTRY_COLUMNS).where(same)).one()
            return Verdict(row.plausible, row.why, last_good(connection, record.source))

    def pictures(self, source: str) -> Iterator[tuple[str, datetime]]:
        """Identity and time of all that is stored of a source."""
        chosen = sa.select(READINGS.c.identity, READINGS.c.time).where(READINGS.c.source == source)
        with self._transaction() as connection:
            for row in connection.execution_options(yield_per=1000).execute(chosen):
                yield row.identity, row.time

    def entries(
        self, since: datetime | None = None, source: str | None = None, limit: int | None = None
    ) -> list[Entry]:
        """What is stored, oldest first: from a time on, of one source or of all; the newest ``limit`` of them."""
        chosen = sa.select(*ENTRY_COLUMNS).order_by(READINGS.c.time.desc(), READINGS.c.id.desc()).limit(limit)
        if since is not None:
            chosen = chosen.where(READINGS.c.time >= since)
        if source is not None:
            chosen = chosen.where(READINGS.c.source == source)
        with self._transaction() as connection:
            return [Entry(**row._mapping) for row in connection.execute(chosen)][::-1]

    def sources(self) -> dict[str, str]:
        """The kind of each source that has readings."""
        with self._transaction() as connection:
            return {
                row.source: row.kind
                for row in connection.execute(sa.select(READINGS.c.source, READINGS.c.kind).distinct())
            }

    def set_by_hand(self, source: str, kind: str, value: str, now: datetime) -> Entry:
        """Store a value that a person gives: it is believed, whatever was read before."""
        good = Good(value, float(value), now)
        record = Record(source, f"{SET_BY_HAND} {utc_text(now)}", now, kind, value, good.number, 1.0, False, "", "", "")
        entry = entry_of(record, Verdict(True, SET_BY_HAND, good))
        with self._transaction() as connection:
            connection.execute(READINGS.insert().values(asdict(entry)))
        return entry

    def close(self) -> None:
        self._engine.dispose()


def last_good(connection: sa.Connection, source: str, until: datetime | None = None) -> Good | None:
    """The newest reading of a source that is plausible and certain, none newer than ``until``."""
    columns = READINGS.c
    chosen = (
        sa.select(columns.good_value, columns.good_number, columns.time)
        .where(
            columns.source == source, columns.plausible, sa.not_(columns.uncertain), columns.good_number.is_not(None)
        )
        .order_by(columns.time.desc(), columns.id.desc())
        .limit(1)
    )
    if until is not None:
        chosen = chosen.where(columns.time <= until)
    row = connection.execute(chosen).first()
    return None if row is None else Good(row.good_value, row.good_number, row.time)


def entry_of(record: Record, verdict: Verdict) -> Entry:
    """The reading as it is stored."""
    fields = {name: getattr(record, name) for name in Entry.__slots__ if name in Record.__slots__}
    good = verdict.good
    return Entry(
        **fields,
        plausible=verdict.plausible,
        why=verdict.why,
        good_value=None if good is None else good.value,
        good_number=None if good is None else good.number,
    )


def open_existing(address: str) -> Store:
    """The store of a history that is there; nothing is made in it. Raises FaceValueError for a file that is not."""
    store = Store(address, make_table=False)
    if store.url.drivername == "sqlite" and not os.path.isfile(str(store.url.database)):
        raise FaceValueError(f"--db {store.name}: no such file; facevalue watch makes it")
    return store
