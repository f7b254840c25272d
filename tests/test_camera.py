"""``facevalue camera``: a small drawn video read with the shipped weight, and stand-ins for cameras that fail.

A stand-in camera gives pictures from memory as cv2.VideoCapture would; the failures are the ones that real ones have.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from servers import wait_until

from facevalue import camera
from facevalue.camera import Crop, Ending, Frame, name_source, parse_crop, to_rgb
from facevalue.cli import main
from facevalue.errors import FaceValueError

SIDE_PX = 160


def draw_clock(minutes: int, side_px: int = SIDE_PX) -> NDArray[np.uint8]:
    """A plain dial on a bluish wall: (side_px, side_px, 3) RGB."""
    image = Image.new("RGB", (side_px, side_px), (60, 90, 150))
    draw = ImageDraw.Draw(image)
    centre, radius = side_px / 2, 0.46 * side_px

    def at(degrees: float, share: float) -> tuple[float, float]:
        angle = np.radians(degrees)
        return centre + radius * share * float(np.sin(angle)), centre - radius * share * float(np.cos(angle))

    corners = (centre - radius, centre - radius, centre + radius, centre + radius)
    draw.ellipse(corners, fill="white", outline="black", width=3)
    for hour in range(12):
        draw.line((at(30 * hour, 0.82), at(30 * hour, 0.94)), fill="black", width=4 if hour % 3 == 0 else 2)
        draw.text(at(30 * hour, 0.68), str(hour or 12), fill="black", anchor="mm", font_size=radius / 6)
    draw.line((at(minutes / 2, -0.08), at(minutes / 2, 0.5)), fill="black", width=6)
    draw.line((at(minutes * 6, -0.1), at(minutes * 6, 0.8)), fill="black", width=3)
    return np.asarray(image)


TEN_PAST_TEN, QUARTER_PAST_FOUR = draw_clock(610), draw_clock(255)


def write_video(path: Path, pictures: list[NDArray[np.uint8]], fps: float) -> None:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture[:, :, ::-1]))
    writer.release()


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clip.avi, 3 seconds at 4 a second: 10:10, and after 1.5 seconds 4:15; wide.avi has it at the left
    of a picture twice as wide."""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "clip.avi", [TEN_PAST_TEN] * 6 + [QUARTER_PAST_FOUR] * 6, fps=4)
    wide = np.concatenate([TEN_PAST_TEN, np.zeros_like(TEN_PAST_TEN)], axis=1)
    write_video(folder / "wide.avi", [wide] * 2, fps=4)
    (folder / "text.avi").write_text("dear diary")
    (folder / "folder.avi").mkdir()
    return folder


