"""Readers: one picture, one reading, however it is handed in; a weight that is none is refused in one line."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

import facevalue
from facevalue.calibration import Calibration
from facevalue.codecs import Floats
from facevalue.codecs.clock import HALF_MINUTES, ClockBelief, ClockNeedles, format_time
from facevalue.codecs.dial import Scale
from facevalue.errors import FaceValueError, ModelError, PictureError, SettingError
from facevalue.images import warp, whole_picture
from facevalue.look_clock import FILL, Look, look, make_reading
from facevalue.metrics import is_right
from facevalue.reader import Reader, find_weight
from facevalue.reading import Reading
from facevalue.sources.camera import Pose
from facevalue.sources.clocks import ClockSource


@pytest.fixture(scope="module")
def reader(tiny_weight: Path) -> Reader:
    return Reader("clock", tiny_weight)


@pytest.fixture(scope="module")
def clocks() -> NDArray[np.uint8]:
    """(8, 64, 64, 3): drawn clocks."""
    return ClockSource(size_px=64, empty=0.0).batch(21, 0, 8).pictures


def png(rgb: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    return stream.getvalue()


def without_time(reading: Reading | FaceValueError) -> Reading:
    assert isinstance(reading, Reading)
    return dataclasses.replace(reading, milliseconds=0.0)


# ---- one picture, one reading


def as_path(rgb: NDArray[np.uint8], folder: Path) -> Any:
    (folder / "clock.png").write_bytes(png(rgb))
    return folder / "clock.png"


@pytest.mark.parametrize(
    "hand_in",
    [
        pytest.param(as_path, id="path"),
        pytest.param(lambda rgb, folder: str(as_path(rgb, folder)), id="path as text"),
        pytest.param(lambda rgb, folder: png(rgb), id="bytes"),
        pytest.param(lambda rgb, folder: io.BytesIO(png(rgb)), id="stream"),
        pytest.param(lambda rgb, folder: Image.fromarray(rgb), id="PIL image"),
        pytest.param(lambda rgb, folder: np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]), id="opaque RGBA"),
        pytest.param(lambda rgb, folder: rgb.astype(np.uint16) * 257, id="16 bits"),
        pytest.param(lambda rgb, folder: rgb[:, ::-1][:, ::-1], id="a view with strides of its own"),
    ],
)
def test_the_same_picture_reads_the_same(
    hand_in: Callable[[NDArray[np.uint8], Path], Any], reader: Reader, clocks: NDArray[np.uint8], tmp_path: Path
) -> None:
    expected = reader.read(clocks[0])
    reading = reader.read(hand_in(clocks[0], tmp_path))
    assert without_time(reading) == without_time(expected)
    assert reading.value == format_time(reading.number)
    assert reading.model == "tiny-1"
    assert reading.milliseconds > 0


def test_other_pictures_read_otherwise(reader: Reader, clocks: NDArray[np.uint8]) -> None:
    readings = [reader.read(clock) for clock in clocks]
    assert len({reading.number for reading in readings}) > len(clocks) / 2
    for reading in readings:
        assert 0 <= reading.number < 720
        assert 0 <= reading.confidence <= 1
        shares = [reading.confidence, *(other.confidence for other in reading.alternatives)]
        assert sum(shares) <= 1 + 1e-6
        assert shares[1:] == sorted(shares[1:], reverse=True)
        assert reading.value not in {other.value for other in reading.alternatives}


def test_no_runner_up_is_likelier_than_the_reading(tiny_weight: Path) -> None:
    """Of a belief that is all but flat, nine candidates must not share all that the first leaves."""
    flat = np.zeros(HALF_MINUTES, np.float32)
    flat[100] = 0.1
    belief = ClockBelief(flat - np.log(np.exp(flat).sum()), 0 * flat, np.zeros(7, np.float32), 0.5, 0.0, 0.0)
    weight = Reader("clock", tiny_weight).weight
    reading = make_reading(weight, Look(belief, belief, belief, np.eye(3)), (1.0, 1.0), began=0.0)
    assert len(reading.alternatives) == 9
    assert reading.alternatives[0].confidence <= reading.confidence
    assert reading.confidence + sum(other.confidence for other in reading.alternatives) <= 1


def test_the_package_reads_with_a_weight_of_the_callers(
    tiny_weight: Path, reader: Reader, clocks: NDArray[np.uint8]
) -> None:
    assert without_time(facevalue.read(clocks[1], model=tiny_weight)) == without_time(reader.read(clocks[1]))


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (8, 8, "the smallest"),
        (9, 200, "a high strip"),
        (300, 10, "a wide one"),
        (700, 500, "larger than is needed"),
    ],
)
def test_any_shape_is_read(width: int, height: int, reason: str, reader: Reader) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert 0 <= reader.read(pixels).number < 720, reason


# ---- many pictures


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_read_many_keeps_the_order_and_returns_errors(
    workers: int | None, reader: Reader, clocks: NDArray[np.uint8], tmp_path: Path
) -> None:
    sources: list[Any] = [*clocks, tmp_path / "none.png", *clocks[::-1], b"no picture"]
    results = list(reader.read_many(iter(sources), on_error="return", workers=workers))
    assert len(results) == len(sources)
    for source, result in zip(sources, results, strict=True):
        if isinstance(source, np.ndarray):
            assert without_time(result) == without_time(reader.read(source))
        else:
            assert isinstance(result, PictureError)
    assert "none.png: no such file" in str(results[len(clocks)])


def test_read_many_raises_where_it_is_asked_to(reader: Reader, clocks: NDArray[np.uint8]) -> None:
    results = reader.read_many([clocks[0], b"no picture", clocks[1]])
    assert isinstance(next(results), Reading)
    with pytest.raises(PictureError, match="not a picture"):
        list(results)


def test_read_many_of_nothing(reader: Reader) -> None:
    assert list(reader.read_many([])) == []


class Endless:
    """A source that never ends, and counts how often it was asked for a picture."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self.picture, self.asked = picture, 0

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        while True:
            self.asked += 1
            yield self.picture


