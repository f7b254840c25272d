"""Instrument files, the joint decoding of wheels, alignment, and whole meters read from photos.

Dials are read by a stand-in that finds a red needle, digits by the shipped weight.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facevalue import reader as reader_module
from facevalue.calibration import Calibration
from facevalue.cli import main
from facevalue.codecs import Floats
from facevalue.codecs.dial import BINS, DialNeedle
from facevalue.codecs.needles import soft_circle
from facevalue.errors import InstrumentError, MissingExtraError, ModelError, PictureError
from facevalue.images import RGB, open_picture
from facevalue.instruments import align
from facevalue.instruments.finding import Found, find_counter, find_dials, find_parts, of_one_meter
from facevalue.instruments.joint import Joint, Wheel, decode_wheels, number_text, score_at
from facevalue.instruments.lines import find_lines
from facevalue.instruments.reader import InstrumentReader
from facevalue.instruments.schema import Digits, Gauge, Needle, load_instrument
from facevalue.reader import Reader, Weight
from facevalue.reading import Reading, draw_overlay
from facevalue.watching.history import history

EXAMPLES = Path(__file__).parent.parent / "examples"
METER_PHOTO = Path(__file__).parent.parent / "docs" / "meter.jpg"

# ---- drawn meters, and a weight that reads their needles

DIALS = """
[[part]]
name = "tenths"
kind = "dial"
box = [300, 100, 80, 80]
turn = 1.0

[[part]]
name = "hundredths"
kind = "dial"
box = [200, 140, 80, 80]
turn = 0.1
direction = "counterclockwise"

[[part]]
name = "thousandths"
kind = "dial"
box = [100, 140, 80, 80]
turn = 0.01
"""
COUNTER = """
[[part]]
name = "counter"
kind = "digits"
box = [140, 20, 200, 60]
digits = 5
step = 1
"""
HEAD = 'name = "cellar"\nunit = "m³"\nsize = [480, 240]\n'
METER = HEAD + COUNTER + DIALS


class RedNeedle:
    """In place of a network's session: the needle points from the middle to where the red is; without red, no dial."""

    def run(self, names: Sequence[str], feeds: dict[str, NDArray[np.uint8]]) -> list[Floats]:
        outputs: dict[str, list[Floats]] = {name: [] for name in names}
        for picture in feeds["pictures"].astype(np.int64):
            red = (picture[..., 0] - picture[..., 1:].max(axis=2)) > 60
            y, x = np.nonzero(red)
            side = picture.shape[0]
            x, y = x + 0.5 - side / 2, y + 0.5 - side / 2
            there = len(x) > 0.005 * red.size
            degrees = math.degrees(math.atan2(x.mean(), -y.mean())) if there else math.nan
            needle = np.log(soft_circle(np.array([degrees]), BINS, 2.5)[0] + 1e-9)
            up = np.log(soft_circle(np.array([0.0]), BINS, 2.5)[0] + 1e-9)
            yes = np.array([-5.0, 5.0], dtype=np.float32)
            known = {"needle": needle, "start": up, "end": up, "full": yes, "clockwise": yes}
            known |= {"dial": yes if there else -yes, "pose": np.array([0, 0, 1, 0, 1, 0, 0], dtype=np.float32)}
            for name in names:
                outputs[name].append(known[name])
        return [np.stack(outputs[name]).astype(np.float32) for name in names]


