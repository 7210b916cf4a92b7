"""Random lives of customers on a clock of their own: the real client against the real ledger.

    PYTHONPATH=sdk/src python -m bench.lease_model [SECONDS] [SEED]      300, 1; exit code 0 or 1

Processes start, crash, restart in their slot, fork, resize, sleep and say goodbye, and half of
them renew together; hosts are cut off, the server is away for up to 29 days, its clock and the
customers' jump; answers are lost, doubled, replayed and forged; licenses are bought up and down,
suspended and reinstated. After each step the properties are checked that the names below stand
for (P1 to P5, P7 to P9, P11). The others: P6 in tests/licenses/test_leases.py, P10 and P14 in
tests/sdk, P12 in bench/small_machine.py, P13 in tests/sdk/test_outages.py.
"""

from __future__ import annotations

import heapq
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.lease_world import DAY, Pool, Process, Seller
from bench.leases import set_up

HOUR = 3600.0
TTL, MOST_PAUSE = 900.0, 360.0
OUTAGES = {60.0: 20, HOUR: 10, 6 * HOUR: 3, 29 * DAY: 1}  # seconds: how often
# Threads bought, and processes at most of ten threads: one pool that is never full, one that is
# always too small, and one whose limit, status and clock suffer.
POOLS = {"calm": (400, 15), "hungry": (100, 30), "troubled": (200, 25)}


