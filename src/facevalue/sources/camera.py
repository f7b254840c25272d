"""The camera: where the dial stands in the picture, and what optics, light, sensor and JPEG make of it.

Pose. A homography H takes dial coordinates (radius 1, x right, y down, twelve up) to picture coordinates in
[-1, 1]^2. It is written H = [[S, c], [q, 1]] R(rho), with S symmetric and positive (polar decomposition), so that
its seven numbers (cx, cy, sxx, sxy, syy, qx, qy) say where the dial is whatever its rotation, and rho is the
rotation alone: clockwise degrees of the twelve from up. A dial without marks has a pose, though no visible rotation.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facevalue.sources.paint import skia

NOISE_POOL = 1 << 20
LEVELS = np.linspace(0, 1, 256, dtype=np.float32)[:, None]


@dataclass(frozen=True)
class Pose:
    """centre and stretch place the dial, keystone is its perspective, rotation_degrees its twelve's clockwise turn."""

    centre: tuple[float, float]
    stretch: tuple[float, float, float]  # sxx, sxy, syy
    keystone: tuple[float, float]
    rotation_degrees: float

    def vector(self) -> tuple[float, ...]:
        return (*self.centre, *self.stretch, *self.keystone)

    def homography(self) -> NDArray[np.float64]:
        """(3, 3): dial coordinates to [-1, 1]^2 picture coordinates."""
        (cx, cy), (sxx, sxy, syy), (qx, qy) = self.centre, self.stretch, self.keystone
        placed = np.array([[sxx, sxy, cx], [sxy, syy, cy], [qx, qy, 1.0]])
        angle = math.radians(self.rotation_degrees)
        c, s = math.cos(angle), math.sin(angle)
        return np.asarray(placed @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]))

    def canvas_matrix(self, size_px: int, radius: float) -> skia.Matrix:
        """Matrix for a canvas of size_px pixels that draws a dial of that radius in canvas units."""
        half = size_px / 2
        to_px = np.array([[half, 0, half], [0, half, half], [0, 0, 1.0]])
        m = to_px @ self.homography() @ np.diag([1 / radius, 1 / radius, 1.0])
        return skia.Matrix.MakeAll(*(float(v) for v in m.ravel()))


def tilted(
    rnd: Random, radius: float, centre: tuple[float, float], tilt_degrees: float, rotation_degrees: float
) -> Pose:
    """Pose of a dial seen under a tilt about a random axis by a camera a few dial radii away."""
    squeeze = math.cos(math.radians(tilt_degrees))
    axis = rnd.uniform(0, math.pi)
    if rnd.random() < 0.5:  # people and walls: mostly seen from the side or from below
        axis = rnd.choice((0.0, math.pi / 2)) + rnd.gauss(0, 0.15)
    c, s = math.cos(axis), math.sin(axis)
    a, b = radius, radius * squeeze
    stretch = (a * c * c + b * s * s, (a - b) * c * s, a * s * s + b * c * c)
    distance = rnd.uniform(3.0, 12.0)
    strength = math.sin(math.radians(tilt_degrees)) / distance * rnd.choice((-1, 1))
    return Pose(centre, stretch, (-s * strength, c * strength), rotation_degrees)


def pick_rotation(rnd: Random, turns: bool) -> float:
    """Degrees that the dial is turned: mostly hung nearly straight; faces that tell where twelve is turn any way."""
    kind = rnd.random()
    if not turns:
        return rnd.gauss(0, 3.5) if kind < 0.95 else rnd.choice((90, 180, 270)) + rnd.gauss(0, 2)
    if kind < 0.64:
        return rnd.gauss(0, 4)
    if kind < 0.8:
        return rnd.gauss(0, 16)
    if kind < 0.91:
        return rnd.choice((90, 180, 270)) + rnd.gauss(0, 3)
    return rnd.uniform(-180, 180)


