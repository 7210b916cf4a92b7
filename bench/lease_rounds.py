"""The race of bench/lease_race.py in several processes, in rounds, until so much is done."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import nullcontext
from functools import partial

from django.db import connections

from bench import lease_race
from bench.lease_race import Tally, make_pools

WRITERS = 16  # threads in each process
ROUND_OPERATIONS, ROUND_SECONDS = 50_000, 120
LEAST_A_MINUTE = 500  # operations; two busy cores did 6,600
_fork = multiprocessing.get_context("fork")


def race(operations: int = 1_000_000, processes: int = 4, seconds: int = 86_400) -> int:
    """1 if anybody saw a wrong, or if so little was done that it proves nothing.

    Rounds are bounded in time, with a line for each: where the machine has other things to do (or
    the one that holds the lock is starved) it is slow and not silent.
    """
    make_pools()
    total, started = Tally(), time.monotonic()
    for number in itertools.count():
        left = seconds - int(time.monotonic() - started)
        if total.wrong or total.operations >= operations or left <= 0:
            break
        share = min(ROUND_OPERATIONS, operations - total.operations) // processes + 1
        share_of = partial(run_share, operations=share, seconds=min(left, ROUND_SECONDS))
        seeds = range(number * processes, (number + 1) * processes)
        with _processes(processes) as pool:  # says if one died
            for tally in pool.map(share_of, seeds):
                total.add(tally)
        _report(total, processes, time.monotonic() - started)
    for limit, (firm, both) in sorted(total.most.items()):
        most = f"most firm {firm} of {limit * 11 // 10}, in all {both} of {2 * limit}"
        print(f"limit {limit}: {most}")
    if why := doubt(total, wanted=operations, took=time.monotonic() - started):
        print(f"This proves nothing: {why}.")
    return int(bool(total.wrong or why))


def doubt(total: Tally, *, wanted: int, took: float) -> str:
    """Why a race of *took* seconds proves nothing, or ""."""
    if total.operations < min(wanted, LEAST_A_MINUTE * took / 60) or not total.operations:
        return f"{total.operations} operations in {took:.0f} s"
    return "" if total.was_full() else "the pool of 100 was never full"


def mutants(processes: int = 4, seconds: int = 20) -> int:
    """Without the lock, and without the delete of what expired: 1 if it does not show in time."""
    unseen = 0
    for mutant in ("without_lock", "without_delete"):
        make_pools()
        began = time.monotonic()
        share_of = partial(run_share, operations=10**9, seconds=seconds, mutant=mutant)
        with _processes(processes) as pool:
            shares = [pool.submit(share_of, seed) for seed in range(processes)]
            wait(shares, return_when=FIRST_COMPLETED)  # it ends with the first wrong that it sees
            took = time.monotonic() - began
        wrong = [one for share in shares for one in share.result().wrong]
        print(f"{mutant}: {wrong[0] if wrong else 'NOT SEEN'}, after {took:.1f} s", flush=True)
        unseen += not wrong
    return int(bool(unseen))


def run_share(seed: int, *, operations: int, seconds: float, mutant: str = "") -> Tally:
    """What one process of writers does in a round."""
    changed = getattr(lease_race, mutant) if mutant else nullcontext
    with lease_race.short_times(), changed():
        return lease_race.race(seed=seed, writers=WRITERS, seconds=seconds, operations=operations)


def _processes(number: int) -> ProcessPoolExecutor:
    connections.close_all()  # one must not cross a fork
    return ProcessPoolExecutor(number, mp_context=_fork)


def _report(total: Tally, processes: int, took: float) -> None:
    print(
        f"{processes * WRITERS} writers, {total.operations:,} operations in {total.requests:,} "
        f"requests in {took:.0f} s = {total.operations / took:.0f}/s, "
        f"{total.busy} told to come later; over-grants: {len(total.wrong)} {total.wrong[:3]}",
        flush=True,
    )
