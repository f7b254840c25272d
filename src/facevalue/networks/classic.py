"""Networks of single digits: those of the classic tutorials, and ours, each also over digits side by side.

A head of several places, (N, places, size), means that the picture is that many square cells from left to right, and
each cell is read by the same network on its own.

classic/mnist       two 5x5 convolutions and a dense layer, dropout before the outputs: TensorFlow's MNIST tutorial
classic/sequences   the same shape, narrower and with a second dropout: strings of digits
classic/svhn        four 4x4 convolutions in colour: house numbers
digitnet            ours: residual, 1.14 million parameters at its recipe's widths
digitnet/blank      ours where a cell may be empty, which it tells without training: nothing in it is lighter than black
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facevalue.codecs import Codec, Head
from facevalue.errors import SettingError
from facevalue.networks.convnet import Block
from facevalue.recipes import Recipe

MNIST_MEAN, MNIST_DEVIATION = 0.1307, 0.3081  # of its pixels, 0..1
BLANK_LOGIT, INK = 20.0, 0.2  # a cell is blank where its lightest pixel, 0..1, is below INK


class Style(NamedTuple):
    """What sets the classic networks apart beside their recipes' numbers.

    kernel: side of the filters.  map_dropout: before the dense layer.  colour: three channels in -1..1 instead of grey
    in 0..1.  glorot: weights start as TensorFlow's layers do, after Glorot and Bengio 2010, biases at 0; else weights
    start normal with a deviation of 0.1, cut off at 0.2, and biases at 0.1, as in TensorFlow's example of 2015.
    """

    kernel: int
    map_dropout: float
    colour: bool
    glorot: bool


# The report on sequences gives no rate for the dropout of the map, and no start. 0.1 is the rate of its net for house
# numbers. With Glorot's start Adam at 0.01 kills every ReLU in its first steps, and all it learns is how often a fifth
# is blank.
STYLES = {
    "classic/mnist": Style(kernel=5, map_dropout=0.0, colour=False, glorot=True),
    "classic/sequences": Style(kernel=5, map_dropout=0.1, colour=False, glorot=False),
    "classic/svhn": Style(kernel=4, map_dropout=0.1, colour=True, glorot=False),
}
CLASSIC = (*STYLES, "digitnet", "digitnet/blank")


def make_classic(recipe: Recipe, codec: Codec) -> nn.Module:
    """The network of a recipe that names one of CLASSIC. Raises SettingError for a size or widths it can't have."""
    head = codec.heads[0]
    if len(codec.heads) != 1 or head.kind != "classes":
        raise SettingError(f"network {recipe.network} has one head of classes; codec {recipe.codec} asks for others")
    wide, high = recipe.frame_px
    if wide != high * head.places:
        raise SettingError(
            f"size_px={recipe.size_px} and width_px={recipe.width_px} make no network: expected {head.places} square "
            f"cell{'s' * (head.places > 1)} side by side, {high * head.places} x {high}"
        )
    if recipe.network in STYLES:
        if high >> len(recipe.widths) < 1:
            raise SettingError(f"widths={recipe.widths} halve {high} pixels {len(recipe.widths)} times, to nothing")
        style = STYLES[recipe.network]
        return ClassicNet(head, high, recipe.widths, recipe.hidden, recipe.dropout, style)
    if len(recipe.blocks) != len(recipe.widths) or not recipe.widths:
        raise SettingError(f"widths={recipe.widths} and blocks={recipe.blocks}: expected as many of both")
    blank = recipe.network == "digitnet/blank"
    if blank and head.size != 11:
        raise SettingError(f"network {recipe.network} knows ten digits and a blank; codec {recipe.codec} has no blank")
    return DigitNet(head, high, recipe.widths, recipe.blocks, recipe.squeeze, recipe.hidden, recipe.dropout, blank)


def part_cells(pictures: Tensor, places: int) -> Tensor:
    """(B, C, H, places * H) to (B * places, C, H, H), the cells of a picture one after the other."""
    if places == 1:
        return pictures
    channels, high = pictures.shape[1], pictures.shape[2]
    cells = pictures.reshape(-1, channels, high, places, high).permute(0, 3, 1, 2, 4)
    return cells.reshape(-1, channels, high, high)


