"""Training: a kill costs no more than the steps since the last checkpoint, and changes not one bit of the result."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import TINY
from torch.utils.tensorboard import SummaryWriter

from facevalue import assembly, checkpoint, feeding, progress, runs, scoring, trainee, training
from facevalue.checkpoint import FILE_NAME, read_checkpoint, write_checkpoint
from facevalue.cli import main
from facevalue.errors import (
    DivergedError,
    FaceValueError,
    ModelError,
    SettingError,
    StoppedError,
    WorkerKilledError,
)
from facevalue.export import trained_network
from facevalue.plateau import validation_loss
from facevalue.recipes import Recipe, find_recipe, recipes
from facevalue.recipes import clocks as clock_recipes
from facevalue.sources.clocks import ClockBatch, ClockSource


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HELD_OUT_PICTURES", 16)


def train(out: Path, *, resume: bool = False, workers: int = 0, **settings: str) -> Path:
    return training.run("clocks/tiny", TINY | settings, out, resume, workers)


def assert_same_state(one: Any, other: Any, where: str = "") -> None:
    """Bit for bit, whatever is nested in what; but for the seconds, which are the clock's."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype, where
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one.keys() - {"seconds"}:
            assert_same_state(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same_state(a, b, f"{where}/{index}")
    else:
        assert one == other, where


class Killed(BaseException):
    """What stops a training in the middle; no error that anything would catch."""


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Drawing the batch of that step kills the training, which has written a checkpoint after every step before it."""
    batch = ClockSource.batch

    def batch_or_die(self: ClockSource, seed: int, at: int, count: int) -> ClockBatch:
        if at >= step and seed != scoring.HELD_OUT_SEED:
            raise Killed
        return batch(self, seed, at, count)

    monkeypatch.setattr(ClockSource, "batch", batch_or_die)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)


# ---- exact resume


@pytest.mark.parametrize("step", [1, 7, 11])
def test_killed_and_resumed_is_bit_identical(
    step: int, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_at(patch, step)
        with pytest.raises(Killed):
            train(tmp_path)
    assert read_checkpoint(tmp_path)["step"] == step
    torch.manual_seed(999)  # the resumed process starts from another state
    train(tmp_path, resume=True)
    assert_same_state(read_checkpoint(tmp_path), read_checkpoint(tiny_run))


def test_killed_several_times(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (0, 3, 3, 10):  # before the first checkpoint, and twice at the same step
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            with pytest.raises(Killed):
                train(tmp_path, resume=True)
    train(tmp_path, resume=True)
    assert_same_state(read_checkpoint(tmp_path), read_checkpoint(tiny_run))


def test_asked_to_stop_with_all_that_draw_it_saves_the_step_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As timeout and systemd ask: the processes that draw are gone before the next batch is."""
    batch = ClockSource.batch

    def batch_until_asked(self: ClockSource, seed: int, at: int, count: int) -> ClockBatch:
        if at == 5 and seed != scoring.HELD_OUT_SEED:
            os.kill(os.getpid(), signal.SIGTERM)
            raise WorkerKilledError("a drawing process was killed")
        return batch(self, seed, at, count)

    monkeypatch.setattr(ClockSource, "batch", batch_until_asked)
    with pytest.raises(StoppedError, match="stopped at step 5 of"):
        train(tmp_path)
    assert read_checkpoint(tmp_path)["step"] == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_the_step_first(
    number: signal.Signals, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = ClockSource.batch

    def batch_and_ask(self: ClockSource, seed: int, at: int, count: int) -> ClockBatch:
        if at == 4 and seed != scoring.HELD_OUT_SEED:
            os.kill(os.getpid(), number)
        return batch(self, seed, at, count)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(ClockSource, "batch", batch_and_ask)
        with pytest.raises(FaceValueError, match=r"stopped at step 5 of 12, which is saved in "):
            train(tmp_path)
    assert signal.getsignal(number) == before
    assert read_checkpoint(tmp_path)["step"] == 5
    train(tmp_path, resume=True)
    assert_same_state(read_checkpoint(tmp_path), read_checkpoint(tiny_run))


def test_worker_processes_draw_the_same_batches() -> None:
    recipe = find_recipe("clocks/tiny").with_settings(TINY | {"steps": "6"})
    source = assembly.make_source(recipe)
    here = list(feeding.batches(source, recipe, 2, workers=0))
    there = list(feeding.batches(source, recipe, 2, workers=1))
    assert len(here) == len(there) == 4
    for one, other in zip(here, there, strict=True):
        assert (one.pictures == other.pictures).all()
        np.testing.assert_array_equal(one.seconds, other.seconds)
    expected = source.batch(recipe.seed, 2, recipe.batch_size)
    assert (here[0].pictures == expected.pictures).all()  # the first is that of the step it starts at


def test_training_with_a_worker_is_bit_identical(tiny_run: Path, tmp_path: Path) -> None:
    train(tmp_path, workers=1)
    assert_same_state(read_checkpoint(tmp_path), read_checkpoint(tiny_run))


def test_resuming_a_finished_run_changes_nothing(tiny_run: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, read_checkpoint(tiny_run))
    before = (tmp_path / FILE_NAME).read_bytes()
    train(tmp_path, resume=True)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_another_seed_is_another_network(tiny_run: Path, tmp_path: Path) -> None:
    train(tmp_path, seed="2", steps="1")
    one, other = (read_checkpoint(run)["network"]["out.weight"] for run in (tiny_run, tmp_path))
    assert not torch.equal(one, other)


# ---- checkpoints


def full_disk(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_written(state: object, file: Any) -> NoReturn:
    file.write(b"PK half a checkpoint")
    raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598\n(no backtrace)")


def killed(*_: object, **__: object) -> NoReturn:
    raise Killed


@pytest.mark.parametrize(
    ("module", "name", "stand_in", "expected", "reason"),
    [
        (torch, "save", full_disk, FaceValueError, "no room from the first byte on"),
        (torch, "save", half_written, FaceValueError, "no room half way: torch says so with RuntimeError"),
        (os, "fsync", full_disk, FaceValueError, "no room, found out when flushed"),
        (os, "replace", full_disk, FaceValueError, "no room for the name"),
        (torch, "save", killed, Killed, "killed while it writes"),
        (os, "replace", killed, Killed, "killed before it renames"),
    ],
)
def test_the_last_good_checkpoint_stands(
    module: Any,
    name: str,
    stand_in: Callable[..., NoReturn],
    expected: type[BaseException],
    reason: str,
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = read_checkpoint(tiny_run)
    write_checkpoint(tmp_path, good)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, stand_in)
        with pytest.raises(expected) as caught:
            write_checkpoint(tmp_path, good | {"step": 13})
    if expected is FaceValueError:
        assert "--resume" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]  # it takes no room from what comes next
    assert_same_state(read_checkpoint(tmp_path), good)
    write_checkpoint(tmp_path, good | {"step": 13})  # nothing that was left behind is in the way
    assert read_checkpoint(tmp_path)["step"] == 13


def test_killed_while_it_writes_then_resumed(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, count = os.replace, 0

    def replace_or_die(*paths: Any) -> None:
        nonlocal count
        count += str(paths[1]).endswith(FILE_NAME)
        if count == 5:
            raise Killed
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
        patch.setattr(checkpoint.os, "replace", replace_or_die)
        with pytest.raises(Killed):
            train(tmp_path)
    assert (tmp_path / (FILE_NAME + ".tmp")).exists()
    assert read_checkpoint(tmp_path)["step"] == 4
    train(tmp_path, resume=True)
    assert_same_state(read_checkpoint(tmp_path), read_checkpoint(tiny_run))


@pytest.mark.parametrize(
    ("content", "expected", "reason"),
    [
        (None, "no checkpoint.pt here", "not the folder of a run"),
        (b"", "not a checkpoint", "empty"),
        (b"PK\x03\x04 and so on", "not a checkpoint", "cut off"),
        ({"weights": torch.zeros(3)}, "not a checkpoint", "of another program"),
        ([1, 2], "not a checkpoint", "no state at all"),
    ],
)
def test_what_is_no_checkpoint_is_refused(content: object, expected: str, reason: str, tmp_path: Path) -> None:
    if isinstance(content, bytes):
        (tmp_path / FILE_NAME).write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / FILE_NAME)
    with pytest.raises(ModelError, match=expected) as caught:
        read_checkpoint(tmp_path)
    assert str(tmp_path) in str(caught.value), reason


def test_a_full_disk_leaves_the_checkpoint_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is written after the checkpoint, and can be the one for which there is no room."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SummaryWriter, "flush", full)
    with pytest.raises(FaceValueError, match="make room, then go on with --resume"):
        train(tmp_path)
    assert read_checkpoint(tmp_path)["step"] > 0


# ---- what a run refuses


def test_a_run_is_not_written_over(tiny_run: Path) -> None:
    before = (tiny_run / FILE_NAME).read_bytes()
    with pytest.raises(SettingError, match="holds a training already: go on with --resume"):
        train(tiny_run)
    assert (tiny_run / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value"), [("seed", "2"), ("steps", "13"), ("learning_rate", "1e-3"), ("schedule", "constant")]
)
def test_resuming_another_recipes_run_is_refused(tiny_run: Path, name: str, value: str) -> None:
    before = {path.name: path.read_bytes() for path in tiny_run.iterdir()}
    with pytest.raises(SettingError, match=rf"holds a run with other settings: {name}=[^;,]+; give the same"):
        train(tiny_run, resume=True, **{name: value})
    assert {path.name: path.read_bytes() for path in tiny_run.iterdir()} == before


@pytest.mark.parametrize(
    ("settings", "expected", "reason"),
    [
        (
            {"codec": "dial/needle"},
            "codec dial/needle needs labels of 'needle', and clocks/wild has: seconds, ",
            "dials",
        ),
        ({"codec": "digits/row"}, "codec digits/row has places in a row", "digits"),
        ({"codec": "digits/one"}, "codec digits/one needs labels of 'places'", "digits"),
        ({"codec": "classes/ten"}, "codec classes/ten needs labels of 'class'", "classes"),
    ],
)
def test_what_does_not_fit_leaves_no_folder(
    settings: dict[str, str], expected: str, reason: str, tmp_path: Path
) -> None:
    network = {"network": "clocknet"} | settings
    with pytest.raises(SettingError) as caught:
        train(tmp_path / "run", **network)
    assert expected in str(caught.value), reason
    assert not (tmp_path / "run").exists()


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    run = train(tmp_path / "run")
    with runs.alone_in(run), pytest.raises(FaceValueError, match="another training is at work in"):
        train(run, resume=True)
    assert read_checkpoint(train(run, resume=True))["step"] == 12
    (run / runs.LOCK_FILE).unlink()
    (run / runs.LOCK_FILE).mkdir()
    with pytest.raises(FaceValueError, match=r"can't write .*training.lock: Is a directory"):
        train(run, resume=True)


def test_a_training_that_ends_meanwhile_is_not_trained_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train_first(source: Any, most: int) -> scoring.Scored:
        monkeypatch.undo()
        train(tmp_path / "run")
        return scoring.scored_of(source, most)

    monkeypatch.setattr(training, "scored_of", train_first)
    with pytest.raises(SettingError, match="holds a training already"):
        train(tmp_path / "run")


def test_ctrl_c_before_the_first_step_leaves_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "make_source", interrupt)
    done = CliRunner().invoke(main, ["train", "clocks/tiny", "--out", str(tmp_path / "run")])
    assert (done.exit_code, done.stderr) == (130, "stopped\n")


def test_a_training_without_a_checkpoint_names_none(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"no longer finite; no checkpoint was written before\. Try a lower"):
        train(tmp_path, learning_rate="1e38", optimizer="sgd")


def test_ctrl_c_is_kept_from_processes_that_begin() -> None:
    ask = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"

    def kept_from_a_child() -> bool:
        told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
        return told.stdout.strip() == "True"

    assert not kept_from_a_child()
    with feeding.without_interrupt():
        assert kept_from_a_child()
    assert not kept_from_a_child()


def test_the_command_asked_to_stop_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = ClockSource.batch

    def batch_and_ask(self: ClockSource, seed: int, at: int, count: int) -> ClockBatch:
        if at == 4 and seed != scoring.HELD_OUT_SEED:
            os.kill(os.getpid(), signal.SIGTERM)
        return batch(self, seed, at, count)

    out = tmp_path / "a run"
    settings = [f"--set={name}={value}" for name, value in TINY.items()]
    command = ["train", "clocks/tiny", *settings, "--workers", "0", "--out", str(out)]
    with monkeypatch.context() as patch:
        patch.setattr(ClockSource, "batch", batch_and_ask)
        done = CliRunner().invoke(main, command)
    assert done.exit_code == 130
    told = done.stderr.splitlines()[-1]
    assert told.startswith(
        f"stopped at step 5 of 12, which is saved in {out}; go on with: facevalue train clocks/tiny "
    )
    again = shlex.split(told.partition("go on with: ")[2])
    assert again == ["facevalue", *command, "--resume"]
    assert CliRunner().invoke(main, again[1:]).exit_code == 0
    assert read_checkpoint(out)["step"] == 12


def test_the_list_of_recipes() -> None:
    lines = CliRunner().invoke(main, ["train", "list"]).stdout.splitlines()
    assert lines[0].split() == ["recipe", "source", "codec", "network", "pixels", "steps"]
    rows = [line.split() for line in lines[1:]]
    assert [row[0] for row in rows] == list(recipes())
    assert rows[0][:5] == ["clocks/wild", "clocks/wild", "clock/needles", "convnet", "112x112"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FaceValueError, match="can't be made"):
        train(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("settings", "expected", "reason"),
    [
        ({"stpes": "3"}, "unknown setting 'stpes'; did you mean 'steps'?", "letters swapped"),
        ({"learning-rate": "1"}, "did you mean 'learning_rate'?", "a hyphen"),
        ({"xyzzy": "1"}, "there are: activations, batch_size, ", "nothing like it: all names"),
        ({"name": "mine"}, "setting 'name' names the recipe and can't be set", "what a recipe is called is no setting"),
        ({"seed": "-1"}, "setting seed=-1: expected a whole number of at least 0 and at most 999999", "no seed"),
        ({"seed": "1000000"}, "and at most 999999", "that of held-out pictures"),
        ({"batch_size": "1"}, "setting batch_size=1: expected a whole number of at least 2", "no spread in one"),
        ({"warmup_steps": "-3"}, "setting warmup_steps=-3: expected a whole number of at least 0", "below none"),
        ({"learning_rate": "0"}, "setting learning_rate=0.0: expected a number above 0", "nothing would be learned"),
        ({"steps": "many"}, "setting steps='many': expected int, such as 200", "no number"),
        ({"steps": "1.5"}, "expected int", "no whole number"),
        ({"decay": "fast"}, "expected float, such as 0.6", "no number"),
        ({"widths": "16,x"}, "expected whole numbers with commas", "no list of numbers"),
    ],
)
def test_wrong_settings(settings: dict[str, str], expected: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        find_recipe("clocks/tiny").with_settings(settings)
    assert expected in str(caught.value), reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clocks/wide", "did you mean 'clocks/wild'?"),
        ("dragons", "unknown recipe 'dragons'; facevalue train list shows"),
    ],
)
def test_an_unknown_recipe(name: str, expected: str) -> None:
    with pytest.raises(SettingError) as caught:
        find_recipe(name)
    assert expected in str(caught.value)


