"""What the owner is told of a subscription that brings no money, though nobody refused to pay."""

from datetime import datetime

from billing.models import OwnerNotice, Subscription
from billing.notices import tell_owner


def tell_of_pause(subscription: Subscription, *, was_paused: bool, at: datetime) -> None:
    """Collection stopped or goes on: each change is a fact of its own, told where it is written."""
    key = f"paused:{subscription.stripe_id}:"
    if subscription.is_paused and not was_paused:
        tell_owner(
            f"{key}{at:%Y%m%dT%H%M%S.%f}",
            f"{subscription.customer} pays nothing for {subscription.price.tier} at present: "
            f"collection of {subscription.stripe_id} is paused at Stripe. The license ends with "
            "the paid time. Resume it in the Dashboard, or cancel it.",
            at=at,
            needs_him=True,
        )
    elif was_paused and not subscription.is_paused:
        notices = OwnerNotice.objects.filter(key__startswith=key, closed_at=None)
        notices.update(closed_at=at)
