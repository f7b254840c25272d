"""Recipes of single digits and of strings of them: MNIST and SVHN as two reports trained them, and ours.

    facevalue study digits        trains and measures them all; a single one: facevalue train digits/mnist-tutorial

digits/mnist-tutorial     TensorFlow's tutorial of 2018, as the report on handwriting ran it: 95.21 % of the test
                          digits. 10,000 steps of 100. Its slow SGD stops long before the network has learned.
digits/mnist-ours         1.14 million parameters, 24 epochs of bent, turned and thickened digits, all 60,000: 99.69 %
                          of the test digits (15 looks 99.72). Of two thirds of the width, 0.66 million parameters,
                          99.67 (99.69), in 48 epochs 99.63 (99.72).
digits/sequences-report   Strings of one to five MNIST digits, each fifth of the picture through shared layers.
digits/sequences-ours     digits/mnist-ours over the fifths. Its parameters are those of digits/mnist-ours, so the study
                          takes them over and trains nothing; trained by itself it sees augmented strings.
digits/svhn-report        Cropped house numbers, about 92 % in the report; people 98 %. SVHN is for non-commercial use,
                          so no shipped weight comes from it.
"""

from facevalue.recipes import Recipe

# warmup_steps=1: the rates of the reports are there from the first step on.
RECIPES = (
    Recipe(
        name="digits/mnist-tutorial",
        kind="digits",
        source="digits/mnist-plain",
        codec="digits/one",
        network="classic/mnist",
        size_px=28,
        widths=(32, 64),
        hidden=1024,
        dropout=0.4,
        steps=10_000,
        batch_size=100,
        optimizer="sgd",
        schedule="constant",
        learning_rate=1e-3,
        warmup_steps=1,
    ),
    Recipe(
        name="digits/mnist-ours",
        kind="digits",
        source="digits/mnist-all",
        codec="digits/one",
        network="digitnet",
        size_px=28,
        widths=(48, 96, 192),
        blocks=(1, 2, 1),
        hidden=256,
        squeeze=64,
        dropout=0.2,
        smoothing=0.1,
        steps=5625,
        batch_size=256,
        learning_rate=2e-3,
    ),
    Recipe(
        name="digits/sequences-report",
        kind="digits",
        source="digits/mnist-sequences",
        codec="digits/five",
        network="classic/sequences",
        size_px=28,
        width_px=140,
        widths=(32, 64),
        hidden=128,
        dropout=0.6,
        l2=8e-3,
        steps=10_001,
        batch_size=32,
        optimizer="adam",
        schedule="staircase",
        learning_rate=1e-2,
        warmup_steps=1,
    ),
    Recipe(
        name="digits/sequences-ours",
        kind="digits",
        source="digits/mnist-sequences-augmented",
        codec="digits/five",
        network="digitnet/blank",
        size_px=28,
        width_px=140,
        widths=(48, 96, 192),
        blocks=(1, 2, 1),
        hidden=256,
        squeeze=64,
        dropout=0.2,
        steps=5625,
        batch_size=86,
        learning_rate=2e-3,
    ),
    Recipe(
        name="digits/svhn-report",
        kind="digits",
        source="digits/svhn",
        codec="digits/one",
        network="classic/svhn",
        size_px=32,
        widths=(16, 32, 64, 128),
        hidden=256,
        dropout=0.5,
        l2=5e-5,
        steps=200_000,
        batch_size=20,
        optimizer="adam",
        schedule="constant",
        learning_rate=1e-3,
        warmup_steps=1,
    ),
)
