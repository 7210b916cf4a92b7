"""Cut the power at random moments: `python -m bench.power_cuts [CUTS] [ACKNOWLEDGED]`.

Records with strace what a process of the shop asks of the file system while webhooks, mails,
uploads and revocations are acknowledged, and plays it again up to each moment with all that a disk
may do to what was not synced (`tests/power/disk.py`). Exits with 1 when something was lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.power.cuts import cut_at_random, prepare, record


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.power_cuts")
    parser.add_argument("cuts", type=int, nargs="?", default=1000)
    parser.add_argument("acknowledged", type=int, nargs="?", default=120)
    arguments = parser.parse_args()
    started, wrong = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        disk, done = record(prepare(Path(folder, "data")), arguments.acknowledged)
        print(f"{len(done)} operations:", dict(Counter(one.kind for one in done)), flush=True)
        for when, what in cut_at_random(disk, done, arguments.cuts):
            wrong += bool(what)
            if what:
                print(when, *what, sep="\n  ", flush=True)
    spent = time.monotonic() - started
    print(f"{arguments.cuts} power cuts, {wrong} with something lost or half, {spent:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
