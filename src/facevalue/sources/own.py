"""Pictures of one's own instrument as training pictures: each time seen a little otherwise, among drawn ones.

A picture is kept with the frames in which the reader looks at it and with what is known of the instrument, in the
picture's own pixels. Every training picture is one such frame, shifted, zoomed and turned by chance; its labels follow
from where the frame then lies.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.digits import MOST_DIGITS
from facevalue.files import told_as_ours, unfinished_file
from facevalue.images import RGB, warp
from facevalue.sources import Source, camera
from facevalue.sources.digits import SHARES, DigitBatch, DigitSource, draw_empty, drawn_shares

OWN_SHARE = 0.5  # of a batch; the rest is drawn, so that what was learned before is not forgotten
DEVELOPED = 0.6  # of one's own pictures; the others keep the light that they were taken in

Matrix = NDArray[np.float64]  # (3, 3)


@dataclass(frozen=True)
class Needles:
    """A dial in a picture and the directions of its needles and marks.

    rgb: (H, W, 3) uint8.  frames: (F, 3, 3) from [-1, 1]^2 to its pixels, as the reader frames it.  dial: (3, 3) from
    the dial (radius 1, its zero or twelve up) to its pixels.  placed: whether that is seen; else the dial is taken to
    stand upright, and no pose is taught.  degrees: directions on the dial by label, clockwise from its zero, NaN for
    unknown ones.  others: labels that no frame changes.
    """

    rgb: RGB
    frames: NDArray[np.float64]
    dial: Matrix
    placed: bool
    degrees: Mapping[str, float]
    others: Mapping[str, float]

    def labels(self, frame: Matrix, size_px: tuple[int, int]) -> dict[str, Any]:
        """What is to be read through a frame (3, 3) from [-1, 1]^2 to the picture's pixels, by label."""
        pose, turn = pose_and_turn(np.linalg.inv(frame) @ self.dial)
        labels: dict[str, Any] = {name: (degrees + turn) % 360 for name, degrees in self.degrees.items()}
        return {**labels, **self.others, "pose": pose if self.placed else np.full_like(pose, np.nan)}

    def shaken(self, rnd: Random, size_px: tuple[int, int]) -> Matrix:
        """One of its frames, moved by chance; now and then turned far, as every direction on a dial is as good."""
        kind = rnd.random()
        turn = rnd.gauss(0, 3) if kind < 0.6 else rnd.gauss(0, 12) if kind < 0.85 else rnd.uniform(-180, 180)
        zoom = math.exp(rnd.gauss(0, 0.08))
        aspect = math.exp(rnd.gauss(0, 0.02))
        shift = rnd.gauss(0, 0.05), rnd.gauss(0, 0.05)
        return np.asarray(rnd.choice(self.frames) @ moved(turn, (zoom * aspect, zoom / aspect), shift, size_px))


@dataclass(frozen=True)
class Row:
    """A row of digits in a picture.

    rgb, frames: as of ``Needles``.  places: (K,) of each digit on its drum.  point_after: index of the digit that a
    point follows, -1 for none.  cells: (K, 4, 2) the middles of each digit's left, right, top and bottom side in the
    picture's pixels.
    """

    rgb: RGB
    frames: NDArray[np.float64]
    places: NDArray[np.float64]
    point_after: int
    cells: NDArray[np.float64]

    def labels(self, frame: Matrix, size_px: tuple[int, int]) -> dict[str, Any]:
        """As of ``Needles``; cells in pixels of a frame of that size (width, height)."""
        count = len(self.places)
        points = np.concatenate([self.cells, np.ones((count, 4, 1))], axis=2) @ np.linalg.inv(frame).T
        xy = (points[..., :2] / points[..., 2:] + 1) / 2 * size_px
        cells = np.full((MOST_DIGITS, 4), np.nan)
        cells[:count] = np.stack([xy[:, 0, 0], xy[:, 1, 0], xy[:, 2, 1], xy[:, 3, 1]], axis=1)
        places = np.full(MOST_DIGITS, np.nan)
        places[:count] = self.places % 10
        after = np.zeros(MOST_DIGITS)
        if self.point_after >= 0:
            after[self.point_after] = 1
        return {"count": count, "places": places, "points": after, "cells": cells}

    def shaken(self, rnd: Random, size_px: tuple[int, int]) -> Matrix:
        """One of its frames, moved by chance."""
        zoom = math.exp(rnd.gauss(0, 0.06))
        aspect = math.exp(rnd.gauss(0, 0.05))
        shift = rnd.gauss(0, 0.03), rnd.gauss(0, 0.06)
        turn = rnd.gauss(0, 1.2)
        return np.asarray(rnd.choice(self.frames) @ moved(turn, (zoom * aspect, zoom / aspect), shift, size_px))


Taught = Needles | Row
KINDS: tuple[type[Taught], ...] = (Needles, Row)


def moved(
    turn_degrees: float, zoom: tuple[float, float], shift: tuple[float, float], size_px: tuple[int, int]
) -> Matrix:
    """Homography (3, 3) of [-1, 1]^2 that turns, zooms (x, y) and shifts (in half sides) a frame of that size."""
    angle = math.radians(turn_degrees)
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    to_px = np.diag([size_px[0] / 2, size_px[1] / 2, 1.0])
    placed = np.array([[zoom[0], 0.0, shift[0]], [0.0, zoom[1], shift[1]], [0.0, 0.0, 1.0]])
    return np.asarray(placed @ np.linalg.inv(to_px) @ turn @ to_px)


