"""Networks for records on small pictures: as much as a small budget buys, made to be trained with ``muon-normed``.

records-cnn               airbench94 (Keller Jordan, 2024): a frozen convolution of 2x2 that whitens, then three groups
                          of 3x3 convolutions with batch norms, each halved by its largest behind the first
records-cnn-unwhitened    the first convolution starts as any other and is trained
records-cnn-random-start  no convolution starts as the identity
records-mlp               dense layers with batch norms and dropout
records-mlp-white         the same on ``squeeze`` principal components of the picture, whitened, which stay as they are

A group has as many convolutions as ``blocks`` says, 2 or 3; past the last two of 3 leads a shortcut, as in airbench96.
Batch norms of the first three have no gain, and what they know of all pictures is mostly of the last few batches.
Pictures are standardised with the mean and the deviation of Fashion-MNIST where grey, of CIFAR-10 in colour. What
whitens is made of training pictures before the first step, see ``Prepared``.
"""

from __future__ import annotations

import abc

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facevalue.codecs import Codec, Head
from facevalue.errors import SettingError
from facevalue.networks.mlp import as_seen, in_float32, only_head
from facevalue.recipes import Recipe

RECORD_CNNS = ("records-cnn", "records-cnn-unwhitened", "records-cnn-random-start")
RECORD_MLPS = ("records-mlp", "records-mlp-white")
RECORDS = (*RECORD_CNNS, *RECORD_MLPS)
MOMENTS = {1: ((0.2860,), (0.3530,)), 3: ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))}
"""Mean and deviation of training pictures, 0..1, by channels."""
PATCH_PX = 2
LEAST_VARIANCE = {"patches": 5e-4, "pictures": 1e-2}  # is added to each before its root divides
OUTPUT_SHARE = 1 / 9
NORM_MOMENTUM = 0.4  # share of the latest batch in what batch norms know
GROUPS, LAST_POOL = 3, 3
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


def make_record(recipe: Recipe, codec: Codec) -> nn.Module:
    """The network of a recipe that names one of RECORDS. Raises SettingError for settings it can't have."""
    head = only_head(recipe, codec)
    if recipe.network in RECORD_CNNS:
        check_groups(recipe)
        return RecordCnn(head, recipe)
    if recipe.activations not in ACTIVATIONS:
        raise SettingError(f"activations={recipe.activations!r}: expected one of {', '.join(ACTIVATIONS)}")
    if not recipe.widths or min(recipe.widths) < 1:
        raise SettingError(f"widths={recipe.widths}: expected units of at least one dense layer")
    inputs = recipe.channels * recipe.frame_px[0] * recipe.frame_px[1]
    if recipe.network == "records-mlp-white" and recipe.squeeze > inputs:
        raise SettingError(f"squeeze={recipe.squeeze}: a picture of {inputs} values has no more components than that")
    return RecordMlp(head, recipe)


def check_groups(recipe: Recipe) -> None:
    """Raise SettingError for groups that can't be, or for pictures that they leave nothing of."""
    widths, blocks = recipe.widths, recipe.blocks
    if len(widths) != GROUPS or len(blocks) != GROUPS or min(widths) < 1 or not set(blocks) <= {2, 3}:
        raise SettingError(
            f"widths={widths} and blocks={blocks}: expected {GROUPS} of both, and 2 or 3 convolutions in each group"
        )
    least = LAST_POOL * 2**GROUPS + PATCH_PX - 1
    if min(recipe.frame_px) < least:
        across, down = recipe.frame_px
        raise SettingError(f"pictures of {across} x {down} px: {recipe.network} leaves nothing of less than {least} px")


class Prepared(nn.Module, abc.ABC):
    """A network of which a part is made of pictures, before it is trained.

    prepared_on: so many.  What is made is among the parameters: a checkpoint holds it, and nothing is made twice.
    """

    prepared_on: int

    @abc.abstractmethod
    def prepare(self, pictures: Tensor) -> None:
        """pictures: (N, 3, H, W) uint8, as training sees them."""


