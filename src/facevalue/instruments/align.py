"""A photo laid over the reference picture of its instrument, so that the parts' boxes stand where the parts are.

``marks``: each mark is looked for near its place, as it is, by normalised correlation; the marks found then say how the
photo is shifted, turned and zoomed. A mark that is much turned or larger is not found by that, so a photo in which the
marks seem so is refused. That is for a camera that hangs and is knocked now and then.  ``picture``: SIFT
features (Lowe, 2004) of all that does not change, matched and joined by RANSAC. That is for photos by hand.
Needs OpenCV. A photo that does not fit is refused: boxes in the wrong place would give a number all the same.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facevalue.camera import import_cv2
from facevalue.errors import PictureError
from facevalue.images import RGB, open_picture
from facevalue.instruments.parts import Homography, moved
from facevalue.instruments.schema import Corners, Instrument, area, is_clockwise

LONGEST_PX = 1280  # photos are compared no larger than this
SEARCHED = 0.12  # of the picture's longer side: how far a mark is looked for
ALIKE = 0.55  # correlation of a mark that is found
ALIKE_LAID = 0.7  # the same laid over the reference picture, of each where only two are found
MARK_OFF = 0.012  # of the picture's longer side: how far a mark may be from where the others say
MOST_TURN = 10.0  # degrees by which marks are turned; further on, places found are pixels off or chance
MOST_ZOOM = 1.1  # times by which marks are larger, or smaller; as above
LEAST_CONTRAST = 4.0  # standard deviation of a mark's grey levels
ELSEWHERE = 0.85  # correlation of a mark with what is beside it; from here on it can't be told where the mark is
FEATURES = 3000
RATIO = 0.75  # a match is this much nearer than the next best one
LEAST_INLIERS = 14
LEAST_SHARE = 0.2  # of the matches that agree
MANY_INLIERS = 30  # from here on the photo's perspective is told too
RANSAC_PX = 3.0
SCALES = (0.2, 5.0)  # times that the meter is larger in the photo, both as large as they are compared
OUTSIDE, PART_OUTSIDE = 0.01, 0.05  # of the photo's longer side and of a part's shorter one: how far it may reach out
MOST_SKEW = 1.6  # how much longer a side may be than the one across from it
ASPECT = 0.02  # how much a photo that isn't aligned may differ in shape


def place_unaligned(instrument: Instrument, rgb: RGB) -> Homography:
    """The reference picture's pixels to those of a photo from the same place, of any size. Raises PictureError."""
    height, width = rgb.shape[:2]
    across, down = width / instrument.size[0], height / instrument.size[1]
    if abs(across / down - 1) > ASPECT:
        raise PictureError(
            f"{width}×{height} pixels, and the boxes of {instrument.file} are measured in "
            f"{instrument.size[0]}×{instrument.size[1]}; expected a picture of that shape"
        )
    return np.diag([across, down, 1.0])


