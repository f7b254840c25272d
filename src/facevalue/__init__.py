"""Read instruments from pictures: the time off a clock, the value off a dial or digits; and say when it is not sure.

facevalue.read("photo.jpg").value   # "10:09"
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from facevalue.codecs.dial import Scale
    from facevalue.images import Source
    from facevalue.reader import Reader
    from facevalue.reading import Reading

__version__ = "0.1.0"
__all__ = ["Reader", "Reading", "Scale", "__version__", "read"]


def read(
    source: Source,
    *,
    kind: str | None = None,
    model: str | Path | None = None,
    scale: Scale | None = None,
    digits: int | None = None,
    decimals: int | None = None,
) -> Reading:
    """Read one picture; the reader is made at the first call and kept.

    source: path, bytes, binary stream, PIL image or array (H, W[, 3 or 4]) uint8.  Others as of ``Reader``: kind
    ``clock`` (also without a kind and a model), ``dial`` or ``digits``; model: a weight file instead of the shipped
    one; scale: of a dial, its range and where its ends lie; digits, decimals: of digits, how many there are, and behind
    the point.  Raises PictureError, ModelError, SettingError, all of them FaceValueError.
    """
    return _reader(kind, model, scale, digits, decimals).read(source)


@lru_cache(maxsize=4)
def _reader(
    kind: str | None, model: str | Path | None, scale: Scale | None, digits: int | None, decimals: int | None
) -> Reader:
    from facevalue.reader import Reader

    return Reader(kind, model, scale=scale, digits=digits, decimals=decimals)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "Reader":
            from facevalue.reader import Reader

            return Reader
        if name == "Reading":
            from facevalue.reading import Reading

            return Reading
        if name == "Scale":
            from facevalue.codecs.dial import Scale

            return Scale
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
