"""The camera: readings live from a webcam or a network stream, or from a video file in the camera's place.

A live camera is read at its newest picture: a thread empties the capture all the time and decodes only what was asked
for, so no backlog arises however slow the reading is. A video is read at its own times, every so many seconds of it.
Needs OpenCV (``facevalue[camera]``), which nothing else in the package imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.dial import Scale
from facevalue.ending import Ending, ending_by_signal
from facevalue.errors import FaceValueError, MissingExtraError, PictureError
from facevalue.files import is_of_others, write_picture
from facevalue.images import MIN_SIDE_PX, RGB
from facevalue.reader import open_reader
from facevalue.reading import Reading, draw_overlay
from facevalue.snapshots import Snapshots

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)  # before each new attempt at a live camera; then it is given up
STALLED_SECONDS = 15.0  # V4L2 gives up on a picture after 10
TIMEOUT_MILLISECONDS = 5000  # of a network stream, to open and for each picture
SETTLING_PICTURES = 5  # a webcam's first ones are dark, a stream's are smeared until its first whole one
MISSES = 10  # pictures in a row that fail before a camera counts as gone
MISS_SECONDS = 0.05
OVERLAY_NAME = "camera.jpg"


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]: ...
    def get(self, number: int, /) -> float: ...
    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of each picture that is read, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, rgb: RGB) -> RGB:
        """The part of a picture (H, W, 3). Raises FaceValueError where it reaches outside."""
        height, width = rgb.shape[:2]
        if self.x + self.width > width or self.y + self.height > height:
            raise FaceValueError(
                f"--crop {self.x},{self.y},{self.width},{self.height} reaches outside the picture: it is "
                f"{width}×{height} pixels, and x + w and y + h may be no more than that"
            )
        return rgb[self.y : self.y + self.height, self.x : self.x + self.width]


def parse_crop(text: str) -> Crop:
    """``x,y,w,h`` in pixels from the upper left corner. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})", text.replace(" ", ""), re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is no part of a picture; expected x,y,w,h in pixels, such as 100,50,320,320")
    crop = Crop(*map(int, match.groups()))
    if min(crop.width, crop.height) < MIN_SIDE_PX:
        raise ValueError(
            f"{crop.width}×{crop.height} pixels is too small to read; expected at least {MIN_SIDE_PX} each way"
        )
    return crop


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture (H, W, 3) RGB uint8, and when: the wall time it was taken at, or seconds into the video."""

    rgb: RGB
    when: datetime | float

    def time_text(self) -> str:
        """``12:30:05`` of a camera, ``m:ss.s`` of a video."""
        if isinstance(self.when, datetime):
            return f"{self.when:%H:%M:%S}"
        minutes, tenths = divmod(round(self.when * 10), 600)
        return f"{minutes}:{tenths // 10:02d}.{tenths % 10}"

    def time_json(self) -> str | float:
        """ISO 8601 with the offset to UTC of a camera, seconds of a video."""
        return self.when.isoformat(timespec="seconds") if isinstance(self.when, datetime) else round(self.when, 3)


def import_cv2(needed_by: str = "the camera") -> Any:
    """OpenCV, told to leave the reporting of failures to us. Raises MissingExtraError that says what needs it."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:  # absent, or without a library of the system
        absent = isinstance(error, ModuleNotFoundError)
        problem = "OpenCV, which is not installed" if absent else f"OpenCV, which can't be loaded ({error})"
        raise MissingExtraError(f"{needed_by} needs {problem}: pip install 'facevalue[camera]'") from error
    return cv2


# ---- frames ----------------------------------------------------------------------------------------------------------


def camera_number(text: str) -> int | None:
    """Of a camera, where the text is one and no file's name."""
    return int(text) if re.fullmatch(r"\d{1,3}", text, re.ASCII) and not os.path.exists(text) else None


def name_source(source: int | str) -> str:
    """What messages call it; of an address without user, password and query, in which they may stand too."""
    if isinstance(source, int):
        return f"camera {source}"
    scheme, mark, rest = source.partition("://")
    return f"{scheme}://{re.sub(r'[?].*', '?…', re.sub(r'^[^/]*@', '', rest), flags=re.DOTALL)}" if mark else source


def open_capture(cv2: Any, source: int | str) -> Capture:
    """Open, or fail to open: isOpened says. source: number of a camera, path, or address of a stream."""
    capture: Capture
    if isinstance(source, str) and "://" in source:
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT_MILLISECONDS]
        timeouts += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT_MILLISECONDS]
        capture = cv2.VideoCapture(source, cv2.CAP_ANY, timeouts)
    else:
        capture = cv2.VideoCapture(source)
    return capture


