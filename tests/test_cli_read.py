"""``facevalue read`` keeps its contract: what it prints, in which order, with which exit code, and never a traceback.

The contract is checked with a stand-in for the reader; the cases of bad input at the end run the real command on the
shipped weight.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import types
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw

import facevalue
from facevalue.cli import main
from facevalue.cli_truth import describe_truth, judge
from facevalue.errors import FaceValueError, ModelError
from facevalue.images import open_picture
from facevalue.reading import Alternative, Reading
from facevalue.sources.dials import DialSource

ROOT = Path(__file__).parent.parent


class StandInReader:
    """Reads 10:09 off every picture, and is unsure of dark ones."""

    def __init__(
        self,
        kind: str | None = None,
        model: str | Path | None = None,
        threads: int = 1,
        scale: object = None,
        digits: int | None = None,
        decimals: int | None = None,
    ) -> None:
        if model is not None:
            raise ModelError(f"{model}: no such weight file")

    def read(self, source: Any) -> Reading:
        dark = bool(open_picture(source).mean() < 100)
        others = (("9:51", 0.22), ("10:12", 0.08), ("3:51", 0.01)) if dark else (("1:50", 0.02),)
        alternatives = tuple(Alternative(*other) for other in others)
        hand = {"hour": ((8.0, 8.0), (2.0, 2.0))}
        return Reading("clock", "10:09", 609.25, 0.41 if dark else 0.973, dark, alternatives, "clock-1", 3.14, hand)


def read_in_turn(
    read: Callable[[Any], Any], sources: Iterable[Any], *, on_error: str, workers: int | None
) -> Iterator[Any]:
    assert on_error == "return"
    for source in sources:
        try:
            yield read(source)
        except FaceValueError as error:
            yield error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: bright.png, dark.jpg, text.jpg and more/bright.png; the reader is the stand-in."""
    stand_in = types.ModuleType("facevalue.reader")
    stand_in.Reader = StandInReader  # type: ignore[attr-defined]
    opened = lambda kind, model, scale, _, **others: stand_in.Reader(kind, model, scale=scale, **others)  # noqa: E731
    stand_in.open_reader = opened  # type: ignore[attr-defined]
    stand_in.kind_of_model = lambda model, otherwise: otherwise  # type: ignore[attr-defined]
    stand_in.read_each = read_in_turn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "facevalue.reader", stand_in)
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (16, 16), "white").save("bright.png")
    Image.new("RGB", (16, 16), "black").save("dark.jpg")
    Path("text.jpg").write_text("dear diary")
    Path("more").mkdir()
    Image.new("RGB", (16, 16), "white").save("more/bright.png")
    Path("empty").mkdir()
    return tmp_path


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["read", *arguments], input=stdin, catch_exceptions=False)


