"""Data sets in the very formats they are published in, written small: what is read, and what is said of bad files."""

from __future__ import annotations

import csv
import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import os
import socket
import struct
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pooch
import pytest
import scipy.io
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from facevalue.cli import main
from facevalue.errors import FaceValueError, LabelError, MissingExtraError
from facevalue.images import open_picture
from facevalue.sources import datasets
from facevalue.sources.datasets import (
    find_dataset,
    read_idx,
    read_idx_pair,
    read_npz,
    read_svhn_cropped,
    read_svhn_numbers,
)

DATA = os.environ.get("FACEVALUE_DATA")


@pytest.fixture(autouse=True)
def no_data_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the machine has of data and network is no part of a test."""
    monkeypatch.delenv("FACEVALUE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def assert_one_line(error: pytest.ExceptionInfo[FaceValueError], *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


# ---- idx


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, count: int = 20, split: str = "train", packed: bool = True) -> tuple[Any, Any]:
    """The two files of a split under their official names."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures, labels = noise(count, 28, 28), np.arange(count, dtype=np.uint8) % 10
    for array, part in ((pictures, "images-idx3"), (labels, "labels-idx1")):
        name = f"{'train' if split == 'train' else 't10k'}-{part}-ubyte"
        content = idx_bytes(array)
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return pictures, labels


@pytest.mark.parametrize(
    ("shape", "packed", "name", "reason"),
    [
        ((7,), False, "labels", "labels"),
        ((7,), True, "labels.gz", "labels, gzip"),
        ((3, 28, 28), False, "images", "pictures"),
        ((3, 28, 28), True, "images.gz", "pictures, gzip"),
        ((3, 28, 28), True, "images", "gzip under a plain name"),
        ((3, 28, 28), False, "images.gz", "unpacked, the name kept"),
        ((2, 5, 4, 3), True, "colours", "four dimensions"),
        ((0, 28, 28), False, "none", "no record at all"),
        ((70, 150, 150), True, "large", "more than one block of reading"),
    ],
)
def test_read_idx(tmp_path: Path, shape: tuple[int, ...], packed: bool, name: str, reason: str) -> None:
    array, path = noise(*shape), tmp_path / name
    path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
    read = read_idx(path)
    assert (read.dtype, read.shape) == (np.uint8, shape), reason
    np.testing.assert_array_equal(read, array, reason)


WHOLE = idx_bytes(noise(10, 4, 4))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", ["begins with nothing"], id="empty"),
        pytest.param(b"\0\0\x08", ["begins with 00 00 08;"], id="shorter than the magic number"),
        pytest.param(b"PNG" + WHOLE, ["begins with 50 4e 47", "expected 00 00 08"], id="another format"),
        pytest.param(b"\0\0\x0d\x03" + WHOLE[4:], ["00 00 0d 03"], id="floats"),
        pytest.param(b"\0\0\x08\0" + WHOLE[4:], ["00 00 08 00"], id="no dimension"),
        pytest.param(WHOLE[:11], ["byte 11", "header of 16"], id="cut off in the header"),
        pytest.param(WHOLE[:-1], ["byte 175", "record 9 of 10", "176"], id="a byte short"),
        pytest.param(WHOLE[:16], ["byte 16", "record 0 of 10"], id="header only"),
        pytest.param(WHOLE[:4] + b"\xff" * 12 + WHOLE[16:], ["cut off", f"of {2**32 - 1}"], id="sizes beyond memory"),
        pytest.param(WHOLE + b"\0", ["after the last of 10"], id="a byte too many"),
        pytest.param(gzip.compress(WHOLE)[:-10], ["damaged gzip", "byte "], id="gzip cut off"),
        pytest.param(gzip.compress(WHOLE)[:-8] + b"\0" * 8, ["damaged gzip", "CRC"], id="gzip with a wrong sum"),
        pytest.param(gzip.compress(WHOLE)[:10] + b"\xff" * 50, ["damaged gzip", "byte 0"], id="gzip of rubbish"),
        pytest.param(gzip.compress(WHOLE[:-1]), ["record 9 of 10"], id="whole gzip of a cut-off file"),
    ],
)
def test_a_bad_idx_file_is_named(tmp_path: Path, content: bytes, says: list[str]) -> None:
    path = tmp_path / "bad-idx"
    path.write_bytes(content)
    with pytest.raises(FaceValueError) as caught:
        read_idx(path)
    assert_one_line(caught, str(path), *says)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_idx, read_npz, read_svhn_cropped, read_svhn_numbers):
        with pytest.raises(FaceValueError, match=r"none\.mat: no such file"):
            read(tmp_path / "none.mat")


@pytest.mark.parametrize(("split", "packed"), [("train", True), ("train", False), ("test", True), ("test", False)])
def test_read_idx_pair(tmp_path: Path, split: Any, packed: bool) -> None:
    write_mnist(tmp_path, 5, "train" if split == "test" else "test")  # the other split must not be taken for it
    expected = write_mnist(tmp_path, 12, split, packed)
    pictures, labels = read_idx_pair(tmp_path, split)
    np.testing.assert_array_equal(pictures, expected[0])
    np.testing.assert_array_equal(labels, expected[1])
    assert (pictures.dtype, labels.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize(
    ("images", "labels", "kind", "says"),
    [
        pytest.param((5, 4, 4), (4,), LabelError, ["4 labels for 5", "record 4 has no label"], id="a label short"),
        pytest.param((5, 4, 4), (6,), LabelError, ["6 labels for 5", "record 5 has no picture"], id="a label too many"),
        pytest.param((5, 4, 4), (5, 1), LabelError, ["(5, 1)", "(N,)"], id="labels with two dimensions"),
        pytest.param((5,), (5,), FaceValueError, ["(5,)", "(N, H, W)"], id="labels under the name of pictures"),
        pytest.param((0, 4, 4), (0,), FaceValueError, ["no pictures"], id="nothing"),
        pytest.param((5, 28, 28), "\1\2\12\0\1", LabelError, ["labels", "record 2: label 10", "0 to 9"], id="no digit"),
        pytest.param((5, 14, 56), "\1\2\3\0\1", FaceValueError, ["images", "(14, 56)", "(28, 28)"], id="another size"),
    ],
)
def test_a_pair_that_does_not_fit(tmp_path: Path, images: Any, labels: Any, kind: type, says: list[str]) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(noise(*images)))
    numbers = np.frombuffer(labels.encode(), np.uint8) if isinstance(labels, str) else noise(*labels)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(numbers))
    with pytest.raises(kind) as caught:
        read_idx_pair(tmp_path, "test")
    assert_one_line(caught, "t10k-", *says)


