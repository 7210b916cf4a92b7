"""The last invoice of a subscription that is canceled with `prorate` or `invoice_now`."""

from ..world import World
from .collecting import collect
from .finalizing import finalize_invoice
from .invoicing import draft_invoice
from .proration import credit_line


def bill_the_end(world: World, subscription_id: str, *, invoice_now: bool, prorate: bool) -> None:
    """Credit the unused time, and settle what is pending; what is left over becomes balance.

    Without `invoice_now` the credit stays behind as a pending item, which nobody sees again.
    """
    subscription = world.get(subscription_id)
    lines = world.notes(subscription_id).get("pending_lines", [])
    if prorate:
        items = subscription["items"]["data"]
        lines += [credit_line(world, subscription, item, world.now()) for item in items]
    if not (invoice_now and lines):
        world.note(subscription_id, pending_lines=lines)
        return
    world.note(subscription_id, pending_lines=[])
    invoice = draft_invoice(world, subscription, lines, reason="subscription_update")
    world.change(subscription_id, latest_invoice=invoice["id"])
    finalize_invoice(world, invoice["id"])
    collect(world, invoice["id"], present=False)
