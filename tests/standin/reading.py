"""What the tests read of a subscription."""

import stripe


def item_of(subscription: stripe.Subscription) -> str:
    return str(subscription["items"].data[0].id)


def quantity_of(subscription: stripe.Subscription) -> int:
    return int(subscription["items"].data[0].quantity or 0)
