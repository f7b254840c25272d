"""Dials: what a scale makes of directions, the codec's way there and back, drawn pictures and what is read there."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from facevalue import look_dial
from facevalue.calibration import FEATURES_OF, Calibration
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.codecs.dial import BINS, DialBelief, Eccentricity, Placed, Scale
from facevalue.codecs.needles import log_softmax, soft_circle
from facevalue.codecs.pose import pose_matrix
from facevalue.errors import ModelError, PictureError, SettingError
from facevalue.judging import kind_of
from facevalue.labels import Labelled
from facevalue.reader import Reader
from facevalue.reading import Reading, draw_overlay
from facevalue.sources import dial_faces
from facevalue.sources.dials import DialBatch, DialSource
from facevalue.sources.paint import Colour, fill, skia

CODEC = make_codec("dial/needle")
SIZE_PX = 32


def circle(degrees: float, sigma: float = 2.5) -> NDArray[np.float32]:
    return log_softmax(np.log(np.maximum(soft_circle(np.array([degrees]), BINS, sigma), 1e-30)))[0]


STRAIGHT = (0.0, 0.0, 0.9, 0.0, 0.9, 0.0, 0.0)


def belief(
    needle: float,
    start: float = 225.0,
    end: float = 135.0,
    full: float = 0.0,
    clockwise: float = 1.0,
    pose: Sequence[float] = STRAIGHT,
) -> DialBelief:
    places = np.array(pose, np.float32)
    return DialBelief(circle(needle), circle(start), circle(end), full, clockwise, 1.0, places)


# ---- scales


@pytest.mark.parametrize(
    ("sweep", "clockwise", "degrees", "value"),
    [
        ((225, 495), None, 0.0, 5.0),
        ((-135, 135), None, 0.0, 5.0),
        ((225, 495), None, 225.0, 0.0),
        ((225, 495), None, 135.0, 10.0),
        ((225, 495), None, 150.0, 10.0),  # on its stop, beyond the high end
        ((225, 495), None, 200.0, 0.0),  # before the low end
        ((0, 360), None, 36.0, 1.0),
        ((0, 360), False, 36.0, 9.0),  # a sub-dial that turns the other way: 10 less the label of a clockwise one
        ((0, 360), True, 359.0, 10 * 359 / 360),
        ((360, 0), None, 36.0, 9.0),
        ((135, -135), None, 0.0, 5.0),
        ((135, -135), None, 90.0, 10 / 6),
        ((-45, 45), False, 45.0, 0.0),  # its low end is the right one when values rise the other way
        ((90, 270), None, 180.0, 5.0),
    ],
)
def test_a_given_sweep_says_what_directions_mean(
    sweep: tuple[float, float], clockwise: bool | None, degrees: float, value: float
) -> None:
    placed = belief(degrees).place(Scale(0, 10, sweep, clockwise))
    assert float(placed.value(degrees)) == pytest.approx(value, abs=1e-9)


@given(
    st.floats(-1000, 1000),
    st.floats(0.1, 1000),
    st.floats(0, 360),
    st.floats(60, 330),
    st.sampled_from((-1, 1)),
    st.floats(0.01, 0.99),
)
def test_a_value_points_where_it_is_read(
    low: float, span: float, start: float, length: float, way: int, share: float
) -> None:
    placed = Placed(low, low + span, start, way * length)
    value = low + share * span
    assert float(placed.value(placed.degrees(value))) == pytest.approx(value, abs=1e-6 * max(abs(low), span))


def test_unseen_ends_are_taken_from_the_picture() -> None:
    placed = belief(0.0, start=230.0, end=130.0).place(Scale(0, 16))
    assert placed.start == pytest.approx(230, abs=0.1)
    assert placed.sweep == pytest.approx(260, abs=0.2)
    assert float(placed.value(0.0)) == pytest.approx(8, abs=0.05)


def test_two_ends_that_are_surely_seen_are_no_full_turn() -> None:
    """A scale of 330 degrees that is taken for a full turn, and one whose ends are not seen."""
    placed = belief(0.0, start=195.0, end=165.0, full=0.8).place(Scale())
    assert (placed.start, placed.sweep) == (pytest.approx(195, abs=0.5), pytest.approx(330, abs=1))
    vague = dataclasses.replace(belief(0.0, full=0.8), start=np.full(BINS, -math.log(BINS), np.float32))
    assert abs(vague.place(Scale()).sweep) == 360
    assert belief(0.0, start=2.0, end=358.0, full=0.8).place(Scale()).full


def test_a_full_turn_is_read_from_its_zero_in_the_way_that_is_seen_or_told() -> None:
    seen = belief(36.0, start=0.0, end=0.0, full=1.0, clockwise=0.0)
    assert float(seen.place(Scale()).value(36.0)) == pytest.approx(9, abs=0.05)
    assert float(seen.place(Scale(clockwise=True)).value(36.0)) == pytest.approx(1, abs=0.05)
    assert seen.place(Scale()).full
    assert not belief(36.0).place(Scale()).full


@pytest.mark.parametrize(
    ("low", "high", "value", "text"),
    [
        (0, 10, 7.34, "7.3"),
        (0, 1, 0.734, "0.73"),
        (0, 160, 117.4, "117"),
        (0, 16, 11.74, "11.7"),
        (0, 4, 1.234, "1.23"),
        (-1, 1.5, -0.004, "0.00"),
        (10, 0, 7.34, "7.3"),
        (0, 1000, 404, "404"),
    ],
)
def test_a_value_has_as_many_decimals_as_tell_a_hundredth_of_its_range(
    low: float, high: float, value: float, text: str
) -> None:
    assert Scale(low, high).text(value) == text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"low": 3, "high": 3}, "two different numbers"),
        ({"low": 0, "high": math.inf}, "two different numbers"),
        ({"sweep": (10, 10)}, "two different directions"),
        ({"sweep": (0, 361)}, "at most a full turn"),
        ({"sweep": (0, math.nan)}, "two different directions"),
    ],
)
def test_an_impossible_scale_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Scale(**fields)


def test_how_far_two_values_are_apart() -> None:
    assert Placed(0, 10, 0, 360).share_apart(9.9, 0.1) == pytest.approx(0.02)
    assert Placed(0, 10, 225, 270).share_apart(9.9, 0.1) == pytest.approx(0.98)
    assert Placed(0, 10, 0, -360).share_apart(0.0, 10.0) == pytest.approx(0.0)


# ---- the codec


@given(st.floats(0, 359.99), st.floats(0, 359.99), st.floats(0, 359.99), st.booleans(), st.booleans())
def test_labels_survive_encode_and_decode(needle: float, start: float, end: float, full: bool, clockwise: bool) -> None:
    labels = {
        name: np.array([value], np.float32)
        for name, value in (
            ("needle", needle),
            ("start", start),
            ("end", end),
            ("full", full),
            ("clockwise", clockwise),
        )
    }
    labels["pose"] = np.array([[0.1, -0.05, 0.8, 0.05, 0.7, 0.02, -0.04]], np.float32)
    outputs = {}
    for head in CODEC.heads:
        target = CODEC.encode(labels)[head.name]
        assert target.weight.tolist() == [1.0]
        if head.kind == "classes":
            outputs[head.name] = np.where(np.arange(2) == target.values[:, None], 8.0, -8.0).astype(np.float32)
        elif head.kind == "vector":
            outputs[head.name] = target.values
        else:
            outputs[head.name] = np.log(np.maximum(target.values, 1e-30)).astype(np.float32)
    (read,) = CODEC.decode(outputs)
    assert abs((read.degrees() - needle + 180) % 360 - 180) < 0.2
    for name, true in (("start", start), ("end", end)):
        placed = DialBelief(getattr(read, name), read.start, read.end, 0, 1, 1, read.pose)
        assert abs((placed.degrees() - true + 180) % 360 - 180) < 0.2
    assert (read.full > 0.5, read.clockwise > 0.5, read.dial > 0.5) == (full, clockwise, True)
    np.testing.assert_allclose(read.pose, labels["pose"][0])


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(-8, 8), st.floats(0, 360, exclude_max=True), st.floats(0, 360))
def test_an_eccentricity_is_taken_away(shift: float, sine: float, cosine: float, true: float, start: float) -> None:
    """A needle that is seen where its eccentricity puts it is read where it stands, about as surely."""
    by = Eccentricity(shift, sine, cosine)
    assert Eccentricity.from_json(by.to_json()) == by
    for damaged in ("[]", '"x"', "{", '{"shift": null}', '{"tilt": 1.0}'):
        with pytest.raises((ValueError, TypeError)):
            Eccentricity.from_json(damaged)
    seen = belief(float(true + by.degrees(true - start)) % 360)
    right = seen.corrected(by, start)
    assert abs((right.degrees() - true + 180) % 360 - 180) < 0.5
    assert right.mass_near(true, 7.2) == pytest.approx(seen.mass_near(seen.degrees(), 7.2), abs=0.05)
    assert np.exp(right.needle).sum() == pytest.approx(1, abs=1e-4)


def test_an_eccentricity_counts_from_the_low_end() -> None:
    by = Eccentricity(1.0, 3.0, 0.0)
    assert float(by.degrees(90)) == pytest.approx(4)
    assert float(by.degrees(270)) == pytest.approx(-2)
    assert belief(94.0).corrected(by, 0.0).degrees() == pytest.approx(90, abs=0.2)
    assert belief(181.0).corrected(by, 180.0).degrees() == pytest.approx(180, abs=0.2)


def test_without_a_needle_nothing_is_read_with_confidence() -> None:
    labels = DialBatch.empty(1, SIZE_PX).labels()
    targets = CODEC.encode(labels)
    np.testing.assert_allclose(targets["needle"].values, 1 / BINS)
    assert targets["dial"].values.tolist() == [0]
    for name in ("start", "end", "full", "clockwise", "pose"):
        assert targets[name].weight.tolist() == [0.0], name


def test_mass_counts_cut_bins_by_their_part() -> None:
    flat = DialBelief(*([np.full(BINS, -math.log(BINS), np.float32)] * 3), 0, 1, 1, np.zeros(7, np.float32))
    assert flat.mass_near(10.0, 36.0) == pytest.approx(72 / 360, abs=1e-3)
    assert belief(100.0).mass_near(100.0, 10.0) > 0.99


# ---- drawn dials


@pytest.fixture(scope="module")
def many() -> DialBatch:
    """Some hundred small dials, a tenth of the pictures without one."""
    return DialSource(size_px=SIZE_PX, empty=0.1).batch(5, 0, 600)


def test_same_seed_and_step_same_pixels_and_labels() -> None:
    one, other = (DialSource(size_px=SIZE_PX).batch(3, 7, 20) for _ in range(2))
    assert (one.pictures == other.pictures).all()
    for name, values in one.labels().items():
        np.testing.assert_array_equal(values, other.labels()[name], err_msg=name)
    third = DialSource(size_px=SIZE_PX).batch(3, 8, 20)
    assert not (one.pictures == third.pictures).all(axis=(1, 2, 3)).any()


def test_a_shorter_batch_is_the_start_of_a_longer_one() -> None:
    short, long = (DialSource(size_px=SIZE_PX).batch(3, 7, count) for count in (7, 15))
    assert (short.pictures == long.pictures[:7]).all()
    np.testing.assert_array_equal(short.needle, long.needle[:7])


def test_labels_are_in_their_ranges_and_go_together(many: DialBatch) -> None:
    shown = ~np.isnan(many.needle)
    assert 0.82 < shown.mean() < 0.97
    for name in ("needle", "start", "end"):
        values = getattr(many, name)[shown]
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known < 360)).all(), name
    assert np.isnan(many.pose[~shown]).all() and not np.isnan(many.pose[shown]).any()
    assert 0.3 < np.nanmean(many.full) < 0.7
    assert 0.6 < np.nanmean(many.clockwise) < 0.97
    for i in np.flatnonzero(shown & ~np.isnan(many.start) & ~np.isnan(many.clockwise)).tolist():
        way = 1 if many.clockwise[i] else -1
        sweep = 360.0 if many.full[i] else (float(many.end[i] - many.start[i]) * way) % 360
        placed = Placed(0, 1, float(many.start[i]), way * sweep)
        apart = placed.share_apart(float(placed.value(float(many.needle[i]))), float(many.fraction[i]))
        assert apart < 1e-4, i


def plain_face(ground: Colour) -> dial_faces.Face:
    surface, canvas = dial_faces.draw_on_canvas(SIZE_PX)
    canvas.drawPaint(fill(ground))
    return dial_faces.Face(dial_faces.finished(surface), ground, (0, 0, 0), 1.0, 225.0, 270.0, True, True)


def plain_needle(colour: Colour) -> dial_faces.Needle:
    recorder = skia.PictureRecorder()
    recorder.beginRecording(skia.Rect.MakeLTRB(-100, -100, 100, 100)).drawRect(
        skia.Rect.MakeLTRB(-10, -90, 10, 20), fill(colour)
    )
    return dial_faces.Needle(recorder.finishRecordingAsPicture(), None, (0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("needle", "ground", "least", "most"),
    [
        ((0, 0, 0), (1, 1, 1), 0.95, 1.0),
        ((0.2, 0.5, 0.3), (0.2, 0.5, 0.3), 0.0, 0.01),
        ((1, 0, 0), (0.6, 0, 0), 0.35, 0.45),
    ],
    ids=["black on white", "in its ground's own colour", "red on dark red"],
)
def test_how_far_a_needle_is_from_its_face(needle: Colour, ground: Colour, least: float, most: float) -> None:
    assert least <= dial_faces.contrast_of(plain_needle(needle), plain_face(ground)) <= most


def test_a_needle_that_nobody_could_see_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [plain_needle((0.9, 0.9, 0.9)), plain_needle((0, 0, 0)), plain_needle((0, 0, 1))]
    monkeypatch.setattr(dial_faces, "gauge_needle", lambda rnd, face: drawn.pop(0))
    needle = dial_faces.make_needle(Random(1), plain_face((0.92, 0.92, 0.92)), meter=False)
    assert len(drawn) == 1, "the second one is taken"
    assert dial_faces.contrast_of(needle, plain_face((0.92, 0.92, 0.92))) > 0.8


def test_a_perfect_reading_scores_perfectly_and_a_bad_one_does_not(many: DialBatch) -> None:
    def read(i: int, off: float) -> DialBelief:
        values = (many.needle[i] + off, many.start[i], many.end[i], many.full[i])
        needle, start, end, full = (0.0 if math.isnan(v) else float(v) for v in values)
        return belief(needle, start, end, full, 1.0)

    good = many.scores([read(i, 0.0) for i in range(600)])
    assert good["within_0.1"] == 1.0
    assert good["degrees"] < 0.1
    assert good["range_error"] < 0.1
    bad = many.scores([read(i, 20.0) for i in range(600)])
    assert bad["within_0.2"] == 0.0
    assert bad["degrees"] == pytest.approx(20, abs=0.1)
    assert bad["range_error"] > 4
    assert "off 20.0" in many.describe(bad)
    assert many.describe(bad | {"range_error": math.nan}).count(";") == 1, "without gauges nothing is said of them"


def test_the_index_says_what_the_pictures_show(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["synth", "dials", str(tmp_path / "out"), "--n", "8", "--size", "40"])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "out/labels.csv").read_text().splitlines()))
    assert len(rows) == 8
    for row in rows:
        with Image.open(tmp_path / "out" / row["file"]) as picture:
            assert picture.size == (40, 40)
        assert 0 <= float(row["label"]) <= 100
        assert row["clockwise"] in ("0", "1")
        assert row["start_degrees"] and row["end_degrees"]


def test_the_index_holds_no_dial_whose_value_nobody_can_tell(tmp_path: Path) -> None:
    """The scale's ends and the way in which values rise must be seen."""
    out = tmp_path / "out"
    assert CliRunner().invoke(main, ["synth", "dials", str(out), "--n", "300", "--size", "24"]).exit_code == 0
    batches = [DialSource(size_px=24, empty=0.0).batch(1, step, 64) for step in range(8)]
    told = np.concatenate([one.told() for one in batches])
    hidden = np.concatenate([np.isnan(one.start) | np.isnan(one.clockwise) for one in batches])
    assert (told == ~hidden).all()
    assert hidden.sum() > 10
    rows = list(csv.DictReader((out / "labels.csv").read_text().splitlines()))
    fractions = np.concatenate([one.fraction for one in batches])[told][:300]
    assert [row["label"] for row in rows] == [f"{100 * fraction:.2f}" for fraction in fractions]
    assert all(row["clockwise"] and row["start_degrees"] and row["end_degrees"] for row in rows)


