"""Every story of `tests/flows/stripe_away.py`, with every fault at each of its requests in turn.

    python -m bench.stripe_away [STORY …] [--fault "500 during"]

Says how many requests each story makes, and exits with 1 if one did not end as if nothing had
failed. `bin/postgres` before it, and it runs on PostgreSQL.
"""

from __future__ import annotations

from bench.shop_floor import Clock, empty, everything  # first: it sets Django up

# isort: split
import argparse
import sys
import time
from datetime import UTC, datetime

import time_machine
from django.db import transaction

from tests.flows.striking import FAULTS, Story, strike
from tests.flows.stripe_away import STORIES
from tests.shop import Shop
from tests.standin.process import StandIn


def strike_once(standin: StandIn, story: Story, fault: tuple[str, str], number: int) -> bool:
    empty(standin)
    with time_machine.travel(datetime.now(UTC)) as coordinates, transaction.atomic():
        shop = Shop.open(standin, Clock(coordinates))  # type: ignore[arg-type]
        struck = strike(shop, story, fault, number)
        transaction.set_rollback(True)
    return struck


def strike_all(standin: StandIn, name: str, fault: tuple[str, str]) -> tuple[int, int]:
    """How many requests were struck, and after how many of them it ended wrong."""
    number, wrong, struck = 0, 0, True
    while struck:
        try:
            struck = strike_once(standin, STORIES[name], fault, number)
        except Exception as error:
            wrong += 1
            print(f"{name}, {' '.join(fault)} {number}: {error!r}"[:600], flush=True)
            if wrong > 5:  # the story itself
                break
        number += 1
    return number - 1, wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.stripe_away")
    parser.add_argument("story", nargs="*", default=list(STORIES))
    parser.add_argument("--fault", action="append", choices=[" ".join(one) for one in FAULTS])
    arguments = parser.parse_args()
    faults = [one for one in FAULTS if not arguments.fault or " ".join(one) in arguments.fault]
    started, played, failed = time.monotonic(), 0, 0
    with everything() as standin:
        for name in arguments.story:
            for fault in faults:
                struck, wrong = strike_all(standin, name, fault)
                played, failed = played + struck, failed + wrong
                print(f"{name}: {' '.join(fault)} at {struck} requests: {wrong} wrong", flush=True)
    print(f"{played} failures in {time.monotonic() - started:.0f} s: {failed} ended wrong")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
