"""Forks and requests kept apart.

A request holds locks of the C library (name resolution, TLS) for moments. A child forked in one of
them finds them locked for ever: its first request would hang, and the customer's own with it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Callable

WAIT_SECONDS = 1.0  # a fork waits no longer; a server that hangs holds nobody up

_changed = threading.Condition()
_asking: list[int] = []  # idents of the threads with a request under way


@contextlib.contextmanager
def no_fork() -> Iterator[None]:
    """Around a request: forks of this process wait for its end, WAIT_SECONDS at most."""
    with _changed:
        _asking.append(threading.get_ident())
    try:
        yield
    finally:
        with _changed:
            _asking.remove(threading.get_ident())
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
    _changed.wait_for(lambda: not _others(), WAIT_SECONDS)


def _others() -> set[int]:
    return set(_asking) - {threading.get_ident()}  # who forks while it asks waits for nobody


def _go_on() -> None:
    _changed.release()


def _begin_again(in_child: Callable[[], None]) -> None:
    """Of all threads only this one is left, and the lock may be another's."""
    global _changed  # noqa: PLW0603  one for the process
    _changed = threading.Condition()
    for ident in _others():
        _asking.remove(ident)
    in_child()
