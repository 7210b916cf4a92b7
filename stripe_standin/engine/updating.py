"""Changing what a subscription sells, in the middle of its period."""

from dataclasses import dataclass

from ..contract import Json
from ..world import World
from .collecting import collect, why_unpaid
from .finalizing import finalize_invoice
from .invoicing import draft_invoice
from .lines import items_list
from .pending_updates import keep_pending, replace_pending
from .proration import Change, note_net, proration_lines, with_new_period
from .subscribing import next_lines

UPDATED = "customer.subscription.updated"


@dataclass(frozen=True)
class Update:
    """What is asked for: the changed items, and how they are to be paid."""

    changes: list[Change]
    at: int
    proration_behavior: str = "create_prorations"
    payment_behavior: str = "allow_incomplete"
    present: bool = True

    @property
    def invoices_now(self) -> bool:
        """A new interval is billed at once, whatever was asked for."""
        moved = any(change.changes_interval for change in self.changes)
        return self.proration_behavior == "always_invoice" or moved


def update_lines(world: World, subscription: Json, update: Update) -> list[Json]:
    lines = [
        line
        for change in update.changes
        for line in proration_lines(world, subscription, change, update.at)
    ]
    if update.proration_behavior != "none":
        return lines
    # Without prorations nothing is given back, and only a new whole period is charged.
    return [line for line in lines if line["amount"] >= 0] if update.invoices_now else []


def new_items(world: World, update: Update) -> list[Json]:
    return [with_new_period(world, change, update.at) for change in update.changes]


def apply_update(world: World, subscription_id: str, update: Update, fields: Json) -> Json:
    """Change the items (and *fields* with them), and collect what that costs."""
    subscription = world.get(subscription_id)
    lines = update_lines(world, subscription, update)
    items = new_items(world, update)
    if update.payment_behavior == "pending_if_incomplete" and update.invoices_now and lines:
        return _pay_first(world, subscription, update, lines, fields)
    if lines and not update.invoices_now:
        waiting = world.notes(subscription_id).get("pending_lines", [])
        world.note(subscription_id, pending_lines=waiting + lines)
    _set_items(world, subscription, items, fields)
    if lines and update.invoices_now:
        _bill(world, subscription_id, update, lines)
    return world.get(subscription_id)


def _set_items(world: World, subscription: Json, items: list[Json], fields: Json) -> Json:
    for item, old in zip(items, subscription["items"]["data"], strict=True):
        if item["current_period_start"] != old["current_period_start"]:
            world.note(item["id"], anchor=item["current_period_start"])
        if item["price"]["id"] != old["price"]["id"] or item["quantity"] != old["quantity"]:
            note_net(world, subscription, item)
    listed = items_list(subscription["id"], items)
    return world.change(subscription["id"], UPDATED, items=listed, **fields)


def _invoice(world: World, subscription: Json, update: Update, lines: list[Json]) -> Json:
    invoice = draft_invoice(world, subscription, lines, reason="subscription_update")
    details = invoice["parent"]["subscription_details"]
    details["subscription_proration_date"] = update.at
    world.change(invoice["id"], parent=invoice["parent"])
    world.change(subscription["id"], latest_invoice=invoice["id"])
    return finalize_invoice(world, invoice["id"])


def _bill(world: World, subscription_id: str, update: Update, lines: list[Json]) -> None:
    """Bill at once; a declined card leaves the new items in place (and `past_due`), or, with
    `error_if_incomplete`, takes the whole request back."""
    invoice = _invoice(world, world.get(subscription_id), update, lines)
    if invoice["collection_method"] == "send_invoice" and invoice["amount_due"]:
        world.emit("invoice.sent", invoice)
        return
    invoice = collect(world, invoice["id"], present=update.present)
    if invoice["status"] != "paid" and update.payment_behavior == "error_if_incomplete":
        raise why_unpaid(world, invoice)


def _pay_first(
    world: World, subscription: Json, update: Update, lines: list[Json], fields: Json
) -> Json:
    """`pending_if_incomplete`: nothing changes until the money is there."""
    items = new_items(world, update)
    subscription = replace_pending(world, subscription["id"])
    invoice = _invoice(world, subscription, update, lines)
    world.note(invoice["id"], pending_of=subscription["id"])
    paid = collect(world, invoice["id"], present=update.present)["status"] == "paid"
    if paid:
        return _set_items(world, subscription, items, fields)
    return keep_pending(world, subscription, invoice["id"], items, fields)


def preview_lines(world: World, subscription: Json, update: Update) -> list[Json]:
    """The lines of the next invoice if this were done: the change alone when it is billed at once,
    else everything that the end of the period would bring."""
    lines = update_lines(world, subscription, update)
    if update.invoices_now:
        return lines
    waiting = world.notes(subscription["id"]).get("pending_lines", [])
    changed = subscription | {"items": items_list(subscription["id"], new_items(world, update))}
    return [*waiting, *lines, *next_lines(world, changed)]
