"""Instrument files: which parts a picture of a meter holds, where they are, and how they form one number.

    name = "water meter"
    unit = "m³"
    size = [480, 640]          # width and height of the picture that the boxes are measured in

    [[part]]
    name = "counter"
    kind = "digits"
    box = [112, 220, 106, 28]  # left, top, width, height; or four corners, clockwise from top left
    digits = 5
    step = 1.0                 # what one step of the last digit is worth

    [[part]]
    name = "x0.1"
    kind = "dial"
    box = [218, 288, 50, 50]
    turn = 1.0                 # what a full turn is worth

All keys are in docs/instruments.md. Every mistake is an InstrumentError of one line that names file, line and key.
"""

from __future__ import annotations

import difflib
import itertools
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from facevalue.codecs.dial import Scale
from facevalue.codecs.digits import MOST_DIGITS
from facevalue.errors import InstrumentError, PictureError, SettingError
from facevalue.images import open_picture
from facevalue.instruments.joint import NEEDLE_PLAY
from facevalue.instruments.lines import Place, find_lines, line_of
from facevalue.metrics import DAY_HALF_MINUTES

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]  # from top left, clockwise, in pixels of the reference picture
Align = Literal["none", "marks", "picture"]

KINDS = ("digits", "dial", "clock")
ALIGN = ("none", "marks", "picture")
WAYS = ("clockwise", "counterclockwise")
OVERLAP = 0.25  # of the smaller of two boxes: round dials stand closer than the squares round them
LEAST_PX = 8  # of a box's sides
MOST_PARTS = 16
MOST_PLAY = 0.1  # of a turn; further off, a needle points at another digit
INSTRUMENT_KEYS = ("name", "unit", "size", "picture", "align", "part", "mark")
PART_KEYS = {
    "digits": ("name", "kind", "box", "digits", "step"),
    "dial": ("name", "kind", "box", "turn", "direction", "zero", "play", "range", "sweep"),
    "clock": ("name", "kind", "box"),
}
MARK_KEYS = ("box",)


@dataclass(frozen=True)
class Part:
    """A part of an instrument and where it stands; a clock is no more than that."""

    name: str
    corners: Corners

    @property
    def kind(self) -> str:
        """The kind of reader that reads it."""
        return "clock"


@dataclass(frozen=True)
class Digits(Part):
    """A row of digits. digits: how many.  step: what one step of the last one is worth, a power of ten."""

    digits: int
    step: float

    @property
    def kind(self) -> str:
        """The kind of reader that reads it."""
        return "digits"


@dataclass(frozen=True)
class Needle(Part):
    """A dial whose needle goes round. turn: what a full turn is worth, a power of ten.

    clockwise: the way in which the number rises.  zero: direction of the dial's zero, degrees clockwise from up.
    play: how far the needle may stand off, in turns, see ``joint.Wheel``.
    """

    turn: float
    clockwise: bool
    zero: float
    play: float

    @property
    def kind(self) -> str:
        """The kind of reader that reads it."""
        return "dial"


@dataclass(frozen=True)
class Gauge(Part):
    """A dial with a scale of its own, that stands alone."""

    scale: Scale

    @property
    def kind(self) -> str:
        """The kind of reader that reads it."""
        return "dial"


