"""Encodings of the time: each gives back every time that it can hold, round the dial, and says how sure it is."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from facevalue import training
from facevalue.calibration import Calibration
from facevalue.cli import main
from facevalue.codecs import Codec, Floats, Head, make_codec
from facevalue.codecs.clock import format_time, hours_and_minutes, parse_time
from facevalue.codecs.encodings import ENCODINGS, ClockClasses, TimeBelief
from facevalue.export import export
from facevalue.look_clock import look, make_reading
from facevalue.losses import LOSSES, total_loss
from facevalue.metrics import minutes_apart
from facevalue.sources.clock_sets import plain_clocks
from facevalue.sources.clocks import ClockBatch

ALL = sorted([*ENCODINGS, "clock/needles"])


def labels_of(minutes: Any) -> dict[str, NDArray[np.float32]]:
    """Labels of upright dials that show these times."""
    minutes = np.asarray(minutes, np.float64)
    count = len(minutes)
    return {
        "seconds": (minutes * 60).astype(np.float32),
        "hour": (minutes / 2).astype(np.float32),
        "minute": (minutes * 6 % 360).astype(np.float32),
        "twelve": np.zeros(count, np.float32),
        "second": np.full(count, np.nan, np.float32),
        "pose": np.tile(np.array([0, 0, 0.9, 0, 0.9, 0, 0], np.float32), (count, 1)),
    }


def perfect_outputs(codec: Codec, labels: dict[str, NDArray[np.float32]]) -> dict[str, Floats]:
    """What a network that has learned its targets puts out."""
    outputs: dict[str, Floats] = {}
    targets = codec.encode(labels)
    assert targets.keys() == {head.name for head in codec.heads}
    for head in codec.heads:
        values = targets[head.name].values
        if head.kind == "classes":
            assert values.min() >= 0
            assert values.max() < head.size
            outputs[head.name] = np.where(np.arange(head.size) == values[:, None], 9.0, -9.0).astype(np.float32)
        elif head.kind == "circle":
            outputs[head.name] = np.log(np.maximum(values, 1e-30)).astype(np.float32)
        else:
            outputs[head.name] = values.astype(np.float32)
        assert outputs[head.name].shape == (len(labels["seconds"]), head.size)
    return outputs


def read(codec: Codec, labels: dict[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    return np.array([belief.minutes() for belief in codec.decode(perfect_outputs(codec, labels))])


# ---- round trips


@pytest.mark.parametrize(
    ("name", "most", "reason"),
    [
        ("clock/hours", 1e-3, "a number holds any time"),
        ("clock/hours-59", 1.0, "3:59 and 4:00 are both 4.0"),
        ("clock/24-classes", 14.5, "half an hour's minutes about their middle"),
        ("clock/72-classes", 4.5, "ten minutes about their middle"),
        ("clock/180-classes", 1.5, "four minutes about their middle"),
        ("clock/720-classes", 0.0, "each minute its own"),
        ("clock/hour-class-minute-value", 1e-3, "the minute as it is"),
        ("clock/hour-minute-classes", 0.0, "each minute its own"),
        ("clock/sine-cosine", 1e-3, "a direction holds any time"),
        ("clock/two-sine-cosines", 1e-2, "two directions too"),
        ("clock/wrapped", 1e-3, "a direction holds any time"),
        ("clock/720-soft", 0.0, "each minute its own"),
        ("clock/two-circles", 0.05, "bins of half a minute"),
        ("clock/needles", 0.05, "bins of half a minute"),
    ],
)
def test_every_minute_survives_encode_and_decode(name: str, most: float, reason: str) -> None:
    minutes = np.arange(720)
    times = read(make_codec(name), labels_of(minutes))
    assert ((times >= 0) & (times < 720)).all()
    apart = minutes_apart(times, minutes)
    assert apart.max() <= most, reason
    if most >= 1:
        assert apart.max() == pytest.approx(most), "and no better than it can be"


def test_every_encoding_stands_in_the_table_above() -> None:
    marks = test_every_minute_survives_encode_and_decode.pytestmark  # type: ignore[attr-defined]
    assert sorted(row[0] for row in marks[0].args[1]) == ALL
    for name in ALL:
        assert make_codec(name).name == name


def test_59_minutes_to_the_hour_mistake_one_time_an_hour() -> None:
    apart = minutes_apart(read(make_codec("clock/hours-59"), labels_of(np.arange(720))), np.arange(720))
    assert np.flatnonzero(apart > 0.01).tolist() == list(range(59, 720, 60))


@pytest.mark.parametrize("name", [name for name in ALL if name != "clock/hours-59"])
def test_seconds_between_minutes(name: str) -> None:
    """Clocks with a second hand show any time: what counts whole minutes takes the nearest.

    Not hours of 59 minutes, which have no room for their last one.
    """
    codec = make_codec(name)
    minutes = np.array([0.25, 61.75, 359.6, 479.3])
    nearest = read(codec, labels_of(np.floor(minutes + 0.5)))
    apart = minutes_apart(read(codec, labels_of(minutes)), minutes)
    assert (apart <= minutes_apart(nearest, minutes) + 0.02).all()


@pytest.mark.parametrize(
    ("name", "outputs", "expected", "reason"),
    [
        ("clock/hours", {"hours": [[12.01]]}, 0.6, "beyond twelve"),
        ("clock/hours", {"hours": [[-0.01]]}, 719.4, "before twelve"),
        ("clock/hours", {"hours": [[-1e-19]]}, 0.0, "never 720"),
        ("clock/hours-59", {"hours": [[3.5]]}, 209.5, "half of 59 past three"),
        ("clock/hour-class-minute-value", {"hour": [[0.0] * 11 + [5.0]], "minute": [[60.5]]}, 0.5, "60 past eleven"),
        ("clock/hour-class-minute-value", {"hour": [[5.0] + [0.0] * 11], "minute": [[-0.5]]}, 719.5, "before twelve"),
        ("clock/sine-cosine", {"time": [[-0.002, 0.4]]}, 720 - 720 / 400 / math.pi, "however short"),
        ("clock/wrapped", {"time": [[7.0, 0.0]]}, 180.0, "however long"),
    ],
)
def test_outputs_beyond_the_labels(name: str, outputs: dict[str, Any], expected: float, reason: str) -> None:
    arrays = {head: np.array(values, np.float32) for head, values in outputs.items()}
    time = make_codec(name).decode(arrays)[0].minutes()
    assert 0 <= time < 720, reason
    assert minutes_apart(time, expected) == pytest.approx(0, abs=0.01), reason


def test_the_nearest_consistent_time_settles_the_hour() -> None:
    """A minute of 59 and a time that says 6:03, a little more than six: it is 5:59, not 6:59."""
    codec = make_codec("clock/two-sine-cosines")
    angle = 2 * np.pi * np.array([[363 / 720], [59 / 60]])
    outputs = {"time": np.stack([np.sin(angle[0]), np.cos(angle[0])], 1)}
    outputs["minute"] = np.stack([np.sin(angle[1]), np.cos(angle[1])], 1)
    time = codec.decode({name: values.astype(np.float32) for name, values in outputs.items()})[0].minutes()
    assert format_time(time) == "5:59"


@pytest.mark.parametrize(
    ("count", "time", "expected", "reason"),
    [
        (24, "3:29", 6, "the first half of three o'clock"),
        (24, "3:30", 7, "its second half"),
        (24, "11:59", 23, "the last"),
        (72, "0:10", 1, "ten minutes each"),
        (180, "0:07", 1, "four minutes each"),
        (720, "0:00", 0, "the first"),
    ],
)
def test_classes_are_those_of_the_reports(count: int, time: str, expected: int, reason: str) -> None:
    assert ClockClasses(count).class_of(np.array([float(parse_time(time))])).tolist() == [expected], reason


def test_the_second_before_twelve_is_of_the_first_class() -> None:
    assert ClockClasses(24).class_of(np.array([719.9])).tolist() == [0]


# ---- without a dial


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_without_a_dial_nothing_is_learned(name: str) -> None:
    codec = make_codec(name)
    labels = labels_of([100.0, 200.0])
    labels["seconds"][0] = np.nan
    for target in codec.encode(labels).values():
        assert target.weight.tolist() == [0.0, 1.0]
        assert target.weight.dtype == np.float32
        assert np.isfinite(target.values).all()


# ---- beliefs


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_a_belief_is_a_distribution(name: str) -> None:
    codec = make_codec(name)
    for belief in codec.decode(perfect_outputs(codec, labels_of([0.0, 359.0, 719.0]))):
        shares = belief.by_minute()
        assert shares.shape == (720,)
        assert shares.min() >= 0
        assert shares.sum() == pytest.approx(1, abs=1e-4)
        found = belief.candidates(10)
        assert len(found) == 10
        assert found[0][0] == belief.minutes()
        assert [mass for _, mass in found[1:]] == sorted((mass for _, mass in found[1:]), reverse=True)
        assert found[0][1] >= found[1][1]
        assert sum(mass for _, mass in found) <= 1 + 1e-5
        assert all(minutes_apart(a, b) > 2.4 for (a, _), (b, _) in itertools.combinations(found, 2))


@pytest.mark.parametrize("name", ["clock/720-classes", "clock/hour-minute-classes", "clock/720-soft", "clock/needles"])
def test_the_likeliest_hour_and_minute(name: str) -> None:
    codec = make_codec(name)
    belief = codec.decode(perfect_outputs(codec, labels_of([float(parse_time("7:42"))])))[0]
    hours, minutes = hours_and_minutes(belief.by_minute())
    assert (hours.shape, minutes.shape) == ((12,), (60,))
    assert (int(hours.argmax()), int(minutes.argmax())) == (7, 42)
    assert hours.sum() == pytest.approx(1, abs=1e-4)
    assert minutes.sum() == pytest.approx(1, abs=1e-4)


def test_hour_and_minute_classes_keep_their_own_probabilities() -> None:
    hour, minute = np.zeros((1, 12), np.float32), np.zeros((1, 60), np.float32)
    hour[0, 5], hour[0, 6] = 2.0, 2.2
    minute[0, 59] = 3.0
    belief = make_codec("clock/hour-minute-classes").decode({"hour": hour, "minute": minute})[0]
    hours, minutes = hours_and_minutes(belief.by_minute())
    assert hours == pytest.approx((np.exp(hour) / np.exp(hour).sum())[0], rel=1e-4)
    assert minutes == pytest.approx((np.exp(minute) / np.exp(minute).sum())[0], rel=1e-4)
    assert format_time(belief.minutes()) == "6:59", "the mistake that independent hours make"


def test_mass_near_counts_round_the_dial() -> None:
    shares = np.zeros(720, np.float32)
    shares[[719, 0, 1, 2]] = 0.4, 0.3, 0.2, 0.1
    assert TimeBelief(0.0, shares).mass_near(0.0) == pytest.approx(0.9)
    assert TimeBelief(14.5, np.eye(24, dtype=np.float32)[0]).mass_near(14.5) == pytest.approx(2 / 30)


def test_a_short_vector_is_unsure() -> None:
    """Two minutes of the dial's 720 are 0.017 of its circle: hardly shorter than 1, and less sure with each step."""
    lengths = np.array([1.0, 0.999, 0.99, 0.5], np.float32)
    outputs = {"time": np.stack([0 * lengths, lengths], axis=1)}
    masses = [belief.mass_near(belief.minutes()) for belief in make_codec("clock/sine-cosine").decode(outputs)]
    assert masses == sorted(masses, reverse=True)
    assert masses[0] > 0.8
    assert masses[-1] < 0.02


