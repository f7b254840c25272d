"""Muon for the filters, AdamW for the rest; and the plain optimizers of the reports."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from facevalue.errors import SettingError
from facevalue.recipes import CHOICES

MOMENTUM = 0.9


def orthogonalised(matrices: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrices, by five quintic Newton-Schulz steps in bf16. matrices: (n, rows, columns).

    Coefficients of Keller Jordan's Muon (2024).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return result


class Muon(torch.optim.Optimizer):
    """Momentum whose step is orthogonalised, for filters of two or more dimensions (flattened to rows = outputs).

    The step's root mean square is matched to AdamW's (0.2 * lr; Moonlight, 2025), so both take the same rate.
    """

    def __init__(self, params: list[nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                gradient = parameter.grad
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                state["momentum"].lerp_(gradient, 1 - group["momentum"])
                nesterov = gradient.lerp(state["momentum"], group["momentum"])
                rows = parameter.shape[0]
                by_shape[rows, parameter.numel() // rows].append((parameter, nesterov))
            for (rows, columns), members in by_shape.items():
                steps = orthogonalised(torch.stack([n.reshape(rows, columns) for _, n in members]))
                scale = 0.2 * max(rows, columns) ** 0.5
                for (parameter, _), step in zip(members, steps, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(step.reshape(parameter.shape), alpha=-group["lr"] * scale)


def make_optimizers(
    network: nn.Module, lr: float, weight_decay: float, kind: str = "muon", l2: float = 0.0
) -> list[torch.optim.Optimizer]:
    """The optimizers of a network, which together own all its parameters but those that are frozen.

    kind: ``muon`` on filters and matrices inside, with AdamW on the stem, the output layer, norms and biases; ``adam``,
    ``adamw``, ``sgd`` without momentum or ``momentum``, sgd with Nesterov's, on all.  weight_decay: of muon and adamw,
    on filters and matrices.  l2: of adam, sgd and momentum, on the same; the gradient of l2 / 2 times their squared
    sum, as a term of the loss gives it.
    """
    filters: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        inner = parameter.ndim >= 2 and not (kind == "muon" and name.startswith(("trunk.0.", "out.")))
        (filters if inner else rest).append(parameter)
    if kind == "muon":
        return [
            Muon(filters, lr, weight_decay),
            torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0),
        ]
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
