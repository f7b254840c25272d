"""Where pictures are read: the readers, a few threads, and a bounded line before them.

A reader is loaded once and shared. The network's arithmetic and Pillow's decoding let go of Python's lock, so threads
use all cores; each reads one picture at a time. Pictures are not gathered into batches: on one core the network takes
about as long for eight pictures at once as for eight in turn (``benchmarks/service_load.py --batches``), a reading's
second look depends on its first, and the first of a batch would wait for the last.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import io
import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from facevalue.errors import FaceValueError, PictureError
from facevalue.images import open_picture, open_reduced
from facevalue.reader import SHIPPED, Reader, find_weight, load_weight
from facevalue.reading import Polyline, Reading, draw_overlay
from facevalue.service.limits import Limits
from facevalue.service.problems import Refused
from facevalue.service.uploads import Upload

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of each picture. top: how many values are named."""

    reader: Reader
    top: int = 3
    overlay: bool = False
    marks: bool = False


def choose_weights(models: Sequence[str]) -> dict[str, Path]:
    """The weight file of each kind: the shipped ones, and the given ones in their place. Raises ModelError."""
    chosen = {kind: find_weight(kind, None) for kind in SHIPPED}
    for model in models:
        path = find_weight("", model)
        chosen[load_weight(path, threads=1).kind] = path
    return chosen


def read_picture(reader: Reader, data: bytes, max_pixels: int) -> Reading:
    """Read a picture file, as ``Reader.read`` does, but for a limit of its own on pixels. Raises likewise."""
    began = time.perf_counter()
    rgb, scale = open_reduced(data, max_pixels=max_pixels, at_least_px=reader.look.ENOUGH_PX)
    reading = reader.read(rgb)
    return dataclasses.replace(
        reading,
        milliseconds=(time.perf_counter() - began) * 1e3,
        marks={name: enlarge(mark, scale) for name, mark in reading.marks.items()},
    )


def enlarge(mark: Polyline, scale: tuple[float, float]) -> Polyline:
    """A mark of a reduced picture in pixels of the full-size one; pixel centres count from 0."""
    return tuple(((x + 0.5) * scale[0] - 0.5, (y + 0.5) * scale[1] - 0.5) for x, y in mark)


def answer(upload: Upload, wish: Wish, max_pixels: int) -> dict[str, Any]:
    """The JSON object of one picture, as ``facevalue read --json`` writes it. Raises FaceValueError as ``Reader``."""
    reading = read_picture(wish.reader, upload.data, max_pixels)
    record = reading.to_dict(upload.name, top=wish.top)
    if wish.marks:
        record["marks"] = {name: [[round(x, 2), round(y, 2)] for x, y in mark] for name, mark in reading.marks.items()}
    if wish.overlay:
        jpeg = io.BytesIO()
        drawn = draw_overlay(open_picture(upload.data, max_pixels=max_pixels), reading)
        try:
            Image.fromarray(drawn).save(jpeg, "JPEG", quality=92)
        except OSError as error:
            raise PictureError("longer on a side than the JPEG of an overlay can be; ask without overlay") from error
        record["overlay"] = "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()
    return record


class Desk:
    """Takes requests in while there is room, and reads their pictures on a few threads."""

    def __init__(self, readers: dict[str, Reader], threads: int, limits: Limits, registry: CollectorRegistry) -> None:
        self.readers, self.threads, self.limits = readers, threads, limits
        self.taken_in = 0
        self._readings = Counter(
            "facevalue_readings",
            "Pictures read, by what became of them: sure, uncertain or unreadable.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._refused = Counter("facevalue_refused", "Requests refused, by code.", ["code"], registry=registry)
        self._seconds = Histogram(
            "facevalue_reading_seconds",
            "Time to read one picture, without waiting.",
            ["kind"],
            buckets=SECONDS,
            registry=registry,
        )
        self._waiting = Gauge(
            "facevalue_requests_in_progress",
            "Requests taken in and not yet answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place in the line for one request. Raises Refused where there is none, before its body is looked at."""
        if self.taken_in >= self.limits.queue:
            raise Refused(
                429,
                "queue",
                f"{self.limits.queue} requests are waiting already; try again in a second",
                headers={"Retry-After": "1"},
            )
        self.taken_in += 1
        self._waiting.set(self.taken_in)
        try:
            yield
        finally:
            self.taken_in -= 1
            self._waiting.set(self.taken_in)

    def count_refusal(self, code: str) -> None:
        self._refused.labels(code).inc()

    async def read(self, uploads: Sequence[Upload], wish: Wish) -> list[dict[str, Any] | FaceValueError]:
        """The JSON object of each picture in order, or in its place why it can't be read. Raises Refused."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await asyncio.gather(
                    *(loop.run_in_executor(self._pool, self._attempt, upload, wish) for upload in uploads)
                )
        except TimeoutError:
            raise Refused(503, "time", f"not read within {self.limits.seconds:g} seconds") from None

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """The threads, from start to end; at the end what is being read is finished first."""
        with ThreadPoolExecutor(self.threads, thread_name_prefix="facevalue-read") as self._pool:
            yield

    def _attempt(self, upload: Upload, wish: Wish) -> dict[str, Any] | FaceValueError:
        kind = wish.reader.kind
        try:
            record = answer(upload, wish, self.limits.pixels)
        except FaceValueError as error:  # no picture that can be read, or no digit before the decimals
            self._readings.labels(kind, "unreadable").inc()
            return error
        self._readings.labels(kind, "uncertain" if record["uncertain"] else "sure").inc()
        self._seconds.labels(kind).observe(record["milliseconds"] / 1e3)
        return record


def quiet_libraries() -> None:
    """Keep what Pillow and the form's parser think of odd uploads out of the log: clients could fill it.

    What libtiff writes of a damaged TIFF to standard error, a line or two a picture, can't be kept out from here.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    for name in ("PIL", "python_multipart"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