def pick_loose_pose(rnd: Random, body_radius: float, turns: bool) -> Pose:
    """As a stranger crops: margins of 0-35 %, off centre, oblique, now and then cut off."""
    kind = rnd.random()
    if kind < 0.5:
        share = rnd.uniform(0.86, 1.04)
    elif kind < 0.9:
        share = rnd.uniform(0.6, 0.95)
    else:
        share = rnd.uniform(0.42, 0.65)
    whole = body_radius if rnd.random() < 0.7 else 1.0  # crops to the case, or to the dial
    radius = share / whole
    tilt = abs(rnd.gauss(0, 12)) if rnd.random() < 0.65 else rnd.uniform(0, 55)
    free = max(0.0, 1 - share) + 0.06
    centre = (rnd.uniform(-free, free), rnd.uniform(-free, free))
    return tilted(rnd, radius, centre, min(tilt, 58.0), pick_rotation(rnd, turns))


def pick_straight_pose(rnd: Random, turns: bool) -> Pose:
    """Nearly straight: the dial fills about 9/10 of the picture, with the errors of a found pose.

    The reader straightens with more room (``look_clock.FILL``), which the loose poses cover.
    """
    radius = 0.9 * math.exp(rnd.gauss(0, 0.06))
    centre = (rnd.gauss(0, 0.03), rnd.gauss(0, 0.03))
    return tilted(rnd, radius, centre, min(abs(rnd.gauss(0, 9)), 30.0), pick_rotation(rnd, turns))


@functools.lru_cache(maxsize=2)
def noise_pool(size: int) -> NDArray[np.int16]:
    """Normal noise of standard deviation 64, drawn once: pictures take slices of it at random offsets."""
    return np.asarray(np.random.default_rng(0).normal(0, 64, size), dtype=np.int16)


def pool_for(count: int) -> NDArray[np.int16]:
    """The pool for slices of so many values; a longer one from 592 px in colour on."""
    return noise_pool(NOISE_POOL if count < NOISE_POOL else 2 * count)


def tone_curve(rnd: Random) -> NDArray[np.uint8]:
    """(256, 3) uint8: brightness, contrast, gamma and colour cast of one picture; low light now and then."""
    gamma = math.exp(rnd.gauss(0, 0.25))
    low, high = rnd.uniform(0, 0.12), rnd.uniform(0.88, 1.08)
    if rnd.random() < 0.08:  # dusk, night, a dark room
        high = rnd.uniform(0.22, 0.75)
        low = rnd.uniform(0, 0.3) * high
    elif rnd.random() < 0.08:  # fog, glare, faded print
        low = rnd.uniform(0.2, 0.6)
    cast = np.ones(3, dtype=np.float32)
    if rnd.random() < 0.45:
        warm = rnd.gauss(0, 0.12)
        cast = np.array([1 + warm, 1 + rnd.gauss(0, 0.04), 1 - warm], dtype=np.float32)
    if rnd.random() < 0.04:  # a lamp of one colour
        cast = np.array([rnd.uniform(0.3, 1.1), rnd.uniform(0.3, 1.1), rnd.uniform(0.3, 1.1)], dtype=np.float32)
    curve = (low + (high - low) * LEVELS**gamma) * cast
    if rnd.random() < 0.015:
        curve = curve[::-1]
    return np.asarray(np.clip(curve * 255 + 0.5, 0, 255), dtype=np.uint8)


