"""Subscriptions: to be read, changed in what costs nothing, and canceled."""

from ..contract import Json, Value
from ..engine.coupons import redeem
from ..engine.final_bills import bill_the_end
from ..engine.scheduling import follow_update
from ..engine.subscribing import SELF_TAXED
from ..engine.subscription_ends import end_subscription
from ..engine.wallets import customers_method
from ..errors import invalid_request, not_built
from ..lists import PAGING, found, in_range, page
from ..operations import Call, merged_metadata, operation
from . import subscription_changes
from .redemption import read_discounts
from .subscription_creation import check_taxable

URL = "/v1/subscriptions"
LIST = " collection_method created current_period_start current_period_end customer price status"
FIELDS = (
    "cancel_at cancel_at_period_end cancellation_details default_payment_method description"
    " pause_collection discounts automatic_tax.enabled"
)
ENDED = ("canceled", "incomplete_expired")


@operation("GET", URL, takes=PAGING + LIST)
def list_subscriptions(call: Call) -> Json:
    fitting = [
        subscription
        for subscription in found(call, "subscription", "collection_method", "customer")
        if _has_status(subscription, call.params.get("status"))
        and _has_items(subscription, call.params)
    ]
    return page(call, URL, fitting)


def _has_status(subscription: Json, wanted: str | None) -> bool:
    """By default "all subscriptions that have not been canceled are returned"."""
    status = subscription["status"]
    if wanted is None:
        return status not in ENDED
    return wanted in ("all", status) or (wanted == "ended" and status in ENDED)


def _has_items(subscription: Json, params: Json) -> bool:
    items = subscription["items"]["data"]
    price_fits = "price" not in params or any(i["price"]["id"] == params["price"] for i in items)
    bounds = [name for name in ("current_period_start", "current_period_end") if name in params]
    return price_fits and all(
        any(in_range(item[name], params[name]) for item in items) for name in bounds
    )


@operation("GET", URL + "/{subscription_exposed_id}")
def get_subscription(call: Call) -> Json:
    return call.world.require("subscription", call.ids[0])


@operation(
    "POST",
    URL + "/{subscription_exposed_id}",
    takes=f"{FIELDS} metadata {subscription_changes.TAKES}",
)
def update_subscription(call: Call) -> Json:
    subscription = call.world.require("subscription", call.ids[0])
    if subscription["status"] in ENDED and set(call.params) - {"metadata", "expand"}:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        if set(call.params) - {"metadata", "cancellation_details", "expand"}:
            raise invalid_request(message)
    changes = _changes(call, subscription) | _price(call, subscription)
    if "items" in call.params:
        changed = subscription_changes.change_items(call, subscription, changes)
        follow_update(call.world, changed)
        return changed
    return call.world.change(subscription["id"], "customer.subscription.updated", **changes)


def _price(call: Call, subscription: Json) -> Json:
    """Other discounts, or tax switched on or off: for the invoices from now on."""
    world, changes = call.world, Json()
    found = read_discounts(call, subscription, amount=0)
    if found is not None:
        kept = [each["id"] for each in found if "coupon" not in each]
        gone = [each for each in subscription["discounts"] if each not in kept]
        changes["discounts"] = [
            redeem(world, each) if "coupon" in each else each["id"] for each in found
        ]
        for discount_id in gone:
            world.emit("customer.discount.deleted", world.get(discount_id))
    if "automatic_tax" in call.params:
        wanted = call.params["automatic_tax"]["enabled"]
        if wanted:
            check_taxable(world, subscription["customer"])
        off = {"disabled_reason": None, "enabled": False, "liability": None}
        changes["automatic_tax"] = SELF_TAXED if wanted else off
    return changes


def _changes(call: Call, subscription: Json) -> Json:
    params, changes = call.params, call.given("description", "default_payment_method")
    if changes.get("default_payment_method"):
        method_id = changes["default_payment_method"]
        customer = subscription["customer"]
        customers_method(call.world, method_id, customer, "default_payment_method")
    if "pause_collection" in params:
        paused = params["pause_collection"] or None
        changes["pause_collection"] = paused and {"resumes_at": None, **paused}
    if "metadata" in params:
        changes["metadata"] = merged_metadata(subscription["metadata"], params["metadata"])
    return changes | _cancellation(call, subscription)


def _cancellation(call: Call, subscription: Json) -> Json:
    """When it shall end. Setting fills all of `cancel_at`, `canceled_at` and the reason; unsetting
    clears all three (seen in real traffic)."""
    params = call.params
    if subscription["schedule"] and ("cancel_at" in params or "cancel_at_period_end" in params):
        message = (
            "The subscription is managed by the subscription schedule"
            f" `{subscription['schedule']}`, and updating any cancelation behavior directly is not"
            " allowed. Please update the schedule instead."
        )
        raise invalid_request(message)
    details = _details(subscription, params.get("cancellation_details", {}))
    if "cancel_at" in params and "cancel_at_period_end" in params:
        message = "You may only specify one of these parameters: cancel_at, cancel_at_period_end."
        raise invalid_request(message, param="cancel_at")
    if "cancel_at_period_end" in params:
        wanted = params["cancel_at_period_end"]
        at = _period_end(subscription) if wanted else None
        return _cancel_at(call, subscription, details, at) | {"cancel_at_period_end": wanted}
    if "cancel_at" in params:
        at = _moment(call, subscription, params["cancel_at"])
        return _cancel_at(call, subscription, details, at) | {"cancel_at_period_end": False}
    return {"cancellation_details": details} if "cancellation_details" in params else {}


def _details(subscription: Json, given: Json) -> Json:
    kept = subscription["cancellation_details"] or {"comment": None, "feedback": None}
    return {"reason": None} | kept | {key: value or None for key, value in given.items()}


def _cancel_at(call: Call, subscription: Json, details: Json, at: int | None) -> Json:
    asked = None if at is None else subscription["canceled_at"] or call.world.now()
    reason = None if at is None else "cancellation_requested"
    details |= {"reason": reason}
    return {"cancel_at": at, "canceled_at": asked, "cancellation_details": details}


def _period_end(subscription: Json) -> int:
    return max(int(item["current_period_end"]) for item in subscription["items"]["data"])


def _moment(call: Call, subscription: Json, given: Value) -> int | None:
    if given in ("", None):
        return None
    if given in ("min_period_end", "max_period_end"):
        ends = [int(item["current_period_end"]) for item in subscription["items"]["data"]]
        return min(ends) if given == "min_period_end" else max(ends)
    if not isinstance(given, int):
        raise not_built(f"cancel_at={given}")
    if given < call.world.now():
        message = "The cancel_at timestamp must be in the future."
        raise invalid_request(message, param="cancel_at")
    return given


@operation(
    "DELETE", URL + "/{subscription_exposed_id}", takes="cancellation_details invoice_now prorate"
)
def cancel_subscription(call: Call) -> Json:
    subscription = call.world.require("subscription", call.ids[0])
    if subscription["status"] in ENDED:
        message = f"No such subscription: '{subscription['id']}'"
        raise invalid_request(message, param="id", code="resource_missing", status=404)
    bill_the_end(
        call.world,
        subscription["id"],
        invoice_now=call.params.get("invoice_now", False),
        prorate=call.params.get("prorate", False),
    )
    given = call.params.get("cancellation_details", {})
    details = {key: value or None for key, value in given.items()}
    reason = "cancellation_requested"
    return end_subscription(call.world, subscription["id"], reason=reason, details=details)