@pytest.fixture
def red_needles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dials are read by ``RedNeedle``."""
    session: Any = RedNeedle()
    stand_in = Weight("red", "dial", DialNeedle(), (64, 64), Calibration.untrained("dial"), session, {})
    find, load = reader_module.find_weight, reader_module.load_weight

    def find_weight(kind: str, model: str | Path | None) -> Path:
        return Path("red") if kind == "dial" and model is None else find(kind, model)

    def load_weight(path: Path, threads: int) -> Weight:
        return stand_in if path == Path("red") else load(path, threads)

    monkeypatch.setattr(reader_module, "find_weight", find_weight)
    monkeypatch.setattr(reader_module, "load_weight", load_weight)


def draw_meter(counter: str, degrees: Sequence[float], width: int = 480) -> RGB:
    """A photo of the meter above: its counter, and where its three needles point, the coarsest first."""
    rnd = np.random.default_rng(7)
    picture = Image.fromarray(rnd.integers(190, 215, (60, 120, 3), dtype=np.uint8)).resize((480, 240))
    draw = ImageDraw.Draw(picture)
    for _ in range(60):  # something to lay photos over each other by
        x, y = rnd.integers(0, (480, 240)).tolist()
        ink = (*rnd.integers(0, 200, 2).tolist(), 200)
        draw.rectangle((x, y, x + int(rnd.integers(4, 22)), y + int(rnd.integers(4, 22))), fill=ink)
    draw.rectangle((140, 20, 340, 80), fill=(20, 20, 20))
    font = ImageFont.load_default(40)
    for k, digit in enumerate(counter):
        draw.text((165 + 38 * k, 50), digit, font=font, fill=(245, 245, 245), anchor="mm")
    for (left, top), angle in zip(((300, 100), (200, 140), (100, 140)), degrees, strict=True):
        picture.paste(draw_dial(angle), (left, top))
    return np.asarray(picture.resize((width, width // 2), Image.Resampling.LANCZOS))


def draw_dial(degrees: float) -> Image.Image:
    """A dial of 80 px with a red needle, drawn eight times as large."""
    image = Image.new("RGB", (640, 640), (200, 200, 200))
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 8, 632, 632), fill=(250, 250, 250), outline=(30, 30, 30), width=8)
    a = math.radians(degrees)
    draw.line((320, 320, 320 + 256 * math.sin(a), 320 - 256 * math.cos(a)), fill=(220, 20, 20), width=48)
    return image.reduce(8)


def needles_of(value: float) -> list[float]:
    """Where the three needles of the meter point; the second one turns the other way."""
    return [value % 1 * 360, -(value * 10 % 1) * 360, value * 100 % 1 * 360]


@pytest.fixture
def meter(tmp_path: Path) -> Path:
    path = tmp_path / "meter.toml"
    path.write_text(METER, encoding="utf-8")
    return path


def texture(seed: int = 3, size: tuple[int, int] = (480, 240)) -> RGB:
    rnd = np.random.default_rng(seed)
    return np.asarray(Image.fromarray(rnd.integers(0, 255, (24, 48, 3), dtype=np.uint8)).resize(size))


# ---- the file


def test_a_file_says_what_parts_there_are(meter: Path) -> None:
    found = load_instrument(meter)
    assert (found.name, found.unit, found.size, found.align) == ("cellar", "m³", (480, 240), "none")
    counter, tenths, hundredths, _ = found.parts
    assert isinstance(counter, Digits) and (counter.digits, counter.step) == (5, 1.0)
    assert counter.corners == ((140, 20), (340, 20), (340, 80), (140, 80))
    assert isinstance(tenths, Needle) and tenths.clockwise and tenths.turn == 1.0 and tenths.zero == 0.0
    assert isinstance(hundredths, Needle) and not hundredths.clockwise


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_right(path: Path) -> None:
    assert load_instrument(path).parts


def test_a_gauge_and_a_clock_stand_alone(tmp_path: Path) -> None:
    gauge = '[[part]]\nkind = "dial"\nbox = [[10, 10], [200, 20], [200, 220], [10, 210]]\n'
    gauge += "range = [0, 4]\nsweep = [225, 495]\n"
    path = tmp_path / "gauge.toml"
    path.write_text(HEAD + gauge, encoding="utf-8")
    (part,) = load_instrument(path).parts
    assert isinstance(part, Gauge) and part.scale.high == 4 and part.scale.sweep == (225, 495)
    path.write_text(HEAD + '[[part]]\nkind = "clock"\nbox = [0, 0, 240, 240]\n', encoding="utf-8")
    assert load_instrument(path).parts[0].kind == "clock"


ONE = '[[part]]\nkind = "dial"\nbox = [300, 100, 80, 80]\nturn = 1.0\n'  # its lines are 4 to 7


@pytest.mark.parametrize(
    "text, line, key, problem",
    [
        pytest.param(HEAD + "colour = 3\n" + ONE, 4, "colour", "no such key", id="unknown key"),
        pytest.param(HEAD + "allign = 'none'\n" + ONE, 4, "allign", "did you mean 'align'?", id="misspelt key"),
        pytest.param(HEAD + ONE + "turns = 2\n", 8, "turns", "did you mean 'turn'?", id="misspelt key of a part"),
        pytest.param(HEAD + ONE.replace("1.0", "'one'"), 7, "turn", "got 'one'", id="text for a number"),
        pytest.param(HEAD + ONE.replace("1.0", "true"), 7, "turn", "got True", id="a truth for a number"),
        pytest.param(HEAD + ONE.replace("1.0", "0.3"), 7, "turn", "power of ten, got 0.3", id="no power of ten"),
        pytest.param(HEAD + ONE.replace("1.0", "nan"), 7, "turn", "got nan", id="no number"),
        pytest.param(HEAD + ONE.replace("turn = 1.0", ""), 4, "turn", "missing", id="worth nothing said"),
        pytest.param(HEAD + ONE.replace('"dial"', '"dail"'), 5, "kind", "did you mean 'dial'?", id="unknown kind"),
        pytest.param(HEAD + ONE.replace('kind = "dial"', ""), 4, "kind", "missing", id="no kind"),
        pytest.param(HEAD + ONE.replace("80, 80]", "0, 80]"), 6, "box", "empty: width 0", id="empty box"),
        pytest.param(HEAD + ONE.replace("80, 80]", "-5, 80]"), 6, "box", "empty: width -5", id="negative box"),
        pytest.param(HEAD + ONE.replace("80, 80]", "4, 80]"), 6, "box", "a side of 4 px", id="tiny box"),
        pytest.param(HEAD + ONE.replace("300,", "430,"), 6, "box", "outside the picture of 480×240", id="outside box"),
        pytest.param(HEAD + ONE.replace("[300, 100, 80, 80]", "[1, 2]"), 6, "box", "got [1, 2]", id="half a box"),
        pytest.param(
            HEAD + ONE.replace("[300, 100, 80, 80]", "[[0, 0], [0, 90], [90, 90], [90, 0]]"),
            6,
            "box",
            "clockwise from top left",
            id="corners the wrong way round",
        ),
        pytest.param(HEAD, 1, "part", "0 parts", id="no parts"),
        pytest.param(HEAD + ONE.replace("[[part]]", "[part]"), 4, "part", "two brackets", id="one bracket"),
        pytest.param("size = [480, 0]\n" + ONE, 1, "size", "at least 8", id="empty size"),
        pytest.param(ONE, 1, "size", "missing", id="no size"),
        pytest.param(
            HEAD + ONE + ONE.replace("300", "310").replace("1.0", "0.1"), 10, "box", "overlaps the box", id="overlap"
        ),
        pytest.param(
            HEAD + ONE + ONE.replace("300", "100").replace("1.0", "0.01"),
            7,
            "turn",
            "1 does not follow on 'dial 2' by tens; expected 0.1",
            id="a dial is missing",
        ),
        pytest.param(HEAD + ONE + ONE.replace("300", "100"), 11, "turn", "expected 10", id="same turn twice"),
        pytest.param(
            HEAD + 'part = [{kind = "dial", box = [1, 2, 30, 30], turn = 3}]', 4, "turn", "power of ten", id="inline"
        ),
        pytest.param(
            HEAD + ONE.replace("turn = 1.0", "range = [3, 3]"), 7, "range", "two different numbers", id="no range"
        ),
        pytest.param(
            HEAD + ONE.replace("turn = 1.0", "range = [0, 3]\nsweep = [0, 400]"), 8, "sweep", "full turn", id="sweep"
        ),
        pytest.param(
            HEAD + ONE.replace("turn = 1.0", "range = [0, 3]\nsweep = [225, 135]"),
            8,
            "sweep",
            "write [225, 495];",
            id="sweep that falls",
        ),
        pytest.param(HEAD + ONE + "sweep = [0, 90]\n", 8, "sweep", "goes with range", id="sweep of a meter's dial"),
        pytest.param(
            HEAD + ONE + ONE.replace("300", "100").replace("turn = 1.0", "range = [0, 3]"),
            11,
            "range",
            "stands alone",
            id="a gauge among wheels",
        ),
        pytest.param(HEAD + ONE + "play = 0.5\n", 8, "play", "at most 0.1", id="too much play"),
        pytest.param(HEAD + ONE + 'direction = "left"\n', 8, "direction", "counterclockwise", id="unknown direction"),
        pytest.param(HEAD + "align = 'picture'\n" + ONE, 4, "align", "needs picture", id="aligned with nothing"),
        pytest.param(HEAD + "picture = 'gone.jpg'\n" + ONE, 4, "picture", "no such file", id="missing picture"),
        pytest.param(HEAD + "picture = 'meter.toml'\n" + ONE, 4, "picture", "not a picture", id="no picture"),
        pytest.param(HEAD + "picture = '.'\n" + ONE, 4, "picture", "a folder", id="a folder for a picture"),
        pytest.param(
            HEAD + ONE + "[[mark]]\nbox = [20, 20, 60, 60]\n", 8, "mark", 'set align = "marks"', id="marks for nothing"
        ),
        pytest.param(
            HEAD + COUNTER.replace("5\n", "9\n"), 9, "digits", "from 1 to 8, got 9", id="more digits than are read"
        ),
        pytest.param(
            HEAD + COUNTER + ONE.replace("1.0", "1_000_000"), 14, "turn", "turns slower", id="a needle before digits"
        ),
        pytest.param(
            HEAD + ONE + "name = 'a'\n" + ONE.replace("300", "100") + "name = 'a'\n",
            13,
            "name",
            "part 1 too",
            id="name",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(text: str, line: int, key: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "meter.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InstrumentError) as caught:
        load_instrument(path)
    told = str(caught.value)
    assert told.startswith(f"{path}, line {line}, {key}: ")
    assert problem in told and "\n" not in told


@pytest.mark.parametrize(
    "content, problem",
    [
        pytest.param(None, "can't be read: No such file", id="missing"),
        pytest.param(b"size = [1,\n[[part", "not TOML", id="no TOML"),
        pytest.param(b"name = \xff\xfe", "no text in UTF-8", id="bytes"),
    ],
)
def test_a_file_that_is_none(content: bytes | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "meter.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InstrumentError, match=problem):
        load_instrument(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "meter.toml"
    path.write_text(METER, encoding="utf-8-sig")
    assert load_instrument(path).name == "cellar"
    path.write_text(HEAD + ONE + "turns = 1\n", encoding="utf-8-sig")
    with pytest.raises(InstrumentError, match="line 8, turns"):
        load_instrument(path)


def test_lines_of_keys_are_not_looked_for_in_text() -> None:
    text = 'note = """\nsize = 3\n[[part]]\n"""\nsize = [1, 2]\n"quoted" = 1\n[[part]]\nbox = 1\n[[part]]\nbox = 2\n'
    lines = find_lines(text)
    assert lines["size",] == 5 and lines["quoted",] == 6
    assert lines["part", 0, "box"] == 8 and lines["part", 1, "box"] == 10


# ---- wheels that turn together


def believe(turns: float, bins: int = BINS, spread_degrees: float = 2.5) -> Floats:
    """What is seen of a wheel that stands there."""
    return np.asarray(np.log(soft_circle(np.array([turns * 360 % 360]), bins, spread_degrees)[0] + 1e-9))


def needles_at(value: float, count: int, off: Sequence[float] = ()) -> list[Wheel]:
    """Needles, the finest first, that show a number counted in turns of the finest; off: how far each stands off."""
    errors = (*off, *[0.0] * count)
    return [Wheel(believe(value / 10**k % 1 + errors[k])) for k in range(count)]


def drums_at(value: float, count: int, rolling: bool) -> list[Wheel]:
    """Drums behind needles, as ``needles_at``: the first one is driven by a needle whose turns value counts."""
    place = math.floor(value) % 10 + (value % 1 if rolling else max(0.0, value % 1 * 10 - 9))
    wheels = [Wheel(believe(place / 10, 100), drum=True)]
    for k in range(1, count):
        place = math.floor(value / 10**k) % 10 + max(0.0, place - 9)
        wheels.append(Wheel(believe(place / 10, 100), drum=True))
    return wheels


def steps_apart(joint: Joint, value: float) -> float:
    """Between a number and a true one in turns of the finest needle, in hundredths of a turn, the shorter way round."""
    modulus = 10 ** len(joint.digits)
    return abs((joint.steps - value * 100 + modulus / 2) % modulus - modulus / 2)


CARRIES = [0.0, 0.004, 0.999, 9.999, 99.99, 100.0, 529.998, 530.001, 899.995, 999.0, 999.999, 500.0, 450.5]


@pytest.mark.parametrize("value", CARRIES)
def test_needles_agree_on_each_carry(value: float) -> None:
    joint = decode_wheels(needles_at(value, 4))
    assert steps_apart(joint, value % 1000) <= 1
    assert joint.probability > 0.7 and None not in joint.digits


@settings(max_examples=60)
@given(st.data())
def test_needles_that_are_mounted_a_little_off_change_no_digit(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    value = data.draw(st.floats(0, 10.0 ** (count - 1), exclude_max=True))
    off = [0.0] + [data.draw(st.floats(-0.03, 0.03)) for _ in range(count - 1)]
    joint = decode_wheels(needles_at(value, count, off))
    assert steps_apart(joint, value) <= 1


@settings(max_examples=25)
@given(st.floats(0, 99999.999), st.booleans(), st.lists(st.floats(-0.02, 0.02), min_size=2, max_size=2))
def test_a_counter_agrees_with_its_needles(value: float, rolling: bool, off: list[float]) -> None:
    fine = value * 100  # turns of the finest of three needles; the third one drives the counter
    wheels = needles_at(fine, 3, [0.0, *off]) + drums_at(value, 5, rolling)
    assert steps_apart(decode_wheels(wheels), fine) <= 1


@pytest.mark.parametrize("rolling", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.0004, 9.9996, 99999.9996, 529.98, 530.02, 1999.95])
def test_a_counter_carries_with_its_needles(value: float, rolling: bool) -> None:
    joint = decode_wheels(needles_at(value * 1000, 4) + drums_at(value, 5, rolling))
    assert steps_apart(joint, value * 1000) <= 1


def test_the_search_finds_what_trying_all_numbers_finds() -> None:
    rnd = np.random.default_rng(5)
    for _ in range(4):
        wheels = [Wheel(np.log(rnd.dirichlet(np.full(BINS, 0.15)) + 1e-6).astype(np.float32)) for _ in range(3)]
        values = np.arange(0, 100, 1 / 600)
        scores = sum(
            score_at(wheel.log_probability, wheel.play if k else 0.0, values / 10**k) for k, wheel in enumerate(wheels)
        )
        best = float(values[np.argmax(scores)])
        share = np.exp(scores - np.max(scores))
        joint = decode_wheels(wheels)
        assert steps_apart(joint, best) <= 3  # the mean of what is near it
        near = np.abs((values - joint.steps / 100 + 50) % 100 - 50) <= 0.010001
        assert joint.probability == pytest.approx(share[near].sum() / share.sum(), abs=0.03)


def test_a_blind_wheel_vetoes_nothing() -> None:
    wheels = needles_at(530.25, 4)
    wrong = believe(0.9)
    assert steps_apart(decode_wheels([*wheels[:2], Wheel(np.zeros(BINS, np.float32)), wheels[3]]), 530.25) <= 1
    doubtful = decode_wheels([*wheels[:1], Wheel(wrong), *wheels[2:]])
    assert steps_apart(doubtful, 530.25) > 1 or doubtful.probability < 0.9
    assert doubtful.others
    far_off = score_at(believe(0.3), 0.04, np.array([0.8]))
    assert far_off == pytest.approx([math.log(1e-3)])  # a thousandth of what each place of a blind wheel has


def test_what_cannot_be_told_is_a_question_mark() -> None:
    blind = Wheel(np.zeros(BINS, np.float32))
    assert decode_wheels([blind] * 4).digits == (None,) * 5
    finest = decode_wheels([blind, *needles_at(530.25, 4)[1:]])
    assert finest.digits[:2] == (5, 3) and finest.digits[-1] is None
    coarsest = decode_wheels([*needles_at(530.25, 4)[:3], blind])
    assert coarsest.digits[0] is None and coarsest.digits[1:] == (3, 0, 2, 5)


def test_runners_up_are_other_numbers() -> None:
    two = np.log(0.6 * np.exp(believe(0.53025)) + 0.4 * np.exp(believe(0.83025))).astype(np.float32)
    joint = decode_wheels([*needles_at(530.25, 4)[:3], Wheel(two)])
    other, share = joint.others[0]
    assert steps_apart(joint, 530.25) <= 1
    assert abs(other - 83025) <= 1
    assert share / joint.probability == pytest.approx(0.4 / 0.6, rel=0.05)


def test_drums_alone_are_not_for_it() -> None:
    with pytest.raises(ValueError, match="needle"):
        decode_wheels(drums_at(5.0, 3, rolling=False))


@pytest.mark.parametrize(
    "digits, decimals, text",
    [
        ((0, 0, 5, 3, 0), 2, "5.30"),
        ((0, 0, 0, 3, 0), 2, "0.30"),
        ((0, None, 5, 3, 0), 2, "?5.30"),
        ((1, 2), -1, "120"),
        ((1, 2), 4, "0.0012"),
        ((0, 0), 0, "0"),
        ((None, None), 1, "?"),
    ],
)
def test_number_as_text(digits: tuple[int | None, ...], decimals: int, text: str) -> None:
    assert number_text(digits, decimals) == text


# ---- whole meters


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(530.0707, id="in between"),
        pytest.param(529.99951, id="all needles before their zero"),
        pytest.param(412.0004, id="all needles behind it"),
        pytest.param(7.3502, id="leading zeros"),
    ],
)
def test_a_meter_is_one_number(value: float, meter: Path, red_needles: None) -> None:
    shown = f"{int(value + 0.001):05d}"  # the counter goes along while its needle comes to zero
    reading = InstrumentReader(meter).read(draw_meter(shown, needles_of(value)))
    assert reading.number == pytest.approx(value, abs=0.00011)
    assert reading.value == f"{reading.number:.4f}"
    assert not reading.uncertain and reading.confidence > 0.5
    assert (reading.kind, reading.unit, reading.model) == ("instrument", "m³", "digits-5+red")
    told = reading.to_dict("a.jpg")
    assert told["number"] == reading.number and told["unit"] == "m³"
    assert [part["name"] for part in told["parts"]] == ["counter", "tenths", "hundredths", "thousandths"]
    assert told["parts"][0]["value"] == shown
    assert float(told["parts"][3]["value"]) == pytest.approx(value * 1000 % 10, abs=0.11)


def test_boxes_follow_a_photo_of_another_size(meter: Path, red_needles: None) -> None:
    reading = InstrumentReader(meter).read(draw_meter("00530", needles_of(530.0707), width=960))
    assert reading.number == pytest.approx(530.0707, abs=0.00011)
    assert reading.marks["part 1"][0] == pytest.approx((279.5, 39.5))
    assert len(reading.marks["needle 2"]) == 2


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_is_read_from_a_blank_picture(level: int, meter: Path, red_needles: None) -> None:
    reading = InstrumentReader(meter).read(np.full((240, 480, 3), level, np.uint8))
    assert reading.value == "?" and reading.uncertain and reading.confidence < 0.01
    assert reading.to_dict()["number"] is None
    assert {part.value for part in reading.parts} == {"?"}


def test_a_covered_dial_is_uncertain(meter: Path, red_needles: None) -> None:
    photo = draw_meter("00530", needles_of(530.0707)).copy()
    photo[140:220, 100:180] = 90
    reading = InstrumentReader(meter).read(photo)
    assert reading.uncertain and math.isnan(reading.number)
    assert reading.value.startswith("530.0") and reading.value.endswith("?")
    assert reading.parts[3].value == "?" and reading.parts[3].confidence == 0


@pytest.mark.parametrize(("confidence", "uncertain"), [(0.49, True), (0.51, False)])
def test_a_number_that_is_told_but_doubtful_is_uncertain(
    confidence: float, uncertain: bool, meter: Path, red_needles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Reading("instrument", "530.0707", 530.0707, confidence, False)
    monkeypatch.setattr("facevalue.instruments.reader.together", lambda seen: told)
    reading = InstrumentReader(meter).read(draw_meter("00530", needles_of(530.0707)))
    assert (reading.value, reading.uncertain) == ("530.0707", uncertain)


def test_a_photo_of_another_shape_is_refused(meter: Path, red_needles: None) -> None:
    with pytest.raises(PictureError, match="480×480 pixels"):
        InstrumentReader(meter).read(np.zeros((480, 480, 3), np.uint8))


@pytest.mark.parametrize(
    "extra, degrees, value, number",
    [
        pytest.param("range = [0, 10]\nsweep = [225, 495]", 0.0, "5.0", 5.0, id="gauge"),
        pytest.param("range = [-1, 3]\nsweep = [225, 495]", 315.0, "0.33", 0.333, id="gauge below zero"),
        pytest.param("turn = 100", 90.0, "25", 25.0, id="a full turn"),
        pytest.param("turn = 1", 90.0, "0.25", 0.25, id="a tenth"),
        pytest.param("turn = 10\nzero = 90", 90.0, "0.0", 0.0, id="zero at the right"),
    ],
)
def test_a_dial_alone(extra: str, degrees: float, value: str, number: float, tmp_path: Path, red_needles: None) -> None:
    path = tmp_path / "gauge.toml"
    path.write_text(f'{HEAD}[[part]]\nkind = "dial"\nbox = [300, 100, 80, 80]\n{extra}\n', encoding="utf-8")
    reading = InstrumentReader(path).read(draw_meter("", [degrees, 0, 0]))
    assert float(reading.value) == pytest.approx(float(value), abs=0.011 * 10 ** max(0, len(value.split(".")[0]) - 1))
    assert reading.number == pytest.approx(number, abs=0.1 if number < 10 else 1.0)
    assert reading.kind == "instrument" and len(reading.parts) == 1
    nothing = InstrumentReader(path).read(np.zeros((240, 480, 3), np.uint8))
    assert (nothing.value, nothing.confidence, nothing.alternatives) == ("?", 0.0, ())


def test_rows_of_digits_are_one_number(tmp_path: Path) -> None:
    path = tmp_path / "counter.toml"
    path.write_text(HEAD + COUNTER.replace("step = 1", "step = 0.01"), encoding="utf-8")
    reading = InstrumentReader(path).read(draw_meter("00427", [0, 0, 0]))
    assert (reading.value, reading.number) == ("4.27", 4.27)
    assert not reading.uncertain
    path.write_text(HEAD + COUNTER.replace("digits = 5", "digits = 4"), encoding="utf-8")
    reading = InstrumentReader(path).read(draw_meter("00427", [0, 0, 0]))
    assert reading.uncertain and reading.value == "?"  # not as many digits as the file says


def test_a_clock_alone(tmp_path: Path) -> None:
    path = tmp_path / "clock.toml"
    path.write_text('size = [240, 240]\n[[part]]\nkind = "clock"\nbox = [0, 0, 240, 240]\n', encoding="utf-8")
    picture = Image.new("RGB", (240, 240), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((10, 10, 230, 230), outline="black", width=4)
    for k in range(60):
        a, inner = math.radians(6 * k), 88 if k % 5 == 0 else 98
        ends = (120 + inner * math.sin(a), 120 - inner * math.cos(a), 120 + 106 * math.sin(a), 120 - 106 * math.cos(a))
        draw.line(ends, fill="black", width=5 if k % 15 == 0 else 3 if k % 5 == 0 else 1)
    for k in range(1, 13):
        a = math.radians(30 * k)
        place = (120 + 74 * math.sin(a), 120 - 74 * math.cos(a))
        draw.text(place, str(k), font=ImageFont.load_default(18), fill="black", anchor="mm")
    for degrees, length, width in ((304.5, 55, 8), (54.0, 90, 5)):  # 10:09
        a = math.radians(degrees)
        draw.line((120, 120, 120 + length * math.sin(a), 120 - length * math.cos(a)), fill="black", width=width)
    reading = InstrumentReader(path).read(picture)
    assert reading.value == "10:09" and reading.kind == "instrument"
    assert reading.to_dict()["number"] == round(reading.number, 2)
    assert {"part 1", "hour 1", "minute 1"} <= set(reading.marks)
    assert InstrumentReader(path).read(np.zeros((240, 240, 3), np.uint8)).uncertain


def test_a_weight_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "counter.toml"
    path.write_text(HEAD + COUNTER, encoding="utf-8")
    with pytest.raises(ModelError, match="a weight for 'clock'"):
        InstrumentReader(path, "clock-1")


def test_an_overlay_shows_boxes_and_values(meter: Path, red_needles: None) -> None:
    photo = draw_meter("00530", needles_of(530.0707))
    drawn = draw_overlay(photo, InstrumentReader(meter).read(photo))
    enlarged = drawn.shape[1] / 480
    x, y = round(300 * enlarged), round(120 * enlarged)
    assert (drawn[y, x - 2 : x + 3] == (90, 220, 140)).all(axis=1).any()  # the left side of the first dial's box


# ---- again and again


def put_meters(folder: Path, values: Sequence[float]) -> None:
    """Photos of the meter, taken a minute apart."""
    folder.mkdir()
    for minute, value in enumerate(values):
        file = folder / f"{minute}.png"
        Image.fromarray(draw_meter(f"{int(value):05d}", needles_of(value))).save(file)
        os.utime(file, (1.79e9 + 60 * minute, 1.79e9 + 60 * minute))


def test_a_whole_meter_is_watched(
    meter: Path, tmp_path: Path, red_needles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    put_meters(tmp_path / "photos", [530.0707, 530.1212, 529.5, 530.2626])
    Image.new("RGB", (300, 300)).save(tmp_path / "photos" / "4.png")  # of another shape
    os.utime(tmp_path / "photos" / "4.png", (1.79e9 + 300, 1.79e9 + 300))
    done = run("watch", "photos", "--instrument", meter, "--once", "--max-per-hour", "100")
    assert done.exit_code == 0, done.stderr
    entries = history("readings.db")
    assert [entry.number for entry in entries[:4]] == pytest.approx([530.0707, 530.1212, 529.5, 530.2626], abs=0.002)
    assert {entry.kind for entry in entries} == {"instrument"}
    assert [entry.why.partition(":")[0] for entry in entries[:4]] == ["", "", "backwards", ""]
    assert "300×300 pixels, and the boxes of" in entries[4].why
    assert entries[4].good_number == pytest.approx(530.2626, abs=0.002)


def test_needles_alone_come_round(tmp_path: Path, red_needles: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "dials.toml").write_text(HEAD + DIALS, encoding="utf-8")
    assert load_instrument(tmp_path / "dials.toml").period == 1.0
    put_meters(tmp_path / "photos", [0.9707, 0.0303, 0.1212])
    done = run("watch", "photos", "--instrument", "dials.toml", "--once", "--max-per-hour", "10")
    assert done.exit_code == 0, done.stderr
    assert [entry.why for entry in history("readings.db")] == ["", "", ""]
    assert history("readings.db")[2].good_number == pytest.approx(0.1212, abs=0.002)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("watch", ["--crop", "0,0,64,64"], "--crop does not go with it"),
        ("watch", ["--kind", "digits"], "--kind does not go with it"),
        ("watch", ["--digits", "5"], "--digits does not go with it"),
        ("watch", ["--decimals", "2"], "--decimals does not go with it"),
        ("watch", ["--range", "0:4"], "--range does not go with it"),
        ("camera", ["--crop", "0,0,64,64"], "--crop does not go with it"),
        ("camera", ["--sweep", "0:90"], "--sweep does not go with it"),
    ],
)
def test_what_the_file_says_is_said_once(name: str, options: list[str], said: str, meter: Path) -> None:
    done = run(name, "photos", "--instrument", meter, *options)
    assert done.exit_code == 2
    assert f"--instrument says what is read; {said}" in done.stderr


def test_a_whole_meter_is_read_live(
    meter: Path, tmp_path: Path, red_needles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of another shape, as while a camera starts, is told once and ends nothing."""
    cv2 = pytest.importorskip("cv2")
    photos = [draw_meter("00530", needles_of(value)) for value in (530.0707, 530.1212)]
    video = tmp_path / "meter.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 1, (480, 240))
    for photo in (photos[0], photos[1], photos[1]):
        writer.write(np.ascontiguousarray(photo[:, :, ::-1]))
    writer.release()
    done = run("camera", video, "--instrument", meter, "--overlay", tmp_path / "now.png")
    assert done.exit_code == 0, done.stderr
    assert [line.split()[1][:6] for line in done.stdout.splitlines()] == ["530.07", "530.12"]
    with Image.open(tmp_path / "now.png") as drawn:
        assert drawn.width >= 480
    meter.write_text(meter.read_text(encoding="utf-8").replace("size = [480, 240]", "size = [480, 400]"), "utf-8")
    done = run("camera", video, "--instrument", meter)
    assert (done.exit_code, done.stdout) == (0, "")
    assert len([line for line in done.stderr.splitlines() if "480×240 pixels, and the boxes of" in line]) == 1
    shown: list[tuple[int, ...]] = []
    window = SimpleNamespace(show=lambda rgb: shown.append(rgb.shape), close=lambda: None)
    monkeypatch.setattr("facevalue.camera.Window", lambda *_: window)
    assert run("camera", video, "--instrument", meter, "--show").exit_code == 0
    assert shown == [(240, 480, 3)] * 3  # what the camera sees, for who sets it right


