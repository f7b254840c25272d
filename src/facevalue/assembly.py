"""The parts of a training by name: its source of pictures and its network, and what of a recipe they make use of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facevalue.codecs import Codec, make_codec
from facevalue.codecs.digits import COLUMN_PX, COLUMNS, FRAME_PX
from facevalue.errors import ModelError, SettingError
from facevalue.networks.classic import CLASSIC, make_classic
from facevalue.networks.clocks import CLOCKS, check_frame, make_clock_network
from facevalue.networks.cnn import CNN, make_cnn
from facevalue.networks.convnet import ConvNet
from facevalue.networks.mlp import MLP, make_mlp
from facevalue.networks.pretrained import TRUNKS, make_transfer
from facevalue.networks.records import RECORDS, make_record
from facevalue.networks.rownet import RowNet
from facevalue.recipes import Recipe
from facevalue.sources import Batch, Source

STORED = ("clocks/index", "clocks/index-skip-bad")  # sources of clocks that aren't drawn
OF_NETWORK = ("widths", "blocks", "hidden", "squeeze", "dropout", "channels", "kernel", "activations")


def make_source(recipe: Recipe, data: Path | None = None) -> Source:
    """The recipe's source. data: folder of the data sets, None for where ``datasets.find_dataset`` looks."""
    from facevalue.sources.clock_index import open_index
    from facevalue.sources.clock_sets import kitchen_clocks, plain_clocks
    from facevalue.sources.clocks import ClockSource
    from facevalue.sources.dials import DialSource
    from facevalue.sources.digits import DISPLAY_SHARES, MOSTLY_DISPLAY_SHARES, DigitSource
    from facevalue.sources.mnist import MnistSequences, MnistSource, SvhnSource
    from facevalue.sources.pictures import PICTURES, open_pictures

    table: dict[str, Callable[[], Source]] = {
        "clocks/wild": lambda: ClockSource(size_px=recipe.size_px),
        "clocks/plain": lambda: plain_clocks(recipe.size_px),
        "clocks/plain-second": lambda: plain_clocks(recipe.size_px, second_hand=True),
        "clocks/plain-x15": lambda: plain_clocks(recipe.size_px, copies=15),
        "clocks/plain-x25": lambda: plain_clocks(recipe.size_px, copies=25),
        "clocks/kitchen": lambda: kitchen_clocks(recipe.size_px),
        "clocks/kitchen-x15": lambda: kitchen_clocks(recipe.size_px, copies=15),
        "clocks/kitchen-x25": lambda: kitchen_clocks(recipe.size_px, copies=25),
        "clocks/index": lambda: open_index(data, recipe.size_px),
        "clocks/index-skip-bad": lambda: open_index(data, recipe.size_px, skip_bad=True),
        "dials/wild": lambda: DialSource(size_px=recipe.size_px),
        "digits/wild": lambda: DigitSource(size_px=recipe.frame_px, data=data),
        "digits/displays": lambda: DigitSource(recipe.frame_px, data, tuple(DISPLAY_SHARES.items())),
        "digits/mostly-displays": lambda: DigitSource(recipe.frame_px, data, tuple(MOSTLY_DISPLAY_SHARES.items())),
        "digits/mnist": lambda: MnistSource(data, recipe.steps),
        "digits/mnist-all": lambda: MnistSource(data, recipe.steps, hold_out=False),
        "digits/mnist-plain": lambda: MnistSource(data),
        "digits/mnist-sequences": lambda: MnistSequences(data),
        "digits/mnist-sequences-augmented": lambda: MnistSequences(data, recipe.steps),
        "digits/svhn": lambda: SvhnSource(data),
        **{name: functools.partial(open_pictures, name, data) for name in PICTURES},
    }
    if recipe.source.startswith("own/"):
        raise ModelError(
            f"{recipe.name} is taught with pictures of one's own: train, measure and export it with "
            "facevalue train --from READER --data labels.csv"
        )
    if recipe.source not in table:
        raise SettingError(f"there is no source {recipe.source!r}; there are: {', '.join(sorted(table))}")
    return table[recipe.source]()


def make_network(recipe: Recipe, codec: Codec) -> nn.Module:
    """The recipe's network, its start drawn from the recipe's seed."""
    table: dict[str, Callable[[Recipe, Codec], nn.Module]] = {
        "convnet": make_convnet,
        "rownet": make_rownet,
        **dict.fromkeys(CLASSIC, make_classic),
        **dict.fromkeys(CLOCKS, make_clock_network),
        **dict.fromkeys(CNN, make_cnn),
        **dict.fromkeys(MLP, make_mlp),
        **dict.fromkeys(RECORDS, make_record),
        **dict.fromkeys(TRUNKS, make_transfer),
    }
    if recipe.network not in table:
        raise SettingError(f"there is no network {recipe.network!r}; there are: {', '.join(table)}")
    torch.manual_seed(recipe.seed)
    return table[recipe.network](recipe, codec)


