"""Records on small pictures: what whitens, flips and steps, and the study from its plan to its figures."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image
from small_pictures import TEST, TRAIN, write_cifar, write_fashion
from torch import Tensor, nn
from torch.nn import functional as F

from facevalue import assembly, scoring, studies, trainee, training
from facevalue import optimizer as optimizer_module
from facevalue.checkpoint import read_checkpoint
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.codecs.needles import log_softmax
from facevalue.errors import SettingError
from facevalue.export import trained_network
from facevalue.networks.records import LEAST_VARIANCE, RecordCnn, RecordMlp, whitening_rows
from facevalue.optimizer import BIAS_RATE, FILTER_RATE, HEAD_RATE, Muon, MuonNormed, make_optimizers
from facevalue.recipes import Recipe, find_recipe
from facevalue.recipes.pictures import CIFAR_TRAINED
from facevalue.recipes.records import ABLATIONS, AIRBENCH, CIFAR_CNN, FINAL, RECIPES, VALIDATED
from facevalue.sources import pictures
from facevalue.sources.pictures import PICTURES, LabelledBatch
from facevalue.studies import Experiment, Study, Trained, records, trial
from facevalue.studies import encodings as encodings_study
from facevalue.studies.pictures import CIFAR, FASHION, RIGHT, VALIDATION, read_logits
from facevalue.studies.records import LOOKS, PARTS, TITLES, loss_of, read_with_looks

CHOICES = [name for name in VALIDATED if "-mlp" in name]
HELD_OUT = TRAIN // 10
SMALL_CNN = {"widths": "4,4,64", "blocks": "2,2,2"}
SMALL_MLP = {"widths": "6", "squeeze": "5", "network": "records-mlp"}  # components of large pictures take long
WHITE = {"network": "records-mlp-white"}
BRIEF = {"steps": "2", "batch_size": "8"}


def small(recipe: Recipe, **settings: str) -> Recipe:
    cut = SMALL_CNN if "cnn" in recipe.network else SMALL_MLP
    return recipe.with_settings(cut | BRIEF | settings)


def network_of(recipe: Recipe) -> nn.Module:
    return assembly.make_network(recipe, make_codec(recipe.codec))


def small_study() -> Study:
    def experiments() -> list[Experiment]:
        return [
            dataclasses.replace(one, recipe=small(one.recipe), quick={"steps": "1"})
            for one in records.STUDY.experiments()
        ]

    return dataclasses.replace(records.STUDY, experiments=experiments)


@pytest.fixture(scope="module", autouse=True)
def small_studies() -> Iterator[None]:
    table = {"records": small_study()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "studies", lambda: table)
        patch.setattr(training, "HELD_OUT_PICTURES", 8)
        patch.setattr(trial, "STEPS", 1)
        patch.setattr(encodings_study, "DRAWS", 50)
        for network in (RecordCnn, RecordMlp):
            patch.setattr(network, "prepared_on", 40)
        patch.delenv("FACEVALUE_DATA", raising=False)
        encodings_study.picture_draws.cache_clear()
        yield
        encodings_study.picture_draws.cache_clear()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cifar(write_fashion(tmp_path_factory.mktemp("data")))


def blurred(count: int, side: int, channels: int) -> Tensor:
    """(count, 3, side, side) uint8 noise whose neighbours are alike, grey or in colour."""
    torch.manual_seed(0)
    noise = F.avg_pool2d(torch.randn(count, channels, side + 2, side + 2), 3, 1)
    return (127 + 120 * noise).clamp(0, 255).to(torch.uint8).expand(count, 3, side, side).contiguous()


# ---- whitening


@pytest.mark.parametrize(("name", "channels"), [("records/cifar10-cnn", 3), ("records/fashion-cnn", 1)])
def test_the_first_layer_whitens_patches(name: str, channels: int) -> None:
    recipe = small(find_recipe(name))
    network = network_of(recipe)
    assert isinstance(network, RecordCnn)
    seen = blurred(60, recipe.size_px, channels)
    before = covariance_of(network, seen)
    network.prepare(seen)
    features = 4 * channels
    after = covariance_of(network, seen)
    assert after.shape == (2 * features, 2 * features)
    assert not torch.allclose(before[:features, :features], torch.eye(features), atol=0.3)
    x = network.standardised(seen)
    patches = F.unfold(x, 2).transpose(1, 2).flatten(0, 1)
    variances = torch.linalg.eigvalsh((patches.T @ patches / len(patches)).double())
    shares = (variances / (variances + LEAST_VARIANCE["patches"])).flip(0).float()
    assert shares.min() > 0.9  # near the identity, and just as far from it as the small addition has it
    torch.testing.assert_close(after[:features, :features], torch.diag(shares), atol=2e-3, rtol=0)
    torch.testing.assert_close(network.whiten.weight[features:], -network.whiten.weight[:features])


def covariance_of(network: RecordCnn, seen: Tensor) -> Tensor:
    """Second moments of the first layer's responses, its bias left out."""
    with torch.no_grad():
        responses = F.conv2d(network.standardised(seen), network.whiten.weight)
    rows = responses.transpose(1, 3).flatten(0, 2)
    return rows.T @ rows / len(rows)


