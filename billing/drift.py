"""Where our rows differ from what Stripe says now."""

from collections.abc import Iterator
from datetime import datetime

from billing.alarms import is_unbilled_unheard
from billing.licensing import grant_of
from billing.mirror import mirrored
from billing.models import Payment, Subscription
from billing.remote import RemoteSubscription
from billing.verdict import judge
from licenses.models import License


def differences(row: Subscription, remote: RemoteSubscription, at: datetime) -> list[str]:
    """What is not as it should be, as short words: "status", "rights", "payments", …

    Rights and payments are judged by `remote.paid_invoices`; without any they are not judged.
    """
    unheard = ["unbilled"] if is_unbilled_unheard(remote) else []
    return [
        *_of_mirror(row, remote),
        *unheard,
        *_of_license(row, remote, at),
        *_of_payments(row, remote),
    ]


def _of_mirror(row: Subscription, remote: RemoteSubscription) -> Iterator[str]:
    for name, theirs in mirrored(remote).items():
        # A preview is asked for one subscription at a time, and not by who lists them all.
        is_asked = name != "discounted_cents" or theirs is not None
        if is_asked and getattr(row, name) != theirs:
            yield name


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