def make_convnet(recipe: Recipe, codec: Codec) -> nn.Module:
    check_stages(recipe)
    check_frame(recipe, codec)
    return ConvNet(codec.heads, recipe.size_px, recipe.widths, recipe.blocks, recipe.hidden, recipe.squeeze)


def make_rownet(recipe: Recipe, codec: Codec) -> nn.Module:
    check_stages(recipe)
    if not any(head.name == "length" for head in codec.heads) or all(head.places == 1 for head in codec.heads):
        raise SettingError(f"network {recipe.network} counts the digits of a row; codec {recipe.codec} has none")
    frame = (COLUMNS * COLUMN_PX, FRAME_PX)
    if recipe.frame_px != frame or len(recipe.widths) < 2:
        raise SettingError(
            f"{recipe.frame_px[0]} x {recipe.frame_px[1]} px and {len(recipe.widths)} stages make no row network: "
            f"{codec.name} counts the columns of {frame[0]} x {frame[1]}, after two stages at least"
        )
    return RowNet(codec.heads, recipe.size_px, recipe.widths, recipe.blocks, recipe.hidden)


def check_stages(recipe: Recipe) -> None:
    """Raise SettingError for stages that don't fit each other or the size."""
    stages, blocks = len(recipe.widths), recipe.blocks
    if not stages or len(blocks) != stages or 0 in blocks[1:] or recipe.size_px < 1 or recipe.size_px % 2**stages:
        raise SettingError(
            f"widths={recipe.widths}, blocks={blocks} and size_px={recipe.size_px} make no network: expected as many "
            f"blocks as widths, none but the first 0, and a size that {2**stages} divides, as each stage halves it"
        )


def check_labels(recipe: Recipe, codec: Codec, batch: Batch) -> None:
    """Raise SettingError for a codec that labels other things than the source shows."""
    labels = batch.labels()
    try:
        codec.encode(labels)
    except KeyError as error:
        raise SettingError(
            f"codec {recipe.codec} needs labels of {error.args[0]!r}, and {recipe.source} has: {', '.join(labels)}"
        ) from error


def check_pictures(recipe: Recipe, batch: Batch) -> None:
    """Raise SettingError for pictures of another size than the network is made for, as stored ones may be."""
    high, wide = batch.pictures.shape[1:3]
    if (wide, high) != recipe.frame_px:
        raise SettingError(
            f"the pictures of {recipe.source} have {wide} x {high} px, and network {recipe.network} is made for "
            f"{recipe.frame_px[0]} x {recipe.frame_px[1]}: set size_px, or take another source"
        )


def refuse_unused(recipe: Recipe, settings: Mapping[str, str], data: Path | None) -> None:
    """Raise SettingError for settings of the network that it makes no use of, and for data that the source doesn't."""
    drawn = recipe.source.startswith(("clocks/", "dials/")) and recipe.source not in STORED
    if data is not None and drawn and not recipe.pretrained:
        index = "; to train on pictures of an index add --set source=clocks/index" if recipe.kind == "clock" else ""
        raise SettingError(f"{recipe.name} draws its pictures ({recipe.source}) and makes no use of --data{index}")
    codec = make_codec(recipe.codec)
    used = {
        "width_px": recipe.source in ("digits/wild", "digits/displays", "digits/mostly-displays"),
        "smoothing": any(head.kind == "classes" for head in codec.heads),
        "decay": recipe.schedule == "linear",
        "weight_decay": recipe.optimizer in ("muon", "adamw", "muon-normed", "momentum-normed"),
        "l2": recipe.optimizer in ("adam", "sgd", "momentum"),
    }
    asked = [name for name in settings if name in OF_NETWORK]
    if asked and all(used.get(name, True) for name in settings):  # else the network may not even be made
        read: set[str] = set()

        class Noting(Recipe):
            def __getattribute__(self, name: str) -> Any:
                read.add(name)
                return super().__getattribute__(name)

        make_network(Noting(**vars(recipe)), codec)
        used |= {name: name in read for name in asked}
    for name in settings:
        if not used.get(name, True):
            parts = f"{recipe.source}, {recipe.codec}, {recipe.network}, {recipe.schedule}, {recipe.optimizer}"
            raise SettingError(f"setting {name!r} has no use here: none of {parts} reads it")
