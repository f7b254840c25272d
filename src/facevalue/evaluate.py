"""Measure a reader on labelled pictures: scores as table and JSON, the worst readings as a sheet, confidence as a plot.

    labels.csv ──► read_labels ──► reader.read_many ──► Judged rows ──► score ──► table, scores.json
                                                                          ├─────► readings.csv, worst20.png
                                                                          └─────► risk_coverage.png

A picture that can't be read stays in every count as the worst miss there is (360 minutes, hour wrong, confidence 0).
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facevalue import __version__
from facevalue.codecs.clock import format_time, parse_time
from facevalue.errors import FaceValueError, LabelError, MissingExtraError, ModelError, PictureError
from facevalue.images import open_picture
from facevalue.metrics import (
    FLOAT_NOISE_MINUTES,
    expected_calibration_error,
    is_right,
    minutes_apart,
    reliability_table,
    risk_coverage,
    threshold_for_accuracy,
    time_scores,
)
from facevalue.reading import Reading

WORST_COUNT = 20
WORST_MINUTES = 360.0
PROMISED_ACCURACY = 0.95
SECONDS_BEFORE_PROGRESS = 2.0


class ManyReader(Protocol):
    """What `evaluate` needs of a `facevalue.reader.Reader`."""

    def read_many(
        self, sources: Sequence[Path], *, on_error: Literal["return"]
    ) -> Iterator[Reading | FaceValueError]: ...


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row of labels.csv.  minutes: past twelve, 0..719; source: its group, "" where the csv has no such column."""

    file: str
    path: Path
    label: str
    minutes: int
    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Judged:
    """One row and what was made of it.  minutes: read, None where the picture could not be read, which `error` says."""

    row: Labelled
    reading: Reading | None
    minutes: int | None
    error: str = ""

    @property
    def apart(self) -> float:
        return WORST_MINUTES if self.minutes is None else float(minutes_apart(self.minutes, self.row.minutes))

    @property
    def scored_minutes(self) -> float:
        """The minutes read; where nothing was, the other side of the dial, the farthest from the truth."""
        return (self.row.minutes + WORST_MINUTES) % 720 if self.minutes is None else float(self.minutes)

    @property
    def confidence(self) -> float:
        return self.reading.confidence if self.reading else 0.0

    @property
    def right(self) -> bool:
        return self.minutes is not None and bool(is_right(self.minutes, self.row.minutes))

    @property
    def answered(self) -> bool:
        return self.reading is not None and not self.reading.uncertain


def evaluate_command(model: str | Path, data: str | Path, out: str | Path | None, as_json: bool) -> dict[str, Any]:
    """`facevalue evaluate MODEL --data labels.csv`: read, score, write the folder `out`, print the table or the JSON.

    model: an .onnx file or the name of a shipped weight.  out: None for `evaluation-<model>-<dataset>` here.
    Returns the scores.  Raises LabelError, ModelError, FaceValueError where `out` can't be written.
    """
    from facevalue.reader import Reader

    reader = Reader("clock", model)
    name = reader.weight.name
    folder = Path(out) if out is not None else Path(f"evaluation-{name}-{dataset_name(data)}")
    scores = evaluate(reader, data, folder, model=name)
    sys.stdout.write(to_json(scores) if as_json else format_scores(scores))
    sys.stdout.flush()
    print(f"scores, readings, sheet and plot are in {folder}", file=sys.stderr)
    return scores


