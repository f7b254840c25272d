"""The only door for pictures: whatever is given becomes an RGB array, or a PictureError says why not."""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from facevalue.errors import PictureError

RGB = NDArray[np.uint8]  # (H, W, 3)
Source = str | Path | bytes | BinaryIO | Image.Image | NDArray[Any]

MAX_PIXELS = 120_000_000  # lets a 108-megapixel phone photo through; 360 MB once decoded
ROUNDING = 1e-9  # of a homography's numbers that should be whole
FAR = 1.15  # pixels of a picture for each one of the result from which it is antialiased before it is sampled
ROW_STRETCH = 1.6
STRIP_PX = 256  # height of what is converted at a time
MIN_SIDE_PX = 8  # the smallest digit cells in use are 8 px; nothing smaller shows an instrument
EXTENSIONS = (
    ".apng",
    ".avif",
    ".bmp",
    ".gif",
    ".heic",  # refused with a clear line where pillow-heif lacks, not passed over in silence
    ".heif",
    ".j2k",
    ".jfif",
    ".jp2",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".mpo",
    ".pbm",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

_KNOWN = "JPEG, PNG, GIF, WebP, AVIF, BMP, TIFF, JPEG 2000 or PPM"
_ADDRESSES = ("http://", "https://", "rtsp://")
# not EPS, which runs Ghostscript; HEIF where pillow-heif is installed
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "HEIF")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_AVIF_BRANDS = {b"avif", b"avis"}
_OF_THE_SYSTEM = ("lost+found", "System Volume Information", "$RECYCLE.BIN")  # folders of disks
_GREY16 = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_SIXTEEN_BITS = ("PNG", "PPM")  # files of which Pillow opens 16 bits as 32


def open_picture(source: Source, *, max_pixels: int = MAX_PIXELS, at_least_px: int | None = None) -> RGB:
    """The picture as upright RGB: (H, W, 3) uint8, first frame, EXIF-turned, transparency laid over white.

    source: a path, the bytes of a picture file, a binary stream, a PIL image, or an array (H, W), (H, W, 1 | 3 | 4)
    of uint8, uint16 (0..65535) or bool.  max_pixels: refused above, before anything is decoded.
    at_least_px: the smaller side wanted; lets a JPEG be decoded at 1/2, 1/4 or 1/8 as long as it stays that large.
    Raises PictureError.
    """
    return open_reduced(source, max_pixels=max_pixels, at_least_px=at_least_px)[0]


def open_reduced(
    source: Source, *, max_pixels: int = MAX_PIXELS, at_least_px: int | None = None
) -> tuple[RGB, tuple[float, float]]:
    """As open_picture, with the scale (x, y): full-size upright pixels for each pixel returned; 1.0 unless reduced."""
    try:
        if isinstance(source, np.ndarray):
            return _from_array(source, max_pixels), (1.0, 1.0)
        if isinstance(source, Image.Image):
            _check_size(source.size, max_pixels)
            return _to_rgb(source), (1.0, 1.0)
        if isinstance(source, str | os.PathLike):
            if os.path.isdir(source):  # what opening one raises depends on the system
                os.scandir(source).close()
                raise PictureError("a folder, where one picture was expected")
            with open(source, "rb") as stream:
                return _from_stream(stream, max_pixels, at_least_px)
        return _from_stream(_as_stream(source), max_pixels, at_least_px)
    except PictureError as error:
        raise PictureError(error.problem, _name_of(source)) from error.__cause__
    except FileNotFoundError as error:
        name = _name_of(source)
        if name.startswith(_ADDRESSES):
            raise PictureError("an address, where a file was expected; facevalue camera reads those", name) from error
        raise PictureError("no such file; check the path", name) from error
    except Exception as error:  # Pillow's decoders meet damaged data with errors of a dozen kinds
        raise PictureError(_explain(error), _name_of(source)) from error