@pytest.fixture
def folder(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, empty; the videos are one level up by the name ``videos``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").symlink_to(videos)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["camera", *arguments], catch_exceptions=False)


def times_and_values(result: Result) -> list[list[str]]:
    return [line.split()[:2] for line in result.stdout.splitlines()]


def test_the_point_of_a_counter_is_where_the_operator_says(folder: Path) -> None:
    with Image.open(Path(__file__).parent.parent / "docs" / "counter.jpg") as counter:
        picture = np.asarray(counter.convert("RGB"))[: counter.height // 2 * 2, : counter.width // 2 * 2]
    write_video(folder / "counter.avi", [picture] * 2, fps=4)
    placed = run("counter.avi", "--kind", "digits", "--decimals", "3", "--count", "1", "--json")
    assert json.loads(placed.stdout)["value"] == "024.816"
    none_left = run("counter.avi", "--kind", "digits", "--decimals", "7", "--all")
    assert (none_left.exit_code, none_left.stdout) == (0, "")
    assert none_left.stderr.count("no digit is left before its 7 decimals") == 1  # told once


# ---- a video in the camera's place -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "expected", "read"),
    [
        pytest.param(["--every", "0.5"], [["0:00.0", "10:10"], ["0:01.5", "4:15"]], 6, id="changes alone"),
        pytest.param(
            ["--all"], [["0:00.0", "10:10"], ["0:01.0", "10:10"], ["0:02.0", "4:15"]], 3, id="each, a second apart"
        ),
        pytest.param(["--every", "0"], [["0:00.0", "10:10"], ["0:01.5", "4:15"]], 12, id="every frame"),
        pytest.param(["--every", "60"], [["0:00.0", "10:10"]], 1, id="longer than the video"),
        pytest.param(["--every", "0.5", "--count", "2", "--all"], [["0:00.0", "10:10"], ["0:00.5", "10:10"]], 2),
    ],
)
def test_a_video_is_read_in_its_own_time(arguments: list[str], expected: list[list[str]], read: int) -> None:
    result = run("videos/clip.avi", *arguments)
    assert result.exit_code == 0, result.stderr
    assert times_and_values(result) == expected
    assert result.stdout.splitlines()[0].endswith("%")
    if read == 1:
        assert result.stderr == "videos/clip.avi: 1 frame read\n"
    else:
        assert result.stderr.startswith(f"videos/clip.avi: {read} frames read, ")
        assert result.stderr.endswith(" readings a second\n")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_json() -> None:
    result = run("videos/clip.avi", "--every", "1.5", "--json")
    assert result.exit_code == 0
    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["time"], first["kind"], first["value"], first["model"]) == (0.0, "clock", "10:10", "clock-1")
    assert (second["time"], second["value"]) == (1.5, "4:15")
    keys = ["time", "kind", "value", "number", "confidence", "uncertain", "alternatives", "model", "milliseconds"]
    assert list(first) == keys


@pytest.mark.usefixtures("folder")
def test_crop_reads_that_part() -> None:
    side = str(SIDE_PX)
    assert times_and_values(run("videos/wide.avi", "--crop", f"0,0,{side},{side}")) == [["0:00.0", "10:10"]]
    dark = run("videos/wide.avi", "--crop", f"{side},0,{side},{side}", "--json")
    assert json.loads(dark.stdout)["uncertain"]
    outside = run("videos/wide.avi", "--crop", f"{SIDE_PX + 1},0,{side},{side}")
    assert (outside.exit_code, outside.stdout) == (2, "")
    assert "--crop 161,0,160,160 reaches outside the picture: it is 320×160 pixels" in outside.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("10,10,100", "expected x,y,w,h in pixels", id="three numbers"),
        pytest.param("a,b,c,d", "expected x,y,w,h in pixels", id="no numbers"),
        pytest.param("-1,0,100,100", "expected x,y,w,h in pixels", id="left of the picture"),
        pytest.param("0,0,10.5,100", "expected x,y,w,h in pixels", id="half a pixel"),
        pytest.param("0,0,0,100", "too small to read", id="nothing"),
        pytest.param("0,0,100,7", "too small to read", id="a strip"),
    ],
)
def test_a_crop_that_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_crop(text)
    result = run("none.avi", "--crop", text)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())


