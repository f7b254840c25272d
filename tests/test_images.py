"""The only door for pictures: what comes in, in whatever format, comes out as upright RGB or as one clear line."""

from __future__ import annotations

import errno
import io
import os
import pickle
import struct
import sys
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from facevalue import images
from facevalue.errors import PictureError
from facevalue.images import MAX_PIXELS, list_pictures, open_picture, open_reduced

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def corners() -> Image.Image:
    """40×20 pixels: red at the upper left, green upper right, blue lower left, yellow lower right."""
    image = Image.new("RGB", (40, 20))
    for box, colour in (((0, 0), RED), ((20, 0), GREEN), ((0, 10), BLUE), ((20, 10), YELLOW)):
        image.paste(colour, (*box, box[0] + 20, box[1] + 10))
    return image


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that claims any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg_header(width: int, height: int) -> bytes:
    """A JPEG that claims any size: the size of a real one, overwritten."""
    data = bytearray(saved(corners(), "JPEG"))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def colour_at(rgb: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    """The pixel at a share of width and height, cleaned of JPEG noise."""
    pixel = rgb[int(y * rgb.shape[0]), int(x * rgb.shape[1])]
    return tuple(255 if value > 127 else 0 for value in pixel)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "WEBP"])
def test_formats(format_: str) -> None:
    rgb = open_picture(saved(corners(), format_))
    assert rgb.shape == (20, 40, 3)
    assert rgb.dtype == np.uint8
    assert [colour_at(rgb, x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)] == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [  # colours at upper left, upper right, lower left, lower right, of the scene as the camera saw it
        (1, [RED, GREEN, BLUE, YELLOW]),  # as stored
        (2, [GREEN, RED, YELLOW, BLUE]),  # mirrored left to right
        (3, [YELLOW, BLUE, GREEN, RED]),  # upside down
        (4, [BLUE, YELLOW, RED, GREEN]),  # mirrored top to bottom
        (5, [RED, BLUE, GREEN, YELLOW]),  # mirrored along the falling diagonal
        (6, [BLUE, RED, YELLOW, GREEN]),  # a quarter turn clockwise: the phone held upright
        (7, [YELLOW, GREEN, BLUE, RED]),  # mirrored along the rising diagonal
        (8, [GREEN, YELLOW, RED, BLUE]),  # a quarter turn counter-clockwise
        (9, [RED, GREEN, BLUE, YELLOW]),  # no such orientation: left as stored
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation(orientation: int, expected: list[tuple[int, ...]], format_: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = open_picture(saved(corners().resize((80, 40)), format_, exif=exif))
    assert rgb.shape == ((80, 40, 3) if orientation in (5, 6, 7, 8) else (40, 80, 3))
    assert [colour_at(rgb, x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)] == expected


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow says so, and goes on
def test_damaged_exif_does_not_stop_the_picture() -> None:
    data = saved(corners(), "JPEG", exif=b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\xff\xff")
    assert open_picture(data).shape == (20, 40, 3)


GREY16 = np.full((16, 16), 257 * 100, np.uint16)
PALETTE = corners().quantize(4)
CLEAR_PALETTE = Image.new("P", (16, 16))
CLEAR_PALETTE.putpalette([255, 0, 0] * 256)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(saved(Image.fromarray(GREY16), "PNG"), (100,) * 3, id="16-bit PNG: 25700 of 65535 is 100 of 255"),
        pytest.param(saved(Image.fromarray(GREY16), "TIFF"), (100,) * 3, id="16-bit TIFF"),
        pytest.param(saved(Image.new("I", (16, 16), 65535), "TIFF"), (255,) * 3, id="32-bit TIFF of 16-bit values"),
        pytest.param(saved(PALETTE, "PNG"), RED, id="palette"),
        pytest.param(saved(Image.new("L", (16, 16), 77), "PNG"), (77,) * 3, id="grey"),
        pytest.param(saved(Image.new("1", (16, 16), 1), "PNG"), (255,) * 3, id="one bit"),
        pytest.param(saved(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "PNG"), (255,) * 3, id="clear is white"),
        pytest.param(saved(Image.new("RGBA", (16, 16), (0, 0, 0, 102)), "PNG"), (153,) * 3, id="40 % black is grey"),
        pytest.param(saved(Image.new("LA", (16, 16), (0, 0)), "PNG"), (255,) * 3, id="grey with alpha"),
        pytest.param(
            saved(Image.fromarray(GREY16), "PNG", transparency=257 * 100), (255,) * 3, id="16 bits with a clear level"
        ),
        pytest.param(saved(CLEAR_PALETTE, "PNG", transparency=0), (255,) * 3, id="palette with a clear colour"),
        pytest.param(saved(CLEAR_PALETTE, "GIF", transparency=0), (255,) * 3, id="GIF with a clear colour"),
        pytest.param(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), (254, 0, 0), id="CMYK red"),
    ],
)
def test_modes(data: bytes, expected: tuple[int, ...]) -> None:
    pixel = open_picture(data)[0, 0]
    assert np.abs(pixel.astype(int) - expected).max() <= 2, pixel


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "CMYK"])
def test_a_tall_picture_is_the_same_in_strips(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (70, 20, 4), dtype=np.uint8)
    picture = Image.fromarray(noise, "CMYK") if mode == "CMYK" else Image.fromarray(noise, "RGBA").convert(mode)
    if mode == "P":
        picture.info["transparency"] = 3
    whole = open_picture(picture)
    monkeypatch.setattr(images, "STRIP_PX", 16)
    assert (open_picture(picture) == whole).all()
    if mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        assert (whole == np.asarray(Image.alpha_composite(white, picture).convert("RGB"))).all()


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert tuple(open_picture(data)[8, 8]) == RED


