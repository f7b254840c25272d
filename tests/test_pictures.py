"""Small pictures: their formats, sources, codec, networks and recipes; no test picture ever trains a network."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import itertools
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest
import torch
from click.testing import CliRunner
from small_pictures import TEST, TRAIN, write_cifar, write_fashion
from small_sets import digits_of, draw_digits
from torch import nn
from torch.nn import functional as F

from facevalue import assembly, scoring, training
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.codecs.classes import ClassBelief
from facevalue.errors import FaceValueError, LabelError, SettingError
from facevalue.metrics import class_confusion, class_scores
from facevalue.networks.mlp import EPSILON
from facevalue.recipes import Recipe, find_recipe
from facevalue.recipes.pictures import ACTIVATIONS, CIFAR_CNNS, CIFAR_MLPS, CNNS, MLPS, RECIPES
from facevalue.sources import datasets, pictures
from facevalue.sources.datasets import fetch, find_dataset, read_cifar10
from facevalue.sources.mnist import HELD_OUT_SEEDS
from facevalue.sources.pictures import CLASSES, PICTURES, LabelledBatch, PictureSource
from facevalue.studies.insides import look_inside

VALIDATION = TRAIN // 10


@pytest.fixture(autouse=True)
def no_data_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FACEVALUE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cifar(write_fashion(tmp_path_factory.mktemp("data")))


# ---- CIFAR-10's files


def test_read_cifar10(data: Path) -> None:
    for split, count, seed in (("train", TRAIN, 0), ("test", TEST, 1)):
        read, labels = read_cifar10(data / "cifar-10", split)  # type: ignore[arg-type]
        assert (read.shape, read.dtype, labels.dtype) == ((count, 32, 32, 3), np.uint8, np.int64)
        assert labels.tolist() == digits_of(count).tolist()
        grey = draw_digits(digits_of(count), seed)
        for channel, part in enumerate((1, 2, 4)):  # red, green, blue
            np.testing.assert_array_equal(read[:, 2:30, 2:30, channel], grey // part)


@pytest.mark.parametrize(
    ("file", "content", "kind", "says"),
    [
        ("data_batch_3.bin", None, FaceValueError, "data_batch_3.bin: no such file; give the folder that holds CIFAR"),
        ("data_batch_2.bin", b"", FaceValueError, "data_batch_2.bin: cut off at byte 0, in record 0; expected records"),
        ("test_batch.bin", bytes(3073 * 2 + 5), FaceValueError, "cut off at byte 6151, in record 2"),
        ("data_batch_5.bin", bytes(3073 * 2), FaceValueError, "data_batch_5.bin: 2 records where another batch has 20"),
        ("data_batch_1.bin", bytes(3073 * 7) + b"\x0a" * 3073 * 13, LabelError, "data_batch_1.bin: record 7: label 10"),
    ],
)
def test_a_bad_batch_is_named(
    file: str, content: bytes | None, kind: type, says: str, data: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(data / "cifar-10", tmp_path / "bad")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(kind) as caught:
        read_cifar10(folder, "test" if file == "test_batch.bin" else "train")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_test_batch_that_ends_early_between_two_records(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(data / "cifar-10", tmp_path / "cifar-10")
    monkeypatch.setattr(datasets, "CIFAR_BATCH", TRAIN // 5)
    (folder / "test_batch.bin").write_bytes((folder / "test_batch.bin").read_bytes()[: 7 * datasets.CIFAR_RECORD])
    with pytest.raises(
        FaceValueError, match=r"test_batch\.bin: 7 records where another batch has 20; delete it and fetch"
    ):
        read_cifar10(folder, "test")
    official = {path.name: f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in folder.iterdir()}
    monkeypatch.setitem(datasets.ORIGINS, "cifar-10", dataclasses.replace(datasets.ORIGINS["cifar-10"], files=official))
    assert len(read_cifar10(folder, "train")[0]) == TRAIN
    changed = bytearray((folder / "data_batch_4.bin").read_bytes())
    changed[datasets.CIFAR_RECORD + 5] ^= 1  # one bit of a picture
    (folder / "data_batch_4.bin").write_bytes(bytes(changed))
    with pytest.raises(FaceValueError, match=r"data_batch_4\.bin: does not match the known hash of CIFAR-10's"):
        read_cifar10(folder, "train")


def test_cifar10_is_found_under_both_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("cifar-10", "cifar-10-batches-bin"):
        place = write_cifar(tmp_path / f"in {folder}", folder)
        assert find_dataset("cifar-10", place) == find_dataset("cifar-10", place / folder) == place / folder
        monkeypatch.setenv("FACEVALUE_DATA", str(place))
        assert find_dataset("cifar-10") == place / folder
    with pytest.raises(FaceValueError, match=r"no cifar-10 there; expected data_batch_1\.bin, .* in its folder cifar"):
        find_dataset("cifar-10", tmp_path)


def test_unpack_cifar10(data: Path, tmp_path: Path) -> None:
    command = ["unpack", str(data / "cifar-10"), str(tmp_path / "out")]
    assert "name a split, train or test" in CliRunner().invoke(main, command).stderr
    assert CliRunner().invoke(main, [*command, "--split", "test"]).exit_code == 0
    assert len(list((tmp_path / "out" / "images").iterdir())) == TEST


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server of this machine: the folder that it serves, and its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def pack(data: Path, folder: Path, without: str = "") -> str:
    """CIFAR-10's archive of the batches in data. Returns its hash."""
    path = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted((data / "cifar-10").iterdir()):
            if file.name != without:
                archive.add(file, f"cifar-10-batches-bin/{file.name}")
    return f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("good", ""),
        ("the archive's hash", "does not match the known hash"),
        ("a file's hash", "data_batch_4.bin in cifar-10-binary.tar.gz does not match its known hash"),
        ("a file is missing", "no cifar-10-batches-bin/data_batch_2.bin in cifar-10-binary.tar.gz"),
    ],
)
def test_the_archive_of_cifar10_arrives_whole_or_not_at_all(
    case: str, says: str, data: Path, served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = served
    packed = pack(data, folder, without="data_batch_2.bin" if case == "a file is missing" else "")
    files = {
        file: f"sha256:{hashlib.sha256((data / 'cifar-10' / file).read_bytes()).hexdigest()}"
        for file in datasets.ORIGINS["cifar-10"].files
    }
    if case == "a file's hash":
        files["data_batch_4.bin"] = files["data_batch_3.bin"]
    known = "md5:" + "0" * 32 if case == "the archive's hash" else packed
    archive = ("cifar-10-binary.tar.gz", known, "cifar-10-batches-bin")
    origin = dataclasses.replace(datasets.ORIGINS["cifar-10"], address=address, files=files, archive=archive)
    monkeypatch.setitem(datasets.ORIGINS, "cifar-10", origin)
    if says:
        with pytest.raises(FaceValueError) as caught:
            fetch("cifar-10", tmp_path / "data")
        assert says in str(caught.value)
        assert not list((tmp_path / "data").rglob("*.bin"))
        return
    place = find_dataset("cifar-10")
    assert place == tmp_path / "cache" / "facevalue" / "cifar-10"
    assert sorted(path.name for path in place.iterdir()) == sorted(files)
    (folder / "cifar-10-binary.tar.gz").unlink()
    assert find_dataset("cifar-10") == place  # nothing is asked for again


# ---- codec and scores


def test_the_codec_gives_every_class_back() -> None:
    codec = make_codec("classes/ten")
    classes = np.arange(10)
    target = codec.encode({"class": classes})["class"]
    assert (target.values.dtype, target.weight.dtype) == (np.int64, np.float32)
    beliefs = codec.decode({"class": np.eye(10, dtype=np.float32)[target.values] * 9})
    assert [belief.read() for belief in beliefs] == classes.tolist()
    expected = np.exp(9) / (np.exp(9) + 9)
    assert [belief.confidence() for belief in beliefs] == pytest.approx([expected] * 10, abs=1e-5)
    for bad in (-1, 10):
        with pytest.raises(ValueError, match="expected 0 to 9"):
            codec.encode({"class": np.array([0, bad])})


@pytest.mark.parametrize(
    ("shares", "true", "right", "loss", "reason"),
    [
        ([[0.7, 0.2, 0.1]], [0], 1.0, -np.log(0.7), "right"),
        ([[0.7, 0.2, 0.1]], [1], 0.0, -np.log(0.2), "wrong, though not far"),
        ([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], [0, 0], 0.5, -np.log(0.07) / 2, "one of two"),
        ([[0.5, 0.5, 0.0001]], [1], 0.0, np.log(2), "of equally likely ones the first counts"),
    ],
)
def test_scores(shares: Any, true: list[int], right: float, loss: float, reason: str) -> None:
    beliefs = [ClassBelief(np.log(np.array(row, dtype=np.float32))) for row in shares]
    assert class_scores(beliefs, true) == pytest.approx({"right": right, "loss": loss}, rel=1e-4), reason
    with pytest.raises(ValueError, match="as many of each"):
        class_scores(beliefs, [*true, 0])


def test_confusion() -> None:
    counts = class_confusion([1, 1, 2, 0], [0, 1, 2, 0], 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]  # true by read
    with pytest.raises(ValueError, match="3 classes read against 2"):
        class_confusion([1, 1, 1], [1, 1])


# ---- sources


@pytest.mark.parametrize("name", PICTURES)
def test_a_batch_is_a_pure_function_of_seed_and_step(name: str, data: Path) -> None:
    recipe = dataclasses.replace(MLPS["2"], source=name)
    one, other = assembly.make_source(recipe, data), assembly.make_source(recipe, data)
    side = 32 if "cifar" in name else 28
    for at in ((1, 5, 9), (HELD_OUT_SEEDS, 0, 9), (1, 9_000, 9)):
        first, again = one.batch(*at), other.batch(*at)
        assert (first.pictures.shape, first.pictures.dtype) == ((9, side, side, 3), np.uint8)
        assert (first.pictures == again.pictures).all()
        assert (first.classes == again.classes).all()
        other.batch(2, 3, 4)  # what is drawn in between changes nothing
    assert (one.batch(1, 5, 9).pictures != one.batch(1, 6, 9).pictures).any()
    assert (one.batch(1, 5, 9).pictures != one.batch(2, 5, 9).pictures).any()


@pytest.mark.parametrize("dataset", CLASSES)
@pytest.mark.parametrize("hidden", [False, True])
def test_who_trains_who_validates_and_who_tests(dataset: str, hidden: bool, data: Path) -> None:
    source = PictureSource(dataset, data, obfuscated=hidden)
    known, labels = pictures.records(dataset, data, "train", hidden)
    of_pixels = {pictures.as_rgb(picture[None])[0].tobytes(): k for k, picture in enumerate(known)}

    def told(batch: LabelledBatch) -> list[int]:
        found = [of_pixels[picture.tobytes()] for picture in batch.pictures]
        assert batch.classes.tolist() == labels[found].tolist()
        return found

    train = TRAIN - VALIDATION
    epochs = [record for step in range(4) for record in told(source.batch(1, step, train // 2))]
    assert sorted(epochs[:train]) == sorted(epochs[train:]) == list(range(train))
    assert epochs[:train] != epochs[train:]
    validation = list(range(train, TRAIN))
    assert sorted(told(source.batch(scoring.HELD_OUT_SEED, 0, VALIDATION))) == validation
    assert told(source.validation()) == validation
    test = source.test()
    assert test.classes.tolist() == digits_of(TEST).tolist()
    assert not any(picture.tobytes() in of_pixels for picture in test.pictures)


def test_obfuscation_is_one_permutation_of_all(data: Path) -> None:
    plain, hidden = (PictureSource("cifar-10", data, obfuscated=hidden) for hidden in (False, True))
    pairs = [
        (plain.validation().pictures, hidden.validation().pictures),
        (plain.test().pictures, hidden.test().pictures),
    ]
    order = np.random.default_rng(pictures.OBFUSCATION_SEED).permutation(1024)
    assert sorted(order.tolist()) == list(range(1024))
    for before, after in pairs:
        assert (before.reshape(-1, 1024, 3)[:, order] == after.reshape(-1, 1024, 3)).all()
    assert (pairs[0][0] != pairs[0][1]).any()


def test_a_flip_comes_every_other_epoch(data: Path) -> None:
    steps, train = 6, TRAIN - VALIDATION
    source = PictureSource("cifar-10", data, flip=True)
    known, _ = pictures.records("cifar-10", data, "train", False)
    flips: dict[int, list[bool]] = {record: [] for record in range(train)}
    for step in range(steps):
        for picture in source.batch(1, step, train).pictures:
            for mirrored, shown in ((False, picture), (True, picture[:, ::-1])):
                (found,) = np.nonzero((known[:train] == shown).all((1, 2, 3))) if shown.any() else ((),)
                if len(found):
                    flips[int(found[0])].append(mirrored)
    assert all(len(seen) == steps for seen in flips.values())
    assert all(a != b for seen in flips.values() for a, b in itertools.pairwise(seen))
    assert 0.2 < np.mean([seen[0] for seen in flips.values()]) < 0.8


def test_shift_and_cut() -> None:
    noise = np.random.default_rng(0).integers(1, 256, (3, 8, 8, 3), dtype=np.uint8)
    moved = pictures.shifted(noise, np.array([[0, 0], [2, 0], [-1, 2]]))
    assert (moved[0] == noise[0]).all()
    assert (moved[1, 2:] == noise[1, :-2]).all()  # down
    assert (moved[1, 1] == noise[1, 1]).all()  # the edge mirrors what lies inside it
    assert (moved[2, :-1, 2:] == noise[2, 1:, :-2]).all()  # up and to the right
    grey = pictures.shifted(noise[..., 0], np.array([[0, 0], [2, 0], [-1, 2]]))
    assert (grey == moved[..., 0]).all()
    cut = pictures.cut_out(noise, np.array([[4, 4], [0, 0], [7, 3]]), 4)
    assert (cut == 0).all(3).sum((1, 2)).tolist() == [16, 4, 12]
    assert not cut[0, 2:6, 2:6].any()
    assert ((cut == noise) | (cut == 0)).all()


def test_data_that_is_not_there_or_is_other(tmp_path: Path) -> None:
    with pytest.raises(FaceValueError, match="no fashion-mnist there"):
        PictureSource("fashion-mnist", tmp_path).batch(1, 0, 1)
    write_fashion(tmp_path)
    (tmp_path / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    header = bytes([0, 0, 8, 1]) + np.array([TEST], ">u4").tobytes()
    (tmp_path / "fashion-mnist" / "t10k-labels-idx1-ubyte").write_bytes(header + bytes(TEST - 1) + b"\x0b")
    with pytest.raises(LabelError, match=rf"t10k-labels-idx1-ubyte: record {TEST - 1}: label 11; expected 0 to 9"):
        PictureSource("fashion-mnist", tmp_path).test()


# ---- networks and recipes


def network_of(recipe: Recipe) -> nn.Module:
    return assembly.make_network(recipe, make_codec(recipe.codec))


@pytest.mark.parametrize(
    ("recipe", "expected", "reason"),
    [
        (MLPS["1-of-10"], 28 * 28 * 10 + 10 + 110, "ten hidden units"),
        (MLPS["2"], 784 * 100 + 100 + 100 * 200 + 200 + 2010, "100 and 200 units"),
        (CIFAR_MLPS["1"], 3072 * 100 + 100 + 1010, "in colour"),
        (CNNS["base"], 1_440_586, "the report's 1.44 million"),
        (CNNS["kernel-1"], 424_266, "0.43 million"),
        (CNNS["kernel-5"], 3_473_226, "3.5 million"),
        (CNNS["2-layers"], 2_587_706, "2.59 million"),
        (CNNS["one-1x1"], 2 + 7850, "7,800"),
        (CNNS["5-layers"], 7_594_250, "7.6 million"),
        (CNNS["global"], 1_146_826, "1.1 million"),
        (CIFAR_CNNS["global"], 1_146_826 + 2 * 9 * 64, "colour adds filters of the first layer alone"),
    ],
)
def test_sizes_of_the_reports(recipe: Recipe, expected: int, reason: str) -> None:
    assert sum(parameter.numel() for parameter in network_of(recipe).parameters()) == expected, reason


def test_the_recipes() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES) == 27 + 2 * (14 + 13) + 4 + 1
    assert len({recipe.activations for recipe in ACTIVATIONS.values()}) == 27
    for recipe in RECIPES:
        assert find_recipe(recipe.name) == recipe == Recipe.from_json(recipe.to_json())
        assert recipe.source in PICTURES
    unchanged = ("widths", "blocks", "hidden", "network", "dropout", "l2", "learning_rate", "batch_size", "optimizer")
    for name in MLPS:
        assert all(getattr(MLPS[name], field) == getattr(CIFAR_MLPS[name], field) for field in unchanged)


SMALL = {"widths": "6,4", "size_px": "8"}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("pictures/mlp-2", {"dropout": "0.2"}),
        *((f"pictures/activations-{names}", {}) for names in ("relu-tanh-softmax", "softmax-relu-tanh")),
        *((f"pictures/cnn{kind}", {"blocks": "2,2", "hidden": "5"}) for kind in ("", "-average", "-global")),
        *((f"pictures/cnn-10-{kind}", {"blocks": "2,4", "hidden": "5"}) for kind in ("layers", "residual", "norm")),
        ("pictures/cnn-one-1x1", {"blocks": "1,1"}),
    ],
)
def test_every_network_reads_and_learns(name: str, settings: dict[str, str]) -> None:
    network = network_of(find_recipe(name).with_settings(SMALL | settings))
    grey, noise = (torch.randint(0, 256, (5, channels, 8, 8), dtype=torch.uint8) for channels in (1, 3))
    (output,) = network(grey.expand(5, 3, 8, 8)).values()
    assert (output.shape, output.dtype) == ((5, 10), torch.float32)
    assert output.isfinite().all()
    first = next(network.parameters())
    assert first.shape[1] in (1, 64)  # grey
    F.cross_entropy(network(noise)["class"], torch.arange(5)).backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.any() for gradient in gradients)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("pictures/mlp-2", {"activations": "relu-relu"}, "for each of the 2 layers and the outputs"),
        ("pictures/mlp-2", {"activations": "gelu"}, "expected one of relu, tanh, softmax"),
        ("pictures/mlp-2", {"channels": "2"}, "channels=2: expected 1, grey, or 3"),
        ("pictures/mlp-2", {"codec": "digits/five"}, "has one head of classes"),
        ("pictures/cnn", {"blocks": "2,2"}, "expected as many of both"),
        ("pictures/cnn", {"blocks": "2,0,2"}, "at least one convolution in each stage"),
        ("pictures/cnn-10-residual", {"blocks": "2,3,2"}, "at least one convolution, an even number"),
        ("pictures/cnn", {"kernel": "4"}, "kernel=4: expected an odd number"),
    ],
)
def test_networks_that_can_not_be(name: str, settings: dict[str, str], says: str) -> None:
    with pytest.raises(SettingError) as caught:
        network_of(find_recipe(name).with_settings(settings))
    assert says in str(caught.value)


