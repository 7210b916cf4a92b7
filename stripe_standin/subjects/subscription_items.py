"""Subscription items: the same changes as on the subscription, by the item's own address."""

from ..contract import Json
from ..engine.lines import items_list
from ..errors import missing
from ..lists import PAGING, cut
from ..operations import Call, merged_metadata, operation
from .subscription_changes import TAKES, change_items

URL = "/v1/subscription_items"
OWN = TAKES.replace("items.id ", "").replace("items.", "")


@operation("GET", URL, takes=PAGING + " subscription")
def list_items(call: Call) -> Json:
    subscription_id = call.params["subscription"]
    subscription = call.world.require("subscription", subscription_id, param="subscription")
    return cut(call, URL, subscription["items"]["data"])


@operation("GET", URL + "/{item}")
def get_item(call: Call) -> Json:
    return _found(call)[1]


@operation("POST", URL + "/{item}", takes=OWN + " metadata")
def update_item(call: Call) -> Json:
    subscription, item = _found(call)
    if "metadata" in call.params:
        metadata = merged_metadata(item["metadata"], call.params["metadata"])
        _replace(call, subscription, item | {"metadata": metadata})
    wanted = {name: call.params[name] for name in ("price", "quantity") if name in call.params}
    if wanted:
        own = {"price", "quantity", "metadata"}
        params: Json = {k: value for k, value in call.params.items() if k not in own}
        params["items"] = [{"id": item["id"], **wanted}]
        subscription = call.world.get(subscription["id"])
        change_items(Call(call.world, params=params), subscription, {})
    return _found(call)[1]


def _found(call: Call) -> tuple[Json, Json]:
    for subscription in call.world.all("subscription"):
        for item in subscription["items"]["data"]:
            if item["id"] == call.ids[0]:
                return subscription, item
    raise missing("subscription_item", call.ids[0])


def _replace(call: Call, subscription: Json, changed: Json) -> None:
    items = subscription["items"]["data"]
    kept = [changed if item["id"] == changed["id"] else item for item in items]
    listed = items_list(subscription["id"], kept)
    call.world.change(subscription["id"], "customer.subscription.updated", items=listed)
