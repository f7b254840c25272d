"""Evaluation with a reader that answers what it is told: scores, files, and no exception made into a score."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from stand_ins import paint_digit, write_colour_weight, write_labelled

import facevalue.evaluate as evaluation
from facevalue.cli import main
from facevalue.errors import FaceValueError, LabelError, ModelError, PictureError
from facevalue.evaluate import dataset_name, evaluate, format_scores, to_json
from facevalue.figures import draw_worst, plot_confusion
from facevalue.judging import kind_of
from facevalue.labels import read_labels
from facevalue.reading import Reading


def told(value: str, confidence: float = 0.9, uncertain: bool = False, kind: str = "clock") -> Reading:
    return Reading(kind, value, 0.0, confidence, uncertain, (), "fake-1", 2.0)


class FakeReader:
    """Answers by file name, in input order."""

    def __init__(self, answers: dict[str, Reading | FaceValueError], kind: str = "clock") -> None:
        self.answers = answers
        self.kind = kind
        self.asked: list[str] = []

    def read_many(self, sources: Sequence[Path], *, on_error: Literal["return"]) -> Iterator[Reading | FaceValueError]:
        assert on_error == "return"
        for source in sources:
            self.asked.append(source.name)
            yield self.answers[source.name]


@pytest.fixture
def labelled(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a label file and a small picture for every file named p*.png in it."""

    return lambda text: write_labelled(tmp_path / "set", text)


# ---- labels


def test_missing_pictures_are_listed_before_any_is_read(labelled: Callable[[str], Path]) -> None:
    gone = "".join(f"gone{index}.png,1:00\n" for index in range(13))
    path = labelled(f"file,label\np1.png,1:00\n{gone}")
    reader = FakeReader({})
    with pytest.raises(LabelError) as caught:
        evaluate(reader, path)
    message = str(caught.value)
    assert "13 of 14" in message
    assert "gone0.png (line 3)" in message
    assert "gone9.png (line 12) and 3 more" in message
    assert "gone10.png" not in message
    assert reader.asked == []


@pytest.mark.parametrize(
    ("path", "name", "reason"),
    [
        ("kitchen/labels.csv", "kitchen", "labels.csv says nothing, its folder does"),
        ("kitchen/night.csv", "night", "a telling name is kept"),
    ],
)
def test_dataset_name(path: str, name: str, reason: str) -> None:
    assert dataset_name(path) == name, reason


# ---- scores

LABELS = "file,label,source\np1.png,10:09,hall\np2.png,17:59,hall\np3.png,12:00,tower\np4.png,3:00,tower\n"
ANSWERS: dict[str, Reading | FaceValueError] = {
    "p1.png": told("10:09", 0.97),
    "p2.png": told("6:59", 0.55, uncertain=True),  # the classical hour mistake, known to be doubtful
    "p3.png": told("11:59", 0.93),  # one minute across twelve
    "p4.png": PictureError("the picture is cut off before its end", "p4.png"),
}


def test_scores(labelled: Callable[[str], Path]) -> None:
    scores = evaluate(FakeReader(ANSWERS), labelled(LABELS))
    assert scores["model"] == "fake-1"
    assert scores["count"] == 4
    assert scores["within_1"] == 0.5
    assert scores["hour_right"] == 0.5
    assert scores["mean"] == pytest.approx((0 + 60 + 1 + 360) / 4)
    assert scores["median"] == pytest.approx(30.5)
    assert scores["unreadable"] == 1
    assert scores["answered"]["share"] == 0.5
    assert scores["answered"]["within_1"] == 1.0
    assert scores["at_promised_accuracy"] == {"accuracy": 0.95, "threshold": 0.93, "share": 0.5}
    assert scores["expected_calibration_error"] == pytest.approx((2 * 0.05 + 0.55) / 3), "unreadable claims nothing"
    assert [row["count"] for row in scores["reliability"]] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert scores["by_source"]["hall"]["within_1"] == 0.5
    assert scores["by_source"]["tower"]["answered"]["count"] == 1
    assert [row["file"] for row in scores["worst"]] == ["p4.png", "p2.png", "p3.png", "p1.png"]
    assert scores["risk_coverage"] == {"coverage": [0.25, 0.5, 0.75, 1], "risk": [0, 0, 0.3333, 0.5]}


