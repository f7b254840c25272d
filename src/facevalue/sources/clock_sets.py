"""Sets of clocks of a fixed number of pictures, split for good: the plain ones and the kitchen's.

    drawn, or read by an index ──► Clocks of a part ──┬──► as they are, an epoch after the other
                                                      └──► x15, x25: turned, zoomed and sheared on the way

A part is made once in a process and kept. Training takes epochs of ``train``; seeds from HELD_OUT_SEEDS on give
``validation``, as it is; ``test`` is given by ``ClockSet.test`` alone, which no training calls. The plain clocks have
no part for validation, as all that is not tested on is trained on: there such seeds give ``train``, and ``counts``
says so to whoever calls it held out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs.clock import format_time
from facevalue.errors import FaceValueError
from facevalue.sources import albums
from facevalue.sources.camera import Pose
from facevalue.sources.clock_faces import UPRIGHT, draw_kitchen, draw_plain, pick_kitchen
from facevalue.sources.clocks import ClockBatch
from facevalue.sources.mnist import HELD_OUT_SEEDS, as_rgb, records_of
from facevalue.sources.paint import skia

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
Ints = NDArray[np.int64]

TIMES = 720  # whole minutes of twelve hours
KITCHEN_EACH = 25  # pictures of each
SET_SEED = 1
PLAIN_PX, KITCHEN_PX = 57, 150
PLAIN_SPLIT, KITCHEN_SPLIT = (0.0, 0.2), (0.2, 0.2)  # validation and test
TURN_DEGREES, ZOOM, SHEAR_DEGREES = 360.0, (0.9, 1.1), 15.0  # of the augmentation of the reports


@dataclass(frozen=True)
class Clocks:
    """Pictures of clocks and what they show.

    pictures: (N, S, S) grey or (N, S, S, 3) RGB, uint8.  minutes: (N,) past twelve, 0..719.  second: (N,) direction of
    the second hand, degrees, NaN without one.  placed: (N, 2, 3) where the dial stands: [M | c] takes its coordinates
    (radius 1, x right, y down, twelve up) to the picture's [-1, 1]^2.
    """

    pictures: NDArray[np.uint8]
    minutes: Ints
    second: NDArray[np.float32]
    placed: NDArray[np.float32]

    def taken(self, chosen: Ints) -> Clocks:
        """Those records, in that order."""
        return Clocks(self.pictures[chosen], self.minutes[chosen], self.second[chosen], self.placed[chosen])

    def batch(self) -> ClockBatch:
        """As a source gives them; directions are those of the polar decomposition of M, as of ``camera.Pose``."""
        matrix, centre = self.placed[:, :, :2], self.placed[:, :, 2]
        turn = np.arctan2(matrix[:, 1, 0] - matrix[:, 0, 1], matrix[:, 0, 0] + matrix[:, 1, 1])
        cos, sin = np.cos(turn), np.sin(turn)
        back = np.array([[cos, sin], [-sin, cos]]).transpose(2, 0, 1)
        stretch = matrix @ back
        flat = np.zeros_like(turn)
        pose = np.stack([*centre.T, stretch[:, 0, 0], stretch[:, 0, 1], stretch[:, 1, 1], flat, flat], axis=1)
        degrees = np.degrees(turn)

        def seen(direction: NDArray[np.floating]) -> NDArray[np.float32]:
            return np.asarray((direction + degrees) % 360, dtype=np.float32)

        return ClockBatch(
            pictures=as_rgb(self.pictures),
            seconds=(self.minutes * 60).astype(np.float32),
            hour=seen(self.minutes / 2),
            minute=seen(self.minutes * 6.0),
            second=seen(self.second),
            twelve=seen(flat),
            pose=pose.astype(np.float32),
        )


@dataclass(frozen=True)
class ClockSet:
    """A source of a set of clocks, an epoch after the other, permuted anew each and without a seam.

    part: gives the clocks of a part.  copies: how often a picture of ``train`` stands in an epoch, the first time as it
    is, then each time turned, zoomed and sheared otherwise, always in the same way for the same copy.  digest: of
    pictures that are not drawn, "" for those that are.  sizes: of ``train`` and ``validation``, None where only making
    them tells.
    """

    part: Callable[[Part], Clocks]
    copies: int = 1
    digest: str = ""
    sizes: tuple[int, int] | None = None

    def counts(self) -> tuple[int, int]:
        """Pictures that are trained on, each counted once, and that are held out."""
        return self.sizes or (len(self.part("train").minutes), len(self.part("validation").minutes))

    def scored(self) -> Clocks:
        """What trainings are scored on: the validation part, where there is none the training part."""
        validation = self.part("validation")
        return validation if len(validation.minutes) else self.part("train")

    def batch(self, seed: int, step: int, count: int) -> ClockBatch:
        """``count`` pictures, a pure function of (seed, step) and of the set."""
        if seed >= HELD_OUT_SEEDS:
            clocks = self.scored()
            return clocks.taken(records_of(len(clocks.minutes), seed, step, count)).batch()
        clocks = self.part("train")
        total = len(clocks.minutes)
        chosen = records_of(total * self.copies, seed, step, count)
        taken = clocks.taken(chosen % total)
        if self.copies == 1:
            return taken.batch()
        return changed(taken, changes_of(total, self.copies)[chosen]).batch()

    def test(self) -> ClockBatch:
        """All test pictures, in order."""
        return self.part("test").batch()


def split(total: int, shares: tuple[float, float], seed: int) -> dict[Part, Ints]:
    """Records of each part, in rising order.  shares: of validation and test; the rest is for training."""
    order = np.random.default_rng([seed, total]).permutation(total)
    test, validation = round(total * shares[1]), round(total * shares[0])
    rest, held_out = order[: total - test], order[total - test - validation : total - test]
    return {
        "train": np.sort(rest[: total - test - validation]),
        "validation": np.sort(held_out),
        "test": np.sort(order[total - test :]),
    }


def sizes_of(total: int, shares: tuple[float, float]) -> tuple[int, int]:
    """How many records ``split`` gives to training and to validation."""
    parts = split(total, shares, SET_SEED)
    return len(parts["train"]), len(parts["validation"])


# ---- augmentation ----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def changes_of(total: int, copies: int) -> NDArray[np.float32]:
    """(copies x total, 2, 2) what each copy of each picture is multiplied by, about its centre; the first by 1."""
    count = total * copies
    drawn = np.random.default_rng([SET_SEED, count]).random((3, count))
    turn = np.radians(TURN_DEGREES * drawn[0])
    zoom = ZOOM[0] + (ZOOM[1] - ZOOM[0]) * drawn[1]
    shear = np.tan(np.radians(SHEAR_DEGREES * drawn[2]))
    cos, sin = np.cos(turn), np.sin(turn)
    changes = (zoom * np.array([[cos, cos * shear - sin], [sin, sin * shear + cos]])).transpose(2, 0, 1)
    changes[:total] = np.eye(2)
    return np.asarray(changes, dtype=np.float32)


def changed(clocks: Clocks, changes: NDArray[np.float32]) -> Clocks:
    """Each picture and its dial's place multiplied by a matrix (N, 2, 2); beyond the picture its edge goes on."""
    pictures = np.empty_like(clocks.pictures)
    for picture, before, change in zip(pictures, clocks.pictures, changes, strict=True):
        picture[:] = before if (change == np.eye(2)).all() else warped(before, change)
    return Clocks(pictures, clocks.minutes, clocks.second, changes @ clocks.placed)


