"""A plain 3x3 residual convnet that keeps where things are: its last map is flattened, not pooled away."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from facevalue.codecs import Head


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut; a stride of 2 halves the map (the shortcut averages)."""

    def __init__(self, width_in: int, width_out: int, stride: int | tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width_out)
        self.shortcut = nn.Conv2d(width_in, width_out, 1, bias=False) if width_in != width_out else nn.Identity()
        self.stride = (stride, stride) if isinstance(stride, int) else stride
        nn.init.zeros_(self.norm2.weight)  # each block starts as its shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if max(self.stride) > 1:
            x = F.avg_pool2d(x, self.stride)
        return F.relu(y + self.shortcut(x))


class ConvNet(nn.Module):
    """Trunk of residual stages and one linear layer for all heads.

    size_px: side of the square pictures.  widths, blocks: channels and residual blocks of each stage; the first stage
    follows a stride-2 stem, each further one halves the map.
    """

    def __init__(
        self,
        heads: Sequence[Head],
        size_px: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        hidden: int,
        squeeze: int,
    ) -> None:
        super().__init__()
        self.heads = tuple(heads)
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        width = widths[0]
        for stage, (stage_width, count) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(count):
                layers.append(Block(width, stage_width, 2 if stage > 0 and block == 0 else 1))
                width = stage_width
        self.trunk = nn.Sequential(*layers)
        side = size_px // 2 ** len(widths)
        self.squeeze = nn.Sequential(nn.Conv2d(width, squeeze, 1, bias=False), nn.BatchNorm2d(squeeze), nn.ReLU())
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(squeeze * side * side, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()
        )
        self.out = nn.Linear(hidden, sum(head.size for head in heads))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, S, S) uint8.  Returns raw float32 outputs (B, size) by head name."""
        x = pictures.float() / 64.0 - 2.0  # about zero mean, unit deviation
        x = self.dense(self.squeeze(self.trunk(x)))
        parts = self.out(x).float().split([head.size for head in self.heads], dim=1)
        return {head.name: part for head, part in zip(self.heads, parts, strict=True)}