# ---- looking and reading, with a network that says what it is told


class Stub:
    """A weight whose network sees a given belief in any picture, and notes what it was shown."""

    name, kind, frame_px = "stub", "dial", (SIZE_PX, SIZE_PX)
    calibration = Calibration((1.0, 0, 0, 0, 0, 0), 0.5, FEATURES_OF["dial"])
    eccentricity = None

    def __init__(self, *seen: DialBelief) -> None:
        self.seen = list(seen)
        self.pictures: list[NDArray[np.uint8]] = []
        self.codec = SimpleNamespace(decode=lambda outputs: [self.seen[min(len(self.pictures), len(self.seen)) - 1]])

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, Any]:
        self.pictures.append(pictures[0])
        return {}


def read_with(stub: Stub, scale: Scale | None = None) -> Reading:
    picture = np.full((60, 80, 3), 200, np.uint8)
    look, reduced = look_dial.look_at(stub, picture, scale)  # type: ignore[arg-type]
    return look_dial.make_reading(stub, look, reduced, began=0.0)  # type: ignore[arg-type]


def test_two_looks_are_joined_into_one_value() -> None:
    reading = read_with(Stub(belief(0.0)), Scale(0, 16))
    assert (reading.value, reading.kind) == ("8.0", "dial")
    assert reading.number == pytest.approx(8, abs=0.01)
    assert not reading.uncertain
    record = reading.to_dict("gauge.jpg")
    assert record["scale"] == {"low": 0, "high": 16, "start": 225.0, "sweep": 270.0}
    json.dumps(record)
    assert set(reading.marks) == {"dial", "scale", "needle"}
    (x0, y0), (x1, y1) = reading.marks["needle"]
    assert x1 == pytest.approx(x0, abs=1) and y1 < y0 - 10
    assert draw_overlay(np.full((60, 80, 3), 200, np.uint8), reading).shape[2] == 3