def test_crop_may_touch_the_border() -> None:
    rgb = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    np.testing.assert_array_equal(parse_crop(" 10, 5, 20, 15").cut(rgb), rgb[5:20, 10:30])
    for crop in (Crop(11, 5, 20, 15), Crop(10, 6, 20, 15)):
        with pytest.raises(FaceValueError, match="30×20 pixels"):
            crop.cut(rgb)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("place", "written"),
    [
        pytest.param("page/now.png", "page/now.png", id="a file, in a folder to be made"),
        pytest.param("page", "page/camera.jpg", id="a folder to be made"),
        pytest.param(".", "camera.jpg", id="a folder"),
    ],
)
def test_overlay_holds_the_latest_frame(place: str, written: str) -> None:
    result = run("videos/clip.avi", "--overlay", place)
    assert result.exit_code == 0, result.stderr
    with Image.open(written) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape[1] == 360  # small pictures are enlarged
    red, _, blue = pixels[4, 4]
    assert blue > red + 50  # the wall is bluish: the colours are in the right order
    amber = np.abs(pixels - (255, 190, 60)).sum(axis=2) < 60
    y, x = np.argwhere(amber[:360]).mean(axis=0)
    assert (x > 180, y > 180) == (True, True)  # the hour hand of 4:15, not of 10:10
    assert not [name for name in os.listdir(Path(written).parent) if "unfinished" in name]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["videos/clip.avi", "--overlay", "page.avi"], "expected a .jpg or .png file, or a folder"),
        pytest.param(["still.png", "--overlay", "still.png"], "would write over still.png, which is read"),
        pytest.param(["videos/clip.avi", "--overlay", "still.png/x"], "can't make its folder"),
        pytest.param(["videos/clip.avi", "--device", "1"], "are two cameras; give one"),
        pytest.param(["--device", "-1"], "--device"),
        pytest.param(["videos/clip.avi", "--every", "-1"], "--every"),
        pytest.param(["videos/clip.avi", "--count", "0"], "--count"),
        pytest.param(["videos/clip.avi", "--kind", "sundial"], "--kind"),
        pytest.param(["videos/clip.avi", "--model", "none.onnx"], "none.onnx: no such weight"),
        pytest.param(["videos/clip.avi", "--show"], "--show needs a display"),
    ],
)
def test_wrong_usage(arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    Image.fromarray(TEN_PAST_TEN).save("still.png")
    before = Path("still.png").read_bytes()
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr
    assert Path("still.png").read_bytes() == before


@pytest.mark.usefixtures("folder")
def test_an_overlay_that_fails_stops_no_reading() -> None:
    Path("page/now.png").mkdir(parents=True)
    Path("page/now.png/full").touch()
    place = Path("page/now.png")
    assert camera.place_overlay(place, 0) == place / "camera.jpg"  # a folder, whatever its name
    Image.new("RGB", (16, 16)).save(place / "camera.jpg")
    with pytest.raises(FaceValueError, match="which facevalue did not draw; name another file"):
        camera.place_overlay(place, 0)
    assert camera.try_to_write(Path("none/now.png"), TEN_PAST_TEN) is not None
    problem = camera.try_to_write(place, TEN_PAST_TEN)
    assert problem is not None
    assert problem.startswith("can't write the overlay page/now.png: ")
    assert os.listdir("page") == ["now.png"]


@pytest.mark.usefixtures("folder")
def test_an_overlay_that_fails_is_said_once_and_in_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(camera, "write_picture", fail)
    result = run("videos/clip.avi", "--overlay", "now.png")
    assert result.exit_code == 1
    assert times_and_values(result) == [["0:00.0", "10:10"], ["0:02.0", "4:15"]]
    first, summary, last = result.stderr.splitlines()
    problem = "can't write the overlay now.png: No space left on device"
    assert (first, last) == (f"{problem}; going on without", problem)
    assert "3 frames read" in summary


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("none.avi", "none.avi: no such file; check the path\n"),
        ("videos/text.avi", "videos/text.avi: not a video that OpenCV can open; expected MP4, AVI, MKV or the like\n"),
        ("videos/folder.avi", "videos/folder.avi: a folder, where a camera or a video was expected\n"),
        ("no\nne.avi", "no\\nne.avi: no such file; check the path\n"),
    ],
)
def test_no_video(source: str, problem: str) -> None:
    result = run(source)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", problem)


def test_a_video_that_tells_no_times() -> None:
    """A format that tells no times is timed by its rate, or by 25 a second where it tells none."""

    class Timeless(StandIn):
        def get(self, number: int, /) -> float:
            return 10.0 if number == cv2.CAP_PROP_FPS and self.rate_told else 0.0

        rate_told = True

    def times() -> list[float | datetime]:
        frames = camera.recorded_frames(cv2, "x.avi", Timeless(pictures=14), 0.5, Ending())
        return [frame.when for frame in frames]

    assert times() == pytest.approx([0.0, 0.5, 1.0])
    Timeless.rate_told = False
    assert times() == pytest.approx([0.0, 0.52])
    with pytest.raises(FaceValueError, match="there is no picture in this video"):
        list(camera.recorded_frames(cv2, "x.avi", StandIn(pictures=0), 0.5, Ending()))


