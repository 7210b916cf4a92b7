"""The threads that run now, as their license's page shows them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, Sum

from licenses.granting import FREE_TIMES, Grant, surge_budget, surge_ends_at
from licenses.lease_duties import DRAIN_DAY, OVER_TOLERATED
from licenses.models import Lease, LeasePool, License
from licenses.usage import live_leases

MOST_ROWS = 300  # the JSON has a thousand
SOON = "some are free now: it gets them when it asks next, in about a minute"


@dataclass(frozen=True)
class Process:
    """A lease; why its process got fewer threads than it wants, or ""."""

    lease: Lease
    why: str

    @property
    def threads(self) -> int:
        return self.lease.firm + self.lease.surge


@dataclass(frozen=True)
class Running:
    """What all live leases of a license sum up to, in production unless it says otherwise."""

    processes: tuple[Process, ...]
    firm: int
    surge: int
    wanted: int
    free: int  # threads outside production
    waiting: int  # processes that get fewer threads than they want
    number: int  # of all live leases
    pool: LeasePool
    at: datetime

    @property
    def threads(self) -> int:
        return self.firm + self.surge

    @property
    def more(self) -> int:
        """Leases that are not listed."""
        return self.number - len(self.processes)

    @property
    def is_long_over(self) -> bool:
        """Not just a deployment."""
        since = self.pool.over_since
        return since is not None and since + OVER_TOLERATED <= self.at

    @property
    def drains_on(self) -> datetime | None:
        since = self.pool.over_since
        return since + timedelta(days=DRAIN_DAY) if since is not None else None

    @property
    def surge_minutes(self) -> int:
        """What is left of the hour a day in which a deployment may use twice the limit."""
        if self.pool.surge_until is not None:
            return max(0, int((self.pool.surge_until - self.at).total_seconds() / 60))
        return int(surge_budget(self.pool, self.at) / 60)


def running_threads(license: License, at: datetime) -> Running:
    """Three queries, however many processes there are."""
    live, production = live_leases(license.pk, at), Q(is_counted=True)
    sums = live.order_by().aggregate(
        all_firm=Sum("firm", filter=production, default=0),
        all_surge=Sum("surge", filter=production, default=0),
        wanted=Sum("threads", filter=production, default=0),
        free=Sum("firm", filter=~production, default=0),
        waiting=Count("pk", filter=Q(threads__gt=F("firm") + F("surge"))),
        number=Count("pk"),
    )
    pool = LeasePool.objects.filter(pk=license.pk).first() or LeasePool(pk=license.pk)
    held = Grant(sums["all_firm"], sums["all_surge"])
    rows = live.order_by("-is_counted", "acquired_at", "pk")[:MOST_ROWS]
    return Running(
        processes=tuple(Process(row, _why(license, row, pool, held, at)) for row in rows),
        firm=held.firm,
        surge=held.surge,
        wanted=sums["wanted"],
        free=sums["free"],
        waiting=sums["waiting"],
        number=sums["number"],
        pool=pool,
        at=at,
    )


def _why(license: License, lease: Lease, pool: LeasePool, held: Grant, at: datetime) -> str:
    """Why the process has fewer threads than it wants, beside all that production holds."""
    if lease.threads == lease.firm + lease.surge:
        return ""
    if license.threads is None:
        return SOON
    if not lease.is_counted:
        return f"outside production there are {FREE_TIMES * license.threads:,} at most"
    return _why_in_production(license.threads, pool, held, at)


def _why_in_production(limit: int, pool: LeasePool, held: Grant, at: datetime) -> str:
    if pool.is_draining:
        return f"the license shrinks back to its {limit:,}"
    if held.total >= 2 * limit:
        return f"twice the limit, {2 * limit:,}, is the most at once"
    if held.firm < limit * 11 // 10 or surge_ends_at(pool, at) is not None:
        return SOON
    return "the limit is reached, and the time for deployments is used up"
