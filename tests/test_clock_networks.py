"""Networks of clocks: each takes the heads of any codec, starts as its report says, and survives its recipe."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from facevalue.assembly import make_network
from facevalue.codecs import make_codec
from facevalue.codecs.clock import ClockNeedles
from facevalue.codecs.encodings import ENCODINGS
from facevalue.errors import SettingError
from facevalue.networks.clocks import FourBlocks, standardised
from facevalue.recipes import Recipe, find_recipe
from facevalue.recipes import encodings as encoding_recipes

SMALL = {
    "clocks/deep-time": {"size_px": "21", "widths": "4,4", "hidden": "8"},
    "clocks/leiden-hour-minute-classes": {"size_px": "21", "widths": "4,4,4,4", "hidden": "8"},
    "clocks/kitchen": {"size_px": "21", "widths": "4,4,4", "blocks": "0,1,1", "hidden": "8", "squeeze": "4"},
}
CODECS = (*ENCODINGS, ClockNeedles.name)


def network_of(name: str, **settings: str) -> nn.Module:
    recipe = find_recipe(name).with_settings(settings)
    return make_network(recipe, make_codec(recipe.codec))


def noise(side: int, count: int = 3) -> torch.Tensor:
    pictures = np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.uint8)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# ---- recipes


@pytest.mark.parametrize("recipe", encoding_recipes.RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_is_found_and_survives_its_json(recipe: Recipe) -> None:
    assert find_recipe(recipe.name) == recipe
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.with_settings({}) == recipe
    make_codec(recipe.codec)


def test_every_encoding_has_its_recipe_and_no_two_the_same() -> None:
    kitchen = find_recipe("clocks/kitchen")
    same = ("clocks/kitchen-x25", kitchen.steps)
    recipes = [recipe for recipe in encoding_recipes.RECIPES if (recipe.source, recipe.steps) == same]
    assert {recipe.codec for recipe in recipes} == set(CODECS)
    assert len({recipe.hash() for recipe in encoding_recipes.RECIPES}) == len(encoding_recipes.RECIPES)


@pytest.mark.parametrize(
    ("name", "steps", "reason"),
    [
        ("clocks/leiden-24-classes", 3797, "45 epochs of 10,800 pictures by 128"),
        ("clocks/transfer-hours", 37_969, "30 epochs of 15 times as many"),
        ("clocks/transfer-hour-minute", 63_282, "of 25 times as many"),
    ],
)
def test_epochs_of_the_reports_are_steps_here(name: str, steps: int, reason: str) -> None:
    assert find_recipe(name).steps == steps, reason


@pytest.mark.parametrize("name", ["plateau", "linear"])
def test_the_schedule_is_checked(name: str) -> None:
    assert find_recipe("clocks/kitchen").with_settings({"schedule": name}).schedule == name
    with pytest.raises(SettingError, match="expected one of linear, constant, staircase, plateau"):
        find_recipe("clocks/kitchen").with_settings({"schedule": "cliff"})


# ---- networks


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", SMALL)
def test_any_codec_goes_with_any_network(name: str, codec: str) -> None:
    network = network_of(name, codec=codec, **SMALL[name])
    heads = make_codec(codec).heads
    outputs = network(noise(21))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {h.name: (3, h.size) for h in heads}
    assert all(value.dtype == torch.float32 for value in outputs.values())
    read = make_codec(codec).decode({name: value.detach().numpy() for name, value in outputs.items()})
    assert all(0 <= belief.minutes() < 720 for belief in read)


def test_deep_time_is_as_large_as_the_tutorials_network() -> None:
    side = 15  # 57 px halved twice, upwards
    by_hand = 64 * 26 + 64 * (64 * 25 + 1) + 384 * (64 * side * side + 1) + 192 * 385 + (12 + 60) * 193
    assert parameters(network_of("clocks/deep-time")) == by_hand


def test_ours_is_as_large_as_the_report_says() -> None:
    sizes = [parameters(network_of(f"clocks/kitchen-{encoding}")) for encoding in encoding_recipes.ENCODINGS]
    assert (round(min(sizes), -5), round(max(sizes), -5)) == (700_000, 900_000)


@pytest.mark.parametrize(
    ("codec", "head", "units", "reason"),
    [
        ("clock/24-classes", "time", [8, 8], "a single head has two layers of hidden"),
        ("clock/sine-cosine", "time", [8, 8, 100], "and sine and cosine a third of 100"),
        ("clock/hour-minute-classes", "hour", [144, 144], "hours of two heads"),
        ("clock/hour-minute-classes", "minute", [200], "minutes of two heads"),
        ("clock/hour-class-minute-value", "minute", [200], "minutes as a number"),
    ],
)
def test_dense_layers_of_the_four_blocks(codec: str, head: str, units: list[int], reason: str) -> None:
    network = network_of("clocks/leiden-hour-minute-classes", **SMALL["clocks/leiden-hour-minute-classes"], codec=codec)
    assert isinstance(network, FourBlocks)
    layers = [module for module in network.dense[head] if isinstance(module, nn.Linear)]
    assert [layer.out_features for layer in layers] == units, reason
    rates = [module.p for module in network.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.25] * 4 + [0.5] * len(network.dense), reason


@pytest.mark.parametrize("name", ["clocks/deep-time", "clocks/leiden-hour-minute-classes"])
def test_reports_networks_start_he_uniform(name: str) -> None:
    network = network_of(name, **SMALL[name])
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            bound = (6 / fan_in) ** 0.5
            assert module.weight.abs().max() <= bound
            assert module.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.2)
            assert module.bias is not None
            assert not module.bias.any()


def test_the_start_is_the_seeds() -> None:
    one, again, other = (
        network_of("clocks/kitchen", **SMALL["clocks/kitchen"], seed=seed).state_dict() for seed in ("1", "1", "2")
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["trunk.0.weight"], other["trunk.0.weight"])


def test_each_picture_is_standardised_by_itself() -> None:
    grey = noise(8).float().mean(1, keepdim=True)
    grey[1] = 0.25  # flat
    seen = standardised(grey)
    assert seen[0].mean().item() == pytest.approx(0, abs=1e-5)
    assert seen[0].std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert not seen[1].any()
    torch.testing.assert_close(standardised(grey[:1] * 3 + 7), seen[:1])


def test_colour_is_seen_as_grey() -> None:
    network = network_of("clocks/kitchen", **SMALL["clocks/kitchen"]).eval()
    colour = noise(21)
    grey = colour.flip(1)
    with torch.no_grad():
        for one, other in zip(network(colour).values(), network(grey).values(), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("name", "settings", "expected", "reason"),
    [
        ("clocks/deep-time", {"width_px": "40"}, "reads square pictures; 40 x 57 px are none", "not square"),
        ("clocks/deep-time", {"widths": ""}, "expected at least 1, and a map", "no convolution"),
        ("clocks/deep-time", {"size_px": "3"}, "halve 3 pixels 2 times", "nothing left"),
        ("clocks/kitchen", {"blocks": "1,1"}, "expected as many of both", "four widths, two counts"),
        ("digits/tiny", {"network": "convnet"}, "codec digits/row has places in a row", "eight digits"),
    ],
)
def test_what_makes_no_network(name: str, settings: dict[str, str], expected: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        network_of(name, **settings)
    assert expected in str(caught.value), reason