def test_read_many_asks_only_for_a_few_ahead(reader: Reader, clocks: NDArray[np.uint8]) -> None:
    source = Endless(clocks[0])
    results = reader.read_many(source, workers=2)
    assert isinstance(next(results), Reading)
    results.close()  # type: ignore[attr-defined]
    assert source.asked <= 6


def test_read_many_gives_readings_as_they_come(
    reader: Reader, clocks: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow endless source, such as a camera: each reading is there before the next picture is asked for."""

    class AtOnce(ThreadPoolExecutor):
        """A pool that is always faster than the source."""

        def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
            done: Future[Any] = Future()
            done.set_result(work(*arguments, **named))
            return done

    monkeypatch.setattr("facevalue.reader.ThreadPoolExecutor", AtOnce)
    source = Endless(clocks[0])
    results = reader.read_many(source, workers=4)
    for count in range(1, 4):
        assert isinstance(next(results), Reading)
        assert source.asked == count
    results.close()  # type: ignore[attr-defined]


def test_four_threads_read_as_one(reader: Reader, clocks: NDArray[np.uint8]) -> None:
    expected = [without_time(reader.read(clock)) for clock in clocks]
    order = np.random.default_rng(2).permutation(np.repeat(np.arange(len(clocks)), 8))
    with ThreadPoolExecutor(4) as pool:
        readings = list(pool.map(lambda index: reader.read(clocks[index]), order))
    for index, reading in zip(order, readings, strict=True):
        assert without_time(reading) == expected[index]


# ---- marks


def test_marks_move_and_grow_with_the_picture(reader: Reader, clocks: NDArray[np.uint8]) -> None:
    """A picture with every pixel doubled has its marks at twice the place, in its own pixels."""
    small = reader.read(clocks[2])
    large = reader.read(np.asarray(Image.fromarray(clocks[2]).resize((1024, 1024), Image.Resampling.NEAREST)))
    assert {"dial", "hour", "minute"} <= small.marks.keys()
    assert len(small.marks["hour"]) == len(small.marks["minute"]) == 2
    assert small.marks["hour"][0] == pytest.approx(small.marks["minute"][0])  # both from the pivot
    side = 64
    for name in ("dial", "hour"):
        points, scaled = np.array(small.marks[name]), np.array(large.marks[name])
        assert np.isfinite(points).all()
        assert ((points > -side) & (points < 2 * side)).all(), name
        # An untrained network sees the two a little differently; wrong units would be off by the factor of 16.
        assert np.abs((scaled + 0.5) / 16 - (points + 0.5)).max() < side / 4, name


def test_marks_are_in_pixels_of_a_picture_that_was_decoded_reduced(reader: Reader, clocks: NDArray[np.uint8]) -> None:
    """A large JPEG is decoded at a fraction of its size; its marks are in pixels of the whole."""
    large = Image.fromarray(clocks[3]).resize((1024, 1024), Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    large.save(stream, "JPEG", quality=95)
    reduced = np.array(reader.read(stream.getvalue()).marks["dial"])
    whole = np.array(reader.read(np.asarray(large)).marks["dial"])
    assert np.abs(reduced - whole).max() < 100
    assert whole.mean() > 200  # so that marks in pixels of the reduced picture would be farther off than that


class ToldWeight:
    """Stands in for a Weight that sees each time exactly what it is told: a pose, and 2:06:33 on a dial so posed."""

    kind, name, frame_px, calibration, codec = "clock", "told", (32, 32), Calibration(), ClockNeedles()
    minutes, second_degrees = 126.0, 201.0

    def __init__(self, *poses: Pose) -> None:
        self.poses = list(poses)

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        pose = self.poses.pop(0)
        turn = pose.rotation_degrees
        degrees = {"hour": self.minutes / 2, "minute": self.minutes * 6, "second": self.second_degrees, "twelve": 0.0}
        labels = {name: np.array([angle + turn]) for name, angle in degrees.items()}
        targets = self.codec.encode({**labels, "pose": np.array([pose.vector()])})
        outputs = {
            name: np.log(target.values + 1e-9) for name, target in targets.items() if name not in ("dial", "pose")
        }
        return {**outputs, "dial": np.array([[0, 9]], np.float32), "pose": targets["pose"].values}


class DoubtfulWeight(ToldWeight):
    """Sees a share of the minute hand a minute and a half later."""

    def __init__(self, *poses: Pose, spread: float) -> None:
        super().__init__(*poses)
        self.spread = spread

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        outputs = super().run(pictures)
        seen = np.exp(outputs["minute"])
        return {**outputs, "minute": np.log((1 - self.spread) * seen + self.spread * np.roll(seen, 3, axis=1))}


OBLIQUE = Pose((0.2, -0.1), (0.6, 0.1, 0.45), (0.05, -0.08), 0.0)
NEARLY_STRAIGHT = Pose((0.05, -0.03), (0.74, 0.02, 0.8), (0.02, 0.01), -3.0)
TURNS = [pytest.param(0.0, id="upright"), pytest.param(30.0, id="turned by 30"), pytest.param(-90.0, id="by -90")]


def see(matrix: NDArray[np.float64], points: Any) -> NDArray[np.float64]:
    """(N, 2) where a homography puts points (N, 2)."""
    x, y, w = matrix @ np.column_stack([points, np.ones(len(points))]).T
    return np.column_stack([x / w, y / w])


def true_marks(dial_to_px: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Where the marks of a told weight belong; marks count pixel centres from 0, so half a pixel less."""

    def on_dial(degrees: float, length: float) -> tuple[float, float]:
        return length * float(np.sin(np.radians(degrees))), -length * float(np.cos(np.radians(degrees)))

    points = {
        "dial": [on_dial(degrees, 1.0) for degrees in range(0, 360, 5)],
        "hour": [(0.0, 0.0), on_dial(ToldWeight.minutes / 2, 0.5)],
        "minute": [(0.0, 0.0), on_dial(ToldWeight.minutes * 6, 0.8)],
        "second": [(0.0, 0.0), on_dial(ToldWeight.second_degrees, 0.85)],
    }
    return {name: see(dial_to_px, xy) - 0.5 for name, xy in points.items()}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 500)])
