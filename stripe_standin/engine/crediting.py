"""Credit notes: an invoice taken back, in whole or in part, before or after it was paid.

Source: docs.stripe.com/invoicing/integration/programmatic-credit-notes.
"""

from typing import Any

from ..contract import Json, blank
from ..lists import whole
from ..world import World
from .balances import move_balance
from .collecting import mark_paid
from .refunding import add_refund
from .voiding import cancel_payment


def creditable(invoice: Json) -> int:
    """What is left of an invoice to be credited."""
    if invoice["status"] == "paid":
        return int(invoice["total"] - invoice["post_payment_credit_notes_amount"])
    return int(invoice["amount_remaining"])


def note_line(world: World, *, amount: int, description: str, line: Json | None) -> Json:
    kind = "invoice_line_item" if line else "custom_line_item"
    made = blank(
        "credit_note_line_item",
        id=world.new_id("cnli_1"),
        amount=amount,
        description=description,
        metadata={},
        quantity=1,
        taxes=[],
        type=kind,
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    return made | ({kind: line["id"]} if line else {})


def add_note(world: World, invoice: Json, lines: list[Json], total: int, **fields: Any) -> Json:
    """*total* includes tax; the lines do not."""
    number = len(world.rows("credit_note", invoice=invoice["id"])) + 1
    note_id = world.new_id("cn_1")
    net = sum(line["amount"] for line in lines)
    paid = invoice["status"] == "paid"
    body = blank(
        "credit_note",
        id=note_id,
        amount=total,
        created=world.now(),
        currency=invoice["currency"],
        customer=invoice["customer"],
        effective_at=world.now(),
        invoice=invoice["id"],
        lines=whole(f"/v1/credit_notes/{note_id}/lines", lines),
        number=f"{invoice['number']}-CN-{number:02}",
        pdf=f"{world.options.public_url}/i/{invoice['id']}/credit_note",
        post_payment_amount=total if paid else 0,
        pre_payment_amount=0 if paid else total,
        refunds=[],
        status="issued",
        subtotal=net,
        subtotal_excluding_tax=net,
        total=total,
        total_excluding_tax=net,
        total_taxes=_taxes(invoice, total - net),
        type="post_payment" if paid else "pre_payment",
    )
    return world.add(body | fields, "credit_note.created")


def _taxes(invoice: Json, tax: int) -> list[Json]:
    """Tax goes back in one piece: the stand-in has one rate."""
    if not (tax and invoice["total_taxes"]):
        return []
    return [invoice["total_taxes"][0] | {"amount": tax, "taxable_amount": None}]


def give_back(world: World, note: Json, charge: Json | None, refund: int, credit: int) -> Json:
    """After payment: money back to the card, to the balance, or out of sight of Stripe."""
    invoice = world.get(note["invoice"])
    changes: Json = {}
    if refund and charge:
        made = add_refund(world, charge, refund, metadata={}, reason=None)
        parts = {"payment_record_refund": None, "type": "refund"}
        changes["refunds"] = [{"amount_refunded": refund, "refund": made["id"], **parts}]
    if credit:
        moved = move_balance(
            world, note["customer"], -credit, "credit_note", credit_note=note["id"]
        )
        changes["customer_balance_transaction"] = moved["id"]
    total = invoice["post_payment_credit_notes_amount"] + note["amount"]
    world.change(invoice["id"], "invoice.updated", post_payment_credit_notes_amount=total)
    return world.change(note["id"], **changes)


def owe_less(world: World, note: Json) -> Json:
    """Before payment: the invoice asks for less, and for nothing it is paid."""
    invoice = world.get(note["invoice"])
    left = invoice["amount_remaining"] - note["amount"]
    total = invoice["pre_payment_credit_notes_amount"] + note["amount"]
    world.change(
        invoice["id"],
        "invoice.updated",
        amount_due=left,
        amount_remaining=left,
        pre_payment_credit_notes_amount=total,
    )
    for payment in world.all("invoice_payment", invoice=invoice["id"], status="open"):
        if left:
            world.change(payment["id"], amount_requested=left)
            world.change(payment["payment"]["payment_intent"], amount=left)
    if not left:
        cancel_payment(world, invoice["id"])
        mark_paid(world, invoice["id"])
    return world.get(note["id"])
