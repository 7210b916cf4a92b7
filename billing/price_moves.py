"""Old subscribers move to today's price: announced by mail, undone until a day before, then moved.

The worker gives the subscription its new price within the last day before the renewal, without
prorations. Until then nothing at Stripe is different, so undoing is a change of one row.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing import stripe_api
from billing.dirty import mark_dirty
from billing.models import DirtyObject, Price, PriceMove, StripePrice, Subscription
from billing.remote import RemoteSubscription
from billing.verdict import ENDED
from lib.money import format_cents
from lib.times import add_months
from licenses import people
from outbox.claims import Claim, for_a_while
from outbox.mail import queue_mail, render_mail, sent_at

log = logging.getLogger(__name__)
State = PriceMove.State
NOTICE = timedelta(days=30)
SLACK = timedelta(days=1)  # for the mail to leave
AHEAD = timedelta(days=1)  # how long before the renewal the price is changed
LATER = timedelta(hours=2)  # after a renewal, for Stripe to have made it
MONTHS = {Price.Interval.MONTH: 1, Price.Interval.YEAR: 12}


class NoMove(Exception):
    """This subscription does not move; the sentence says why, for the owner to read."""


def plan_move(subscription: Subscription) -> StripePrice:
    """The price at Stripe that it would move to. Raises NoMove."""
    target = StripePrice.objects.filter(stripe_id=subscription.price.stripe_id).first()
    if subscription.status in ENDED or subscription.cancel_at is not None:
        raise NoMove(f"{subscription.stripe_id} ends or has ended")
    if subscription.is_by_invoice:
        raise NoMove(f"{subscription.stripe_id} is an invoice contract; agree on a new one")
    if subscription.schedule_id:
        raise NoMove(f"{subscription.stripe_id} changes at its renewal anyway")
    if target is None or subscription.stripe_price is None:
        raise NoMove(f"the price of {subscription.stripe_id} is not at Stripe: run sync_catalog")
    if target == subscription.stripe_price:
        raise NoMove(f"{subscription.stripe_id} has today's price already")
    return target


@transaction.atomic
def announce_move(subscription_id: int, *, at: datetime) -> PriceMove:
    """Tell the customer by mail, and remember it; told twice, it is one. Raises NoMove."""
    Subscription.objects.select_for_update().get(pk=subscription_id)
    subscription = Subscription.objects.select_related(
        "price__tier__product", "stripe_price", "customer"
    ).get(pk=subscription_id)
    announced = PriceMove.objects.filter(subscription=subscription, state=State.ANNOUNCED).first()
    if announced is not None:
        return announced  # type: ignore[no-any-return]
    target = plan_move(subscription)
    renewal = _first_renewal(subscription, at + NOTICE + SLACK)
    move: PriceMove = PriceMove.objects.create(
        subscription=subscription,
        from_price=subscription.stripe_price,
        to_price=target,
        announced_at=at,
        at=renewal,
        due_at=renewal - AHEAD,
    )
    _mail(move, "price_move")
    return move


@transaction.atomic
def undo_move(move_id: int, *, at: datetime) -> bool:
    """Take it back and say so; False once the worker has begun, or it was undone before."""
    waiting = PriceMove.objects.filter(pk=move_id, state=State.ANNOUNCED, attempts=0)
    if not waiting.update(state=State.UNDONE, due_at=None, note=f"by the owner, {at:%Y-%m-%d}"):
        return False
    move = PriceMove.objects.select_related(
        "subscription__price__tier__product", "from_price", "to_price"
    ).get(pk=move_id)
    _mail(move, "price_move_undone")
    return True


def move_prices(at: datetime) -> int:
    """Take every move that is due further; returns how many got there."""
    due = PriceMove.objects.due(at).order_by("due_at").values_list("pk", flat=True)[:20]
    return sum(_move(pk, at) for pk in for_a_while(due))


def _move(move_id: int, at: datetime) -> bool:
    claim = PriceMove.objects.claim(move_id, at)
    if claim is None:
        return False
    move = PriceMove.objects.select_related("subscription", "from_price", "to_price").get(
        pk=move_id
    )
    try:
        remote = stripe_api.retrieve_subscription(move.subscription.stripe_id)
        return _step(claim, move, remote, timezone.now())
    except stripe_api.StripeObjectGone as error:
        return claim.update(state=State.UNDONE, due_at=None, note=f"gone: {error}"[:200])
    except Exception as error:
        log.exception("price move %s stopped", move_id)
        claim.fail(error, timezone.now())
        return False


def _step(claim: Claim, move: PriceMove, remote: RemoteSubscription, at: datetime) -> bool:
    """Undo, wait for another renewal, or move: by the subscription as Stripe has it now."""
    if remote.price_id == move.to_price.stripe_id:
        return _finish(claim, move)
    if remote.status in ENDED or remote.price_id != move.from_price.stripe_id:
        note = f"the subscription is {remote.status}, at {remote.price_id}"
        return claim.update(state=State.UNDONE, due_at=None, note=note)
    due_at = _waits_until(move, remote, at)
    if due_at is not None:
        renewal = max(move.at, remote.current_period_end)
        return claim.update(due_at=due_at, at=renewal, attempts=0, last_error="")
    stripe_api.move_to_price(remote.stripe_id, price_id=move.to_price.stripe_id)
    return _finish(claim, move)


def _waits_until(move: PriceMove, remote: RemoteSubscription, at: datetime) -> datetime | None:
    """When to look again; None when the coming renewal is the one."""
    renewal = remote.current_period_end
    told_at = sent_at(_key(move, "price_move"))
    is_too_soon = told_at is None or renewal < told_at + NOTICE
    has_other_plans = remote.cancel_at is not None or remote.planned_change is not None
    if is_too_soon or has_other_plans or renewal <= at:
        return max(renewal, at) + LATER
    return renewal - AHEAD if at < renewal - AHEAD else None


@transaction.atomic
def _finish(claim: Claim, move: PriceMove) -> bool:
    mark_dirty(DirtyObject.Kind.SUBSCRIPTION, move.subscription.stripe_id, at=timezone.now())
    return claim.update(state=State.MOVED, due_at=None, last_error="")


def _first_renewal(subscription: Subscription, not_before: datetime) -> datetime:
    """As the calendar has it; the move itself goes by what Stripe says then."""
    renewal, periods = subscription.current_period_end, 0
    while renewal < not_before:
        periods += 1
        months = periods * MONTHS[Price.Interval(subscription.price.interval)]
        renewal = add_months(subscription.current_period_end, months)
    return renewal


def _key(move: PriceMove, template: str) -> str:
    return f"{template.replace('_', '-')}:{move.pk}"


def preview_mail(subscription: Subscription, *, at: datetime) -> tuple[str, str]:
    """Subject and body of the mail that `announce_move` would queue. Raises NoMove."""
    target = plan_move(subscription)
    assert subscription.stripe_price is not None
    renewal = _first_renewal(subscription, at + NOTICE + SLACK)
    return render_mail(
        "billing/price_move", _context(subscription, subscription.stripe_price, target, renewal)
    )


def _mail(move: PriceMove, template: str) -> None:
    subscription = move.subscription
    queue_mail(
        _key(move, template),
        template=f"billing/{template}",
        to=people.addresses_of(subscription.customer_id),
        context=_context(subscription, move.from_price, move.to_price, move.at),
    )


def _context(
    subscription: Subscription, before: StripePrice, after: StripePrice, renewal: datetime
) -> dict[str, Any]:
    price, quantity = subscription.price, subscription.quantity
    return {
        "tier": price.tier,
        "interval": price.interval,
        "before": format_cents(before.total_cents(quantity), price.currency),
        "after": format_cents(after.total_cents(quantity), price.currency),
        "at": renewal,
    }
