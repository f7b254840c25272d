"""Readers of published data sets in the very files they are published in, and the folders where those are found.

    find_dataset ─► folder ─┬─► read_idx_pair, read_cifar10, read_npz, read_svhn_cropped ─► pictures, labels ─┬─► unpack
                            └─► read_svhn_numbers ─► house numbers ───────────────────────────────────────────┘

Records are counted from 0, in messages as in the names of unpacked pictures.  MNIST, Fashion-MNIST, CIFAR-10 and SVHN
can be downloaded; SVHN is for non-commercial use, so no shipped weight is trained on it.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import importlib
import math
import os
import struct
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facevalue.errors import FaceValueError, LabelError, MissingExtraError
from facevalue.images import open_picture

Pictures = NDArray[np.uint8]  # (N, H, W) or (N, H, W, 3)
Labels = NDArray[np.int64]  # (N,)
Split = Literal["train", "test"]
Box = tuple[float, float, float, float]  # left, top, width, height in pixels
T = TypeVar("T")

DATA_VARIABLE = "FACEVALUE_DATA"
CELL_PX = 28
TEST_RECORDS = 10_000  # of MNIST and Fashion-MNIST
CLASSES = 10  # of MNIST, Fashion-MNIST and CIFAR-10 alike
SEQUENCES_UNLESS_COUNTED = 1000
CROP_MARGIN = 0.15  # on each side: the box around all digits grown by 30 %, as in arXiv:1312.6082
SECONDS_BEFORE_PROGRESS = 5.0


@dataclass(frozen=True, slots=True)
class HouseNumber:
    """One picture of SVHN format 1.  label: the digits as seen, in the file's order; boxes: one for each."""

    file: str
    path: Path
    label: str
    boxes: tuple[Box, ...]


# ---- idx: MNIST, Fashion-MNIST

_IDX_STEMS = {"train": "train-{}-ubyte", "test": "t10k-{}-ubyte"}


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """The array of an idx file of unsigned bytes, plain or gzip, whatever its name: (N, ...) uint8.

    Raises FaceValueError naming file and byte for one that is foreign, cut off, too long or damaged.
    Format: the big-endian header 00 00 08 D, then D sizes of four bytes each, as MNIST's page defines it.
    """
    path = Path(path)
    content = bytearray()
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream: IO[bytes] = gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[assignment]
            _fill(content, stream, 4)
            if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] == 0:
                begins = content.hex(" ") or "nothing"
                raise FaceValueError(
                    f"{path}: not an idx file of bytes: begins with {begins}; expected 00 00 08 and the dimensions"
                )
            header = 4 + 4 * content[3]
            _fill(content, stream, header)
            if len(content) < header:
                raise FaceValueError(f"{path}: cut off at byte {len(content)}, in a header of {header} bytes")
            shape = struct.unpack(f">{content[3]}I", content[4:])
            whole = header + math.prod(shape)
            _fill(content, stream, whole + 1)  # a byte more, so that gzip checks its sum
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FaceValueError(f"{path}: damaged gzip after byte {len(content)} unpacked: {error}") from error
    except OSError as error:
        raise _unopened(path, error) from error
    if len(content) < whole:
        record = (len(content) - header) // math.prod(shape[1:])
        raise FaceValueError(
            f"{path}: cut off at byte {len(content)}, in record {record} of {shape[0]}; expected {whole} bytes"
        )
    if len(content) > whole:
        raise FaceValueError(f"{path}: goes on after the last of {shape[0]} records; expected {whole} bytes")
    try:
        return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    except ValueError as error:  # more dimensions than NumPy has
        raise FaceValueError(f"{path}: an array of {len(shape)} dimensions; expected pictures or labels") from error


def read_idx_pair(folder: str | Path, split: Split) -> tuple[Pictures, Labels]:
    """Pictures (N, 28, 28) and labels, 0..9, of a folder with MNIST's official file names, plain or .gz.

    split: "test" is t10k.  Raises FaceValueError for files that are absent or damaged or hold pictures of another size,
    LabelError where the two don't belong together, and naming the record of a label above 9.
    """
    stems = (_IDX_STEMS[split].format(part) for part in ("images-idx3", "labels-idx1"))
    images, labels = (_idx_file(Path(folder), stem) for stem in stems)
    pictures, numbers = _read_pair(images, labels)
    if pictures.shape[1:] != (CELL_PX, CELL_PX):
        raise FaceValueError(f"{images}: pictures of {pictures.shape[1:]}; expected ({CELL_PX}, {CELL_PX})")
    return pictures, numbers


def _read_pair(images: Path, labels: Path) -> tuple[Pictures, Labels]:
    pictures = _as_pictures(str(images), read_idx(images))
    numbers = _as_labels(str(labels), read_idx(labels), len(pictures))
    _check_classes(labels, numbers)
    return pictures, numbers