def test_outputs_are_taken_for_probabilities_as_keras_does() -> None:
    """Its sparse cross entropy: outputs cut off at epsilon and 1 - epsilon, then shares of their sum."""
    recipe = find_recipe("pictures/activations-tanh-tanh-relu").with_settings({"widths": "6,4", "size_px": "8"})
    network = network_of(recipe)
    seen = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
    raw: list[torch.Tensor] = []
    network.get_submodule("out").register_forward_hook(lambda *given: raw.append(given[2] * 3))
    network.get_submodule("out").register_forward_hook(lambda *given: given[2] * 3)  # so that some are above 1
    network.train()
    logits = network(seen)["class"]
    outputs = raw[0].relu()
    assert (outputs > 1).any()
    assert (outputs == 0).any()
    shares = outputs.clamp(EPSILON, 1 - EPSILON)
    expected = -(shares / shares.sum(1, keepdim=True)).log()
    classes = torch.arange(40) % 10
    loss = F.cross_entropy(logits, classes, reduction="none")
    torch.testing.assert_close(loss, expected[torch.arange(40), classes])
    assert (network.eval()(seen)["class"].argmax(1) == outputs.argmax(1)).all()  # as Keras' accuracy takes them


def test_a_look_inside_tells_dead_outputs_and_changes_nothing() -> None:
    recipe = find_recipe("pictures/activations-relu-tanh-relu").with_settings({"widths": "6,4", "size_px": "8"})
    network = network_of(recipe).eval()
    with torch.no_grad():
        network.get_submodule("out").bias[3:] = -9.0  # type: ignore[index]
        network.get_submodule("trunk.1").bias[:2] = -99.0  # type: ignore[index]
        network.get_submodule("trunk.1").bias[2:] = 9.0  # type: ignore[index]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    noise = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    inside = look_inside(network, LabelledBatch(noise, np.arange(50) % 10))
    assert [layer["name"] for layer in inside["layers"]] == ["trunk.1", "trunk.3", "out"]
    first, _, out = inside["layers"]
    assert first["dead"] == pytest.approx(2 / 6)
    assert first["slope"] == pytest.approx(4 / 6)
    assert out["dead"] >= 0.7
    assert 0.7 <= inside["deaf"] <= 1  # classes 3 to 9, and others where their outputs happen to be off
    assert all(layer["gradient"] >= 0 for layer in inside["layers"])
    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_training_learns(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HELD_OUT_PICTURES", VALIDATION)
    command = ["train", "pictures/mlp-1", "--data", str(data), "--workers", "0", "--out", str(tmp_path / "run")]
    settings = [f"--set={name}" for name in ("steps=60", "batch_size=30", "source=pictures/fashion-mnist-shift")]
    done = CliRunner().invoke(main, [*command, *settings])
    assert done.exit_code == 0, done.output
    last = done.stderr.rpartition("held out: right ")[2]
    assert float(last.partition("%")[0]) >= 50, done.stderr