NO_PICTURE = (
    "text.jpg: not a picture of a format that is read: "
    "expected JPEG, PNG, GIF, WebP, AVIF, BMP, TIFF, JPEG 2000 or PPM\n"
)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "code", "stdout", "stderr"),
    [
        pytest.param(["bright.png"], 0, "bright.png  10:09  97%\n", "", id="one picture"),
        pytest.param(["dark.jpg"], 0, "dark.jpg  10:09 ?  41%   (9:51 22%, 10:12 8%)\n", "", id="an uncertain one"),
        pytest.param(
            ["dark.jpg", "bright.png"],
            0,
            "dark.jpg  10:09 ?  41%   (9:51 22%, 10:12 8%)\nbright.png  10:09  97%\n",
            "",
            id="in the order given",
        ),
        pytest.param(["bright.png", "--top", "2"], 0, "bright.png  10:09  97%   (1:50 2%)\n", "", id="top"),
        pytest.param(["text.jpg", "bright.png"], 1, "bright.png  10:09  97%\n", NO_PICTURE, id="others still read"),
        pytest.param(["none.jpg"], 1, "", "none.jpg: no such file; check the path\n", id="missing"),
        pytest.param(["more"], 0, "more/bright.png  10:09  97%\n", "", id="folder"),
        pytest.param(
            [".", "more"],
            1,
            "bright.png  10:09  97%\ndark.jpg  10:09 ?  41%   (9:51 22%, 10:12 8%)\nmore/bright.png  10:09  97%\n"
            "more/bright.png  10:09  97%\n",
            NO_PICTURE,
            id="folders, sorted, with all below them",
        ),
        pytest.param(
            ["empty", "bright.png"],
            1,
            "bright.png  10:09  97%\n",
            "empty: no pictures in this folder or below it; "
            "expected JPEG, PNG, GIF, WebP, AVIF, BMP, TIFF, JPEG 2000 or PPM files\n",
            id="a folder without pictures",
        ),
    ],
)
def test_plain(arguments: list[str], code: int, stdout: str, stderr: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (code, stdout, stderr)


@pytest.mark.usefixtures("folder")
def test_json_lines_keep_the_order_and_hold_the_errors() -> None:
    result = run("--json", "bright.png", "none.jpg", "empty", "dark.jpg")
    assert result.exit_code == 1
    assert result.stderr == ""
    bright, none, empty, dark = map(json.loads, result.stdout.splitlines())
    assert bright == {
        "file": "bright.png",
        "kind": "clock",
        "value": "10:09",
        "number": 609.25,
        "confidence": 0.973,
        "uncertain": False,
        "alternatives": [{"value": "1:50", "confidence": 0.02}],
        "model": "clock-1",
        "milliseconds": 3.1,
    }
    assert none == {"file": "none.jpg", "error": "no such file; check the path"}
    assert list(empty) == ["file", "error"]
    assert dark["uncertain"]
    assert [other["value"] for other in dark["alternatives"]] == ["9:51", "10:12"]
    assert len(json.loads(run("--json", "--top", "4", "dark.jpg").stdout)["alternatives"]) == 3
    assert json.loads(run("--json", "--top", "1", "dark.jpg").stdout)["alternatives"] == []


def test_a_table_has_a_row_for_each_picture(folder: Path) -> None:
    (folder / "a,b.png").write_bytes((folder / "bright.png").read_bytes())
    result = run("bright.png", "text.jpg", "a,b.png", "dark.jpg", "--csv")
    assert result.exit_code == 1
    assert result.stderr == ""
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [row["file"] for row in rows] == ["bright.png", "text.jpg", "a,b.png", "dark.jpg"]
    assert [row["value"] for row in rows] == ["10:09", "", "10:09", "10:09"]
    assert [row["uncertain"] for row in rows] == ["False", "", "False", "True"]
    assert rows[0] | {"file": "", "error": ""} == {
        "file": "",
        "value": "10:09",
        "number": "609.25",
        "unit": "",
        "confidence": "0.973",
        "uncertain": "False",
        "model": "clock-1",
        "milliseconds": "3.1",
        "error": "",
    }
    assert rows[1]["error"].startswith("not a picture of a format that is read")


def test_standard_input(folder: Path) -> None:
    data = (folder / "bright.png").read_bytes()
    assert run("-", stdin=data).stdout == "-  10:09  97%\n"
    assert json.loads(run("-", "--json", stdin=data).stdout)["file"] == "-"
    nothing = run("-", stdin=b"")
    assert (nothing.exit_code, nothing.stderr) == (1, "-: the file is empty (0 bytes)\n")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("truth", "picture", "expected"),
    [
        pytest.param(
            "10:09",
            "dark.jpg",
            ["1  10:09   41.0%  *", "2   9:51   22.0%", "3  10:12    8.0%", "error 0 minutes"],
            id="right",
        ),
        pytest.param(
            "22:09",
            "dark.jpg",
            ["1  10:09   41.0%  *", "2   9:51   22.0%", "3  10:12    8.0%", "error 0 minutes"],
            id="24 hours",
        ),
        pytest.param(
            "9:51",
            "dark.jpg",
            ["1  10:09   41.0%", "2   9:51   22.0%  *", "3  10:12    8.0%", "error 18 minutes"],
            id="second",
        ),
        pytest.param(
            "3:51",
            "dark.jpg",
            ["1  10:09   41.0%", "2   9:51   22.0%", "3  10:12    8.0%", "4   3:51    1.0%  *", "error 342 minutes"],
            id="below the top three, with its probability",
        ),
        pytest.param(
            "5:59",
            "dark.jpg",
            [
                "1  10:09   41.0%",
                "2   9:51   22.0%",
                "3  10:12    8.0%",
                "-   5:59  not among the first 4  *",
                "error 250 minutes",
            ],
            id="nowhere",
        ),
        pytest.param(
            "10:08",
            "bright.png",
            ["1  10:09   97.3%  * (10:08 is a minute off)", "2   1:50    2.0%", "error 1 minute"],
            id="a minute off is right",
        ),
    ],
)
def test_truth(truth: str, picture: str, expected: list[str]) -> None:
    result = run(picture, "--truth", truth)
    assert result.exit_code == 0
    assert [line.strip() for line in result.stdout.splitlines()[1:]] == expected


