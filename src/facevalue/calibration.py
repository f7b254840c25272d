"""Confidence: a logistic regression from what the network saw to the probability that the reading is right."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facevalue.errors import FaceValueError, LabelError, MissingExtraError, PictureError
from facevalue.metrics import is_right, threshold_for_accuracy

DRAWN_PICTURES, DRAWN_EMPTY, DRAWN_SEED = 600, 0.2, 2_000_003
FOLDS = 5
FEATURES = ("both", "first", "second", "dial")  # of clocks
FEATURES_OF = {"clock": FEATURES, "digits": ("joint", "least", "place", "length", "counted")}


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
) -> dict[str, float]:
    """Share answered, and of it right, where each fold is judged by a calibration that never saw it.

    fit_on: takes the (N,) mask of what may be fitted.  fold: (N,) 0 .. FOLDS - 1.  measured: (N,) what is counted.
    """
    answered = np.zeros(len(features), dtype=bool)
    for number in range(FOLDS):
        judged = measured & (fold == number)
        calibration = fit_on(fold != number)
        for index in np.flatnonzero(judged).tolist():
            answered[index] = calibration.confidence(features[index]) >= calibration.threshold
    return {
        "answered": round(float(answered[measured].mean()), 4),
        "right": round(float(right[answered].mean()), 4) if answered.any() else 0.0,
        "count": int(measured.sum()),
        "folds": FOLDS,
    }


def calibrate_command(weight_file: Path, tables: Sequence[Path], accuracy: float) -> Calibration:
    """Fit on the pictures of label files and on drawn ones, and write the result into the weight's metadata.

    Each set counts the same; of the drawn pictures a fifth shows no clock, so whatever is read there is wrong.
    The threshold is the lowest at which the answered pictures of the first set are right at least at ``accuracy``.
    Raises LabelError, ModelError, MissingExtraError.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError("calibration needs the laboratory: pip install 'facevalue[train]'") from error
    from facevalue.codecs.clock import format_time, parse_time
    from facevalue.evaluate import read_labels
    from facevalue.look_clock import Look, look_at
    from facevalue.reader import find_weight, load_weight
    from facevalue.sources.clocks import ClockSource

    weight_file = find_weight("clock", weight_file)
    weight = load_weight(weight_file, threads=1)
    features: list[dict[str, float]] = []
    right: list[bool] = []
    of_table: list[int] = []
    groups: list[int] = []

    def add(look: Look, true_minutes: float, number: int, name: str) -> None:
        features.append(look.features())
        right.append(bool(is_right(parse_time(format_time(look.both.minutes())), true_minutes)))
        of_table.append(number)
        groups.append(zlib.crc32(name.encode()) % FOLDS)

    for number, table in enumerate(tables):
        for row in read_labels(table):
            try:
                add(look_at(weight, row.path)[0], row.minutes, number, row.file)
            except PictureError as error:
                print(f"left out: {error}", file=sys.stderr)
        if number not in of_table:
            raise LabelError(f"{table}: none of its pictures can be read; nothing can be fitted on it")
        print(f"{table}: read {of_table.count(number)}", file=sys.stderr)
    drawn = ClockSource(size_px=2 * weight.frame_px[0], empty=DRAWN_EMPTY).batch(DRAWN_SEED, 0, DRAWN_PICTURES)
    for index, (picture, seconds) in enumerate(zip(drawn.pictures, drawn.seconds, strict=True)):
        # Without a dial the time is NaN, and whatever is read is never right.
        add(look_at(weight, picture)[0], float(seconds) / 60, len(tables), f"drawn {index}")
    print(f"drawn pictures: read {of_table.count(len(tables))}", file=sys.stderr)
    were_right, tables_of, group = np.array(right), np.array(of_table), np.array(groups)
    counts = np.bincount(tables_of, minlength=len(tables) + 1)
    sample_weight = (counts[0] / counts)[tables_of]
    first = tables_of == 0

    def fit_on(kept: NDArray[np.bool_]) -> Calibration:
        rows = [row for row, keep in zip(features, kept, strict=True) if keep]
        fitted = Calibration(fit(rows, were_right[kept], sample_weight[kept]))
        sure = np.array(
            [fitted.confidence(row) for row, is_first in zip(features, kept & first, strict=True) if is_first]
        )
        threshold, _ = threshold_for_accuracy(sure, were_right[kept & first], accuracy)
        return dataclasses.replace(fitted, threshold=min(threshold, 1.01))  # above 1 none is answered

    calibration = fit_on(np.ones(len(features), dtype=bool))
    held_out = cross_validate(fit_on, features, were_right, group, first)
    model = onnx.load(str(weight_file))
    metadata = {entry.key: entry.value for entry in model.metadata_props} | {
        "calibration": calibration.to_json(),
        "calibration_held_out": json.dumps(held_out),
    }
    onnx.helper.set_model_props(model, metadata)
    temporary = weight_file.with_name(weight_file.name + ".tmp")
    try:
        temporary.write_bytes(model.SerializeToString())
        temporary.replace(weight_file)
    except OSError as error:
        raise FaceValueError(f"can't write {weight_file}: {error.strerror or error}") from error
    told = f"{tables[0]}, {FOLDS}-fold: answers {held_out['answered']:.1%}, of them right {held_out['right']:.1%}"
    print(f"{calibration.to_json()}\n{told}", file=sys.stderr)
    return calibration
