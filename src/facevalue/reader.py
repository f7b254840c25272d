"""Readers: a picture in, a Reading out. onnxruntime, NumPy and Pillow only; immutable, safe to share between threads.

A clock is read twice by one network: once on the whole picture, which says where the dial stands and how it is
turned; then straightened by that, upright and with a little room round it.
"""

from __future__ import annotations

import collections
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from facevalue.calibration import Calibration
from facevalue.codecs import Codec, Floats, make_codec
from facevalue.codecs.clock import ClockBelief, format_time, pose_matrix
from facevalue.errors import FaceValueError, ModelError, SettingError
from facevalue.images import RGB, Source, open_reduced, warp, whole_picture
from facevalue.reading import Alternative, Polyline, Reading

if TYPE_CHECKING:
    import onnxruntime

WEIGHTS = Path(__file__).parent / "weights"
SHIPPED = {"clock": "clock-1"}
FILL = 0.78  # radius of the straightened dial; training draws about 0.9, more room reads better (lab notes)
ENOUGH_PX = 256  # a JPEG is decoded at a fraction as long as its smaller side stays this large
RUNNERS_UP = 9
SECOND_HAND_SEEN = 0.2  # a sharp peak has about 0.4 in its highest bin
SECOND_HAND_APART = 9.0  # degrees: where there is no second hand its head tends to repeat another one


@dataclass(frozen=True)
class Weight:
    """A network ready to run, and what its file says of it."""

    name: str
    kind: str
    codec: Codec
    size_px: int
    calibration: Calibration
    session: onnxruntime.InferenceSession
    metadata: Mapping[str, str]

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        """pictures: (N, S, S, 3) uint8.  Returns (N, size) float32 raw outputs by head name."""
        names = [head.name for head in self.codec.heads]
        return dict(zip(names, self.session.run(names, {"pictures": pictures}), strict=True))


def find_weight(kind: str, model: str | Path | None) -> Path:
    """The file of a weight: the kind's shipped one, a shipped one by name, or a file of the caller's.

    A bare name (``clock-1``) is a shipped weight where there is one of that name, whatever lies in the working
    directory; text with a suffix or a folder (``./clock-1``) is the caller's file or exported run.
    Raises ModelError where there is none.
    """
    if model is None:
        if kind not in SHIPPED:
            raise ModelError(
                f"no weight for {kind!r} is shipped yet; name a file with --model (shipped: {', '.join(SHIPPED)})"
            )
        path = WEIGHTS / f"{SHIPPED[kind]}.onnx"
    else:
        path, shipped = Path(model), WEIGHTS / f"{model}.onnx"
        if not path.suffix and os.path.basename(model) == os.fspath(model) and shipped.is_file():
            return shipped
        if (path / "weight.onnx").is_file():  # a run that has been exported
            return path / "weight.onnx"
    if not path.is_file():
        raise ModelError(
            f"{path}: no such weight; expected an .onnx file of facevalue export, or a shipped name: {shipped_names()}"
        )
    return path


def shipped_names() -> str:
    return ", ".join(sorted(path.stem for path in WEIGHTS.glob("*.onnx"))) or "none"