def test_an_absent_half_of_a_pair_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FaceValueError, match=r"neither train-labels-idx1-ubyte nor train-labels-idx1-ubyte\.gz"):
        read_idx_pair(tmp_path, "train")


# ---- npz

TEN, FOUR = noise(10, 6, 6), noise(4, 6, 6, seed=1)
DIGITS = np.arange(10, dtype=np.uint8)
MASK = np.arange(10) % 3 == 0


@pytest.mark.parametrize(
    ("arrays", "split", "pictures", "labels", "reason"),
    [
        ({"x": TEN, "y": DIGITS}, None, TEN, DIGITS, "plain"),
        ({"x": TEN, "y": DIGITS, "other": DIGITS}, None, TEN, DIGITS, "with something beside it"),
        ({"x": TEN, "y": DIGITS, "is_test": MASK}, None, TEN, DIGITS, "all of both splits"),
        ({"x": TEN, "y": DIGITS, "is_test": MASK}, "test", TEN[MASK], DIGITS[MASK], "for testing"),
        ({"x": TEN, "y": DIGITS, "is_test": MASK}, "train", TEN[~MASK], DIGITS[~MASK], "for training"),
        ({"x": TEN, "y": DIGITS, "is_test": MASK * 1}, "test", TEN[MASK], DIGITS[MASK], "0/1 for no and yes"),
        ({"x": TEN, "y": DIGITS, "is_test": MASK * 1.0}, "test", TEN[MASK], DIGITS[MASK], "as NumPy's zeros are"),
        (
            {"x_tra": TEN, "y_tra": DIGITS, "x_tes": FOUR, "y_tes": DIGITS[:4]},
            "train",
            TEN,
            DIGITS,
            "part for training",
        ),
        ({"x_tra": TEN, "y_tra": DIGITS, "x_tes": FOUR, "y_tes": DIGITS[:4]}, "test", FOUR, DIGITS[:4], "for testing"),
        ({"x": TEN // 128, "y": DIGITS}, None, TEN // 128 * 255, DIGITS, "0/1 pictures become 0/255"),
        ({"x": TEN > 99, "y": DIGITS}, None, (TEN > 99) * 255, DIGITS, "and so do booleans"),
        ({"x": TEN.astype(np.int32), "y": DIGITS.astype(np.int8)}, None, TEN, DIGITS, "wide integers that fit"),
        ({"x": noise(10, 6, 6, 3), "y": DIGITS}, None, noise(10, 6, 6, 3), DIGITS, "colour"),
    ],
)
def test_read_npz(tmp_path: Path, arrays: Any, split: Any, pictures: Any, labels: Any, reason: str) -> None:
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "set.npz", **arrays)
        x, y = read_npz(tmp_path / "set.npz", split)
        np.testing.assert_array_equal(x, pictures, reason)
        np.testing.assert_array_equal(y, labels, reason)
        assert (x.dtype, y.dtype) == (np.uint8, np.int64), reason


@pytest.mark.parametrize(
    ("arrays", "split", "kind", "says"),
    [
        pytest.param({"x": TEN}, None, FaceValueError, ["holds x;", "x and y"], id="no labels"),
        pytest.param({"x_tra": TEN, "y_tra": DIGITS}, None, FaceValueError, ["x_tra, y_tra"], id="half of the splits"),
        pytest.param({"x": TEN / 255, "y": DIGITS}, None, FaceValueError, ["float64"], id="floats"),
        pytest.param({"x": TEN[0], "y": DIGITS}, None, FaceValueError, ["(6, 6)"], id="one picture"),
        pytest.param({"x": TEN * 2, "y": DIGITS[:9]}, None, LabelError, ["record 9 has no label"], id="a label short"),
        pytest.param({"x": TEN.astype(int) * 9, "y": DIGITS}, None, FaceValueError, ["0 to 255"], id="values too high"),
        pytest.param({"x": TEN, "y": DIGITS / 2}, None, LabelError, ["float64", "whole"], id="labels with halves"),
        pytest.param(
            {"x": TEN, "y": 2 - DIGITS.astype(int)}, None, LabelError, ["record 3", "-1"], id="negative label"
        ),
        pytest.param({"x": TEN, "y": DIGITS}, "test", FaceValueError, ["no is_test"], id="a split it doesn't have"),
        pytest.param(
            {"x": TEN, "y": DIGITS, "is_test": MASK[:9]}, "test", FaceValueError, ["(9,)"], id="short is_test"
        ),
        pytest.param(
            {"x": TEN, "y": DIGITS, "is_test": MASK | 1}, "train", FaceValueError, ["split train"], id="empty"
        ),
        pytest.param(
            {"x_tra": TEN, "y_tra": DIGITS, "x_tes": FOUR[:, 1:], "y_tes": DIGITS[:4]},
            None,
            FaceValueError,
            ["(10, 6, 6) and (4, 5, 6)"],
            id="two sizes",
        ),
        pytest.param({"x": np.array([{}], object), "y": DIGITS}, None, FaceValueError, ["allow_pickle"], id="a pickle"),
        pytest.param(
            {"x": TEN, "y": DIGITS, "is_test": np.where(MASK, "test", "train")},
            "test",
            FaceValueError,
            ["is_test is <U5, 'test', 'train'", "true and false, or 1 and 0"],
            id="splits by name",
        ),
        pytest.param(
            {"x": TEN, "y": DIGITS, "is_test": np.where(MASK, np.nan, 0)},
            "test",
            FaceValueError,
            ["is_test is float64, nan, 0.0"],
            id="not known",
        ),
        pytest.param(
            {"x": TEN, "y": DIGITS, "is_test": MASK * 2}, "test", FaceValueError, ["is_test is int64, 2, 0"], id="twos"
        ),
    ],
)
def test_a_bad_npz_is_named(tmp_path: Path, arrays: Any, split: Any, kind: type, says: list[str]) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(kind) as caught:
        read_npz(tmp_path / "set.npz", split)
    assert_one_line(caught, "set.npz", *says)


def test_an_archive_of_other_files_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        for name in ("x.npy", "y.npy"):
            archive.writestr(name, b"no array")
    with pytest.raises(FaceValueError, match=r"set\.npz: x is no array"):
        read_npz(tmp_path / "set.npz")


def test_an_idx_of_absurd_dimensions_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0\0\x08\x46" + struct.pack(">70I", *[1] * 70) + b"\0")
    with pytest.raises(FaceValueError, match="a: an array of 70 dimensions"):
        read_idx(tmp_path / "a")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: b"no archive at all", id="text"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="cut off"),
        pytest.param(lambda whole: whole[:200] + b"\xff" * 60 + whole[260:], id="overwritten"),
        pytest.param(lambda whole: npy_bytes(), id="a single array"),
    ],
)
def test_a_damaged_npz_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "set.npz"
    np.savez_compressed(path, x=TEN, y=DIGITS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FaceValueError) as caught:
        read_npz(path)
    assert_one_line(caught, str(path))


