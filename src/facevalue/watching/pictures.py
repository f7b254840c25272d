"""Keeping the pictures that were read: as files in a folder, or in the database beside their readings."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from PIL import Image

from facevalue.errors import FaceValueError
from facevalue.files import write_picture
from facevalue.images import RGB
from facevalue.texts import plain
from facevalue.watching.sources import Shot

IN_DATABASE = "db"


@dataclass(frozen=True, slots=True)
class Album:
    """Where pictures are kept: in a folder, in the database (folder None, in_database), or not at all."""

    folder: Path | None = None
    in_database: bool = False

    def keep(self, shot: Shot, rgb: RGB, say: Callable[[str], object]) -> tuple[str | None, bytes | None]:
        """Keep what was read of a picture as JPEG.  Returns its file or its bytes, None for what there is not.

        A picture that can't be kept is said, and the reading goes on without it.
        """
        if self.in_database:
            jpeg = io.BytesIO()
            try:
                Image.fromarray(rgb).save(jpeg, "JPEG", quality=92)
            except OSError as error:  # more pixels on a side than a JPEG can have
                say(f"{shot.identity}: the picture is not kept ({error})")
                return None, None
            return None, jpeg.getvalue()
        if self.folder is None:
            return None, None
        place = self.folder / f"{shot.time.astimezone(UTC):%Y%m%dT%H%M%S}-{shot.picture_hash[:12]}.jpg"
        try:
            write_picture(place, rgb)
        except OSError as error:
            say(f"{place}: the picture is not kept ({error.strerror or error})")
            return None, None
        return plain(str(place)), None


def make_album(text: str | None) -> Album:
    """``db``, a folder, or None for no pictures. Raises FaceValueError for a folder that can't be made."""
    if text is None or text == IN_DATABASE:
        return Album(in_database=text is not None)
    folder = Path(text).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FaceValueError(f"--keep-pictures {text}: no folder can be made there ({error.strerror})") from error
    return Album(folder)
