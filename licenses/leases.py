"""The ledger of threads: acquire, renew, release. Whoever changes a sum holds the pool's lock.

A renewal that changes nothing takes no lock: one conditional UPDATE. Everything else locks the
pool's row (SQLite: BEGIN IMMEDIATE), deletes what expired, counts, and writes. After each commit
the sums over *all* rows of a license obey I1 and I2 (licenses.granting), whatever the clocks say.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q

from licenses.granting import (
    NOTHING,
    Grant,
    Terms,
    grant_free_threads,
    grant_threads,
    surge_ends_at,
)
from licenses.lease_sql import find_pool, renew, sum_up
from licenses.models import Lease, LeasePool, License, LicenseEvent
from licenses.routers import VOLATILE
from licenses.usage import NONE_REFUSED, Refused, Use, note_hour
from licenses.wishes import Answer, Outcome, Pace, Wish

TTL_SECONDS = 900
NEXT_SECONDS = 300
STANDBY_NEXT_SECONDS = 60  # whoever waits for threads asks more often
LARGE_POOL = 100  # processes; from then on renewals come a third as often
LARGE_TTL_SECONDS = 2700
LARGE_NEXT_SECONDS = 900

Status = License.Status


def acquire_leases(license: License, wishes: Sequence[Wish], *, at: datetime) -> Outcome:
    """Acquire or renew; safe to repeat, in any order."""
    if license.status in {Status.SUSPENDED, Status.REVOKED}:
        return _refuse(license, wishes, at)
    pool = find_pool(license.pk) or LeasePool(pk=license.pk)
    pace = pace_of(pool)
    left = list(wishes)
    if not pool.is_draining and pool.license_rev >= license.rev:
        until = at + timedelta(seconds=pace.ttl_s)
        left = [wish for wish in wishes if not renew(license.pk, wish, at=at, until=until)]
    settled: dict[uuid.UUID, Grant] = {}
    if left:
        pool, settled = _settle(license, left, at, pace)
    grants = [settled.get(wish.iid, Grant(firm=wish.threads)) for wish in wishes]
    surge_s = 0 if pool.surge_until is None else int((pool.surge_until - at).total_seconds())
    answers = [
        _answer(license, wish, grant, pace, surge_s=surge_s)
        for wish, grant in zip(wishes, grants, strict=True)
    ]
    return Outcome(answers, pool)


def release_lease(license_id: int, iid: uuid.UUID) -> bool:
    """Give the threads back now; whether there were any. Less needs no lock."""
    deleted, _ = Lease.objects.filter(license_id=license_id, iid=iid).delete()
    return bool(deleted)


def release_by_hand(license: License, iid: uuid.UUID, *, by: str, at: datetime) -> bool:
    """The same for a customer who does not want to wait; written down if there were any.

    A process that lives after all asks anew with its next renewal.
    """
    lease = Lease.objects.filter(license_id=license.pk, iid=iid).first()
    if lease is None or not release_lease(license.pk, iid):
        return False
    who = lease.slot or str(iid)
    reason = f"{lease.firm + lease.surge} of {who} by {by}"[:200]
    LicenseEvent.objects.create(license=license, name="threads released", reason=reason, at=at)
    return True


def _settle(
    license: License, wishes: Sequence[Wish], at: datetime, pace: Pace
) -> tuple[LeasePool, dict[uuid.UUID, Grant]]:
    """The slow path: under the lock, delete what is dead, count, decide, write."""
    with transaction.atomic(using=VOLATILE):
        pool = lock_pool(license)
        forget_dead_leases(pool, wishes, at)
        rows = {row.iid: row for row in _rows_of(license.pk, wishes)}
        granted = _decide(pool, wishes, rows, at)
        until = at + timedelta(seconds=pace.ttl_s)
        Lease.objects.bulk_create(
            [_row(license.pk, wish, granted[wish.iid], at, until) for wish in wishes],
            update_conflicts=True,
            unique_fields=["license_id", "iid"],
            update_fields=[
                "slot", "env", "is_counted", "threads", "firm", "surge", "expires_at", "package",
            ],
        )  # fmt: skip
        short = [wish for wish in wishes if granted[wish.iid].total < wish.threads]
        count_pool(pool, at, refused=_why(pool, short))
    return pool, granted


def _why(pool: LeasePool, short: Sequence[Wish]) -> Refused:
    """For what reason these wishes got fewer threads."""
    counted = sum(wish.is_counted for wish in short)
    free = len(short) - counted
    if pool.is_draining:
        return Refused(drained=counted, over_free=free)
    return Refused(over_limit=counted, over_free=free)


def lock_pool(license: License) -> LeasePool:
    """The license's pool, locked, with the limit of the newest license seen."""
    pools = LeasePool.objects.select_for_update().filter(pk=license.pk)
    pool = pools.first()
    if pool is None:
        LeasePool.objects.bulk_create([LeasePool(pk=license.pk)], ignore_conflicts=True)
        pool = pools.get()
    if license.rev > pool.license_rev:
        pool.limit, pool.license_rev = license.threads, license.rev
    return pool


def forget_dead_leases(pool: LeasePool, wishes: Sequence[Wish], at: datetime) -> None:
    """Delete what expired, and what another process of the same slot held before its restart.

    Deleted and not just ignored: a row that is not counted must never come back to life.
    """
    dead = Q(expires_at__lte=at)
    slots = {wish.slot for wish in wishes if wish.slot}
    if slots:
        dead |= Q(slot__in=slots) & ~Q(iid__in=[wish.iid for wish in wishes])
    Lease.objects.filter(dead, license_id=pool.pk).delete()
    if pool.surge_until is not None and pool.surge_until <= at:  # I3
        Lease.objects.filter(license_id=pool.pk, surge__gt=0).update(surge=0)
        pool.surge_left_s, pool.surge_counted_at, pool.surge_until = 0.0, pool.surge_until, None


