"""Give money back and end the subscription: a job that goes on wherever it was killed.

The guarantee and a second subscription give all of it back. Where the owner refunded the running
period himself, or a bank took a payment, no other payment is touched: twelve good months stay paid.

requested → refunded → canceled → done. Access ends in the transaction that makes the row, so no
crash leaves money returned and a license alive. Each step may be repeated: a refund has an
idempotency key of its own and "already refunded" counts as done, as does "already canceled".
"""

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing import stripe_api
from billing.dirty import mark_dirty
from billing.fraud import was_warned_of
from billing.licensing import settle_status
from billing.mails import mail_refunded, said_by_bank
from billing.models import DirtyObject, GuaranteeRefund, Payment, Subscription
from billing.notices import tell_owner
from billing.remote import RemotePayment
from lib.money import format_cents
from licenses.status import suspended_since
from outbox.claims import Claim, for_a_while

log = logging.getLogger(__name__)
Cause = GuaranteeRefund.Cause
State = GuaranteeRefund.State
GIVES_ALL_BACK = {Cause.GUARANTEE, Cause.DUPLICATE, Cause.OWNER}
STARTS_A_PERIOD = {"subscription_create", "subscription_cycle"}


@transaction.atomic
def open_refund_job(subscription_id: int, *, cause: Cause, at: datetime) -> GuaranteeRefund:
    """Ask for it, and revoke the license with it; told twice, the first cause stands."""
    subscription = Subscription.objects.select_for_update().get(pk=subscription_id)
    job: GuaranteeRefund
    job, is_new = GuaranteeRefund.objects.get_or_create(
        subscription=subscription,
        defaults={
            "cause": cause,
            "requested_at": at,
            "due_at": at,
            "currency": subscription.price.currency,
        },
    )
    if is_new:
        settle_status(subscription, at)
    return job


def resume_refunds(at: datetime) -> int:
    """Go on with every job that is due; returns how many got further."""
    due = GuaranteeRefund.objects.due(at).order_by("due_at").values_list("pk", flat=True)[:20]
    return sum(resume_refund(pk, at) for pk in for_a_while(due))


def resume_refund(job_id: int, at: datetime) -> bool:
    """One job, as far as it gets; False if somebody else has it, or it failed."""
    claim = GuaranteeRefund.objects.claim(job_id, at)
    if claim is None:
        return False
    try:
        while _step(claim):
            pass
    except Exception as error:
        log.exception("refund job %s stopped", job_id)
        claim.fail(error, timezone.now())
        return False
    return True


def _step(claim: Claim) -> bool:
    """Take the job one state further; False when it is done or somebody took over."""
    job = GuaranteeRefund.objects.select_related(
        "subscription__price__tier__product", "subscription__customer"
    ).get(pk=claim.pk)
    if job.state == State.REQUESTED:
        amount_cents = _refund(job)
        return claim.keep(state=State.REFUNDED, amount_cents=amount_cents)
    if job.state == State.REFUNDED:
        stripe_api.cancel_subscription(job.subscription.stripe_id)
        # Once more: a renewal may have been paid meanwhile, and from now on none can be.
        return claim.keep(state=State.CANCELED, amount_cents=_refund(job))
    if job.state == State.CANCELED:
        _finish(claim, job)
    return False


def _refund(job: GuaranteeRefund) -> int:
    """Give back what the cause asks for; what a dispute holds is the dispute's. Safe to repeat.

    Returns the cents that went, by us or by the owner's hand.
    """
    subscription = job.subscription
    by_hand = 0
    if job.cause == Cause.DASHBOARD:
        period = payments_of_running_period(subscription)
        by_hand = sum(one.amount_cents for one in period if one.paid_at < job.requested_at)
    invoices = stripe_api.list_paid_invoices(subscription.stripe_id)
    served_until = _served_until(job).replace(microsecond=0)  # Stripe has seconds
    wanted = [
        payment
        for invoice in invoices
        for payment in invoice.payments
        # Nothing is served for what was paid after the license had ended, whatever the cause.
        if invoice.paid_at >= served_until or _is_wanted(job, payment)
    ]
    return by_hand + sum(one.amount_cents for one in wanted if _give_back(job, one))