def npy_bytes() -> bytes:
    stream = io.BytesIO()
    np.save(stream, TEN)
    return stream.getvalue()


# ---- SVHN, cropped digits


def write_cropped(path: Path, count: int = 12, **changed: Any) -> tuple[NDArray[np.uint8], list[int]]:
    """A MATLAB v5 file as SVHN's are; `changed` replaces a variable, None leaves it out.  Returns what to read."""
    x = noise(32, 32, 3, count)
    y = (np.arange(count, dtype=np.uint8) % 10 + 1)[:, None]
    variables = {"X": x, "y": y} | changed
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in variables.items() if value is not None}
    scipy.io.savemat(path, kept, do_compression=True)
    return np.moveaxis(x, 3, 0), [record % 10 + 1 if record % 10 < 9 else 0 for record in range(count)]


def test_read_svhn_cropped(tmp_path: Path) -> None:
    expected, digits = write_cropped(tmp_path / "train_32x32.mat", 25)
    pictures, labels = read_svhn_cropped(tmp_path / "train_32x32.mat")
    np.testing.assert_array_equal(pictures, expected)
    assert labels.tolist() == digits
    assert digits[9] == 0
    assert (pictures.dtype, labels.dtype, pictures.flags.c_contiguous) == (np.uint8, np.int64, True)


def test_one_cropped_digit(tmp_path: Path) -> None:
    """MATLAB drops the last dimension where it is one, and its numbers are doubles unless told otherwise."""
    write_cropped(tmp_path / "one.mat", X=noise(32, 32, 3), y=np.array([[10.0]]))
    pictures, labels = read_svhn_cropped(tmp_path / "one.mat")
    np.testing.assert_array_equal(pictures[0], noise(32, 32, 3))
    assert labels.tolist() == [0]


def with_label(record: int, label: float) -> NDArray[np.float64]:
    labels = np.ones((12, 1))
    labels[record] = label
    return labels


@pytest.mark.parametrize(
    ("changed", "kind", "says"),
    [
        pytest.param({"X": None}, FaceValueError, ["no variable X"], id="no pictures"),
        pytest.param({"y": None}, FaceValueError, ["no variable y"], id="no labels"),
        pytest.param({"X": noise(12, 32, 32, 3)}, FaceValueError, ["(12, 32, 32, 3)", "(32, 32, 3, N)"], id="order"),
        pytest.param({"X": noise(32, 32, 3, 12) / 1}, FaceValueError, ["float64"], id="floats"),
        pytest.param({"y": np.ones((11, 1))}, LabelError, ["(11, 1)", "(12, 1)"], id="a label short"),
        pytest.param({"y": np.ones((1, 12))}, LabelError, ["(1, 12)"], id="labels in a row"),
        pytest.param({"y": np.array([["1"] * 12])}, LabelError, ["y is"], id="labels as text"),
        pytest.param({"y": with_label(7, 0)}, LabelError, ["record 7", "label 0", "1 to 10"], id="0 for the digit 0"),
        pytest.param({"y": with_label(3, 11)}, LabelError, ["record 3", "label 11"], id="11"),
        pytest.param({"y": with_label(0, 2.5)}, LabelError, ["record 0", "label 2.5"], id="a half"),
        pytest.param({"y": with_label(0, np.nan)}, LabelError, ["record 0", "label nan"], id="not a number"),
    ],
)
def test_bad_cropped_digits_are_named(tmp_path: Path, changed: Any, kind: type, says: list[str]) -> None:
    write_cropped(tmp_path / "train_32x32.mat", **changed)
    with pytest.raises(kind) as caught:
        read_svhn_cropped(tmp_path / "train_32x32.mat")
    assert_one_line(caught, "train_32x32.mat", *says)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: b"no MATLAB file at all, but longer than its header of 128 bytes" * 4, id="text"),
        pytest.param(lambda whole: whole[:1000], id="cut off"),
        pytest.param(lambda whole: whole[:2000] + b"\0" * 500 + whole[2500:], id="overwritten"),
    ],
)
def test_a_damaged_mat_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "train_32x32.mat"
    write_cropped(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FaceValueError) as caught:
        read_svhn_cropped(path)
    assert_one_line(caught, str(path))


