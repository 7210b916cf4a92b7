"""Other items on a subscription: price and quantity."""

from ..contract import Json
from ..engine.subscribing import items_list
from ..errors import invalid_request, not_built
from ..operations import Call
from .prices import usable_price

TAKES = (
    "items.id items.price items.quantity items.metadata"
    " proration_behavior proration_date payment_behavior"
)


def change_items(call: Call, subscription: Json, changes: Json) -> Json:
    items = new_items(call, subscription)
    changes["items"] = items_list(subscription["id"], items)
    if call.params.get("proration_behavior", "create_prorations") != "none":
        raise not_built("proration")
    return call.world.change(subscription["id"], "customer.subscription.updated", **changes)


def new_items(call: Call, subscription: Json) -> list[Json]:
    """The items as the request wants them."""
    items: list[Json] = subscription["items"]["data"]
    for position, wanted in enumerate(call.params["items"]):
        param = f"items[{position}]"
        if "id" not in wanted:
            raise not_built("adding a second item to a subscription")
        item = next((item for item in items if item["id"] == wanted["id"]), None)
        if item is None:
            message = f"No such subscription item: '{wanted['id']}'"
            raise invalid_request(message, param=f"{param}[id]", code="resource_missing")
        _apply(call, item, wanted, param)
    return items


def _apply(call: Call, item: Json, wanted: Json, param: str) -> None:
    if "price" in wanted:
        item["price"] = usable_price(call.world, wanted["price"], f"{param}[price]")
    if wanted.get("quantity", 1) < 0:
        message = "This value must be greater than or equal to 0."
        raise invalid_request(message, param=f"{param}[quantity]", code="parameter_invalid_integer")
    item["quantity"] = wanted.get("quantity", item["quantity"])