@dataclass(frozen=True)
class Instrument:
    """An instrument as described.

    size: width and height of the picture that all corners are measured in.  picture: that picture, where it is named.
    marks: places of it that hold something distinct.  file: what all this was read from.  lines: where in it, by key.
    """

    name: str
    unit: str
    size: tuple[int, int]
    parts: tuple[Part, ...]
    picture: Path | None
    align: Align
    marks: tuple[Corners, ...]
    file: Path
    lines: Mapping[Place, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def counts(self) -> bool:
        """Whether its number counts on, as a meter's does and a gauge's or a clock's does not."""
        return all(isinstance(part, Digits | Needle) for part in self.parts)

    @property
    def period(self) -> float | None:
        """After how much its number is where it was: needles alone after a turn of the coarsest, a clock after 720
        minutes; None where digits count on, and of a gauge, whose reading tells it."""
        if any(isinstance(part, Digits | Gauge) for part in self.parts):
            return None
        turns = [part.turn for part in self.parts if isinstance(part, Needle)]
        return max(turns, default=float(DAY_HALF_MINUTES))

    def wrong(self, place: Place, problem: str) -> InstrumentError:
        """The error of a value that turns out wrong when the file is used."""
        return value_error(self.file, self.lines, place, problem)


def finest_turn(part: Part) -> float:
    """What a full turn of the part's finest wheel is worth; NaN of a part that turns with no other."""
    if isinstance(part, Digits):
        return 10 * part.step
    return part.turn if isinstance(part, Needle) else math.nan


def load_instrument(path: str | Path) -> Instrument:
    """Read an instrument file. Raises InstrumentError."""
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors put a byte order mark first
    except OSError as error:
        raise InstrumentError(f"{path}: the instrument file can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InstrumentError(f"{path}: no text in UTF-8; expected an instrument file in TOML") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InstrumentError(f"{path}: not TOML: {' '.join(str(error).split())}") from error
    return Checked(path, find_lines(text)).instrument(table)


def value_error(path: Path, lines: Mapping[Place, int], place: Place, problem: str) -> InstrumentError:
    """The error of a value: the file, its line and key, and what is wrong with it."""
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    return InstrumentError(f"{path}, line {line_of(lines, place)}, {key}: {problem}")


class Checked:
    """What a file says, checked value by value; the first that is wrong is raised with its line and key."""

    def __init__(self, path: Path, lines: dict[Place, int]) -> None:
        self.path = path
        self.lines = lines

    def wrong(self, place: Place, problem: str) -> InstrumentError:
        """The error of a value: where it is, and what is wrong with it."""
        return value_error(self.path, self.lines, place, problem)

    # ---- values of one type

    def known(self, table: Mapping[str, Any], keys: Sequence[str], place: Place) -> None:
        for key in table:
            if key in keys:
                continue
            close = difflib.get_close_matches(key, keys, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(keys)}"
            raise self.wrong((*place, key), f"no such key; {hint}")

    def taken(self, table: Mapping[str, Any], key: str, place: Place, why: str) -> Any:
        """A value that must be there."""
        if key not in table:
            raise self.wrong((*place, key), f"missing; {why}")
        return table[key]

    def text(self, table: Mapping[str, Any], key: str, place: Place, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.wrong((*place, key), f"expected text in quotes, got {shown(value)}")
        return value

    def choice(self, table: Mapping[str, Any], key: str, place: Place, choices: Sequence[str], default: str) -> str:
        value = table.get(key, default)
        if value not in choices:
            close = difflib.get_close_matches(value, choices, n=1) if isinstance(value, str) else []
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise self.wrong((*place, key), f"expected one of {', '.join(choices)}, got {shown(value)}{hint}")
        return str(value)

    def number(self, value: Any, place: Place, expected: str = "a number") -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.wrong(place, f"expected {expected}, got {shown(value)}")
        return float(value)

    def numbers(self, value: Any, count: int, place: Place, expected: str) -> tuple[float, ...]:
        if not isinstance(value, list) or len(value) != count:
            raise self.wrong(place, f"expected {expected}, got {shown(value)}")
        return tuple(self.number(item, place, expected) for item in value)

    def decade(self, table: Mapping[str, Any], key: str, place: Place, why: str) -> float:
        """A power of ten."""
        expected = "1, 10, 100, 0.1, 0.01 or another power of ten"
        value = self.number(self.taken(table, key, place, why), (*place, key), expected)
        if not 1e-12 <= value <= 1e12 or abs(math.log10(value) - round(math.log10(value))) > 1e-9:
            raise self.wrong((*place, key), f"expected {expected}, got {shown(value)}")
        return value

    # ---- boxes

    def size(self, table: Mapping[str, Any]) -> tuple[int, int]:
        why = "width and height in pixels of the picture that the boxes are measured in, such as size = [480, 640]"
        value = self.taken(table, "size", (), why)
        width, height = self.numbers(value, 2, ("size",), "[width, height]")
        if min(width, height) < LEAST_PX or width % 1 or height % 1:
            raise self.wrong(("size",), f"expected whole pixels, at least {LEAST_PX} each way, got {shown(value)}")
        return int(width), int(height)

    def corners(self, table: Mapping[str, Any], place: Place, size: tuple[int, int]) -> Corners:
        """A box, or four corners, inside the picture."""
        expected = "[left, top, width, height], or four corners [[x, y], ...] clockwise from top left"
        value = self.taken(table, "box", place, expected)
        place = (*place, "box")
        if isinstance(value, list) and len(value) == 4 and all(isinstance(item, list) for item in value):
            a, b, c, d = ((p[0], p[1]) for p in (self.numbers(item, 2, place, expected) for item in value))
            found: Corners = (a, b, c, d)
        else:
            left, top, width, height = self.numbers(value, 4, place, expected)
            if min(width, height) <= 0:
                raise self.wrong(place, f"the box is empty: width {width:g}, height {height:g}")
            right, bottom = left + width, top + height
            found = (left, top), (right, top), (right, bottom), (left, bottom)
        if not is_clockwise(found):
            raise self.wrong(place, "the corners are empty or crossed; expected them clockwise from top left")
        sides = [math.dist(p, q) for p, q in zip(found, (*found[1:], found[0]), strict=True)]
        if min(sides) < LEAST_PX:
            raise self.wrong(place, f"a side of {min(sides):g} px; expected at least {LEAST_PX}")
        if any(not (0 <= x <= size[0] and 0 <= y <= size[1]) for x, y in found):
            raise self.wrong(place, f"reaches outside the picture of {size[0]}×{size[1]} pixels that size names")
        return found

    # ---- parts

    def part(self, table: Any, place: Place, size: tuple[int, int]) -> Part:
        if not isinstance(table, dict):
            raise self.wrong(place, f"expected a table [[part]], got {shown(table)}")
        self.taken(table, "kind", place, f"expected one of {', '.join(KINDS)}")
        kind = self.choice(table, "kind", place, KINDS, "")
        self.known(table, PART_KEYS[kind], place)
        name = self.text(table, "name", place, f"{kind} {int(place[1]) + 1}")
        corners = self.corners(table, place, size)
        if kind == "clock":
            return Part(name, corners)
        if kind == "digits":
            count = self.taken(table, "digits", place, "how many digits the row has")
            if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_DIGITS:
                raise self.wrong((*place, "digits"), f"expected a whole number from 1 to {MOST_DIGITS}, got {count!r}")
            return Digits(name, corners, count, self.decade(table, "step", place, "what one step of the last is worth"))
        return self.gauge(table, place, name, corners) if "range" in table else self.needle(table, place, name, corners)

    def needle(self, table: Mapping[str, Any], place: Place, name: str, corners: Corners) -> Needle:
        if "sweep" in table:
            raise self.wrong((*place, "sweep"), "goes with range, which a gauge that stands alone has")
        turn = self.decade(table, "turn", place, "what a full turn is worth; or range, of a gauge that stands alone")
        play = self.number(table.get("play", NEEDLE_PLAY), (*place, "play"))
        if not 0 < play <= MOST_PLAY:
            raise self.wrong((*place, "play"), f"expected a share of a turn above 0, at most {MOST_PLAY}, got {play:g}")
        clockwise = self.choice(table, "direction", place, WAYS, WAYS[0]) == WAYS[0]
        zero = self.number(table.get("zero", 0.0), (*place, "zero"), "degrees clockwise from up")
        return Needle(name, corners, turn, clockwise, zero % 360, play)

    def gauge(self, table: Mapping[str, Any], place: Place, name: str, corners: Corners) -> Gauge:
        for key in ("turn", "zero", "play"):
            if key in table:
                raise self.wrong((*place, key), "does not go with range, which a gauge that stands alone has")
        low, high = self.numbers(table["range"], 2, (*place, "range"), "[low, high]")
        sweep = None
        if "sweep" in table:
            expected = "[start, end] in degrees clockwise from up"
            start, end = self.numbers(table["sweep"], 2, (*place, "sweep"), expected)
            sweep = start, end
        clockwise = None
        if "direction" in table:
            clockwise = self.choice(table, "direction", place, WAYS, WAYS[0]) == WAYS[0]
        try:
            scale = Scale(low, high, sweep, clockwise)
            scale.check_falling("[{:g}, {:g}]")
        except SettingError as error:
            key = "range" if low == high else "sweep"
            raise self.wrong((*place, key), str(error)) from error
        return Gauge(name, corners, scale)

    # ---- the whole

    def tables(self, table: Mapping[str, Any], key: str) -> list[Any]:
        value = table.get(key, [])
        if not isinstance(value, list):
            raise self.wrong((key,), f"expected tables headed [[{key}]], with two brackets")
        return value

    def instrument(self, table: Mapping[str, Any]) -> Instrument:
        self.known(table, INSTRUMENT_KEYS, ())
        size = self.size(table)
        found = self.tables(table, "part")
        if not 1 <= len(found) <= MOST_PARTS:
            raise self.wrong(("part",), f"{len(found)} parts; expected 1 to {MOST_PARTS} tables headed [[part]]")
        parts = tuple(self.part(part, ("part", k), size) for k, part in enumerate(found))
        self.check_names(parts)
        self.check_overlap(parts)
        self.check_chain(parts)
        marks = tuple(self.mark(mark, ("mark", k), size) for k, mark in enumerate(self.tables(table, "mark")))
        picture = self.text(table, "picture", (), "")
        align = self.choice(table, "align", (), ALIGN, "none")
        if align != "none" and not picture:
            raise self.wrong(("align",), f"{align!r} needs picture, the reference picture that photos are laid over")
        if align == "marks" and len(marks) < 2:
            raise self.wrong(("align",), f"'marks' needs two or more tables headed [[mark]], there are {len(marks)}")
        if align == "none" and marks:
            problem = (
                "is for photos that are aligned, and align is 'none'; set align = \"marks\", or leave the marks out"
            )
            raise self.wrong(("mark",), problem)
        where = self.path.parent / picture if picture else None
        if where is not None:
            self.check_picture(where)
        name, unit = self.text(table, "name", (), self.path.stem), self.text(table, "unit", (), "")
        return Instrument(name, unit, size, parts, where, _as_align(align), marks, self.path, self.lines)

    def mark(self, table: Any, place: Place, size: tuple[int, int]) -> Corners:
        if not isinstance(table, dict):
            raise self.wrong(place, f"expected a table [[mark]], got {shown(table)}")
        self.known(table, MARK_KEYS, place)
        return self.corners(table, place, size)

    def check_picture(self, where: Path) -> None:
        try:
            open_picture(where, at_least_px=LEAST_PX)
        except PictureError as error:
            raise self.wrong(("picture",), f"expected the picture that the boxes are measured in; {error}") from error

    def check_names(self, parts: Sequence[Part]) -> None:
        names = [part.name for part in parts]
        for k, name in enumerate(names):
            if name in names[:k]:
                raise self.wrong(("part", k, "name"), f"{name!r} is the name of part {names.index(name) + 1} too")

    def check_overlap(self, parts: Sequence[Part]) -> None:
        for k, part in enumerate(parts):
            for other in parts[:k]:
                smaller = min(area(part.corners), area(other.corners))
                share = area(common(part.corners, other.corners)) / smaller
                if share > OVERLAP:
                    problem = f"overlaps the box of {other.name!r} by {share:.0%}; expected {OVERLAP:.0%} at most"
                    raise self.wrong(("part", k, "box"), problem)

    def check_chain(self, parts: Sequence[Part]) -> None:
        """Parts that turn together are to turn by tens, needles before digits; any other is to stand alone."""
        for k, part in enumerate(parts):
            if math.isnan(finest_turn(part)) and len(parts) > 1:
                key = "range" if isinstance(part, Gauge) else "kind"
                raise self.wrong(("part", k, key), f"{part.name!r} stands alone; it forms no number with other parts")
        if len(parts) == 1:
            return
        order = sorted(range(len(parts)), key=lambda k: finest_turn(parts[k]))
        for k, coarser in itertools.pairwise(order):
            part, other = parts[k], parts[coarser]
            following = finest_turn(part) * 10.0 ** getattr(part, "digits", 1)
            key = "step" if isinstance(other, Digits) else "turn"
            if isinstance(part, Digits) and isinstance(other, Needle):
                problem = f"the needle of {other.name!r} turns slower than the digits of {part.name!r}; expected faster"
                raise self.wrong(("part", coarser, key), problem)
            if abs(math.log10(finest_turn(other) / following)) > 1e-9:
                wanted = following / 10 if key == "step" else following
                given = finest_turn(other) / 10 if key == "step" else finest_turn(other)
                problem = f"{given:g} does not follow on {part.name!r} by tens; expected {wanted:g}"
                raise self.wrong(("part", coarser, key), problem)


def shown(value: Any) -> str:
    """A value of a file, short enough for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _as_align(text: str) -> Align:
    return "marks" if text == "marks" else "picture" if text == "picture" else "none"


def area(points: Sequence[Point]) -> float:
    """Area of a polygon, positive where it goes round clockwise as seen in a picture."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, (*points[1:], *points[:1]), strict=True)) / 2


def is_clockwise(corners: Corners) -> bool:
    """Whether four corners go round clockwise, without a dent."""
    turns = [area((corners[k - 2], corners[k - 1], corners[k])) for k in range(4)]
    return min(turns) > 0


def common(one: Sequence[Point], other: Sequence[Point]) -> list[Point]:
    """What two convex polygons have in common, by Sutherland and Hodgman's clipping."""
    points = list(one)
    for a, b in zip(other, (*other[1:], *other[:1]), strict=True):
        inside = _side_of(a, b)
        clipped: list[Point] = []
        for p, q in zip(points, (*points[1:], *points[:1]), strict=True):
            left, right = inside(p), inside(q)
            if left >= 0:
                clipped.append(p)
            if left * right < 0:
                t = left / (left - right)
                clipped.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
        points = clipped
    return points


def _side_of(a: Point, b: Point) -> Callable[[Point], float]:
    return lambda p: (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