@pytest.mark.usefixtures("folder")
def test_truth_in_json() -> None:
    record = json.loads(run("bright.png", "--json", "--truth", "0:09").stdout)
    assert (record["truth"], record["error_minutes"]) == ("12:09", 120)


@pytest.mark.parametrize(
    ("value", "truth", "verdict", "point"),
    [
        pytest.param("0048240", "004824.0", "right but for the point", False, id="the point is lost"),
        pytest.param("00482.40", "004824.0", "right but for the point", False, id="the point stands elsewhere"),
        pytest.param("004824.0", "004824.0", "right", True, id="all right"),
        pytest.param("004824.0", "0048240", "right", None, id="a point that the truth does not have is let pass"),
        pytest.param("004834.0", "004824.0", "wrong", False, id="a wrong digit"),
    ],
)
def test_the_point_of_digits_counts_apart(value: str, truth: str, verdict: str, point: bool | None) -> None:
    reading = Reading("digits", value, float(value), 0.9, False)
    assert judge(reading, truth, 3)[-1] == f"  {verdict}"
    told = describe_truth(reading, truth)
    assert told["right"] is (verdict != "wrong")
    assert told.get("point_right") is point


class HoursAndMinutes(StandInReader):
    """Also tells what it makes of each hour and of each minute."""

    def read(self, source: Any) -> Reading:
        hours, minutes = [0.0] * 12, [0.001] * 60
        hours[10], hours[0], hours[9], hours[1] = 0.9, 0.06, 0.03, 0.01
        minutes[9], minutes[8], minutes[51] = 0.7, 0.2, 0.04
        return dataclasses.replace(super().read(source), hours=tuple(hours), minutes=tuple(minutes))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        pytest.param(
            "10:09",
            ["hour    10  90.0% *   12   6.0%      9   3.0%", "minute  09  70.0% *   08  20.0%     51   4.0%"],
            id="both first",
        ),
        pytest.param(
            "12:51",
            ["hour    10  90.0%     12   6.0% *    9   3.0%", "minute  09  70.0%     08  20.0%     51   4.0% *"],
            id="among the three, twelve for the first hour",
        ),
        pytest.param(
            "13:59",
            [
                "hour    10  90.0%     12   6.0%      9   3.0%      1   1.0% *",
                "minute  09  70.0%     08  20.0%     51   4.0%     59   0.1% *",
            ],
            id="behind them, with its probability",
        ),
    ],
)
def test_truth_tells_hours_and_minutes(truth: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["facevalue.reader"], "Reader", HoursAndMinutes)
    lines = run("bright.png", "--truth", truth).stdout.splitlines()
    assert [line.strip() for line in lines[-3:-1]] == expected
    assert lines[-1].startswith("  error ")
    record = json.loads(run("bright.png", "--json", "--truth", truth).stdout)
    for part in ("hour", "minute"):
        line = next(line for line in lines if line.startswith(f"  {part} "))
        told = [f"{one['value']} {one['probability']:.1%}{' *' * one['true']}" for one in record[f"{part}s"]]
        assert " ".join(line.split()[1:]) == " ".join(told)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param([], "Missing argument", id="no picture named"),
        pytest.param(["bright.png", "--truth", "25:00"], "is no time; expected H:MM", id="no such hour"),
        pytest.param(["bright.png", "--truth", "noon"], "is no time; expected H:MM", id="no time"),
        pytest.param(
            ["bright.png", "--kind", "digits", "--truth", "5:59"], "is no digit string", id="a time for a number"
        ),
        pytest.param(
            ["bright.png", "--kind", "dial", "--truth", "11"], "outside the range from 0 to 10", id="no such value"
        ),
        pytest.param(["bright.png", "--kind", "digits", "--truth", "NaN"], "no value to compare", id="no number"),
        pytest.param(["bright.png", "--top", "0"], "--top", id="none wanted"),
        pytest.param(["bright.png", "--top", "11"], "--top", id="more wanted than there are"),
        pytest.param(["bright.png", "--kind", "sundial"], "--kind", id="no such kind"),
        pytest.param(["bright.png", "--model", "none.onnx"], "none.onnx: no such weight file", id="no such model"),
        pytest.param(["bright.png", "--overlay", "text.jpg"], "--overlay", id="overlay into a file"),
        pytest.param(["bright.png", "--overlay", "."], "would write over bright.png", id="overlay over the picture"),
        pytest.param(["more", "--overlay", "empty/../more"], "would write over", id="overlay over the folder"),
        pytest.param(["bright.png", "--overlay", "text.jpg/x"], "can't be made", id="overlay below a file"),
        pytest.param(["bright.png", "--frobnicate"], "No such option", id="no such option"),
        pytest.param(["bright.png", "--crop", "1,2,3"], "is no part of a picture", id="no crop"),
        pytest.param(
            ["bright.png", "--decimals", "2"], "--decimals is of digits, not of a clock", id="decimals of a clock"
        ),
        pytest.param(["bright.png", "--digits", "2"], "--digits is of digits, not of a clock", id="digits of a clock"),
        pytest.param(["bright.png", "--csv", "--json"], "--json does not go with it", id="a table of JSON objects"),
        pytest.param(["bright.png", "--csv", "--truth", "1:00"], "--truth does not go", id="a table of one truth"),
        pytest.param(["bright.png", "--csv", "--top", "2"], "--top does not go with it", id="a table of runners-up"),
        pytest.param(
            ["bright.png", "--csv", "--page", "--kind", "digits"], "--page does not go with it", id="a table of pages"
        ),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, folder: Path) -> None:
    before = (folder / "bright.png").read_bytes()
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert says in result.stderr
    assert (folder / "bright.png").read_bytes() == before