def test_the_value_is_scored_and_not_the_number(labelled: Callable[[str], Path]) -> None:
    near = Reading("clock", "10:08", 608.99, 0.9, False)
    scores = evaluate(FakeReader({"p1.png": near}), labelled("file,label\np1.png,10:09\n"))
    assert scores["mean"] == 1.0


def test_a_number_that_rounds_to_twelve_is_noon(labelled: Callable[[str], Path]) -> None:
    noon = Reading("clock", "12:00", 719.998, 0.9, False)
    scores = evaluate(FakeReader({"p1.png": noon}), labelled("file,label\np1.png,10:09\n"))
    assert [row["number"] for row in scores["worst"]] == [0.0] == [noon.to_dict()["number"]]


def test_unreadable_pictures_count_as_the_worst_miss(
    labelled: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    scores = evaluate(FakeReader({"p1.png": PictureError("cut off")}), labelled("file,label\np1.png,10:09\n"))
    assert (scores["count"], scores["unreadable"], scores["within_10"], scores["mean"]) == (1, 1, 0, 360)
    assert scores["answered"] == {"share": 0, "count": 0} | dict.fromkeys(
        ("mean", "median", "within_1", "within_5", "within_10", "hour_right")
    )
    assert scores["expected_calibration_error"] is None
    assert scores["at_promised_accuracy"]["threshold"] is None
    assert json.loads(to_json(scores)) == scores
    assert "unreadable           100.0 %" in format_scores(scores)
    assert capsys.readouterr().err == "unreadable: cut off\n"


class Surprise(Exception):
    """An error that no reader means to raise."""


def test_no_other_error_becomes_a_score(labelled: Callable[[str], Path]) -> None:
    path = labelled("file,label\np1.png,10:09\n")

    class Broken(FakeReader):
        def read_many(
            self, sources: Sequence[Path], *, on_error: Literal["return"]
        ) -> Iterator[Reading | FaceValueError]:
            raise Surprise
            yield

    class Short(FakeReader):
        def read_many(
            self, sources: Sequence[Path], *, on_error: Literal["return"]
        ) -> Iterator[Reading | FaceValueError]:
            return iter(())

    with pytest.raises(Surprise):
        evaluate(Broken({}), path)
    with pytest.raises(ValueError, match="shorter"):
        evaluate(Short({}), path)
    with pytest.raises(ModelError, match="corrupt"):
        evaluate(FakeReader({"p1.png": ModelError("corrupt")}), path)
    with pytest.raises(ModelError, match="reads digits values"):
        evaluate(FakeReader({"p1.png": told("00815", kind="digits")}), path)


def test_table_names_every_score(labelled: Callable[[str], Path]) -> None:
    table = format_scores(evaluate(FakeReader(ANSWERS), labelled(LABELS), model="clock-9"))
    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert lines[0].startswith("clock-9 on ")
    assert lines[0].endswith("labels.csv: 4 pictures")
    for line in (
        "within 1 minute 50.0 % 2",
        "hour right 50.0 % 2",
        "mean off 105.25 min",
        "unreadable 25.0 % 1 counted as 360 min",
        "answered 50.0 % 2",
        "… within 1 minute 100.0 % 2",
        "could answer at 95 % 50.0 % 2 threshold 0.930",
        "90 % to 100 % 2 95.0 % 100.0 %",
        "hall 2 50.0 % 50.0 % 50.0 % 50.0 % 30.0 30.0 50.0 % 100.0 %",
    ):
        assert line in lines
    assert max(map(len, table.splitlines()[1:])) <= 120


# ---- files


def test_files(tmp_path: Path, labelled: Callable[[str], Path]) -> None:
    out = tmp_path / "deep" / "out"
    path = labelled(LABELS)
    (path.parent / "p4.png").write_bytes(b"cut off")
    scores = evaluate(FakeReader(ANSWERS), path, out)
    assert sorted(file.name for file in out.iterdir()) == [
        "readings.csv",
        "risk_coverage.png",
        "scores.json",
        "worst20.png",
    ]
    assert json.loads((out / "scores.json").read_text(encoding="utf-8")) == scores
    rows = list(csv.DictReader(io.StringIO((out / "readings.csv").read_text(encoding="utf-8"))))
    assert [(row["file"], row["value"], row["minutes_apart"]) for row in rows] == [
        ("p1.png", "10:09", "0.0"),
        ("p2.png", "6:59", "60.0"),
        ("p3.png", "11:59", "1.0"),
        ("p4.png", "", "360.0"),
    ]
    assert rows[3]["error"] == "the picture is cut off before its end"
    for name in ("worst20.png", "risk_coverage.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 300
            shades = picture.convert("L").histogram()
            assert sum(count > 0 for count in shades) > 20, "something is drawn"


def test_a_second_run_replaces_the_first(tmp_path: Path, labelled: Callable[[str], Path]) -> None:
    path = labelled(LABELS)
    evaluate(FakeReader(ANSWERS), path, tmp_path / "out")
    evaluate(FakeReader({**ANSWERS, "p2.png": told("5:59")}), path, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))["within_1"] == 0.75


def test_a_run_cut_short_leaves_the_last_one_whole(
    tmp_path: Path, labelled: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = labelled(LABELS), tmp_path / "out"
    evaluate(FakeReader(ANSWERS), path, out)
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def fail(*_: object) -> bytes:
        raise Surprise

    monkeypatch.setattr(evaluation, "plot_risk_coverage", fail)
    with pytest.raises(Surprise):
        evaluate(FakeReader({**ANSWERS, "p2.png": told("5:59")}), path, out)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_a_bad_folder_is_known_before_anything_is_read(tmp_path: Path, labelled: Callable[[str], Path]) -> None:
    (tmp_path / "taken").write_text("a file")
    reader = FakeReader(ANSWERS)
    with pytest.raises(FaceValueError, match="can't write there"):
        evaluate(reader, labelled(LABELS), tmp_path / "taken")
    assert reader.asked == []


def test_without_matplotlib_only_the_plot_is_missing(
    tmp_path: Path,
    labelled: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert evaluate(FakeReader(ANSWERS), labelled(LABELS), tmp_path / "out")["count"] == 4
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"readings.csv", "worst20.png", "scores.json"}
    assert "no risk_coverage.png: the plot needs matplotlib: pip install 'facevalue[train]'" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 4, 5, 25])
