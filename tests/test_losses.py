"""Losses: nothing is lost on a perfect output, and what has no label costs nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from facevalue.codecs import Head, make_codec
from facevalue.codecs.needles import soft_circle
from facevalue.losses import LOSSES, circle_loss, total_loss

BINS = 120


def target_at(*degrees: float) -> Tensor:
    """(B, BINS) soft targets; NaN is uniform."""
    return torch.from_numpy(soft_circle(np.array(degrees, np.float32), BINS, 3.0))


def test_a_perfect_circle_costs_nothing() -> None:
    target = target_at(0.0, 77.7, 359.0, float("nan"))
    assert circle_loss(target.clamp(min=1e-30).log(), target).tolist() == pytest.approx([0.0] * 4, abs=1e-4)
    assert circle_loss(target.clamp(min=1e-30).log() + 5, target).tolist() == pytest.approx([0.0] * 4, abs=1e-4)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (torch.zeros(1, BINS), "nothing known"),
        (target_at(93.0).clamp(min=1e-30).log(), "a bin off"),
        (target_at(270.0).clamp(min=1e-30).log(), "the other way"),
    ],
)
def test_an_imperfect_circle_costs(output: Tensor, reason: str) -> None:
    assert circle_loss(output, target_at(90.0)).item() > 0.05, reason


def test_farther_off_costs_more() -> None:
    output = target_at(90.0).clamp(min=1e-12).log().expand(5, BINS)
    losses = circle_loss(output, target_at(90.0, 93.0, 97.0, 83.0, 110.0)).tolist()
    assert losses[0] < losses[1] < losses[2] < losses[4]
    assert losses[3] == pytest.approx(losses[2], rel=0.02)  # as far the other way costs as much


@given(seed=st.integers(0, 1000), turn=st.integers(-BINS, BINS))
def test_turning_output_and_target_alike_changes_nothing(seed: int, turn: int) -> None:
    rnd = np.random.default_rng(seed)
    output = torch.from_numpy(rnd.normal(0, 3, (3, BINS)).astype(np.float32))
    target = target_at(*rnd.uniform(0, 360, 3))
    turned = circle_loss(output.roll(turn, 1), target.roll(turn, 1))
    assert turned.tolist() == pytest.approx(circle_loss(output, target).tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "output", "target", "expected", "reason"),
    [
        ("classes", [[0.0, 0.0]], torch.tensor([1]), 0.6931, "even odds: the logarithm of two"),
        ("classes", [[-20.0, 20.0]], torch.tensor([1]), 0.0, "certain and right"),
        ("value", [[0.5]], torch.tensor([[0.5]]), 0.0, "perfect"),
        ("value", [[0.53]], torch.tensor([[0.5]]), 0.03**2 / 2 / 0.05, "within 0.05: the square"),
        ("vector", [[1.0, 0.0]], torch.tensor([[0.0, 0.0]]), (1 - 0.025) / 2, "beyond: linear; the mean of the two"),
        ("circle", [[0.0] * BINS], torch.full((1, BINS), 1 / BINS), 0.0, "nothing to know"),
    ],
)
def test_each_kind(kind: str, output: list[list[float]], target: Tensor, expected: float, reason: str) -> None:
    assert LOSSES[kind](torch.tensor(output), target).tolist() == pytest.approx([expected], abs=1e-4), reason


def test_every_kind_of_head_has_a_loss() -> None:
    assert {head.kind for head in make_codec("clock/needles").heads} <= LOSSES.keys()


HEADS = (Head("way", BINS, "circle", 1.0), Head("dial", 2, "classes", 0.2), Head("pose", 3, "vector", 4.0))


def outputs_and_targets(weight: list[float]) -> tuple[dict[str, Tensor], dict[str, tuple[Tensor, Tensor]]]:
    """Random outputs of four pictures, each head's weight the same."""
    generator = torch.Generator().manual_seed(1)
    outputs = {head.name: torch.randn(4, head.size, generator=generator) for head in HEADS}
    weights = torch.tensor(weight)
    targets = {
        "way": (target_at(10.0, 20.0, 30.0, 40.0), weights),
        "dial": (torch.tensor([1, 0, 1, 1]), weights),
        "pose": (torch.randn(4, 3, generator=generator), weights),
    }
    return outputs, targets


def test_total_is_the_weighted_sum_of_the_heads() -> None:
    outputs, targets = outputs_and_targets([1.0] * 4)
    total, parts = total_loss(HEADS, outputs, targets)
    for head in HEADS:
        each = LOSSES[head.kind](outputs[head.name], targets[head.name][0])
        assert parts[head.name].item() == pytest.approx(each.mean().item())
    assert total.item() == pytest.approx(sum(head.weight * parts[head.name].item() for head in HEADS), rel=1e-5)


def test_pictures_of_weight_0_are_ignored() -> None:
    outputs, targets = outputs_and_targets([1.0, 1.0, 0.0, 0.0])
    total = total_loss(HEADS, outputs, targets)[0].item()
    first_two = {name: output[:2] for name, output in outputs.items()}
    targets_of_two = {name: (values[:2], weight[:2]) for name, (values, weight) in targets.items()}
    assert total == pytest.approx(total_loss(HEADS, first_two, targets_of_two)[0].item(), rel=1e-5)
    for output in outputs.values():
        output[2:] = 1e3  # whatever they say
        output.requires_grad_()
    loss, _ = total_loss(HEADS, outputs, targets)
    assert loss.item() == pytest.approx(total, rel=1e-5)
    loss.backward()  # type: ignore[no-untyped-call]
    for name, output in outputs.items():
        assert output.grad is not None
        assert output.grad[2:].abs().max() == 0, name
        assert output.grad[:2].abs().max() > 0, name


def test_a_batch_without_any_label_costs_nothing() -> None:
    outputs, targets = outputs_and_targets([0.0] * 4)
    total, parts = total_loss(HEADS, outputs, targets)
    assert total.item() == 0
    assert [part.item() for part in parts.values()] == [0, 0, 0]