# ---- SVHN, full numbers

Number = tuple[str, dict[str, list[float]]]
PARTS = ("height", "label", "left", "top", "width")


def number(name: str, labels: list[float], **changed: list[float]) -> Number:
    """A record with a box of 8 x 12 pixels for each digit, beginning at (10, 5)."""
    count = len(labels)
    box = {
        "height": [12.0] * count,
        "label": labels,
        "left": [10.0 + 8 * digit for digit in range(count)],
        "top": [5.0] * count,
        "width": [8.0] * count,
    }
    return name, box | changed


def write_digit_struct(path: Path, numbers: list[Number], leave_out: str = "") -> None:
    """HDF5 as MATLAB v7.3 writes a struct array: cells behind references in #refs#, a header of 512 bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_group("#refs#")

        def text(parent: h5py.Group, key: str, value: str) -> h5py.Dataset:
            made = parent.create_dataset(key, data=np.array([[ord(c)] for c in value], np.uint16))
            made.attrs["MATLAB_class"] = np.bytes_("char")
            return made

        def references(parent: h5py.Group, key: str, targets: list[Any]) -> None:
            table = parent.create_dataset(key, (len(targets), 1), h5py.ref_dtype)
            for row, target in enumerate(targets):
                table[row, 0] = target.ref

        def struct_of_boxes(parent: h5py.Group, key: str, box: dict[str, list[float]]) -> h5py.Group:
            group = parent.create_group(key)
            group.attrs["MATLAB_class"] = np.bytes_("struct")
            for part in PARTS:
                values = [np.array([[value]], np.float64) for value in box[part]]
                if part == leave_out:
                    continue
                if len(values) == 1:
                    group.create_dataset(part, data=values[0])
                else:
                    targets = [cells.create_dataset(f"{key}{part}{i}", data=value) for i, value in enumerate(values)]
                    references(group, part, targets)
            return group

        group = file.create_group("digitStruct")
        if len(numbers) == 1:  # a struct of one element has its fields in itself
            text(group, "name", numbers[0][0])
            struct_of_boxes(group, "bbox", numbers[0][1])
        else:
            references(group, "name", [text(cells, f"n{i}", name) for i, (name, _) in enumerate(numbers)])
            references(group, "bbox", [struct_of_boxes(cells, f"b{i}", box) for i, (_, box) in enumerate(numbers)])
        if leave_out in group:
            del group[leave_out]
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + b" " * 8 + b"\x00\x02IM")


def write_numbers(folder: Path, numbers: list[Number], leave_out: str = "") -> Path:
    write_digit_struct(folder / "digitStruct.mat", numbers, leave_out)
    for name, _ in numbers:
        if Path(name).name == name and name:
            Image.fromarray(noise(40, 60, 3, seed=len(name))).save(folder / name)
    return folder


GOOD = [number("1.png", [1, 9]), number("2.png", [5]), number("3.png", [2, 10, 10, 10, 3])]


def test_read_svhn_numbers(tmp_path: Path) -> None:
    write_numbers(tmp_path, GOOD)
    numbers = read_svhn_numbers(tmp_path)
    assert [(one.file, one.label) for one in numbers] == [("1.png", "19"), ("2.png", "5"), ("3.png", "20003")]
    assert numbers[0].boxes == ((10, 5, 8, 12), (18, 5, 8, 12))
    assert numbers[1].boxes == ((10, 5, 8, 12),)
    assert all(one.path == tmp_path / one.file for one in numbers)
    assert read_svhn_numbers(tmp_path / "digitStruct.mat") == numbers


def test_a_single_house_number(tmp_path: Path) -> None:
    write_numbers(tmp_path, [number("only.png", [10, 4])])
    assert [one.label for one in read_svhn_numbers(tmp_path)] == ["04"]


@pytest.mark.parametrize(
    ("record", "leave_out", "kind", "says"),
    [
        pytest.param(number("2.png", [0]), "", LabelError, ["record 1 (2.png)", "label 0", "1 to 10"], id="0 for 0"),
        pytest.param(number("2.png", [1, 11]), "", LabelError, ["record 1", "label 11"], id="11"),
        pytest.param(number("2.png", [np.nan]), "", LabelError, ["record 1", "label nan"], id="no number"),
        pytest.param(number("2.png", []), "", LabelError, ["record 1", "0 digits"], id="no digits"),
        pytest.param(number("2.png", [1, 2], top=[5.0]), "", LabelError, ["2 digits", "1 top"], id="a side is missing"),
        pytest.param(number("2.png", [1], width=[0.0]), "", LabelError, ["record 1", "area"], id="no width"),
        pytest.param(number("2.png", [1], left=[np.inf]), "", LabelError, ["record 1", "area"], id="at infinity"),
        pytest.param(number("../2.png", [1]), "", LabelError, ["record 1", "'../2.png'"], id="out of the folder"),
        pytest.param(number("", [1]), "", LabelError, ["record 1", "''"], id="no name"),
        pytest.param(number("2.png", [1]), "top", LabelError, ["record 0 (1.png)", "top"], id="no top at all"),
        pytest.param(number("2.png", [1]), "bbox", FaceValueError, ["name and bbox"], id="no boxes"),
        pytest.param(number("2.png", [1]), "name", FaceValueError, ["name and bbox"], id="no names"),
    ],
)
def test_bad_house_numbers_are_named(
    tmp_path: Path, record: Number, leave_out: str, kind: type, says: list[str]
) -> None:
    write_numbers(tmp_path, [GOOD[0], record, GOOD[2]], leave_out)
    with pytest.raises(kind) as caught:
        read_svhn_numbers(tmp_path)
    assert_one_line(caught, "digitStruct.mat", *says)


def test_missing_house_numbers_are_listed(tmp_path: Path) -> None:
    write_numbers(tmp_path, [number(f"{index}.png", [1]) for index in range(1, 15)])
    for index in range(2, 14):
        (tmp_path / f"{index}.png").unlink()
    with pytest.raises(FaceValueError) as caught:
        read_svhn_numbers(tmp_path)
    assert_one_line(caught, "12 of 14 pictures", "2.png (record 1)", "11.png (record 10) and 2 more", str(tmp_path))


def test_a_null_reference_is_named(tmp_path: Path) -> None:
    write_numbers(tmp_path, GOOD)
    with h5py.File(tmp_path / "digitStruct.mat", "r+") as file:
        box = file[file["digitStruct/bbox"][0, 0]]
        box["label"][1, 0] = h5py.Reference()
    with pytest.raises(LabelError, match=r"record 0 \(1\.png\)"):
        read_svhn_numbers(tmp_path)


def test_a_damaged_digit_struct_is_named(tmp_path: Path) -> None:
    path = write_numbers(tmp_path, GOOD) / "digitStruct.mat"
    whole = path.read_bytes()
    for content, says in ((whole[:3000], "damaged HDF5"), (whole[:100], "not HDF5"), (b"", "not HDF5")):
        path.write_bytes(content)
        with pytest.raises(FaceValueError) as caught:
            read_svhn_numbers(tmp_path)
        assert_one_line(caught, str(path), says)


def test_the_two_kinds_of_mat_are_told_apart(tmp_path: Path) -> None:
    write_numbers(tmp_path, GOOD)
    write_cropped(tmp_path / "train_32x32.mat")
    with pytest.raises(FaceValueError, match=r"MATLAB v7\.3"):
        read_svhn_cropped(tmp_path / "digitStruct.mat")
    with pytest.raises(FaceValueError, match="not HDF5"):
        read_svhn_numbers(tmp_path / "train_32x32.mat")


@pytest.mark.parametrize(
    ("package", "module", "needs"),
    [
        ("scipy", "scipy.io", lambda folder: read_svhn_cropped(folder / "train_32x32.mat")),
        ("h5py", "h5py", read_svhn_numbers),
        ("pooch", "pooch", lambda folder: datasets.fetch("mnist", folder)),
    ],
)
def test_an_absent_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, module: str, needs: Callable[[Path], object]
) -> None:
    write_numbers(tmp_path, GOOD)
    write_cropped(tmp_path / "train_32x32.mat")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'facevalue\[train\]'"):
        needs(tmp_path)


# ---- where data sets are found


def test_an_explicit_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("given", "variable"):
        write_mnist(tmp_path / name / "mnist", packed=name == "given")
    monkeypatch.setenv("FACEVALUE_DATA", str(tmp_path / "variable"))
    assert find_dataset("mnist", tmp_path / "given") == tmp_path / "given" / "mnist"
    assert find_dataset("mnist", tmp_path / "given" / "mnist") == tmp_path / "given" / "mnist"
    assert find_dataset("mnist") == tmp_path / "variable" / "mnist"


@pytest.mark.parametrize("packed", [True, False])
def test_digits_are_not_taken_for_clothes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    """All files of both sets have the same names."""
    _, labels = write_mnist(tmp_path / "mnist", split="test", packed=packed)
    monkeypatch.setitem(datasets._TEST_LABELS, "mnist", hashlib.sha256(labels.tobytes()).hexdigest())
    with pytest.raises(FaceValueError, match="mnist: that is mnist, not fashion-mnist"):
        find_dataset("fashion-mnist", tmp_path / "mnist")
    (tmp_path / "mnist").rename(tmp_path / "fashion-mnist")
    monkeypatch.setenv("FACEVALUE_DATA", str(tmp_path))
    with pytest.raises(FaceValueError, match="that is mnist, not fashion-mnist"):
        find_dataset("fashion-mnist")
    assert find_dataset("mnist", tmp_path / "fashion-mnist") == tmp_path / "fashion-mnist"


def test_other_idx_files_of_the_same_names_are_not_taken_for_clothes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those of KMNIST, which nobody here knows by its labels; of a part nothing is said."""
    _, labels = write_mnist(tmp_path / "fashion-mnist", split="test")
    assert find_dataset("fashion-mnist", tmp_path) == tmp_path / "fashion-mnist"
    monkeypatch.setattr(datasets, "TEST_RECORDS", len(labels))
    with pytest.raises(FaceValueError, match="labels of the test set are not those of fashion-mnist"):
        find_dataset("fashion-mnist", tmp_path)


