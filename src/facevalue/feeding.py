"""Batches drawn ahead in worker processes, the same for any number of them."""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from facevalue.errors import WorkerKilledError
from facevalue.recipes import Recipe
from facevalue.sources import Batch, Source


def end_with_parent() -> None:
    """In a drawing process: leave Ctrl-C to the parent, and don't outlive it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def without_interrupt() -> Iterator[None]:
    """Keep Ctrl-C from processes that begin meanwhile, for good and not only from ``end_with_parent`` on."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def batches(source: Source, recipe: Recipe, start: int, workers: int) -> Generator[Batch]:
    """The batches of steps ``start``, ``start`` + 1, ..., drawn ahead in worker processes.

    Each is a pure function of (seed, step), so neither the number of workers nor a resume changes a pixel.
    Raises WorkerKilledError when a process is killed from outside, as by a machine short of memory.
    """
    if workers == 0:
        for step in range(start, recipe.steps):
            yield source.batch(recipe.seed, step, recipe.batch_size)
        return
    context = multiprocessing.get_context("spawn")
    ahead: collections.deque[Future[Batch]] = collections.deque()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
        try:
            for step in range(start, recipe.steps):
                with without_interrupt():
                    while len(ahead) < 2 * workers + 1 and step + len(ahead) < recipe.steps:
                        ahead.append(pool.submit(source.batch, recipe.seed, step + len(ahead), recipe.batch_size))
                yield ahead.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerKilledError(
                "a drawing process was killed, perhaps for want of memory: go on with --resume and fewer --workers"
            ) from error
        finally:
            for future in ahead:
                future.cancel()