@pytest.mark.parametrize("scale", [(1.0, 1.0), (4.0, 3.0)])
def test_marks_lie_where_the_dial_is(turn: float, width: int, height: int, scale: tuple[float, float]) -> None:
    """Two poses told, one a look: the frame and every mark follow from the homographies that draw such dials."""
    first = dataclasses.replace(OBLIQUE, rotation_degrees=turn)
    weight: Any = ToldWeight(first, NEARLY_STRAIGHT)
    rgb = np.zeros((height, width, 3), np.uint8)
    seen = look(weight, rgb)
    half = max(width, height) / 2
    to_px = np.array([[half, 0, width / 2], [0, half, height / 2], [0, 0, 1]])
    frame = to_px @ first.homography() @ np.diag([1 / FILL, 1 / FILL, 1])
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    assert np.abs(see(seen.frame, corners) - see(frame, corners)).max() < 0.1
    reading = make_reading(weight, seen, scale, began=0.0)
    assert reading.value == "2:06"
    expected = true_marks(np.diag([*scale, 1.0]) @ frame @ NEARLY_STRAIGHT.homography())
    assert reading.marks.keys() == expected.keys()
    for name, points in expected.items():
        assert np.abs(np.array(reading.marks[name]) - points).max() < 0.1, name


@pytest.mark.parametrize(
    ("pose", "spread", "passes"),
    [
        pytest.param(NEARLY_STRAIGHT, 0.0, 1, id="straight and sure"),
        pytest.param(NEARLY_STRAIGHT, 0.2, 2, id="straight, in doubt"),
        pytest.param(dataclasses.replace(NEARLY_STRAIGHT, rotation_degrees=30.0), 0.0, 2, id="turned"),
        pytest.param(dataclasses.replace(NEARLY_STRAIGHT, rotation_degrees=-12.0), 0.0, 2, id="turned the other way"),
        pytest.param(dataclasses.replace(NEARLY_STRAIGHT, centre=(0.2, 0.0)), 0.0, 2, id="beside the middle"),
        pytest.param(OBLIQUE, 0.0, 2, id="oblique"),
    ],
)
def test_a_clock_is_looked_at_again_where_that_can_tell_more(pose: Pose, spread: float, passes: int) -> None:
    """spread: share of the minute hand that is seen a minute and a half later."""
    weight: Any = DoubtfulWeight(pose, NEARLY_STRAIGHT, spread=spread)
    seen = look(weight, np.zeros((300, 300, 3), np.uint8))
    assert len(weight.poses) == 2 - passes
    assert (seen.first is seen.second) == (passes == 1)
    assert make_reading(weight, seen, (1.0, 1.0), began=0.0).value == "2:06"


