"""What a subscription's state means for its license.

The paid invoice fixes *what* is granted; a license ends only by Stripe's status, or 21 days
after the first failed payment, never because a clock passed `paid_through` while Stripe says
active (a renewal's invoice stays a draft for about an hour).
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from billing import carts
from billing.models import Price, StripePrice, Subscription
from billing.remote import RemoteInvoice, RemoteLine, RemoteSubscription
from lib.money import format_cents
from licenses import credentials, people
from licenses.issuing import Grant, issue_license, renew_license
from licenses.models import License
from licenses.status import lapse_license, reinstate_license
from outbox.mail import queue_mail

ENDED = {"canceled", "unpaid", "incomplete_expired"}
RUNNING = {"active", "trialing", "past_due"}
Status = License.Status


def carry_to_license(
    subscription: Subscription, remote: RemoteSubscription, at: datetime
) -> License | None:
    """Issue, renew, end or bring back the license; None while nothing was paid. Safe to repeat."""
    paid = _granting_line(remote)
    if paid is None:
        return None
    license = _license_of(subscription, paid, at)
    if license.status == Status.REVOKED:
        return license
    if remote.status in ENDED:
        return _end(subscription, license, at, reason=f"subscription {remote.status}")
    if remote.status in RUNNING:
        license = renew_license(license.pk, grant=_grant(paid), at=at, reason="paid")
        _mail_about_payment(subscription, remote)
        return _keep_running(subscription, license, at)
    return license


def lapse_overdue(at: datetime) -> int:
    """End what ends by the clock: the grace after a failed payment, and known cancel dates.

    Also when Stripe is silent: a lost webhook must neither cut anybody off nor serve for ever.
    """
    grace_over = Q(status="past_due", past_due_since__lte=at - grace())
    cancel_due = Q(cancel_at__lte=at)
    overdue = Subscription.objects.filter(
        grace_over | cancel_due, license__status=Status.ACTIVE
    ).select_related("license")
    for subscription in overdue:
        assert subscription.license is not None
        _end(subscription, subscription.license, at, reason=_why_overdue(subscription, at))
    return len(overdue)


def grace() -> timedelta:
    return timedelta(days=settings.GRACE_DAYS)


def _license_of(subscription: Subscription, paid: RemoteLine, at: datetime) -> License:
    if subscription.license is not None:
        return subscription.license
    license = issue_license(
        customer_id=subscription.customer_id,
        source=f"stripe:{subscription.stripe_id}",
        grant=_grant(paid),
        at=at,
        reason="bought",
    )
    subscription.license = license
    subscription.save(update_fields=["license"])
    if subscription.cart is not None:
        _hand_over_first_key(subscription, at)
    _mail_welcome(subscription, license)
    return license


def _hand_over_first_key(subscription: Subscription, at: datetime) -> None:
    """The key that the buyer's browser has holds from now on."""
    cart = subscription.cart
    assert cart is not None
    credentials.adopt_credential(
        customer_id=subscription.customer_id,
        digest=cart.credential_digest,
        hint=cart.credential_hint,
        name="first key",
        at=at,
    )
    carts.complete_cart(cart.pk)


def _granting_line(remote: RemoteSubscription) -> RemoteLine | None:
    """The line of the newest paid invoice that says what was paid for, and until when."""
    lines = [line for line in _lines_of_newest(remote.paid_invoices) if _price_of(line)]
    return max(lines, key=lambda line: (line.period_end, line.amount_cents), default=None)


def _lines_of_newest(invoices: tuple[RemoteInvoice, ...]) -> list[RemoteLine]:
    newest = max(invoices, key=lambda invoice: invoice.paid_at, default=None)
    # A change in mid-period credits what was not used (below zero) and bills what is new.
    return [line for line in newest.lines if line.amount_cents >= 0] if newest else []


def _price_of(line: RemoteLine) -> Price | None:
    known = StripePrice.objects.filter(stripe_id=line.price_id).select_related("price__tier")
    row = known.first()
    return row.price if row else None


def _grant(line: RemoteLine) -> Grant:
    price = _price_of(line)
    assert price is not None
    threads = price.tier.threads_for(line.quantity)
    kind = License.Kind.ORGANIZATION if threads is None else License.Kind.LIMITED
    return Grant(price.tier_id, kind, threads, paid_through=line.period_end)


def _keep_running(subscription: Subscription, license: License, at: datetime) -> License:
    if _why_overdue(subscription, at):
        return _end(subscription, license, at, reason=_why_overdue(subscription, at))
    if license.status == Status.LAPSED:
        return reinstate_license(license.pk, at=at, reason="paid again")
    return license


def _why_overdue(subscription: Subscription, at: datetime) -> str:
    if subscription.cancel_at is not None and subscription.cancel_at <= at:
        return "canceled as asked"
    since = subscription.past_due_since
    if subscription.status == "past_due" and since is not None and since + grace() <= at:
        return f"not paid for {settings.GRACE_DAYS} days"
    return ""


def _end(subscription: Subscription, license: License, at: datetime, *, reason: str) -> License:
    if license.status != Status.ACTIVE:
        return license
    license = lapse_license(license.pk, at=at, reason=reason)
    queue_mail(
        f"ended:{subscription.stripe_id}:{license.rev}",
        template="billing/ended",
        to=people.addresses_of(subscription.customer_id),
        context={"tier": license.tier, "updates_until": license.updates_until},
    )
    return license


def _mail_welcome(subscription: Subscription, license: License) -> None:
    queue_mail(
        f"welcome:{subscription.stripe_id}",
        template="billing/welcome",
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": license.tier,
            "threads": license.threads,
            "total": format_cents(
                subscription.price.total_cents(subscription.quantity), subscription.price.currency
            ),
            "interval": subscription.price.interval,
        },
    )


def _mail_about_payment(subscription: Subscription, remote: RemoteSubscription) -> None:
    """Tell of the failed payment once; the later reminders come with the dunning."""
    if remote.status != "past_due" or remote.past_due_since is None:
        return
    queue_mail(
        f"payment-failed:{subscription.stripe_id}:{remote.past_due_since:%Y-%m-%d}",
        template="billing/payment_failed",
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": subscription.price.tier,
            "lapses_at": remote.past_due_since + grace(),
            "pay_url": remote.hosted_invoice_url,
        },
    )