class Standardised(nn.Module):
    """(B, 3, H, W) uint8 to (B, channels, H, W) float32 of mean 0 and deviation 1 over the data set."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        for name, values in zip(("mean", "deviation"), MOMENTS[channels], strict=True):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        result: Tensor = (as_seen(pictures, self.channels) - self.mean) / self.deviation
        return result


@torch.no_grad()
def whitening_rows(values: Tensor, least_variance: float) -> Tensor:
    """Eigenvectors of second moments, the largest first, each divided by the root of its value and least_variance.

    values: (N, features).  Returns (features, features) float32, a row each; their responses are uncorrelated.
    """
    moments = values.T @ values / len(values)
    variances, vectors = torch.linalg.eigh(moments.double())
    rows: Tensor = (vectors / (variances.clamp(min=0) + least_variance).sqrt()).T.flip(0).to(values.dtype)
    return rows


# ---- convolutional ---------------------------------------------------------------------------------------------------


class Group(nn.Module):
    """Convolutions of one width, the map halved behind the first; past the last two of three leads a shortcut."""

    def __init__(self, width_in: int, width_out: int, count: int, identity: bool) -> None:
        super().__init__()
        before = [width_in, *[width_out] * (count - 1)]
        convs = [nn.Conv2d(width, width_out, 3, padding=1, bias=False) for width in before]
        norms = [nn.BatchNorm2d(width_out, momentum=NORM_MOMENTUM) for _ in before]
        for norm in norms:
            norm.weight.requires_grad = False
        if identity:
            for conv in convs:
                nn.init.dirac_(conv.weight.detach()[: conv.in_channels])
        self.convs, self.norms = nn.ModuleList(convs), nn.ModuleList(norms)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) to (B, width_out, H / 2, W / 2)."""
        x = halved = F.gelu(self.norms[0](F.max_pool2d(self.convs[0](x), 2)))
        last = len(self.convs) - 1
        for number in range(1, last + 1):
            x = self.norms[number](self.convs[number](x))
            x = F.gelu(x + halved if number == last == 2 else x)
        return x


class RecordCnn(Prepared):
    """See the module."""

    prepared_on = 5000

    def __init__(self, head: Head, recipe: Recipe) -> None:
        super().__init__()
        self.head = head
        self.whitens = recipe.network != "records-cnn-unwhitened"
        self.standardised = Standardised(recipe.channels)
        features = 2 * recipe.channels * PATCH_PX**2
        self.whiten = nn.Conv2d(recipe.channels, features, PATCH_PX)
        self.whiten.weight.requires_grad = not self.whitens
        groups = []
        (across, down), width = (side - PATCH_PX + 1 for side in recipe.frame_px), features
        for width_out, count in zip(recipe.widths, recipe.blocks, strict=True):
            groups.append(Group(width, width_out, count, recipe.network != "records-cnn-random-start"))
            width, across, down = width_out, across // 2, down // 2
        self.trunk = nn.Sequential(*groups, nn.MaxPool2d(LAST_POOL), nn.Flatten())
        self.out = nn.Linear(width * (across // LAST_POOL) * (down // LAST_POOL), head.size, bias=False)

    @torch.no_grad()
    def prepare(self, pictures: Tensor) -> None:
        """Whiten patches: filters are the eigenvectors of their second moments, and these turned round."""
        if self.whitens:
            patches = F.unfold(self.standardised(pictures), PATCH_PX).transpose(1, 2).flatten(0, 1)
            rows = whitening_rows(patches, LEAST_VARIANCE["patches"])
            self.whiten.weight.copy_(torch.cat([rows, -rows]).view_as(self.whiten.weight))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, H, W) uint8.  Returns raw float32 outputs (B, size) by head name."""
        with in_float32(pictures):  # bfloat16 is too coarse for the difference of neighbours
            x = self.standardised(pictures).contiguous(memory_format=torch.channels_last)
            x = self.whiten(x)
        kind = pictures.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))
        return {self.head.name: self.out(self.trunk(F.gelu(x))).float() * OUTPUT_SHARE}


# ---- fully connected -------------------------------------------------------------------------------------------------


class RecordMlp(Prepared):
    """See the module."""

    prepared_on = 20_000

    def __init__(self, head: Head, recipe: Recipe) -> None:
        super().__init__()
        self.head = head
        self.standardised = Standardised(recipe.channels)
        units = recipe.channels * recipe.frame_px[0] * recipe.frame_px[1]
        self.whiten: nn.Linear | None = None
        if recipe.network == "records-mlp-white":
            self.whiten = nn.Linear(units, recipe.squeeze)
            self.whiten.requires_grad_(False)
            units = recipe.squeeze
        layers: list[nn.Module] = [nn.Flatten()]
        for width in recipe.widths:
            layers += [nn.Linear(units, width, bias=False), nn.BatchNorm1d(width), ACTIVATIONS[recipe.activations]()]
            layers += [nn.Dropout(recipe.dropout)] if recipe.dropout else []
            units = width
        self.trunk = nn.Sequential(*layers)
        self.out = nn.Linear(units, head.size)

    @torch.no_grad()
    def prepare(self, pictures: Tensor) -> None:
        """Whiten pictures: rows are their largest principal components."""
        if self.whiten is not None:
            values = self.standardised(pictures).flatten(1)
            mean = values.mean(0)
            rows = whitening_rows(values - mean, LEAST_VARIANCE["pictures"])[: len(self.whiten.weight)]
            self.whiten.weight.copy_(rows)
            self.whiten.bias.copy_(-rows @ mean)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, H, W) uint8.  Returns raw float32 outputs (B, size) by head name."""
        x = self.standardised(pictures).flatten(1)
        if self.whiten is not None:
            x = self.whiten(x)
        return {self.head.name: self.out(self.trunk(x)).float()}