FAR = Pose((0.5, -0.4), (0.3, 0.05, 0.25), (0.0, 0.0), 30.0)


@pytest.mark.parametrize(
    ("poses", "is_enough", "reason"),
    [
        ([FAR, NEARLY_STRAIGHT], True, "what is seen from nearer is enough"),
        ([FAR, OBLIQUE, NEARLY_STRAIGHT], False, "large enough from nearer, and straightened"),
        ([FAR, FAR, NEARLY_STRAIGHT], True, "small once more"),
        ([FAR, FAR, FAR, NEARLY_STRAIGHT], False, "small again and again: read all the same"),
    ],
)
def test_a_small_dial_is_gone_nearer_to(poses: list[Pose], is_enough: bool, reason: str) -> None:
    """Each frame is drawn round the dial as the look before it placed it, and the marks lie on the dial in the end."""
    weight: Any = ToldWeight(*poses)
    seen = look(weight, np.zeros((300, 400, 3), np.uint8))
    assert not weight.poses, reason
    frame = np.array([[200.0, 0, 200], [0, 200, 150], [0, 0, 1]])
    for pose in poses[:-1]:
        frame = frame @ pose.homography() @ np.diag([1 / FILL, 1 / FILL, 1])
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    assert np.abs(see(seen.frame, corners) - see(frame, corners)).max() < 0.1, reason
    assert (seen.first is seen.second) == is_enough
    reading = make_reading(weight, seen, (1.0, 1.0), began=0.0)
    for name, points in true_marks(frame @ NEARLY_STRAIGHT.homography()).items():
        assert np.abs(np.array(reading.marks[name]) - points).max() < 0.1, name


