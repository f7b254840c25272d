"""Evaluation with a reader that answers what it is told: labels, scores, files, and no exception made into a score."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from PIL import Image

import facevalue.evaluate as evaluation
from facevalue.codecs.clock import format_time
from facevalue.errors import FaceValueError, LabelError, ModelError, PictureError
from facevalue.evaluate import dataset_name, evaluate, format_scores, parse_time, read_labels, to_json
from facevalue.reading import Reading


def told(value: str, confidence: float = 0.9, uncertain: bool = False, kind: str = "clock") -> Reading:
    return Reading(kind, value, 0.0, confidence, uncertain, (), "fake-1", 2.0)


class FakeReader:
    """Answers by file name, in input order."""

    def __init__(self, answers: dict[str, Reading | FaceValueError]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def read_many(self, sources: Sequence[Path], *, on_error: Literal["return"]) -> Iterator[Reading | FaceValueError]:
        assert on_error == "return"
        for source in sources:
            self.asked.append(source.name)
            yield self.answers[source.name]


@pytest.fixture
def labelled(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a label file and a small picture for every file named p*.png in it."""

    def write(text: str) -> Path:
        path = tmp_path / "set" / "labels.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for cell in text.replace("\n", ",").split(","):
            if cell.startswith("p") and cell.endswith(".png"):
                Image.new("RGB", (40, 30), "teal").save(path.parent / cell)
        return path

    return write


# ---- labels


@pytest.mark.parametrize(
    ("text", "minutes", "reason"),
    [
        ("10:09", 609, "twelve hours"),
        ("1:05", 65, "one figure for the hour"),
        ("01:05", 65, "two figures"),
        ("12:00", 0, "twelve is nought"),
        ("12:59", 59, "and so is all of its hour"),
        ("0:00", 0, "midnight of 24 hours"),
        ("00:30", 30, "with two figures"),
        ("13:05", 65, "afternoon"),
        ("23:59", 719, "the last minute"),
    ],
)
def test_parse_time(text: str, minutes: int, reason: str) -> None:
    assert parse_time(text) == minutes, reason


@pytest.mark.parametrize("minutes", range(0, 720, 7))
def test_parse_time_undoes_format_time(minutes: int) -> None:
    assert parse_time(format_time(minutes)) == minutes


@pytest.mark.parametrize(
    "text",
    ["", "10", "10:9", "10:60", "24:00", "25:10", "-1:00", "10:09:30", "10.09", "10:09 pm", "ten", "١٠:٠٩", "nan"],
)
def test_parse_time_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="expected H:MM or HH:MM"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("file,label\np1.png,25:10\n", [":2", "25:10", "expected H:MM"], id="no such hour"),
        pytest.param("file,label\np1.png,1:00\np2.png,\n", [":3", "''", "expected H:MM"], id="no label"),
        pytest.param("file,label\n\n\np1.png,1:0\n", [":4", "1:0"], id="blank lines are counted"),
        pytest.param("file,label\n,1:00\n", [":2", "no file name"], id="no file"),
        pytest.param("file,label\np1.png\n", [":2", "1 cells; expected 2"], id="too few cells"),
        pytest.param("file,label\np1.png,1:00,x\n", [":2", "3 cells; expected 2"], id="too many cells"),
        pytest.param("file,label\np1.png,1:00\n./p1.png,2:00\n", [":3", "twice", "line 2"], id="two spellings of one"),
        pytest.param("file,time\np1.png,1:00\n", [":1", "'label'", "file,time"], id="wrong column"),
        pytest.param("p1.png,1:00\n", [":1", "no column 'file'", "header"], id="no header"),
        pytest.param("file,label,label\np1.png,1:00,2:00\n", [":1", "'label' twice"], id="two labels"),
        pytest.param("file,label\n", ["no rows"], id="header only"),
        pytest.param("", ["empty", "file,label"], id="empty file"),
        pytest.param('file,label\n"p1.png,1:00\n', ["broken csv"], id="open quotation mark"),
    ],
)
def test_bad_labels_are_named(labelled: Callable[[str], Path], text: str, says: list[str]) -> None:
    with pytest.raises(LabelError) as caught:
        read_labels(labelled(text))
    message = str(caught.value)
    assert "labels.csv" in message
    assert "\n" not in message
    for part in says:
        assert part in message


def test_label_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="no such label file"):
        read_labels(tmp_path / "absent.csv")
    with pytest.raises(LabelError, match=r"try .*labels\.csv"):
        read_labels(tmp_path)
    (tmp_path / "picture.csv").write_bytes(b"file,label\n\xff\xd8\xff")
    with pytest.raises(LabelError, match="not UTF-8"):
        read_labels(tmp_path / "picture.csv")


def test_labels_as_spreadsheets_write_them(labelled: Callable[[str], Path]) -> None:
    path = labelled('\ufeffsource, file ,note,label\r\n,p1.png,"a, b", 13:05 \r\nhall,p2.png,,1:00\r\n')
    Image.new("RGB", (40, 30)).save(path.parent / "p1.png")
    rows = read_labels(path)
    assert [(row.file, row.minutes, row.source, row.line) for row in rows] == [
        ("p1.png", 65, "(none)", 2),
        ("p2.png", 60, "hall", 3),
    ]


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


def test_pictures_may_be_named_from_the_root(tmp_path: Path, labelled: Callable[[str], Path]) -> None:
    elsewhere = tmp_path / "elsewhere.png"
    Image.new("RGB", (40, 30)).save(elsewhere)
    assert read_labels(labelled(f"file,label\n{elsewhere},1:00\n"))[0].path == elsewhere


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


def test_unreadable_pictures_count_as_the_worst_miss(labelled: Callable[[str], Path]) -> None:
    scores = evaluate(FakeReader({"p1.png": PictureError("cut off")}), labelled("file,label\np1.png,10:09\n"))
    assert (scores["count"], scores["unreadable"], scores["within_10"], scores["mean"]) == (1, 1, 0, 360)
    assert scores["answered"] == {"share": 0, "count": 0} | dict.fromkeys(
        ("mean", "median", "within_1", "within_5", "within_10", "hour_right")
    )
    assert scores["expected_calibration_error"] is None
    assert scores["at_promised_accuracy"]["threshold"] is None
    assert json.loads(to_json(scores)) == scores
    assert "unreadable           100.0 %" in format_scores(scores)


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
        "mean CSD 105.25 min",
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
    judged = [evaluation._judge(row, told("7:00")) for row in read_labels(path)]
    sheet = evaluation.draw_worst(judged, "a title much too long for so small a sheet " * 3)
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


# ---- command


@pytest.fixture
def fake_reader_module(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        @staticmethod
        def Reader(kind: str, model: str) -> FakeReader:
            assert kind == "clock"
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
