"""What time brings by itself, in the order in which it falls due.

Each rule names the moment at which it wants to act on an object; the clock stops at every one on
its way. Another file adds a rule with `@rule`.
"""

from .agenda import RULES, Wish, rule
from .contract import Json
from .engine import scheduling
from .engine.collecting import collect
from .engine.coupons import stop_code, stop_coupon
from .engine.disputing import INQUIRIES, INQUIRY_SECONDS, run_out
from .engine.invoicing import subscription_of
from .engine.pending_updates import drop_pending
from .engine.refunding import LATER_SECONDS, decide_refund, turns_out
from .engine.subscribing import finalize_and_collect, renew
from .engine.subscription_ends import end_subscription
from .engine.voiding import void_invoice
from .world import World

INCOMPLETE_SECONDS = 23 * 3600  # "If the first invoice is not paid within 23 hours"
EVENT_SECONDS = 30 * 24 * 3600  # docs.stripe.com/api/events: "going back up to 30 days"


def advance(world: World, to: int) -> int:
    """Move the clock to *to*, doing on the way what falls due; how much that was."""
    done = do_due(world, to)
    world.move_clock(to)
    return done


def catch_up(world: World) -> int:
    """Do what real time has made due; the clock keeps its offset."""
    return do_due(world, world.now())


def do_due(world: World, until: int) -> int:
    """Stop the clock in hand at every moment on its way to *until*, and do what is due there."""
    done, last = 0, None
    while found := world.agenda.next_due(world, until, world.clock_id):
        due, action = found
        if last and (due.object_id, due.at, due.rule) == last:
            raise RuntimeError(f"{RULES[due.rule].find.__name__} is never done: {due.object_id}")
        last = (due.object_id, due.at, due.rule)
        if due.at > world.now():
            world.move_clock(due.at)
        action(world, due.object_id)
        done += 1
    return done


@rule("checkout.session")
def sessions_expire(world: World, session: Json) -> Wish:
    return (session["expires_at"], _expire_session) if session["status"] == "open" else None


def _expire_session(world: World, session_id: str) -> None:
    world.change(session_id, "checkout.session.expired", status="expired", url=None)


# Before the renewals: a phase that begins with a period is what the period sells.
@rule("subscription_schedule")
def schedules_move_on(world: World, schedule: Json) -> Wish:
    at = scheduling.due_at(schedule)
    return None if at is None else (at, scheduling.move_on)


@rule("subscription")
def subscriptions_renew_or_end(world: World, subscription: Json) -> Wish:
    if subscription["status"] not in ("active", "past_due", "unpaid", "trialing"):
        return None
    period_end = min(item["current_period_end"] for item in subscription["items"]["data"])
    cancel_at = subscription["cancel_at"]
    if cancel_at is not None and cancel_at <= period_end:
        return cancel_at, _end_as_asked
    return period_end, renew


def _end_as_asked(world: World, subscription_id: str) -> None:
    end_subscription(world, subscription_id, reason="cancellation_requested")


@rule("invoice")
def drafts_are_finalized(world: World, invoice: Json) -> Wish:
    at = invoice["automatically_finalizes_at"]
    waits = invoice["status"] == "draft" and invoice["auto_advance"] and at is not None
    return (at, _finalize) if waits else None


def _finalize(world: World, invoice_id: str) -> None:
    finalize_and_collect(world, invoice_id, present=False)


@rule("invoice")
def failed_payments_are_tried_again(world: World, invoice: Json) -> Wish:
    at = invoice["next_payment_attempt"]
    return (at, _try_again) if invoice["status"] == "open" and at is not None else None


def _try_again(world: World, invoice_id: str) -> None:
    collect(world, invoice_id, present=False, scheduled=True)


@rule("invoice")
def invoices_become_overdue(world: World, invoice: Json) -> Wish:
    if invoice["status"] != "open" or invoice["due_date"] is None:
        return None
    told = world.notes(invoice["id"]).get("overdue")
    return None if told else (invoice["due_date"], _tell_overdue)


def _tell_overdue(world: World, invoice_id: str) -> None:
    world.note(invoice_id, overdue=True)
    invoice = world.get(invoice_id)
    world.emit("invoice.overdue", invoice)
    subscription = world.get(subscription_of(invoice)) if invoice["parent"] else Json()
    if not world.options.overdue_makes_past_due:
        return
    if subscription.get("status") == "active":
        event = "customer.subscription.updated"
        world.change(subscription["id"], event, status="past_due")


@rule("subscription")
def pauses_end(world: World, subscription: Json) -> Wish:
    paused = subscription["pause_collection"]
    return (paused["resumes_at"], _resume) if paused and paused["resumes_at"] else None


def _resume(world: World, subscription_id: str) -> None:
    world.change(subscription_id, "customer.subscription.updated", pause_collection=None)


@rule("subscription")
def pending_updates_expire(world: World, subscription: Json) -> Wish:
    pending = subscription["pending_update"]
    return (pending["expires_at"], drop_pending) if pending else None


@rule("subscription")
def unpaid_beginnings_expire(world: World, subscription: Json) -> Wish:
    waits = subscription["status"] == "incomplete"
    return (subscription["created"] + INCOMPLETE_SECONDS, _expire_beginning) if waits else None


def _expire_beginning(world: World, subscription_id: str) -> Json:
    void_invoice(world, world.get(subscription_id)["latest_invoice"])
    return world.change(
        subscription_id,
        "customer.subscription.updated",
        status="incomplete_expired",
        ended_at=world.now(),
    )


@rule("dispute")
def disputes_run_out(world: World, dispute: Json) -> Wish:
    if dispute["status"] in INQUIRIES:
        return dispute["created"] + INQUIRY_SECONDS, run_out
    waits = dispute["status"] == "needs_response"
    return (dispute["evidence_details"]["due_by"], run_out) if waits else None


@rule("refund")
def refunds_turn_out(world: World, refund: Json) -> Wish:
    return (refund["created"] + LATER_SECONDS, _turn_out) if turns_out(world, refund) else None


def _turn_out(world: World, refund_id: str) -> None:
    decide_refund(world, refund_id, turns_out(world, world.get(refund_id)))


@rule("coupon")
def coupons_run_out(world: World, coupon: Json) -> Wish:
    if coupon.get("deleted") or not coupon["valid"] or coupon["redeem_by"] is None:
        return None
    return coupon["redeem_by"], stop_coupon


@rule("promotion_code")
def promotion_codes_run_out(world: World, code: Json) -> Wish:
    at = code["expires_at"]
    return (at, stop_code) if code["active"] and at is not None else None


@rule("event")
def old_events_are_forgotten(world: World, event: Json) -> Wish:
    waits = event["pending_webhooks"]
    return None if waits else (event["created"] + EVENT_SECONDS + 1, _forget)


def _forget(world: World, event_id: str) -> None:
    world.store.delete("objects", event_id)
