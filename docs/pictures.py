"""Makes the pictures of this folder anew: a drawn clock and counter, their readings drawn on them, training sheets, and
a made-up week of a watched water meter. The page-*.png are screenshots of ``facevalue serve``, taken by hand.

FACEVALUE_DATA=DATA python docs/pictures.py
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from facevalue import Reader
from facevalue.images import open_picture
from facevalue.reading import draw_overlay
from facevalue.sources.albums import write_sheet
from facevalue.sources.clocks import ClockSource, rows, with_seconds
from facevalue.sources.digits import DigitSource, draw_row
from facevalue.sources.lettering import drum_row
from facevalue.watching.history import draw_history, history
from facevalue.watching.plausibility import Limits
from facevalue.watching.store import Record, Store

HERE = Path(__file__).parent

clock = ClockSource(size_px=448, empty=0.0).batch(seed=5, step=13, count=1).pictures[0]
Image.fromarray(clock).save(HERE / "clock.jpg", quality=88)
reading = Reader().read(HERE / "clock.jpg")
overlay = draw_overlay(open_picture(HERE / "clock.jpg"), reading)
both = np.zeros((overlay.shape[0], 2 * 448, 3), np.uint8)
both[:] = overlay[-1, 0]
both[:448, :448] = clock
both[:, 448:] = overlay
Image.fromarray(both).save(HERE / "overlay.jpg", quality=88)
source = ClockSource(empty=0.0)  # a batch of one for each step: sixty clocks, not a few clocks many times
drawn = [next(rows(source.batch(4, step, 1))) for step in range(60)]
write_sheet(HERE / "clocks.png", [(picture, with_seconds(label["seconds"])) for picture, label in drawn])
Image.open(HERE / "clocks.png").quantize(128).save(HERE / "clocks.png", optimize=True)

rnd = Random("counter 2")
framed, _, _ = draw_row(rnd, drum_row(rnd, [0, 2, 4, 8, 1, 6.3]), (480, 96), 0, 6)
across = np.flatnonzero(framed.max(axis=(0, 2)) > 60)
counter = framed[:, across[0] : across[-1] + 1]
Image.fromarray(counter).save(HERE / "counter.jpg", quality=92)
overlay = draw_overlay(open_picture(HERE / "counter.jpg"), Reader("digits").read(HERE / "counter.jpg"))
Image.fromarray(overlay).save(HERE / "counter-overlay.jpg", quality=88)
batch = DigitSource().batch(4, 0, 60)
write_sheet(HERE / "digits.png", [(batch.pictures[i], batch.label(i)) for i in range(60)])
Image.open(HERE / "digits.png").quantize(128).save(HERE / "digits.png", optimize=True)

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
                "water", at.isoformat(), at, "digits", f"{shown:07.3f}", shown, sure, unsure, "", "digits-2", "made up"
            )
        )
    draw_history(HERE / "watch.png", history(address))
