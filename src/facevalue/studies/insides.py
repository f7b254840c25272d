"""What is inside a network that learns, or doesn't: gradients, and units that pass none, layer by layer."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facevalue.sources.pictures import LabelledBatch

NO_SLOPE = 1e-4  # a unit whose activation is never steeper passes no gradient worth the name

SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: lambda y: (y > 0).float(),
    nn.Tanh: lambda y: 1 - y.square(),
    nn.Softmax: lambda y: y * (1 - y),
}
"""The derivative of each activation, from its output."""


def look_inside(network: nn.Module, batch: LabelledBatch) -> dict[str, Any]:
    """What a batch's loss does to a network with an output layer ``out``, which stays as it is.

    Returns ``layers``, the dense and convolutional ones from the first to the outputs, shortcuts left out, each with
    ``gradient``, the norm of its weights' gradient, and where an activation follows ``slope``, the mean of its
    derivative, and ``dead``, the share of units (channels) that are flat for every picture; and ``deaf``, the share of
    pictures that are read wrong and give the output of their class no gradient: nothing will be learned from them.
    In float32, with the first dropout of seed 0.
    """
    from facevalue.trainee import to_tensor

    seen = copy.deepcopy(network).train()
    device = next(seen.parameters()).device
    layers: list[dict[str, Any]] = []
    weights: list[Tensor] = []
    hooks = []
    outputs: list[Tensor] = []
    for name, module in seen.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and not name.endswith("shortcut"):
            layers.append({"name": name})
            weights.append(module.weight)
        elif type(module) in SLOPES:
            hooks.append(module.register_forward_hook(functools.partial(note_slope, layers[-1])))

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    hooks.append(seen.get_submodule("out").register_forward_hook(keep))
    classes = torch.from_numpy(batch.classes).to(device)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        (logits,) = seen(to_tensor(batch.pictures, device)).values()
    F.cross_entropy(logits, classes).backward()  # type: ignore[no-untyped-call]
    for layer, weight in zip(layers, weights, strict=True):
        assert weight.grad is not None
        layer["gradient"] = float(weight.grad.norm())
    for hook in hooks:
        hook.remove()
    given = outputs[0].grad
    assert given is not None
    unheard = given.gather(1, classes[:, None])[:, 0] == 0
    return {"layers": layers, "deaf": float((unheard & (logits.argmax(1) != classes)).float().mean())}


def note_slope(layer: dict[str, Any], module: nn.Module, _: object, output: Tensor) -> None:
    """A forward hook: mean slope, and the share of units without any."""
    slope = SLOPES[type(module)](output.detach().float()).transpose(0, 1).flatten(1)  # (units, pictures and places)
    layer["slope"] = float(slope.mean())
    layer["dead"] = float((slope.amax(1) < NO_SLOPE).float().mean())