def _idx_file(folder: Path, stem: str) -> Path:
    for name in (f"{stem}.gz", stem):
        if (folder / name).is_file():
            return folder / name
    raise FaceValueError(f"{folder}: neither {stem} nor {stem}.gz there; give the folder that holds the idx files")


def _fill(content: bytearray, stream: IO[bytes], size: int) -> None:
    """Read until content has that size or the stream ends; never more memory than the stream has bytes."""
    while len(content) < size and (chunk := stream.read(min(1 << 20, size - len(content)))):
        content += chunk


# ---- CIFAR-10

CIFAR_PX = 32
CIFAR_BATCH = 10_000  # records of each of the six
CIFAR_RECORD = 1 + 3 * CIFAR_PX * CIFAR_PX  # bytes: the label, then red, green and blue
_CIFAR_BATCHES = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}


def read_cifar10(folder: str | Path, split: Split) -> tuple[Pictures, Labels]:
    """Pictures (N, 32, 32, 3) and labels, 0..9, of a folder with the batches of CIFAR-10's binary version.

    Raises FaceValueError for batches that are absent, cut off, shorter than another, or as long as the official ones
    but not the same, LabelError naming the record of a label above 9.  Format: records of 3,073 bytes, as CIFAR-10's
    page defines it.
    """
    batches = [(Path(folder) / name, _read_cifar_batch(Path(folder) / name)) for name in _CIFAR_BATCHES[split]]
    siblings = [Path(folder) / name for names in _CIFAR_BATCHES.values() for name in names]
    whole = any(path.is_file() and path.stat().st_size == CIFAR_BATCH * CIFAR_RECORD for path in siblings)
    most = max(CIFAR_BATCH * whole, *(len(records) for _, records in batches))
    for path, records in batches:
        if len(records) != most:
            raise FaceValueError(
                f"{path}: {len(records)} records where another batch has {most}; delete it and fetch it again"
            )
    records = np.concatenate([records for _, records in batches])
    pictures = records[:, 1:].reshape(-1, 3, CIFAR_PX, CIFAR_PX).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), records[:, 0].astype(np.int64)


