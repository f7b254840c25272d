"""Readers: a picture in, a Reading out. onnxruntime, NumPy and Pillow only; immutable, safe to share between threads.

How a kind of instrument is looked at is in ``look_clock``, ``look_dial`` and ``look_row``.
"""

from __future__ import annotations

import collections
import copy
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from facevalue import look_clock, look_dial, look_row
from facevalue.calibration import Calibration
from facevalue.codecs import Codec, Floats, make_codec
from facevalue.codecs.dial import Eccentricity, Scale
from facevalue.codecs.digits import MOST_DIGITS
from facevalue.errors import FaceValueError, ModelError, SettingError
from facevalue.images import Source
from facevalue.reading import Reading, with_decimals

if TYPE_CHECKING:
    import onnxruntime

    from facevalue.instruments.schema import Instrument

R = TypeVar("R")
WEIGHTS = Path(__file__).parent / "weights"
SHIPPED = {"clock": "clock-1", "dial": "dial-4", "digits": "digits-5"}
LOOKS: dict[str, ModuleType] = {"clock": look_clock, "dial": look_dial, "digits": look_row}


@dataclass(frozen=True)
class Weight:
    """A network ready to run, and what its file says of it.

    frame_px: width and height of its pictures.  narrow_px: width at most of those that it also reads, cut out of the
    middle of one, 0 for none, see ``networks.narrow``.  eccentricity: of the one dial that it was taught, if it was.
    """

    name: str
    kind: str
    codec: Codec
    frame_px: tuple[int, int]
    calibration: Calibration
    session: onnxruntime.InferenceSession
    metadata: Mapping[str, str]
    eccentricity: Eccentricity | None = None
    narrow_px: int = 0

    @property
    def is_calibrated(self) -> bool:
        """Whether its confidence was fitted on labelled pictures, or that of the reader that it was taught from."""
        return "calibration_held_out" in self.metadata or "calibration_from" in self.metadata

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        """pictures: (N, H, W, 3) uint8.  Returns raw float32 outputs by head name, (N, size) or (N, places, size)."""
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
        if (path / "checkpoint.pt").is_file():
            raise ModelError(f"{path}: a run that is not exported yet; make its weight first: facevalue export {path}")
    if not path.is_file():
        raise ModelError(
            f"{path}: no such weight or run; expected an .onnx file of facevalue export, or a shipped name: "
            f"{shipped_names()}"
        )
    return path


def kind_of_model(model: str | Path | None, otherwise: str) -> str:
    """The kind of a weight, or the other one where none is named. Raises ModelError."""
    return otherwise if model is None else load_weight(find_weight(otherwise, model), threads=1).kind


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
            frame_px=(int(metadata.get("width_px", metadata["size_px"])), int(metadata["size_px"])),
            calibration=Calibration.from_json(metadata["calibration"]),
            session=session,
            metadata=metadata,
            eccentricity=Eccentricity.from_json(metadata["eccentricity"]) if "eccentricity" in metadata else None,
            narrow_px=int(metadata.get("narrow_px", 0)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path}: an ONNX file, but not one of facevalue export (its metadata lack {error})"
        ) from error
    except SettingError as error:
        raise ModelError(f"{path}: of another version of facevalue ({error})") from error


def open_reader(
    kind: str,
    model: str | Path | None,
    scale: Scale | None,
    instrument: str | Path | Instrument | None,
    *,
    digits: int | None = None,
    decimals: int | None = None,
) -> Reader:
    """The reader of an instrument, by its kind or, where there is one, by the file that describes it.

    Others as of ``Reader``.  Raises ModelError, SettingError, InstrumentError, MissingExtraError.
    """
    if instrument is None:
        return Reader(kind, model, scale=scale, digits=digits, decimals=decimals)
    from facevalue.instruments.reader import InstrumentReader

    return InstrumentReader(instrument, model)


