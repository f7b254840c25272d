"""What is printed as text: names of files, which may be any bytes, and numbers."""

from __future__ import annotations


def plain(text: str) -> str:
    """A file's name as text that every database and every reader of JSON takes: other bytes as ``\\xff``."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """The text on one line, whatever a file's name may hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def in_full(number: float) -> str:
    """A number with all its digits: 12345670, 0.1."""
    return repr(float(number)).removesuffix(".0")
