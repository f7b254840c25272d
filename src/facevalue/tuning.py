"""Teach a reader one's own instrument: a few dozen labelled pictures, a short training, and whether it got better.

labels.csv ──► pictures ──┬─► held back ──────────────► read before and after ──► better, or not
                          └─► taught: what the reader itself sees of where the instrument stands, and the label's
                              directions or digits there ──► OwnSource, half of each batch drawn ──► training ──► weight

A label says what an instrument shows, not where. Where a dial or a digit stands is taken from the reader's own look at
the picture, and so is what is finer than the label: the seconds of a time, the turn of a drum.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import os
import shlex
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevalue import look_clock, look_dial, look_row
from facevalue.calibration import MANNERS
from facevalue.codecs.clock import ClockBelief
from facevalue.codecs.dial import Eccentricity, Scale
from facevalue.codecs.digits import DIGIT_OF, INSIDE, MOST_DIGITS, RowBelief
from facevalue.codecs.needles import degrees_apart, local_direction
from facevalue.codecs.pose import pose_matrix
from facevalue.errors import FaceValueError, LabelError, ModelError, PictureError, SettingError
from facevalue.files import write_whole
from facevalue.images import RGB, open_picture, whole_picture, whole_row
from facevalue.judging import Kind, kind_of
from facevalue.labels import NO_GROUP, Labelled, check_range, read_labels
from facevalue.metrics import DAY_HALF_MINUTES, is_right, paired_difference, place_of
from facevalue.reader import LOOKS, Reader, Weight, find_weight, load_weight
from facevalue.recipes import Recipe, is_finished_weight
from facevalue.sources import Source
from facevalue.sources.clocks import ClockSource
from facevalue.sources.dials import DialSource
from facevalue.sources.own import DrawnRows, Needles, OwnSource, Row, Taught, digest_of, write_taught
from facevalue.texts import in_full

LEAST_PICTURES = 10
HELD_SHARE, LEAST_HELD = 0.25, 5
STEPS, BATCH_SIZE, LEARNING_RATE, WARMUP_STEPS, DECAY = 400, 96, 4e-4, 20, 0.9
TUNABLE = ("steps", "batch_size", "learning_rate", "warmup_steps", "decay", "weight_decay", "optimizer", "seed")
DRAWN_PICTURES = 200  # that are read before and after, to see what was forgotten
SEEN = 0.5  # probability of a dial from which on it counts as seen
UPRIGHT_RADIUS = 0.9  # of a dial that isn't seen, in the picture's half sides
KEPT_PX = 1.5  # pictures are kept at this much more than the reader makes use of
LEAST_SIBLINGS = 3
FULL_TURN = (0.0, 360.0)
FAR_DEGREES = 20.0  # a needle seen this far from its label is worth a word, where it is so in half of the pictures
TAUGHT_FILE, REPORT_FILE = "own.npz", "tuning.json"
VERSION = 3  # of how pictures are taught; a run of another one is not gone on with

NOISE_DEGREES, USUAL_DEGREES = 1.5, 3.0  # standard deviations: of a label or a reading, of the parts of an eccentricity
FITTED_TIMES = 20

Teach = Callable[[Weight, RGB, Any, Scale | None, float], Taught]


@dataclass(frozen=True)
class Manner:
    """How a kind of instrument is taught.

    codec: the only one whose weights can be.  drawn: source of the drawn half, for frames of a size (width, height).
    teach: what a picture with its truth teaches, as the weight sees it; of a dial also by its scale and by the step in
    which values are labelled.  unplaced: what is said of the pictures in which the reader doesn't find the instrument.
    """

    codec: str
    drawn: Callable[[tuple[int, int]], Source]
    teach: Teach
    unplaced: str


@dataclass(frozen=True)
class Own:
    """One labelled picture.  rgb: no larger than the reader makes use of.  digest: of its pixels."""

    row: Labelled
    rgb: RGB
    digest: str


@dataclass(frozen=True)
class Tuned:
    """What came of it: the run's folder, and the report as lines."""

    run_dir: Path
    better: bool
    lines: tuple[str, ...]


