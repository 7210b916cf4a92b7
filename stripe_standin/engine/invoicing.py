"""Invoices from draft to open: their lines, totals, numbers and payment intents."""

from ..contract import Json, blank
from ..lists import whole
from ..world import World
from .charging import add_intent

DRAFT_SECONDS = 3600  # "about an hour": docs.stripe.com/billing/invoices/subscription
ACCOUNT_COUNTRY, ACCOUNT_NAME = "US", "Wheelbarrow test account"


def invoice_body(
    world: World, subscription: Json, lines: list[Json], *, reason: str, invoice_id: str = ""
) -> Json:
    """A draft of these lines, not put anywhere: a preview is the same thing."""
    invoice_id = invoice_id or world.new_id("in_1")
    now = world.now()
    customer = world.get(subscription["customer"])
    for line in lines:
        line["invoice"] = invoice_id
    body = blank(
        "invoice",
        id=invoice_id,
        account_country=ACCOUNT_COUNTRY,
        account_name=ACCOUNT_NAME,
        auto_advance=True,
        billing_reason=reason,
        collection_method=subscription["collection_method"],
        created=now,
        currency=subscription["currency"],
        customer=customer["id"],
        customer_address=customer.get("address"),
        customer_email=customer.get("email"),
        customer_name=customer.get("name"),
        customer_tax_exempt="none",
        customer_tax_ids=[],
        lines=whole(f"/v1/invoices/{invoice_id}/lines", lines),
        metadata={},
        parent=_parent(subscription),
        period_start=now,
        period_end=now,
        status="draft",
        total_discount_amounts=[],
        total_pretax_credit_amounts=[],
        total_taxes=[],
    )
    return body | totals(lines)


def _parent(subscription: Json) -> Json:
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    kind = "subscription_details"
    return {"type": kind, kind: details, "quote_details": None}


def totals(lines: list[Json]) -> Json:
    total = sum(line["amount"] for line in lines)
    due = max(total, 0)
    return {
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "amount_due": due,
        "amount_remaining": due,
    }


def subscription_of(invoice: Json) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


def draft_invoice(
    world: World,
    subscription: Json,
    lines: list[Json],
    *,
    reason: str,
    period: tuple[int, int] | None = None,
    waits: bool = False,
) -> Json:
    """Put a draft; one that *waits* is finalized by the clock an hour later."""
    body = invoice_body(world, subscription, lines, reason=reason)
    if period:
        body["period_start"], body["period_end"] = period
    if waits:
        body["automatically_finalizes_at"] = world.now() + DRAFT_SECONDS
    return world.add(body, "invoice.created")


def finalize_invoice(world: World, invoice_id: str, *, intent_id: str = "") -> Json:
    """Draft becomes open: a number, a page to pay it on, and an intent for what is due.

    *intent_id*: Checkout has charged one already.
    """
    invoice = world.get(invoice_id)
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
        days = world.get(subscription_of(invoice))["days_until_due"]
        changes["due_date"] = world.now() + days * 24 * 3600
    if not customer.get("deleted"):
        changes |= _use_balance(world, customer, invoice["total"])
        world.change(customer["id"], next_invoice_sequence=sequence + 1)
    invoice = world.change(invoice_id, "invoice.finalized", **changes)
    if invoice["amount_due"]:
        _add_payment(world, invoice, intent_id or _add_intent(world, invoice))
    return invoice


def _use_balance(world: World, customer: Json, total: int) -> Json:
    """A negative balance is credit: it pays first, and a negative invoice adds to it
    (docs.stripe.com/billing/customer/balance)."""
    start: int = customer["balance"]
    owed = total + start
    end = min(owed, 0)
    if end != start:
        world.change(customer["id"], "customer.updated", balance=end)
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


def open_payment(world: World, invoice_id: str) -> Json | None:
    """The invoice payment that is not settled yet."""
    found = world.all("invoice_payment", invoice=invoice_id, status="open")
    return found[0] if found else None
