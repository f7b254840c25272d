"""One loss for each kind of head, and those that a head may ask for instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from facevalue.codecs import Head


def circle_loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross entropy against a soft target round the circle, less the target's own entropy: 0 is perfect. (B,)"""
    entropy: Tensor = torch.special.entr(target).sum(1)
    cross_entropy: Tensor = -(target * F.log_softmax(output, dim=1)).sum(1)
    return cross_entropy - entropy


def classes_loss(output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy; smoothing: the share of each label that is spread evenly over all classes. (B,)"""
    return F.cross_entropy(output, target, reduction="none", label_smoothing=smoothing)


def vector_loss(output: Tensor, target: Tensor) -> Tensor:
    """Huber, linear beyond 0.05 (of a picture's half side). (B,)"""
    return F.smooth_l1_loss(output, target, beta=0.05, reduction="none").mean(1)


def squared_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error. (B,)"""
    return F.mse_loss(output, target, reduction="none").mean(1)


def absolute_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error. (B,)"""
    return F.l1_loss(output, target, reduction="none").mean(1)


def wrapped_loss(output: Tensor, target: Tensor) -> Tensor:
    """Angle between two directions, radians, the shorter way round.  output, target: (B, 2) sine and cosine. (B,)

    The output may have any length; the small addition bounds the gradient where it has next to none.
    """
    cross = output[:, 0] * target[:, 1] - output[:, 1] * target[:, 0]
    return torch.atan2(cross, (output * target).sum(1) + 1e-3).abs()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": circle_loss,
    "classes": classes_loss,
    "value": vector_loss,
    "vector": vector_loss,
    "squared": squared_loss,
    "absolute": absolute_loss,
    "wrapped": wrapped_loss,
}


def total_loss(
    heads: Sequence[Head],
    outputs: Mapping[str, Tensor],
    targets: Mapping[str, tuple[Tensor, Tensor]],
    smoothing: float = 0.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum over heads, and each head's mean loss.

    targets: by head name, values and weights (B,), or (B, places); what has weight 0 does not count.  smoothing: of
    the labels of classes, see ``classes_loss``.
    """
    means = {}
    for head in heads:
        output, (values, weight) = outputs[head.name], targets[head.name]
        if head.places > 1:  # each place as a picture of its own
            output, values, weight = output.flatten(0, 1), values.flatten(0, 1), weight.flatten()
        smoothed = head.kind == "classes" and smoothing > 0
        each = classes_loss(output, values, smoothing) if smoothed else LOSSES[head.loss or head.kind](output, values)
        means[head.name] = (each * weight).sum() / weight.sum().clamp(min=1)
    total = torch.stack([head.weight * means[head.name] for head in heads]).sum()
    return total, {name: mean.detach() for name, mean in means.items()}