def test_whole_pictures_are_whitened() -> None:
    recipe = small(find_recipe("records/cifar10-mlp"), size_px="8", **WHITE)
    network = network_of(recipe)
    assert isinstance(network, RecordMlp)
    assert network.whiten is not None
    seen = blurred(400, 8, 3)
    network.prepare(seen)
    given = network.whiten(network.standardised(seen).flatten(1))
    torch.testing.assert_close(given.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(given.T @ given / len(given), torch.eye(5), atol=0.05, rtol=0)


def test_directions_without_variance_are_left_small() -> None:
    values = torch.zeros(50, 3)
    values[:, 0] = torch.linspace(-2, 2, 50)
    rows = whitening_rows(values, 1e-2)
    assert rows.isfinite().all()
    assert rows.norm(dim=1)[1:] == pytest.approx([10.0, 10.0])  # one by the root of the small addition


@pytest.mark.parametrize(("name", "settings"), [("records/fashion-cnn", {}), ("records/fashion-mlp", WHITE)])
def test_what_whitens_stays_as_it_is_and_is_restored(
    name: str, settings: dict[str, str], data: Path, tmp_path: Path
) -> None:
    recipe = small(find_recipe(name), steps="4", **settings)
    source = assembly.make_source(recipe, data)
    expected = network_of(recipe)
    seen = source.batch(recipe.seed, 0, expected.prepared_on).pictures  # type: ignore[arg-type]
    expected.prepare(trainee.to_tensor(seen, torch.device("cpu")))  # type: ignore[operator]
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    for folder in (whole, halted):
        folder.mkdir()
    training.train(recipe, whole, resume=False, workers=0, data=data)

    asked = itertools.count()

    class Stopping:
        """The source, until it ends the process as a kill would."""

        def batch(self, seed: int, step: int, count: int) -> LabelledBatch:
            if seed == recipe.seed and count == recipe.batch_size and next(asked) == 2:
                raise KeyboardInterrupt
            return source.batch(seed, step, count)  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
        with pytest.raises(KeyboardInterrupt):
            training.train(recipe, halted, resume=False, workers=0, source=Stopping())
    assert read_checkpoint(halted)["step"] == 2
    with pytest.MonkeyPatch.context() as patch:
        for network in (RecordCnn, RecordMlp):
            patch.setattr(network, "prepare", lambda *_: pytest.fail("made twice"))
        training.train(recipe, halted, resume=True, workers=0, data=data)
    one, other = (read_checkpoint(folder)["network"] for folder in (whole, halted))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(one["whiten.weight"], expected.state_dict()["whiten.weight"])
    moved = [key for key, value in expected.named_parameters() if not torch.equal(value, one[key])]
    frozen = {key for key, value in expected.named_parameters() if not value.requires_grad}
    assert not frozen & set(moved)
    assert any("out" in key for key in moved)


# ---- networks


@pytest.mark.parametrize("blocks", ["2,2,2", "3,3,3"])
@pytest.mark.parametrize("name", ["records/cifar10-cnn", "records/fashion-cnn", "records/ablation-no-whitening"])
def test_a_convolutional_network_reads_and_learns(name: str, blocks: str) -> None:
    recipe = small(find_recipe(name), blocks=blocks, widths="24,30,30")
    network = network_of(recipe)
    side, channels = (28, 1) if "fashion" in name else (32, 3)
    (output,) = network(blurred(6, side, channels)).values()
    assert (output.shape, output.dtype) == ((6, 10), torch.float32)
    F.cross_entropy(output, torch.arange(6)).backward()
    learned = {key for key, parameter in network.named_parameters() if parameter.grad is not None}
    gains = {f"trunk.{group}.norms.{norm}.weight" for group in range(3) for norm in range(int(blocks[0]))}
    whitened = set() if "no-whitening" in name else {"whiten.weight"}
    assert dict(network.named_parameters()).keys() - learned == gains | whitened


def test_filters_start_as_the_identity() -> None:
    for recipe, identity in ((CIFAR_CNN, True), (ABLATIONS["random-start"], False)):
        network = network_of(small(recipe, widths="24,30,30"))
        second = network.get_submodule("trunk.0.convs.1")
        x = torch.randn(2, 24, 5, 5)
        assert torch.allclose(second(x), x, atol=1e-6) == identity


def test_sizes() -> None:
    def size(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    patches = 24 * 12 + 24
    filters = 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256)
    norms = 2 * 2 * (64 + 256 + 256)
    assert size(network_of(CIFAR_CNN)) == patches + filters + norms + 2560
    dense = network_of(small(find_recipe("records/fashion-mlp"), widths="6,4"))
    assert size(dense) == 784 * 6 + 12 + 24 + 8 + 50
    assert not any(isinstance(module, nn.Conv2d) for module in dense.modules())
    white = network_of(small(find_recipe("records/cifar10-mlp"), widths="6,4", **WHITE))
    assert size(white) == 3072 * 5 + 5 + 5 * 6 + 12 + 24 + 8 + 50


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("cifar10-cnn", {"widths": "4,4"}, "widths=(4, 4) and blocks=(2, 2, 2): expected 3 of both"),
        ("cifar10-cnn", {"blocks": "2,1,2"}, "2 or 3 convolutions in each group"),
        ("cifar10-cnn", {"size_px": "24"}, "24 x 24 px: records-cnn leaves nothing of less than 25 px"),
        ("cifar10-cnn", {"channels": "2"}, "channels=2: expected 1, grey, or 3"),
        ("cifar10-mlp", {"squeeze": "3073"}, "squeeze=3073: a picture of 3072 values has no more components"),
        ("cifar10-mlp", {"widths": ""}, "expected units of at least one dense layer"),
        ("fashion-mlp", {"activations": "tanh"}, "activations='tanh': expected one of relu, gelu"),
        ("fashion-mlp", {"codec": "digits/five"}, "network records-mlp has one head of classes"),
    ],
)
def test_networks_that_can_not_be(name: str, settings: dict[str, str], says: str) -> None:
    with pytest.raises(SettingError) as caught:
        network_of(find_recipe(f"records/{name}").with_settings(settings))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# ---- optimizer


