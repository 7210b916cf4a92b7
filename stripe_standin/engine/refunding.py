"""Giving money back: at once, later, or not after all."""

from typing import Any

from ..contract import Json, blank
from ..world import World
from .charging import add_balance_transaction
from .disputing import close_inquiry
from .wallets import card_of
from .warnings import settle_warnings

LATER_SECONDS = 3600  # "some time later": docs.stripe.com/testing#refunds
CHARGE_REFUNDED = "charge.refunded"


def add_refund(world: World, charge: Json, amount: int, **fields: Any) -> Json:
    """Refund part of a charge; the card, or a test's word, decides how it goes."""
    start, reason = _course(world, charge)
    refund = blank(
        "refund",
        id=world.new_id("re_3"),
        amount=amount,
        charge=charge["id"],
        created=world.now(),
        currency=charge["currency"],
        destination_details=_destination(),
        payment_intent=charge["payment_intent"],
        status="pending" if start == "pending" else "succeeded",
    )
    refund |= fields
    if start == "pending":
        refund["pending_reason"] = reason or "processing"
    else:
        refund["balance_transaction"] = _move(world, refund, -amount)
    world.add(refund, "refund.created")
    _count(world, charge["id"], amount, CHARGE_REFUNDED)
    close_inquiry(world, charge["id"])
    settle_warnings(world, charge["id"])
    if start == "failed":
        return decide_refund(world, refund["id"], "failed", reason=reason)
    return world.get(refund["id"])


def _course(world: World, charge: Json) -> tuple[str, str]:
    """How the next refund begins, and why: what a test asked for, else what the card does."""
    asked = world.store.get("settings", "refunds") or {}
    if asked.get("times"):
        world.store.put("settings", "refunds", asked | {"times": asked["times"] - 1})
        return asked["next"], asked["reason"]
    special = card_of(world, charge["payment_method"]).refunds
    return "pending" if special == "pending" else "succeeded", ""


def _destination() -> Json:
    kind = {"reference_type": "acquirer_reference_number", "type": "refund"}
    return {"type": "card", "card": {"reference_status": "pending", **kind}}


def _move(world: World, refund: Json, amount: int, kind: str = "refund") -> str:
    return add_balance_transaction(world, kind, refund["id"], amount, currency=refund["currency"])


def _count(world: World, charge_id: str, amount: int, event: str) -> None:
    charge = world.get(charge_id)
    total = charge["amount_refunded"] + amount
    whole = total == charge["amount"]
    world.change(charge_id, event, amount_refunded=total, refunded=whole)


def turns_out(world: World, refund: Json) -> str:
    """What a refund to one of the two special cards becomes by itself; "" for all others."""
    charge = world.get(refund["charge"])
    special = card_of(world, charge["payment_method"]).refunds
    started = {"pending": "pending", "later": "succeeded"}
    if not special or refund["status"] != started.get(special):
        return ""
    return "succeeded" if special == "pending" else "failed"


def decide_refund(world: World, refund_id: str, status: str, *, reason: str = "") -> Json:
    """Let a refund become what the card's bank says in the end."""
    refund = world.get(refund_id)
    if status == "failed":
        return _fail(world, refund, reason or "unknown")
    changes: Json = {"status": status}
    if status == "succeeded" and refund["balance_transaction"] is None:
        changes["balance_transaction"] = _move(world, refund, -refund["amount"])
    if status == "pending":
        changes["pending_reason"] = reason or "processing"
    return world.change(refund_id, "refund.updated", **changes)


def _fail(world: World, refund: Json, reason: str) -> Json:
    """ "The amount is returned to your balance", and the charge counts as not refunded
    (docs.stripe.com/refunds#failed-refunds)."""
    changes: Json = {"status": "failed", "failure_reason": reason}
    if refund["balance_transaction"]:
        changes["failure_balance_transaction"] = _move(
            world, refund, refund["amount"], "refund_failure"
        )
    refund = world.change(refund["id"], "refund.updated", **changes)
    world.emit("refund.failed", refund)
    _count(world, refund["charge"], -refund["amount"], "charge.updated")
    return refund
