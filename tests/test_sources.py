"""Drawn clocks: the same pixels for the same seed, and labels that say where things are in the pixels."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from facevalue.cli import main
from facevalue.codecs.clock import format_time, parse_time
from facevalue.codecs.pose import POSE_NUMBERS
from facevalue.errors import FaceValueError
from facevalue.metrics import minutes_apart
from facevalue.sources import hands, paint
from facevalue.sources.camera import Pose
from facevalue.sources.clocks import (
    RADIUS,
    SECONDS_PER_TURN,
    ClockBatch,
    ClockSource,
    FaceMaker,
    make_hands,
    pick_seconds,
    write_pictures,
)

skia = paint.skia
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def many() -> ClockBatch:
    """Some hundred small clocks, a tenth of the pictures without one."""
    return ClockSource(size_px=24, empty=0.1).batch(5, 0, 800)


# ---- a pure function of (seed, step)


def test_same_seed_and_step_same_pixels_and_labels() -> None:
    one, other = (ClockSource(size_px=32).batch(3, 7, 16) for _ in range(2))
    assert (one.pictures == other.pictures).all()
    for name, values in one.labels().items():
        np.testing.assert_array_equal(values, other.labels()[name], err_msg=name)


@pytest.mark.parametrize(("seed", "step", "reason"), [(3, 8, "the next step"), (4, 7, "another seed"), (7, 3, "both")])
def test_other_seed_or_step_other_pixels(seed: int, step: int, reason: str) -> None:
    one, other = ClockSource(size_px=32).batch(3, 7, 8), ClockSource(size_px=32).batch(seed, step, 8)
    assert not (one.pictures == other.pictures).all(axis=(1, 2, 3)).any(), reason
    assert not (one.seconds == other.seconds).any(), reason


def test_a_shorter_batch_is_the_start_of_a_longer_one() -> None:
    short, long = (ClockSource(size_px=24).batch(2, 0, count) for count in (9, 16))
    assert (short.pictures == long.pictures[:9]).all()


@pytest.fixture(scope="module")
def golden() -> ModuleType:
    """tests/golden/draw_clocks.py."""
    spec = importlib.util.spec_from_file_location("draw_clocks", GOLDEN / "draw_clocks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_golden_pictures(golden: ModuleType) -> None:
    """Another build of skia may round otherwise, so a few levels are forgiven; another drawing is not."""
    expected, drawn = json.loads((GOLDEN / "clocks.json").read_text()), golden.digest()
    assert drawn["seconds"] == pytest.approx(expected["seconds"], abs=0.02, nan_ok=True)
    difference = np.abs(np.array(drawn["blocks"]) - np.array(expected["blocks"]))
    assert difference.shape == (golden.COUNT, golden.BLOCKS, golden.BLOCKS, 3)
    assert difference.max() <= 6
    assert difference.mean() <= 1.5


@pytest.mark.parametrize(
    ("size_px", "reason"),
    [
        (24, "the smallest"),
        (25, "odd"),
        (112, "as trained"),
        (224, "twice that"),
        (640, "more noise than the pool's first million numbers"),
    ],
)
def test_sizes(size_px: int, reason: str) -> None:
    batch = ClockSource(size_px=size_px).batch(1, 0, 8)
    assert batch.pictures.shape == (8, size_px, size_px, 3), reason
    assert batch.pictures.dtype == np.uint8
    assert (batch.pictures.reshape(8, -1).std(axis=1) > 1).all()  # not one of them is blank
    assert {name: values.shape for name, values in batch.labels().items()} == {
        **dict.fromkeys(("seconds", "hour", "minute", "second", "twelve"), (8,)),
        "pose": (8, POSE_NUMBERS),
    }


# ---- labels agree with each other


def test_ranges_of_labels(many: ClockBatch) -> None:
    shown = ~np.isnan(many.seconds)
    assert 0.03 < 1 - shown.mean() < 0.2
    seconds = many.seconds[shown]
    assert ((seconds >= 0) & (seconds < SECONDS_PER_TURN)).all()
    assert np.histogram(seconds, bins=12, range=(0, SECONDS_PER_TURN))[0].min() > 20  # every hour is drawn
    for name in ("hour", "minute", "twelve", "second"):
        degrees = many.labels()[name]
        degrees = degrees[~np.isnan(degrees)]
        assert ((degrees >= 0) & (degrees <= 360)).all(), name
    assert 0.3 < (~np.isnan(many.second[shown])).mean() < 0.7  # half the clocks have a second hand
    cx, cy, sxx, sxy, syy, qx, qy = many.pose[shown].T
    assert (np.hypot(cx, cy) < 1).all()
    assert (sxx * syy > sxy**2).all()  # positive: no dial is mirrored
    assert (np.hypot(qx, qy) < 0.4).all()


def test_a_picture_without_a_dial_has_no_labels(many: ClockBatch) -> None:
    nothing = np.isnan(many.seconds)
    for name in ("hour", "minute", "twelve", "pose"):
        missing = np.isnan(many.labels()[name]).reshape(len(nothing), -1)
        assert (missing.any(axis=1) == nothing).all(), name
        assert missing[nothing].all(), name
    assert np.isnan(many.second[nothing]).all()
    assert not np.isnan(ClockSource(size_px=24, empty=0.0).batch(5, 0, 64).seconds).any()
    assert np.isnan(ClockSource(size_px=24, empty=1.0).batch(5, 0, 8).seconds).all()


@pytest.mark.parametrize(
    ("name", "seconds_a_degree", "median_below", "max_below", "reason"),
    [
        ("minute", 10, 0.6, 2.5, "set to 0.4 degrees"),
        ("hour", 120, 1.2, 20.0, "set to 0.8 degrees, sloppy ones to 4.5"),
        ("second", 1 / 6, 0.02, 0.1, "exact, but for rounding to float32"),
    ],
)
def test_hands_stand_where_time_and_twelve_put_them(
    many: ClockBatch, name: str, seconds_a_degree: float, median_below: float, max_below: float, reason: str
) -> None:
    degrees = many.labels()[name]
    seen = ~np.isnan(degrees)
    true = (many.seconds[seen].astype(np.float64) / seconds_a_degree + many.twelve[seen]) % 360
    off = np.abs((degrees[seen] - true + 180) % 360 - 180)
    assert np.median(off) < median_below, reason
    assert off.max() < max_below, reason


@settings(max_examples=200)
@given(st.integers(0, 2**32))
def test_every_picked_time_is_on_the_dial(seed: int) -> None:
    assert 0 <= pick_seconds(Random(seed)) < SECONDS_PER_TURN


# ---- labels agree with pixels


def canvas_of(size_px: int) -> tuple[NDArray[np.uint8], skia.Surface]:
    pixels = np.full((size_px, size_px, 4), 255, np.uint8)
    return pixels, skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType)


def darkness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return 255.0 - pixels[..., :3].mean(axis=2)


PLAIN = hands.HandLook(outline=None, hollow=False, insert=None, two_tone=0.0, shadow_alpha=0.0, counterweight="stick")


@pytest.mark.parametrize("degrees", [0.0, 37.0, 90.0, 179.5, 250.0, 354.0])
@pytest.mark.parametrize("family", [name for name, _ in hands.FAMILIES])
def test_a_hand_points_where_it_is_drawn(family: str, degrees: float) -> None:
    hand = hands.make_hand(Random(1), family, 80, 6, 0, (0.0, 0.0, 0.0), PLAIN)
    pixels, surface = canvas_of(220)
    with surface as canvas:
        canvas.translate(110, 110)
        hand.draw(canvas, degrees, (0, 0))
    dark = darkness(pixels)
    y, x = np.mgrid[:220, :220] + 0.5 - 110
    pull = (dark * x).sum(), (dark * y).sum()
    found = math.degrees(math.atan2(pull[0], -pull[1])) % 360
    assert abs((found - degrees + 180) % 360 - 180) < 3
    along = x * math.sin(math.radians(degrees)) - y * math.cos(math.radians(degrees))
    assert 74 < along[dark > 60].max() < 82  # the tip is as far out as the hand is long


@pytest.mark.parametrize("tail", ["disc", "crescent", "wide", "taper", "stick"])
def test_an_open_hand_stays_open_whatever_its_tail(tail: str) -> None:
    path = hands.cathedral(Random(2), 80, 9)
    hands.add_tail(path, tail, 18, 9)
    filled = [path.contains(0, -y) for y in range(81)]
    assert not any(filled[60:65])  # the opening, above all bars
    assert path.contains(0, 10)
    assert path.contains(8.6 * 0.97, -45)  # the frame


def test_a_shaft_is_whole_where_it_crosses_a_ring() -> None:
    path = hands.mirrored([(2, 0), (2, 80)])
    hands.add_ring(path, 40, 10, 3)
    assert all(path.contains(0, -y - 0.5) for y in range(80))
    assert path.contains(8.5, -40)
    assert not path.contains(5, -40)


@pytest.mark.parametrize(
    ("pose", "reason"),
    [
        (Pose((0.0, 0.0), (0.8, 0.0, 0.8), (0.0, 0.0), 0.0), "straight"),
        (Pose((0.3, -0.2), (0.5, 0.0, 0.5), (0.0, 0.0), 0.0), "off centre"),
        (Pose((0.0, 0.1), (0.7, 0.0, 0.7), (0.0, 0.0), 63.0), "turned"),
        (Pose((-0.1, 0.0), (0.8, 0.12, 0.5), (0.1, -0.05), -120.0), "turned, squeezed and in perspective"),
    ],
)
@pytest.mark.parametrize(
    "on_dial", [(0.0, 0.0), (0.0, -1.0), (1.0, 0.0), (-0.5, 0.5)], ids=["pivot", "12", "3", "between 7 and 8"]
)
def test_a_pose_puts_the_dial_where_it_says(pose: Pose, on_dial: tuple[float, float], reason: str) -> None:
    pixels, surface = canvas_of(200)
    with surface as canvas:
        canvas.concat(pose.canvas_matrix(200, RADIUS))
        canvas.drawCircle(on_dial[0] * RADIUS, on_dial[1] * RADIUS, 4, paint.fill((0.0, 0.0, 0.0)))
    dark = darkness(pixels)
    y, x = np.mgrid[:200, :200] + 0.5
    found = (dark * x).sum() / dark.sum() / 100 - 1, (dark * y).sum() / dark.sum() / 100 - 1
    u, v, w = pose.homography() @ (*on_dial, 1.0)
    assert found == pytest.approx((u / w, v / w), abs=0.01), reason
    if on_dial == (0.0, 0.0):
        assert (u / w, v / w) == pytest.approx(pose.centre)


def test_every_hand_is_drawn_where_its_label_says(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []
    monkeypatch.setattr(hands.Hand, "draw", lambda hand, canvas, degrees, shadow: drawn.append(degrees))
    monkeypatch.setattr(hands, "draw_second_hand", lambda canvas, degrees, *look: drawn.append(degrees))
    rnd, wall, sheet = Random(5), paint.make_wall(Random(5), 32), np.empty((32, 32, 4), np.uint8)
    batch = ClockSource(size_px=32, empty=1.0).batch(1, 0, 40)  # labelled below
    for index in range(40):
        face = FaceMaker(index).make(32)
        hand_set = dataclasses.replace(make_hands(rnd, face), alarm=None)  # which points anywhere
        drawn.clear()
        ClockSource(size_px=32).draw_one(rnd, face, hand_set, wall, batch, index, sheet)
        labels = [batch.hour[index], batch.minute[index], batch.second[index]][: 2 + (hand_set.second is not None)]
        assert len(drawn) == len(labels)
        off = np.array(drawn) + batch.twelve[index] - labels
        assert np.abs((off + 180) % 360 - 180).max() < 0.01, index
    assert np.isfinite(batch.second).sum() > 10


def colour_along(picture: NDArray[np.uint8], matrix: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """Mean colour along a direction from the pivot, between 0.15 and 0.5 dial radii. matrix: the pose's homography."""
    angle, reach = math.radians(degrees), np.linspace(0.15, 0.5, 12)
    u, v, w = matrix @ np.stack([reach * math.sin(angle), -reach * math.cos(angle), np.ones(12)])
    half = picture.shape[0] / 2
    x, y = ((np.stack([u, v]) / w + 1) * half).astype(int).clip(0, picture.shape[0] - 1)
    return np.asarray(picture[y, x].mean(axis=0))


