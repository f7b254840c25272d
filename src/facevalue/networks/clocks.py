"""Networks that read the time off square pictures: those of two reports and ours, each with the heads of any codec.

deep-time     the network of TensorFlow's CIFAR-10 tutorial with an output for each head, 2016: two 5x5 convolutions,
              each pooled and normed by its neighbours (local response normalisation), dense layers of 384 and 192
four-blocks   leiden-2021: a 7x7 convolution, then 3x3 ones, each halved, normed and thinned out by dropout of 0.25;
              dense layers of 240 and 240, or for each of several heads 144 and 144, for minutes 200
clocknet      ours: residual, 75 px or any other side, one channel; where things are is kept, as in ``convnet``

Both reports' networks start as He et al. 2015 draw uniformly, with biases of 0, as leiden-2021 found better; the
tutorial draws from normal distributions, biases of 0.1, decays the dense layers and norms the second convolution before
it pools. leiden-2021 gives dense layers for its classes alone; here the decimal hours have the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facevalue.codecs import Codec, Head
from facevalue.errors import SettingError
from facevalue.networks.classic import OddBlock, squeezed, to_grey
from facevalue.recipes import Recipe

CLOCKS = ("deep-time", "four-blocks", "clocknet")
MAP_DROPOUT = 0.25
BRANCH, MINUTE_BRANCH, SINE_COSINE = 144, 200, 100  # dense units of leiden-2021


def make_clock_network(recipe: Recipe, codec: Codec) -> nn.Module:
    """The network of a recipe that names one of CLOCKS. Raises SettingError for a size or widths it can't have."""
    check_frame(recipe, codec)
    widths, side = recipe.widths, recipe.size_px
    if not widths or side >> len(widths) < 1:
        raise SettingError(f"widths={widths} halve {side} pixels {len(widths)} times: expected at least 1, and a map")
    if recipe.network == "deep-time":
        return DeepTime(codec.heads, side, widths, recipe.hidden)
    if recipe.network == "four-blocks":
        hidden = recipe.hidden if len(codec.heads) == 1 else 0  # read only where it is of use
        return FourBlocks(codec.heads, side, widths, hidden, recipe.dropout)
    if len(recipe.blocks) != len(widths):
        raise SettingError(f"widths={widths} and blocks={recipe.blocks}: expected as many of both")
    return ClockNet(codec.heads, side, widths, recipe.blocks, recipe.squeeze, recipe.hidden, recipe.dropout)


def check_frame(recipe: Recipe, codec: Codec) -> None:
    """Raise SettingError for pictures that are not square, and for a codec that reads several places of a picture."""
    if any(head.places > 1 for head in codec.heads):
        raise SettingError(f"network {recipe.network} reads a picture as one; codec {recipe.codec} has places in a row")
    wide, high = recipe.frame_px
    if wide != high:
        raise SettingError(f"network {recipe.network} reads square pictures; {wide} x {high} px are none")


def start_he_uniform(network: nn.Module) -> None:
    """Weights of filters and matrices drawn uniformly after He et al. 2015, for ReLUs; their biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def outputs_of(heads: Sequence[Head], features: int) -> nn.ModuleDict:
    """A linear layer for each head."""
    return nn.ModuleDict({head.name: nn.Linear(features, head.size) for head in heads})


def standardised(grey: Tensor) -> Tensor:
    """Each picture (B, 1, S, S) with a mean of 0 and a deviation of 1, unless it is flat."""
    flat = grey.flatten(1)
    deviation = flat.std(1, correction=0).clamp(min=flat.shape[1] ** -0.5)
    return (grey - flat.mean(1)[:, None, None, None]) / deviation[:, None, None, None]


class DeepTime(nn.Module):
    """widths: channels of the convolutions.  hidden: of the first dense layer, the second has half of it."""

    def __init__(self, heads: Sequence[Head], size_px: int, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, side = 1, size_px
        for width in widths:
            layers += [nn.Conv2d(channels, width, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
            layers += [nn.LocalResponseNorm(9, alpha=0.001, beta=0.75, k=1.0)]  # torch divides alpha by 9
            channels, side = width, (side + 1) // 2
        self.trunk = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            *(nn.Flatten(), nn.Linear(channels * side * side, hidden), nn.ReLU()),
            *(nn.Linear(hidden, hidden // 2), nn.ReLU()),
        )
        self.out = outputs_of(heads, hidden // 2)
        start_he_uniform(self)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, S, S) uint8.  Returns raw float32 outputs (B, size) by head name."""
        x = standardised(to_grey(pictures)).contiguous(memory_format=torch.channels_last)
        x = self.dense(self.trunk(x))
        return {name: layer(x).float() for name, layer in self.out.items()}


