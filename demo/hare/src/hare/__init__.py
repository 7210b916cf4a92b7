"""Hare, a job queue in one process: threads take jobs and run them, oldest first."""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from typing import Any, Callable

__all__ = ["Queue"]

log = logging.getLogger("hare")

_Job = tuple["Future[Any]", Callable[[], Any]]


class Queue:
    """Jobs wait here until one of the queue's threads is free."""

    def __init__(self, name: str = "default") -> None:
        self.name = name
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._threads: set[threading.Thread] = set()  # those that may still take a job
        self._wanted = 0
        self._is_closing = False

    @property
    def threads(self) -> int:
        """How many threads take jobs."""
        return self._wanted

    def enqueue(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the function soon in some thread; the future has what it returns or raises."""
        future: Future[Any] = Future()
        with self._changed:
            self._jobs.append((future, lambda: function(*args, **kwargs)))
            self._changed.notify()
        return future

    def start(self, threads: int = 1) -> None:
        """Start so many threads more. They end with the program."""
        self.resize(self._wanted + threads)

    def resize(self, threads: int) -> None:
        """So many threads from now on: too many finish the jobs they are at, and take no other."""
        with self._changed:
            self._is_closing = False
            self._wanted = threads
            while len(self._threads) < threads:
                thread = threading.Thread(target=self._work, name=f"hare-{self.name}", daemon=True)
                self._threads.add(thread)
                thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        """Let the threads finish the jobs that wait already, and wait for that."""
        with self._changed:
            self._is_closing = True
            working = list(self._threads)
            self._changed.notify_all()
        for thread in working:
            thread.join()
        self._wanted = 0

    def _work(self) -> None:
        while (job := self._take()) is not None:
            future, call = job
            if future.set_running_or_notify_cancel():
                self._run(future, call)

    def _take(self) -> _Job | None:
        """The next job; None for a thread that there is no more need for."""
        me = threading.current_thread()
        with self._changed:
            while len(self._threads) <= self._wanted:
                if self._jobs:
                    return self._jobs.popleft()
                if self._is_closing:
                    break
                self._changed.wait()
            self._threads.discard(me)
            return None

    def _run(self, future: Future[Any], call: Callable[[], Any]) -> None:
        try:
            result = call()
        except BaseException as error:  # future.result() raises it again
            log.warning("a job of %s failed: %r", self.name, error)
            future.set_exception(error)
        else:
            future.set_result(result)
