"""How many threads a process gets: arithmetic alone, no database.

L is what was paid for. Firm threads stay; surge threads end at a time known beforehand, so that a
deployment may run old and new processes side by side.

I1  the sum of firm is at most 1.10 L (L while the pool drains)
I2  the sum of firm and surge is at most 2 L
I3  surge only while the pool has budget: an hour, refilled within a day
I4  a firm grant is never cut at renewal, unless the pool drains
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from licenses.models import LeasePool
from licenses.models.leases import SURGE_SECONDS

SURGE_REFILL_SECONDS = 86_400.0  # an empty budget is full again after so long
LEAST_SURGE_SECONDS = 900.0  # with less left none begins, or it would flicker
FREE_TIMES = 5  # threads outside production, in units of L


@dataclass(frozen=True)
class Grant:
    """Threads of one process: firm and surge ones."""

    firm: int = 0
    surge: int = 0

    @property
    def total(self) -> int:
        return self.firm + self.surge

    def __add__(self, other: "Grant") -> "Grant":
        return Grant(self.firm + other.firm, self.surge + other.surge)

    def __sub__(self, other: "Grant") -> "Grant":
        return Grant(self.firm - other.firm, self.surge - other.surge)


NOTHING = Grant()


@dataclass(frozen=True)
class Terms:
    """What holds for one pool at one moment."""

    limit: int | None
    is_draining: bool = False
    has_surge: bool = False
    all_wanted: int = 0  # by every process in production, for the shares of a drain


def grant_threads(terms: Terms, *, wanted: int, held: Grant, others: Grant) -> Grant:
    """What a process in production gets that wants so many, holds those, beside all *others*."""
    if terms.limit is None:
        return Grant(firm=wanted)
    if terms.is_draining:
        return Grant(firm=_drained(terms, wanted=wanted, held=held, others=others))
    room = max(0, 2 * terms.limit - others.total)
    firm = min(wanted, room, max(0, terms.limit * 11 // 10 - others.firm))
    firm = max(firm, min(wanted, held.firm))  # I4
    surge = min(wanted - firm, max(0, room - firm)) if terms.has_surge else 0
    return Grant(firm, surge)


def grant_free_threads(limit: int | None, *, wanted: int, others: Grant) -> Grant:
    """The same outside production: free, up to five times the limit."""
    if limit is None:
        return Grant(firm=wanted)
    return Grant(firm=min(wanted, max(0, FREE_TIMES * limit - others.firm)))


def _drained(terms: Terms, *, wanted: int, held: Grant, others: Grant) -> int:
    """Each renewal goes down to its share, so that nobody loses everything; nobody else grows."""
    assert terms.limit is not None
    room = max(0, terms.limit - others.firm)
    share = wanted * terms.limit // max(1, terms.all_wanted)
    return min(wanted, max(room, min(held.firm, share)))


def surge_ends_at(pool: LeasePool, at: datetime) -> datetime | None:
    """Until when surge threads may be had now; None if there is no budget."""
    if pool.surge_until is not None:
        return pool.surge_until if pool.surge_until > at else None
    left = surge_budget(pool, at)
    return at + timedelta(seconds=left) if left >= LEAST_SURGE_SECONDS else None


def surge_budget(pool: LeasePool, at: datetime) -> float:
    """Seconds of surge that the pool may spend, with no surge running."""
    if pool.surge_counted_at is None:
        return pool.surge_left_s
    rested = max(0.0, (at - pool.surge_counted_at).total_seconds())
    return min(SURGE_SECONDS, pool.surge_left_s + rested * SURGE_SECONDS / SURGE_REFILL_SECONDS)
