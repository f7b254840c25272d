"""What is trained: a network, its optimizers, and all else that decides what the next step does to it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facevalue.codecs import Codec
from facevalue.errors import ModelError
from facevalue.losses import total_loss
from facevalue.plateau import Plateau
from facevalue.precision import autocast
from facevalue.recipes import Recipe
from facevalue.sources import Batch

STAIR, STAIR_STEPS = 0.95, 500

Forward = Callable[[Tensor], Mapping[str, Tensor]]


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Share of the recipe's rate at a step: linear warm-up, then as its schedule says, see ``Recipe``."""
    rise = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    if recipe.schedule in ("constant", "plateau"):
        return rise
    if recipe.schedule == "staircase":
        return rise * float(STAIR ** (step // STAIR_STEPS))
    fall = min(1.0, (recipe.steps - step) / max(1.0, recipe.decay * recipe.steps))
    return rise * fall


def to_tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(N, S, S, 3) uint8 to (N, 3, S, S), channels last in memory as it already is."""
    return torch.from_numpy(pictures).to(device, non_blocking=True).permute(0, 3, 1, 2)


@dataclass
class Trainee:
    """A network between two steps; ``state`` holds all of it, so that one loaded from there goes on bit for bit.

    plateau: of that schedule.  digest: of the pictures, where they are by an index.  done: steps so far.
    trained_seconds: before ``began``, its parents' among them.  ancestry: recipes, as JSON, of those parents.
    """

    recipe: Recipe
    codec: Codec
    network: nn.Module
    optimizers: list[torch.optim.Optimizer]
    device: torch.device
    plateau: Plateau | None = None
    digest: str = ""
    done: int = 0
    trained_seconds: float = 0.0
    ancestry: list[str] = dataclasses.field(default_factory=list)
    began: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        """Whether no step is left."""
        return self.done >= self.recipe.steps or (self.plateau is not None and self.plateau.ended)

    def rate_share(self, step: int) -> float:
        """Share of the recipe's rate that a step takes."""
        return learning_rate_at(step, self.recipe) * (self.plateau.share if self.plateau is not None else 1.0)

    def learn(self, forward: Forward, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """One step.  forward: the network, or what it is compiled to.  Returns the loss, and that of each head."""
        share = self.rate_share(self.done)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.learning_rate * share * group.get("multiple", 1.0)
        targets = {
            name: (torch.from_numpy(target.values).to(self.device), torch.from_numpy(target.weight).to(self.device))
            for name, target in self.codec.encode(batch.labels()).items()
        }
        with autocast(self.device.type):
            outputs = forward(to_tensor(batch.pictures, self.device))
        loss, parts = total_loss(self.codec.heads, outputs, targets, self.recipe.smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.done += 1
        return loss, parts

    def state(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "step": self.done,
            "seconds": self.trained_seconds + time.monotonic() - self.began,
            "device": self.device.type,
            "recipe": self.recipe.to_json(),
            "recipe_hash": self.recipe.hash(),
            "ancestry": self.ancestry,
            "data": self.digest,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "rng": torch.get_rng_state(),
            **({"cuda_rng": torch.cuda.get_rng_state(self.device)} if self.device.type == "cuda" else {}),
            **({"plateau": self.plateau.state_dict()} if self.plateau is not None else {}),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Become what ``state`` gave, of the same recipe.  Raises ModelError for that of another version."""
        try:
            self.network.load_state_dict(state["network"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
        except (RuntimeError, ValueError) as error:  # parameters that don't fit
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"its checkpoint is of another version of facevalue ({reason}); use that one, or train it anew"
            ) from error
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda" and "cuda_rng" in state:  # what dropout draws from there
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)
        if self.plateau is not None:
            self.plateau.load_state_dict(state["plateau"])
        self.done, self.trained_seconds = state["step"], state["seconds"]
        self.ancestry = state.get("ancestry", [])

    def is_finite(self) -> bool:
        """Whether all weights are numbers still."""
        return all(bool(parameter.isfinite().all()) for parameter in self.network.parameters())
