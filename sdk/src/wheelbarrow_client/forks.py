"""Forks and requests kept apart.

A request holds locks of the C library (name resolution, TLS) for moments. A child forked in one of
them finds them locked for ever: its first request would hang, and the customer's own with it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Callable

WAIT_SECONDS = 1.0

_changed = threading.Condition()
_asking: dict[int, float] = {}  # threads with a request under way, and since when


@contextlib.contextmanager
def no_fork() -> Iterator[None]:
    """Around a request, or several: forks of this process wait for the end. But for each request
    all of them together wait WAIT_SECONDS at most: a server that hangs holds nobody up for longer.
    """
    me = threading.get_ident()
    with _changed:
        is_outermost = me not in _asking
        _asking[me] = time.monotonic()
    try:
        yield
    finally:
        if is_outermost:
            with _changed:
                del _asking[me]
                _changed.notify_all()


def hook(in_child: Callable[[], None]) -> None:
    """From now on forks wait, and *in_child* is called in each child. Once per process."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_wait, after_in_parent=_go_on, after_in_child=lambda: _begin_again(in_child)
        )


def _wait() -> None:
    """Held from here to after the fork, so that no request begins in between."""
    _changed.acquire()
    ends_at = time.monotonic() + WAIT_SECONDS
    while (until := min(ends_at, _young_until())) > (now := time.monotonic()):
        _changed.wait(until - now)


def _young_until() -> float:
    """When the newest request of another thread will be so old that it waits in a socket, and
    holds no lock; 0 if there is none. Who forks while he asks waits for nobody.
    """
    me = threading.get_ident()
    began = [at for ident, at in _asking.items() if ident != me]
    return max(began) + WAIT_SECONDS if began else 0.0


def _go_on() -> None:
    _changed.release()


def _begin_again(in_child: Callable[[], None]) -> None:
    """Of all threads only this one is left, and the lock may be another's."""
    global _changed  # noqa: PLW0603  one for the process
    _changed = threading.Condition()
    for ident in set(_asking) - {threading.get_ident()}:
        del _asking[ident]
    in_child()
