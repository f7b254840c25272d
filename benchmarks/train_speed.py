"""How fast networks train, with freed memory given back to the system and with it kept, each in a process of its own.

python benchmarks/train_speed.py [RECIPE ...]
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from datetime import UTC, datetime

import click
from read_speed import describe_hardware

from facevalue.memory import keep_freed_memory
from facevalue.recipes import find_recipe
from facevalue.studies.trial import time_network

RECIPES = ("clocks/wild", "digits/wild", "dials/wild", "records/cifar10-cnn", "records/fashion-mlp")
HOW = ("given back", "kept")


def measure(recipe: str, how: str, steps: int) -> tuple[float, float]:
    """Seconds a step, and the most gigabytes that the process had, of one that is begun for it."""
    command = [sys.executable, __file__, recipe, "--alone", how, "--steps", str(steps)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return float(told["seconds"]), float(told["gigabytes"])


@click.command()
@click.argument("recipes", nargs=-1)
@click.option("--steps", default=6, show_default=True, type=click.IntRange(min=1), help="Timed steps a turn.")
@click.option("--turns", default=3, show_default=True, type=click.IntRange(min=1), help="Of both, one after the other.")
@click.option("--alone", type=click.Choice(HOW), hidden=True)
def main(recipes: tuple[str, ...], steps: int, turns: int, alone: str | None) -> None:
    """Print pictures a second of each recipe's network, drawing left out, and what keeping memory is worth."""
    if alone:
        if alone == "kept":
            keep_freed_memory()
        seconds, _ = time_network(find_recipe(recipes[0]), steps)
        gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(json.dumps({"seconds": seconds, "gigabytes": gigabytes}))
        return
    print("| recipe | batch | given back, pictures/s | kept, pictures/s | time, kept to given back | most memory, GB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in recipes or RECIPES:
        batch = find_recipe(name).batch_size
        taken: dict[str, list[tuple[float, float]]] = {how: [] for how in HOW}
        for _ in range(turns):
            for how in HOW:
                taken[how].append(measure(name, how, steps))
        rates = [batch / statistics.median(seconds for seconds, _ in taken[how]) for how in HOW]
        pairs = zip(*(taken[how] for how in HOW), strict=True)
        ratio = statistics.median(kept / given_back for (given_back, _), (kept, _) in pairs)
        memory = " to ".join(f"{max(gigabytes for _, gigabytes in taken[how]):.1f}" for how in HOW)
        print(f"| {name} | {batch} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratio:.2f} | {memory} |", flush=True)
    print(f"\nMedian of {turns} turns of {steps} steps; {describe_hardware()}; {datetime.now(UTC):%Y-%m-%d}.")


if __name__ == "__main__":
    main()
