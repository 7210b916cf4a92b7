"""Buyers of Pro, and what is done to them at Stripe."""

from typing import Any

from django.core import mail
from django.utils import timezone

from billing.models import Price, Subscription
from licenses.models import Customer
from tests.shop import Buyer, Shop


def bought(
    shop: Shop, lookup_key: str = "pro_monthly", quantity: int = 1, **options: Any
) -> Subscription:
    Buyer(shop).buy(lookup_key, quantity, **options)
    shop.settle()
    return Subscription.objects.get()


def at_stripe(shop: Shop, subscription: Subscription, form: str) -> None:
    shop.ask_stripe("POST", f"/v1/subscriptions/{subscription.stripe_id}", form)
    shop.settle()


def signed_in_buyer(shop: Shop, customer: Customer) -> Buyer:
    buyer = Buyer(shop)
    buyer.client.force_login(customer.contacts.get().user)
    return buyer


def subjects() -> list[str]:
    return [sent.subject for sent in mail.outbox]


def pay_a_second_page(shop: Shop, customer: Customer) -> str:
    """As a second server process would have made it before it saw the first cart's payment."""
    from billing.carts import Click, open_cart
    from billing.checkout import _open_session

    click = Click("m" * 32, Price.objects.get(lookup_key="pro_yearly"), 1)
    cart = open_cart(click, customer=customer, at=timezone.now())
    return Buyer(shop).pay(_open_session(cart))