def _read_cifar_batch(path: Path) -> NDArray[np.uint8]:
    """(N, 3073)."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FaceValueError(f"{path}: no such file; give the folder that holds CIFAR-10's binary batches") from error
    except OSError as error:
        raise _unopened(path, error) from error
    count, rest = divmod(len(content), CIFAR_RECORD)
    if rest or not count:
        raise FaceValueError(
            f"{path}: cut off at byte {len(content)}, in record {count}; expected records of {CIFAR_RECORD} bytes"
        )
    records = np.frombuffer(content, np.uint8).reshape(count, CIFAR_RECORD)
    _check_classes(path, records[:, 0])
    method, _, known_hash = ORIGINS["cifar-10"].files[path.name].partition(":")
    if count == CIFAR_BATCH and hashlib.new(method, content).hexdigest() != known_hash:
        raise FaceValueError(
            f"{path}: does not match the known hash of CIFAR-10's {path.name}; delete it and fetch it again"
        )
    return records


# ---- npz


def read_npz(path: str | Path, split: Split | None = None) -> tuple[Pictures, Labels]:
    """Pictures and labels of an .npz file; 0/1 pictures become 0/255.

    The file holds x, y and perhaps is_test (N,), or x_tra, y_tra, x_tes, y_tes.  split: None for all.
    Raises FaceValueError for a file that is damaged or holds something else, LabelError for bad labels.
    """
    pictures, labels, is_test = _load_npz(Path(path))
    if split is None:
        return pictures, labels
    if is_test is None:
        raise FaceValueError(f"{path}: doesn't say which records are for testing (no is_test); leave out the split")
    chosen = is_test if split == "test" else ~is_test
    if not chosen.any():
        raise FaceValueError(f"{path}: no record is of the split {split}; try the other one")
    return pictures[chosen], labels[chosen]


def _load_npz(path: Path) -> tuple[Pictures, Labels, NDArray[np.bool_] | None]:
    """All pictures and labels, and which of them are for testing where the file says so."""
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise FaceValueError(f"{path}: a single array (.npy); expected an .npz with x and y")
            for name in ("x", "y", "is_test", "x_tra", "y_tra", "x_tes", "y_tes"):
                if name in archive.files:
                    array = archive[name]
                    if not isinstance(array, np.ndarray):
                        raise FaceValueError(f"{path}: {name} is no array; expected an .npz as NumPy writes it")
                    arrays[name] = array
    except (ValueError, EOFError, RuntimeError, MemoryError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        raise FaceValueError(f"{path}: not an .npz file that can be read, or damaged: {error}") from error
    except OSError as error:
        raise _unopened(path, error) from error
    if {"x", "y"} <= arrays.keys():
        parts = [("x", "y")]
    elif {"x_tra", "y_tra", "x_tes", "y_tes"} <= arrays.keys():
        parts = [("x_tra", "y_tra"), ("x_tes", "y_tes")]
    else:
        found = ", ".join(archive.files) or "nothing"
        raise FaceValueError(f"{path}: holds {found}; expected the arrays x and y, or x_tra, y_tra, x_tes and y_tes")
    pictures = [_as_pictures(f"{path}: {x}", arrays[x]) for x, _ in parts]
    labels = [_as_labels(f"{path}: {y}", arrays[y], len(x)) for (_, y), x in zip(parts, pictures, strict=True)]
    is_test = None
    if len(parts) == 2:
        if pictures[0].shape[1:] != pictures[1].shape[1:]:
            shapes = f"{pictures[0].shape} and {pictures[1].shape}"
            raise FaceValueError(f"{path}: x_tra and x_tes are {shapes}; expected pictures of one size")
        is_test = np.repeat([False, True], [len(part) for part in pictures])
    elif "is_test" in arrays:
        told = arrays["is_test"]
        if told.shape != labels[0].shape:
            raise FaceValueError(f"{path}: is_test is {told.shape}; expected {labels[0].shape}, one for each label")
        if told.dtype.kind not in "biuf" or not np.isin(told, (0, 1)).all():
            begins = ", ".join(map(repr, told[:3].tolist()))
            raise FaceValueError(f"{path}: is_test is {told.dtype}, {begins} ...; expected true and false, or 1 and 0")
        is_test = told.astype(bool)
    joined = np.concatenate(pictures)
    if joined.max() <= 1:
        joined *= 255
    return joined, np.concatenate(labels), is_test


def _holds_empty_cells(path: Path) -> bool:
    """Whether label 0 means a cell without a digit: true of cells cut from grids, which are told by name or is_test."""
    with zipfile.ZipFile(path) as archive:
        return path.stem == "cells" or "is_test.npy" in archive.namelist()


# ---- SVHN


def read_svhn_cropped(path: str | Path) -> tuple[Pictures, Labels]:
    """Single digits of SVHN format 2, such as train_32x32.mat: (N, 32, 32, 3) and 0..9, the file's 10 being 0.

    Raises FaceValueError for a damaged or foreign file, LabelError naming the record of a label outside 1..10,
    MissingExtraError without scipy.
    """
    path = Path(path)
    if _is_hdf5(path):
        raise FaceValueError(f"{path}: MATLAB v7.3, as the full numbers are; expected v5, such as train_32x32.mat")
    scipy_io = _import("scipy.io", "SVHN's cropped digits need scipy")
    try:
        variables = scipy_io.loadmat(path, appendmat=False, variable_names=["X", "y"])
    except OSError as error:
        raise _unopened(path, error) from error
    except Exception as error:  # scipy meets damaged files with errors of a dozen kinds
        raise FaceValueError(f"{path}: not a MATLAB v5 file, or damaged: {error}") from error
    for name in ("X", "y"):
        if name not in variables:
            raise FaceValueError(f"{path}: no variable {name}; expected X (32, 32, 3, N) and y (N, 1)")
    x, y = np.asarray(variables["X"]), np.asarray(variables["y"])
    if x.ndim == 3:
        x = x[..., None]  # MATLAB drops a last dimension of one
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[:3] != (32, 32, 3):
        raise FaceValueError(f"{path}: X is {x.dtype} {x.shape}; expected uint8 (32, 32, 3, N)")
    if y.dtype.kind not in "iuf" or y.shape != (x.shape[3], 1):
        raise LabelError(f"{path}: y is {y.dtype} {y.shape}; expected numbers {(x.shape[3], 1)}, one for each picture")
    labels = [_svhn_digit(f"{path}: record {record}", label) for record, label in enumerate(y[:, 0].tolist())]
    return np.ascontiguousarray(x.transpose(3, 0, 1, 2)), np.array(labels, np.int64)


def read_svhn_numbers(folder_or_mat: str | Path) -> list[HouseNumber]:
    """Whole house numbers of SVHN format 1: the records of digitStruct.mat, their pictures beside it.

    Raises FaceValueError for a damaged or foreign file and for missing pictures, LabelError naming the record of one
    that can't be used, MissingExtraError without h5py.
    """
    path = Path(folder_or_mat)
    path = path / "digitStruct.mat" if path.is_dir() else path
    if not _is_hdf5(path):
        raise FaceValueError(f"{path}: not HDF5; expected digitStruct.mat of SVHN's full numbers (MATLAB v7.3)")
    h5py = _import("h5py", "SVHN's full numbers need h5py")
    try:
        with h5py.File(path, "r") as file:
            numbers = _parse_digit_struct(path, file)
    except OSError as error:
        raise FaceValueError(f"{path}: damaged HDF5: {error}") from error
    missing = [f"{number.file} (record {record})" for record, number in enumerate(numbers) if not number.path.is_file()]
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise FaceValueError(
            f"{path}: {len(missing)} of {len(numbers)} pictures are missing: {', '.join(missing[:10])}{more}; "
            f"expected them in {path.parent}"
        )
    return numbers


def _parse_digit_struct(path: Path, file: Any) -> list[HouseNumber]:
    try:
        names, boxes = (_follow(file, file["digitStruct"][part]) for part in ("name", "bbox"))
    except (KeyError, TypeError, ValueError) as error:
        raise FaceValueError(f"{path}: no group digitStruct with name and bbox; expected SVHN's own file") from error
    if len(names) != len(boxes) or not names:
        raise FaceValueError(f"{path}: {len(names)} names and {len(boxes)} bboxes; expected as many of both, and some")
    numbers = []
    for record, name in _with_progress(list(enumerate(names)), f"read {path.name}, record"):
        where = f"{path}: record {record}"
        try:
            picture = "".join(map(chr, name[()].ravel()))
            where += f" ({picture})"
            values = {
                part: [float(value[()].item()) for value in _follow(file, boxes[record][part])]
                for part in ("left", "top", "width", "height", "label")
            }
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
            raise LabelError(f"{where}: not as SVHN has it: {error}; expected a name, left, top, ...") from error
        if picture in ("", ".", "..") or Path(picture).name != picture:
            raise LabelError(f"{where}: {picture!r} is not the name of a picture beside it")
        labels = values.pop("label")
        if not labels or {len(part) for part in values.values()} != {len(labels)}:
            counts = ", ".join(f"{len(part)} {name}" for name, part in values.items())
            raise LabelError(f"{where}: {len(labels)} digits but {counts}; expected a box for each digit, and some")
        sides = np.array(list(values.values()))  # (4, digits)
        if not np.isfinite(sides).all() or (sides[2:] <= 0).any():
            raise LabelError(f"{where}: a box without an area; expected width and height above 0")
        label = "".join(str(_svhn_digit(where, digit)) for digit in labels)
        numbers.append(HouseNumber(picture, path.parent / picture, label, tuple(zip(*values.values(), strict=True))))
    return numbers


def _follow(file: Any, item: Any) -> list[Any]:
    """What an array of references points to, in order; MATLAB stores a single element without one."""
    if hasattr(item, "dtype") and item.dtype.hasobject:
        return [file[reference] for reference in item[()].ravel()]
    return [item]


def _svhn_digit(where: str, label: float) -> int:
    if label not in range(1, 11):
        raise LabelError(f"{where}: label {label:g}; expected 1 to 10, 10 being the digit 0")
    return int(label) % 10


def _is_hdf5(path: Path) -> bool:
    """Whether the HDF5 signature stands at the start or behind MATLAB's header of 512 bytes."""
    try:
        with path.open("rb") as stream:
            head = stream.read(520)
    except OSError as error:
        raise _unopened(path, error) from error
    return b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:])


