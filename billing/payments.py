"""Make our rows of one payment agree with Stripe: its refunds and disputes, and what follows."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from billing import stripe_api
from billing.dirty import Write, mark_dirty, was_looked_at
from billing.fraud import is_warned_of
from billing.licensing import settle_status
from billing.mails import mail_refund
from billing.mirror import store_payments
from billing.models import DirtyObject, Dispute, GuaranteeRefund, Payment, Refund, Subscription
from billing.notices import close_notice, tell_owner
from billing.refunding import Cause, open_refund_job, payments_of_running_period, tells_of
from billing.remote import RemoteDispute, RemotePaymentState, RemoteRefund
from lib.money import format_cents


class PaymentNotKnownYet(Exception):
    """Its subscription was not agreed on yet; it is asked for now, and this is tried again."""


def fetch_payment(stripe_id: str) -> Write:
    """Ask Stripe for the payment with all refunds and disputes; they name no customer.

    When something of it went back, for what else was paid, too: whether it paid for the running
    period is not known from payments that we may not have heard of.
    """
    remote = stripe_api.retrieve_payment(stripe_id)
    payment = Payment.objects.select_related("subscription").filter(stripe_id=stripe_id).first()
    if payment is None and _is_not_known_yet(remote.subscription_id):
        mark_dirty(DirtyObject.Kind.SUBSCRIPTION, remote.subscription_id, at=timezone.now())
        raise PaymentNotKnownYet(f"{stripe_id} of {remote.subscription_id}")
    its = payment.subscription.stripe_id if payment else remote.subscription_id
    is_ours = Subscription.objects.filter(stripe_id=its).exists()
    paid = stripe_api.list_paid_invoices(its) if is_ours and remote.refunds else ()

    def write(at: datetime) -> None:
        # As it is now, and nobody else writes about it until this is committed.
        subscription = Subscription.objects.select_for_update().filter(stripe_id=its).first()
        if subscription is None:
            return
        store_payments(subscription, paid, at)
        known = payment or _store_payment(subscription, remote, at)
        if known is not None:
            known.subscription = subscription
            write_payment(known, remote, at)

    return write


def _is_not_known_yet(subscription_id: str) -> bool:
    """Whether a subscription is left to be asked for; one that was and is not here is not ours."""
    known = Subscription.objects.filter(stripe_id=subscription_id)
    return bool(subscription_id) and not known.exists() and not was_looked_at(subscription_id)


def _store_payment(
    subscription: Subscription, remote: RemotePaymentState, at: datetime
) -> Payment | None:
    """A payment that its subscription's newest invoices did not tell."""
    if remote.invoice is None:
        return None
    store_payments(subscription, [remote.invoice], at)
    mark_dirty(
        DirtyObject.Kind.SUBSCRIPTION, subscription.stripe_id, at=at
    )  # it paid for something
    return Payment.objects.filter(stripe_id=remote.stripe_id).first()


def write_payment(payment: Payment, remote: RemotePaymentState, at: datetime) -> None:
    """Refunds, disputes, notices, and the license's status, in the caller's transaction."""
    Payment.objects.filter(pk=payment.pk).update(
        charge_id=remote.charge_id, card_fingerprint=remote.card_fingerprint
    )
    for refund in remote.refunds:
        _store_refund(payment, refund, at)
    for dispute in remote.disputes:
        _store_dispute(payment, dispute, at)
    if _ends_the_subscription(payment):
        open_refund_job(payment.subscription.pk, cause=Cause.DASHBOARD, at=at)
    if any(dispute.status in Dispute.LOST for dispute in remote.disputes):
        open_refund_job(payment.subscription.pk, cause=Cause.FRAUD, at=at)
    _heed_warning(payment, at)
    _mail_refunds(payment)
    settle_status(payment.subscription, at)


def _mail_refunds(payment: Payment) -> None:
    """Those that failed, and those that no job tells of."""
    job = GuaranteeRefund.objects.filter(subscription=payment.subscription).first()
    is_told = job is not None and tells_of(job, payment) and not payment.is_late
    for refund in payment.refunds.select_related("payment__subscription__price__tier__product"):
        if refund.status == "failed" or not is_told:
            mail_refund(refund)


