"""Worker threads by contract: as many as this process's lease allows, from one moment to the next.

The paid part of Hare Enterprise: importing it without an Enterprise license raises Unlicensed.
Nothing here stops a job: threads that are too many finish what they are at and take no other.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref

import hare_pro
from hare_pro._client.leasing import Lease
from hare_pro._client.product import KEY_VARIABLE
from hare_pro._client.verdicts import Verdict

from hare import Queue

from . import describe, license

log = logging.getLogger("hare_ent")

_license = license()
_lock = threading.RLock()
_wanted: weakref.WeakKeyDictionary[Queue, int] = weakref.WeakKeyDictionary()
_lease: Lease | None = None
log.info("%s", describe(_license))


def start_threads(queue: Queue, threads: int) -> int:
    """Let *queue* have so many threads more, or as many as there are; returns how many it got.

    Too many asked for is a line in the log, never an error. With WHEELBARROW_LEASE_KEY the threads
    are leased, and the number follows the lease; without, the license is the limit of the process.
    """
    with _lock:
        before = queue.threads
        _wanted[queue] = before + threads
        wanted = [_wanted[each] if each is queue else each.threads for each in _wanted]
        _share(_allowed(sum(wanted)), last=queue)
        granted = queue.threads - before
    if granted < threads:
        log.warning(
            "%d threads wanted, %d started: the license allows %s and %d were running",
            *(threads, granted, _license.threads, _running() - granted),
        )
    return granted


def _allowed(wanted: int) -> int:
    if not os.environ.get(KEY_VARIABLE):
        return wanted if _license.threads is None else min(wanted, _license.threads)
    return _leased(wanted).threads


def _leased(wanted: int) -> Verdict:
    """One lease for the whole process; it begins with the first threads."""
    global _lease  # noqa: PLW0603  one for the process
    if _lease is None:
        product = hare_pro.product("Hare Enterprise", "hare-ent", "2.1.0")
        _lease = product.lease(wanted, _follow, in_child=0)
        return _lease.start()
    _lease.resize(wanted)
    return _lease.verdict()


def _follow(verdict: Verdict) -> None:
    """The lease changed: start what is missing, drain what is too many."""
    with _lock:
        _share(verdict.threads)
        log.info("%d threads may run, %d do", verdict.threads, _running())


def _share(allowed: int, last: Queue | None = None) -> None:
    """The queues that were first are served first; *last* takes what is left."""
    queues = [queue for queue in _wanted if queue is not last] + ([last] if last else [])
    for queue in queues:
        threads = min(_wanted[queue] if queue is last or _lease else queue.threads, allowed)
        if threads != queue.threads:
            queue.resize(threads)
        allowed -= threads


def _running() -> int:
    return sum(queue.threads for queue in _wanted)


def _begin_again() -> None:
    """In a forked child: its threads are gone, and nobody opens a lock that was closed."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    _wanted.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)