def tune(
    start_from: str | Path,
    labels_csv: Path,
    *,
    scale: Scale | None = None,
    settings: dict[str, str] | None = None,
    out: Path | None = None,
    resume: bool = False,
    workers: int | None = None,
    compiled: bool = False,
) -> Tuned:
    """Teach a reader the pictures of a label file, measure it on those held back, and export its weight into a run.

    start_from: ``clock``, ``dial`` or ``digits`` for the shipped reader, a weight's name or file, or an exported run.
    labels_csv: as ``facevalue evaluate`` takes it.  scale: of a dial, what directions mean; 0 to 10, a full turn from
    up, where not said.  settings: of TUNABLE.  out, resume, workers, compiled: as of ``training.run``.
    Raises ModelError for a weight that can't be taught, LabelError for labels or pictures that can't be used,
    SettingError for settings and for a run that is another one's, all of them before anything is written.
    """
    path = find_start(start_from)
    weight = load_weight(path, threads=1)
    manner = manner_of(weight, path)
    kind = kind_of(weight.kind)
    if scale is not None and kind.name != "dial":
        raise SettingError(f"{path} reads {kind.name}: a range, a sweep and a direction are for dials")
    pictures = open_pictures(labels_csv, kind, weight)
    if kind.name == "dial":
        check_range(labels_csv, [one.row for one in pictures], (scale or Scale()).span)
        check_scale(weight, pictures, scale or Scale())
    held, grouped = hold_back([one.row for one in pictures])
    digest = digest_pictures(path, pictures, held, scale)
    recipe = own_recipe(Recipe.from_json(weight.metadata["recipe"]), digest, settings or {})
    check_settings(recipe, settings or {})
    tell(f"{labels_csv}: {len(pictures)} pictures; {sum(held)} of them held back, {grouped}")
    if kind.name == "dial":
        # the network is taught what it sees; what is always seen beside the truth is told apart and taken away after it
        given = [one for one, kept in zip(pictures, held, strict=True) if not kept]
        weight = dataclasses.replace(
            weight, eccentricity=told_eccentricity(weight, given, turned_once(scale or Scale()))
        )
    taught = teach_all(weight, manner, pictures, held, scale)
    from facevalue import training  # torch, not before labels and pictures are known to be good
    from facevalue.runs import alone_in, place_run

    run_dir = place_run(recipe, out, resume)
    with alone_in(run_dir):
        write_once(run_dir / TAUGHT_FILE, [one for one, kept in zip(taught, held, strict=True) if not kept], digest)
    source = OwnSource(run_dir / TAUGHT_FILE, weight.frame_px, manner.drawn(weight.frame_px))
    kept_rows = [one.row for one, kept in zip(pictures, held, strict=True) if kept]
    before = measure(kind, path, kept_rows, scale)
    training.train(
        recipe,
        run_dir,
        resume=resume,
        workers=workers,
        compiled=compiled,
        start_from=path,
        source=source,
        held_out=source.as_read([one for one, kept in zip(taught, held, strict=True) if kept]),
    )
    after, halved = export_better(run_dir, path, weight, source, lambda file: measure(kind, file, kept_rows, scale))
    command = command_of(kind, run_dir, scale)
    outcome = Outcome(before, after, halved)
    return report(run_dir, weight.name, kind, labels_csv, kept_rows, len(pictures), grouped, outcome, command)


def told_eccentricity(weight: Weight, given: Sequence[Own], scale: Scale) -> Eccentricity:
    """How far beside the labels the needle is seen, which is said."""
    found = find_eccentricity(weight, given, scale)
    tell(
        f"the needle is seen {found.shift:+.1f} degrees beside where the labels put it, and once round "
        f"{math.hypot(found.sine, found.cosine):.1f} degrees more and less: taken into account"
    )
    return found


def teach_all(
    weight: Weight, manner: Manner, pictures: Sequence[Own], held: Sequence[bool], scale: Scale | None
) -> list[Taught]:
    """All labelled pictures as they are taught.  held: whether each is held back to measure."""
    teach, step = manner.teach, 0.0
    if weight.kind == "dial":
        step = label_step([one.row.label for one in pictures])
    if weight.kind == "digits":
        teach = functools.partial(teach_row, drums=are_drums(weight, pictures))
    taught = [
        teach(weight, one.rgb, one.row.truth, scale, 0.0 if kept else step)  # what measures stays as labelled
        for one, kept in zip(pictures, held, strict=True)
    ]
    tell_unplaced(taught, manner)
    return with_cells(taught)


