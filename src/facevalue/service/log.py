"""GET /v1/log: the history that ``facevalue watch`` keeps, for the page's chart. Nothing is written to its database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Query, Request
from starlette.concurrency import run_in_threadpool

from facevalue.errors import FaceValueError
from facevalue.service.problems import Refused, refuse_unknown
from facevalue.service.schema import EntryAnswer, problems
from facevalue.watching.history import history, parse_since
from facevalue.watching.store import Entry, parse_url

MOST_ENTRIES = 10_000
MOST_WAITING = 16
SHOWN = tuple(EntryAnswer.model_fields)  # not the pictures' names, which are paths of the watcher's machine


def check_log(db_url: str) -> None:
    """Raises FaceValueError for what is no address of a database; one that is not there yet may come."""
    try:
        parse_url(db_url)
    except FaceValueError as error:
        raise FaceValueError(str(error).replace("--db", "--log-db", 1)) from error


def add_log(app: FastAPI, db_url: str, locked: list[Any], unlocked: tuple[int, ...]) -> None:
    """GET /v1/log; 404 where no database is named.  locked: dependencies; unlocked: the statuses they answer with."""
    turn = asyncio.Lock()  # one history at a time: each may be long
    waiting = 0

    async def in_turn(read: Callable[[], list[Entry]]) -> list[Entry]:
        """What is read, after those asked for before. They take no place of those who want pictures read."""
        nonlocal waiting
        if waiting >= MOST_WAITING:
            raise Refused(429, "queue", "too many ask for the history at once", headers={"Retry-After": "1"})
        waiting += 1
        try:
            async with turn:
                return await run_in_threadpool(reach, read)
        finally:
            waiting -= 1

    @app.get(
        "/v1/log",
        summary="The history that a watcher keeps, oldest first",
        responses=problems(*unlocked, 404, 422, 429, 503),
        dependencies=locked,
    )
    async def log(
        request: Request,
        since: str = Query("7d", max_length=40, description="90m, 2h, 7d, or a date with or without a time"),
        limit: int = Query(1000, ge=1, le=MOST_ENTRIES, description="how many at most: the newest"),
        source: str | None = Query(
            None, min_length=1, max_length=200, pattern=r"^[^\u0000]+$", description="one that is watched, else all"
        ),
    ) -> list[EntryAnswer]:
        refuse_unknown(request, ("since", "limit", "source"))
        if not db_url:
            raise Refused(404, "address", "no log here; see facevalue serve --log-db")
        start = start_of(since)
        entries = await in_turn(lambda: history(db_url, start, source, limit))
        return [shown(entry) for entry in entries]


def start_of(since: str) -> datetime:
    """The first time asked for. Raises Refused."""
    try:
        return parse_since(since, datetime.now(UTC))
    except ValueError as error:
        raise Refused(422, "query", f"since: {error}") from error


def reach(read: Callable[[], list[Entry]]) -> list[Entry]:
    """What is read of a database. Raises Refused where it can't be; what clients are told names no file."""
    try:
        return read()
    except FaceValueError as error:
        raise Refused(
            503, "log", "the watcher's database can't be read now; facevalue log says why", headers={"Retry-After": "5"}
        ) from error


def shown(entry: Entry) -> EntryAnswer:
    record = entry.to_dict()
    return EntryAnswer.model_validate({name: record[name] for name in SHOWN})