def develop(rnd: Random, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Focus, tone, colour, sensor noise and JPEG. rgb: (S, S, 3) uint8; returns the same shape."""
    rgb = defocus(rnd, rgb)
    curve = tone_curve(rnd)
    if rnd.random() < 0.09:
        luma = (rgb @ np.array([77, 150, 29], dtype=np.uint16) >> 8).astype(np.uint8)
        rgb = np.repeat(luma[..., None], 3, axis=2)
    out = np.empty(rgb.shape, dtype=np.uint8)
    for channel in range(3):  # bytes.translate is NumPy's take, several times faster
        toned = rgb[..., channel].tobytes().translate(curve[:, channel].tobytes())
        out[..., channel] = np.frombuffer(toned, dtype=np.uint8).reshape(rgb.shape[:2])
    kind = rnd.random()
    if kind < 0.5:
        sigma = rnd.choice((1.5, 2, 3, 6, rnd.uniform(4, 20)))
        count = out.size
        pool = pool_for(count)
        start = rnd.randrange(pool.size - count)
        if kind < 0.12:  # grey noise
            noise = np.repeat(pool[start : start + count // 3].reshape(*out.shape[:2], 1), 3, axis=2)
        else:
            noise = pool[start : start + count].reshape(out.shape)
        noise = (noise * np.int16(sigma * 4)) >> np.int16(8)
        out = np.clip(out.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    if rnd.random() < 0.2:
        out = jpeg(out, rnd.choice((20, 35, 50, 70, 85)))
    return out


def jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """There and back through JPEG."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def defocus(rnd: Random, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three in four stay sharp; the others are out of focus or, along one axis, shaken. rgb: (S, S, 3) uint8."""
    kind = rnd.random()
    if kind < 0.76:
        return rgb
    scale = rgb.shape[0] / 112
    radius = (abs(rnd.gauss(0, 1.0)) + 0.3) * scale
    across, down = radius, radius
    if kind > 0.95:
        across, down = (rnd.uniform(0.8, 3.5) * scale, 0.0)[:: rnd.choice((1, -1))]
    return blurred(rgb, across, down)


def blurred(rgb: NDArray[np.uint8], across: float, down: float) -> NDArray[np.uint8]:
    """rgb (H, W, 3) uint8 averaged over boxes that reach so many pixels to either side."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).filter(ImageFilter.BoxBlur((across, down))))


@contextlib.contextmanager
def taken_with(drawn_px: int, sheet: NDArray[np.uint8]) -> Iterator[skia.Canvas]:
    """A canvas of drawn_px a side; what is drawn on it fills the sheet (S, S, 4) uint8 RGBA, scaled up bilinearly."""
    size = len(sheet)
    small = sheet if drawn_px == size else np.empty((drawn_px, drawn_px, 4), dtype=np.uint8)
    surface = skia.Surface(small, colorType=skia.kRGBA_8888_ColorType)
    with surface as canvas:
        yield canvas
    if drawn_px != size:
        with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
            linear = skia.SamplingOptions(skia.FilterMode.kLinear)
            canvas.drawImageRect(surface.makeImageSnapshot(), skia.Rect.MakeWH(size, size), linear)


def draw_glass(canvas: skia.Canvas, rnd: Random, radius: float) -> None:
    """Glare on the glass over a dial: lamps, windows, a sheen. Canvas units, origin at the dial's centre."""
    for _ in range(rnd.choice((1, 1, 2, 3))):
        alpha = rnd.uniform(0.1, 0.85) ** 1.5
        kind = rnd.random()
        x, y = rnd.uniform(-0.8, 0.8) * radius, rnd.uniform(-0.8, 0.8) * radius
        paint = skia.Paint(AntiAlias=True)
        white = skia.ColorSetARGB(int(alpha * 255), 255, 255, rnd.choice((255, 255, 230, 200)))
        clear = skia.ColorSetARGB(0, 255, 255, 255)
        if kind < 0.4:
            extent = rnd.uniform(0.1, 0.7) * radius
            paint.setShader(skia.GradientShader.MakeRadial(skia.Point(x, y), extent, [white, clear]))
            canvas.drawCircle(x, y, extent, paint)
        elif kind < 0.7:  # a window
            paint.setColor(white)
            w, h = rnd.uniform(0.08, 0.5) * radius, rnd.uniform(0.08, 0.6) * radius
            canvas.save()
            canvas.rotate(rnd.uniform(-30, 30))
            panes = rnd.choice((1, 1, 2))
            for pane in range(panes):
                canvas.drawRect(skia.Rect.MakeXYWH(x + pane * w * 1.1, y, w, h), paint)
            canvas.restore()
        else:  # a sheen over one side
            angle = rnd.uniform(0, 2 * math.pi)
            px, py = radius * math.cos(angle), radius * math.sin(angle)
            ends = [skia.Point(px, py), skia.Point(px * rnd.uniform(-0.6, 0.6), py * rnd.uniform(-0.6, 0.6))]
            paint.setShader(skia.GradientShader.MakeLinear(ends, [white, clear]))
            canvas.drawCircle(0, 0, radius, paint)
