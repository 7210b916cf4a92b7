"""Of those who paid for a year: who went on. And what they paid for and did not get yet."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from billing.models import LedgerEntry, Payment, Price, Refund, Subscription
from billing.verdict import grace
from lib.times import add_months
from portal.figures.arr import ArrLine

YEAR = timedelta(days=365)
SETTLES_IN = timedelta(days=2)  # a renewal is a draft for an hour, and its events may come late


class Outcome(StrEnum):
    RENEWED = "renewed"
    LOST = "lost"
    OPEN = "not paid yet"


@dataclass(frozen=True)
class Term:
    """A year that was over: whose, when, and what came of it. `cents` is what it was worth."""

    subscription: Subscription
    ended_at: datetime
    cents: int
    outcome: Outcome


def terms_over(entries: Iterable[LedgerEntry], at: datetime) -> list[Term]:
    """The years that ended within the last 365 days, newest first; *entries* as of read_ledger.

    What ended in its middle (the guarantee, a dispute) was never due to renew. Whoever pays
    within the grace renewed; whoever had the renewal given back within it did not.
    """
    by_subscription: dict[int, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        by_subscription[entry.subscription_id].append(entry)
    terms = [term for held in by_subscription.values() for term in _terms(held, at)]
    return sorted(terms, key=lambda term: (term.ended_at, term.subscription.pk), reverse=True)


def renewal_rate(terms: list[Term]) -> float | None:
    """renewed / due, by number; what is still open counts on neither side."""
    decided = [term for term in terms if term.outcome != Outcome.OPEN]
    if not decided:
        return None
    return sum(term.outcome == Outcome.RENEWED for term in decided) / len(decided)


def _terms(entries: list[LedgerEntry], at: datetime) -> list[Term]:
    yearly = [one for one in entries if one.interval == Price.Interval.YEAR and one.cents_a_year]
    ends = {one.paid_until for one in yearly if at - YEAR <= one.paid_until < at}
    found = []
    for end in sorted(ends):
        before = _worth(entries, end - timedelta(seconds=1))
        if before is not None and before.cents_a_year and before.paid_until == end:
            outcome = _outcome(entries, end, at)
            found.append(Term(before.subscription, end, before.cents_a_year, outcome))
    return found


def _outcome(entries: list[LedgerEntry], end: datetime, at: datetime) -> Outcome:
    decided_at = end + grace() + SETTLES_IN
    after = _worth(entries, min(at, decided_at))
    assert after is not None
    if not after.cents_a_year:
        return Outcome.LOST
    is_open = after.subscription.status == "past_due" or at < end + SETTLES_IN
    return Outcome.OPEN if is_open and at < decided_at else Outcome.RENEWED


def _worth(entries: list[LedgerEntry], at: datetime) -> LedgerEntry | None:
    held = [one for one in entries if one.at <= at]
    return held[-1] if held else None


@dataclass(frozen=True)
class Unearned:
    """What is left of the money that came for the running year, in cents."""

    subscription: Subscription
    paid_cents: int
    cents: int


def unearned(lines: Iterable[ArrLine], at: datetime) -> list[Unearned]:
    """Of each yearly subscription: what was paid in its running year, less what went back, for the
    days that are still to come. As paid, with tax. One query; *lines* as of arr_lines.
    """
    running = [one.subscription for one in lines if _is_earning(one.subscription, at)]
    paid = _paid_since(at - YEAR - timedelta(days=2))
    found = []
    for row in sorted(running, key=lambda row: (row.current_period_end, row.pk), reverse=True):
        # A year that began on the 29th of February is shorter than twelve months back.
        start = max(add_months(row.current_period_end, -12), row.created_at)
        cents = sum(one for moment, one in paid.get(row.pk, ()) if moment >= start)
        left = (row.current_period_end - at) / (row.current_period_end - start)
        found.append(Unearned(row, cents, round(cents * min(left, 1))))
    return [one for one in found if one.cents]


def _is_earning(row: Subscription, at: datetime) -> bool:
    is_yearly = row.price.interval == Price.Interval.YEAR
    return is_yearly and row.status == "active" and row.current_period_end > at


def _paid_since(since: datetime) -> dict[int, list[tuple[datetime, int]]]:
    """subscription → (when, cents that stayed) of each payment."""
    given = Sum("refunds__amount_cents", filter=~Q(refunds__status__in=Refund.UNDONE))
    payments = Payment.objects.filter(paid_at__gte=since).annotate(given=Coalesce(given, 0))
    found: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for row, moment, cents, back in payments.values_list(
        "subscription_id", "paid_at", "amount_cents", "given"
    ):
        found[row].append((moment, cents - back))
    return found
