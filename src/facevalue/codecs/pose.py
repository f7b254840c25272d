"""The pose of a dial: where it lies in a picture, as networks say it in seven numbers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facevalue.codecs import Floats

POSE_NUMBERS = 7
STRAIGHT_RADII, STRAIGHT_STRETCH, STRAIGHT_OFFSET = (0.72, 1.1), 0.15, 0.14


def pose_matrix(pose: Floats, twelve_degrees: float) -> NDArray[np.float64]:
    """Homography (3, 3) from the dial (radius 1, twelve up) to the picture's [-1, 1]^2.

    pose: (7,) cx, cy, sxx, sxy, syy, qx, qy: H = [[S, c], [q, 1]] R(twelve), as ``sources.camera`` draws it. Wild
    values are bounded, so that the matrix can be inverted whatever a network says.
    """
    numbers = (0.0 if math.isnan(v) else min(max(v, -1e6), 1e6) for v in pose.tolist())
    cx, cy, sxx, sxy, syy, qx, qy = numbers
    # the eigenvalues of S, kept within bounds: along the direction of the larger one, and across it
    mean, spread = (sxx + syy) / 2, math.hypot((sxx - syy) / 2, sxy)
    larger, smaller = (min(max(size, 0.15), 2.5) for size in (mean + spread, mean - spread))
    along = math.atan2(2 * sxy, sxx - syy) / 2
    c, s = math.cos(along), math.sin(along)
    shared = (larger - smaller) * c * s
    qx, qy = (min(max(q, -0.3), 0.3) for q in (qx, qy))
    cx, cy = (min(max(centre, -1.2), 1.2) for centre in (cx, cy))
    placed = np.array(
        [
            [larger * c * c + smaller * s * s, shared, cx],
            [shared, larger * s * s + smaller * c * c, cy],
            [qx, qy, 1.0],
        ]
    )
    c, s = math.cos(math.radians(twelve_degrees)), math.sin(math.radians(twelve_degrees))
    return np.asarray(placed @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]))


def longest_radius(pose: Floats) -> float:
    """Of a dial as it lies in the picture: 1 where it is as wide as that. pose: see ``pose_matrix``; NaN of NaN."""
    sxx, sxy, syy = (float(number) for number in pose[2:5])
    return (sxx + syy) / 2 + math.hypot((sxx - syy) / 2, sxy)


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
