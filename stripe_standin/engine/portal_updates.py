"""What a customer may change on his subscription in the portal, and when it takes effect."""

from ..contract import Json
from ..operations import nulls
from ..world import World
from . import amounts, scheduling
from .periods import plus
from .phases import phase_body, phase_of
from .proration import Change
from .updating import Update, apply_update

Offer = tuple[Json, Json]  # a price, and what its product's entry in the configuration says


def offers(world: World, features: Json, subscription: Json) -> list[Offer]:
    """The prices that the configuration offers for this subscription."""
    update = features["subscription_update"]
    if not update["enabled"] or len(subscription["items"]["data"]) != 1:
        return []
    own = subscription["items"]["data"][0]["price"]["id"]
    may_switch = "price" in update["default_allowed_updates"]
    found: list[Offer] = []
    for product in update["products"] or []:
        prices = [world.get(price_id) for price_id in product["prices"]]
        found += [(p, product) for p in prices if (may_switch and p["active"]) or p["id"] == own]
    return found


def bounds(update: Json, product: Json, quantity: int) -> tuple[int, int]:
    """The quantities that may be chosen."""
    adjustable = product["adjustable_quantity"]
    if "quantity" not in update["default_allowed_updates"] or not adjustable["enabled"]:
        return quantity, quantity
    return max(adjustable["minimum"], 1), adjustable["maximum"] or 999_999


def change_plan(
    world: World, features: Json, subscription: Json, price: Json, quantity: int
) -> Json:
    """Now, or at the end of the period where the configuration says so."""
    update = features["subscription_update"]
    item = subscription["items"]["data"][0]
    change = Change(item, item | {"price": price, "quantity": quantity})
    if not change.is_real:
        return subscription
    if _waits(world, update, change):
        return _schedule(world, subscription, price, quantity)
    asked = Update([change], world.now(), proration_behavior=update["proration_behavior"])
    return apply_update(world, subscription["id"], asked, {})


def _waits(world: World, update: Json, change: Change) -> bool:
    conditions = {each["type"] for each in update["schedule_at_period_end"]["conditions"]}
    shorter = _length(change.after) < _length(change.before)
    cheaper = not change.changes_interval and _cost(world, change.after) < _cost(
        world, change.before
    )
    return (shorter and "shortening_interval" in conditions) or (
        cheaper and "decreasing_item_amount" in conditions
    )


def _length(item: Json) -> int:
    return plus(0, item["price"]["recurring"], 1)


def _cost(world: World, item: Json) -> int:
    return amounts.total(world, item["price"], item["quantity"])


def _schedule(world: World, subscription: Json, price: Json, quantity: int) -> Json:
    schedule = scheduling.attach_to(world, subscription["id"])
    running = phase_of(world, subscription)
    start = running["end_date"]
    after = phase_body(
        world,
        items=[{"price": price["id"], "quantity": quantity}],
        start=start,
        end=plus(start, price["recurring"], 1),
        metadata=subscription["metadata"],
        proration_behavior="none",
    )
    scheduling.set_phases(world, schedule["id"], [running, after], "none")
    return world.get(subscription["id"])


def cancel_at(
    world: World, subscription: Json, at: int | None, details: Json | None = None
) -> Json:
    """Leave at the end of the period, or stay.

    The portal sets `cancel_at_period_end`, or, for flexible billing, `cancel_at` alone: both were
    seen, so a setting says which.
    """
    kept = subscription["cancellation_details"] or nulls("cancellation_details")
    reason = "cancellation_requested" if at else None
    by_flag = world.options.portal_cancel == "cancel_at_period_end"
    return world.change(
        subscription["id"],
        "customer.subscription.updated",
        cancel_at=at,
        cancel_at_period_end=at is not None and by_flag,
        canceled_at=world.now() if at else None,
        cancellation_details=kept | (details or {}) | {"reason": reason},
    )
