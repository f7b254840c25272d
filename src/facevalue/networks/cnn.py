"""Plain convolutional networks for small pictures, and the variations of the reports' sweep.

cnn            ``blocks`` convolutions of each of the ``widths``, the map halved by its largest behind each stage while
               it has two pixels, then a dense layer of ``hidden`` units, dropout and the outputs
cnn-average    halved by its means
cnn-global     instead of the dense layer the mean of the last map
cnn-residual   every two convolutions have a shortcut past them, as He et al. 2016, without norms
cnn-norm       a batch norm behind every convolution
cnn-bare       convolutions and outputs alone: nothing halved, no dense layer

Filters are ``kernel`` pixels wide and high; all layers have ReLUs and start as Keras' do. Nothing but ``cnn-norm`` has
norms: what a network of many layers does to gradients is what they are there to show.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facevalue.codecs import Codec, Head
from facevalue.errors import SettingError
from facevalue.networks.mlp import as_seen, only_head, start_glorot
from facevalue.recipes import Recipe

CNN = ("cnn", "cnn-average", "cnn-global", "cnn-residual", "cnn-norm", "cnn-bare")


def make_cnn(recipe: Recipe, codec: Codec) -> nn.Module:
    """The network of a recipe that names one of CNN. Raises SettingError for stages it can't have."""
    head, pairs = only_head(recipe, codec), recipe.network == "cnn-residual"
    stages, blocks = len(recipe.widths), recipe.blocks
    if not stages or len(blocks) != stages or min(blocks) < 1 or (pairs and any(count % 2 for count in blocks)):
        even = ", an even number" * pairs
        raise SettingError(
            f"widths={recipe.widths} and blocks={blocks}: expected as many of both, and at least one convolution{even} "
            "in each stage"
        )
    if recipe.kernel % 2 != 1:
        raise SettingError(f"kernel={recipe.kernel}: expected an odd number, which has a middle")
    return Cnn(head, recipe)


class Pair(nn.Module):
    """Two convolutions and a shortcut past both."""

    def __init__(self, width_in: int, width_out: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, kernel, padding=kernel // 2)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width_out, width_out, kernel, padding=kernel // 2)
        self.shortcut = nn.Conv2d(width_in, width_out, 1) if width_in != width_out else nn.Identity()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu2(self.conv2(self.relu1(self.conv1(x))) + self.shortcut(x))
        return y


class Cnn(nn.Module):
    """See the module."""

    def __init__(self, head: Head, recipe: Recipe) -> None:
        super().__init__()
        self.head, self.channels = head, recipe.channels
        bare = recipe.network == "cnn-bare"
        layers: list[nn.Module] = []
        width, (across, down) = recipe.channels, recipe.frame_px
        for stage_width, count in zip(recipe.widths, recipe.blocks, strict=True):
            layers += make_stage(recipe.network, width, stage_width, count, recipe.kernel)
            width = stage_width
            if min(across, down) > 1 and not bare:
                layers.append(nn.AvgPool2d(2) if recipe.network == "cnn-average" else nn.MaxPool2d(2))
                across, down = across // 2, down // 2
        self.trunk = nn.Sequential(*layers)
        features = width * across * down
        if recipe.network == "cnn-global":
            self.dense = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(recipe.dropout))
            features = width
        elif bare:
            self.dense = nn.Sequential(nn.Flatten())
        else:
            self.dense = nn.Sequential(
                *(nn.Flatten(), nn.Linear(features, recipe.hidden), nn.ReLU(), nn.Dropout(recipe.dropout))
            )
            features = recipe.hidden
        self.out = nn.Linear(features, head.size)
        start_glorot(self)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, H, W) uint8.  Returns raw float32 outputs (B, size) by head name."""
        x = as_seen(pictures, self.channels).contiguous(memory_format=torch.channels_last)
        return {self.head.name: self.out(self.dense(self.trunk(x))).float()}


def make_stage(network: str, width_in: int, width_out: int, count: int, kernel: int) -> Sequence[nn.Module]:
    """So many convolutions with all that belongs to them."""
    before = [width_in, *[width_out] * (count - 1)]
    if network == "cnn-residual":
        return [Pair(width, width_out, kernel) for width in before[::2]]
    layers: list[nn.Module] = []
    for width in before:
        layers.append(nn.Conv2d(width, width_out, kernel, padding=kernel // 2))
        layers += [nn.BatchNorm2d(width_out)] if network == "cnn-norm" else []
        layers.append(nn.ReLU())
    return layers