def test_overlay(folder: Path) -> None:
    Image.new("P", (16, 16)).save("page.gif")
    arguments = ("bright.png", "more", "more/bright.png", "page.gif", "text.jpg", "-", "--overlay", "out/deep")
    result = run(*arguments, stdin=(folder / "bright.png").read_bytes())
    assert result.exit_code == 1  # text.jpg
    written = sorted(file.name for file in (folder / "out/deep").iterdir())
    assert written == ["bright-2.png", "bright-3.png", "bright.png", "page.gif.jpg", "stdin.jpg"]
    with Image.open("out/deep/bright.png") as image:
        assert image.size[0] == 360
        assert (255, 190, 60) in {colour for _, colour in image.getcolors(100_000)}  # the hour hand


@pytest.mark.parametrize("as_json", [False, True])
def test_a_part_of_the_picture(as_json: bool, folder: Path) -> None:
    """Its left half is dark; a part that reaches outside one picture stops no other."""
    half = np.zeros((40, 60, 3), np.uint8)
    half[:, 30:] = 255
    Image.fromarray(half).save("half.png")
    result = run("half.png", "bright.png", "--crop", "30,0,30,40", "--overlay", "out", *["--json"] * as_json)
    assert result.exit_code == 1
    lines = result.stdout.splitlines() + result.stderr.splitlines()
    assert len(lines) == 2
    read, outside = (json.loads(line) for line in lines) if as_json else lines
    assert (read["uncertain"] is False) if as_json else (read == "half.png  10:09  97%")
    assert "--crop 30,0,30,40 reaches outside the picture: it is 16×16 pixels" in (
        outside["error"] if as_json else outside
    )
    assert run("half.png", "--crop", "0,0,30,40").stdout.startswith("half.png  10:09 ?")
    with Image.open("out/half.png") as image:
        assert image.width / 30 == pytest.approx(360 / 30)  # the part alone, enlarged
    assert [file.name for file in Path("out").iterdir()] == ["half.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_read_once_and_drawn_on(folder: Path) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(Path("bright.png").read_bytes(),))
    writer.start()
    result = run("pipe", "--overlay", "out")
    writer.join()
    assert (result.exit_code, result.stdout) == (0, "pipe  10:09  97%\n")
    assert Path("out/pipe.jpg").exists()
    os.rename("pipe", "pipe.png")
    writer = threading.Thread(target=Path("pipe.png").write_bytes, args=(Path("bright.png").read_bytes(),))
    writer.start()
    result = run("pipe.png", "--overlay", ".")
    writer.join()
    assert result.exit_code == 2
    assert "--overlay . would write over pipe.png, which is read" in result.stderr
    assert Path("pipe.png").is_fifo()


def test_a_folder_that_is_not_there_has_no_overlay(folder: Path) -> None:
    (folder / "out.jpg").touch()
    for place in (".", "out"):
        result = run("nosuch/", "--overlay", place)
        assert result.exit_code == 1
        assert "nosuch/: no such file" in result.stderr


def test_an_overlay_takes_the_place_of_overlays_alone(folder: Path) -> None:
    before = (folder / "bright.png").read_bytes()
    result = run("more/bright.png", "--overlay", ".")
    assert result.exit_code == 2
    assert "would write over bright.png, which facevalue did not draw" in result.stderr
    assert (folder / "bright.png").read_bytes() == before
    for _ in range(2):
        assert run("dark.jpg", "bright.png", "--overlay", "out").exit_code == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("as_json", [False, True])
def test_an_overlay_that_fails_stops_no_other_picture(as_json: bool) -> None:
    Path("out/dark.jpg").mkdir(parents=True)  # so that the finished overlay can't take its place
    result = run("dark.jpg", "bright.png", "--overlay", "out", *["--json"] * as_json)
    problem = "can't write the overlay out/dark.jpg: "
    assert result.exit_code == 1
    assert result.stderr.startswith("dark.jpg: " + problem)
    assert len(result.stderr.splitlines()) == 1
    if as_json:
        assert [json.loads(line)["value"] for line in result.stdout.splitlines()] == ["10:09", "10:09"]
    else:
        assert [line[:10] for line in result.stdout.splitlines()] == ["dark.jpg  ", "bright.png"]
    assert sorted(file.name for file in Path("out").iterdir()) == ["bright.png", "dark.jpg"]


@pytest.mark.usefixtures("folder")
def test_a_name_that_is_no_text_stays_one_line() -> None:
    Path("two\nlines\x1b.png").write_bytes(Path("bright.png").read_bytes())
    try:
        Path("latin-\udce9.png").write_bytes(Path("bright.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such names")
    assert run("two\nlines\x1b.png").stdout == "two\\nlines\\x1b.png  10:09  97%\n"
    assert run("latin-\udce9.png").stdout == "latin-\\udce9.png  10:09  97%\n"
    assert json.loads(run("latin-\udce9.png", "--json").stdout)["file"] == "latin-\\xe9.png"


def test_results_come_one_by_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of a picture is out before the next picture is read."""
    printed: list[str] = []
    seen: list[int] = []

    class Watched(StandInReader):
        def read(self, source: Any) -> Reading:
            seen.append(len(printed))
            return super().read(source)

    monkeypatch.setattr(sys.modules["facevalue.reader"], "Reader", Watched)
    monkeypatch.setattr("click.echo", lambda line, **_: printed.append(line))
    run("bright.png", "dark.jpg", "more")
    assert seen == [0, 1, 2]


# ---- the real command on the shipped weight --------------------------------------------------------------------------


def a_clock(width: int = 200, height: int = 200) -> Image.Image:
    """A plain dial that shows 10:09."""
    image = Image.new("RGB", (width, height), (90, 110, 130))
    draw = ImageDraw.Draw(image)
    x, y, radius = width / 2, height / 2, 0.46 * min(width, height)

    def at(degrees: float, share: float) -> tuple[float, float]:
        angle = np.radians(degrees)
        return x + radius * share * float(np.sin(angle)), y - radius * share * float(np.cos(angle))

    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill="white", outline="black", width=3)
    for hour in range(12):
        draw.line((at(30 * hour, 0.82), at(30 * hour, 0.94)), fill="black", width=5 if hour % 3 == 0 else 3)
        draw.text(at(30 * hour, 0.7), str(hour or 12), fill="black", anchor="mm", font_size=radius / 6)
    draw.line((at(304.5, -0.08), at(304.5, 0.5)), fill="black", width=7)
    draw.line((at(54, -0.1), at(54, 0.8)), fill="black", width=4)
    return image


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bad_inputs() -> dict[str, tuple[bytes, str]]:
    """name: content, and what must come of it: the time, "any" reading, an "uncertain" one, or words of the error."""
    clock = a_clock()
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise for looking at
    see_through = clock.convert("RGBA")
    see_through.putalpha(clock.convert("L").point(lambda grey: 255 - grey))  # dark on nothing: needs white behind it
    bomb = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)) + png_chunk(b"IDAT", b"")
    grey16 = (np.asarray(clock.convert("L")).astype(np.uint16)) * 257
    noise = np.random.default_rng(3).integers(0, 256, (200, 200, 3), np.uint8)
    return {
        "plain.jpg": (saved(clock, "JPEG"), "10:09"),
        "empty.jpg": (b"", "is empty"),
        "text.jpg": (b"dear diary", "not a picture"),
        "truncated.jpg": (saved(clock, "JPEG")[:3000], "cut off"),
        "one-pixel.png": (saved(Image.new("RGB", (1, 1)), "PNG"), "too small"),
        "bomb.png": (b"\x89PNG\r\n\x1a\n" + bomb, "20000×20000 pixels is more than"),
        "animated.gif": (saved(clock, "GIF", save_all=True, append_images=[Image.new("RGB", (200, 200))]), "10:09"),
        "sixteen-bit.png": (saved(Image.fromarray(grey16), "PNG"), "10:09"),
        "palette.png": (saved(clock.quantize(32), "PNG"), "10:09"),
        "cmyk.jpg": (saved(clock.convert("CMYK"), "JPEG"), "10:09"),
        "alpha.png": (saved(see_through, "PNG"), "any"),
        "turned.jpg": (saved(clock.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=turned), "10:09"),
        "no-clock-grey.png": (saved(Image.new("RGB", (200, 200), (120, 120, 120)), "PNG"), "uncertain"),
        "no-clock-black.png": (saved(Image.new("RGB", (200, 200)), "PNG"), "uncertain"),
        "no-clock-noise.png": (saved(Image.fromarray(noise), "PNG"), "uncertain"),
        "strip.png": (saved(Image.new("RGB", (3000, 9)), "PNG"), "uncertain"),
        "long-strip.png": (saved(Image.new("RGB", (30_000, 9)), "PNG"), "uncertain"),
        "tiny.png": (saved(clock.resize((24, 24)), "PNG"), "any"),
    }


BAD_INPUTS = bad_inputs()


@pytest.fixture(scope="module")
def real_records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """All bad inputs, a missing file and an empty folder read by one run of the real command."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "nothing-here").mkdir()
    for name, (data, _) in BAD_INPUTS.items():
        (folder / name).write_bytes(data)
    names = [*BAD_INPUTS, "missing.jpg", "nothing-here"]
    command = [sys.executable, "-m", "facevalue", "read", "--json", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["file"] for record in records] == names
    return {record["file"]: record for record in records}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, expected) for name, (_, expected) in BAD_INPUTS.items()),
        ("missing.jpg", "no such file"),
        ("nothing-here", "no pictures in this folder"),
    ],
)
def test_bad_input(real_records: dict[str, dict[str, Any]], name: str, expected: str) -> None:
    record = real_records[name]
    if expected == "any":
        assert 0 <= record["confidence"] <= 1
    elif expected == "uncertain":
        assert record["uncertain"], record
    elif ":" in expected:
        assert record["value"] == expected, record
    else:
        assert expected in record["error"]
        assert "\n" not in record["error"]


