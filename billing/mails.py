"""The mails of billing: each is a fact, told once, in the transaction that makes it true."""

from datetime import datetime, timedelta

from django.utils import timezone

from billing.models import Closing, Dispute, GuaranteeRefund, Refund, Subscription
from billing.notices import tell_owner
from billing.remote import RemoteLine, RemoteSubscription
from billing.verdict import grace
from lib.money import format_cents
from licenses import people
from licenses.models import License
from outbox.mail import is_queued, queue_mail

DUNNING_DAYS = (0, 3, 7, 14, 20)  # from the first failed payment; on day 21 the license lapses


def mail_welcome(subscription: Subscription, license: License, paid: RemoteLine) -> None:
    price = subscription.price
    queue_mail(
        f"welcome:{subscription.stripe_id}",
        template="billing/contract_begins" if subscription.is_by_invoice else "billing/welcome",
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": license.tier,
            "threads": license.threads,
            "total": format_cents(subscription.total_cents, price.currency),
            "first": format_cents(paid.amount_cents - paid.discount_cents, price.currency),
            "is_discounted": paid.discount_cents > 0,
            "interval": price.interval,
        },
    )


def mail_ended(subscription: Subscription, license: License) -> None:
    queue_mail(
        f"ended:{subscription.stripe_id}:{license.rev}",
        template="billing/ended",
        to=people.addresses_of(subscription.customer_id),
        context={"tier": license.tier, "updates_until": license.updates_until},
    )


def mail_payment_failed(subscription: Subscription, remote: RemoteSubscription) -> None:
    """Tell of an unpaid invoice on its first day; `remind_unpaid` goes on from there.

    Where only a word to the bank is missing the mail says that instead, for an upgrade too.
    """
    if remote.needs_action and remote.status in {"active", "past_due"}:
        _mail_action_required(subscription, remote)
    if remote.status == "past_due" and subscription.past_due_since is not None:
        _remind(subscription, day=0, pay_url=remote.hosted_invoice_url)
        if subscription.is_by_invoice:
            _tell_of_overdue(subscription, remote)


def _mail_action_required(subscription: Subscription, remote: RemoteSubscription) -> None:
    assert remote.past_due_since is not None
    queue_mail(
        _action_key(subscription, remote.past_due_since),
        template="billing/action_required",
        to=people.addresses_of(subscription.customer_id),
        context={"tier": subscription.price.tier, "pay_url": remote.hosted_invoice_url},
    )


def _action_key(subscription: Subscription, since: datetime) -> str:
    return f"action-required:{subscription.stripe_id}:{since:%Y-%m-%d}"


def _tell_of_overdue(subscription: Subscription, remote: RemoteSubscription) -> None:
    since = subscription.past_due_since
    assert since is not None
    tell_owner(
        f"invoice-overdue:{subscription.stripe_id}:{since:%Y-%m-%d}",
        f"{subscription.customer} has not paid the invoice for {subscription.price.tier} that was "
        f"due on {since:%Y-%m-%d}; reminders go out. {remote.hosted_invoice_url}",
        at=timezone.now(),
    )


def remind_unpaid(at: datetime) -> int:
    """Remind on days 3, 7, 14 and 20 of whatever is still unpaid; returns how many mails.

    After a stop only the newest reminder is sent, not those that were missed.
    """
    unpaid = Subscription.objects.filter(status="past_due", past_due_since__isnull=False)
    in_grace = unpaid.filter(past_due_since__gt=at - grace())
    rows = in_grace.select_related("price__tier__product")
    return sum(_remind_if_due(subscription, at) for subscription in rows)


def _remind_if_due(subscription: Subscription, at: datetime) -> bool:
    since = subscription.past_due_since
    assert since is not None
    due = [day for day in DUNNING_DAYS if since + timedelta(days=day) <= at]
    return bool(due) and _remind(subscription, day=due[-1], pay_url=subscription.pay_url)


def _remind(subscription: Subscription, *, day: int, pay_url: str) -> bool:
    since = subscription.past_due_since
    assert since is not None
    key = f"payment-failed:{subscription.stripe_id}:{since:%Y-%m-%d}:{day}"
    if is_queued(key) or (day == 0 and is_queued(_action_key(subscription, since))):
        return False
    by_invoice = subscription.is_by_invoice
    queue_mail(
        key,
        template="billing/invoice_overdue" if by_invoice else "billing/payment_failed",
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": subscription.price.tier,
            "is_granted": subscription.license_id is not None,
            "day": day,
            "lapses_at": since + grace(),
            "pay_url": pay_url,
        },
    )
    return True


def mail_about_cancel_date(
    subscription: Subscription, license: License, *, before: datetime | None, at: datetime
) -> None:
    """Canceled with a date to come, or taken back: say so when the date changed.

    Each change is a fact of its own, known by the moment when it was written with this mail.
    """
    now = subscription.cancel_at
    if now == before or subscription.status not in {"active", "trialing"}:
        return
    if Closing.objects.filter(subscription=subscription).exists():
        return  # told in a mail of its own, and ended again if taken back (billing.closings)
    template = "billing/canceled" if now is not None else "billing/uncanceled"
    queue_mail(
        f"{template.split('/')[1]}:{subscription.stripe_id}:{at:%Y%m%dT%H%M%S.%f}",
        template=template,
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": license.tier,
            "cancel_at": now,
            "period_end": subscription.current_period_end,
        },
    )


def mail_changed(subscription: Subscription, license: License, *, interval: str) -> None:
    """Another tier, number of threads or interval was paid for."""
    queue_mail(
        f"changed:{subscription.stripe_id}:{license.rev}",
        template="billing/changed",
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": license.tier,
            "threads": license.threads,
            "interval": interval,
            "paid_through": license.paid_through,
        },
    )


def said_by_bank(subscription: Subscription) -> str:
    """Of disputed money: "returned" to the cardholder, "held" until it is decided, or ""."""
    disputes = Dispute.objects.filter(payment__subscription=subscription)
    statuses = set(disputes.values_list("status", flat=True))
    if statuses & set(Dispute.LOST):
        return "returned"
    return "held" if any(Dispute.holds_money(each) for each in statuses) else ""


def mail_refunded(job: GuaranteeRefund) -> None:
    queue_mail(
        f"refunded:{job.subscription.stripe_id}",
        template="billing/refunded",
        to=people.addresses_of(job.subscription.customer_id),
        context={
            "tier": job.subscription.price.tier,
            "amount": format_cents(job.amount_cents, job.currency) if job.amount_cents else "",
            "bank": said_by_bank(job.subscription),
        },
    )


def mail_refund(refund: Refund) -> None:
    """A refund that ends nothing; what the guarantee's job gives back it tells itself."""
    is_failed = refund.status == "failed"
    if refund.status not in {"pending", "succeeded", "failed"}:
        return
    payment = refund.payment
    queue_mail(
        f"refund-failed:{refund.stripe_id}" if is_failed else f"refund:{refund.stripe_id}",
        template="billing/refund_failed" if is_failed else "billing/refund",
        to=people.addresses_of(payment.subscription.customer_id),
        context={
            "tier": payment.subscription.price.tier,
            "amount": format_cents(refund.amount_cents, payment.currency),
        },
    )
