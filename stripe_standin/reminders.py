"""What Stripe tells beforehand or afterwards, on days that the account chooses."""

from .agenda import Wish, rule
from .contract import Json
from .engine.collecting import give_up_on
from .engine.invoicing import invoice_body, subscription_of
from .engine.subscribing import next_lines
from .world import World

DAY = 24 * 3600
TRIAL_DAYS = 3  # docs.stripe.com/billing/subscriptions/trials: "three days before"


@rule("subscription")
def renewals_are_announced(world: World, subscription: Json) -> Wish:
    days = world.options.upcoming_days
    if not days or subscription["status"] not in ("active", "trialing"):
        return None
    item = subscription["items"]["data"][0]
    end, leaves = item["current_period_end"], subscription["cancel_at"]
    if leaves is not None and leaves <= end:
        return None
    at = end - days * DAY
    told = world.notes(subscription["id"]).get("announced")
    return (at, _announce) if told != end and at >= item["current_period_start"] else None


def _announce(world: World, subscription_id: str) -> None:
    subscription = world.get(subscription_id)
    world.note(subscription_id, announced=subscription["items"]["data"][0]["current_period_end"])
    waiting = world.notes(subscription_id).get("pending_lines", [])
    lines = waiting + next_lines(world, subscription)
    invoice_id = world.new_id("upcoming_in_1")
    body = invoice_body(world, subscription, lines, reason="upcoming", invoice_id=invoice_id)
    world.emit("invoice.upcoming", body)


@rule("invoice")
def due_dates_are_announced(world: World, invoice: Json) -> Wish:
    days = world.options.will_be_due_days
    if not days or invoice["status"] != "open" or invoice["due_date"] is None:
        return None
    told = world.notes(invoice["id"]).get("will_be_due")
    return None if told else (invoice["due_date"] - days * DAY, _tell_due)


def _tell_due(world: World, invoice_id: str) -> None:
    world.note(invoice_id, will_be_due=True)
    world.emit("invoice.will_be_due", world.get(invoice_id))


@rule("invoice")
def what_stays_overdue_ends_it(world: World, invoice: Json) -> Wish:
    days = world.options.overdue_days
    owed = invoice["status"] == "open" and invoice["due_date"] is not None
    if not (days and owed and invoice["parent"]):
        return None
    told = world.notes(invoice["id"]).get("given_up")
    return None if told else (invoice["due_date"] + days * DAY, _give_up)


def _give_up(world: World, invoice_id: str) -> None:
    world.note(invoice_id, given_up=True)
    give_up_on(world, subscription_of(world.get(invoice_id)))


@rule("subscription")
def trials_end_soon(world: World, subscription: Json) -> Wish:
    if subscription["status"] != "trialing" or subscription["trial_end"] is None:
        return None
    told = world.notes(subscription["id"]).get("trial_told")
    at = max(subscription["trial_end"] - TRIAL_DAYS * DAY, subscription["created"])
    return None if told else (at, _tell_trial)


def _tell_trial(world: World, subscription_id: str) -> None:
    world.note(subscription_id, trial_told=True)
    world.emit("customer.subscription.trial_will_end", world.get(subscription_id))
