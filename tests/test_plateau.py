"""The plateau schedule: the rate falls, training ends, the best epoch's weights stay; and a kill changes none of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_training import Killed, assert_same_state
from torch import nn

from facevalue import plateau, training
from facevalue.checkpoint import is_finished, read_checkpoint
from facevalue.codecs import make_codec
from facevalue.errors import SettingError
from facevalue.export import export
from facevalue.plateau import CUT_AFTER, END_AFTER, Plateau, epoch_of, validation_loss
from facevalue.reader import load_weight
from facevalue.recipes import Recipe, find_recipe, is_finished_weight
from facevalue.sources import clock_sets
from facevalue.sources.clock_sets import Clocks, ClockSet, plain_clocks
from facevalue.sources.mnist import HELD_OUT_SEEDS

# 20 pictures are an epoch: of 8 each, steps 3, 5, 8, 10, 13, 15, ... end one.
SETTINGS = {
    "size_px": "24",
    "schedule": "plateau",
    "widths": "4,4",
    "hidden": "8",
    "batch_size": "8",
    "steps": "60",
    "learning_rate": "3e-2",
}
EPOCH = 20


def few_clocks(_: str) -> Clocks:
    """The plain set cut down to 20 pictures, which it is validated on too."""
    return plain_clocks(24).part("train").taken(np.arange(EPOCH) * 28)


@pytest.fixture(scope="module", autouse=True)
def small_set() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_sets, "plain_clocks", lambda *_, **__: ClockSet(few_clocks))
        yield


def train(out: Path, *, resume: bool = False, **settings: str) -> Path:
    return training.run("clocks/deep-time", SETTINGS | settings, out, resume, workers=0)


def recipe_of(**settings: str) -> Recipe:
    return find_recipe("clocks/deep-time").with_settings(SETTINGS | settings)


@functools.cache
def layer(value: float) -> nn.Linear:
    network = nn.Linear(1, 1)
    nn.init.constant_(network.weight, value)
    return network


def judged(losses: list[float], **settings: str) -> Plateau:
    state = Plateau(recipe_of(**settings), EPOCH)
    for number, loss in enumerate(losses):
        state.judge(loss, layer(number), number + 1)
    return state


# ---- what it decides


@pytest.mark.parametrize(
    ("losses", "share", "ended", "best", "reason"),
    [
        ([3.0, 2.0, 1.0], 1.0, False, 2, "each epoch gains"),
        ([1.0, 2.0, 2.0], 1.0, False, 0, "two without gain are borne"),
        ([1.0] * (1 + CUT_AFTER), 0.1, False, 0, "as good is no gain; after three a tenth"),
        ([1.0, 2.0, 2.0, 0.5, 2.0, 2.0], 1.0, False, 3, "a gain starts the count anew"),
        ([1.0] + [2.0] * 6, 0.01, False, 0, "after six a hundredth"),
        ([1.0] + [2.0] * END_AFTER, 0.001, True, 0, "after nine it ends"),
        ([1.0, math.nan, 0.5], 1.0, False, 2, "what is no number gains nothing"),
    ],
)
def test_what_epochs_without_gain_lead_to(
    losses: list[float], share: float, ended: bool, best: int, reason: str
) -> None:
    state = judged(losses)
    assert state.share == pytest.approx(share), reason
    assert state.ended == ended, reason
    assert (state.best["weight"].item(), state.best_step) == (best, best + 1), reason


def test_the_rate_falls_no_lower_than_the_least() -> None:
    state = judged([1.0] + [2.0] * 7, learning_rate="2e-6")
    assert state.share * 2e-6 == pytest.approx(plateau.LEAST_RATE)
    assert judged([1.0] + [2.0] * 7, learning_rate="1e-7").share == 1  # a lower one stays where it is


def test_an_epoch_ends_where_its_last_picture_is() -> None:
    state = Plateau(recipe_of(), EPOCH)
    assert [done for done in range(1, 16) if state.ends_epoch(done)] == [3, 5, 8, 10, 13, 15]


def test_the_best_weights_are_a_copy_and_are_given_back() -> None:
    network = nn.Linear(1, 1)
    nn.init.constant_(network.weight, 1.0)
    state = Plateau(recipe_of(), EPOCH)
    state.judge(1.0, network, 3)
    nn.init.constant_(network.weight, 5.0)
    state.judge(2.0, network, 5)
    state.finish(network)
    assert network.weight.item() == 1.0
    assert not state.best


def test_its_state_survives_the_checkpoint() -> None:
    state = judged([1.0, 2.0, 2.0, 2.0, 3.0])
    other = Plateau(recipe_of(), EPOCH)
    other.load_state_dict(state.state_dict())
    assert vars(other).keys() == vars(state).keys()
    assert_same_state(other.state_dict(), state.state_dict())
    for one in (state, other):
        one.judge(3.0, layer(9), 6)
        one.judge(3.0, layer(9), 7)
    assert other.share == state.share == pytest.approx(0.01)


def test_epochs_are_those_of_the_source() -> None:
    assert epoch_of(plain_clocks(24, copies=15), recipe_of()) == 576 * 15
    with pytest.raises(SettingError, match=r"source digits/mnist has none; expected one of a fixed set of clocks"):
        epoch_of(object(), recipe_of(source="digits/mnist"))  # type: ignore[arg-type]


def test_the_loss_is_that_of_training() -> None:
    codec, batch = make_codec("clock/24-classes"), plain_clocks(24).batch(1, 0, 6)
    flat: Any = {"time": torch.zeros(6, 24).numpy()}
    assert validation_loss(codec, flat, batch) == pytest.approx(math.log(24))


# ---- in the loop


@pytest.fixture(scope="module")
def ended_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that no epoch but the second gained in. Don't write to it."""
    with pytest.MonkeyPatch.context() as patch:
        fake_losses(patch, [3.0, 1.0] + [2.0] * 30)
        return train(tmp_path_factory.mktemp("runs") / "ended")


