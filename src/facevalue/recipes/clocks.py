"""Clock recipes."""

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