def test_settings_take_the_type_of_the_field() -> None:
    recipe = find_recipe("clocks/tiny").with_settings(
        {"steps": "7_000", "widths": "8,16", "learning_rate": "1", "source": "clocks/tame"}
    )
    assert (recipe.steps, recipe.widths, recipe.learning_rate, recipe.source) == (7000, (8, 16), 1.0, "clocks/tame")
    assert isinstance(recipe.learning_rate, float)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.hash() != find_recipe("clocks/tiny").hash()


@pytest.mark.parametrize(
    ("settings", "expected", "reason"),
    [
        ({"source": "clocks/tame"}, "no source 'clocks/tame'", "an unknown source"),
        ({"codec": "clock/hands"}, "no codec 'clock/hands'", "an unknown codec"),
        ({"network": "perceptron"}, "no network 'perceptron'", "an unknown network"),
        ({"size_px": "30"}, "a size that 4 divides", "maps that can't be halved twice"),
        ({"widths": "8,16,32"}, "as many blocks as widths", "three widths, two counts of blocks"),
        ({"blocks": "1,0"}, "none but the first 0", "a stage that halves nothing"),
    ],
)
def test_a_recipe_that_makes_no_network(settings: dict[str, str], expected: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        train(tmp_path, **settings)
    assert expected in str(caught.value), reason


# ---- what a run leaves, and whether it learns


def test_what_stands_beside_the_weights(tiny_run: Path) -> None:
    about = json.loads((tiny_run / "run.json").read_text())
    recipe = find_recipe("clocks/tiny").with_settings(TINY)
    assert Recipe.from_json(json.dumps(about["recipe"])) == recipe
    assert about["recipe_hash"] == recipe.hash()
    (session,) = about["sessions"]
    assert session["from_step"] == 0
    assert session["torch"] == torch.__version__
    assert session["numpy"] == np.__version__
    assert {"facevalue", "python", "commit", "device", "threads", "dtype", "compiled"} <= session.keys()
    assert read_checkpoint(tiny_run)["recipe_hash"] == recipe.hash()


def test_scalars_and_pictures_for_tensorboard(tiny_run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tiny_run))
    events.Reload()
    tags = events.Tags()
    assert {"train/loss", "train/loss_hour", "train/loss_pose", "held_out/within_1"} <= set(tags["scalars"])
    assert tags["images"] == ["held_out/pictures"]
    assert [event.step for event in events.Scalars("train/loss")] == [12]


