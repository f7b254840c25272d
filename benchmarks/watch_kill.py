"""What `facevalue watch` loses or stores twice: kill -9 at random points, while the database comes and goes.

    python benchmarks/watch_kill.py                  # 200 kills: half of them over a folder, half over a camera
    python benchmarks/watch_kill.py --kills 6 --json

The folder grows and the camera (an HTTP address) gives another picture each time while the watcher is killed and
started again; in every third life of it the database is away for a while. At last it runs once to its end.
A reading is lost where the watcher had reported it, or where its picture lies in the folder, and the database lacks it.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
from PIL import Image, ImageDraw, ImageFont

from facevalue.watching.history import history, line_of
from facevalue.watching.store import Entry

LIVES_BETWEEN_OUTAGES = 3
LONGEST_LIFE_SECONDS = 1.2  # after its first line; some are killed before it
NEW_PICTURE_SECONDS = 0.15
FIRST_TIME = 1_790_000_000  # of the folder's pictures, a minute apart


@click.command()
@click.option("--kills", default=200, show_default=True, type=click.IntRange(min=2))
@click.option("--seed", default=1, show_default=True, type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(kills: int, seed: int, as_json: bool) -> None:
    """Kill the watcher again and again, and count what it has lost and doubled."""
    chance = random.Random(seed)
    results = {}
    with tempfile.TemporaryDirectory() as place:
        for name, kind in (("folder", FolderTrial), ("camera", CameraTrial)):
            results[name] = kind(Path(place) / name, chance).run(kills // 2)
    if as_json:
        click.echo(json.dumps(results))
    else:
        for name, result in results.items():
            click.echo(f"{name}: " + ", ".join(f"{value} {key}" for key, value in result.items()))
    if any(result["lost"] or result["doubled"] or not result["stored"] for result in results.values()):
        raise click.exceptions.Exit(1)


def draw_number(number: int) -> bytes:
    """A PNG of seven digits."""
    font = ImageFont.load_default(44)
    text = f"{number:07d}"
    picture = Image.new("RGB", (int(font.getlength(text)) + 40, 64), (235, 235, 230))
    ImageDraw.Draw(picture).text((picture.width / 2, 32), text, fill=(20, 20, 25), font=font, anchor="mm")
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


class Trial:
    """A watcher that is killed, and what it had reported.  place: an empty folder for all its files."""

    def __init__(self, place: Path, chance: random.Random) -> None:
        self.place, self.chance = place, chance
        self.disk, self.away = place / "disk", place / "away"
        self.disk.mkdir(parents=True)
        self.reported: list[str] = []
        self.outages = self.before_first = 0

    @contextmanager
    def source(self) -> Iterator[str]:
        """What is watched."""
        raise NotImplementedError

    @contextmanager
    def growing(self) -> Iterator[None]:
        """While the watcher lives."""
        yield

    def missing(self, entries: list[Entry]) -> int:
        """Pictures that lie there and are not stored."""
        raise NotImplementedError

    def command(self, source: str, *more: str) -> list[str]:
        options = ["--db", str(self.disk / "readings.db"), "--spool", str(self.place / "spool"), "--name", "meter"]
        return [sys.executable, "-m", "facevalue", "watch", source, "--every", "0.05", *options, *more]

    def run(self, kills: int) -> dict[str, int]:
        with self.source() as source:
            for life in range(kills):
                with self.growing():
                    self.live(source, has_outage=life % LIVES_BETWEEN_OUTAGES == LIVES_BETWEEN_OUTAGES - 1)
            for _ in range(2):  # the second one finds nothing to do in a folder
                done = subprocess.run(self.command(source, "--once"), capture_output=True, text=True, check=True)
                self.reported += done.stdout.splitlines()
        entries = history(str(self.disk / "readings.db"))
        stored = Counter(" ".join(line_of(entry).split()[:3]) for entry in entries)
        told = Counter(" ".join(line.split()[:3]) for line in self.reported)
        for line in [*(told - stored), *(line for line, count in told.items() if count > 1)]:
            click.echo(f"reported {told[line]} times, stored {stored[line]} times: {line}", err=True)
        hashes = Counter(entry.picture_hash for entry in entries)
        return {
            "kills": kills,
            "before the first reading": self.before_first,
            "outages": self.outages,
            "reported": len(self.reported),
            "stored": len(entries),
            "lost": sum(line not in stored for line in told) + self.missing(entries),
            "doubled": sum(count - 1 for count in hashes.values()) + (told - Counter(dict.fromkeys(told, 1))).total(),
        }

    def live(self, source: str, has_outage: bool) -> None:
        """One life of the watcher, from its start to its kill."""
        watcher = subprocess.Popen(
            self.command(source), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        assert watcher.stdout is not None
        began, lines = threading.Event(), watcher.stdout

        def collect() -> None:
            for line in lines:
                if line.endswith("\n"):  # a kill may tear the last one
                    self.reported.append(line)
                began.set()

        collector = threading.Thread(target=collect)
        collector.start()
        if self.chance.random() < 0.1:
            time.sleep(self.chance.uniform(0, 0.5))  # while it starts
        else:
            began.wait(30)
            if has_outage:
                time.sleep(self.chance.uniform(0, 0.2))
                self.disk.rename(self.away)
                self.outages += 1
                if self.chance.random() < 0.5:  # else it is back after the kill only
                    time.sleep(self.chance.uniform(0, 1.5))
                    self.bring_back()
            time.sleep(self.chance.uniform(0, LONGEST_LIFE_SECONDS))
        self.before_first += not began.is_set()
        watcher.send_signal(signal.SIGKILL)
        watcher.wait()
        collector.join()
        lines.close()
        self.bring_back()

    def bring_back(self) -> None:
        with suppress(FileNotFoundError):
            self.away.rename(self.disk)


class FolderTrial(Trial):
    """Over a folder in which a picture appears several times a second."""

    def __init__(self, place: Path, chance: random.Random) -> None:
        super().__init__(place, chance)
        self.folder = place / "pictures"
        self.folder.mkdir()
        self.written = 0

    def write_picture(self) -> None:
        hidden = self.folder / ".unfinished"
        hidden.write_bytes(draw_number(self.written))
        os.utime(hidden, (FIRST_TIME + 60 * self.written,) * 2)
        hidden.rename(self.folder / f"{self.written:07d}.png")
        self.written += 1

    @contextmanager
    def source(self) -> Iterator[str]:
        yield str(self.folder)

    @contextmanager
    def growing(self) -> Iterator[None]:
        with repeating(self.write_picture, NEW_PICTURE_SECONDS):
            yield

    def missing(self, entries: list[Entry]) -> int:
        stored = {entry.picture_hash for entry in entries}
        return sum(sha256(path.read_bytes()).hexdigest() not in stored for path in self.folder.glob("*.png"))


class CameraTrial(Trial):
    """Over an HTTP address that gives the next number each time."""

    def __init__(self, place: Path, chance: random.Random) -> None:
        super().__init__(place, chance)
        self.given = 0

    @contextmanager
    def source(self) -> Iterator[str]:
        trial = self

        class Camera(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                trial.given += 1
                picture = draw_number(trial.given)
                self.send_response(200)
                self.send_header("Content-Type", "image/png")
                self.send_header("Content-Length", str(len(picture)))
                self.end_headers()
                with suppress(OSError):  # the one who asked was killed
                    self.wfile.write(picture)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/now.png"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def missing(self, entries: list[Entry]) -> int:
        return 0  # what no one asked for is no one's


@contextmanager
def repeating(work: Callable[[], None], every_seconds: float) -> Iterator[None]:
    """Do the work again and again on a thread."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set():
            work()
            ended.wait(every_seconds)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