def pose_and_turn(dial: Matrix) -> tuple[NDArray[np.float64], float]:
    """The seven numbers of a dial's pose and its turn, degrees, see ``camera``.  dial: (3, 3) to [-1, 1]^2."""
    dial = dial / dial[2, 2]
    left, size, right = np.linalg.svd(dial[:2, :2])
    rotation = left @ right
    stretch = left @ np.diag(size) @ left.T
    keystone = rotation @ dial[2, :2]
    turn = math.degrees(math.atan2(rotation[1, 0], rotation[0, 0]))
    cx, cy = dial[0, 2], dial[1, 2]
    return np.array([cx, cy, stretch[0, 0], stretch[0, 1], stretch[1, 1], *keystone]), turn


@dataclass(frozen=True)
class OwnSource:
    """Batches of which OWN_SHARE are one's own pictures, in the order of chance, behind the drawn ones.

    path: file of ``write_taught``.  size_px: (width, height) of the reader's frame.  drawn: the source of the others.
    """

    path: Path
    size_px: tuple[int, int]
    drawn: Source

    def batch(self, seed: int, step: int, count: int) -> Any:
        """``count`` pictures, a pure function of (seed, step) and of the file."""
        taught = read_taught(self.path)
        rnd = Random(f"own {seed} {step}")
        own = round(OWN_SHARE * count)
        rows = []
        for _ in range(own):
            one = rnd.choice(taught)
            frame = one.shaken(rnd, self.size_px)
            picture = warp(one.rgb, frame, self.size_px)
            if rnd.random() < DEVELOPED:
                picture = camera.develop(rnd, picture)
            rows.append({"pictures": picture, **one.labels(frame, self.size_px)})
        return with_rows(self.drawn.batch(seed, step, count - own), rows)

    def as_read(self, taught: Sequence[Taught]) -> Any:
        """A batch of pictures through the very frames of the reader, none of them moved and none drawn."""
        rows = [
            {"pictures": warp(one.rgb, frame, self.size_px), **one.labels(frame, self.size_px)}
            for one in taught
            for frame in one.frames
        ]
        nothing = self.drawn.batch(0, 0, 1)
        empty = {field.name: getattr(nothing, field.name)[:0] for field in dataclasses.fields(nothing)}
        return with_rows(dataclasses.replace(nothing, **empty), rows)


def with_rows(batch: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    """A batch of a drawn source with more pictures behind its own.  rows: by field, what is missing is NaN."""
    joined = {}
    for field in dataclasses.fields(batch):
        values = getattr(batch, field.name)
        blank = np.full(values.shape[1:], np.nan)
        more = [np.asarray(row.get(field.name, blank)).astype(values.dtype) for row in rows]
        joined[field.name] = np.concatenate([values, np.stack(more)])
    return dataclasses.replace(batch, **joined)


@dataclass(frozen=True)
class DrawnRows:
    """Rows of digits that need no data set, and pictures without a digit among them.  size_px: (width, height)."""

    size_px: tuple[int, int]

    def batch(self, seed: int, step: int, count: int) -> DigitBatch:
        """``count`` pictures, a pure function of (seed, step)."""
        rnd = Random(f"drawn rows {seed} {step}")
        batch = DigitSource(self.size_px, shares=drawn_shares()).batch(seed, step, count)
        for index in range(count):
            if rnd.random() < SHARES["empty"]:
                batch.pictures[index] = draw_empty(rnd, self.size_px)
                batch.count[index] = batch.points[index] = 0
                batch.places[index] = batch.cells[index] = np.nan
        return batch


# ---- the file


def write_taught(path: Path, taught: Sequence[Taught], digest: str) -> None:
    """Write pictures and what is known of them, whole or not at all.  digest: of what they were made from.

    Raises FaceValueError.
    """
    arrays: dict[str, NDArray[Any]] = {"digest": np.array(digest), "count": np.array(len(taught))}
    for index, one in enumerate(taught):
        arrays[f"{index}/kind"] = np.array(KINDS.index(type(one)))
        for name, value in vars(one).items():
            if isinstance(value, Mapping):
                arrays |= {f"{index}/{name}/{key}": np.array(number) for key, number in value.items()}
            else:
                arrays[f"{index}/{name}"] = np.asarray(value)
    with told_as_ours(path), unfinished_file(path) as unfinished, unfinished.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    read_taught.cache_clear()


def digest_of(path: Path) -> str:
    """The digest that a file of ``write_taught`` was written with; "" where there is no such file."""
    if not path.is_file():
        return ""
    with np.load(path) as arrays:
        return str(arrays["digest"])


@functools.lru_cache(maxsize=1)
def read_taught(path: Path) -> tuple[Taught, ...]:
    """What ``write_taught`` wrote; kept, as every batch asks for it."""
    with np.load(path) as arrays:
        of_each: list[dict[str, Any]] = [{} for _ in range(int(arrays["count"]))]
        for key in arrays.files:
            index, *names = key.split("/")
            if not names:
                continue
            fields = of_each[int(index)]
            for name in names[:-1]:
                fields = fields.setdefault(name, {})
            value = arrays[key]
            fields[names[-1]] = value if value.ndim else value.item()
    return tuple(KINDS[fields.pop("kind")](**fields) for fields in of_each)
