"""The study of encodings: what it measures is what the readings say, beside the figures of the reports."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from facevalue import studies, training
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.codecs.encodings import ENCODINGS
from facevalue.errors import MissingExtraError
from facevalue.export import export
from facevalue.metrics import figure_scores, time_scores
from facevalue.networks import pretrained
from facevalue.sources import clock_sets
from facevalue.sources.clock_sets import kitchen_clocks
from facevalue.studies import Experiment, encodings, planning, results, running

OURS = {"widths": "4,4", "blocks": "0,1", "hidden": "8", "squeeze": "4", "size_px": "24"}
REPORTS = {"widths": "4,4", "hidden": "8", "size_px": "24"}
BRIEF = {"steps": "2", "batch_size": "8", "warmup_steps": "1"}
CHOSEN = ("hours", "24-classes", "72-classes", "720-classes", "two-circles", "needles", "needles, plain clocks")
REPORTED = ("deep-time's network", "leiden-2021's four blocks", "EfficientNet-lite0 of ImageNet")
TESTED = 144  # of 720 kitchen clocks, and of as many plain ones


def small_experiments() -> list[Experiment]:
    """Some of the study's own, each cut down to two steps of a tiny network."""
    small = []
    for experiment in encodings_of_study():
        if experiment.title in CHOSEN + REPORTED:
            settings = {**BRIEF, **(OURS if experiment.title in CHOSEN else REPORTS)}
            if experiment.recipe.pretrained:
                settings = BRIEF
            recipe = experiment.recipe.with_settings(settings)
            small.append(dataclasses.replace(experiment, recipe=recipe, quick={"steps": "1"}))
    return small


encodings_of_study = encodings.experiments  # before anything is cut down


