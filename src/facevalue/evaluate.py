"""Measure a reader on labelled pictures: scores as table and JSON, the worst readings as a sheet, confidence as a plot.

    labels.csv ──► read_labels ──► reader.read_many ──► Judged rows ──► score ──► table, scores.json
                                                                          ├─────► readings.csv, worst20.png
                                                                          └─────► risk_coverage.png, confusion.png

What is right of which kind of instrument, and how it is scored, is in ``judging``; the pictures are drawn in
``figures``. A picture that can't be read stays in every count as the worst miss there is (of a clock 360 minutes, hour
wrong, confidence 0).
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
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from facevalue import __version__
from facevalue.errors import FaceValueError, MissingExtraError, PictureError
from facevalue.figures import draw_worst, plot_confusion, plot_risk_coverage, png, worst_first
from facevalue.judging import Judged, Kind, kind_of, number, percent, share_line
from facevalue.labels import Labelled, Pick, check_range, read_labels
from facevalue.metrics import (
    expected_calibration_error,
    reliability_table,
    risk_coverage,
    threshold_for_accuracy,
)
from facevalue.reading import Reading

if TYPE_CHECKING:
    from facevalue.codecs.dial import Scale

SECONDS_BEFORE_PROGRESS = 2.0
PLOTS = ("risk_coverage.png", "confusion.png")
ANEW = "\r\x1b[2K"  # begins the terminal's line again


class ManyReader(Protocol):
    """What `evaluate` needs of a `facevalue.reader.Reader`."""

    kind: str

    def read_many(
        self, sources: Sequence[Path], *, on_error: Literal["return"]
    ) -> Iterator[Reading | FaceValueError]: ...


def evaluate_command(
    model: str | Path,
    data: str | Path,
    out: str | Path | None,
    as_json: bool,
    only: Sequence[Pick] = (),
    without: Sequence[Pick] = (),
    scale: Scale | None = None,
) -> dict[str, Any]:
    """`facevalue evaluate MODEL --data labels.csv`: read, score, write the folder `out`, print the table or the JSON.

    model: an .onnx file or the name of a shipped weight, of any kind.  out: None for `evaluation-<model>-<dataset>`
    here.  only, without: columns and values, see `labels.read_tables`.  scale: of dials, see `reader.Reader`.
    Returns the scores.  Raises LabelError, ModelError, FaceValueError where `out` can't be written.
    """
    from facevalue.reader import Reader

    reader = Reader(None, model, scale=scale)
    name = reader.weight.name
    folder = Path(out) if out is not None else Path(f"evaluation-{name}-{dataset_name(data)}")
    span = None
    if reader.kind == "dial":
        from facevalue.codecs.dial import Scale

        span = (scale or Scale()).span
    scores = evaluate(reader, data, folder, model=name, only=only, without=without, span=span)
    sys.stdout.write(to_json(scores) if as_json else format_scores(scores))
    sys.stdout.flush()
    plots = sum((folder / name).is_file() for name in PLOTS)
    written = ("scores, readings and sheet", "scores, readings, sheet and plot", "scores, readings, sheet and plots")
    print(f"{written[plots]} are in {folder}", file=sys.stderr)
    return scores


def evaluate(
    reader: ManyReader,
    labels_csv: str | Path,
    out_dir: str | Path | None = None,
    *,
    model: str = "",
    only: Sequence[Pick] = (),
    without: Sequence[Pick] = (),
    span: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Read every picture of a label file and score the readings.

    labels_csv: file,label and any other columns, `source` or `meter` among them for scores by group; files relative to
    the csv.  The label of a clock is H:MM or HH:MM of 12 or 24 hours; of digits `0042`, `630.2`, or `NaN` where none
    can be told; d.d is the place of a single rolling digit; of a dial a number, or `NaN` without one.  only, without:
    columns and values, see `labels.read_tables`.  out_dir: None writes nothing; else scores.json, readings.csv,
    worst20.png and, where matplotlib is installed, risk_coverage.png and, of digits, confusion.png, each whole or not
    at all, scores.json last.  model: its name, for headings.  span: of dials, outside which no label may lie.
    Returns the scores as scores.json holds them: shares 0..1, of clocks minutes, None where there is nothing to take a
    mean of.  Raises LabelError before anything is read, FaceValueError for a bad `out_dir`.
    """
    kind = kind_of(reader.kind)
    rows = read_labels(labels_csv, kind.parse_label, only, without)
    if span is not None:
        check_range(labels_csv, rows, span)
    if out_dir is not None:
        _make_folder(Path(out_dir))
    readings = _with_progress(reader.read_many([row.path for row in rows], on_error="return"), len(rows))
    judged = [_judge(kind, row, reading) for row, reading in zip(rows, readings, strict=True)]
    picked = {
        name: [f"{column}={value}" for column, value in picks]
        for name, picks in (("only", only), ("without", without))
        if picks
    }
    scores = score(kind, judged, data=labels_csv, model=model) | picked
    if out_dir is not None:
        title = f"{scores['model']} on {dataset_name(labels_csv)}"
        contents = {
            "readings.csv": _readings_csv(kind, judged).encode(),
            "worst20.png": png(draw_worst(kind, judged, title)),
            **_plot(kind, judged, title),
            "scores.json": to_json(scores).encode(),
        }
        for name in PLOTS:
            if name not in contents:  # of what was measured there before
                (Path(out_dir) / name).unlink(missing_ok=True)
        _write_together(Path(out_dir), contents)
    return scores