def test_sheet_fits_any_count(count: int, labelled: Callable[[str], Path]) -> None:
    path = labelled("file,label\n" + "".join(f"p{index}.png,1:00\n" for index in range(count)))
    kind = kind_of("clock")
    judged = [kind.judge(row, told("7:00")) for row in read_labels(path)]
    sheet = draw_worst(kind, judged, "a title much too long for so small a sheet " * 3)
    assert sheet.height == 64 + min(4, -(-count // 5)) * 344
    assert sheet.width == 1320 if count >= 5 else sheet.width <= 1320


def test_long_sets_report_progress(
    labelled: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluation, "SECONDS_BEFORE_PROGRESS", 0.0)
    evaluate(FakeReader(ANSWERS), labelled(LABELS))
    printed = capsys.readouterr()
    assert "read 1 of 4" in printed.err
    assert printed.out == ""


# ---- digits


def row(value: str, number: float, confidence: float = 0.9, uncertain: bool = False) -> Reading:
    """A reading of digits, marked where it has any."""
    marks = {} if value == "?" else {"digit 1": ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))}
    return Reading("digits", value, number, confidence, uncertain, (), "fake-2", 2.0, marks)


DIGIT_LABELS = """file,label,meter
p1.png,0042,cellar
p2.png,630.2,cellar
p3.png,"630,2",cellar
p4.png,118,cellar
p5.png,3.7,roof
p6.png,9.9,roof
p7.png,5.0,roof
p8.png,NaN,roof
p9.png,nan,attic
"""
NAN = float("nan")
DIGIT_ANSWERS: dict[str, Reading | FaceValueError] = {
    "p1.png": row("0042", 42, 0.99),
    "p2.png": row("6302", 6302, 0.98),  # right, but for its point
    "p3.png": row("630.2", 630.2, 0.97),
    "p4.png": row("113", 113, 0.9),  # surely wrong
    "p5.png": row("3", 3.6, 0.96),
    "p6.png": row("0", 0.1, 0.6, uncertain=True),  # two tenths off, round the drum
    "p7.png": PictureError("the picture is cut off before its end", "p7.png"),
    "p8.png": row("4", 4.4, 0.7),  # answered, though there is no digit to be told
    "p9.png": row("?", NAN, 0.0, uncertain=True),
}


