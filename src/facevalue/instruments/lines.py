"""Where a key stands in a TOML file: what the parser of the standard library does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

Place = tuple[str | int, ...]  # of a value: ("part", 1, "box") is the box of the second [[part]]

_TABLES = re.compile(r"^\s*\[\[\s*([\w-]+)\s*\]\]")
_TABLE = re.compile(r"^\s*\[\s*([\w-]+)\s*\]")
_KEY = re.compile(r"""^\s*(?:([\w-]+)|"([^"]*)"|'([^']*)')\s*=""")
_QUOTES = re.compile(r'"""|\'\'\'')


def find_lines(text: str) -> dict[Place, int]:
    """The line, counted from 1, of each key and each table of a TOML text, one or two levels deep."""
    lines: dict[Place, int] = {}
    counts: dict[str, int] = {}
    table: Place = ()
    quote = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:  # within a text of several lines nothing is a key
            quote = "" if quote in line else quote
            continue
        if match := _TABLES.match(line):
            table = (match[1], counts.setdefault(match[1], 0))
            counts[match[1]] += 1
            lines[table] = number
            lines.setdefault(table[:1], number)
        elif match := _TABLE.match(line):
            table = (match[1],)
            lines.setdefault(table, number)
        elif match := _KEY.match(line):
            lines.setdefault((*table, match[1] or match[2] or match[3] or ""), number)
        quotes = _QUOTES.findall(line)
        quote = quotes[-1] if len(quotes) % 2 else ""
    return lines


def line_of(lines: Mapping[Place, int], place: Place) -> int:
    """The line of a key, or of the nearest table that should hold it; the first one where there is none."""
    while place not in lines and place:
        place = place[:-1]
    return lines.get(place, 1)
