"""Anyone's pictures by an index: which part each is of, that they alone are gone on with, and every form of index."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import TINY
from PIL import Image

from facevalue import scoring, training
from facevalue.cli import main
from facevalue.errors import LabelError, SettingError
from facevalue.follow import Follower
from facevalue.labels import read_labels
from facevalue.sources.clock_index import open_index, part_by_name, plain
from facevalue.sources.clocks import ClockBatch
from facevalue.sources.mnist import HELD_OUT_SEEDS
from facevalue.studies.figures import read_scalar

COUNT = 40
TIMES = {f"{number}.png": number for number in range(COUNT)}  # minutes past twelve


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "HELD_OUT_PICTURES", 16)


def line(name: str) -> str:
    return f"{name}\t0\t{TIMES[name]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 pictures of 32 px, no two the same, and their index.tsv."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, minutes in TIMES.items():
        Image.new("L", (32, 32), 5 * minutes).save(folder / name)
    (folder / "index.tsv").write_text("".join(map(line, TIMES)))
    return folder


def write_parts(folder: Path, **parts: list[str]) -> None:
    for part, names in parts.items():
        (folder / f"{part}.tsv").write_text("".join(map(line, names)))


def times(batch: ClockBatch) -> set[int]:
    return {round(seconds / 60) for seconds in batch.seconds.tolist()}


def parts_of(data: Path) -> tuple[set[int], set[int], set[int]]:
    """The times that are trained on, held out and tested on."""
    source = open_index(data, 32)
    trained, held_out = source.counts()
    learned = times(source.batch(1, 0, trained))
    scored = times(source.batch(HELD_OUT_SEEDS, 0, held_out)) if held_out else set()
    return learned, scored, times(source.test())


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def train(data: Path, *more: object) -> Result:
    settings = [f"--set={name}={value}" for name, value in (TINY | {"source": "clocks/index"}).items()]
    return invoke("train", "clocks/tiny", *settings, "--data", data, "--workers", 0, *more)


# ---- parts


def test_a_name_decides_what_is_held_out(folder: Path) -> None:
    learned, held_out, tested = parts_of(folder)
    assert held_out == {minutes for name, minutes in TIMES.items() if part_by_name(name) == "validation"}
    assert learned == set(TIMES.values()) - held_out
    assert 3 <= len(held_out) <= 15 and not tested
    gone = sorted(learned)[0]
    (folder / "index.tsv").write_text("".join(line(name) for name in reversed(TIMES) if TIMES[name] != gone))
    assert parts_of(folder) == (learned - {gone}, held_out, set()), "one less, in another order: all others stay"


def test_a_name_decides_alike_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plain("./clocks//a.png") == "clocks/a.png"
    monkeypatch.setattr("os.sep", "\\")
    assert plain(".\\clocks\\a.png") == plain("clocks/a.png") == "clocks/a.png"


def test_files_of_parts_decide(folder: Path) -> None:
    names = list(TIMES)
    write_parts(folder, train=names[:20], test=names[30:])
    with pytest.raises(LabelError, match=r"10 lines \(index.tsv:21: 20.png stands in no file of a part"):
        open_index(folder, 32)
    write_parts(folder, validation=names[20:30])
    assert parts_of(folder) == (set(range(20)), set(range(20, 30)), set(range(30, 40)))
    learned, held_out, tested = parts_of(folder / "train.tsv")
    assert learned | held_out == set(range(20)) and not tested, "an index of its own is split by name"
    write_parts(folder, test=names[29:])
    with pytest.raises(LabelError, match=r"test.tsv:1: 29.png stands in validation.tsv already"):
        open_index(folder, 32)
    (folder / "test.tsv").unlink()
    write_parts(folder, train=names[:20], validation=names[20:])
    assert parts_of(folder) == (set(range(20)), set(range(20, 40)), set()), "two of the three will do"
    (folder / "validation.tsv").unlink()
    assert len(parts_of(folder)[0]) > 20, "one alone says nothing of the others"


def test_a_bad_line_may_be_left_out_though_a_part_names_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = list(TIMES)
    write_parts(folder, train=names[:30], test=names[30:])
    for table in ("index.tsv", "train.tsv"):
        text = (folder / table).read_text()
        (folder / table).write_text(text.replace("3.png\t0\t3\n", "3.png\t13\t3\n", 1))
    with pytest.raises(LabelError, match=r"1 line \(index.tsv:4: hour '13'"):
        open_index(folder, 32)
    assert open_index(folder, 32, skip_bad=True).counts() == (29, 0)
    assert "left out: 1 line (index.tsv:4: hour '13'" in capsys.readouterr().err


def test_without_a_held_out_part_none_is_called_so(folder: Path) -> None:
    names = list(TIMES)
    write_parts(folder, train=names[:30], test=names[30:])
    scored = scoring.scored_of(open_index(folder, 32), 512)
    assert (scored.name, scored.words()) == ("trained_on", "30 pictures trained on")
    write_parts(folder, validation=names[20:30], train=names[:20])
    scored = scoring.scored_of(open_index(folder, 32), 512)
    assert (scored.name, scored.words()) == ("held_out", "10 pictures held out")
    assert times(scored.batch) == set(range(20, 30))


def test_none_for_training_is_refused(folder: Path) -> None:
    write_parts(folder, train=[], test=list(TIMES))
    with pytest.raises(LabelError, match="none of its 40 pictures is for training"):
        open_index(folder, 32)


def test_a_single_picture_is_trained_on(folder: Path) -> None:
    held_out = next(name for name in TIMES if part_by_name(name) == "validation")
    (folder / "index.tsv").write_text(line(held_out))
    assert open_index(folder, 32).counts() == (1, 0)


# ---- forms


def test_labels_csv_is_an_index(folder: Path) -> None:
    expected = parts_of(folder)
    rows = [f"{name},12:{minutes:02d}" for name, minutes in TIMES.items()]
    table = folder / "labels.csv"
    table.write_text("\n".join(["file,label", *rows]))
    assert parts_of(table) == expected
    (folder / "index.tsv").unlink()
    assert parts_of(folder) == expected, "the folder names it too"
    table.write_text("\n".join(["file,label", *rows[:-1], "39.png,noon"]))
    with pytest.raises(LabelError, match=r"1 line \(labels.csv:41: label 'noon'"):
        open_index(table, 32)


def test_a_header_is_no_line(folder: Path) -> None:
    expected = parts_of(folder)
    text = (folder / "index.tsv").read_text()
    (folder / "index.tsv").write_text("File\thour\tminute\n" + text)
    assert parts_of(folder) == expected
    (folder / "index.tsv").write_text(text + "File\thour\tminute\n")
    with pytest.raises(LabelError, match=r"index.tsv:41: hour 'hour'"):
        open_index(folder, 32)


def test_another_size_of_all_is_said_once(folder: Path) -> None:
    with pytest.raises(
        LabelError, match=r"all its 40 pictures are 32 x 32 px, where 57 x 57 are .* size_px=32"
    ) as caught:
        open_index(folder, 57, skip_bad=True)
    assert "index.tsv:1" not in str(caught.value)
    for name in TIMES:
        Image.new("L", (40, 32)).save(folder / name)
    with pytest.raises(LabelError, match=r"all its 40 pictures are 40 x 32 px, .*: make them 57 x 57"):
        open_index(folder, 57)


def test_evaluation_takes_an_index(folder: Path, tiny_weight: Path, tmp_path: Path) -> None:
    rows = read_labels(folder / "index.tsv")
    assert {row.file: row.minutes for row in rows} == TIMES
    assert (rows[7].label, rows[7].line) == ("0:07", 8)
    done = invoke("evaluate", tiny_weight, "--data", folder / "index.tsv", "--out", tmp_path / "scores")
    assert done.exit_code == 0, done.output
    assert "40 pictures" in done.stdout or " 40 " in done.stdout
    for text, expected in (
        ("0.png\t1\n", "index.tsv:1: 2 cells"),
        ("0.png\t1\t0\n./0.png\t1\t0\n", "index.tsv:2: ./0.png stands in line 1 already"),
        ("\n", "no lines; expected one of file, hour, minute"),
    ):
        (folder / "index.tsv").write_text(text)
        with pytest.raises(LabelError, match=expected):
            read_labels(folder / "index.tsv")


# ---- runs


def test_a_run_knows_its_pictures(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = train(folder)
    assert done.exit_code == 0, done.output
    source = open_index(folder, 32)
    trained, held_out = source.counts()
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.endswith(f"-{source.digest}")
    assert f"trained on {trained} pictures, {held_out} are held out" in done.stderr
    assert f"{held_out} pictures held out: within" in done.stderr
    (session,) = json.loads((run / "run.json").read_text())["sessions"]
    expected: dict[str, Any] = {"trained_on": trained, "held_out": held_out, "digest": source.digest}
    assert session.items() >= {**expected, "data": str(folder), "scored_on": f"{held_out} pictures held out"}.items()
    again = train(folder, "--resume")
    assert again.exit_code == 0 and "resuming at step 12 of 12" in again.stderr

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "index.tsv").write_text("".join(map(line, TIMES)).replace("39.png\t0\t39", "39.png\t0\t40"))
    for refused in (
        train(other, "--resume", "--out", run),
        invoke("embed", run, "--data", other),
        invoke("evaluate", "--watch", run, "--count", 1, "--data", other),
    ):
        assert refused.exit_code == 2
        assert "was trained on other pictures, times or parts" in refused.stderr
    assert train(other, "--resume").exit_code == 0, "another folder"
    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert invoke("embed", run, "--data", folder).exit_code == 0


def test_what_changes_under_a_training_is_noticed(folder: Path) -> None:
    source = open_index(folder, 32)
    (folder / "index.tsv").write_text("".join(map(line, TIMES)).replace("39.png\t0\t39", "39.png\t0\t40"))
    assert source.counts() == open_index(folder, 32).counts()  # which reads it anew, as a drawing process does
    with pytest.raises(LabelError, match="was changed since the training began"):
        source.batch(1, 0, 4)


def test_runs_of_several_indexes_are_each_measured_on_their_own(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "index.tsv").write_text("".join(map(line, TIMES)).replace("39.png\t0\t39", "39.png\t0\t40"))
    runs = [tmp_path / "runs" / data.name for data in (folder, other)]
    for data, run in zip((folder, other), runs, strict=True):
        assert train(data, "--out", run).exit_code == 0
    follower = Follower()
    for data, run in zip((folder, other), runs, strict=True):
        assert "pictures held out" in follower.measure(run)
        assert follower.scored is not None and follower.scored[0][1] == open_index(data, 32).digest
    follower.close()
    misled = Follower(folder)
    misled.measure(runs[0])
    with pytest.raises(SettingError, match="was trained on other pictures"):
        misled.measure(runs[1])
    misled.close()
    assert invoke("export", runs[0]).exit_code == 0, "a run notes where its pictures are"
    shutil.rmtree(other)
    gone = invoke("export", runs[1])
    assert gone.exit_code == 2 and "name their index with --data FILE" in gone.stderr


def test_curves_of_a_set_without_held_out_pictures_are_found(folder: Path, tmp_path: Path) -> None:
    names = list(TIMES)
    write_parts(folder, train=names[:30], test=names[30:])
    for data, run in ((folder, tmp_path / "all"), (folder / "index.tsv", tmp_path / "again")):
        assert train(data, "--out", run).exit_code == 0
        steps, values = read_scalar(run, "held_out/mean")
        assert steps.tolist() == [12] and values[0] > 0


def test_data_that_nothing_reads_is_refused(folder: Path, tmp_path: Path) -> None:
    for recipe, advice in (("clocks/plain-ours", "add --set source=clocks/index"), ("dials/wild", "makes no use of")):
        done = invoke("train", recipe, "--data", folder, "--out", tmp_path / "run")
        assert done.exit_code == 2
        assert "makes no use of --data" in done.stderr and advice in done.stderr
    assert not (tmp_path / "run").exists()


def test_settings_that_nothing_reads_are_refused(tmp_path: Path) -> None:
    for unused in (
        *({"kernel": "5"}, {"channels": "1"}, {"width_px": "64"}, {"l2": "0.1"}),
        {"smoothing": "0.1", "codec": "clock/hours", "network": "clocknet"},
        *({"decay": "0.5", "schedule": "constant"}, {"weight_decay": "0.1", "optimizer": "sgd"}),
    ):
        with pytest.raises(
            SettingError, match=f"setting '{next(iter(unused))}' has no use here: none of clocks/wild, "
        ):
            training.run("clocks/tiny", TINY | unused, tmp_path / "run", resume=False, workers=0)
    with pytest.raises(
        SettingError, match="setting 'hidden' has no use here"
    ):  # its two heads have layers of their own
        training.run("clocks/leiden-hour-minute-classes", {"hidden": "99"}, tmp_path / "run", resume=False, workers=0)
    assert not (tmp_path / "run").exists()