def warped(picture: NDArray[np.uint8], change: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture (S, S) or (S, S, 3), multiplied by a matrix (2, 2) about its centre, bilinear."""
    side = len(picture)
    full = np.full((side, side, 4), 255, dtype=np.uint8)
    full[..., :3] = picture if picture.ndim == 3 else picture[..., None]
    (a, b), (c, d) = change.tolist()
    half = side / 2
    matrix = skia.Matrix.MakeAll(a, b, half - (a + b) * half, c, d, half - (c + d) * half, 0, 0, 1)
    image = skia.Image.fromarray(full, colorType=skia.kRGBA_8888_ColorType)
    linear = skia.SamplingOptions(skia.FilterMode.kLinear)
    shader = image.makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, linear, matrix)
    sheet = np.empty_like(full)
    with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
        canvas.drawPaint(skia.Paint(Shader=shader))
    return sheet[..., :3] if picture.ndim == 3 else sheet[..., 0]


# ---- plain and kitchen -----------------------------------------------------------------------------------------------


def plain_clocks(
    size_px: int = PLAIN_PX, second_hand: bool = False, copies: int = 1, set_seed: int = SET_SEED
) -> ClockSet:
    """720 pictures of the plain clock, one for each minute of twelve hours: 576 to train on, 144 to test.

    second_hand: whether it has one. It runs by itself, to a second chosen at random, while the minute hand jumps, as on
    station clocks: the time remains a whole minute.  set_seed: of the split and of the seconds.
    """
    part = functools.partial(plain_part, size_px, second_hand, set_seed)
    return ClockSet(part, copies, sizes=sizes_of(TIMES, PLAIN_SPLIT))


@functools.lru_cache(maxsize=4)
def plain_part(size_px: int, second_hand: bool, set_seed: int, part: Part) -> Clocks:
    return draw_plain_clocks(size_px, second_hand, set_seed, split(TIMES, PLAIN_SPLIT, set_seed)[part])


def draw_plain_clocks(size_px: int, second_hand: bool, set_seed: int, records: Ints) -> Clocks:
    """Record r shows r minutes past twelve."""
    second = np.full(TIMES, np.nan, dtype=np.float32)
    if second_hand:
        second = (np.random.default_rng(set_seed).integers(0, 60, TIMES) * 6).astype(np.float32)
    pairs = zip(records.tolist(), second[records].tolist(), strict=True)
    pictures = [draw_plain(size_px, minutes, degrees) for minutes, degrees in pairs]
    stacked = np.array(pictures, dtype=np.uint8).reshape(-1, size_px, size_px, 3)
    return Clocks(stacked, records, second[records], placed_as([UPRIGHT] * len(records)))


def kitchen_clocks(
    size_px: int = KITCHEN_PX, copies: int = 1, each: int = KITCHEN_EACH, set_seed: int = SET_SEED
) -> ClockSet:
    """18,000 grey pictures of the kitchen clock, each minute of twelve hours 25 times: 60 % to train on, 20 and 20 %.

    each: how often, for a smaller set.  set_seed: of the pictures and of the split.
    """
    part = functools.partial(kitchen_part, size_px, each, set_seed)
    return ClockSet(part, copies, sizes=sizes_of(TIMES * each, KITCHEN_SPLIT))


@functools.lru_cache(maxsize=4)
def kitchen_part(size_px: int, each: int, set_seed: int, part: Part) -> Clocks:
    return draw_kitchen_clocks(size_px, set_seed, split(TIMES * each, KITCHEN_SPLIT, set_seed)[part])


def draw_kitchen_clocks(size_px: int, set_seed: int, records: Ints) -> Clocks:
    """Record r shows r minutes past twelve, round and round."""
    photos = [pick_kitchen(Random(f"kitchen {set_seed} {record}")) for record in records.tolist()]
    minutes = records % TIMES
    pictures = np.empty((len(records), size_px, size_px), dtype=np.uint8)
    for picture, time, photo in zip(pictures, minutes.tolist(), photos, strict=True):
        picture[:] = draw_kitchen(size_px, time, photo)
    second = np.full(len(records), np.nan, dtype=np.float32)
    return Clocks(pictures, minutes, second, placed_as([photo.pose for photo in photos]))


def placed_as(poses: list[Pose]) -> NDArray[np.float32]:
    """(N, 2, 3) of poses without keystone, see ``Clocks``."""
    return np.array([pose.homography()[:2] for pose in poses], dtype=np.float32).reshape(-1, 2, 3)


# ---- writing ---------------------------------------------------------------------------------------------------------


def write_set(out: Path, style: str, n: int | None, seed: int, sheet: bool, size_px: int | None) -> None:
    """``facevalue synth clocks --style plain``, ``plain-second`` or ``kitchen``: a folder as ``open_index`` takes it.

    Pictures in OUT/clocks, index.tsv, and a file of its lines for each part of the split; or one contact sheet.
    n: so many pictures, chosen by the seed, in place of all; of a sheet 64.  seed: of the set; training has SET_SEED.
    Raises FaceValueError when OUT can't be written or the set has fewer.
    """
    kitchen = style == "kitchen"
    total = TIMES * KITCHEN_EACH if kitchen else TIMES
    count = n or (64 if sheet else total)
    if count > total:
        raise FaceValueError(f"{count} pictures asked for: the {style} clocks are {total:,}")
    chosen = np.array(sorted(Random(seed).sample(range(total), count)), dtype=np.int64)
    side = size_px or (KITCHEN_PX if kitchen else PLAIN_PX)
    draw = (
        functools.partial(draw_kitchen_clocks, side, seed)
        if kitchen
        else functools.partial(draw_plain_clocks, side, style == "plain-second", seed)
    )
    if sheet:
        clocks = draw(chosen)
        captions = [format_time(minutes) for minutes in clocks.minutes.tolist()]
        albums.write_sheet(out, zip(as_rgb(clocks.pictures), captions, strict=True))
        return
    parts = split(total, KITCHEN_SPLIT if kitchen else PLAIN_SPLIT, seed)
    wanted = PARTS if kitchen else ("train", "test")
    part_of = {record: part for part in wanted for record in parts[part].tolist()}
    albums.write_index(out, named(draw, chosen, part_of), count)


def named(draw: Callable[[Ints], Clocks], records: Ints, part_of: dict[int, Part]) -> Iterator[albums.Indexed]:
    """Each picture with its file's name, such as clocks/clock09.12.00.png, its line and its part."""
    for record in records.tolist():
        clock = draw(np.array([record], dtype=np.int64))
        hour, minute = divmod(int(clock.minutes[0]), 60)
        second = 0 if np.isnan(clock.second[0]) else round(float(clock.second[0]) / 6)
        copy = f"-{record // TIMES:02d}" if record >= TIMES else ""
        name = f"clocks/clock{hour:02d}.{minute:02d}.{second:02d}{copy}.png"
        yield albums.Indexed(name, clock.pictures[0], hour, minute, part_of[record])
