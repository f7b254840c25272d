"""A short trial of a network on this machine, from which a study tells how long it will take."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from facevalue.assembly import make_network
from facevalue.codecs import make_codec
from facevalue.memory import keep_freed_memory
from facevalue.optimizer import make_optimizers
from facevalue.precision import autocast
from facevalue.recipes import Recipe
from facevalue.trainee import to_tensor

STEPS = 2
NOISE_SEED = 1


@functools.lru_cache(maxsize=256)
def try_out(recipe: Recipe) -> tuple[float, float]:
    """What ``time_network`` says, where memory is kept as in a training; a line on standard error for each network."""
    print(f"  {STEPS + 1} steps of {recipe.network}, batches of {recipe.batch_size}", file=sys.stderr, flush=True)
    keep_freed_memory()
    return time_network(recipe, STEPS)


def time_network(recipe: Recipe, steps: int) -> tuple[float, float]:
    """Seconds of a training step and of reading a picture, on noise; the making of pictures is not in them.

    steps: so many of either are timed, after one that does not count.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = make_network(recipe, make_codec(recipe.codec)).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = make_optimizers(network, recipe.learning_rate, recipe.weight_decay, recipe.optimizer, recipe.l2)
    across, down = recipe.frame_px
    noise = np.random.default_rng(NOISE_SEED).integers(0, 256, (recipe.batch_size, down, across, 3), dtype=np.uint8)

    def read() -> Tensor:
        with autocast(device.type):
            outputs = network(to_tensor(noise, device))
        return torch.stack([output.float().square().mean() for output in outputs.values()]).sum()

    def step() -> None:
        read().backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()

    network.train()
    a_step = seconds_of(step, steps)
    network.eval()
    with torch.inference_mode():
        return a_step, seconds_of(read, steps) / recipe.batch_size


def wait_for_cuda() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds_of(work: Callable[[], object], times: int) -> float:
    """Mean of so many times, after one that does not count."""
    work()
    wait_for_cuda()
    began = time.perf_counter()
    for _ in range(times):
        work()
    wait_for_cuda()
    return (time.perf_counter() - began) / times