def test_svhn_has_one_folder_for_both_formats(tmp_path: Path) -> None:
    write_numbers(tmp_path / "svhn" / "train", GOOD)
    assert find_dataset("svhn-numbers", tmp_path) == tmp_path / "svhn"
    with pytest.raises(FaceValueError, match=r"train_32x32\.mat, test_32x32\.mat in it or in its folder svhn"):
        find_dataset("svhn", tmp_path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("meter-digits", ["haverland/Tenth-of-step-of-a-meter-digit", "Apache-2.0", "labels.csv"]),
        ("sudoku-cells", ["wichtounet/sudoku_dataset", "CC-BY-4.0", "cells.npz"]),
        ("optdigits", ["UCI", "optdigits.npz"]),
    ],
)
def test_what_is_never_downloaded_names_its_source(name: str, says: list[str]) -> None:
    for find in (find_dataset, datasets.fetch):
        with pytest.raises(FaceValueError) as caught:
            find(name)
        assert_one_line(caught, name, "FACEVALUE_DATA", *says)


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaceValueError, match=r"'minst' is known; expected one of mnist, "):
        find_dataset("minst", tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server of this machine: the folder that it serves, and its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()
        thread.join()


def serve(monkeypatch: pytest.MonkeyPatch, name: str, address: str, folder: Path | None = None) -> None:
    """Let a data set come from that address, with the hashes that its files have in `folder`."""
    files = datasets.ORIGINS[name].files
    if folder is not None:
        files = {file: f"md5:{hashlib.md5((folder / file).read_bytes()).hexdigest()}" for file in files}
    origin = dataclasses.replace(datasets.ORIGINS[name], address=address, files=files)
    monkeypatch.setitem(datasets.ORIGINS, name, origin)


def test_a_download_arrives_in_the_cache_once(
    tmp_path: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, address = server
    for split in ("train", "test"):
        write_mnist(served, 8, split)
    serve(monkeypatch, "mnist", address, served)
    monkeypatch.setenv("FACEVALUE_DATA", str(tmp_path))  # without a folder mnist, it says nothing about mnist
    folder = find_dataset("mnist")
    assert folder == tmp_path / "cache" / "facevalue" / "mnist"
    assert len(read_idx_pair(folder, "test")[1]) == 8
    assert sorted(path.name for path in folder.iterdir()) == sorted(datasets.ORIGINS["mnist"].files)
    for file in served.iterdir():
        file.unlink()
    assert find_dataset("mnist") == folder  # nothing is asked for again


def test_a_download_with_another_hash_leaves_nothing(
    tmp_path: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, address = server
    write_cropped(served / "train_32x32.mat")
    serve(monkeypatch, "svhn", address)  # the hashes of the true files
    with pytest.raises(FaceValueError) as caught:
        datasets.fetch("svhn", tmp_path / "data")
    assert_one_line(caught, "svhn: can't get", "train_32x32.mat", "does not match", "FACEVALUE_DATA")
    assert list((tmp_path / "data" / "svhn").iterdir()) == []


def test_without_a_network_it_says_where_to_put_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        serve(monkeypatch, "mnist", f"http://127.0.0.1:{taken.getsockname()[1]}/")
        with pytest.raises(FaceValueError) as caught:
            datasets.fetch("mnist", tmp_path / "data")
    assert_one_line(caught, "can't get http://127.0.0.1", "ConnectionError", "into a folder mnist", "FACEVALUE_DATA")
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


def test_a_refusing_server_is_quoted(tmp_path: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, "mnist", server[1])
    with pytest.raises(FaceValueError, match="answered 404"):
        datasets.fetch("mnist", tmp_path)


def test_an_archive_is_unpacked_whole(
    tmp_path: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, address = server
    for split in ("train", "test"):
        write_numbers(tmp_path / split, GOOD)
        with tarfile.open(served / f"{split}.tar.gz", "w:gz") as archive:
            archive.add(tmp_path / split, split)
    serve(monkeypatch, "svhn-numbers", address, served)
    folder = datasets.fetch("svhn-numbers", tmp_path / "data")
    assert sorted(path.name for path in folder.iterdir()) == ["test", "train"]
    assert [one.label for one in read_svhn_numbers(folder / "train")] == ["19", "5", "20003"]
    (served / "train.tar.gz").unlink()
    assert datasets.fetch("svhn-numbers", tmp_path / "data") == folder


def test_a_foreign_archive_leaves_no_folder(
    tmp_path: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, address = server
    for name in ("train", "test"):
        with tarfile.open(served / f"{name}.tar.gz", "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("train/readme"))
    serve(monkeypatch, "svhn-numbers", address, served)
    with pytest.raises(FaceValueError, match=r"no train/digitStruct\.mat in train\.tar\.gz"):
        datasets.fetch("svhn-numbers", tmp_path / "data")
    assert [path.name for path in (tmp_path / "data" / "svhn").iterdir()] == ["train.tar.gz"]


@pytest.mark.parametrize("filters", [True, False], ids=["as Python is", "Python before 3.11.4"])
@pytest.mark.parametrize("harm", ["../outside", "/tmp/outside", "link"])
def test_an_archive_that_reaches_outside_is_refused_whole(
    harm: str, filters: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    path, place = tmp_path / "train.tar.gz", tmp_path / "place"
    place.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("train/readme"))
        member = tarfile.TarInfo(harm)
        if harm == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(ValueError, match=r"train\.tar\.gz holds .*which is no file or folder of its own"):
        datasets._extract(path, str(place))
    assert list(place.iterdir()) == []


# ---- unpack


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["unpack", *map(str, arguments)])


def unpacked(out: Path) -> dict[str, str]:
    """Labels by file, every file being there, and nothing else."""
    with (out / "labels.csv").open(newline="", encoding="utf-8") as stream:
        labels = {row["file"]: row["label"] for row in csv.DictReader(stream)}
    assert sorted(path.name for path in out.iterdir()) == ["images", "labels.csv"]
    assert sorted(f"images/{path.name}" for path in (out / "images").iterdir()) == sorted(labels)
    return labels


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    write_mnist(tmp_path / "mnist", 20)
    write_mnist(tmp_path / "mnist", 7, "test", packed=False)
    return tmp_path / "mnist"


@pytest.mark.parametrize(
    ("source", "options", "count", "reason"),
    [
        ("mnist", ["--split", "train"], 20, "a folder and a split"),
        ("mnist", ["--split", "test"], 7, "the other split"),
        ("mnist/train-images-idx3-ubyte.gz", [], 20, "a file, its labels beside it"),
        ("mnist/t10k-images-idx3-ubyte", [], 7, "a plain file"),
    ],
)
def test_unpack_idx(tmp_path: Path, mnist: Path, source: str, options: list[str], count: int, reason: str) -> None:
    done = run(tmp_path / source, tmp_path / "out", *options)
    assert done.exit_code == 0, done.output
    assert f"{count} pictures" in done.stderr
    assert done.stdout == ""
    labels = unpacked(tmp_path / "out")
    assert list(labels.values()) == [str(record % 10) for record in range(count)], reason
    for record, file in enumerate(labels):
        np.testing.assert_array_equal(pixels(tmp_path / "out" / file), noise(count, 28, 28)[record], reason)


def test_a_count_is_drawn_by_seed(tmp_path: Path, mnist: Path) -> None:
    for out, seed in (("one", 4), ("same", 4), ("other", 5)):
        assert run(mnist, tmp_path / out, "--split", "train", "--count", 9, "--seed", seed).exit_code == 0
    one, same, other = (unpacked(tmp_path / out) for out in ("one", "same", "other"))
    assert len(one) == 9
    assert one == same
    assert one != other
    assert all(int(Path(file).stem) % 10 == int(label) for file, label in one.items())  # named by record


def test_sequences(tmp_path: Path, mnist: Path) -> None:
    done = run(mnist, tmp_path / "out", "--split", "train", "--sequences", "1:5", "--count", 60, "--seed", 3)
    assert done.exit_code == 0, done.output
    labels = unpacked(tmp_path / "out")
    assert {len(label) for label in labels.values()} == {1, 2, 3, 4, 5}
    of_digit = {str(digit): [noise(20, 28, 28)[digit], noise(20, 28, 28)[digit + 10]] for digit in range(10)}
    for file, label in labels.items():
        row = pixels(tmp_path / "out" / file)
        assert row.shape == (28, 28 * len(label))
        for cell, digit in zip(np.split(row, len(label), axis=1), label, strict=True):
            assert any((cell == picture).all() for picture in of_digit[digit])


def test_fewer_sequences_are_the_start_of_more(tmp_path: Path, mnist: Path) -> None:
    for out, count in (("few", 5), ("many", 12)):
        datasets.unpack(mnist, tmp_path / out, split="test", count=count, sequences=(2, 4))
    few, many = unpacked(tmp_path / "few"), unpacked(tmp_path / "many")
    assert list(few.items()) == list(many.items())[:5]
    for file in few:
        np.testing.assert_array_equal(pixels(tmp_path / "few" / file), pixels(tmp_path / "many" / file))


def test_sequences_of_other_sizes_have_the_same_cells(tmp_path: Path) -> None:
    write_cropped(tmp_path / "test_32x32.mat")
    np.savez(tmp_path / "wide.npz", x=noise(10, 20, 40), y=DIGITS)
    for source, shape in (("test_32x32.mat", (28, 84, 3)), ("wide.npz", (28, 84))):
        out = tmp_path / f"rows of {source}"
        datasets.unpack(tmp_path / source, out, count=2, sequences=(3, 3))
        assert [pixels(out / file).shape for file in unpacked(out)] == [shape, shape]


@pytest.mark.parametrize(
    ("name", "arrays", "first", "reason"),
    [
        ("cells.npz", {}, "NaN", "cells of grids, by name"),
        ("grid.npz", {"is_test": MASK}, "NaN", "cells of grids, by is_test"),
        ("digits.npz", {}, "0", "digits: 0 is one of them"),
    ],
)
def test_empty_cells(tmp_path: Path, name: str, arrays: Any, first: str, reason: str) -> None:
    np.savez(tmp_path / name, x=TEN, y=DIGITS, **arrays)
    assert run(tmp_path / name, tmp_path / "out").exit_code == 0
    assert list(unpacked(tmp_path / "out").values()) == [first, *"123456789"], reason
    assert run(tmp_path / name, tmp_path / "rows", "--sequences", "5:5", "--count", 40).exit_code == 0
    drawn = "".join(unpacked(tmp_path / "rows").values())
    assert ("0" in drawn) == (first == "0"), reason


def test_splits_of_an_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "opt.npz", x_tra=TEN, y_tra=DIGITS, x_tes=FOUR, y_tes=DIGITS[:4])
    for split, count in (("test", 4), ("train", 10)):
        assert run(tmp_path, tmp_path / split, "--split", split).exit_code == 0
        assert list(unpacked(tmp_path / split).values()) == [str(digit) for digit in range(count)]  # 0 is a digit


def test_unpack_svhn(tmp_path: Path) -> None:
    expected, digits = write_cropped(tmp_path / "svhn" / "test_32x32.mat")
    write_numbers(tmp_path / "svhn" / "train", GOOD)
    for source, out in (("svhn/test_32x32.mat", "a"), ("svhn", "b")):
        assert run(tmp_path / source, tmp_path / out, *["--split", "test"] * (out == "b")).exit_code == 0
        labels = unpacked(tmp_path / out)
        assert list(labels.values()) == list(map(str, digits))
        np.testing.assert_array_equal(pixels(tmp_path / out / "images/000003.png"), expected[3])
    for number_, source in enumerate(["svhn/train", "svhn/train/digitStruct.mat"]):
        done = run(tmp_path / source, tmp_path / f"numbers{number_}")
        assert done.exit_code == 0, done.output
        labels = unpacked(tmp_path / f"numbers{number_}")
        assert list(labels.values()) == ["19", "5", "20003"]
        # boxes from (10, 5) to (26, 17): 2.4 px wider on each side, 1.8 px higher
        crop = open_picture(tmp_path / "svhn/train/1.png")[3:19, 7:29]
        np.testing.assert_array_equal(pixels(tmp_path / f"numbers{number_}/images/000000.png"), crop)


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        pytest.param("mnist", [], ["train-images", "t10k-images", "name a split"], id="two splits"),
        pytest.param(
            "mnist/t10k-images-idx3-ubyte", ["--split", "test"], ["leave out the split"], id="split of a file"
        ),
        pytest.param("mnist/t10k-labels-idx1-ubyte", [], ["unknown kind", "images-idx3"], id="labels for pictures"),
        pytest.param("mnist", ["--split", "test", "--count", "8"], ["7 records", "too many"], id="more than there are"),
        pytest.param("none.npz", [], ["no such file"], id="a missing npz"),
        pytest.param("none", [], ["no such file", "expected"], id="a missing folder"),
        pytest.param("labelled", [], ["labels.csv already"], id="unpacked before"),
        pytest.param("empty", ["--split", "test"], ["no data set of the split test"], id="an empty folder"),
        pytest.param("numbers", ["--sequences", "1:2"], ["whole numbers already"], id="rows of house numbers"),
        pytest.param("clothes.npz", ["--sequences", "1:2"], ["record 1", "label 10", "0 to 9"], id="no digits"),
        pytest.param("cells.npz", ["--sequences", "1:2"], ["every cell is empty"], id="empty cells only"),
        pytest.param("outside", [], ["record 1", "outside"], id="boxes outside of the picture"),
        pytest.param("mnist", ["--sequences", "5:1"], ["SHORTEST:LONGEST"], id="the longest first"),
        pytest.param("mnist", ["--sequences", "3"], ["SHORTEST:LONGEST"], id="one number"),
        pytest.param("mnist", ["--sequences", "0:3"], ["SHORTEST:LONGEST"], id="no digits in a row"),
    ],
)
def test_what_unpack_refuses(tmp_path: Path, mnist: Path, source: str, options: list[str], says: list[str]) -> None:
    for folder in ("labelled", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "labelled" / "labels.csv").touch()
    write_numbers(tmp_path / "numbers", GOOD)
    write_numbers(tmp_path / "outside", [GOOD[0], number("2.png", [1], left=[500.0])])
    np.savez(tmp_path / "clothes.npz", x=TEN, y=DIGITS + 9)
    np.savez(tmp_path / "cells.npz", x=TEN, y=DIGITS * 0)
    done = run(tmp_path / source, tmp_path / "out", *options)
    assert done.exit_code == 2
    for part in says:
        assert part in done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("held", ["labels.csv", "images"])
def test_nothing_is_written_over(tmp_path: Path, mnist: Path, held: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / held).touch()
    done = run(mnist, tmp_path / "out", "--split", "test")
    assert done.exit_code == 2
    assert f"holds {held} already" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [held]


def test_all_or_nothing(tmp_path: Path, mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = Image.Image.save

    def full_disk(image: Image.Image, path: Path) -> None:
        if path.name == "000004.png":
            raise OSError(28, "No space left on device", str(path))
        save(image, path)

    monkeypatch.setattr(Image.Image, "save", full_disk)
    done = run(mnist, tmp_path / "out", "--split", "test")
    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_long_work_says_how_far_it_is(tmp_path: Path, mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "SECONDS_BEFORE_PROGRESS", 0.0)
    assert "wrote picture 3 of 7" in run(mnist, tmp_path / "out", "--split", "test").stderr


def test_unpack_a_data_set_by_name(tmp_path: Path, mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVALUE_DATA", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("mnist", tmp_path / "out", "--split", "test").exit_code == 0
    assert len(unpacked(tmp_path / "out")) == 7


# ---- the true files, where they are


@pytest.mark.skipif(DATA is None, reason="FACEVALUE_DATA names no folder of data sets")
@pytest.mark.parametrize(
    ("name", "read", "shape", "labels"),
    [
        ("mnist", lambda folder: read_idx_pair(folder, "test"), (10_000, 28, 28), range(10)),
        ("fashion-mnist", lambda folder: read_idx_pair(folder, "train"), (60_000, 28, 28), range(10)),
        ("sudoku-cells", lambda folder: read_npz(folder / "cells.npz"), (16_038, 40, 40), range(10)),
        ("optdigits", lambda folder: read_npz(folder / "optdigits.npz", "test"), (946, 32, 32), range(10)),
    ],
)
def test_the_true_files(name: str, read: Callable[[Path], Any], shape: tuple[int, ...], labels: range) -> None:
    assert DATA is not None
    folder = Path(DATA, datasets.ORIGINS[name].folder)
    if not folder.is_dir():
        pytest.skip(f"no {name} in FACEVALUE_DATA")
    pictures, digits = read(folder)
    assert pictures.shape == shape
    assert (pictures.min(), set(digits.tolist())) == (0, set(labels))
    assert pictures.max() > 200