# ---- losses


@pytest.mark.parametrize(
    ("loss", "output", "target", "expected", "reason"),
    [
        ("squared", [[3.0]], [[1.0]], 4.0, "the square, however far"),
        ("absolute", [[3.0]], [[1.0]], 2.0, "linear, however near"),
        ("wrapped", [[0.0, 5.0]], [[0.0, 1.0]], 0.0, "the length does not count"),
        ("wrapped", [[-5.0, 0.0]], [[0.0, 1.0]], math.pi / 2, "a quarter turn"),
        ("wrapped", [[0.0, -5.0]], [[0.0, 1.0]], math.pi, "half a turn is the most there is"),
        ("wrapped", [[math.sin(-0.1), math.cos(-0.1)]], [[math.sin(0.1), math.cos(0.1)]], 0.2, "across twelve"),
    ],
)
def test_losses_that_heads_ask_for(loss: str, output: Any, target: Any, expected: float, reason: str) -> None:
    assert LOSSES[loss](torch.tensor(output), torch.tensor(target)).tolist() == pytest.approx([expected], abs=1e-3), (
        reason
    )


def test_the_wrapped_loss_leads_from_anywhere() -> None:
    output = torch.zeros(3, 2, requires_grad=True)
    target = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-0.6, -0.8]])
    LOSSES["wrapped"](output, target).sum().backward()  # type: ignore[no-untyped-call]
    assert output.grad is not None
    assert output.grad.isfinite().all()