@pytest.fixture(scope="module", autouse=True)
def small_study() -> Iterator[None]:
    """The study with each time once, and none of the published weights here."""

    def nowhere(name: str, *_: object, **__: object) -> Path:
        raise MissingExtraError(f"the weights {name} are not here")

    few = functools.partial(kitchen_clocks, each=1)
    study = dataclasses.replace(encodings.STUDY, experiments=small_experiments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_sets, "kitchen_clocks", few)
        patch.setattr(encodings, "kitchen_clocks", few)
        patch.setattr(pretrained, "find_weights", nowhere)
        patch.setattr(studies, "studies", lambda: {"encodings": study})
        patch.setattr(training, "HELD_OUT_PICTURES", 8)
        patch.setattr(encodings, "DRAWS", 50)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished study of two seeds. Don't write to it."""
    out = tmp_path_factory.mktemp("study") / "encodings"
    done = CliRunner().invoke(main, ["study", "encodings", "--seeds", "2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


# ---- what it leaves


def test_a_row_for_each_figure(finished: Path) -> None:
    rows = rows_of(finished)
    found = {(row["experiment"], row["metric"]) for row in rows if row["n"]}
    plain = {
        *(encodings.EXACT, encodings.OFF, encodings.OFF_SHOWN, encodings.WITHIN),
        *(encodings.HOUR, encodings.MINUTE, encodings.NOT_MISTAKEN),
    }
    by_class = {encodings.CLASS, encodings.CLASS_OFF}
    for title in (*CHOSEN, *REPORTED[:2]):
        metrics = {metric for experiment, metric in found if experiment == title}
        assert metrics == (plain | by_class if title in ("24-classes", "72-classes") else plain), title
    assert {row["n"] for row in rows if row["n"]} == {str(TESTED)}
    assert {row["seed"] for row in rows} == {"1", "2"}
    tests = {row["experiment"]: row["test"] for row in rows if row["n"]}
    assert {title for title, test in tests.items() if test == encodings.PLAIN} == {"needles, plain clocks", REPORTED[0]}
    for row in rows:
        if row["n"]:
            assert 0 <= float(row["value"]) <= (360 if row["unit"] == "min" else 1), row
            assert (row["unit"] == "min") == ("minutes off" in row["metric"])
    notes = {row["experiment"]: row["note"] for row in rows if not row["n"]}
    assert notes == {REPORTED[2]: "not run: no pretrained weights here"}


def test_the_report_sets_each_figure_beside_the_published_one(finished: Path) -> None:
    text = (finished / "report.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in lines}) == 1
    (hours,) = [line for line in lines if line.startswith("| hours | kitchen clocks | minutes off |")]
    share = r"\d+\.\d\d min"
    assert re.search(rf"\| 144 \| 2 \| {share} \({share} to {share}\) \| leiden-2024 14.52 min \| 2 × 8 \|", hours)
    for figure in ("leiden-2021 94.42 %", "leiden-2021 10.72 min", "leiden-2024 2.88 min", "leiden-2021 96.89 %"):
        assert figure in text
    assert "95 of 100 draws of seeds and pictures (bootstrap)" in text
    figures = re.findall(r"!\[[^]]+\]\(figures/([^)]+)\)", text)
    assert figures == [
        *("samples.png", "confusion-24.png", "confusion-72.png", "circle.png"),
        *("errors.png", "classes.png", "parameters.png", "learning.png"),
    ]
    for figure in figures:
        with Image.open(finished / "figures" / figure) as picture:
            picture.load()
            assert min(picture.size) > 100, figure
            assert len(picture.convert("L").getcolors() or [0] * 9) > 2, figure


def test_scores_are_those_of_the_readings(finished: Path) -> None:
    runs = planning.plan(studies.find_study("encodings"), finished, 2, "full")
    for outcome in results.outcomes(runs, dict.fromkeys(runs, "")):
        if outcome.measured is None:
            continue
        read, true = encodings.readings_of(outcome)
        assert len(set(true.tolist())) == len(true) == TESTED
        scores = {score.metric: score.value for score in outcome.scores()}
        times, figures = time_scores(read, true), figure_scores(read, true)
        assert scores[encodings.OFF] == pytest.approx(times["mean"])
        assert scores[encodings.WITHIN] == pytest.approx(times["within_1"])
        assert scores[encodings.NOT_MISTAKEN] == pytest.approx(times["hour_right"])
        assert scores[encodings.EXACT] == pytest.approx(figures["both"])
        assert scores[encodings.HOUR] == pytest.approx(figures["hour"])
        assert scores[encodings.MINUTE] == pytest.approx(figures["minute"])
        assert scores[encodings.OFF_SHOWN] == pytest.approx(figures["time_error"])


def test_given_again_it_does_nothing(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("done already")

    monkeypatch.setattr(training, "train", never)
    monkeypatch.setattr(running, "measure", never)
    before = (finished / "report.md").read_text()
    running.run_study("encodings", out=finished, seeds=2)
    assert (finished / "report.md").read_text() == before


def test_a_run_exports_whatever_its_numbers_are(finished: Path, tmp_path: Path) -> None:
    for name in ("clocks-kitchen-hours-", "clocks-deep-time-"):
        run = next(path for path in sorted((finished / "runs").iterdir()) if path.name.startswith(name))
        assert export(run, tmp_path / "weight.onnx", "one-1").stat().st_size > 1000


# ---- metrics


@pytest.mark.parametrize(
    ("codec", "read", "true", "expected", "reason"),
    [
        ("720-classes", 359.0, 360.0, {"within one minute": 1, "hour figure": 0, "minute figure": 0}, "5:59 for 6:00"),
        ("720-classes", 419.0, 359.0, {"minutes off": 60, "minute figure": 1, "hour not mistaken": 0}, "6:59 for 5:59"),
        ("720-classes", 359.0, 360.0, {"hour not mistaken": 1, "exact minute": 0}, "a minute across the hour"),
        ("hours", 719.6, 0.0, {"exact minute": 1, "minutes off": 0.4, "minutes off, as H:MM": 0}, "round the dial"),
        ("24-classes", 14.5, 29.0, {"class": 1, "minutes off, in classes": 0, "minutes off": 14.5}, "the same class"),
        ("24-classes", 704.5, 0.0, {"class": 0, "minutes off, in classes": 30}, "the class before, round the dial"),
        ("180-classes", 61.5, 71.0, {"class": 0, "minutes off, in classes": 8}, "two classes of four minutes"),
    ],
)
def test_what_counts_as_right(codec: str, read: float, true: float, expected: dict[str, float], reason: str) -> None:
    figures = encodings.judge(make_codec(f"clock/{codec}"), np.array([read]), np.array([true]))
    assert {name: figures[name].item() for name in expected} == pytest.approx(expected), reason


@pytest.mark.parametrize(
    ("values", "low", "high", "reason"),
    [
        (np.ones((3, 40)), 1.0, 1.0, "nothing varies"),
        (np.repeat([[0.0], [1.0], [2.0]], 40, axis=1), 0.0, 2.0, "the seeds alone: one of them thrice"),
        (np.tile([0.0, 1.0], (3, 50)), 0.4, 0.6, "the pictures alone: 1.96 of a deviation of 0.05"),
    ],
)
def test_the_interval_is_over_seeds_and_pictures(
    values: Any, low: float, high: float, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "DRAWS", 1000)
    encodings.picture_draws.cache_clear()
    assert encodings.bootstrap(values) == pytest.approx((low, high), abs=0.02), reason
    encodings.picture_draws.cache_clear()


# ---- the plan


def test_every_encoding_is_in_the_study_and_it_fits_its_budget() -> None:
    experiments = encodings_of_study()
    ours = [one for one in experiments if one.recipe.network == "clocknet" and one.title in one.recipe.codec]
    assert {one.recipe.codec for one in ours} == {*ENCODINGS, "clock/needles"}
    assert len({(one.recipe.steps, one.recipe.batch_size, one.recipe.source) for one in ours}) == 1  # all alike
    assert len({one.title for one in experiments}) == len(experiments)
    assert 3 * sum(one.minutes for one in experiments) <= 180
    quick = [one for one in experiments if one.quick is not None]
    assert {one.title for one in ours} | {"needles, plain clocks", "deep-time's network"} == {
        one.title for one in quick
    }
    share = {one.title: one.recipe.with_settings(one.quick).steps / one.recipe.steps for one in quick}
    assert sum(one.minutes * share[one.title] for one in quick) <= 12
    assert all(math.isfinite(one.minutes) and one.minutes > 0 for one in experiments)


def test_published_figures_belong_to_metrics_that_are_measured() -> None:
    for one in encodings_of_study():
        metrics = encodings.judge(make_codec(one.recipe.codec), np.zeros(1), np.zeros(1))
        test = encodings.part_name(one.recipe.source)
        assert {(test, metric) for metric in metrics} >= one.published.keys(), one.title


def test_the_quick_budget_is_briefer(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["study", "encodings", "--budget", "quick", "--dry-run", "--out", str(tmp_path / "q")]
    )
    assert done.exit_code == 0
    assert "1 steps of 8" in done.stdout
    assert not (tmp_path / "q").exists()
