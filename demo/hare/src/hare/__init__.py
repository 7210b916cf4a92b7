"""Hare, a job queue in one process: threads take jobs and run them, oldest first."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from typing import Any, Callable

__all__ = ["Queue"]

log = logging.getLogger("hare")

_Job = tuple["Future[Any]", Callable[[], Any]]


class Queue:
    """Jobs wait here until one of the queue's threads is free."""

    def __init__(self, name: str = "default") -> None:
        self.name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def threads(self) -> int:
        """How many threads were started and not stopped."""
        return len(self._threads)

    def enqueue(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the function soon in some thread; the future has what it returns or raises."""
        future: Future[Any] = Future()
        self._jobs.put((future, lambda: function(*args, **kwargs)))
        return future

    def start(self, threads: int = 1) -> None:
        """Start so many threads more. They end with the program."""
        with self._lock:
            for _ in range(threads):
                name = f"hare-{self.name}-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """Let the threads finish the jobs that wait already, and wait for that."""
        with self._lock:
            for _ in self._threads:
                self._jobs.put(None)  # one thread takes one of these and ends
            for thread in self._threads:
                thread.join()
            self._threads.clear()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, call = job
            if future.set_running_or_notify_cancel():
                self._run(future, call)

    def _run(self, future: Future[Any], call: Callable[[], Any]) -> None:
        try:
            result = call()
        except BaseException as error:  # future.result() raises it again
            log.warning("a job of %s failed: %r", self.name, error)
            future.set_exception(error)
        else:
            future.set_result(result)