# ---- alignment


@pytest.fixture
def aligned(tmp_path: Path) -> Iterator[tuple[Path, RGB]]:
    """An instrument file with a reference picture and marks, and that picture."""
    pytest.importorskip("cv2")
    reference = draw_meter("00000", [0, 0, 0])
    Image.fromarray(reference).save(tmp_path / "reference.png")
    path = tmp_path / "meter.toml"
    marks = "".join(f"\n[[mark]]\nbox = [{x}, {y}, 60, 60]\n" for x, y in ((20, 20), (400, 20), (400, 170), (20, 170)))
    path.write_text('picture = "reference.png"\nalign = "picture"\n' + METER + marks, encoding="utf-8")
    yield path, reference


def photographed(picture: RGB, degrees: float, zoom: float, shift: tuple[float, float]) -> RGB:
    """The picture, turned about its middle, made larger and shifted, by hand as it were."""
    height, width = picture.shape[:2]
    a = math.radians(degrees)
    c, s = math.cos(a) / zoom, math.sin(a) / zoom
    x, y = width / 2 + shift[0], height / 2 + shift[1]
    moved = (c, s, width / 2 - c * x - s * y, -s, c, height / 2 + s * x - c * y)
    image = Image.fromarray(picture).transform((width, height), Image.Transform.AFFINE, moved, Image.Resampling.BICUBIC)
    return np.asarray(image)


