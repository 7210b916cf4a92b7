"""Subscriptions made through the API, such as those of invoice customers."""

from ..contract import Json
from ..engine import amounts
from ..engine.collecting import collect, default_method, why_unpaid
from ..engine.coupons import redeem
from ..engine.finalizing import finalize_invoice
from ..engine.subscribing import SELF_TAXED, on_trial, start_subscription, subscription_body
from ..engine.wallets import customers_method
from ..errors import invalid_request, not_built
from ..operations import Call, merged_metadata, operation
from ..world import World
from .redemption import read_discounts
from .subscription_changes import checked_quantity, recurring_price

URL = "/v1/subscriptions"
TAKES = (
    "customer items.price items.quantity collection_method days_until_due default_payment_method"
    " description metadata off_session payment_behavior payment_settings.payment_method_types"
    " payment_settings.save_default_payment_method billing_mode.type discounts"
    " automatic_tax.enabled trial_end trial_period_days"
)


@operation("POST", URL, takes=TAKES)
def create_subscription(call: Call) -> Json:
    world, params = call.world, call.params
    _check(call)
    body = subscription_body(
        world,
        _bought(call),
        customer=params["customer"],
        collection_method=params.get("collection_method", "charge_automatically"),
        days_until_due=params.get("days_until_due"),
        default_payment_method=params.get("default_payment_method"),
        description=params.get("description"),
        metadata=merged_metadata({}, params.get("metadata")),
    )
    body["payment_settings"] |= params.get("payment_settings", {})
    if params.get("billing_mode", {}).get("type") == "classic":
        body["billing_mode"] = {"type": "classic", "flexible": None}
    until = _trial_end(call)
    body = on_trial(world, body, until) if until else body
    _price(call, body)
    if body["collection_method"] == "send_invoice":
        # "The subscription is active at once", and its invoice is sent after the usual hour.
        body["status"] = "active" if body["status"] == "incomplete" else body["status"]
        return start_subscription(world, body, waits=True)
    return _collect_first(call, start_subscription(world, body))


def _trial_end(call: Call) -> int | None:
    params = call.params
    if "trial_end" in params and "trial_period_days" in params:
        message = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise invalid_request(message, param="trial_end")
    if "trial_period_days" in params:
        days = int(params["trial_period_days"])
        if days < 1:
            message = "This value must be greater than or equal to 1."
            raise invalid_request(message, param="trial_period_days")
        return call.world.now() + days * 24 * 3600
    until = params.get("trial_end", "now")
    if until == "now":
        return None
    if until <= call.world.now():
        raise invalid_request("The trial_end must be in the future.", param="trial_end")
    return int(until)


def _price(call: Call, body: Json) -> None:
    """Discounts and tax."""
    items = body["items"]["data"]
    amount = sum(amounts.total(call.world, item["price"], item["quantity"]) for item in items)
    found = read_discounts(call, body, amount) or []
    body["discounts"] = [redeem(call.world, discount) for discount in found]
    if call.params.get("automatic_tax", {}).get("enabled"):
        check_taxable(call.world, body["customer"])
        body["automatic_tax"] = SELF_TAXED


def check_taxable(world: World, customer_id: str) -> None:
    """docs.stripe.com/tax/subscriptions: the customer's place must be known."""
    if not (world.get(customer_id)["address"] or {}).get("country"):
        message = (
            "The customer's location isn't recognized. Set a valid customer address in order to"
            " automatically calculate tax."
        )
        raise invalid_request(
            message, param="automatic_tax[enabled]", code="customer_tax_location_invalid"
        )


def _bought(call: Call) -> list[tuple[Json, int]]:
    bought = []
    for position, item in enumerate(call.params["items"]):
        param = f"items[{position}]"
        if "price" not in item:
            message = f"Missing required param: {param}[price]."
            raise invalid_request(message, param=f"{param}[price]", code="parameter_missing")
        price = recurring_price(call.world, item["price"], f"{param}[price]")
        quantity = checked_quantity(item.get("quantity", 1), f"{param}[quantity]")
        bought.append((price, quantity))
    return bought


def _check(call: Call) -> None:
    """Source: docs.stripe.com/api/subscriptions/create."""
    params = call.params
    for name in ("customer", "items"):
        if not params.get(name):
            message = f"Missing required param: {name}."
            raise invalid_request(message, param=name, code="parameter_missing")
    customer = call.world.require("customer", params["customer"], param="customer")
    others = set(params.get("payment_settings", {}).get("payment_method_types") or ()) - {"card"}
    if others:
        raise not_built(f"payment methods {', '.join(sorted(others))}")
    by_invoice = params.get("collection_method") == "send_invoice"
    if by_invoice != ("days_until_due" in params):
        message = "`days_until_due` is required with, and only allowed with, `send_invoice`."
        raise invalid_request(message, param="days_until_due")
    method_id = params.get("default_payment_method")
    if method_id:
        customers_method(call.world, method_id, customer["id"], "default_payment_method")
    _check_payable(params, customer, by_invoice=by_invoice)


def _check_payable(params: Json, customer: Json, *, by_invoice: bool) -> None:
    has_card = (
        params.get("default_payment_method")
        or (customer["invoice_settings"]["default_payment_method"])
    )
    waits = params.get("payment_behavior") == "default_incomplete" or (
        {"trial_end", "trial_period_days"} & set(params)
    )
    if not (has_card or by_invoice or waits):
        message = (
            "This customer has no attached payment source or default payment method. Please"
            " consider adding a default payment method."
        )
        raise invalid_request(message, code="resource_missing")


def _collect_first(call: Call, subscription: Json) -> Json:
    """Paid: active. Not paid: incomplete for 23 hours, or, if so asked, an error."""
    world, invoice_id = call.world, subscription["latest_invoice"]
    finalize_invoice(world, invoice_id)
    if call.params.get("payment_behavior") == "default_incomplete":
        return world.get(subscription["id"])
    present = not call.params.get("off_session", False)
    invoice = collect(world, invoice_id, present=present)
    wants_error = call.params.get("payment_behavior") == "error_if_incomplete"
    if invoice["status"] != "paid" and wants_error:
        raise why_unpaid(world, invoice)
    if invoice["status"] == "paid":
        _save_method(world, subscription, invoice)
    return world.get(subscription["id"])


def _save_method(world: World, subscription: Json, invoice: Json) -> None:
    """`save_default_payment_method=on_subscription`: the card that paid stays on it."""
    wanted = subscription["payment_settings"]["save_default_payment_method"]
    method_id = default_method(world, invoice)
    if wanted == "on_subscription" and method_id != subscription["default_payment_method"]:
        event = "customer.subscription.updated"
        world.change(subscription["id"], event, default_payment_method=method_id)
