"""What a training is scored on while it runs, and how: the metrics of evaluation."""

from __future__ import annotations

import collections
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facevalue.codecs import Codec
from facevalue.plateau import validation_loss
from facevalue.sources import Batch, Limited, Source
from facevalue.trainee import to_tensor

HELD_OUT_SEED = 1_000_003


@dataclass(frozen=True)
class Scored:
    """Pictures that a training is scored on while it runs.

    name: in logs, ``held_out``, or ``trained_on`` where the source holds none out.
    """

    batch: Batch
    name: str = "held_out"

    def words(self) -> str:
        """How many they are, and whether they are held out."""
        return f"{len(self.batch.pictures):,} pictures {self.name.replace('_', ' ')}"


def scored_of(source: Source, most: int) -> Scored:
    """At most so many pictures to score a training on, of a source of few each but once."""
    if not isinstance(source, Limited):
        return Scored(source.batch(HELD_OUT_SEED, 0, most))
    trained, held_out = source.counts()
    batch = source.batch(HELD_OUT_SEED, 0, min(most, held_out or trained))
    return Scored(batch, "held_out" if held_out else "trained_on")


@torch.inference_mode()
def score_held_out(network: nn.Module, codec: Codec, held_out: Batch, device: torch.device) -> dict[str, float]:
    """The loss, and the batch's scores, of pictures to score on; the network is in the mode of training afterwards."""
    network.eval()
    outputs: dict[str, list[NDArray[np.float32]]] = collections.defaultdict(list)
    for part in to_tensor(held_out.pictures, device).split(128):  # type: ignore[no-untyped-call]
        for name, value in network(part).items():
            outputs[name].append(value.float().cpu().numpy())
    network.train()
    whole = {name: np.concatenate(parts) for name, parts in outputs.items()}
    return {"loss": validation_loss(codec, whole, held_out), **held_out.scores(codec.decode(whole))}
