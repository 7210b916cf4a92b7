"""The 14-day guarantee: who may press the button, and until exactly when."""

from datetime import datetime, timedelta

from django.db import models, transaction

from billing.models import GuaranteeRefund, Payment, Subscription
from billing.refunding import Cause, open_refund_job
from licenses.models import Customer

WINDOW = timedelta(days=14)


class NoGuarantee(Exception):
    """The guarantee does not cover this subscription (any more); the sentence says why."""


def refundable_until(subscription: Subscription) -> datetime:
    """The last moment of the guarantee: `paid_at` of the first payment + 14 x 24 h.

    A purchase that a promotion code made free counts from its beginning: there is nothing to give
    back, but the same button ends it.
    Raises NoGuarantee for all but the first card purchase of a customer and of a card.
    """
    if subscription.is_by_invoice:
        raise NoGuarantee("it is paid by invoice; the guarantee covers purchases by card")
    if getattr(subscription, "guarantee", None) is not None:
        raise NoGuarantee("it is being refunded already")
    payments = subscription.payments.all()  # pages have them fetched already
    first = min(payments, key=lambda one: (one.paid_at, one.pk), default=None)
    if first is None:
        return _beginning_of_free(subscription) + WINDOW
    if first.billing_reason != "subscription_create":
        raise NoGuarantee("its first payment was not a purchase by card")
    if _earlier_purchases(first).exists():
        raise NoGuarantee("it covers the first purchase of a customer and of a card only")
    return first.paid_at + WINDOW


def _beginning_of_free(subscription: Subscription) -> datetime:
    if subscription.license_id is None:
        raise NoGuarantee("nothing was paid for it")
    others = _kept_purchases().filter(subscription__customer_id=subscription.customer_id)
    if others.filter(paid_at__lte=subscription.created_at).exists():
        raise NoGuarantee("it covers the first purchase of a customer and of a card only")
    return subscription.created_at


@transaction.atomic
def request_guarantee(subscription_id: int, *, at: datetime) -> GuaranteeRefund:
    """Revoke the license now, and let the worker give the money back. Told twice, done once.

    Raises NoGuarantee with the reason when the guarantee does not cover it, or not any more.
    """
    subscription = Subscription.objects.select_for_update().get(pk=subscription_id)
    # Two subscriptions of one customer, pressed at once, must not both be the first.
    Customer.objects.select_for_update().get(pk=subscription.customer_id)
    job: GuaranteeRefund | None = GuaranteeRefund.objects.filter(subscription=subscription).first()
    if job is not None:
        return job
    if at >= refundable_until(subscription):
        raise NoGuarantee("the 14 days are over")
    return open_refund_job(subscription.pk, cause=Cause.GUARANTEE, at=at)


def _earlier_purchases(first: Payment) -> models.QuerySet[Payment]:
    """Other subscriptions' payments of the same customer or card before this one."""
    same = models.Q(subscription__customer_id=first.subscription.customer_id)
    if first.card_fingerprint:
        same |= models.Q(card_fingerprint=first.card_fingerprint)
    others = _kept_purchases().filter(same).exclude(subscription=first.subscription)
    earlier = models.Q(paid_at__lt=first.paid_at) | models.Q(paid_at=first.paid_at, pk__lt=first.pk)
    return others.filter(earlier)


def _kept_purchases() -> models.QuerySet[Payment]:
    """All but second subscriptions, which were given back at once by our own hand."""
    cause = GuaranteeRefund.Cause.DUPLICATE
    return Payment.objects.exclude(subscription__guarantee__cause=cause)
