"""Pages of Stripe's checkout that are open: whoever has one may still pay it."""

from billing import carts, stripe_api
from billing.models import Cart


class AlreadyBought(Exception):
    """This cart, or an earlier one of the same browser, was paid; go to its welcome page."""

    def __init__(self, cart: Cart) -> None:
        super().__init__(f"cart {cart.pk} was paid")
        self.cart = cart


def close_cart(cart: Cart) -> None:
    """Close the checkout page of an open cart; raises AlreadyBought if it was paid after all."""
    if cart.stripe_session_id is None:
        return
    try:
        stripe_api.expire_checkout_session(cart.stripe_session_id)
    except stripe_api.StripeRefused as error:
        session = stripe_api.retrieve_checkout_session(cart.stripe_session_id)
        if session.status == "complete":
            raise AlreadyBought(cart) from error
    carts.expire_cart(cart.stripe_session_id)
