"""Adversaries for the ledger of threads: many writers, short leases, crashes, resizes, forks.

Used by tests/licenses/test_lease_race.py for seconds and by bench/leases.py for a million
operations. The sums over *all* rows of a license must obey I1 and I2 whenever anybody looks.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import IntegrityError, OperationalError, connections
from django.db.models import Count, Sum
from django.utils import timezone

from licenses import granting, leases
from licenses.granting import Grant
from licenses.lease_sql import Sums
from licenses.leases import acquire_leases, release_lease
from licenses.models import Lease, LeasePool, License
from licenses.routers import VOLATILE
from licenses.wishes import Answer, Pace, Wish

LIMITS = (7, 40, 100, 250)  # one pool each
FIRST_ID = 900_000_000
HELD, NEW_IN_BATCH = 24, (0, 0, 5, 20)  # processes of one host
LOCK_STATES = ("55P03", "40P01")  # PostgreSQL: waited too long for a lock, and a deadlock
SURGE_SECONDS, SURGE_REFILL_SECONDS, LEAST_SURGE_SECONDS = 0.5, 2.0, 0.05


@dataclass
class Tally:
    """What one process of writers did and saw."""

    operations: int = 0  # leases asked for or given back; a batch counts for each of its members
    requests: int = 0  # in so many transactions
    renewals: int = 0
    busy: int = 0
    most: dict[int, tuple[int, int]] = field(default_factory=dict)  # limit: firm, firm + surge
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.operations += other.operations
        self.requests += other.requests
        self.renewals += other.renewals
        self.busy += other.busy
        self.wrong += other.wrong
        for limit, (firm, total) in other.most.items():
            mine = self.most.get(limit, (0, 0))
            self.most[limit] = (max(mine[0], firm), max(mine[1], total))

    def was_full(self) -> bool:
        """Whether they met at all: the pool of 100 was full, and surged by half."""
        firm, total = self.most.get(100, (0, 0))
        return firm == 110 and total > 150


def make_pools() -> None:
    """The pools, before anybody comes; the last one's limit will go up and down."""
    for number, limit in enumerate(LIMITS):
        new = {"limit": limit, "license_rev": 1, "surge_left_s": SURGE_SECONDS}
        LeasePool.objects.get_or_create(pk=FIRST_ID + number, defaults=new)


@contextlib.contextmanager
def short_times() -> Iterator[None]:
    """Leases of 10 to 300 ms and surges of half a second."""
    kept = (leases.pace_of, granting.SURGE_SECONDS, granting.SURGE_REFILL_SECONDS)
    least = granting.LEAST_SURGE_SECONDS
    leases.pace_of = lambda _: Pace(random.uniform(0.01, 0.3), 1)
    granting.SURGE_SECONDS = SURGE_SECONDS
    granting.SURGE_REFILL_SECONDS = SURGE_REFILL_SECONDS
    granting.LEAST_SURGE_SECONDS = LEAST_SURGE_SECONDS
    try:
        yield
    finally:
        leases.pace_of, granting.SURGE_SECONDS, granting.SURGE_REFILL_SECONDS = kept
        granting.LEAST_SURGE_SECONDS = least


def race(*, seed: int, writers: int, seconds: float, operations: int | None = None) -> Tally:
    """So many threads at it until the time is over, the operations are done, or one saw a wrong."""
    stop = threading.Event()
    ends_at = time.monotonic() + seconds
    share = None if operations is None else operations // writers

    def write(number: int) -> Tally:
        writer = Writer(random.Random(seed * 1000 + number))
        try:
            while not stop.is_set() and time.monotonic() < ends_at:
                writer.act()
                if writer.tally.wrong:
                    stop.set()
                if share is not None and writer.tally.operations >= share:
                    break
        except BaseException:
            stop.set()  # nobody goes on for hours beside a race that failed
            raise
        finally:
            connections.close_all()
        return writer.tally

    total = Tally()
    with ThreadPoolExecutor(writers) as pool:
        for tally in pool.map(write, range(writers)):
            total.add(tally)
    return total


