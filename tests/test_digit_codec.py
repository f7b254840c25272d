"""The codec of rows of digits: every label survives encode and decode, and drums settle together what one leaves."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from facevalue.codecs import Floats, make_codec
from facevalue.codecs.digits import (
    COLUMN_PX,
    COLUMNS,
    DIGIT_OF,
    FLOOR,
    FRAME_PX,
    MOST_DIGITS,
    PLACES,
    SETTLED_BINS,
    STEPS,
    TOLD,
    DigitRow,
    RowBelief,
    RowNumber,
    decode_row,
    shown,
    tenths,
    with_play,
)
from facevalue.codecs.needles import log_softmax
from facevalue.errors import SettingError
from facevalue.metrics import place_is_right

CODEC = DigitRow()
ACROSS = COLUMNS * COLUMN_PX
Labels = dict[str, NDArray[Any]]


def labels_of(rows: Sequence[Sequence[float]], points: Mapping[int, int] | None = None) -> Labels:
    """What a source says of rows of places, side by side over most of the frame; points: row to digit before it."""
    count = np.array([len(row) for row in rows], np.int64)
    places = np.full((len(rows), MOST_DIGITS), np.nan, np.float32)
    cells = np.full((len(rows), MOST_DIGITS, 4), np.nan, np.float32)
    marked = np.zeros((len(rows), MOST_DIGITS), np.int64)
    for index, row in enumerate(rows):
        pitch = min(30.0, 140 / max(len(row), 1))
        for k, place in enumerate(row):
            places[index, k] = place
            cells[index, k] = 10 + k * pitch, 9 + (k + 1) * pitch, 4, 28
    for index, digit in (points or {}).items():
        marked[index, digit] = 1
    return {"count": count, "places": places, "points": marked, "cells": cells}


def perfect_outputs(labels: Labels) -> dict[str, Floats]:
    """What a network that has learned its targets puts out: the logarithm of each soft target, classes for certain."""
    outputs: dict[str, Floats] = {}
    sizes = {head.name: head.size for head in CODEC.heads}
    for name, target in CODEC.encode(labels).items():
        if name == "place":
            outputs[name] = np.log(np.maximum(target.values, 1e-30)).astype(np.float32)
        elif name in ("length", "point"):
            told = np.arange(sizes[name]) == target.values[..., None]
            outputs[name] = np.where(told, 9.0, -9.0).astype(np.float32)
        else:
            outputs[name] = target.values
    return outputs


def believe(rows: Sequence[Sequence[float]], points: Mapping[int, int] | None = None) -> list[RowBelief]:
    return CODEC.decode(perfect_outputs(labels_of(rows, points)))


def read_places(*places: float) -> RowNumber:
    return believe([places])[0].read()


def settled(bin_: int) -> int:
    """The digit that the documented rule shows at a tenth of the drum: the next one from x.8 on."""
    return (bin_ + SETTLED_BINS) // STEPS % 10


# ---- round trips


def test_every_tenth_of_a_single_drum_survives() -> None:
    beliefs = believe([[bin_ / 10] for bin_ in range(PLACES)])
    for bin_, belief in enumerate(beliefs):
        number = belief.read()
        assert number.number() == pytest.approx(bin_ / 10), bin_
        assert number.text() == str(settled(bin_)), bin_
        assert (len(number.digits), number.point_after) == (1, -1)
        assert number.near > 0.9, bin_
        assert belief.lengths.argmax() == 1


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 10, exclude_max=True))
def test_any_place_of_a_single_drum_is_read_within_a_tenth(place: float) -> None:
    number = read_places(place)
    assert 0 <= number.last < 10
    assert 0 <= number.number() < 10
    assert place_is_right(number.number(), place)


def printed(text: str) -> RowNumber:
    """What is read of digits that stand still, as a network that has learned its targets sees them."""
    digits = [float(c) for c in text if c != "."]
    points = {0: text.index(".") - 1} if "." in text else None
    belief = believe([digits], points)[0]
    assert belief.count == len(digits)
    assert belief.total == pytest.approx(len(digits), abs=1e-4)
    assert belief.lengths.argmax() == len(digits)
    assert np.exp(belief.log_probability).sum(axis=1) == pytest.approx(1, abs=1e-3)
    return belief.read()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("7", "one digit"),
        ("0", "one zero"),
        ("42", "two"),
        ("10", "a zero after a one: no drum has turned over"),
        ("19", "a nine that has not begun to turn its neighbour"),
        ("99", "nor have two"),
        ("900", "three"),
        ("0999", "a leading zero is kept"),
        ("0000", "nothing but zeros"),
        ("11111", "repeated digits"),
        ("090909", "zeros beside nines"),
        ("1234567", "seven"),
        ("99999999", "eight nines"),
        ("00000000", "eight zeros"),
        ("1.5", "a point"),
        ("0.0", "of nothing"),
        ("0042.7", "as displays have it"),
        ("1234567.8", "before the last of eight"),
        ("9.9999999", "after the first of eight"),
    ],
)
def test_printed_numbers(text: str, reason: str) -> None:
    number = printed(text)
    assert number.text() == text, reason
    assert number.number() == pytest.approx(float(text)), reason
    assert number.joint > 0.99, reason
    assert min(number.certainty) > 0.99, reason


@settings(deadline=None, max_examples=150)
@given(st.text("0123456789", min_size=1, max_size=MOST_DIGITS), st.integers(-1, 6))
def test_any_printed_number(digits: str, point: int) -> None:
    text = digits[: point + 1] + "." + digits[point + 1 :] if 0 <= point < len(digits) - 1 else digits
    number = printed(text)
    assert number.text() == text
    assert number.number() == pytest.approx(float(text))
    assert number.joint > 0.99


@pytest.mark.parametrize("count", range(MOST_DIGITS + 1))
def test_every_length_is_counted_and_each_digit_found(count: int) -> None:
    labels = labels_of([[float(k) for k in range(count)]])
    belief = CODEC.decode(perfect_outputs(labels))[0]
    assert belief.count == count
    assert belief.spans.shape == belief.rows.shape == (count, 2)
    left, right, top, bottom = labels["cells"][0, :count].T
    inset = 0.08 * (right - left)  # the marks stand a little inside the cell
    assert (belief.spans + 1) * ACROSS / 2 == pytest.approx(np.stack([left + inset, right - inset], 1), abs=COLUMN_PX)
    assert (belief.rows + 1) * FRAME_PX / 2 == pytest.approx(np.stack([top, bottom], 1), abs=1e-3)


def test_a_row_of_no_digits() -> None:
    belief = believe([[]])[0]
    number = belief.read()
    assert (belief.count, belief.total, number.text(), number.joint) == (0, 0.0, "?", 0.0)
    assert math.isnan(number.number())
    assert number.others == ()


@pytest.mark.parametrize(
    ("places", "expected", "reason"),
    [
        ([math.nan], "?", "alone"),
        ([math.nan, 2.0, 3.0], "?23", "the first"),
        ([1.0, math.nan, 3.0], "1?3", "in the middle"),
        ([1.0, 2.0, math.nan], "12?", "the last"),
        ([math.nan] * 8, "????????", "all of them"),
    ],
)
def test_a_digit_that_nobody_can_tell_is_a_question_mark(places: list[float], expected: str, reason: str) -> None:
    number = read_places(*places)
    assert number.text() == expected, reason
    assert math.isnan(number.number()), reason
    assert number.joint < 0.3, reason


def test_a_question_mark_keeps_its_point() -> None:
    assert believe([[1.0, math.nan, 3.0]], {0: 1})[0].read().text() == "1?.3"


# ---- counters


def counter(value_tenths: int, count: int) -> list[float]:
    """Places of the drums of a counter that stands at so many tenths of its last digit, geared without play."""
    places = [value_tenths % PLACES]
    value = value_tenths // STEPS
    for _ in range(count - 1):
        value //= 10
        places.append(value % 10 * STEPS + max(0, places[-1] - 9 * STEPS))
    return [place / STEPS for place in reversed(places)]


@settings(deadline=None, max_examples=150)
@given(st.integers(1, MOST_DIGITS).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 10 ** (n + 1) - 1))))
def test_any_state_of_a_counter(state: tuple[int, int]) -> None:
    """All drums show the same number: floor(value + 0.2), for a drum that has all but settled shows the next digit."""
    count, value = state
    number = read_places(*counter(value, count))
    assert number.text() == f"{(value + SETTLED_BINS) // STEPS % 10**count:0{count}}"
    turn = 10.0**count
    # Before its turn to 000 a counter reads 0, not 999.9: there are more new meters than full ones.
    most = 0.251 if set(number.digits) == {0} and count > 1 else 0.051
    assert abs((number.number() - value / 10 + turn / 2) % turn - turn / 2) < most
    assert number.number() < turn - 0.21 or count == 1


@pytest.mark.parametrize("nines", range(1, MOST_DIGITS))
@pytest.mark.parametrize(("last", "turned"), [(9.0, False), (9.5, False), (9.7, False), (9.8, True), (9.9, True)])
def test_a_chain_of_nines_turns_over_as_one(nines: int, last: float, turned: bool) -> None:
    moved = last - 9
    number = read_places(moved, *[last] * nines)
    assert number.text() == ("1" + "0" * nines if turned else "0" + "9" * nines)
    assert number.number() == pytest.approx(10**nines - 1 + moved, abs=0.051)


@pytest.mark.parametrize(
    ("places", "text", "number", "reason"),
    [
        ([1.9, 9.9], "20", 19.9, "nearly settled: both drums show the next digit"),
        ([1.5, 9.5], "19", 19.5, "half way: neither does"),
        ([1.7, 9.7], "19", 19.7, "not settled yet"),
        ([1.0, 9.0], "19", 19.0, "the nine has not begun to move"),
        ([1.0, 9.9], "10", 9.9, "the left drum rests at one: what comes is 10"),
        ([2.0, 0.0], "20", 20.0, "all at rest"),
        ([2.0, 5.3], "25", 25.3, "only the last one rolls"),
        ([1.2, 3.0], "13", 13.0, "play: a drum two tenths too far"),
        ([1.8, 3.0], "23", 23.0, "play: a drum two tenths behind shows the digit that it nearly has reached"),
        ([4.1, 6.9, 2.1, 5.0], "4725", 4725.0, "play of every drum"),
        ([0.0, 0.0, 4.6], "004", 4.6, "leading zeros"),
        ([9.5, 9.5], "99", 99.5, "the whole counter is about to turn over"),
    ],
)
def test_drums_that_must_agree(places: list[float], text: str, number: float, reason: str) -> None:
    read = read_places(*places)
    assert read.text() == text, reason
    assert read.number() == pytest.approx(number), reason


def test_an_uneasy_pair_settles_between() -> None:
    """A drum at 1.9 beside one at 9.5: four tenths apart, more than play explains well, and never read as 29 or 10."""
    read = read_places(1.9, 9.5)
    assert read.text() == "19"
    assert 19.4 <= read.number() <= 19.9


@settings(deadline=None, max_examples=100)
@given(
    st.integers(2, MOST_DIGITS).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 10 ** (n + 1) - 1))),
    st.integers(0, 2**32),
)
def test_a_little_play_changes_no_digit_by_more_than_the_rule_does(state: tuple[int, int], seed: int) -> None:
    count, value = state
    if (value + SETTLED_BINS) % STEPS == STEPS - 1 or (value + SETTLED_BINS) % STEPS == 0:
        value += 2  # between 0.7 and 0.8 the play decides whether a drum counts as settled
    play = np.random.default_rng(seed).uniform(-0.04, 0.04, count) * (np.arange(count) < count - 1)
    number = read_places(*(np.array(counter(value % 10 ** (count + 1), count)) + play) % 10)
    assert number.text() == f"{(value + SETTLED_BINS) // STEPS % 10**count:0{count}}"


# ---- against enumeration


def enumerate_numbers(log_probability: Floats) -> tuple[NDArray[np.float64], dict[tuple[int, ...], float], Floats]:
    """Every consistent state of two or three drums, one by one.

    log_probability: (K, 100).  Returns the probability of each digit of each drum (K, 10), of each number shown, and
    of each place of the last drum (100,).
    """
    count = len(log_probability)
    likelihood = np.exp(log_probability.astype(np.float64))
    likelihood[:-1] = with_play(likelihood[:-1])
    likelihood = np.maximum(likelihood, FLOOR)
    digits, numbers, last = np.zeros((count, 10)), dict[tuple[int, ...], float](), np.zeros(PLACES)
    for before in itertools.product(range(10), repeat=count - 1):
        for bin_ in range(PLACES):
            bins = [bin_]
            for digit in reversed(before):  # each drum is as far beyond its digit as its neighbour is beyond 9
                bins.insert(0, digit * STEPS + max(0, bins[0] - 9 * STEPS))
            p = math.prod(float(likelihood[k, b]) for k, b in enumerate(bins))
            number = tuple(settled(b) for b in bins)
            numbers[number] = numbers.get(number, 0.0) + p
            last[bin_] += p
            for k, digit in enumerate(number):
                digits[k, digit] += p
    total = last.sum()
    return digits / total, {number: p / total for number, p in numbers.items()}, last / total


def random_belief(seed: int, count: int) -> Floats:
    """Places of a random counter, each blurred, doubled or drowned at random."""
    rnd = np.random.default_rng(seed)
    places = np.array(counter(int(rnd.integers(0, 10 ** (count + 1))), count))
    bins = np.arange(PLACES) / STEPS
    rows = []
    for place in (places + rnd.normal(0, 0.1, count)) % 10:
        sharp = np.exp(-0.5 * (((bins - place + 5) % 10 - 5) / rnd.choice([0.07, 0.2, 0.8])) ** 2)
        other = np.exp(-0.5 * (((bins - rnd.uniform(0, 10) + 5) % 10 - 5) / 0.1) ** 2)
        row = sharp / sharp.sum() + rnd.choice([0.0, 0.0, 0.3, 1.0]) * other / other.sum() + 10.0 ** -rnd.uniform(2, 8)
        rows.append(row / row.sum())
    return np.log(np.array(rows)).astype(np.float32)


@pytest.mark.parametrize(("count", "seed"), [*((2, seed) for seed in range(40)), *((3, seed) for seed in range(4))])
def test_the_joint_decoding_is_that_of_all_states_one_by_one(count: int, seed: int) -> None:
    log_probability = random_belief(seed, count)
    digits, numbers, last = enumerate_numbers(log_probability)
    read = decode_row(log_probability, np.zeros(count, np.float32))
    likeliest = max(numbers, key=lambda number: numbers[number])
    assert numbers[read.digits] == pytest.approx(numbers[likeliest], rel=1e-6)
    assert read.joint == pytest.approx(numbers[read.digits], rel=1e-6)
    assert read.certainty == pytest.approx([digits[k, digit] for k, digit in enumerate(read.digits)], rel=1e-6)
    around = [(round(read.last * STEPS) + step) % PLACES for step in (-1, 0, 1)]
    assert read.near == pytest.approx(last[around].sum(), rel=1e-6)
    assert DIGIT_OF[round(read.last * STEPS) % PLACES] == read.digits[-1]


@pytest.mark.parametrize(
    ("count", "seed"), [*((2, seed) for seed in range(40, 60)), *((3, seed) for seed in range(4, 8))]
)
def test_other_numbers_have_their_own_probability(count: int, seed: int) -> None:
    """Of a counter that may have turned over, the runner-up of 19 is 20, not 10 or 29."""
    log_probability = random_belief(seed, count)
    _, numbers, _ = enumerate_numbers(log_probability)
    read = decode_row(log_probability, np.zeros(count, np.float32))
    for text, p in read.others:
        assert p == pytest.approx(numbers.get(tuple(int(c) for c in text), 0.0), rel=1e-5, abs=1e-9), text
    ranked = sorted(numbers.items(), key=lambda pair: -pair[1])
    if ranked[1][1] > 0.01:
        assert read.others[0][0] == "".join(map(str, ranked[1][0]))


def test_a_counter_in_doubt_about_its_turn_names_the_number_on_the_other_side() -> None:
    """19.74: the tens and the units are each in doubt, but only together."""
    read = read_places(1.74, 9.74)
    assert (read.text(), read.others[0][0]) == ("19", "20")
    assert read.joint + read.others[0][1] == pytest.approx(1, abs=0.01)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, MOST_DIGITS))
def test_probabilities_of_numbers(seed: int, count: int) -> None:
    read = decode_row(random_belief(seed, count), np.zeros(count, np.float32))
    shares = [p for _, p in read.others]
    assert shares == sorted(shares, reverse=True)
    assert all(p >= 0 for p in shares)
    assert read.joint + sum(shares) <= 1 + 1e-6
    texts = [text for text, _ in read.others]
    assert "".join(map(str, read.digits)) not in texts
    assert len(set(texts)) == len(texts)
    assert all(len(text) == count for text in texts)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.floats(0.1, 30))
def test_whatever_a_network_says_is_read(seed: int, scale: float) -> None:
    rnd = np.random.default_rng(seed)
    shapes = {head.name: (1, head.places, head.size) if head.places > 1 else (1, head.size) for head in CODEC.heads}
    outputs = {name: rnd.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    outputs["count"] = rnd.uniform(0, 0.4, (1, COLUMNS)).cumsum(axis=1).astype(np.float32)
    belief = CODEC.decode(outputs)[0]
    number = belief.read()
    assert belief.count == len(number.digits) == min(max(round(belief.total), 0), MOST_DIGITS)
    assert 0 <= number.last < 10
    for share in (*number.certainty, number.near, number.joint, *belief.lengths, *belief.points):
        assert 0 <= share <= 1 + 1e-6
    if number.digits:
        assert np.isfinite(belief.spans).all()
        assert (np.abs(belief.spans) <= 1).all()
        assert (belief.spans[:, 1] > belief.spans[:, 0]).all()
        if "?" not in number.text():
            assert 0 <= number.number() < 10**belief.count


# ---- numbers


def a_number(digits: Sequence[int], last: float, point_after: int = -1, certainty: float = 1.0) -> RowNumber:
    return RowNumber(tuple(digits), last, point_after, (certainty,) * len(digits), 1.0, 1.0, ())


@pytest.mark.parametrize(
    ("number", "text", "value", "reason"),
    [
        (a_number([1, 2, 3, 4], 4.6, 2), "123.4", 123.46, "the last drum's fraction is one decimal more"),
        (a_number([1, 2, 3, 4], 4.6), "1234", 1234.6, "without a point too"),
        (a_number([1, 2, 3, 4], 4.0, 0), "1.234", 1.234, "a point after the first"),
        (a_number([0, 0, 7], 7.0), "007", 7.0, "leading zeros are no part of the value"),
        (a_number([1, 3], 2.9), "13", 12.9, "three is shown, and is not quite there"),
        (a_number([2, 0], 9.9), "20", 19.9, "and a zero"),
        (a_number([1, 2, 3], 2.8, 1), "12.3", 12.28, "behind a point"),
        (a_number([3], 2.9), "3", 2.9, "of a single digit its place"),
        (a_number([0], 9.9), "0", 9.9, "the place before zero"),
        (a_number([0], 9.96), "0", 0.0, "rounded to tenths it is zero, not ten"),
        (a_number([0], 0.04), "0", 0.0, "from the other side"),
        (a_number([5], 5.0, -1), "5", 5.0, "no fraction"),
        (a_number([1, 0], 9.98), "10", 10.0, "rounded to tenths nothing is missing"),
    ],
)
def test_text_and_number(number: RowNumber, text: str, value: float, reason: str) -> None:
    assert number.text() == text, reason
    assert number.number() == pytest.approx(value, abs=1e-9), reason
    assert math.copysign(1, number.number()) == 1, "never -0.0"


@pytest.mark.parametrize("count", range(1, MOST_DIGITS + 1))
def test_a_counter_about_to_turn_to_zero_has_no_negative_value(count: int) -> None:
    """All drums at 9.9 show zeros; the value is that of the counter before it turns, or nothing, but never below it."""
    number = read_places(*[9.9] * count)
    assert number.text() == "0" * count
    assert 0 <= number.number() < 10**count


@pytest.mark.parametrize(
    ("certainty", "expected"), [(1.0, "42"), (TOLD, "42"), (TOLD - 0.01, "??")], ids=["sure", "just", "less"]
)
def test_a_digit_is_told_from_a_likelihood_on(certainty: float, expected: str) -> None:
    assert a_number([4, 2], 2.0, certainty=certainty).text() == expected


@pytest.mark.parametrize(
    ("points", "expected", "reason"),
    [
        ([0.1, 0.9, 0.2, 0.0], 1, "the likeliest"),
        ([0.1, 0.4, 0.2, 0.0], -1, "none is likely enough"),
        ([0.0, 0.0, 0.1, 0.99], -1, "a point after the last digit is a full stop"),
        ([0.6, 0.8, 0.7, 0.9], 1, "there is only one"),
        ([0.5, 0.0, 0.0, 0.0], 0, "even odds"),
    ],
)
def test_the_point(points: list[float], expected: int, reason: str) -> None:
    belief = believe([[1.0, 2.0, 3.0, 4.0]])[0]
    assert decode_row(belief.log_probability, np.array(points, np.float32)).point_after == expected, reason


def test_other_numbers_carry_the_point() -> None:
    read = believe([[1.0, 2.74]], {0: 0})[0].read()
    assert (read.text(), read.others[0][0]) == ("1.2", "1.3")


@pytest.mark.parametrize(("bin_", "digit"), [(0, 0), (7, 0), (8, 1), (10, 1), (97, 9), (98, 0), (99, 0)])
def test_the_digit_that_a_place_shows(bin_: int, digit: int) -> None:
    assert shown(np.array([bin_])).tolist() == [digit]
    assert DIGIT_OF[bin_] == digit


@pytest.mark.parametrize(("place", "bin_"), [(0.0, 0), (0.04, 0), (3.7, 37), (9.94, 99), (9.96, 0), (9.999999, 0)])
def test_the_tenth_of_a_place(place: float, bin_: int) -> None:
    assert tenths(np.array([place], np.float32)).tolist() == [bin_]


# ---- two looks


def test_a_second_look_makes_surer() -> None:
    outputs = perfect_outputs(labels_of([[1.0, 7.0]]))
    blurred = CODEC.decode({**outputs, "place": np.zeros_like(outputs["place"])})[0]
    seen = believe([[1.0, 7.0]])[0]
    assert "?" in blurred.read().text()
    joined = blurred.joined_with(seen)
    assert joined.read().text() == "17"
    assert np.exp(joined.log_probability).sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert (joined.spans == blurred.spans).all()
    assert seen.joined_with(seen).read().joint > seen.read().joint


def test_six_looks_weigh_as_much_as_two() -> None:
    seen = believe([[1.0, 7.0]])[0]
    vague = np.log(0.7 * np.exp(seen.log_probability) + 0.3 / PLACES).astype(np.float32)
    belief = dataclasses.replace(seen, log_probability=vague)
    two, six = belief.joined_with(belief), belief.joined_with(*[belief] * 5)
    assert two.log_probability == pytest.approx(six.log_probability, abs=1e-4)
    assert two.read().joint > belief.read().joint


@pytest.mark.parametrize(("one", "other"), [([1.0, 2.0], [1.0]), ([1.0], []), ([], [1.0]), ([], [])])
def test_looks_that_count_otherwise_are_not_joined(one: list[float], other: list[float]) -> None:
    belief = believe([one])[0]
    assert belief.joined_with(believe([other])[0]) is belief


# ---- targets


def test_shapes_of_targets() -> None:
    targets = CODEC.encode(labels_of([[1.0, 2.0], [], [3.3] * 8]))
    assert targets.keys() == {head.name for head in CODEC.heads}
    for head in CODEC.heads:
        target, places = targets[head.name], (head.places,) if head.places > 1 else ()
        size = () if head.kind == "classes" else (head.size,)
        assert target.values.shape == (3, *places, *size), head.name
        assert target.values.dtype == (np.int64 if head.kind == "classes" else np.float32), head.name
        assert target.weight.shape == (3, *places), head.name
        assert target.weight.dtype == np.float32, head.name
        assert np.isfinite(target.values).all(), head.name
    assert targets["place"].weight.sum(axis=1).tolist() == [2, 0, 8]
    assert targets["length"].values.tolist() == [2, 0, 8]
    assert targets["place"].values.sum(axis=2) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("lost", "weights", "reason"),
    [
        (None, {"place": [1, 1], "count": 1, "length": 1, "extent": [1, 1]}, "all is known"),
        ("place", {"place": [1, 1], "count": 1, "length": 1, "extent": [1, 1]}, "a digit that nobody can tell"),
        (
            "cell",
            {"place": [1, 1], "count": 0, "length": 1, "extent": [0, 1]},
            "a digit whose place is unknown",
        ),
    ],
)
def test_what_is_not_known_is_not_trained(lost: str | None, weights: dict[str, Any], reason: str) -> None:
    labels = labels_of([[1.0, 2.0]])
    if lost == "place":
        labels["places"][0, 0] = np.nan
    if lost == "cell":
        labels["cells"][0, 0] = np.nan
    targets = CODEC.encode(labels)
    for name, expected in weights.items():
        weight = targets[name].weight[0]
        assert (weight[:2].tolist() if weight.ndim else float(weight)) == expected, f"{reason}: {name}"
        assert np.isfinite(targets[name].values).all(), name
    if lost == "place":
        assert targets["place"].values[0, 0] == pytest.approx(1 / PLACES)  # anything else would be a guess


@pytest.mark.parametrize(
    ("cells", "expected", "reason"),
    [
        ([(40, 80)], [0, 0.5, 1, 1], "one digit: half of it is counted at its middle"),
        ([(-20, 20)], [0.5, 1, 1, 1], "cut by the left border: what lies outside counts at once"),
        ([(140, 180)], [0, 0, 0, 0.5], "cut by the right one: the rest is never counted"),
        ([(40, 80), (80, 120)], [0, 0.5, 1.5, 2], "two, side by side"),
        ([(40, 90), (70, 120)], [0, 0.4, 1.6, 2], "two that overlap"),
        ([(59.9, 60), (99, 100)], [0, 1, 2, 2], "narrower than a column"),
    ],
)
def test_the_count_rises_over_each_digit(cells: list[tuple[float, float]], expected: list[float], reason: str) -> None:
    """expected: the count up to 0, 60, 100 and 160 pixels (after the first column)."""
    labels = labels_of([[1.0] * len(cells)])
    for k, ends in enumerate(cells):
        labels["cells"][0, k, :2] = ends
    count = CODEC.encode(labels)["count"].values[0]
    assert count.shape == (COLUMNS,)
    assert (np.diff(count, prepend=0) >= 0).all(), reason
    at = [0, 60 // COLUMN_PX - 1, 100 // COLUMN_PX - 1, COLUMNS - 1]
    assert count[at] == pytest.approx(expected, abs=0.11), reason


def test_a_last_digit_counted_short_keeps_its_end() -> None:
    """Of a count that stops at 1.9 the second digit ends where the rise ends, not at the border of the frame."""
    outputs = perfect_outputs(labels_of([[1.0, 2.0]]))
    full = CODEC.decode(outputs)[0]
    second = np.maximum(outputs["count"] - 1, 0)
    outputs["count"] = outputs["count"] - second * 0.1
    short = CODEC.decode(outputs)[0]
    assert short.total == pytest.approx(1.9)
    assert short.count == 2
    assert short.spans == pytest.approx(full.spans, abs=2 * COLUMN_PX * 2 / ACROSS)


def test_more_than_eight_digits_are_counted() -> None:
    outputs = perfect_outputs(labels_of([[1.0] * 8]))
    outputs["count"] = np.linspace(0, 11, COLUMNS, dtype=np.float32)[None]
    belief = CODEC.decode(outputs)[0]
    assert belief.count == MOST_DIGITS
    assert belief.total == pytest.approx(11)  # so that the reading can be doubted


# ---- the table of codecs


def test_the_codec_by_name() -> None:
    codec = make_codec("digits/row")
    assert isinstance(codec, DigitRow)
    assert codec.heads == CODEC.heads
    with pytest.raises(SettingError, match=r"no codec 'digits/rows'; there are: .*digits/row"):
        make_codec("digits/rows")


def test_log_softmax_over_places() -> None:
    logits = np.random.default_rng(0).normal(0, 9, (2, 8, PLACES)).astype(np.float32)
    assert np.exp(log_softmax(logits)).sum(axis=2) == pytest.approx(1, abs=1e-4)
