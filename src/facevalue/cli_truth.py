"""``facevalue read --truth``: what was read beside what is true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from facevalue.codecs.dial import Scale
    from facevalue.reading import Reading


def parse_truth(kind: str, text: str, scale: Scale | None) -> int | float | str:
    """The true value: of a clock minutes past twelve (17:59 and 5:59 are the same on a dial), of digits their text, of
    a dial a number of its scale.
    """
    from facevalue.codecs.dial import Scale
    from facevalue.judging import kind_of

    try:
        truth = kind_of(kind).parse_label(text.strip())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--truth'") from error
    if truth == "" or truth != truth:
        raise click.BadParameter("NaN is no value to compare with", param_hint="'--truth'")
    if kind == "dial":
        low, high = sorted((scale or Scale()).span)
        if not low <= truth <= high:
            raise click.BadParameter(f"{truth:g} is outside the range from {low:g} to {high:g}", param_hint="'--truth'")
    return truth  # type: ignore[no-any-return]


def describe_truth(reading: Reading, truth: int | float | str) -> dict[str, Any]:
    """What --truth adds to a JSON record."""
    if isinstance(truth, int):
        from facevalue.codecs.clock import format_time

        told: dict[str, Any] = {"truth": format_time(truth), "error_minutes": minutes_off(reading.value, truth)}
        for part, figures in likeliest_parts(reading, truth).items():
            told[f"{part}s"] = [
                {"value": figure, "probability": round(share, 4), "true": is_true} for figure, share, is_true in figures
            ]
        return told
    if isinstance(truth, float):
        from facevalue.judging import kind_of

        assert reading.scale is not None
        percent_off = 100 * reading.scale.share_apart(reading.number, truth)
        return {
            "truth": truth,
            "right": kind_of(reading.kind).is_right(reading, truth),
            "error_percent": round(percent_off, 2),
        }
    from facevalue.metrics import digits_are_right, point_is_right

    told = {"truth": truth, "right": digits_are_right(reading.value, reading.number, truth)}
    point = point_is_right(reading.value, truth)
    return told if point is None else told | {"point_right": point}


def judge(reading: Reading, truth: int | float | str, top: int) -> list[str]:
    """The likeliest values with their probabilities, a star on the true one, and whether or how far it was missed."""
    if isinstance(truth, int):
        return judge_time(reading, truth, top)
    return judge_value(reading, truth, top) if isinstance(truth, float) else judge_digits(reading, truth, top)


def judge_value(reading: Reading, truth: float, top: int) -> list[str]:
    """The likeliest values of a dial with their probabilities, a star on those within a hundredth, and the error."""
    told = describe_truth(reading, truth)
    scale, ranked = reading.scale, reading.ranked()
    assert scale is not None
    starred = [told["right"], *(scale.share_apart(float(value), truth) <= 0.01 for value, _ in ranked[1:])]
    return [*starred_lines(ranked, starred, top, f"{truth:g}"), f"  error {told['error_percent']:.2f} % of the range"]


def judge_digits(reading: Reading, truth: str, top: int) -> list[str]:
    """The likeliest numbers with their probabilities, a star on the true one, points aside."""
    told = describe_truth(reading, truth)
    right, ranked = told["right"], reading.ranked()
    starred = [right, *(value.replace(".", "") == truth.replace(".", "") for value, _ in ranked[1:])]
    verdict = "wrong" if not right else "right" if told.get("point_right", True) else "right but for the point"
    return [*starred_lines(ranked, starred, top, truth), f"  {verdict}"]


def starred_lines(ranked: Sequence[tuple[str, float]], starred: Sequence[bool], top: int, true_value: str) -> list[str]:
    """The first values with their probabilities and those with a star, then the true one where none has it."""
    width = max(len(value) for value, _ in ranked)
    lines = [
        f"  {index + 1:>4}  {value:>{width}}  {confidence:6.1%}{'  *' * starred[index]}"
        for index, (value, confidence) in enumerate(ranked)
        if index < top or starred[index]
    ]
    return lines if any(starred) else [*lines, f"  {'-':>4}  {true_value:>{width}}  {missed(ranked)}  *"]


def missed(ranked: Sequence[object]) -> str:
    """Where the true value is not."""
    return f"not among the first {len(ranked)}" if len(ranked) > 1 else "not read"


def judge_time(reading: Reading, truth: int, top: int) -> list[str]:
    """The likeliest values with their probabilities, a star on the true one wherever it stands, and the error.

    Candidates stand for their neighbourhood, so the star goes to the nearest one where that is within a minute.
    """
    from facevalue.codecs.clock import format_time, parse_time
    from facevalue.metrics import is_right

    true_value = format_time(truth)
    ranked = reading.ranked()
    off = [minutes_off(value, truth) for value, _ in ranked]
    nearest = off.index(min(off))
    starred = nearest if is_right(parse_time(ranked[nearest][0]), truth) else None
    lines = []
    for index, (value, confidence) in enumerate(ranked):
        if index < top or index == starred:
            star = "" if index != starred else "  *" if off[index] == 0 else f"  * ({true_value} is a minute off)"
            lines.append(f"  {index + 1:>4}  {value:>5}  {confidence:6.1%}{star}")
    if starred is None:
        lines.append(f"  {'-':>4}  {true_value:>5}  {missed(ranked)}  *")
    for part, figures in likeliest_parts(reading, truth).items():
        cells = [f"{figure:>2} {share:6.1%}{' *' if is_true else '  '}" for figure, share, is_true in figures]
        lines.append(f"  {part:<6}  {'   '.join(cells)}".rstrip())
    return [*lines, f"  error {off[0]} minute{'' if off[0] == 1 else 's'}"]


def likeliest_parts(reading: Reading, truth: int) -> dict[str, list[tuple[str, float, bool]]]:
    """The three likeliest hours and minutes, and the true one wherever it stands: figure, probability, whether true.

    Neither where the reading does not tell them.
    """
    parts = {
        "hour": (["12", *map(str, range(1, 12))], reading.hours, truth // 60),
        "minute": ([f"{minute:02d}" for minute in range(60)], reading.minutes, truth % 60),
    }
    found = {}
    for part, (figures, shares, true) in parts.items():
        ranked = sorted(range(len(shares)), key=lambda index: -shares[index])
        chosen = [index for rank, index in enumerate(ranked) if rank < 3 or index == true]
        if chosen:
            found[part] = [(figures[index], shares[index], index == true) for index in chosen]
    return found


def minutes_off(value: str, truth: int) -> int:
    """How far a value read is from the true one, in whole minutes the shorter way round the dial."""
    from facevalue.codecs.clock import parse_time
    from facevalue.metrics import minutes_apart

    return round(float(minutes_apart(parse_time(value), truth)))