def _is_wanted(job: GuaranteeRefund, payment: RemotePayment) -> bool:
    return job.cause in GIVES_ALL_BACK or was_warned_of(payment.stripe_id)


def _served_until(job: GuaranteeRefund) -> datetime:
    """The job's beginning; or since when a dispute had suspended the license by then."""
    license = job.subscription.license
    since = suspended_since(license.pk) if license is not None else None
    return min(since or job.requested_at, job.requested_at)


def payments_of_running_period(subscription: Subscription) -> list[Payment]:
    """The newest purchase or renewal, and what was paid for changes since.

    What came after the end is none of them.
    """
    payments = subscription.payments.prefetch_related("refunds").order_by("paid_at", "pk")
    timely = [one for one in payments if not one.is_late]
    starts = [n for n, one in enumerate(timely) if one.billing_reason in STARTS_A_PERIOD]
    return timely[starts[-1] :] if starts else timely


def tells_of(job: GuaranteeRefund, payment: Payment) -> bool:
    """Whether the job's mail tells what went back of it; the owner may give back more, later."""
    if job.cause in GIVES_ALL_BACK or was_warned_of(payment.stripe_id, by=job.done_at):
        return True
    if job.cause == Cause.DASHBOARD and payment in payments_of_running_period(job.subscription):
        return True
    return payment.paid_at >= _served_until(job).replace(microsecond=0)


def _give_back(job: GuaranteeRefund, payment: RemotePayment) -> bool:
    """A new key for each try: Stripe keeps an answer for a day, a failure of its own too. What an
    earlier try gave back is not given twice: it is all that is left of the payment.
    """
    stripe_id = job.subscription.stripe_id
    return give_back(
        payment.stripe_id,
        invoice_id=payment.invoice_id,
        idempotency_key=f"mbg-{stripe_id}-{payment.stripe_id}-{job.fence}",
        metadata={"cause": job.cause, "subscription": stripe_id},
    )


def give_back(
    payment_id: str, *, invoice_id: str, idempotency_key: str, metadata: dict[str, str]
) -> bool:
    """By a credit note where Stripe computes tax, so that the tax goes back too; else plainly.

    False when a dispute decides about the money instead.
    """
    if settings.STRIPE_TAX:
        return stripe_api.credit_payment(
            payment_id,
            invoice_id=invoice_id,
            idempotency_key=f"credit-{idempotency_key}",
            metadata=metadata,
        )
    return stripe_api.refund_payment(payment_id, idempotency_key=idempotency_key, metadata=metadata)


@transaction.atomic
def _finish(claim: Claim, job: GuaranteeRefund) -> None:
    # First the subscription, as everybody who marks what belongs to it.
    Subscription.objects.select_for_update().get(pk=job.subscription_id)
    at = timezone.now()
    if not claim.update(state=State.DONE, done_at=at, due_at=None, last_error=""):
        return
    mark_dirty(DirtyObject.Kind.SUBSCRIPTION, job.subscription.stripe_id, at=at)
    for payment in job.subscription.payments.all():
        mark_dirty(DirtyObject.Kind.PAYMENT, payment.stripe_id, at=at)
    if job.cause == Cause.REPLACED and not job.amount_cents:
        return  # he pays for the other one, and knows it
    if job.amount_cents or job.cause in {Cause.GUARANTEE, Cause.OWNER, Cause.FRAUD}:
        mail_refunded(job)
    tell_owner(
        f"refund-job:{job.subscription.stripe_id}",
        f"{_who_has_it(job)}; the subscription is canceled, its license serves no more.",
        at=at,
    )


def _who_has_it(job: GuaranteeRefund) -> str:
    whose, tier = job.subscription.customer, job.subscription.price.tier
    bank = "" if job.amount_cents else said_by_bank(job.subscription)
    if bank == "returned":
        return f"The bank took the disputed money of {whose} for {tier} back"
    if bank == "held":
        return f"The bank holds the disputed money of {whose} for {tier} until it has decided"
    amount = format_cents(job.amount_cents, job.currency)
    return f"{whose} has {amount} back for {tier} ({job.get_cause_display()})"