def test_a_heads_own_loss_goes_before_its_kinds() -> None:
    targets = {"x": (torch.tensor([[1.0]]), torch.ones(1))}
    for head, expected in ((Head("x", 1, "value"), 1.975), (Head("x", 1, "value", loss="squared"), 4.0)):
        total, _ = total_loss([head], {"x": torch.tensor([[3.0]])}, targets)
        assert total.item() == pytest.approx(expected)


def test_weights_of_the_report() -> None:
    heads = {head.name: head for head in make_codec("clock/hour-class-minute-value").heads}
    assert (heads["hour"].weight, heads["minute"].weight) == (0.8, 0.2)


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_lost_on_perfect_outputs(name: str) -> None:
    codec = make_codec(name)
    labels = labels_of([0.0, 100.0, 719.0])
    outputs = {head: torch.from_numpy(values) for head, values in perfect_outputs(codec, labels).items()}
    targets = {
        head: (torch.from_numpy(target.values), torch.from_numpy(target.weight))
        for head, target in codec.encode(labels).items()
    }
    assert total_loss(codec.heads, outputs, targets)[0].item() == pytest.approx(0, abs=2e-3)
    worse = {head: values.roll(1, 0) for head, values in outputs.items()}
    assert total_loss(codec.heads, worse, targets)[0].item() > 0.01


