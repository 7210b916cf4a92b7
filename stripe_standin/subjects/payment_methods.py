"""Payment methods: cards, made at the hosted pages or named like `pm_card_visa`."""

from ..contract import Json
from ..engine.wallets import attach, card_of, detach, named_or_own, refuse
from ..errors import card_declined, invalid_request, not_built
from ..lists import PAGING, found, page
from ..operations import Call, merged_metadata, operation

URL = "/v1/payment_methods"


@operation("POST", URL, takes="type card billing_details metadata")
def create_payment_method(call: Call) -> Json:
    if call.params.get("type") != "card":
        raise not_built("payment methods other than cards")
    # Stripe refuses numbers from accounts without that right; so code that sends them fails here.
    if "number" in call.params.get("card", {}):
        raise card_declined(
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest"
            " you use test tokens that map to the test card you are using.",
            "",
        )
    raise not_built("payment methods from tokens; attach one by name, such as pm_card_visa")


@operation("GET", URL, takes=PAGING + " customer type")
def list_payment_methods(call: Call) -> Json:
    methods = found(call, "payment_method", "customer", "type")
    return page(call, URL, [method for method in methods if method["customer"]])


@operation("GET", URL + "/{payment_method}")
def get_payment_method(call: Call) -> Json:
    return call.world.require("payment_method", call.ids[0])


@operation("POST", URL + "/{payment_method}", takes="metadata card.exp_month card.exp_year")
def update_payment_method(call: Call) -> Json:
    method = call.world.require("payment_method", call.ids[0])
    changes: Json = {"card": method["card"] | call.params.get("card", {})}
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(method["metadata"], call.params["metadata"])
    return call.world.change(method["id"], "payment_method.updated", **changes)


@operation("POST", URL + "/{payment_method}/attach", takes="customer")
def attach_payment_method(call: Call) -> Json:
    customer_id = call.params.get("customer", "")
    if not customer_id:
        message = "Missing required param: customer."
        raise invalid_request(message, param="customer", code="parameter_missing")
    call.world.require("customer", customer_id, param="customer")
    method = named_or_own(call.world, call.ids[0], "payment_method")
    if method["customer"] and method["customer"] != customer_id:
        message = "The payment method you provided has already been attached to a customer."
        raise invalid_request(message, code="payment_method_unexpected_state")
    card = card_of(call.world, method["id"])
    if card.declined and not card.declined_later:
        refuse(card)
    return attach(call.world, method["id"], customer_id)


@operation("POST", URL + "/{payment_method}/detach")
def detach_payment_method(call: Call) -> Json:
    method = call.world.require("payment_method", call.ids[0])
    if not method["customer"]:
        message = (
            "The payment method you provided is not attached to a customer so detachment is"
            " impossible."
        )
        raise invalid_request(message)
    return detach(call.world, method)
