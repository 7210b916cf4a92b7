"""Updates that wait for their payment: applied when it comes, dropped when it does not.

Source: docs.stripe.com/billing/subscriptions/pending-updates.
"""

from ..contract import Json
from ..world import World
from .lines import items_list
from .proration import note_net
from .voiding import void_invoice

UPDATED = "customer.subscription.updated"
PENDING_SECONDS = 23 * 3600


def keep_pending(
    world: World, subscription: Json, invoice_id: str, items: list[Json], fields: Json
) -> Json:
    """It ends after 23 hours, or with the period or the trial if that is sooner."""
    world.note(subscription["id"], pending_fields=fields, pending_invoice=invoice_id)
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    ends += [subscription["trial_end"]] if subscription["status"] == "trialing" else []
    pending = {
        "billing_cycle_anchor": None,
        "discount": None,
        "discounts": None,
        "expires_at": min(world.now() + PENDING_SECONDS, *ends),
        "metadata": fields.get("metadata"),
        "subscription_items": items,
        "trial_end": None,
        "trial_from_plan": None,
    }
    return world.change(subscription["id"], UPDATED, pending_update=pending)


def apply_pending(world: World, subscription_id: str, invoice_id: str) -> None:
    """The invoice of a pending update was paid."""
    subscription = world.get(subscription_id)
    pending = subscription["pending_update"]
    if not pending or world.notes(subscription_id)["pending_invoice"] != invoice_id:
        return
    items = pending["subscription_items"]
    for item, old in zip(items, subscription["items"]["data"], strict=True):
        if item["current_period_start"] != old["current_period_start"]:
            world.note(item["id"], anchor=item["current_period_start"])
        note_net(world, subscription, item)
    fields: Json = world.notes(subscription_id).get("pending_fields", {})
    changes = {**fields, "items": items_list(subscription_id, items), "pending_update": None}
    after = world.change(subscription_id, UPDATED, **changes)
    world.emit("customer.subscription.pending_update_applied", after)


def drop_pending(world: World, subscription_id: str) -> None:
    """Its time is over, or a schedule's next phase begins: the invoice that it made is void."""
    if not world.get(subscription_id)["pending_update"]:
        return
    after = replace_pending(world, subscription_id)
    world.emit("customer.subscription.pending_update_expired", after)


def replace_pending(world: World, subscription_id: str) -> Json:
    """Another update takes its place: "voids the invoice associated with the previous pending
    update"."""
    subscription = world.get(subscription_id)
    if not subscription["pending_update"]:
        return subscription
    invoice_id = world.notes(subscription_id)["pending_invoice"]
    if world.get(invoice_id)["status"] in ("open", "uncollectible"):
        void_invoice(world, invoice_id)
    return world.change(subscription_id, UPDATED, pending_update=None)


def follow_void(world: World, invoice: Json) -> None:
    """ "To cancel a pending update, you need to void the invoice the update created"."""
    subscription_id = world.notes(invoice["id"]).get("pending_of")
    if subscription_id and world.notes(subscription_id)["pending_invoice"] == invoice["id"]:
        replace_pending(world, subscription_id)
