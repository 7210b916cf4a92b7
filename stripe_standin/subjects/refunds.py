"""Refunds, whole or in parts, of a charge or of a payment intent's charge."""

from ..contract import Json
from ..engine.amounts import shown
from ..engine.refunding import add_refund
from ..errors import invalid_request
from ..lists import PAGING, found, page
from ..operations import Call, merged_metadata, operation
from ..world import World

URL = "/v1/refunds"


@operation("POST", URL, takes="charge payment_intent amount reason metadata")
def create_refund(call: Call) -> Json:
    world, charge = call.world, _charge_to_refund(call)
    amount = amount_to_refund(charge, call.params.get("amount"))
    return add_refund(
        world,
        charge,
        amount,
        metadata=merged_metadata({}, call.params.get("metadata")),
        reason=call.params.get("reason"),
    )


def _charge_to_refund(call: Call) -> Json:
    given = [name for name in ("charge", "payment_intent") if name in call.params]
    if len(given) != 1:
        message = "One of the following params should be provided for this request: payment_intent"
        raise invalid_request(message + " or charge.", code="" if given else "parameter_missing")
    if given == ["charge"]:
        charge_id = call.params["charge"]
        return refundable(call.world, call.world.require("charge", charge_id, param="charge"))
    intent_id = call.params["payment_intent"]
    intent = call.world.require("payment_intent", intent_id, param="payment_intent")
    if not intent["latest_charge"] or intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        raise invalid_request(message, param="payment_intent")
    return refundable(call.world, call.world.get(intent["latest_charge"]))


def refundable(world: World, charge: Json) -> Json:
    """The charge, if money may go back."""
    if charge["status"] != "succeeded":
        raise invalid_request(f"Charge {charge['id']} was not successful and cannot be refunded.")
    disputes = world.rows("dispute", charge=charge["id"])
    # An inquiry may be refunded, and so may a dispute that was won.
    if any(not dispute["is_charge_refundable"] for dispute in disputes):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid_request(message, code="charge_disputed")
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid_request(message, code="charge_already_refunded")
    return charge


def amount_to_refund(charge: Json, wanted: int | None) -> int:
    left: int = charge["amount"] - charge["amount_refunded"]
    amount = left if wanted is None else wanted
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid_request(message, param="amount", code="parameter_invalid_integer")
    if amount > left:
        currency = charge["currency"]
        message = (
            f"Refund amount ({shown(amount, currency)}) is greater than unrefunded amount on charge"
            f" ({shown(left, currency)})"
        )
        raise invalid_request(message, param="amount")
    return amount


@operation("GET", URL, takes=PAGING + " charge created payment_intent")
def list_refunds(call: Call) -> Json:
    return page(call, URL, found(call, "refund", "charge", "payment_intent"))


@operation("GET", URL + "/{refund}")
def get_refund(call: Call) -> Json:
    return call.world.require("refund", call.ids[0])


@operation("POST", URL + "/{refund}", takes="metadata")
def update_refund(call: Call) -> Json:
    refund = call.world.require("refund", call.ids[0])
    metadata = merged_metadata(refund["metadata"], call.params.get("metadata", {}))
    return call.world.change(refund["id"], "refund.updated", metadata=metadata)
