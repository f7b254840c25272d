"""Confidence: a logistic regression from what the network saw to the probability that the reading is right."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facevalue.errors import LabelError, MissingExtraError, PictureError, SettingError
from facevalue.files import write_whole
from facevalue.labels import Labelled, Pick, check_range, read_tables
from facevalue.metrics import threshold_for_accuracy

if TYPE_CHECKING:
    from facevalue.codecs.dial import Scale
    from facevalue.images import Source

DRAWN_PICTURES, DRAWN_EMPTY, DRAWN_SEED = 600, 0.2, 2_000_003
LEAST_THRESHOLD = 0.5  # what is likelier wrong than right is never answered
FOLDS = 5
FEATURES = ("both", "first", "second", "dial")  # of clocks
FEATURES_OF = {
    "clock": FEATURES,
    "dial": ("both", "first", "second", "ends", "dial"),
    "digits": ("joint", "least", "place", "length", "counted", "agreed"),
}


@dataclass(frozen=True)
class Calibration:
    """weights: of the logits of the features, then the bias.  threshold: below it a reading is uncertain."""

    weights: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 0.0)
    threshold: float = 0.5
    features: tuple[str, ...] = FEATURES

    @classmethod
    def untrained(cls, kind: str) -> Calibration:
        """The first feature as it is, for a kind of instrument."""
        features = FEATURES_OF[kind]
        return cls((1.0, *[0.0] * len(features)), features=features)

    def confidence(self, features: Mapping[str, float]) -> float:
        """Probability that the reading is right. features: each 0..1, as a look's ``features`` gives them."""
        row = logits([features], self.features)[0]
        score = sum(w * x for w, x in zip(self.weights, (*row, 1.0), strict=True))
        return 1 / (1 + math.exp(-min(max(score, -30.0), 30.0)))

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Raises KeyError or ValueError for what ``to_json`` did not write."""
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("a calibration of weights and threshold")
        weights = tuple(float(weight) for weight in fields["weights"])
        features = tuple(str(name) for name in fields.get("features", FEATURES))
        if len(weights) != len(features) + 1:
            raise ValueError(f"a calibration of {len(features)} features")
        return cls(weights, float(fields["threshold"]), features)


def logits(features: Sequence[Mapping[str, float]], names: Sequence[str] = FEATURES) -> NDArray[np.float64]:
    """(N, len(names)) log-odds of the features, kept within 1e-4..1 - 1e-4."""
    p = np.array([[row[name] for name in names] for row in features], dtype=np.float64).clip(1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))


def fit(
    features: Sequence[Mapping[str, float]],
    right: NDArray[np.bool_],
    sample_weight: NDArray[np.float64],
    ridge: float = 1.0,
    names: Sequence[str] = FEATURES,
) -> tuple[float, ...]:
    """Weights of the logistic regression, by Newton's method with a small ridge. Never a negative slope.

    features: N rows with these names.  right: (N,) bool.  sample_weight: (N,).
    """
    x = np.column_stack([logits(features, names), np.ones(len(features))])
    y = right.astype(np.float64)
    free = np.ones(x.shape[1], dtype=bool)
    while True:
        w = np.zeros(x.shape[1])
        for _ in range(50):
            p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
            penalty = np.where(np.arange(len(w)) < len(w) - 1, ridge, 1e-6)
            gradient = x.T @ (sample_weight * (p - y)) + penalty * w
            hessian = (x * (sample_weight * p * (1 - p))[:, None]).T @ x + np.diag(penalty)
            step = np.zeros_like(w)
            step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
            w -= step
            if np.abs(step).max() < 1e-8:
                break
        negative = [k for k in range(len(names)) if w[k] < 0]
        if not negative:
            return tuple(float(v) for v in w)
        free[min(negative, key=lambda k: w[k])] = False


def cross_validate(
    fit_on: Callable[[NDArray[np.bool_]], Calibration],
    features: Sequence[Mapping[str, float]],
    right: NDArray[np.bool_],
    fold: NDArray[np.int64],
    measured: NDArray[np.bool_],
    weight: NDArray[np.float64] | None = None,
    told: NDArray[np.bool_] | None = None,
) -> dict[str, float | None]:
    """Share answered, and of it right (None where nothing is), where each fold is judged by a calibration that never
    saw it.

    fit_on: takes the (N,) mask of what may be fitted.  fold: (N,) 0 .. FOLDS - 1.  measured: (N,) what is counted.
    weight: (N,) how much each counts, 1 where not given.  told: (N,) what may be answered, all where not given.
    """
    counts = np.ones(len(features)) if weight is None else weight
    answered = np.zeros(len(features), dtype=bool)
    for number in range(FOLDS):
        judged = measured & (fold == number)
        calibration = fit_on(fold != number)
        for index in np.flatnonzero(judged).tolist():
            answered[index] = calibration.confidence(features[index]) >= calibration.threshold
    if told is not None:
        answered &= told
    share = float(counts[answered].sum() / counts[measured].sum())
    return {
        "answered": round(share, 4),
        "right": round(float(np.average(right[answered], weights=counts[answered])), 4) if answered.any() else None,
        "count": int(measured.sum()),
        "folds": FOLDS,
    }


# ---- the command


@dataclass(frozen=True)
class Manner:
    """How a kind of instrument is calibrated.

    draw: that many drawn pictures for frames of a size (width, height), each with its truth as ``judging`` knows it.
    threshold_from_first: the threshold is chosen on the first table alone, not on all of them together.  split: the
    fold of each row.
    """

    draw: Callable[[tuple[int, int], int], Iterator[tuple[NDArray[np.uint8], Any]]]
    threshold_from_first: bool
    split: Callable[[Sequence[Labelled]], list[int]]


def draw_clocks(frame_px: tuple[int, int], count: int) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Clocks and their times in minutes; without a dial NaN, and whatever is read is never right."""
    from facevalue.sources.clocks import ClockSource

    drawn = ClockSource(size_px=2 * frame_px[0], empty=DRAWN_EMPTY).batch(DRAWN_SEED, 0, count)
    for picture, seconds in zip(drawn.pictures, drawn.seconds, strict=True):
        yield picture, float(seconds) / 60