class Writer:
    """One host with some processes; each asks for itself, or one of them leads and asks for all."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.tally = Tally()
        self.held: list[tuple[License, Wish]] = []
        self.revs = 1

    def act(self) -> None:
        """One step; a process that is left out for a while is one behind a partition."""
        chance = self.dice.random()
        if chance < 0.35 and self.held:
            license, wish = self.dice.choice(self.held)  # renew
            self._ask(license, [wish])
        elif chance < 0.5:
            self._lead()
        elif chance < 0.6 and self.held:
            license, wish = self.held.pop(self.dice.randrange(len(self.held)))  # resize
            self._keep(license, Wish(wish.iid, self._threads(license), slot=wish.slot))
        elif chance < 0.7 and self.held:
            license, wish = self.held.pop(self.dice.randrange(len(self.held)))
            if self.dice.random() < 0.5:  # goodbye; otherwise a crash
                self.say_goodbye(license, wish)
        elif chance < 0.78 and self.held:
            license, wish = self.dice.choice(self.held)  # fork, or restart in the same slot
            self._keep(
                license,
                Wish(uuid.UUID(int=self.dice.getrandbits(128)), wish.threads, slot=wish.slot),
            )
        else:
            self._start()
        if self.dice.random() < 0.3:
            with self._may_be_busy():
                self._look()

    def say_goodbye(self, license: License, wish: Wish) -> None:
        with self._may_be_busy():
            release_lease(license.pk, wish.iid)
            self.tally.operations += 1
            self.tally.requests += 1

    @contextlib.contextmanager
    def _may_be_busy(self) -> Iterator[None]:
        """A client gets 503 and comes back; whoever waited too long for a lock is no wrong."""
        try:
            yield
        except OperationalError as error:
            if not is_wait(error):
                raise
            self.tally.busy += 1

    def _start(self) -> None:
        license = self._license()
        self._keep(license, self._new_wish(license))
        del self.held[:-HELD]  # the oldest crash

    def _lead(self) -> None:
        """One request for all processes of the host on one pool, some of them just started."""
        license = self._license()
        new = [self._new_wish(license) for _ in range(self.dice.choice(NEW_IN_BATCH))]
        self.held += [(license, wish) for wish in new]
        mine = [wish for one, wish in self.held if one.pk == license.pk]
        in_slots = {wish.slot or wish.iid: wish for wish in mine}  # no slot twice: a restart
        del self.held[:-HELD]
        if in_slots:
            self._ask(license, list(in_slots.values()))

    def _new_wish(self, license: License) -> Wish:
        slot = f"host/{self.dice.randrange(40)}" if self.dice.random() < 0.3 else ""
        env = "staging" if self.dice.random() < 0.1 else "production"
        iid = uuid.UUID(int=self.dice.getrandbits(128))
        return Wish(iid, self._threads(license), env=env, slot=slot)

    def _license(self) -> License:
        number = self.dice.randrange(len(LIMITS))
        limit, rev = LIMITS[number], 1
        if number == len(LIMITS) - 1:  # bought more, bought less; some read it before, some after
            self.revs += self.dice.randrange(3)
            rev, limit = self.revs, self.dice.choice([limit, limit // 2, limit // 5])
        return License(pk=FIRST_ID + number, threads=limit, rev=rev, status="active")

    def _threads(self, license: License) -> int:
        return self.dice.choice([1, 5, 10, (license.threads or 1) // 2, license.threads or 1])

    def _keep(self, license: License, wish: Wish) -> None:
        self.held.append((license, wish))
        self._ask(license, [wish])

    def _ask(self, license: License, wishes: list[Wish]) -> None:
        at = timezone.now()
        if self.dice.random() < 0.05:  # a request that waited on its way
            time.sleep(self.dice.uniform(0, 0.02))
        try:
            with self._may_be_busy():
                self._count(wishes, acquire_leases(license, wishes, at=at).answers)
        except IntegrityError as error:  # two settled at once
            self.tally.wrong.append(str(error))

    def _count(self, wishes: list[Wish], answers: list[Answer]) -> None:
        self.tally.requests += 1
        for wish, answer in zip(wishes, answers, strict=True):
            self.tally.operations += 1
            self.tally.renewals += answer.code == "OK"
            if answer.grant.total > wish.threads:
                self.tally.wrong.append(f"{answer.grant} for {wish.threads}")

    def _look(self) -> None:
        """I1, I2, I5 and I6 over all rows, in one statement each."""
        rows = Lease.objects.filter(license_id__gte=FIRST_ID, is_counted=True)
        sums = rows.values("license_id").annotate(all_firm=Sum("firm"), all_surge=Sum("surge"))
        for row in sums.order_by():
            limit = LIMITS[row["license_id"] - FIRST_ID]
            firm, total = row["all_firm"], row["all_firm"] + row["all_surge"]
            most = self.tally.most.get(limit, (0, 0))
            self.tally.most[limit] = (max(most[0], firm), max(most[1], total))
            if firm > limit * 11 // 10 or total > 2 * limit:
                self.tally.wrong.append(f"{firm} firm, {total} in all, of {limit}")
        slots = Lease.objects.filter(license_id__gte=FIRST_ID).exclude(slot="")
        doubled = slots.values("license_id", "slot").annotate(rows=Count("pk")).filter(rows__gt=1)
        if doubled.order_by().exists():
            self.tally.wrong.append("a slot is held twice")


def is_wait(error: OperationalError) -> bool:
    """Whether it is of a lock that somebody else held for too long, on either engine."""
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return sqlstate in LOCK_STATES or "is locked" in str(error)


@contextlib.contextmanager
def without_lock() -> Iterator[None]:
    """A mutant: the pool is not locked."""
    kept = leases.lock_pool, leases.transaction

    def unlocked(license: License) -> LeasePool:
        pool = LeasePool.objects.get(pk=license.pk)
        if license.rev > pool.license_rev:
            pool.limit, pool.license_rev = license.threads, license.rev
        return pool

    leases.lock_pool = unlocked
    if connections[VOLATILE].vendor == "sqlite":  # there BEGIN IMMEDIATE is the lock
        leases.transaction = _NoTransactions()  # type: ignore[assignment]
    try:
        yield
    finally:
        leases.lock_pool, leases.transaction = kept


@contextlib.contextmanager
def without_delete() -> Iterator[None]:
    """A mutant: expired leases are not counted but left in their place."""
    kept = leases.forget_dead_leases, leases.sum_up, leases._rows_of  # noqa: SLF001
    leases.forget_dead_leases = lambda *_: None  # type: ignore[assignment]
    leases.sum_up = _sum_up_the_living
    leases._rows_of = lambda *of: kept[2](*of).filter(expires_at__gt=timezone.now())  # noqa: SLF001
    try:
        yield
    finally:
        leases.forget_dead_leases, leases.sum_up, leases._rows_of = kept  # noqa: SLF001


def _sum_up_the_living(license_id: int) -> dict[bool, Sums]:
    sums = {True: Sums(), False: Sums()}
    for row in Lease.objects.filter(license_id=license_id, expires_at__gt=timezone.now()):
        one = sums[row.is_counted]
        held = one.held + Grant(row.firm, row.surge)
        sums[row.is_counted] = Sums(held, one.wanted + row.threads, one.leases + 1)
    return sums


class _NoTransactions:
    def atomic(self, using: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()
