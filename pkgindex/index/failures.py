"""Counts wrong keys, and nothing else: whoever has a good one never waits.

The counters are a table of fixed size in a file that all processes of the host map, so the limit
holds for all of them together, memory is bounded, and nothing has to be cleaned up. Two keys that
fall into one place of the table share a counter; it is only ever asked about failures.
"""

import hashlib
import logging
import mmap
import os
import struct
from pathlib import Path

log = logging.getLogger(__name__)

ALLOWED = 10  # failures of one address, and of one credential …
WINDOW = 300  # … in so many seconds
_PLACES = 65_536
_PLACE = struct.Struct("<II")  # when the window began (Unix seconds), failures in it


class Failures:
    def __init__(self, folder: Path | None = None) -> None:
        """Shared by all processes that use the same *folder*; without one, by nobody."""
        self._table = _open_table(folder)

    def note(self, address: str, header: str, now: float) -> int:
        """Count one more wrong key; the seconds to wait before the next try, or 0."""
        return max(self._count(f"a {address}", int(now)), self._count(f"k {header}", int(now)))

    def _count(self, key: str, now: int) -> int:
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        place = int.from_bytes(digest[:4], "big") % _PLACES * _PLACE.size
        began, failures = _PLACE.unpack_from(self._table, place)
        if not began <= now < began + WINDOW:
            began, failures = now, 0
        _PLACE.pack_into(self._table, place, began, min(failures + 1, 2**32 - 1))
        return began + WINDOW - now if failures >= ALLOWED else 0


def _open_table(folder: Path | None) -> mmap.mmap:
    size = _PLACES * _PLACE.size
    if folder is None:
        return mmap.mmap(-1, size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "failures").open("a+b") as file:
            # Really there, not a hole: a write into a hole of a full disk would kill the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return mmap.mmap(file.fileno(), size)
    except OSError:
        log.exception("Wrong keys are counted by this process alone")
        return mmap.mmap(-1, size)
