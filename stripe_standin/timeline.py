"""What time brings by itself, in the order in which it falls due.

Each rule names the moments at which it wants to act; the clock stops at every one on its way.
A subject adds a rule with `@rule`.
"""

from collections.abc import Callable, Iterator

from .contract import Json
from .engine.collecting import collect
from .engine.invoicing import subscription_of
from .engine.pending_updates import drop_pending
from .engine.subscribing import finalize_and_collect, renew
from .engine.subscription_ends import end_subscription
from .engine.voiding import void_invoice
from .world import World

Action = Callable[[World, str], object]
Due = tuple[int, str, Action]  # when, whose, what
Rule = Callable[[World], Iterator[Due]]
RULES: list[Rule] = []
INCOMPLETE_SECONDS = 23 * 3600  # "If the first invoice is not paid within 23 hours"


def rule(find: Rule) -> Rule:
    RULES.append(find)
    return find


def advance(world: World, to: int) -> int:
    """Move the clock to *to*, doing on the way what falls due; how much that was."""
    done = 0
    while due := _next_due(world, to):
        moment, object_id, action = due
        world.move_clock(max(moment, world.now()))
        action(world, object_id)
        done += 1
    world.move_clock(to)
    return done


def catch_up(world: World) -> int:
    """Do what real time has made due; the clock keeps its offset."""
    done = 0
    while due := _next_due(world, world.now()):
        due[2](world, due[1])
        done += 1
    return done


def _next_due(world: World, until: int) -> Due | None:
    found = [due for find in RULES for due in find(world) if due[0] <= until]
    return min(found, key=lambda due: due[0], default=None)


@rule
def sessions_expire(world: World) -> Iterator[Due]:
    for session in world.all("checkout.session", status="open"):
        yield session["expires_at"], session["id"], _expire_session


def _expire_session(world: World, session_id: str) -> None:
    world.change(session_id, "checkout.session.expired", status="expired", url=None)


@rule
def subscriptions_renew_or_end(world: World) -> Iterator[Due]:
    for subscription in world.all("subscription"):
        if subscription["status"] not in ("active", "past_due", "unpaid", "trialing"):
            continue
        ends = [item["current_period_end"] for item in subscription["items"]["data"]]
        period_end = min(ends)
        cancel_at = subscription["cancel_at"]
        if cancel_at is not None and cancel_at <= period_end:
            yield cancel_at, subscription["id"], _end_as_asked
        else:
            yield period_end, subscription["id"], renew


def _end_as_asked(world: World, subscription_id: str) -> None:
    end_subscription(world, subscription_id, reason="cancellation_requested")


@rule
def drafts_are_finalized(world: World) -> Iterator[Due]:
    for invoice in world.all("invoice", status="draft"):
        at = invoice["automatically_finalizes_at"]
        if invoice["auto_advance"] and at is not None:
            yield at, invoice["id"], _finalize


def _finalize(world: World, invoice_id: str) -> None:
    finalize_and_collect(world, invoice_id, present=False)


@rule
def failed_payments_are_tried_again(world: World) -> Iterator[Due]:
    for invoice in world.all("invoice", status="open"):
        if invoice["next_payment_attempt"] is not None:
            yield invoice["next_payment_attempt"], invoice["id"], _try_again


def _try_again(world: World, invoice_id: str) -> None:
    collect(world, invoice_id, present=False, scheduled=True)


@rule
def invoices_become_overdue(world: World) -> Iterator[Due]:
    for invoice in world.all("invoice", status="open"):
        told = world.notes(invoice["id"]).get("overdue")
        if invoice["due_date"] is not None and not told:
            yield invoice["due_date"], invoice["id"], _tell_overdue


def _tell_overdue(world: World, invoice_id: str) -> None:
    world.note(invoice_id, overdue=True)
    invoice = world.get(invoice_id)
    world.emit("invoice.overdue", invoice)
    subscription = world.get(subscription_of(invoice))
    if subscription["status"] == "active":
        event = "customer.subscription.updated"
        world.change(subscription["id"], event, status="past_due")


@rule
def pauses_end(world: World) -> Iterator[Due]:
    for subscription in world.all("subscription"):
        paused = subscription["pause_collection"]
        if paused and paused["resumes_at"] is not None:
            yield paused["resumes_at"], subscription["id"], _resume


def _resume(world: World, subscription_id: str) -> None:
    world.change(subscription_id, "customer.subscription.updated", pause_collection=None)


@rule
def pending_updates_expire(world: World) -> Iterator[Due]:
    for subscription in world.all("subscription"):
        if subscription["pending_update"]:
            yield subscription["pending_update"]["expires_at"], subscription["id"], drop_pending


@rule
def unpaid_beginnings_expire(world: World) -> Iterator[Due]:
    for subscription in world.all("subscription", status="incomplete"):
        yield subscription["created"] + INCOMPLETE_SECONDS, subscription["id"], _expire_beginning


def _expire_beginning(world: World, subscription_id: str) -> Json:
    void_invoice(world, world.get(subscription_id)["latest_invoice"])
    return world.change(
        subscription_id,
        "customer.subscription.updated",
        status="incomplete_expired",
        ended_at=world.now(),
    )