class Reader:
    """Reads one kind of instrument with one weight.

    kind: ``clock``, ``dial`` or ``digits``; the model's when None, without a model ``clock``.  model: a shipped name or
    an .onnx file; the kind's shipped weight when None.  threads: of the network's own arithmetic, for one picture;
    ``read_many`` runs one picture a core beside that.
    scale: of a dial, what the directions of its needle mean; 0 to 10, with its ends where they are seen, when None.
    digits: of a row of digits, how many there are, 1 .. 8: a reading of another number of them is uncertain.
    decimals: how many of them stand after the decimal point, 0 .. 8, wherever one is seen.
    Raises ModelError, and SettingError for what is not of that kind.
    """

    def __init__(
        self,
        kind: str | None = None,
        model: str | Path | None = None,
        threads: int = 1,
        scale: Scale | None = None,
        digits: int | None = None,
        decimals: int | None = None,
    ) -> None:
        if kind is not None and kind not in LOOKS:
            raise ModelError(f"unknown kind {kind!r}; there are {', '.join(LOOKS)}")
        self.weight = load_weight(find_weight(kind or "clock", model), threads)
        if kind is not None and self.weight.kind != kind:
            raise ModelError(f"{model}: a weight for {self.weight.kind!r}, where one for {kind!r} was expected")
        self.kind = self.weight.kind
        self.look = LOOKS[self.kind]
        self._tell(scale, digits, decimals)

    def told(self, *, scale: Scale | None = None, digits: int | None = None, decimals: int | None = None) -> Reader:
        """The same reader, told something else of what it reads; they share the network. Raises SettingError.

        What is not given here is not known, whatever this one was told.
        """
        other = copy.copy(self)
        other._tell(scale, digits, decimals)
        return other

    def _tell(self, scale: Scale | None, digits: int | None, decimals: int | None) -> None:
        if scale is not None:
            if self.kind != "dial":
                raise SettingError(
                    f"a scale is for dials, not for {self.kind!r}: range, sweep and direction need the kind dial"
                )
            if not isinstance(scale, Scale):
                raise SettingError(f"scale: expected facevalue.Scale(0, 16), got {scale!r}")
        for name, number, least in (("digits", digits, 1), ("decimals", decimals, 0)):
            if number is None:
                continue
            if self.kind != "digits":
                raise SettingError(f"{name} are of rows of digits, not of {self.kind!r}: they need the kind digits")
            if not least <= number <= MOST_DIGITS:
                raise SettingError(f"{name}: expected {least} to {MOST_DIGITS}, got {number}")
        if digits is not None and decimals is not None and decimals >= digits:
            raise SettingError(f"decimals: {decimals} of {digits} digits leave none before the point")
        self.decimals = decimals
        self.options: dict[str, Any] = {}
        if scale is not None:
            self.options["dial"] = scale
        if digits is not None:
            self.options["expected"] = digits

    def read(self, source: Source) -> Reading:
        """Read one picture: a path, bytes, a stream, a PIL image or a (H, W, 3) uint8 array.

        Raises PictureError; FaceValueError where no digit is left before the decimals.
        """
        began = time.perf_counter()
        look, scale = self.look.look_at(self.weight, source, **self.options)
        reading: Reading = self.look.make_reading(self.weight, look, scale, began)
        return reading if self.decimals is None else with_decimals(reading, self.decimals)

    def read_many(
        self, sources: Iterable[Source], *, on_error: Literal["raise", "return"] = "raise", workers: int | None = None
    ) -> Iterator[Reading | FaceValueError]:
        """Read pictures in order, a few at a time on all cores, and give those that are ready before asking for more.

        sources: each as ``read`` takes it.  on_error: ``return`` yields the FaceValueError of a picture that can't be
        read in its place.  workers: threads, one a core when None.
        """
        return read_each(self.read, sources, on_error=on_error, workers=workers)


def read_each(
    read: Callable[[Source], R],
    sources: Iterable[Source],
    *,
    on_error: Literal["raise", "return"] = "raise",
    workers: int | None = None,
) -> Iterator[R | FaceValueError]:
    """What ``read`` makes of each picture, in order, see ``Reader.read_many``."""
    if isinstance(sources, str | bytes | os.PathLike):
        raise TypeError(f"read_many takes several pictures, got {sources!r}; for one there is read")

    def attempt(source: Source) -> R | FaceValueError:
        try:
            return read(source)
        except FaceValueError as error:
            if on_error == "raise":
                raise
            return error

    count = workers or os.cpu_count() or 1
    waiting: collections.deque[Future[R | FaceValueError]] = collections.deque()
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