def export_better(
    run_dir: Path, start: Path, weight: Weight, source: OwnSource, measure_file: Callable[[Path], Measured]
) -> tuple[Measured, bool]:
    """Export the parameters half way back to those of the reader that was, unless those as trained are clearly better.

    start: that reader's file.  Returns how the exported one reads what is held back, and whether it lies half way.
    """
    from facevalue.export import export
    from facevalue.restoring import restore

    notes = {"calibration": weight.metadata["calibration"], "tuned_from": weight.name}
    if weight.is_calibrated:
        notes["calibration_from"] = weight.name
    if weight.eccentricity is not None:
        notes["eccentricity"] = weight.eccentricity.to_json()
    target, spare = run_dir / "weight.onnx", run_dir / "as-trained.onnx"
    parent = restore(start, source)[2].state_dict()
    for file, half_way_to in ((target, parent), (spare, None)):
        export(run_dir, file, f"{weight.name}+own", source=source, notes=notes, start=half_way_to)
    halved, as_trained = (measure_file(file) for file in (target, spare))
    if paired_difference(halved.right, as_trained.right)[1] <= 0:
        spare.unlink()
        return halved, True
    os.replace(spare, target)
    return as_trained, False


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# ---- the weight and the recipe


def find_start(start_from: str | Path) -> Path:
    """The weight file to start from; of a kind its shipped one.  Raises ModelError."""
    if start_from in LOOKS and not Path(start_from).is_file():
        return find_weight(str(start_from), None)
    try:
        return find_weight("", start_from)
    except ModelError as error:
        if Path(start_from).exists():
            raise
        raise ModelError(f"{error}, or {', '.join(LOOKS)} for the reader that is shipped") from error


def manner_of(weight: Weight, path: Path) -> Manner:
    """Raises ModelError for a weight that can't be taught."""
    manner = MANNER_OF.get(weight.kind)
    if manner is None or weight.codec.name != manner.codec:
        known = ", ".join(sorted(manner.codec for manner in MANNER_OF.values()))
        raise ModelError(f"{path}: its codec {weight.codec.name} can't be taught; expected a weight of {known}")
    if not is_finished_weight(weight.metadata):
        steps, wanted = weight.metadata["steps"], Recipe.from_json(weight.metadata["recipe"]).steps
        raise ModelError(f"{path}: exported at step {steps} of {wanted}; expected the weight of a finished training")
    return manner


def own_recipe(parent: Recipe, digest: str, settings: dict[str, str]) -> Recipe:
    """The recipe of the short training.  digest: of what is taught, so that no run goes on with other pictures."""
    unknown = next((name for name in settings if name not in TUNABLE), None)
    if unknown is not None:
        raise SettingError(f"setting {unknown!r} is the weight's own; here there are: {', '.join(TUNABLE)}")
    recipe = dataclasses.replace(
        parent,
        name=f"own/{parent.kind}",
        source=f"own/{digest}",
        parent=parent.name,
        pretrained="",
        schedule="linear",
        steps=STEPS,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        warmup_steps=WARMUP_STEPS,
        decay=DECAY,
        seed=1,
    )
    return recipe.with_settings(settings)


def check_settings(recipe: Recipe, settings: dict[str, str]) -> None:
    """Raise SettingError for one that the training makes no use of."""
    from facevalue.assembly import refuse_unused  # torch

    refuse_unused(recipe, settings, None)


def digest_pictures(weight: Path, pictures: Sequence[Own], held: Sequence[bool], scale: Scale | None) -> str:
    """Twelve hex digits of the weight, the pictures, their labels and scale, and which are held back."""
    sha = hashlib.sha256(f"{VERSION} {hashlib.sha256(weight.read_bytes()).hexdigest()} {scale}".encode())
    for one, kept in zip(pictures, held, strict=True):
        sha.update(f"\n{one.digest} {one.row.label} {kept}".encode())  # as written: its decimals are taught too
    return sha.hexdigest()[:12]