def test_digit_scores_of_a_set(labelled: Callable[[str], Path]) -> None:
    scores = evaluate(FakeReader(DIGIT_ANSWERS, "digits"), labelled(DIGIT_LABELS))
    assert scores["kind"] == "digits"
    assert scores["count"] == 7, "without the two in which no digit can be told"
    assert scores["exact"] == pytest.approx(4 / 7)
    assert (scores["with_point"], scores["exact_with_point"]) == (2, 0.5)
    assert scores["counted"] == pytest.approx(6 / 7), "all but the one that can't be read"
    assert (scores["digits"], scores["digits_right"]) == (17, pytest.approx(16 / 17)), "9.9 shows a 0, as was read"
    assert scores["places"] == pytest.approx(
        {"count": 3, "within_0.1": 1 / 3, "within_0.2": 2 / 3, "off_by_more_than_1": 1 / 3, "mean": (0.1 + 0.2 + 5) / 3}
    )
    assert scores["answered"]["share"] == pytest.approx(5 / 7)
    assert scores["answered"]["exact"] == pytest.approx(4 / 5)
    assert scores["without_digit"] == {"count": 2, "answered": 1, "share": 0.5}
    assert scores["unreadable"] == 1
    assert scores["at_promised_accuracy"] == {"accuracy": 0.99, "threshold": 0.96, "share": pytest.approx(4 / 9)}
    assert sum(line["count"] for line in scores["reliability"]) == 8, "unreadable claims nothing"
    assert scores["risk_coverage"]["risk"][-1] == pytest.approx(5 / 9, abs=1e-4), "nothing is right where no digit is"
    assert scores["confusion"][8] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0], "8 was read as 3"
    assert {name: group["count"] for name, group in scores["by_source"].items()} == {"attic": 0, "cellar": 4, "roof": 3}
    assert scores["by_source"]["attic"]["exact"] is None, "of no digits there is no share"
    assert json.loads(to_json(scores)) == scores


def test_the_worst_digits_are_the_surest_wrong_ones(labelled: Callable[[str], Path]) -> None:
    scores = evaluate(FakeReader(DIGIT_ANSWERS, "digits"), labelled(DIGIT_LABELS))
    assert [line["file"] for line in scores["worst"][:4]] == ["p4.png", "p8.png", "p6.png", "p7.png"]
    assert scores["worst"][-1]["file"] == "p9.png", "nothing answered where nothing is: as it should be"


def test_digit_table_names_every_score(labelled: Callable[[str], Path]) -> None:
    table = format_scores(evaluate(FakeReader(DIGIT_ANSWERS, "digits"), labelled(DIGIT_LABELS), model="digits-9"))
    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert lines[0].endswith("labels.csv: 9 pictures, 2 of them without a digit that can be told")
    for line in (
        "every digit right 57.1 % 4",
        "… and the point 50.0 % 1 of 2",
        "count right 85.7 % 6",
        "digits right 94.1 % 16 of rows counted right",
        "place within 0.1 33.3 % 1 of 3",
        "place within 0.2 66.7 % 2",
        "place over 1 off 33.3 % 1",
        "mean place off 1.77 of a drum's 10",
        "unreadable 11.1 % 1",
        "answered 71.4 % 5",
        "… right 80.0 % 4",
        "no digit, answered 50.0 % 1 of 2",
        "could answer at 99 % 44.4 % 4 threshold 0.960, of all 9",
        "cellar 4 75.0 % 100.0 % 93.3 % – 100.0 % 75.0 % 0 0",
        "attic 1 – – – – – – 1 0",
    ):
        assert line in lines
    assert max(map(len, table.splitlines()[1:])) <= 120


@pytest.mark.parametrize(
    ("labels", "absent", "reason"),
    [
        ("p1.png,0042\n", "place", "no rolling digit among them"),
        ("p1.png,0042\n", "point", "no point"),
        ("p1.png,0042\n", "no digit", "none without a digit"),
        ("p5.png,3.7\n", "point", "the point of a place is none to read"),
    ],
)
def test_the_digit_table_is_silent_about_what_is_not_there(
    labelled: Callable[[str], Path], labels: str, absent: str, reason: str
) -> None:
    table = format_scores(evaluate(FakeReader(DIGIT_ANSWERS, "digits"), labelled("file,label\n" + labels)))
    assert absent not in table, reason


def test_a_set_without_a_digit_has_no_digit_scores(labelled: Callable[[str], Path]) -> None:
    scores = evaluate(FakeReader(DIGIT_ANSWERS, "digits"), labelled("file,label\np8.png,NaN\n"))
    assert (scores["count"], scores["exact"], scores["answered"]["share"]) == (0, None, None)
    assert scores["without_digit"]["share"] == 1.0
    assert "1 picture, 1 of them without" in format_scores(scores)


