"""``facevalue watch`` and ``facevalue log``: printed numbers, read with the shipped weight, off every source."""

from __future__ import annotations

import base64
import csv
import errno
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw, ImageFont
from servers import wait_until
from test_imports import run_python

from facevalue import camera
from facevalue import snapshots as snapshots_module
from facevalue.cli import main
from facevalue.codecs.dial import Placed
from facevalue.ending import Ending
from facevalue.errors import PictureError
from facevalue.reading import Reading
from facevalue.watch import period_of
from facevalue.watching import sources
from facevalue.watching.history import history, parse_since
from facevalue.watching.sources import CameraSource, FolderSource, slot_of

NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())


def draw_number(text: str) -> Image.Image:
    """A printed number, dark on light."""
    font = ImageFont.load_default(44)
    picture = Image.new("RGB", (240, 64), (235, 235, 230))
    ImageDraw.Draw(picture).text((120, 32), text, fill=(20, 20, 25), font=font, anchor="mm")
    return picture


def put(folder: Path, name: str, text: str, seconds: float) -> None:
    """A picture of a number, as if it had been taken so many seconds past noon; it appears whole."""
    folder.mkdir(exist_ok=True)
    draw_number(text).save(folder / f".{name}")
    os.utime(folder / f".{name}", (NOON + seconds, NOON + seconds))
    os.replace(folder / f".{name}", folder / name)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with the spool below it, and times told in UTC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return tmp_path


def watch(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["watch", *arguments], catch_exceptions=False)


def log(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["log", *arguments], catch_exceptions=False)


# ---- a folder --------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_once() -> None:
    pictures = Path("pictures")
    put(pictures, "b.png", "004217", 0)
    put(pictures, "a.png", "004219", 60)
    put(pictures, "c.png", "004211", 120)
    result = watch("pictures", "--once", "--decimals", "1", "--max-per-hour", "100")
    assert result.exit_code == 0, result.stderr
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["00421.7", "00421.9", "00421.1"]
    assert result.stdout.splitlines()[2].endswith("(backwards: 00421.9 was read before; still 00421.9)")
    assert watch("pictures", "--once").stdout == ""
    os.utime(pictures / "a.png")  # a copy may change the time of a picture, and it is the same picture
    assert watch("pictures", "--once").stdout == ""
    put(pictures, "a.png", "004220", 180)  # the camera has written over it
    assert watch("pictures", "--once", "--decimals", "1").stdout.split()[2] == "00422.0"
    entries = history("readings.db")
    assert [entry.number for entry in entries] == pytest.approx([421.7, 421.9, 421.1, 422.0])
    assert [entry.good_number for entry in entries] == pytest.approx([421.7, 421.9, 421.9, 422.0])
    assert [entry.plausible for entry in entries] == [True, True, False, True]
    assert entries[0].time == datetime.fromtimestamp(NOON, UTC)
    assert {(entry.source, entry.kind, entry.model) for entry in entries} == {
        (str(pictures.absolute()), "digits", "digits-5")
    }


def test_a_pipe_in_the_folder_is_no_picture() -> None:
    put(Path("pictures"), "b.png", "004217", 0)
    os.mkfifo("pictures/a.png")
    assert watch("pictures", "--once").stdout.split()[2] == "004217"


def test_one_picture_that_is_written_over() -> None:
    put(Path(), "now.png", "004217", 0)
    assert watch("now.png", "--once").stdout.split()[2] == "004217"
    put(Path(), "now.png", "004218", 60)
    assert watch("now.png", "--once").stdout.split()[2] == "004218"
    assert watch("now.png", "--once").stdout == ""


