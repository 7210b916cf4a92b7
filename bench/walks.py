"""Random walks of `tests/flows/walks.py`: `python -m bench.walks [N] [--seed N] [--plant BUG]`.

Prints the walk that ends wrong, with the seed that finds it again, and exits with 1 if one did.
`bin/postgres` before it, and it runs on PostgreSQL. With `--plant` a bug is planted first, to see
that the walks find it.
"""

from __future__ import annotations

from bench.shop_floor import Clock, empty, everything  # first: it sets Django up

# isort: split
import argparse
import random
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import time_machine
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from bench.plants import PLANTS
from tests.flows.walks import Walk
from tests.shop import Shop

STEPS = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.walks")
    parser.add_argument("number", type=int, nargs="?", default=100)
    parser.add_argument("--shrink", action="store_true", help="look for the shortest, for minutes")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="or another one")
    parser.add_argument("--plant", choices=sorted(PLANTS))
    arguments = parser.parse_args()
    walks = settings_of(arguments)
    started, begun = time.monotonic(), 0
    with everything() as standin, ExitStack() as stack:
        if arguments.plant:
            PLANTS[arguments.plant](stack)
        coordinates = stack.enter_context(time_machine.travel(datetime.now(UTC)))

        class AWalk(Walk):
            @staticmethod
            def open_shop() -> Shop:
                nonlocal begun
                begun += 1
                if begun % 50 == 0:
                    print(f"{begun} begun after {time.monotonic() - started:.0f} s", flush=True)
                coordinates.move_to(datetime(2026, 3, 10, 12, tzinfo=UTC))
                empty(standin)
                return Shop.open(standin, Clock(coordinates))  # type: ignore[arg-type]

        wrong = 0
        try:
            run_state_machine_as_test(seed(arguments.seed)(AWalk), settings=walks)
        except Exception as error:
            wrong = 1
            print(repr(error)[:2000], *getattr(error, "__notes__", []), sep="\n")
    each = (time.monotonic() - started) / begun
    what = f"{arguments.plant or 'walks'} with seed {arguments.seed}"
    print(f"{what}: {begun} walks, {wrong} wrong, {each:.2f} s each")
    return int(bool(wrong) != bool(arguments.plant))


def settings_of(arguments: argparse.Namespace) -> settings:
    phases = [Phase.generate, Phase.shrink] if arguments.shrink else [Phase.generate]
    return settings(
        max_examples=arguments.number,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


if __name__ == "__main__":
    sys.exit(main())
