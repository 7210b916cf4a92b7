"""ARR: what the subscriptions that run are worth a year, line by line.

A subscription counts while it is active, or past due inside its grace, and was paid for once. Taken
is the price it was bought at, before tax and promotion codes; a month counts twelve times.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from billing.models import Price, Subscription
from billing.verdict import grace

PER_YEAR = {Price.Interval.MONTH: 12, Price.Interval.YEAR: 1}


@dataclass(frozen=True)
class ArrLine:
    """What one subscription is worth a year, in cents."""

    subscription: Subscription
    cents: int

    @property
    def customer_id(self) -> int:
        return self.subscription.customer_id

    @property
    def is_leaving(self) -> bool:
        """Canceled, and served until the paid time is over."""
        return self.subscription.cancel_at is not None


def arr_lines(at: datetime, currency: str = "usd") -> list[ArrLine]:
    """Every subscription that counts, largest first. One query, for any number of them."""
    in_grace = Q(status="past_due", past_due_since__gt=at - grace())
    rows = Subscription.objects.filter(
        Q(status="active") | in_grace, license__isnull=False, price__currency=currency
    ).select_related("customer", "price__tier__product", "stripe_price__price")
    lines = [
        ArrLine(row, row.total_cents * PER_YEAR[Price.Interval(row.price.interval)]) for row in rows
    ]
    return sorted(lines, key=lambda line: (-line.cents, line.subscription.pk))


def _per_year(row: Subscription) -> int:
    return row.total_cents * PER_YEAR[Price.Interval(row.price.interval)]


def by_customer(lines: list[ArrLine]) -> dict[int, int]:
    """customer → cents a year."""
    found: dict[int, int] = {}
    for line in lines:
        found[line.customer_id] = found.get(line.customer_id, 0) + line.cents
    return found
