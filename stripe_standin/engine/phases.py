"""Phases of a subscription schedule: what they say, and how the next one takes effect."""

from ..contract import Json, blank
from ..errors import not_built
from ..operations import nulls
from ..world import World
from .coupons import drop_discounts
from .lines import items_list
from .pending_updates import drop_pending
from .periods import plus
from .proration import Change, note_net
from .updating import UPDATED, Update, apply_update

DISCOUNT = "stackable_discount_with_discount_settings_and_discount_end"
NOT_TAXED = {"disabled_reason": None, "enabled": False, "liability": None}


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
    taxed = subscription["automatic_tax"]
    return phase_body(
        world,
        items=[{"price": item["price"]["id"], "quantity": item["quantity"]} for item in items],
        start=items[0]["current_period_start"],
        end=items[0]["current_period_end"],
        metadata=subscription["metadata"],
        default_payment_method=subscription["default_payment_method"],
        discounts=[shown_discount(each) for each in subscription["discounts"]],
        **({"automatic_tax": taxed} if taxed["enabled"] else {}),
    )


def shown_discount(discount_id: str) -> Json:
    return nulls(DISCOUNT, discount=discount_id)


def default_end(world: World, start: int, items: list[Json], duration: Json | None) -> int:
    """One billing period, unless a duration was given."""
    recurring = world.get(items[0]["price"])["recurring"]
    return plus(start, {"interval_count": 1, **(duration or recurring)}, 1)


def take_effect(world: World, subscription_id: str, phase: Json, behavior: str) -> None:
    """Sell what the phase says from now on; "a schedule phase change discards a pending update".

    At the end of a period the items change just before the renewal, which then bills the new ones;
    in the middle of one it is an update like any other.
    """
    drop_pending(world, subscription_id)
    subscription = _with_discounts_of(world, subscription_id, phase)
    changes = _changes(world, subscription, phase)
    fields = _terms(world, subscription, phase)
    if not any(change.is_real for change in changes):
        world.change(subscription_id, UPDATED, **fields)
        return
    ends = {change.before["current_period_end"] for change in changes}
    if ends == {world.now()}:
        for change in changes:
            if change.changes_interval:
                world.note(change.before["id"], anchor=world.now())
            note_net(world, subscription, change.after)
        items = items_list(subscription_id, [change.after for change in changes])
        world.change(subscription_id, UPDATED, items=items, **fields)
        return
    update = Update(changes, world.now(), proration_behavior=behavior, present=False)
    apply_update(world, subscription_id, update, fields)


def _with_discounts_of(world: World, subscription_id: str, phase: Json) -> Json:
    """Those that the phase does not name are gone: it says all or nothing (bitwarden/server#8278,
    useautumn/autumn#742). "If not specified, inherits the discount from the subscription's
    customer" (docs.stripe.com/api/subscription_schedules/update#phases-discounts)."""
    named = [each["discount"] for each in phase["discounts"]]
    gone = [each for each in world.get(subscription_id)["discounts"] if each not in named]
    drop_discounts(world, subscription_id, gone)
    return world.get(subscription_id)


def _terms(world: World, subscription: Json, phase: Json) -> Json:
    """The card is the phase's, or the schedule's; "If not set, invoices will use the default
    payment method in the customer's invoice settings" (ibid., default_payment_method)."""
    settings = world.get(subscription["schedule"])["default_settings"]
    method_id = phase["default_payment_method"] or settings["default_payment_method"]
    return {
        "automatic_tax": phase.get("automatic_tax") or NOT_TAXED,
        "default_payment_method": method_id,
        "metadata": subscription["metadata"] | (phase["metadata"] or {}),
    }


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