def test_labels_find_the_hands_in_finished_pictures() -> None:
    """Along the labelled minute hand pixels stand off the plate more than elsewhere, on nearly every easy clock."""
    batch = ClockSource(size_px=112, straight=1.0, empty=0.0).batch(11, 0, 384)
    ranks = []
    for index, picture in enumerate(batch.pictures):
        pose = batch.pose[index].astype(float)
        matrix = Pose(
            (pose[0], pose[1]), (pose[2], pose[3], pose[4]), (pose[5], pose[6]), float(batch.twelve[index])
        ).homography()
        at_zero = float(batch.minute[index] - batch.twelve[index])
        # (60, 3): mean colour along each minute's direction, counted from that of the minute hand.
        colours = np.array([colour_along(picture, matrix, at_zero + 6 * minute) for minute in range(60)])
        stands_off = np.abs(colours - np.median(colours, axis=0)).max(axis=1)
        ranks.append(int((stands_off > stands_off[0]).sum()))
    assert np.mean(np.array(ranks) < 4) > 0.7  # of 60 directions, few stand off more: the hour hand, a shadow, a name


def test_marks_of_an_oval_face_stand_where_hands_point() -> None:
    for seed in range(2000):
        maker = FaceMaker(seed)
        if maker.shape == "oval":
            break
    assert maker.aspect != 1
    for degrees in range(0, 360, 7):
        x, y = maker.place(80.0, degrees)
        assert math.degrees(math.atan2(x, -y)) % 360 == pytest.approx(degrees)
        assert math.hypot(x, y / maker.aspect) == pytest.approx(80.0)  # on the plate's own ellipse


