"""Dial recipes.

dials/wild    The reader of needle dials: drawn sub-dials of meters and gauges, half of each.
              facevalue train dials/wild --compile
dials/wild-2  Goes on from it, with drawings of what its misses on meters' needles showed.
              facevalue train dials/wild-2 --compile --from runs/dials-wild-...
dials/wild-3  Goes on from that in the same way.
              facevalue train dials/wild-3 --compile --from runs/dials-wild-2-...
dials/wild-4  The reader dial-2: goes on from that for half an hour, a fifth of its pictures taken with care,
              as most are, and few gauges that rise the other way.
              facevalue train dials/wild-4 --compile --from runs/dials-wild-3-...
dials/wild-5  Goes on from that, with lamps' reflections over needles, and ten times the weight on the way values rise.
              Meters as before, gauges a little better, seen to rise the other way more often; not shipped (lab notes).
              facevalue train dials/wild-5 --compile --from runs/dials-wild-4-...
dials/wild-6  The reader dial-3: goes on from dials/wild-4 too, 75 minutes in float32, with needles that can be
              told from their face, heavy counterweights, sweeps that leave a narrow gap, and five times the weight on
              whether there is a gap. Ordinary gauges from 1.98 to 0.81 % of their range off.
              facevalue train dials/wild-6 --compile --from runs/dials-wild-4-...
dials/wild-7  Goes on from that briefly, with darts, wedges from their back to a blunt tip.
              facevalue train dials/wild-7 --compile --from runs/dials-wild-6-...
dials/wild-8  The shipped reader, dial-4: goes on from that at half its rate.
              facevalue train dials/wild-8 --compile --from runs/dials-wild-7-...
dials/tiny    A minute of one core, to try the way from drawing to reading. It reads little.
              facevalue train dials/tiny
"""

import dataclasses

from facevalue.recipes import Recipe

WILD = Recipe(
    name="dials/wild",
    kind="dial",
    source="dials/wild",
    codec="dial/needle",
    size_px=80,
    widths=(24, 48, 96, 160),
    blocks=(0, 1, 2, 1),
    hidden=256,
    squeeze=64,
    steps=4000,
)


def going_on(number: int, steps: int, learning_rate: float, parent: int = 0) -> Recipe:
    """The recipe that goes on from the one before it, or from the parent, briefly warmed up and with other drawings."""
    parent = parent or number - 1
    return dataclasses.replace(
        WILD,
        name=f"dials/wild-{number}",
        parent=f"dials/wild-{parent}" if parent > 1 else WILD.name,
        steps=steps,
        learning_rate=learning_rate,
        decay=0.9,
        warmup_steps=50,
        seed=number,
    )


RECIPES = (
    WILD,
    going_on(2, steps=2500, learning_rate=1.2e-3),
    going_on(3, steps=1200, learning_rate=8e-4),
    going_on(4, steps=2500, learning_rate=1.5e-3),
    going_on(5, steps=2500, learning_rate=1.5e-3),
    going_on(6, steps=3000, learning_rate=1.5e-3, parent=4),
    going_on(7, steps=600, learning_rate=1e-3),
    going_on(8, steps=700, learning_rate=5e-4),
    Recipe(
        name="dials/tiny",
        kind="dial",
        source="dials/wild",
        codec="dial/needle",
        size_px=48,
        widths=(16, 32, 64),
        blocks=(0, 1, 1),
        hidden=128,
        squeeze=32,
        steps=200,
        batch_size=64,
        warmup_steps=20,
    ),
)