def test_a_resumed_run_keeps_its_curves_and_says_where_it_went_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr(progress, "SCALARS_EVERY", 1)
    with monkeypatch.context() as patch:
        kill_at(patch, 7)
        with pytest.raises(Killed):
            train(tmp_path)
    train(tmp_path, resume=True)
    assert f"{tmp_path}: resuming at step 7 of 12" in capsys.readouterr().err
    train(tmp_path, resume=True)  # finished: nothing more is drawn, nothing is lost
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, 13))
    sessions = json.loads((tmp_path / "run.json").read_text())["sessions"]
    assert [session["from_step"] for session in sessions] == [0, 7, 12]


def test_a_training_that_was_killed_before_its_first_checkpoint_is_not_drawn_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facevalue.studies.figures import read_scalar

    monkeypatch.setattr(progress, "SCALARS_EVERY", 1)
    with monkeypatch.context() as patch:
        kill_at(patch, 7)
        patch.setattr(training, "CHECKPOINT_SECONDS", 1e9)
        with pytest.raises(Killed):
            train(tmp_path)
    assert not (tmp_path / FILE_NAME).exists()
    train(tmp_path, resume=True)
    assert read_scalar(tmp_path, "train/loss")[0].tolist() == list(range(1, 13))


@pytest.mark.parametrize(("name", "least"), [("steps", 1), ("batch_size", 2), ("hidden", 1)])
def test_sizes_have_a_least(name: str, least: int, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=f"setting {name}=-4: expected a whole number of at least {least}"):
        train(tmp_path, **{name: "-4"})
    assert not list(tmp_path.iterdir())


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        kill_at(patch, 3)
        with pytest.raises(Killed):
            train(tmp_path)
    before = (tmp_path / FILE_NAME).read_bytes()
    total_loss = trainee.total_loss
    with monkeypatch.context() as patch:
        patch.setattr(trainee, "total_loss", lambda *given: (total_loss(*given)[0] * float("nan"), {}))
        with pytest.raises(FaceValueError, match="no longer finite; the last good checkpoint stands"):
            train(tmp_path, resume=True)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_the_rate_rises_stays_and_falls() -> None:
    recipe = Recipe("test", "clock", "", "", steps=100, warmup_steps=10, decay=0.5)
    rates = [trainee.learning_rate_at(step, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:51] == [1.0] * 42
    assert rates[75] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.02)
    assert rates[:10] == sorted(rates[:10])
    assert rates[50:] == sorted(rates[50:], reverse=True)