def evaluate(
    reader: ManyReader, labels_csv: str | Path, out_dir: str | Path | None = None, *, model: str = ""
) -> dict[str, Any]:
    """Read every picture of a label file and score the readings.

    labels_csv: file,label and any other columns, `source` among them for scores by group; label H:MM or HH:MM of 12
    or 24 hours; files relative to the csv.  out_dir: None writes nothing; else scores.json, readings.csv, worst20.png
    and, where matplotlib is installed, risk_coverage.png, each whole or not at all, scores.json last.  model: its
    name, for headings.
    Returns the scores as scores.json holds them: minutes, shares 0..1, None where there is nothing to take a mean of.
    Raises LabelError before anything is read, FaceValueError for a bad `out_dir`.
    """
    rows = read_labels(labels_csv)
    if out_dir is not None:
        _make_folder(Path(out_dir))
    readings = _with_progress(reader.read_many([row.path for row in rows], on_error="return"), len(rows))
    judged = [_judge(row, reading) for row, reading in zip(rows, readings, strict=True)]
    scores = score(judged, data=labels_csv, model=model)
    if out_dir is not None:
        title = f"{scores['model']} on {dataset_name(labels_csv)}"
        contents = {
            "readings.csv": _readings_csv(judged).encode(),
            "worst20.png": _png(draw_worst(judged, title)),
        }
        try:
            contents["risk_coverage.png"] = plot_risk_coverage(judged, title)
        except MissingExtraError as error:
            print(f"no risk_coverage.png: {error}", file=sys.stderr)
        contents["scores.json"] = to_json(scores).encode()
        _write_together(Path(out_dir), contents)
    return scores


def dataset_name(labels_csv: str | Path) -> str:
    """Name of a labelled set: that of the csv, or of its folder where the csv is plainly called labels.csv."""
    path = Path(labels_csv)
    return path.resolve().parent.name if path.stem == "labels" else path.stem


# ---- labels


def read_labels(labels_csv: str | Path) -> list[Labelled]:
    """The rows of a label file, each checked, all their pictures present.

    Raises LabelError naming file and line for a row that can't be used, and for missing pictures (ten and a count).
    """
    path = Path(labels_csv)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(_parse_rows(path, stream))
    except FileNotFoundError as error:
        raise LabelError(f"{path}: no such label file; expected a csv with the columns file,label") from error
    except IsADirectoryError as error:
        raise LabelError(f"{path}: a folder, where a label file was expected; try {path / 'labels.csv'}") from error
    except OSError as error:
        raise LabelError(f"{path}: can't be opened: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8 text (byte {error.start}); save it as CSV in UTF-8") from error
    if not rows:
        raise LabelError(f"{path}: no rows below the header; expected one for each picture")
    missing = [row for row in rows if not row.path.is_file()]
    if missing:
        listed = ", ".join(f"{row.file} (line {row.line})" for row in missing[:10])
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise LabelError(
            f"{path}: {len(missing)} of {len(rows)} pictures are missing: {listed}{more}; "
            f"expected them relative to {path.parent}"
        )
    return rows


def _parse_rows(path: Path, stream: Iterable[str]) -> Iterator[Labelled]:
    table = csv.reader(stream, strict=True, skipinitialspace=True)
    first_line: dict[str, int] = {}
    column: dict[str, int] = {}
    try:
        for cells in table:
            where = f"{path}:{table.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not column:
                column = _find_columns(where, cells)
                width = len(cells)
                continue
            if len(cells) != width:
                raise LabelError(f"{where}: {len(cells)} cells; expected {width}, as many as the header has")
            file, label = cells[column["file"]].strip(), cells[column["label"]].strip()
            if not file:
                raise LabelError(f"{where}: no file name; expected a picture, relative to the csv")
            same = os.path.normpath(file)
            if same in first_line:
                raise LabelError(f"{where}: {file} is labelled twice (line {first_line[same]}); remove one of them")
            first_line[same] = table.line_num
            try:
                minutes = parse_time(label)
            except ValueError as error:
                raise LabelError(f"{where}: label {error}") from error
            source = cells[column["source"]].strip() or "(none)" if "source" in column else ""
            yield Labelled(file, path.parent / file, label, minutes, source, table.line_num)
    except csv.Error as error:
        raise LabelError(f"{path}:{table.line_num}: broken csv: {error}") from error
    if not column:
        raise LabelError(f"{path}: empty; expected a header with the columns file,label")


