"""Other items on a subscription: price and quantity, with or without prorations."""

from ..contract import Json
from ..engine.proration import Change
from ..engine.updating import Update, apply_update
from ..errors import invalid_request, not_built
from ..operations import Call
from ..store import copied
from ..world import World
from .prices import usable_price

TAKES = (
    "items.id items.price items.quantity"
    " proration_behavior proration_date payment_behavior off_session"
)
# docs.stripe.com/billing/subscriptions/pending-updates-reference: what may wait for its payment.
MAY_WAIT = {
    "expand",
    "items",
    "metadata",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
}


def change_items(call: Call, subscription: Json, fields: Json) -> Json:
    behavior = call.params.get("payment_behavior", "allow_incomplete")
    if behavior == "default_incomplete":
        raise not_built("payment_behavior=default_incomplete on an update")
    if behavior == "pending_if_incomplete" and set(call.params) - MAY_WAIT:
        unfit = ", ".join(sorted(set(call.params) - MAY_WAIT))
        message = (
            "When specifying payment_behavior=pending_if_incomplete, you can only pass attributes"
            f" that pending updates support; not {unfit}."
        )
        raise invalid_request(message)
    if behavior == "pending_if_incomplete" and "discounts" in call.params:
        raise not_built("discounts in a pending update")
    update = read_update(call, subscription, call.params, call.params.get("items", []))
    return apply_update(call.world, subscription["id"], update, fields)


def read_update(call: Call, subscription: Json, params: Json, items: list[Json]) -> Update:
    """The change that *items* describe, under the rules in *params*."""
    return Update(
        changes=read_changes(call.world, subscription, items),
        at=_proration_date(call.world, subscription, params),
        proration_behavior=params.get("proration_behavior", "create_prorations"),
        payment_behavior=params.get("payment_behavior", "allow_incomplete"),
        present=not params.get("off_session", False),
    )


def _proration_date(world: World, subscription: Json, params: Json) -> int:
    if "proration_date" not in params:
        return world.now()
    at = int(params["proration_date"])
    item = subscription["items"]["data"][0]
    if not item["current_period_start"] <= at <= item["current_period_end"]:
        message = "The proration_date must lie within the current billing period."
        raise invalid_request(message, param="proration_date")
    return at


def read_changes(world: World, subscription: Json, wanted: list[Json]) -> list[Change]:
    """One change per item of the subscription; those not named stay as they are."""
    before: list[Json] = subscription["items"]["data"]
    after = {item["id"]: copied(item) for item in before}
    for position, each in enumerate(wanted):
        param = f"items[{position}]"
        if "id" not in each:
            raise not_built("adding a second item to a subscription")
        if each["id"] not in after:
            message = f"No such subscription item: '{each['id']}'"
            raise invalid_request(message, param=f"{param}[id]", code="resource_missing")
        after[each["id"]] |= _wanted(world, each, param)
        if after[each["id"]]["price"]["currency"] != subscription["currency"]:
            message = "The price's currency is not the subscription's."
            raise invalid_request(message, param=f"{param}[price]")
    return [Change(item, after[item["id"]]) for item in before]


def _wanted(world: World, each: Json, param: str) -> Json:
    changes: Json = {}
    if "price" in each:
        changes["price"] = recurring_price(world, each["price"], f"{param}[price]")
    if "quantity" in each:
        # A checkout sells one at least; a subscription that runs may go down to none.
        quantity = checked_quantity(each["quantity"], f"{param}[quantity]", least=0)
        changes["quantity"] = quantity
    return changes


def recurring_price(world: World, price_id: str, param: str) -> Json:
    price = usable_price(world, price_id, param)
    if price["type"] != "recurring":
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with"
            " `type=recurring`."
        )
        raise invalid_request(message, param=param)
    return price


def checked_quantity(quantity: int, param: str, *, least: int = 1) -> int:
    if quantity < least:
        message = f"This value must be greater than or equal to {least}."
        raise invalid_request(message, param=param, code="parameter_invalid_integer")
    return quantity
