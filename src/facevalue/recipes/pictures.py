"""Recipes of small pictures: the reports' networks on Fashion-MNIST and CIFAR-10, as they swept them.

    facevalue study activations | mlp | cnn | obfuscated | optimizers | search     one: facevalue train pictures/mlp-2

pictures/activations-relu-tanh-softmax, ...   Dense 300, 100 and ten outputs, each of the three with ReLU, tanh or
                        softmax: 27 networks, ten epochs. leiden-2021 gives 88.02 % for this one and at most 20 % for
                        19 of them; outputs of ReLU and tanh are taken for probabilities, as Keras does.
pictures/mlp-1, ...     leiden-2024: layer k has 100 k units; 1, 2 and 5 layers, each plain, with L2 (Keras' 0.01, which
                        is half of l2 here) and with dropout of 0.2; one layer of 2, 5 or 10 units; 12 and 15 layers.
                        87.0 % for two plain layers.
pictures/cnn, ...       leiden-2024's sweep of convolutional networks. It prints sizes, not layers, and names no
                        base: ours, two convolutions each of 64, 128 and 256 and a dense layer of 128, has 1.4 million
                        parameters, 0.42 with kernels of 1 (it: 0.43), 3.5 with kernels of 5 as it has. 0.92 for falling
                        channels.
pictures/cifar10-...    The same networks, unchanged, on CIFAR-10. 46.6 % and 78 % are its best.
pictures/...-obfuscated The same pictures, their pixels permuted.
pictures/range-..., pictures/optimizers-...   Made by ``range_tests`` and ``optimized``: the two dense layers under each
                        optimizer, batch and rate.
pictures/search-...     Made by ``searched``: a small convolutional network with settings from the reports' ranges.

All but the last two train with Adam at 1e-3 in batches of 128, as the reports' ranges and Keras' defaults suggest: the
dense ones at a constant rate for ten epochs, the convolutional ones for four, eight on CIFAR-10, over whose second half
it falls.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from facevalue.recipes import Recipe

FASHION_TRAINED, CIFAR_TRAINED, BATCH = 54_000, 45_000, 128
KERAS_L2 = 0.01


def steps_of(epochs: int, trained: int) -> int:
    """Steps of so many epochs, rounded up."""
    return -(-epochs * trained // BATCH)


MLP = Recipe(
    name="pictures/mlp-2",
    kind="pictures",
    source="pictures/fashion-mnist",
    codec="classes/ten",
    network="mlp",
    size_px=28,
    channels=1,
    widths=(100, 200),
    steps=steps_of(10, FASHION_TRAINED),
    batch_size=BATCH,
    optimizer="adam",
    schedule="constant",
    learning_rate=1e-3,
    warmup_steps=1,
)

CNN = replace(
    MLP,
    name="pictures/cnn",
    network="cnn",
    widths=(64, 128, 256),
    blocks=(2, 2, 2),
    hidden=128,
    dropout=0.3,
    steps=steps_of(4, FASHION_TRAINED),
    schedule="linear",
    decay=0.5,
)


def on_cifar10(recipe: Recipe, epochs: int) -> Recipe:
    """The same network and training on CIFAR-10, for so many epochs."""
    return replace(
        recipe,
        name=recipe.name.replace("pictures/", "pictures/cifar10-"),
        source=recipe.source.replace("fashion-mnist", "cifar10"),
        size_px=32,
        channels=3,
        steps=steps_of(epochs, CIFAR_TRAINED),
    )


def obfuscated(recipe: Recipe) -> Recipe:
    """The same on permuted pixels."""
    return replace(recipe, name=f"{recipe.name}-obfuscated", source=f"{recipe.source}-obfuscated")


def widths_of(layers: int) -> tuple[int, ...]:
    """100, 200, ..."""
    return tuple(100 * layer for layer in range(1, layers + 1))


ACTIVATIONS = {
    "-".join(names): replace(
        MLP, name=f"pictures/activations-{'-'.join(names)}", widths=(300, 100), activations="-".join(names)
    )
    for names in itertools.product(("relu", "tanh", "softmax"), repeat=3)
}
"""By the activations of the three layers."""

MLPS = {
    **{
        f"{layers}{suffix}": replace(MLP, name=f"pictures/mlp-{layers}{suffix}", widths=widths_of(layers), l2=l2)
        for layers in (1, 2, 5)
        for suffix, l2 in (("", 0.0), ("-l2", 2 * KERAS_L2))
    },
    **{
        f"{layers}-dropout": replace(MLP, name=f"pictures/mlp-{layers}-dropout", widths=widths_of(layers), dropout=0.2)
        for layers in (1, 2, 5)
    },
    **{f"1-of-{units}": replace(MLP, name=f"pictures/mlp-1-of-{units}", widths=(units,)) for units in (2, 5, 10)},
    **{f"{layers}": replace(MLP, name=f"pictures/mlp-{layers}", widths=widths_of(layers)) for layers in (12, 15)},
}
"""Fourteen, by the end of their names."""

DEEP = replace(CNN, name="pictures/cnn-10-layers", blocks=(4, 4, 2))
CNNS = {
    "base": CNN,
    "rising": replace(CNN, name="pictures/cnn-rising", widths=(64, 128, 256, 512), blocks=(1, 1, 1, 1)),
    "falling": replace(CNN, name="pictures/cnn-falling", widths=(512, 256, 128, 64), blocks=(1, 1, 1, 1)),
    "kernel-1": replace(CNN, name="pictures/cnn-kernel-1", kernel=1),
    "kernel-5": replace(CNN, name="pictures/cnn-kernel-5", kernel=5),
    "2-layers": replace(CNN, name="pictures/cnn-2-layers", widths=(64, 128), blocks=(1, 1), hidden=400),
    "10-layers": DEEP,
    "10-residual": replace(DEEP, name="pictures/cnn-10-residual", network="cnn-residual"),
    "10-norm": replace(DEEP, name="pictures/cnn-10-norm", network="cnn-norm"),
    "average": replace(CNN, name="pictures/cnn-average", network="cnn-average"),
    "global": replace(CNN, name="pictures/cnn-global", network="cnn-global"),
    "one-1x1": replace(CNN, name="pictures/cnn-one-1x1", network="cnn-bare", widths=(1,), blocks=(1,), kernel=1),
    "5-layers": replace(
        CNN, name="pictures/cnn-5-layers", widths=(64, 128, 256, 512, 1024), blocks=(1, 1, 1, 1, 1), hidden=1280
    ),
}
"""By the end of their names."""

MLP_CIFAR_EPOCHS, CNN_CIFAR_EPOCHS = 10, 8
CIFAR_MLPS = {name: on_cifar10(recipe, MLP_CIFAR_EPOCHS) for name, recipe in MLPS.items()}
CIFAR_CNNS = {name: on_cifar10(recipe, CNN_CIFAR_EPOCHS) for name, recipe in CNNS.items()}
PLAIN = (MLP, CNN, CIFAR_MLPS["2"], CIFAR_CNNS["base"])
"""What the study of obfuscated pictures compares, each with its ``obfuscated``."""

OPTIMIZERS, BATCHES = ("sgd", "momentum", "adam", "adamw", "muon"), (16, 128, 1024)
RATES = tuple(float(f"{3 / 3**third:.3g}") for third in range(10))
"""Of the range test, the highest first: each a third of the one before."""
RANGE_STEPS, OPTIMIZED_EPOCHS = 200, 5


def range_tests(optimizer: str, batch_size: int) -> list[Recipe]:
    """A short training at each of the RATES."""
    return [
        replace(
            MLP,
            name=f"pictures/range-{optimizer}-{batch_size}-{rate:g}",
            optimizer=optimizer,
            batch_size=batch_size,
            learning_rate=rate,
            steps=RANGE_STEPS,
        )
        for rate in RATES
    ]


def optimized(optimizer: str, batch_size: int, rate: float) -> Recipe:
    """The whole training at a rate, which falls to zero all along."""
    return replace(
        MLP,
        name=f"pictures/optimizers-{optimizer}-{batch_size}-{rate:g}",
        optimizer=optimizer,
        batch_size=batch_size,
        learning_rate=rate,
        steps=-(-OPTIMIZED_EPOCHS * FASHION_TRAINED // batch_size),
        schedule="linear",
        decay=1.0,
    )


SEARCHED_EPOCHS = 2
BY_HAND = replace(
    CNN,
    name="pictures/search-by-hand",
    widths=(32, 64),
    blocks=(1, 1),
    steps=steps_of(SEARCHED_EPOCHS, FASHION_TRAINED),
)
"""A point that we took from the ranges of the reports' hands, on a network small enough to be trained many times."""


def searched(name: str, batch_size: int, rate: float, dropout: float, kernel: int) -> Recipe:
    """The same network with other settings, trained on as many pictures."""
    return replace(
        BY_HAND,
        name=f"pictures/search-{name}",
        batch_size=batch_size,
        learning_rate=float(f"{rate:.3g}"),
        dropout=round(dropout, 3),
        kernel=kernel,
        steps=-(-SEARCHED_EPOCHS * FASHION_TRAINED // batch_size),
    )


RECIPES = (
    *ACTIVATIONS.values(),
    *MLPS.values(),
    *CNNS.values(),
    *CIFAR_MLPS.values(),
    *CIFAR_CNNS.values(),
    BY_HAND,
    *(obfuscated(recipe) for recipe in PLAIN),
)