def test_a_time_told_twice_does_not_lead_back() -> None:
    """As in videos of variable rate."""

    class Stuck(StandIn):
        def get(self, number: int, /) -> float:
            if number == cv2.CAP_PROP_POS_MSEC:
                return (0.0, 60e3, 120e3, 120e3, 180e3)[self.grabbed - 1]
            return 25.0 if number == cv2.CAP_PROP_FPS else 0.0

    frames = camera.recorded_frames(cv2, "x.mp4", Stuck(pictures=5), 0.0, Ending())
    assert [frame.when for frame in frames] == pytest.approx([0.0, 60.0, 120.0, 120.04, 180.0])


# ---- a live camera ---------------------------------------------------------------------------------------------------


class StandIn:
    """A capture that gives so many pictures of 10:10, then fails; opens: whether it opens at all."""

    def __init__(self, pictures: int, opens: bool = True, tick_seconds: float = 0.0) -> None:
        self.left, self.opens, self.tick_seconds = pictures, opens, tick_seconds
        self.grabbed = self.decoded = 0
        self.released = threading.Event()

    def isOpened(self) -> bool:
        return self.opens

    def grab(self) -> bool:
        assert not self.released.is_set()
        time.sleep(self.tick_seconds)
        if self.left == 0:
            return False
        self.left -= 1
        self.grabbed += 1
        return True

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        self.decoded += 1
        return True, np.ascontiguousarray(TEN_PAST_TEN[:, :, ::-1])

    def get(self, number: int, /) -> float:
        return 0.0

    def release(self) -> None:
        self.released.set()


ENDLESS = 10**9
Plug = Callable[..., list[StandIn]]


