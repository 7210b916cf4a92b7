"""Charges, payment intents and balance transactions: what was taken, to be read."""

from ..contract import Json, Value
from ..engine.charging import try_charge
from ..engine.collecting import settle_intent
from ..engine.wallets import customers_method
from ..errors import invalid_request
from ..expansion import shown_on_request
from ..lists import PAGING, found, page, whole
from ..operations import Call, merged_metadata, operation
from ..world import World

CHARGES, INTENTS = "/v1/charges", "/v1/payment_intents"


@operation("GET", CHARGES, takes=PAGING + " created customer payment_intent")
def list_charges(call: Call) -> Json:
    return page(call, CHARGES, found(call, "charge", "customer", "payment_intent"))


@operation("GET", CHARGES + "/{charge}")
def get_charge(call: Call) -> Json:
    return call.world.require("charge", call.ids[0])


@operation("POST", CHARGES + "/{charge}", takes="description metadata receipt_email")
def update_charge(call: Call) -> Json:
    charge = call.world.require("charge", call.ids[0])
    changes = call.given("description", "receipt_email")
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(charge["metadata"], call.params["metadata"])
    return call.world.change(charge["id"], "charge.updated", **changes)


@shown_on_request("charge", "refunds")
def show_refunds(world: World, charge: Json) -> Value:
    refunds = world.all("refund", charge=charge["id"])
    return whole(f"{CHARGES}/{charge['id']}/refunds", refunds[::-1])


@operation("GET", INTENTS, takes=PAGING + " created customer")
def list_payment_intents(call: Call) -> Json:
    return page(call, INTENTS, found(call, "payment_intent", "customer"))


@operation("GET", INTENTS + "/{intent}")
def get_payment_intent(call: Call) -> Json:
    return call.world.require("payment_intent", call.ids[0])


@operation("POST", INTENTS + "/{intent}", takes="description metadata")
def update_payment_intent(call: Call) -> Json:
    intent = call.world.require("payment_intent", call.ids[0])
    changes = call.given("description")
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(intent["metadata"], call.params["metadata"])
    return call.world.change(intent["id"], **changes)


@operation("POST", INTENTS + "/{intent}/confirm", takes="payment_method off_session")
def confirm_payment_intent(call: Call) -> Json:
    """The way back for an invoice whose payment failed: another payment method."""
    intent = call.world.require("payment_intent", call.ids[0])
    if intent["status"] in ("succeeded", "canceled"):
        message = (
            f"You cannot confirm this PaymentIntent because it has already {intent['status']} after"
            " being previously confirmed."
        )
        raise invalid_request(message, code="payment_intent_unexpected_state")
    method_id = call.params.get("payment_method") or intent["payment_method"]
    if not method_id:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can"
            " either update the PaymentIntent with a payment method and then confirm it again, or"
            " confirm it again directly with a payment method or ConfirmationToken."
        )
        raise invalid_request(message, code="payment_intent_unexpected_state")
    if intent["customer"]:
        customers_method(call.world, method_id, intent["customer"], "payment_method")
    away = bool(call.params.get("off_session"))
    intent = try_charge(call.world, intent["id"], method_id, present=not away)
    return settle_intent(call.world, intent)


@operation("GET", "/v1/balance_transactions/{id}")
def get_balance_transaction(call: Call) -> Json:
    return call.world.require("balance_transaction", call.ids[0])


@operation("GET", "/v1/balance_transactions", takes=PAGING + " created type source currency")
def list_balance_transactions(call: Call) -> Json:
    fitting = found(call, "balance_transaction", "type", "source", "currency")
    return page(call, "/v1/balance_transactions", fitting)
