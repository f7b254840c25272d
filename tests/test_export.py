"""Export: one file that reads as the network does, says what it is, and is there whole or not at all."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result
from conftest import TINY
from onnx import numpy_helper
from PIL import Image

import facevalue
from facevalue import export as export_module
from facevalue import training
from facevalue.calibration import Calibration
from facevalue.checkpoint import FILE_NAME, read_checkpoint
from facevalue.cli import main
from facevalue.errors import FaceValueError, ModelError
from facevalue.export import HALF_FROM, averaged, export, trained_network
from facevalue.reader import load_weight
from facevalue.recipes import Recipe
from facevalue.sources.clocks import ClockSource

SIZE_PX = 32


def run_export(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        pytest.param(ClockSource(size_px=SIZE_PX).batch(77, 0, 16).pictures, "drawn clocks", id="clocks"),
        pytest.param(np.zeros((1, SIZE_PX, SIZE_PX, 3), np.uint8), "black, a batch of one", id="black"),
        pytest.param(np.full((3, SIZE_PX, SIZE_PX, 3), 255, np.uint8), "white", id="white"),
    ],
)
def test_the_file_says_what_torch_says(tiny_run: Path, tiny_weight: Path, pictures: np.ndarray, reason: str) -> None:
    """Beside ``check_parity``: bare onnxruntime against the checkpoint's network."""
    _, codec, network = trained_network(read_checkpoint(tiny_run))
    with torch.inference_mode():
        expected = network(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    session = onnxruntime.InferenceSession(str(tiny_weight), providers=["CPUExecutionProvider"])
    assert [(entry.name, entry.type) for entry in session.get_inputs()] == [("pictures", "tensor(uint8)")]
    names = [head.name for head in codec.heads]
    for name, value in zip(names, session.run(names, {"pictures": pictures}), strict=True):
        assert value.shape == tuple(expected[name].shape), reason
        assert np.abs(value - expected[name].numpy()).max() < 0.01, name
        assert value.std() > 0.02, name  # it is not that both are constant


def test_metadata(tiny_run: Path, tiny_weight: Path) -> None:
    metadata = {entry.key: entry.value for entry in onnx.load(str(tiny_weight)).metadata_props}
    state = read_checkpoint(tiny_run)
    assert Recipe.from_json(metadata["recipe"]) == Recipe.from_json(state["recipe"])
    assert metadata["recipe_hash"] == state["recipe_hash"]
    assert {key: metadata[key] for key in ("model", "kind", "codec", "size_px", "steps", "facevalue")} == {
        "model": "tiny-1",
        "kind": "clock",
        "codec": "clock/needles",
        "size_px": "32",
        "steps": "12",
        "facevalue": facevalue.__version__,
    }
    assert Calibration.from_json(metadata["calibration"]) == Calibration()
    assert ["hour", 120, "circle"] in json.loads(metadata["heads"])


def test_the_file_names_nothing_of_the_machine(tiny_weight: Path) -> None:
    data = tiny_weight.read_bytes()
    for text in (Path(facevalue.__file__).parents[1], Path(torch.__file__).parents[1], "stack_trace"):
        assert str(text).encode() not in data, text


def test_large_weights_are_stored_in_half(
    tiny_run: Path, tiny_weight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = [tensor for tensor in onnx.load(str(tiny_weight)).graph.initializer if tensor.name.endswith(".half")]
    assert len(halves) >= 4
    assert {tensor.data_type for tensor in halves} == {onnx.TensorProto.FLOAT16}
    for tensor in onnx.load(str(tiny_weight)).graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            assert numpy_helper.to_array(tensor).size < HALF_FROM, tensor.name
    monkeypatch.setattr(export_module, "store_as_half", lambda model: None)
    full = export(tiny_run, tmp_path / "full.onnx", "tiny-1").stat().st_size
    saved = sum(2 * int(np.prod(tensor.dims)) for tensor in halves)
    assert full - tiny_weight.stat().st_size == pytest.approx(saved, rel=0.05)


# ---- failures


def test_a_file_that_reads_otherwise_is_refused_and_not_left(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_as_half = export_module.store_as_half

    def spoil(model: object) -> None:
        for tensor in model.graph.initializer:  # type: ignore[attr-defined]
            if tensor.name.endswith("out.weight"):
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 3 + 1, tensor.name))
        store_as_half(model)

    (tmp_path / "old.onnx").write_bytes(b"the weight of last week")
    monkeypatch.setattr(export_module, "store_as_half", spoil)
    for name in ("new.onnx", "old.onnx"):
        with pytest.raises(ModelError, match="differs from what it is to be by"):
            export(tiny_run, tmp_path / name, "spoilt")
    assert [path.name for path in tmp_path.iterdir()] == ["old.onnx"]
    assert (tmp_path / "old.onnx").read_bytes() == b"the weight of last week"


def test_a_file_that_reads_nothing_at_all_is_refused(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN differs from nothing by more than is allowed."""

    def spoil(model: object) -> None:
        for tensor in model.graph.initializer:  # type: ignore[attr-defined]
            if tensor.name.endswith("out.weight"):
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32("nan"), tensor.name))

    monkeypatch.setattr(export_module, "store_as_half", spoil)
    with pytest.raises(ModelError, match="differs from what it is to be by nan"):
        export(tiny_run, tmp_path / "new.onnx", "spoilt")
    assert not list(tmp_path.iterdir())


def test_weights_too_large_for_half_stay_whole(tiny_weight: Path) -> None:
    small, large = (np.full((HALF_FROM,), value, np.float32) for value in (6e4, 7e4))
    model = onnx.load(str(tiny_weight))
    del model.graph.initializer[:]
    model.graph.initializer.extend([numpy_helper.from_array(small, "small"), numpy_helper.from_array(large, "large")])
    export_module.store_as_half(model)
    assert [tensor.name for tensor in model.graph.initializer] == ["small.half", "large"]
    assert (numpy_helper.to_array(model.graph.initializer[1]) == large).all()


@pytest.mark.parametrize(
    ("content", "expected", "reason"),
    [
        (None, "no checkpoint.pt here; expected the folder of a training run", "some folder"),
        (b"hello", "not a checkpoint of facevalue", "no file of torch"),
    ],
)
def test_a_folder_that_is_no_run(content: bytes | None, expected: str, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    result = run_export(str(tmp_path))
    assert result.exit_code == 2, reason
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_run_of_another_version_is_refused_in_a_line(tiny_run: Path, tmp_path: Path) -> None:
    state = read_checkpoint(tiny_run)
    state["network"] = {name: value for name, value in state["network"].items() if name != "out.bias"}
    torch.save(state, tmp_path / FILE_NAME)
    for command in (["export", str(tmp_path)], ["embed", str(tmp_path)]):
        result = CliRunner().invoke(main, command, catch_exceptions=False)
        assert result.exit_code == 2
        assert "a run of another version of facevalue (Error(s) in loading state_dict" in result.stderr
    with pytest.raises(ModelError, match=r"its checkpoint is of another version of facevalue"):
        training.run("clocks/tiny", TINY, tmp_path, resume=True, workers=0)


def test_ctrl_c_ends_it_without_a_file(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = torch.onnx.export

    def make_and_ask(*arguments: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return make(*arguments, **options)

    monkeypatch.setattr(torch.onnx, "export", make_and_ask)
    result = run_export(str(tiny_run), "--out", str(tmp_path / "mine.onnx"))
    assert (result.exit_code, list(tmp_path.iterdir())) == (130, [])
    assert result.stderr == f"stopped: {tmp_path / 'mine.onnx'} is not written\n"


def test_a_place_that_cannot_be_written(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(FaceValueError, match=r"can't write .*weight\.onnx: No such file or directory"):
        export(tiny_run, tmp_path / "nowhere" / "weight.onnx", "tiny-1")


def test_a_run_named_by_a_dot_has_a_name(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_run)
    names: list[str] = []
    monkeypatch.setattr(
        "facevalue.export.export", lambda run, target, name, data, average: names.append(name) or target.touch()
    )
    assert run_export(".").exit_code == 0
    assert names == [tiny_run.name]


def moved_run(run: Path, folder: Path, by: float) -> Path:
    """A run whose network's parameters are those of another's, each by as much larger; its counts too."""
    state = read_checkpoint(run)
    state["network"] = {
        name: value + by if value.is_floating_point() else value + 5 for name, value in state["network"].items()
    }
    folder.mkdir()
    torch.save(state, folder / FILE_NAME)
    return folder


def test_the_mean_of_runs_is_written(tiny_run: Path, tiny_weight: Path, tmp_path: Path) -> None:
    """Two networks as far from a third on either side: the mean of the three is the third."""
    lower, upper = (moved_run(tiny_run, tmp_path / str(by), by) for by in (-0.25, 0.25))
    target = tmp_path / "mean.onnx"
    result = run_export(str(lower), "--average", str(upper), "--average", str(tiny_run), "--out", str(target))
    assert (result.exit_code, target.exists()) == (0, True)
    pictures = ClockSource(size_px=SIZE_PX).batch(77, 0, 16).pictures
    mean, third = (load_weight(path, threads=1) for path in (target, tiny_weight))
    for name, value in third.run(pictures).items():
        assert mean.run(pictures)[name] == pytest.approx(value, abs=0.01), name
    recipes = [Recipe.from_json(text).name for text in json.loads(mean.metadata["averaged"])]
    assert recipes == ["clocks/tiny", "clocks/tiny"]
    assert "averaged" not in third.metadata


def test_counts_are_not_averaged(tiny_run: Path, tmp_path: Path) -> None:
    network = read_checkpoint(tiny_run)["network"]
    other = read_checkpoint(moved_run(tiny_run, tmp_path / "other", 1.0))["network"]
    mean = averaged(network, other)
    counts = [name for name, value in network.items() if not value.is_floating_point()]
    assert counts
    assert all(mean[name] == other[name] for name in counts)
    assert mean["out.bias"].numpy() == pytest.approx(network["out.bias"].numpy() + 0.5, abs=1e-6)


def test_only_runs_of_one_network_are_averaged(tiny_run: Path, tmp_path: Path) -> None:
    state = read_checkpoint(tiny_run)
    state["network"]["out.bias"] = state["network"]["out.bias"][:-1]
    torch.save(state, tmp_path / FILE_NAME)
    target = tmp_path / "mean.onnx"
    for run, expected in ((str(tiny_run), "another network than clocks/tiny's: no average"), ("clock-1", "only runs")):
        result = run_export(run, "--average", str(tmp_path), "--out", str(target))
        assert (result.exit_code, target.exists()) == (2, False)
        assert expected in result.stderr


def test_the_command(tiny_run: Path, tmp_path: Path) -> None:
    result = run_export(str(tiny_run), "--out", str(tmp_path / "mine-2.onnx"))
    assert result.exit_code == 0
    assert "mine-2.onnx  0.0" in result.stderr
    assert f"facevalue calibrate {tmp_path / 'mine-2.onnx'} --data labels.csv" in result.stderr
    Image.new("RGB", (32, 32)).save(tmp_path / "black.png")
    for model, told in ((tmp_path / "mine-2.onnx", "mine-2.onnx is not calibrated"), ("clock-1", "")):
        read = CliRunner().invoke(main, ["read", "--model", str(model), str(tmp_path / "black.png")])
        assert read.exit_code == 0
        assert (told in read.stderr) if told else not read.stderr
    metadata = {entry.key: entry.value for entry in onnx.load(str(tmp_path / "mine-2.onnx")).metadata_props}
    assert metadata["model"] == "mine-2"
