"""Recipes of the tell-the-time laboratory: the reports' networks as they trained them, and every encoding on ours.

    facevalue study encodings      trains and measures what fits into three hours; a single one: facevalue train NAME

clocks/kitchen             Our network for 18,000 kitchen clocks, 75 px, turned on the way, with the needle codec.
                           Expected: at most 0.2 minutes off. Three minutes of two cores. Another encoding: --set
                           codec=clock/720-classes.
clocks/kitchen-24-classes, ...   The same with each other encoding, for the study.
clocks/kitchen-720-classes-longer, ...   Twice the steps, for the encodings that learn slowest; labels of 720 classes
                           smoothed by 0.1, without which more steps only teach the training pictures.
clocks/plain-ours          That of clocks/kitchen for 576 pictures of the plain clock, each turned 25 ways. Expected:
                           all of the other 144 within a minute.
clocks/deep-time           2016: the CIFAR-10 tutorial's network, hour and minute as classes, plain clocks. The report
                           gives no steps; these are 178 epochs.
clocks/leiden-hours, ...   leiden-2021: four blocks, 150 px, Adam 1e-3, as many epochs as it gives. Hours of CPU each; a
                           quarter with --set size_px=75. It gives no batch; 128 is leiden-2024's.
clocks/transfer-hours, ... leiden-2024: VGG16 of ImageNet, all but its last two convolutions frozen; pictures turned,
                           zoomed and sheared 15 or 25 ways; a tenth of the rate on a plateau; at most 30 epochs. Its
                           regression ended in a ReLU, which the codec here leaves out.
clocks/transfer-edges      The same with a VGG16 that pip carries: of ImageNet, trained on to find edges.
clocks/transfer-resnet, clocks/transfer-efficientnet   The same with other trunks of ImageNet.
"""

from __future__ import annotations

from dataclasses import replace

from facevalue.recipes import Recipe

KITCHEN_TRAINED, BATCH = 10_800, 128  # 60 % of 18,000 pictures
ENCODINGS = (
    *("hours", "hours-59", "24-classes", "72-classes", "180-classes", "720-classes", "720-soft"),
    *("hour-class-minute-value", "hour-minute-classes", "sine-cosine", "two-sine-cosines", "wrapped", "two-circles"),
)
"""All but needles, which is that of clocks/kitchen."""
LONGER = ("720-classes", "hour-minute-classes", "sine-cosine")
SMOOTHING = {"720-classes": 0.1}


def steps_of(epochs: int, copies: int = 1) -> int:
    """Steps of so many epochs, rounded up."""
    return -(-epochs * KITCHEN_TRAINED * copies // BATCH)


KITCHEN = Recipe(
    name="clocks/kitchen",
    kind="clock",
    source="clocks/kitchen-x25",
    codec="clock/needles",
    network="clocknet",
    size_px=75,
    widths=(16, 32, 64, 128),
    blocks=(0, 0, 1, 1),
    hidden=256,
    squeeze=64,
    steps=1300,
    batch_size=BATCH,
    learning_rate=6e-3,
    warmup_steps=100,
)

DEEP_TIME = Recipe(
    name="clocks/deep-time",
    kind="clock",
    source="clocks/plain",
    codec="clock/hour-minute-classes",
    network="deep-time",
    size_px=57,
    widths=(64, 64),
    hidden=384,
    steps=800,
    batch_size=128,
    optimizer="adam",
    schedule="constant",
    learning_rate=1e-3,
    warmup_steps=1,
)

LEIDEN = replace(
    DEEP_TIME,
    name="clocks/leiden-hour-minute-classes",
    source="clocks/kitchen",
    network="four-blocks",
    size_px=150,
    widths=(64, 128, 256, 512),
    hidden=240,
    dropout=0.5,
    steps=steps_of(80),
)

TRANSFER = replace(
    LEIDEN,
    name="clocks/transfer-hour-minute",
    source="clocks/kitchen-x25",
    network="vgg16",
    hidden=512,
    steps=steps_of(30, 25),
    schedule="plateau",
    pretrained="vgg16-imagenet",
)
FIFTEEN = replace(TRANSFER, source="clocks/kitchen-x15", steps=steps_of(30, 15))

RECIPES = (
    KITCHEN,
    *(replace(KITCHEN, name=f"clocks/kitchen-{encoding}", codec=f"clock/{encoding}") for encoding in ENCODINGS),
    *(
        replace(
            KITCHEN,
            name=f"clocks/kitchen-{encoding}-longer",
            codec=f"clock/{encoding}",
            steps=2 * KITCHEN.steps,
            smoothing=SMOOTHING.get(encoding, 0.0),
        )
        for encoding in LONGER
    ),
    replace(KITCHEN, name="clocks/plain-ours", source="clocks/plain-x25", size_px=57),
    DEEP_TIME,
    replace(LEIDEN, name="clocks/leiden-hours", codec="clock/hours-59", widths=(64, 128, 128, 256), steps=steps_of(60)),
    *(
        replace(LEIDEN, name=f"clocks/leiden-{count}-classes", codec=f"clock/{count}-classes", steps=steps_of(epochs))
        for count, epochs in ((24, 45), (72, 35), (180, 35), (720, 40))
    ),
    replace(LEIDEN, name="clocks/leiden-hour-class-minute-value", codec="clock/hour-class-minute-value"),
    LEIDEN,
    replace(LEIDEN, name="clocks/leiden-sine-cosine", codec="clock/sine-cosine", steps=steps_of(55)),
    TRANSFER,
    replace(FIFTEEN, name="clocks/transfer-hours", codec="clock/hours"),
    replace(FIFTEEN, name="clocks/transfer-720-classes", codec="clock/720-classes"),
    replace(FIFTEEN, name="clocks/transfer-hour-class-minute-value", codec="clock/hour-class-minute-value"),
    replace(TRANSFER, name="clocks/transfer-edges", pretrained="vgg16-edges"),
    replace(TRANSFER, name="clocks/transfer-resnet", network="resnet18", pretrained="resnet18-imagenet"),
    replace(
        TRANSFER,
        name="clocks/transfer-efficientnet",
        network="efficientnet-lite0",
        pretrained="efficientnet-lite0-imagenet",
    ),
)
