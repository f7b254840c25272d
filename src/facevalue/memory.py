"""Memory that a training frees stays with it, to be used again at the next step."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # of mallopt(3)


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed instead of giving it back to the system.

    A layer's output of tens of megabytes is mapped anew at every step otherwise, and the system clears each of its
    pages: with small pictures in large batches that takes a third of a step and more (lab notes). For the rest of the
    process; it holds on to the most that it ever had.  Returns whether the C library knows how (glibc does).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS have none, Windows no such handle
        return False
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, -1))
