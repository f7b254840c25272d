"""Studies on a Ray cluster of two nodes, both on this machine: the same results file, whatever becomes of a worker."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from small_pictures import write_fashion

from facevalue import studies
from facevalue.cli import main
from facevalue.errors import DivergedError, FaceValueError, MissingExtraError, StoppedError
from facevalue.studies import Experiment, Measured, Study, Trained, cluster, mlp, running
from facevalue.studies.pictures import measure

DIES = "a worker dies here"
KILLED, STOPPED = "killed", "stopped"
TIMED = ("minutes", "hardware", "date")  # what is of a run and not of its recipe


def measure_after_death(trained: Trained, data: Path | None) -> Measured:
    """The measurement of a run whose first worker is killed, or asked to stop, while it measures."""
    assert data is not None
    mark = data / DIES
    if mark.exists():
        how = mark.read_text()
        mark.unlink()
        if how == STOPPED:
            raise StoppedError("stopped at step 2")
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(trained, data)


def measure_nothing(trained: Trained, data: Path | None) -> Measured:
    raise DivergedError("step 7: no")


def small_experiments() -> list[Experiment]:
    """Four, the third of which takes a worker with it, and one that takes over the parameters of the first."""
    small = [
        dataclasses.replace(
            experiment, recipe=experiment.recipe.with_settings({"steps": "2", "batch_size": "8"}), minutes=0.1
        )
        for experiment in mlp.experiments()[:4]
    ]
    small[2] = dataclasses.replace(small[2], measure=measure_after_death)
    again = dataclasses.replace(small[0].recipe, name="pictures/again")
    return [*small, dataclasses.replace(small[0], title="again", recipe=again, takes_from=small[0].recipe.name)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fashion(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def small_study(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study("mlp", "Small", "About.", small_experiments, lambda outcomes, data: [])
    monkeypatch.setattr(studies, "studies", lambda: {"mlp": study})


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    pytest.importorskip("ray", reason="the cluster needs ray: pip install 'facevalue[cluster]'")
    import ray
    from ray.cluster_utils import Cluster

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # it regrets at length how it did so before
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers don't find the tests
    nodes = Cluster()
    try:
        for _ in range(2):
            nodes.add_node(num_cpus=1)
        ray.init(address=nodes.address, log_to_driver=False)
    except Exception as error:  # bare, as Ray raises it
        nodes.shutdown()
        pytest.skip(f"Ray doesn't start here, perhaps for want of time: {error}")
    yield ray
    ray.shutdown()
    nodes.shutdown()


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as stream:
        return [{name: cell for name, cell in row.items() if name not in TIMED} for row in csv.DictReader(stream)]


@pytest.mark.filterwarnings("ignore")  # Ray's own
@pytest.mark.parametrize("how", [KILLED, STOPPED])
def test_the_same_results_as_alone_though_a_worker_is_killed(
    two_nodes: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    alone = running.run_study("mlp", data=data, out=tmp_path / "alone")
    (data / DIES).write_text(how)
    monkeypatch.chdir(tmp_path)
    command = ["study", "mlp", "--data", os.path.relpath(data), "--out", "together", "--cluster"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert not (data / DIES).exists()  # a worker was killed
    assert done.stderr.count(": done") == 4
    assert rows_of(tmp_path / "together") == rows_of(alone)
    assert len(rows_of(alone)) == 5 * 3

    def never(*_: object) -> None:
        raise AssertionError("finished already")

    monkeypatch.setattr(cluster, "collect", never)
    assert CliRunner().invoke(main, command).exit_code == 0


@pytest.mark.filterwarnings("ignore")
def test_what_fails_there_is_told_here_when_the_others_are_done(
    two_nodes: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = small_experiments()[:2]
    rows = [dataclasses.replace(bad, measure=measure_nothing), good]
    study = Study("mlp", "Small", "About.", lambda: rows, lambda outcomes, data: [])
    monkeypatch.setattr(studies, "studies", lambda: {"mlp": study})
    with pytest.raises(FaceValueError, match="1 layer, seed 1: step 7: no"):
        running.run_study("mlp", data=data, out=tmp_path, cluster=True)
    assert {row["experiment"]: bool(row["n"]) for row in rows_of(tmp_path)} == {bad.title: False, good.title: True}


def test_without_ray(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"a cluster needs Ray: pip install 'facevalue\[cluster\]'"):
        running.run_study("mlp", data=data, out=tmp_path, cluster=True)


def test_files_of_a_worker_elsewhere_are_written_here(tmp_path: Path) -> None:
    (tmp_path / "same").write_bytes(b"1")
    before = (tmp_path / "same").stat().st_mtime_ns
    cluster.keep(tmp_path, {"same": b"1", "other": b"2"})
    assert (tmp_path / "other").read_bytes() == b"2"
    assert (tmp_path / "same").stat().st_mtime_ns == before


def test_a_run_counts_as_measured_only_with_its_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(cluster, "write_whole", lambda path, content: written.append(path.name))
    cluster.keep(tmp_path, {"measured.json": b"1", "readings.csv": b"2", "run.json": b"3"})
    assert written == ["run.json", "readings.csv", "measured.json"]
