"""Invoice payments: the only bridge between an invoice and its payment intent since basil."""

from ..contract import Json, Value
from ..engine.invoicing import open_payment
from ..errors import invalid_request
from ..expansion import shown_on_request
from ..lists import PAGING, found, page, whole
from ..operations import Call, operation
from ..world import World

URL = "/v1/invoice_payments"


@operation("GET", URL, takes=PAGING + " created invoice status payment.type payment.payment_intent")
def list_invoice_payments(call: Call) -> Json:
    wanted = call.params.get("payment", {})
    # docs.stripe.com/api/invoice-payment/list: `payment.type` names which id follows.
    if wanted and wanted.get("type") != "payment_intent":
        raise invalid_request("`payment[type]` must be payment_intent here.", param="payment[type]")
    intent_id = wanted.get("payment_intent")
    its = {"payment.payment_intent": intent_id} if intent_id else {}
    return page(call, URL, found(call, "invoice_payment", "invoice", "status", **its))


@operation("GET", URL + "/{invoice_payment}")
def get_invoice_payment(call: Call) -> Json:
    return call.world.require("invoice_payment", call.ids[0])


@shown_on_request("invoice", "payments")
def show_payments(world: World, invoice: Json) -> Value:
    url = f"/v1/invoice_payments?invoice={invoice['id']}"
    return whole(url, world.all("invoice_payment", invoice=invoice["id"])[::-1])


@shown_on_request("invoice", "confirmation_secret")
def show_confirmation_secret(world: World, invoice: Json) -> Value:
    payment = open_payment(world, invoice["id"])
    if payment is None:
        return None
    intent = world.get(payment["payment"]["payment_intent"])
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}