FAR, OBLIQUE = (0.5, -0.4, 0.3, 0.05, 0.25, 0.0, 0.0), (0.1, 0.0, 0.8, 0.1, 0.6, 0.1, 0.0)


@pytest.mark.parametrize(
    ("poses", "is_enough"),
    [
        pytest.param([STRAIGHT], True, id="as large as the picture"),
        pytest.param([OBLIQUE, STRAIGHT], False, id="large enough, and straightened"),
        pytest.param([FAR, STRAIGHT], True, id="what is seen from nearer is enough"),
        pytest.param([FAR, OBLIQUE, STRAIGHT], False, id="large enough from nearer, and straightened"),
        pytest.param([FAR, FAR, STRAIGHT], True, id="small once more"),
        pytest.param([FAR, FAR, FAR, STRAIGHT], False, id="small again and again: read all the same"),
    ],
)
def test_a_small_dial_is_gone_nearer_to(poses: list[Sequence[float]], is_enough: bool) -> None:
    """Each frame is drawn round the dial as the look before it placed it, and the marks lie on the dial in the end."""
    stub: Any = Stub(*(belief(0.0, pose=pose) for pose in poses))
    seen = look_dial.look(stub, np.full((60, 80, 3), 200, np.uint8))
    assert len(stub.pictures) == len(poses)
    assert (seen.first is seen.second) == is_enough
    frame = np.array([[40.0, 0, 40], [0, 40, 30], [0, 0, 1]])
    for pose in poses[:-1]:
        frame = frame @ pose_matrix(np.array(pose), 0.0) @ np.diag([1 / look_dial.FILL, 1 / look_dial.FILL, 1])
    np.testing.assert_allclose(seen.frame / seen.frame[2, 2], frame / frame[2, 2], atol=1e-5)
    tip = frame @ pose_matrix(np.array(STRAIGHT), 0.0) @ (0.0, -0.8, 1.0)  # of the needle, straight up in its dial
    marks = look_dial.make_reading(stub, seen, (2.0, 3.0), began=0.0).marks
    assert marks["needle"][1] == pytest.approx(tip[:2] / tip[2] * (2, 3) - 0.5, abs=1e-3)