def to_grey(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 to (B, 1, H, W) float32, 0..1."""
    return pictures.float().mean(1, keepdim=True) / 255.0


class ClassicNet(nn.Module):
    """Convolutions with ReLU, each halved by its largest, a dense layer, and classes. As TensorFlow pads and starts it.

    size_px: side of a cell.  widths: channels of each convolution.  hidden: of the dense layer, behind which dropout
    strikes.
    """

    def __init__(
        self, head: Head, size_px: int, widths: Sequence[int], hidden: int, dropout: float, style: Style
    ) -> None:
        super().__init__()
        self.head, self.colour = head, style.colour
        before, after = (style.kernel - 1) // 2, style.kernel // 2
        layers: list[nn.Module] = []
        channels = 3 if style.colour else 1
        for width in widths:
            layers += [nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(channels, width, style.kernel)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        self.trunk = nn.Sequential(*layers)
        side = size_px >> len(widths)
        self.dense = nn.Sequential(
            *(nn.Flatten(), nn.Dropout(style.map_dropout)),
            *(nn.Linear(channels * side * side, hidden), nn.ReLU(), nn.Dropout(dropout)),
        )
        self.out = nn.Linear(hidden, head.size)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                if style.glorot:
                    nn.init.xavier_uniform_(module.weight)
                else:
                    nn.init.trunc_normal_(module.weight, std=0.1, a=-0.2, b=0.2)
                nn.init.constant_(module.bias, 0.0 if style.glorot else 0.1)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, S, places * S) uint8.  Returns raw float32 outputs, (B, size) or (B, places, size)."""
        cells = part_cells(pictures, self.head.places)
        x = cells.float() / 128.0 - 1.0 if self.colour else to_grey(cells)
        x = self.out(self.dense(self.trunk(x.contiguous(memory_format=torch.channels_last)))).float()
        return {self.head.name: x if self.head.places == 1 else x.reshape(-1, self.head.places, self.head.size)}


class OddBlock(Block):
    """A block whose map may have an odd side, which is halved upwards: 7 to 4."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if max(self.stride) > 1:
            x = F.avg_pool2d(x, self.stride, ceil_mode=True)
        return F.relu(y + self.shortcut(x))


def small_trunk(
    size_px: int, widths: Sequence[int], blocks: Sequence[int], squeeze: int, hidden: int, dropout: float
) -> tuple[nn.Sequential, nn.Sequential]:
    """Residual stages on grey pictures of any side, and what makes ``hidden`` features of their last map.

    A stride-1 stem of half the first width and a stride-2 convolution come first; each further stage halves the map.
    """
    stem = max(1, widths[0] // 2)
    layers: list[nn.Module] = [
        *(nn.Conv2d(1, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU()),
        *(nn.Conv2d(stem, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()),
    ]
    width, side = widths[0], (size_px + 1) // 2
    for stage, (stage_width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            halves = stage > 0 and block == 0
            layers.append(OddBlock(width, stage_width, 2 if halves else 1))
            width, side = stage_width, (side + 1) // 2 if halves else side
    return nn.Sequential(*layers), squeezed(width, side, squeeze, hidden, dropout)


def squeezed(width: int, side: int, squeeze: int, hidden: int, dropout: float) -> nn.Sequential:
    """What makes ``hidden`` features of maps (B, width, side, side): where things are is kept."""
    return nn.Sequential(
        *(nn.Conv2d(width, squeeze, 1, bias=False), nn.BatchNorm2d(squeeze), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(squeeze * side * side, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()),
        nn.Dropout(dropout),
    )


class DigitNet(nn.Module):
    """Trunk of residual stages, a squeeze, a dense layer and ten digits; where blank, an eleventh class for no ink.

    size_px: side of a cell.  widths, blocks: channels and residual blocks of each stage; a stride-1 stem of half the
    first width and a stride-2 convolution come before, and each further stage halves the map.  dropout: behind the
    dense layer.
    """

    def __init__(
        self,
        head: Head,
        size_px: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        squeeze: int,
        hidden: int,
        dropout: float,
        blank: bool,
    ) -> None:
        super().__init__()
        self.head, self.blank = head, blank
        self.trunk, self.neck = small_trunk(size_px, widths, blocks, squeeze, hidden, dropout)
        self.out = nn.Linear(hidden, head.size - blank)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, S, places * S) uint8.  Returns raw float32 outputs, (B, size) or (B, places, size)."""
        grey = to_grey(part_cells(pictures, self.head.places))
        x = ((grey - MNIST_MEAN) / MNIST_DEVIATION).contiguous(memory_format=torch.channels_last)
        x = self.out(self.neck(self.trunk(x))).float()
        if self.blank:
            darkness = 1 - grey.amax((1, 2, 3)) / INK
            x = torch.cat([x, BLANK_LOGIT * darkness.clamp(min=-1.0)[:, None]], dim=1)
        return {self.head.name: x if self.head.places == 1 else x.reshape(-1, self.head.places, self.head.size)}
