"""What an invoice would be: `POST /v1/invoices/create_preview`."""

from ..contract import Json
from ..engine.invoicing import invoice_body
from ..engine.lines import item_line, item_period
from ..engine.subscribing import SELF_TAXED, subscription_body
from ..engine.updating import preview_lines
from ..errors import invalid_request
from ..operations import Call, operation
from .redemption import read_discounts
from .subscription_changes import checked_quantity, read_update, recurring_price

DETAILS = " ".join(
    f"subscription_details.{name}"
    for name in (
        ["items.id", "items.price", "items.quantity", "proration_behavior", "proration_date"]
    )
)


@operation(
    "POST",
    "/v1/invoices/create_preview",
    takes=f"automatic_tax.enabled customer discounts subscription {DETAILS}",
)
def preview_invoice(call: Call) -> Json:
    if "subscription" in call.params:
        return _preview_update(call)
    details = call.params.get("subscription_details", {})
    if "customer" not in call.params or not details.get("items"):
        message = (
            "You must provide a subscription, or a customer with subscription_details[items], to"
            " preview an invoice."
        )
        raise invalid_request(message, code="parameter_missing")
    return _preview_beginning(call, details["items"])


def _preview_update(call: Call) -> Json:
    subscription_id = call.params["subscription"]
    subscription = call.world.require("subscription", subscription_id, param="subscription")
    if call.params.get("customer", subscription["customer"]) != subscription["customer"]:
        message = "The customer is not the subscription's."
        raise invalid_request(message, param="customer")
    if subscription["status"] in ("canceled", "incomplete_expired"):
        message = "No upcoming invoices for a canceled subscription."
        raise invalid_request(message, code="invoice_upcoming_none", status=404)
    details = call.params.get("subscription_details", {})
    update = read_update(call, subscription, details, details.get("items", []))
    lines = preview_lines(call.world, subscription, update)
    reason = "subscription_update" if update.invoices_now else "upcoming"
    return _draft(call, subscription, lines, reason)


def _preview_beginning(call: Call, items: list[Json]) -> Json:
    world = call.world
    world.require("customer", call.params["customer"], param="customer")
    bought = []
    for position, item in enumerate(items):
        param = f"subscription_details[items][{position}]"
        price = recurring_price(world, item.get("price", ""), f"{param}[price]")
        quantity = checked_quantity(item.get("quantity", 1), f"{param}[quantity]")
        bought.append((price, quantity))
    body = subscription_body(world, bought, customer=call.params["customer"])
    lines = [item_line(world, body, item, item_period(item)) for item in body["items"]["data"]]
    invoice = _draft(call, body, lines, "upcoming")
    invoice["parent"] = None
    for line in invoice["lines"]["data"]:
        line["parent"] = None
    return invoice


def _draft(call: Call, subscription: Json, lines: list[Json], reason: str) -> Json:
    invoice_id = call.world.new_id("upcoming_in_1")
    found = read_discounts(call, subscription, amount=0)
    if call.params.get("automatic_tax", {}).get("enabled"):
        subscription = subscription | {"automatic_tax": SELF_TAXED}
    return invoice_body(
        call.world,
        subscription,
        lines,
        reason=reason,
        invoice_id=invoice_id,
        discounts=found,
    )
