"""Another price for a subscription, from its next renewal on."""

from typing import TYPE_CHECKING

from billing.stripe_api.client import client, translated_errors

if TYPE_CHECKING:
    from stripe.params import SubscriptionUpdateParams


def move_to_price(stripe_id: str, *, price_id: str) -> None:
    """Give the subscription this price without billing anything now. Safe to repeat.

    The quantity is said again, because Stripe takes 1 for a price that comes without one.
    """
    with translated_errors():
        subscriptions = client().v1.subscriptions
        item = subscriptions.retrieve(stripe_id)["items"].data[0]
        quantity = 1 if item.quantity is None else item.quantity
        params: SubscriptionUpdateParams = {
            "items": [{"id": item.id, "price": price_id, "quantity": quantity}],
            "proration_behavior": "none",
        }
        subscriptions.update(stripe_id, params)
