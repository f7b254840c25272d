"""Studies of small pictures: validation chooses, test sets are reported, and what is inside the networks is told."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from small_pictures import TEST, TRAIN, write_cifar, write_fashion

from facevalue import assembly, studies, training
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.errors import DivergedError
from facevalue.recipes import Recipe
from facevalue.sources.datasets import ORIGINS
from facevalue.studies import (
    Experiment,
    Later,
    Outcome,
    Run,
    Score,
    Study,
    activations,
    cnn,
    mlp,
    obfuscated,
    planning,
    report,
    results,
    running,
    trial,
)
from facevalue.studies import encodings as encodings_study
from facevalue.studies.clock_figures import keep_apart
from facevalue.studies.picture_figures import Row, floor_of, plot_rows
from facevalue.studies.pictures import CIFAR, FASHION, LOSS, RIGHT, VALIDATION, best, intervals_of, rights_of

FILES = (activations, cnn, mlp, obfuscated)
STUDIES = {file.STUDY.name: file.STUDY for file in FILES}
CHOSEN = {
    "activations": ("relu-tanh-softmax", "relu-relu-relu", "tanh-tanh-tanh"),
    "mlp": ("1 layer", "2 layers", "2 layers, L2", "1 layer of 2 units"),
    "cnn": ("2 layers", "10 layers", "10 layers, residual", "one 1×1 layer of one filter"),
    "obfuscated": ("fully connected, Fashion-MNIST", "fully connected, Fashion-MNIST, permuted"),
}
BRIEF = {"steps": "2", "batch_size": "8"}
STANDARD = {"taken_from": "", "minutes": 1.0}


def small(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Experiments cut down to two steps of tiny networks, one for the quick budget."""
    cut = []
    for experiment in experiments:
        recipe, settings = experiment.recipe, dict(BRIEF)
        if recipe.network != "mlp":
            settings |= {"widths": ",".join("2" for _ in recipe.widths), "hidden": "4"}
        cut.append(dataclasses.replace(experiment, recipe=recipe.with_settings(settings), quick={"steps": "1"}))
    return cut


def small_study(name: str) -> Study:
    """The study with few experiments, and those cut down; later ones chosen by itself."""
    study = STUDIES[name]
    experiments = [one for one in small(study.experiments()) if one.title in CHOSEN[name]]
    later = study.later
    if later is not None:
        chooser = later.choose
        later = dataclasses.replace(later, candidates=list, choose=lambda outcomes: small(chooser(outcomes)))
    return dataclasses.replace(study, experiments=lambda: experiments, later=later)


