"""Going nearer to a dial that is small in its picture, before it is read: a clock on a wall, a gauge on a boiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats
from facevalue.codecs.pose import longest_radius

SMALL = 0.6  # radius of a dial, 1 for one as wide as the frame, below which a look tells where to look, and no value
NEARER = 2  # times at most that the frame is drawn round such a dial
Frame = NDArray[np.float64]  # homography (3, 3) from [-1, 1]^2 to the picture's pixels


class Seen(Protocol):
    """What a look makes of a picture. pose: where the dial stands, see ``codecs.pose``."""

    @property
    def pose(self) -> Floats: ...


S = TypeVar("S", bound=Seen)


def go_nearer(
    seen: S, frame: Frame, look: Callable[[Frame], S], round_dial: Callable[[Frame, S], Frame]
) -> tuple[S, Frame]:
    """What is seen once the dial is large enough in the frame, and that frame; what was seen where it is already.

    seen: by the look through ``frame``.  look: what is seen through another one.  round_dial: a frame straight round a
    dial as it was seen through another one.
    """
    for _ in range(NEARER):
        if not longest_radius(seen.pose) < SMALL:
            break
        frame = round_dial(frame, seen)
        seen = look(frame)
    return seen, frame
