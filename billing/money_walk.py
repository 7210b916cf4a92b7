"""Compare payments, refunds and disputes at Stripe with ours, one by one."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from django.utils import timezone

from billing import stripe_api
from billing.dirty import is_waiting, mark_dirty
from billing.models import DirtyObject, Dispute, Payment, Refund, StripeCustomer, Subscription
from billing.remote import RemoteCharge, RemoteDispute, RemoteRefund

Kind = DirtyObject.Kind
Beat = Callable[[], None]


class Reported(Protocol):
    def add(self, stripe_id: str, what: str) -> None: ...


def walk_money(report: Reported, since: datetime, beat: Beat) -> None:
    """Mark dirty and report each payment since *since* of which our rows say something else."""
    for charge in stripe_api.list_charges(since):
        beat()
        if _differs(charge):
            _heal(report, charge.payment_id, "payment")
    for payment_id, refund in stripe_api.list_refunds(since):
        beat()
        if _is_known(payment_id) and not _has_refund(refund):
            _heal(report, payment_id, "refund")
    for payment_id, dispute in stripe_api.list_disputes(since):
        beat()
        if _is_known(payment_id) and not _has_dispute(dispute):
            _heal(report, payment_id, "dispute")


def _heal(report: Reported, payment_id: str, what: str) -> None:
    if not is_waiting(payment_id):
        mark_dirty(Kind.PAYMENT, payment_id, at=timezone.now())
        report.add(payment_id, what)


def _differs(charge: RemoteCharge) -> bool:
    """Whether it is a payment of a customer of ours and not in our books as it is."""
    payment = Payment.objects.filter(stripe_id=charge.payment_id).first()
    if payment is not None:
        return payment.amount_cents != charge.amount_cents
    is_his = StripeCustomer.objects.filter(stripe_id=charge.customer_id).exists()
    return is_his and _is_for_a_subscription(charge.payment_id)


def _is_for_a_subscription(payment_id: str) -> bool:
    """A customer may buy other things of the same Stripe account."""
    stripe_id = stripe_api.find_subscription_paid_by(payment_id)
    return Subscription.objects.filter(stripe_id=stripe_id).exists()


def _is_known(payment_id: str) -> bool:
    return Payment.objects.filter(stripe_id=payment_id).exists()


def _has_refund(refund: RemoteRefund) -> bool:
    same = Refund.objects.filter(
        stripe_id=refund.stripe_id, amount_cents=refund.amount_cents, status=refund.status[:40]
    )
    return same.exists()


def _has_dispute(dispute: RemoteDispute) -> bool:
    same = Dispute.objects.filter(
        stripe_id=dispute.stripe_id, amount_cents=dispute.amount_cents, status=dispute.status[:40]
    )
    return same.exists()