def test_marks_lie_in_the_picture_as_it_is_looked_at(tiny_weight: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large JPEG to be turned a quarter: decoded reduced, its marks are in pixels of the upright whole."""
    weight: Any = ToldWeight(OBLIQUE, NEARLY_STRAIGHT)
    monkeypatch.setattr("facevalue.reader.load_weight", lambda path, threads: weight)
    turned = Image.Exif()
    turned[0x0112] = 6
    stream = io.BytesIO()
    Image.new("RGB", (1600, 1200)).save(stream, "JPEG", exif=turned)
    marks = Reader("clock", tiny_weight).read(stream.getvalue()).marks
    upright = np.array([[800.0, 0, 600], [0, 800, 800], [0, 0, 1]])  # 1200 wide, 1600 high
    frame = upright @ OBLIQUE.homography() @ np.diag([1 / FILL, 1 / FILL, 1])
    for name, points in true_marks(frame @ NEARLY_STRAIGHT.homography()).items():
        assert np.abs(np.array(marks[name]) - points).max() < 0.1, name


def belief_in(*times: tuple[float, float]) -> ClockBelief:
    """In times with these probabilities, on an upright dial that fills the picture as surely as the first of them."""
    p = np.full(HALF_MINUTES, (1 - sum(share for _, share in times)) / HALF_MINUTES)
    for minutes, share in times:
        p[round(minutes * 2)] += share
    pose = np.array([0, 0, 0.9, 0, 0.9, 0, 0], np.float32)
    return ClockBelief(np.log(p).astype(np.float32), np.zeros(HALF_MINUTES, np.float32), pose, times[0][1], 0.0, 0.0)


def test_features_of_two_looks() -> None:
    first, second = belief_in((100, 0.6)), belief_in((100, 0.9))
    both = second.joined_with(first)
    features = Look(first, second, both, np.eye(3)).features()
    assert features == pytest.approx({"both": 1.0, "first": 0.6, "second": 0.9, "dial": 0.6}, abs=3e-3)
    assert Look(second, first, both, np.eye(3)).features()["dial"] == pytest.approx(0.6)


def test_two_looks_are_read_as_the_time_that_both_see(monkeypatch: pytest.MonkeyPatch) -> None:
    beliefs = iter([belief_in((100, 0.5), (400, 0.45)), belief_in((100, 0.45), (600, 0.5))])
    monkeypatch.setattr("facevalue.look_clock.look_through", lambda *_: next(beliefs))
    weight: Any = None
    seen = look(weight, np.zeros((40, 40, 3), np.uint8))
    assert seen.second.minutes() == pytest.approx(600)
    assert seen.both.minutes() == pytest.approx(100)


# ---- weights that are none


def foreign_onnx(folder: Path, tiny_weight: Path) -> Path:
    """An ONNX file of somebody else's: it adds."""
    number = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("a", "b", "c")]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "adder", number[:2], number[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "adder.onnx"))
    return folder / "adder.onnx"


def truncated(folder: Path, tiny_weight: Path) -> Path:
    data = tiny_weight.read_bytes()
    (folder / "half.onnx").write_bytes(data[: len(data) // 2])
    return folder / "half.onnx"


def text(folder: Path, tiny_weight: Path) -> Path:
    (folder / "text.onnx").write_text("dear diary\nit rained")
    return folder / "text.onnx"


def empty(folder: Path, tiny_weight: Path) -> Path:
    (folder / "empty.onnx").write_bytes(b"")
    return folder / "empty.onnx"


def with_metadata(**changes: str | None) -> Callable[[Path, Path], Path]:
    """The tiny weight with entries of its metadata changed, or left out where None."""

    def make(folder: Path, tiny_weight: Path) -> Path:
        model = onnx.load(str(tiny_weight))
        metadata = {entry.key: entry.value for entry in model.metadata_props} | changes
        helper.set_model_props(model, {key: value for key, value in metadata.items() if value is not None})
        (folder / "changed.onnx").write_bytes(model.SerializeToString())
        return folder / "changed.onnx"

    return make


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda folder, tiny_weight: folder / "none.onnx", "no such weight", id="missing"),
        pytest.param(lambda folder, tiny_weight: folder, "no such weight", id="a folder that is no exported run"),
        pytest.param(foreign_onnx, "not one of facevalue export", id="somebody else's"),
        pytest.param(truncated, "not a weight file that can be loaded", id="cut off"),
        pytest.param(text, "not a weight file that can be loaded", id="text"),
        pytest.param(empty, "not a weight file that can be loaded", id="empty"),
        pytest.param(with_metadata(kind="dial"), "a weight for 'dial', where one for 'clock'", id="of another kind"),
        pytest.param(with_metadata(calibration=None), "not one of facevalue export", id="no calibration"),
        pytest.param(with_metadata(calibration="{}"), "not one of facevalue export", id="an empty calibration"),
        pytest.param(
            with_metadata(calibration="[]"), "not one of facevalue export", id="a calibration of another shape"
        ),
        pytest.param(
            with_metadata(codec="clock/hands"),
            "clock/hands",
            id="a codec of a later version",
        ),
        pytest.param(with_metadata(size_px="big"), "not one of facevalue export", id="a size that is no number"),
    ],
)
def test_what_is_no_weight_is_refused(
    make: Callable[[Path, Path], Path], expected: str, tiny_weight: Path, tmp_path: Path
) -> None:
    file = make(tmp_path, tiny_weight)
    with pytest.raises(ModelError) as caught:
        Reader("clock", file)
    assert expected in str(caught.value)
    assert str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_unknown_kind_names_what_there_is() -> None:
    with pytest.raises(ModelError, match="unknown kind 'tower'; there are clock, dial, digits"):
        Reader("tower")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "dial", "scale": (0, 16)}, r"scale: expected facevalue.Scale\(0, 16\), got \(0, 16\)"),
        ({"kind": "clock", "scale": Scale(0, 16)}, "a scale is for dials, not for 'clock'"),
        ({"kind": "dial", "digits": 4}, "digits are of rows of digits, not of 'dial'"),
        ({"decimals": 0}, "decimals are of rows of digits, not of 'clock'"),
        ({"kind": "digits", "digits": 0}, "digits: expected 1 to 8, got 0"),
        ({"kind": "digits", "digits": 9}, "digits: expected 1 to 8, got 9"),
        ({"kind": "digits", "decimals": -1}, "decimals: expected 0 to 8, got -1"),
        ({"kind": "digits", "digits": 3, "decimals": 3}, "3 of 3 digits leave none before the point"),
    ],
)
def test_settings_of_another_kind_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        Reader(**settings)