def test_a_picture_that_can_not_be_read_is_stored_as_such_once_it_is_old() -> None:
    put(Path("pictures"), "whole.png", "004217", 0)
    half = Path("pictures/whole.png").read_bytes()[:900]
    Path("pictures/half.png").write_bytes(half)  # just now: it may still be being written
    assert len(watch("pictures", "--once").stdout.splitlines()) == 1
    os.utime("pictures/half.png", (NOON + 60, NOON + 60))
    line = watch("pictures", "--once").stdout
    assert "-  0%  half.png  (the picture is cut off before its end; copy or download it again; still 004217)" in line
    entry = history("readings.db")[-1]
    assert (entry.value, entry.number, entry.plausible, entry.good_number) == ("", None, False, 4217)


def test_a_picture_that_can_not_be_opened_for_a_while_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stored as one that can't be opened, and read when it can: in the same watcher, and in the next."""
    put(Path("pictures"), "a.png", "004217", 0)
    put(Path("pictures"), "b.png", "004218", 60)

    def failing(file: Any, *arguments: Any) -> Any:
        if str(file).endswith("a.png"):
            raise OSError(errno.EIO, "Input/output error")
        return open(file, *arguments)

    source = FolderSource(Path("pictures"), "meter", 60)
    with monkeypatch.context() as broken:
        broken.setattr(sources, "open", failing, raising=False)
        first = list(source.shots(list))
        assert [(shot.identity[:5], shot.problem) for shot in first] == [
            ("a.png", "can't be opened: Input/output error"),
            ("b.png", ""),
        ]
        assert not list(source.shots(list))  # and that is said once
    assert [(shot.identity[:5], shot.problem) for shot in source.shots(list)] == [("a.png", "")]
    stored = [(shot.identity, shot.time) for shot in first]
    again = list(FolderSource(Path("pictures"), "meter", 60).shots(lambda: stored))
    assert [(shot.identity[:5], shot.problem) for shot in again] == [("a.png", "")]


def test_a_picture_that_changes_while_it_is_read_is_read_in_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    put(Path("pictures"), "a.png", "004217", 0)
    source = FolderSource(Path("pictures"), "meter", 60)

    def overtaken(file: Any, *arguments: Any) -> Any:
        data = Path(file).read_bytes()
        put(Path("pictures"), "a.png", "004218", 60)
        return io.BytesIO(data)

    with monkeypatch.context() as written:
        written.setattr(sources, "open", overtaken, raising=False)
        assert not list(source.shots(list))
    (shot,) = source.shots(list)
    assert shot.time == datetime.fromtimestamp(NOON + 60, UTC)


