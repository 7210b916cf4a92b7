"""Updates that wait for their payment: applied when it comes, dropped when it does not."""

from ..contract import Json
from ..world import World
from .lines import items_list
from .proration import note_net
from .voiding import void_invoice


def apply_pending(world: World, subscription_id: str, invoice_id: str) -> None:
    """The invoice of a pending update was paid."""
    subscription = world.get(subscription_id)
    pending = subscription["pending_update"]
    if not pending or subscription["latest_invoice"] != invoice_id:
        return
    items = pending["subscription_items"]
    for item in items:
        world.note(item["id"], anchor=item["current_period_start"])
        note_net(world, subscription, item)
    fields: Json = world.notes(subscription_id).get("pending_fields", {})
    changes = {**fields, "items": items_list(subscription_id, items), "pending_update": None}
    after = world.change(subscription_id, "customer.subscription.updated", **changes)
    world.emit("customer.subscription.pending_update_applied", after)


def drop_pending(world: World, subscription_id: str) -> None:
    subscription = world.get(subscription_id)
    void_invoice(world, subscription["latest_invoice"])
    after = world.change(subscription_id, "customer.subscription.updated", pending_update=None)
    world.emit("customer.subscription.pending_update_expired", after)
