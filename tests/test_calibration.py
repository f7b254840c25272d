"""Confidence: what is fitted is what was there, and it never falls when the evidence grows."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from stand_ins import paint_digit, write_colour_weight

from facevalue import calibration, look_clock, look_dial, reader
from facevalue.calibration import (
    FEATURES,
    FEATURES_OF,
    FOLDS,
    LEAST_THRESHOLD,
    MANNERS,
    Calibration,
    calibrate_command,
    fit,
    logits,
)
from facevalue.cli import main
from facevalue.codecs.dial import Eccentricity, Scale
from facevalue.errors import LabelError
from facevalue.judging import KINDS
from facevalue.labels import Labelled, read_labels
from facevalue.metrics import threshold_for_accuracy
from facevalue.reader import Reader, Weight, find_weight
from facevalue.sources.clocks import write_pictures
from facevalue.sources.dials import DialSource

SHARES = st.floats(0, 1)
SLOPES = st.tuples(*[st.floats(0, 3)] * len(FEATURES), st.floats(-3, 3))


def features_of(rows: np.ndarray) -> list[dict[str, float]]:
    """(N, len(FEATURES)) log-odds as N rows of features."""
    return [dict(zip(FEATURES, 1 / (1 + np.exp(-row)), strict=True)) for row in rows]


def test_each_fold_is_judged_by_a_fit_that_never_saw_it() -> None:
    seen: list[list[bool]] = []
    features = features_of(np.tile([[3.0], [-3.0]], (10, len(FEATURES))))  # alternately sure and unsure
    right = np.tile([True, False], 10)
    fold = np.arange(20) // 4
    measured = np.arange(20) < 16  # the last fold is of another set

    def fit_on(kept: np.ndarray) -> Calibration:
        seen.append(kept.tolist())
        return Calibration()

    scores = calibration.cross_validate(fit_on, features, right, fold, measured)
    assert scores == {"answered": 0.5, "right": 1.0, "count": 16, "folds": 5}
    assert seen == [(fold != number).tolist() for number in range(5)]


def test_a_fold_counts_by_weight_and_what_is_not_told_is_not_answered() -> None:
    features = features_of(np.full((4, len(FEATURES)), 3.0))  # all of them sure
    right, told = np.array([True, False, True, False]), np.array([True, True, True, False])
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    scores = calibration.cross_validate(
        lambda kept: Calibration(), features, right, np.arange(4), np.ones(4, bool), weight, told
    )
    assert scores == {"answered": 0.6, "right": round(4 / 6, 4), "count": 4, "folds": 5}


def test_where_nothing_is_answered_no_share_of_it_is_right() -> None:
    never = Calibration(threshold=1.01)
    features = features_of(np.full((5, len(FEATURES)), 3.0))
    scores = calibration.cross_validate(lambda kept: never, features, np.ones(5, bool), np.arange(5), np.ones(5, bool))
    assert scores == {"answered": 0.0, "right": None, "count": 5, "folds": 5}


# ---- the fit


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ((1.0, 0.5, 0.0, 0.25, -1.0), "each feature its own slope"),
        ((0.8, 0.0, 0.0, 0.0, 0.0), "one that tells all"),
        ((0.0, 0.0, 0.0, 0.0, 1.5), "none that tells anything"),
    ],
)
def test_a_known_relation_is_recovered(weights: tuple[float, ...], reason: str) -> None:
    rnd = np.random.default_rng(3)
    rows = rnd.normal(0, 2, (6000, len(FEATURES)))
    true = np.array([*weights[: len(FEATURES)], weights[-1]])
    right = rnd.random(6000) < 1 / (1 + np.exp(-(rows @ true[:-1] + true[-1])))
    fitted = fit(features_of(rows), right, np.ones(6000))
    assert fitted == pytest.approx(true, abs=0.15), reason
    found = Calibration(fitted)
    confidence = np.array([found.confidence(row) for row in features_of(rows)])
    assert confidence.mean() == pytest.approx(right.mean(), abs=0.01)
    surest = confidence > np.quantile(confidence, 0.8)
    assert confidence[surest].mean() == pytest.approx(right[surest].mean(), abs=0.03)


def test_no_slope_is_negative() -> None:
    """A feature that misleads is left out, and the others are fitted without it."""
    rnd = np.random.default_rng(4)
    rows = rnd.normal(0, 2, (2000, len(FEATURES)))
    right = rnd.random(2000) < 1 / (1 + np.exp(-(rows[:, 0] - rows[:, 1])))
    fitted = fit(features_of(rows), right, np.ones(2000))
    assert fitted[1] == 0
    assert all(slope >= 0 for slope in fitted[:-1])
    without = rows.copy()
    without[:, 1] = 0.0
    assert fitted[0] == pytest.approx(fit(features_of(without), right, np.ones(2000))[0], abs=0.01)


@pytest.mark.parametrize(
    ("right", "mean", "reason"),
    [
        (np.ones(50, bool), 1.0, "always right"),
        (np.zeros(50, bool), 0.0, "always wrong"),
        (np.arange(50) < 25, 0.5, "half"),
        (np.arange(50) == 0, 0.02, "once"),
    ],
)
def test_one_sided_evidence_gives_finite_weights(right: np.ndarray, mean: float, reason: str) -> None:
    rows = features_of(np.random.default_rng(5).normal(0, 2, (50, len(FEATURES))))
    fitted = Calibration(fit(rows, right, np.ones(50)))
    assert np.isfinite(fitted.weights).all(), reason
    assert np.mean([fitted.confidence(row) for row in rows]) == pytest.approx(mean, abs=0.02)


def test_a_weight_counts_as_so_many_rows() -> None:
    rnd = np.random.default_rng(6)
    rows = rnd.normal(0, 2, (200, len(FEATURES)))
    right = rnd.random(200) < 0.6
    weight = rnd.integers(0, 4, 200)
    repeated = fit(features_of(rows.repeat(weight, axis=0)), right.repeat(weight), np.ones(int(weight.sum())))
    assert fit(features_of(rows), right, weight.astype(np.float64)) == pytest.approx(repeated, abs=1e-6)


# ---- confidence


@settings(deadline=None)
@given(weights=SLOPES, low=st.lists(SHARES, min_size=len(FEATURES), max_size=len(FEATURES)), data=st.data())
def test_confidence_rises_with_the_evidence(weights: tuple[float, ...], low: list[float], data: st.DataObject) -> None:
    high = [data.draw(st.floats(share, 1)) for share in low]
    of = Calibration(weights).confidence
    less, more = (of(dict(zip(FEATURES, shares, strict=True))) for shares in (low, high))
    assert 0 < less <= more + 1e-12 < 1 + 1e-9


def test_as_exported_confidence_is_the_probability_itself() -> None:
    for share in (0.01, 0.5, 0.97):
        assert Calibration().confidence(dict.fromkeys(FEATURES, 0.5) | {FEATURES[0]: share}) == pytest.approx(share)


def test_certainty_stays_finite() -> None:
    rows = [dict.fromkeys(FEATURES, value) for value in (0.0, 1.0)]
    assert np.isfinite(logits(rows)).all()
    wild = Calibration((1e6,) * (len(FEATURES) + 1))
    assert [wild.confidence(row) for row in rows] == pytest.approx([0, 1], abs=1e-9)


# ---- JSON


@settings(deadline=None)
@given(weights=SLOPES, threshold=st.one_of(st.floats(0, 1), st.just(float("inf"))))
def test_json_round_trip(weights: tuple[float, ...], threshold: float) -> None:
    one = Calibration(weights, threshold)
    assert Calibration.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "no weights"),
        ("not json", "no JSON"),
        ("[]", "a list"),
        ('{"weights": [1, 2], "threshold": 0.5}', "of other features"),
        ('{"weights": ["a", "b", "c", "d", "e"], "threshold": 0.5}', "no numbers"),
    ],
)
def test_what_is_no_calibration_is_refused(text: str, reason: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        Calibration.from_json(text)


# ---- the command


@pytest.fixture
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "DRAWN_PICTURES", 24)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The label file of 12 drawn clocks."""
    out = tmp_path_factory.mktemp("drawn")
    write_pictures(out, 12, seed=8, sheet=False, size_px=48)
    return out / "labels.csv"