def _find_columns(where: str, header: Sequence[str]) -> dict[str, int]:
    names = [name.strip() for name in header]
    for wanted in ("file", "label"):
        if names.count(wanted) != 1:
            problem = f"no column {wanted!r}" if wanted not in names else f"column {wanted!r} twice"
            raise LabelError(f"{where}: {problem} in {','.join(names)!r}; expected the header file,label")
    return {name: index for index, name in enumerate(names) if name}


# ---- scores


def score(judged: Sequence[Judged], *, data: str | Path, model: str) -> dict[str, Any]:
    """All scores of judged readings, ready for JSON."""
    confidence = np.array([one.confidence for one in judged])
    right = np.array([one.right for one in judged])
    readable = np.array([one.reading is not None for one in judged])
    coverage, risk = risk_coverage(confidence, right)
    threshold, share = threshold_for_accuracy(confidence, right, PROMISED_ACCURACY)
    milliseconds = [one.reading.milliseconds for one in judged if one.reading]
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[one.row.source].append(one)
    name = model or next((one.reading.model for one in judged if one.reading), "model")
    scores = {
        "model": name,
        "data": str(data),
        "version": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        **_group_scores(judged),
        "unreadable": int((~readable).sum()),
        "milliseconds": float(np.median(milliseconds)) if milliseconds else None,
        "at_promised_accuracy": {"accuracy": PROMISED_ACCURACY, "threshold": threshold, "share": share},
        "expected_calibration_error": expected_calibration_error(confidence[readable], right[readable]),
        "reliability": reliability_table(confidence[readable], right[readable]),
        "by_source": {source: _group_scores(group) for source, group in sorted(groups.items()) if source},
        "worst": [_row_of(one) for one in _worst_first(judged)],
        "risk_coverage": {"coverage": coverage.round(4).tolist(), "risk": risk.round(4).tolist()},
    }
    plain: dict[str, Any] = _plain(scores)
    return plain


def format_scores(scores: dict[str, Any]) -> str:
    """The scores as a table to read."""
    count, answered = scores["count"], scores["answered"]

    def share_row(name: str, share: float | None, of: int = count, note: str = "") -> str:
        number = "–" if share is None else str(round(share * of))
        return f"  {name:<20}{_percent(share):>8}  {number:>6}{note}"

    def minutes_row(name: str, minutes: float | None) -> str:
        return f"  {name:<20}{_number(minutes, 2):>8}     min"

    promised = scores["at_promised_accuracy"]
    promise = _percent(promised["accuracy"], 0)
    threshold = promised["threshold"]
    lines = [
        f"{scores['model']} on {scores['data']}: {count} picture{'s' * (count != 1)}",
        "",
        share_row("within 1 minute", scores["within_1"]),
        share_row("within 5 minutes", scores["within_5"]),
        share_row("within 10 minutes", scores["within_10"]),
        share_row("hour right", scores["hour_right"]),
        minutes_row("mean CSD", scores["mean"]),
        minutes_row("median CSD", scores["median"]),
        share_row(
            "unreadable", scores["unreadable"] / count, note="   counted as 360 min" * bool(scores["unreadable"])
        ),
        "",
        share_row("answered", answered["share"]),
        share_row("… within 1 minute", answered["within_1"], answered["count"]),
        share_row(
            f"could answer at {promise}",
            promised["share"],
            note=f"   threshold {_number(threshold, 3)}" if threshold is not None else "",
        ),
        f"  {'calibration error':<20}{_percent(scores['expected_calibration_error']):>8}",
    ]
    reliability = [
        [
            f"{_percent(row['low'], 0)} to {_percent(row['high'], 0)}",
            str(row["count"]),
            _percent(row["confidence"]),
            _percent(row["accuracy"]),
        ]
        for row in scores["reliability"]
        if row["count"]
    ]
    if reliability:
        lines += ["", *_columns(["confidence", "pictures", "mean", "within 1 min"], reliability)]
    header = [
        "source",
        "pictures",
        "within 1",
        "within 5",
        "within 10",
        "hour",
        "mean",
        "median",
        "answered",
        "… right",
    ]
    sources = [
        [
            source,
            str(group["count"]),
            *(_percent(group[name]) for name in ("within_1", "within_5", "within_10", "hour_right")),
            *(_number(group[name], 1) for name in ("mean", "median")),
            *(_percent(group["answered"][name]) for name in ("share", "within_1")),
        ]
        for source, group in scores["by_source"].items()
    ]
    if sources:
        lines += ["", *_columns(header, sources)]
    return "\n".join(lines) + "\n"


