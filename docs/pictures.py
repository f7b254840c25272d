"""Makes the pictures of this folder anew: a drawn clock, its reading drawn on it, and a sheet of training clocks.

python docs/pictures.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

from facevalue import Reader
from facevalue.images import open_picture
from facevalue.reading import draw_overlay
from facevalue.sources.albums import write_sheet
from facevalue.sources.clocks import ClockSource, rows, with_seconds

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
