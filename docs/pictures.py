"""Makes the pictures of this folder anew: a drawn clock and counter, their readings drawn on them, training sheets.

FACEVALUE_DATA=DATA python docs/pictures.py
"""

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
