"""Invoice lines, in the shape that they have since basil."""

from decimal import Decimal

from ..contract import Json, blank
from ..lists import whole
from ..world import World
from . import amounts


def item_line(world: World, subscription: Json, item: Json, period: tuple[int, int]) -> Json:
    """The line for one whole period of a subscription item."""
    price, quantity = item["price"], item["quantity"]
    unit = amounts.unit_price(world, price, quantity)
    name = world.get(price["product"])["name"]
    cost = amounts.shown(amounts.rounded(unit), price["currency"])
    tier = _tier_name(world, price, quantity)
    every = price["recurring"]["interval"]
    return line(
        world,
        subscription,
        item,
        amount=amounts.total(world, price, quantity),
        unit=unit,
        period=period,
        # Stripe writes it with the sign for "times".
        description=f"{quantity} × {name} ({tier}at {cost} / {every})",  # noqa: RUF001
    )


def _tier_name(world: World, price: Json, quantity: int) -> str:
    if price["billing_scheme"] == "per_unit":
        return ""
    tiers = world.notes(price["id"])["tiers"]
    return f"Tier {tiers.index(amounts.volume_tier(tiers, quantity)) + 1} "


def line(
    world: World,
    subscription: Json,
    item: Json,
    *,
    amount: int,
    unit: Decimal,
    period: tuple[int, int],
    description: str,
) -> Json:
    price = item["price"]
    start, end = period
    return blank(
        "line_item",
        id=world.new_id("il_1"),
        amount=amount,
        currency=price["currency"],
        description=description,
        discount_amounts=[],
        discountable=True,
        metadata=subscription["metadata"],
        parent=_parent(subscription, item),
        period={"start": start, "end": end},
        pretax_credit_amounts=[],
        pricing={
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": amounts.plain(unit),
        },
        quantity=item["quantity"],
        quantity_decimal=str(item["quantity"]),
        subtotal=amount,
        taxes=[],
    )


def _parent(subscription: Json, item: Json) -> Json:
    kind = "subscription_item_details"
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    return {"type": kind, kind: details, "invoice_item_details": None}


def item_period(item: Json) -> tuple[int, int]:
    return item["current_period_start"], item["current_period_end"]


def items_list(subscription_id: str, items: list[Json]) -> Json:
    return whole(f"/v1/subscription_items?subscription={subscription_id}", items)


def show_price_in_items(world: World, price: Json) -> None:
    """Items hold their price in full, so a price that was archived must be so there too."""
    for subscription in world.all("subscription"):
        items = subscription["items"]["data"]
        if any(item["price"]["id"] == price["id"] for item in items):
            for item in items:
                item["price"] = price if item["price"]["id"] == price["id"] else item["price"]
            world.put(subscription)
