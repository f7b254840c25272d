"""What one client may ask for, and what the operator set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Each is refused with a status of its own, see ``problems``.

    body_bytes: of a request; pixels: of a picture; files: of a request; queue: requests taken in and not yet answered;
    body_seconds: until a body has arrived whole; seconds: from there to the answer.
    """

    body_bytes: int = 20_000_000
    pixels: int = 50_000_000
    files: int = 16
    queue: int = 64
    body_seconds: float = 10.0
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a process of the service needs to know; pickled on its way to the others.

    models: weight files or names, each instead of the shipped one of its kind.  threads: pictures read at once.
    token: what clients must show, "" for nothing.  cors: origins of other sites whose pages may ask.
    web_runtime: folder with the files of onnxruntime-web, None without.  log_db: database of a watcher, "" without.
    """

    models: tuple[str, ...] = ()
    threads: int = 2
    token: str = ""
    cors: tuple[str, ...] = ()
    web_runtime: Path | None = None
    log_db: str = ""
    limits: Limits = field(default_factory=Limits)
