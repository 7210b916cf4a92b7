"""kill -9 of real processes: `python -m bench.kills [KILLS] [--first SEED]`.

Each seed is one shop of `tests/flows/kills.py`: the checkout, the webhook's door, the guarantee's
button and the worker are killed while they serve. It goes on until so many processes were killed,
and exits with 1 when anything was lost or doubled. `bin/postgres` before it: on PostgreSQL.
"""

from __future__ import annotations

from bench.shop_floor import Clock, empty, everything  # first: it sets Django up

# isort: split
import argparse
import itertools
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tests.flows.kills import Kills
from tests.shop import Shop
from tests.standin.process import StandIn


def one_shop(standin: StandIn, seed: int) -> int:
    """How many processes were killed. Raises AssertionError."""
    empty(standin)
    for alias in connections:
        call_command("flush", database=alias, verbosity=0, interactive=False)
    with (
        tempfile.TemporaryDirectory() as mails,
        time_machine.travel(datetime.now(UTC)) as coordinates,
    ):
        settings.EMAIL_BACKEND = "tests.flows.kills.Backend"
        settings.EMAIL_FILE_PATH = mails
        kills = Kills(Shop.open(standin, Clock(coordinates)), Path(mails), seed)  # type: ignore[arg-type]
        kills.serve()
    return kills.killed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.kills")
    parser.add_argument("kills", type=int, nargs="?", default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    started, killed, wrong = time.monotonic(), 0, 0
    with everything() as standin:
        for seed in itertools.count(arguments.first):
            try:
                killed += one_shop(standin, seed)
            except AssertionError as error:
                wrong += 1
                print(f"seed {seed}: {error!r}", flush=True)
            spent = time.monotonic() - started
            print(f"seed {seed}: {killed} killed, {wrong} wrong, {spent:.0f} s", flush=True)
            if killed >= arguments.kills or wrong > 3:
                break
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
