"""Every error that facevalue raises on purpose.

    FaceValueError
    ├── PictureError        a picture that can't be read: missing, empty, cut off, too large, no picture at all
    ├── LabelError          a row of labels.csv that can't be used; names the file and the line
    ├── ModelError          a weight file that is missing, foreign or corrupt
    ├── InstrumentError     an instrument file that can't be used; names the file, the line and the key
    ├── SettingError        a ``--set`` name or value that no recipe knows; suggests the nearest
    ├── DivergedError       a training whose weights are no longer finite
    ├── WorkerKilledError   a process that draws pictures was ended from outside
    ├── StoppedError        long work that was asked to end; what is done of it is kept
    └── MissingExtraError   an optional package or system library is absent; names the extra or the Debian packages

A message is one line: what was given, what was expected, what to do.
"""

from __future__ import annotations


class FaceValueError(Exception):
    """Parent of all errors below; catch this one to catch them all."""


class PictureError(FaceValueError):
    """A picture that can't be read.

    problem: what is wrong, without the picture's name; source: the name, "" where the picture has none.
    """

    def __init__(self, problem: str, source: str = "") -> None:
        super().__init__(problem, source)  # both in args, so that the error survives pickling
        self.problem = problem
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}" if self.source else self.problem


class LabelError(FaceValueError):
    """A row of labels.csv that can't be used."""


class ModelError(FaceValueError):
    """A weight file that is missing, foreign or corrupt."""


class InstrumentError(FaceValueError):
    """An instrument file that can't be used."""


class SettingError(FaceValueError):
    """A setting that no recipe knows, or a value that doesn't fit it."""


class DivergedError(FaceValueError):
    """A training whose weights are no longer finite."""


class StoppedError(FaceValueError):
    """Long work that was asked to end, by Ctrl-C or SIGTERM; what is done of it is kept."""


class WorkerKilledError(FaceValueError):
    """A process that draws pictures was ended from outside."""


class MissingExtraError(FaceValueError):
    """An optional package or a system library is absent."""
