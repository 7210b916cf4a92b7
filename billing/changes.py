"""A customer changes his subscription: more at once for the difference, less at the period's end.

Nothing here writes a license: the money does, by way of the paid invoice (billing.licensing).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from billing import customers, stripe_api
from billing.catalog import withdraw_if_archived
from billing.dirty import mark_dirty
from billing.models import DirtyObject, Price, StripeCustomer, Subscription
from billing.sync import sync_subscription_now
from lib.times import from_unix

ONE_AT_A_TIME = "another change is planned already; undo that first"


class NoSuchChange(Exception):
    """The subscription cannot be changed to that; the sentence says why."""


class CustomerGone(Exception):
    """He was deleted at Stripe, and his subscriptions ended with that; he may buy again."""


class PlanUndone(stripe_api.StripeUnavailable):
    """The planned change was undone for a cancellation, which Stripe then did not confirm."""


@dataclass(frozen=True)
class Change:
    """Another price or quantity for a subscription, thought over at the time *at*."""

    subscription: Subscription
    price: Price
    quantity: int
    proration_at: int  # Unix seconds; the preview and the bill must name the same

    @property
    def is_immediate(self) -> bool:
        """More of anything is billed and granted at once; less comes with the next period.

        So does more that costs less: the credit would stay beside a refund of the whole payment.
        """
        if self._more_cents < 0:
            return False
        old, new = self.subscription.price, self.price
        if old.interval == new.interval:
            return self._more_of_it > 0
        return new.interval == Price.Interval.YEAR and self._more_of_it >= 0

    @property
    def _more_of_it(self) -> int:
        """Above 0 for more than he has, below for less. By tier and number before money: his own
        price may be another than today's. Of two tiers of one rank the dearer is more.
        """
        tier, his = self.price.tier, self.subscription.price.tier
        if tier.pk == his.pk:
            return self.quantity - self.subscription.quantity
        return (tier.rank - his.rank) or self._more_cents

    @property
    def _more_cents(self) -> int:
        return self.price.total_cents(self.quantity) - self.subscription.total_cents

    @property
    def fingerprint(self) -> str:
        """The same for the same change, so that a double click bills once."""
        text = (
            f"{self.subscription.stripe_id}:{self.price.stripe_id}:{self.quantity}:"
            f"{self.proration_at}"
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Preview:
    """What a change costs and when it comes; `amount_cents` is due now, 0 for a later one."""

    change: Change
    amount_cents: int
    currency: str
    takes_effect_at: datetime


def plan_change(
    subscription: Subscription, price: Price, quantity: int, *, proration_at: int
) -> Change:
    """Check that the subscription may become that. Raises NoSuchChange."""
    if subscription.status not in {"active", "trialing"}:
        raise NoSuchChange(f"the subscription is {subscription.status}; pay what is open first")
    if subscription.is_by_invoice:
        raise NoSuchChange("it is paid by invoice, and changes by a new contract")
    if subscription.cancel_at is not None:
        raise NoSuchChange("the subscription is canceled; take that back first")
    if price.tier.product_id != subscription.price.tier.product_id:
        raise NoSuchChange(f"it is a subscription of {subscription.price.tier.product}")
    if not price.may_be_sold or not price.stripe_id:
        raise NoSuchChange(f"{price.tier} is not on sale")
    quantity = min(max(quantity, 1), price.max_quantity)
    if (price.pk, quantity) == (subscription.price_id, subscription.quantity):
        raise NoSuchChange("that is what you have")
    change = Change(subscription, price, quantity, proration_at)
    if change.is_immediate and subscription.schedule_id:
        raise NoSuchChange(ONE_AT_A_TIME)
    return change


def preview_change(change: Change) -> Preview:
    """Ask Stripe what the change would be billed, to the cent."""
    subscription = change.subscription
    if not change.is_immediate:
        return Preview(change, 0, change.price.currency, subscription.current_period_end)
    with _on_sale(change.price):
        remote = stripe_api.preview_change(
            subscription.stripe_id,
            price_id=change.price.stripe_id,
            quantity=change.quantity,
            proration_at=change.proration_at,
        )
    at = from_unix(change.proration_at)
    return Preview(change, remote.amount_cents, remote.currency, at)


def carry_out(change: Change) -> None:
    """Do it at Stripe and agree with what came of it. The same change again does it once.

    Raises stripe_api.CardDeclined or StripeRefused, or NoSuchChange; then nothing changed.
    """
    subscription = change.subscription
    with _on_sale(change.price):
        if change.is_immediate:
            _change_now(change)
        else:
            stripe_api.change_at_period_end(
                subscription.stripe_id,
                price_id=change.price.stripe_id,
                quantity=change.quantity,
                interval=change.price.interval,
                idempotency_key=f"schedule-{change.fingerprint}",
            )
    sync_subscription_now(subscription.stripe_id)


@contextmanager
def _on_sale(price: Price) -> Iterator[None]:
    """What Stripe refuses because the price was archived there is nothing to write to us about."""
    try:
        yield
    except stripe_api.StripeRefused as error:
        if withdraw_if_archived(price, at=timezone.now()):
            raise NoSuchChange(f"{price.tier} is not on sale") from error
        raise


def _change_now(change: Change) -> None:
    stripe_id = change.subscription.stripe_id
    try:
        stripe_api.change_now(
            stripe_id,
            price_id=change.price.stripe_id,
            quantity=change.quantity,
            proration_at=change.proration_at,
            idempotency_key=f"change-{change.fingerprint}",
        )
    except stripe_api.ChangeIsPlanned as error:
        sync_subscription_now(stripe_id)  # we had not heard of it; now he can undo it
        raise NoSuchChange(ONE_AT_A_TIME) from error


def undo_planned_change(subscription: Subscription) -> None:
    """Go on as it is. Safe to repeat."""
    stripe_api.release_schedule(subscription.stripe_id)
    sync_subscription_now(subscription.stripe_id)


def cancel(subscription: Subscription) -> None:
    """No renewal; everything works until the paid time is over. Safe to repeat.

    A planned change is undone first: Stripe cancels nothing that a schedule holds. Raises
    PlanUndone when that is all that was done, else stripe_api's errors.
    """
    was_planned = stripe_api.release_schedule(subscription.stripe_id)
    try:
        stripe_api.set_cancel_at_period_end(subscription.stripe_id, is_canceled=True)
    except (stripe_api.StripeUnavailable, stripe_api.StripeRefused) as error:
        if was_planned:
            raise PlanUndone(str(error)) from error
        raise
    sync_subscription_now(subscription.stripe_id)


def end_for_good(subscription: Subscription, *, at: datetime) -> None:
    """Charge nothing any more: what is paid runs out, what is not ends now. Safe to repeat.

    At the period's end alone a retry, or a renewal that is a draft for an hour, would be charged.
    """
    sync_subscription_now(subscription.stripe_id)  # a renewal may be paid that we did not hear of
    subscription.refresh_from_db()
    if not _is_paid_for(subscription, at):
        stripe_api.cancel_subscription(subscription.stripe_id)
        sync_subscription_now(subscription.stripe_id)
    elif subscription.cancel_at is None:
        cancel(subscription)


def _is_paid_for(subscription: Subscription, at: datetime) -> bool:
    """Whether the running period is, as far as we know."""
    license, end = subscription.license, subscription.current_period_end
    is_well = subscription.status in {"active", "trialing"} and end > at
    return is_well and license is not None and license.paid_through >= end


def resume(subscription: Subscription) -> None:
    """Take a cancellation back while the subscription still runs. Safe to repeat.

    Raises NoSuchChange for a product that is given up.
    """
    product = subscription.price.tier.product
    if product.status in product.GIVEN_UP:
        raise NoSuchChange(f"{product} is not sold any more")
    stripe_api.set_cancel_at_period_end(subscription.stripe_id, is_canceled=False)
    sync_subscription_now(subscription.stripe_id)


@transaction.atomic
def look_again(subscription: Subscription, *, at: datetime) -> None:
    """Ask Stripe, in the background, what became of a change whose answer was lost."""
    mark_dirty(DirtyObject.Kind.SUBSCRIPTION, subscription.stripe_id, at=at)


def portal_url(subscription: Subscription, *, return_url: str) -> str:
    """Stripe's page for card, billing address and tax ids. Raises CustomerGone."""
    rows = StripeCustomer.objects.filter(customer_id=subscription.customer_id, deleted_at=None)
    row = rows.first()
    if row is None:
        raise CustomerGone
    try:
        return stripe_api.create_portal_session(row.stripe_id, return_url=return_url)
    except stripe_api.StripeObjectGone:
        customers.look_again(row.stripe_id, at=timezone.now())
        raise
