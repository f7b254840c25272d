"""Restoring: from a weight file back to the network that it came from, so that training can go on from it.

An exported file has its batch norms folded into the filters before them. They are unfolded on pictures of the recipe's
own source: with the mean and the deviation that each filter has there, gains and offsets follow that leave what the
network computes as it is, and training goes on as if it had never been folded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facevalue.codecs import make_codec
from facevalue.errors import MissingExtraError, ModelError
from facevalue.recipes import Recipe
from facevalue.sources import Source

PICTURES = 512  # that the norms are unfolded on
SEED = 987_654

Norm = nn.BatchNorm1d | nn.BatchNorm2d
Filter = nn.Conv2d | nn.Linear


def restore(path: Path, source: Source | None = None) -> tuple[Recipe, dict[str, Any], nn.Module]:
    """The recipe, the metadata and the network of an exported weight, in the mode of training.

    source: of the pictures on which the norms are unfolded; the recipe's own when None.
    Raises ModelError for a file that ``facevalue export`` did not write.
    """
    from facevalue.assembly import make_network, make_source

    values, metadata = read_file(path)
    recipe = Recipe.from_json(metadata["recipe"])
    network = make_network(recipe, make_codec(recipe.codec))
    parameters = dict(network.named_parameters())
    normed = folded_into(network, recipe)
    with torch.no_grad():
        for name, parameter in parameters.items():
            if name in values:
                if values[name].size != parameter.numel():
                    raise ModelError(
                        f"{path}: {name!r} is of another version of facevalue, so it can't be trained further"
                    )
                parameter.copy_(torch.from_numpy(values[name]).reshape(parameter.shape))
            elif not any(name.startswith(norm + ".") for norm in normed):
                raise ModelError(f"{path}: holds no {name!r}, so its network can't be trained further")
    offsets = {
        norm: torch.from_numpy(values[f"{of}.offset"]) for norm, of in normed.items() if f"{of}.offset" in values
    }
    missing = sorted(set(normed) - set(offsets))
    if missing:
        raise ModelError(f"{path}: the norm {missing[0]!r} is not folded as facevalue export folds it")
    pictures = (source or make_source(recipe)).batch(SEED, 0, PICTURES).pictures
    unfold(network, normed, offsets, torch.from_numpy(pictures).permute(0, 3, 1, 2))
    return recipe, metadata, network.train()


def read_file(path: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Values by parameter name, offsets of folded norms as ``<layer>.offset``, and the metadata of a weight file.

    Raises MissingExtraError without onnx, ModelError for a file that ``facevalue export`` did not write.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ModuleNotFoundError as error:
        raise MissingExtraError("training needs the laboratory: pip install 'facevalue[train]'") from error
    try:
        model = onnx.load(str(path))
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        metadata["recipe"]
    except Exception as error:  # protobuf's own errors share no base class
        raise ModelError(f"{path}: not a weight of facevalue export ({str(error).splitlines()[0][:100]})") from error
    stored = {
        tensor.name.removesuffix(".half"): numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in model.graph.initializer
        if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }
    values = {name.removeprefix("network."): value for name, value in stored.items() if name.startswith("network.")}
    values = {
        f"{name.removesuffix('.weight_bias')}.offset" if name.endswith(".weight_bias") else name: value
        for name, value in values.items()
    }
    # A linear layer over places is a product with a nameless transposed matrix, followed by the sum with its bias.
    made_by = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        named = [name for name in node.input if name.startswith("network.") and name.endswith(".bias")]
        if node.op_type != "Add" or not named:
            continue
        (product,) = (name for name in node.input if name not in named)
        if made_by[product].op_type == "MatMul":
            layer = named[0].removeprefix("network.").removesuffix(".bias")
            values[f"{layer}.weight"] = stored[made_by[product].input[1]].T.copy()
    return values, metadata


def folded_into(network: nn.Module, recipe: Recipe) -> dict[str, str]:
    """For each batch norm of a network, by name, the layer whose output it takes.

    Raises ModelError where one takes another's, which a weight file keeps as it was, with nothing to unfold.
    """
    made_by: dict[int, str] = {}
    kept: list[Tensor] = []  # so that no address is used twice
    normed: dict[str, str] = {}
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, Filter):

            def note_layer(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
                made_by[id(output)] = name
                kept.append(output)

            hooks.append(module.register_forward_hook(note_layer))
        elif isinstance(module, Norm):

            def note_norm(_: nn.Module, given: tuple[Tensor], name: str = name) -> None:
                normed[name] = made_by.get(id(given[0]), "")

            hooks.append(module.register_forward_pre_hook(note_norm))
    across, down = recipe.frame_px
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, down, across, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    if loose := [name for name, layer in normed.items() if not layer]:
        raise ModelError(
            f"a weight of {recipe.network} can't be trained further, as its norm {loose[0]} follows no filter; its "
            "run can"
        )
    return normed


@torch.no_grad()
def unfold(network: nn.Module, normed: dict[str, str], offsets: dict[str, Tensor], pictures: Tensor) -> None:
    """Give each norm the mean and variance of its filters on the pictures, and the gain and offset that undo them.

    The filters are scaled to the length that they start training with, which no norm after them notices.
    """
    modules = dict(network.named_modules())
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = []
    for name in normed:
        norm = modules[name]
        assert isinstance(norm, Norm) and norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.fill_(1.0)
        norm.bias.copy_(offsets[name])  # as folded: what the filter gives, and the offset

        def watch(_: nn.Module, given: tuple[Tensor], name: str = name) -> None:
            axes = [axis for axis in range(given[0].ndim) if axis != 1]
            seen[name] = given[0].float().mean(axes), given[0].float().var(axes, unbiased=False)

        hooks.append(norm.register_forward_pre_hook(watch))
    network.eval()(pictures)
    for hook in hooks:
        hook.remove()
    for name, layer in normed.items():
        norm, weight = modules[name], modules[layer].weight
        assert isinstance(norm, Norm) and norm.running_mean is not None and norm.running_var is not None
        assert isinstance(weight, Tensor)
        rows = weight.flatten(1)
        scale = (1 / (3 * rows.shape[1])) ** 0.5 / rows.square().mean(1).sqrt().clamp(min=1e-8)
        weight.mul_(scale.view(-1, *[1] * (weight.ndim - 1)))
        mean, variance = seen[name]
        norm.running_mean.copy_(mean * scale)
        norm.running_var.copy_(variance * scale**2)
        norm.weight.copy_((variance * scale**2 + norm.eps).sqrt() / scale)
        norm.bias.copy_(offsets[name] + mean)
