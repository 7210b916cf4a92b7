"""Invoices from open to paid: charges, failures, and what they do to the subscription."""

from ..contract import Json
from ..errors import StripeError, card_declined, invalid_request
from ..world import World
from .charging import try_charge
from .invoicing import open_payment, subscription_of
from .pending_updates import apply_pending
from .subscription_ends import end_subscription

DAY = 24 * 3600
# Days after the first failure on which a renewal is tried again; after the last one the
# subscription ends as `retries_exhausted` says. (Stripe: a setting of the Dashboard.)
RETRY_DAYS = (3, 5, 7)
UPDATED = "customer.subscription.updated"


def default_method(world: World, invoice: Json) -> str | None:
    """docs.stripe.com/api/subscriptions: the subscription's card comes before the customer's."""
    customer = world.get(invoice["customer"])
    on_customer: str | None = customer.get("invoice_settings", {}).get("default_payment_method")
    if not invoice["parent"]:
        return on_customer
    subscription = world.get(subscription_of(invoice))
    own: str | None = subscription["default_payment_method"]
    return own or on_customer


def collect(
    world: World,
    invoice_id: str,
    *,
    present: bool,
    method_id: str | None = None,
    scheduled: bool = False,
) -> Json:
    """Try to get an open invoice paid; the invoice afterwards says how it went.

    *scheduled*: the clock's own attempt, not a customer's or a request's.
    """
    invoice = world.get(invoice_id)
    if invoice["status"] == "draft":  # it could not be finalized
        return invoice
    payment = open_payment(world, invoice_id)
    if payment is None:
        return mark_paid(world, invoice_id, scheduled=scheduled)
    method_id = method_id or default_method(world, invoice)
    if method_id is None:
        return _fail(world, invoice_id, scheduled=scheduled)
    intent_id = payment["payment"]["payment_intent"]
    intent = try_charge(world, intent_id, method_id, present=present)
    follow_payment(world, invoice_id, intent, scheduled=scheduled)
    return world.get(invoice_id)


def settle_intent(world: World, intent: Json) -> Json:
    """An intent that was confirmed by itself pays the invoice it belongs to."""
    for payment in world.all("invoice_payment", status="open"):
        if payment["payment"].get("payment_intent") == intent["id"]:
            follow_payment(world, payment["invoice"], intent)
    return world.get(intent["id"])


def follow_payment(world: World, invoice_id: str, intent: Json, *, scheduled: bool = False) -> None:
    """Let the invoice be what its payment intent has become."""
    if intent["status"] == "succeeded":
        mark_paid(world, invoice_id, scheduled=scheduled)
    elif intent["status"] == "requires_action":
        _fail(world, invoice_id, scheduled=scheduled)
        world.emit("invoice.payment_action_required", world.get(invoice_id))
    else:
        _fail(world, invoice_id, scheduled=scheduled)


def mark_paid(world: World, invoice_id: str, *, scheduled: bool = False) -> Json:
    invoice = world.get(invoice_id)
    payment = open_payment(world, invoice_id)
    invoice = world.change(
        invoice_id,
        "invoice.updated",
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempted=True,
        attempt_count=_attempts(invoice, scheduled=scheduled) if payment else 0,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
        status_transitions=invoice["status_transitions"] | {"paid_at": world.now()},
    )
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    if payment:
        transitions = payment["status_transitions"] | {"paid_at": world.now()}
        world.change(
            payment["id"],
            "invoice_payment.paid",
            amount_paid=payment["amount_requested"],
            status="paid",
            status_transitions=transitions,
        )
    if invoice["parent"]:
        apply_pending(world, subscription_of(invoice), invoice_id)
        _revive_subscription(world, invoice)
    return invoice


def _revive_subscription(world: World, invoice: Json) -> None:
    """A paid invoice makes its subscription active, unless an older one still waits."""
    subscription = world.get(subscription_of(invoice))
    if subscription["status"] in ("incomplete", "past_due", "unpaid"):
        waiting = [
            other
            for other in world.all("invoice", customer=invoice["customer"], status="open")
            if other["parent"] and subscription_of(other) == subscription["id"]
        ]
        if not waiting or invoice["id"] == subscription["latest_invoice"]:
            world.change(subscription["id"], UPDATED, status="active")