# ---- what is common to the formats


def _as_pictures(where: str, array: NDArray[Any]) -> Pictures:
    grey, colour = array.ndim == 3, array.ndim == 4 and array.shape[3] == 3
    if array.dtype.kind not in "biu" or not (grey or colour):
        raise FaceValueError(f"{where}: {array.dtype} {array.shape}; expected uint8 (N, H, W) or (N, H, W, 3)")
    if not array.size:
        raise FaceValueError(f"{where}: no pictures, {array.shape}")
    if array.dtype.kind != "b" and (array.min() < 0 or array.max() > 255):
        raise FaceValueError(f"{where}: values from {array.min()} to {array.max()}; expected 0 to 255")
    return array.astype(np.uint8, copy=False)


def _as_labels(where: str, array: NDArray[Any], count: int) -> Labels:
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise LabelError(f"{where}: {array.dtype} {array.shape}; expected whole numbers (N,)")
    if len(array) != count:
        record = min(len(array), count)
        lacks = "label" if len(array) < count else "picture"
        raise LabelError(f"{where}: {len(array)} labels for {count} pictures: record {record} has no {lacks}")
    if (array < 0).any():
        record = int(np.argmax(array < 0))
        raise LabelError(f"{where}: record {record}: label {array[record]}; expected 0 or more")
    return array.astype(np.int64)


def _check_classes(path: Path, labels: NDArray[Any]) -> None:
    """Raise LabelError naming the first record whose label is no class."""
    if labels.max() >= CLASSES:
        record = int(np.argmax(labels >= CLASSES))
        raise LabelError(f"{path}: record {record}: label {labels[record]}; expected 0 to {CLASSES - 1}")