def load_weight(path: Path, threads: int) -> Weight:
    """Open a weight file. Raises ModelError for a file that is not ours or is damaged."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no base class
        raise ModelError(
            f"{path}: not a weight file that can be loaded ({str(error).splitlines()[0][:120]})"
        ) from error
    metadata = session.get_modelmeta().custom_metadata_map
    try:
        return Weight(
            name=metadata["model"],
            kind=metadata["kind"],
            codec=make_codec(metadata["codec"]),
            size_px=int(metadata["size_px"]),
            calibration=Calibration.from_json(metadata["calibration"]),
            session=session,
            metadata=metadata,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path}: an ONNX file, but not one of facevalue export (its metadata lack {error})"
        ) from error
    except SettingError as error:
        raise ModelError(f"{path}: of another version of facevalue ({error})") from error


class Reader:
    """Reads one kind of instrument with one weight.

    kind: ``clock``.  model: a shipped name or an .onnx file; the kind's shipped weight when None.  threads: of the
    network's own arithmetic, for one picture; ``read_many`` runs one picture a core beside that.
    Raises ModelError.
    """

    def __init__(self, kind: str = "clock", model: str | Path | None = None, threads: int = 1) -> None:
        self.weight = load_weight(find_weight(kind, model), threads)
        if self.weight.kind != kind:
            raise ModelError(f"{model}: a weight for {self.weight.kind!r}, where one for {kind!r} was expected")
        self.kind = kind

    def read(self, source: Source) -> Reading:
        """Read one picture: a path, bytes, a stream, a PIL image or a (H, W, 3) uint8 array. Raises PictureError."""
        began = time.perf_counter()
        look, scale = look_at(self.weight, source)
        return make_reading(self.weight, look, scale, began)

    def read_many(
        self, sources: Iterable[Source], *, on_error: Literal["raise", "return"] = "raise", workers: int | None = None
    ) -> Iterator[Reading | FaceValueError]:
        """Read pictures in order, a few at a time on all cores, and give those that are ready before asking for more.

        sources: each as ``read`` takes it.  on_error: ``return`` yields the FaceValueError of a picture that can't be
        read in its place.
        """
        if isinstance(sources, str | bytes | os.PathLike):
            raise TypeError(f"read_many takes several pictures, got {sources!r}; for one there is read")

        def attempt(source: Source) -> Reading | FaceValueError:
            try:
                return self.read(source)
            except FaceValueError as error:
                if on_error == "raise":
                    raise
                return error

        count = workers or os.cpu_count() or 1
        waiting: collections.deque[Future[Reading | FaceValueError]] = collections.deque()
        with ThreadPoolExecutor(count) as pool:
            try:
                for source in sources:
                    waiting.append(pool.submit(attempt, source))
                    while waiting and (waiting[0].done() or len(waiting) > 2 * count):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


@dataclass(frozen=True)
class Look:
    """What the two passes over one picture saw, and what follows from both.

    frame: homography of the second one's [-1, 1]^2 to picture pixels.
    """

    first: ClockBelief
    second: ClockBelief
    both: ClockBelief
    frame: NDArray[np.float64]

    def features(self) -> dict[str, float]:
        """What the confidence is computed from, see ``calibration``: probability near the time read, by each pass."""
        minutes = self.both.minutes()
        return {
            "both": self.both.mass_near(minutes),
            "first": self.first.mass_near(minutes, 1.5),
            "second": self.second.mass_near(minutes, 1.5),
            "dial": min(self.first.dial, self.second.dial),
        }


def look_at(weight: Weight, source: Source) -> tuple[Look, tuple[float, float]]:
    """Open a picture no larger than is useful and look twice; also its scale (x, y), see ``images.open_reduced``."""
    rgb, scale = open_reduced(source, at_least_px=ENOUGH_PX)
    return look_twice(weight, rgb), scale


def look_twice(weight: Weight, rgb: RGB) -> Look:
    """Read the whole picture, straighten the dial by what was seen, read again, and join the two."""
    whole = whole_picture(rgb)
    first = look_through(weight, rgb, whole)
    frame = whole @ pose_matrix(first.pose, first.twelve_degrees) @ np.diag([1 / FILL, 1 / FILL, 1.0])
    second = look_through(weight, rgb, frame)
    return Look(first, second, second.joined_with(first), frame)


def look_through(weight: Weight, rgb: RGB, frame: NDArray[np.float64]) -> ClockBelief:
    outputs = weight.run(warp(rgb, frame, weight.size_px)[None])
    belief: ClockBelief = weight.codec.decode(outputs)[0]
    return belief


def make_reading(weight: Weight, look: Look, scale: tuple[float, float], began: float) -> Reading:
    candidates = look.both.candidates(RUNNERS_UP + 1)
    minutes = candidates[0][0]
    confidence = weight.calibration.confidence(look.features())
    # Each runner-up has its part of what the first leaves, as the network shared it out, and is never above the first.
    spare = (1 - confidence) / max(1 - candidates[0][1], 1e-6)
    others = [(other, min(spare * mass, confidence)) for other, mass in candidates[1:]]
    return Reading(
        kind=weight.kind,
        value=format_time(minutes),
        number=minutes,
        confidence=confidence,
        uncertain=confidence < weight.calibration.threshold,
        alternatives=tuple(Alternative(format_time(other), share) for other, share in others),
        model=weight.name,
        milliseconds=(time.perf_counter() - began) * 1e3,
        marks=place_marks(look, minutes, scale),
    )


def place_marks(look: Look, minutes: float, scale: tuple[float, float]) -> dict[str, Polyline]:
    """Outline of the dial and directions of the hands, in pixels of the full-size picture."""
    twelve = float(look.second.turns[round(minutes * 2) % len(look.second.turns)])
    dial_to_px = look.frame @ pose_matrix(look.second.pose, twelve)

    def to_px(points: list[tuple[float, float]]) -> Polyline:
        x, y, w = dial_to_px @ np.array([(x, y, 1.0) for x, y in points]).T
        w = np.where(np.abs(w) < 1e-6, 1e-6, w)
        # Marks count pixel centres from 0, homographies from the picture's corner.
        return tuple((float(a) * scale[0] - 0.5, float(b) * scale[1] - 0.5) for a, b in zip(x / w, y / w, strict=True))

    def hand(degrees: float, length: float) -> Polyline:
        angle = np.radians(degrees)
        return to_px([(0.0, 0.0), (length * float(np.sin(angle)), -length * float(np.cos(angle)))])

    circle = [(float(np.sin(a)), -float(np.cos(a))) for a in np.linspace(0, 2 * np.pi, 72, endpoint=False)]
    marks = {"dial": to_px(circle), "hour": hand(minutes / 2, 0.5), "minute": hand(minutes * 6, 0.8)}
    second = look.second.second_degrees - twelve
    away = min(abs((second - degrees + 180) % 360 - 180) for degrees in (minutes / 2, minutes * 6))
    if look.second.second_share > SECOND_HAND_SEEN and away > SECOND_HAND_APART:
        marks["second"] = hand(second, 0.85)
    return marks
