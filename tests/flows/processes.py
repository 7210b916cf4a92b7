"""Other processes on the test's own database, as gunicorn's workers and `work` are."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkProcess

from django.db import connections

_fork = multiprocessing.get_context("fork")


def together(number: int, act: Callable[[int], None]) -> None:
    """Run `act(0)` … `act(number - 1)` in processes that begin at the same instant."""
    gate = _fork.Barrier(number)
    processes = [_start(lambda n=n: (gate.wait(), act(n))) for n in range(number)]  # type: ignore[misc]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * number


@contextmanager
def started(number: int, act: Callable[[int], None]) -> Iterator[None]:
    """Run `act(0)` … `act(number - 1)` in processes of their own; they are killed at the end."""
    processes = [_start(lambda n=n: act(n)) for n in range(number)]  # type: ignore[misc]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join(60)


def kill_after(seconds: float, act: Callable[[], object]) -> bool:
    """Run *act* in a process and kill -9 it after that time; whether it was still at it."""
    process = _start(act)
    time.sleep(seconds)
    was_alive = process.is_alive()
    if was_alive:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    return was_alive


def run_alone(act: Callable[[], object]) -> int | None:
    """Run *act* in a process of its own; its exit code, which of a killed one is negative."""
    process = _start(act)
    process.join(60)
    return process.exitcode


def _start(act: Callable[[], object]) -> ForkProcess:
    connections.close_all()  # a connection must not cross a fork

    def run() -> None:
        act()
        connections.close_all()

    process = _fork.Process(target=run)
    process.start()
    return process
