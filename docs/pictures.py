"""Makes the pictures of this folder anew: a drawn clock, gauge, counter and meter, their readings drawn on them,
training sheets, and a made-up week of a watched water meter. The page-*.png are screenshots, see screenshots.py.

FACEVALUE_DATA=DATA python docs/pictures.py
"""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from facevalue import Reader, Scale
from facevalue.images import open_picture
from facevalue.instruments.reader import InstrumentReader
from facevalue.reading import draw_overlay
from facevalue.sources import dial_faces, paint
from facevalue.sources.albums import write_sheet
from facevalue.sources.clocks import ClockSource, draw_face, rows, with_seconds
from facevalue.sources.dials import DialSource
from facevalue.sources.digits import DigitSource, draw_row
from facevalue.sources.lettering import drum_row
from facevalue.watching.history import draw_history, history
from facevalue.watching.plausibility import Limits
from facevalue.watching.store import Record, Store

HERE = Path(__file__).parent
SHOWN = 530.7077  # by the drawn meter
DIALS = ((425, 250), (365, 325), (275, 325), (215, 250))  # x0.1, x0.01, ... of examples/drawn-meter.toml


def beside(picture: np.ndarray, drawn_on: np.ndarray) -> Image.Image:
    """A picture, and beside it the same with its reading drawn on it."""
    height, width = picture.shape[:2]
    both = np.zeros((drawn_on.shape[0], width + drawn_on.shape[1], 3), np.uint8)
    both[:] = drawn_on[-1, 0]
    both[:height, :width] = picture
    both[:, width:] = drawn_on
    return Image.fromarray(both)


def save_sheet(name: str, pictures: Sequence[tuple[np.ndarray, str]]) -> None:
    """A contact sheet in few colours."""
    with tempfile.TemporaryDirectory() as folder:
        write_sheet(Path(folder) / name, pictures)
        Image.open(Path(folder) / name).quantize(128).save(HERE / name, optimize=True)


def draw_meter(shown: float) -> np.ndarray:
    """A water meter of 640 x 480 px: five drums and four needles, of which each turns ten times as fast as the last."""
    skia = paint.skia
    sheet = np.empty((480, 640, 4), np.uint8)
    drums, carry = [], max(0.0, 10 * (shown % 1) - 9)
    for k in range(5):
        drums.insert(0, int(shown // 10**k % 10) + carry)
        carry = max(0.0, drums[0] - 9)
    row, font = drum_row(Random("meter 3"), drums), skia.Font(paint.typefaces()[0], 15)
    face = dial_faces.meter_face(Random(26), 448)
    needle = dial_faces.meter_needle(Random(3), face)
    disc = skia.Path()
    disc.addCircle(0, 0, 112)
    with skia.Surface(sheet, colorType=skia.kRGBA_8888_ColorType) as canvas:
        canvas.drawPaint(paint.gradient(Random(3), (0.45, 0.46, 0.44), 640, 0.15))
        canvas.drawCircle(320, 240, 232, paint.fill((0.62, 0.5, 0.28)))
        canvas.drawCircle(320, 240, 206, paint.fill((0.93, 0.93, 0.9)))
        canvas.save()
        canvas.translate(200, 120)
        canvas.scale(240 / row.width, 240 / row.width)
        row.paint(canvas)
        canvas.restore()
        for k, (x, y) in enumerate(DIALS):
            canvas.save()
            canvas.translate(x, y)
            canvas.scale(0.36, 0.36)
            canvas.save()
            canvas.clipPath(disc, True)
            draw_face(canvas, face)
            canvas.restore()
            needle.draw(canvas, 360 * (shown * 10**k % 1))
            canvas.restore()
            mark = f"x0.{'0' * k}1"
            dial_faces.text_at(canvas, mark, (x, y + 52), font, paint.fill((0.1, 0.1, 0.1)))
    return np.ascontiguousarray(sheet[..., :3])


clock = ClockSource(size_px=448, empty=0.0).batch(seed=5, step=13, count=1).pictures[0]
Image.fromarray(clock).save(HERE / "clock.jpg", quality=88)
reading = Reader().read(HERE / "clock.jpg")
overlay = draw_overlay(open_picture(HERE / "clock.jpg"), reading)
beside(clock, overlay).save(HERE / "overlay.jpg", quality=88)
source = ClockSource(empty=0.0)  # a batch of one for each step: sixty clocks, not a few clocks many times
drawn = [next(rows(source.batch(4, step, 1))) for step in range(60)]
save_sheet("clocks.png", [(picture, with_seconds(label["seconds"])) for picture, label in drawn])

rnd = Random("counter 2")
framed, _, _ = draw_row(rnd, drum_row(rnd, [0, 2, 4, 8, 1, 6.3]), (480, 96), 0, 6)
across = np.flatnonzero(framed.max(axis=(0, 2)) > 60)
counter = framed[:, across[0] : across[-1] + 1]
Image.fromarray(counter).save(HERE / "counter.jpg", quality=92)
overlay = draw_overlay(open_picture(HERE / "counter.jpg"), Reader("digits").read(HERE / "counter.jpg"))
Image.fromarray(overlay).save(HERE / "counter-overlay.jpg", quality=88)
batch = DigitSource().batch(4, 0, 60)
save_sheet("digits.png", [(batch.pictures[i], batch.label(i)) for i in range(60)])

gauge = DialSource(size_px=400, meters=0.0, empty=0.0, careful=1.0).batch(20, 116, 1).pictures[0]
Image.fromarray(gauge).save(HERE / "gauge.jpg", quality=90)
scaled = Reader("dial", scale=Scale(0, 16))
overlay = draw_overlay(open_picture(HERE / "gauge.jpg"), scaled.read(HERE / "gauge.jpg"))
beside(gauge, overlay).save(HERE / "gauge-overlay.jpg", quality=88)
batches = [DialSource(empty=0.0, meters=step % 2).batch(4, step, 1) for step in range(60)]
save_sheet("dials.png", [(batch.pictures[0], f"{batch.fraction[0]:.1%}") for batch in batches])

Image.fromarray(draw_meter(SHOWN)).save(HERE / "meter.jpg", quality=90)
whole = InstrumentReader(HERE.parent / "examples/drawn-meter.toml").read(HERE / "meter.jpg")
Image.fromarray(draw_overlay(open_picture(HERE / "meter.jpg"), whole)).save(HERE / "meter-overlay.jpg", quality=88)

rnd, at, flown = Random(2), datetime(2026, 11, 14, tzinfo=UTC), 24.8
with tempfile.TemporaryDirectory() as folder:
    address = f"{folder}/week.db"
    store = Store(address, Limits(True, 2.0, 6))
    for _ in range(7 * 24 * 2):
        at += timedelta(minutes=30)
        flown += rnd.choice([0, 0, 0.003, 0.01, 0.05]) if 6 < at.hour < 23 else 0
        unsure, wrong = rnd.random() < 0.02, rnd.random() < 0.02
        shown = round(flown, 3) + (rnd.choice([-1, 10, 0.4, -0.2]) if wrong else 0)
        sure = 0.6 if unsure else 0.98
        store.add(
            Record(
                "water", at.isoformat(), at, "digits", f"{shown:07.3f}", shown, sure, unsure, "", "digits-5", "made up"
            )
        )
    draw_history(HERE / "watch.png", history(address))
