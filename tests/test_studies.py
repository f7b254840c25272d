"""Studies: what is trained once is not trained again, whatever kills it, and the report says what was measured."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pooch
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from small_sets import TEST, write_mnist, write_svhn

from facevalue import assembly, scoring, studies, training
from facevalue.checkpoint import read_checkpoint
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.errors import FaceValueError, SettingError
from facevalue.export import export
from facevalue.sources import datasets, mnist
from facevalue.sources.datasets import DATA_VARIABLE, ORIGINS
from facevalue.sources.mnist import MnistSource, WrittenBatch
from facevalue.studies import (
    Drawing,
    Experiment,
    Measured,
    Run,
    Score,
    Study,
    Trained,
    digits,
    elsewhere,
    planning,
    results,
    running,
)
from facevalue.studies.running import run_study

SMALL = {"widths": "4,4", "hidden": "8", "steps": "4", "batch_size": "8", "warmup_steps": "1"}
OURS = {"blocks": "1,1", "squeeze": "4"}
STRINGS = 20


def small_experiments() -> list[Experiment]:
    """The study's own, each cut down to four steps of a tiny network."""
    small = []
    for experiment in digits.experiments():
        settings = SMALL | (OURS if "ours" in experiment.recipe.name else {})
        recipe = experiment.recipe.with_settings(settings)
        small.append(dataclasses.replace(experiment, recipe=recipe, quick={"steps": "2"}, drawn=False))
    return small


