"""Invoices that nobody is to pay any more."""

from ..contract import Json
from ..world import World
from .invoicing import open_payment


def void_invoice(world: World, invoice_id: str) -> Json:
    invoice = world.get(invoice_id)
    cancel_payment(world, invoice_id)
    return world.change(
        invoice_id,
        "invoice.voided",
        auto_advance=False,
        next_payment_attempt=None,
        status="void",
        status_transitions=invoice["status_transitions"] | {"voided_at": world.now()},
    )


def cancel_payment(world: World, invoice_id: str) -> None:
    payment = open_payment(world, invoice_id)
    if payment is None:
        return
    now = world.now()
    transitions = payment["status_transitions"] | {"canceled_at": now}
    world.change(payment["id"], status="canceled", status_transitions=transitions)
    world.change(
        payment["payment"]["payment_intent"],
        "payment_intent.canceled",
        canceled_at=now,
        cancellation_reason="void_invoice",
        status="canceled",
    )


def give_up(world: World, invoice_id: str) -> Json:
    """Uncollectible: still payable, but nobody asks for it."""
    moment = {"marked_uncollectible_at": world.now()}
    return world.change(
        invoice_id,
        "invoice.marked_uncollectible",
        auto_advance=False,
        next_payment_attempt=None,
        status="uncollectible",
        status_transitions=world.get(invoice_id)["status_transitions"] | moment,
    )
