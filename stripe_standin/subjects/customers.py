"""Customers."""

import re

from ..contract import Json, Value
from ..engine.subscription_ends import LIVE, end_subscription
from ..engine.tax_ids import add_tax_id
from ..engine.wallets import add_customer, customers_method
from ..errors import invalid_request, missing
from ..expansion import shown_on_request
from ..lists import PAGING, found, matches, page, whole
from ..operations import Call, merged_metadata, nulls, operation
from ..world import CLOCK, World

URL = "/v1/customers"
PLAIN = "description email name phone tax_exempt preferred_locales"
FIELDS = PLAIN + " address metadata invoice_settings.default_payment_method"
MAX_ON_CLOCK = 3
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def check_email(email: Value, param: str = "email") -> None:
    if email and not EMAIL.fullmatch(email):
        raise invalid_request(f"Invalid email address: {email}", param=param, code="email_invalid")


@operation("POST", URL, takes=FIELDS + " balance tax_id_data test_clock")
def create_customer(call: Call) -> Json:
    check_email(call.params.get("email"))
    if call.params.get("invoice_settings"):
        message = "The customer must have a payment method attached before it can be a default."
        raise invalid_request(message, param="invoice_settings[default_payment_method]")
    fields = call.given(*PLAIN.split()) | _address(call.params)
    if "test_clock" in call.params:
        check_room(call.world, call.params["test_clock"])
    metadata = merged_metadata({}, call.params.get("metadata"))
    fields |= call.given("balance", "test_clock")
    customer = add_customer(call.world, metadata=metadata, **fields)
    for given in call.params.get("tax_id_data", []):
        add_tax_id(call.world, customer["id"], given["value"], given["type"])
    return customer


def check_room(world: World, clock_id: str) -> None:
    """docs.stripe.com/billing/testing/test-clocks: "up to three customers"."""
    found = world.find(clock_id)
    if not found or found["object"] != CLOCK or found.get("deleted"):
        raise missing(CLOCK, clock_id, param="test_clock", status=400)
    if len(world.rows("customer", test_clock=clock_id)) >= MAX_ON_CLOCK:
        message = f"You can only have {MAX_ON_CLOCK} customers on a test clock."
        raise invalid_request(message, param="test_clock")


def _address(params: Json) -> Json:
    if "address" not in params:
        return {}
    address = params["address"]
    return {"address": nulls("address", **address) if address else None}


@operation("GET", URL, takes=PAGING + " created email")
def list_customers(call: Call) -> Json:
    customers = found(call, "customer", "email")
    return page(call, URL, [each for each in customers if not each.get("deleted")])


@operation("GET", URL + "/{customer}")
def get_customer(call: Call) -> Json:
    return call.world.require("customer", call.ids[0])


@operation("POST", URL + "/{customer}", takes=FIELDS)
def update_customer(call: Call) -> Json:
    customer = _living(call)
    check_email(call.params.get("email"))
    changes = call.given(*PLAIN.split()) | _address(call.params)
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(customer["metadata"], call.params["metadata"])
    if "invoice_settings" in call.params:
        changes["invoice_settings"] = _invoice_settings(call, customer)
    return call.world.change(customer["id"], "customer.updated", **changes)


def _living(call: Call) -> Json:
    customer = call.world.require("customer", call.ids[0])
    if customer.get("deleted"):
        raise missing("customer", call.ids[0])
    return customer


def _invoice_settings(call: Call, customer: Json) -> Json:
    settings: Json = dict(customer["invoice_settings"])
    method_id = call.params["invoice_settings"].get("default_payment_method") or None
    if method_id:
        param = "invoice_settings[default_payment_method]"
        customers_method(call.world, method_id, customer["id"], param)
    return settings | {"default_payment_method": method_id}


@operation("DELETE", URL + "/{customer}")
def delete_customer(call: Call) -> Json:
    return remove_customer(call.world, _living(call))


def remove_customer(world: World, customer: Json) -> Json:
    """docs.stripe.com/api/customers/delete: "Also immediately cancels any active subscriptions"."""
    for subscription in world.all("subscription", customer=customer["id"]):
        if subscription["status"] in LIVE:
            end_subscription(world, subscription["id"], reason="cancellation_requested")
    world.emit("customer.deleted", customer)
    return world.put({"id": customer["id"], "object": "customer", "deleted": True})


@operation("GET", URL + "/{customer}/payment_methods", takes=PAGING + " type")
def list_customer_payment_methods(call: Call) -> Json:
    customer = _living(call)
    url = f"{URL}/{customer['id']}/payment_methods"
    methods = call.world.rows("payment_method", customer=customer["id"])
    return page(call, url, [m for m in methods if matches(m, call.params, "type")])


@shown_on_request("customer", "tax_ids")
def show_tax_ids(world: World, customer: Json) -> Value:
    return whole(f"{URL}/{customer['id']}/tax_ids", world.all("tax_id", customer=customer["id"]))


@shown_on_request("customer", "subscriptions")
def show_subscriptions(world: World, customer: Json) -> Value:
    live = [
        subscription
        for subscription in world.all("subscription", customer=customer["id"])
        if subscription["status"] not in ("canceled", "incomplete_expired")
    ]
    return whole(f"{URL}/{customer['id']}/subscriptions", live[::-1])
