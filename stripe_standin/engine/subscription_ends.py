"""How a subscription ends."""

from ..contract import Json
from ..world import World

LIVE = ("active", "past_due", "unpaid", "trialing", "incomplete", "paused")


def end_subscription(
    world: World, subscription_id: str, *, reason: str, details: Json | None = None
) -> Json:
    """Cancel now. `canceled_at` keeps the time at which the cancellation was asked for, and
    `cancel_at` goes (seen in real traffic); open drafts and retries stop."""
    subscription = world.get(subscription_id)
    stop_collecting(world, subscription_id)
    schedule = world.find(subscription["schedule"])
    if schedule and schedule["status"] == "active":
        changes: Json = {"canceled_at": world.now(), "current_phase": None, "status": "canceled"}
        world.change(schedule["id"], "subscription_schedule.canceled", **changes)
    kept = subscription["cancellation_details"] or {"comment": None, "feedback": None}
    cancellation = kept | {"reason": kept.get("reason") or reason} | (details or {})
    return world.change(
        subscription_id,
        "customer.subscription.deleted",
        status="canceled",
        cancel_at=None,
        cancel_at_period_end=False,
        canceled_at=subscription["canceled_at"] or world.now(),
        cancellation_details=cancellation,
        ended_at=world.now(),
        pending_update=None,
    )


def stop_collecting(world: World, subscription_id: str) -> None:
    """ "Any pending invoices ... finalized invoices stop being collected automatically"
    (docs.stripe.com/api/subscriptions/cancel)."""
    customer = world.get(subscription_id)["customer"]
    for invoice in world.all("invoice", customer=customer):
        details = (invoice["parent"] or {}).get("subscription_details") or {}
        waiting = invoice["status"] in ("draft", "open") and invoice["auto_advance"]
        if details.get("subscription") == subscription_id and waiting:
            world.change(
                invoice["id"],
                "invoice.updated",
                auto_advance=False,
                automatically_finalizes_at=None,
                next_payment_attempt=None,
            )