def test_a_normed_step_is_that_of_airbench() -> None:
    """Two steps of its formula in float64: momentum of Nesterov, the filter at its length, three quintic steps."""
    random = np.random.default_rng(0)
    filters = nn.Parameter(torch.from_numpy(random.standard_normal((6, 2, 2, 2))).float())
    optimizer = MuonNormed([filters], lr=0.1)
    expected = filters.detach().double().numpy().reshape(6, 8)
    gathered = np.zeros((6, 8))
    for gradient in random.standard_normal((2, 6, 8)):
        filters.grad = torch.from_numpy(gradient.reshape(6, 2, 2, 2)).float()
        optimizer.step()
        gathered = 0.6 * gathered + gradient
        x = gradient + 0.6 * gathered
        x /= np.linalg.norm(x)
        for _ in range(3):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        expected = expected * (6**0.5 / np.linalg.norm(expected)) - 0.1 * x
    np.testing.assert_allclose(filters.detach().numpy().reshape(6, 8), expected, atol=5e-3)


def test_a_step_of_muon_is_that_of_its_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps in float64: Keller Jordan's Nesterov momentum and five quintic steps, Moonlight's length and decay."""
    random = np.random.default_rng(0)
    filters = nn.Parameter(torch.from_numpy(random.standard_normal((6, 2, 2, 2))).float())
    monkeypatch.setattr(optimizer_module, "training_dtype", lambda kind: torch.float32)
    optimizer = Muon([filters], lr=0.1, weight_decay=0.3)
    expected = filters.detach().double().numpy().reshape(6, 8)
    gathered = np.zeros((6, 8))
    for gradient in random.standard_normal((2, 6, 8)):
        filters.grad = torch.from_numpy(gradient.reshape(6, 2, 2, 2)).float()
        optimizer.step()
        gathered = 0.95 * gathered + 0.05 * gradient
        x = 0.05 * gradient + 0.95 * gathered
        x /= np.linalg.norm(x)
        for _ in range(5):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        expected = expected * (1 - 0.1 * 0.3) - 0.1 * 0.2 * 8**0.5 * x
    np.testing.assert_allclose(filters.detach().numpy().reshape(6, 8), expected, atol=1e-5)


def test_a_step_that_is_not_orthogonal_is_as_long() -> None:
    random = np.random.default_rng(0)
    gradient = torch.from_numpy(random.standard_normal((6, 2, 2, 2))).float()
    network = nn.Sequential(nn.Conv2d(2, 6, 2, bias=False))
    before = network[0].weight.detach() * 6**0.5 / network[0].weight.detach().norm()
    normed, _ = make_optimizers(network, 0.1, 0.0, "momentum-normed")
    network[0].weight.grad = gradient
    normed.step()
    step = (before - network[0].weight.detach()) / 0.1
    torch.testing.assert_close(step, gradient * 6**0.5 / gradient.norm(), atol=1e-4, rtol=1e-4)


def test_the_rest_takes_multiples_of_the_rate_and_loses_a_share_of_itself() -> None:
    network = network_of(small(CIFAR_CNN))
    normed, rest = make_optimizers(network, 0.24, 0.004, "muon-normed")
    owned = [one for optimizer in (normed, rest) for group in optimizer.param_groups for one in group["params"]]
    learned = [one for one in network.parameters() if one.requires_grad]
    assert len(owned) == len({id(one) for one in owned}) == len(learned)
    assert all(one.ndim == 4 for one in normed.param_groups[0]["params"])
    before = [one.detach().clone() for one in rest.param_groups[0]["params"]]
    for one in learned:
        one.grad = torch.zeros_like(one)
    rest.step()  # no gradient: what is lost is the decay, by Nesterov's momentum of 0.85 1.85 times at the first step
    for one, was in zip(rest.param_groups[0]["params"], before, strict=True):
        torch.testing.assert_close(one.detach(), was * (1 - 1.85 * 0.004))
    biases, head = rest.param_groups
    assert head["params"][0] is network.get_parameter("out.weight")
    assert (biases["lr"], head["lr"]) == pytest.approx((BIAS_RATE, HEAD_RATE / 64**2))
    assert [group["multiple"] * 0.24 for group in (biases, head)] == pytest.approx([BIAS_RATE, HEAD_RATE / 64**2])
    for group in (biases, head):
        assert group["lr"] * group["weight_decay"] == pytest.approx(0.004)
    assert AIRBENCH.learning_rate == FILTER_RATE


def test_training_keeps_the_multiples(data: Path, tmp_path: Path) -> None:
    """Of two steps the second has half the rate, of each group."""
    training.train(small(CIFAR_CNN), tmp_path, resume=False, workers=0, data=data)
    normed, rest = read_checkpoint(tmp_path)["optimizers"]
    assert normed["param_groups"][0]["lr"] == pytest.approx(0.12)
    assert [group["lr"] for group in rest["param_groups"]] == pytest.approx([BIAS_RATE / 2, HEAD_RATE / 64**2 / 2])


# ---- sources


@pytest.mark.parametrize("name", [name for name in PICTURES if name.endswith("-all")])
def test_all_records_are_trained_on(name: str, data: Path) -> None:
    """Classes and pictures of an epoch are those of all records; those of the twin are of nine tenths."""
    plain = name.removesuffix("-all")
    whole, held = (assembly.make_source(dataclasses.replace(CIFAR_CNN, source=one), data) for one in (name, plain))
    assert not whole.hold_out
    assert held == dataclasses.replace(whole, hold_out=True)
    known, _ = pictures.records(whole.dataset, data, "train", False)
    bare = dataclasses.replace(whole, flip=False, shift_px=0, cut=False)
    for source, count in ((bare, TRAIN), (dataclasses.replace(bare, hold_out=True), TRAIN - HELD_OUT)):
        seen = {picture.tobytes() for picture in source.batch(1, 0, count).pictures}
        assert seen == {picture.tobytes() for picture in pictures.as_rgb(known[:count])}
    np.testing.assert_array_equal(whole.validation().pictures, held.validation().pictures)
    assert len(whole.batch(scoring.HELD_OUT_SEED, 0, HELD_OUT).pictures) == HELD_OUT


def test_flips_by_a_coin_come_in_any_epoch(data: Path) -> None:
    def flips(source: str) -> NDArray[np.bool_]:
        """(epochs, records) whether a picture was mirrored."""
        opened = assembly.make_source(dataclasses.replace(CIFAR_CNN, source=source), data)
        opened = dataclasses.replace(opened, shift_px=0)
        known, _ = pictures.records("cifar-10", data, "train", False)
        train = TRAIN - HELD_OUT
        rows = []
        for step in range(6):
            batch = opened.batch(1, step, train).pictures
            places = {picture.tobytes(): place for place, picture in enumerate(batch)}
            assert all(known[k].tobytes() in places or known[k][:, ::-1].tobytes() in places for k in range(train))
            rows.append([known[k].tobytes() not in places for k in range(train)])
        return np.array(rows)

    alternating, random = flips("pictures/cifar10-flip-shift"), flips("pictures/cifar10-random-flip-shift")
    assert (alternating[1:] != alternating[:-1]).all()
    share = (random[1:] != random[:-1]).mean()
    assert 0.4 < share < 0.6
    assert 0.4 < random.mean() < 0.6


def test_how_far_shifts_go(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    seen: list[NDArray[np.int64]] = []
    move = pictures.shifted

    def watch(given: NDArray[np.uint8], by: NDArray[np.int64]) -> NDArray[np.uint8]:
        seen.append(by)
        return move(given, by)

    monkeypatch.setattr(pictures, "shifted", watch)
    variants = ("flip-near-shift", "flip-shift", "flip-far-shift-cut")
    for name in (f"pictures/cifar10-{variant}" for variant in variants):
        assembly.make_source(dataclasses.replace(CIFAR_CNN, source=name), data).batch(1, 0, 300)
    assert [sorted(set(by.ravel().tolist())) for by in seen] == [list(range(-most, most + 1)) for most in (1, 2, 4)]


# ---- recipes


def test_the_recipes() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len({recipe.hash() for recipe in RECIPES}) == len(RECIPES)
    for recipe in RECIPES:
        assert find_recipe(recipe.name) == recipe == Recipe.from_json(recipe.to_json())
        assert recipe.source in PICTURES
    for name, recipe in FINAL.items():
        twin = VALIDATED[f"{name}-validated"]
        assert recipe.source == f"{twin.source}-all"
        assert twin.steps == pytest.approx(0.9 * recipe.steps, abs=1)  # as many epochs of fewer records
        alike = dataclasses.replace(twin, name=recipe.name, source=recipe.source, steps=recipe.steps)
        assert alike == recipe
    whole = ABLATIONS["whole"]
    assert whole.steps * whole.batch_size == pytest.approx(4 * CIFAR_TRAINED, abs=whole.batch_size)
    for name, recipe in ABLATIONS.items():
        assert (recipe.steps, recipe.batch_size) == (whole.steps, whole.batch_size)  # at equal cost
        assert not recipe.source.endswith("-all")
        changed = {
            field.name
            for field in dataclasses.fields(recipe)
            if getattr(recipe, field.name) != getattr(whole, field.name)
        }
        assert (changed == set()) == (name == "whole")
        if name != "whole":
            assert len(changed - {"name"}) == 1


# ---- the study


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the finished study, one seed. Don't write to it."""
    folder = tmp_path_factory.mktemp("studies") / "records"
    done = CliRunner().invoke(main, ["study", "records", "--data", str(data), "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def test_who_is_measured_on_what(finished: Path) -> None:
    with (finished / "results.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    tests: dict[str, list[str]] = {}
    for row in rows:
        tests.setdefault(row["recipe"].removeprefix("records/"), []).append(row["test"])
        assert row["n"] == str(HELD_OUT if VALIDATION in row["test"] else TEST)
        assert int(row["parameters"]) > 0
        assert row["minutes"]
    assert list(tests) == [*CHOICES, *FINAL, *(f"ablation-{n}" for n in ABLATIONS)]
    for name, told in tests.items():
        test = FASHION if name.startswith("fashion") else CIFAR
        if name not in FINAL:
            test += VALIDATION
        assert told == [test, test, test + LOOKS, test + LOOKS]


def test_the_report(finished: Path) -> None:
    text = (finished / "report.md").read_text()
    names = ["minutes", "ablations", "mistakes-fashion-mnist", "mistakes-cifar-10"]
    assert re.findall(r"!\[[^]]+\]\(figures/([^)]+)\.png\)", text) == names
    for name in names:
        with Image.open(finished / "figures" / f"{name}.png") as image:
            image.load()
            assert min(image.size) > 100
            assert len(image.convert("L").getcolors() or [0] * 9) > 2
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in lines}) == 1
    assert not any("-validated" in line or f"{CIFAR}, validation |" in line.split("|")[1] for line in lines)
    (one,) = [line for line in lines if f"| {TITLES['cifar10-cnn']} | {CIFAR} | right |" in line]
    (six,) = [line for line in lines if f"| {TITLES['cifar10-cnn']} | {CIFAR}{LOOKS} | right |" in line]
    assert "| leiden-2024 78.0 % |" in one
    assert "| airbench94 94.0 % |" in six
    for part in PARTS.values():
        assert any(line.startswith(f"| ablation: {part} | {CIFAR}{VALIDATION} |") for line in lines)


def test_six_looks_are_weighted_as_in_airbench(finished: Path, data: Path) -> None:
    (folder,) = finished.glob("runs/records-ablation-whole-*")
    trained = Trained(*trained_network(read_checkpoint(folder)))
    batch = assembly.make_source(trained.recipe, data).validation()
    framed = np.pad(batch.pictures, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")

    def both(seen: NDArray[np.uint8]) -> NDArray[np.float32]:
        return 0.5 * read_logits(trained, seen) + 0.5 * read_logits(trained, np.ascontiguousarray(seen[:, :, ::-1]))

    moved = both(framed[:, :32, :32]), both(framed[:, 2:, 2:])
    expected = 0.5 * both(batch.pictures) + 0.25 * (moved[0] + moved[1])
    answers = read_with_looks(trained, batch, "test").answers
    six = [answer for answer in answers if answer.test == "test" + LOOKS]
    assert [int(answer.read) for answer in six] == expected.argmax(1).tolist()
    shares = np.exp(log_softmax(expected))
    assert [answer.confidence for answer in six] == pytest.approx(shares.max(1).tolist(), abs=1e-4)
    stored = [score for score in json.loads((folder / "measured.json").read_text())["scores"] if LOOKS in score["test"]]
    right = float((expected.argmax(1) == batch.classes).mean())
    assert [score["value"] for score in stored if score["metric"] == RIGHT] == pytest.approx([right])


def test_points_lost_are_of_the_seeds_that_both_have() -> None:
    whole, without = np.ones((3, 50)), np.ones((2, 50))
    without[:, :5] = 0
    loss = loss_of("a part", whole, without)
    assert loss.points == pytest.approx(10.0)
    assert loss.low <= 10.0 <= loss.high


def test_the_plan(data: Path, tmp_path: Path) -> None:
    command = ["study", "records", "--data", str(data), "--out", str(tmp_path / "out"), "--seeds", "3", "--dry-run"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    *runs, total = done.stdout.splitlines()
    assert len(runs) == 3 * (len(FINAL) + len(ABLATIONS)) + len(CHOICES)  # what prepares others has one seed
    assert re.fullmatch(rf"{len(runs)} runs, about \d+ minutes of two CPU cores left", total)
    assert not (tmp_path / "out").exists()


def test_the_quick_budget_is_a_small_part() -> None:
    for one in records.STUDY.experiments():
        assert one.recipe.with_settings(one.quick or {}).steps < one.recipe.steps / 8