def whole_picture(rgb: RGB) -> NDArray[np.float64]:
    """Homography (3, 3) from [-1, 1]^2 to pixels that fits the whole picture, centred, into the square."""
    height, width = rgb.shape[:2]
    half = max(height, width) / 2
    return np.array([[half, 0.0, width / 2], [0.0, half, height / 2], [0.0, 0.0, 1.0]])


def fit_row(width: float, height: float, size_px: tuple[int, int]) -> tuple[float, float]:
    """Scales (x, y) that fit a picture of a row of digits into a frame of size_px (width, height).

    A wide picture is stretched upwards by up to ROW_STRETCH, so that its digits use the frame; no other is distorted.
    """
    across, down = size_px[0] / width, size_px[1] / height
    return (across, min(down, ROW_STRETCH * across)) if across < down else (down, down)


def whole_row(rgb: RGB, size_px: tuple[int, int]) -> NDArray[np.float64]:
    """Homography (3, 3) from [-1, 1]^2 to pixels that fits the whole picture, centred, into a frame of that size."""
    height, width = rgb.shape[:2]
    across, down = fit_row(width, height, size_px)
    return np.array([[size_px[0] / across / 2, 0.0, width / 2], [0.0, size_px[1] / down / 2, height / 2], [0, 0, 1.0]])


def warp(rgb: RGB, homography: NDArray[np.float64], size_px: int | tuple[int, int]) -> RGB:
    """Sample a picture through a homography, antialiased; black outside.

    rgb: (H, W, 3) uint8.  homography: (3, 3), from [-1, 1]^2 (x right, y down, the borders of the result) to pixels of
    the picture (its top left corner is (0, 0), the first pixel's centre (0.5, 0.5)).  size_px: width and height of the
    result, or the side of a square one.  Returns (height, width, 3).
    """
    across, down = (size_px, size_px) if isinstance(size_px, int) else size_px
    to_square = np.array([[2 / across, 0.0, -1.0], [0.0, 2 / down, -1.0], [0.0, 0.0, 1.0]])
    matrix = homography @ to_square
    ends = np.array([[0, across, across, 0], [0, 0, down, down], [1, 1, 1, 1]])
    corners = matrix @ ends
    if np.any(corners[2] <= 1e-6):  # the horizon crosses the frame: nothing sensible is seen
        return np.zeros((down, across, 3), np.uint8)
    x, y = (corners[:2] / corners[2]).tolist()  # of the corners of the frame, from its top left clockwise
    height, width = rgb.shape[:2]
    left, top = (max(0, math.floor(min(ends)) - 2) for ends in (x, y))
    right, bottom = (min(most, math.ceil(max(ends)) + 2) for ends, most in ((x, width), (y, height)))
    if right - left < 2 or bottom - top < 2:
        return np.zeros((down, across, 3), np.uint8)
    part = Image.fromarray(np.ascontiguousarray(rgb[top:bottom, left:right]))
    area = abs(sum(x[k - 1] * y[k] - x[k] * y[k - 1] for k in range(4))) / 2
    step = math.sqrt(area / (across * down))  # pixels of the picture for each one of the result
    inside = min(*x, *y) > -ROUNDING and x[1] < width + ROUNDING and y[2] < height + ROUNDING
    if inside and _is_only_scaled(x, y, across, down):
        box = max(0.0, x[0] - left), max(0.0, y[0] - top), min(x[1] - left, part.width), min(y[2] - top, part.height)
        kernel = Image.Resampling.BILINEAR if step > FAR else Image.Resampling.BICUBIC
        return np.asarray(part.resize((across, down), kernel, box))
    shrunk = np.eye(3)
    if step > FAR:
        size = max(2, round(part.width / step)), max(2, round(part.height / step))
        shrunk = np.diag([size[0] / part.width, size[1] / part.height, 1.0])
        part = part.resize(size, Image.Resampling.BILINEAR)  # Pillow's is antialiased when it shrinks
    moved = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
    matrix = shrunk @ moved @ matrix
    coefficients = (matrix / matrix[2, 2]).ravel()[:8].tolist()
    x0, y0 = round(coefficients[2]), round(coefficients[5])
    same = (1, 0, x0, 0, 1, y0, 0, 0)
    if all(abs(a - b) < ROUNDING for a, b in zip(coefficients, same, strict=True)):  # the arithmetic changes no pixel
        return np.asarray(part.crop((x0, y0, x0 + across, y0 + down)))
    result = part.transform((across, down), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)
    return np.asarray(result)