def test_every_kind_of_source_gives_the_same(tmp_path: Path) -> None:
    data = saved(corners(), "PNG")
    file = tmp_path / "bild.png"
    file.write_bytes(data)
    expected = np.asarray(corners())
    with file.open("rb") as stream:
        sources = [
            str(file),
            file,
            data,
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            corners(),
            expected,
            stream,
        ]
        for source in sources:
            np.testing.assert_array_equal(open_picture(source), expected, err_msg=type(source).__name__)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(np.full((9, 9), 7, np.uint8), (7, 7, 7), id="grey"),
        pytest.param(np.full((9, 9, 1), 7, np.uint8), (7, 7, 7), id="grey with an axis for it"),
        pytest.param(np.full((9, 9), 65535, np.uint16), (255, 255, 255), id="16 bits"),
        pytest.param(np.ones((9, 9), bool), (255, 255, 255), id="mask"),
        pytest.param(np.zeros((9, 9, 4), np.uint8), (255, 255, 255), id="clear"),
        pytest.param(np.full((18, 18, 3), 7, np.uint8)[::2, ::2], (7, 7, 7), id="every other pixel"),
    ],
)
def test_arrays(array: np.ndarray, expected: tuple[int, ...]) -> None:
    rgb = open_picture(array)
    assert rgb.shape == (9, 9, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert tuple(rgb[0, 0]) == expected


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param("no/such/file.jpg", "no such file", id="missing"),
        pytest.param(".", "a folder", id="folder"),
        pytest.param("", "no such file", id="no name"),
        pytest.param("nul\0byte.jpg", "damaged|null", id="no possible name"),
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"dear diary, today", "not a picture", id="text"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture", id="EPS never reaches Ghostscript"),
        pytest.param(b"\0\0\0\x18ftypheic" + bytes(50), "HEIC|damaged", id="HEIC of a phone"),
        pytest.param(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(50), "HEIC|damaged", id="HEIC by its second name"),
        pytest.param(saved(NOISE, "JPEG")[:-900], "cut off", id="truncated JPEG"),
        pytest.param(saved(NOISE, "JPEG")[:30], "damaged|cut off|not a picture", id="JPEG cut off in its header"),
        pytest.param(saved(NOISE, "PNG")[:-900], "cut off", id="truncated PNG"),
        pytest.param(saved(NOISE, "PNG")[:40], "damaged|cut off", id="PNG cut off in its header"),
        pytest.param(saved(NOISE, "GIF")[:-900], "cut off|damaged", id="truncated GIF"),
        pytest.param(saved(NOISE, "WEBP")[:-900], "cut off|damaged", id="truncated WebP"),
        pytest.param(saved(NOISE, "TIFF")[:-900], "cut off|damaged", id="truncated TIFF"),
        pytest.param(saved(Image.new("RGB", (1, 1)), "PNG"), "1×1 pixels is too small", id="one pixel"),
        pytest.param(png_header(20_000, 20_000), "20000×20000 pixels is more than the 120 million", id="bomb, PNG"),
        pytest.param(jpeg_header(20_000, 20_000), "20000×20000 pixels is more than the 120 million", id="bomb, JPEG"),
        pytest.param(png_header(10_000, 12_500), "10000×12500 pixels is more", id="where Pillow only warns"),
        pytest.param(png_header(2**31 - 1, 2**31 - 1), "more than|damaged", id="the largest that a PNG can claim"),
        pytest.param(png_header(0, 0), "damaged|too small", id="no pixels"),
        pytest.param(Image.new("F", (16, 16)), "floating-point", id="floats in a PIL image"),
        pytest.param(np.zeros((16, 16, 3)), "float64; expected uint8", id="floats in an array"),
        pytest.param(np.zeros((16, 16, 2), np.uint8), "shape", id="two channels"),
        pytest.param(np.zeros((0, 16, 3), np.uint8), "too small", id="no rows"),
        pytest.param(np.zeros(16, np.uint8), "shape", id="one axis"),
        pytest.param(None, "NoneType; expected a path", id="nothing"),
        pytest.param(io.StringIO("text"), "StringIO; expected", id="text stream"),
    ],
)
def test_bad_pictures_get_one_clear_line(source: Any, says: str) -> None:
    with pytest.raises(PictureError, match=says) as caught:
        open_picture(source)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_error_names_the_file_and_survives_pickling(tmp_path: Path) -> None:
    file = tmp_path / "leer.jpg"
    file.touch()
    with pytest.raises(PictureError) as caught:
        open_picture(file)
    assert str(caught.value) == f"{file}: the file is empty (0 bytes)"
    assert caught.value.problem == "the file is empty (0 bytes)"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_large_pictures_are_opened_without_a_warning_and_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    data = saved(Image.new("1", (9_500, 9_500)), "PNG")  # 90 million: above Pillow's limit, below ours
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_picture(data).shape == (9_500, 9_500, 3)
        with pytest.raises(PictureError):
            open_picture(png_header(12_000, 12_000))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert MAX_PIXELS < 12_000 * 12_000


