"""Trainings compute in bfloat16 only where the processor multiplies it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from facevalue.optimizer import orthogonalised
from facevalue.precision import autocast, training_dtype


@pytest.fixture(params=[True, False], ids=["with bfloat16", "without"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """A processor that multiplies bfloat16, and one that does not."""
    training_dtype.cache_clear()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: request.param)
    yield request.param
    training_dtype.cache_clear()


def test_layers_compute_in_bfloat16_where_it_is_fast_alone(fast: bool) -> None:
    layer = torch.nn.Linear(4, 4)
    with autocast("cpu"):
        output = layer(torch.ones(2, 4))
    assert output.dtype == (torch.bfloat16 if fast else torch.float32)
    assert training_dtype("cuda") is torch.bfloat16


def test_a_processor_without_onednn_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    training_dtype.cache_clear()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert training_dtype("cpu") is torch.float32
    training_dtype.cache_clear()


def test_an_autocast_that_is_on_is_not_left_on_by_a_float32_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facevalue.precision.training_dtype", lambda _: torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16), autocast("cpu"):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32


def test_orthogonal_steps_are_nearly_orthogonal_in_either(fast: bool) -> None:
    torch.manual_seed(0)
    step = orthogonalised(torch.randn(2, 24, 60))
    assert step.dtype == torch.float32
    lengths = torch.linalg.svdvals(step)
    assert float(lengths.min()) > 0.5 and float(lengths.max()) < 1.4  # quintic steps leave 0.7 to 1.2
