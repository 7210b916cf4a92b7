"""Figures that may be published: by quarter, rounded, and nothing of few customers."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import TruncQuarter

from billing.models import Dispute, Payment, Refund
from portal.figures.history import kept_on

FEWEST = 5  # customers behind a published sum
LARGEST = 0.4  # the share of one of them, at most: or the sum is his
DIGITS = 2  # that are not rounded away


@dataclass(frozen=True)
class OpenQuarter:
    """Cents; None where it would tell of somebody. Customers are rounded down to fives."""

    first_day: date
    revenue: int | None
    paying: int | None
    arr: int | None  # when the quarter ended, or today
    customers: int | None

    @property
    def name(self) -> str:
        return f"{self.first_day.year} Q{(self.first_day.month + 2) // 3}"


def open_quarters(at: datetime, currency: str = "usd") -> list[OpenQuarter]:
    """Every quarter (UTC) in which money came, oldest first."""
    by_quarter: dict[date, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    payments = Payment.objects.filter(currency=currency)
    refunds = Refund.objects.filter(payment__currency=currency).exclude(status__in=Refund.UNDONE)
    lost = Dispute.objects.filter(payment__currency=currency, status="lost")
    for rows, moment, of, sign in (
        (payments, "paid_at", "subscription", 1),
        (refunds, "created_at", "payment__subscription", -1),
        (lost, "created_at", "payment__subscription", -1),
    ):
        for quarter, customer, cents in _sums(rows, moment, of):
            by_quarter[quarter.date()][customer] += sign * cents
    return [_quarter(day, by_quarter[day], at) for day in sorted(by_quarter)]


def safe_sum(values: Collection[int]) -> int | None:
    """The sum, rounded to two digits; None if few are behind it, one of them is most of it, or it
    is not above nothing.
    """
    paid = [value for value in values if value > 0]
    largest = max(map(abs, values), default=0)  # what went back tells of somebody, too
    if len(paid) < FEWEST or largest > LARGEST * sum(paid):
        return None
    total = sum(values)
    if total <= 0:
        return None
    return round(total, DIGITS - len(str(abs(total))))


def _quarter(day: date, money: dict[int, int], at: datetime) -> OpenQuarter:
    following = date(day.year + (day.month + 2) // 12, (day.month + 2) % 12 + 1, 1)
    worth = kept_on(min(following, at.date())).values()
    return OpenQuarter(
        first_day=day,
        revenue=safe_sum(money.values()),
        paying=_number(money.values()),
        arr=safe_sum(worth),
        customers=_number(worth),
    )


def _number(values: Collection[int]) -> int | None:
    """How many are above nothing, rounded down to fives; None if they are too few."""
    number = sum(value > 0 for value in values)
    return number // FEWEST * FEWEST or None


def _sums(rows: QuerySet[Any], moment: str, of: str) -> Iterable[tuple[datetime, int, int]]:
    """(quarter, customer, cents)."""
    named = rows.annotate(quarter=TruncQuarter(moment), customer=F(f"{of}__customer"))
    sums = named.values("quarter", "customer").annotate(cents=Sum("amount_cents")).order_by()
    found: Iterable[tuple[datetime, int, int]] = sums.values_list("quarter", "customer", "cents")
    return found