class Model(Seller):
    """All of it, one step after the other."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__({name: limit for name, (limit, _) in POOLS.items()}, folder)
        self.dice = random.Random(seed)
        random.seed(seed)  # the client's jitter
        self.wrong: list[str] = []
        self.schedule: list[tuple[float, int, Process]] = []
        self.numbers = 0

    # --- steps -----------------------------------------------------------------------------------

    def step(self) -> None:
        """One thing happens, or time passes until the next beat."""
        if self.dice.random() < 0.9 and self.schedule:
            self._beat()
        else:
            names = list(EVENTS)
            name = self.dice.choices(names, [EVENTS[name] for name in names])[0]
            act: Callable[[], None] = getattr(self, f"_{name}")
            act()
            self.done[name] += 1
        self._check_ledger()

    def _beat(self) -> None:
        at, _, process = heapq.heappop(self.schedule)
        self._pass_time(max(self.world.passed, at))
        if process not in process.pool.processes:
            return
        faults = ["doubled", "replayed", "forged", "lost"]
        fault = self.dice.choice(faults) if self.dice.random() < 0.05 else ""
        before = process.lease.heard
        process.set_fault("cut" if process.cut_since is not None else fault)
        pause = process.lease.beat()
        self.done["beats"] += 1
        is_lie = fault in {"replayed", "forged"} and not process.is_together  # its leader's is true
        if is_lie and process.lease.heard is not before:
            self.wrong.append(f"P11 an answer that was {fault} was taken")
        self._plan(process, pause)
        self._check_process(process, pause)

    def _plan(self, process: Process, pause: float) -> None:
        self.numbers += 1
        heapq.heappush(self.schedule, (self.world.passed + pause, self.numbers, process))

    def _pass_time(self, until: float) -> None:
        if self.is_away and until >= self.away_until:
            self.is_away = False
        self.world.passed = until

    def _start(self) -> None:
        pool = self.dice.choice(self.pools)
        if len(pool.processes) < POOLS[pool.name][1]:
            slot = f"host/{self.dice.randrange(60)}" if self.dice.random() < 0.5 else ""
            if any(process.slot == slot for process in pool.processes if slot):
                slot = ""
            self._add(self._make(pool, self.dice.choice([1, 5, 10]), slot))

    def _make(self, pool: Pool, wanted: int, slot: str) -> Process:
        return Process(self, pool, wanted, slot, is_together=self.dice.random() < 0.5)

    def _add(self, process: Process) -> None:
        process.pool.processes.append(process)
        self._plan(process, 0)
        if process.lease.verdict().threads != process.lease.wanted:
            self.wrong.append("P2 a start waits for an answer")

    def _any(self, name: str = "") -> Process | None:
        found = [p for pool in self.pools if name in ("", pool.name) for p in pool.processes]
        return self.dice.choice(found) if found else None

    def _crash(self) -> None:
        process = self._any()
        if process is None:
            return
        process.pool.processes.remove(process)
        process.kill()
        if process.slot and self.dice.random() < 0.7:  # and comes back in its slot
            self._add(self._make(process.pool, process.lease.wanted, process.slot))

    def _goodbye(self) -> None:
        process = self._any()
        if process is not None:
            process.pool.processes.remove(process)
            process.lease._asker.goodbye()  # noqa: SLF001

    def _fork(self) -> None:
        process = self._any()
        if process is None or len(process.pool.processes) >= POOLS[process.pool.name][1]:
            return
        child = self._make(process.pool, process.lease.wanted, "")
        child.lease.heard = process.lease.heard
        child.lease.after_fork_in_child()
        if child.lease.iid == process.lease.iid or child.lease.heard is not None:
            self.wrong.append("P9 a child goes on with its parent's lease")
        self._add(child)

    def _resize(self) -> None:
        process = self._any()
        if process is not None:
            process.lease.resize(self.dice.choice([1, 5, 10]))
            self._plan_anew(process)

    def _plan_anew(self, process: Process) -> None:
        self.schedule = [entry for entry in self.schedule if entry[2] is not process]
        heapq.heapify(self.schedule)
        self._plan(process, 0)

    def _cut(self) -> None:
        process = self._any()
        if process is not None:
            process.cut_since = None if process.cut_since is not None else self.world.passed

    def _outage(self) -> None:
        self.is_away = True
        (span,) = self.dice.choices(list(OUTAGES), list(OUTAGES.values()))
        self.away_until = self.world.passed + span

    def _sleep(self) -> None:
        """All machines of all customers stand still, and go on as if nothing had been."""
        self._pass_time(self.world.passed + self.dice.choice([HOUR / 4, 8 * HOUR, 5 * DAY]))

    def _server_clock(self) -> None:
        self.world.server_off = self.dice.choice([-HOUR, 0.0, HOUR])

    def _client_clock(self) -> None:
        before = [p.lease.verdict() for pool in self.pools for p in pool.processes]
        self.world.wall_off = self.dice.choice([-DAY, 0.0, DAY])
        if before != [p.lease.verdict() for pool in self.pools for p in pool.processes]:
            self.wrong.append("P8 a customer's clock changed a verdict")

    def _buy(self) -> None:
        from licenses.issuing import Grant, renew_license  # noqa: PLC0415

        pool = self.pools[-1]
        if pool.stopped_at is not None:
            return
        grant = Grant(
            pool.license.tier_id, "limited", self.dice.choice([100, 200, 300]),
            pool.license.paid_through,
        )  # fmt: skip
        renew_license(pool.license.pk, grant=grant, at=self.now())
        self._reread(pool)

    def _status(self) -> None:
        from licenses import status  # noqa: PLC0415

        pool = self.pools[-1]
        move = status.suspend_license if pool.stopped_at is None else status.reinstate_license
        move(pool.license.pk, at=self.now(), reason="model")
        pool.stopped_at = self.world.passed if pool.stopped_at is None else None
        self._reread(pool)

    def _reread(self, pool: Pool) -> None:
        from licenses.models import License  # noqa: PLC0415

        licenses = License.objects.select_related("customer", "tier__product")
        pool.license = licenses.get(pk=pool.license.pk)
        pool.most_limit = max(pool.most_limit, pool.license.threads)

    def _duties(self) -> None:
        from licenses.lease_duties import lease_duties  # noqa: PLC0415

        lease_duties(self.now())

    # --- properties ------------------------------------------------------------------------------

    def _check_process(self, process: Process, pause: float) -> None:
        pool, lease = process.pool, process.lease
        got, wanted = lease.verdict().threads, lease.wanted
        answered = lease.heard is not None and not lease._failures  # noqa: SLF001
        if answered and pause > MOST_PAUSE:
            self.wrong.append(f"P5 asked again only after {pause:.0f} s")
        stopped = pool.stopped_at is not None and lease.heard and lease.heard.at > pool.stopped_at
        if stopped and got:
            self.wrong.append("P5 paid work is taken after the license was stopped")
        silent = self.world.passed - (lease.heard.at if lease.heard else process.started_at)
        if pool.name == "calm" and got != wanted and silent < 30 * DAY:
            self.wrong.append(f"P2/P7 {got} of {wanted} threads in a pool that was never full")
        if got > wanted:
            self.wrong.append("more threads than were wanted")

    def _check_ledger(self) -> None:
        """P1, P3, P4: over all rows, dead or alive."""
        from licenses.models import Lease as Row  # noqa: PLC0415

        firm: Counter[int] = Counter()
        surge: Counter[int] = Counter()
        slots: Counter[tuple[int, str]] = Counter()
        for row in Row.objects.values_list("license_id", "firm", "surge", "slot", "expires_at"):
            firm[row[0]] += row[1]
            surge[row[0]] += row[2]
            slots[row[0], row[3]] += bool(row[3])
            if (row[4] - self.now()).total_seconds() > TTL + 2 * HOUR:
                self.wrong.append("P3 a lease that does not end")
        for pool in self.pools:
            most, key = pool.most_limit, pool.license.pk
            if firm[key] > most * 11 // 10 or firm[key] + surge[key] > 2 * most:
                self.wrong.append(f"P1 {firm[key]} firm and {surge[key]} surge of {most}")
        if any(count > 1 for count in slots.values()):
            self.wrong.append("P3 a slot is held twice")


EVENTS = {
    "start": 30, "crash": 14, "goodbye": 8, "fork": 5, "resize": 14, "cut": 8, "outage": 1,
    "sleep": 2, "server_clock": 1, "client_clock": 2, "buy": 3, "status": 2, "duties": 4,
}  # fmt: skip


def run(folder: Path, *, seconds: float, seed: int, steps: int | None = None) -> Model:
    """Until the time is over, so many steps are done, or something is wrong."""
    model, ends_at = Model(seed, folder), time.monotonic() + seconds
    while time.monotonic() < ends_at and not model.wrong:
        model.step()
        model.done["steps"] += 1
        if steps is not None and model.done["steps"] >= steps:
            break
    return model


def main() -> int:
    given = [int(number) for number in sys.argv[1:]]
    seconds, seed = (*given, *(300, 1)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        set_up(Path(folder))
        logging.getLogger("wheelbarrow_client").setLevel(logging.CRITICAL)
        model = run(Path(folder), seconds=seconds, seed=seed)
    days = (model.world.passed - 10 * DAY) / DAY
    counts = ", ".join(f"{count:,} {name}" for name, count in model.done.most_common())
    print(f"{days:,.0f} days of three customers: {counts}")
    print(f"wrong: {len(model.wrong)} {model.wrong[:3]}")
    return bool(model.wrong)


if __name__ == "__main__":
    sys.exit(main())
