"""onnxruntime-web, which runs the same ONNX files in the browser: three files of its npm package, each with its sum.

``npm pack`` fetches the package, from whatever registry npm is set up for; nothing of it is run here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from facevalue.errors import FaceValueError, MissingExtraError
from facevalue.files import told_as_ours

VERSION = "1.30.0"
FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
NPM_SECONDS = 600
BY_HAND = f"unpack onnxruntime-web {VERSION} and give its folder dist with --web-runtime"


def cache_folder() -> Path:
    """Where fetched files are kept: $XDG_CACHE_HOME, or .cache at home."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "facevalue", f"onnxruntime-web-{VERSION}")


def find_runtime(folder: Path | None) -> Path | None:
    """The folder with the three files: the given one, or the cache where they have been fetched; None without.

    Raises FaceValueError where the given one lacks them or holds others.
    """
    if folder is not None:
        check_files(folder)
        return folder
    cached = cache_folder()
    if not cached.is_dir():
        return None
    check_files(cached)
    return cached


def check_files(folder: Path) -> None:
    """Raises FaceValueError unless the three files are there, each with its sum."""
    for name, wanted in FILES.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise FaceValueError(
                f"{folder / name}: can't be read ({error.strerror or error}); expected the files of the folder dist of "
                f"onnxruntime-web {VERSION}, which facevalue serve --fetch-web fetches"
            ) from error
        if found != wanted:
            raise FaceValueError(
                f"{folder / name}: not the file of onnxruntime-web {VERSION} (its SHA-256 is {found[:16]}…, expected "
                f"{wanted[:16]}…); facevalue serve --fetch-web fetches it"
            )


def fetch_runtime() -> Path:
    """Fetch the package with npm into the cache, unless it is there whole. Raises FaceValueError, MissingExtraError."""
    place = cache_folder()
    if place.is_dir():
        try:
            check_files(place)
        except FaceValueError:
            with told_as_ours(place):
                shutil.rmtree(place)
        else:
            return place
    npm = shutil.which("npm")
    if npm is None:
        raise MissingExtraError(f"--fetch-web needs npm, which is not installed; or {BY_HAND}")
    with told_as_ours(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
            unpacked = unpack(pack(npm, Path(temporary)), Path(temporary, "unpacked"))
            check_files(unpacked)
            unpacked.rename(place)
    return place


def unpack(archive: Path, folder: Path) -> Path:
    """Take the three files out of the package's archive into a new folder; returns it. Raises FaceValueError."""
    folder.mkdir()
    try:
        with tarfile.open(archive) as package:
            for name in FILES:
                member = package.extractfile(f"package/dist/{name}")
                if member is None:
                    raise KeyError(name)
                (folder / name).write_bytes(member.read())
    except (KeyError, tarfile.TarError) as error:
        raise FaceValueError(f"{archive.name}: not the package of onnxruntime-web {VERSION} ({error})") from error
    return folder


def pack(npm: str, folder: Path) -> Path:
    """Let npm, the program at that path, put the package's archive into a folder. Raises FaceValueError."""
    command = [npm, "pack", "--silent", f"onnxruntime-web@{VERSION}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS, check=False)
    except OSError as error:
        raise FaceValueError(f"{npm}: can't be run ({error.strerror or error}); {BY_HAND}") from error
    except subprocess.TimeoutExpired as error:
        raise FaceValueError(
            f"{' '.join(command)}: not done within {NPM_SECONDS} seconds; try again, or {BY_HAND}"
        ) from error
    archives = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        lines = done.stderr.strip().splitlines()
        why = lines[-1] if lines else "no word why"
        raise FaceValueError(f"{' '.join(command)}: failed ({why}); try again, or {BY_HAND}")
    return archives[0]
