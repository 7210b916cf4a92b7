"""Worker threads by contract.

The paid part of Hare Enterprise: importing it without an Enterprise license raises Unlicensed.
"""

from __future__ import annotations

import logging
import threading
import weakref

from hare import Queue

from . import describe, license

log = logging.getLogger("hare_ent")

_license = license()
_lock = threading.Lock()
_queues: weakref.WeakSet[Queue] = weakref.WeakSet()  # the limit holds over all of them
log.info("%s", describe(_license))


def start_threads(queue: Queue, threads: int) -> int:
    """Start *threads* threads, or as many as the license leaves; returns how many.

    Too many asked for is a line in the log, never an error: production goes on.
    """
    with _lock:
        _queues.add(queue)
        running = sum(each.threads for each in _queues)
        granted = threads
        if _license.threads is not None:
            granted = max(0, min(threads, _license.threads - running))
        queue.start(granted)
    if granted < threads:
        log.warning(
            "%d threads wanted, %d started: the license allows %s and %d were running",
            *(threads, granted, _license.threads, running),
        )
    return granted
