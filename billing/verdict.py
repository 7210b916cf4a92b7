"""The status a license should have, as a pure function of what we know of its subscription."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from billing.models import Dispute, GuaranteeRefund, Subscription
from licenses.models import License

Status = License.Status
ENDED = {"canceled", "unpaid", "incomplete_expired"}


@dataclass(frozen=True)
class Verdict:
    status: Status
    reason: str
    is_by_clock: bool = False  # a date that we know has passed; Stripe may know of another


def judge(subscription: Subscription, at: datetime) -> Verdict:
    """What the license should be at the time *at*; the strongest reason wins.

    Money that went back ends it for good, a dispute suspends it, the subscription's end lapses
    it. Never because the clock passed `paid_through` while Stripe says active and collects.
    """
    for verdict in (_of_money(subscription), _of_end(subscription, at)):
        if verdict is not None:
            return verdict
    return Verdict(Status.ACTIVE, "paid")


def grace() -> timedelta:
    """How long a failed payment changes nothing."""
    return timedelta(days=settings.GRACE_DAYS)


def _of_money(subscription: Subscription) -> Verdict | None:
    jobs = GuaranteeRefund.objects.filter(subscription=subscription)
    cause = jobs.values_list("cause", flat=True).first()
    if cause is not None and cause != GuaranteeRefund.Cause.REPLACED:
        return Verdict(Status.REVOKED, "refunded")
    disputes = Dispute.objects.filter(payment__subscription=subscription)
    statuses = set(disputes.values_list("status", flat=True))
    if statuses & set(Dispute.LOST):
        return Verdict(Status.REVOKED, "dispute lost")
    if any(Dispute.holds_money(each) for each in statuses):
        return Verdict(Status.SUSPENDED, "a payment is disputed")
    if cause is not None:
        return Verdict(Status.LAPSED, "another subscription took its place")
    return None


def _of_end(subscription: Subscription, at: datetime) -> Verdict | None:
    if subscription.status in ENDED:
        return Verdict(Status.LAPSED, f"subscription {subscription.status}")
    if subscription.cancel_at is not None and subscription.cancel_at <= at:
        return Verdict(Status.LAPSED, "canceled as asked", is_by_clock=True)
    if subscription.is_paused and _is_used_up(subscription, at):
        return Verdict(Status.LAPSED, "payments are paused", is_by_clock=True)
    since = subscription.past_due_since
    if subscription.status == "past_due" and since is not None and since + grace() <= at:
        reason = f"not paid for {settings.GRACE_DAYS} days"
        return Verdict(Status.LAPSED, reason, is_by_clock=True)
    return None


def _is_used_up(subscription: Subscription, at: datetime) -> bool:
    license = subscription.license
    return license is not None and license.paid_through <= at
