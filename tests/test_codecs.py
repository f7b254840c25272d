"""Codecs: every label survives encode and decode, and the needles settle together what one of them leaves open."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facevalue.codecs import make_codec
from facevalue.codecs.clock import BINS, HALF_MINUTES, format_time, parse_time
from facevalue.codecs.needles import (
    decode_turned_pair,
    local_direction,
    log_softmax,
    rotations,
    soft_circle,
)
from facevalue.codecs.pose import POSE_NUMBERS, pose_matrix
from facevalue.errors import SettingError
from facevalue.sources.camera import Pose

CODEC = make_codec("clock/needles")
POSE = (0.1, -0.05, 0.8, 0.05, 0.7, 0.02, -0.04)
Floats = NDArray[np.float32]


def labels_of(half_minutes: NDArray[np.int64], turn_degrees: float) -> dict[str, NDArray[np.float32]]:
    """What a source says of clocks that show these times, hands set perfectly, no second hand."""
    count = len(half_minutes)
    return {
        "hour": ((half_minutes * 0.25 + turn_degrees) % 360).astype(np.float32),
        "minute": ((half_minutes * 3.0 + turn_degrees) % 360).astype(np.float32),
        "twelve": np.full(count, turn_degrees % 360, np.float32),
        "second": np.full(count, np.nan, np.float32),
        "pose": np.tile(np.array(POSE, np.float32), (count, 1)),
    }


def perfect_outputs(labels: dict[str, NDArray[np.float32]]) -> dict[str, Floats]:
    """What a network that has learned its targets puts out: the logarithm of each soft target, the dial for certain."""
    outputs: dict[str, Floats] = {}
    for name, target in CODEC.encode(labels).items():
        if name == "dial":
            outputs[name] = np.where(np.arange(2) == target.values[:, None], 8.0, -8.0).astype(np.float32)
        elif name == "pose":
            outputs[name] = target.values
        else:
            outputs[name] = np.log(np.maximum(target.values, 1e-30)).astype(np.float32)
    return outputs


def apart(read: Any, true: Any, round_: float) -> Any:
    return np.abs((np.asarray(read) - true + round_ / 2) % round_ - round_ / 2)


# ---- round trips


@pytest.mark.parametrize("turn_degrees", [0.0, 90.0, 180.0, 7.3, 200.9, -33.0])
def test_every_half_minute_survives_encode_and_decode(turn_degrees: float) -> None:
    half_minutes = np.arange(HALF_MINUTES)
    beliefs = CODEC.decode(perfect_outputs(labels_of(half_minutes, turn_degrees)))
    minutes = np.array([belief.minutes() for belief in beliefs])
    assert ((minutes >= 0) & (minutes < 720)).all()
    assert (np.round(minutes * 2) % HALF_MINUTES).tolist() == half_minutes.tolist()
    assert apart(minutes, half_minutes / 2, 720).max() < 0.03  # and nearer than a bin
    assert apart([belief.twelve_degrees for belief in beliefs], turn_degrees, 360).max() <= 180 / BINS  # half a bin
    for belief in beliefs[:: HALF_MINUTES // 8]:
        assert np.exp(belief.log_probability).sum() == pytest.approx(1, abs=1e-4)
        assert belief.mass_near(belief.minutes()) > 0.8
        assert belief.dial > 0.99
        assert belief.pose == pytest.approx(POSE)


def test_candidates_are_ordered_and_apart() -> None:
    belief = CODEC.decode(perfect_outputs(labels_of(np.array([HALF_MINUTES - 1]), 0.0)))[0]
    found = belief.candidates(5)
    assert len(found) == 5
    assert format_time(found[0][0]) == "12:00"  # 11:59:30
    assert [mass for _, mass in found] == sorted((mass for _, mass in found), reverse=True)
    assert all(apart(a, b, 720) >= 2 for (a, _), (b, _) in itertools.combinations(found, 2))


@pytest.mark.parametrize(
    ("second", "weight", "reason"),
    [
        (90.0, 1.0, "a second hand is read"),
        (np.nan, 0.0, "no second hand: its head learns nothing"),
    ],
)
def test_the_second_hand_is_optional(second: float, weight: float, reason: str) -> None:
    labels = labels_of(np.array([100]), 0.0) | {"second": np.array([second], np.float32)}
    target = CODEC.encode(labels)["second"]
    assert target.weight.tolist() == [weight], reason
    belief = CODEC.decode(perfect_outputs(labels))[0]
    if weight:
        assert belief.second_degrees == pytest.approx(90, abs=0.1)
        assert belief.second_share > 0.3
    else:
        assert belief.second_share < 0.01


def test_a_picture_without_a_dial_is_read_with_no_confidence() -> None:
    nan = np.full(1, np.nan, np.float32)
    labels = dict.fromkeys(("hour", "minute", "twelve", "second"), nan) | {
        "pose": np.full((1, POSE_NUMBERS), np.nan, np.float32)
    }
    targets = CODEC.encode(labels)
    assert targets["dial"].values.tolist() == [0]
    assert [targets[name].weight.tolist() for name in ("second", "pose")] == [[0.0], [0.0]]
    assert not np.isnan(targets["pose"].values).any()
    belief = CODEC.decode(perfect_outputs(labels))[0]
    assert belief.dial < 0.01
    assert belief.mass_near(belief.minutes()) < 0.01


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(SettingError, match=r"no codec 'clock/hands'; there are: .*clock/needles"):
        make_codec("clock/hands")


# ---- joint decoding


def peaks(*centres: tuple[float, float], sigma_degrees: float = 3.0) -> Floats:
    """Head output with a peak of that share at each direction: (degrees, share), ..."""
    rows = [share * soft_circle(np.array([degrees], np.float32), BINS, sigma_degrees)[0] for degrees, share in centres]
    return np.asarray(np.log(np.maximum(np.sum(rows, axis=0), 1e-30)), np.float32)


def read_hands(hour: Floats, minute: Floats, twelve: Floats) -> tuple[str, float]:
    """The time, and the turn of the dial, that the codec reads from three heads."""
    flat = np.zeros((1, BINS), np.float32)
    dial = np.array([[-8.0, 8.0]], np.float32)
    pose = np.array([POSE], np.float32)
    heads = {"hour": hour[None], "minute": minute[None], "twelve": twelve[None]}
    belief = CODEC.decode({**heads, "second": flat, "dial": dial, "pose": pose})[0]
    return format_time(belief.minutes()), belief.twelve_degrees


@pytest.mark.parametrize(
    ("hour", "minute_degrees", "expected", "reason"),
    [
        (peaks((179.5, 1.0)), 354.0, "5:59", "the hour hand where it belongs"),
        (peaks((186.0, 1.0)), 354.0, "5:59", "the hour hand set past six: alone it says 6"),
        (peaks((186.0, 1.0)), 6.0, "6:01", "the same hour hand, the minute hand past twelve"),
        (peaks((191.0, 1.0), sigma_degrees=30.0), 354.0, "5:59", "a blurred hour hand that leans to 6:59"),
        (peaks((198.0, 1.0), sigma_degrees=30.0), 354.0, "6:59", "a blurred hour hand nearer to 6:59"),
        (peaks((179.5, 0.45), (195.0, 0.55)), 354.0, "5:59", "the likelier of two hour directions fits no minute"),
        (peaks((3.0, 1.0)), 354.0, "11:59", "across twelve"),
        (peaks((357.0, 1.0)), 6.0, "12:01", "across twelve, the other way"),
    ],
)
def test_the_hour_alone_does_not_decide(hour: Floats, minute_degrees: float, expected: str, reason: str) -> None:
    assert read_hands(hour, peaks((minute_degrees, 1.0)), peaks((0.0, 1.0)))[0] == expected, reason


@pytest.mark.parametrize(
    ("time", "turn", "ghost", "ghost_share", "reason"),
    [
        ("5:59", 0.0, 90.0, 0.5, "numerals that could stand a quarter turn off"),
        ("5:59", 0.0, 90.0, 0.6, "and look a little more like it"),
        ("2:44", 90.0, 0.0, 0.6, "the turned dial is the true one"),
        ("10:09", 0.0, 180.0, 0.9, "upside down"),
        ("10:09", 180.0, 0.0, 0.9, "hung upside down"),
        ("7:22", 120.0, 240.0, 0.8, "two thirds round"),
    ],
)
def test_the_hands_settle_the_dials_turn(time: str, turn: float, ghost: float, ghost_share: float, reason: str) -> None:
    minutes = parse_time(time)
    hour, minute = peaks((minutes / 2 + turn, 1.0)), peaks((minutes * 6 + turn, 1.0))
    value, twelve_degrees = read_hands(hour, minute, peaks((turn, 1 - ghost_share), (ghost, ghost_share)))
    assert value == time, reason
    assert apart(twelve_degrees, turn, 360) <= 6


def test_one_blind_needle_cannot_veto() -> None:
    """A minute hand read with absolute certainty, wrong or right, rules no time out."""
    certain = np.where(np.arange(BINS) == 40, 0.0, -np.inf).astype(np.float32)
    hour, twelve = (log_softmax(peaks((degrees, 1.0))) for degrees in (179.5, 0.0))
    score, _ = decode_turned_pair(hour, certain, twelve, gear=12, floor=-9.0)
    assert np.isfinite(score).all()
    assert score.max() - score.min() <= 3 * 9 + 1  # each of the three costs no more than the floor


@pytest.mark.parametrize("gear", [10, 12])
def test_joint_decoding_of_any_gear(gear: int) -> None:
    """A gas meter's needles go 1 to 10 as a clock's go 1 to 12."""
    bins, value, turn = 40, 167, 5
    eye = np.where(np.eye(bins, dtype=bool), 0.0, -20.0).astype(np.float32)
    slow = log_softmax(4 * np.cos((np.arange(bins) - turn - value / gear) * 2 * np.pi / bins).astype(np.float32))
    score, turns = decode_turned_pair(slow, eye[(value + turn) % bins], eye[turn], gear)
    assert score.shape == turns.shape == (gear * bins,)
    assert int(score.argmax()) == value
    assert int(turns[value]) == turn


# ---- arithmetic of the circle


@pytest.mark.parametrize("sigma_degrees", [2.2, 3.0, 20.0])
def test_soft_circle(sigma_degrees: float) -> None:
    rows = soft_circle(np.array([0.0, 359.9, -90.0, 723.0, np.nan], np.float32), BINS, sigma_degrees)
    assert rows.dtype == np.float32
    assert rows.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert rows.argmax(axis=1)[:4].tolist() == [0, 0, 90, 1]
    assert rows[0, 1] == pytest.approx(rows[0, -1])  # it wraps
    assert (rows[4] == rows[4, 0]).all()  # NaN: nothing is known


@given(degrees=st.floats(-720, 720, width=32), sigma=st.floats(2.0, 15.0))
def test_local_direction_finds_the_centre_between_bins(degrees: float, sigma: float) -> None:
    row = soft_circle(np.array([degrees], np.float32), BINS, sigma)[0]
    found = local_direction(np.log(np.maximum(row, 1e-30)), reach=3)
    assert 0 <= found < 360
    assert apart(found, degrees, 360) <= 1.5  # within its bin


@pytest.mark.parametrize(
    ("neighbour", "reason"),
    [
        (1, "ahead of the wrap"),
        (BINS - 1, "behind it: -1e-17 % 120 is 120.0, which would be 12:00 as minute 720"),
    ],
)
def test_local_direction_stays_below_a_full_turn(neighbour: int, reason: str) -> None:
    row = np.full(BINS, -60.0, np.float32)
    row[0], row[neighbour] = 0.0, -33.0
    assert local_direction(row) == pytest.approx(0, abs=1e-6), reason


@pytest.mark.parametrize(
    ("count", "by", "length", "expected"),
    [
        (3, 1, 3, [[0, 1, 2], [1, 2, 3], [2, 3, 0]]),  # by one, round the end
        (2, 2, 4, [[0, 1, 2, 3], [2, 3, 0, 1]]),  # by two
        (2, 1, 6, [[0, 1, 2, 3, 0, 1], [1, 2, 3, 0, 1, 2]]),  # longer than the row
        (1, 5, 1, [[0]]),  # one row only
        (3, 4, 2, [[0, 1], [0, 1], [0, 1]]),  # a whole turn each
    ],
)
def test_rotations(count: int, by: int, length: int, expected: list[list[int]]) -> None:
    rows = rotations(np.arange(4, dtype=np.float32), count, by, length)
    assert rows.tolist() == expected
    with pytest.raises(ValueError, match="read-only"):
        rows[0, 0] = 1


@given(st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=50))
def test_log_softmax_sums_to_one(logits: list[float]) -> None:
    logs = log_softmax(np.array(logits, np.float32))
    assert np.exp(logs.astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)
    assert logs[int(np.argmax(logits))] == logs.max()


# ---- times


def test_every_minute_is_written_and_read() -> None:
    texts = [format_time(minutes) for minutes in range(720)]
    assert len(set(texts)) == 720
    assert [parse_time(text) for text in texts] == list(range(720))


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0.0, "12:00"),
        (5.2, "12:05"),
        (65.0, "1:05"),
        (719.4, "11:59"),
        (719.5, "12:00"),  # rounds to the next turn
        (720.0, "12:00"),
        (609.49, "10:09"),
    ],
)
def test_format_time(minutes: float, expected: str) -> None:
    assert format_time(minutes) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12:05", 5), ("0:05", 5), ("00:05", 5), ("13:05", 65), ("1:05", 65), ("01:05", 65), ("23:59", 719)],
)
def test_parse_time(text: str, expected: int) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "24:00", "12:60", "1:5", "1.05", "-1:05", "10:09:30", "12:05 pm", "１:05", "noon"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; expected H:MM"):
        parse_time(text)


# ---- pose


@given(
    centre=st.tuples(st.floats(-0.7, 0.7), st.floats(-0.7, 0.7)),
    axes=st.tuples(st.floats(0.2, 1.2), st.floats(0.2, 1.2)),
    tilt=st.floats(0, np.pi),
    keystone=st.tuples(st.floats(-0.28, 0.28), st.floats(-0.28, 0.28)),
    rotation=st.floats(-180, 180),
)
def test_pose_matrix_is_what_the_camera_draws(
    centre: tuple[float, float],
    axes: tuple[float, float],
    tilt: float,
    keystone: tuple[float, float],
    rotation: float,
) -> None:
    (a, b), c, s = axes, np.cos(tilt), np.sin(tilt)
    stretch = (a * c * c + b * s * s, (a - b) * c * s, a * s * s + b * c * c)
    pose = Pose(centre, (float(stretch[0]), float(stretch[1]), float(stretch[2])), keystone, rotation)
    matrix = pose_matrix(np.array(pose.vector(), np.float64), rotation)
    assert matrix == pytest.approx(pose.homography(), abs=1e-9)
    back_and_forth = matrix @ np.linalg.inv(pose.homography())
    assert back_and_forth / back_and_forth[2, 2] == pytest.approx(np.eye(3), abs=1e-6)


@pytest.mark.parametrize(
    ("pose", "reason"),
    [
        ([0.0] * 7, "an untrained head"),
        ([1e30] * 7, "an exploded one"),
        ([-1e30] * 7, "the other way"),
        ([0, 0, -1, 0, -1, 0, 0], "a dial turned inside out"),
        ([0, 0, 1, 1, 1, 0, 0], "a dial squeezed to a line"),
        ([9, -9, 1, 0, 1, 9, 9], "far outside, beyond the horizon"),
    ],
)
def test_wild_pose_numbers_give_a_matrix_that_can_be_inverted(pose: Sequence[float], reason: str) -> None:
    matrix = pose_matrix(np.array(pose, np.float32), 77.0)
    assert np.isfinite(matrix).all(), reason
    assert np.linalg.cond(matrix) < 1e3, reason
