"""What was true at a past moment, computed anew from the ledger (billing.ledger)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing.models import LedgerEntry
from licenses.models import Product
from portal.models import ArrChange, DailyMetric

KEPT_IN_SIGHT = timedelta(days=800)
MOMENT = timedelta(minutes=1)
BEFORE = "before the ledger"
UNEXPLAINED = "not in the ledger: a row was changed by hand"


@dataclass(frozen=True)
class Difference:
    """A day on which the snapshot and the ledger do not say the same of a customer; cents."""

    day: date
    customer_id: int
    kept: int
    computed: int
    cause: str


def read_ledger(at: datetime, currency: str = "usd") -> list[LedgerEntry]:
    """Every entry that may hold, or have held within the last year, oldest first. One query.

    Each running subscription has an entry for each of its periods, so 800 days are enough.
    """
    rows = LedgerEntry.objects.filter(
        subscription__price__currency=currency, at__gt=at - KEPT_IN_SIGHT, at__lte=at
    )
    return list(rows.select_related("subscription", "tier__product").order_by("at", "pk"))


def worth_by_product(entries: Iterable[LedgerEntry], at: datetime) -> dict[Product, dict[int, int]]:
    """product → customer → cents a year, at a moment of the last year."""
    held = {one.subscription_id: one for one in entries if one.at <= at}
    found: dict[Product, dict[int, int]] = defaultdict(dict)
    for one in held.values():
        customers, customer = found[one.tier.product], one.subscription.customer_id
        customers[customer] = customers.get(customer, 0) + one.cents_a_year
    return dict(found)


def only_given_up(entries: Iterable[LedgerEntry]) -> set[int]:
    """Customers all of whose subscriptions are of products that are closing or retired."""
    given_up: set[int] = set()
    others: set[int] = set()
    for one in entries:
        is_given_up = one.tier.product.status in Product.GIVEN_UP
        (given_up if is_given_up else others).add(one.subscription.customer_id)
    return given_up - others


def recompute(first: date, last: date, currency: str = "usd") -> list[Difference]:
    """Each day of the span computed anew; what differs from its snapshot, with the cause.

    One pass over the ledger, whatever the number of days.
    """
    days = DailyMetric.objects.filter(day__range=(first, last), kept_at__isnull=False)
    entries = _Replay(
        LedgerEntry.objects.filter(subscription__price__currency=currency)
        .select_related("subscription")
        .order_by("at", "pk")
    )
    changes = list(ArrChange.objects.filter(day__lte=last).order_by("-day", "-pk"))
    kept: dict[int, int] = {}
    found: list[Difference] = []
    for day, kept_at in days.order_by("day").values_list("day", "kept_at"):
        assert kept_at is not None
        entries.go_to(kept_at)
        while changes and changes[-1].day <= day:
            change = changes.pop()
            kept[change.customer_id] = change.arr_cents
        found += _differences(day, kept_at, kept, entries)
    return found


class _Replay:
    """The ledger, read forward in time."""

    def __init__(self, entries: Iterable[LedgerEntry]) -> None:
        self._entries = list(entries)
        self._next = 0
        self._worth: dict[int, dict[int, int]] = defaultdict(dict)  # customer → subscription →
        self._heard: dict[int, list[LedgerEntry]] = defaultdict(list)
        for entry in self._entries:
            self._heard[entry.subscription.customer_id].append(entry)

    def go_to(self, at: datetime) -> None:
        while self._next < len(self._entries) and self._entries[self._next].at <= at:
            entry = self._entries[self._next]
            self._worth[entry.subscription.customer_id][entry.subscription_id] = entry.cents_a_year
            self._next += 1

    def worth(self) -> dict[int, int]:
        """customer → cents a year, at the moment that was gone to."""
        return {one: sum(by.values()) for one, by in self._worth.items() if any(by.values())}

    def cause(self, customer_id: int, at: datetime) -> str:
        """Why the snapshot of *at* did not know."""
        entries = self._heard.get(customer_id, [])
        if any(abs(entry.heard_at - at) < MOMENT for entry in entries):
            return "it changed in the moment of the snapshot"
        late = [entry.heard_at for entry in entries if entry.at <= at < entry.heard_at]
        if late:
            return f"we heard of it on {min(late):%Y-%m-%d %H:%M}"
        is_older = bool(entries) and entries[0].at > at
        return BEFORE if is_older else UNEXPLAINED


def _differences(
    day: date, at: datetime, kept: dict[int, int], entries: _Replay
) -> list[Difference]:
    computed = entries.worth()
    return [
        Difference(day, one, kept.get(one, 0), computed.get(one, 0), entries.cause(one, at))
        for one in sorted(kept.keys() | computed.keys())
        if kept.get(one, 0) != computed.get(one, 0)
    ]
