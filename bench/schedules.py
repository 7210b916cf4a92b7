"""Random schedules on the real code: `python -m bench.schedules [N] [--first SEED] [--plant BUG]`.

Each seed is one schedule of `tests/flows/schedules.py`. It tells how far it is, prints the seed
and the steps of each that ended wrong, and exits with 1 if any did. `bin/postgres` before it, and
it runs on PostgreSQL.

With `--plant` a bug is planted in the running process first, to see that the schedules find it;
then it stops at the first one that ends wrong and says how many it took.
"""

from __future__ import annotations

from bench.shop_floor import Clock, empty, everything  # first: it sets Django up

# isort: split
import argparse
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import time_machine
from django.db import transaction

from bench.plants import PLANTS
from tests.flows.schedules import Schedule, Wrong
from tests.shop import Shop
from tests.standin.process import StandIn


def run_one(standin: StandIn, seed: int) -> None:
    empty(standin)
    with time_machine.travel(datetime.now(UTC)) as coordinates, transaction.atomic():
        Schedule(Shop.open(standin, Clock(coordinates)), seed).run()  # type: ignore[arg-type]
        transaction.set_rollback(True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.schedules")
    parser.add_argument("number", type=int, nargs="?", default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--plant", choices=sorted(PLANTS))
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.number)
    started, wrong = time.monotonic(), 0
    with everything() as standin, ExitStack() as stack:
        if arguments.plant:
            PLANTS[arguments.plant](stack)
        for done, seed in enumerate(seeds, start=1):
            try:
                run_one(standin, seed)
            except Wrong as error:
                wrong += 1
                print(error, flush=True)
                if arguments.plant:
                    print(f"{arguments.plant}: found after {done} schedules")
                    return 0
            if done % 20 == 0 or done == len(seeds):
                each = (time.monotonic() - started) / done
                print(f"{done} of {len(seeds)}: {wrong} wrong, {each:.2f} s each", flush=True)
    return 1 if wrong or arguments.plant else 0


if __name__ == "__main__":
    sys.exit(main())
