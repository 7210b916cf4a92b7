"""Where our rows differ from what Stripe says now."""

from collections.abc import Iterator
from datetime import datetime

from billing.alarms import is_unbilled_unheard
from billing.licensing import grant_of
from billing.models import Payment, StripePrice, Subscription
from billing.remote import RemoteSubscription
from billing.verdict import judge
from licenses.models import License


def differences(row: Subscription, remote: RemoteSubscription, at: datetime) -> list[str]:
    """What is not as it should be, as short words: "status", "rights", "payments", …

    Rights and payments are judged by `remote.paid_invoices`; without any they are not judged.
    """
    mirrored = [name for name, theirs in _mirror(remote).items() if getattr(row, name) != theirs]
    unheard = ["unbilled"] if is_unbilled_unheard(remote) else []
    return [*mirrored, *unheard, *_of_license(row, remote, at), *_of_payments(row, remote)]


def _mirror(remote: RemoteSubscription) -> dict[str, object]:
    """The columns of Subscription that say what Stripe says."""
    known = StripePrice.objects.filter(stripe_id=remote.price_id)
    return {
        "status": remote.status,
        "price_id": known.values_list("price_id", flat=True).first(),
        "quantity": remote.quantity,
        "card_last4": remote.card.last4 if remote.card else "",
        "card_expires_on": remote.card.expires_on if remote.card else None,
        "current_period_end": remote.current_period_end,
        "cancel_at": remote.cancel_at,
        "ended_at": remote.ended_at,
        "paused_collection": remote.paused_collection[:20],
        "past_due_since": remote.past_due_since if remote.status == "past_due" else None,
    }


def _of_license(row: Subscription, remote: RemoteSubscription, at: datetime) -> Iterator[str]:
    grant = grant_of(remote.timely_invoices)
    license = row.license
    if license is None:
        if grant is not None and getattr(row, "guarantee", None) is None:
            yield "license"
        return
    if license.status == License.Status.REVOKED:
        return  # for good, whatever is paid afterwards
    ours = (license.tier_id, license.threads, license.paid_through)
    if grant is not None and ours != (grant.tier_id, grant.threads, grant.paid_through):
        yield "rights"
    if license.status != judge(row, at).status:
        yield "license status"


def _of_payments(row: Subscription, remote: RemoteSubscription) -> Iterator[str]:
    theirs = {
        payment.stripe_id: payment.amount_cents
        for invoice in remote.paid_invoices
        for payment in invoice.payments
    }
    known = Payment.objects.filter(subscription=row, stripe_id__in=theirs)
    if dict(known.values_list("stripe_id", "amount_cents")) != theirs:
        yield "payments"