def _ends_the_subscription(payment: Payment) -> bool:
    """Whether everything that was paid for the running period went back."""
    period = payments_of_running_period(payment.subscription)
    return bool(period) and all(one.is_refunded for one in period)


def _heed_warning(payment: Payment, at: datetime) -> None:
    """The bank's early word of fraud: give the payment back, or ask the owner to."""
    key = f"fraud-warning:{payment.stripe_id}"
    is_settled = payment.is_refunded or payment.disputes.exists()
    jobs = GuaranteeRefund.objects.filter(subscription=payment.subscription)
    if is_settled or not is_warned_of(payment.stripe_id):
        close_notice(key, at=at)
    elif settings.REFUND_FRAUD_WARNINGS and not jobs.exists():
        open_refund_job(payment.subscription.pk, cause=Cause.FRAUD, at=at)
    elif not settings.REFUND_FRAUD_WARNINGS or jobs.filter(state=jobs.model.State.DONE).exists():
        # A job that is done, e.g. of a dispute, gives back nothing more: then he decides, too.
        whose = payment.subscription.customer
        text = (
            f"A bank warns that {_amount(payment, payment.amount_cents)} of {whose} "
            f"({payment.stripe_id}) will be disputed as fraud. Refund it in the Dashboard before "
            "that, or leave it if you know the customer. REFUND_FRAUD_WARNINGS=1 does it for you."
        )
        tell_owner(key, text, at=at, needs_him=True)


def _store_refund(payment: Payment, remote: RemoteRefund, at: datetime) -> None:
    fields = {
        "amount_cents": remote.amount_cents,
        "status": remote.status[:40],
        "failure_reason": remote.failure_reason[:80],
    }
    Refund.objects.update_or_create(
        stripe_id=remote.stripe_id,
        defaults=fields,
        create_defaults={**fields, "payment": payment, "created_at": remote.created_at},
    )
    if remote.status == "failed":
        tell_owner(
            f"refund-failed:{remote.stripe_id}",
            f"The refund {remote.stripe_id} of {_amount(payment, remote.amount_cents)} to "
            f"{payment.subscription.customer} failed ({remote.failure_reason or 'no reason'}). "
            "Access stays ended; pay it back by another way.",
            at=at,
            needs_him=True,
        )


def _store_dispute(payment: Payment, remote: RemoteDispute, at: datetime) -> None:
    fields = {
        "amount_cents": remote.amount_cents,
        "status": remote.status[:40],
        "reason": remote.reason[:80],
        "due_by": remote.due_by,
    }
    dispute, _ = Dispute.objects.update_or_create(
        stripe_id=remote.stripe_id,
        defaults=fields,
        create_defaults={**fields, "payment": payment, "created_at": remote.created_at},
    )
    _tell_of_dispute(dispute, at)


def _tell_of_dispute(dispute: Dispute, at: datetime) -> None:
    """An inquiry may become a dispute under the same id: that is news, and each has its notice."""
    is_inquiry = Dispute.is_inquiry(dispute.status)
    key, other = f"inquiry:{dispute.stripe_id}", f"dispute:{dispute.stripe_id}"
    if not is_inquiry:
        key, other = other, key
    close_notice(other, at=at)
    what = (
        f"{dispute.stripe_id} ({_amount(dispute.payment, dispute.amount_cents)}, {dispute.reason})"
    )
    whose = dispute.payment.subscription.customer
    if not dispute.is_known_status:
        tell_owner(
            f"dispute-unknown:{dispute.stripe_id}:{dispute.status}",
            f"Dispute {what} of {whose} is in a state we do not know: {dispute.status}.",
            at=at,
            needs_him=True,
        )
    elif dispute.status in {"needs_response", "warning_needs_response"}:
        until = f" by {dispute.due_by:%Y-%m-%d %H:%M} UTC" if dispute.due_by else ""
        kind = "Inquiry" if is_inquiry else "Dispute"
        tell_owner(
            key,
            f"{kind} {what} of {whose}: answer in the Dashboard{until}.",
            at=at,
            needs_him=True,
        )
    else:
        close_notice(key, at=at)


def _amount(payment: Payment, cents: int) -> str:
    return format_cents(cents, payment.currency)