def fake_losses(patch: pytest.MonkeyPatch, losses: list[float]) -> None:
    """The loss of epoch k, counted by the step at which it is asked for, whatever the network."""
    judge = Plateau.judge

    def told(self: Plateau, loss: float, network: nn.Module, done: int) -> None:
        judge(self, losses[done * 8 // EPOCH - 1], network, done)

    patch.setattr(Plateau, "judge", told)


def test_it_ends_early_with_the_weights_of_the_best_epoch(ended_run: Path, tmp_path: Path) -> None:
    state = read_checkpoint(ended_run)
    assert state["plateau"]["ended"]
    assert state["plateau"]["best_step"] == 5
    assert state["step"] == 28  # eleven epochs of 20 pictures, in steps of 8
    assert not state["plateau"]["best"]
    brief = read_checkpoint(train(tmp_path / "brief", steps="5"))
    assert_same_state(state["network"], brief["network"])


def test_the_rate_that_was_cut_is_the_one_that_trains(ended_run: Path) -> None:
    (optimizer,) = read_checkpoint(ended_run)["optimizers"]
    assert optimizer["param_groups"][0]["lr"] == pytest.approx(3e-2 * 0.1**2)


@pytest.mark.parametrize("step", [4, 13, 27])
def test_killed_and_resumed_is_bit_identical(
    step: int, ended_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first cut of the rate, between two, and before the last epoch."""
    fake_losses(monkeypatch, [3.0, 1.0] + [2.0] * 30)
    batch = ClockSet.batch

    def batch_or_die(self: ClockSet, seed: int, at: int, count: int) -> Any:
        if at >= step:
            raise Killed
        return batch(self, seed, at, count)

    with monkeypatch.context() as patch:
        patch.setattr(ClockSet, "batch", batch_or_die)
        patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
        with pytest.raises(Killed):
            train(tmp_path)
    assert read_checkpoint(tmp_path)["step"] == step
    torch.manual_seed(999)
    train(tmp_path, resume=True)
    assert_same_state(read_checkpoint(tmp_path), read_checkpoint(ended_run))


def test_a_run_that_ended_early_is_finished(ended_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (ended_run / "checkpoint.pt").read_bytes()

    batch = ClockSet.batch

    def never(self: ClockSet, seed: int, at: int, count: int) -> Any:
        assert seed >= HELD_OUT_SEEDS, "it has ended"
        return batch(self, seed, at, count)

    monkeypatch.setattr(ClockSet, "batch", never)
    train(ended_run, resume=True)
    assert (ended_run / "checkpoint.pt").read_bytes() == before


def test_its_weight_is_that_of_a_finished_training(ended_run: Path, tmp_path: Path) -> None:
    weight = load_weight(export(ended_run, tmp_path / "weight.onnx", "ended"), threads=1)
    assert (weight.metadata["steps"], weight.metadata["finished"]) == ("28", "1")
    assert is_finished_weight(weight.metadata)
    stopped = read_checkpoint(ended_run)
    stopped["plateau"]["ended"] = False
    assert not is_finished(stopped)


def test_its_validation_loss_is_logged_each_epoch(ended_run: Path) -> None:
    from facevalue.studies.figures import read_scalar

    steps, values = read_scalar(ended_run, "held_out/loss")
    assert steps.tolist() == [3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28]
    assert (values > 0).all()


def test_a_source_without_epochs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"schedule=plateau goes by epochs, and source clocks/wild has none"):
        train(tmp_path, source="clocks/wild")


@pytest.mark.parametrize(("steps", "every"), [(7000, 500), (5000, 500), (1200, 120), (400, 50), (12, 50)])
def test_how_often_held_out_pictures_are_scored(steps: int, every: int) -> None:
    assert training.scores_every(recipe_of(steps=str(steps))) == every
