"""Label files: what is wrong in one is named with its line, and rows are picked by what their columns hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from stand_ins import write_labelled

from facevalue.codecs.clock import parse_time
from facevalue.errors import LabelError
from facevalue.judging import parse_digits
from facevalue.labels import Pick, read_labels, read_tables


@pytest.fixture
def labelled(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a label file and a small picture for every file named p*.png in it."""

    return lambda text: write_labelled(tmp_path / "set", text)


@pytest.mark.parametrize(
    ("text", "truth", "reason"),
    [
        ("0042", "0042", "leading noughts are kept"),
        ("630.2", "630.2", "a point"),
        ("630,2", "630.2", "a comma is one"),
        ("3.7", "3.7", "the place of a rolling digit"),
        ("7", "7", "one digit"),
        (".5", ".5", "a point before all digits"),
        ("123456789", "123456789", "more than can be read is still a label"),
        ("NaN", "", "no digit can be told"),
        ("nan", "", "in any case"),
    ],
)
def test_parse_digits(text: str, truth: str, reason: str) -> None:
    assert parse_digits(text) == truth, reason


@pytest.mark.parametrize(
    "text", ["", ".", "1.2.3", "1,234.5", "-3", "+3", "4 2", "10:09", "UNKNOWN", "1e3", "٤٢", "³", "?", "0?42"]
)
def test_parse_digits_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is no digit string; expected digits with at most one point or comma, or NaN"):
        parse_digits(text)


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


def test_pictures_may_be_named_from_the_root(tmp_path: Path, labelled: Callable[[str], Path]) -> None:
    elsewhere = tmp_path / "elsewhere.png"
    Image.new("RGB", (40, 30)).save(elsewhere)
    assert read_labels(labelled(f"file,label\n{elsewhere},1:00\n"))[0].path == elsewhere


def test_digit_labels_name_file_and_line(labelled: Callable[[str], Path]) -> None:
    path = labelled("file,label\np1.png,0042\np2.png,10:09\n")
    with pytest.raises(LabelError, match=r"labels\.csv:3: label '10:09' is no digit string"):
        read_labels(path, parse_digits)


@pytest.mark.parametrize(
    ("header", "cells", "group", "reason"),
    [
        ("file,label,source,meter", "hall,m1", "hall", "source goes before meter"),
        ("file,label,meter,kind", "m1,photo", "m1", "meter where there is no source"),
        ("file,label,meter,kind", ",photo", "(none)", "an empty cell is a group of its own"),
        ("file,label,kind,hour", "photo,3", "", "without either there are no groups"),
    ],
)
def test_groups(labelled: Callable[[str], Path], header: str, cells: str, group: str, reason: str) -> None:
    assert read_labels(labelled(f"{header}\np1.png,1:00,{cells}\n"))[0].source == group, reason


# ---- picking rows

PICKED = "file,label,meter,hour\np1.png,1:00,cellar,3\np2.png,2:00,cellar,4\np3.png,3:00,roof=1,3\np4.png,x,,5\n"


@pytest.mark.parametrize(
    ("only", "without", "files", "reason"),
    [
        ([("meter", "cellar")], [], "12", "one value"),
        ([("meter", "cellar"), ("meter", "roof=1")], [], "123", "one of several of a column"),
        ([("meter", "cellar"), ("hour", "3")], [], "1", "every column"),
        ([], [("meter", "cellar"), ("meter", "")], "3", "none of several, an empty one among them"),
        ([], [("hour", "5")], "123", "what is left out need be no label"),
        ([("meter", "cellar")], [("hour", "3")], "2", "both"),
    ],
)
def test_rows_are_picked(
    labelled: Callable[[str], Path], only: list[Pick], without: list[Pick], files: str, reason: str
) -> None:
    rows = read_labels(labelled(PICKED), parse_time, only, without)
    assert [row.file for row in rows] == [f"p{number}.png" for number in files], reason


@pytest.mark.parametrize(
    ("only", "without", "says"),
    [
        pytest.param([("metre", "x")], [], ["no column 'metre'", "file,label,meter,hour"], id="no such column"),
        pytest.param([], [("metre", "x")], ["no column 'metre'"], id="nor to leave out by"),
        pytest.param([("meter", "celar")], [], ["no row has meter=celar", "cellar, roof=1"], id="no such value"),
        pytest.param([], [("meter", "celar")], ["no row has meter=celar"], id="which would leave everything"),
        pytest.param(
            [("meter", "roof=1"), ("hour", "4")],
            [],
            ["none of its 4 rows is left: only meter=roof=1, only hour=4"],
            id="nothing left",
        ),
    ],
)
def test_bad_picks_are_named(
    labelled: Callable[[str], Path], only: list[Pick], without: list[Pick], says: list[str]
) -> None:
    with pytest.raises(LabelError) as caught:
        read_labels(labelled(PICKED), parse_time, only, without)
    assert "labels.csv: " in str(caught.value)
    for part in says:
        assert part in str(caught.value)


def test_left_out_pictures_may_be_missing(labelled: Callable[[str], Path]) -> None:
    path = labelled("file,label,part\np1.png,1:00,test\ngone.png,1:00,train\n")
    assert len(read_labels(path, only=[("part", "test")])) == 1


def test_a_table_without_the_column_is_taken_whole(labelled: Callable[[str], Path]) -> None:
    path = labelled(PICKED)
    plain = path.with_name("plain.csv")
    plain.write_text("file,label\np3.png,3:00\n")
    tables = read_tables([path, plain], only=[("meter", "cellar")])
    assert [[row.file for row in rows] for rows in tables] == [["p1.png", "p2.png"], ["p3.png"]]
    with pytest.raises(LabelError, match="no column 'part'"):
        read_tables([path, plain], only=[("part", "test")])