def _import(module: str, what: str) -> Any:
    """A package that only some data sets need.  Raises MissingExtraError."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{what}: pip install 'facevalue[train]'") from error


def _unopened(path: Path, error: OSError) -> FaceValueError:
    if isinstance(error, FileNotFoundError):
        return FaceValueError(f"{path}: no such file; check the path")
    return FaceValueError(f"{path}: can't be read: {error.strerror or error}")


def _with_progress(items: Collection[T], doing: str) -> Iterator[T]:
    """Passes items on; for work that takes long, says on standard error every few seconds how far it is."""
    due = time.monotonic() + SECONDS_BEFORE_PROGRESS
    for done, item in enumerate(items):
        if time.monotonic() >= due:
            print(f"{doing} {done} of {len(items)}", file=sys.stderr, flush=True)
            due = time.monotonic() + SECONDS_BEFORE_PROGRESS
        yield item


# ---- where data sets are found


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a data set comes from.  folder: its name below a folder for data; files: their hashes, "" where there is
    no download; address: what the file names are appended to, "" where facevalue doesn't download; page: for people.
    archive: the one file that all of them are downloaded in, with its hash and the folder that it holds them in.
    """

    folder: str
    files: dict[str, str]
    address: str
    page: str
    archive: tuple[str, str, str] | None = None


