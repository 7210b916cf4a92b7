"""Invoices of subscriptions: to be read, and to be paid, voided or given up by hand."""

from ..contract import Json
from ..engine.collecting import collect, follow_write_off, mark_paid, why_unpaid
from ..engine.finalizing import finalize_invoice
from ..engine.invoicing import DRAFT_SECONDS, draft_by_hand
from ..engine.pending_updates import follow_void
from ..engine.voiding import cancel_payment, give_up, void_invoice
from ..engine.wallets import customers_method
from ..errors import invalid_request
from ..lists import PAGING, cut, found, in_range, page
from ..operations import Call, merged_metadata, operation

URL = "/v1/invoices"
LIST = PAGING + " collection_method created customer due_date status subscription"


@operation("GET", URL, takes=LIST)
def list_invoices(call: Call) -> Json:
    due, subscription_id = call.params.get("due_date"), call.params.get("subscription")
    fitting = [
        invoice
        for invoice in _of_customer(call, subscription_id)
        if not invoice.get("deleted")
        and subscription_id in (None, _subscription_id(invoice))
        and (due is None or in_range(invoice["due_date"], due))
    ]
    return page(call, URL, fitting)


def _of_customer(call: Call, subscription_id: str | None) -> list[Json]:
    """Few to look through when a subscription is named: its customer's."""
    subscription = call.world.find(subscription_id)
    if subscription:
        call.params.setdefault("customer", subscription["customer"])
    return found(call, "invoice", "collection_method", "customer", "status")


def _subscription_id(invoice: Json) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return details.get("subscription")


@operation("GET", URL + "/{invoice}")
def get_invoice(call: Call) -> Json:
    return call.world.require("invoice", call.ids[0])


@operation("POST", URL + "/{invoice}", takes="auto_advance description metadata")
def update_invoice(call: Call) -> Json:
    invoice = call.world.require("invoice", call.ids[0])
    changes = call.given("auto_advance", "description")
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(invoice["metadata"], call.params["metadata"])
    return call.world.change(invoice["id"], "invoice.updated", **changes)


@operation("GET", URL + "/{invoice}/lines", takes=PAGING)
def list_invoice_lines(call: Call) -> Json:
    invoice = call.world.require("invoice", call.ids[0])
    return cut(call, f"{URL}/{invoice['id']}/lines", invoice["lines"]["data"])


def _in_status(call: Call, verb: str, *allowed: str) -> Json:
    invoice = call.world.require("invoice", call.ids[0])
    if invoice["status"] in allowed:
        return invoice
    if invoice["status"] == "paid" and verb == "pay":
        raise invalid_request("Invoice is already paid", code="invoice_already_paid")
    message = f"You can only {verb} an invoice that is {' or '.join(allowed)};"
    raise invalid_request(
        f"{message} this one ({invoice['id']}) is {invoice['status']}.",
        code="invoice_not_editable" if verb == "finalize" else "",
    )


@operation("POST", URL + "/{invoice}/finalize")
def finalize(call: Call) -> Json:
    invoice = _in_status(call, "finalize", "draft")
    finalized = finalize_invoice(call.world, invoice["id"])
    if not (finalized["auto_advance"] and finalized["amount_due"]):
        return finalized
    # What advances by itself is charged about an hour after it was finalized.
    soon = call.world.now() + DRAFT_SECONDS
    return call.world.change(invoice["id"], next_payment_attempt=soon)


@operation("POST", URL + "/{invoice}/pay", takes="payment_method off_session paid_out_of_band")
def pay_invoice(call: Call) -> Json:
    world = call.world
    invoice = _in_status(call, "pay", "open", "draft", "uncollectible")
    if invoice["status"] == "draft":
        finalize_invoice(world, invoice["id"])
    if call.params.get("paid_out_of_band"):
        return _paid_elsewhere(call, invoice)
    method_id = call.params.get("payment_method")
    if method_id:
        customers_method(world, method_id, invoice["customer"], "payment_method")
    # docs.stripe.com/api/invoices/pay: `off_session` defaults to true.
    present = not call.params.get("off_session", True)
    paid = collect(world, invoice["id"], present=present, method_id=method_id)
    if paid["status"] == "paid":
        return paid
    refusal = why_unpaid(world, paid)
    refusal.keeps_changes = True
    raise refusal


def _paid_elsewhere(call: Call, invoice: Json) -> Json:
    cancel_payment(call.world, invoice["id"])
    paid = mark_paid(call.world, invoice["id"])
    return call.world.change(paid["id"], amount_paid_off_stripe=paid["amount_due"])


@operation("POST", URL + "/{invoice}/void")
def void(call: Call) -> Json:
    invoice = _in_status(call, "void", "open", "uncollectible")
    voided = void_invoice(call.world, invoice["id"])
    follow_void(call.world, voided)
    follow_write_off(call.world, voided)
    return voided


@operation("POST", URL + "/{invoice}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Json:
    invoice = _in_status(call, "mark uncollectible", "open", "draft")
    given_up = give_up(call.world, invoice["id"])
    follow_write_off(call.world, given_up)
    return given_up


@operation("POST", URL + "/{invoice}/send")
def send_invoice(call: Call) -> Json:
    invoice = _in_status(call, "send", "draft", "open")
    if invoice["collection_method"] != "send_invoice":
        message = "You can only send an invoice whose collection_method is send_invoice."
        raise invalid_request(message)
    if invoice["status"] == "draft":
        invoice = finalize_invoice(call.world, invoice["id"])
    call.world.emit("invoice.sent", invoice)
    return invoice


@operation(
    "POST",
    URL,
    takes="customer subscription auto_advance collection_method days_until_due metadata",
)
def create_invoice(call: Call) -> Json:
    """A draft by hand: what is pending on a subscription, or nothing at all."""
    world, params = call.world, call.params
    subscription = world.find(params.get("subscription"))
    if "subscription" in params:
        subscription = world.require("subscription", params["subscription"], param="subscription")
        params.setdefault("customer", subscription["customer"])
    if not params.get("customer"):
        message = "Missing required param: customer."
        raise invalid_request(message, param="customer", code="parameter_missing")
    world.require("customer", params["customer"], param="customer")
    lines = world.notes(subscription["id"]).get("pending_lines", []) if subscription else []
    if subscription:
        if not lines:
            message = f"Nothing to invoice for subscription {subscription['id']}"
            raise invalid_request(message, code="invoice_no_subscription_line_items")
        world.note(subscription["id"], pending_lines=[])
    return draft_by_hand(world, params, subscription, lines)


@operation("DELETE", URL + "/{invoice}")
def delete_invoice(call: Call) -> Json:
    """ "Permanently deletes a one-off invoice draft. ... Attempts to delete invoices that are no
    longer in a draft state will fail; once an invoice has been finalized or if an invoice is for a
    subscription, it must be voided"."""
    invoice = _in_status(call, "delete", "draft")
    if invoice["parent"]:
        message = "You can only delete draft invoices that do not belong to a subscription."
        raise invalid_request(message)
    call.world.emit("invoice.deleted", invoice)
    return call.world.put({"id": invoice["id"], "object": "invoice", "deleted": True})
