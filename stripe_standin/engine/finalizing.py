"""Invoices from draft to open: number, tax, the customer's balance, and an intent for the rest."""

from ..contract import Json, blank
from ..world import World
from .balances import move_balance
from .charging import add_intent
from .invoicing import subscription_of
from .sums import settle

NO_TAX = {
    "requires_location_inputs": "The customer's location isn't recognized. Set a valid customer"
    " address in order to automatically calculate tax.",
    "failed": "The tax calculation failed. Try again.",
}


def finalize_invoice(world: World, invoice_id: str, *, intent_id: str = "") -> Json:
    """Draft becomes open: a number, a page to pay it on, and an intent for what is due.

    *intent_id*: Checkout has charged one already.
    """
    invoice = world.get(invoice_id)
    if invoice["automatic_tax"]["enabled"] and not intent_id:
        invoice = _tax_again(world, invoice)
    if invoice["automatic_tax"]["status"] in NO_TAX:
        return _fail_finalization(world, invoice)
    customer = world.get(invoice["customer"])
    sequence = customer.get("next_invoice_sequence", 1)
    page = f"{world.options.public_url}/i/{invoice_id}"
    changes: Json = {
        "automatically_finalizes_at": None,
        "effective_at": world.now(),
        "hosted_invoice_url": page,
        "invoice_pdf": page + "/pdf",
        "number": f"{customer.get('invoice_prefix', 'DELETED')}-{sequence:04}",
        "status": "open",
        "status_transitions": invoice["status_transitions"] | {"finalized_at": world.now()},
    }
    if invoice["collection_method"] == "send_invoice":
        changes["due_date"] = _due_date(world, invoice)
    if not customer.get("deleted"):
        # What Checkout charged was the whole of it.
        changes |= {} if intent_id else _use_balance(world, invoice)
        world.change(customer["id"], next_invoice_sequence=sequence + 1)
    invoice = world.change(invoice_id, "invoice.finalized", **changes)
    if invoice["amount_due"]:
        _add_payment(world, invoice, intent_id or _add_intent(world, invoice))
    return invoice


def _due_date(world: World, invoice: Json) -> int:
    if invoice["due_date"] or not invoice["parent"]:
        return int(invoice["due_date"] or world.now())
    days: int = world.get(subscription_of(invoice))["days_until_due"]
    return world.now() + days * 24 * 3600


def _tax_again(world: World, invoice: Json) -> Json:
    """The customer may have moved since the draft was made."""
    customer = world.get(invoice["customer"])
    body = invoice | {"customer_address": customer.get("address")}
    settled = settle(world, body, [world.get(each) for each in invoice["discounts"]])
    return world.change(invoice["id"], "invoice.updated", **settled)


def _fail_finalization(world: World, invoice: Json) -> Json:
    """docs.stripe.com/tax/customer-locations: the invoice stays a draft, and only this event tells
    that it will never be billed."""
    place = invoice["automatic_tax"]["status"] == "requires_location_inputs"
    why = "requires_location_inputs" if place else "system_error"
    code = "customer_tax_location_invalid" if place else "invoice_tax_failed"
    tax = invoice["automatic_tax"] | {"disabled_reason": f"finalization_{why}"}
    message = NO_TAX[invoice["automatic_tax"]["status"]]
    error = {"code": code, "message": message, "type": "invalid_request_error"}
    return world.change(
        invoice["id"],
        "invoice.finalization_failed",
        auto_advance=False,
        automatic_tax=tax,
        automatically_finalizes_at=None,
        last_finalization_error=error,
    )


def _use_balance(world: World, invoice: Json) -> Json:
    """A negative balance is credit: it pays first, and a negative invoice adds to it
    (docs.stripe.com/billing/customer/balance)."""
    start: int = world.get(invoice["customer"])["balance"]
    owed = invoice["total"] + start
    end = min(owed, 0)
    if end != start:
        kind = "applied_to_invoice" if invoice["total"] > 0 else "invoice_too_small"
        move_balance(world, invoice["customer"], end - start, kind, invoice=invoice["id"])
    due = max(owed, 0)
    amounts = {"amount_due": due, "amount_remaining": due}
    return {**amounts, "starting_balance": start, "ending_balance": end}


def _add_intent(world: World, invoice: Json) -> str:
    first = invoice["billing_reason"] == "subscription_create"
    intent = add_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription creation" if first else "Subscription update",
        setup_future_usage="off_session",
    )
    return str(intent["id"])


def _add_payment(world: World, invoice: Json, intent_id: str) -> None:
    payment = blank(
        "invoice_payment",
        id=world.new_id("inpay_1"),
        amount_requested=invoice["amount_due"],
        created=world.now(),
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent_id},
        status="open",
    )
    world.add(payment)