@pytest.fixture(autouse=True)
def small_study(monkeypatch: pytest.MonkeyPatch) -> None:
    study = dataclasses.replace(digits.STUDY, experiments=small_experiments, draw=lambda outcomes, data: [])
    monkeypatch.setattr(studies, "studies", lambda: {"digits": study})
    monkeypatch.setattr(training, "HELD_OUT_PICTURES", 8)
    monkeypatch.setattr(mnist, "TEST_STRINGS", STRINGS)
    monkeypatch.delenv("FACEVALUE_DATA", raising=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mnist(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a finished study, the only one here with its figures. Don't write to it."""
    with pytest.MonkeyPatch.context() as patch:
        study = dataclasses.replace(digits.STUDY, experiments=small_experiments)
        patch.setattr(studies, "studies", lambda: {"digits": study})
        patch.setattr(training, "HELD_OUT_PICTURES", 8)
        patch.setattr(mnist, "TEST_STRINGS", STRINGS)
        yield run_study("digits", data=data, out=tmp_path_factory.mktemp("study") / "digits")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def networks_of(folder: Path) -> dict[str, Any]:
    return {run.name: read_checkpoint(run)["network"] for run in sorted((folder / "runs").iterdir())}


# ---- what a study leaves


def test_a_row_for_each_figure(finished: Path) -> None:
    rows = {(row["recipe"].removeprefix("digits/"), row["test"], row["metric"]): row for row in rows_of(finished)}
    counts = {key: int(row["n"]) for key, row in rows.items() if row["n"]}
    assert counts == {
        ("mnist-tutorial", "MNIST digits", "right"): TEST,
        ("mnist-ours", "MNIST digits", "right"): TEST,
        ("mnist-ours", "MNIST digits, 15 looks", "right"): TEST,
        ("sequences-report", "MNIST strings of 1 to 5", "whole string right"): STRINGS,
        ("sequences-report", "MNIST strings of 1 to 5", "fifths right"): 5 * STRINGS,
        ("sequences-ours", "MNIST strings of 1 to 5", "whole string right"): STRINGS,
        ("sequences-ours", "MNIST strings of 1 to 5", "fifths right"): 5 * STRINGS,
        ("sequences-ours", "MNIST strings of 1 to 5, 15 looks", "whole string right"): STRINGS,
        ("sequences-ours", "MNIST strings of 1 to 5, 15 looks", "fifths right"): 5 * STRINGS,
    }
    for row in rows.values():
        assert (row["study"], row["budget"], row["seed"]) == ("digits", "full", "1")
        if row["n"]:
            assert 0 <= float(row["value"]) <= 1
            assert row["hardware"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
            assert row["steps"] == ("0" if "sequences-ours" in row["recipe"] else "4")
    assert rows["svhn-report", "", ""]["note"] == "not run: no data here"
    assert (
        rows["sequences-ours", "MNIST strings of 1 to 5", "fifths right"]["note"] == "parameters of digits/mnist-ours"
    )


def test_the_report_sets_each_figure_beside_the_published_one(finished: Path) -> None:
    text = (finished / "report.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in lines}) == 1
    (tutorial,) = [line for line in lines if "tutorial's CNN" in line]
    assert f"| MNIST digits | right | {TEST} | 1 |" in tutorial
    assert "| the report 95.21 % | 4 × 8 |" in tutorial
    (houses,) = [line for line in lines if "SVHN digits" in line]
    assert "not run: no data here | the report about 92 %; people 98 %" in houses
    assert sum("99.83 %" in line for line in lines) == 1
    figures = re.findall(r"!\[[^]]+\]\((figures/[^)]+)\)", text)
    assert len(figures) == len(list((finished / "figures").iterdir())) == 2 + 2 * 4
    for figure in figures:
        with Image.open(finished / figure) as picture:
            picture.load()
            assert min(picture.size) > 100, figure
    assert not list(finished.rglob("*.tmp"))


def test_readings_are_those_that_were_scored(finished: Path, data: Path) -> None:
    runs = planning.plan(studies.find_study("digits"), finished, 1, "full")
    outcomes = results.outcomes(runs, dict.fromkeys(runs, ""))
    for outcome in outcomes[:4]:
        answers = outcome.answers()
        for score in outcome.scores():
            if score.metric == digits.ELEMENT:
                continue
            mine = [answer for answer in answers if answer.test == score.test]
            assert [answer.record for answer in mine] == list(range(score.count))
            right = sum(answer.read == answer.label for answer in mine)
            assert score.value == pytest.approx(right / score.count)
            assert [answer.label for answer in mine] == digits.read_test(score.test, data).texts()


def test_strings_are_read_with_the_parameters_of_the_digits(finished: Path, tmp_path: Path, data: Path) -> None:
    runs = {run.name.rpartition("-")[0]: run for run in (finished / "runs").iterdir()}
    ours, strings = (read_checkpoint(runs[name])["network"] for name in ("digits-mnist-ours", "digits-sequences-ours"))
    assert ours.keys() == strings.keys()
    assert all(torch.equal(ours[name], strings[name]) for name in ours)
    weight = export(runs["digits-sequences-ours"], tmp_path / "strings-1.onnx", "strings-1", data)
    unpack = ["unpack", str(data / "mnist"), str(tmp_path / "set"), "--split", "test", "--sequences", "1:5"]
    assert CliRunner().invoke(main, [*unpack, "--count", str(STRINGS)]).exit_code == 0
    command = ["evaluate", str(weight), "--data", str(tmp_path / "set" / "labels.csv"), "--json", "--out"]
    done = CliRunner().invoke(main, [*command, str(tmp_path / "scores")])
    assert done.exit_code == 0, done.output
    scores = json.loads(done.stdout)
    (whole,) = [
        float(row["value"])
        for row in rows_of(finished)
        if (row["recipe"], row["test"], row["metric"]) == ("digits/sequences-ours", digits.STRINGS, digits.WHOLE)
    ]
    assert scores["count"] == STRINGS
    assert scores["exact"] <= whole + 1e-9  # the reader marks a digit that it doubts, where a score takes the likeliest


# ---- nothing twice


def test_a_finished_study_does_nothing_again(
    finished: Path, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    shutil.copytree(finished, again)
    (again / "report.md").unlink()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("done already")

    monkeypatch.setattr(training, "train", never)
    monkeypatch.setattr(running, "measure", never)
    run_study("digits", data=data, out=again)
    assert (again / "results.csv").read_bytes() == (finished / "results.csv").read_bytes()
    assert (finished / "report.md").read_text().startswith((again / "report.md").read_text())


class Killed(BaseException):
    """What stops a study in the middle; no error that anything would catch."""


@pytest.mark.parametrize("at", [(0, 2), (1, 3)])
def test_killed_and_given_again_it_goes_on(
    at: tuple[int, int], finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """at: the number of the training in which it is killed, and the step."""
    batch = MnistSource.batch
    drawn: list[tuple[bool, int]] = []

    def batch_or_die(self: MnistSource, seed: int, step: int, count: int) -> WrittenBatch:
        if seed == scoring.HELD_OUT_SEED:
            return batch(self, seed, step, count)
        drawn.append((self.hold_out, step))
        if die and (not self.hold_out, step) == (bool(at[0]), at[1]):
            raise Killed
        return batch(self, seed, step, count)

    monkeypatch.setattr(MnistSource, "batch", batch_or_die)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    die = True
    with pytest.raises(Killed):
        run_study("digits", data=data, out=tmp_path)
    if at[0]:  # the first one is in the table already
        assert [row["recipe"] for row in rows_of(tmp_path) if row["n"]] == ["digits/mnist-tutorial"]
    die = False
    run_study("digits", data=data, out=tmp_path)
    twice = [(not at[0], at[1])]  # the batch on which it was killed
    assert sorted(drawn) == sorted([(first, step) for first in (True, False) for step in range(4)] + twice)
    one, other = networks_of(tmp_path), networks_of(finished)
    assert one.keys() == other.keys()
    for name, network in one.items():
        assert all(torch.equal(network[part], other[name][part]) for part in network), name
    ignored = {"minutes", "date", "commit"}
    for row, expected in zip(rows_of(tmp_path), rows_of(finished), strict=True):
        assert {k: v for k, v in row.items() if k not in ignored} == {
            k: v for k, v in expected.items() if k not in ignored
        }


def test_killed_while_it_measures(finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(digits, "measure_digits", die)
        with pytest.raises(Killed):
            run_study("digits", data=data, out=tmp_path)
    assert not (tmp_path / "results.csv").exists()
    trained = []
    train = training.train
    monkeypatch.setattr(
        training, "train", lambda recipe, *a, **k: (trained.append(recipe.name), train(recipe, *a, **k))
    )
    run_study("digits", data=data, out=tmp_path)
    assert trained == ["digits/mnist-ours", "digits/sequences-report"]  # the first was trained already


def test_a_measurement_of_another_training_does_not_count(finished: Path) -> None:
    runs = planning.plan(studies.find_study("digits"), finished, 1, "full")
    assert all(results.read_measured(run, runs) for run in runs[:4])
    other = runs[1].recipe.with_settings({"steps": "5"})
    changed = [*runs[:1], dataclasses.replace(runs[1], recipe=other), *runs[2:]]
    assert results.read_measured(changed[1], changed) is None
    assert results.read_measured(changed[3], changed) is None  # it took over the parameters of that one
    assert results.read_measured(changed[2], changed) is not None


# ---- plan, seeds, budgets, data


def study(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["study", *arguments])


# ---- results from elsewhere


@pytest.mark.parametrize("packed", [True, False], ids=["a file of --keep", "the folder itself"])
def test_what_was_measured_elsewhere_is_not_trained_again(
    packed: bool, finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "kept.zip" if packed else finished
    if packed:
        assert elsewhere.pack_results(finished, source) == 4
        assert source.stat().st_size < 40_000, "no trainings in it"
    monkeypatch.setattr(training, "train", lambda *_, **__: pytest.fail("trained again"))
    out = run_study("digits", data=data, out=tmp_path / "here", elsewhere=[source])
    assert rows_of(out) == rows_of(finished)
    assert not list(out.rglob("checkpoint.pt"))
    kept = tmp_path / "again.zip"
    run_study("digits", data=data, out=out, keep=kept)
    assert elsewhere.pack_results(finished, tmp_path / "first.zip") == 4
    assert kept.read_bytes() == (tmp_path / "first.zip").read_bytes(), "results make the same file, whoever packs them"


def test_results_are_kept_and_told_though_a_figure_wants_pictures_that_are_not_here(
    finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw(outcomes: Any, data: Path | None) -> Iterator[Drawing]:
        yield Drawing("first.png", "A figure.", b"png")
        raise FaceValueError("no CIFAR-10 here")

    with_figures = dataclasses.replace(digits.STUDY, experiments=small_experiments, draw=draw)
    monkeypatch.setattr(studies, "studies", lambda: {"digits": with_figures})
    out = run_study("digits", data=data, out=tmp_path, elsewhere=[finished], keep=tmp_path / "kept.zip")
    assert "the other figures are left out: no CIFAR-10 here" in capsys.readouterr().err
    assert rows_of(out) == rows_of(finished)
    assert "figures/first.png" in (out / "report.md").read_text()
    assert (tmp_path / "kept.zip").exists()


def test_of_two_measurements_the_one_here_stays(finished: Path, tmp_path: Path) -> None:
    name = next(path.parent.name for path in finished.glob("runs/*/measured.json"))
    (tmp_path / "runs" / name).mkdir(parents=True)
    for file in ("measured.json", "readings.csv"):
        (tmp_path / "runs" / name / file).write_text("mine")
    assert elsewhere.take_results(tmp_path, [finished]) == 3
    assert (tmp_path / "runs" / name / "measured.json").read_text() == "mine"
    (tmp_path / "runs" / name / "readings.csv").unlink()  # then it is no measurement any more
    assert elsewhere.take_results(tmp_path, [finished]) == 1
    assert (tmp_path / "runs" / name / "measured.json").read_text() != "mine"


def test_a_network_whose_parameters_stayed_elsewhere_is_passed_over(
    finished: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere.take_results(tmp_path / "all", [finished])
    shutil.rmtree(next((tmp_path / "all" / "runs").glob("digits-sequences-ours-*")))
    out = run_study("digits", data=data, out=tmp_path / "all")
    assert "the parameters of" in capsys.readouterr().err
    assert {row["note"] for row in rows_of(out) if row["recipe"] == "digits/sequences-ours"} == {"not run yet"}


def test_nothing_is_written_outside_the_folder(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.zip"
    with zipfile.ZipFile(hostile, "w") as archive:
        for name in ("../runs/a-1/diverged.json", "runs/../diverged.json", "/runs/b-1/diverged.json"):
            archive.writestr(name, "{}")
        archive.writestr("runs/c-1/other.json", "{}")
        archive.writestr("runs/d-1/diverged.json", "{}")
        archive.writestr("runs/e-1/measured.json", "{}")  # without its readings
    assert elsewhere.take_results(tmp_path / "here", [hostile]) == 2
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"hostile.zip", "here/runs/b-1/diverged.json", "here/runs/d-1/diverged.json"}


def locked_archive() -> bytes:
    """An archive of results whose entry is marked as encrypted."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("runs/a-1/measured.json", "{}")
    data = bytearray(made.getvalue())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no archive", "can't be read as results of a study"),
        (locked_archive(), "password required"),
        (None, "no results of a study there"),
    ],
    ids=["another file", "locked with a password", "an empty folder"],
)
def test_a_source_without_results_is_refused(content: bytes | None, said: str, data: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir() if content is None else source.write_bytes(content)
    result = CliRunner().invoke(main, ["study", "digits", "--data", str(data), "--with", str(source), "--out", "x"])
    assert result.exit_code == 2
    assert said in result.output
    assert str(source) in result.output
    assert not Path("x").exists()


def test_results_cut_off_are_refused_whole(finished: Path, tmp_path: Path) -> None:
    elsewhere.pack_results(finished, tmp_path / "kept.zip")
    broken = bytearray((tmp_path / "kept.zip").read_bytes())
    broken[len(broken) // 2] ^= 0xFF
    (tmp_path / "kept.zip").write_bytes(bytes(broken))
    with pytest.raises(SettingError, match="can't be read as results"):
        elsewhere.take_results(tmp_path / "here", [tmp_path / "kept.zip"])
    assert not (tmp_path / "here").exists()


def test_a_dry_run_says_what_it_would_do_and_does_nothing(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = study("digits", "--data", str(data), "--out", str(out), "--seeds", "2", "--dry-run")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert len(lines) == 5 * 2 + 1
    told = r"digits/mnist-tutorial +[0-9a-f]{12}  seed 1  4 steps of 8 +(about \d+\.\d minutes|some seconds)"
    assert re.fullmatch(told, lines[0])
    assert "seed 2" in lines[1]
    assert "takes over digits/mnist-ours" in lines[6]
    assert lines[9].endswith("not run: no data here")
    assert re.match(r"10 runs, 2 of them not possible here, about \d+ minutes", lines[10])
    assert not out.exists()


def test_a_dry_run_counts_what_is_done_where_its_data_are_not(
    finished: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "out")
    lines = study("digits", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--dry-run").stdout.splitlines()
    assert [line.split()[-1] for line in lines[:4]] == ["done"] * 4
    assert lines[4].endswith("here")
    assert lines[5].startswith("5 runs, 1 of them not possible here, about 0 minutes")


def test_only_strings_with_what_they_take_over(data: Path, tmp_path: Path) -> None:
    command = ("digits", "--data", str(data), "--out", str(tmp_path), "--only", "sequences-ours")
    plan = study(*command, "--dry-run").stdout.splitlines()
    assert [line.split()[0] for line in plan] == ["digits/mnist-ours", "digits/sequences-ours", "2"]
    done = study(*command)
    assert done.exit_code == 0, done.output
    assert {row["recipe"] for row in rows_of(tmp_path) if row["n"]} == {"digits/mnist-ours", "digits/sequences-ours"}


def test_a_download_that_fails_is_told_and_tried_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries: list[str] = []

    def refuse(name: str) -> Path:
        tries.append(name)
        raise FaceValueError(f"{name} has another hash")

    monkeypatch.setattr(datasets, "fetch", refuse)
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(FaceValueError, match="mnist has another hash"):
        run_study("digits", out=tmp_path, seeds=3)
    assert tries.count("mnist") == 1
    assert "has another hash" not in capsys.readouterr().err  # the error alone says it


def test_a_dry_run_says_what_must_be_downloaded(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    command = ("digits", "--out", str(tmp_path / "out"), "--dry-run")
    assert "minutes, if mnist can be downloaded" in study(*command).stdout
    monkeypatch.setenv(DATA_VARIABLE, str(data))
    assert "mnist can be downloaded" not in study(*command).stdout


def test_seeds_are_other_trainings_and_the_table_gives_mean_and_range(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = small_experiments()[0]
    values = iter((0.9, 0.95, 1.0))

    def tell(trained: Trained, data: Path | None) -> Measured:
        return Measured((Score("test", "right", next(values), 30), Score("test", "off", 3.0, 30, "minutes")))

    told = dataclasses.replace(first, measure=tell, published={("test", "right"): "99 %"})
    one = Study("one", "One", "About.", lambda: [told], lambda outcomes, data: [])
    monkeypatch.setattr(studies, "studies", lambda: {"one": one})
    run_study("one", data=data, out=tmp_path, seeds=3)
    assert len(list((tmp_path / "runs").iterdir())) == 3
    assert [row["seed"] for row in rows_of(tmp_path)] == ["1", "1", "2", "2", "3", "3"]
    text = (tmp_path / "report.md").read_text()
    assert "| test | right | 30 | 3 | 95.00 % (90.00 % to 100.00 %) | 99 % | 4 × 8 |" in text
    assert "| test | off | 30 | 3 | 3.00 minutes (3.00 minutes to 3.00 minutes) |  |" in text
    assert "`facevalue study one --seeds 3`" in text


def test_the_quick_budget_is_another_training(data: Path, tmp_path: Path) -> None:
    done = study("digits", "--data", str(data), "--out", str(tmp_path), "--budget", "quick")
    assert done.exit_code == 0, done.output
    assert {row["steps"] for row in rows_of(tmp_path) if row["n"]} == {"2", "0"}
    assert "too briefly" in (tmp_path / "report.md").read_text()
    assert done.stdout.startswith("| network | test |")
    assert "[1/4] tutorial's CNN, seed 1: 2 steps of 8; about" in done.stderr
    assert "minutes left of the study" in done.stderr
    rows = [line.split() for line in done.stderr.splitlines() if line.startswith("done ")]
    assert [" ".join(row[1:4]) for row in rows][:1] == ["tutorial's CNN, seed"]
    assert len(rows) == 4
    measured = rows_of(tmp_path)[0]
    assert f"{100 * float(measured['value']):.2f} %" in " ".join(rows[0])
    again = study("digits", "--data", str(data), "--out", str(tmp_path), "--budget", "quick")
    assert [line.split() for line in again.stderr.splitlines() if line.startswith("done ")] == rows


def test_with_the_data_there_house_numbers_are_read_too(data: Path, tmp_path: Path) -> None:
    both = tmp_path / "data"
    shutil.copytree(data, both)
    write_svhn(both)
    (experiment,) = [one for one in small_experiments() if one.dataset == "svhn"]
    assert planning.missing_data(experiment, both, may_fetch=False) == ""
    (both / "svhn" / "test_32x32.mat").unlink()
    lacking: dict[str, str] = {}
    assert planning.missing_data(experiment, both, False, lacking) == "no test_32x32.mat here"
    assert lacking == {"svhn": f"{both / 'svhn'} lacks test_32x32.mat"}
    write_svhn(tmp_path / "whole")
    network = assembly.make_network(experiment.recipe, make_codec(experiment.recipe.codec)).eval()
    trained = Trained(experiment.recipe, make_codec(experiment.recipe.codec), network)
    (score,) = experiment.measure(trained, tmp_path / "whole").scores
    assert (score.test, score.metric, score.count) == ("SVHN digits", "right", TEST)


@pytest.mark.parametrize(
    ("fetched", "may_fetch", "expected", "reason"),
    [
        (True, False, "", "a plan counts on the download"),
        (False, False, "no data here", "what is not to be downloaded"),
        (False, True, "no data here", "nor when it runs"),
    ],
)
def test_data_is_looked_for(fetched: bool, may_fetch: bool, expected: str, reason: str) -> None:
    experiment = dataclasses.replace(small_experiments()[0], fetched=fetched)
    assert planning.missing_data(experiment, None, may_fetch) == expected, reason


def test_without_any_data(tmp_path: Path) -> None:
    done = study("digits", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "no mnist there; expected train-images" in done.stderr
    assert done.stderr.count("no mnist there") == 1
    assert not (tmp_path / "out").exists()


def test_data_that_are_there_in_part_are_named(data: Path, tmp_path: Path) -> None:
    part = tmp_path / "data"
    shutil.copytree(data, part)
    (part / "mnist" / "train-labels-idx1-ubyte.gz").unlink()
    done = study("digits", "--data", str(part), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert f"{part / 'mnist'} lacks train-labels-idx1-ubyte.gz" in done.stderr


def test_a_damaged_checkpoint_says_what_to_do(data: Path, tmp_path: Path) -> None:
    run = planning.plan(studies.find_study("digits"), tmp_path, 1, "full")[0]
    run.folder.mkdir(parents=True)
    (run.folder / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut off")
    done = study("digits", "--data", str(data), "--out", str(tmp_path))
    assert done.exit_code == 2
    assert f"{run.folder / 'checkpoint.pt'}: not a checkpoint of facevalue" in done.stderr
    assert "delete it, and the same study trains it anew" in done.stderr
    assert "or give the same study again" not in done.stderr


@pytest.mark.parametrize(
    ("name", "expected"), [("digit", "did you mean 'digits'?"), ("dragons", "(there are: digits)")]
)
def test_an_unknown_study(name: str, expected: str) -> None:
    done = study(name)
    assert done.exit_code == 2
    assert expected in done.stderr


def test_list() -> None:
    done = study("list")
    assert done.stdout == "digits      Digits: two classic reports, and ours\n"


def test_parameters_are_taken_from_a_run_before() -> None:
    experiments = small_experiments()
    runs = [Run(one, one.recipe, Path(), 1.0) for one in (experiments[3], experiments[1])]
    with pytest.raises(SettingError, match="takes its parameters from 'digits/mnist-ours', which is not trained"):
        results.source_of(runs[0], runs)


def test_every_data_set_of_the_study_is_known() -> None:
    assert {one.dataset for one in digits.experiments()} <= ORIGINS.keys()