def test_the_shipped_weight_reads_a_gauge_that_fills_half_the_picture() -> None:
    with Image.open(Path(__file__).parent.parent / "docs" / "gauge.jpg") as photo:
        gauge = photo.resize((240, 240))
    reader = Reader("dial", scale=Scale(0, 16, (221, 491)))
    for place in ((0, 0), (220, 110), (100, 200)):
        wall = Image.new("RGB", (640, 480), (150, 140, 130))
        wall.paste(gauge, place)
        reading = reader.read(wall)
        assert (reading.number, reading.uncertain) == (pytest.approx(8.6, abs=0.16), False), place
        assert np.mean(reading.marks["dial"], axis=0) == pytest.approx(np.array(place) + 119.5, abs=12)


def test_a_needle_just_before_the_zero_of_a_full_turn_shows_the_zero() -> None:
    assert read_with(Stub(belief(359.5)), Scale(sweep=(0, 360))).value == "0.0"
    assert read_with(Stub(belief(350.0)), Scale(sweep=(0, 360))).value == "9.7"


@pytest.mark.parametrize(
    ("needle", "beyond"),
    [(90.0, 0.0), (225.0, 0.0), (135.0, 0.0), (147.0, 12.0), (210.0, 15.0), (180.0, 45.0)],
    ids=["on it", "low end", "high end", "on its stop", "before the low end", "in the middle of the gap"],
)
@pytest.mark.parametrize("clockwise", [True, False])
def test_a_needle_off_its_scale_is_no_value_of_it(needle: float, beyond: float, clockwise: bool) -> None:
    placed = Placed(0, 10, 225.0, 270.0) if clockwise else Placed(0, 10, 135.0, -270.0)
    assert placed.degrees_beyond(needle) == pytest.approx(beyond)
    reading = read_with(Stub(belief(needle)), Scale(sweep=(225, 495), clockwise=clockwise))
    assert (reading.confidence == 0.0) == (beyond > look_dial.OFF_DEGREES)
    if beyond > look_dial.OFF_DEGREES:
        assert reading.uncertain