def is_recording(cv2: Any, source: int | str, capture: Capture) -> bool:
    """Whether it has an end and times of its own: any path but a device's, any stream that knows its length."""
    if isinstance(source, int):
        return False
    if "://" in source:
        return capture.isOpened() and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
    return not os.path.exists(source) or os.path.isfile(source) or os.path.isdir(source)


def to_rgb(frame: NDArray[np.uint8]) -> RGB:
    """OpenCV's BGR, BGRA or grey uint8 as (H, W, 3) RGB."""
    if frame.ndim == 2:
        frame = frame[:, :, None]
    if frame.shape[2] == 1:
        return np.repeat(frame, 3, axis=2)
    return np.ascontiguousarray(frame[:, :, 2::-1])


def read_frames(
    cv2: Any, source: int | str, every_seconds: float, ending: Ending, say: Callable[[str], object]
) -> Generator[Frame, None, None]:
    """The frames to read, until the video's end or until ending is asked.

    A live camera that fails is opened again a few times, which ``say`` is told once a failure.
    Raises PictureError where that is in vain, or for a video that can't be opened.
    """
    failures = seen = 0
    live = False  # a device that is unplugged has no path any more
    snapshots = snapshots_of(source)
    while not ending.asked:
        capture = open_capture(cv2, source)
        if not live and is_recording(cv2, source, capture):
            if snapshots and capture.get(cv2.CAP_PROP_FRAME_COUNT) == 1 and not snapshots.trouble():
                capture.release()
                yield from snapshot_frames(snapshots, every_seconds, ending, say)
                return
            yield from recorded_frames(cv2, str(source), capture, every_seconds, ending)
            return
        live = live or capture.isOpened()
        problem = "can't be opened"
        if capture.isOpened():
            problem = "gives no pictures"
            with NewestFrame(capture) as newest:
                while frame_now := newest.wait_for(ending):
                    failures, seen, problem = 0, seen + 1, "went away"
                    due = time.monotonic() + every_seconds
                    yield frame_now
                    ending.pause(due - time.monotonic())
        else:
            capture.release()
        trouble = ""
        if snapshots and not seen and not ending.asked:  # asked last: of some cameras a stream may be opened only once
            trouble = snapshots.trouble()
            if not trouble:
                yield from snapshot_frames(snapshots, every_seconds, ending, say)
                return
        if ending.asked:
            return
        if failures == len(RETRY_SECONDS):
            raise PictureError(trouble or explain_failure(source, problem, seen), name_source(source))
        if failures == 0:
            say(trying_again(f"{name_source(source)}: {problem}"))
        ending.pause(RETRY_SECONDS[failures])
        failures += 1


def snapshots_of(source: int | str) -> Snapshots | None:
    """The address as one that may give a picture each time it is asked; None for what is no http(s) address."""
    if isinstance(source, int) or not source.lower().startswith(("http://", "https://")):
        return None
    try:
        return Snapshots(source, name_source(source))
    except PictureError:
        return None


def snapshot_frames(
    snapshots: Snapshots, every_seconds: float, ending: Ending, say: Callable[[str], object]
) -> Generator[Frame, None, None]:
    """The pictures of an address that gives one each time it is asked. Raises PictureError as ``read_frames`` does."""
    failures = 0
    while not ending.asked:
        due, when = time.monotonic() + every_seconds, datetime.now().astimezone()
        try:
            frame = Frame(snapshots.opened(snapshots.fetch()), when)
        except PictureError as error:
            if failures == len(RETRY_SECONDS):
                raise
            if failures == 0:
                say(trying_again(str(error)))
            ending.pause(RETRY_SECONDS[failures])
            failures += 1
        else:
            failures = 0
            yield frame
            ending.pause(due - time.monotonic())


def trying_again(problem: str) -> str:
    return f"{problem}; trying again, up to {len(RETRY_SECONDS)} times"


def explain_failure(source: int | str, problem: str, seen: int) -> str:
    if seen:
        return f"it went away after {seen} picture{'' if seen == 1 else 's'}, and trying again was in vain"
    if problem == "gives no pictures":
        return "it opens but gives no pictures; check that no other program uses it"
    if isinstance(source, str) and "://" in source:
        return "the stream can't be opened; check the address"
    return "can't be opened; check that it is plugged in, its number (--device), and that no other program uses it"


