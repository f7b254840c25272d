"""The plateau schedule: where epochs gain nothing the rate falls and training ends; the best epoch's weights stay.

As Keras' ReduceLROnPlateau, EarlyStopping and ModelCheckpoint do it in the reports, but for the former's least gain: an
epoch gains where its loss on the validation part is below the least so far. leiden-2024's rates, "10e-3 ... to 10e-6",
are taken for 1e-3 and 1e-6. Everything that decides what comes next is in the checkpoint.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from facevalue.codecs import Codec, Floats
from facevalue.errors import SettingError
from facevalue.losses import total_loss
from facevalue.recipes import Recipe
from facevalue.sources import Batch, Source

CUT_AFTER, END_AFTER = 3, 9  # epochs without gain
CUT, LEAST_RATE = 0.1, 1e-6


def epoch_of(source: Source, recipe: Recipe) -> int:
    """Pictures of an epoch. Raises SettingError for a source that has no epochs."""
    from facevalue.sources.clock_sets import ClockSet

    if not isinstance(source, ClockSet):
        raise SettingError(
            f"schedule=plateau goes by epochs, and source {recipe.source} has none; expected one of a fixed set of "
            "clocks, such as clocks/kitchen"
        )
    return source.counts()[0] * source.copies


def validation_loss(codec: Codec, outputs: Mapping[str, Floats], batch: Batch) -> float:
    """The loss of raw outputs by head name, labels not smoothed."""
    targets = {
        name: (torch.from_numpy(target.values), torch.from_numpy(target.weight))
        for name, target in codec.encode(batch.labels()).items()
    }
    return total_loss(codec.heads, {name: torch.from_numpy(o) for name, o in outputs.items()}, targets)[0].item()


class Plateau:
    """What became of the epochs so far.

    epoch_pictures: of an epoch; those that end within a step end with it.  share: of the recipe's rate that is taken.
    best: weights of the epoch with the least loss, which ended with best_step.
    """

    def __init__(self, recipe: Recipe, epoch_pictures: int) -> None:
        self.recipe, self.epoch_pictures = recipe, epoch_pictures
        self.share = 1.0
        self.ended = False
        self.least_loss = math.inf
        self.epochs_since_gain = self.epochs_since_cut = 0
        self.best: dict[str, Any] = {}
        self.best_step = 0

    def ends_epoch(self, done: int) -> bool:
        """Whether an epoch ends within step number ``done``, counted from 1."""
        before, after = ((done - less) * self.recipe.batch_size // self.epoch_pictures for less in (1, 0))
        return after > before

    def judge(self, loss: float, network: nn.Module, done: int) -> None:
        """Take in the loss of an epoch that ended with that step.

        Keeps the weights where it gains; else cuts the rate, or ends, in due course.
        """
        self.epochs_since_gain += 1
        self.epochs_since_cut += 1
        if loss < self.least_loss:
            self.least_loss = loss
            self.epochs_since_gain = self.epochs_since_cut = 0
            self.best, self.best_step = copy.deepcopy(network.state_dict()), done
        elif self.epochs_since_cut >= CUT_AFTER:
            self.epochs_since_cut = 0
            least = LEAST_RATE / self.recipe.learning_rate
            self.share = min(self.share, max(self.share * CUT, least))
        self.ended = self.epochs_since_gain >= END_AFTER

    def finish(self, network: nn.Module) -> None:
        """Give the network the weights of the best epoch, and keep them no longer."""
        network.load_state_dict(self.best)
        self.best = {}

    def state_dict(self) -> dict[str, Any]:
        """All but the recipe and the epoch, for the checkpoint."""
        return {name: value for name, value in vars(self).items() if name not in ("recipe", "epoch_pictures")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
