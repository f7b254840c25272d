"""Ending long work at Ctrl-C or SIGTERM: what is under way is finished first, a second one ends at once."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Ending:
    """Whether the work was asked to end. A plain flag: a signal's handler may not touch a lock that is waited on."""

    asked: bool = False
    sleep: Callable[[float], object] = time.sleep  # a window handles its events meanwhile

    def pause(self, seconds: float) -> None:
        """Wait in slices short enough that a Ctrl-C is felt at once."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0:
            self.sleep(min(left, 0.1))


@contextlib.contextmanager
def ending_by_signal() -> Iterator[Ending]:
    """An Ending that Ctrl-C or SIGTERM asks for; a second one ends at once."""
    ending = Ending()

    def ask(number: int, frame: object) -> None:
        if ending.asked:
            raise KeyboardInterrupt
        ending.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