def test_a_folder_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system says of it: a stale mount, no right to look."""
    put(Path("pictures"), "a.png", "004217", 0)
    source = FolderSource(Path("pictures"), "meter", 60)

    def stale(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as away:
        away.setattr(sources.os, "stat", stale)
        with pytest.raises(PictureError, match="meter: can't be opened: Stale file handle"):
            list(source.shots(list))
    assert len(list(source.shots(list))) == 1


def test_a_folder_that_can_not_be_listed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    put(Path("pictures"), "a.png", "004217", 0)
    source = FolderSource(Path("pictures").absolute(), "meter", 60)
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))

    with monkeypatch.context() as locked:
        locked.setattr(os, "scandir", refuse)
        with pytest.raises(PictureError, match="meter: can't be listed: Permission denied"):
            list(source.shots(list))
    assert os.scandir is scandir
    assert len(list(source.shots(list))) == 1


def test_what_is_remembered_of_a_picture_that_is_written_over_does_not_grow() -> None:
    source = FolderSource(Path("pictures").absolute(), "meter", 60)
    for number in range(5):
        put(Path("pictures"), "a.png", f"00421{number}", number)
        assert len(list(source.shots(list))) == 1
    assert list(source.shots(list)) == []
    assert (len(source._newest), len(source._met), source._identities) == (1, 1, set())


def test_once_with_the_database_away_is_no_wrong_usage() -> None:
    put(Path("pictures"), "a.png", "004217", 0)
    Path("database").mkdir()
    result = watch("pictures", "--once", "--db", "database")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "unable to open database file" in result.stderr


def test_a_picture_too_long_for_a_jpeg_is_read_all_the_same() -> None:
    Path("pictures").mkdir()
    Image.new("L", (70_000, 20), 200).save("pictures/long.png")
    os.utime("pictures/long.png", (NOON, NOON))
    result = watch("pictures", "--once", "--keep-pictures", "db")
    assert result.exit_code == 0
    assert "the picture is not kept" in result.stderr
    assert len(history("readings.db")) == 1


def test_missing_digits_are_seen_whatever_the_decimals() -> None:
    put(Path("pictures"), "a.png", "42", 0)
    watch("pictures", "--once", "--decimals", "3", "--digits", "4")
    (entry,) = history("readings.db")
    assert (entry.plausible, entry.why) == (False, "42: no digit is left before its 3 decimals")


def test_a_picture_without_digits_is_none_whatever_the_decimals() -> None:
    Path("pictures").mkdir()
    Image.new("RGB", (240, 64), (200, 200, 200)).save("pictures/a.png")
    watch("pictures", "--once", "--decimals", "3")
    (entry,) = history("readings.db")
    assert (entry.value, entry.why) == ("?", "no number can be told")


@pytest.mark.parametrize("where", ["kept", "db"])
def test_pictures_are_kept(where: str) -> None:
    put(Path("pictures"), "a.png", "004217", 0)
    result = watch("pictures", "--once", "--crop", "20,4,200,56", "--keep-pictures", where)
    assert result.stdout.split()[2] == "004217"
    with closing(sqlite3.connect("readings.db")) as database:
        file, data = database.execute("SELECT picture_file, picture FROM readings").fetchone()
    assert (file is None, data is None) == (where == "db", where != "db")
    with Image.open(io.BytesIO(data) if where == "db" else file) as picture:
        assert (picture.format, picture.size) == ("JPEG", (200, 56))
    assert where == "db" or Path(file).parent == Path("kept").absolute()


def test_a_crop_outside_the_picture_is_said_with_the_reading() -> None:
    put(Path("pictures"), "a.png", "004217", 0)
    assert (
        "--crop 0,0,900,90 reaches outside the picture: it is 240×64"
        in watch("pictures", "--once", "--crop", "0,0,900,90").stdout
    )


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "none", "none", 60)
    with pytest.raises(PictureError, match="none: it is gone"):
        list(source.shots(list))


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str], list[str]]]:
    """The watcher as a process of its own, and what it has said so far on stdout and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "facevalue", "watch", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    told: tuple[list[str], list[str]] = ([], [])
    threads = []
    for stream, lines in zip((process.stdout, process.stderr), told, strict=True):
        assert stream is not None
        threads.append(
            threading.Thread(target=lambda stream=stream, lines=lines: lines.extend(iter(stream.readline, "")))
        )
        threads[-1].start()
    try:
        yield process, *told
    finally:
        process.kill()
        process.wait()
        for thread in threads:
            thread.join()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def test_a_growing_folder_until_sigterm() -> None:
    """The database goes away meanwhile and comes back."""
    Path("disk").mkdir()
    put(Path("pictures"), "1.png", "004217", 0)
    with running("pictures", "--every", "0.05", "--db", "disk/readings.db", "--name", "cellar") as (process, out, err):
        wait_until(lambda: len(out) == 1)
        Path("disk").rename("away")
        put(Path("pictures"), "2.png", "004218", 60)
        wait_until(lambda: len(out) == 2)
        Path("away").rename("disk")
        wait_until(lambda: err and "1 reading that waited stored" in err[-1])
        put(Path("pictures"), "3.png", "004219", 120)
        wait_until(lambda: len(out) == 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert err[0].startswith("cellar: read every 0.05 s into ")
    assert [(entry.source, entry.value) for entry in history("disk/readings.db")] == [
        ("cellar", value) for value in ("004217", "004218", "004219")
    ]


def test_killed_again_and_again_it_loses_and_doubles_nothing() -> None:
    benchmark = Path(__file__).parent.parent / "benchmarks" / "watch_kill.py"
    done = subprocess.run(
        [sys.executable, benchmark, "--kills", "6", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for result in json.loads(done.stdout).values():
        assert (result["kills"], result["lost"], result["doubled"]) == (3, 0, 0)
        assert result["stored"] >= 3


# ---- cameras and videos ----------------------------------------------------------------------------------------------


def test_a_video_is_read_in_its_own_time() -> None:
    writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter.fourcc(*"MJPG"), 4, (240, 64))
    for text in ("004217", "004218", "004219"):
        for _ in range(4):
            writer.write(np.ascontiguousarray(np.asarray(draw_number(text))[:, :, ::-1]))
    writer.release()
    result = watch("clip.avi", "--every", "1", "--begins", "2026-11-01T12:00Z")
    assert result.exit_code == 0, result.stderr
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["004217", "004218", "004219"]
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert [entry.time - first for entry in history("readings.db")] == [timedelta(seconds=n) for n in range(3)]
    assert watch("clip.avi", "--every", "1", "--begins", "2026-11-01T12:00Z").stdout == ""


class Snapshots(BaseHTTPRequestHandler):
    """A camera's address: /basic asks for me and s3cret, /page is no picture, /broken is half of one."""

    shown: ClassVar[str] = "004217"

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(b"me:s3c/ret").decode()
        if self.path == "/basic" and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        data = io.BytesIO()
        draw_number(self.shown).save(data, "JPEG", quality=95)
        picture = data.getvalue()
        self.send_response(404 if self.path == "/none" else 200)
        if self.path != "/untyped":
            self.send_header("Content-Type", "text/html" if self.path == "/page" else "image/jpeg")
        self.end_headers()
        self.wfile.write(picture[: len(picture) // 2] if self.path == "/broken" else picture)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def snapshots() -> Iterator[str]:
    """The address of a camera, without http://."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Snapshots)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_read_once_a_slot(snapshots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(datetime):
        """At noon, late in the evening, past midnight."""

        hours: ClassVar[list[int]] = [0, 11, 13]

        @classmethod
        def now(cls, tz: object = None) -> Any:
            return datetime.fromtimestamp(NOON + 3600 * cls.hours.pop(0), UTC)

    monkeypatch.setattr(sources, "datetime", Told)
    for _ in range(3):
        result = watch(f"http://me:s3c%2Fret@{snapshots}/basic", "--once", "--every", "86400")
        assert result.exit_code == 0, result.stderr
    entries = history("readings.db")
    assert {(entry.source, entry.value) for entry in entries} == {(f"http://{snapshots}/basic", "004217")}
    assert [entry.identity for entry in entries] == ["2026-11-21T00:00:00+00:00", "2026-11-22T00:00:00+00:00"]


def test_an_address_that_names_no_type_is_read(snapshots: str) -> None:
    assert watch(f"http://{snapshots}/untyped", "--once").stdout.split()[2] == "004217"


def test_a_recording_behind_an_address_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = iter([camera.Frame(np.zeros((8, 8, 3), np.uint8), 0.0)])
    monkeypatch.setattr(sources, "read_frames", lambda *_: (frame for frame in frames))
    result = watch("file:///somewhere/clip.avi", "--once")
    assert result.exit_code == 2
    assert "is a recording, not a camera: give the path of its file" in result.stderr


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("basic", "it answers 401 Unauthorized"),
        ("none", "it answers 404 Not Found"),
        ("page", "it gives text/html, where a picture was expected; check the address"),
        ("broken", "the picture is cut off before its end; copy or download it again"),
    ],
)
def test_an_address_that_gives_no_picture(path: str, problem: str, snapshots: str) -> None:
    result = watch(f"http://me:wr0ng@{snapshots}/{path}", "--once")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"http://{snapshots}/{path}: {problem}\n"


class DigestCamera(BaseHTTPRequestHandler):
    """A camera that asks for a password by digest; then it answers as it is told, and counts who showed one."""

    answers: ClassVar[list[int]] = []
    shown: ClassVar[int] = 0

    def do_GET(self) -> None:
        has_password = self.headers.get("Authorization", "").startswith("Digest ")
        type(self).shown += has_password
        status = self.answers.pop(0) if has_password and self.answers else 200 if has_password else 401
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Digest realm="camera", nonce="abc", algorithm=MD5, qop="auth"')
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        if status == 200:
            draw_number("004217").save(self.wfile, "PNG")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def test_a_digest_camera_comes_back_and_is_shown_a_wrong_password_once(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), DigestCamera)
    threading.Thread(target=server.serve_forever).start()
    monkeypatch.setattr(DigestCamera, "answers", [503] * 9 + [401] * 2)
    monkeypatch.setattr(DigestCamera, "shown", 0)
    asked = snapshots_module.Snapshots(f"http://me:s3cret@127.0.0.1:{server.server_port}/now", "camera")
    try:
        for status in [503] * 9 + [401] * 2:
            with pytest.raises(PictureError, match=f"it answers {status}"):
                asked.fetch()
        assert DigestCamera.shown == 11  # once each time
        assert asked.opened(asked.fetch()).shape == (64, 240, 3)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://a..b/now", "not a valid address"),
        ("http://me:zähler@HOST/now", "user or password hold other than ASCII"),
        ("http://HOST/zähler", "not a valid address"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(address: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), DigestCamera)
    threading.Thread(target=server.serve_forever).start()
    try:
        asked = snapshots_module.Snapshots(address.replace("HOST", f"127.0.0.1:{server.server_port}"), "camera")
        assert problem in asked.trouble()
    finally:
        server.shutdown()
        server.server_close()


def test_a_time_that_is_stored_already_is_said(snapshots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "slot_of", lambda when, every_seconds: "2026-11-21T12:00:00+00:00")
    address = f"http://{snapshots}/now.jpg"
    assert "stored already" not in watch(address, "--once").stderr
    again = watch(address, "--once")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "of this time a reading is stored already; was the clock set back?" in again.stderr


def test_a_camera_that_goes_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    opens = [True, False, True]

    class Capture:
        def __init__(self, *_: object) -> None:
            self.is_open = opens.pop(0)

        def isOpened(self) -> bool:
            return self.is_open

        def grab(self) -> bool:
            return self.is_open

        def retrieve(self) -> tuple[bool, Any]:
            return True, np.asarray(draw_number("004217"))

        def release(self) -> None:
            self.is_open = False

    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(camera, "RETRY_SECONDS", ())
    source = CameraSource(0, "camera 0", 60, Ending())
    (shot,) = source.shots(list)
    assert shot.rgb is not None
    assert (shot.identity, shot.rgb.shape) == (slot_of(shot.time, 60), (64, 240, 3))
    with pytest.raises(PictureError, match="camera 0: can't be opened"):
        list(source.shots(list))
    assert len(list(source.shots(list))) == 1  # opened anew each time, as it is read once a minute
    assert opens == []


@pytest.mark.parametrize(
    ("every_seconds", "slot"),
    [(60, "2026-11-21T12:34:00"), (3600, "2026-11-21T12:00:00"), (0.5, "2026-11-21T12:34:56.500000")],
)
def test_slots(every_seconds: float, slot: str) -> None:
    when = datetime(2026, 11, 21, 12, 34, 56, 789000, tzinfo=UTC)
    assert slot_of(when, every_seconds) == f"{slot}+00:00"


@pytest.mark.parametrize(
    ("reading", "period"),
    [
        pytest.param(Reading("clock", "1:00", 60.0, 0.9, False), 720.0, id="a clock"),
        pytest.param(
            Reading("dial", "1.0", 1.0, 0.9, False, scale=Placed(-5, 5, 0.0, 360.0)), 10.0, id="a dial of a full turn"
        ),
        pytest.param(
            Reading("dial", "1.0", 1.0, 0.9, False, scale=Placed(0, 10, 225.0, 270.0)), None, id="a dial with ends"
        ),
        pytest.param(Reading("digits", "42", 42.0, 0.9, False), None, id="digits"),
    ],
)
def test_what_comes_round(reading: Reading, period: float | None) -> None:
    assert period_of(reading) == period


# ---- wrong usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["none"], "none: no such camera, folder, video or address"),
        pytest.param(["http://camera/now?channel=1"], "give the source a name with --name"),
        pytest.param([".", "--begins", "2h"], "--begins says when a video begins; . is none"),
        pytest.param([".", "--begins", "soon"], "'soon' is no time"),
        pytest.param([".", "--db", "mysql://x/y"], "--db: mysql is not supported"),
        pytest.param([".", "--kind", "clock", "--decimals", "3"], "--decimals is of digits, not of a clock"),
        pytest.param([".", "--once", "--mqtt", "mqtt://home"], "--once ends at once"),
        pytest.param([".", "--mqtt", "home"], "--mqtt: not the address of a broker"),
        pytest.param([".", "--mqtt", "mqtt://home", "--mqtt-topic", "a/#"], "--mqtt-topic 'a/#'"),
        pytest.param([".", "--digits", "3", "--decimals", "3"], "3 of 3 digits leave none before the point"),
        pytest.param([".", "--mqtt", "mqtt://home", "--mqtt-discovery", "ha/#"], "--mqtt-discovery 'ha/#'"),
        pytest.param([".", "--every", "0"], "--every"),
        pytest.param([".", "--every", "nan"], "'nan' is no number"),
        pytest.param([".", "--max-per-hour", "nan"], "'nan' is no number"),
        pytest.param([".", "--keep-pictures", "file/below"], "no folder can be made there"),
        pytest.param([".", "--spool", "file/below"], "can't keep a spool there"),
    ],
)
def test_wrong_usage(arguments: list[str], problem: str) -> None:
    Path("file").touch()
    result = watch(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in " ".join(result.stderr.split())


@pytest.mark.parametrize("arguments", [["watch", "."], ["log"]])
def test_what_to_install_is_said(arguments: list[str]) -> None:
    program = "sys.modules['sqlalchemy'] = None\nfrom facevalue.cli import main; main(prog_name='facevalue')"
    done = run_python(program, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "Error: the history needs sqlalchemy, which is not installed: pip install 'facevalue[serve]'\n"
    )


# ---- the log ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored() -> None:
    for seconds, text in ((0, "004217"), (60, "004218"), (120, "004118"), (180, "004219")):
        put(Path("pictures"), f"{seconds}.png", text, seconds)
    watch("pictures", "--once", "--name", "cellar")


@pytest.mark.parametrize("link", ["last.png", "latest"])
def test_a_link_is_followed_at_each_look(link: str) -> None:
    """As cameras have it that keep ``last.png``, or ``latest``, on the newest."""
    put(Path("pictures"), "one.png", "004217", 0)
    put(Path("pictures"), "two.png", "004218", 60)
    Path(link).symlink_to("pictures/one.png")
    assert "  004217  " in watch(link, "--once").stdout
    Path(link).unlink()
    Path(link).symlink_to("pictures/two.png")
    assert "  004218  " in watch(link, "--once").stdout
    assert {json.loads(line)["source"] for line in log("--json").stdout.splitlines()} == {str(Path.cwd() / link)}


def test_a_folder_has_one_name_whatever_the_way_there() -> None:
    put(Path("pictures"), "one.png", "004217", 0)
    Path("way").symlink_to("pictures")
    assert "  004217  " in watch("way", "--once").stdout
    assert watch("pictures", "--once").stdout == ""


def test_a_name_that_is_no_text_stays_one_line_in_the_log() -> None:
    put(Path("pictures"), "two\nlines\x1b.png", "004217", 0)
    assert watch("pictures", "--once").stdout.splitlines()[0].endswith("  two\\nlines\\x1b.png")


@pytest.mark.usefixtures("stored")
def test_log() -> None:
    lines = log().stdout.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        [f"2026-11-21 12:0{minute}:00+00:00", text]
        for minute, text in enumerate(("004217", "004218", "004118", "004219"))
    ]
    assert lines[2].endswith(".png  (backwards: 004218 was read before; still 004218)")
    assert len(log("--since", "2026-11-21T12:02Z").stdout.splitlines()) == 2
    empty = log("--source", "attic")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "no readings\n")
    records = [json.loads(line) for line in log("--json").stdout.splitlines()]
    assert [record["good_number"] for record in records] == [4217, 4218, 4218, 4219]
    assert records[0]["time"] == "2026-11-21T12:00:00Z"


@pytest.mark.usefixtures("stored")
def test_a_table_and_a_drawing() -> None:
    result = log("--csv", "out.csv", "--plot", "out.png")
    assert (result.exit_code, result.stdout) == (0, "")
    with open("out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["value"], row["plausible"], row["good_number"]) for row in rows][1:3] == [
        ("004218", "True", "4218.0"),
        ("004118", "False", "4218.0"),
    ]
    with Image.open("out.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (np.abs(pixels - (179, 38, 30)).sum(axis=2) < 30).any()  # a red cross for what was not believed
    assert (np.abs(pixels - (31, 119, 180)).sum(axis=2) < 30).any()  # a blue line for what was
    assert not list(Path().glob(".*unfinished*"))
    assert "expected a .png, .svg or .pdf file" in log("--plot", "out.gif").stderr
    assert "can't write none/out.csv" in log("--csv", "none/out.csv").stderr


def test_what_nobody_believes_yet_is_drawn_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line gives the axis its ends then."""
    from matplotlib.figure import Figure

    drawn: list[tuple[float, ...]] = []

    def note(figure: Figure, path: Path, **_: object) -> None:
        (axes,) = figure.axes
        drawn.append((*axes.get_ylim(), *axes.lines[-1].get_ydata()))
        path.touch()

    put(Path("pictures"), "0.png", "004217", 0)
    put(Path("pictures"), "1.png", "004219", 60)
    watch("pictures", "--once", "--digits", "5")
    monkeypatch.setattr(Figure, "savefig", note)
    assert log("--plot", "out.png").exit_code == 0
    ((low, high, *numbers),) = drawn
    assert numbers == pytest.approx([4217, 4219], abs=0.2)
    assert low < 4217
    assert high > 4219


@pytest.mark.usefixtures("stored")
def test_the_meter_was_changed() -> None:
    assert "004118  100%  (set by hand)" in log("--correct", "004118").stdout
    put(Path("pictures"), "new.png", "004119", time.time() + 3600 - NOON)
    assert watch("pictures", "--once", "--name", "cellar").stdout.split()[2] == "004119"
    assert history("readings.db")[-1].good_value == "004119"
    for wrong in ("x", "1e5"):
        assert f"--correct {wrong}: expected what the instrument shows" in log("--correct", wrong).stderr
    assert "--correct -1: no value of cellar, which is read as digits" in log("--correct", "-1").stderr
    assert "shows nothing" in log("--correct", "1", "--json").stderr
    assert "--correct needs --source, one of: cellar" in log("--correct", "1", "--source", "attic").stderr


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2h", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("1.5d", datetime(2026, 11, 20, 0, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:00+02:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
    ],
)
def test_since(text: str, time: datetime) -> None:
    assert parse_since(text, datetime.fromtimestamp(NOON, UTC)) == time


@pytest.mark.parametrize("text", ["yesterday", "2y", "-2h", "2026-13-01", "999999w"])
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; expected 90m, 2h"):
        parse_since(text, datetime.fromtimestamp(NOON, UTC))
