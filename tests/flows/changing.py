"""How a customer changes his subscription on our pages."""

import re
from typing import Any

from django.test import Client

from billing.models import Subscription
from licenses.models import License, User
from tests.shop import Buyer, Shop


def subscribed(shop: Shop, lookup_key: str, quantity: int = 1, **options: Any) -> Subscription:
    Buyer(shop).buy(lookup_key, quantity, **options)
    shop.settle()
    return Subscription.objects.get()


def customer() -> Client:
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    return client


def preview(subscription: Subscription, lookup_key: str, quantity: int = 1) -> str:
    response = customer().get(
        f"/account/subscriptions/{subscription.pk}/change/",
        {"price": lookup_key, "quantity": quantity},
    )
    assert response.status_code == 200, response["Location"]
    return response.content.decode()


def confirm(subscription: Subscription, page: str) -> str:
    sealed = re.search(r'name="change" value="([^"]+)"', page)
    assert sealed
    response = customer().post(
        f"/account/subscriptions/{subscription.pk}/change/", {"change": sealed[1]}, follow=True
    )
    return response.content.decode()


def change(subscription: Subscription, lookup_key: str, quantity: int = 1) -> str:
    return confirm(subscription, preview(subscription, lookup_key, quantity))


def act(subscription: Subscription, verb: str) -> None:
    customer().post(f"/account/subscriptions/{subscription.pk}/{verb}/")


def license() -> License:
    return License.objects.get()


def planned_at_stripe(shop: Shop, subscription: Subscription, quantity: int) -> None:
    """A change that is planned in the Dashboard; the webhook that told of it is lost."""
    schedules = "/v1/subscription_schedules"
    made = shop.ask_stripe("POST", schedules, f"from_subscription={subscription.stripe_id}")
    [phase] = made["phases"]
    price = phase["items"][0]["price"]
    shop.ask_stripe(
        "POST",
        f"{schedules}/{made['id']}",
        f"end_behavior=release&phases[0][items][0][price]={price}"
        f"&phases[0][items][0][quantity]={phase['items'][0]['quantity']}"
        f"&phases[0][start_date]={phase['start_date']}&phases[0][end_date]={phase['end_date']}"
        f"&phases[1][items][0][price]={price}&phases[1][items][0][quantity]={quantity}"
        "&phases[1][duration][interval]=month&phases[1][duration][interval_count]=1",
    )
    shop.take()
