"""What a license would have to be for nobody to be refused, and what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from billing.models import Subscription
from lib.money import format_cents
from licenses.models import LeaseHour, License
from portal.holdings import Holding
from portal.running import Running


@dataclass(frozen=True)
class Need:
    """More threads were wanted than there are."""

    wanted: int
    hour: datetime | None  # when so many were wanted; None: now
    threads: int  # the next number that is sold
    total: str = ""  # what it costs; "" if it has no price
    interval: str = ""
    url: str = ""  # to the exact amount; "" if he cannot buy it by his own hand


def need_of(
    license: License, hours: Sequence[LeaseHour], running: Running, at: datetime
) -> Need | None:
    """The most that was wanted when production was refused, or is wanted while it is over its
    limit for longer than a deployment; None if the license is large enough.
    """
    per_unit = license.tier.threads_per_unit
    if license.threads is None or per_unit is None:
        return None
    found = [(hour.wanted, hour.hour) for hour in hours if hour.over_limit or hour.drained]
    wanted, when = max(found, default=(0, None))
    if running.is_long_over and running.wanted > wanted:
        wanted, when = running.wanted, None
    if wanted <= license.threads:
        return None
    quantity = -(-wanted // per_unit)
    return _priced(license, Need(wanted, when, quantity * per_unit), quantity)


def _priced(license: License, need: Need, quantity: int) -> Need:
    rows = Subscription.objects.select_related("price__tier")
    subscription = rows.filter(license=license).first()
    if subscription is None:
        return need
    price = subscription.price
    if price.tier_id != license.tier_id or not price.is_on_sale or quantity > price.max_quantity:
        return need
    total = format_cents(price.total_cents(quantity), price.currency)
    url = ""
    if Holding(license, subscription, "").may_change and subscription.cancel_at is None:
        chosen = urlencode({"price": price.lookup_key, "quantity": quantity})
        url = f"{reverse('portal:change', args=[subscription.pk])}?{chosen}"
    return Need(need.wanted, need.hour, need.threads, total, price.interval, url)
