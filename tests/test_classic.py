"""Classic networks of digits, and what the reports' recipes add to codecs, losses, optimizers and schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from facevalue import look_row
from facevalue.assembly import make_network
from facevalue.codecs import Floats, make_codec
from facevalue.codecs.digits import FIFTHS, MOST_DIGITS, DigitFive, DigitOne, RowBelief
from facevalue.errors import ModelError, SettingError
from facevalue.losses import classes_loss, total_loss
from facevalue.optimizer import make_optimizers
from facevalue.recipes import LATER, Recipe, find_recipe
from facevalue.trainee import learning_rate_at

RECIPES = (
    "digits/mnist-tutorial",
    "digits/mnist-ours",
    "digits/sequences-report",
    "digits/sequences-ours",
    "digits/svhn-report",
)


def network_of(name: str, **settings: str) -> nn.Module:
    recipe = find_recipe(name).with_settings(settings)
    return make_network(recipe, make_codec(recipe.codec))


def noise(*shape: int) -> torch.Tensor:
    pictures = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


# ---- recipes


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [("clocks/wild", {}, "ae79d807fbb3"), ("digits/wild", {"steps": "9000"}, "c700a8eaf9cb")],
)
def test_later_settings_leave_older_recipes_their_hash(name: str, settings: dict[str, str], expected: str) -> None:
    recipe = find_recipe(name).with_settings(settings)
    assert recipe.hash() == expected
    for later in LATER:
        assert (f'"{later}"' in recipe.to_json()) == (later == "width_px" and name == "digits/wild")
    assert recipe.with_settings({"optimizer": "sgd"}).hash() != expected


@pytest.mark.parametrize(
    ("settings", "expected", "reason"),
    [
        ({"optimizer": "rmsprop"}, "optimizer='rmsprop': expected one of muon, adam, adamw, sgd", "unknown"),
        ({"schedule": "cosine"}, "schedule='cosine': expected one of linear, constant, staircase", "unknown"),
        ({"dropout": "1"}, "dropout=1.0: expected a share, at least 0 and below 1", "nothing would be left"),
        ({"smoothing": "-0.1"}, "smoothing=-0.1: expected a share", "negative"),
        ({"learning_rate": "nan"}, "learning_rate=nan: expected a number above 0", "not a number"),
        ({"weight_decay": "-1"}, "weight_decay=-1.0: expected a number of at least 0", "it would grow"),
        ({"widths": "-1,64"}, "widths=(-1, 64): expected whole numbers of at least 1", "fewer than none"),
        ({"blocks": "1,-2"}, "blocks=(1, -2): expected whole numbers of at least 0", "fewer than none"),
        ({"l2": "much"}, "l2='much': expected float", "no number"),
        ({"decay": "60"}, "decay=60.0: expected a share of the steps, 0 to 1", "a percentage"),
    ],
)
def test_settings_of_the_reports_are_checked(settings: dict[str, str], expected: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        find_recipe("digits/mnist-tutorial").with_settings(settings)
    assert expected in str(caught.value), reason


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_its_json(name: str) -> None:
    recipe = find_recipe(name)
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("text", ["no JSON", "[1, 2]", "7", "{}", '{"name": "x", "colour": 1}'])
def test_what_is_no_recipe_is_told(text: str) -> None:
    with pytest.raises(ModelError, match="a recipe of another version of facevalue"):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    ("schedule", "expected", "reason"),
    [
        ("constant", {0: 0.5, 1: 1.0, 1999: 1.0}, "after its warm-up the rate stays"),
        ("staircase", {1: 1.0, 499: 1.0, 500: 0.95, 999: 0.95, 1000: 0.95**2}, "0.95 of it every 500 steps"),
        ("linear", {1: 1.0, 999: 1.0, 1500: 0.5}, "falls over the last half"),
    ],
)
def test_schedules(schedule: str, expected: dict[int, float], reason: str) -> None:
    recipe = Recipe("test", "digits", "", "", steps=2000, warmup_steps=2, decay=0.5, schedule=schedule)
    for step, rate in expected.items():
        assert learning_rate_at(step, recipe) == pytest.approx(rate), reason


# ---- optimizers and losses


@pytest.mark.parametrize(
    ("kind", "kinds"), [("muon", ["Muon", "AdamW"]), ("adam", ["Adam"]), ("adamw", ["AdamW"]), ("sgd", ["SGD"])]
)
def test_an_optimizer_owns_every_parameter_once(kind: str, kinds: list[str]) -> None:
    network = network_of("digits/sequences-report", widths="4,4", hidden="8")
    optimizers = make_optimizers(network, 1e-3, 0.1, kind, l2=0.5)
    assert [type(optimizer).__name__ for optimizer in optimizers] == kinds
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    owned = [parameter for group in groups for parameter in group["params"]]
    assert len(owned) == len({id(p) for p in owned}) == len(list(network.parameters()))
    shrunk = {"muon": 0.1, "adam": 0.5, "adamw": 0.1, "sgd": 0.5}[kind]
    assert {group["weight_decay"] for group in groups} == {shrunk, 0.0}
    for group in groups:
        if group["weight_decay"]:
            assert all(parameter.ndim >= 2 for parameter in group["params"])


def test_a_network_without_inner_matrices_has_one_optimizer() -> None:
    optimizers = make_optimizers(network_of("pictures/cnn-one-1x1"), 1e-3, 0.1, "muon")
    assert [type(optimizer).__name__ for optimizer in optimizers] == ["AdamW"]


def test_an_unknown_optimizer() -> None:
    with pytest.raises(SettingError, match="no optimizer 'lion'; there are: muon"):
        make_optimizers(nn.Linear(2, 2), 1e-3, 0.0, "lion")


def test_l2_is_that_term_of_the_loss() -> None:
    """One step of SGD on l2 / 2 times the squares alone."""
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    bias = layer.bias.detach().clone()
    make_optimizers(layer, 0.1, 0.0, "sgd", l2=0.5)[0].step()
    torch.testing.assert_close(layer.weight.detach(), before * (1 - 0.1 * 0.5))
    torch.testing.assert_close(layer.bias.detach(), bias)


def test_smoothing_spreads_a_share_of_the_label() -> None:
    output, target = torch.randn(5, 10), torch.arange(5)
    log_shares = F.log_softmax(output, dim=1)
    wanted = -(0.9 * log_shares[torch.arange(5), target] + 0.1 * log_shares.mean(1))
    torch.testing.assert_close(classes_loss(output, target, 0.1), wanted)
    torch.testing.assert_close(classes_loss(output, target), F.cross_entropy(output, target, reduction="none"))
    heads = DigitOne.heads
    total, _ = total_loss(heads, {"digit": output}, {"digit": (target, torch.ones(5))}, 0.1)
    torch.testing.assert_close(total, wanted.mean())


# ---- codecs


def labels_of(texts: list[str]) -> dict[str, Any]:
    places = np.full((len(texts), MOST_DIGITS), np.nan, np.float32)
    for row, text in zip(places, texts, strict=True):
        row[: len(text)] = [int(c) for c in text]
    return {"count": np.array([len(text) for text in texts]), "places": places}


def certain(values: Any, size: int) -> Floats:
    return np.where(np.arange(size) == values[..., None], 9.0, -9.0).astype(np.float32)


def test_every_digit_survives_encode_and_decode() -> None:
    codec = make_codec("digits/one")
    texts = [str(digit) for digit in range(10)]
    targets = codec.encode(labels_of(texts))
    assert targets["digit"].weight.tolist() == [1.0] * 10
    beliefs: list[RowBelief] = codec.decode({"digit": certain(targets["digit"].values, 10)})
    for text, belief in zip(texts, beliefs, strict=True):
        number = belief.read()
        assert (number.text(), number.number()) == (text, float(text))
        assert number.near > 0.99
        assert number.joint > 0.99
        assert belief.lengths.argmax() == 1
        assert belief.spans.tolist() == belief.rows.tolist() == [[-1, 1]]


def test_a_row_of_more_than_five_digits_teaches_nothing() -> None:
    target = make_codec("digits/five").encode(labels_of(["123456", "12345"]))["digit"]
    assert target.weight.tolist() == [[0] * FIFTHS, [1] * FIFTHS]


def test_every_string_of_five_survives_encode_and_decode() -> None:
    codec = make_codec("digits/five")
    random = np.random.default_rng(0)
    texts = ["", *map(str, range(10)), *(f"{n:02d}" for n in range(100)), "00000", "99999", "09090"]
    texts += ["".join(map(str, random.integers(0, 10, random.integers(3, 6)))) for _ in range(200)]
    targets = codec.encode(labels_of(texts))
    assert targets["digit"].values.shape == targets["digit"].weight.shape == (len(texts), FIFTHS)
    assert targets["digit"].weight.all()
    for text, belief in zip(texts, codec.decode({"digit": certain(targets["digit"].values, 11)}), strict=True):
        assert belief.read().text() == (text or "?"), text
        assert belief.read().joint > 0.99 or not text
        assert belief.lengths.argmax() == belief.count == belief.total == len(text)
        assert belief.lengths.sum() == pytest.approx(1, abs=1e-5)
        assert np.allclose(belief.spans[:, 0], -1 + 0.4 * np.arange(len(text)))
        assert np.allclose(belief.spans[:, 1], -0.6 + 0.4 * np.arange(len(text)))


def test_what_stands_behind_a_blank_is_not_read() -> None:
    belief = DigitFive().decode({"digit": certain(np.array([[4, 10, 2, 10, 10]]), 11)})[0]
    assert belief.read().text() == "4"


def test_a_doubtful_blank_is_in_the_lengths() -> None:
    logits = certain(np.array([[4, 2, 10, 10, 10]]), 11)
    logits[0, 1] = -30
    logits[0, 1, [2, 10]] = np.log([0.7, 0.3])
    belief = DigitFive().decode({"digit": logits})[0]
    assert belief.read().text() == "42"
    assert belief.lengths[:4].tolist() == pytest.approx([0, 0.3, 0.7, 0], abs=1e-3)


def test_shares_of_the_classes_are_those_of_the_digits() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1 - 7e-4, *[1e-4] * 7]], np.float32))
    number = DigitOne().decode({"digit": logits})[0].read()
    assert number.certainty[0] == pytest.approx(0.7, abs=1e-3)
    assert number.others[0] == ("1", pytest.approx(0.2, abs=1e-3))


@pytest.mark.parametrize("codec", [DigitOne(), DigitFive()])
def test_a_digit_that_nobody_can_tell_trains_nothing(codec: Any) -> None:
    labels = {"count": np.array([1]), "places": np.full((1, MOST_DIGITS), np.nan, np.float32)}
    weight = codec.encode(labels)["digit"].weight
    assert weight.ravel()[0] == 0
    assert weight.ravel()[1:].all()  # blank fifths are known


# ---- networks


@pytest.mark.parametrize("name", RECIPES)
def test_each_network_gives_what_its_codec_wants(name: str) -> None:
    recipe = find_recipe(name).with_settings({"widths": "8,8,8,8"[: 2 * len(find_recipe(name).widths) - 1]})
    recipe = recipe.with_settings({"hidden": "16", "squeeze": "4"})
    codec = make_codec(recipe.codec)
    network = make_network(recipe, codec)
    wide, high = recipe.frame_px
    outputs = network(noise(3, high, wide, 3))
    (head,) = codec.heads
    shape = (3, head.places, head.size) if head.places > 1 else (3, head.size)
    assert outputs[head.name].shape == shape
    assert outputs[head.name].dtype == torch.float32
    assert len(codec.decode({head.name: outputs[head.name].detach().numpy()})) == 3


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("digits/mnist-tutorial", 832 + 51_264 + 3_212_288 + 10_250, "as TensorFlow's tutorial counts them"),
        ("digits/mnist-ours", 1_142_578, "1.14 million"),
        ("digits/sequences-ours", 1_142_578, "blank needs no parameter"),
    ],
)
def test_how_many_parameters(name: str, parameters: int, reason: str) -> None:
    assert sum(parameter.numel() for parameter in network_of(name).parameters()) == parameters, reason


@pytest.mark.parametrize("name", ["digits/sequences-report", "digits/sequences-ours"])
def test_each_fifth_is_read_on_its_own(name: str) -> None:
    network = network_of(name, hidden="16").eval()
    pictures = noise(2, 28, 140, 3)
    moved = torch.cat([pictures[..., 56:84], pictures[..., :56], pictures[..., 84:]], dim=3)
    with torch.no_grad():
        one, other = network(pictures)["digit"], network(moved)["digit"]
    torch.testing.assert_close(other[:, [1, 2, 0, 3, 4]], one)


def test_ours_reads_a_fifth_as_it_reads_the_digit_alone() -> None:
    small = {"widths": "8,8,8", "hidden": "16", "squeeze": "4"}
    alone, fifths = network_of("digits/mnist-ours", **small).eval(), network_of("digits/sequences-ours", **small).eval()
    fifths.load_state_dict(alone.state_dict())
    pictures = noise(2, 28, 140, 3)
    pictures[1, :, :, 56:] = 0
    with torch.no_grad():
        outputs = fifths(pictures)["digit"]
        for k in range(FIFTHS):
            torch.testing.assert_close(outputs[:, k, :10], alone(pictures[..., 28 * k : 28 * (k + 1)])["digit"])
    assert (outputs.argmax(2) == 10).tolist() == [[False] * 5, [False] * 2 + [True] * 3]


@pytest.mark.parametrize(
    ("name", "settings", "expected", "reason"),
    [
        ("digits/mnist-tutorial", {"codec": "digits/five"}, "expected 5 square cells side by side, 140 x 28", "width"),
        ("digits/mnist-tutorial", {"width_px": "30"}, "expected 1 square cell side by side, 28 x 28", "not square"),
        ("digits/mnist-tutorial", {"codec": "digits/row"}, "codec digits/row asks for others", "heads it has not"),
        ("digits/mnist-tutorial", {"widths": "4,4,4,4,4"}, "halve 28 pixels 5 times, to nothing", "too deep"),
        ("digits/mnist-ours", {"blocks": "1,1"}, "expected as many of both", "three widths, two counts"),
        ("digits/mnist-ours", {"network": "digitnet/blank"}, "codec digits/one has no blank", "a nine never read"),
        ("digits/tiny", {"codec": "clock/needles"}, "counts the digits of a row", "nothing to count"),
        ("clocks/tiny", {"widths": "", "blocks": ""}, "make no network", "no stage"),
        ("digits/mnist-ours", {"network": "classic"}, "no network 'classic'; there are: convnet", "unknown"),
    ],
)
def test_what_makes_no_network(name: str, settings: dict[str, str], expected: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        network_of(name, **settings)
    assert expected in str(caught.value), reason


# ---- read


class Looked:
    """A weight that keeps what it is shown and always reads the same."""

    def __init__(self, codec: Any, frame_px: tuple[int, int], outputs: Floats) -> None:
        self.codec, self.frame_px, self.outputs = codec, frame_px, outputs
        self.narrow_px = 0
        self.shown: list[NDArray[np.uint8]] = []

    def run(self, pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        self.shown += list(pictures)
        return {"digit": self.outputs}


def test_a_string_fills_its_frame_from_the_left_and_is_looked_at_once() -> None:
    weight: Any = Looked(DigitFive(), (140, 28), np.zeros((1, 5, 11), np.float32))
    picture = np.random.default_rng(0).integers(0, 256, (28, 56, 3)).astype(np.uint8)
    look = look_row.look(weight, picture)
    assert look.number.joint < look_row.SURE  # unsure, but there is nothing to straighten by
    (seen,) = weight.shown
    assert (seen[:, :56] == picture).all()
    assert not seen[:, 56:].any()
    boxes = look_row.outline(look.belief, look.frame)
    np.testing.assert_allclose(boxes[1], [[28, 0], [56, 0], [56, 28], [28, 28]], atol=1e-4)


def test_a_digit_fills_its_frame_and_is_looked_at_once() -> None:
    weight: Any = Looked(DigitOne(), (28, 28), np.zeros((1, 10), np.float32))
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, 3)).astype(np.uint8)
    look = look_row.look(weight, picture)
    (seen,) = weight.shown
    assert (seen == picture).all()
    assert look.number.text() == "?"
    assert look.features()["counted"] == look.features()["length"] == 1
