"""Recipes for records on small pictures: the most that a small budget of CPU minutes buys, and what each part is worth.

    facevalue study records                     one: facevalue train records/cifar10-cnn

records/cifar10-cnn       airbench94 with Muon (Keller Jordan, 2024; 94.01 % in 8 epochs) for ten epochs: whitened
                          patches, flips that alternate, shifts of 2 px, labels smoothed by 0.2, batches of 2,000, a
                          falling rate.
records/cifar10-cnn-long  Its way on to 95 and 96 %: wider, with three convolutions and a shortcut in the last group,
                          shifts of 4 px and a square cut out.
records/fashion-cnn       The same network on Fashion-MNIST, longer, with a square cut out.
records/fashion-mlp       Dense layers of 1,024 with batch norms, dropout, smoothed labels, flips and shifts of 1 px;
                          Muon in batches of 2,000, as making its steps orthogonal costs more than a small batch.
records/cifar10-mlp       Dense layers of 2,048, 2,048 and 1,024 on whitened principal components, shifts of 2 px;
                          AdamW, as making steps of matrices this wide orthogonal would take four fifths of the time.
records/...-validated     The same trained on nine tenths, to choose by their last tenth before the above are trained on
                          all. So the settings of the dense ones were chosen, in trainings of forty epochs;
                          records/cifar10-mlp-plain-validated is not whitened.
records/ablation-...      records/cifar10-cnn for four epochs on nine tenths, whole and with one part left out or
                          made as it was before; without Muon, filters step by their momentum as far as Muon would.
"""

from __future__ import annotations

from dataclasses import replace

from facevalue.recipes import Recipe
from facevalue.recipes.pictures import CIFAR_TRAINED
from facevalue.sources.pictures import ON_ALL

FASHION_RECORDS, CIFAR_RECORDS = 60_000, 50_000


def on_all(recipe: Recipe, epochs: float, records: int) -> Recipe:
    """Trained on all training records, so many times."""
    steps = round(epochs * records / recipe.batch_size)
    return replace(recipe, source=recipe.source + ON_ALL, steps=steps)


def validated(recipe: Recipe) -> Recipe:
    """Trained as often on nine tenths of them, for choosing."""
    steps = round(recipe.steps * VALIDATED_SHARE)
    return replace(recipe, name=f"{recipe.name}-validated", source=recipe.source.removesuffix(ON_ALL), steps=steps)


VALIDATED_SHARE = CIFAR_TRAINED / CIFAR_RECORDS
CIFAR_EPOCHS, LONG_EPOCHS, FASHION_EPOCHS = 10, 36, 17
MLP_FASHION_EPOCHS, MLP_CIFAR_EPOCHS = 50, 80
ABLATION_EPOCHS = 4

AIRBENCH = Recipe(
    name="records/cifar10-cnn",
    kind="pictures",
    source="pictures/cifar10-flip-shift",
    codec="classes/ten",
    network="records-cnn",
    size_px=32,
    widths=(64, 256, 256),
    blocks=(2, 2, 2),
    batch_size=2000,
    optimizer="muon-normed",
    learning_rate=0.24,
    weight_decay=0.004,
    warmup_steps=1,
    decay=1.0,
    smoothing=0.2,
)

CIFAR_CNN = on_all(AIRBENCH, CIFAR_EPOCHS, CIFAR_RECORDS)

CIFAR_CNN_LONG = on_all(
    replace(
        AIRBENCH,
        name="records/cifar10-cnn-long",
        source="pictures/cifar10-flip-far-shift-cut",
        widths=(128, 384, 384),
        blocks=(2, 2, 3),
    ),
    LONG_EPOCHS,
    CIFAR_RECORDS,
)

FASHION_CNN = on_all(
    replace(
        AIRBENCH,
        name="records/fashion-cnn",
        source="pictures/fashion-mnist-flip-shift-cut",
        size_px=28,
        channels=1,
        smoothing=0.1,
    ),
    FASHION_EPOCHS,
    FASHION_RECORDS,
)

FASHION_MLP = on_all(
    Recipe(
        name="records/fashion-mlp",
        kind="pictures",
        source="pictures/fashion-mnist-flip-near-shift",
        codec="classes/ten",
        network="records-mlp",
        size_px=28,
        channels=1,
        widths=(1024, 1024),
        activations="gelu",
        batch_size=2000,
        optimizer="muon",
        learning_rate=6e-3,
        warmup_steps=100,
        decay=1.0,
        dropout=0.3,
        smoothing=0.1,
    ),
    MLP_FASHION_EPOCHS,
    FASHION_RECORDS,
)

CIFAR_MLP = on_all(
    replace(
        FASHION_MLP,
        name="records/cifar10-mlp",
        source="pictures/cifar10-flip-shift",
        network="records-mlp-white",
        size_px=32,
        channels=3,
        widths=(2048, 2048, 1024),
        squeeze=1024,
        batch_size=500,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.05,
    ),
    MLP_CIFAR_EPOCHS,
    CIFAR_RECORDS,
)

FINAL = {
    "fashion-mlp": FASHION_MLP,
    "fashion-cnn": FASHION_CNN,
    "cifar10-mlp": CIFAR_MLP,
    "cifar10-cnn": CIFAR_CNN,
    "cifar10-cnn-long": CIFAR_CNN_LONG,
}
"""On all records, by the end of their names."""

VALIDATED = {
    **{f"{name}-validated": validated(recipe) for name, recipe in FINAL.items()},
    "cifar10-mlp-plain-validated": replace(
        validated(CIFAR_MLP), name="records/cifar10-mlp-plain-validated", network="records-mlp"
    ),
}
"""On nine tenths, by the end of their names."""

WHOLE = replace(
    AIRBENCH,
    name="records/ablation-whole",
    steps=round(ABLATION_EPOCHS * CIFAR_TRAINED / AIRBENCH.batch_size),
)

ABLATIONS = {
    "whole": WHOLE,
    "no-whitening": replace(WHOLE, name="records/ablation-no-whitening", network="records-cnn-unwhitened"),
    "random-flips": replace(WHOLE, name="records/ablation-random-flips", source="pictures/cifar10-random-flip-shift"),
    "no-flips": replace(WHOLE, name="records/ablation-no-flips", source="pictures/cifar10-shift"),
    "no-shifts": replace(WHOLE, name="records/ablation-no-shifts", source="pictures/cifar10-flip"),
    "no-smoothing": replace(WHOLE, name="records/ablation-no-smoothing", smoothing=0.0),
    "not-orthogonal": replace(WHOLE, name="records/ablation-not-orthogonal", optimizer="momentum-normed"),
    "random-start": replace(WHOLE, name="records/ablation-random-start", network="records-cnn-random-start"),
}
"""On nine tenths and for fewer epochs, by the end of their names."""

RECIPES = (*FINAL.values(), *VALIDATED.values(), *ABLATIONS.values())
