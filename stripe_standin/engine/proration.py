"""What a change in the middle of a period costs: the unused rest back, the new rest on top.

Computed to the second (docs.stripe.com/billing/subscriptions/prorations), each line rounded by
itself. A change of interval begins a new whole period at once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from ..contract import Json
from ..world import World
from . import amounts
from .coupons import amount_off, applies_to, discounts_of, terms_of
from .lines import item_line, line
from .periods import period_end


@dataclass(frozen=True)
class Change:
    """An item as it is and as it shall be."""

    before: Json
    after: Json

    @property
    def changes_interval(self) -> bool:
        return _rhythm(self.before) != _rhythm(self.after)

    @property
    def is_real(self) -> bool:
        same_price = self.before["price"]["id"] == self.after["price"]["id"]
        return not same_price or self.before["quantity"] != self.after["quantity"]


def _rhythm(item: Json) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def with_new_period(world: World, change: Change, at: int) -> Json:
    """The changed item; another interval starts its period at *at*."""
    if not change.changes_interval:
        return change.after
    end = period_end(at, at, change.after["price"]["recurring"])
    return change.after | {"current_period_start": at, "current_period_end": end}


def proration_lines(world: World, subscription: Json, change: Change, at: int) -> list[Json]:
    if not change.is_real:
        return []
    credit = _part(world, subscription, change.before, at, sign=-1)
    if not change.changes_interval:
        return [credit, _part(world, subscription, change.after, at, sign=1)]
    return [credit, _whole_period(world, subscription, change, at)]


def credit_line(world: World, subscription: Json, item: Json, at: int) -> Json:
    """What unused time gives back when everything ends."""
    return _part(world, subscription, item, at, sign=-1)


def _whole_period(world: World, subscription: Json, change: Change, at: int) -> Json:
    """Seen in real traffic: the line of the new interval's first period is a proration too."""
    item = with_new_period(world, change, at)
    period = (item["current_period_start"], item["current_period_end"])
    whole = item_line(world, subscription, item, period)
    whole["amount"] = whole["subtotal"] = discounted(world, subscription, item)
    return _marked(world, whole)


def discounted(world: World, subscription: Json, item: Json) -> int:
    """What a whole period of an item costs with the discounts of now."""
    cost = amounts.total(world, item["price"], item["quantity"])
    for discount in discounts_of(world, subscription):
        coupon = terms_of(world, discount)
        if applies_to(coupon, item["price"]["product"]):
            cost -= amount_off(coupon, cost)
    return cost


def _billed(world: World, item: Json) -> int:
    """What it cost when it was billed: unused time gives back no more than that
    (`proration_discounts=included`)."""
    cost = amounts.total(world, item["price"], item["quantity"])
    net, gross = world.notes(item["id"]).get("net", (1, 1))
    return amounts.rounded(Decimal(cost) * net / gross) if gross else cost


def note_net(world: World, subscription: Json, item: Json) -> None:
    cost = amounts.total(world, item["price"], item["quantity"])
    world.note(item["id"], net=[discounted(world, subscription, item), cost])


def _part(world: World, subscription: Json, item: Json, at: int, *, sign: int) -> Json:
    start, end = item["current_period_start"], item["current_period_end"]
    cost = _billed(world, item) if sign < 0 else discounted(world, subscription, item)
    share = Fraction(cost * max(end - at, 0), end - start)
    word = "Unused" if sign < 0 else "Remaining"
    name = world.get(item["price"]["product"])["name"]
    day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
    made = line(
        world,
        subscription,
        item,
        amount=sign * int(share + Fraction(1, 2)),
        unit=amounts.unit_price(world, item["price"], item["quantity"]),
        period=(at, end),
        # Stripe writes it with the sign for "times".
        description=f"{word} time on {item['quantity']} × {name} after {day}",  # noqa: RUF001
    )
    return _marked(world, made)


def _marked(world: World, made: Json) -> Json:
    details = made["parent"]["subscription_item_details"]
    details |= {"proration": True, "invoice_item": world.new_id("ii_1")}
    made["discountable"] = False
    return made