def test_a_question_mark_alone_is_a_digit_where_one_was_seen(labelled: Callable[[str], Path]) -> None:
    path = labelled("file,label\np1.png,3.7\n")
    seen = Reading("digits", "?", NAN, 0.4, True, (), "fake-2", 2.0, {"digit 1": ((0, 0), (9, 0), (9, 9), (0, 9))})
    for reading, counted in ((seen, 1.0), (row("?", NAN, 0.0, uncertain=True), 0.0)):
        scores = evaluate(FakeReader({"p1.png": reading}, "digits"), path)
        assert (scores["counted"], scores["exact"]) == (counted, 0.0)


def test_digit_files(tmp_path: Path, labelled: Callable[[str], Path]) -> None:
    out = tmp_path / "out"
    path = labelled(DIGIT_LABELS)
    (path.parent / "p7.png").write_bytes(b"cut off")
    scores = evaluate(FakeReader(DIGIT_ANSWERS, "digits"), path, out)
    names = {"readings.csv", "risk_coverage.png", "confusion.png", "scores.json", "worst20.png"}
    assert {file.name for file in out.iterdir()} == names
    assert json.loads((out / "scores.json").read_text(encoding="utf-8")) == scores
    rows = list(csv.DictReader(io.StringIO((out / "readings.csv").read_text(encoding="utf-8"))))
    assert [(line["value"], line["number"], line["right"], line["place_apart"]) for line in rows] == [
        ("0042", "42", "True", ""),
        ("6302", "6302", "True", ""),
        ("630.2", "630.2", "True", ""),
        ("113", "113", "False", ""),
        ("3", "3.6", "True", "0.1"),
        ("0", "0.1", "False", "0.2"),
        ("", "", "False", ""),
        ("4", "4.4", "False", ""),
        ("?", "", "False", ""),
    ]
    for name in sorted(name for name in names if name.endswith(".png")):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 300
            assert sum(count > 0 for count in picture.convert("L").histogram()) > 20, "something is drawn"


