"""What a subscription means for its license: issue, renew, and the status that it should have.

The paid invoice fixes *what* is granted; billing.verdict says whether it goes on.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Q

from billing import carts
from billing.contracts import signed_line
from billing.dirty import has_failed_since, is_given_up, is_waiting, mark_dirty, was_agreed_since
from billing.ledger import note_worth
from billing.mails import mail_changed, mail_ended, mail_payment_failed, mail_welcome
from billing.models import DirtyObject, GuaranteeRefund, Price, StripePrice, Subscription
from billing.remote import RemoteInvoice, RemoteLine, RemoteSubscription
from billing.verdict import grace, judge
from licenses import credentials
from licenses.issuing import Grant, issue_license, renew_license
from licenses.models import Customer, License
from licenses.status import lapse_license, reinstate_license, revoke_license, suspend_license

Status = License.Status
ASKED_FOR = timedelta(days=1)
IN_VAIN_FOR = timedelta(hours=3)
# As Subscription.is_paused.
IS_PAUSED = ~Q(paused_collection="") | Q(status="paused") | Q(quantity=0)
MOVES = {
    Status.ACTIVE: reinstate_license,
    Status.SUSPENDED: suspend_license,
    Status.LAPSED: lapse_license,
    Status.REVOKED: revoke_license,
}


def carry_to_license(
    subscription: Subscription, remote: RemoteSubscription, at: datetime
) -> License | None:
    """Issue or renew the license by what was paid, and give it its status. Safe to repeat.

    None while nothing was paid, nor signed in a contract that grants on signature.
    """
    granted = _granting_line(remote.timely_invoices) or signed_line(subscription, remote)
    if granted is not None:
        if is_duplicate(subscription, at):
            return None
        license = _license_of(subscription, granted, at)
        if license.status != Status.REVOKED:
            _renew(subscription, license, remote, granted, at)
    mail_payment_failed(subscription, remote)
    return settle_status(subscription, at, was_asked=True)


def is_duplicate(subscription: Subscription, at: datetime) -> bool:
    """Whether the customer has another live subscription of the product, and this one is second.

    Two pages may be paid in two browsers. The second is given back and ended, by a job that the
    caller's transaction begins. An invoice contract was the owner's own act and never is.
    """
    if subscription.license_id is not None or subscription.is_by_invoice:
        return False
    jobs = GuaranteeRefund.objects.filter(subscription=subscription)
    if jobs.filter(cause=GuaranteeRefund.Cause.DUPLICATE).exists():
        return True  # once and for all: it is given back, also when the first one has ended
    # One at a time for a customer: two that come in together must not both be the second.
    customer = Customer.objects.select_for_update().get(pk=subscription.customer_id)
    live = Subscription.objects.filter(
        customer_id=subscription.customer_id,
        license__tier__product=subscription.price.tier.product_id,
        license__status__in=[Status.ACTIVE, Status.SUSPENDED],
    )
    # Nobody can use what is bought for an account that was closed meanwhile.
    if customer.closed_at is None and not live.exclude(pk=subscription.pk).exists():
        return False
    _begin_job(subscription, GuaranteeRefund.Cause.DUPLICATE, at)
    return True


def settle_status(
    subscription: Subscription, at: datetime, *, was_asked: bool = False
) -> License | None:
    """Move the license to the status it should have; a revoked one stays so. Safe to repeat.

    What ends by the clock ends only once Stripe *was_asked*, or could not be for a day: our row may
    be old, and whoever took a cancellation back, or paid, is not cut off. Else it is asked now.
    """
    if subscription.license_id is None:
        return None
    license = License.objects.get(pk=subscription.license_id)
    verdict = judge(subscription, at)
    if license.status in {Status.REVOKED, verdict.status}:
        return license
    if verdict.is_by_clock and not was_asked:
        mark_dirty(DirtyObject.Kind.SUBSCRIPTION, subscription.stripe_id, at=at)
        return license
    license = MOVES[verdict.status](license.pk, at=at, reason=verdict.reason)
    if verdict.status == Status.LAPSED:
        mail_ended(subscription, license)
    return license


def settle_overdue(at: datetime) -> int:
    """End what ends by the clock: the grace after a failed payment, known cancel dates, and what
    was paid for before the owner paused it.

    Stripe is asked first: the webhook that took a cancellation back may be lost, and who pays is
    not cut off. Whoever cannot be asked about for a day is served no longer.
    """
    grace_over = Q(status="past_due", past_due_since__lte=at - grace())
    cancel_due = Q(cancel_at__lte=at)
    pause_due = IS_PAUSED & Q(license__paid_through__lte=at)
    overdue = Subscription.objects.filter(
        grace_over | cancel_due | pause_due,
        license__status__in=[Status.ACTIVE, Status.SUSPENDED],
    ).values_list("pk", flat=True)
    return sum(_settle_or_ask(pk, at) for pk in list(overdue))


def _settle_or_ask(pk: int, at: datetime) -> bool:
    """Whether something was done: not while the question is waiting, or was given up."""
    with transaction.atomic():
        # Read anew, and locked: somebody may have agreed on it since it was found.
        rows = Subscription.objects.select_for_update(of=("self",))
        subscription = rows.select_related("price__tier__product", "license").get(pk=pk)
        assert subscription.license is not None  # it was found by its status
        if judge(subscription, at).status in {Status.ACTIVE, subscription.license.status}:
            return False  # or held by a dispute, which is decided first
        stripe_id, over_since = subscription.stripe_id, _over_since(subscription, at)
        # Stripe may have forgotten it, or say that it is none of ours: it is not asked for ever.
        # Nor does a day count in which nobody asked: the worker may have stood still, and begin
        # again sooner than the network.
        is_over = over_since <= at - ASKED_FOR
        is_away = is_over and has_failed_since(stripe_id, at - IN_VAIN_FOR)
        if is_away or was_agreed_since(stripe_id, over_since):
            settle_status(subscription, at, was_asked=True)
            note_worth(subscription, at)
            return True
    # Without the lock: marking needs none.
    if is_waiting(stripe_id) or is_given_up(stripe_id):
        return False
    mark_dirty(DirtyObject.Kind.SUBSCRIPTION, stripe_id, at=at)
    return True


def _over_since(subscription: Subscription, at: datetime) -> datetime:
    """The first moment from which it is served no longer, as far as we know."""
    moments = [subscription.cancel_at]
    if subscription.status == "past_due" and subscription.past_due_since is not None:
        moments.append(subscription.past_due_since + grace())
    if subscription.is_paused and subscription.license is not None:
        moments.append(subscription.license.paid_through)
    return min((one for one in moments if one is not None), default=at)


def _renew(
    subscription: Subscription,
    license: License,
    remote: RemoteSubscription,
    granted: RemoteLine,
    at: datetime,
) -> None:
    was = (license.tier_id, license.threads)
    renewed = renew_license(license.pk, grant=_grant(granted), at=at, reason="paid")
    is_other = (renewed.tier_id, renewed.threads) != was
    if is_other or (renewed.rev != license.rev and _has_other_interval(remote)):
        mail_changed(subscription, renewed, interval=_known_price(granted).interval)


def _has_other_interval(remote: RemoteSubscription) -> bool:
    """Whether what was paid last is of another interval than what was paid before."""
    newest_two = islice(_granting_lines(remote.timely_invoices), 2)
    prices = [_price_of(line) for line in newest_two]
    return len({price.interval for price in prices if price is not None}) > 1


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
    _end_unpaid_ones(subscription, at)
    if subscription.cart is not None:
        _hand_over_first_key(subscription, at)
    mail_welcome(subscription, license, paid)
    return license


def _end_unpaid_ones(bought: Subscription, at: datetime) -> None:
    """He has bought anew: an old one that was not paid is ended, or a retry bills him twice; so
    is one that was paused, or its next period does.
    """
    unpaid = Subscription.objects.filter(
        Q(status__in=["past_due", "unpaid"]) | IS_PAUSED & ~Q(status="canceled"),
        customer_id=bought.customer_id,
        price__tier__product=bought.price.tier.product_id,
        license__status=Status.LAPSED,
    )
    for old in unpaid.exclude(pk=bought.pk).select_related("license", "price"):
        assert old.license is not None
        # A retry may have been paid already, and not heard of: it goes back, too.
        over = min(at, old.license.paid_through)
        _begin_job(old, GuaranteeRefund.Cause.REPLACED, at, requested_at=over)


def _begin_job(
    subscription: Subscription,
    cause: GuaranteeRefund.Cause,
    at: datetime,
    *,
    requested_at: datetime | None = None,
) -> None:
    """What was paid from *requested_at* on goes back, whatever the cause."""
    GuaranteeRefund.objects.get_or_create(
        subscription=subscription,
        defaults={
            "cause": cause,
            "requested_at": requested_at or at,
            "due_at": at,
            "currency": subscription.price.currency,
        },
    )


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


def grant_of(paid: tuple[RemoteInvoice, ...]) -> Grant | None:
    """What these invoices grant; None while nothing was paid."""
    line = _granting_line(paid)
    return _grant(line) if line else None


def _granting_line(paid: tuple[RemoteInvoice, ...]) -> RemoteLine | None:
    """The line that says what was paid for last, and until when."""
    return next(_granting_lines(paid), None)


def _granting_lines(paid: tuple[RemoteInvoice, ...]) -> Iterator[RemoteLine]:
    """One of each paid invoice that grants something, the newest invoice first; an older one is
    looked at only when it is asked for.

    The newest is the one that was made last: an older one may be paid after it. An invoice of
    the owner's own, for something else, grants nothing.
    """
    newest_first = sorted(paid, key=lambda one: (one.created_at, one.paid_at), reverse=True)
    lines = map(_granting_line_of, newest_first)
    return (line for line in lines if line is not None)


def _granting_line_of(invoice: RemoteInvoice) -> RemoteLine | None:
    # A change in mid-period credits what was not used (below zero) and bills what is new.
    lines = [line for line in invoice.lines if line.amount_cents >= 0 and line.quantity]
    known = [line for line in lines if _price_of(line)]
    return max(known, key=lambda line: (line.period_end, line.amount_cents), default=None)


def _price_of(line: RemoteLine) -> Price | None:
    known = StripePrice.objects.filter(stripe_id=line.price_id).select_related("price__tier")
    row = known.first()
    return row.price if row else None


def _known_price(line: RemoteLine) -> Price:
    price = _price_of(line)
    assert price is not None
    return price


def _grant(line: RemoteLine) -> Grant:
    price = _known_price(line)
    threads = price.tier.threads_for(line.quantity)
    kind = License.Kind.ORGANIZATION if threads is None else License.Kind.LIMITED
    return Grant(price.tier_id, kind, threads, paid_through=line.period_end)