class Aligner:
    """Lays photos over an instrument's reference picture.

    Raises MissingExtraError without OpenCV; InstrumentError where the picture is not of the size that the file names,
    or where a mark can't be found again.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.cv2 = import_cv2(f'laying photos over a reference picture (align = "{instrument.align}")')
        self.instrument = instrument
        assert instrument.picture is not None
        reference = open_picture(instrument.picture)
        height, width = reference.shape[:2]
        if (width, height) != instrument.size:
            raise instrument.wrong(
                ("picture",),
                f"size is {instrument.size[0]}×{instrument.size[1]}, and {instrument.picture} has {width}×{height} "
                "pixels; expected the picture that the boxes are measured in",
            )
        self.grey, self.scale = self.prepared(reference)
        for k, corners in enumerate(instrument.marks):
            self.check_mark(k, corners, reference)
        if instrument.align == "picture":
            self.points, self.described = self.features(self.grey, self.lasting())

    def place(self, rgb: RGB) -> Homography:
        """The reference picture's pixels to the photo's. Raises PictureError where that can't be told."""
        grey, scale = self.prepared(rgb)
        inner = self.by_marks(grey) if self.instrument.align == "marks" else self.by_features(grey)
        homography = np.diag([1 / scale, 1 / scale, 1.0]) @ inner @ np.diag([self.scale, self.scale, 1.0])
        self.check(homography, rgb)
        return homography

    def prepared(self, rgb: RGB) -> tuple[NDArray[np.uint8], float]:
        """The picture in grey, evenly lit, and how much smaller it was made."""
        scale = min(1.0, LONGEST_PX / max(rgb.shape[:2]))
        grey = self.cv2.cvtColor(np.ascontiguousarray(rgb), self.cv2.COLOR_RGB2GRAY)
        if scale < 1:
            grey = self.cv2.resize(grey, None, fx=scale, fy=scale, interpolation=self.cv2.INTER_AREA)
        return self.cv2.createCLAHE(3.0, (8, 8)).apply(grey), scale

    def lasting(self) -> NDArray[np.uint8]:
        """(H, W) 255 where the reference picture shows what does not change: the marks, or all but the parts."""
        mask = np.full(self.grey.shape, 0 if self.instrument.marks else 255, np.uint8)
        drawn = [(corners, 255) for corners in self.instrument.marks]
        drawn += [(part.corners, 0) for part in self.instrument.parts]
        for corners, level in drawn:
            self.cv2.fillConvexPoly(mask, np.rint(np.array(corners) * self.scale).astype(np.int32), level)
        return mask

    def features(
        self, grey: NDArray[np.uint8], mask: NDArray[np.uint8] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """(N, 2) places, counted from the picture's corner, and (N, 128) descriptors."""
        found, described = self.cv2.SIFT_create(FEATURES).detectAndCompute(grey, mask)
        places = np.array([point.pt for point in found], dtype=np.float64).reshape(-1, 2) + 0.5
        return places, described if described is not None else np.zeros((0, 128), np.float32)

    def by_features(self, grey: NDArray[np.uint8]) -> Homography:
        places, described = self.features(grey, None)
        if len(described) < 2 or len(self.described) < 2:
            raise self.refused("nothing of the reference picture is found in it")
        pairs = self.cv2.BFMatcher(self.cv2.NORM_L2).knnMatch(self.described, described, k=2)
        good = [best for best, second in pairs if best.distance < RATIO * second.distance]
        if len(good) < LEAST_INLIERS:
            raise self.refused(f"only {len(good)} features of the reference picture are found in it")
        here = self.points[[match.queryIdx for match in good]]
        there = places[[match.trainIdx for match in good]]
        matrix, inliers = self.cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=2 * RANSAC_PX)
        count = 0 if matrix is None else int(inliers.sum())
        if count < max(LEAST_INLIERS, LEAST_SHARE * len(good)):
            raise self.refused(f"only {count} of {len(good)} features agree on where the meter is")
        similar = np.vstack([matrix, [0.0, 0.0, 1.0]])
        if count < MANY_INLIERS:
            return similar
        homography, inliers = self.cv2.findHomography(here, there, self.cv2.RANSAC, RANSAC_PX)
        return similar if homography is None or int(inliers.sum()) < count else np.asarray(homography, np.float64)

    def by_marks(self, grey: NDArray[np.uint8]) -> Homography:
        """Shift, turn and zoom by the marks found."""
        fit = max(self.grey.shape) / max(grey.shape)
        if fit != 1:
            grey = self.cv2.resize(grey, None, fx=fit, fy=fit, interpolation=self.cv2.INTER_AREA)
        reach = round(SEARCHED * max(grey.shape))
        found = [self.find_mark(grey, corners, reach) for corners in self.instrument.marks]
        pairs = [pair for pair in found if pair is not None]
        if len(pairs) < 2:
            raise self.refused(f"{len(pairs)} of {len(found)} marks are found near their places; two are needed")
        here, there = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
        matrix = similarity(here, there)
        self.check_knock(matrix)
        off = np.abs(np.hypot(*(np.array(moved(matrix, _points(here))) - there).T)).max()
        if off > MARK_OFF * max(grey.shape):
            raise self.refused(f"its marks do not stand to each other as in the reference picture ({off:.0f} px off)")
        if len(pairs) == 2:  # which stand as these two do in some photo, wherever they are
            self.check_pair(grey, matrix, [k for k, pair in enumerate(found) if pair is not None])
        return np.diag([1 / fit, 1 / fit, 1.0]) @ matrix

    def find_mark(
        self, grey: NDArray[np.uint8], corners: Corners, reach: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """The mark's middle in the reference picture and in the photo, or None where it is not seen."""
        left, top, right, bottom = bounds(corners, self.scale)
        mark = self.grey[top:bottom, left:right]
        x, y = max(0, left - reach), max(0, top - reach)
        window = grey[y : bottom + reach, x : right + reach]
        if window.shape[0] < mark.shape[0] or window.shape[1] < mark.shape[1] or window.std() < 1:
            return None
        alike = self.cv2.matchTemplate(window, mark, self.cv2.TM_CCOEFF_NORMED)
        _, best, _, place = self.cv2.minMaxLoc(alike)
        if not best >= ALIKE:
            return None
        middle = np.array([left + right, top + bottom]) / 2
        return middle, middle + np.array([x + place[0] - left, y + place[1] - top])

    def check_pair(self, grey: NDArray[np.uint8], matrix: Homography, pair: list[int]) -> None:
        """Raise PictureError where one of two marks, by which the photo is laid over, is little like itself there."""
        height, width = self.grey.shape
        way = self.cv2.INTER_LINEAR | self.cv2.WARP_INVERSE_MAP
        laid = self.cv2.warpAffine(grey, matrix[:2], (width, height), flags=way)
        for k in pair:
            left, top, right, bottom = bounds(self.instrument.marks[k], self.scale)
            part = (slice(top, bottom), slice(left, right))
            alike = float(self.cv2.matchTemplate(laid[part], self.grey[part], self.cv2.TM_CCOEFF_NORMED)[0, 0])
            if not alike >= ALIKE_LAID:
                raise self.refused(
                    f"only marks {pair[0] + 1} and {pair[1] + 1} are found, and mark {k + 1} is only {alike:.0%} like "
                    f"itself; {ALIKE_LAID:.0%} are needed of two, a third mark makes it surer"
                )

    def check_mark(self, k: int, corners: Corners, reference: RGB) -> None:
        """Raise InstrumentError for a mark, the k-th from 0, that can't be found again."""
        place = ("mark", k, "box")
        left, top, right, bottom = bounds(corners, 1.0)
        contrast = float(reference[top:bottom, left:right].mean(axis=2).std())
        expected = "expected something distinct, such as print, a screw or a logo"
        if contrast < LEAST_CONTRAST:
            problem = f"the mark shows nothing that can be found again: its grey levels differ by {contrast:.1f} of 255"
            raise self.instrument.wrong(place, f"{problem}, at least {LEAST_CONTRAST:g} are needed; {expected}")
        if self.instrument.align == "marks" and (alike := self.alike_elsewhere(corners)) >= ELSEWHERE:
            problem = f"the mark can't be told from what is beside it, which is {alike:.0%} like it"
            raise self.instrument.wrong(place, f"{problem}, less than {ELSEWHERE:.0%} is needed; {expected}")

    def alike_elsewhere(self, corners: Corners) -> float:
        """Correlation of a mark with what is most like it within reach in the reference picture, but for itself."""
        left, top, right, bottom = bounds(corners, self.scale)
        longer = max(self.grey.shape)
        reach = round(SEARCHED * longer)
        x, y = max(0, left - reach), max(0, top - reach)
        window = self.grey[y : bottom + reach, x : right + reach]
        alike = self.cv2.matchTemplate(window, self.grey[top:bottom, left:right], self.cv2.TM_CCOEFF_NORMED)
        down, across = np.indices(alike.shape)
        itself = max(MARK_OFF * longer, min(reach, right - left, bottom - top) / 2)
        others = alike[np.hypot(across - (left - x), down - (top - y)) > itself]
        return float(others.max(initial=0.0))

    def check_knock(self, matrix: Homography) -> None:
        """Raise PictureError where marks are turned or zoomed so far that they are found only by chance."""
        degrees = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
        zoom = math.hypot(matrix[0, 0], matrix[1, 0])
        if abs(degrees) > MOST_TURN or not 1 / MOST_ZOOM <= zoom <= MOST_ZOOM:
            raise self.refused(
                f"its marks would be turned by {abs(degrees):.0f} degrees and {zoom:.2f} times as large; marks are "
                f"found up to {MOST_TURN:g} degrees and from {1 / MOST_ZOOM:.2f} to {MOST_ZOOM:g} times; for photos of "
                'this meter that move more, set align = "picture"'
            )

    def check(self, homography: Homography, rgb: RGB) -> None:
        """Raise PictureError for a place that no photo of the instrument can have."""
        outline = [point for part in self.instrument.parts for point in part.corners]
        x, y = np.array(outline).T
        box = ((x.min(), y.min()), (x.max(), y.min()), (x.max(), y.max()), (x.min(), y.max()))
        a, b, c, d = moved(homography, box)
        corners: Corners = (a, b, c, d)
        if not is_clockwise(corners):
            raise self.refused("what is found of it is folded or mirrored")
        longer = max(rgb.shape[:2])
        zoom = math.sqrt(area(corners) / area(box)) * min(1.0, LONGEST_PX / longer) / self.scale
        if not SCALES[0] <= zoom <= SCALES[1]:
            raise self.refused(f"the meter would be {zoom:.2g} times as large as in the reference picture")
        sides = [math.dist(corners[k - 1], corners[k]) for k in range(4)]
        skews = [max(sides[k], sides[k + 2]) / min(sides[k], sides[k + 2]) for k in (0, 1)]
        if max(skews) > MOST_SKEW:
            raise self.refused("the meter would be seen from too far aside")
        for part in self.instrument.parts:
            points = np.array(moved(homography, part.corners))
            shorter = np.hypot(*(points - np.roll(points, 1, axis=0)).T).min()
            beyond = np.maximum(-points, points - (rgb.shape[1], rgb.shape[0]))
            if beyond.max() > min(OUTSIDE * longer, PART_OUTSIDE * shorter):
                raise self.refused("a part of the meter lies outside of it")

    def refused(self, why: str) -> PictureError:
        return PictureError(f"can't be aligned with {self.instrument.picture}: {why}")


def bounds(corners: Corners, scale: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the upright box round four corners, in whole pixels of the picture at a scale."""
    box = np.array(corners) * scale
    left, top = np.floor(box.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(box.max(axis=0)).astype(int).tolist()
    return left, top, right, bottom


def similarity(here: NDArray[np.float64], there: NDArray[np.float64]) -> Homography:
    """Homography (3, 3) of the shift, turn and zoom that lays points over others with the least squares.

    here, there: (N, 2), N at least 2. As complex numbers z' = m z + t, a line fitted to N points.
    """
    z, w = here @ (1, 1j), there @ (1, 1j)
    centred = z - z.mean()
    m = (centred.conj() * (w - w.mean())).sum() / (np.abs(centred) ** 2).sum()
    t = w.mean() - m * z.mean()
    return np.array([[m.real, -m.imag, t.real], [m.imag, m.real, t.imag], [0.0, 0.0, 1.0]])


def _points(places: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in places)
