"""Clock recipes.

clocks/wild   The shipped reader. Expected 80 % of clocks-real within a minute; 7,000 steps of 256 drawn clocks,
              89 minutes of two CPU cores, gave 91.4 % (clocks-reset 99.2 %, clocks-painted 91.0 %), seed 1.
              facevalue train clocks/wild --compile
clocks/tiny   A minute of one core, to try the way from drawing to reading. It reads little.
              facevalue train clocks/tiny
"""

from facevalue.recipes import Recipe

RECIPES = (
    Recipe(name="clocks/wild", kind="clock", source="clocks/wild", codec="clock/needles", steps=7000),
    Recipe(
        name="clocks/tiny",
        kind="clock",
        source="clocks/wild",
        codec="clock/needles",
        size_px=64,
        widths=(16, 32, 64),
        blocks=(0, 1, 1),
        hidden=128,
        squeeze=32,
        steps=200,
        batch_size=64,
        warmup_steps=20,
    ),
)