def test_a_jpeg_is_reduced_while_it_is_decoded_and_the_scale_is_told() -> None:
    data = saved(Image.new("RGB", (801, 403), RED), "JPEG")
    assert open_picture(data, at_least_px=100).shape == (101, 201, 3)
    assert open_picture(data, at_least_px=300).shape == (403, 801, 3)
    assert open_reduced(data, at_least_px=100)[1] == (801 / 201, 403 / 101)
    assert open_reduced(data)[1] == (1.0, 1.0)
    assert open_picture(saved(corners(), "PNG"), at_least_px=10).shape == (20, 40, 3)  # only JPEG can
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb, scale = open_reduced(saved(Image.new("RGB", (801, 403)), "JPEG", exif=exif), at_least_px=100)
    assert rgb.shape == (201, 101, 3)
    assert scale == (403 / 101, 801 / 201)  # of the upright picture


def test_the_callers_image_is_left_alone() -> None:
    image = corners()
    image.getexif()[0x0112] = 6
    assert open_picture(image).shape == (40, 20, 3)
    assert image.size == (40, 20)


def test_many_threads_may_open_at_once() -> None:
    data = saved(NOISE, "JPEG")
    expected = open_picture(data)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            if not np.array_equal(open_picture(data, at_least_px=64), expected):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_list_pictures(tmp_path: Path) -> None:
    pictures = ["a.png", "b.JPG", "browser.jfif", "phone.HEIC", "sub/c.webp", "sub/d.heif", "sub/e.pnm"]
    passed_over = [
        "notes.txt",
        "._a.png",
        ".hidden.jpg",
        "sub/labels.csv",
        ".thumbnails/a.png",
        "sub/.cache/deep/c.jpg",
    ]
    for name in (*passed_over, *reversed(pictures)):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert [str(file.relative_to(tmp_path)) for file in list_pictures(tmp_path)] == pictures
    assert [file.name for file in list_pictures(tmp_path / ".thumbnails")] == ["a.png"]  # asked for by name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_list_pictures_leaves_pipes_out(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")  # listed, so that its reading says what is wrong
    os.mkfifo(tmp_path / "pipe.png")
    assert [file.name for file in list_pictures(tmp_path)] == ["a.png", "gone.png"]


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may read all folders, as root, is told of it as a stranger is."""
    (tmp_path / "a.png").touch()
    locked = tmp_path / "locked"
    locked.mkdir()
    scan = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(locked))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (tmp_path / "lost+found").mkdir()
    assert [file.name for file in list_pictures(tmp_path)] == ["a.png", "locked"]
    with pytest.raises(PictureError, match="locked: no permission to read it"):
        open_picture(locked)


@pytest.mark.parametrize(("name", "says"), [("", "no pictures in this folder"), ("missing", "no such folder")])
def test_list_pictures_of_nothing(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(PictureError, match=says):
        list_pictures(tmp_path / name)


def test_pictures_of_phones_are_read_where_pillow_heif_is_installed() -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'facevalue[heic]'")
    smooth = Image.radial_gradient("L").resize((64, 48)).convert("RGB")
    stream = io.BytesIO()
    pillow_heif.from_pillow(smooth).save(stream, quality=95)
    opened = open_picture(stream.getvalue()).astype(int)
    assert opened.shape == (48, 64, 3)
    assert np.abs(opened - np.asarray(smooth)).mean() < 5


def test_without_it_they_are_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(PictureError, match=r"a HEIC picture: pip install 'facevalue\[heic\]'"):
        open_picture(b"\0\0\0\x18ftypheic" + bytes(50))


def test_pixels_of_32_bits_are_refused_beyond_those_of_16() -> None:
    within = Image.fromarray(np.full((20, 20), 65535, np.int32))
    assert (open_picture(within) == 255).all()
    with pytest.raises(PictureError, match="32-bit pixels have no known range"):
        open_picture(Image.fromarray(np.full((20, 20), 65536, np.int32)))


def test_pixels_of_32_bits_that_fit_into_eight_are_those_of_eight() -> None:
    grey = np.arange(256, dtype=np.int32).reshape(16, 16)
    assert (open_picture(Image.fromarray(grey))[..., 0] == grey).all()
    assert (open_picture(saved(Image.fromarray(grey), "TIFF"))[..., 0] == grey).all()
    dark = saved(Image.fromarray(grey.astype(np.uint16)), "PNG")  # which has a range
    assert open_picture(dark).max() == 1
