"""Phases of a subscription schedule: what they say, and how the next one takes effect."""

from ..contract import Json, blank
from ..errors import not_built
from ..world import World
from .lines import items_list
from .periods import plus
from .proration import Change, note_net
from .updating import UPDATED, Update, apply_update


def phase_body(world: World, *, items: list[Json], start: int, end: int, **fields: object) -> Json:
    """*items*: price and quantity, maybe metadata."""
    shown = [
        blank("subscription_schedule_configuration_item", metadata={}, **item) for item in items
    ]
    currency = world.get(items[0]["price"])["currency"]
    body = blank(
        "subscription_schedule_phase_configuration",
        currency=currency,
        end_date=end,
        items=shown,
        metadata={},
        proration_behavior="create_prorations",
        start_date=start,
    )
    return body | fields


def phase_of(world: World, subscription: Json) -> Json:
    """The running period of a subscription, as a phase."""
    items = subscription["items"]["data"]
    return phase_body(
        world,
        items=[{"price": item["price"]["id"], "quantity": item["quantity"]} for item in items],
        start=items[0]["current_period_start"],
        end=items[0]["current_period_end"],
        metadata=subscription["metadata"],
    )


def default_end(world: World, start: int, items: list[Json], duration: Json | None) -> int:
    """One billing period, unless a duration was given."""
    recurring = world.get(items[0]["price"])["recurring"]
    return plus(start, {"interval_count": 1, **(duration or recurring)}, 1)


def take_effect(world: World, subscription_id: str, phase: Json, behavior: str) -> None:
    """Sell what the phase says from now on.

    At the end of a period the items change just before the renewal, which then bills the new ones;
    in the middle of one it is an update like any other.
    """
    subscription = world.get(subscription_id)
    changes = _changes(world, subscription, phase)
    metadata = subscription["metadata"] | (phase["metadata"] or {})
    if not any(change.is_real for change in changes):
        world.change(subscription_id, UPDATED, metadata=metadata)
        return
    ends = {change.before["current_period_end"] for change in changes}
    if ends == {world.now()}:
        for change in changes:
            if change.changes_interval:
                world.note(change.before["id"], anchor=world.now())
            note_net(world, subscription, change.after)
        items = items_list(subscription_id, [change.after for change in changes])
        world.change(subscription_id, UPDATED, items=items, metadata=metadata)
        return
    update = Update(changes, world.now(), proration_behavior=behavior, present=False)
    apply_update(world, subscription_id, update, {"metadata": metadata})


def _changes(world: World, subscription: Json, phase: Json) -> list[Change]:
    """The subscription's items in order, each as the phase wants it."""
    before = subscription["items"]["data"]
    found = []
    if len(before) != len(phase["items"]):
        raise not_built("phases with more or fewer items than before")
    for item, wanted in zip(before, phase["items"], strict=True):
        price = world.get(wanted["price"])
        found.append(Change(item, item | {"price": price, "quantity": wanted["quantity"]}))
    return found