# ---- the command


def synth(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["synth", "clocks", *arguments], catch_exceptions=False)


def test_the_index_says_what_the_pictures_show(tmp_path: Path) -> None:
    assert synth(str(tmp_path / "out"), "--n", "70", "--seed", "4", "--size", "24").exit_code == 0
    with (tmp_path / "out" / "labels.csv").open(newline="") as stream:
        index = list(csv.DictReader(stream))
    assert len(index) == 70
    source = ClockSource(size_px=24, empty=0.0)
    batches = [source.batch(4, step, 64) for step in (0, 1)]
    for number, row in enumerate(index):
        batch, at = batches[number // 64], number % 64
        with Image.open(tmp_path / "out" / row["file"]) as image:
            assert (np.asarray(image) == batch.pictures[at]).all()
        assert float(row["seconds"]) == pytest.approx(float(batch.seconds[at]), abs=0.06)
        assert float(row["hour_degrees"]) == pytest.approx(float(batch.hour[at]), abs=0.01)
        assert float(row["minute_degrees"]) == pytest.approx(float(batch.minute[at]), abs=0.01)
        assert float(row["twelve_degrees"]) == pytest.approx(float(batch.twelve[at]), abs=0.01)
        minutes = parse_time(row["label"])
        assert format_time(minutes) == row["label"]
        assert minutes_apart(minutes, float(row["seconds"]) / 60 % 720) < 1
    assert len(list((tmp_path / "out" / "images").iterdir())) == 70
    assert not list((tmp_path / "out").glob("*.tmp"))


@pytest.mark.parametrize(
    ("name", "written"), [("sheet.png", "sheet.png"), ("sheet.jpg", "sheet.jpg"), ("new/sheet", "new/sheet.png")]
)
def test_sheet(tmp_path: Path, name: str, written: str) -> None:
    assert synth(str(tmp_path / name), "--n", "5", "--size", "32", "--sheet").exit_code == 0
    with Image.open(tmp_path / written) as image:
        sheet = np.asarray(image)
    assert sheet.shape == (2 * (32 + 14), 3 * 32, 3)  # three columns, two rows, the time below each
    if written.endswith(".png"):
        first = ClockSource(size_px=32, empty=0.0).batch(1, 0, 1).pictures[0]
        assert (sheet[:32, :32] == first).all()


def test_a_sheet_is_drawn_over_a_sheet_and_nothing_else(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30)).save(photo)
    before = photo.read_bytes()
    refused = synth(str(photo), "--n", "2", "--size", "24", "--sheet")
    assert refused.exit_code == 2
    assert "photo.png is there already, and facevalue did not draw it" in refused.stderr
    assert photo.read_bytes() == before
    for _ in range(2):
        assert synth(str(tmp_path / "sheet.png"), "--n", "2", "--size", "24", "--sheet").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png", "sheet.png"]


