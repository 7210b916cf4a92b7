"""What the owner is told of a subscription that brings no money, though nobody refused to pay."""

from datetime import datetime

from billing.models import OwnerNotice, StripePrice, Subscription
from billing.notices import tell_owner
from billing.remote import RemoteSubscription
from billing.verdict import ENDED


def tell_of_pause(subscription: Subscription, *, was_paused: bool, at: datetime) -> None:
    """Collection stopped or goes on: each change is a fact of its own, told where it is written.

    What has ended is nothing to resume.
    """
    key = f"paused:{subscription.stripe_id}:"
    is_paused = subscription.is_paused and subscription.status not in ENDED
    if is_paused and not was_paused:
        tell_owner(
            f"{key}{at:%Y%m%dT%H%M%S.%f}",
            f"{subscription.customer} pays nothing for {subscription.price.tier} at present: "
            f"collection of {subscription.stripe_id} is paused at Stripe, or its quantity is 0. "
            "The license ends with the paid time. Resume it in the Dashboard, or cancel it.",
            at=at,
            needs_him=True,
        )
    elif was_paused and not is_paused:
        notices = OwnerNotice.objects.filter(key__startswith=key, closed_at=None)
        notices.update(closed_at=at)


def tell_of_foreign_price(
    subscription: Subscription, remote: RemoteSubscription, at: datetime
) -> None:
    """Another price of the Dashboard grants nothing: what was paid for last goes on."""
    key = f"foreign-price:{subscription.stripe_id}:"
    is_sold = StripePrice.objects.filter(stripe_id=remote.price_id).exists()
    if is_sold or remote.status in ENDED:
        notices = OwnerNotice.objects.filter(key__startswith=key, closed_at=None)
        notices.update(closed_at=at)
        return
    tell_owner(
        f"{key}{remote.price_id}",
        f"{subscription.stripe_id} of {subscription.customer} has the price {remote.price_id}, "
        f"which is not of our catalog. The license of {subscription.price.tier} stays as it was "
        "paid last until the subscription ends. Give it a price of the catalog in the Dashboard.",
        at=at,
        needs_him=True,
    )


def tell_of_unbilled(subscription: Subscription, remote: RemoteSubscription, at: datetime) -> None:
    """An invoice that could not be finalized is never sent nor paid, and no other word is said."""
    fine = {_unbilled_key(invoice.stripe_id) for invoice in remote.paid_invoices}
    key = _unbilled_key(remote.latest_invoice_id)
    if remote.finalization_error and remote.status not in ENDED:
        tell_owner(
            key,
            f"Stripe could not bill {subscription.customer} for {subscription.price.tier}: "
            f"{remote.finalization_error} The invoice {remote.latest_invoice_id} stays a draft. "
            "Mend the cause in the Dashboard and finalize it; until then nothing is paid.",
            at=at,
            needs_him=True,
        )
    else:
        fine.add(key)
    OwnerNotice.objects.filter(key__in=fine, closed_at=None).update(closed_at=at)


def is_unbilled_unheard(remote: RemoteSubscription) -> bool:
    """Whether the owner was not yet told of an invoice that could not be finalized."""
    told = OwnerNotice.objects.filter(key=_unbilled_key(remote.latest_invoice_id))
    is_unbilled = bool(remote.finalization_error) and remote.status not in ENDED
    return is_unbilled and not told.exists()


def _unbilled_key(invoice_id: str) -> str:
    return f"unbilled:{invoice_id}"
