"""Studies that look for settings: range tests and a rule, random and TPE search; validation alone decides."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from small_pictures import write_fashion
from torch import nn

from facevalue import files, studies, training
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.errors import DivergedError, FaceValueError, MissingExtraError, SettingError
from facevalue.export import export
from facevalue.optimizer import MOMENTUM, make_optimizers
from facevalue.recipes import find_recipe
from facevalue.recipes.pictures import BATCHES, MLP, OPTIMIZERS, RATES
from facevalue.studies import (
    Experiment,
    Outcome,
    Study,
    elsewhere,
    optimizers,
    planning,
    results,
    running,
    search,
    trial,
)
from facevalue.studies import encodings as encodings_study
from facevalue.studies.optimizers import CHANCE, Chosen, choose_rates
from facevalue.studies.pictures import FASHION, LOSS, RIGHT, VALIDATION
from facevalue.trainee import Trainee

BRIEF = {"widths": "4", "steps": "2"}
KEPT = (RATES[0], RATES[3], RATES[6])  # rates of the small range tests


def smaller(experiment: Experiment) -> Experiment:
    recipe = experiment.recipe
    settings = BRIEF | ({"blocks": "1", "hidden": "4"} if recipe.network == "cnn" else {})
    return dataclasses.replace(experiment, recipe=recipe.with_settings(settings), minutes=0.1, quick={})


def small_optimizers() -> Study:
    """SGD and Muon with batches of 128 at three rates."""
    study = optimizers.STUDY
    assert study.later is not None
    kept = [
        smaller(one)
        for one in study.experiments()
        if one.recipe.learning_rate in KEPT and one.recipe.batch_size == 128 and one.recipe.optimizer in ("sgd", "muon")
    ]
    chooser = study.later.choose
    later = dataclasses.replace(study.later, choose=lambda outcomes: [smaller(one) for one in chooser(outcomes)])
    return dataclasses.replace(study, experiments=lambda: kept, later=later)


def small_search() -> Study:
    study = search.STUDY
    assert study.later is not None
    assert study.search is not None
    chooser, tried, go_on = study.later.choose, study.search.tried, study.search.go_on
    searching = dataclasses.replace(
        study.search,
        example=lambda: smaller(search.example()),
        tried=lambda out, budget: [smaller(one) for one in tried(out, budget)],
        go_on=lambda out, budget, carry_out: go_on(out, budget, lambda one: carry_out(smaller(one))),
    )
    later = dataclasses.replace(study.later, choose=lambda outcomes: [smaller(one) for one in chooser(outcomes)])
    return dataclasses.replace(
        study, experiments=lambda: [smaller(one) for one in search.experiments()], search=searching, later=later
    )


@pytest.fixture(scope="module", autouse=True)
def small_studies() -> Iterator[None]:
    table = {"optimizers": small_optimizers(), "search": small_search()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "studies", lambda: table)
        patch.setattr(training, "HELD_OUT_PICTURES", 8)
        patch.setattr(trial, "STEPS", 1)
        patch.setattr(encodings_study, "DRAWS", 50)
        patch.setattr(search, "TRIALS", {"quick": 2, "full": 3})
        patch.delenv("FACEVALUE_DATA", raising=False)
        encodings_study.picture_draws.cache_clear()
        yield
        encodings_study.picture_draws.cache_clear()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fashion(tmp_path_factory.mktemp("data"))


def run(name: str, data: Path, out: Path, *more: str) -> None:
    done = CliRunner().invoke(main, ["study", name, "--data", str(data), "--out", str(out), *more])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def ranged(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the finished study of optimizers, two seeds. Don't write to it."""
    out = tmp_path_factory.mktemp("studies") / "optimizers"
    run("optimizers", data, out, "--seeds", "2")
    return out


