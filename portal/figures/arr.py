"""ARR: what the subscriptions that run are worth a year, line by line.

A subscription counts while it is active, or past due inside its grace, and was paid for once. Taken
is the price it was bought at, before tax and promotion codes; a month counts twelve times.
"""

from dataclasses import dataclass
from datetime import datetime

from billing.ledger import COUNTED, cents_a_year
from billing.models import Subscription


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
    return by_currency(at).get(currency, [])


def by_currency(at: datetime) -> dict[str, list[ArrLine]]:
    """The same of each currency; what is worth nothing is left out."""
    rows = Subscription.objects.filter(status__in=COUNTED, license__isnull=False).select_related(
        "customer", "license", "price__tier__product", "stripe_price__price"
    )
    lines = [ArrLine(row, cents_a_year(row, at)) for row in rows]
    found: dict[str, list[ArrLine]] = {}
    for line in sorted(lines, key=lambda line: (-line.cents, line.subscription.pk)):
        if line.cents:
            found.setdefault(line.subscription.price.currency, []).append(line)
    return found


def by_customer(lines: list[ArrLine]) -> dict[int, int]:
    """customer → cents a year."""
    found: dict[int, int] = {}
    for line in lines:
        found[line.customer_id] = found.get(line.customer_id, 0) + line.cents
    return found