def _is_only_scaled(x: list[float], y: list[float], across: int, down: int) -> bool:
    """Whether four corners, from the top left clockwise, are those of an upright frame, its sides scaled alike."""
    slant = max(abs(x[0] - x[3]), abs(x[1] - x[2]), abs(y[0] - y[1]), abs(y[2] - y[3]))
    # Pillow takes the axes of one that is scaled otherwise in an order of its version
    return slant < ROUNDING and x[0] < x[1] and abs((x[1] - x[0]) / across - (y[2] - y[0]) / down) < ROUNDING


def list_pictures(path: str | Path) -> list[Path]:
    """All picture files in a folder and below it, by extension, sorted; hidden files and folders, and links to folders,
    are left out.

    Pipes, sockets and devices are left out too, whatever their names: reading one could wait for ever.
    A folder that can't be read stands for its pictures, so that reading it says so.
    Raises PictureError where there is no such folder, or no picture in it.
    """
    if not os.path.isdir(path):
        raise PictureError("no such folder; check the path", os.fspath(path))
    found: list[Path] = []
    unread: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=unread.append):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _OF_THE_SYSTEM]
        found += (
            Path(folder, name)
            for name in names
            if not name.startswith(".")
            and os.path.splitext(name)[1].lower() in EXTENSIONS
            and not _is_special(os.path.join(folder, name))
        )
    found += [Path(error.filename) for error in unread]
    if not found:
        raise PictureError(f"no pictures in this folder or below it; expected {_KNOWN} files", os.fspath(path))
    return sorted(found)


def _is_special(path: str) -> bool:
    """Whether a path is of something that is neither a file nor a folder; not one that leads nowhere."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _from_stream(stream: IO[bytes], max_pixels: int, at_least_px: int | None) -> tuple[RGB, tuple[float, float]]:
    seekable = stream if stream.seekable() else BytesIO(stream.read())
    with _identify(seekable) as image:
        width, height = image.size
        _check_size((width, height), max_pixels)
        if at_least_px is not None and image.format != "HEIF":  # which would give the thumbnail in it
            image.draft(None, (at_least_px, at_least_px))
        scale = width / image.width, height / image.height
        rgb = _to_rgb(image)
    upright = rgb.shape[1::-1] == image.size  # a quarter turn swaps the two scales
    return rgb, scale if upright else scale[::-1]


def _identify(stream: IO[bytes]) -> Image.Image:
    """Image.open without its own limit on pixels, which warns below the limit that is meant here."""
    start = stream.tell()
    head = stream.read(256)
    prefix = head[:16]
    if not prefix:
        raise PictureError("the file is empty (0 bytes)")
    is_heic = prefix[4:8] == b"ftyp" and not _AVIF_BRANDS & _brands(head) and prefix[8:12] in _HEIC_BRANDS
    if is_heic and "HEIF" not in Image.OPEN:
        _register_heic()
    for load_plugins in (Image.preinit, Image.init):  # the common formats first: loading all plugins takes a while
        load_plugins()
        for name in _FORMATS:
            factory, accept = Image.OPEN.get(name, (None, None))
            if factory is None or accept is None or accept(prefix) is not True:
                continue
            if name == "AVIF" and not _AVIF_BRANDS & _brands(head):  # which takes all of the family of HEIC for its own
                continue
            stream.seek(start)
            return factory(stream if start == 0 else BytesIO(stream.read()), "")
    if is_heic and "HEIF" in Image.OPEN:
        raise PictureError("a HEIC picture that pillow-heif does not read; convert it to JPEG first")
    if is_heic:
        raise PictureError("a HEIC picture: pip install 'facevalue[heic]' to read those, or convert it to JPEG first")
    raise PictureError(f"not a picture of a format that is read: expected {_KNOWN}")


def _register_heic() -> None:
    """Let Pillow open HEIC, as phones write it, where pillow-heif is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif  # type: ignore[import-untyped,unused-ignore]

        pillow_heif.register_heif_opener()