@pytest.fixture(scope="module")
def found(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the finished search. Don't write to it."""
    pytest.importorskip("optuna", reason="the search needs optuna: pip install 'facevalue[search]'")
    out = tmp_path_factory.mktemp("studies") / "search"
    run("search", data, out)
    return out


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def check_figures(folder: Path, names: list[str]) -> str:
    text = (folder / "report.md").read_text()
    assert [line.partition("(figures/")[2][:-5] for line in text.splitlines() if line.startswith("![")] == names
    for name in names:
        with Image.open(folder / "figures" / f"{name}.png") as image:
            image.load()
            assert min(image.size) > 100
            assert len(image.convert("L").getcolors() or [0] * 9) > 2
    return text


# ---- the rule


@pytest.mark.parametrize(
    ("losses", "expected", "reason"),
    [
        ({3: None, 1: 1.0, 0.3: 0.5, 0.1: 0.7}, Chosen(1, 0.3), "the first that doesn't diverge is not the best"),
        ({3: 0.4, 1: 0.5}, Chosen(3, 3), "none diverges"),
        ({3: None, 1: CHANCE, 0.3: 2.3}, Chosen(0.3, 0.3), "no better than chance is no learning"),
        ({3: 1.0, 1: None, 0.3: 0.5}, Chosen(3, 0.3), "the rule asks no further"),
        ({3: None, 1: 9.0}, None, "nothing learns"),
    ],
)
def test_the_rule(losses: Mapping[float, float | None], expected: Chosen | None, reason: str) -> None:
    assert choose_rates(losses) == expected, reason


def test_rates_are_thirds() -> None:
    assert all(math.isclose(high / low, 3, rel_tol=0.01) for high, low in itertools.pairwise(RATES))
    tests = optimizers.experiments()
    assert len({one.recipe.hash() for one in tests}) == len(tests) == len(OPTIMIZERS) * 3 * len(RATES)
    assert (min(BATCHES), max(BATCHES)) == (16, 1024)
    assert all(one.trial and one.quick for one in tests)


def test_momentum_is_nesterovs() -> None:
    network = nn.Linear(2, 2)
    (optimizer,) = make_optimizers(network, 0.1, 0.0, "momentum", l2=0.5)
    first, second = optimizer.param_groups
    assert (first["momentum"], first["nesterov"], first["lr"]) == (MOMENTUM, True, 0.1)
    assert (first["weight_decay"], second["weight_decay"]) == (0.5, 0.0)  # the bias is not shrunk
    before = network.bias.detach().clone()
    for _ in range(2):
        optimizer.zero_grad()
        network.bias.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    moved = before - network.bias.detach()
    assert torch.allclose(moved, torch.full((2,), 0.1 * (1.9 + 1 + 0.9 * 1.9)))  # after Sutskever et al. 2013


# ---- range tests


def test_range_tests_see_the_validation_part_alone(ranged: Path) -> None:
    trials = [row for row in rows_of(ranged) if row["experiment"].startswith("range test: ")]
    assert {row["seed"] for row in trials} == {"1"}
    assert {row["test"] for row in trials} <= {"", FASHION + VALIDATION}
    assert {row["metric"] for row in trials if row["n"]} == {RIGHT, LOSS}
    assert len({row["experiment"] for row in trials}) == 6
    report = (ranged / "report.md").read_text()
    assert "| range test" not in report


def test_what_is_chosen_is_trained_whole_and_read(ranged: Path) -> None:
    whole = [row for row in rows_of(ranged) if not row["experiment"].startswith("range test: ")]
    assert {row["seed"] for row in whole} == {"1", "2"}
    assert 2 <= len({row["experiment"] for row in whole}) <= 4
    assert {row["recipe"].split("-")[1] for row in whole} == {"sgd", "muon"}
    text = check_figures(ranged, ["rates", "batches", "right", "learning"])
    assert "It is that of the least loss in " in text


def test_what_diverged_is_not_trained_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = small_optimizers().experiments()[:2]
    study = Study("one", "One", "About.", lambda: [first, second], lambda outcomes, data: [])
    monkeypatch.setattr(studies, "studies", lambda: {"one": study})
    trained: list[str] = []

    def train(recipe: Any, run_dir: Path, **options: Any) -> None:
        trained.append(recipe.name)
        if recipe.name == first.recipe.name:
            raise DivergedError("step 50: the weights are no longer finite; the last good checkpoint stands")
        whole(recipe, run_dir, **options)

    whole = training.train
    monkeypatch.setattr(training, "train", train)
    for _ in range(2):
        running.run_study("one", data=data, out=tmp_path)
    assert trained == [first.recipe.name, second.recipe.name]
    notes = {row["experiment"]: row["note"] for row in rows_of(tmp_path)}
    assert notes == {first.title: "diverged: step 50: the weights are no longer finite", second.title: ""}
    runs = planning.plan(study, tmp_path, 1, "full")
    assert [one.diverged for one in results.outcomes(runs, dict.fromkeys(runs, ""))] == [True, False]
    assert planning.describe_plan(runs, dict.fromkeys(runs, ""))[0].endswith("diverged")


def test_weights_that_are_no_longer_finite(tmp_path: Path) -> None:
    recipe = find_recipe("pictures/mlp-2")
    trainee = Trainee(recipe, make_codec(recipe.codec), nn.Linear(2, 2), [], torch.device("cpu"), done=3)
    training.refuse_broken(trainee, tmp_path)
    trainee.network.weight.data[0, 0] = math.inf
    with pytest.raises(DivergedError, match="step 3: the weights are no longer finite"):
        training.refuse_broken(trainee, tmp_path)


# ---- several processes


def test_a_run_that_another_process_is_at_is_left_to_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = dataclasses.replace(small_optimizers(), later=None, draw=lambda outcomes, data: [])
    experiment = study.experiments()[1]
    study = dataclasses.replace(study, name="one", experiments=lambda: [experiment])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "studies", lambda: {"one": study})
        (run,) = planning.plan(study, tmp_path, 1, "full")
        files.make_folder(run.folder)
        with files.claimed(run.folder) as ours:
            assert ours
            running.run_study("one", data=data, out=tmp_path)
            assert "another process is at it" in capsys.readouterr().err
            assert rows_of(tmp_path)[0]["note"] == "not run yet"
        running.run_study("one", data=data, out=tmp_path)
    assert rows_of(tmp_path)[0]["n"]