def read_as_labelled(weight: Path, table: Path) -> tuple[Path, set[int]]:
    """The same pictures, labelled with what the weight reads off them: an untrained one is right in no other way.

    But for two, those of which it is least sure that they show a dial.  Returns the table and which two they are.
    """
    rows, reader = read_labels(table), Reader("clock", weight)
    values = [reader.read(row.path).value for row in rows]
    dials = [look_clock.look_at(reader.weight, row.path)[0].features()["dial"] for row in rows]
    wrong = set(np.argsort(dials)[:2].tolist())
    for index in wrong:
        values[index] = "12:00" if values[index] != "12:00" else "6:00"
    flattering = table.with_name("flattering.csv")
    with flattering.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("file", "label"), *((row.file, value) for row, value in zip(rows, values, strict=True))]
        )
    return flattering, wrong


def everything_but_the_calibration(weight: Path) -> bytes:
    model = onnx.load(str(weight))
    kept = [entry for entry in model.metadata_props if not entry.key.startswith("calibration")]
    onnx.helper.set_model_props(model, {entry.key: entry.value for entry in kept})
    return bytes(model.SerializeToString(deterministic=True))


@pytest.mark.usefixtures("few_drawn")
def test_the_command_changes_the_calibration_and_nothing_else(tiny_weight: Path, drawn: Path, tmp_path: Path) -> None:
    weight = tmp_path / "mine.onnx"
    shutil.copy(tiny_weight, weight)
    table, wrong = read_as_labelled(weight, drawn)
    tables = [*[table] * 5, drawn]  # so often that most of what it is fitted on is right
    command = ["calibrate", str(weight), *(part for path in tables for part in ("--data", str(path)))]
    result = CliRunner().invoke(main, [*command, "--accuracy", "0.9"], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    metadata = {entry.key: entry.value for entry in onnx.load(str(weight)).metadata_props}
    fitted = Calibration.from_json(metadata["calibration"])
    assert fitted != Calibration()
    assert Reader("clock", weight).weight.calibration == fitted
    assert everything_but_the_calibration(weight) == everything_but_the_calibration(tiny_weight)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.onnx"]
    readings = [Reader("clock", weight).read(row.path) for row in read_labels(table)]
    answered = [index for index, reading in enumerate(readings) if not reading.uncertain]
    assert all(reading.uncertain == (reading.confidence < fitted.threshold) for reading in readings)
    assert len(answered) >= 5
    assert np.mean([index not in wrong for index in answered]) >= 0.9  # as was asked for; of all it would be 10 of 12
    assert json.loads(metadata["calibration"])["threshold"] == fitted.threshold
    held_out = json.loads(metadata["calibration_held_out"])
    assert held_out.keys() == {"answered", "right", "count", "folds"}
    assert held_out["count"] == len(readings)


@pytest.mark.usefixtures("few_drawn")
def test_what_judges_a_fold_was_fitted_and_its_threshold_chosen_without_it(
    tiny_weight: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    chosen: list[int] = []

    def note_fitted(rows: Any, *arguments: Any, **options: Any) -> Any:
        fitted.append(len(rows))
        return fit(rows, *arguments, **options)

    def note_chosen(sure: Any, *arguments: Any) -> Any:
        chosen.append(len(sure))
        return threshold_for_accuracy(sure, *arguments)

    monkeypatch.setattr(calibration, "fit", note_fitted)
    monkeypatch.setattr(calibration, "threshold_for_accuracy", note_chosen)
    shutil.copy(tiny_weight, tmp_path / "mine.onnx")
    calibrate_command(tmp_path / "mine.onnx", [drawn])
    for counts, whole in ((fitted, 12 + 24), (chosen, 12)):
        assert (counts[0], len(counts)) == (whole, 1 + FOLDS)
        assert sum(whole - count for count in counts[1:]) == whole  # each row is left out once


def test_a_shipped_weight_is_not_written_to_however_it_is_named(
    tiny_weight: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "weights"
    shipped.mkdir()
    shutil.copy(tiny_weight, shipped / "clock-0.onnx")
    (tmp_path / "linked").symlink_to(shipped)
    monkeypatch.setattr("facevalue.reader.WEIGHTS", shipped)
    monkeypatch.chdir(tmp_path)
    for name in ("weights/clock-0.onnx", "weights/../weights/clock-0.onnx", "linked/clock-0.onnx"):
        done = CliRunner().invoke(main, ["calibrate", name, "--data", str(drawn)])
        assert done.exit_code == 2
        assert "clock-0 is a shipped weight: copy its file first" in done.stderr
    assert (shipped / "clock-0.onnx").read_bytes() == tiny_weight.read_bytes()


@pytest.mark.usefixtures("few_drawn")
def test_a_run_of_ones_own_may_have_the_name_of_a_shipped_weight(
    tiny_weight: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clock-1").mkdir()
    shutil.copy(tiny_weight, tmp_path / "clock-1" / "weight.onnx")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["calibrate", "./clock-1", "--data", str(drawn)])
    assert done.exit_code == 0, done.stderr
    assert Path("clock-1/weight.onnx").read_bytes() != tiny_weight.read_bytes()


@pytest.mark.usefixtures("few_drawn")
def test_what_is_likelier_wrong_than_right_is_never_answered(tiny_weight: Path, drawn: Path, tmp_path: Path) -> None:
    weight = tmp_path / "mine.onnx"
    shutil.copy(tiny_weight, weight)
    assert not Reader("clock", weight).weight.is_calibrated
    rows = read_labels(drawn)
    table = drawn.with_name("all-right.csv")
    values = [Reader("clock", weight).read(row.path).value for row in rows]
    lines = [f"{row.file},{value}" for row, value in zip(rows, values, strict=True)]
    table.write_text("\n".join(["file,label", *lines]))
    done = CliRunner().invoke(main, ["calibrate", str(weight), "--data", str(table)], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    reader = Reader("clock", weight)
    assert reader.weight.calibration.threshold == LEAST_THRESHOLD == 0.5
    assert "right at 95% already below 0.5: the threshold stays there" in done.stderr
    assert reader.weight.is_calibrated


def all_text(folder: Path) -> Path:
    (folder / "a.jpg").write_text("dear diary")
    (folder / "labels.csv").write_text("file,label\na.jpg,1:00\n")
    return folder / "labels.csv"


def missing(folder: Path) -> Path:
    (folder / "labels.csv").write_text("file,label\nb.jpg,1:00\n")
    return folder / "labels.csv"


@pytest.mark.usefixtures("few_drawn")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(all_text, "none of its pictures can be read", id="no picture among them"),
        pytest.param(missing, "1 of 1 pictures are missing: b.jpg", id="a missing picture"),
    ],
)
def test_labels_that_fit_nothing_leave_the_weight_alone(
    make: Callable[[Path], Path], expected: str, tiny_weight: Path, tmp_path: Path
) -> None:
    weight = tmp_path / "mine.onnx"
    shutil.copy(tiny_weight, weight)
    with pytest.raises(LabelError, match=expected):
        calibrate_command(weight, [make(tmp_path)], 0.95)
    assert weight.read_bytes() == tiny_weight.read_bytes()


# ---- kinds


def test_every_kind_that_is_measured_can_be_calibrated() -> None:
    assert KINDS.keys() == MANNERS.keys() == FEATURES_OF.keys()


@pytest.mark.parametrize(("name", "least"), [("clock", 0.6), ("dial", 0.5), ("digits", 0.7)])
def test_what_is_drawn_to_calibrate_on_is_labelled_as_it_is_read(name: str, least: float) -> None:
    kind, reader = KINDS[name], Reader(name)
    judged: dict[bool, list[bool]] = {True: [], False: []}
    for picture, truth in MANNERS[name].draw(reader.weight.frame_px, 60):
        judged[str(truth) in ("", "nan")].append(kind.is_right(reader.read(picture), truth))
    assert np.mean(judged[False]) >= least
    assert 5 <= len(judged[True]) <= 30  # show nothing that could be read
    assert not any(judged[True])


def test_a_dial_is_calibrated_with_its_sweep_and_with_the_ends_that_are_seen() -> None:
    first, second = calibration.ways_of(Scale(0, 10, (225, 495)))
    assert (first["dial"].sweep, second["dial"].sweep, second["dial"].clockwise) == ((225, 495), None, True)
    _, falling = calibration.ways_of(Scale(0, 10, (135, -135)))
    assert falling["dial"].clockwise is False
    assert calibration.ways_of(Scale(0, 10)) == [{"dial": Scale(0, 10)}]
    assert calibration.ways_of(None) == [{}]


# ---- digits


def rows_of(*sources: str) -> list[Labelled]:
    return [Labelled(f"{index}.png", Path(), "1", "1", source, index) for index, source in enumerate(sources)]


@pytest.mark.parametrize(
    ("sources", "folds", "reason"),
    [
        (["a", "b", "a", "b"], [[0, 2], [1, 3]], "a source is in one fold"),
        (["a/20240101/05", "a/20240101/06", "a/20240212/05"], [[0, 1, 2]], "bursts of one meter are of one source"),
        (["(none)", "(none)", "a"], [[0, 1], [2]], "pictures of no known source may be of one"),
        (["a", "a", "b", "c", "d", "e", "f"], [[0, 1]], "the largest fold takes no more while others are smaller"),
    ],
)
def test_sources_never_straddle_folds(sources: list[str], folds: list[list[int]], reason: str) -> None:
    split = calibration.split_by_source(rows_of(*sources))
    assert set(split) <= set(range(FOLDS))
    together = [sorted(index for index, fold in enumerate(split) if fold == number) for number in set(split)]
    for expected in folds:
        assert expected in together, reason


def test_rows_without_a_source_are_split_one_by_one() -> None:
    split = calibration.split_by_source(rows_of(*[""] * 50))
    assert np.bincount(split).tolist() == [10] * FOLDS


def test_drawn_rows_need_no_data_set_and_a_fifth_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise AssertionError("a data set was asked for")

    monkeypatch.setattr("facevalue.sources.digits.find_dataset", fail)
    drawn = list(calibration.draw_rows((160, 32), 500))
    again = list(calibration.draw_rows((160, 32), 500))
    assert all((one[0] == other[0]).all() and one[1] == other[1] for one, other in zip(drawn, again, strict=True))
    assert {picture.shape for picture, _ in drawn} == {(64, 320, 3)}
    labels = [label for _, label in drawn]
    assert labels[400:] == [""] * 100
    assert 0 < sum(not label for label in labels[:400]) < 40, "a covered digit here and there"
    singles = [label for label in labels if "." in label]
    assert singles and all(0 <= float(label) < 10 and len(label) == 3 for label in singles)
    assert all(label.isdecimal() and 2 <= len(label) <= 8 for label in labels if label and "." not in label)


def test_drawn_dials_are_not_read_as_if_they_were_the_one_that_was_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a needle stands beside its labels is taken away from one's own pictures alone."""
    seen: list[tuple[bool, bool]] = []

    def look_at(weight: Weight, source: Any, *arguments: Any) -> Any:
        seen.append((isinstance(source, Path), weight.eccentricity is not None))
        return look_dial.look_at(weight, source, *arguments)

    taught = tmp_path / "taught.onnx"
    model = onnx.load(str(find_weight("dial", None)))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, metadata | {"eccentricity": Eccentricity(3.0, 4.0, 0.0).to_json()})
    onnx.save(model, str(taught))
    monkeypatch.setattr(calibration, "DRAWN_PICTURES", 5)
    monkeypatch.setitem(reader.LOOKS, "dial", SimpleNamespace(look_at=look_at, make_reading=look_dial.make_reading))
    batch = DialSource(size_px=48, empty=0.0).batch(2, 0, 4)
    for index, picture in enumerate(batch.pictures):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(f"{index}.png,{index}\n" for index in range(4)))
    calibrated(taught, "--data", str(tmp_path / "labels.csv"), kind="dial")
    assert {(own, corrected) for own, corrected in seen} == {(True, True), (False, False)}


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A label file of 60 digits of 6 meters, read wrong where they look unsure, and of some pictures of none."""
    folder = tmp_path_factory.mktemp("painted")
    lines = ["file,label,meter"]
    rnd = np.random.default_rng(9)
    for index in range(60):
        place, sure = int(rnd.integers(10)), int(rnd.choice([4, 10, 200, 250]))
        paint_digit(folder / f"{index}.png", place, sure)
        label = place if sure >= 100 or rnd.random() < 0.3 else (place + 5) % 10
        lines.append(f"{index}.png,{label},m{index % 6}/20240101/{index % 24:02}")
    for index, place in enumerate((None, None, 3)):
        paint_digit(folder / f"none{index}.png", place, 10)
        lines.append(f"none{index}.png,NaN,m0")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder / "labels.csv"


def calibrated(weight: Path, *options: str, kind: str = "digits") -> Calibration:
    result = CliRunner().invoke(main, ["calibrate", str(weight), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return Reader(kind, weight).weight.calibration


@pytest.mark.usefixtures("few_drawn")
def test_digits_are_calibrated_on_all_tables_together(painted: Path, tmp_path: Path) -> None:
    weight = write_colour_weight(tmp_path / "colours.onnx")
    before = everything_but_the_calibration(weight)
    fitted = calibrated(weight, "--data", str(painted))
    assert fitted.features == FEATURES_OF["digits"]
    assert all(slope >= 0 for slope in fitted.weights[:-1])
    assert everything_but_the_calibration(weight) == before
    reader, digits = Reader("digits", weight), KINDS["digits"]
    rows = read_labels(painted, digits.parse_label)
    readings = [reader.read(row.path) for row in rows]
    answered = [digits.is_right(one, row.truth) for one, row in zip(readings, rows, strict=True) if not one.uncertain]
    assert len(answered) > 10
    assert np.mean(answered) >= 0.99, "as often right as is promised of digits"
    held_out = json.loads(reader.weight.metadata["calibration_held_out"])
    assert held_out.keys() == {"answered", "right", "count", "folds"}
    assert held_out["count"] == 63


@pytest.mark.usefixtures("few_drawn")
def test_each_table_of_digits_weighs_the_same(painted: Path, tmp_path: Path) -> None:
    """One picture, surely wrong, in a table of its own is half of all: next to nothing can be answered."""
    weight = write_colour_weight(tmp_path / "colours.onnx")
    picture, wrong = tmp_path / "w.png", tmp_path / "wrong.csv"
    paint_digit(picture, 3.0, 250)
    wrong.write_text("file,label\nw.png,7\n")
    calibrated(weight, "--data", str(painted))
    assert not Reader("digits", weight).read(picture).uncertain
    for tables in ((painted, wrong), (wrong, painted)):
        fitted = calibrated(weight, *(part for table in tables for part in ("--data", str(table))))
        reader = Reader("digits", weight)
        assert reader.read(picture).confidence < fitted.threshold
        assert json.loads(reader.weight.metadata["calibration_held_out"])["count"] == 64


@pytest.mark.usefixtures("few_drawn")
def test_a_picture_without_a_digit_is_never_answered(painted: Path, tmp_path: Path) -> None:
    weight = write_colour_weight(tmp_path / "colours.onnx")
    calibrated(weight, "--data", str(painted), "--accuracy", "0.5")  # next to everything else is
    paint_digit(tmp_path / "none.png", None)
    reading = Reader("digits", weight).read(tmp_path / "none.png")
    assert (reading.value, reading.confidence, reading.uncertain) == ("?", 0.0, True)
    assert reading.confidence < Reader("digits", weight).weight.calibration.threshold


@pytest.mark.usefixtures("few_drawn")
def test_calibration_on_picked_rows(painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weight = write_colour_weight(tmp_path / "colours.onnx")
    calibrate_command(weight, [painted], only=[("meter", "m0")])
    assert f"{painted}: read 3\n" in capsys.readouterr().err
    before = weight.read_bytes()
    with pytest.raises(LabelError, match="no row has meter=m9"):
        calibrate_command(weight, [painted], without=[("meter", "m9")])
    assert weight.read_bytes() == before
