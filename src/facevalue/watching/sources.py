"""Where the watcher's pictures come from: a folder that grows, a camera, an address that gives a snapshot, a video.

A source is asked for its pictures round by round. Each has an identity that is the same whenever it is met again: of a
file its name and content, of a camera the time slot that it was taken in, of a video the place in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import stat
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from facevalue.camera import Frame, camera_number, import_cv2, name_source, read_frames
from facevalue.ending import Ending
from facevalue.errors import FaceValueError, PictureError
from facevalue.images import EXTENSIONS, RGB, open_picture
from facevalue.snapshots import LARGEST_BYTES, Snapshots
from facevalue.texts import plain

UNFINISHED_SECONDS = 60.0  # a file that can't be read may still be being written for so long after its last change
NOTHING_READ = hashlib.sha256().hexdigest()  # the hash of a file that is empty or can't be opened
KEEP_OPEN_SECONDS = 10.0  # a camera that is read less often is opened for each reading


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to read: its identity and time; (H, W, 3) RGB uint8, or why there is none; the hash of its content."""

    identity: str
    time: datetime
    rgb: RGB | None
    picture_hash: str
    problem: str = ""


Stored = Callable[[], Iterable[tuple[str, datetime]]]  # identity and time of what is in the database


class Source(Protocol):
    """What is watched.

    name: how the database knows it.  waits: whether pictures stay until they are read.  has_ended: never gives more.
    """

    name: str
    waits: bool
    has_ended: bool

    def shots(self, stored: Stored) -> Generator[Shot, None, None]:
        """The pictures of this round. Raises PictureError where the source is away, and what ``stored`` raises."""

    def seconds_left(self) -> float:
        """Until the next round."""

    def close(self) -> None:
        """Let go of a camera."""


def open_source(
    text: str, every_seconds: float, ending: Ending, *, name: str | None = None, begins: datetime | None = None
) -> Source:
    """The source that the operator means.

    text: a camera's number, an address, or the path of a folder, a picture that is overwritten, a device or a video.
    begins: when the video begins, else when its file was last changed.  Raises FaceValueError, MissingExtraError.
    """
    if begins is not None and not os.path.isfile(text):
        raise FaceValueError(f"--begins says when a video begins; {name_source(text)} is none")
    name = None if name is None else plain(name)
    number = camera_number(text)
    if number is not None:
        return CameraSource(number, name or name_source(number), every_seconds, ending)
    if "://" in text:
        scheme, _, rest = text.partition("://")
        if name is None and "?" in rest:
            raise FaceValueError("give the source a name with --name: its address has a query, which is not stored")
        if scheme.lower() in ("http", "https"):
            return SnapshotSource(text, name or name_source(text), every_seconds)
        return CameraSource(text, name or name_source(text), every_seconds, ending)
    path = place_of(text)
    name = name or plain(str(path))
    ends = path.suffix.lower(), Path(os.path.realpath(path)).suffix.lower()  # of a link the picture that it leads to
    if path.is_dir() or (path.is_file() and not {*ends}.isdisjoint(EXTENSIONS)):
        return FolderSource(path, name, every_seconds)
    if path.is_file():
        return VideoSource(path, name, every_seconds, ending, begins)
    if path.exists():
        return CameraSource(str(path), name, every_seconds, ending)
    raise FaceValueError(f"{text}: no such camera, folder, video or address")


def place_of(text: str) -> Path:
    """The absolute path.  A link to a picture stays one and is followed at each look: it may lead elsewhere by then."""
    if os.path.islink(text) and not os.path.isdir(text):
        return Path(os.path.realpath(os.path.dirname(text)), os.path.basename(text))
    return Path(os.path.realpath(text))


def slot_of(when: datetime, every_seconds: float) -> str:
    """The identity of a live picture: the start of its slot of so many seconds, counted from 1970."""
    seconds = math.floor(when.timestamp() / every_seconds) * every_seconds
    return datetime.fromtimestamp(round(seconds, 6), UTC).isoformat()


