"""What banks do: disputes, inquiries, fraud warnings, and refunds that wait or fail."""

from ..contract import Json, Value
from ..engine.disputing import (
    INQUIRIES,
    OUTCOMES,
    WAITING,
    decide_dispute,
    escalate,
    open_dispute,
)
from ..engine.refunding import decide_refund
from ..engine.warnings import add_warning
from ..errors import invalid_request
from ..newer import show_as
from ..world import World
from .door import Control, allowed, route, wanted

OPENED_AS = ("needs_response", "warning_needs_response", "prevented")
REFUND_STATUSES = ("succeeded", "pending", "failed")
NEXT = {"next": "succeeded", "times": 1, "reason": ""}


def _charge(world: World, body: Json) -> Json:
    intent = world.find(body.get("payment_intent"))
    charge = world.find(intent["latest_charge"] if intent else body.get("charge"))
    if not charge or charge["object"] != "charge" or charge["status"] != "succeeded":
        raise invalid_request("Give the payment_intent or the charge of a payment that succeeded.")
    return charge


def _one_of(body: Json, name: str, choices: tuple[str, ...], default: str = "") -> str:
    value = body.get(name, default)
    if value not in choices:
        raise invalid_request(f"{name} is one of {choices}.", param=name)
    return str(value)


@route("POST", "disputes")
def post_dispute(control: Control, body: Json) -> Value:
    allowed(body, "payment_intent", "charge", "status", "reason", "amount")
    world = control.world
    with world.transaction():
        charge = _charge(world, body)
        with world.by_clock_of(charge["id"]):
            if any(d["status"] in (*WAITING, *INQUIRIES) for d in _disputes(world, charge)):
                raise invalid_request("The charge has an open dispute.")
            return open_dispute(
                world,
                charge,
                status=_one_of(body, "status", OPENED_AS, "needs_response"),
                reason=wanted(body, "reason", str, "general"),
                amount=wanted(body, "amount", int, charge["amount"]),
            )


def _disputes(world: World, charge: Json) -> list[Json]:
    return world.rows("dispute", charge=charge["id"])


@route("POST", "disputes/{id}")
def post_outcome(control: Control, body: Json) -> Value:
    allowed(body, "outcome", "status_unchecked")
    world = control.world
    with world.transaction():
        dispute = world.require("dispute", body["$id"])
        if "status_unchecked" in body:
            return _tell_newer(world, dispute, str(body["status_unchecked"]))
        outcome = _one_of(body, "outcome", (*OUTCOMES, "escalated"))
        _check_outcome(dispute, outcome)
        with world.by_clock_of(dispute["charge"]):
            if outcome == "escalated":
                return escalate(world, dispute["id"])
            return decide_dispute(world, dispute["id"], outcome)


def _check_outcome(dispute: Json, outcome: str) -> None:
    if dispute["status"] not in (*WAITING, *INQUIRIES):
        raise invalid_request(f"The dispute is {dispute['status']} already.")
    inquiry = dispute["status"] in INQUIRIES
    if outcome != "prevented" and inquiry != (outcome in ("warning_closed", "escalated")):
        raise invalid_request(f"{outcome} is not an end of {dispute['status']}.")


def _tell_newer(world: World, dispute: Json, status: str) -> Json:
    show_as(world, dispute["id"], status=status)
    world.emit("charge.dispute.updated", dispute, {"status": dispute["status"]})
    return dispute | {"status": status}


@route("POST", "early_fraud_warnings")
def post_warning(control: Control, body: Json) -> Value:
    allowed(body, "payment_intent", "charge", "fraud_type", "actionable")
    world = control.world
    with world.transaction():
        charge = _charge(world, body)
        default = not (charge["refunded"] or charge["disputed"])
        return add_warning(
            world,
            charge,
            fraud_type=wanted(body, "fraud_type", str, "made_with_stolen_card"),
            actionable=wanted(body, "actionable", bool, default),
        )


@route("POST", "refunds")
def set_next_refund(control: Control, body: Json) -> Value:
    allowed(body, "next", "times", "failure_reason", "pending_reason")
    with control.world.transaction():
        row = NEXT | {"next": _one_of(body, "next", REFUND_STATUSES)}
        row["times"] = wanted(body, "times", int, 1)
        row["reason"] = str(body.get("failure_reason") or body.get("pending_reason") or "")
        control.world.store.put("settings", "refunds", row)
    return row


@route("POST", "refunds/{id}")
def post_refund(control: Control, body: Json) -> Value:
    allowed(body, "status", "failure_reason", "pending_reason")
    world = control.world
    with world.transaction():
        refund = world.require("refund", body["$id"])
        status = _one_of(body, "status", REFUND_STATUSES)
        if refund["status"] in ("failed", "canceled", status):
            raise invalid_request(f"The refund is {refund['status']} already.")
        reason = str(body.get("failure_reason") or body.get("pending_reason") or "")
        with world.by_clock_of(refund["charge"]):
            return decide_refund(world, refund["id"], status, reason=reason)