@pytest.fixture(scope="module", autouse=True)
def small_studies() -> Iterator[None]:
    table = {name: small_study(name) for name in STUDIES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "studies", lambda: table)
        patch.setattr(training, "HELD_OUT_PICTURES", 8)
        patch.setattr(trial, "STEPS", 1)
        patch.setattr(encodings_study, "DRAWS", 50)
        patch.delenv("FACEVALUE_DATA", raising=False)
        encodings_study.picture_draws.cache_clear()
        yield
        encodings_study.picture_draws.cache_clear()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cifar(write_fashion(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of all four studies, finished; that of fully connected networks with two seeds. Don't write to them."""
    folders = {}
    for name in STUDIES:
        folders[name] = tmp_path_factory.mktemp("studies") / name
        command = ["study", name, "--data", str(data), "--out", str(folders[name])]
        done = CliRunner().invoke(main, [*command, "--seeds", "2" if name == "mlp" else "1"])
        assert done.exit_code == 0, done.output
    return folders


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def measured_of(folder: Path) -> dict[str, dict[str, Any]]:
    """measured.json of each run of seed 1, by recipe."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("runs/*/measured.json"))]
    return {about["recipe"]: about for about in found}


# ---- what they leave


@pytest.mark.parametrize("name", STUDIES)
def test_figures_of_validation_and_test(name: str, finished: dict[str, Path]) -> None:
    rows = rows_of(finished[name])
    assert {row["experiment"] for row in rows if CIFAR not in row["experiment"]} == set(CHOSEN[name])
    for row in rows:
        assert row["metric"] in (RIGHT, LOSS)
        assert row["n"] == str(TRAIN // 10 if row["test"].endswith(VALIDATION) else TEST)
        assert row["test"].startswith(CIFAR if row["recipe"].startswith("pictures/cifar10") else FASHION)
        assert (row["unit"], float(row["value"]) <= 1) == (("%", True) if row["metric"] == RIGHT else ("nats", False))
    figures = {(row["experiment"], row["seed"]): [] for row in rows}
    for row in rows:
        figures[row["experiment"], row["seed"]].append(
            (row["test"].removeprefix(CIFAR).removeprefix(FASHION), row["metric"])
        )
    assert all(told == [(VALIDATION, RIGHT), ("", RIGHT), ("", LOSS)] for told in figures.values())


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("activations", ["grid", "dead", "gradients", "samples"]),
        ("mlp", ["loss", "right", "cifar10", "samples"]),
        ("cnn", ["right", "gradients", "parameters", "cifar10", "confusion-fashion-mnist", "confusion-cifar-10"]),
        ("obfuscated", ["right-fashion-mnist", "learning-fashion-mnist", "samples-fashion-mnist"]),
    ],
)
def test_the_report_and_its_figures(name: str, pictures: list[str], finished: dict[str, Path]) -> None:
    text = (finished[name] / "report.md").read_text()
    assert re.findall(r"!\[[^]]+\]\(figures/([^)]+)\.png\)", text) == pictures
    for picture in pictures:
        with Image.open(finished[name] / "figures" / f"{picture}.png") as image:
            image.load()
            assert min(image.size) > 100
            assert len(image.convert("L").getcolors() or [0] * 9) > 2
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in lines}) == 1
    assert "validation" in text


@pytest.mark.parametrize(
    ("name", "seeds", "picture"), [("mlp", "2", "loss"), ("obfuscated", "1", "right-fashion-mnist")]
)
def test_results_from_elsewhere_are_reported_without_the_data(
    name: str, seeds: str, picture: str, finished: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    command = ["study", name, "--data", str(tmp_path / "nothing"), "--seeds", seeds, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*command, "--with", str(finished[name])])
    assert done.exit_code == 0, done.output
    assert "the other figures are left out" in done.output
    assert (tmp_path / "out" / "results.csv").read_text() == (finished[name] / "results.csv").read_text()
    assert (tmp_path / "out" / "figures" / f"{picture}.png").exists()
    for folder in (tmp_path / "out" / "runs").iterdir():
        (folder / "readings.csv").unlink()  # then nothing is measured, and nothing can be
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert f"nothing of {name} can be trained" in done.output


def test_readings_are_those_that_were_scored(finished: dict[str, Path]) -> None:
    for folder in finished["mlp"].glob("runs/*"):
        rights = rights_of(folder)
        about = json.loads((folder / "measured.json").read_text())
        for score in (Score(**fields) for fields in about["scores"]):
            if score.metric == RIGHT:
                assert len(rights[score.test]) == score.count
                assert rights[score.test].mean() == pytest.approx(score.value)


def test_published_figures_stand_beside_ours(finished: dict[str, Path]) -> None:
    text = {name: (finished[name] / "report.md").read_text() for name in STUDIES}
    share = r"\d+\.\d\d %"
    (line,) = [row for row in text["mlp"].splitlines() if row.startswith("| 2 layers | Fashion-MNIST | right |")]
    assert re.search(rf"\| {TEST} \| 2 \| {share} \({share} to {share}\) \| leiden-2024 87.0 % \| 2 × 8 \|", line)
    assert "leiden-2021 88.02 %, its best" in text["activations"]
    rows = [row for row in text["mlp"].splitlines() if f"| {CIFAR} | right" in row]
    assert [mlp.PUBLISHED_CIFAR in row for row in rows] == [True] * 3
    assert re.search(
        r"What the permutation costs: fully connected -?\d+\.\d points \(-?\d+\.\d to ", text["obfuscated"]
    )


def test_what_is_inside_is_stored(finished: dict[str, Path]) -> None:
    about = measured_of(finished["activations"])["pictures/activations-relu-relu-relu"]
    for when in ("start", "end"):
        inside = about["diagnostics"][when]
        assert [sorted(layer) for layer in inside["layers"]] == [["dead", "gradient", "name", "slope"]] * 3
        assert 0 <= inside["deaf"] <= 1
    deep = measured_of(finished["cnn"])["pictures/cnn-10-residual"]["diagnostics"]["start"]["layers"]
    assert len(deep) == 12  # ten convolutions, the dense layer and the outputs; no shortcut


# ---- validation chooses


def outcome(title: str, seed: int, validation: float, test: float) -> Outcome:
    experiment = dataclasses.replace(mlp.experiments()[0], title=title)
    scores = [Score(FASHION + VALIDATION, RIGHT, validation, 100), Score(FASHION, RIGHT, test, 100)]
    run = Run(experiment, dataclasses.replace(experiment.recipe, seed=seed), Path(), 1.0)
    return Outcome(run, {"scores": [dataclasses.asdict(score) for score in scores]})


def test_the_best_are_chosen_by_validation_and_never_by_the_test_set() -> None:
    outcomes = [
        *(outcome("1 layer", seed, validation, 0.9) for seed, validation in ((1, 0.6), (2, 0.8))),
        *(outcome("2 layers", seed, 0.75, 0.1) for seed in (1, 2)),
        outcome("5 layers", 1, 0.3, 0.99),
        outcome("5 layers", 2, 0.3, 0.99),
    ]
    assert [one.title for one in best(outcomes, 2)] == ["2 layers", "1 layer"]
    chosen = mlp.choose(outcomes)
    assert [one.title for one in chosen] == [f"{title}, CIFAR-10" for title in ("2 layers", "1 layer", "5 layers")]
    assert all(one.published == {(CIFAR, RIGHT): mlp.PUBLISHED_CIFAR} for one in chosen)


def test_a_seed_that_diverged_is_never_right(tmp_path: Path) -> None:
    lucky, steady = outcome("1 layer", 1, 0.9, 0.9), outcome("1 layer", 2, 0.9, 0.9)
    diverged = dataclasses.replace(steady, measured=None, why="diverged: step 3", diverged=True)
    outcomes = [lucky, diverged, outcome("2 layers", 1, 0.5, 0.5), outcome("2 layers", 2, 0.5, 0.5)]
    assert [one.title for one in best(outcomes, 2)] == ["2 layers", "1 layer"]
    waiting = dataclasses.replace(diverged, why="not run yet", diverged=False)
    assert [one.title for one in best([lucky, waiting, *outcomes[2:]], 2)] == ["1 layer", "2 layers"]
    told = [dataclasses.replace(one, measured=one.measured and STANDARD | one.measured) for one in outcomes]
    table = report.table_lines(told, dataclasses.replace(mlp.STUDY, interval=None))
    assert "| 1, 1 diverged | 90.00 %" in table[2]
    assert "| 2 | 50.00 %" in table[4]


def test_figures_of_several_seeds_are_matched_by_what_they_tell() -> None:
    """Results that another version measured may have other figures, and in another order."""
    first, second = outcome("1 layer", 1, 0.2, 0.8), outcome("1 layer", 2, 0.4, 0.9)
    assert second.measured is not None
    turned = dataclasses.replace(second, measured={"scores": second.measured["scores"][::-1]})
    lacking = dataclasses.replace(second, measured={"scores": second.measured["scores"][1:]})
    for other, shown in ((turned, "| 2 | 30.00 %"), (lacking, "| 1 | 20.00 %")):
        told = [dataclasses.replace(one, measured=STANDARD | (one.measured or {})) for one in (first, other)]
        table = report.table_lines(told, dataclasses.replace(mlp.STUDY, interval=None))
        assert shown in table[2]
        assert "| 2 | 85.00 %" in table[3]


def test_one_that_diverged_stays_so_though_it_is_left_out(tmp_path: Path) -> None:
    (run, other) = planning.plan_experiments(mlp.experiments()[:2], tmp_path, 1, "full")
    run.folder.mkdir(parents=True)
    results.note_diverged(run, DivergedError("step 3: loss is nan; lower the rate"))
    told = results.outcomes([run, other], dict.fromkeys([run, other], planning.LEFT_OUT))
    assert [one.why for one in told] == ["diverged: step 3: loss is nan", "not run: left out by --only"]


def test_the_best_three_are_trained_unchanged_on_cifar10(finished: dict[str, Path]) -> None:
    for name in ("mlp", "cnn"):
        rows = [row for row in rows_of(finished[name]) if row["test"].endswith(VALIDATION)]
        right: dict[str, list[float]] = {}
        for row in rows:
            right.setdefault(row["experiment"], []).append(float(row["value"]))
        fashion = [title for title in right if CIFAR not in title]
        wanted = sorted(fashion, key=lambda title: -sum(right[title]) / len(right[title]))[:3]
        assert [title for title in right if CIFAR in title] == [f"{title}, {CIFAR}" for title in wanted]


def test_given_again_it_does_nothing(finished: dict[str, Path], data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("done already")

    monkeypatch.setattr(training, "train", never)
    monkeypatch.setattr(running, "measure", never)
    monkeypatch.setattr(report, "write_whole", lambda *_: None)
    told = dataclasses.replace(studies.find_study("mlp"), draw=lambda outcomes, data: [])
    monkeypatch.setattr(studies, "studies", lambda: {"mlp": told})
    table = (finished["mlp"] / "results.csv").read_bytes()
    running.run_study("mlp", data=data, out=finished["mlp"], seeds=2)
    assert (finished["mlp"] / "results.csv").read_bytes() == table
    done = CliRunner().invoke(
        main, ["study", "mlp", "--data", str(data), "--out", str(finished["mlp"]), "--seeds", "2", "--dry-run"]
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * (4 + 3) + 1
    assert all(line.endswith("done") for line in lines[:-1])


def test_without_cifar10_the_rest_is_done(tmp_path: Path) -> None:
    data = write_fashion(tmp_path / "data")
    study = studies.find_study("mlp")
    told = dataclasses.replace(study, draw=lambda outcomes, data: [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "studies", lambda: {"mlp": told})
        folder = running.run_study("mlp", data=data, out=tmp_path / "out", budget="quick")
    notes = {row["experiment"]: row["note"] for row in rows_of(folder) if not row["n"]}
    assert len(notes) == 3
    assert all(CIFAR in title and note == "not run: no data here" for title, note in notes.items())


def test_only_some_are_trained_and_the_others_wait(data: Path, tmp_path: Path) -> None:
    command = ["study", "mlp", "--data", str(data), "--out", str(tmp_path)]
    done = CliRunner().invoke(main, [*command, "--only", "mlp-1", "--only", "mlp-*l2", "--dry-run"])
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["pictures/mlp-1", "pictures/mlp-2-l2", "2"]
    done = CliRunner().invoke(main, [*command, "--only", "mlp-1"])
    assert done.exit_code == 0, done.output
    assert {row["experiment"]: row["note"] for row in rows_of(tmp_path)} == {
        "1 layer": "",
        "2 layers": "not run: left out by --only",
        "2 layers, L2": "not run: left out by --only",
        "1 layer of 2 units": "not run: left out by --only",
    }
    done = CliRunner().invoke(main, [*command, "--only", "pictures/mlp-2"])
    assert done.exit_code == 0, done.output
    assert {row["experiment"] for row in rows_of(tmp_path) if row["n"]} == {"1 layer", "2 layers"}
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_only_what_there_is(data: Path, tmp_path: Path) -> None:
    command = ["study", "mlp", "--data", str(data), "--out", str(tmp_path)]
    done = CliRunner().invoke(main, [*command, "--only", "mlp-9"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--only 'mlp-9' fits no network of the study mlp (there are: pictures/mlp-" in done.stderr
    assert not list(tmp_path.iterdir())
    told = studies.find_study("mlp")
    assert told.later is not None
    later = dataclasses.replace(told.later, candidates=mlp.cifar_experiments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "studies", lambda: {"mlp": dataclasses.replace(told, later=later)})
        done = CliRunner().invoke(main, [*command, "--only", "cifar10-*"])
    assert done.exit_code == 2
    assert "cifar10-*: not among what the others of mlp decide on, as far as measured" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_measured_of_later_ones_stays(finished: dict[str, Path], data: Path, tmp_path: Path) -> None:
    """More seeds of one network: the others lack them, so that nothing is decided on, and nothing is lost."""
    folder = shutil.copytree(finished["cnn"], tmp_path / "cnn")
    told = studies.find_study("cnn")
    assert told.later is not None
    later = dataclasses.replace(told.later, candidates=lambda: small(cnn.cifar_experiments()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "studies", lambda: {"cnn": dataclasses.replace(told, later=later)})
        command = ["study", "cnn", "--data", str(data), "--out", str(folder), "--seeds", "2"]
        done = CliRunner().invoke(main, [*command, "--only", "cnn-2-layers"])
        assert done.exit_code == 0, done.output
        plan = CliRunner().invoke(main, [*command, "--dry-run"]).stdout
    before, after = (
        {(row["experiment"], row["seed"]) for row in rows_of(one) if row["n"]} for one in (finished["cnn"], folder)
    )
    assert after == before | {("2 layers", "2")}
    assert "then 6 runs of the best three by validation" in plan


# ---- the plan


def test_a_dry_run_counts_what_is_not_decided_yet(data: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["study", "cnn", "--data", str(data), "--out", str(tmp_path / "out"), "--seeds", "2", "--dry-run"]
    )
    assert done.exit_code == 0, done.output
    *runs, total, later = done.stdout.splitlines()
    assert len(runs) == 4 * 2
    assert re.match(
        r"pictures/cnn-10-layers +[0-9a-f]{12}  seed 1  2 steps of 8 +(about \d+\.\d minutes|some seconds)$", runs[2]
    )
    assert total.startswith("8 runs, about ")
    assert re.fullmatch(r"then 6 runs of the best three by validation, on CIFAR-10, about \d+ minutes more", later)
    assert not (tmp_path / "out").exists()


def test_minutes_come_from_a_trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried: list[Recipe] = []

    def told(recipe: Recipe) -> tuple[float, float]:
        tried.append(recipe)
        return 0.5, 0.001

    monkeypatch.setattr(trial, "try_out", told)
    experiments = [dataclasses.replace(one, reads=6000) for one in mlp.experiments()[:2]]
    runs = planning.plan_experiments(experiments, tmp_path, 2, "full")
    assert [run.minutes for run in runs] == pytest.approx([(4219 * 0.5 + 6) / 60] * 4)
    quick = planning.plan_experiments(experiments, tmp_path, 1, "quick")
    assert quick[0].minutes == pytest.approx((mlp.QUICK_STEPS * 0.5 + 6) / 60)
    assert len(set(tried)) == 2  # whatever their seeds and steps
    three = [Later("the best", 3, lambda: experiments, lambda _: []), tmp_path, 2, "full"]
    assert planning.describe_later(*three).endswith("about 212 minutes more")  # type: ignore[arg-type]


def test_a_trial_leaves_the_random_numbers_of_a_training_alone() -> None:
    recipe = small(mlp.experiments())[0].recipe
    a_step, a_picture = trial.try_out(dataclasses.replace(recipe, name="", source=""))
    assert a_step > 0
    assert a_picture > 0
    one, other = (assembly.make_network(recipe, make_codec(recipe.codec)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", STUDIES)
def test_every_experiment_is_of_its_own_and_measures_what_is_published(name: str) -> None:
    experiments = list(STUDIES[name].experiments())
    later = STUDIES[name].later
    if later is not None:
        experiments += later.candidates()
    assert (
        len({one.title for one in experiments}) == len({one.recipe.hash() for one in experiments}) == len(experiments)
    )
    for one in experiments:
        assert one.dataset in ORIGINS
        assert one.minutes is None
        assert one.published.keys() <= {(FASHION, RIGHT), (CIFAR, RIGHT)}
        assert one.recipe.with_settings(one.quick or {}).steps < one.recipe.steps / 8
    counts = {"activations": 27, "mlp": 2 * 14, "cnn": 2 * 13, "obfuscated": 8}
    assert len(experiments) == counts[name]


def test_intervals_are_of_seeds_and_pictures(finished: dict[str, Path]) -> None:
    folders = tuple(sorted(finished["mlp"].glob("runs/pictures-mlp-1-of-2-*")))
    assert len(folders) == 2
    told = intervals_of(folders)
    assert told.keys() == {(FASHION, RIGHT), (FASHION + VALIDATION, RIGHT)}
    for (test, _), (low, high) in told.items():
        mean = sum(rights_of(folder)[test].mean() for folder in folders) / 2
        assert low - 1e-9 <= mean <= high + 1e-9


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([0.1, 0.4, 0.9], [0.1, 0.4, 0.9]),
        ([0.5, 0.5, 0.5], [0.4, 0.5, 0.6]),
        ([0.2, 0.25, 0.6], [0.175, 0.275, 0.6]),
        ([0.95, 1.0, 1.0], [0.8, 0.9, 1.0]),
        ([0.0, 0.02], [0.0, 0.1]),
    ],
)
def test_names_beside_a_figure_keep_apart(wanted: list[float], found: list[float]) -> None:
    assert keep_apart(np.array(wanted), 0.1) == pytest.approx(np.array(found))


@pytest.mark.parametrize(
    ("shares", "floor", "reason"),
    [
        ([0.10, 0.81, 0.91, 0.92, 0.93], 0.81, "one at chance: the axis begins with the others"),
        ([0.81, 0.91, 0.92, 0.93, 0.93], 0.0, "one a little worse is shown where it is"),
        ([0.10, 0.10, 0.91, 0.92, 0.93], 0.0, "two of five are not few"),
        ([0.10, 0.10, 0.91, 0.92, 0.93, 0.90, 0.92, 0.91], 0.90, "two of eight are"),
        ([0.5], 0.0, "one alone"),
        ([0.5, 0.5], 0.0, "no difference"),
    ],
)
def test_a_few_far_below_are_told_by_an_arrow(shares: list[float], floor: float, reason: str) -> None:
    assert floor_of(shares) == floor, reason
    rows = [Row(f"network {k}", (share,), share, share) for k, share in enumerate(shares)]
    drawn = np.asarray(Image.open(io.BytesIO(plot_rows(rows, "a title"))).convert("L"))
    assert (drawn < 128).any()
