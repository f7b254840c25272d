"""A trained row network as it reads frames narrower than those it learned from: as if black went on beside them.

A picture of one digit fills a fifth of its frame, and what stands beside it is black. Cut off, half of the
arithmetic is saved; but a convolution takes what is beyond its frame for zeros, which is a grey of the picture, and
nothing that the network saw so near to a digit. Here each convolution is given what black comes to in its layer.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facevalue.codecs.digits import MOST_OF_WHOLE, STEP_PX
from facevalue.networks.rownet import RowNet


class Frame:
    """What a network tells its layers of the pictures that it reads just now, each a tensor of one number.

    Set by ``NarrowRowNet.forward``; before that there is none.
    """

    across_px: Tensor
    is_narrow: Tensor  # 1 where they are narrower than those it learned from, else 0


class BesideBlack(nn.Module):
    """A convolution beyond whose frame, where that is narrow, its input goes on as ``black``, (1, channels, H, 1)."""

    black: Tensor

    def __init__(self, layer: nn.Conv2d, black: Tensor, frame: Frame) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.stride = cast(tuple[int, int], layer.stride)
        self.down, self.across = cast(tuple[int, int], layer.padding)
        self.register_buffer("black", black)
        self.frame = frame

    def forward(self, x: Tensor) -> Tensor:
        beside = (self.black * self.frame.is_narrow).expand(x.shape[0], -1, -1, self.across)
        return F.conv2d(torch.cat([beside, x, beside], 3), self.weight, self.bias, self.stride, (self.down, 0))


class NarrowRowNet(RowNet):
    """A copy of a trained row network that reads frames as wide as those it learned from as it does, and narrower ones.

    size_px: width and height of what it learned from.  A narrow frame is the middle of that, its width a multiple of
    STEP_PX and at most MOST_OF_WHOLE of the whole one's. Where at least BESIDE_PX of black are left on either side of
    what it shows, its outputs are nearly those of the whole frame, but for the count, which has its own columns alone:
    only how many digits there are is told a little otherwise where the picture's edge cuts through one, as what an
    edge is to the columns beyond the narrow frame is not computed.
    """

    of_black: Tensor
    of_sides: Tensor
    most_of_black: Tensor

    def __init__(self, network: RowNet, size_px: tuple[int, int]) -> None:
        nn.Module.__init__(self)
        network = copy.deepcopy(network).eval()
        for name, part in network.named_children():
            self.add_module(name, part)
        self.of_each, self.places = network.of_each, network.places
        self.across_px, down_px = size_px
        self.narrow_px = int(self.across_px * MOST_OF_WHOLE / STEP_PX) * STEP_PX  # the widest of narrow frames
        self.frame = Frame()
        black = torch.zeros(1, 3, down_px, 4 * self.across_px, dtype=torch.uint8)
        inputs = middle_columns(network, black)
        with torch.inference_mode():
            column = network.maps(black)[:, :, 0, self.across_px // 2]  # of black without an end: (1, hidden)
            whole = network.maps(black[..., : self.across_px]).squeeze(2)
        self.columns_of_whole = whole.shape[2]
        self.register_buffer("of_black", column.clone())
        self.register_buffer("of_sides", (whole - column[:, :, None]).sum(2).clone())
        self.register_buffer("most_of_black", whole.amax(2).clone())
        for name, layer in list(self.named_modules()):
            if isinstance(layer, nn.Conv2d) and cast(tuple[int, int], layer.padding)[1]:
                self.set_submodule(name, BesideBlack(layer, inputs[name], self.frame))
        self.eval()

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, H, W) uint8.  Returns raw float32 outputs by head name, as of ``RowNet``."""
        self.frame.across_px = torch.ones(pictures.shape[3]).sum()
        self.frame.is_narrow = (self.frame.across_px < self.across_px).float()
        return super().forward(pictures)

    def summary(self, features: Tensor) -> Tensor:
        """(B, 2 hidden) mean and most of the features of all columns of the whole frame, black where it is cut off."""
        is_narrow = self.frame.is_narrow
        cut_off = self.columns_of_whole * (1 - self.frame.across_px / self.across_px)
        mean = (features.sum(2) + cut_off * self.of_black + is_narrow * self.of_sides) / self.columns_of_whole
        return torch.cat([mean, torch.maximum(features.amax(2), is_narrow * self.most_of_black)], dim=1)


def middle_columns(network: RowNet, pictures: Tensor) -> dict[str, Tensor]:
    """(1, channels, H, 1) column in the middle of what each convolution of a network takes, by its name."""
    columns = {}
    hooks = []
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):

            def note(_: nn.Module, given: tuple[Tensor], name: str = name) -> None:
                middle = given[0].shape[3] // 2
                columns[name] = given[0][..., middle : middle + 1].clone()

            hooks.append(layer.register_forward_pre_hook(note))
    with torch.no_grad():
        network(pictures)
    for hook in hooks:
        hook.remove()
    return columns