def write_once(path: Path, taught: Sequence[Taught], digest: str) -> None:
    """Write the pictures that are taught, unless a training on them is gone on with.  Raises SettingError."""
    found = digest_of(path)
    if found == digest:
        return
    from facevalue.checkpoint import FILE_NAME

    if found and (path.parent / FILE_NAME).exists():
        raise SettingError(
            f"{path.parent} holds a training on other pictures or labels; name another folder with --out"
        )
    write_taught(path, taught, digest)


# ---- the pictures


def open_pictures(labels_csv: Path, kind: Kind, weight: Weight) -> list[Own]:
    """All labelled pictures that can be taught; copies and pictures without a value are left out, and counted.

    Raises LabelError, naming file and line, for one that can't be read, and where too few different ones are left.
    """
    rows = read_labels(labels_csv, kind.parse_label)
    at_least_px = round(KEPT_PX * LOOKS[weight.kind].ENOUGH_PX)
    pictures: list[Own] = []
    line_of: dict[str, Labelled] = {}
    copies = blank = 0
    for row in rows:
        where = f"{labels_csv}:{row.line}"
        if row.truth == "" or row.truth != row.truth:
            blank += 1
            continue
        if isinstance(row.truth, str) and len(row.truth.replace(".", "")) > MOST_DIGITS:
            raise LabelError(f"{where}: label {row.label!r} has more than {MOST_DIGITS} digits, the most that are read")
        try:
            rgb = reduced(open_picture(row.path, at_least_px=at_least_px), at_least_px)
        except PictureError as error:
            raise LabelError(f"{where}: {row.file}: {error.problem}") from error
        digest = hashlib.sha256(f"{rgb.shape}".encode() + rgb.tobytes()).hexdigest()
        first = line_of.setdefault(digest, row)
        if first is row:
            pictures.append(Own(row, rgb, digest))
        elif first.truth == row.truth:
            copies += 1
        else:
            raise LabelError(
                f"{where}: {row.file} is the same picture as {first.file} (line {first.line}), "
                f"but labelled {row.label}, not {first.label}"
            )
    for count, what in ((copies, "copies of another one"), (blank, "labelled NaN, with nothing to teach")):
        if count:
            tell(f"{labels_csv}: left out: {count} {what}")
    if len(pictures) < LEAST_PICTURES:
        raise LabelError(
            f"{labels_csv}: {len(pictures)} different pictures to teach; expected at least {LEAST_PICTURES}, "
            f"of which {LEAST_HELD} are held back to measure on, and better 40"
        )
    if len({str(one.row.truth) for one in pictures}) == 1:
        raise LabelError(
            f"{labels_csv}: all {len(pictures)} pictures are labelled {pictures[0].row.label}; expected pictures of "
            "different readings, or nothing is learned but that one"
        )
    return pictures