def under_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "out"


@pytest.mark.parametrize(
    ("place", "options", "expected"),
    [
        pytest.param(under_a_file, [], "can't write ", id="a folder below a file"),
        pytest.param(under_a_file, ["--sheet"], "can't write ", id="a sheet below a file"),
        pytest.param(lambda folder: folder / "sheet.xyz", ["--sheet"], ".png or .jpg", id="no such format"),
        pytest.param(lambda folder: folder / "sheet.psd", ["--sheet"], ".png or .jpg", id="one that is only read"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    tmp_path: Path, place: Callable[[Path], Path], options: list[str], expected: str
) -> None:
    result = synth(str(place(tmp_path)), "--n", "1", "--size", "24", *options)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert expected in result.stderr


FAKE_SKIA = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "skia":
            raise {error}
sys.meta_path.insert(0, Absent())
from facevalue.cli import main
main(["synth", "clocks", sys.argv[1]], prog_name="facevalue")
"""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            "ImportError('libEGL.so.1: cannot open shared object file: No such file or directory')",
            ["libEGL.so.1", "apt-get install libgl1 libegl1 fontconfig"],
            id="skia without the system's libraries names Debian's packages",
        ),
        pytest.param(
            "ModuleNotFoundError(\"No module named 'skia'\", name='skia')",
            ["pip install 'facevalue[train]'"],
            id="no skia names the extra",
        ),
    ],
)
def test_absent_skia_is_one_line(tmp_path: Path, error: str, expected: list[str]) -> None:
    command = [sys.executable, "-c", FAKE_SKIA.format(error=error), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    for text in expected:
        assert text in done.stderr
    assert not (tmp_path / "out").exists()


def test_pictures_are_never_written_over_others(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2, seed=1, sheet=False, size_px=24)
    before = (tmp_path / "labels.csv").read_text()
    with pytest.raises(FaceValueError, match=r"holds a labels\.csv already"):
        write_pictures(tmp_path, 1, seed=2, sheet=False, size_px=24)
    assert (tmp_path / "labels.csv").read_text() == before
