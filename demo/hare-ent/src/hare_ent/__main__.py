"""`python -m hare_ent`: says which license was found; exit code 1 if none that serves.

`python -m hare_ent work THREADS [SECONDS]`: a small worker that obeys its lease and says so.
"""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from . import Unlicensed, describe, license


def main(arguments: list[str]) -> None:
    try:
        print(describe(license()), flush=True)
        if arguments[:1] == ["work"]:
            work(int(arguments[1]), float(arguments[2]) if arguments[2:] else 3600.0)
    except Unlicensed as error:
        sys.exit(str(error))


def work(threads: int, seconds: float) -> None:
    """Jobs without end; prints how many threads there are whenever that changes."""
    from hare import Queue  # noqa: PLC0415

    from .pool import start_threads  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _leave)
    queue, shown = Queue("work"), -1
    ends_at = time.monotonic() + seconds
    start_threads(queue, threads)
    while time.monotonic() < ends_at:
        if queue.threads != shown:
            shown = queue.threads
            print(f"{shown} threads" if shown else "standing by", flush=True)
        queue.enqueue(time.sleep, 0.01)
        time.sleep(0.02)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)  # runs what atexit has: the lease says goodbye


if __name__ == "__main__":
    main(sys.argv[1:])
