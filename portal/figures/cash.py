"""Cash: what came in and went back, by month (UTC). Not ARR, and never mixed with it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import TruncMonth

from billing.models import Dispute, Payment, Refund
from portal.figures.history import first_days

_PURCHASE = Q(billing_reason="subscription_create")
_GIVEN = Refund.objects.filter(payment=OuterRef("pk")).exclude(status__in=Refund.UNDONE)


@dataclass
class Month:
    """Cents. Stripe's fees are not in our rows; its own reports have them."""

    first_day: date
    received: int = 0
    refunded: int = 0
    disputed: int = 0  # lost
    purchases: int = 0  # first payments of a subscription
    purchases_refunded: int = 0  # of those of this month, whenever that was

    @property
    def net(self) -> int:
        return self.received - self.refunded - self.disputed

    @property
    def refund_rate(self) -> float | None:
        return self.purchases_refunded / self.purchases if self.purchases else None


def months_of(at: datetime, number: int = 12, currency: str = "usd") -> list[Month]:
    """The last so many months, this one last; two queries for any number of payments."""
    found = {day: Month(day) for day in first_days(at, number)}
    payments = Payment.objects.filter(currency=currency)
    for row in _by_month(payments.annotate(is_back=Exists(_GIVEN)), "paid_at").annotate(
        received=Sum("amount_cents"),
        purchases=Count("pk", filter=_PURCHASE),
        purchases_refunded=Count("pk", filter=_PURCHASE & Q(is_back=True)),
    ):
        _add(found, **row)
    refunds = Refund.objects.filter(payment__currency=currency).exclude(status__in=Refund.UNDONE)
    lost = Dispute.objects.filter(payment__currency=currency, status="lost")
    went = _sums(refunds, "refunded").union(_sums(lost, "disputed"), all=True)
    for name, month, cents in went:
        _add(found, month=month, **{name: cents})
    return list(found.values())


def _sums(rows: QuerySet[Any], name: str) -> QuerySet[Any, Any]:
    """(name, month, cents) of each month."""
    named = _by_month(rows.order_by(), "created_at").annotate(
        what=Value(name), cents=Sum("amount_cents")
    )
    found: QuerySet[Any, Any] = named.order_by().values_list("what", "month", "cents")
    return found


def _by_month(rows: QuerySet[Any], moment: str) -> QuerySet[Any, dict[str, Any]]:
    by_month: QuerySet[Any, dict[str, Any]]
    by_month = rows.annotate(month=TruncMonth(moment)).values("month").order_by("month")
    return by_month


def _add(months: dict[date, Month], *, month: datetime, **values: int) -> None:
    for name, value in values.items():
        if month.date() in months:
            setattr(months[month.date()], name, value)