def reduced(rgb: RGB, at_least_px: int) -> RGB:
    """The picture, no larger than makes its smaller side that long."""
    height, width = rgb.shape[:2]
    scale = at_least_px / min(height, width)
    if scale >= 1:
        return rgb
    size = round(width * scale), round(height * scale)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def hold_back(rows: Sequence[Labelled]) -> tuple[list[bool], str]:
    """Which rows are held back, by their names alone, and in words how they were chosen.

    HELD_SHARE of them, at least LEAST_HELD; whole groups where the table has a column for that, unless so few that
    none could be held back without more than half of the pictures.
    """
    total = len(rows)
    wanted = max(LEAST_HELD, round(HELD_SHARE * total))
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[f"group {row.source}" if row.source not in ("", NO_GROUP) else f"file {row.file}"].append(index)
    by_group = len(groups) < total
    held = choose(groups, wanted, total // 2)
    words = "whole groups of the table together" if by_group else "chosen by name"
    if len(held) < LEAST_HELD:
        held = choose({row.file: [index] for index, row in enumerate(rows)}, wanted, total // 2)
        words = "chosen by name, as the groups of the table are too few to hold one back"
    return [index in held for index in range(total)], words


def choose(groups: dict[str, list[int]], wanted: int, most: int) -> set[int]:
    """Members of whole groups, in an order that their names alone decide, until there are as many as wanted."""
    held: set[int] = set()
    for name in sorted(groups, key=lambda name: (zlib.crc32(name.encode()), name)):
        if len(held) < wanted and len(held) + len(groups[name]) <= most:
            held.update(groups[name])
    return held


# ---- what a picture teaches


def teach_clock(weight: Weight, rgb: RGB, minutes: int, scale: Scale | None = None, step: float = 0.0) -> Needles:
    """The hands of the labelled time, on the dial that the reader sees; its seconds where the reader has the time."""
    look, _ = look_clock.look_at(weight, rgb)
    belief = look.both
    assert isinstance(belief, ClockBelief)
    seen = belief.minutes()
    time = seen if is_right(seen, minutes) else float(minutes)
    dial = look.frame @ pose_matrix(belief.pose, float(belief.turns[round(time * 2) % len(belief.turns)]))
    degrees = {"hour": time / 2, "minute": time * 6, "twelve": 0.0, "second": np.nan}
    seconds = float(np.float32(time * 60)) % (60 * DAY_HALF_MINUTES)  # twelve o'clock, which float32 may round up to
    return on_dial(rgb, look.frame, dial, look.features()["dial"], degrees, {"seconds": seconds})


def label_step(labels: Sequence[str]) -> float:
    """The step in which numbers are written: that of the last decimal of the one with the most; 1 for whole numbers."""
    exponents = [Decimal(label.strip().replace(",", ".")).as_tuple().exponent for label in labels]
    return float(10.0 ** min(exponent for exponent in exponents if isinstance(exponent, int)))


def teach_dial(weight: Weight, rgb: RGB, value: float, scale: Scale | None, step: float = 0.0) -> Needles:
    """The needle where the labelled value lies on the scale, on the dial that the reader sees, and where it is seen.

    step: in which values are labelled. Within half of it, which is what the label doesn't tell, the needle is where the
    reader sees it, if that is within a step: else a label's rounding would be learned by heart.
    The scale's ends are taught where its sweep is said, the way in which it rises where that or the direction is.
    """
    given = scale or Scale()
    look, _ = look_dial.look_at(weight, rgb, turned_once(given))
    placed = look.placed
    has_sweep = given.sweep is not None
    has_way = has_sweep or given.clockwise is not None
    needle = placed.degrees(value)
    untold = 0.5 * step / abs(placed.high - placed.low) * abs(placed.sweep)
    off = degrees_apart(look.both.degrees(), needle)
    if abs(off) <= 2 * untold:  # further off it is misread, and says nothing
        needle += min(max(off, -untold), untold)
    if weight.eccentricity is not None:
        needle += float(weight.eccentricity.degrees(needle - placed.start))
    degrees = {
        "needle": needle,
        "start": placed.start if has_sweep else np.nan,
        "end": placed.start + placed.sweep if has_sweep else np.nan,
    }
    others = {
        "full": float(placed.full) if has_sweep else np.nan,
        "clockwise": float(placed.sweep > 0) if has_way else np.nan,
        "fraction": (value - placed.low) / (placed.high - placed.low),
    }
    dial = look.frame @ pose_matrix(look.second.pose, 0.0)
    return on_dial(rgb, look.frame, dial, look.features()["dial"], degrees, others)


def find_eccentricity(weight: Weight, pictures: Sequence[Own], scale: Scale) -> Eccentricity:
    """How far beside their labels a weight sees the needles of one dial, as a sine of their directions.

    Least absolute deviations, by least squares with weights again and again, held near zero as far as few pictures
    leave it open. Needles seen far away are misread, and don't count.
    """
    network = dataclasses.replace(weight, eccentricity=None)
    along, off = [], []
    for one in pictures:
        look, _ = look_dial.look_at(network, one.rgb, scale)
        needle = look.placed.degrees(one.row.truth)
        along.append(math.radians(needle - look.placed.start))
        off.append(degrees_apart(look.both.degrees(), needle))
    parts = np.stack([np.ones(len(along)), np.sin(along), np.cos(along)], axis=1)
    errors = np.array(off)
    near = np.abs(errors) <= FAR_DEGREES
    held_near_zero = np.eye(3) * (NOISE_DEGREES / USUAL_DEGREES) ** 2
    found = np.zeros(3)
    for _ in range(FITTED_TIMES):
        trust = near * NOISE_DEGREES / np.maximum(np.abs(errors - parts @ found), NOISE_DEGREES)
        found = np.linalg.solve(parts.T @ (trust[:, None] * parts) + held_near_zero, parts.T @ (trust * errors))
    return Eccentricity(*(round(float(number), 3) for number in found))


def turned_once(scale: Scale) -> Scale:
    """The scale with its sweep; where none is given a full turn from up."""
    return dataclasses.replace(scale, sweep=scale.sweep or FULL_TURN)


def check_scale(weight: Weight, pictures: Sequence[Own], scale: Scale) -> None:
    """Say where the needle is mostly seen elsewhere than the labels put it.

    Raises SettingError where no sweep is given and the scale is mostly seen to be no full turn.
    """
    looks = [look_dial.look_at(weight, one.rgb, scale)[0] for one in pictures]
    if scale.sweep is None and np.median([look.both.full for look in looks]) < SEEN:
        starts = np.radians([look.placed.start for look in looks])
        start = float(np.degrees(np.arctan2(np.sin(starts).mean(), np.cos(starts).mean())) % 360)
        end = start + float(np.median([look.placed.sweep for look in looks]))
        raise SettingError(
            "the scale seems to be no full turn: say where its ends lie with --sweep START:END, degrees clockwise from "
            f"up (they are seen near {start:.0f}:{end:.0f}); of a full turn --sweep 0:360"
        )
    placed = [look.both.place(turned_once(scale)) for look in looks]
    off = [
        abs(degrees_apart(look.both.degrees(), at.degrees(one.row.truth)))
        for look, at, one in zip(looks, placed, pictures, strict=True)
    ]
    if np.median(off) > FAR_DEGREES:
        tell(
            f"the labels put the needle {np.median(off):.0f} degrees from where the reader sees it, in half of the "
            "pictures or more: are --range, --sweep and --direction as the dial has them?"
        )


def command_of(kind: Kind, run_dir: Path, scale: Scale | None) -> str:
    """What reads with the new weight; a dial on the scale that was taught."""
    options = ""
    if kind.name == "dial":
        taught = turned_once(scale or Scale())
        assert taught.sweep is not None
        way = {None: "", True: " --direction clockwise", False: " --direction counterclockwise"}[taught.clockwise]
        low, high, start, end = map(in_full, (taught.low, taught.high, *taught.sweep))
        options = f" --range {low}:{high} --sweep {start}:{end}{way}"
    folder = run_dir if run_dir.parent != Path() else f"./{run_dir}"  # else a shipped weight of that name would read
    return f"facevalue read --kind {kind.name} --model {shlex.quote(str(folder))}{options} photo.jpg"


def on_dial(
    rgb: RGB,
    frame: NDArray[np.float64],
    dial: NDArray[np.float64],
    sure: float,
    degrees: dict[str, float],
    others: dict[str, float],
) -> Needles:
    """Needles on a dial where it was seen; else upright on one that fills the picture.

    frame: of the second look.  dial: to the picture's pixels.  sure: probability that there is one.
    """
    whole = whole_picture(rgb)
    centre = dial[:2, 2] / dial[2, 2]
    inside = bool((centre >= 0).all() and (centre <= rgb.shape[1::-1]).all())
    if sure < SEEN or not inside:
        upright = whole @ np.diag([UPRIGHT_RADIUS, UPRIGHT_RADIUS, 1.0])
        return Needles(rgb, whole[None], upright, False, degrees, others)
    return Needles(rgb, np.stack([whole, frame]), dial, True, degrees, others)


def are_drums(weight: Weight, pictures: Sequence[Own]) -> bool:
    """Whether labels of the form d.d are places of single drums, not two digits with a point between them.

    They are where all labels are of that form, and the reader counts one digit more often than two.
    """
    if any(place_of(one.row.truth) is None for one in pictures):
        return False
    counts = [look_row.look_at(weight, one.rgb)[0].belief.count for one in pictures]
    return counts.count(1) > counts.count(2)


def teach_row(
    weight: Weight, rgb: RGB, label: str, scale: Scale | None = None, step: float = 0.0, drums: bool = True
) -> Row:
    """The labelled digits, where the reader sees them; cells NaN where it sees another number of them.

    Of a digit that the reader has right it keeps the place on the drum.  drums: see ``are_drums``.
    """
    look, _ = look_row.look_at(weight, rgb)
    belief = look.belief
    place = place_of(label) if drums else None
    digits = [int(digit) for digit in label.replace(".", "")]
    count = len(digits) if place is None else 1
    whole = whole_row(rgb, weight.frame_px)
    if belief.count != count:
        places = np.array(digits if place is None else [place], dtype=np.float64)
        point = label.find(".") - 1 if place is None and "." in label else -1
        return Row(rgb, whole[None], places, within_row(point, count), np.full((count, 4, 2), np.nan))
    if place is not None:
        places, point = np.array([place]), -1
    else:
        places = np.array([place_near(belief, index, digit) for index, digit in enumerate(digits)])
        point = label.index(".") - 1 if "." in label else look.number.point_after
    frames = np.stack([whole, look_row.straightened(belief, look.frame, weight.frame_px)])
    return Row(rgb, frames, places, within_row(point, count), cells_seen(belief, look.frame))


def within_row(point: int, count: int) -> int:
    """The digit that a point follows, -1 for none: behind the last one, as in 123., it is none."""
    return point if point < count - 1 else -1


def place_near(belief: RowBelief, index: int, digit: int) -> float:
    """Where the drum of a digit stands, if the reader sees that digit there; else at rest."""
    row = belief.log_probability[index]
    if DIGIT_OF[int(row.argmax())] != digit:
        return float(digit)
    return local_direction(np.where(digit == DIGIT_OF, row, row.min() - 30).astype(np.float32), reach=2) / 36


def cells_seen(belief: RowBelief, frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 4, 2) the middles of each cell's left, right, top and bottom side in pixels, see ``own.Row``."""
    left, right = belief.spans.T.astype(np.float64)
    top, bottom = belief.rows.T.astype(np.float64)
    beyond = INSIDE / (1 - 2 * INSIDE) * (right - left)
    across, down = (left + right) / 2, (top + bottom) / 2
    x = np.stack([left - beyond, right + beyond, across, across], axis=1)
    y = np.stack([down, down, top, bottom], axis=1)
    points = np.stack([x, y, np.ones_like(x)], axis=2) @ frame.T
    return np.asarray(points[..., :2] / points[..., 2:])


def with_cells(taught: Sequence[Taught]) -> list[Taught]:
    """Rows whose cells are not seen get those of their siblings, or else equal parts of the picture.

    Siblings are seen rows of as many digits in pictures of the same size, as a fixed camera takes them.
    """
    seen: defaultdict[tuple[int, ...], list[NDArray[np.float64]]] = defaultdict(list)
    for one in taught:
        if isinstance(one, Row) and is_placed(one):
            seen[(len(one.places), *one.rgb.shape)].append(one.cells)
    filled: list[Taught] = []
    for one in taught:
        if isinstance(one, Row) and not is_placed(one):
            siblings = seen[(len(one.places), *one.rgb.shape)]
            enough = len(siblings) >= LEAST_SIBLINGS
            cells = np.median(siblings, axis=0) if enough else equal_cells(one.rgb, len(one.places))
            filled.append(dataclasses.replace(one, cells=cells))
        else:
            filled.append(one)
    return filled


def equal_cells(rgb: RGB, count: int) -> NDArray[np.float64]:
    """(K, 4, 2) cells that share the picture's width, as of ``own.Row``."""
    height, width = rgb.shape[:2]
    left = np.arange(count) * width / count
    right = left + width / count
    middle = np.full(count, height / 2)
    x = np.stack([left, right, (left + right) / 2, (left + right) / 2], axis=1)
    y = np.stack([middle, middle, 0.1 * height + 0 * middle, 0.9 * height + 0 * middle], axis=1)
    return np.stack([x, y], axis=2)


def is_placed(one: Taught) -> bool:
    """Whether the reader saw where the instrument stands."""
    return one.placed if isinstance(one, Needles) else bool(np.isfinite(one.cells).all())


def tell_unplaced(taught: Sequence[Taught], manner: Manner) -> None:
    count = sum(not is_placed(one) for one in taught)
    if count:
        tell(f"in {count} of {len(taught)} pictures {manner.unplaced}")


MANNER_OF = {
    "clock": Manner(
        "clock/needles",
        lambda frame_px: ClockSource(size_px=frame_px[0]),
        teach_clock,
        "the reader does not find the dial: it is taken to stand upright and to fill the picture",
    ),
    "dial": Manner(
        "dial/needle",
        lambda frame_px: DialSource(size_px=frame_px[0]),
        teach_dial,
        "the reader does not find the dial: it is taken to fill the picture",
    ),
    "digits": Manner(
        "digits/row",
        DrawnRows,
        teach_row,
        "the reader counts other digits than the label: they are taken to stand as in the other pictures of that size, "
        "or to share the picture's width",
    ),
}


# ---- what came of it


@dataclass(frozen=True)
class Measured:
    """right, answered: (N,) bool, of the pictures held back.  drawn: (M,) bool, whether drawn ones were read right."""

    right: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    drawn: NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """The pictures held back as they were read before and after.  halved: the weight is half way to the trained one."""

    before: Measured
    after: Measured
    halved: bool


def measure(kind: Kind, weight: Path, rows: Sequence[Labelled], scale: Scale | None) -> Measured:
    """Read the pictures held back as they lie on disk, and as many drawn ones as tell what was forgotten."""
    reader = Reader(kind.name, weight, scale=turned_once(scale or Scale()) if kind.name == "dial" else None)
    right, answered = [], []
    for row, reading in zip(rows, reader.read_many([row.path for row in rows], on_error="return"), strict=True):
        if isinstance(reading, FaceValueError) and not isinstance(reading, PictureError):
            raise reading
        judged = kind.judge(row, reading)
        right.append(judged.right)
        answered.append(judged.answered)
    plain = Reader(kind.name, weight)
    plain.weight = dataclasses.replace(plain.weight, eccentricity=None)  # which is one's own dial's
    drawn = [
        kind.is_right(plain.read(picture), truth)
        for picture, truth in MANNERS[kind.name].draw(plain.weight.frame_px, DRAWN_PICTURES)
        if truth == truth and truth != ""  # with something to read
    ]
    return Measured(np.array(right), np.array(answered), np.array(drawn))


def report(
    run_dir: Path,
    start: str,
    kind: Kind,
    labels_csv: Path,
    held: Sequence[Labelled],
    pictures: int,
    grouped: str,
    outcome: Outcome,
    command: str,
) -> Tuned:
    """Compare, write REPORT_FILE, and say it in a few lines.  command: that reads with the new weight."""
    count, before, after = len(held), outcome.before, outcome.after
    difference, low, high = paired_difference(before.right, after.right)
    better = low > 0
    verdict = "better" if better else "worse" if high < 0 else "not clearly better"
    record = {
        "started_from": start,
        "labels": str(labels_csv),
        "pictures": pictures,
        "held_back": [row.file for row in held],
        "held_back_by": grouped,
        "right_means": kind.right_means,
        "before": describe(before),
        "after": describe(after),
        "difference": round(difference, 4),
        "interval_95": [round(low, 4), round(high, 4)],
        "verdict": verdict,
        "parameters": "half way to the trained ones" if outcome.halved else "as trained",
        "command": command,
    }
    path = run_dir / REPORT_FILE
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    lines = [
        f"held back: {count} of {pictures} pictures, none of them trained on",
        f"{kind.right_means}: before {share_of(before.right)}, after {share_of(after.right)}: {difference * 100:+.1f} "
        f"points, with 95 % certainty {low * 100:+.1f} to {high * 100:+.1f}",
        f"answered: before {share_of(before.answered)}, after {share_of(after.answered)}",
        f"drawn pictures read right: before {share_of(before.drawn)}, after {share_of(after.drawn)}",
    ]
    if better:
        lines.append(f"better than {start}; read with it: {command}")
    else:
        hint = "" if high < 0 else "; it read all of them before" if before.right.all() else "; more pictures may tell"
        lines.append(f"{verdict} than {start}: keep that one{hint}. To read with the new one all the same: {command}")
    return Tuned(run_dir, better, tuple(lines))


def describe(measured: Measured) -> dict[str, Any]:
    return {
        "right": round(float(measured.right.mean()), 4),
        "answered": round(float(measured.answered.mean()), 4),
        "drawn_right": round(float(measured.drawn.mean()), 4),
        "drawn": len(measured.drawn),
    }


def share_of(values: NDArray[np.bool_]) -> str:
    return f"{int(values.sum())} of {len(values)}"