# ---- with sources, and reading


@pytest.mark.parametrize("name", ALL)
def test_any_encoding_goes_with_a_source(name: str) -> None:
    codec, batch = make_codec(name), plain_clocks(24).batch(1, 0, 16)
    scores = batch.scores(codec.decode(perfect_outputs(codec, batch.labels())))
    assert scores["count"] == 16
    assert scores["mean"] < 15
    assert "within 1 min" in ClockBatch.describe(scores)


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_one_look_gives_a_reading_without_marks(name: str) -> None:
    codec = make_codec(name)
    outputs = perfect_outputs(codec, labels_of([float(parse_time("10:09"))]))
    looks = []

    def run(pictures: NDArray[np.uint8]) -> dict[str, Floats]:
        looks.append(pictures.shape)
        return outputs

    weight: Any = SimpleNamespace(
        name="x", kind="clock", codec=codec, frame_px=(24, 24), calibration=Calibration.untrained("clock"), run=run
    )
    seen = look(weight, np.zeros((30, 40, 3), np.uint8))
    reading = make_reading(weight, seen, (1.0, 1.0), began=0.0)
    assert looks == [(1, 24, 24, 3)]
    assert not reading.marks
    assert minutes_apart(reading.number, parse_time("10:09")) <= 14.5
    assert reading.value == format_time(reading.number)
    assert reading.confidence + sum(other.confidence for other in reading.alternatives) <= 1 + 1e-6


def test_from_training_to_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another codec and source by --set, exported, and read with by the command."""
    monkeypatch.setattr(training, "HELD_OUT_PICTURES", 8)
    settings = {"source": "clocks/plain", "codec": "clock/hour-class-minute-value", "size_px": "32"}
    settings |= {"widths": "8,16", "blocks": "0,1", "hidden": "16", "squeeze": "4", "steps": "2", "batch_size": "8"}
    run = training.run("clocks/tiny", settings, tmp_path / "run", resume=False, workers=0)
    weight = export(run, tmp_path / "minutes-1.onnx", "minutes-1")
    Image.fromarray(plain_clocks(48).test().pictures[65]).save(tmp_path / "clock.png")
    command = ["read", "--model", str(weight), "--truth", "1:05", str(tmp_path / "clock.png")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "clock.png  " in result.output
    assert "*" in result.output