def test_looks_that_do_not_agree_are_not_sure() -> None:
    reading = read_with(Stub(belief(0.0), belief(180.0)))
    assert reading.confidence < 0.9
    blind = DialBelief(*([np.full(BINS, -math.log(BINS), np.float32)] * 3), 0.5, 0.5, 0, np.zeros(7, np.float32))
    reading = read_with(Stub(blind))
    assert reading.uncertain
    assert reading.confidence < 0.1
    assert len(reading.alternatives) == 9


def test_no_value_is_told_twice() -> None:
    """Below a scale all directions show one of its ends: one alternative, with what all of them have."""
    flat = np.full(BINS, -math.log(BINS), np.float32)
    below = np.where(np.abs(np.arange(BINS) * 3 - 180) < 45, 0.0, -9.0).astype(np.float32)
    needle = below - np.log(np.exp(below).sum())
    blind = DialBelief(needle, flat, flat, 0.5, 0.5, 0.0, np.zeros(7, np.float32))
    reading = read_with(Stub(blind), Scale(sweep=(225, 495)))
    told = [other.value for other in reading.alternatives]
    assert len(set(told)) == len(told) and reading.value not in told
    assert reading.value in ("0.0", "10.0") and {"0.0", "10.0"} <= {reading.value, *told}


# ---- measuring