ORIGINS = {
    "mnist": Origin(
        "mnist",
        {
            "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
        },
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    "fashion-mnist": Origin(
        "fashion-mnist",
        {
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist (MIT)",
    ),
    "cifar-10": Origin(
        "cifar-10",
        {
            "data_batch_1.bin": "sha256:cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "sha256:a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "sha256:bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "sha256:014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "sha256:755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "sha256:8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
        "https://www.cs.toronto.edu/~kriz/",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        ("cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin"),
    ),
    "svhn": Origin(
        "svhn",
        {
            "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
            "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
        },
        "http://ufldl.stanford.edu/housenumbers/",
        "http://ufldl.stanford.edu/housenumbers/ (non-commercial use)",
    ),
    "svhn-extra": Origin(
        "svhn",
        {"extra_32x32.mat": "md5:a93ce644f1a588dc4d68dda5feec44a7"},
        "http://ufldl.stanford.edu/housenumbers/",
        "http://ufldl.stanford.edu/housenumbers/ (non-commercial use)",
    ),
    "svhn-numbers": Origin(
        "svhn",
        {
            "train.tar.gz": "sha256:4b17bb33b6cd8f963493168f80143da956f28ec406cc12f8e5745a9f91a51898",
            "test.tar.gz": "sha256:57ac9ceb530e4aa85b55d991be8fc49c695b3d71c6f6a88afea86549efde7fb5",
        },
        "http://ufldl.stanford.edu/housenumbers/",
        "http://ufldl.stanford.edu/housenumbers/ (non-commercial use)",
    ),
    "meter-digits": Origin(
        "meter-digits",
        {"labels.csv": ""},
        "",
        "https://github.com/haverland/Tenth-of-step-of-a-meter-digit (Apache-2.0)",
    ),
    "sudoku-cells": Origin(
        "sudoku-cells", {"cells.npz": ""}, "", "https://github.com/wichtounet/sudoku_dataset (CC-BY-4.0)"
    ),
    "optdigits": Origin(
        "optdigits", {"optdigits.npz": ""}, "", "https://archive.ics.uci.edu/dataset/80 (UCI optdigits)"
    ),
}


_TEST_LABELS = {
    "mnist": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    "fashion-mnist": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}
"""SHA-256 of the labels of the test set, of data sets whose files have the same names."""


def find_dataset(name: str, data: str | Path | None = None) -> Path:
    """The folder of a data set: in `data` where given, else below FACEVALUE_DATA, else downloaded by `fetch`.

    name: one of ORIGINS.  data: the folder itself, or one that holds it under the data set's name.
    Raises FaceValueError where it is not found and can't be downloaded, saying where it may be put, and where another
    one lies in its place, whose files have the same names.
    """
    origin = _origin(name)
    inside = [origin.archive[2]] if origin.archive else []
    if data is not None:
        for folder in (*(Path(data) / name for name in (origin.folder, *inside)), Path(data)):
            if any(_in_place(folder, file) for file in origin.files):
                return _not_another(folder, name)
        raise FaceValueError(
            f"{data}: no {name} there; expected {_list_files(origin)} in it or in its folder {origin.folder}"
        )
    for folder in _folders_of_variable(origin):
        if any(_in_place(folder, file) for file in origin.files):
            return _not_another(folder, name)
    if origin.address:
        return fetch(name)
    raise FaceValueError(f"{name} is not found, and facevalue doesn't download it: {_where_to_put(origin)}")


def _not_another(folder: Path, name: str) -> Path:
    """The folder. Raises FaceValueError where another data set lies in it.

    Its test set is known by its labels; shorter ones, as of a part, may be of any.
    """
    if name not in _TEST_LABELS:
        return folder
    try:
        labels = read_idx(_idx_file(folder, _IDX_STEMS["test"].format("labels-idx1")))
    except FaceValueError:  # which whoever reads them says
        return folder
    digest = hashlib.sha256(labels.tobytes()).hexdigest()
    for other, known in _TEST_LABELS.items():
        if other != name and digest == known:
            raise FaceValueError(f"{folder}: that is {other}, not {name}")
    if len(labels) == TEST_RECORDS and digest != _TEST_LABELS[name]:
        raise FaceValueError(f"{folder}: the labels of the test set are not those of {name}: another set, or damaged")
    return folder


def _folders_of_variable(origin: Origin) -> list[Path]:
    """Where a data set may lie below FACEVALUE_DATA, none where that is not set."""
    inside = [origin.archive[2]] if origin.archive else []
    variable = os.environ.get(DATA_VARIABLE)
    return [Path(variable, part) for part in (origin.folder, *inside)] if variable else []


def is_here(name: str) -> bool:
    """Whether `find_dataset` finds a data set, whole or in part, without a download where no folder is named."""
    origin = _origin(name)
    folders = _folders_of_variable(origin)
    with contextlib.suppress(MissingExtraError):
        folders.append(Path(_import("pooch", "downloading needs pooch").os_cache("facevalue")) / origin.folder)
    return any(_in_place(folder, file) for folder in folders for file in origin.files)


def fetch(name: str, data_dir: str | Path | None = None) -> Path:
    """Download a data set from its official address unless it is there, check its hashes, and return its folder.

    data_dir: the folder to hold it under its name; None for facevalue's folder in the user's cache.  Files arrive
    whole or not at all; archives are unpacked and removed.
    Raises FaceValueError where that fails, saying where the files may be put, MissingExtraError without pooch.
    """
    origin = _origin(name)
    if not origin.address:
        raise FaceValueError(f"facevalue doesn't download {name}: {_where_to_put(origin)}")
    pooch = _import("pooch", "downloading needs pooch")
    folder = Path(pooch.os_cache("facevalue") if data_dir is None else data_dir) / origin.folder
    if origin.archive and all(_in_place(folder, file) for file in origin.files):
        return folder
    downloads = dict([origin.archive[:2]]) if origin.archive else origin.files
    for file, known_hash in downloads.items():
        archive = file.endswith(".tar.gz")
        if archive and _in_place(folder, file):
            continue
        address = origin.address + file
        try:
            arrived = Path(pooch.retrieve(address, known_hash, fname=file, path=folder))
            if origin.archive:
                _unpack_files(arrived, origin.archive[2], origin.files)
            elif archive:
                _unpack_archive(arrived)
        except (OSError, ValueError, EOFError, zlib.error, tarfile.TarError) as error:
            response = getattr(error, "response", None)
            why = f"answered {response.status_code}" if response is not None else getattr(error, "strerror", None)
            reason = why or (type(error).__name__ if isinstance(error, OSError) else str(error))
            raise FaceValueError(f"{name}: can't get {address}: {reason}; {_where_to_put(origin)}") from error
    return folder


def _unpack_archive(archive: Path) -> None:
    """train.tar.gz becomes the folder train beside it, whole or not at all."""
    name = archive.name.removesuffix(".tar.gz")
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=archive.parent) as unfinished:
        _extract(archive, unfinished)
        if not Path(unfinished, name, "digitStruct.mat").is_file():
            raise ValueError(f"no {name}/digitStruct.mat in {archive.name}")
        os.replace(Path(unfinished, name), archive.parent / name)
    archive.unlink()


def _extract(archive: Path, folder: str) -> None:
    """The files and folders of an archive, in a folder. Raises ValueError for links, devices and places outside it."""
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        for member in members:
            place = PurePosixPath(member.name)
            if not (member.isfile() or member.isdir()) or place.is_absolute() or ".." in place.parts:
                raise ValueError(f"{archive.name} holds {member.name!r}, which is no file or folder of its own")
        # Python 3.11 before its fourth release, as Debian 12 has it, knows no filters.
        options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, members, **options)


def _unpack_files(archive: Path, inside: str, files: dict[str, str]) -> None:
    """Those files of a folder in an archive go beside it, once all are there with the hashes that they should have."""
    pooch = _import("pooch", "downloading needs pooch")
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=archive.parent) as unfinished:
        _extract(archive, unfinished)
        for file, known_hash in files.items():
            method, _, expected = known_hash.partition(":")
            path = Path(unfinished, inside, file)
            if not path.is_file():
                raise ValueError(f"no {inside}/{file} in {archive.name}")
            if pooch.file_hash(str(path), alg=method) != expected:
                raise ValueError(f"{inside}/{file} in {archive.name} does not match its known hash")
        for file in files:
            os.replace(Path(unfinished, inside, file), archive.parent / file)
    archive.unlink()