def draw_rows(frame_px: tuple[int, int], count: int) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Rows of digits and their labels; without a digit, or with one covered, "", and whatever is read is never right.

    A single digit's label is its place on its drum.
    """
    from facevalue.codecs.digits import shown, tenths
    from facevalue.sources.digits import DigitSource, draw_empty, drawn_shares

    rnd = Random(f"empty {DRAWN_SEED}")
    size_px = 2 * frame_px[0], 2 * frame_px[1]
    empty = round(DRAWN_EMPTY * count)
    drawn = DigitSource(size_px=size_px, shares=drawn_shares()).batch(DRAWN_SEED, 0, count - empty)
    for picture, digits, row in zip(drawn.pictures, drawn.count.tolist(), drawn.places, strict=True):
        places = row[:digits]
        if np.isnan(places).any():
            yield picture, ""
        elif digits == 1:
            yield picture, f"{round(float(places[0]), 1) % 10:.1f}"
        else:
            yield picture, "".join(str(digit) for digit in shown(tenths(places)))
    for _ in range(empty):
        yield draw_empty(rnd, size_px), ""


def split_by_file(rows: Sequence[Labelled]) -> list[int]:
    """Each picture for itself, by its name."""
    return [zlib.crc32(row.file.encode()) % FOLDS for row in rows]


def split_by_source(rows: Sequence[Labelled]) -> list[int]:
    """All pictures of one source together: bursts of one meter are nearly one picture.

    The largest source first, each into the fold with the fewest pictures so far. Rows that name none, where others do,
    may be of one and stay together; in a table without sources each row goes by its file's name.
    """
    from facevalue.sources.digits import meter_of

    names = [meter_of(row.source) if row.source else row.file for row in rows]
    sizes = Counter(names)
    filled = [0] * FOLDS
    fold_of: dict[str, int] = {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], zlib.crc32(name.encode()))):
        fold_of[name] = filled.index(min(filled))
        filled[fold_of[name]] += sizes[name]
    return [fold_of[name] for name in names]


def draw_dials(frame_px: tuple[int, int], count: int) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Dials and their values from 0 to 10; NaN without a dial, or where its marks don't tell the value."""
    from facevalue.sources.dials import DialSource

    drawn = DialSource(size_px=2 * frame_px[0], empty=DRAWN_EMPTY).batch(DRAWN_SEED, 0, count)
    for picture, fraction, is_told in zip(drawn.pictures, drawn.fraction, drawn.told(), strict=True):
        yield picture, 10 * float(fraction) if is_told else math.nan


MANNERS = {
    "dial": Manner(draw_dials, threshold_from_first=False, split=split_by_file),
    "clock": Manner(draw_clocks, threshold_from_first=True, split=split_by_file),
    "digits": Manner(draw_rows, threshold_from_first=False, split=split_by_source),
}


def ways_of(scale: Scale | None) -> list[dict[str, Any]]:
    """The options of looking: with the scale; where its sweep is given also with the ends where they are seen."""
    if scale is None or scale.sweep is None:
        return [{} if scale is None else {"dial": scale}]
    rises = scale.sweep[1] > scale.sweep[0] if scale.clockwise is None else scale.clockwise
    return [{"dial": scale}, {"dial": dataclasses.replace(scale, sweep=None, clockwise=rises)}]


