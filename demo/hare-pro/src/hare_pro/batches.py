"""Batches: jobs that belong together, and what follows when the last of them is done.

The paid part of Hare Pro: importing it without a license raises `hare_pro.Unlicensed`.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import Any, Callable

from hare import Queue

from . import describe, license

logging.getLogger("hare_pro").info("%s", describe(license()))


class Batch:
    """Enqueue jobs in a `with` block; *then* runs once, as a job, after the last of them.

    It runs whether they succeeded or not, and is given the list of their futures.
    """

    def __init__(self, queue: Queue, *, then: Callable[[list[Future[Any]]], Any]) -> None:
        self._queue = queue
        self._then = then
        self._jobs: list[Future[Any]] = []
        self._open = 1  # the `with` block itself counts, so that a fast job ends no batch
        self._lock = threading.Lock()

    def enqueue(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        with self._lock:
            self._open += 1
        job = self._queue.enqueue(function, *args, **kwargs)
        self._jobs.append(job)
        job.add_done_callback(self._close_one)
        return job

    def __enter__(self) -> Batch:  # noqa: PYI034  Self needs Python 3.11
        return self

    def __exit__(self, *error: object) -> None:
        self._close_one()

    def _close_one(self, _: object = None) -> None:
        with self._lock:
            self._open -= 1
            is_done = self._open == 0
        if is_done:
            self._queue.enqueue(self._then, self._jobs)
