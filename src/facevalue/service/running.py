"""Sockets, processes and signals: the command ``facevalue serve``.

SIGTERM or Ctrl-C: no new connection is taken, what has been taken in is answered, then the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvicorn
from fastapi import FastAPI
from prometheus_client import multiprocess
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from facevalue import __version__
from facevalue.errors import FaceValueError
from facevalue.service.app import make_app
from facevalue.service.desk import choose_weights
from facevalue.service.limits import Settings
from facevalue.service.log import check_log

HEAD_SECONDS = 10.0  # for the lines before a request's body
HEAD_BYTES = 32_768
LEAST_TOKEN = 16
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
START_SECONDS = 60  # a worker that has not answered for so long is started anew; loading takes a small board a while
LARGE_BYTES, SPARE_BYTES = 1 << 20, 8 << 20
LOCAL = ("127.0.0.1", "::1", "localhost")


class PatientOnce(HttpToolsProtocol):
    """uvicorn's protocol, which alone would wait for ever for the end of a request's head, however long it grows.

    It would also wait for ever where something came that begins no head: an empty line between two requests, the body
    of one that is answered already.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_head = False
        self._head_bytes = 0
        self._head_due: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, transport.close)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._forget_head()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.close()
                return
        elif self.cycle is None or not self.cycle.response_complete:
            return  # waiting for the first head, which is timed, or answering
        if self._head_due is None:
            self._head_due = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _forget_head(self) -> None:
        self._head_bytes = 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None


def read_token(path: Path) -> str:
    """The token in a file, spaces and line ends round it left out. Raises FaceValueError."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FaceValueError(f"--token-file {path}: can't be read ({getattr(error, 'strerror', error)})") from error
    if len(token) < LEAST_TOKEN or not token.isascii() or any(c.isspace() for c in token):
        raise FaceValueError(
            f"--token-file {path}: expected one token of at least {LEAST_TOKEN} letters and digits, such as "
            "openssl rand -hex 32 writes"
        )
    return token


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises FaceValueError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, UnicodeError) as error:  # the latter of a name that can't be one
        why = getattr(error, "strerror", None) or error
        raise FaceValueError(
            f"can't listen at {host}, port {port}: {why}; choose others with --host and --port"
        ) from error


def give_memory_back() -> None:
    """Have glibc return what large pictures took, not keep it for the next: memory stays flat. Nothing elsewhere.

    What usual ones take stays: to return it and ask for it again with each picture costs more than it saves.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for setting, value in ((M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, SPARE_BYTES), (M_ARENA_MAX, 2)):
            mallopt(setting, value)


def start_app(settings: Settings) -> FastAPI:
    """The app of one process."""
    give_memory_back()
    return make_app(settings)


def serve_command(settings: Settings, host: str, port: int, workers: int) -> None:
    """Answer until SIGTERM or Ctrl-C. workers: processes. Raises ModelError, FaceValueError."""
    choose_weights(settings.models)  # so that a wrong one is said in one line, not by each process
    if settings.log_db:
        check_log(settings.log_db)
    with open_socket(host, port) as listening:
        address, bound = listening.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        if address not in LOCAL and not settings.token:
            click.echo(f"whoever reaches {shown} may use this service; --token-file FILE asks for a token", err=True)
        config = uvicorn.Config(
            functools.partial(start_app, settings),
            factory=True,
            workers=workers,
            http=PatientOnce,
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_worker_healthcheck=START_SECONDS,
            timeout_graceful_shutdown=round(settings.limits.body_seconds + settings.limits.seconds) + 1,
        )
        click.echo(f"facevalue {__version__} listens at http://{shown}:{bound}", err=True)
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            counting_together(lambda: Workers(config, sockets=[listening]).run())


class Workers(Multiprocess):
    """uvicorn's processes; what one that died had in progress is counted no more."""

    def keep_subprocess_alive(self) -> None:
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def counting_together(run: Callable[[], Any]) -> None:
    """Run processes whose counts /metrics adds up, through files in a folder of their own."""
    folder = tempfile.mkdtemp(prefix="facevalue-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