def follow_write_off(world: World, invoice: Json) -> None:
    """Voided or given up by hand: "Voided invoices don't affect subscription status. Stripe
    determines the status from the most recent non-voided invoice", and "paying the latest
    associated invoice or marking it uncollectible transitions the subscription to `active`", if it
    was `past_due` (docs.stripe.com/billing/subscriptions/overview)."""
    if not invoice["parent"]:
        return
    subscription = world.get(subscription_of(invoice))
    standing = [
        other["status"]
        for other in world.all("invoice", customer=invoice["customer"])
        if other["parent"]
        and subscription_of(other) == subscription["id"]
        and other["status"] not in ("draft", "void")
    ]
    newest = standing[-1] if standing else ""
    if subscription["status"] == "past_due" and newest in ("paid", "uncollectible"):
        world.change(subscription["id"], UPDATED, status="active")


def _attempts(invoice: Json, *, scheduled: bool) -> int:
    """ "Any payment attempt counts as the first attempt, and subsequently only automatic retries
    increment the attempt count" (docs.stripe.com/api/invoices/object)."""
    count: int = invoice["attempt_count"]
    return count + 1 if scheduled or count == 0 else count


def _fail(world: World, invoice_id: str, *, scheduled: bool) -> Json:
    """Count the failed attempt, plan the next one, and let the subscription show it."""
    invoice, notes = world.get(invoice_id), world.notes(invoice_id)
    attempts = _attempts(invoice, scheduled=scheduled)
    # A first invoice has 23 hours, and so has a pending update: neither is tried again.
    retried = invoice["billing_reason"] != "subscription_create" and not notes.get("pending_of")
    first = notes.get("first_failure") or world.now()
    world.note(invoice_id, first_failure=first)
    again = attempts <= len(RETRY_DAYS) and retried
    invoice = world.change(
        invoice_id,
        "invoice.updated",
        attempted=True,
        attempt_count=attempts,
        auto_advance=again,
        next_payment_attempt=first + RETRY_DAYS[attempts - 1] * DAY if again else None,
    )
    world.emit("invoice.payment_failed", invoice)
    if retried and invoice["parent"]:
        _hold_against(world, subscription_of(invoice), exhausted=not again)
    return invoice


def _hold_against(world: World, subscription_id: str, *, exhausted: bool) -> None:
    """An invoice that was not paid: past due, and after the last try what the account chose."""
    status = world.get(subscription_id)["status"]
    if status not in ("active", "past_due"):
        return
    if status == "active":
        world.change(subscription_id, UPDATED, status="past_due")
    ending = world.options.retries_exhausted  # "past_due": left as it is
    if exhausted and ending == "unpaid":
        world.change(subscription_id, UPDATED, status="unpaid")
    elif exhausted and ending == "canceled":
        end_subscription(world, subscription_id, reason="payment_failed")


def give_up_on(world: World, subscription_id: str) -> None:
    """Nobody paid in all that time."""
    _hold_against(world, subscription_id, exhausted=True)


def why_unpaid(world: World, invoice: Json) -> StripeError:
    """The 402 (or 400, without any card) that tells why an invoice is still open."""
    payment = open_payment(world, invoice["id"])
    intent = world.get(payment["payment"]["payment_intent"]) if payment else {}
    if intent.get("status") == "requires_action":
        message = "This payment requires additional user action before it can be completed."
        code = "invoice_payment_intent_requires_action"
        return card_declined(message, "authentication_required", code=code)
    error = intent.get("last_payment_error")
    if error is None:
        message = (
            "There is no `default_payment_method` set on this Customer or Invoice. Please set one"
            " or pass `payment_method`."
        )
        return invalid_request(message)
    details = {"charge": error.get("charge"), "payment_method": error["payment_method"]}
    decline = error.get("decline_code", "")
    return card_declined(error["message"], decline, code=error["code"], **details)
