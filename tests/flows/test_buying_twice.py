"""Who presses twice, in two tabs, again after paying, or signed in, buys once."""

import pytest
from django.utils import timezone

from billing.models import Cart, Subscription
from licenses.entitlements import find_holder
from licenses.models import Contact, License, User
from licenses.people import add_customer
from tests.flows.buying import shown_key
from tests.shop import Buyer, Shop, session_id_of
from tests.standin.process import NotPaidError


def test_a_double_click_is_one_cart_one_session_and_one_key(shop: Shop):
    buyer = Buyer(shop)
    nonce = "n" * 32

    first = buyer.press_buy("pro_monthly", nonce=nonce)
    second = buyer.press_buy("pro_monthly", nonce=nonce)

    assert first["Location"] == second["Location"]
    assert Cart.objects.count() == 1
    page = buyer.client.get(buyer.pay(second["Location"])).content.decode()
    assert find_holder(shown_key(page), timezone.now()) is not None
    assert License.objects.count() == 1


def test_both_answers_of_a_double_click_carry_the_same_key(shop: Shop):
    """The browser may take the cookie of either."""
    first, second = Buyer(shop), Buyer(shop)  # two cookie jars, one nonce
    nonce = "n" * 32
    url = first.press_buy("pro_monthly", nonce=nonce)["Location"]
    second.press_buy("pro_monthly", nonce=nonce)

    path = first.pay(url)

    assert shown_key(first.client.get(path).content.decode())
    assert shown_key(first.client.get(path).content.decode()) == shown_key(
        second.client.get(path).content.decode()
    )


def test_pressing_buy_in_a_second_tab_closes_the_first_tabs_page(shop: Shop):
    buyer = Buyer(shop)
    first = buyer.press_buy("pro_monthly")["Location"]
    second = buyer.press_buy("pro_yearly")["Location"]

    with pytest.raises(NotPaidError):
        buyer.pay(first)
    buyer.client.get(buyer.pay(second))

    assert first != second
    assert License.objects.count() == 1


def test_pressing_buy_again_after_paying_leads_to_what_was_bought(shop: Shop):
    buyer = Buyer(shop)
    nonce = "n" * 32
    path = buyer.pay(buyer.press_buy("pro_monthly", nonce=nonce)["Location"])

    again = buyer.press_buy("pro_monthly", nonce=nonce)
    other_tab = buyer.press_buy("pro_yearly")

    assert again["Location"] == other_tab["Location"] == path
    assert Subscription.objects.count() + License.objects.count() <= 2
    assert len(shop.stripe_counts()) > 0


def test_an_address_typed_at_the_checkout_opens_nobody_elses_customer(shop: Shop):
    victim = add_customer(name="Victim", email="dev@company.example")

    Buyer(shop, email="dev@company.example").buy("pro_monthly")

    bought = License.objects.get().customer
    assert bought.pk != victim.pk
    assert victim.licenses.count() == 0
    assert Contact.objects.filter(email="dev@company.example").count() == 2
    assert User.objects.count() == 1  # whoever signs in with it sees both


def test_a_signed_in_buyer_brings_his_one_stripe_customer_along(shop: Shop):
    customer = add_customer(name="Company", email="dev@company.example")
    buyer = Buyer(shop)
    buyer.client.force_login(customer.contacts.get().user)

    first = buyer.press_buy("pro_monthly")["Location"]
    second = buyer.press_buy("pro_yearly")["Location"]
    buyer.client.get(buyer.pay(second))

    assert first != second
    assert License.objects.get().customer == customer
    assert shop.stripe_counts()["customer"] == 1


def test_a_signed_in_buyer_with_a_live_license_is_shown_it(shop: Shop):
    customer = add_customer(name="Company", email="dev@company.example")
    buyer = Buyer(shop)
    buyer.client.force_login(customer.contacts.get().user)
    buyer.buy("pro_monthly")

    again = buyer.press_buy("pro_monthly")

    assert again["Location"] == "/account/"
    assert Subscription.objects.count() == 1


def test_session_ids_never_repeat(shop: Shop):
    first, second = Buyer(shop), Buyer(shop, email="two@company.example")

    ids = {
        session_id_of(buyer.pay(buyer.press_buy("pro_monthly")["Location"]))
        for buyer in (first, second)
    }

    assert len(ids) == 2