def calibrate_command(
    weight_file: str | Path,
    tables: Sequence[Path],
    accuracy: float | None = None,
    only: Sequence[Pick] = (),
    without: Sequence[Pick] = (),
    scale: Scale | None = None,
) -> Calibration:
    """Fit on the pictures of label files and on drawn ones, and write the result into the weight's metadata.

    Each set counts the same; a fifth of the drawn pictures shows nothing, so whatever is read there is wrong.  The
    threshold is the lowest, from LEAST_THRESHOLD on, at which the answered pictures are right at least at ``accuracy``
    (None: as is promised of the kind): of clocks those of the first set, of dials and digits those of all sets, each
    counting the same, but the drawn one.
    only, without: columns and values, see ``labels.read_tables``.  scale: of the dials of the tables, which
    are read with its sweep and without; drawn ones have their own.
    Raises LabelError, ModelError, MissingExtraError, SettingError for a shipped weight or a scale of what is no dial.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError("calibration needs the laboratory: pip install 'facevalue[train]'") from error
    from facevalue.judging import kind_of
    from facevalue.reader import LOOKS, WEIGHTS, find_weight, load_weight

    weight_file = find_weight("", weight_file)
    if weight_file.resolve().parent == WEIGHTS.resolve():
        name = weight_file.stem
        raise SettingError(f"{name} is a shipped weight: copy its file first, or give your own as ./{name}")
    weight = load_weight(weight_file, threads=1)
    kind, manner, looks = kind_of(weight.kind), MANNERS[weight.kind], LOOKS[weight.kind]
    names = FEATURES_OF[kind.name]
    ways = ways_of(scale)
    if scale is not None and weight.kind != "dial":
        raise SettingError(f"a scale is for dials, not for {weight.kind!r}")
    wanted = kind.promised_accuracy if accuracy is None else accuracy
    features: list[dict[str, float]] = []
    were_right: list[bool] = []
    were_told: list[bool] = []
    of_table: list[int] = []

    def add(source: Source, truth: Any, table: int, options: Mapping[str, Any]) -> None:
        look, reduced = looks.look_at(weight, source, **options)
        reading = looks.make_reading(weight, look, reduced, began=0.0)
        features.append(look.features())
        were_right.append(kind.is_right(reading, truth))
        were_told.append(kind.is_told(reading))
        of_table.append(table)

    labelled: list[Labelled] = []
    for number, (table, rows) in enumerate(
        zip(tables, read_tables(tables, kind.parse_label, only, without), strict=True)
    ):
        if weight.kind == "dial":
            from facevalue.codecs.dial import Scale

            check_range(table, rows, (scale or Scale()).span)
        for row in rows:
            try:
                for options in ways:
                    add(row.path, row.truth, number, options)
            except PictureError as error:
                print(f"left out: {error}", file=sys.stderr)
            else:
                labelled.extend([row] * len(ways))
        if number not in of_table:
            raise LabelError(f"{table}: none of its pictures can be read; nothing can be fitted on it")
        print(f"{table}: read {of_table.count(number)}", file=sys.stderr)
    weight = dataclasses.replace(weight, eccentricity=None)  # which is one's own dial's
    for picture, truth in manner.draw(weight.frame_px, DRAWN_PICTURES):
        add(picture, truth, len(tables), {})
    drawn = range(of_table.count(len(tables)))
    print(f"drawn pictures: read {len(drawn)}", file=sys.stderr)
    right, told, table_of = np.array(were_right), np.array(were_told), np.array(of_table)
    fold = np.array(manner.split(labelled) + [zlib.crc32(f"drawn {index}".encode()) % FOLDS for index in drawn])
    counts = np.bincount(table_of, minlength=len(tables) + 1)
    sample_weight = ((counts[0] if manner.threshold_from_first else counts.mean()) / counts)[table_of]
    measured = table_of == 0 if manner.threshold_from_first else table_of < len(tables)

    def fit_on(kept: NDArray[np.bool_]) -> Calibration:
        rows = [row for row, keep in zip(features, kept, strict=True) if keep]
        fitted = Calibration(fit(rows, right[kept], sample_weight[kept], names=names), features=names)
        answerable = kept & measured & told
        sure = [fitted.confidence(features[index]) for index in np.flatnonzero(answerable).tolist()]
        threshold, _ = threshold_for_accuracy(sure, right[answerable], wanted, sample_weight[answerable])
        # above 1 none is answered
        return dataclasses.replace(fitted, threshold=min(max(threshold, LEAST_THRESHOLD), 1.01))

    calibration = fit_on(np.ones(len(features), dtype=bool))
    held_out = cross_validate(fit_on, features, right, fold, measured, sample_weight, told)
    model = onnx.load(str(weight_file))
    metadata = {entry.key: entry.value for entry in model.metadata_props} | {
        "calibration": calibration.to_json(),
        "calibration_held_out": json.dumps(held_out),
    }
    onnx.helper.set_model_props(model, metadata)
    write_whole(weight_file, model.SerializeToString())
    if calibration.threshold == LEAST_THRESHOLD:
        print(
            f"right at {wanted:.0%} already below {LEAST_THRESHOLD}: the threshold stays there, as what is likelier "
            "wrong than right is not answered; pictures as hard as those that will be read would set it better",
            file=sys.stderr,
        )
    where = tables[0] if manner.threshold_from_first else ", ".join(map(str, tables))
    rightly = held_out["right"]
    told_of = f"{where}, {FOLDS}-fold: answers {held_out['answered']:.1%}"
    told_of += f", of them right {rightly:.1%}" if rightly is not None else ""
    print(f"{calibration.to_json()}\n{told_of}", file=sys.stderr)
    return calibration