def test_real_command_prints_lines_and_draws(tmp_path: Path) -> None:
    (tmp_path / "clock.png").write_bytes(saved(a_clock(600, 300), "PNG"))
    command = [
        sys.executable,
        "-m",
        "facevalue",
        "read",
        "clock.png",
        "none.jpg",
        "--truth",
        "10:09",
        "--overlay",
        "out",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("clock.png  10:09")
    assert "error 0 minutes" in done.stdout
    assert done.stderr == "none.jpg: no such file; check the path\n"
    with Image.open(tmp_path / "out/clock.png") as image:
        assert image.width == 720


def test_python_reads_every_kind_of_source(tmp_path: Path) -> None:
    clock = a_clock()
    file = tmp_path / "clock.png"
    clock.save(file)
    for source in (str(file), file, file.read_bytes(), io.BytesIO(file.read_bytes()), clock, np.asarray(clock)):
        reading = facevalue.read(source)
        assert isinstance(reading, facevalue.Reading)
        assert reading.value == "10:09"


def test_a_run_reads_once_it_is_exported(tmp_path: Path) -> None:
    (tmp_path / "clock.png").write_bytes(saved(a_clock(), "PNG"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run/checkpoint.pt").write_bytes(b"of torch")
    command = (str(tmp_path / "clock.png"), "--model", str(tmp_path / "run"), "--truth", "10:09")
    early = run(*command)
    assert (early.exit_code, early.stdout) == (2, "")
    assert f"not exported yet; make its weight first: facevalue export {tmp_path / 'run'}" in early.stderr
    shutil.copy(Path(facevalue.__file__).parent / "weights/clock-1.onnx", tmp_path / "run/weight.onnx")
    hour, minute, error = run(*command).stdout.splitlines()[-3:]
    assert hour.split()[:2] == ["hour", "10"]
    assert minute.split()[:2] == ["minute", "09"]
    assert hour.split()[3] == minute.split()[3] == "*"
    assert error == "  error 0 minutes"


def test_the_weight_tells_hours_and_minutes() -> None:
    reading = facevalue.read(a_clock())
    assert (len(reading.hours), len(reading.minutes)) == (12, 60)
    assert sum(reading.hours) == pytest.approx(1, abs=1e-3)
    assert sum(reading.minutes) == pytest.approx(1, abs=1e-3)
    assert (max(reading.hours), max(reading.minutes)) == (reading.hours[10], reading.minutes[9])
    assert not {"hours", "minutes"} & reading.to_dict().keys()


def test_the_operator_knows_where_the_point_stands(tmp_path: Path) -> None:
    counter = ROOT / "docs" / "counter.jpg"
    plain = json.loads(run(str(counter), "--kind", "digits", "--json").stdout)
    placed = json.loads(run(str(counter), "--kind", "digits", "--json", "--decimals", "3").stdout)
    digits = plain["value"].replace(".", "")
    assert placed["value"] == f"{digits[:-3]}.{digits[-3:]}"
    assert placed["number"] == pytest.approx(int(digits) / 1000, abs=0.001)
    assert [other["value"][-4] for other in placed["alternatives"]] == ["."] * len(placed["alternatives"])
    Image.new("RGB", (60, 20), "white").save(tmp_path / "blank.png")
    assert run(str(tmp_path / "blank.png"), "--kind", "digits", "--decimals", "3").exit_code == 0  # a ? and no error
    none_left = run(str(counter), "--kind", "digits", "--decimals", "8")
    assert (none_left.exit_code, none_left.stdout) == (1, "")
    assert "no digit is left before its 8 decimals" in none_left.stderr


def test_the_operator_knows_how_many_digits_there_are() -> None:
    counter = str(ROOT / "docs" / "counter.jpg")
    told = run(counter, "--kind", "digits", "--digits", "6").stdout
    assert told == run(counter, "--kind", "digits").stdout
    assert "?" not in told
    line = run(counter, "--kind", "digits", "--digits", "7").stdout
    value, mark, sure = line.split("   ")[0].split()[1:]
    assert (len(value.replace(".", "")), mark, sure) == (6, "?", "0%")
    too_few = run(counter, "--kind", "digits", "--digits", "3", "--decimals", "3")
    assert (too_few.exit_code, too_few.stdout) == (2, "")
    assert "3 of 3 digits leave none before the point" in too_few.stderr


def test_the_kind_is_that_of_the_model() -> None:
    counter = str(ROOT / "docs" / "counter.jpg")
    assert run(counter, "--model", "digits-5").stdout == run(counter, "--kind", "digits").stdout
    assert facevalue.read(counter, model="digits-5").kind == "digits"
    assert facevalue.read(ROOT / "docs" / "clock.jpg").kind == "clock"
    other = run(counter, "--model", "digits-5", "--kind", "clock")
    assert (other.exit_code, other.stdout) == (2, "")
    assert "a weight for 'digits', where one for 'clock' was expected" in other.stderr


def test_a_dial_without_a_range_is_said_to_be_taken_for_ten() -> None:
    gauge, note = str(ROOT / "docs" / "gauge.jpg"), "taken for a scale of 0 to 10"
    assert run(gauge, gauge, "--kind", "dial").stderr.count(note) == 1
    assert note not in run(gauge, "--kind", "dial", "--range", "0:16").stderr
    meter = next(  # a wheel of ten, all the way round
        picture
        for picture in DialSource(size_px=128, meters=1.0, empty=0.0, careful=1.0).batch(1, 0, 16).pictures
        if (scale := facevalue.read(picture, kind="dial").scale) and scale.full
    )
    sent = io.BytesIO()
    Image.fromarray(meter).save(sent, "PNG")
    assert note not in run("-", "--kind", "dial", stdin=sent.getvalue()).stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
@pytest.mark.parametrize("typed", [("read", str(ROOT / "docs" / "clock.jpg")), ("read", "--help"), ("--help",)])
def test_a_full_disk_is_told_in_a_line(typed: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "facevalue", *typed]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["Error: can't write the output: No space left on device"]