def test_a_reader_that_is_told_more_leaves_the_first_as_it_was() -> None:
    reader = Reader("digits")
    counter = Path(__file__).parent.parent / "docs" / "counter.jpg"
    plain = reader.read(counter)
    digits = plain.value.replace(".", "")
    told = reader.told(digits=len(digits), decimals=3)
    assert told.weight is reader.weight
    assert told.read(counter).value == f"{digits[:-3]}.{digits[-3:]}"
    assert not told.read(counter).uncertain
    assert reader.told(digits=len(digits) + 1).read(counter).uncertain
    assert reader.read(counter).value == plain.value


def test_an_unknown_name_lists_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"clock-99: no such weight or run; .* or a shipped name: "):
        Reader("clock", "clock-99")


def test_an_exported_run_is_a_weight(tiny_weight: Path, tmp_path: Path) -> None:
    (tmp_path / "weight.onnx").write_bytes(tiny_weight.read_bytes())
    assert find_weight("clock", tmp_path) == tmp_path / "weight.onnx"


def test_a_shipped_name_is_the_shipped_weight_wherever_one_stands(
    tiny_weight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file or an exported run of the same name in the working directory is taken only where it is meant."""
    shipped = tmp_path / "weights"
    shipped.mkdir()
    (shipped / "clock-1.onnx").write_bytes(tiny_weight.read_bytes())
    (shipped / "clock-2.onnx").write_bytes(tiny_weight.read_bytes())
    monkeypatch.setattr("facevalue.reader.WEIGHTS", shipped)
    here = tmp_path / "here"
    (here / "clock-1").mkdir(parents=True)
    monkeypatch.chdir(here)
    for file in ("clock-1/weight.onnx", "clock-2", "clock-2.onnx", "mine"):
        (here / file).write_bytes(b"")
    for model, expected in {
        None: shipped / "clock-1.onnx",
        "clock-1": shipped / "clock-1.onnx",
        Path("clock-1"): shipped / "clock-1.onnx",
        "clock-2": shipped / "clock-2.onnx",
        "./clock-1": Path("clock-1/weight.onnx"),
        here / "clock-1": here / "clock-1/weight.onnx",
        "./clock-2": Path("clock-2"),
        "clock-2.onnx": Path("clock-2.onnx"),
        "mine": Path("mine"),
    }.items():
        assert find_weight("clock", model) == expected, model


def test_heads_of_the_file_are_those_of_the_codec(reader: Reader) -> None:
    heads = json.loads(reader.weight.metadata["heads"])
    outputs = reader.weight.run(np.zeros((2, 32, 32, 3), np.uint8))
    assert {name: value.shape for name, value in outputs.items()} == {name: (2, size) for name, size, _ in heads}


# ---- the frame through which a picture is seen


@pytest.fixture(scope="module")
def pattern() -> NDArray[np.uint8]:
    """(32, 32, 3): smooth, and different in every corner and channel."""
    y, x = np.mgrid[:32, :32]
    channels = [x * 6 + 20, y * 6 + 20, (x - y) * 3 + 120]
    return np.stack(channels, axis=2).astype(np.uint8)


def differ(one: NDArray[np.uint8], other: NDArray[np.uint8], edge: int = 2) -> int:
    """Largest difference away from the edges, where black comes in from outside."""
    inner = slice(edge, -edge or None)
    return int(np.abs(one.astype(int) - other)[inner, inner].max())


def test_warp_through_the_whole_picture_changes_nothing(pattern: NDArray[np.uint8]) -> None:
    assert (warp(pattern, whole_picture(pattern), 32) == pattern).all()


QUARTER_RIGHT = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("change", "expected", "reason"),
    [
        (QUARTER_RIGHT, lambda p: np.rot90(p, -1), "the frame turns left: what is seen turns right"),
        (QUARTER_RIGHT.T, lambda p: np.rot90(p), "and the other way"),
        (np.diag([-1.0, -1.0, 1.0]), lambda p: p[::-1, ::-1], "upside down"),
        (np.diag([-1.0, 1.0, 1.0]), lambda p: p[:, ::-1], "mirrored"),
    ],
)
def test_warp_turns_exactly(
    change: NDArray[np.float64],
    expected: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    reason: str,
    pattern: NDArray[np.uint8],
) -> None:
    assert differ(warp(pattern, whole_picture(pattern) @ change, 32), expected(pattern), edge=1) <= 1, reason


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, 0), (0, -7), (3, 4)])
def test_warp_shifts_by_pixels_and_is_black_outside(right: int, down: int, pattern: NDArray[np.uint8]) -> None:
    moved = np.array([[1.0, 0.0, right], [0.0, 1.0, down], [0.0, 0.0, 1.0]])
    seen = warp(pattern, moved @ whole_picture(pattern), 32)
    padded = np.pad(pattern, ((16, 16), (16, 16), (0, 0)))
    assert differ(seen, padded[16 + down : 48 + down, 16 + right : 48 + right], edge=0) <= 1


def test_warp_fits_an_oblong_picture_with_black_bands(pattern: NDArray[np.uint8]) -> None:
    wide = pattern[8:24]
    seen = warp(wide, whole_picture(wide), 32)
    assert (seen[:7] == 0).all()
    assert (seen[25:] == 0).all()
    assert differ(seen[8:24], wide) <= 1


@pytest.mark.parametrize(("times", "size_px"), [(2, 16), (4, 8), (8, 16), (3, 30)])
def test_warp_smooths_when_it_shrinks(times: int, size_px: int) -> None:
    """A fine chequer board seen from afar is grey, not the black or the white of a pixel that was hit."""
    side = size_px * times
    board = np.where(np.indices((side, side)).sum(axis=0) % 2 == 0, 255, 0).astype(np.uint8)
    picture = np.repeat(board[..., None], 3, axis=2)
    seen = warp(picture, whole_picture(picture), size_px)
    assert np.abs(seen[2:-2, 2:-2].astype(int) - 127).max() < 30


@pytest.mark.parametrize("side", [95, 101, 103, 112, 142])
def test_warp_samples_a_square_picture_once(side: int) -> None:
    picture = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    once = Image.fromarray(picture).resize((80, 80), Image.Resampling.BILINEAR)
    assert np.array_equal(warp(picture, whole_picture(picture), 80), np.asarray(once))


@pytest.mark.parametrize("side", [56, 79, 80, 84, 91])
def test_warp_resizes_what_is_upright_and_near(side: int) -> None:
    """Also a part of a larger picture, with its neighbours as they are there."""
    picture = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    once = np.asarray(Image.fromarray(picture).resize((80, 80), Image.Resampling.BICUBIC))
    assert np.array_equal(warp(picture, whole_picture(picture), 80), once)
    larger = np.pad(picture, ((3, 0), (2, 9), (0, 0)), mode="edge")
    moved = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0], [0.0, 0.0, 1.0]])
    seen = warp(larger, moved @ whole_picture(picture), 80)
    assert np.abs(seen[2:-2, 2:-2].astype(int) - once[2:-2, 2:-2]).max() <= 1
    mirrored = warp(picture, whole_picture(picture) @ np.diag([-1.0, 1.0, 1.0]), 80)
    assert np.abs(mirrored[:, ::-1].astype(int) - once).mean() < 25  # of unrelated noise 85


def test_warp_keeps_places_when_it_shrinks() -> None:
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[64:96, 160:192] = 255
    seen = warp(picture, whole_picture(picture), 32)[..., 0].astype(float)
    y, x = np.mgrid[:32, :32] + 0.5
    assert (seen * x).sum() / seen.sum() == pytest.approx(22, abs=0.05)
    assert (seen * y).sum() / seen.sum() == pytest.approx(10, abs=0.05)
    assert seen.sum() == pytest.approx(255 * 16, rel=0.02)


@pytest.mark.parametrize(
    ("homography", "reason"),
    [
        (np.zeros((3, 3)), "nothing at all"),
        (np.ones((3, 3)), "of rank one, through the horizon"),
        (np.array([[10.0, 0, 16], [0, 0, 16], [0, 0, 1]]), "squeezed to a line"),
        (np.array([[0.0, 0, 16], [0, 0, 16], [0, 0, 1]]), "squeezed to a point"),
        (np.diag([1e12, 1e12, 1.0]), "from very far"),
        (np.diag([1e-12, 1e-12, 1.0]), "from very near"),
        (np.array([[16.0, 0, 16], [0, 16, 16], [2, 0, 1]]), "the horizon inside the frame"),
        (-np.array([[16.0, 0, 16], [0, 16, 16], [0, 0, 1]]), "behind the camera"),
        (np.array([[16.0, 0, 5000], [0, 16, 16], [0, 0, 1]]), "beside the picture"),
    ],
)
def test_warp_through_a_degenerate_frame(
    homography: NDArray[np.float64], reason: str, pattern: NDArray[np.uint8]
) -> None:
    seen = warp(pattern, homography, 24)
    assert seen.shape == (24, 24, 3), reason
    assert seen.dtype == np.uint8


@pytest.mark.parametrize("place", [(5000.0, 16.0), (-5000.0, 16.0), (16.0, 5000.0)], ids=["right", "left", "below"])
def test_warp_beside_the_picture_is_black(place: tuple[float, float], pattern: NDArray[np.uint8]) -> None:
    assert (warp(pattern, np.array([[16.0, 0, place[0]], [0, 16, place[1]], [0, 0, 1]]), 24) == 0).all()


# ---- from training to reading


def test_the_shipped_weight_reads_a_clock_far_away() -> None:
    """Its photo less than half as high as the picture, wherever it hangs."""
    clock = Image.open(Path(__file__).parent.parent / "docs" / "clock.jpg").resize((220, 220))
    reader = Reader("clock")
    for place in ((0, 0), (420, 260), (250, 100), (400, 20)):
        wall = Image.new("RGB", (640, 480), (150, 140, 130))
        wall.paste(clock, place)
        reading = reader.read(wall)
        assert (reading.value, reading.uncertain) == ("1:51", False), place
        assert np.mean(reading.marks["dial"], axis=0) == pytest.approx(np.array(place) + 109.5, abs=6)


def test_the_shipped_weight_reads_drawn_clocks() -> None:
    """Clocks of a seed that no training has. Drawings are harder than photos: four in five are right."""
    batch = ClockSource(size_px=224, straight=1.0, empty=0.0).batch(4_000_007, 0, 192)
    reader = Reader()
    read = np.array([reader.read(picture).number for picture in batch.pictures])
    right = is_right(read, batch.seconds / 60)
    assert right.mean() >= 0.75, f"{right.sum()} of {len(right)} within a minute"


@pytest.mark.parametrize("one", ["a.jpg", Path("a.jpg"), b"bytes"], ids=["text", "path", "bytes"])
def test_read_many_refuses_one_picture(one: Any, tiny_weight: Path) -> None:
    with pytest.raises(TypeError, match="takes several pictures"):
        next(Reader("clock", tiny_weight).read_many(one))