def to_json(scores: dict[str, Any]) -> str:
    """One JSON object, a line for each of its keys; strict JSON, without NaN."""
    lines = (
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in scores.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _judge(row: Labelled, reading: Reading | FaceValueError) -> Judged:
    if isinstance(reading, PictureError):
        return Judged(row, None, None, reading.problem)
    if isinstance(reading, FaceValueError):
        raise reading  # a broken weight or install says nothing about the picture
    try:
        return Judged(row, reading, parse_time(reading.value))
    except ValueError as error:
        raise ModelError(f"{reading.model} reads {reading.kind} values, here {error}; give a clock model") from error


def _group_scores(judged: Sequence[Judged]) -> dict[str, Any]:
    answered = [one for one in judged if one.answered]
    return {
        **_scores_of(judged),
        "answered": {"share": len(answered) / len(judged), **_scores_of(answered)},
    }


def _scores_of(judged: Sequence[Judged]) -> dict[str, Any]:
    return dict(time_scores([one.scored_minutes for one in judged], [one.row.minutes for one in judged]))


def _worst_first(judged: Sequence[Judged]) -> list[Judged]:
    """The worst twenty; among equally wrong ones, the surest first."""
    return sorted(judged, key=lambda one: (-one.apart, -one.confidence, one.row.file))[:WORST_COUNT]


def _row_of(one: Judged) -> dict[str, Any]:
    reading = one.reading
    return {
        "file": one.row.file,
        "label": one.row.label,
        "value": reading.value if reading else None,
        "number": round(reading.number, 2) if reading else None,
        "confidence": round(reading.confidence, 6) if reading else None,
        "uncertain": reading.uncertain if reading else None,
        "minutes_apart": one.apart,
        "milliseconds": round(reading.milliseconds, 1) if reading else None,
        "source": one.row.source or None,
        "error": one.error or None,
    }


def _plain(value: Any) -> Any:
    """NaN and infinity, which JSON lacks, become None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share * 100:.{digits}f} %"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  " + "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])
        for cells in (header, *rows)
    ]


# ---- files


def _readings_csv(judged: Sequence[Judged]) -> str:
    stream = io.StringIO()
    table = csv.DictWriter(stream, list(_row_of(judged[0])), lineterminator="\n")
    table.writeheader()
    table.writerows(_plain(_row_of(one)) for one in judged)
    return stream.getvalue()


def _make_folder(folder: Path) -> None:
    """Made before the reading starts, so that a bad path is known at once and not after the last picture."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FaceValueError(f"{folder}: can't write there: {error.strerror}; give a folder with --out") from error
    if not os.access(folder, os.W_OK):
        raise FaceValueError(f"{folder}: no permission to write there; give another folder with --out")


def _write_together(folder: Path, contents: dict[str, bytes]) -> None:
    """All files under temporary names first; renamed, in order, only once each of them is complete."""
    try:
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
            for name, content in contents.items():
                Path(unfinished, name).write_bytes(content)
            for name in contents:
                os.replace(Path(unfinished, name), folder / name)
    except OSError as error:
        raise FaceValueError(f"{folder}: can't write there: {error.strerror}") from error


def _with_progress(readings: Iterator[Reading | FaceValueError], total: int) -> Iterator[Reading | FaceValueError]:
    """Passes readings on; for a set that takes long, says on standard error how far it is."""
    terminal = sys.stderr.isatty()
    start = time.monotonic()
    due = start + SECONDS_BEFORE_PROGRESS
    shown = False
    for done, reading in enumerate(readings, 1):
        now = time.monotonic()
        if now >= due and done < total:
            a_second = done / (now - start)
            line = f"read {done} of {total}, {a_second:.0f} a second, {(total - done) / a_second:.0f} s to go"
            print(f"\r\x1b[2K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
            due = now + (0.2 if terminal else 10.0)
            shown = True
        yield reading
    if shown and terminal:
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


# ---- pictures

_INK, _GREY, _WRONG, _PAPER, _MAT, _EDGE = "#1a1a1a", "#6b6b6b", "#b3261e", "#ffffff", "#ececec", "#c4c4c4"


def draw_worst(judged: Sequence[Judged], title: str, *, columns: int = 5, tile_px: int = 240) -> Image.Image:
    """Contact sheet of the worst readings, worst first: picture, time and little dial of truth and of reading.

    Among equally wrong ones the surest come first.  Returns an RGB picture.
    """
    worst = _worst_first(judged)
    columns = min(columns, len(worst))
    lines = -(-len(worst) // columns)
    gap, caption, head = 20, 84, 64
    width, height = max(columns * (tile_px + gap) + gap, 520), head + lines * (tile_px + caption + gap)
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    wrong = sum(not one.right for one in judged)
    heading = f"{title}: the worst {len(worst)} of {len(judged)}"
    pen.text((gap, 14), _fit(heading, width - 2 * gap, 20), _INK, _font(20))
    pen.text((gap, 39), f"{wrong} more than one minute off; ? marks an uncertain reading", _GREY, _font(14))
    for index, one in enumerate(worst):
        left = gap + index % columns * (tile_px + gap)
        top = head + index // columns * (tile_px + caption + gap)
        _draw_tile(sheet, pen, one, left, top, tile_px)
    return sheet


def _draw_tile(sheet: Image.Image, pen: ImageDraw.ImageDraw, one: Judged, left: int, top: int, tile_px: int) -> None:
    pen.rectangle((left, top, left + tile_px - 1, top + tile_px - 1), _MAT)
    try:
        picture = Image.fromarray(open_picture(one.row.path, at_least_px=tile_px))
    except PictureError:
        pen.text((left + tile_px / 2, top + tile_px / 2), "can't be read", _GREY, _font(18), anchor="mm")
    else:
        scale = tile_px / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (tile_px - size[0]) // 2, top + (tile_px - size[1]) // 2))
    pen.rectangle((left, top, left + tile_px - 1, top + tile_px - 1), outline=_EDGE)
    dial_px, below, half = 42, top + tile_px + 8, left + tile_px // 2
    sheet.paste(_draw_dial(one.row.minutes, dial_px, _INK), (left, below))
    pen.text((left + dial_px + 7, below), "true", _GREY, _font(13))
    pen.text((left + dial_px + 7, below + 15), format_time(one.row.minutes), _INK, _font(21))
    colour = _INK if one.right else _WRONG
    if one.minutes is not None:
        sheet.paste(_draw_dial(one.minutes, dial_px, colour), (half, below))
        doubt = " ?" if not one.answered else ""
        pen.text((half + dial_px + 7, below), f"read, {one.confidence * 100:.0f} %{doubt}", _GREY, _font(13))
        pen.text((half + dial_px + 7, below + 15), format_time(one.minutes), colour, _font(21))
    else:
        pen.text((half, below + 15), "not read", colour, _font(21))
    off = f"{_spell_span(one.apart)} off" if one.minutes is not None else "counted as 6 h off"
    pen.text((left, below + dial_px + 6), off, _INK, _font(13))
    room = tile_px - pen.textlength(off, _font(13)) - 12
    name = _fit(Path(one.row.file).stem, room, 13)
    pen.text((left + tile_px, below + dial_px + 6), name, _GREY, _font(13), anchor="ra")


def _draw_dial(minutes: float, size_px: int, colour: str) -> Image.Image:
    """A plain dial that shows a time; drawn four times too large and reduced, for smooth edges."""
    large = size_px * 4
    dial = Image.new("RGB", (large, large), _PAPER)
    pen = ImageDraw.Draw(dial)
    centre, radius = large / 2, large / 2 - 6

    def point(turn: float, length: float) -> tuple[float, float]:
        return (
            centre + math.sin(2 * math.pi * turn) * radius * length,
            centre - math.cos(2 * math.pi * turn) * radius * length,
        )

    pen.ellipse((6, 6, large - 6, large - 6), outline=colour, width=7)
    for hour in range(12):
        pen.line((point(hour / 12, 0.88), point(hour / 12, 0.98)), colour, 5)
    pen.line(((centre, centre), point(minutes / 720, 0.50)), colour, 13)
    pen.line(((centre, centre), point(minutes / 60, 0.80)), colour, 7)
    return dial.resize((size_px, size_px), Image.Resampling.LANCZOS)


def plot_risk_coverage(judged: Sequence[Judged], title: str) -> bytes:
    """Risk against coverage as PNG: how many of the answered readings are wrong, when only the surest are answered.

    One curve for wrong by more than 1 minute, one for more than 10; the dot is where `uncertain` draws the line.
    Raises MissingExtraError without matplotlib.
    """
    _need_matplotlib()
    from matplotlib.figure import Figure  # not pyplot: no window, no state
    from matplotlib.ticker import MultipleLocator, PercentFormatter

    figure = Figure(figsize=(6.4, 4.4), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    confidence = [one.confidence for one in judged]
    highest = 1 - PROMISED_ACCURACY
    for minutes, dashes, width, shade in ((1, "-", 2.2, "black"), (10, "--", 1.6, "0.35")):
        coverage, risk = risk_coverage(confidence, [one.apart <= minutes + FLOAT_NOISE_MINUTES for one in judged])
        axes.plot(
            coverage,
            risk,
            linestyle=dashes,
            linewidth=width,
            color=shade,
            marker="o" if len(coverage) == 1 else "",
            label=f"off by more than {minutes} minute{'s' * (minutes > 1)}",
        )
        highest = max(highest, float(risk.max()))
    answered = [one for one in judged if one.answered]
    if answered:
        share, wrong = len(answered) / len(judged), 1 - sum(one.right for one in answered) / len(answered)
        label = f"answered: {share:.0%}, of which {1 - wrong:.1%} within 1 minute"
        axes.plot(
            share,
            wrong,
            "o",
            color="black",
            clip_on=False,
            zorder=3,
            markerfacecolor="white",
            markersize=8,
            markeredgewidth=2,
            label=label,
        )
    axes.axhline(1 - PROMISED_ACCURACY, color="0.4", linewidth=1.2, linestyle="-.", zorder=1.9)
    axes.annotate(
        f"at most {1 - PROMISED_ACCURACY:.0%} wrong",
        (0, 1 - PROMISED_ACCURACY),
        xytext=(4, 3),
        textcoords="offset points",
        color="0.35",
        fontsize=9,
    )
    axes.set(
        xlim=(0, 1.01),
        ylim=(-0.02 * highest, highest * 1.12),
        xlabel="coverage: share of pictures answered, surest first",
        ylabel="risk: share of the answered that is wrong",
    )
    axes.set_title(f"{title}, n = {len(judged)}", loc="left", fontsize=11)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(
        MultipleLocator(next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if highest <= 8 * step))
    )
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best", fontsize=9)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the plot needs matplotlib: pip install 'facevalue[train]'") from error


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _spell_span(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0 or hours == 0))


def _font(size_px: int) -> Any:
    return ImageFont.load_default(size_px)


def _fit(text: str, room_px: float, size_px: int) -> str:
    """The text, its middle left out where it is too long for the room."""
    font = _font(size_px)
    kept = len(text)
    shown = text
    while font.getlength(shown) > room_px and kept > 2:
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[len(text) - kept // 2 :]}"
    return shown