def _in_place(folder: Path, file: str) -> bool:
    if file.endswith(".tar.gz"):
        return (folder / file.removesuffix(".tar.gz") / "digitStruct.mat").is_file()
    return (folder / file).is_file() or (folder / file.removesuffix(".gz")).is_file()


def _origin(name: str) -> Origin:
    if name not in ORIGINS:
        raise FaceValueError(f"no data set {name!r} is known; expected one of {', '.join(ORIGINS)}")
    return ORIGINS[name]


def _list_files(origin: Origin) -> str:
    return ", ".join(f"{file.removesuffix('.tar.gz')}/" if file.endswith(".tar.gz") else file for file in origin.files)


def _where_to_put(origin: Origin) -> str:
    return (
        f"put {_list_files(origin)} into a folder {origin.folder} and set {DATA_VARIABLE} to the folder above it; "
        f"source: {origin.page}"
    )


# ---- unpack


class Digits(NamedTuple):
    """Single digits.  zero_is_empty: label 0 means a cell without a digit, as in sudoku grids."""

    pictures: Pictures
    labels: Labels
    zero_is_empty: bool = False


def unpack(
    source: str | Path,
    out: str | Path,
    *,
    split: Split | None = None,
    count: int | None = None,
    seed: int = 1,
    sequences: tuple[int, int] | None = None,
) -> int:
    """Write a data set as PNG pictures with a labels.csv (file,label), all of it or nothing.

    source: an idx picture file (its labels beside it), an .npz, a .mat of SVHN, a folder of one of them, or the name
    of a data set that can be downloaded.  count: that many records, drawn at random by seed; None for all of them.
    sequences: shortest and longest of the rows of digits to write instead, `count` of them (None for 1000), digits
    drawn at random by seed and set side by side, 28 x 28 pixels each, fewer rows being the start of more.
    House numbers are cropped to the box around their digits, 15 % wider on each side.  Empty cells are labelled NaN.
    Returns how many were written.  Raises FaceValueError, LabelError, PictureError, MissingExtraError.
    """
    out = Path(out)
    for name in ("labels.csv", "images"):
        if (out / name).exists():
            raise FaceValueError(f"{out} holds {name} already: name another folder")
    found = _read_source(Path(source), split)
    if sequences is not None:
        if not isinstance(found, Digits):
            raise FaceValueError(f"{source}: holds whole numbers already; leave out the sequences")
        total = count or SEQUENCES_UNLESS_COUNTED
        samples = _join_digits(str(source), found, total, seed, sequences)
    else:
        records = _choose(str(source), len(found.labels if isinstance(found, Digits) else found), count, seed)
        total = len(records)
        samples = _single_digits(found, records) if isinstance(found, Digits) else _crop_numbers(found, records)
    _write_set(out, samples, total)
    return total


def _read_source(source: Path, split: Split | None) -> Digits | list[HouseNumber]:
    if not source.exists() and str(source) in ORIGINS:
        source = find_dataset(str(source))
    if source.is_dir():
        return _read_folder(source, split)
    if source.suffix == ".npz":
        return Digits(*read_npz(source, split), _holds_empty_cells(source))
    if split is not None:
        raise FaceValueError(f"{source}: one file of one split; leave out the split {split}")
    if source.suffix == ".mat":
        return read_svhn_numbers(source) if _is_hdf5(source) else Digits(*read_svhn_cropped(source))
    stem = source.name.removesuffix(".gz")
    if "images-idx3" in stem:
        return Digits(*_read_pair(source, _idx_file(source.parent, stem.replace("images-idx3", "labels-idx1"))))
    raise FaceValueError(
        f"{source}: {'unknown kind' if source.exists() else 'no such file'}; "
        "expected ...-images-idx3-ubyte[.gz], .npz, .mat or a folder of them"
    )