# ---- search


def test_settings_lie_in_the_reports_ranges_and_see_as_many_pictures(found: Path) -> None:
    for one in search.tried(found, "full"):
        recipe = one.recipe
        assert 62 <= recipe.batch_size <= 128
        assert 1e-6 <= recipe.learning_rate <= 1e-3
        assert 0.1 <= recipe.dropout <= 0.7
        assert recipe.kernel in (3, 5)
        seen = recipe.steps * recipe.batch_size
        assert seen == pytest.approx(search.BY_HAND.steps * search.BY_HAND.batch_size, abs=128)
    assert [one.title for one in search.tried(found, "full")] == [
        f"{name}, no. {number}" for name in ("random search", "TPE") for number in (1, 2, 3)
    ]


def test_the_best_by_validation_is_read_on_the_test_set(found: Path) -> None:
    rows = [row for row in rows_of(found) if row["metric"] == RIGHT]
    trials = [row for row in rows if ", no. " in row["experiment"]]
    assert len(trials) == 6
    assert {row["test"] for row in trials} == {FASHION + VALIDATION}
    finals = {row["experiment"]: row for row in rows if row["test"] == FASHION}
    assert list(finals) == ["by hand", "best of random search", "best of TPE"]
    for name in ("random search", "TPE"):
        mine = [row for row in trials if row["experiment"].startswith(name)]
        best = max(mine, key=lambda row: float(row["value"]))
        settings = [
            json.loads((folder / "run.json").read_text())["recipe"]
            for row in (best, finals[f"best of {name}"])
            for folder in (found / "runs").glob(f"*-{row['recipe_hash']}")
        ]
        first, second = ({key: told.get(key) for key in ("learning_rate", "kernel", "dropout")} for told in settings)
        assert first == second
    text = check_figures(found, ["history", "rates", "right"])
    assert "| random search" not in text
    assert "Better than by hand: random search " in text