def recorded_frames(
    cv2: Any, source: str, capture: Capture, every_seconds: float, ending: Ending
) -> Generator[Frame, None, None]:
    """A video's frames at every so many seconds of it, from its first one on. Raises PictureError."""
    name = name_source(source)
    try:
        if not capture.isOpened():
            if "://" in source or os.path.isfile(source):
                raise PictureError("not a video that OpenCV can open; expected MP4, AVI, MKV or the like", name)
            if os.path.isdir(source):
                raise PictureError("a folder, where a camera or a video was expected", name)
            raise PictureError("no such file; check the path", name)
        fps = capture.get(cv2.CAP_PROP_FPS)
        step = 1 / fps if 0 < fps < 1000 else 0.04
        seconds, due, seen = -step, 0.0, False
        while not ending.asked and capture.grab():
            told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            # the first one is at 0; not all formats tell times, some tell one twice
            seconds = told if 0 <= seconds < told else seconds + step
            if seconds < due - 1e-3:
                continue
            good, picture = capture.retrieve()
            if not good or picture is None:
                continue
            seen = True
            yield Frame(to_rgb(picture), seconds)
            while every_seconds > 0 and due <= seconds + 1e-3:
                due += every_seconds
        if not seen and not ending.asked:
            raise PictureError("there is no picture in this video", name)
    finally:
        capture.release()


class NewestFrame:
    """Keeps emptying a live capture on a thread, so that the frame handed out is what the camera sees now.

    The thread owns the capture from here on, and releases it: an OpenCV call that hangs must not hang the command.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._wanted = threading.Event()
        self._asked = False  # for a frame that has not been handed out
        self._stopped = threading.Event()
        self._answers: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._keep_emptying, name="facevalue-camera", daemon=True)

    def __enter__(self) -> NewestFrame:
        self._ask()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(timeout=2)

    def wait_for(self, ending: Ending) -> Frame | None:
        """The next frame that the camera takes; None where it is gone or stalled, or where ending is asked."""
        self._ask()
        until = time.monotonic() + STALLED_SECONDS
        while not ending.asked and time.monotonic() < until:
            try:
                answer = self._answers.get(timeout=0.1)
            except queue.Empty:
                continue
            self._asked = False
            return answer
        return None

    def _ask(self) -> None:
        """For one frame, unless it is asked for already: of two the second would be old when it is handed out."""
        if not self._asked:
            self._asked = True
            self._wanted.set()

    def _keep_emptying(self) -> None:
        grabbed = misses = 0
        try:
            while not self._stopped.is_set() and misses < MISSES:
                good = self._capture.grab()
                if good:
                    grabbed += 1
                    if grabbed > SETTLING_PICTURES and self._wanted.is_set():
                        when = datetime.now().astimezone()
                        good, picture = self._capture.retrieve()
                        if good and picture is not None:
                            self._wanted.clear()
                            self._answers.put(Frame(to_rgb(picture), when))
                if good:
                    misses = 0
                else:
                    misses += 1
                    self._stopped.wait(MISS_SECONDS)
        except Exception:  # cv2.error among others: as good as gone, and opened again or reported as such
            pass
        finally:
            self._answers.put(None)
            self._capture.release()


# ---- what is made of a reading ---------------------------------------------------------------------------------------


def place_overlay(path: Path, source: int | str) -> Path:
    """The file for the overlay, its folder made: the path itself, or camera.jpg in it. Raises FaceValueError."""
    if path.is_dir() or not path.suffix:
        place = path / OVERLAY_NAME
    elif path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        place = path
    else:
        raise FaceValueError(f"--overlay {path}: expected a .jpg or .png file, or a folder")
    if isinstance(source, str) and os.path.realpath(place) == os.path.realpath(source):
        raise FaceValueError(f"--overlay {path} would write over {place}, which is read; name another file")
    if is_of_others(place):
        raise FaceValueError(
            f"--overlay {path} would write over {place}, which facevalue did not draw; name another file"
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FaceValueError(f"--overlay {path}: can't make its folder ({error.strerror or error})") from error
    return place


class Window:
    """A window with the latest reading; q, Esc or closing it asks for the ending.

    Raises FaceValueError without a display, or with an OpenCV that has no windows.
    """

    TITLE = "facevalue"

    def __init__(self, cv2: Any, ending: Ending) -> None:
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise FaceValueError("--show needs a display, and there is none here; --overlay FILE writes the picture")
        self._seen = False  # some windows never say whether they are visible
        try:
            cv2.namedWindow(self.TITLE, cv2.WINDOW_NORMAL)
        except cv2.error as error:
            raise FaceValueError(
                "--show needs an OpenCV with windows: pip uninstall opencv-python-headless, then "
                "pip install opencv-python; or let --overlay FILE write the picture"
            ) from error
        self._cv2, self._ending = cv2, ending
        ending.sleep = self.wait

    def show(self, rgb: RGB) -> None:
        self._cv2.imshow(self.TITLE, np.ascontiguousarray(rgb[:, :, ::-1]))
        self.wait(0.001)

    def wait(self, seconds: float) -> None:
        """Handle the window's events for so long."""
        key = self._cv2.waitKey(max(1, round(seconds * 1e3)))
        visible = self._cv2.getWindowProperty(self.TITLE, self._cv2.WND_PROP_VISIBLE) >= 1
        closed = self._seen and not visible
        self._seen = self._seen or visible
        if closed or (key != -1 and key & 0xFF in (27, ord("q"))):
            self._ending.asked = True

    def close(self) -> None:
        self._cv2.destroyAllWindows()


