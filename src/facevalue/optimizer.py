"""Muon for the filters, AdamW or SGD for the rest; and the plain optimizers of the reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from facevalue.errors import SettingError
from facevalue.precision import training_dtype
from facevalue.recipes import CHOICES

MOMENTUM = 0.9
# Of airbench94, which sums the loss over batches of 2,000 where ours is the mean. It divides outputs by the number of
# inputs of the head, ours by 9 as its forerunners: the rate that does the same is 81 by the square of that number.
FILTER_RATE, BIAS_RATE, HEAD_RATE = 0.24, 0.053 * 2000, 0.67 * 2000 * 9**2
FILTER_MOMENTUM, REST_MOMENTUM = 0.6, 0.85
NORMED_STEPS = 3  # of Newton and Schulz
NORMED = ("muon-normed", "momentum-normed")
OUTER = {"muon": ("trunk.0.", "out."), **dict.fromkeys(NORMED, ("out.",))}
"""Beginnings of names that are not inside, by kind.  The stem is what stands first in a network's trunk: its first
filters, or first block; where that has no parameters, as of dense layers, which begin by flattening, there is none."""


def orthogonalised(matrices: Tensor, steps: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrices, by quintic Newton-Schulz steps in the precision of training.

    matrices: (n, rows, columns).  Coefficients of Keller Jordan's Muon (2024).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.to(training_dtype(matrices.device.type))
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return result


def orthogonal_steps(
    gradients: Iterable[tuple[nn.Parameter, Tensor]], steps: int = 5
) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """Each parameter's gradient orthogonalised, flattened to rows = outputs; those of one shape together."""
    by_shape: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
    for parameter, gradient in gradients:
        rows = parameter.shape[0]
        by_shape[rows, parameter.numel() // rows].append((parameter, gradient))
    for (rows, columns), members in by_shape.items():
        stacked = torch.stack([gradient.reshape(rows, columns) for _, gradient in members])
        for (parameter, _), step in zip(members, orthogonalised(stacked, steps), strict=True):
            yield parameter, step.reshape(parameter.shape)


def steps_as_long(gradients: Iterable[tuple[nn.Parameter, Tensor]]) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """Each parameter's gradient as long as if it were orthogonalised: the root of the less of its rows and columns."""
    for parameter, gradient in gradients:
        rows = parameter.shape[0]
        length = min(rows, parameter.numel() // rows) ** 0.5
        yield parameter, gradient * (length / (gradient.norm() + 1e-7))


class Muon(torch.optim.Optimizer):
    """Momentum whose step is orthogonalised, for filters of two or more dimensions (flattened to rows = outputs).

    The step's root mean square is matched to AdamW's (0.2 * lr; Moonlight, 2025), so both take the same rate.
    """

    def __init__(self, params: list[nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            gradients = []
            for parameter in group["params"]:
                gradient = parameter.grad
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                state["momentum"].lerp_(gradient, 1 - group["momentum"])
                gradients.append((parameter, gradient.lerp(state["momentum"], group["momentum"])))
            for parameter, step in orthogonal_steps(gradients):
                rows = parameter.shape[0]
                scale = 0.2 * max(rows, parameter.numel() // rows) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(step, alpha=-group["lr"] * scale)


class MuonNormed(torch.optim.Optimizer):
    """Muon as airbench94 has it (Keller Jordan, 2024): a filter is brought to its length, then takes the plain step.

    The length is the root of its number of outputs, and so the only decay that there is.  orthogonal: False takes the
    momentum itself as the step, brought to the length that an orthogonal one has: what is left is orthogonality alone.
    """

    def __init__(
        self, params: list[nn.Parameter], lr: float, momentum: float = FILTER_MOMENTUM, orthogonal: bool = True
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self.orthogonal = orthogonal

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            gradients = []
            for parameter in group["params"]:
                gradient = parameter.grad
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                state["momentum"].mul_(group["momentum"]).add_(gradient)
                gradients.append((parameter, gradient.add(state["momentum"], alpha=group["momentum"])))
            steps = orthogonal_steps(gradients, NORMED_STEPS) if self.orthogonal else steps_as_long(gradients)
            for parameter, step in steps:
                parameter.mul_(parameter.shape[0] ** 0.5 / parameter.norm())
                parameter.add_(step, alpha=-group["lr"])


def make_optimizers(
    network: nn.Module, lr: float, weight_decay: float, kind: str = "muon", l2: float = 0.0
) -> list[torch.optim.Optimizer]:
    """The optimizers of a network, which together own all its parameters but those that are frozen.

    kind: ``muon`` on filters and matrices inside, with AdamW on the stem, the output layer, norms and biases; ``adam``,
    ``adamw``, ``sgd`` without momentum or ``momentum``, sgd with Nesterov's, on all.  weight_decay: of muon and adamw,
    on filters and matrices.  l2: of adam, sgd and momentum, on the same; the gradient of l2 / 2 times their squared
    sum, as a term of the loss gives it.
    ``muon-normed``, and ``momentum-normed`` without orthogonal steps: MuonNormed on filters and matrices inside, with
    Nesterov's SGD on the rest at the multiples of the rate that airbench94 has; each step at the full rate adds
    weight_decay of the rest to what its momentum gathers, which in the long run takes 1 / (1 - 0.85) times that away.
    """
    filters: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        inner = parameter.ndim >= 2 and not name.startswith(OUTER.get(kind, ()))
        (filters if inner else rest).append(parameter)
    if kind == "muon":
        adam = torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)
        return [Muon(filters, lr, weight_decay), adam] if filters else [adam]
    if kind in NORMED:
        head = [parameter for parameter in rest if parameter.ndim >= 2]
        biases = [parameter for parameter in rest if parameter.ndim < 2]
        groups = [rest_group(biases, lr, BIAS_RATE, weight_decay)]
        groups += [rest_group([matrix], lr, HEAD_RATE / matrix.shape[1] ** 2, weight_decay) for matrix in head]
        others = torch.optim.SGD(groups, lr=lr, momentum=REST_MOMENTUM, nesterov=True)
        return [MuonNormed(filters, lr, orthogonal=kind == "muon-normed"), others] if filters else [others]
    shrink = weight_decay if kind == "adamw" else l2
    groups = [{"params": filters, "weight_decay": shrink}, {"params": rest, "weight_decay": 0.0}]
    if kind == "adamw":
        return [torch.optim.AdamW(groups, lr=lr)]
    if kind == "adam":
        return [torch.optim.Adam(groups, lr=lr)]
    if kind == "sgd":
        return [torch.optim.SGD(groups, lr=lr)]
    if kind == "momentum":
        return [torch.optim.SGD(groups, lr=lr, momentum=MOMENTUM, nesterov=True)]
    raise SettingError(f"there is no optimizer {kind!r}; there are: {', '.join(CHOICES['optimizer'])}")


def rest_group(parameters: list[nn.Parameter], lr: float, rate: float, weight_decay: float) -> dict[str, Any]:
    """A group of SGD at the multiple of the rate that it has in airbench94, of which weight_decay is no part."""
    multiple = rate / FILTER_RATE
    return {
        "params": parameters,
        "lr": lr * multiple,
        "multiple": multiple,
        "weight_decay": weight_decay / (lr * multiple),
    }
