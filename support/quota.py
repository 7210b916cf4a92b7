"""How many tickets a customer has had this quarter, and how many are included.

Counted and shown, never enforced: a ticket above the allowance opens like any other, and what
happens to it is the owner's decision.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from licenses.entitlements import support_allowance
from support.models import Ticket
from support.quarters import Quarter, quarter_of


@dataclass(frozen=True)
class Quota:
    used: int
    allowance: int  # of this quarter; unused tickets do not roll over
    quarter: Quarter

    @property
    def is_over(self) -> bool:
        return self.used > self.allowance

    def __str__(self) -> str:
        return f"{self.used} of {self.allowance}"


def quota_of(customer_id: int, at: datetime) -> Quota | None:
    """What is used of the customer's allowance as of *at*; None when no license is current."""
    allowance = support_allowance(customer_id, at)
    if allowance is None:
        return None
    quarter = quarter_of(at)
    used = Ticket.objects.counted(customer_id, quarter).filter(opened_at__lte=at).count()
    return Quota(used, allowance, quarter)


def quota_among(tickets: Iterable[Ticket], allowance: int | None, at: datetime) -> Quota | None:
    """`quota_of`, from the customer's tickets of the quarter and his allowance; no query."""
    if allowance is None:
        return None
    quarter = quarter_of(at)
    opened = (one for one in tickets if quarter.starts_at <= one.opened_at <= at)
    return Quota(sum(one.counts for one in opened), allowance, quarter)


def number_in_quarter(ticket: Ticket) -> int:
    """The how-manieth counted ticket of its quarter this is; 0 when it does not count."""
    if not ticket.counts:
        return 0
    counted = Ticket.objects.counted(ticket.customer_id, quarter_of(ticket.opened_at))
    return counted.filter(opened_at__lte=ticket.opened_at, pk__lte=ticket.pk).count()


def numbers_in_quarter(tickets: Collection[Ticket]) -> dict[int, int]:
    """`number_in_quarter` of many tickets, by their ids, in one query."""
    if not tickets:
        return {}
    first = min(quarter_of(ticket.opened_at).starts_at for ticket in tickets)
    customers = {ticket.customer_id for ticket in tickets}
    rows = Ticket.objects.filter(customer_id__in=customers, opened_at__gte=first)
    return count_up(rows.order_by("opened_at", "pk"))


def count_up(rows: Iterable[Ticket]) -> dict[int, int]:
    """`number_in_quarter` by id: *rows* are all of their quarters' tickets, the first first."""
    counters = Counter[tuple[int, Quarter]]()
    numbers = {}
    for row in rows:
        quarter = (row.customer_id, quarter_of(row.opened_at))
        counters[quarter] += row.counts
        numbers[row.pk] = counters[quarter] if row.counts else 0
    return numbers


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, …"""
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def quota_line(ticket: Ticket, quota: Quota) -> str:
    """The fact line of the acknowledgement."""
    number = number_in_quarter(ticket)
    if number > quota.allowance:
        included = f"{quota.allowance} {'is' if quota.allowance == 1 else 'are'}"
        return (
            f"This is your {ordinal(number)} ticket this quarter; {included} included in your plan."
        )
    return f"This is ticket {number} of {quota.allowance} in this quarter ({quota.quarter})."
