"""Growing: a network with more residual blocks than its parent starts as the parent, and reads as it at first.

A block whose last norm is zero gives its shortcut (``networks.convnet.Block``), and of what a rectifier let through
that is what came in. So blocks at the end of a stage change nothing before they are trained (Chen, Goodfellow and
Shlens 2016, "Net2Net: accelerating learning via knowledge transfer", its deeper nets).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from facevalue.errors import SettingError
from facevalue.recipes import Recipe

STEM = 3  # modules of a trunk before its blocks: convolution, norm, rectifier
BLOCKED = ("convnet", "rownet")  # networks whose trunk is that and blocks


def refuse_other_network(theirs: Recipe, recipe: Recipe) -> None:
    """Raise SettingError where a recipe's network differs from its parent's in more than blocks that are added."""
    of_network = (
        *("kind", "codec", "network", "size_px", "width_px", "widths"),
        *("hidden", "squeeze", "channels", "kernel", "activations"),
    )
    others = [name for name in of_network if getattr(recipe, name) != getattr(theirs, name)]
    if theirs.blocks == recipe.blocks and not others:
        return
    grows = len(theirs.blocks) == len(recipe.blocks) and all(
        mine >= before for mine, before in zip(recipe.blocks, theirs.blocks, strict=True)
    )
    if others or not grows or recipe.network not in BLOCKED:
        differ = ", ".join(f"{name}={getattr(recipe, name)}" for name in (others or ["blocks"]))
        raise SettingError(
            f"{recipe.name} with {differ} can't go on from {theirs.name}: expected its network"
            + (", or one that has more blocks in its stages" if recipe.network in BLOCKED else "")
        )


def grown(
    trained: Mapping[str, Tensor], theirs: Recipe, recipe: Recipe, fresh: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The parent's parameters and statistics by the names of the recipe's network, and fresh ones of blocks it adds.

    trained, theirs: of the parent.  fresh: of the recipe's network before training, as ``state_dict`` gives them.
    Raises SettingError where the networks differ in more than blocks that are added.
    """
    refuse_other_network(theirs, recipe)
    if theirs.blocks == recipe.blocks:
        return dict(trained)
    now_at = {place: index for index, place in enumerate(places_of(recipe.blocks))}
    moved = {f"trunk.{STEM + i}.": f"trunk.{STEM + now_at[place]}." for i, place in enumerate(places_of(theirs.blocks))}
    state = dict(fresh)
    for name, value in trained.items():
        of_block = next((before for before in moved if name.startswith(before)), None)
        state[name if of_block is None else moved[of_block] + name.removeprefix(of_block)] = value
    return state


def places_of(blocks: Sequence[int]) -> list[tuple[int, int]]:
    """Stage, and number in it, of each block of a trunk."""
    return [(stage, number) for stage, count in enumerate(blocks) for number in range(count)]