class FourBlocks(nn.Module):
    """widths: channels of the convolutions.  hidden: of both dense layers of a single head.  dropout: behind them."""

    def __init__(self, heads: Sequence[Head], size_px: int, widths: Sequence[int], hidden: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, side = 1, size_px
        for index, width in enumerate(widths):
            kernel = 7 if index == 0 else 3
            layers += [nn.Conv2d(channels, width, kernel, padding=kernel // 2), nn.ReLU(), nn.MaxPool2d(2)]
            layers += [nn.BatchNorm2d(width), nn.Dropout(MAP_DROPOUT)]
            channels, side = width, side // 2
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        flat = channels * side * side
        self.dense, self.out = nn.ModuleDict(), nn.ModuleDict()
        for head in heads:
            units = dense_units(head, len(heads), hidden)
            branch: list[nn.Module] = []
            for before, after in zip((flat, *units), units, strict=False):
                branch += [nn.Linear(before, after), nn.ReLU(), nn.BatchNorm1d(after)]
            self.dense[head.name] = nn.Sequential(*branch, nn.Dropout(dropout))
            self.out[head.name] = nn.Linear(units[-1], head.size)
        start_he_uniform(self)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, S, S) uint8.  Returns raw float32 outputs (B, size) by head name."""
        x = self.trunk(to_grey(pictures).contiguous(memory_format=torch.channels_last))
        return {name: layer(self.dense[name](x)).float() for name, layer in self.out.items()}


def dense_units(head: Head, heads: int, hidden: int) -> tuple[int, ...]:
    """Of the dense layers before a head, one of so many."""
    if heads > 1:
        return (MINUTE_BRANCH,) if head.name == "minute" else (BRANCH, BRANCH)
    return (hidden, hidden, SINE_COSINE) if head.kind == "vector" else (hidden, hidden)


class ClockNet(nn.Module):
    """Stages that halve the map, a squeeze, a dense layer and the heads.

    widths, blocks: channels and residual blocks of each stage, which halves the map upwards where its side is odd.  A
    stage of 0 blocks is one plain convolution, of 5x5 where it is the first: pictures of one channel are halved before
    anything else, as maps of their own size would take most of the time.  dropout: behind the dense layer.
    """

    def __init__(
        self,
        heads: Sequence[Head],
        size_px: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        squeeze: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, side = 1, size_px
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            if count == 0:
                kernel = 5 if stage == 0 else 3
                layers += [nn.Conv2d(channels, width, kernel, 2, kernel // 2, bias=False)]
                layers += [nn.BatchNorm2d(width), nn.ReLU()]
            for block in range(count):
                layers.append(OddBlock(width if block else channels, width, 1 if block else 2))
            channels, side = width, (side + 1) // 2
        self.trunk = nn.Sequential(*layers)
        self.dense = squeezed(channels, side, squeeze, hidden, dropout)
        self.out = outputs_of(heads, hidden)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, S, S) uint8.  Returns raw float32 outputs (B, size) by head name."""
        x = (to_grey(pictures) * 4.0 - 2.0).contiguous(memory_format=torch.channels_last)
        x = self.dense(self.trunk(x))
        return {name: layer(x).float() for name, layer in self.out.items()}
