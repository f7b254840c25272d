"""Fully connected networks of any layer widths, as the reports trained them: small pictures in, classes out.

mlp    dense layers of ``widths`` units, dropout behind each, and the outputs

``activations`` is one name, ``relu``, ``tanh`` or ``softmax``, for every dense layer, the outputs being logits; or a
name for each layer with hyphens between, the last for the outputs, as in ``relu-tanh-softmax``. Outputs of ReLU or tanh
are taken for probabilities as Keras' cross entropy takes them: cut off at 1e-7 and at 1 less that, where no gradient
passes. Layers start as Keras' do, after Glorot and Bengio 2010, biases at 0, and compute in float32: a softmax over
hundreds of units lives of differences that bfloat16 rounds away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facevalue.codecs import Codec, Head
from facevalue.errors import SettingError
from facevalue.recipes import Recipe

MLP = ("mlp",)
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "softmax": nn.Softmax}
EPSILON = 1e-7  # of Keras


def make_mlp(recipe: Recipe, codec: Codec) -> nn.Module:
    """The network of a recipe that names ``mlp``. Raises SettingError for layers or activations it can't have."""
    head = only_head(recipe, codec)
    names = tuple(recipe.activations.split("-"))
    if len(names) == 1:
        names = names * len(recipe.widths) + ("softmax",)
    if len(names) != len(recipe.widths) + 1 or not set(names) <= ACTIVATIONS.keys():
        raise SettingError(
            f"activations={recipe.activations!r}: expected one of {', '.join(ACTIVATIONS)}, or one for each of the "
            f"{len(recipe.widths)} layers and the outputs with hyphens between"
        )
    across, down = recipe.frame_px
    return Mlp(head, recipe.channels, across * down, recipe.widths, names, recipe.dropout)


def only_head(recipe: Recipe, codec: Codec) -> Head:
    """The one head of classes. Raises SettingError for a codec with others, and for channels that no picture has."""
    head = codec.heads[0]
    if len(codec.heads) != 1 or head.kind != "classes" or head.places != 1:
        raise SettingError(f"network {recipe.network} has one head of classes; codec {recipe.codec} asks for others")
    if recipe.channels not in (1, 3):
        raise SettingError(f"channels={recipe.channels}: expected 1, grey, or 3")
    return head


def as_seen(pictures: Tensor, channels: int) -> Tensor:
    """(B, 3, H, W) uint8 to (B, channels, H, W) float32, 0..1."""
    x = pictures.float() / 255.0
    return x if channels == 3 else x.mean(1, keepdim=True)


def start_glorot(network: nn.Module) -> None:
    """Weights of filters and matrices drawn uniformly after Glorot and Bengio 2010, biases 0, as Keras starts them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class AsProbabilities(nn.Module):
    """Outputs to the logarithm of what Keras' cross entropy takes them for.

    In training the upper bound cuts too; in reading the largest output wins, however large, as in Keras' accuracy.
    """

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.clamp(EPSILON, 1 - EPSILON if self.training else None).log()


class Mlp(nn.Module):
    """widths: units of each dense layer.  activations: a name for each, and one for the outputs.  dropout: of all."""

    def __init__(
        self,
        head: Head,
        channels: int,
        pixels: int,
        widths: Sequence[int],
        activations: Sequence[str],
        dropout: float,
    ) -> None:
        super().__init__()
        self.head, self.channels = head, channels
        layers: list[nn.Module] = [nn.Flatten()]
        units = channels * pixels
        for width, name in zip(widths, activations, strict=False):
            layers += [nn.Linear(units, width), make_activation(name)]
            layers += [nn.Dropout(dropout)] if dropout else []
            units = width
        self.trunk = nn.Sequential(*layers)
        self.out = nn.Linear(units, head.size)
        plain = activations[-1] == "softmax"  # which the loss applies
        self.end = nn.Identity() if plain else nn.Sequential(make_activation(activations[-1]), AsProbabilities())
        start_glorot(self)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, H, W) uint8.  Returns raw float32 outputs (B, size) by head name."""
        with in_float32(pictures):
            return {self.head.name: self.end(self.out(self.trunk(as_seen(pictures, self.channels))))}


def in_float32(pictures: Tensor) -> contextlib.AbstractContextManager[object]:
    """Switches autocast off where it is on."""
    kind = pictures.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else contextlib.nullcontext()


def make_activation(name: str) -> nn.Module:
    return nn.Softmax(dim=1) if name == "softmax" else ACTIVATIONS[name]()
