"""A 3x3 residual convnet that reads a row of digits: it counts them from left to right, and so parts them.

Each column of the last map says how much of a digit begins to be over in it; the running sum of that is the count. A
digit's features are the columns over which the count rises from its number to the next, weighted by the rise
(continuous integrate-and-fire, Dong and Xu 2020, "CIF", which does the same with the sounds of speech). So nothing
in the network depends on where in the picture a digit stands, and one place is trained by all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from facevalue.codecs import Head
from facevalue.networks.convnet import Block


class RowNet(nn.Module):
    """Trunk of residual stages, columns, and heads for each digit of the row.

    heads: those of ``codecs.digits.DigitRow``.  height_px: of the pictures; their width is 4 for each column counted.
    widths, blocks: channels and residual blocks of each stage; a stem halves the picture, the second stage halves both
    ways, each further one the height alone.  hidden: features of a column.
    """

    def __init__(
        self, heads: Sequence[Head], height_px: int, widths: Sequence[int], blocks: Sequence[int], hidden: int
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        width = widths[0]
        for stage, (stage_width, count) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(count):
                halves = stage > 0 and block == 0
                stride = (2, 2) if halves and stage == 1 else (2, 1) if halves else (1, 1)
                layers.append(Block(width, stage_width, stride))
                width = stage_width
        self.trunk = nn.Sequential(*layers)
        rows = height_px // 2 ** len(widths)
        self.columns = nn.Sequential(
            nn.Conv2d(width, hidden, (rows, 5), 1, (0, 2), bias=False), nn.BatchNorm2d(hidden), nn.ReLU()
        )
        self.digit = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU())
        self.of_each = {head.name: head.size for head in heads if head.places > 1}
        self.places = max(head.places for head in heads)
        rise = nn.Conv2d(hidden, 1, (1, 3), 1, (0, 1))
        nn.init.constant_(cast(Tensor, rise.bias), -2.5)  # so that the count starts low
        self.out = nn.ModuleDict(
            {
                "rise": rise,
                "digit": nn.Linear(hidden, sum(self.of_each.values())),
                "length": nn.Linear(2 * hidden, next(head.size for head in heads if head.name == "length")),
            }
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, H, W) uint8.  Returns raw float32 outputs by head name, (B, size) or (B, places, size)."""
        maps = self.maps(pictures)
        features = maps.squeeze(2)
        rise = torch.sigmoid(self.out["rise"](maps).float())[:, 0, 0]  # (B, columns)
        count = rise.cumsum(1)
        before = count - rise
        number = torch.arange(self.places, device=count.device, dtype=count.dtype)[None, :, None]
        share = (torch.minimum(count[:, None], number + 1) - torch.maximum(before[:, None], number)).clamp(min=0)
        digits = torch.matmul(share.to(features.dtype), features.transpose(1, 2))  # (B, places, hidden)
        parts = self.out["digit"](self.digit(digits)).float().split(list(self.of_each.values()), dim=2)
        return {
            "count": count,
            "length": self.out["length"](self.summary(features)).float(),
            **dict(zip(self.of_each, parts, strict=True)),
        }

    def maps(self, pictures: Tensor) -> Tensor:
        """(B, hidden, 1, columns) features of each column."""
        x = pictures.float() / 64.0 - 2.0  # about zero mean, unit deviation
        return cast(Tensor, self.columns(self.trunk(x)))

    def summary(self, features: Tensor) -> Tensor:
        """(B, 2 hidden) mean and most of the features of all columns.  features: (B, hidden, columns)."""
        return torch.cat([features.mean(2), features.amax(2)], dim=1)