def camera_command(
    source: int | str,
    *,
    kind: str,
    instrument: Path | None,
    model: str | None,
    scale: Scale | None,
    every_seconds: float,
    crop: Crop | None,
    digits: int | None,
    decimals: int | None,
    as_json: bool,
    all_readings: bool,
    overlay: Path | None,
    show: bool,
    count: int | None,
) -> None:
    """Print a line for each new value read, until the video's end, the count, Ctrl-C or SIGTERM.

    source: number of a camera; path of a video or device; address of a stream.  every_seconds: between readings, 0 for
    as often as possible.  kind, scale, digits, decimals: see ``Reader``.  instrument: file of a whole meter, read in
    place of the kind; a picture that it can't be read from, or with no digit before the decimals, is told and passed
    over.  all_readings: a line for each, not for new values alone.  overlay: file or folder for the latest picture.
    Raises PictureError for a camera or video that fails, and where the last overlay could not be written;
    FaceValueError for settings that don't fit; MissingExtraError; ModelError.
    """
    with contextlib.ExitStack() as stack:
        ending = stack.enter_context(ending_by_signal())
        cv2 = import_cv2()
        place = place_overlay(overlay, source) if overlay is not None else None
        reader = open_reader(kind, model, scale, instrument, digits=digits, decimals=decimals)
        window = stack.enter_context(contextlib.closing(Window(cv2, ending))) if show else None

        def say(text: str) -> None:
            click.echo(text, err=True)

        frames = stack.enter_context(contextlib.closing(read_frames(cv2, source, every_seconds, ending, say)))
        read, printed, unwritten, complaint = 0, None, None, ""
        first = last = 0.0
        for frame in frames:
            last = time.perf_counter()
            first = first or last
            rgb = frame.rgb if crop is None else crop.cut(frame.rgb)
            try:
                reading = reader.read(rgb)
            except FaceValueError as error:
                if instrument is None and isinstance(error, PictureError):
                    raise  # else no instrument is seen, or no digit before the decimals
                if str(error) != complaint:
                    say(f"{frame.time_text()}  {error}")
                complaint = str(error)
                if window is not None:
                    window.show(rgb)
                if ending.asked:
                    break
                continue
            complaint = ""
            read += 1
            if all_readings or reading.value != printed:
                printed = reading.value
                click.echo(line_of(frame, reading, as_json))
            if place is not None or window is not None:
                drawn = draw_overlay(rgb, reading)
                if window is not None:
                    window.show(drawn)
                if place is not None:
                    problem = try_to_write(place, drawn)
                    if problem is not None and unwritten is None:  # once a failure; the readings go on
                        say(f"{problem}; going on without")
                    unwritten = problem
            if ending.asked or read == count:
                break
        say(summarize(name_source(source), read, last - first))
    if unwritten is not None:
        raise PictureError(unwritten)


def try_to_write(place: Path, rgb: RGB) -> str | None:
    """Write the overlay; what went wrong, if anything."""
    try:
        write_picture(place, rgb)
    except OSError as error:
        return f"can't write the overlay {place}: {error.strerror or error}"
    return None


def summarize(name: str, read: int, seconds: float) -> str:
    """How many frames were read, and how fast; seconds: between the first one and the last."""
    if read < 2:
        return f"{name}: {read} frame{'' if read == 1 else 's'} read"
    rate = (read - 1) / max(seconds, 1e-6)
    return f"{name}: {read} frames read, {rate:.{1 if rate >= 1 else 3}f} readings a second"


def line_of(frame: Frame, reading: Reading, as_json: bool) -> str:
    if as_json:
        return json.dumps({"time": frame.time_json(), **reading.to_dict(top=3)})
    return reading.line(frame.time_text())
