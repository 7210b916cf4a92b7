"""Disputes and inquiries: opened, answered, decided, and what they do to the balance.

Source: docs.stripe.com/disputes/how-disputes-work. An inquiry (`warning_*`) moves no money.
"""

from ..contract import Json, blank
from ..operations import nulls
from ..world import World
from .charging import add_balance_transaction
from .subscription_ends import LIVE, end_subscription
from .warnings import settle_warnings

ANSWER_SECONDS = 14 * 24 * 3600  # "usually 7 to 21 days"
INQUIRY_SECONDS = 120 * 24 * 3600  # an inquiry that was not escalated by then is closed
FEE = 1500
UPDATED, CLOSED = "charge.dispute.updated", "charge.dispute.closed"
WAITING = ("needs_response", "under_review")
INQUIRIES = ("warning_needs_response", "warning_under_review")
# "prevented": settled before it became a dispute; the buyer has his money back, there is no fee.
OUTCOMES = ("won", "lost", "prevented", "warning_closed")
REFUNDABLE = (*INQUIRIES, "warning_closed", "won")


def open_dispute(world: World, charge: Json, *, status: str, reason: str, amount: int) -> Json:
    dispute = blank(
        "dispute",
        id=world.new_id("du_1"),
        amount=amount,
        charge=charge["id"],
        created=world.now(),
        currency=charge["currency"],
        evidence=nulls("dispute_evidence", enhanced_evidence={}),
        evidence_details={
            "due_by": world.now() + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=status in REFUNDABLE and not charge["refunded"],
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details={"type": "card", "card": _card(charge, status)},
        reason=reason,
        status=status,
    )
    world.add(dispute, "charge.dispute.created")
    world.change(charge["id"], disputed=True)
    settle_warnings(world, charge["id"])
    if status in WAITING:
        withdraw(world, dispute["id"], fee=FEE)
        _end_subscription(world, charge)
    if status == "prevented":
        return _close(world, withdraw(world, dispute["id"], fee=0), status)
    return world.get(dispute["id"])


def _card(charge: Json, status: str) -> Json:
    case = "inquiry" if status in INQUIRIES else "chargeback"
    case = "resolution" if status == "prevented" else case
    brand = charge["payment_method_details"]["card"]["brand"]
    return nulls("dispute_payment_method_details_card", brand=brand, case_type=case)


def withdraw(world: World, dispute_id: str, *, fee: int) -> Json:
    dispute = world.get(dispute_id)
    return _move(world, dispute, -dispute["amount"], fee, "charge.dispute.funds_withdrawn")


def _move(world: World, dispute: Json, amount: int, fee: int, event: str) -> Json:
    moved = add_balance_transaction(
        world, "adjustment", dispute["id"], amount, fee=fee, currency=dispute["currency"]
    )
    transactions = [*dispute["balance_transactions"], world.get(moved)]
    return world.change(dispute["id"], event, balance_transactions=transactions)


def _end_subscription(world: World, charge: Json) -> None:
    """A setting of the Dashboard: "Cancel subscriptions when a dispute is opened"."""
    if not world.options.cancel_on_dispute:
        return
    its = {"payment.payment_intent": charge["payment_intent"]}
    for payment in world.rows("invoice_payment", status="paid", **its):
        details = (world.get(payment["invoice"])["parent"] or {}).get("subscription_details")
        subscription = world.get(details["subscription"]) if details else None
        if subscription and subscription["status"] in LIVE:
            end_subscription(world, subscription["id"], reason="payment_disputed")


def decide_dispute(world: World, dispute_id: str, outcome: str) -> Json:
    """The bank's word."""
    dispute = world.get(dispute_id)
    held = sum(moved["amount"] for moved in dispute["balance_transactions"])
    if outcome == "won" and held < 0:
        event = "charge.dispute.funds_reinstated"
        dispute = _move(world, dispute, -held, 0, event)
    if outcome in ("lost", "prevented") and not held:
        dispute = withdraw(world, dispute_id, fee=FEE if outcome == "lost" else 0)
    return _close(world, dispute, outcome)


def _close(world: World, dispute: Json, status: str) -> Json:
    charge = world.get(dispute["charge"])
    refundable = status in REFUNDABLE and not charge["refunded"]
    fields = {"status": status, "is_charge_refundable": refundable}
    return world.change(dispute["id"], CLOSED, **fields)


def escalate(world: World, dispute_id: str) -> Json:
    """An inquiry becomes a dispute: now the money is taken."""
    dispute = world.get(dispute_id)
    details = dispute["evidence_details"] | {"due_by": world.now() + ANSWER_SECONDS}
    kind = dispute["payment_method_details"]
    kind["card"]["case_type"] = "chargeback"
    dispute = world.change(
        dispute_id,
        UPDATED,
        status="needs_response",
        is_charge_refundable=False,
        evidence_details=details,
        payment_method_details=kind,
    )
    _end_subscription(world, world.get(dispute["charge"]))
    return withdraw(world, dispute_id, fee=FEE)


def answer(world: World, dispute_id: str, evidence: Json, *, submit: bool, metadata: Json) -> Json:
    dispute = world.get(dispute_id)
    whole = dispute["evidence"] | evidence
    details = dispute["evidence_details"]
    has = any(value for key, value in whole.items() if key != "enhanced_evidence")
    changes: Json = {"evidence": whole, "metadata": metadata}
    if submit:
        details |= {"submission_count": details["submission_count"] + 1}
        changes["status"] = dispute["status"].replace("needs_response", "under_review")
    changes["evidence_details"] = details | {"has_evidence": has}
    return world.change(dispute_id, UPDATED, **changes)


def run_out(world: World, dispute_id: str) -> Json:
    """Nobody answered in time: lost; nobody escalated the inquiry: closed."""
    dispute = world.get(dispute_id)
    if dispute["status"] in INQUIRIES:
        return decide_dispute(world, dispute_id, "warning_closed")
    details = dispute["evidence_details"] | {"past_due": True}
    world.change(dispute_id, evidence_details=details)
    return decide_dispute(world, dispute_id, "lost")


def close_inquiry(world: World, charge_id: str) -> None:
    """A full refund settles an inquiry; otherwise what may be refunded is told."""
    if not world.get(charge_id)["refunded"]:
        return
    for dispute in world.all("dispute", charge=charge_id):
        if dispute["status"] in INQUIRIES:
            decide_dispute(world, dispute["id"], "warning_closed")
