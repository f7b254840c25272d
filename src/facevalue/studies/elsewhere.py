"""Results of a study from elsewhere: measured on another machine, or kept when its runs were thrown away.

    study folder  ──►  FILE.zip  ──►  another study folder
    runs/NAME-HASH/{measured.json, readings.csv, diverged.json}, search.db

A run is known by its folder's name, which ends in its recipe's hash: what was measured for other settings is taken
along and never looked at. Trainings themselves stay where they are.
"""

from __future__ import annotations

import io
import lzma
import re
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from facevalue.errors import SettingError
from facevalue.files import make_folder, write_whole

MEASURED = READINGS, DIVERGED, SCORES = ("readings.csv", "diverged.json", "measured.json")
SEARCH = "search.db"
KEPT = re.compile(rf"(?:.*/)?(?:(runs/[\w.+-]+)/({'|'.join(map(re.escape, MEASURED))})|({re.escape(SEARCH)}))")
LARGEST_BYTES = 1 << 28  # of one file that is taken


def pack_results(study_folder: Path, target: Path) -> int:
    """Write the results of a study's runs into one file. Returns of how many runs.

    Raises SettingError for a folder without any, FaceValueError where the file can't be written.
    """
    found = files_of(study_folder)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        for name in sorted(found):
            archive.writestr(zipfile.ZipInfo(name), found[name], zipfile.ZIP_LZMA)  # of no date: the same bytes again
    write_whole(target, stream.getvalue())
    return len(by_run(found))


def take_results(out: Path, sources: Iterable[Path]) -> int:
    """Put the results that lie elsewhere into a study's folder, where it has none of that run. Returns of how many.

    sources: other folders of the study, or files of ``pack_results``.
    Raises SettingError for a source without results, FaceValueError where nothing can be written.
    """
    taken = 0
    for source in sources:
        found = files_of(source)
        for folder, files in by_run(found).items():
            run = out / folder
            if is_whole({name for name in MEASURED if (run / name).exists()}):
                continue
            make_folder(run)
            for name in MEASURED:
                if name in files:
                    write_whole(run / name, files[name])
            taken += 1
        if SEARCH in found and (out / SEARCH).exists():
            if (out / SEARCH).read_bytes() != found[SEARCH]:
                print(
                    f"{source}: its search is not taken over, as {out} has one of its own, which goes on without its "
                    "trainings; for those name another folder with --out",
                    file=sys.stderr,
                    flush=True,
                )
        elif SEARCH in found:
            make_folder(out)
            write_whole(out / SEARCH, found[SEARCH])
    return taken


def by_run(found: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Files by the folder of their run, of those that are measured, with their readings, or diverged."""
    runs: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    for name, content in found.items():
        folder, _, file = name.rpartition("/")
        if folder:
            runs[folder][file] = content
    return {folder: files for folder, files in runs.items() if is_whole(files.keys())}


def is_whole(files: Collection[str]) -> bool:
    """Whether the files of a run tell what became of it."""
    return DIVERGED in files or {READINGS, SCORES} <= set(files)


def files_of(source: Path) -> dict[str, bytes]:
    """What is kept of a study's folder, or of a file of ``pack_results``, by names such as ``runs/NAME/measured.json``.

    Raises SettingError where there is none.
    """
    try:
        found = files_in_folder(source) if source.is_dir() else files_in_archive(source)
    except (OSError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, RuntimeError) as error:  # or a password
        raise SettingError(
            f"{source}: can't be read as results of a study ({error}); expected a study's folder, or a file made of one"
        ) from error
    if not by_run(found):
        raise SettingError(f"{source}: no results of a study there; expected its folder, with runs that are measured")
    return found


def files_in_folder(folder: Path) -> dict[str, bytes]:
    paths = [path for name in (*(f"runs/*/{name}" for name in MEASURED), SEARCH) for path in folder.glob(name)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def files_in_archive(file: Path) -> dict[str, bytes]:
    """Of any names that are not a run's results nothing is read, so that none can lie outside a study's folder."""
    found = {}
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            match = KEPT.fullmatch(entry.filename)
            if match is None or ".." in entry.filename:
                continue
            if entry.file_size > LARGEST_BYTES:
                raise zipfile.BadZipFile(f"{entry.filename} has {entry.file_size:,} bytes")
            found[f"{match[1]}/{match[2]}" if match[1] else SEARCH] = archive.read(entry)
    return found