def test_a_plot_of_what_was_measured_there_before_is_not_left(tmp_path: Path, labelled: Callable[[str], Path]) -> None:
    evaluate(FakeReader(DIGIT_ANSWERS, "digits"), labelled(DIGIT_LABELS), tmp_path / "out")
    assert (tmp_path / "out" / "confusion.png").exists()
    path = labelled("file,label\np1.png,1:00\n")
    evaluate(FakeReader({"p1.png": Reading("clock", "1:00", 60.0, 0.9, False, ())}), path, tmp_path / "out")
    names = {"readings.csv", "worst20.png", "scores.json", "risk_coverage.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_without_matplotlib_both_plots_of_digits_are_missing(
    tmp_path: Path,
    labelled: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    evaluate(FakeReader(DIGIT_ANSWERS, "digits"), labelled(DIGIT_LABELS), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"readings.csv", "worst20.png", "scores.json"}
    assert "no risk_coverage.png, confusion.png: the plot needs matplotlib" in capsys.readouterr().err


def test_a_confusion_of_nothing_can_be_drawn() -> None:
    with Image.open(io.BytesIO(plot_confusion(np.zeros((10, 10), dtype=np.int64), "nothing"))) as picture:
        assert min(picture.size) > 300


@pytest.mark.parametrize(
    ("label", "reading", "caption", "reason"),
    [
        ("0042", row("0042", 42), ("0042", "0042", "right"), "as labelled"),
        ("0042", row("0143", 143), ("0042", "0143", "2 of 4 wrong"), "two digits differ"),
        ("0042", row("042", 42), ("0042", "042", "3 digits, not 4"), "one is missing"),
        ("3.7", row("3", 3.4), ("3.7", "3.4", "0.3 off"), "of a rolling digit its place is told"),
        ("3.7", row("38", 38), ("3.7", "38", "2 digits, not 1"), "two where there is one drum"),
        ("630,2", row("630.2", 630.2), ("630,2", "630.2", "right"), "the label as it was written"),
        ("NaN", row("3", 3.4), ("no digit", "3", "nothing to read there"), "whatever is read is wrong"),
        ("42", PictureError("cut off"), ("42", "", "not read"), "no picture"),
    ],
)
def test_captions_of_digits(
    labelled: Callable[[str], Path],
    label: str,
    reading: Reading | PictureError,
    caption: tuple[str, str, str],
    reason: str,
) -> None:
    kind = kind_of("digits")
    (line,) = read_labels(labelled(f'file,label\np1.png,"{label}"\n'), kind.parse_label)
    told_below = kind.caption(kind.judge(line, reading))
    assert (told_below.true, told_below.read, told_below.off, told_below.dials) == (*caption, None), reason


def test_a_clock_read_for_digits_is_no_score(labelled: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="reads clock values"):
        evaluate(FakeReader({"p1.png": told("10:09")}, "digits"), labelled("file,label\np1.png,0042\n"))


def test_a_kind_that_cannot_be_measured_is_refused(labelled: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="'tower', which can't be measured yet; expected one of clock, digits, dial"):
        evaluate(FakeReader({}, "tower"), labelled("file,label\np1.png,0042\n"))


# ---- picking rows


def test_picked_rows_alone_are_read_and_named(labelled: Callable[[str], Path]) -> None:
    reader = FakeReader(ANSWERS)
    scores = evaluate(reader, labelled(LABELS), only=[("source", "hall")])
    assert reader.asked == ["p1.png", "p2.png"]
    assert (scores["count"], scores["only"]) == (2, ["source=hall"])
    assert "labels.csv, only source=hall: 2 pictures" in format_scores(scores)
    assert "without" not in scores


# ---- command


@pytest.fixture
def fake_reader_module(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        @staticmethod
        def find_weight(kind: str, model: str) -> Path:
            return Path(model)

        @staticmethod
        def Reader(kind: None, model: Path, scale: object) -> FakeReader:
            assert (kind, scale) == (None, None)
            reader = FakeReader(ANSWERS)
            reader.weight = SimpleNamespace(name="clock-1")  # type: ignore[attr-defined]
            return reader

    monkeypatch.setitem(sys.modules, "facevalue.reader", Module)


@pytest.mark.usefixtures("fake_reader_module")
@pytest.mark.parametrize("as_json", [False, True])
def test_command(
    as_json: bool,
    tmp_path: Path,
    labelled: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    scores: dict[str, Any] = evaluation.evaluate_command("runs/x/weight.onnx", labelled(LABELS), None, as_json)
    printed = capsys.readouterr()
    assert scores["model"] == "clock-1"
    assert (tmp_path / "evaluation-clock-1-set" / "scores.json").is_file()
    assert "evaluation-clock-1-set" in printed.err
    assert json.loads(printed.out) == scores if as_json else printed.out == format_scores(scores)


def test_the_command_finds_the_kind_in_the_weight(tmp_path: Path) -> None:
    weight = write_colour_weight(tmp_path / "colours.onnx")
    for number, place in enumerate((3.0, 3.7, 9.9, None)):
        paint_digit(tmp_path / f"{number}.png", place)
    table = tmp_path / "table.csv"
    table.write_text("file,label,meter\n0.png,3,a\n1.png,3.7,a\n2.png,0.0,b\n3.png,NaN,b\n")
    command = ["evaluate", str(weight), "--data", str(table), "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    scores = json.loads(result.stdout)
    assert (scores["model"], scores["kind"], scores["exact"]) == ("colours", "digits", 1.0)
    assert scores["places"]["mean"] == pytest.approx(0.05), "9.9 for 0.0"
    assert scores["without_digit"]["answered"] == 0
    assert "scores, readings, sheet and plots are in" in result.stderr
    picked = CliRunner().invoke(main, [*command, "--only", "meter=a", "--without", "label=3.7"], catch_exceptions=False)
    assert json.loads(picked.stdout)["count"] == 1


@pytest.mark.parametrize(
    ("option", "says", "reason"),
    [
        (["--only", "meter"], "expected COLUMN=VALUE", "no value"),
        (["--without", "=a"], "expected COLUMN=VALUE", "no column"),
        (["--only", "metre=a"], "no column 'metre'", "no such column"),
        (["--without", "meter=a"], "none of its 1 rows is left", "nothing left"),
    ],
)
def test_the_command_refuses_bad_picks(tmp_path: Path, option: list[str], says: str, reason: str) -> None:
    weight = write_colour_weight(tmp_path / "colours.onnx")
    paint_digit(tmp_path / "0.png", 3.0)
    (tmp_path / "table.csv").write_text("file,label,meter\n0.png,3,a\n")
    command = ["evaluate", str(weight), "--data", str(tmp_path / "table.csv"), "--out", str(tmp_path / "out"), *option]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 2, reason
    assert says in result.stderr, reason
    assert not (tmp_path / "out").exists()
