"""The pose of a dial: where it lies in a picture, as networks say it in seven numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats

STRAIGHT_RADII, STRAIGHT_STRETCH, STRAIGHT_OFFSET = (0.72, 1.1), 0.15, 0.14


def pose_matrix(pose: Floats, twelve_degrees: float) -> NDArray[np.float64]:
    """Homography (3, 3) from the dial (radius 1, twelve up) to the picture's [-1, 1]^2.

    pose: (7,) cx, cy, sxx, sxy, syy, qx, qy: H = [[S, c], [q, 1]] R(twelve), as ``sources.camera`` draws it. Wild
    values are bounded, so that the matrix can be inverted whatever a network says.
    """
    cx, cy, sxx, sxy, syy, qx, qy = (float(v) for v in np.nan_to_num(pose, posinf=1e6, neginf=-1e6))
    size, axes = np.linalg.eigh(np.array([[sxx, sxy], [sxy, syy]]))
    stretch = axes @ np.diag(np.clip(size, 0.15, 2.5)) @ axes.T
    qx, qy = (min(max(q, -0.3), 0.3) for q in (qx, qy))
    cx, cy = (min(max(c, -1.2), 1.2) for c in (cx, cy))
    angle = np.radians(twelve_degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    placed = np.array([[*stretch[0], cx], [*stretch[1], cy], [qx, qy, 1.0]])
    return np.asarray(placed @ turn)


def is_straight(pose: Floats) -> bool:
    """Whether a dial nearly fills the picture, in its middle and seen from the front.  pose: see ``pose_matrix``."""
    cx, cy, sxx, sxy, syy = (float(number) for number in pose[:5])
    return (
        STRAIGHT_RADII[0] < min(sxx, syy)
        and max(sxx, syy) < STRAIGHT_RADII[1]
        and abs(sxx - syy) < STRAIGHT_STRETCH
        and 2 * abs(sxy) < STRAIGHT_STRETCH
        and max(abs(cx), abs(cy)) < STRAIGHT_OFFSET
    )