def _brands(head: bytes) -> set[bytes]:
    """The brands of a file of the family of MP4, from its first bytes."""
    return {head[at : at + 4] for at in range(8, min(int.from_bytes(head[:4]), len(head)), 4)}


def _as_stream(source: object) -> IO[bytes]:
    if isinstance(source, bytes | bytearray | memoryview):
        return BytesIO(source)
    read = getattr(source, "read", None)
    data = read() if callable(read) else None
    if isinstance(data, bytes):
        return BytesIO(data)
    raise PictureError(
        f"got {type(source).__name__}; expected a path, bytes, a binary stream, a PIL image or a NumPy array"
    )


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise PictureError(
            f"{width}×{height} pixels is more than the {max_pixels / 1e6:.0f} million allowed; shrink or crop it first"
        )
    if min(width, height) < MIN_SIDE_PX:
        raise PictureError(f"{width}×{height} pixels is too small to read; expected at least {MIN_SIDE_PX} each way")


def _to_rgb(image: Image.Image) -> RGB:
    image.load()
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data is no reason to refuse an intact picture
        pass
    if image.mode in _GREY16:
        values = np.asarray(image)
        if values.max(initial=0) > 65535:
            raise PictureError("32-bit pixels have no known range; save it with 8 or 16 bits a channel")
        if image.mode == "I" and image.format not in _SIXTEEN_BITS and values.max(initial=0) <= 255:
            return _from_array(values.clip(0).astype(np.uint8), image.width * image.height)  # of eight, as arrays are
        grey = values.clip(0).astype(np.uint16)
        clear = image.info.get("transparency")  # a level, in PNG
        return _from_array(np.where(grey == clear, np.uint16(65535), grey), image.width * image.height)
    if image.mode == "F":
        raise PictureError("floating-point pixels have no known range; save it with 8 or 16 bits a channel")
    if image.mode == "RGB" and not image.has_transparency_data:
        return np.asarray(image)
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, STRIP_PX):  # a large picture is not held three times
        strip = image.crop((0, top, image.width, min(top + STRIP_PX, image.height)))
        if image.has_transparency_data:
            strip = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
        rgb[top : top + strip.height] = np.asarray(strip.convert("RGB"))
    return rgb


def _from_array(array: NDArray[Any], max_pixels: int) -> RGB:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise PictureError(f"got an array of shape {array.shape}; expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)")
    _check_size((array.shape[1], array.shape[0]), max_pixels)
    if array.dtype == np.uint16:
        array = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 becomes 255
    elif array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype != np.uint8:
        raise PictureError(f"got an array of {array.dtype}; expected uint8 (0..255), uint16 (0..65535) or bool")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.shape[2] == 4:
        return _to_rgb(Image.fromarray(np.ascontiguousarray(array)))
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def _explain(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory to decode it; shrink it first"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, Image.DecompressionBombError):
        return "it claims more pixels than can be decoded safely; shrink or crop it first"
    text = " ".join(str(error).split())[:100] or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return f"can't be opened: {error.strerror}"
    if any(word in text.lower() for word in ("truncated", "broken data stream", "unexpected end", "incomplete")):
        return "the picture is cut off before its end; copy or download it again"
    return f"the picture is damaged ({text}); copy or download it again"


def _name_of(source: object) -> str:
    names: Iterable[object] = (source, getattr(source, "name", None), getattr(source, "filename", None))
    return next((os.fspath(name) for name in names if isinstance(name, str | Path) and str(name)), "")