def _read_folder(folder: Path, split: Split | None) -> Digits | list[HouseNumber]:
    if any((folder / file).is_file() for batches in _CIFAR_BATCHES.values() for file in batches):
        if split is None:
            raise FaceValueError(f"{folder}: holds CIFAR-10's training and test batches; name a split, train or test")
        return Digits(*read_cifar10(folder, split))
    here = [
        path
        for part in ((split,) if split else ("train", "test"))
        for stem in (_IDX_STEMS[part].format("images-idx3"),)
        for path in (
            folder / (stem if (folder / stem).is_file() else f"{stem}.gz"),
            folder / f"{part}_32x32.mat",
            folder / part / "digitStruct.mat",
        )
        if path.is_file()
    ]
    if not split and (folder / "digitStruct.mat").is_file():
        here.append(folder / "digitStruct.mat")
    archives = [] if here else sorted(folder.glob("*.npz"))
    here += archives
    if len(here) == 1:
        return _read_source(here[0], split if archives else None)
    if here:
        names = ", ".join(str(path.relative_to(folder)) for path in here)
        raise FaceValueError(f"{folder}: holds {names}; name a split, train or test, or the path of one file")
    if (folder / "labels.csv").is_file():
        raise FaceValueError(f"{folder}: pictures with a labels.csv already; there is nothing to unpack")
    which = f"of the split {split} " if split else ""
    raise FaceValueError(f"{folder}: no data set {which}there; expected idx files, one .npz, or SVHN's .mat files")


def _choose(source: str, total: int, count: int | None, seed: int) -> list[int]:
    """Records to write, in order."""
    if count is None:
        return list(range(total))
    if count > total:
        raise FaceValueError(f"{source}: holds {total} records; a count of {count} is too many")
    return sorted(np.random.default_rng(seed).choice(total, count, replace=False).tolist())


Sample = tuple[str, NDArray[np.uint8], str]  # file name, picture, label


def _single_digits(digits: Digits, records: list[int]) -> Iterator[Sample]:
    for record in records:
        label = int(digits.labels[record])
        empty = digits.zero_is_empty and label == 0
        yield f"{record:06d}.png", digits.pictures[record], "NaN" if empty else str(label)


def _crop_numbers(numbers: list[HouseNumber], records: list[int]) -> Iterator[Sample]:
    for record in records:
        number = numbers[record]
        left, top, width, height = np.array(number.boxes).T
        low = np.array([left.min(), top.min()])
        high = np.array([(left + width).max(), (top + height).max()])
        margin = CROP_MARGIN * (high - low)
        picture = open_picture(number.path)
        limit = picture.shape[1], picture.shape[0]
        x0, y0 = np.clip(np.floor(low - margin), 0, limit).astype(int)
        x1, y1 = np.clip(np.ceil(high + margin), 0, limit).astype(int)
        if x0 >= x1 or y0 >= y1:
            raise LabelError(f"{number.path}: record {record}: its boxes lie outside the picture {limit}")
        yield f"{record:06d}.png", picture[y0:y1, x0:x1], number.label


def _join_digits(source: str, digits: Digits, total: int, seed: int, lengths: tuple[int, int]) -> Iterator[Sample]:
    """Rows of random digits.  Row i depends on seed and i alone."""
    if not 1 <= lengths[0] <= lengths[1]:
        raise FaceValueError(f"sequences of {lengths[0]} to {lengths[1]} digits; expected 1 or more, the shorter first")
    if digits.labels.max() > 9:
        record = int(np.argmax(digits.labels > 9))
        raise LabelError(f"{source}: record {record}: label {digits.labels[record]}; expected digits, 0 to 9")
    usable = np.flatnonzero(digits.labels) if digits.zero_is_empty else np.arange(len(digits.labels))
    if not len(usable):
        raise FaceValueError(f"{source}: every cell is empty; expected some digits")
    for row in range(total):
        random = np.random.default_rng([seed, row])
        records = random.choice(usable, random.integers(lengths[0], lengths[1], endpoint=True))
        cells = [_as_cell(digits.pictures[record]) for record in records]
        yield f"{seed}_{row:06d}.png", np.concatenate(cells, axis=1), "".join(map(str, digits.labels[records]))


def _as_cell(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(28, 28) or (28, 28, 3); padded to a square first."""
    if picture.shape[:2] == (CELL_PX, CELL_PX):
        return picture
    return np.asarray(ImageOps.pad(Image.fromarray(picture), (CELL_PX, CELL_PX), Image.Resampling.BILINEAR))


def _write_set(out: Path, samples: Iterable[Sample], total: int) -> None:
    """The pictures into OUT/images, their labels into OUT/labels.csv, both in place only once all are written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out) as unfinished:
            images, index = Path(unfinished, "images"), Path(unfinished, "labels.csv")
            images.mkdir()
            with index.open("w", encoding="utf-8", newline="") as stream:
                table = csv.writer(stream, lineterminator="\n")
                table.writerow(["file", "label"])
                progress = _with_progress(range(total), "wrote picture")
                for _, (name, picture, label) in zip(progress, samples, strict=True):
                    Image.fromarray(picture).save(images / name)
                    table.writerow([f"images/{name}", label])
            os.replace(images, out / "images")
            os.replace(index, out / "labels.csv")
    except OSError as error:
        raise FaceValueError(f"can't write {error.filename or out}: {error.strerror or error}") from error