def judged(number: float, truth: str, sweep: float = 360.0, uncertain: bool = False) -> Any:
    kind = kind_of("dial")
    placed = Placed(0, 10, 0, sweep)
    reading = Reading("dial", f"{number:.1f}", number, 0.9, uncertain, scale=placed)
    return kind.judge(Labelled("a.png", Path("a.png"), truth, kind.parse_label(truth), "", 2), reading)


def test_a_dial_is_right_within_a_hundredth_of_its_range() -> None:
    assert judged(9.95, "0.0").right
    assert not judged(9.85, "0.0").right
    assert not judged(9.95, "0.0", sweep=270).right
    assert judged(4.1, "4.0").right
    scores = kind_of("dial").scores([judged(4.1, "4.0"), judged(4.15, "4"), judged(4.6, "4,0"), judged(1, "NaN")])
    assert scores["count"] == 3
    assert (scores["within_1"], scores["within_2"], scores["within_5"]) == pytest.approx((1 / 3, 2 / 3, 2 / 3))
    assert scores["mean"] == pytest.approx((1 + 1.5 + 6) / 3)
    assert scores["without_dial"] == {"count": 1, "answered": 1, "share": 1.0}


def test_what_is_unreadable_counts_as_a_whole_range_off() -> None:
    kind = kind_of("dial")
    broken = kind.judge(judged(1, "1").row, PictureError("it is empty"))
    scores = kind.scores([judged(4.1, "4.0"), broken])
    assert (scores["count"], scores["unreadable"], scores["within_5"]) == (2, 1, 0.5)
    assert (scores["mean"], scores["median"]) == pytest.approx((50.5, 50.5))
    without = kind.judge(judged(1, "NaN").row, PictureError("it is empty"))
    assert (broken.off, without.off) == (100.0, 0.0)  # of one without a dial nothing was missed


def test_a_picture_without_a_dial_is_never_right_in_a_curve() -> None:
    rows = [judged(4.0, "4.0"), judged(1, "NaN"), judged(1, "NaN", uncertain=True)]
    assert [curve.right for curve in kind_of("dial").curves(rows)] == [[True, False, False]] * 2


@pytest.mark.parametrize("label", ["", "abc", "inf", "1:30", "0x10"])
def test_a_label_that_is_no_number_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="no value of a dial"):
        kind_of("dial").parse_label(label)


def test_a_reading_of_another_kind_is_no_dial() -> None:
    with pytest.raises(ModelError, match="give a model of dials"):
        kind_of("dial").is_right(Reading("clock", "5:59", 359.0, 0.9, False), 3.0)


