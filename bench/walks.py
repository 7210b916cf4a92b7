"""Random walks of `tests/flows/walks.py`: `python -m bench.walks [N] [--first SEED] [--plant BUG]`.

Each seed is one walk, drawn by dice. It tells how far it is, prints the seed and the steps of each
that ends wrong, and exits with 1 if any did. `bin/postgres` before it, and it runs on PostgreSQL.

With `--plant` a bug is planted first, to see that the walks find it; then it stops at the first one
that ends wrong. With `--shrink` hypothesis walks, and looks for the shortest, for minutes.
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
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bench.plants import PLANTS
from tests.flows.walks import Walk
from tests.flows.walks_steps import roll
from tests.shop import Shop

STEPS = 25  # at most
BEGINNING = datetime(2026, 3, 10, 12, tzinfo=UTC)


def main() -> int:
    arguments = parsed()
    started, begun, wrong = time.monotonic(), 0, 0
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
                    passed = time.monotonic() - started
                    print(f"{begun} begun after {passed:.0f} s, {wrong} wrong", flush=True)
                coordinates.move_to(BEGINNING)
                empty(standin)
                return Shop.open(standin, Clock(coordinates))  # type: ignore[arg-type]

        for seed in range(arguments.first, arguments.first + arguments.number):
            if arguments.shrink:
                wrong = by_hypothesis(AWalk, arguments.number)
                break
            wrong += by_dice(AWalk, seed)
            if wrong and arguments.plant:
                break
    each = (time.monotonic() - started) / begun
    print(f"{arguments.plant or 'walks'}: {begun} walks, {wrong} wrong, {each:.2f} s each")
    return int(bool(wrong) != bool(arguments.plant))


def by_dice(kind: type[Walk], seed: int) -> bool:
    """Whether it ended wrong."""
    dice, taken, walk = random.Random(seed), [], kind()
    try:
        taken.extend(
            roll(walk, dice, dice.randint(6, STEPS))
        )  # what was said before it failed, too
        walk.teardown()
    except Exception as error:
        print(f"seed {seed}: {error!r}"[:2000], *taken, sep="\n  ", flush=True)
        walk.leave()
        return True
    return False


def by_hypothesis(kind: type[Walk], number: int) -> bool:
    """Whether one ended wrong."""
    walks = settings(
        max_examples=number,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(kind, settings=walks)
    except Exception as error:
        print(repr(error)[:2000], *getattr(error, "__notes__", []), sep="\n")
        return True
    return False


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.walks")
    parser.add_argument("number", type=int, nargs="?", default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--shrink", action="store_true", help="hypothesis walks instead")
    parser.add_argument("--plant", choices=sorted(PLANTS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
