"""Cash: what came in and went back, by month (UTC). Not ARR, and never mixed with it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from itertools import dropwhile
from typing import Any

from django.db.models import Aggregate, Count, Exists, F, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import TruncMonth

from billing.models import Dispute, Payment, Refund
from portal.figures.history import first_days

YEAR = timedelta(days=365)
_PURCHASE = Q(billing_reason="subscription_create")


@dataclass
class Span:
    """A month, a quarter or a year (UTC); cents. Stripe's fees are not in our rows; its own
    reports have them.
    """

    first_day: date
    received: int = 0
    refunded: int = 0
    disputed: int = 0  # lost
    purchases: int = 0  # first payments of a subscription
    purchases_refunded: int = 0  # of those of this span, whenever that was
    purchases_disputed: int = 0  # the same, whatever came of it
    purchased: int = 0  # cents of the purchases
    purchased_refunded: int = 0  # of these cents

    @property
    def net(self) -> int:
        return self.received - self.refunded - self.disputed

    @property
    def refund_rate(self) -> float | None:
        return self.purchases_refunded / self.purchases if self.purchases else None

    @property
    def refund_rate_of_money(self) -> float | None:
        return self.purchased_refunded / self.purchased if self.purchased else None

    @property
    def dispute_rate(self) -> float | None:
        return self.purchases_disputed / self.purchases if self.purchases else None


def months_of(at: datetime, number: int = 12, currency: str = "usd") -> list[Span]:
    """The last so many months, this one last."""
    return all_months(at, number, currency)[-number:]


def all_months(at: datetime, fewest: int = 1, currency: str = "usd") -> list[Span]:
    """Every month since money first came, this one last, and so many in any case; one query for
    any number of payments.
    """
    rows = list(_sums(currency))
    first_year = min((month.year for _, month, _ in rows), default=at.year)
    number = max((at.year - first_year) * 12 + at.month, fewest)
    found = {day: Span(day) for day in first_days(at, number)}
    for name, month, value in rows:
        if month.date() in found:
            setattr(found[month.date()], name, value)
    months = list(found.values())
    return months[min(number - len(begun(months)), number - fewest) :]


def by_customer(at: datetime, currency: str = "usd") -> dict[int, int]:
    """customer → net cents of the last 365 days; three queries."""
    given = Refund.objects.exclude(status__in=Refund.UNDONE)
    found: dict[int, int] = {}
    for rows, moment, payment, sign in (
        (Payment.objects.all(), "paid_at", "", 1),
        (given, "created_at", "payment__", -1),
        (Dispute.objects.filter(status="lost"), "created_at", "payment__", -1),
    ):
        lately: Any = rows.filter(**{f"{payment}currency": currency})
        lately = lately.filter(**{f"{moment}__gt": at - YEAR, f"{moment}__lte": at}).order_by()
        sums = lately.values(of=F(f"{payment}subscription__customer"))
        for customer, cents in sums.annotate(cents=Sum("amount_cents")).values_list("of", "cents"):
            found[customer] = found.get(customer, 0) + sign * cents
    return found


def begun(months: Sequence[Span]) -> list[Span]:
    """Without those before the first money; the last one stays in any case."""
    return [*dropwhile(lambda one: not one.received and not one.net, months[:-1]), months[-1]]


def quarters_of(months: Iterable[Span]) -> list[Span]:
    """The months added up by calendar quarter, in their order."""
    return _added(months, quarter_of)


def years_of(months: Iterable[Span]) -> list[Span]:
    return _added(months, year_of)


def quarter_of(day: date) -> date:
    """The first day of its quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def year_of(day: date) -> date:
    return date(day.year, 1, 1)


def _added(months: Iterable[Span], begin: Callable[[date], date]) -> list[Span]:
    found: dict[date, Span] = {}
    for month in months:
        day = begin(month.first_day)
        span = found.setdefault(day, Span(day))
        for name in _NUMBERS:
            setattr(span, name, getattr(span, name) + getattr(month, name))
    return list(found.values())


_NUMBERS = [one.name for one in fields(Span) if one.name != "first_day"]


def _sums(currency: str) -> QuerySet[Any, tuple[str, datetime, int]]:
    """(name of the number, month, number)."""
    given = Refund.objects.exclude(status__in=Refund.UNDONE)
    payments = Payment.objects.filter(currency=currency)
    purchases = payments.filter(_PURCHASE)
    back = purchases.filter(Exists(given.filter(payment=OuterRef("pk"))))
    objected = purchases.filter(Exists(Dispute.objects.filter(payment=OuterRef("pk"))))
    refunds = given.filter(payment__currency=currency)
    lost = Dispute.objects.filter(payment__currency=currency, status="lost")
    of_purchases = refunds.filter(payment__billing_reason="subscription_create")
    cents, number = Sum("amount_cents"), Count("pk")
    arms: Sequence[tuple[str, QuerySet[Any], str, Aggregate]] = (
        ("received", payments, "paid_at", cents),
        ("refunded", refunds, "created_at", cents),
        ("disputed", lost, "created_at", cents),
        ("purchases", purchases, "paid_at", number),
        ("purchases_refunded", back, "paid_at", number),
        ("purchases_disputed", objected, "paid_at", number),
        ("purchased", purchases, "paid_at", cents),
        ("purchased_refunded", of_purchases, "payment__paid_at", cents),
    )
    first, *others = (_by_month(*arm) for arm in arms)
    return first.union(*others, all=True)


def _by_month(
    name: str, rows: QuerySet[Any], moment: str, what: Aggregate
) -> QuerySet[Any, tuple[str, datetime, int]]:
    by_month = rows.order_by().annotate(month=TruncMonth(moment)).values("month")
    found: QuerySet[Any, tuple[str, datetime, int]]
    found = by_month.annotate(name=Value(name), number=what).values_list("name", "month", "number")
    return found