# ---- the command's options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "clock", "--range", "0:10"], "a scale is for dials"),
        (["--kind", "dial", "--range", "0-10"], "range '0-10': expected two numbers with a colon"),
        (["--kind", "dial", "--sweep", "9"], "sweep '9': expected two numbers with a colon"),
        (["--kind", "dial", "--range", "5:5"], "two different numbers"),
        (["--kind", "dial", "--sweep", "0:400"], "at most a full turn"),
        (["--kind", "dial", "--sweep", "0:nan"], "a sweep from 0 to nan degrees"),
        (["--kind", "dial", "--sweep", "-inf:inf"], "a sweep from -inf to inf degrees"),
        (["--kind", "dial", "--sweep", "312.5:42.5"], "write 312.5:402.5;"),
        (["--kind", "dial", "--direction", "left"], "is not one of"),
    ],
)
def test_bad_scales_are_one_line_and_exit_code_2(options: list[str], said: str, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    result = CliRunner().invoke(main, ["read", *options, str(tmp_path / "a.png")])
    assert result.exit_code == 2
    assert said in result.output


def test_a_clock_reader_takes_no_scale() -> None:
    with pytest.raises(SettingError, match="a scale is for dials"):
        Reader("clock", scale=Scale())


# ---- the shipped weight, through the real commands

GAUGE = Path(__file__).parent.parent / "docs" / "gauge.jpg"


def test_the_drawn_gauge_is_read_on_its_scale() -> None:
    result = CliRunner().invoke(main, ["read", "--kind", "dial", "--range", "0:16", "--json", str(GAUGE)])
    assert result.exit_code == 0, result.output
    record = json.loads(result.output)
    drawn = DialSource(size_px=400, meters=0.0, empty=0.0, careful=1.0).batch(20, 116, 1)
    assert record["number"] == pytest.approx(16 * float(drawn.fraction[0]), abs=0.16)
    assert record["scale"]["start"] == pytest.approx(float(drawn.start[0]), abs=3)
    assert record["scale"]["sweep"] == pytest.approx(270, abs=4)


def test_it_is_surer_where_the_sweep_is_told() -> None:
    seen, told = (
        json.loads(
            CliRunner().invoke(main, ["read", "--kind", "dial", "--range", "0:16", "--json", *more, str(GAUGE)]).output
        )
        for more in ([], ["--sweep", "221:491"])
    )
    assert not told["uncertain"]
    assert told["confidence"] > seen["confidence"]
    assert told["number"] == pytest.approx(seen["number"], abs=0.3)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_true_value_is_starred_and_the_error_told(as_json: bool) -> None:
    drawn = DialSource(size_px=400, meters=0.0, empty=0.0, careful=1.0).batch(20, 116, 1)
    truth = 16 * float(drawn.fraction[0])
    command = ["read", "--kind", "dial", "--range", "0:16", str(GAUGE), *["--json"] * as_json]
    right = CliRunner().invoke(main, [*command, "--truth", f"{truth:.2f}"]).output
    wrong = CliRunner().invoke(main, [*command, "--truth", f"{truth - 16 / 3:.2f}"]).output
    if as_json:
        assert json.loads(right)["right"] is True
        assert json.loads(wrong)["right"] is False
        assert json.loads(wrong)["error_percent"] == pytest.approx(100 / 3, abs=1)
    else:
        assert right.splitlines()[1].endswith("*")
        assert not wrong.splitlines()[1].endswith("*")
        assert "error 33" in wrong or "error 34" in wrong or "error 32" in wrong


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_flat_picture_is_no_reading(shade: int) -> None:
    assert Reader("dial").read(np.full((90, 120, 3), shade, np.uint8)).uncertain


def test_turned_by_a_quarter_the_needle_follows() -> None:
    """The same gauge lying on its side reads the same, as its ends are seen where they are."""
    reader = Reader("dial", scale=Scale(0, 30))
    with Image.open(GAUGE) as file:
        upright, aside = reader.read(file), reader.read(file.rotate(-90))
    assert aside.number == pytest.approx(upright.number, abs=0.6)
    assert upright.scale is not None and aside.scale is not None
    assert (aside.scale.start - upright.scale.start) % 360 == pytest.approx(90, abs=4)


# ---- what is drawn says what can be seen


def test_a_needle_points_where_its_label_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it leans: the tip of those that are drawn shorter than others too."""
    tips: list[tuple[float, float]] = []

    def note(canvas: skia.Canvas, rnd: Random, colour: Colour, length: float) -> None:
        tip = canvas.getTotalMatrix().mapXY(0, -length)
        tips.append((tip.x() / length, tip.y() / length))

    for family in ("arm", "dart", "blob", "stick"):
        monkeypatch.setattr(dial_faces, f"draw_{family}", note)
    face = dial_faces.meter_face(Random(1), 80)
    for seed in range(300):
        dial_faces.meter_needle(Random(seed), face)
    assert len(tips) > 100
    np.testing.assert_allclose(tips, np.tile([0.0, -1.0], (len(tips), 1)), atol=1e-5)


def direction(canvas: skia.Canvas, x: float, y: float) -> float:
    """Of a point of the drawing, as it is seen from the pivot: degrees clockwise from up."""
    matrix = canvas.getTotalMatrix()
    point, pivot = matrix.mapXY(x, y), matrix.mapXY(0, 0)
    return math.degrees(math.atan2(point.x() - pivot.x(), pivot.y() - point.y()))


def degrees_apart(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


class NotedLines:
    """A canvas that notes the directions of the outer ends of its lines."""

    def __init__(self, canvas: skia.Canvas, noted: list[float]) -> None:
        self.canvas, self.noted = canvas, noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self.canvas, name)

    def drawLine(self, *ends: Any) -> None:
        self.noted.append(direction(self.canvas, *ends[:2]))
        self.canvas.drawLine(*ends)


Note = tuple[float, float, float]  # a numeral's value and direction, and the size of its font


def note_numerals(monkeypatch: pytest.MonkeyPatch, draw: str) -> tuple[list[Note], list[tuple[Any, ...]]]:
    """The numerals that a function of ``dial_faces`` draws from now on, and the arguments that it is called with."""
    noted: list[Note] = []
    called: list[tuple[Any, ...]] = []
    draw_them, text_at = getattr(dial_faces, draw), dial_faces.text_at

    def note(canvas: skia.Canvas, text: str, at: tuple[float, float], font: Any, pen: Any) -> None:
        noted.append((float(text), direction(canvas, *at), font.getSize()))
        text_at(canvas, text, at, font, pen)

    def draw_noted(*arguments: Any) -> Any:
        called.append(arguments)
        with monkeypatch.context() as patch:
            patch.setattr(dial_faces, "text_at", note)
            return draw_them(*arguments)

    monkeypatch.setattr(dial_faces, draw, draw_noted)
    return noted, called


def test_ticks_and_numerals_of_a_gauge_stand_where_its_face_says(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[float] = []
    draw_ticks = dial_faces.draw_gauge_ticks
    monkeypatch.setattr(
        dial_faces, "draw_gauge_ticks", lambda canvas, *rest: draw_ticks(NotedLines(canvas, ticks), *rest)
    )
    numerals, called = note_numerals(monkeypatch, "draw_gauge_numerals")
    with_numerals = 0
    for seed in range(40):
        ticks.clear()
        numerals.clear()
        face = dial_faces.gauge_face(Random(seed), 40)
        for k, degrees in enumerate(ticks):
            assert degrees_apart(degrees, face.start + face.sweep * k / (len(ticks) - 1)) < 0.01, seed
        scale = [(value, degrees) for value, degrees, size in numerals if size == numerals[0][2]]  # the outer one
        values, majors = [value for value, _ in scale], called[-1][8]
        assert values == sorted(set(values)), seed
        assert not scale or any(
            all(degrees_apart(degrees, face.start + face.sweep * k / majors) < 0.01 for k, (_, degrees) in numbered)
            for numbered in (list(zip(range(0, 99, every), scale, strict=False)) for every in (1, 2))
        ), seed
        with_numerals += len(scale) > 2
    assert with_numerals > 30


def test_numerals_of_a_meter_stand_where_its_face_says(monkeypatch: pytest.MonkeyPatch) -> None:
    numerals, _ = note_numerals(monkeypatch, "draw_decade")
    ways = set()
    for seed in range(60):
        numerals.clear()
        face = dial_faces.meter_face(Random(seed), 40)
        for digit, degrees, _ in numerals:
            assert degrees_apart(degrees, face.start + face.sweep * digit / 10) < 0.01, seed
        ways.add((face.sweep > 0, len(numerals)))
    assert {(True, 10), (False, 10)} <= ways


def test_zero_and_five_alone_tell_no_way_round() -> None:
    canvas = skia.Surface(80, 80).getCanvas()
    black, white = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    told = {dial_faces.draw_decade(canvas, Random(seed), white, black, True, False, 80.0) for seed in range(100)}
    assert told == {0, 2, 5, 10}
    faces = [dial_faces.meter_face(Random(seed), 80) for seed in range(200)]
    assert any(face.shows_ends and not face.shows_way for face in faces)
    assert not any(face.shows_way and not face.shows_ends for face in faces)


def test_a_sweep_that_falls_is_asked_about_whatever_the_direction() -> None:
    for direction in (None, "clockwise"):
        with pytest.raises(SettingError, match="write 315:405;"):
            Scale.from_text("0:10", "315:45", direction)
    scale = Scale.from_text("0:10", "315:45", "counterclockwise")
    assert scale is not None and scale.sweep == (315, 45)


def test_unreadable_pictures_are_a_share_of_all() -> None:
    kind = kind_of("dial")
    lines = kind.accuracy_lines(
        {
            **dict.fromkeys(("within_1", "within_2", "within_5", "mean", "median"), 0.0),
            "count": 1, "unreadable": 2, "without_dial": {"count": 2},
        }
    )  # fmt: skip
    assert any("unreadable" in line and "66.7" in line for line in lines)
