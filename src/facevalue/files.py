"""Files that are there whole or not at all, but for a loss of power: written beside their place, then put into it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facevalue.errors import FaceValueError
from facevalue.images import RGB

SIGNATURE = "drawn by facevalue"
PATIENCE_SECONDS = 5.0  # for others to let go of a file


@contextlib.contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """A hidden place beside ``path`` to write to, of the same suffix.

    At the end it becomes ``path``; after any error it is removed, and what was at ``path`` stands. Raises what the
    writing raises.
    """
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        yield unfinished
        put_in_place(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def put_in_place(unfinished: Path, path: Path) -> None:
    """Rename, over what is there; Windows refuses that while another process reads it, so there it waits.

    Raises OSError.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            os.replace(unfinished, path)
            return
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > until:
                raise
        time.sleep(0.05)


@contextlib.contextmanager
def told_as_ours(path: Path) -> Iterator[None]:
    """Turn an OSError into the FaceValueError that says what can't be written."""
    try:
        yield
    except OSError as error:
        raise FaceValueError(f"can't write {path}: {error.strerror or error}") from error


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file, text as UTF-8. Raises FaceValueError."""
    with told_as_ours(path), unfinished_file(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.  Raises FaceValueError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FaceValueError(f"{folder}: can't be made: {error.strerror}; name another folder with --out") from error


@contextlib.contextmanager
def claimed(folder: Path, name: str = "lock", wait: bool = False) -> Iterator[bool]:
    """Whether the folder is this process's alone meanwhile; always where the system has no such locks.

    name: of the file that is locked there; it stays.  wait: until it is.
    Raises FaceValueError where the file can't be made.
    """
    if sys.platform == "win32":
        yield True
        return
    import fcntl

    with told_as_ours(folder / name):
        lock = (folder / name).open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:  # a file system without locks
            pass
        yield True


def write_picture(path: Path, rgb: RGB) -> None:
    """Write a picture (H, W, 3) uint8 as PNG where the suffix says so, else as JPEG; it says that it is ours.

    Raises OSError.
    """
    text = PngInfo()
    text.add_text("Software", SIGNATURE)
    with unfinished_file(path) as unfinished:
        if path.suffix.lower() == ".png":
            Image.fromarray(rgb).save(unfinished, "PNG", pnginfo=text)
        else:
            Image.fromarray(rgb).save(unfinished, "JPEG", quality=92, comment=SIGNATURE)


def is_of_others(path: Path) -> bool:
    """Whether something stands there that ``write_picture`` did not write."""
    if not os.path.isfile(path):
        return False
    try:
        with Image.open(path) as picture:
            return SIGNATURE not in f"{picture.info.get('Software')} {picture.info.get('comment')}"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # no picture
        return True