def _plot(kind: Kind, judged: Sequence[Judged], title: str) -> dict[str, bytes]:
    """The plots by name; without matplotlib none, and a line on standard error."""
    plots: dict[str, Callable[[], bytes]] = {"risk_coverage.png": lambda: plot_risk_coverage(kind, judged, title)}
    counts = kind.confusion(judged)
    if counts is not None:
        plots["confusion.png"] = lambda: plot_confusion(counts, title)
    try:
        return {name: plot() for name, plot in plots.items()}
    except MissingExtraError as error:
        print(f"no {', '.join(plots)}: {error}", file=sys.stderr)
        return {}


def dataset_name(labels_csv: str | Path) -> str:
    """Name of a labelled set: that of the csv, or of its folder where the csv is plainly called labels.csv."""
    path = Path(labels_csv)
    return path.resolve().parent.name if path.stem == "labels" else path.stem


# ---- scores


def score(kind: Kind, judged: Sequence[Judged], *, data: str | Path, model: str) -> dict[str, Any]:
    """All scores of judged readings, ready for JSON.

    Of what tells how far confidence can be trusted `at_promised_accuracy` and `risk_coverage` are of all rows, those
    that can't be read among them with confidence 0; `expected_calibration_error` and `reliability` are of those that
    can. In all four whatever is read where there is nothing to read is wrong.
    """
    confidence = np.array([one.confidence for one in judged])
    right = np.array([one.right for one in judged])
    readable = np.array([one.reading is not None for one in judged])
    coverage, risk = risk_coverage(confidence, right)
    threshold, share = threshold_for_accuracy(confidence, right, kind.promised_accuracy)
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
        **kind.scores(judged),
        **kind.extra_scores(judged),
        "unreadable": int((~readable).sum()),
        "milliseconds": float(np.median(milliseconds)) if milliseconds else None,
        "at_promised_accuracy": {"accuracy": kind.promised_accuracy, "threshold": threshold, "share": share},
        "expected_calibration_error": expected_calibration_error(confidence[readable], right[readable]),
        "reliability": reliability_table(confidence[readable], right[readable]),
        "by_source": {source: kind.scores(group) for source, group in sorted(groups.items()) if source},
        "worst": [kind.record(one) for one in worst_first(judged)],
        "risk_coverage": {"coverage": coverage.round(4).tolist(), "risk": risk.round(4).tolist()},
    }
    plain: dict[str, Any] = _plain(scores)
    return plain


def format_scores(scores: dict[str, Any]) -> str:
    """The scores as a table to read."""
    kind = kind_of(scores.get("kind", "clock"))
    pictures = scores["unreadable"] + sum(row["count"] for row in scores["reliability"])
    promised = scores["at_promised_accuracy"]
    threshold = promised["threshold"]
    picked = "".join(f", {name} {', '.join(scores[name])}" for name in ("only", "without") if name in scores)
    lines = [
        f"{scores['model']} on {scores['data']}{picked}: {kind.heading(scores)}",
        "",
        *kind.accuracy_lines(scores),
        "",
        *kind.answered_lines(scores),
        share_line(
            f"could answer at {percent(promised['accuracy'], 0)}",
            promised["share"],
            pictures,
            ""
            if threshold is None
            else f"threshold {number(threshold, 3)}" + f", of all {pictures}" * (pictures != scores["count"]),
        ),
        f"  {'calibration error':<20}{percent(scores['expected_calibration_error']):>8}",
    ]
    reliability = [
        [
            f"{percent(row['low'], 0)} to {percent(row['high'], 0)}",
            str(row["count"]),
            percent(row["confidence"]),
            percent(row["accuracy"]),
        ]
        for row in scores["reliability"]
        if row["count"]
    ]
    if reliability:
        lines += ["", *_columns(["confidence", "pictures", "mean", kind.right_column], reliability)]
    sources = [[source, *kind.source_cells(group)] for source, group in scores["by_source"].items()]
    if sources:
        lines += ["", *_columns(kind.source_header, sources)]
    return "\n".join(lines) + "\n"


def to_json(scores: dict[str, Any]) -> str:
    """One JSON object, a line for each of its keys; strict JSON, without NaN."""
    lines = (
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in scores.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _judge(kind: Kind, row: Labelled, reading: Reading | FaceValueError) -> Judged:
    if isinstance(reading, FaceValueError) and not isinstance(reading, PictureError):
        raise reading  # a broken weight or install says nothing about the picture
    return kind.judge(row, reading)


def _plain(value: Any) -> Any:
    """NaN and infinity, which JSON lacks, become None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  " + "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])])
        for cells in (header, *rows)
    ]


# ---- files


def _readings_csv(kind: Kind, judged: Sequence[Judged]) -> str:
    stream = io.StringIO()
    table = csv.DictWriter(stream, list(kind.record(judged[0])), lineterminator="\n")
    table.writeheader()
    table.writerows(_plain(kind.record(one)) for one in judged)
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
    """Passes readings on; says on standard error what can't be read, and of a set that takes long how far it is."""
    terminal = sys.stderr.isatty()
    start = time.monotonic()
    due = start + SECONDS_BEFORE_PROGRESS
    shown = False
    for done, reading in enumerate(readings, 1):
        now = time.monotonic()
        if now >= due and done < total:
            a_second = done / (now - start)
            line = f"read {done} of {total}, {a_second:.0f} a second, {(total - done) / a_second:.0f} s to go"
            print(f"{ANEW}{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
            due = now + (0.2 if terminal else 10.0)
            shown = True
        if isinstance(reading, PictureError):
            print(f"{ANEW * (shown and terminal)}unreadable: {reading}", file=sys.stderr, flush=True)
        yield reading
    if shown and terminal:
        print(ANEW, end="", file=sys.stderr, flush=True)
