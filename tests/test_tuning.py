"""Teaching a reader one's own instrument: labels that follow the picture, honest measuring, and clear refusals."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from conftest import TINY
from numpy.typing import NDArray
from PIL import Image

from facevalue import look_dial, look_row, restoring, scoring, training, tuning
from facevalue.checkpoint import read_checkpoint
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.codecs.clock import format_time
from facevalue.codecs.dial import Eccentricity, Scale
from facevalue.codecs.digits import RowBelief
from facevalue.codecs.pose import POSE_NUMBERS
from facevalue.errors import LabelError, ModelError, SettingError
from facevalue.export import export, trained_network
from facevalue.images import whole_picture
from facevalue.judging import kind_of
from facevalue.labels import Labelled
from facevalue.metrics import paired_difference
from facevalue.reader import WEIGHTS, Reader, find_weight, load_weight
from facevalue.restoring import read_file, restore
from facevalue.sources.clocks import ClockBatch, ClockSource
from facevalue.sources.dials import DialSource
from facevalue.sources.digits import DigitSource
from facevalue.sources.own import Needles, OwnSource, moved, pose_and_turn, read_taught

SHORT = {"steps": "4", "batch_size": "8", "warmup_steps": "1"}
NO_WORKER = ["--workers", "0"]


@pytest.fixture(autouse=True)
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "DRAWN_PICTURES", 24)
    monkeypatch.setattr(restoring, "PICTURES", 64)


def clocks_of_one_face(count: int, size_px: int = 112) -> ClockBatch:
    """The clocks of one face: a source draws eight of each, so the first eight of batches with one start."""
    from random import Random

    from facevalue.sources import camera, paint
    from facevalue.sources.clocks import FaceMaker, make_hands

    rnd = Random("one face")
    face = FaceMaker(7).make(size_px)
    hand_set, wall = make_hands(rnd, face), paint.make_wall(rnd, size_px)
    pictures = np.zeros((count, size_px, size_px, 3), np.uint8)
    unknown = np.full((5, count), np.nan, dtype=np.float32)
    batch = ClockBatch(pictures, *unknown, np.zeros((count, POSE_NUMBERS), np.float32))
    sheet = np.empty((size_px, size_px, 4), np.uint8)
    for index in range(count):
        ClockSource(size_px=size_px).draw_one(rnd, face, hand_set, wall, batch, index, sheet)
        pictures[index] = camera.develop(rnd, sheet[..., :3])
    return batch


def write_table(folder: Path, pictures: np.ndarray, labels: list[str], groups: list[str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["file,label" + (",meter" if groups else "")]
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        Image.fromarray(picture).save(folder / f"{index}.png")
        lines.append(f"{index}.png,{label}" + (f",{groups[index]}" if groups else ""))
    table = folder / "labels.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


@pytest.fixture(scope="module")
def clock_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of twelve pictures of one clock. Don't write to its folder."""
    batch = clocks_of_one_face(12)
    labels = [format_time(seconds // 60) for seconds in batch.seconds.tolist()]
    return write_table(tmp_path_factory.mktemp("clocks"), batch.pictures, labels)


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["train", *map(str, arguments), *NO_WORKER])


def set_options(settings: dict[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]


# ---- labels follow the picture


def test_pose_and_turn_are_those_that_the_camera_wrote() -> None:
    from random import Random

    from facevalue.sources import camera

    rnd = Random(4)
    for _ in range(50):
        drawn = camera.pick_loose_pose(rnd, 1.2, True)
        pose, turn = pose_and_turn(drawn.homography() * rnd.uniform(0.5, 2))
        assert pose == pytest.approx(drawn.vector(), abs=1e-9)
        assert (turn - drawn.rotation_degrees + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)


def test_turning_a_frame_turns_its_labels_back() -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    whole = whole_picture(rgb)
    dial = whole @ np.diag([0.5, 0.5, 1.0])
    one = Needles(rgb, whole[None], dial, True, {"needle": 90.0}, {"fraction": 0.25})
    assert one.labels(whole, (80, 80))["needle"] == pytest.approx(90)
    turned = one.labels(whole @ moved(30, (1.0, 1.0), (0.0, 0.0), (80, 80)), (80, 80))
    assert turned["needle"] == pytest.approx(60)
    assert turned["fraction"] == 0.25
    zoomed = one.labels(whole @ moved(0, (0.5, 0.5), (0.25, 0.0), (80, 80)), (80, 80))
    assert zoomed["pose"] == pytest.approx([-0.5, 0, 1, 0, 1, 0, 0])


def test_a_clock_is_taught_where_its_hands_are() -> None:
    batch = ClockSource(size_px=160, empty=0.0).batch(3, 0, 16)
    weight = load_weight(WEIGHTS / "clock-1.onnx", threads=1)
    off: dict[str, list[float]] = {"hour": [], "minute": [], "twelve": [], "pose": []}
    for index, picture in enumerate(batch.pictures):
        taught = tuning.teach_clock(weight, picture, int(batch.seconds[index] // 60))
        labels = taught.labels(taught.frames[0], weight.frame_px)
        for name in ("hour", "minute", "twelve"):
            off[name].append(abs((labels[name] - getattr(batch, name)[index] + 180) % 360 - 180))
        off["pose"].append(float(np.abs(labels["pose"] - batch.pose[index]).max()))
    assert {name: float(np.median(values)) for name, values in off.items()} == {
        "hour": pytest.approx(0, abs=4),
        "minute": pytest.approx(0, abs=4),
        "twelve": pytest.approx(0, abs=4),
        "pose": pytest.approx(0, abs=0.15),
    }


@pytest.mark.parametrize(("point", "count", "taught"), [(-1, 3, -1), (0, 3, 0), (1, 3, 1), (2, 3, -1), (0, 1, -1)])
def test_a_point_behind_the_last_digit_is_none(point: int, count: int, taught: int) -> None:
    assert tuning.within_row(point, count) == taught


def test_digits_are_taught_where_they_stand() -> None:
    source = DigitSource((320, 64), shares=(("printed", 1.0), ("segments", 1.0), ("drums", 1.0)))
    batch = source.batch(3, 0, 16)
    weight = load_weight(WEIGHTS / "digits-5.onnx", threads=1)
    off = []
    for index, picture in enumerate(batch.pictures):
        label = batch.label(index)
        if label == "NaN":
            continue
        taught = tuning.teach_row(weight, picture, label, drums=True)
        assert len(taught.places) == batch.count[index]
        labels = taught.labels(taught.frames[0], weight.frame_px)
        if np.isnan(labels["cells"]).all():  # too hard for the reader to say where they stand
            continue
        off.append(np.nanmean(np.abs(labels["cells"] - batch.cells[index] / 2)))
        if "." in label and len(taught.places) > 1:
            assert labels["points"].argmax() == label.index(".") - 1
    assert len(off) > 10
    assert np.median(off) < 2.5  # of 160 pixels


class Counting:
    """Stands in for a look: as many digits as the picture's first pixel is."""

    def __call__(self, weight: object, rgb: NDArray[np.uint8]) -> Any:
        count = int(rgb[0, 0, 0])
        belief = RowBelief(
            np.zeros((count, 100), np.float32),
            np.zeros(count, np.float32),
            float(count),
            np.zeros(9, np.float32),
            np.zeros((count, 2), np.float32),
            np.zeros((count, 2), np.float32),
        )
        return look_row.Look(belief, belief.read(), np.eye(3), 1.0), (1.0, 1.0)


@pytest.mark.parametrize(
    ("labels", "counts", "drums"),
    [
        pytest.param(["4.2", "9.8", "3.0"], [1, 1, 2], True, id="drums, one of them miscounted"),
        pytest.param(["4.2", "9.8", "3.0"], [2, 2, 1], False, id="two digits, one of them lost"),
        pytest.param(["4.2", "9.8", "3.0"], [3, 3, 2], False, id="two digits, and more seen"),
        pytest.param(["4.2", "12.1", "3.0"], [1, 1, 1], False, id="a label that is no place tells it"),
    ],
)
def test_labels_are_places_of_drums_or_all_of_them_are_digits(
    labels: list[str], counts: list[int], drums: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_row, "look_at", Counting())
    weight: Any = SimpleNamespace(frame_px=(160, 32))
    rows = [Labelled("a.png", Path("a.png"), label, label, "", 2) for label in labels]
    pictures = [tuning.Own(row, np.full((32, 160, 3), n, np.uint8), "") for row, n in zip(rows, counts, strict=True)]
    assert tuning.are_drums(weight, pictures) is drums
    taught = tuning.teach_row(weight, np.full((32, 160, 3), 3, np.uint8), "4.2", drums=drums)
    assert taught.places.tolist() == ([4.2] if drums else [4, 2])
    assert taught.point_after == (-1 if drums else 0)


def test_the_command_that_reads_has_all_digits_of_its_numbers(tmp_path: Path) -> None:
    scale = Scale(12345670, 12345680.5, (0, 360))
    assert "--range 12345670:12345680.5 --sweep 0:360 " in tuning.command_of(kind_of("dial"), tmp_path, scale)


def test_a_run_of_ones_own_may_have_the_name_of_a_shipped_weight(
    tmp_path: Path, tiny_weight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("clock-1", "clock"):
        (tmp_path / name).mkdir()
        shutil.copy(tiny_weight, tmp_path / name / "weight.onnx")
    monkeypatch.chdir(tmp_path)
    asked: list[Path] = []

    def note(weight: Any, path: Path) -> None:
        asked.append(path)
        raise SettingError("enough")

    monkeypatch.setattr(tuning, "manner_of", note)
    Path("labels.csv").touch()
    for start in ("./clock-1", "./clock", "clock-1", "clock"):
        assert CliRunner().invoke(main, ["train", "--from", start, "--data", "labels.csv"]).exit_code == 2
    assert asked[:2] == [Path("clock-1/weight.onnx"), Path("clock/weight.onnx")]
    assert [path.parent for path in asked[2:]] == [WEIGHTS, WEIGHTS]
    command = tuning.command_of(kind_of("clock"), Path("clock-1"), None)
    assert command == "facevalue read --kind clock --model ./clock-1 photo.jpg"
    assert "--model runs/clock-1 " in tuning.command_of(kind_of("clock"), Path("runs/clock-1"), None)


def test_a_time_that_float32_rounds_to_noon_is_twelve(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = load_weight(WEIGHTS / "clock-1.onnx", threads=1)
    monkeypatch.setattr("facevalue.codecs.clock.ClockBelief.minutes", lambda self: 719.99999)
    taught = tuning.teach_clock(weight, np.full((64, 64, 3), 200, np.uint8), 0)
    assert taught.others["seconds"] == 0


def test_digits_that_are_not_counted_take_the_places_of_their_siblings() -> None:
    weight = load_weight(WEIGHTS / "digits-5.onnx", threads=1)
    batch = DigitSource((320, 64), shares=(("printed", 1.0),)).batch(8, 0, 1)
    label = batch.label(0)
    seen = tuning.teach_row(weight, batch.pictures[0], label, drums=True)
    lost = tuning.teach_row(weight, np.full_like(batch.pictures[0], 128), label, drums=True)
    assert np.isnan(lost.cells).all()
    assert tuning.with_cells([seen, seen, seen, lost])[3].cells == pytest.approx(seen.cells)
    alone = tuning.with_cells([lost])[0]
    assert alone.cells[:, :2, 0].min() == 0
    assert alone.cells[:, :2, 0].max() == pytest.approx(320)


# ---- what is held back


@pytest.mark.parametrize(
    ("groups", "held", "words", "why"),
    [
        ([""] * 40, 10, "by name", "a quarter"),
        ([""] * 12, 5, "by name", "at least five"),
        ([f"m{i // 4}" for i in range(40)], 12, "whole groups", "three groups of four are the first to reach ten"),
        (["one"] * 20, 5, "too few", "a single group can't be held back"),
        (["big"] * 30 + ["small"] * 6, 6, "whole groups", "the group that is more than half is taught"),
    ],
)
def test_hold_back(groups: list[str], held: int, words: str, why: str) -> None:
    rows = [Labelled(f"{i}.png", Path(f"{i}.png"), "1", 1, group, i + 2) for i, group in enumerate(groups)]
    chosen, how = tuning.hold_back(rows)
    assert (sum(chosen), words in how) == (held, True), why
    again, _ = tuning.hold_back(rows[::-1])
    assert again[::-1] == chosen  # by names alone
    if words == "whole groups":
        assert not {g for g, c in zip(groups, chosen, strict=True) if c} & {
            g for g, c in zip(groups, chosen, strict=True) if not c
        }


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        ([0] * 6 + [1] * 4, [1] * 10, True),
        ([1] * 10, [1] * 10, False),
        ([0] + [1] * 9, [1] * 10, False),  # one picture tells nothing
        ([1] * 10, [0] * 10, False),
        ([1, 0] * 20, [0, 1] * 20, False),
    ],
)
def test_paired_difference(before: list[int], after: list[int], better: bool) -> None:
    difference, low, high = paired_difference(before, after)
    assert difference == pytest.approx(np.mean(after) - np.mean(before))
    assert -1 <= low < high <= 1
    assert (low > 0) == better
    mirrored = paired_difference(after, before)
    assert mirrored == pytest.approx((-difference, -high, -low))


@pytest.mark.parametrize(
    ("before", "after", "low", "high"),
    [
        ([0] * 6 + [1] * 4, [1] * 10, 0.1733, 0.8267),
        ([1, 0] * 20, [0, 1] * 20, -0.2988, 0.2988),
    ],
)
def test_paired_difference_is_that_of_its_paper(before: list[int], after: list[int], low: float, high: float) -> None:
    """Six of ten gained: 6 / 12 less and plus 1.96 √(7 - 36 / 12) / 12; of forty as many lost as gained."""
    assert paired_difference(before, after)[1:] == pytest.approx((low, high), abs=1e-4)


def test_paired_difference_refuses_other_lengths() -> None:
    with pytest.raises(ValueError, match="of one length"):
        paired_difference([1, 0], [1])


# ---- the command


def test_a_clock_is_taught_measured_and_read_with(clock_table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = train("--from", "clock", "--data", clock_table, "--out", run, *set_options(SHORT))
    assert result.exit_code == 0, result.output
    report = json.loads((run / "tuning.json").read_text())
    assert "held back: 5 of 12 pictures, none of them trained on" in result.output
    assert report["command"] == f"facevalue read --kind clock --model {run} photo.jpg"
    assert report["command"] in result.output
    assert report["verdict"] in ("better", "not clearly better", "worse")
    assert report["verdict"] in result.output
    low, high = report["interval_95"]
    assert low <= report["difference"] <= high or report["difference"] in (-1, 1)

    taught = read_taught(run / "own.npz")
    assert len(taught) == 7
    held = {zlib.crc32(np.asarray(Image.open(clock_table.parent / file)).tobytes()) for file in report["held_back"]}
    assert len(held) == 5
    assert not held & {zlib.crc32(one.rgb.tobytes()) for one in taught}  # none is trained on

    shipped, reader = Reader("clock"), Reader("clock", run)
    assert reader.weight.metadata["tuned_from"] == "clock-1"
    assert reader.weight.name == "clock-1+own"
    assert reader.weight.calibration == shipped.weight.calibration
    assert report["after"]["right"] >= report["before"]["right"] - 0.2  # four short steps spoil next to nothing
    read = CliRunner().invoke(main, ["read", "--kind", "clock", "--model", str(run), str(clock_table.parent / "0.png")])
    assert read.exit_code == 0, read.output

    again = train("--from", "clock", "--data", clock_table, "--out", run, *set_options(SHORT))
    assert again.exit_code == 2
    assert "holds a training already: go on with --resume" in again.output
    exported = CliRunner().invoke(main, ["export", str(run)])
    assert exported.exit_code == 2
    assert "facevalue train --from READER --data labels.csv" in exported.output


class Killed(BaseException):
    """What stops a training in the middle; no error that anything would catch."""


def test_killed_and_resumed_is_bit_identical(
    tiny_weight: Path, clock_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def teach(out: str, resume: bool = False) -> None:
        tuning.tune(tiny_weight, clock_table, settings=SHORT, out=tmp_path / out, resume=resume, workers=0)

    teach("whole")
    batch = OwnSource.batch

    def batch_or_die(self: OwnSource, seed: int, step: int, count: int) -> object:
        if step >= 2:
            raise Killed
        return batch(self, seed, step, count)

    with monkeypatch.context() as patch:
        patch.setattr(OwnSource, "batch", batch_or_die)
        patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
        with pytest.raises(Killed):
            teach("killed")
    assert read_checkpoint(tmp_path / "killed")["step"] == 2
    assert not (tmp_path / "killed" / "weight.onnx").exists()
    torch.manual_seed(999)
    teach("killed", resume=True)
    one, other = (read_checkpoint(tmp_path / name) for name in ("whole", "killed"))
    assert one["recipe_hash"] == other["recipe_hash"]
    assert all(torch.equal(value, other["network"][name]) for name, value in one["network"].items())

    mended = write_table(tmp_path / "other", clocks_of_one_face(13).pictures[1:], [f"1:{i:02d}" for i in range(12)])
    with pytest.raises(SettingError, match=r"holds a training on other pictures or labels; name another folder"):
        tuning.tune(tiny_weight, mended, settings=SHORT, out=tmp_path / "whole", resume=True, workers=0)
    assert len(read_taught(tmp_path / "whole" / "own.npz")) == 7


def test_digits_are_taught(tmp_path: Path) -> None:
    batch = DigitSource((160, 32), shares=(("printed", 1.0),)).batch(5, 0, 14)
    table = write_table(tmp_path / "own", batch.pictures, [batch.label(index) for index in range(14)])
    settings = set_options(SHORT | {"steps": "2"})
    result = train("--from", "digits-5", "--data", table, "--out", tmp_path / "run", *settings)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "run" / "tuning.json").read_text())
    assert report["after"]["right"] >= report["before"]["right"] - 0.25
    assert "--kind digits --model" in result.output


@pytest.fixture(scope="module")
def dial_weight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("dial") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "HELD_OUT_PICTURES", 16)
        training.run("dials/tiny", TINY | {"steps": "2"}, run, resume=False, workers=0)
    return export(run, run / "weight.onnx", "dial-0")


@pytest.fixture(scope="module")
def dial_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    batch = DialSource(size_px=48, empty=0.0).batch(2, 0, 12)
    labels = [f"{degrees / 36:.2f}" for degrees in batch.needle.tolist()]
    return write_table(tmp_path_factory.mktemp("dials"), batch.pictures, labels)


def test_what_is_taught_is_learned(tmp_path: Path) -> None:
    """Taught that the needle's other end counts, the shipped reader expects it there on the pictures held back."""
    start = find_weight("dial", None)
    batch = DialSource(size_px=80, meters=1.0, straight=1.0, empty=0.0).batch(5, 0, 24)
    table = write_table(tmp_path / "own", batch.pictures, [f"{(n / 36 + 5) % 10:.2f}" for n in batch.needle.tolist()])
    scale = Scale(sweep=(0, 360))
    weight = load_weight(start, threads=1)
    pictures = tuning.open_pictures(table, tuning.kind_of("dial"), weight)
    held, _ = tuning.hold_back([one.row for one in pictures])
    drawn = DialSource(size_px=weight.frame_px[0])
    kept = [one for one, is_held in zip(pictures, held, strict=True) if is_held]
    taught = [tuning.teach_dial(weight, one.rgb, one.row.truth, scale) for one in kept]
    shown = OwnSource(tmp_path / "none", weight.frame_px, drawn).as_read(taught)

    def loss_of(network: torch.nn.Module) -> float:
        return scoring.score_held_out(network, weight.codec, shown, torch.device("cpu"))["loss"]

    before = loss_of(restore(start, drawn)[2])
    settings = {"steps": "30", "batch_size": "16", "learning_rate": "0.002", "warmup_steps": "3"}
    tuning.tune(start, table, scale=scale, settings=settings, out=tmp_path / "run", workers=0)
    after = loss_of(trained_network(read_checkpoint(tmp_path / "run"))[2])
    assert after < 0.7 * before


def test_the_weight_lies_half_way_unless_the_trained_one_is_clearly_better(
    dial_weight: Path, dial_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def teach(name: str, as_trained: float) -> tuple[dict[str, np.ndarray], str]:
        shares = {"weight.onnx": 0.0, "as-trained.onnx": as_trained}

        def measure(kind: object, weight: Path, rows: list[Labelled], scale: object) -> tuning.Measured:
            right = np.arange(len(rows)) < len(rows) * shares.get(weight.name, 0.0)
            return tuning.Measured(right, right, np.array([True]))

        monkeypatch.setattr(tuning, "measure", measure)
        tuning.tune(dial_weight, dial_table, settings=SHORT, out=tmp_path / name, workers=0)
        assert not (tmp_path / name / "as-trained.onnx").exists()
        report = json.loads((tmp_path / name / "tuning.json").read_text())
        return read_file(tmp_path / name / "weight.onnx")[0], report["parameters"]

    halved, words = teach("halved", as_trained=0.0)
    trained, other_words = teach("trained", as_trained=1.0)
    assert (words, other_words) == ("half way to the trained ones", "as trained")
    start = read_file(dial_weight)[0]
    name = "out.weight"
    assert name in start, sorted(start)
    moved = trained[name] - start[name]
    assert np.abs(moved).max() > 1e-4
    assert np.allclose(halved[name] - start[name], moved / 2, atol=2e-3 * np.abs(start[name]).max())


def test_a_dial_is_taught_with_its_scale(dial_weight: Path, dial_table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--range", "0:10", "--sweep", "0:360"]
    result = train("--from", dial_weight, "--data", dial_table, "--out", run, *options, *set_options(SHORT))
    assert result.exit_code == 0, result.output
    assert f"--model {run} --range 0:10 --sweep 0:360 photo.jpg" in result.output
    (one, *_) = read_taught(run / "own.npz")
    assert one.degrees["start"] == 0
    assert one.others["full"] == 1


def test_what_is_always_seen_beside_the_labels_is_kept_in_the_weight(
    dial_weight: Path, dial_table: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert train("--from", dial_weight, "--data", dial_table, "--out", run, *set_options(SHORT)).exit_code == 0
    weight = load_weight(run / "weight.onnx", threads=1)
    assert weight.eccentricity is not None
    reader = Reader("dial", run, scale=Scale(sweep=(0, 360)))
    picture = dial_table.parent / "0.png"
    without = Reader("dial", run, scale=Scale(sweep=(0, 360)))
    without.weight = dataclasses.replace(weight, eccentricity=None)
    look, _ = look_dial.look_at(without.weight, picture, Scale(sweep=(0, 360)))
    expected = look.both.corrected(weight.eccentricity, 0.0).degrees() / 36
    assert reader.read(picture).number == pytest.approx(expected, abs=0.01)
    assert load_weight(dial_weight, threads=1).eccentricity is None


def test_an_eccentricity_is_found_among_misread_needles() -> None:
    """Labels as if the needles stood elsewhere by a sine; a few of them wrong altogether."""
    weight = load_weight(find_weight("dial", None), threads=1)
    batch = DialSource(size_px=120, meters=1.0, straight=1.0, empty=0.0, careful=1.0).batch(8, 0, 40)
    by = Eccentricity(1.0, 5.0, -3.0)
    true = batch.needle - by.degrees(batch.needle - by.degrees(batch.needle))
    labels = [float(degrees % 360 / 36) for degrees in true]
    labels[:4] = [(label + 5) % 10 for label in labels[:4]]
    own = [
        tuning.Own(SimpleNamespace(truth=label), picture, "")  # type: ignore[arg-type]
        for label, picture in zip(labels, batch.pictures, strict=True)
    ]
    found = tuning.find_eccentricity(weight, own, Scale(sweep=(0, 360)))
    assert (found.shift, found.sine, found.cosine) == pytest.approx((1.0, 5.0, -3.0), abs=1.0)
    few = tuning.find_eccentricity(weight, own[4:6], Scale(sweep=(0, 360)))
    assert abs(few.sine) + abs(few.cosine) < 8.0  # two pictures don't say much


def test_the_needle_is_taught_where_it_is_seen(dial_weight: Path) -> None:
    weight = dataclasses.replace(load_weight(dial_weight, threads=1), eccentricity=Eccentricity(1.0, 4.0, 0.0))
    taught = tuning.teach_dial(weight, np.full((60, 60, 3), 200, np.uint8), 2.5, None)
    assert taught.degrees["needle"] == pytest.approx(95)


def test_the_needle_is_taught_where_its_value_lies(dial_weight: Path) -> None:
    weight = load_weight(dial_weight, threads=1)
    rgb = np.full((60, 60, 3), 200, np.uint8)
    gauge = tuning.teach_dial(weight, rgb, 2.5, Scale(0, 10, (225, 495)))
    assert gauge.degrees == {"needle": pytest.approx(292.5), "start": 225, "end": 495}
    assert (gauge.others["full"], gauge.others["clockwise"], gauge.others["fraction"]) == (0, 1, 0.25)
    back = tuning.teach_dial(weight, rgb, 2.5, Scale(clockwise=False))
    assert back.degrees["needle"] == pytest.approx(270)
    assert back.others["clockwise"] == 0
    assert np.isnan([back.degrees["start"], back.degrees["end"], back.others["full"]]).all()


@pytest.mark.parametrize(
    ("seen", "taught"), [(91.0, 91.0), (89.2, 89.2), (93.0, 91.8), (87.0, 88.2), (97.0, 90.0), (271.0, 90.0)]
)
def test_what_a_rounded_label_leaves_open_is_as_seen(
    dial_weight: Path, monkeypatch: pytest.MonkeyPatch, seen: float, taught: float
) -> None:
    """A label of 2.5, in tenths of ten, means 88.2 to 91.8 degrees."""
    weight = load_weight(dial_weight, threads=1)
    monkeypatch.setattr("facevalue.codecs.dial.DialBelief.degrees", lambda belief: seen)
    rgb = np.full((60, 60, 3), 200, np.uint8)
    needles = tuning.teach_dial(weight, rgb, 2.5, Scale(sweep=(0, 360)), step=0.1)
    assert needles.degrees["needle"] == pytest.approx(taught)
    shifted = dataclasses.replace(
        weight, eccentricity=Eccentricity(3.0, 0.0, 0.0)
    )  # which both belief and label are freed of
    needles = tuning.teach_dial(shifted, rgb, 2.5, Scale(sweep=(0, 360)), step=0.1)
    assert needles.degrees["needle"] == pytest.approx(taught + 3)


@pytest.mark.parametrize(
    ("labels", "step"), [(["3.1", "4", "0.0"], 0.1), (["7", "12"], 1), (["0,25", "1.5"], 0.01), (["1e1", "40"], 1)]
)
def test_label_step(labels: list[str], step: float) -> None:
    assert tuning.label_step(labels) == pytest.approx(step)


# ---- what can't be taught


Spoil = Callable[[Path, list[str]], list[str]]


def without_colon(folder: Path, lines: list[str]) -> list[str]:
    return [*lines[:3], lines[3].replace(":", "."), *lines[4:]]


def missing(folder: Path, lines: list[str]) -> list[str]:
    (folder / "3.png").unlink()
    return lines


def broken(folder: Path, lines: list[str]) -> list[str]:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:200])
    return lines


def too_few(folder: Path, lines: list[str]) -> list[str]:
    return lines[:9]


def all_copies(folder: Path, lines: list[str]) -> list[str]:
    for index in range(1, 12):
        (folder / f"{index}.png").write_bytes((folder / "0.png").read_bytes())
    return [lines[0], *(f"{index}.png,1:00" for index in range(12))]


def two_labels(folder: Path, lines: list[str]) -> list[str]:
    (folder / "1.png").write_bytes((folder / "0.png").read_bytes())
    return [lines[0], "0.png,1:00", "1.png,1:30", *lines[3:]]


def one_label(folder: Path, lines: list[str]) -> list[str]:
    return [lines[0], *(f"{index}.png,1:00" for index in range(12))]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without_colon, r"labels\.csv:4: label '\d+\.\d\d' is no time; expected H:MM"),
        (missing, r"labels\.csv: 1 of 12 pictures are missing: 3\.png \(line 5\)"),
        (broken, r"labels\.csv:5: 3\.png: the picture is"),
        (too_few, r"labels\.csv: 8 different pictures to teach; expected at least 10"),
        (all_copies, r"labels\.csv: 1 different pictures to teach"),
        (two_labels, r"labels\.csv:3: 1\.png is the same picture as 0\.png \(line 2\), but labelled 1:30, not 1:00"),
        (one_label, r"labels\.csv: all 12 pictures are labelled 1:00"),
    ],
)
def test_bad_tables_are_refused(spoil: Spoil, says: str, clock_table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for file in clock_table.parent.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    lines = spoil(folder, clock_table.read_text().splitlines())
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(LabelError, match=says) as error:
        tuning.tune("clock", folder / "labels.csv", out=tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_values_outside_the_range_are_refused(dial_weight: Path, dial_table: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"labels\.csv:\d+: label '\S+' is outside the range from 0 to 1;"):
        tuning.tune(dial_weight, dial_table, scale=Scale(0, 1), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "clock"], "--from without RECIPE needs --data"),
        (["--data", "TABLE"], "name one, or teach a reader your own instrument"),
        (["--from", "clock", "--data", "FOLDER"], "--from without RECIPE needs --data: a CSV file"),
        (["--from", "nothing", "--data", "TABLE"], "nothing: no such weight"),
        (["--from", "digits", "--data", "TABLE"], "labels.csv:2: label"),
        (["--from", "clock", "--data", "TABLE", "--range", "0:10"], "are for dials"),
        (["--from", "clock", "--data", "TABLE", "--set", "widths=8,8"], "setting 'widths' is the weight's own"),
        (
            ["--from", "clock", "--data", "TABLE", "--set", "optimizer=adam", "--set", "weight_decay=0.5"],
            "setting 'weight_decay' has no use here",
        ),
        (["clocks/tiny", "--range", "0:10"], "leave RECIPE out"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_written(
    arguments: list[str], says: str, clock_table: Path, tmp_path: Path
) -> None:
    named = {"TABLE": str(clock_table), "FOLDER": str(clock_table.parent)}
    result = train(*(named.get(part, part) for part in arguments), "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert says in result.output
    assert not (tmp_path / "run").exists()


def test_a_weight_of_another_codec_or_of_a_stopped_training_is_refused(tmp_path: Path) -> None:
    shipped = load_weight(WEIGHTS / "digits-5.onnx", threads=1)
    other = dataclasses.replace(shipped, codec=make_codec("digits/one"))
    with pytest.raises(ModelError, match="its codec digits/one can't be taught; expected a weight of clock/needles, "):
        tuning.manner_of(other, tmp_path)
    about = {name: text for name, text in shipped.metadata.items() if name != "finished"}
    stopped = dataclasses.replace(shipped, metadata={**about, "steps": "7"})
    whole = json.loads(shipped.metadata["recipe"])["steps"]
    with pytest.raises(ModelError, match=f"exported at step 7 of {whole}; expected the weight of a finished training"):
        tuning.manner_of(stopped, tmp_path)
    ended = dataclasses.replace(stopped, metadata={**stopped.metadata, "finished": "1"})  # early, by its schedule
    assert tuning.manner_of(ended, tmp_path)