@pytest.mark.parametrize(
    "how, degrees, zoom, shift",
    [
        pytest.param("picture", 0.0, 1.0, (0.0, 0.0), id="as it was"),
        pytest.param("picture", 9.0, 0.85, (12.0, -7.0), id="by hand"),
        pytest.param("picture", 180.0, 0.9, (0.0, 0.0), id="upside down"),
        pytest.param("marks", 0.0, 1.0, (9.0, -6.0), id="knocked"),
        pytest.param("marks", 2.0, 0.98, (-5.0, 4.0), id="knocked and turned"),
    ],
)
def test_a_photo_is_laid_over_the_reference_picture(
    how: str, degrees: float, zoom: float, shift: tuple[float, float], aligned: tuple[Path, RGB], red_needles: None
) -> None:
    path, _ = aligned
    text = path.read_text(encoding="utf-8").replace('align = "picture"', f'align = "{how}"')
    path.write_text(text if how == "marks" else text.partition("[[mark]]")[0], encoding="utf-8")
    photo = photographed(draw_meter("00530", needles_of(530.0707)), degrees, zoom, shift)
    reading = InstrumentReader(path).read(photo)
    assert reading.number == pytest.approx(530.0707, abs=0.002)
    assert reading.parts[0].value == "00530"


@pytest.mark.parametrize("how", ["picture", "marks"])
@pytest.mark.parametrize(
    "photo",
    [
        pytest.param(np.zeros((240, 480, 3), np.uint8), id="black"),
        pytest.param(np.full((240, 480, 3), 200, np.uint8), id="blank"),
        pytest.param(texture(), id="something else"),
        pytest.param(np.random.default_rng(1).integers(0, 255, (240, 480, 3), dtype=np.uint8), id="noise"),
    ],
)
def test_what_cannot_be_aligned_is_refused(how: str, photo: RGB, aligned: tuple[Path, RGB], red_needles: None) -> None:
    path, _ = aligned
    text = path.read_text(encoding="utf-8").replace('align = "picture"', f'align = "{how}"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PictureError, match=r"can't be aligned with .*reference\.png: "):
        InstrumentReader(path).read(photo)


def test_a_part_outside_of_the_photo_is_refused(aligned: tuple[Path, RGB], red_needles: None) -> None:
    path, reference = aligned
    path.write_text(path.read_text(encoding="utf-8").partition("[[mark]]")[0], encoding="utf-8")
    with pytest.raises(PictureError, match="a part of the meter lies outside"):
        InstrumentReader(path).read(photographed(reference, 0, 1, (-150, 0)))


@pytest.mark.parametrize("how", ["marks", "picture"])
@pytest.mark.parametrize("larger", [1 / 6, 7.0])
def test_a_camera_of_other_pixels_may_take_the_photos(
    how: str, larger: float, aligned: tuple[Path, RGB], red_needles: None
) -> None:
    """From a reference picture of a phone to a small webcam's photos, and the other way."""
    path, reference = aligned
    text = path.read_text(encoding="utf-8").replace('align = "picture"', f'align = "{how}"')
    if larger < 1:  # the reference is the large one, and the boxes with it

        def enlarged(found: re.Match[str]) -> str:
            return f"{found[1]} = [{', '.join(str(round(int(n) / larger)) for n in found[2].split(', '))}]"

        text = re.sub(r"(box|size) = \[([\d, ]+)\]", enlarged, text)
        picture = Image.fromarray(reference).resize((2880, 1440), Image.Resampling.LANCZOS)
        picture.save(path.parent / "reference.png")
        photo = reference
    else:
        photo = np.asarray(Image.fromarray(reference).resize((3360, 1680), Image.Resampling.LANCZOS))
    path.write_text(text, encoding="utf-8")
    assert InstrumentReader(path).read(photo).parts[0].value == "00000"


def test_the_meter_may_fill_more_or_less_of_the_photo(aligned: tuple[Path, RGB], red_needles: None) -> None:
    """A reference picture that was cropped to the meter, and the other way."""
    path, reference = aligned
    path.write_text(path.read_text(encoding="utf-8").partition("[[mark]]")[0], encoding="utf-8")
    wall = np.full((2000, 3000, 3), 170, np.uint8)
    wall[900:1140, 1200:1680] = reference
    assert InstrumentReader(path).read(wall).parts[0].value == "00000"


def test_a_part_cut_by_the_edge_is_refused(aligned: tuple[Path, RGB], red_needles: None) -> None:
    path, reference = aligned
    text = path.read_text(encoding="utf-8").partition("[[mark]]")[0]
    path.write_text(text.replace("box = [300, 100, 80, 80]", "box = [400, 100, 80, 80]"), encoding="utf-8")
    wall = np.full((800, 1200, 3), 170, np.uint8)
    wall[300:540, 732:] = reference[:, :468]  # 12 pixels of the dial are beyond the photo, a hundredth of its width
    with pytest.raises(PictureError, match="a part of the meter lies outside"):
        InstrumentReader(path).read(wall)


@pytest.mark.parametrize("how", ["marks", "picture"])
def test_a_part_may_reach_the_edge(how: str, aligned: tuple[Path, RGB], red_needles: None) -> None:
    path, reference = aligned
    text = path.read_text(encoding="utf-8").replace('align = "picture"', f'align = "{how}"')
    path.write_text(text.replace("box = [140, 20, 200, 60]", "box = [0, 0, 480, 80]"), encoding="utf-8")
    assert text != path.read_text(encoding="utf-8")
    saved = BytesIO()
    Image.fromarray(reference).save(saved, "JPEG", quality=60)
    for photo in (reference, saved.getvalue()):
        assert len(InstrumentReader(path).read(photo).parts) == 4


def test_two_marks_must_both_be_seen_well(aligned: tuple[Path, RGB], red_needles: None) -> None:
    """Through any two places a photo can be laid, and by chance something is a little like a mark."""
    path, reference = aligned
    text = path.read_text(encoding="utf-8").replace('align = "picture"', 'align = "marks"')
    first, second, *_ = re.findall(r"\[\[mark\]\]\nbox = .*\n", text)
    path.write_text(text.partition("[[mark]]")[0] + first + second, encoding="utf-8")
    reader = InstrumentReader(path)
    assert reader.read(photographed(reference, 3.0, 1.0, (4.0, 3.0))).parts[0].value == "00000"
    mixed = reference.copy()
    mark, other = reference[20:80, 400:460], reference[170:230, 400:460]
    mixed[20:80, 400:460] = other
    mixed[30:90, 390:450] = (0.4 * mark + 0.6 * other).astype(np.uint8)  # beside its place, and half itself
    with pytest.raises(PictureError, match=r"only marks 1 and 2 are found, and mark 2 is only \d+% like itself"):
        reader.read(mixed)


def test_a_reference_picture_of_another_size_is_refused(aligned: tuple[Path, RGB], red_needles: None) -> None:
    path, reference = aligned
    Image.fromarray(reference[:, :400]).save(path.parent / "reference.png")
    with pytest.raises(InstrumentError, match=r"meter\.toml, line 1, picture: .*480×240.*400×240"):
        InstrumentReader(path)


@pytest.mark.parametrize(
    "degrees, zoom, told",
    [
        pytest.param(4.0, 1.0, None, id="knocked"),
        pytest.param(0.0, 0.94, None, id="a little farther"),
        pytest.param(-15.0, 1.0, r"turned by 1\d degrees", id="turned"),
        pytest.param(0.0, 0.8, r"0\.8\d times as large", id="farther"),
    ],
)
def test_marks_are_for_small_knocks(
    degrees: float, zoom: float, told: str | None, aligned: tuple[Path, RGB], red_needles: None
) -> None:
    path, reference = aligned
    path.write_text(path.read_text(encoding="utf-8").replace('align = "picture"', 'align = "marks"'), encoding="utf-8")
    reader = InstrumentReader(path)
    photo = photographed(reference, degrees, zoom, (0, 0))
    if told is None:
        assert reader.read(photo).parts[0].value == "00000"
        return
    with pytest.raises(PictureError, match=told + r".*set align = \"picture\""):
        reader.read(photo)


@pytest.mark.parametrize("how", ["marks", "picture"])
def test_a_mark_that_shows_nothing_is_refused(how: str, aligned: tuple[Path, RGB], red_needles: None) -> None:
    path, reference = aligned
    plain = reference.copy()
    plain[150:, 380:] = np.random.default_rng(4).integers(198, 203, (90, 100, 1))
    Image.fromarray(plain).save(path.parent / "reference.png")
    text = path.read_text(encoding="utf-8").replace('align = "picture"', f'align = "{how}"')
    path.write_text(text, encoding="utf-8")
    line = text.splitlines().index("box = [400, 170, 60, 60]") + 1
    with pytest.raises(InstrumentError, match=rf"meter\.toml, line {line}, box: the mark shows nothing"):
        InstrumentReader(path)


def test_a_mark_like_what_is_beside_it_is_refused(aligned: tuple[Path, RGB], red_needles: None) -> None:
    path, reference = aligned
    striped = reference.copy()
    striped[150:, 380:] = np.where(np.arange(100) % 16 < 8, 40, 200)[None, :, None]
    Image.fromarray(striped).save(path.parent / "reference.png")
    text = path.read_text(encoding="utf-8").replace('align = "picture"', 'align = "marks"')
    path.write_text(text, encoding="utf-8")
    line = text.splitlines().index("box = [400, 170, 60, 60]") + 1
    with pytest.raises(InstrumentError, match=rf"line {line}, box: the mark can't be told from what is beside it"):
        InstrumentReader(path)


def test_without_opencv_it_is_said_what_to_install(
    aligned: tuple[Path, RGB], red_needles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"^laying photos over .* OpenCV, .*pip install 'facevalue\[camera\]'"):
        InstrumentReader(aligned[0])
    done = run("instrument", "new", aligned[0].parent / "reference.png", "-o", aligned[0].parent / "new.toml")
    assert done.exit_code == 2 and "looking for the parts of a meter (instrument new) needs OpenCV, " in done.output


def test_a_similarity_is_found_exactly() -> None:
    rnd = np.random.default_rng(2)
    here = rnd.uniform(0, 100, (5, 2))
    turned = here @ np.array([[0.9, 0.4], [-0.4, 0.9]]) + (7, -3)
    x, y, w = align.similarity(here, turned) @ np.column_stack([here, np.ones(5)]).T
    assert np.allclose(np.column_stack([x / w, y / w]), turned)


# ---- the command


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_read_with_an_instrument(meter: Path, red_needles: None, tmp_path: Path) -> None:
    Image.fromarray(draw_meter("00530", needles_of(530.0707))).save(tmp_path / "photo.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = run("read", "--instrument", meter, tmp_path / "photo.png")
    assert done.exit_code == 0 and done.output.startswith(f"{tmp_path / 'photo.png'}  530.070")
    done = run("read", "--instrument", meter, "--json", "--overlay", tmp_path / "out", tmp_path / "photo.png")
    record = json.loads(done.stdout)
    assert record["number"] == pytest.approx(530.0707, abs=0.00011) and len(record["parts"]) == 4
    assert (tmp_path / "out" / "photo.png").is_file()
    done = run("read", "--instrument", meter, tmp_path / "broken.png", tmp_path / "photo.png")
    assert done.exit_code == 1 and "530.070" in done.stdout


@pytest.mark.parametrize("option", [("--kind", "digits"), ("--page",), ("--range", "0:3"), ("--truth", "5:59")])
def test_options_that_do_not_go_with_an_instrument(option: tuple[str, ...], meter: Path) -> None:
    done = run("read", "--instrument", meter, *option, "a.jpg")
    assert done.exit_code == 2 and "does not go with it" in done.output


def test_a_mistake_in_the_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "meter.toml"
    path.write_text(HEAD + ONE + "turns = 1\n", encoding="utf-8")
    for done in (run("read", "--instrument", path, "a.jpg"), run("instrument", "check", path)):
        assert done.exit_code == 2 and "line 8, turns: no such key; did you mean 'turn'?" in done.output


def test_check_draws_the_parts(meter: Path, red_needles: None, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(draw_meter("00530", needles_of(530.0707))).save(photo)
    done = run("instrument", "check", meter, photo, "-o", tmp_path / "check.png")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["counter", "00530"] and len(lines) == 5
    assert lines[-1].startswith("cellar  530.070") and lines[-1].endswith("m³")
    with Image.open(tmp_path / "check.png") as drawn:
        assert drawn.width >= 480
    assert run("instrument", "check", meter).exit_code == 0
    assert run("instrument", "check", meter, "-o", tmp_path / "b.png").exit_code == 2
    assert run("instrument", "check", meter, tmp_path / "gone.png").exit_code == 1
    assert run("instrument", "check", meter, photo, "-o", tmp_path / "b.xyz").exit_code == 2


def test_check_never_writes_over_what_it_reads(meter: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(draw_meter("00530", needles_of(530.0707))).save(photo)
    before = photo.read_bytes()
    (tmp_path / "link.png").symlink_to(photo)
    for out in (photo, tmp_path / "link.png", tmp_path / "." / "photo.png"):
        done = run("instrument", "check", meter, photo, "-o", out)
        assert done.exit_code == 2 and "which is read; name another file" in done.output
    assert photo.read_bytes() == before
    done = run("instrument", "check", meter, photo, "-o", tmp_path / "nowhere" / "c.png")
    assert done.exit_code == 2 and "no such folder" in done.output
    assert done.stdout == ""  # told before anything is read


def test_new_proposes_what_it_finds(red_needles: None, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    photo, out = tmp_path / "photo.png", tmp_path / "meter.toml"
    Image.fromarray(draw_meter("00530", needles_of(530.0707))).save(photo)
    done = run("instrument", "new", photo, "-o", out)
    assert done.exit_code == 0, done.output
    assert "a row of 5 digits at" in done.stdout and "Check its boxes" in done.stdout
    found = load_instrument(out)
    (counter,) = (part for part in found.parts if isinstance(part, Digits))
    assert counter.digits == 5 and found.picture == tmp_path / "photo.png"
    xs = [x for x, _ in counter.corners]
    assert 120 < min(xs) < 160 and 320 < max(xs) < 360
    middles = [np.mean(part.corners, axis=0) for part in found.parts if isinstance(part, Needle)]
    for middle in ((340, 140), (240, 180), (140, 180)):
        assert any(np.hypot(*(place - middle)) < 40 for place in middles)
    done = run("instrument", "new", photo, "-o", out)
    assert done.exit_code == 2 and "exists already" in done.output
    done = run("instrument", "new", photo, "-o", tmp_path / "nowhere" / "m.toml")
    assert done.exit_code == 2 and "no such folder" in done.output


def test_dials_unlike_the_surest_ones_are_not_proposed() -> None:
    dials = [Found((40.0 * k, 0.0, side, side), 0.999) for k, side in enumerate((48.0, 50.0, 53.0))]
    hinge, screw, rim, faint = (
        Found((9.0, 90.0, side, side), sure)
        for side, sure in ((95.0, 0.998), (13.0, 0.998), (50.0, 0.99), (60.0, 0.998))
    )
    assert of_one_meter([*dials, hinge, screw, rim, faint]) == [*dials, faint]
    assert of_one_meter([hinge]) == [hinge]
    assert of_one_meter([]) == []


def test_a_meter_is_proposed_whole_and_nothing_else() -> None:
    pytest.importorskip("cv2")
    parts = find_parts(open_picture(METER_PHOTO), Reader("dial"), Reader("digits"))
    assert sorted(part.digits for part in parts) == [0, 0, 0, 0, 5]
    assert all(abs(part.zero) <= 1 for part in parts)


def test_the_zero_of_a_dial_is_proposed_where_it_is_seen() -> None:
    cv2 = pytest.importorskip("cv2")
    with Image.open(METER_PHOTO) as photo:
        askew = np.asarray(photo.convert("RGB").rotate(-8, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)))
    dials = find_dials(cv2, askew, Reader("dial"))
    assert len(dials) == 4
    assert all(4 <= dial.zero <= 10 for dial in dials)


def test_the_counter_is_the_largest_row_and_whole() -> None:
    """A label is read more surely there, and four of the five drums are too."""
    (counter,) = find_counter(open_picture(METER_PHOTO), Reader("digits"))
    left, top, width, height = counter.box
    assert counter.digits == 5
    assert 185 < left < 205 and 430 < left + width < 455 and 100 < top < 120 and 155 < top + height < 175


def test_new_says_where_nothing_is_found(red_needles: None, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    photo = tmp_path / "photo.png"
    Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(photo)
    done = run("instrument", "new", photo, "-o", tmp_path / "meter.toml")
    assert done.exit_code == 2 and "nothing to propose" in done.output
    assert not (tmp_path / "meter.toml").exists()
