"""Following trainings measures each checkpoint once, as the training itself does, and nothing on disk makes it end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import TINY
from small_sets import write_mnist
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from facevalue import assembly, follow, training
from facevalue.checkpoint import FILE_NAME, read_checkpoint, write_checkpoint
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.ending import Ending
from facevalue.recipes import Recipe, find_recipe

FIGURES = ("hour", "minute", "both", "hour_error", "minute_error", "time_error")


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HELD_OUT_PICTURES", 16)


def watch(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)], catch_exceptions=False)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of a folder: steps and values by name."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture
def checkpoint(tiny_run: Path) -> Callable[..., Path]:
    """Writes the finished checkpoint into a run, as of another step, or with other contents."""
    state = read_checkpoint(tiny_run)
    written = 0

    def write(run_dir: Path, **changes: Any) -> Path:
        nonlocal written
        written += 1
        run_dir.mkdir(parents=True, exist_ok=True)
        write_checkpoint(run_dir, state | changes)
        os.utime(run_dir / FILE_NAME, (written, written))  # each newer than the one before, whatever the clock's grain
        return run_dir

    return write


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """What happens while the follower pauses, one after the other; after the last it is asked to end."""

    def script(*events: Callable[[], object]) -> list[float]:
        left, pauses = list(events), []

        def pause(ending: Ending, seconds: float) -> None:
            pauses.append(seconds)
            if left:
                left.pop(0)()
            else:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(Ending, "pause", pause)
        return pauses

    return script


def test_it_logs_what_the_training_logs(tiny_run: Path, checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    run = checkpoint(tmp_path / "runs" / "a")
    result = watch("--watch", tmp_path / "runs", "--count", "1")
    assert (result.exit_code, result.stdout) == (0, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{run}: step 12 of 12: ")
    assert all(part in line for part in ("hour ", "minute ", "both ", "hours alone ", "minutes alone ")), line
    ours, theirs = scalars(run / follow.LOG_FOLDER), scalars(tiny_run)
    held_out = {name for name in theirs if name.startswith("held_out/")}
    assert {f"held_out/{name}" for name in (*FIGURES, "mean", "within_1")} <= held_out
    assert ours == {name: theirs[name] for name in held_out}


def test_it_waits_skips_and_survives(
    checkpoint: Callable[..., Path], between: Callable[..., list[float]], tmp_path: Path
) -> None:
    runs = tmp_path / "not-made-yet"
    a, b = runs / "a", runs / "deep" / "b"
    half = tmp_path / "half"

    def begin_writing() -> None:
        whole = (checkpoint(b, step=3) / FILE_NAME).read_bytes()
        half.write_bytes(whole)
        (b / FILE_NAME).write_bytes(whole[: len(whole) // 2])

    def end_writing() -> None:
        shutil.copy(half, b / FILE_NAME)

    def begin_anew() -> None:
        began = int(time.time())  # TensorBoard reads logs in the order of the seconds in their names
        while int(time.time()) == began:
            time.sleep(0.02)
        checkpoint(a, step=2)

    pauses = between(
        lambda: None,  # still nothing there
        lambda: checkpoint(a, step=4),
        lambda: None,  # nothing new
        lambda: checkpoint(a, step=8),
        begin_writing,
        lambda: None,  # still half of it
        end_writing,
        lambda: shutil.rmtree(b),  # a is the newest again, and known
        begin_anew,
    )
    before = signal.getsignal(signal.SIGTERM)
    result = watch("--watch", runs, "--every", "7")
    assert result.exit_code == 0
    assert signal.getsignal(signal.SIGTERM) == before
    beginnings = [line.partition(": 16 pictures held out: within")[0] for line in result.stderr.splitlines()]
    assert beginnings == [
        f"{runs}: no such folder yet, waiting for the first checkpoint",
        f"{a}: step 4 of 12",
        f"{a}: step 8 of 12",
        f"not measured: {b / FILE_NAME}: not a checkpoint of facevalue (RuntimeError)",
        f"{b}: step 3 of 12",
        f"{a}: step 2 of 12",
    ]
    assert len(pauses) == 10
    assert all(pause <= 7 for pause in pauses)
    assert [step for step, _ in scalars(a / "watch")["held_out/hour"]] == [2], "what is behind a new beginning is gone"


def test_it_goes_on_with_its_log(
    checkpoint: Callable[..., Path], between: Callable[..., list[float]], tmp_path: Path
) -> None:
    run = tmp_path / "a"
    checkpoint(run, step=4)
    between(lambda: checkpoint(run, step=8))
    assert watch("--watch", run, "--count", "2").exit_code == 0, "the run itself is a folder of runs, too"
    assert [step for step, _ in scalars(run / "watch")["held_out/both"]] == [4, 8]
    watch("--watch", run, "--count", "1")
    assert [step for step, _ in scalars(run / "watch")["held_out/both"]] == [4, 8], "measured by another: once there"


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ({"network": "oracle"}, "another version of facevalue (there is no network 'oracle'"),
        ({"hidden": 24}, "another version of facevalue (Error(s) in loading state_dict"),
        ({"colour": "red"}, "a recipe of another version of facevalue"),
    ],
)
def test_a_foreign_run_is_named_once(
    recipe: dict[str, Any],
    says: str,
    checkpoint: Callable[..., Path],
    between: Callable[..., list[float]],
    tmp_path: Path,
) -> None:
    text = Recipe.from_json(find_recipe("clocks/tiny").with_settings(TINY).to_json()).to_json()
    checkpoint(tmp_path / "foreign", recipe=json.dumps(json.loads(text) | recipe))
    between(lambda: None, lambda: checkpoint(tmp_path / "good"))
    result = watch("--watch", tmp_path, "--count", "1")
    assert result.exit_code == 0
    foreign, good = result.stderr.splitlines()
    assert foreign.startswith("not measured: ")
    assert says in foreign
    assert good.startswith(f"{tmp_path / 'good'}: step 12")


def untrained(run_dir: Path, name: str) -> Path:
    """A run of that recipe as it starts."""
    recipe = find_recipe(name).with_settings({"widths": "4,6", "hidden": "8"})
    network = assembly.make_network(recipe, make_codec(recipe.codec))
    run_dir.mkdir(parents=True)
    about = {"recipe": recipe.to_json(), "recipe_hash": recipe.hash()}
    write_checkpoint(run_dir, {"step": 5, "network": network.state_dict(), **about})
    return run_dir


def test_digits_log_their_own_scores(tmp_path: Path) -> None:
    run = untrained(tmp_path / "runs" / "d", "digits/mnist-tutorial")
    result = watch("--watch", tmp_path / "runs", "--count", "1", "--data", write_mnist(tmp_path / "data"))
    assert result.exit_code == 0
    assert f"{run}: step 5 of 10000: 10 pictures held out: exact " in result.stderr, "shares alone, no loss"
    assert set(scalars(run / "watch")) >= {"held_out/exact", "held_out/element"}


def test_without_its_data_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEVALUE_DATA", raising=False)
    (tmp_path / "data").mkdir()
    untrained(tmp_path / "d", "digits/mnist-tutorial")
    result = watch("--watch", tmp_path / "d", "--data", tmp_path / "data")
    assert result.exit_code == 2
    assert str(tmp_path / "data") in result.stderr


def test_a_log_that_cannot_be_written_ends_it(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    run = checkpoint(tmp_path / "a")
    (run / "watch").write_text("in the way")
    result = watch("--watch", run)
    assert result.exit_code == 2
    assert f"can't write the log {run / 'watch'}: " in result.stderr


def test_newest_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert follow.newest_checkpoint(tmp_path / "none") is None
    for seconds, place in ((30, "x/old"), (50, "x/y/new"), (40, "z")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / FILE_NAME).write_bytes(b"")
        os.utime(tmp_path / place / FILE_NAME, (seconds, seconds))
    found = follow.newest_checkpoint(tmp_path)
    assert found is not None
    assert found.run_dir == tmp_path / "x/y/new"
    stat = os.stat

    def gone(path: Any, **options: Any) -> os.stat_result:
        if str(path).endswith(os.path.join("new", FILE_NAME)):
            raise FileNotFoundError(path)
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", gone)
    found = follow.newest_checkpoint(tmp_path)
    assert found is not None
    assert found.run_dir == tmp_path / "z", "one that goes while it is looked at is passed over"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing argument 'MODEL'"),
        (["clock-1"], "Missing option '--data'"),
        (["clock-1", "--data", "."], "is a directory"),
        (["clock-1", "--watch", "runs"], "MODEL does not go with it"),
        (["--watch", "runs", "--out", "x"], "--out does not go with it"),
        (["--watch", "runs", "--json"], "--json does not go with it"),
        (["--watch", "runs", "--only", "a=b"], "--only does not go with it"),
        (["--watch", "runs", "--without", "a=b"], "--without does not go with it"),
        (["clock-1", "--data", "t.csv", "--every", "5"], "--every goes with --watch alone"),
        (["clock-1", "--data", "t.csv", "--count", "5"], "--count goes with --watch alone"),
        (["--watch", "runs", "--count", "0"], "--count"),
        (["--watch", "runs", "--every", "0"], "--every"),
        (["--watch", "t.csv"], "is a file"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("file,label\n")
    result = watch(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["t.csv"]