def test_the_loss_falls(tmp_path: Path) -> None:
    """On the same seed it always does so in the same way; this is no race."""
    losses: list[float] = []
    total_loss = trainee.total_loss

    def record(*arguments: Any) -> Any:
        total, parts = total_loss(*arguments)
        losses.append(total.item())
        return total, parts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainee, "total_loss", record)
        train(tmp_path, steps="60", batch_size="32")
    assert len(losses) == 60
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:5])


def test_a_step_takes_the_rate_of_its_schedule() -> None:
    recipe = find_recipe("clocks/tiny").with_settings(TINY)
    source = assembly.make_source(recipe)
    learner = training.make_trainee(recipe, source)
    learner.optimizers[-1].param_groups[0]["multiple"] = 3.0  # as airbench's biases have it
    taken = []
    for step in range(3):
        learner.learn(learner.network, source.batch(1, step, recipe.batch_size))
        taken.append([group["lr"] for optimizer in learner.optimizers for group in optimizer.param_groups])
    rates = [recipe.learning_rate * share for share in (0.5, 1.0, 1.0)]  # two steps of warm-up
    assert [first for first, *_ in taken] == pytest.approx(rates)
    assert [last for *_, last in taken] == pytest.approx([3 * rate for rate in rates])


@pytest.mark.parametrize("smoothing", ["0", "0.2"])
def test_a_step_smooths_labels_as_its_recipe_says(smoothing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    total_loss = trainee.total_loss

    def note(*given: Any) -> Any:
        told.append(given[3:])
        return total_loss(*given)

    monkeypatch.setattr(trainee, "total_loss", note)
    recipe = find_recipe("clocks/tiny").with_settings(TINY | {"smoothing": smoothing})
    source = assembly.make_source(recipe)
    learner = training.make_trainee(recipe, source)
    learner.learn(learner.network, source.batch(1, 0, 8))
    assert told == [(float(smoothing),)]


def test_scoring_leaves_the_network_as_it_was_and_in_training(tiny_run: Path) -> None:
    """It normalises by what training has gathered, not by the pictures that training never sees."""
    recipe, codec, network = trained_network(read_checkpoint(tiny_run))
    batch = assembly.make_source(recipe).batch(scoring.HELD_OUT_SEED, 0, 16)
    with torch.inference_mode():
        outputs = network(trainee.to_tensor(batch.pictures, torch.device("cpu")))
    expected = validation_loss(codec, {name: value.numpy() for name, value in outputs.items()}, batch)
    before = {name: value.clone() for name, value in network.train().state_dict().items()}
    scores = scoring.score_held_out(network, codec, batch, torch.device("cpu"))
    assert network.training
    assert_same_state(dict(network.state_dict()), before)
    assert scores["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.4, "0:00"), (309.9, "5:09"), (3599.0, "59:59"), (3909.0, "1:05:09")]
)
def test_remaining_time(seconds: float, expected: str) -> None:
    assert progress.remaining_time(seconds) == expected


# ---- going on from another recipe's run


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a recipe that goes on from clocks/tiny."""
    after = dataclasses.replace(find_recipe("clocks/tiny"), name="clocks/after-tiny", parent="clocks/tiny", seed=2)
    monkeypatch.setattr(clock_recipes, "RECIPES", (*clock_recipes.RECIPES, after))
    return after.name


def test_a_child_begins_with_its_parents_network(child: str, tiny_run: Path, tmp_path: Path) -> None:
    still = TINY | {"steps": "1", "learning_rate": "1e-30"}  # a step that changes no weight
    training.run(child, still, tmp_path, resume=False, workers=0, start_from=tiny_run)
    begun, parent = read_checkpoint(tmp_path), read_checkpoint(tiny_run)
    weights = {name for name in parent["network"] if "running" not in name and "num_batches" not in name}
    assert all(torch.allclose(begun["network"][name], parent["network"][name], 0, 1e-20) for name in weights)
    assert begun["ancestry"] == [parent["recipe"]]
    assert begun["seconds"] > parent["seconds"]  # those of its parent count too


def test_a_childs_resume_needs_its_parent_no_more(
    child: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.run(child, TINY, tmp_path / "whole", resume=False, workers=0, start_from=tiny_run)
    with monkeypatch.context() as patch:
        kill_at(patch, 5)
        with pytest.raises(Killed):
            training.run(child, TINY, tmp_path / "killed", resume=False, workers=0, start_from=tiny_run)
    training.run(child, TINY, tmp_path / "killed", resume=True, workers=0)
    assert_same_state(read_checkpoint(tmp_path / "killed"), read_checkpoint(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("name", "start", "problem"),
    [
        pytest.param(
            "clocks/after-tiny", None, "goes on from clocks/tiny: name its run or weight with --from", id="none"
        ),
        pytest.param("clocks/tiny", "tiny", "clocks/tiny starts anew", id="it has no parent"),
        pytest.param("clocks/after-tiny", "other", "goes on from a finished run of clocks/tiny", id="another's run"),
        pytest.param("clocks/after-tiny", "half", r"holds step 4 of 12", id="a run that is not finished"),
    ],
)
def test_a_wrong_parent_is_refused(
    name: str, start: str | None, problem: str, child: str, tiny_run: Path, tmp_path: Path
) -> None:
    state = read_checkpoint(tiny_run)
    for folder in ("half", "other"):
        (tmp_path / folder).mkdir()
    write_checkpoint(tmp_path / "half", state | {"step": 4})
    renamed = json.dumps(json.loads(state["recipe"]) | {"name": "clocks/other"})
    write_checkpoint(tmp_path / "other", state | {"recipe": renamed})
    start_from = None if start is None else tiny_run if start == "tiny" else tmp_path / start
    with pytest.raises(SettingError, match=problem):
        training.run(name, TINY, tmp_path / "out", resume=False, workers=0, start_from=start_from)