def seconds_to_slot(every_seconds: float) -> float:
    """Until the next slot begins."""
    return every_seconds - time.time() % every_seconds


# ---- files -----------------------------------------------------------------------------------------------------------


class FolderSource:
    """The pictures of a folder and all below it, or one picture that is overwritten, oldest first, each once.

    A picture's time is that of its file's last change.
    """

    waits = True
    has_ended = False

    def __init__(self, path: Path, name: str, every_seconds: float) -> None:
        self._path, self.name, self._every_seconds = path, name, every_seconds
        self._met: dict[str, tuple[int, int]] = {}  # size and time of change of each file that was read
        self._identities: set[str] | None = None  # of what was stored at the start; None until the database was asked
        self._newest: dict[str, str] = {}  # identity of what was read last of each file
        self._due = 0.0

    def shots(self, stored: Stored) -> Generator[Shot, None, None]:
        self._due = time.monotonic() + self._every_seconds
        files = self._list()
        if self._identities is None:
            self._identities = self._recall(stored(), files)
        self._met = {name: met for name, met in self._met.items() if name in files}
        self._newest = {name: identity for name, identity in self._newest.items() if name in files}
        new = [name for name, status in files.items() if self._met.get(name) != changed(status)]
        for name in sorted(new, key=lambda name: (files[name].st_mtime_ns, name)):
            shot = self._read(name, files[name])
            if shot is None:
                continue
            if shot.identity not in self._identities and self._newest.get(name) != shot.identity:
                yield shot
                self._newest[name] = shot.identity
            if shot.picture_hash != NOTHING_READ:  # else a disk or a right may be back later
                self._met[name] = changed(files[name])

    def seconds_left(self) -> float:
        return max(self._due - time.monotonic(), 0.0)

    def close(self) -> None:
        pass

    def _list(self) -> dict[str, os.stat_result]:
        """All pictures by their path below the folder. Raises PictureError where the folder is away."""
        found: dict[str, os.stat_result] = {}
        try:
            status = os.stat(self._path)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError)
            raise PictureError("it is gone" if gone else f"can't be opened: {error.strerror}", self.name) from error
        if stat.S_ISREG(status.st_mode):
            return {self._path.name: status}
        if not stat.S_ISDIR(status.st_mode):
            raise PictureError("it is gone", self.name)

        def refuse(error: OSError) -> None:
            if error.filename == os.fspath(self._path):  # one below may come and go
                raise PictureError(f"can't be listed: {error.strerror}", self.name) from error

        for folder, folders, names in os.walk(self._path, onerror=refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:
                    path = os.path.join(folder, name)
                    with contextlib.suppress(OSError):  # it is gone again
                        status = os.stat(path)
                        if stat.S_ISREG(status.st_mode):  # a pipe could be waited for for ever
                            found[os.path.relpath(path, self._path)] = status
        return found

    def _recall(self, stored: Iterable[tuple[str, datetime]], files: dict[str, os.stat_result]) -> set[str]:
        """The identities that are stored; a file unchanged since then need not be opened again."""
        by_name = {plain(name): name for name in files}
        identities = set()
        for identity, when in stored:
            name = by_name.get(identity.rpartition(" ")[0])
            if name is not None:
                identities.add(identity)
                if time_of(files[name]) == when and not NOTHING_READ.startswith(identity.rpartition(" ")[2]):
                    self._met[name] = changed(files[name])
        return identities

    def _read(self, name: str, status: os.stat_result) -> Shot | None:
        """The picture of a file, or what is wrong with it; None where it is gone or still being written."""
        path = self._path if self._path.name == name and not self._path.is_dir() else self._path / name
        problem, rgb, data = "", None, b""
        try:
            with open(path, "rb") as file:
                data = file.read(LARGEST_BYTES + 1)
            if changed(path.stat()) != changed(status):
                return None
            rgb = open_picture(data if len(data) <= LARGEST_BYTES else b"")
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"can't be opened: {error.strerror or error}"
        except PictureError as error:
            problem = error.problem
        if len(data) > LARGEST_BYTES:
            problem = f"the file is larger than {LARGEST_BYTES // 1_000_000} MB"
        if problem and time.time() - status.st_mtime < UNFINISHED_SECONDS:
            return None
        digest = hashlib.sha256(data).hexdigest()
        return Shot(f"{plain(name)} {digest[:16]}", time_of(status), rgb, digest, problem)


def changed(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def time_of(status: os.stat_result) -> datetime:
    """When a file was last changed, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=status.st_mtime_ns // 1000)


# ---- cameras ---------------------------------------------------------------------------------------------------------


class SnapshotSource:
    """A camera that gives a picture at an http(s) address, asked once a slot; see ``Snapshots``."""

    waits = False
    has_ended = False

    def __init__(self, address: str, name: str, every_seconds: float) -> None:
        self.name, self._every_seconds = name, every_seconds
        self._snapshots = Snapshots(address, name)

    def shots(self, stored: Stored) -> Generator[Shot, None, None]:
        when = datetime.now(UTC)
        data = self._snapshots.fetch()
        yield Shot(
            slot_of(when, self._every_seconds), when, self._snapshots.opened(data), hashlib.sha256(data).hexdigest()
        )

    def seconds_left(self) -> float:
        return seconds_to_slot(self._every_seconds)

    def close(self) -> None:
        pass


class CameraSource:
    """A webcam, a device or a stream, through OpenCV, read once a slot at its newest picture."""

    waits = False
    has_ended = False

    def __init__(self, camera: int | str, name: str, every_seconds: float, ending: Ending) -> None:
        self._camera, self.name, self._every_seconds, self._ending = camera, name, every_seconds, ending
        self._cv2 = import_cv2()
        self._frames: Generator[Frame, None, None] | None = None

    def shots(self, stored: Stored) -> Generator[Shot, None, None]:
        if self._frames is None:
            self._frames = read_frames(self._cv2, self._camera, 0.0, self._ending, lambda text: None)
        try:
            frame = next(self._frames, None)
        except PictureError as error:
            self.close()
            raise PictureError(error.problem, self.name) from error
        if self._every_seconds >= KEEP_OPEN_SECONDS:
            self.close()
        if frame is None:
            return
        if not isinstance(frame.when, datetime):
            self.close()
            raise FaceValueError(f"{self.name} is a recording, not a camera: give the path of its file")
        when = frame.when.astimezone(UTC)
        yield Shot(slot_of(when, self._every_seconds), when, frame.rgb, hash_of(frame.rgb))

    def seconds_left(self) -> float:
        return seconds_to_slot(self._every_seconds)

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()
        self._frames = None


class VideoSource:
    """A video file, at its own times; it ends."""

    waits = True

    def __init__(
        self, path: Path, name: str, every_seconds: float, ending: Ending, begins: datetime | None = None
    ) -> None:
        self._path, self.name, self._every_seconds, self._ending = path, name, every_seconds, ending
        self._cv2 = import_cv2()
        self._begins = begins or time_of(path.stat())
        self.has_ended = False

    def shots(self, stored: Stored) -> Generator[Shot, None, None]:
        known = {identity for identity, _ in stored()}
        try:
            status = self._path.stat()
        except OSError as error:
            raise PictureError(f"can't be opened: {error.strerror or error}", self.name) from error
        frames = read_frames(self._cv2, str(self._path), self._every_seconds, self._ending, lambda text: None)
        with contextlib.closing(frames):
            for frame in frames:
                assert isinstance(frame.when, float)
                identity = f"{frame.when:.3f} s of {status.st_size} bytes"
                if identity not in known:
                    when = self._begins + timedelta(seconds=frame.when)
                    yield Shot(identity, when, frame.rgb, hash_of(frame.rgb))
        self.has_ended = not self._ending.asked

    def seconds_left(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


def hash_of(rgb: RGB) -> str:
    return hashlib.sha256(rgb.tobytes()).hexdigest()