def _decide(
    pool: LeasePool, wishes: Sequence[Wish], rows: dict[uuid.UUID, Lease], at: datetime
) -> dict[uuid.UUID, Grant]:
    """One after the other: each wish beside what all others hold by then."""
    surge_until = surge_ends_at(pool, at)
    before = sum_up(pool.pk)
    terms = Terms(
        pool.limit,
        is_draining=pool.is_draining,
        has_surge=surge_until is not None,
        all_wanted=_all_wanted(before[True].wanted, wishes, rows),
    )
    sums = {is_counted: held.held for is_counted, held in before.items()}
    granted: dict[uuid.UUID, Grant] = {}
    for wish in wishes:
        mine = NOTHING
        if (known := rows.get(wish.iid)) is not None:
            sums[known.is_counted] -= held_by(known)
            mine = held_by(known) if known.is_counted == wish.is_counted else NOTHING
        others = sums[wish.is_counted]
        if wish.is_counted:
            got = grant_threads(terms, wanted=wish.threads, held=mine, others=others)
        else:
            got = grant_free_threads(terms.limit, wanted=wish.threads, others=others)
        sums[wish.is_counted] += got
        granted[wish.iid] = got
    if any(grant.surge for grant in granted.values()):
        pool.surge_until = surge_until
    return granted


def held_by(row: Lease) -> Grant:
    return Grant(row.firm, row.surge)


def _all_wanted(before: int, wishes: Sequence[Wish], rows: dict[uuid.UUID, Lease]) -> int:
    """How much production will want with these wishes, of which some replace a row."""
    replaced = sum(row.threads for row in rows.values() if row.is_counted)
    return before - replaced + sum(wish.threads for wish in wishes if wish.is_counted)


def _rows_of(license_id: int, wishes: Sequence[Wish]) -> models.QuerySet[Lease]:
    return Lease.objects.filter(license_id=license_id, iid__in=[wish.iid for wish in wishes])


def _row(license_id: int, wish: Wish, grant: Grant, at: datetime, until: datetime) -> Lease:
    return Lease(
        license_id=license_id, iid=wish.iid, slot=wish.slot, env=wish.env,
        is_counted=wish.is_counted, threads=wish.threads, firm=grant.firm, surge=grant.surge,
        expires_at=until, acquired_at=at, package=wish.package,
    )  # fmt: skip


def count_pool(pool: LeasePool, at: datetime, *, refused: Refused = NONE_REFUSED) -> None:
    """Write the sums of a locked pool, and what follows from them. Safe to repeat."""
    sums = sum_up(pool.pk)
    production, free = sums[True], sums[False].held.firm
    pool.firm, pool.surge = production.held.firm, production.held.surge
    pool.leases = production.leases
    if pool.surge_until is not None and not pool.surge:  # over before its time
        pool.surge_left_s = max(0.0, (pool.surge_until - at).total_seconds())
        pool.surge_counted_at, pool.surge_until = at, None
    _note_overage(pool, production.wanted, at)
    pool.save()
    use = Use(pool.firm, pool.surge, free, pool.leases, production.wanted, refused)
    note_hour(pool.pk, at, use)


def _note_overage(pool: LeasePool, wanted: int, at: datetime) -> None:
    """Since when the pool has had more than its limit, without a break."""
    limit = pool.limit
    if limit is not None and (pool.firm > limit or (pool.is_draining and wanted > limit)):
        pool.over_since = pool.over_since or at
        return
    pool.over_since = pool.over_mailed_at = None
    pool.over_mails, pool.is_draining = 0, False


def _refuse(license: License, wishes: Sequence[Wish], at: datetime) -> Outcome:
    """A suspended or revoked license has no threads; the jobs that run are left to finish."""
    _rows_of(license.pk, wishes).delete()
    note_hour(license.pk, at, Use(refused=Refused(not_active=len(wishes))))
    pool = LeasePool(pk=license.pk, limit=license.threads, license_rev=license.rev)
    pace = pace_of(pool)
    return Outcome([_answer(license, wish, NOTHING, pace) for wish in wishes], pool)


def _answer(license: License, wish: Wish, grant: Grant, pace: Pace, *, surge_s: int = 0) -> Answer:
    waits = grant.total < wish.threads and license.is_active
    return Answer(
        iid=wish.iid,
        code=_code(license, wish, grant),
        grant=grant,
        surge_s=max(0, surge_s) if grant.surge else 0,
        ttl_s=pace.ttl_s,
        next_s=STANDBY_NEXT_SECONDS if waits else pace.next_s,
        is_counted=wish.is_counted,
    )


def _code(license: License, wish: Wish, grant: Grant) -> str:
    if not license.is_active:
        return license.status.upper()  # LAPSED, SUSPENDED, REVOKED
    if grant.total < wish.threads:
        return "OVER_LIMIT"
    if not wish.is_counted:
        return "NONPROD"
    return "SURGE" if grant.surge else "OK"


def pace_of(pool: LeasePool) -> Pace:
    if pool.leases > LARGE_POOL:
        return Pace(LARGE_TTL_SECONDS, LARGE_NEXT_SECONDS)
    return Pace(TTL_SECONDS, NEXT_SECONDS)