@pytest.fixture
def plug(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Plug:
    """Puts stand-ins in the place of cv2.VideoCapture, one for each time that it is opened, the last one for good."""
    monkeypatch.setattr(camera, "RETRY_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(camera, "MISS_SECONDS", 0.0)

    def plug_in(*stand_ins: StandIn) -> list[StandIn]:
        coming = iter(stand_ins)
        last = stand_ins[-1]

        def open_it(source: int | str, *_: object) -> StandIn:
            opened.append(next(coming, StandIn(last.left, last.opens, last.tick_seconds)))
            return opened[-1]

        opened: list[StandIn] = []
        monkeypatch.setattr(cv2, "VideoCapture", open_it)
        return opened

    return plug_in


def test_a_live_camera_prints_the_wall_time(plug: Plug) -> None:
    opened = plug(StandIn(ENDLESS, tick_seconds=0.001))
    result = run("--every", "0", "--count", "3", "--all")
    assert result.exit_code == 0, result.stderr
    lines = times_and_values(result)
    assert [value for _, value in lines] == ["10:10"] * 3
    for clock, _ in lines:
        datetime.strptime(clock, "%H:%M:%S")
    assert result.stderr.startswith("camera 0: 3 frames read, ")
    assert opened[0].released.is_set()
    record = json.loads(run("--device", "2", "--count", "1", "--json").stdout)
    assert datetime.fromisoformat(record["time"]).tzinfo is not None


def test_only_the_newest_frame_is_decoded() -> None:
    """What is grabbed while a reading goes on is let go, and the first dark pictures of a webcam too."""
    decoded: list[int] = []

    class Numbered(StandIn):
        def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
            decoded.append(self.grabbed)
            return super().retrieve()

    capture = Numbered(ENDLESS, tick_seconds=0.001)
    with camera.NewestFrame(capture) as newest:
        assert newest.wait_for(Ending()) is not None
        assert decoded == [camera.SETTLING_PICTURES + 1]
        until = capture.grabbed + 20
        wait_until(lambda: capture.grabbed >= until)  # a slow reading
        assert len(decoded) == 1
        assert newest.wait_for(Ending()) is not None
        assert decoded[-1] >= until
    assert capture.released.is_set()


@pytest.mark.parametrize(
    ("arguments", "stand_in", "first", "last"),
    [
        pytest.param(
            [],
            StandIn(0, opens=False),
            "camera 0: can't be opened; trying again, up to 2 times",
            "camera 0: can't be opened; check that it is plugged in, its number (--device), and that no other program "
            "uses it",
            id="no camera",
        ),
        pytest.param(
            ["--device", "3"],
            StandIn(0),
            "camera 3: gives no pictures; trying again, up to 2 times",
            "camera 3: it opens but gives no pictures; check that no other program uses it",
            id="a camera that another program has",
        ),
        pytest.param(
            ["rtsp://me:secret@kitchen:554/1"],
            StandIn(0, opens=False),
            "rtsp://kitchen:554/1: can't be opened; trying again, up to 2 times",
            "rtsp://kitchen:554/1: the stream can't be opened; check the address",
            id="no stream, and no password in the message",
        ),
    ],
)
def test_a_camera_that_fails(arguments: list[str], stand_in: StandIn, first: str, last: str, plug: Plug) -> None:
    opened = plug(stand_in)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [first, last]
    assert len(opened) == 3
    assert all(each.released.wait(10) for each in opened)


def test_a_camera_that_goes_away(plug: Plug) -> None:
    opened = plug(StandIn(camera.SETTLING_PICTURES + 1), StandIn(0, opens=False))
    result = run("--every", "0")
    assert result.exit_code == 1
    assert [value for _, value in times_and_values(result)] == ["10:10"]
    assert result.stderr.splitlines() == [
        "camera 0: went away; trying again, up to 2 times",
        "camera 0: it went away after 1 picture, and trying again was in vain",
    ]
    assert len(opened) == 3


def test_a_camera_that_comes_back(plug: Plug) -> None:
    """And the count of attempts begins anew."""
    brief, absent = camera.SETTLING_PICTURES + 1, StandIn(0, opens=False)
    plug(StandIn(brief), absent, StandIn(brief), absent, StandIn(ENDLESS, tick_seconds=0.001))
    result = run("--every", "0", "--count", "4", "--all")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 4
    assert result.stderr.splitlines()[:2] == ["camera 0: went away; trying again, up to 2 times"] * 2


def test_a_camera_that_hangs_or_breaks(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "STALLED_SECONDS", 0.05)
    freed = threading.Event()

    class Hanging(StandIn):
        def grab(self) -> bool:
            freed.wait(0.2)
            return False

    class Broken(StandIn):
        def grab(self) -> bool:
            raise cv2.error("of its own")

    opened = plug(Hanging(1), Broken(1), Hanging(1))
    result = run()
    freed.set()
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("camera 0: it opens but gives no pictures")
    assert all(each.released.wait(10) for each in opened)


def test_a_stream_that_knows_its_length_is_a_video(plug: Plug) -> None:
    class Finite(StandIn):
        def get(self, number: int, /) -> float:
            return {cv2.CAP_PROP_FRAME_COUNT: 8.0, cv2.CAP_PROP_FPS: 4.0}.get(number, 0.0)

    plug(Finite(8))
    result = run("https://example.com/clip.mp4", "--all")
    assert result.exit_code == 0, result.stderr
    assert times_and_values(result) == [["0:00.0", "10:10"], ["0:01.0", "10:10"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary(number: signal.Signals, plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two readings, a day apart."""
    before = signal.getsignal(number)
    pause = Ending.pause

    def pause_and_ask(ending: Ending, seconds: float) -> None:
        if seconds > 0:
            signal.raise_signal(number)
        pause(ending, seconds)

    monkeypatch.setattr(Ending, "pause", pause_and_ask)
    opened = plug(StandIn(ENDLESS, tick_seconds=0.001))
    result = run("--every", "86400")
    assert result.exit_code == 0
    assert [value for _, value in times_and_values(result)] == ["10:10"]
    assert result.stderr.startswith("camera 0: 1 frame read\n")
    assert opened[0].released.is_set()
    assert signal.getsignal(number) == before


def test_a_signal_ends_the_waiting_for_a_camera(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "RETRY_SECONDS", (86_400.0,))

    def pause_and_ask(ending: Ending, seconds: float) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Ending, "pause", pause_and_ask)
    plug(StandIn(0, opens=False))
    result = run()
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1] == "camera 0: 0 frames read"


def test_a_second_signal_ends_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), camera.ending_by_signal() as ending:
        signal.raise_signal(signal.SIGINT)
        assert ending.asked
        signal.raise_signal(signal.SIGINT)


def test_a_number_is_that_of_a_camera(plug: Plug) -> None:
    plug(StandIn(ENDLESS))
    assert run("1", "--count", "2", "--every", "0").stderr.startswith("camera 1: 2 frames read, ")


def test_a_device_that_is_unplugged_is_waited_for(plug: Plug, tmp_path: Path) -> None:
    device = tmp_path / "video9"
    os.mkfifo(device)  # neither a file nor a folder, as a device is

    class Unplugged(StandIn):
        def grab(self) -> bool:
            if self.left == 0:
                device.unlink(missing_ok=True)
            return super().grab()

    opened = plug(Unplugged(camera.SETTLING_PICTURES + 1), StandIn(0, opens=False), StandIn(ENDLESS))
    result = run(str(device), "--count", "2", "--every", "0")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[0] == f"{device}: went away; trying again, up to 2 times"
    assert len(opened) == 3


class Snapshots(BaseHTTPRequestHandler):
    """/snap gives a picture the first three times of all, and a text from then on; /bare names no type; /closed asks
    for a password."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        if self.path == "/closed":
            self.send_response(401)
            self.end_headers()
            return
        self.send_response(200)
        if self.path != "/bare":
            self.send_header("Content-Type", "image/png" if self.asked <= 3 else "text/html")
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever wants a picture does not wait for a text
            Image.fromarray(TEN_PAST_TEN).save(self.wfile, "PNG")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Snapshots]]]:
    """The address of a server without its http://, and its handler, which counts."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Handler", (Snapshots,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_of_snapshots_is_asked_again_and_again(plug: Plug, web: tuple[str, type[Snapshots]]) -> None:
    opened = plug(StandIn(0, opens=False))
    result = run(f"http://me:secret@{web[0]}/snap?key=secret", "--all", "--every", "0")
    assert [value for _, value in times_and_values(result)] == ["10:10"] * 2  # one was for looking what it gives
    problem = f"http://{web[0]}/snap?…: it gives text/html, where a picture was expected; check the address"
    assert result.stderr.splitlines() == [f"{problem}; trying again, up to 2 times", problem]
    assert (result.exit_code, len(opened)) == (1, 1)


def test_an_address_that_names_no_type_is_read(plug: Plug, web: tuple[str, type[Snapshots]]) -> None:
    plug(StandIn(1))  # OpenCV gets one picture, and then no more
    result = run(f"http://{web[0]}/bare", "--all", "--every", "0", "--count", "2")
    assert [value for _, value in times_and_values(result)] == ["10:10"] * 2, result.stderr


def test_one_picture_is_no_recording(plug: Plug, web: tuple[str, type[Snapshots]]) -> None:
    class One(StandIn):
        def get(self, number: int, /) -> float:
            return 1.0

    opened = plug(One(1))
    result = run(f"http://{web[0]}/bare", "--all", "--every", "0", "--count", "2")
    assert [value for _, value in times_and_values(result)] == ["10:10"] * 2, result.stderr
    assert opened[0].released.is_set()


def test_a_stream_is_not_asked_for_snapshots(plug: Plug, web: tuple[str, type[Snapshots]]) -> None:
    """Of some cameras a stream may be opened only once."""
    plug(StandIn(ENDLESS, tick_seconds=0.001))
    assert run(f"http://{web[0]}/stream", "--count", "2", "--every", "0").exit_code == 0
    assert web[1].asked == 0


def test_what_an_address_answers_is_told(plug: Plug, web: tuple[str, type[Snapshots]]) -> None:
    plug(StandIn(0, opens=False))
    result = run(f"http://me:secret@{web[0]}/closed")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == f"http://{web[0]}/closed: it answers 401 Unauthorized"


@pytest.mark.parametrize(
    "arguments",
    [
        ["http://me:se[cret@cam/video?key=secret"],
        ["http://me:secret@127.0.0.1:1/video?key=sec ret"],
        ["http://me:secret@127.0.0.1:1/video?key=secret"],
        ["rtsp://me:secret@127.0.0.1:1/video?key=secret"],
        ["--device", "1", "http://me:secret@cam/video?key=secret"],
    ],
)
def test_no_message_holds_a_password(arguments: list[str], plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    plug(StandIn(0, opens=False))
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert result.stderr and "secret" not in result.stderr and "ret" not in result.stderr.replace("tried", "")


def test_a_video_on_the_web_that_opens_late_is_a_video(plug: Plug) -> None:
    class Recording(StandIn):
        def get(self, number: int, /) -> float:
            return 30.0 if number == cv2.CAP_PROP_FRAME_COUNT else 0.0

    plug(StandIn(0, opens=False), Recording(30))
    result = run("http://127.0.0.1:1/clip.mp4", "--every", "0", "--all")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 30)


# ---- the window ------------------------------------------------------------------------------------------------------


class StandInWindows:
    """The part of cv2 that shows windows; keys: what is pressed, visible: what is said of it, one at each look, the
    last one for good."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: list[int], visible: list[float]) -> None:
        self.keys: Iterator[int] = iter(keys)
        looks = iter(visible)
        self.shown: list[NDArray[np.uint8]] = []
        self.destroyed = 0
        monkeypatch.setenv("DISPLAY", ":9")
        monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda _, picture: self.shown.append(picture))
        monkeypatch.setattr(cv2, "waitKey", lambda _: next(self.keys, -1))
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: next(looks, visible[-1]))
        monkeypatch.setattr(cv2, "destroyAllWindows", self.destroy)

    def destroy(self) -> None:
        self.destroyed += 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("keys", "visible", "shown"),
    [
        pytest.param([-1, ord("x"), -1], [1.0], 3, id="to the video's end"),
        pytest.param([-1, ord("q")], [1.0], 2, id="q"),
        pytest.param([27], [1.0], 1, id="Esc"),
        pytest.param([], [1.0, 0.0], 2, id="closed"),
        pytest.param([], [-1.0], 3, id="windows that never say whether they are visible"),
    ],
)
def test_show(keys: list[int], visible: list[float], shown: int, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = StandInWindows(monkeypatch, keys, visible)
    result = run("videos/clip.avi", "--show")
    assert result.exit_code == 0, result.stderr
    assert (len(windows.shown), windows.destroyed) == (shown, 1)
    blue, _, red = windows.shown[0][4, 4].astype(int)
    assert blue > red + 50


@pytest.mark.usefixtures("folder")
def test_show_without_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("The function is not implemented. Rebuild the library with Windows, GTK+ 2.x or Cocoa support")

    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.setattr(cv2, "namedWindow", fail)
    result = run("videos/clip.avi", "--show")
    assert result.exit_code == 2
    assert "--show needs an OpenCV with windows" in result.stderr


# ---- small things ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "text", "in_json"),
    [
        (0.0, "0:00.0", 0.0),
        (59.949, "0:59.9", 59.949),
        (59.96, "1:00.0", 59.96),
        (65.25001, "1:05.3", 65.25),
        (3661.0, "61:01.0", 3661.0),
        (datetime(2026, 3, 1, 7, 5, 9, tzinfo=timezone(timedelta(hours=1))), "07:05:09", "2026-03-01T07:05:09+01:00"),
    ],
)
def test_times(when: float | datetime, text: str, in_json: float | str) -> None:
    frame = Frame(TEN_PAST_TEN, when)
    assert (frame.time_text(), frame.time_json()) == (text, in_json)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (2, "camera 2"),
        ("hall.mp4", "hall.mp4"),
        ("me@home.mp4", "me@home.mp4"),
        ("rtsp://cam:8554/live", "rtsp://cam:8554/live"),
        ("rtsp://me:p@s?s@cam/live?to=a@b", "rtsp://cam/live?…"),
        ("http://cam/cgi?cmd=Snap&password=secret", "http://cam/cgi?…"),
    ],
)
def test_name_source(source: int | str, name: str) -> None:
    assert name_source(source) == name


