"""Make our rows agree with Stripe: one function per kind of object, for every occasion."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from billing import carts, stripe_api
from billing.alarms import tell_of_foreign_price, tell_of_pause, tell_of_unbilled
from billing.contracts import link_contract
from billing.customers import note_customer
from billing.dirty import Fetch, Write, agree, mark_dirty
from billing.ledger import note_worth
from billing.licensing import carry_to_license
from billing.mails import mail_about_cancel_date
from billing.mirror import store_payments, store_subscription
from billing.models import DirtyObject, StripeCustomer, StripePrice, Subscription
from billing.payments import fetch_payment
from billing.remote import RemoteCheckoutSession, RemoteSubscription
from outbox.claims import for_a_while

Kind = DirtyObject.Kind


def sync_due(at: datetime) -> int:
    """Agree on dirty objects that are due, for a while; returns how many were agreed on.

    What failed before comes after all that is new, so that no object which always fails, or
    hangs, keeps the others waiting; and the other duties get their turn.
    """
    due = DirtyObject.objects.due(at).order_by("attempts", "due_at").values_list("pk", "kind")
    return sum(agree(pk, FETCHES[kind], timezone.now()) for pk, kind in for_a_while(due[:100]))


def sync_subscription_now(stripe_id: str) -> bool:
    """Agree on one subscription at once, e.g. while its buyer waits for the welcome page.

    False when a worker has it in hand (ask again in a moment) or when it failed.
    """
    at = timezone.now()
    mark = mark_dirty(Kind.SUBSCRIPTION, stripe_id, at=at)
    return agree(mark.pk, fetch_subscription, at)


def fetch_subscription(stripe_id: str) -> Write:
    """Ask Stripe for the subscription and, the first time, for the session it was bought in."""
    remote = stripe_api.retrieve_subscription(stripe_id)
    if not is_ours(remote):
        return _leave_alone
    session = None
    if not Subscription.objects.filter(stripe_id=stripe_id).exists():
        session = stripe_api.find_checkout_session(stripe_id)

    def write(at: datetime) -> None:
        write_subscription(remote, session, at)

    return write


def write_subscription(
    remote: RemoteSubscription, session: RemoteCheckoutSession | None, at: datetime
) -> None:
    """Mirror, payments, license, first credential and mails, in the caller's transaction."""
    known = Subscription.objects.select_for_update().filter(stripe_id=remote.stripe_id)
    before = known.first()
    subscription = store_subscription(remote, session)
    note_customer(remote.customer, at=at)
    link_contract(subscription, remote)
    store_payments(subscription, remote.paid_invoices, at)
    tell_of_pause(subscription, was_paused=before is not None and before.is_paused, at=at)
    tell_of_foreign_price(subscription, remote, at)
    tell_of_unbilled(subscription, remote, at)
    license = carry_to_license(subscription, remote, at)
    note_worth(subscription, at)
    if license is not None:
        cancel_at_before = before.cancel_at if before is not None else None
        mail_about_cancel_date(subscription, license, before=cancel_at_before, at=at)


def fetch_checkout_session(stripe_id: str) -> Write:
    """Ask Stripe whether the session expired or was completed."""
    session = stripe_api.retrieve_checkout_session(stripe_id)

    def write(at: datetime) -> None:
        if session.status == "expired":
            carts.expire_cart(stripe_id)
        elif session.subscription_id:
            mark_dirty(Kind.SUBSCRIPTION, session.subscription_id, at=at)

    return write


def fetch_customer(stripe_id: str) -> Write:
    """A customer was deleted at Stripe, and his subscriptions ended; or he has another address."""
    remote = stripe_api.retrieve_customer(stripe_id)

    def write(at: datetime) -> None:
        # Before the marks, as whoever agrees on a subscription: no two wait.
        note_customer(remote, at=at)
        theirs = Subscription.objects.filter(customer__pk__in=_customers_of(stripe_id))
        for subscription in theirs.order_by("pk"):
            mark_dirty(Kind.SUBSCRIPTION, subscription.stripe_id, at=at)

    return write


def _customers_of(stripe_id: str) -> list[int]:
    known = StripeCustomer.objects.filter(stripe_id=stripe_id)
    return list(known.values_list("customer_id", flat=True))


def is_ours(remote: RemoteSubscription) -> bool:
    """One Stripe account may sell other things too; those are none of our business.

    What was ours once stays so, whatever price the owner gave it since.
    """
    if remote.livemode != settings.STRIPE_LIVEMODE:
        return False
    is_sold_here = StripePrice.objects.filter(stripe_id=remote.price_id).exists()
    return is_sold_here or Subscription.objects.filter(stripe_id=remote.stripe_id).exists()


def _leave_alone(at: datetime) -> None:
    """Nothing of it is ours."""


FETCHES: Mapping[str, Fetch] = {
    Kind.SUBSCRIPTION: fetch_subscription,
    Kind.CHECKOUT_SESSION: fetch_checkout_session,
    Kind.PAYMENT: fetch_payment,
    Kind.CUSTOMER: fetch_customer,
}
