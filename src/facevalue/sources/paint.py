"""Colours, fonts, textures and backgrounds for drawn instruments.

Everything random comes from a ``random.Random`` handed in: its sequence is the same on every platform, and a scalar
draw costs a tenth of one from NumPy.
"""

from __future__ import annotations

import colorsys
import functools
import importlib.util
import math
from pathlib import Path
from random import Random

from facevalue.errors import MissingExtraError

try:
    import skia as skia  # the others take it from here
except ImportError as error:
    if isinstance(error, ModuleNotFoundError) and error.name == "skia":
        raise MissingExtraError(
            "drawing needs the laboratory, which is not installed: pip install 'facevalue[train]'"
        ) from error
    raise MissingExtraError(
        f"drawing needs system libraries that are absent ({error}): "
        "on Debian, apt-get install libgl1 libegl1 fontconfig"
    ) from error

Colour = tuple[float, float, float]
"""Red, green and blue, each 0..1."""

FONT_PACKAGES = (
    "font_roboto",
    "font_lato",
    "font_source_sans_pro",
    "font_source_serif_pro",
    "font_caladea",
    "font_amatic_sc",
    "font_intuitive",
    "font_fredoka_one",
    "font_hanken_grotesk",
    "font_manrope",
)


@functools.cache
def typefaces() -> tuple[skia.Typeface, ...]:
    """Every typeface that the font packages of ``facevalue[train]`` and matplotlib bring, in a fixed order."""
    paths: list[Path] = []
    for package in FONT_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtraError(f"the font package {package} is not installed: pip install 'facevalue[train]'")
        folder = Path(next(iter(spec.submodule_search_locations))) / "files"
        # Several packages carry each face as .ttf and .otf: one of them is enough.
        by_stem = {path.stem: path for path in sorted(folder.rglob("*.[ot]tf"))}
        paths += [by_stem[stem] for stem in sorted(by_stem) if "Variable" not in stem]
    spec = importlib.util.find_spec("matplotlib")
    if spec is not None and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations))) / "mpl-data/fonts/ttf"
        names: tuple[str, ...] = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold")
        names += ("DejaVuSans-Oblique", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta")
        names += ("cmr10", "cmb10", "cmss10")
        # The book faces of real dials are mostly of this kind, so they count twice.
        paths += [folder / f"{name}.ttf" for name in names] * 2
    return tuple(skia.Typeface.MakeFromFile(str(path)) for path in paths)


def pick_font(rnd: Random, size: float) -> skia.Font:
    """A random face, sometimes slanted, narrowed, widened or emboldened; size in canvas units."""
    font = skia.Font(rnd.choice(typefaces()), size)
    font.setSubpixel(True)
    font.setHinting(skia.FontHinting.kNone)
    font.setScaleX(rnd.choice((1.0, 1.0, 1.0, rnd.uniform(0.65, 1.0), rnd.uniform(1.0, 1.35))))
    if rnd.random() < 0.06:
        font.setSkewX(rnd.uniform(-0.3, 0.1))
    if rnd.random() < 0.12:
        font.setEmbolden(True)
    return font


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


def luminance(colour: Colour) -> float:
    """Rec. 601 luma of an RGB colour, 0..1."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def argb(colour: Colour, alpha: float = 1.0) -> int:
    r, g, b = (min(max(int(c * 255 + 0.5), 0), 255) for c in colour)
    return int(skia.ColorSetARGB(min(max(int(alpha * 255 + 0.5), 0), 255), r, g, b))


def fill(colour: Colour, alpha: float = 1.0) -> skia.Paint:
    return skia.Paint(Color=argb(colour, alpha), AntiAlias=True)


def stroke(colour: Colour, width: float, alpha: float = 1.0) -> skia.Paint:
    return skia.Paint(
        Color=argb(colour, alpha),
        AntiAlias=True,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
    )


def any_colour(rnd: Random) -> Colour:
    """Half greys, a quarter muted, a quarter strong."""
    kind = rnd.random()
    if kind < 0.5:
        value = rnd.random()
        return from_hsv(rnd.random(), rnd.uniform(0, 0.06), value)
    if kind < 0.75:
        return from_hsv(rnd.random(), rnd.uniform(0.1, 0.5), rnd.uniform(0.2, 1))
    return from_hsv(rnd.random(), rnd.uniform(0.5, 1), rnd.uniform(0.3, 1))


def face_colour(rnd: Random) -> Colour:
    """Colour of a dial's plate: mostly white or cream, as on walls; often black; any other now and then."""
    kind = rnd.random()
    if kind < 0.38:
        return from_hsv(rnd.uniform(0.08, 0.65), rnd.uniform(0, 0.05), rnd.uniform(0.86, 1))
    if kind < 0.52:
        return from_hsv(rnd.uniform(0.07, 0.15), rnd.uniform(0.05, 0.4), rnd.uniform(0.7, 1))
    if kind < 0.66:
        return from_hsv(rnd.random(), rnd.uniform(0, 0.4), rnd.uniform(0.0, 0.22))
    if kind < 0.78:
        return from_hsv(rnd.random(), rnd.uniform(0, 0.12), rnd.uniform(0.25, 0.85))
    return from_hsv(rnd.random(), rnd.uniform(0.2, 1), rnd.uniform(0.15, 1))


def contrasting(rnd: Random, ground: Colour, least: float = 0.35) -> Colour:
    """A colour of hands or numerals that stands off its ground by at least that much luma; black and white lead."""
    ground_luma = luminance(ground)
    kind = rnd.random()
    if kind < 0.62:
        dark = ground_luma > rnd.uniform(0.38, 0.6)
        value = rnd.uniform(0, 0.22) if dark else rnd.uniform(0.8, 1)
        return from_hsv(rnd.random(), rnd.uniform(0, 0.15), value)
    for _ in range(6):
        if kind < 0.74:  # brass, gold, copper
            colour = from_hsv(rnd.uniform(0.05, 0.15), rnd.uniform(0.3, 0.8), rnd.uniform(0.3, 0.95))
        elif kind < 0.82:  # blued steel, silver
            colour = from_hsv(rnd.uniform(0.55, 0.7), rnd.uniform(0, 0.8), rnd.uniform(0.2, 0.9))
        else:
            colour = any_colour(rnd)
        if abs(luminance(colour) - ground_luma) >= least:
            return colour
    return (0.05, 0.05, 0.05) if ground_luma > 0.5 else (0.95, 0.95, 0.95)


def shade(colour: Colour, by: float) -> Colour:
    """Lighter for by > 0 (1 is white), darker for by < 0 (-1 is black)."""
    if by >= 0:
        r, g, b = (c + (1 - c) * by for c in colour)
    else:
        r, g, b = (c * (1 + by) for c in colour)
    return (r, g, b)


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def gradient(rnd: Random, colour: Colour, radius: float, strength: float | None = None) -> skia.Paint:
    """A linear, radial or sweep (brushed metal) gradient about a colour, over a disc of that radius at the origin."""
    by = rnd.uniform(0.05, 0.5) if strength is None else strength
    kind = rnd.random()
    a, b = argb(shade(colour, by)), argb(shade(colour, -by))
    if kind < 0.4:
        angle = rnd.uniform(0, 2 * math.pi)
        x, y = radius * math.cos(angle), radius * math.sin(angle)
        shader = skia.GradientShader.MakeLinear([skia.Point(-x, -y), skia.Point(x, y)], [a, b])
    elif kind < 0.7:
        if rnd.random() < 0.3:
            a, b = b, a
        centre = skia.Point(rnd.gauss(0, radius * 0.25), rnd.gauss(0, radius * 0.25))
        shader = skia.GradientShader.MakeRadial(centre, radius * rnd.uniform(0.9, 1.6), [a, argb(colour), b])
    else:
        stops = rnd.choice((2, 3, 4))
        colours = [a, b] * stops + [a]
        shader = skia.GradientShader.MakeSweep(0, 0, colours)
        shader = shader.makeWithLocalMatrix(skia.Matrix().setRotate(rnd.uniform(0, 360)))
    return skia.Paint(Shader=shader, AntiAlias=True)


@functools.lru_cache(maxsize=1)
def noise_textures() -> tuple[skia.Image, ...]:
    """24 tiles of Perlin noise, 128 x 128, grey: made once, as drawing the noise anew costs milliseconds a picture."""
    tiles = []
    grey = skia.ColorFilters.Matrix([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    for k in range(24):
        make = skia.PerlinNoiseShader.MakeTurbulence if k % 3 == 0 else skia.PerlinNoiseShader.MakeFractalNoise
        fx = 1 / (4.0, 8.0, 16.0)[k // 2 % 3]
        fy = fx / (1.0, 1.0, 12.0, 1.0)[k % 4]
        surface = skia.Surface(128, 128)
        noise = make(fx, fy, 1 + k % 3, 7 + k, skia.ISize(128, 128))
        surface.getCanvas().drawPaint(skia.Paint(Shader=noise, ColorFilter=grey))
        tiles.append(surface.makeImageSnapshot().withDefaultMipmaps())
    return tuple(tiles)


def grain(rnd: Random, colour: Colour, scale: float, strength: float | None = None) -> skia.Paint:
    """Noise over a colour: wood, stone, plaster, stain. scale: size of a grain in canvas units; strength about 0..1."""
    by = rnd.uniform(0.3, 1.2) if strength is None else strength
    tile = rnd.choice(noise_textures())
    turn = skia.Matrix().setRotate(rnd.choice((0.0, 90.0, rnd.uniform(0, 360))))
    turn.preScale(scale / 8, scale / 8)
    turn.preTranslate(rnd.uniform(0, 128), rnd.uniform(0, 128))
    sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kNearest)
    noise = tile.makeShader(skia.TileMode.kMirror, skia.TileMode.kMirror, sampling, turn)
    r, g, b = (c - by / 2 for c in colour)
    matrix = [by, 0, 0, 0, r, by, 0, 0, 0, g, by, 0, 0, 0, b, 0, 0, 0, 0, 1]
    return skia.Paint(Shader=noise, ColorFilter=skia.ColorFilters.Matrix(matrix), AntiAlias=True)


WORDS: tuple[str, ...] = ("QUARTZ", "Seiko", "CITIZEN", "London", "PARIS", "Made in Japan", "Timex", "Old Town")
WORDS += ("KIENZLE", "Junghans", "AUTOMATIC", "Westminster", "1896", "Acme", "station", "Elgin", "WATERPROOF")
WORDS += ("Howard Miller", "21 JEWELS")


def draw_word(canvas: skia.Canvas, rnd: Random, colour: Colour, x: float, y: float, size: float) -> None:
    """A maker's name, centred at (x, y)."""
    font = pick_font(rnd, size)
    word = rnd.choice(WORDS)
    canvas.drawString(word, x - font.measureText(word) / 2, y, font, fill(colour))


def draw_background(canvas: skia.Canvas, rnd: Random, size_px: int) -> None:
    """Fill a square canvas with a wall, a table, a shop's white or clutter. Canvas units are pixels."""
    kind = rnd.random()
    if kind < 0.28:
        canvas.clear(argb(from_hsv(0, 0, rnd.choice((1.0, 1.0, rnd.uniform(0.85, 1), rnd.uniform(0, 0.12))))))
        return
    colour = any_colour(rnd)
    if kind < 0.5:
        canvas.clear(argb(colour))
    elif kind < 0.7:
        canvas.save()
        canvas.translate(size_px / 2, size_px / 2)
        canvas.drawPaint(gradient(rnd, colour, size_px * 0.7))
        canvas.restore()
    else:
        canvas.drawPaint(grain(rnd, colour, rnd.uniform(0.03, 0.5) * size_px))
    if rnd.random() < 0.4:  # boards, bricks, stripes
        pitch = rnd.uniform(0.04, 0.4) * size_px
        paint = stroke(shade(colour, rnd.uniform(-0.6, 0.6)), rnd.uniform(0.02, 0.5) * pitch, rnd.uniform(0.2, 0.9))
        canvas.save()
        canvas.rotate(rnd.choice((0, 90, rnd.uniform(0, 180))), size_px / 2, size_px / 2)
        position = -0.5 * size_px
        while position < 1.5 * size_px:
            canvas.drawLine(-0.5 * size_px, position, 1.5 * size_px, position, paint)
            position += pitch
        canvas.restore()
    for _ in range(rnd.choice((0, 0, 1, 2, 4, 8))):  # things that stand about
        draw_clutter(canvas, rnd, size_px)


def make_wall(rnd: Random, size_px: int) -> skia.Image:
    """A background to share between the pictures of one clock, half as large again as they are."""
    surface = skia.Surface(size_px * 3 // 2, size_px * 3 // 2)
    draw_background(surface.getCanvas(), rnd, size_px * 3 // 2)
    return surface.makeImageSnapshot()


def draw_wall(canvas: skia.Canvas, rnd: Random, wall: skia.Image, size_px: int) -> None:
    """Fill a canvas of size_px with another part of the wall, flipped or not, or, seldom, with a flat colour."""
    if rnd.random() < 0.15:
        canvas.clear(argb(any_colour(rnd)))
        return
    spare = wall.width() - size_px
    canvas.save()
    if rnd.random() < 0.5:
        canvas.translate(size_px, 0)
        canvas.scale(-1, 1)
    canvas.drawImage(wall, -rnd.randint(0, spare), -rnd.randint(0, spare))
    canvas.restore()


def draw_something_before(canvas: skia.Canvas, rnd: Random, size_px: int) -> None:
    """A shape of clutter half as large as elsewhere, anywhere before what the picture shows."""
    canvas.save()
    half = size_px // 2
    canvas.translate(rnd.choice((0, half)), rnd.choice((0, half)))
    draw_clutter(canvas, rnd, half)
    canvas.restore()


def draw_clutter(canvas: skia.Canvas, rnd: Random, size_px: int) -> None:
    """One shape of any kind somewhere in the picture: a box, a disc, a cable, a word."""
    x, y = rnd.uniform(0, size_px), rnd.uniform(0, size_px)
    extent = rnd.uniform(0.04, 0.5) * size_px
    colour = any_colour(rnd)
    paint = fill(colour) if rnd.random() < 0.6 else stroke(colour, rnd.uniform(0.01, 0.06) * size_px)
    kind = rnd.random()
    if kind < 0.35:
        canvas.save()
        canvas.rotate(rnd.choice((0, 0, rnd.uniform(0, 180))), x, y)
        canvas.drawRect(skia.Rect.MakeXYWH(x, y, extent, extent * rnd.uniform(0.1, 1.5)), paint)
        canvas.restore()
    elif kind < 0.6:
        canvas.drawOval(skia.Rect.MakeXYWH(x, y, extent, extent * rnd.uniform(0.4, 1.5)), paint)
    elif kind < 0.85:
        path = skia.Path()
        path.moveTo(x, y)
        for _ in range(rnd.choice((1, 2, 3))):
            path.quadTo(
                rnd.uniform(0, size_px), rnd.uniform(0, size_px), rnd.uniform(0, size_px), rnd.uniform(0, size_px)
            )
        canvas.drawPath(path, stroke(colour, rnd.uniform(0.01, 0.08) * size_px))
    else:
        draw_word(canvas, rnd, colour, x, y, rnd.uniform(0.06, 0.2) * size_px)
