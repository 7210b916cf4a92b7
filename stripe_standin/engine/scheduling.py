"""Subscription schedules: attached, moved on by the clock, released, canceled.

Source: docs.stripe.com/billing/subscriptions/subscription-schedules.
"""

from typing import Any

from ..contract import Json, blank
from ..world import World
from .phases import phase_of, take_effect
from .subscribing import begin_and_collect
from .subscription_ends import LIVE, end_subscription

KIND = "subscription_schedule"
RUNNING = ("not_started", "active")
FOLLOWED = ("items", "metadata", "discounts", "default_payment_method")


def new_schedule(world: World, customer_id: str, phases: list[Json], **fields: Any) -> Json:
    settings = blank("subscription_schedules_resource_default_settings")
    settings["invoice_settings"]["issuer"] = {"type": "self"}
    settings |= {"billing_cycle_anchor": "automatic", "collection_method": "charge_automatically"}
    settings["automatic_tax"] = {"disabled_reason": None, "enabled": False, "liability": None}
    schedule = blank(
        KIND,
        id=world.new_id("sub_sched_1"),
        billing_mode={
            "type": "flexible",
            "flexible": {"proration_discounts": "included"},
            "updated_at": world.now(),
        },
        created=world.now(),
        customer=customer_id,
        default_settings=settings,
        end_behavior="release",
        metadata={},
        phases=phases,
        status="not_started",
        test_clock=world.get(customer_id)["test_clock"],
    )
    return schedule | fields


def attach_to(world: World, subscription_id: str) -> Json:
    """A schedule that goes on with what a subscription does now."""
    subscription = world.get(subscription_id)
    phase = phase_of(world, subscription)
    schedule = new_schedule(
        world,
        subscription["customer"],
        [phase],
        billing_mode=subscription["billing_mode"],
        current_phase=_dates(phase),
        status="active",
        subscription=subscription_id,
    )
    world.add(schedule, KIND + ".created")
    world.change(subscription_id, "customer.subscription.updated", schedule=schedule["id"])
    return schedule


def _dates(phase: Json) -> Json:
    return {"start_date": phase["start_date"], "end_date": phase["end_date"]}


def current(schedule: Json) -> Json | None:
    """The phase that runs now."""
    if schedule["current_phase"] is None:
        return None
    start = schedule["current_phase"]["start_date"]
    return next((phase for phase in schedule["phases"] if phase["start_date"] == start), None)


def set_phases(
    world: World, schedule_id: str, phases: list[Json], behavior: str, **fields: Any
) -> Json:
    """Other phases; a change of the running one takes effect at once."""
    schedule = world.get(schedule_id)
    if schedule["status"] == "active":
        fields["current_phase"] = _dates(phases[0])
    schedule = world.change(schedule_id, KIND + ".updated", phases=phases, **fields)
    if schedule["status"] == "active":
        take_effect(world, schedule["subscription"], phases[0], behavior)
    return world.get(schedule_id)


def follow_update(world: World, subscription: Json) -> None:
    """A subscription that was changed directly: its running phase shows it."""
    schedule = world.find(subscription["schedule"])
    if schedule is None or schedule["status"] != "active":
        return
    now = phase_of(world, subscription)
    for phase in schedule["phases"]:
        if phase["start_date"] == schedule["current_phase"]["start_date"]:
            phase |= {name: now[name] for name in FOLLOWED}
    world.change(schedule["id"], KIND + ".updated", phases=schedule["phases"])


def due_at(schedule: Json) -> int | None:
    """When the clock must look at it: at the start, or at the end of the running phase."""
    if schedule["status"] == "not_started":
        return int(schedule["phases"][0]["start_date"])
    if schedule["status"] == "active" and schedule["current_phase"]:
        return int(schedule["current_phase"]["end_date"])
    return None


def move_on(world: World, schedule_id: str) -> None:
    schedule = world.get(schedule_id)
    if schedule["status"] == "not_started":
        start_now(world, schedule_id)
        return
    ended = schedule["current_phase"]["end_date"]
    following = [phase for phase in schedule["phases"] if phase["start_date"] >= ended]
    if following:
        phase = following[0]
        world.change(schedule_id, KIND + ".updated", current_phase=_dates(phase))
        take_effect(world, schedule["subscription"], phase, phase["proration_behavior"])
    elif schedule["end_behavior"] == "cancel":
        _complete(world, schedule)
    else:
        release(world, schedule_id)


def start_now(world: World, schedule_id: str) -> Json:
    """The schedule makes its subscription."""
    schedule = world.get(schedule_id)
    phase = schedule["phases"][0]
    bought = [(world.get(item["price"]), item["quantity"]) for item in phase["items"]]
    subscription = begin_and_collect(
        world,
        bought,
        customer=schedule["customer"],
        default_payment_method=schedule["default_settings"]["default_payment_method"],
        metadata=phase["metadata"] or {},
        schedule=schedule_id,
    )
    return world.change(
        schedule_id,
        KIND + ".updated",
        current_phase=_dates(phase),
        status="active",
        subscription=subscription["id"],
    )


def _complete(world: World, schedule: Json) -> None:
    world.change(
        schedule["id"],
        KIND + ".completed",
        completed_at=world.now(),
        current_phase=None,
        status="completed",
    )
    _end(world, schedule["subscription"])


def _end(world: World, subscription_id: str | None) -> None:
    subscription = world.find(subscription_id)
    if subscription and subscription["status"] in LIVE:
        end_subscription(world, subscription["id"], reason="cancellation_requested")


def release(world: World, schedule_id: str) -> Json:
    """The subscription goes on without it."""
    schedule = world.get(schedule_id)
    released = world.change(
        schedule_id,
        KIND + ".released",
        current_phase=None,
        released_at=world.now(),
        released_subscription=schedule["subscription"],
        status="released",
        subscription=None,
    )
    if schedule["subscription"]:
        event = "customer.subscription.updated"
        world.change(schedule["subscription"], event, schedule=None)
    return released


def cancel(world: World, schedule_id: str) -> Json:
    """ "Cancels a subscription schedule and its associated subscription immediately"."""
    schedule = world.get(schedule_id)
    event = KIND + ".canceled"
    now = world.now()
    changes: Json = {"canceled_at": now, "current_phase": None, "status": "canceled"}
    canceled = world.change(schedule_id, event, **changes)
    _end(world, schedule["subscription"])
    return canceled
