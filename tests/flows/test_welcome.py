"""The page after paying: what it shows, to whom, and for how long."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing.models import Cart, StripeEvent, Subscription
from licenses.models import Credential, License
from licenses.people import add_customer
from tests.flows.buying import shown_key
from tests.shop import Buyer, Shop


def test_the_welcome_page_gives_the_key_before_any_webhook_came(shop: Shop):
    buyer = Buyer(shop)

    response = buyer.buy("pro_yearly")

    assert response.status_code == 200
    assert shown_key(response.content.decode())
    assert StripeEvent.objects.count() == 0
    assert shop.deliver() == [200] * StripeEvent.objects.count()
    assert License.objects.count() == 1


def test_events_after_the_welcome_page_change_nothing(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    before = License.objects.values().get()

    shop.deliver(order="reversed")
    shop.work()

    assert License.objects.values().get() == before
    assert len(mail.outbox) == 1


def test_another_visitors_session_id_is_not_found(shop: Shop):
    buyer = Buyer(shop)
    path = buyer.pay(buyer.press_buy("pro_monthly")["Location"])

    stranger = Client().get(path)

    assert stranger.status_code == 404
    assert License.objects.count() == 0  # and nothing was granted by looking


@pytest.mark.parametrize(
    "session_id", ["", "cs_test_unknown", "x", "cs_test_a\x00b", "cs_" + "a" * 200]
)
def test_a_session_id_that_is_none_is_not_found(shop: Shop, session_id: str):
    assert Client().get("/welcome/", {"session_id": session_id}).status_code == 404


def test_another_customer_who_is_signed_in_does_not_see_the_purchase(shop: Shop):
    buyer = Buyer(shop)
    path = buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    other = add_customer(email="other@company.example").contacts.get().user
    client = Client()
    client.force_login(other)

    assert client.get(path).status_code == 404


def test_the_welcome_page_says_so_while_nothing_is_paid(shop: Shop):
    buyer = Buyer(shop)
    buyer.press_buy("pro_monthly")
    cart = Cart.objects.get()

    response = buyer.client.get("/welcome/", {"session_id": cart.stripe_session_id})

    assert response.status_code == 200
    assert response["Refresh"] == "2"
    assert "nothing was charged" in response.content.decode()
    assert License.objects.count() == 0


def test_the_first_key_is_shown_for_fifteen_minutes(shop: Shop):
    buyer = Buyer(shop)
    path = buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    start = timezone.now()
    assert shown_key(buyer.client.get(path).content.decode())

    shop.clock.move_to(start + timedelta(minutes=14))
    assert shown_key(buyer.client.get(path).content.decode())

    shop.clock.move_to(start + timedelta(minutes=16))
    page = buyer.client.get(path)
    assert page.status_code == 200
    assert not shown_key(page.content.decode())


def test_the_first_key_is_not_shown_once_it_was_used(shop: Shop):
    buyer = Buyer(shop)
    path = buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    assert shown_key(buyer.client.get(path).content.decode())

    Credential.objects.update(last_used_at=timezone.now())

    assert not shown_key(buyer.client.get(path).content.decode())


def test_no_table_holds_the_key(shop: Shop):
    buyer = Buyer(shop)
    key = shown_key(buyer.buy("pro_monthly").content.decode())
    shop.deliver()
    shop.work()

    for model in [Cart, Credential, StripeEvent, Subscription, License]:
        for row in model.objects.values():
            assert key not in str(row)
    assert all(key not in sent.body for sent in mail.outbox)


def test_a_stripe_that_fails_at_the_welcome_page_delays_it_and_no_more(shop: Shop):
    buyer = Buyer(shop)
    path = buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    shop.fail_stripe("GET", "/v1/subscriptions", kind="500", when="before", times=2)

    assert buyer.client.get(path)["Refresh"] == "2"  # "one moment", and nothing is lost

    assert shown_key(buyer.client.get(path).content.decode())