def test_a_finished_search_does_nothing(found: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("done already")

    monkeypatch.setattr(training, "train", never)
    table = (found / "results.csv").read_bytes()
    run("search", data, found)
    assert (found / "results.csv").read_bytes() == table
    done = CliRunner().invoke(main, ["study", "search", "--data", str(data), "--out", str(found), "--dry-run"])
    *lines, total = done.stdout.splitlines()
    assert len(lines) == 1 + 6 + 2
    assert all(line.endswith("done") for line in lines)
    assert total.startswith("9 runs, about 0 minutes")


def test_what_was_found_elsewhere_needs_no_data(found: Path, tmp_path: Path) -> None:
    """All rows and figures, with an empty folder in the place of the data sets."""
    kept, out = tmp_path / "results.zip", tmp_path / "here"
    elsewhere.pack_results(found, kept)
    (tmp_path / "empty").mkdir()
    run("search", tmp_path / "empty", out, "--with", str(kept))
    assert rows_of(out) == rows_of(found)
    names = {path.name for path in (found / "figures").iterdir()}
    assert {path.name for path in (out / "figures").iterdir()} == names
    assert len(names) == 3


def test_what_a_search_has_lost_is_trained_again(found: Path, data: Path, tmp_path: Path) -> None:
    """Not only what it has still to try: else the rest of the study never comes."""
    copy = tmp_path / "copy"
    shutil.copytree(found, copy)
    table = (copy / "results.csv").read_text()
    lost = next((copy / "runs").glob("pictures-search-random-trial-*"))
    shutil.rmtree(lost)
    run("search", data, copy)
    assert (lost / "measured.json").exists()
    values = [[row["recipe_hash"], row["test"], row["metric"], row["value"]] for row in rows_of(copy)]
    (tmp_path / "results.csv").write_text(table)
    assert values == [[row["recipe_hash"], row["test"], row["metric"], row["value"]] for row in rows_of(tmp_path)]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_damaged_search_is_told(found: Path, data: Path, tmp_path: Path, dry_run: bool) -> None:
    (tmp_path / "search.db").write_bytes(b"no database at all" * 99)
    command = ["study", "search", "--data", str(data), "--out", str(tmp_path), *["--dry-run"] * dry_run]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2, done.output
    assert "search.db: can't be read as what a search has kept (file is not a database)" in done.output.replace(
        "\n", " "
    )
    assert "move it away" in done.output


def test_a_search_that_has_begun_says_that_another_is_not_taken_over(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "search.db").write_bytes(b"another")
    elsewhere.take_results(tmp_path, [found])
    assert "its search is not taken over" in capsys.readouterr().err
    assert (tmp_path / "search.db").read_bytes() == b"another"
    elsewhere.take_results(found, [found])
    assert not capsys.readouterr().err


def test_a_stopped_search_goes_on_with_the_same_settings(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="the search needs optuna: pip install 'facevalue[search]'")
    whole = training.train
    trained: list[str] = []

    def stop(recipe: Any, run_dir: Path, **options: Any) -> None:
        trained.append(recipe.hash())
        if len(trained) == 3:  # by hand, the first trial, the second
            raise FaceValueError("a full disk: make room, then go on with --resume")
        whole(recipe, run_dir, **options)

    monkeypatch.setattr(training, "train", stop)
    command = ["study", "search", "--data", str(data), "--out", str(tmp_path), "--budget", "quick"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "make room, then go on with --resume; or give the same study again" in done.stderr
    dry = CliRunner().invoke(main, [*command, "--dry-run"])
    assert "then 3 runs of random search and TPE, about " in dry.stdout
    assert "then 2 runs of the best of each search" in dry.stdout
    assert CliRunner().invoke(main, command).exit_code == 0
    assert trained[3] == trained[2]
    assert len(search.tried(tmp_path, "quick")) == 4


def test_draws_depend_on_the_number_of_the_trial_alone(tmp_path: Path) -> None:
    """So that two processes that ask at once don't try the same, and a search can be repeated."""
    pytest.importorskip("optuna", reason="the search needs optuna: pip install 'facevalue[search]'")

    def told(one: Experiment) -> Outcome:
        return Outcome(planning.plan_experiments([one], tmp_path, 1, "quick")[0], {"scores": [right]})

    right = {"test": FASHION + VALIDATION, "metric": RIGHT, "value": 0.5, "count": 10}
    tries = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        search.go_on(folder, "quick", told)
        tries.append([one.recipe for one in search.tried(folder, "quick")])
    assert tries[0] == tries[1]
    assert len({recipe.hash() for recipe in tries[0]}) == 4


def test_without_optuna(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    search.open_storage.cache_clear()
    with pytest.raises(MissingExtraError, match=r"the search needs Optuna: pip install 'facevalue\[search\]'"):
        running.run_study("search", data=data, out=tmp_path)


# ---- beside the studies


def test_small_pictures_are_no_instrument_to_export(ranged: Path) -> None:
    folder = next((ranged / "runs").glob("pictures-optimizers-sgd-*"))
    with pytest.raises(SettingError, match="a training of pictures, which are no instrument that can be read"):
        export(folder, folder / "weight.onnx", "x")
    assert not (folder / "weight.onnx").exists()


def test_recipes_from_before_keep_their_names() -> None:
    """Hashes of trainings that are measured, which a setting that is new must not change."""
    assert MLP.hash() == "a27e7174baca"