@pytest.mark.parametrize(
    ("read", "seconds", "says"),
    [
        pytest.param(0, 0.0, "0 frames read", id="none"),
        pytest.param(1, 0.0, "1 frame read", id="no rate from one"),
        pytest.param(11, 10.0, "11 frames read, 1.0 readings a second", id="ten in ten seconds, after the first"),
        pytest.param(11, 600.0, "11 frames read, 0.017 readings a second", id="once a minute"),
        pytest.param(301, 2.0, "301 frames read, 150.0 readings a second", id="a video"),
    ],
)
def test_summary(read: int, seconds: float, says: str) -> None:
    assert camera.summarize("camera 0", read, seconds) == f"camera 0: {says}"


def test_every_order_of_colours_becomes_rgb() -> None:
    bgr = np.zeros((2, 3, 3), np.uint8)
    bgr[:] = (1, 2, 3)
    bgra = np.concatenate([bgr, np.full((2, 3, 1), 255, np.uint8)], axis=2)
    for frame, expected in ((bgr, (3, 2, 1)), (bgra, (3, 2, 1)), (bgr[:, :, 0], (1, 1, 1)), (bgr[:, :, :1], (1, 1, 1))):
        rgb = to_rgb(frame)
        assert (rgb.shape, rgb.dtype, rgb.flags.c_contiguous) == ((2, 3, 3), np.uint8, True)
        assert tuple(rgb[1, 2]) == expected


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nothing_else_imports_opencv(tmp_path: Path) -> None:
    Image.fromarray(TEN_PAST_TEN).save(tmp_path / "clock.png")
    program = """
import sys
import facevalue, facevalue.camera
from facevalue.cli import main
main(["read", sys.argv[1]], prog_name="facevalue", standalone_mode=False)
assert "cv2" not in sys.modules
"""
    done = run_python(program, str(tmp_path / "clock.png"))
    assert done.returncode == 0, done.stderr
    assert "10:10" in done.stdout


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("sys.modules['cv2'] = None", "OpenCV, which is not installed"),
        (
            "import builtins; real = builtins.__import__\n"
            "def refuse(name, *rest):\n"
            "    if name == 'cv2': raise ImportError('libGL.so.1: no such file')\n"
            "    return real(name, *rest)\n"
            "builtins.__import__ = refuse",
            "OpenCV, which can't be loaded (libGL.so.1: no such file)",
        ),
    ],
)
def test_without_opencv_it_says_what_to_install(block: str, says: str) -> None:
    done = run_python(f"import sys\n{block}\nfrom facevalue.cli import main\nmain(['camera'], prog_name='facevalue')")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Error: the camera needs {says}: pip install 'facevalue[camera]'\n"
