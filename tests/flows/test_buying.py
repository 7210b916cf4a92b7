"""A stranger buys: through the pricing page, Stripe's page, the webhook and the welcome page."""

import re
from datetime import timedelta
from itertools import product

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing.models import Cart, Payment, StripeEvent, Subscription
from licenses.entitlements import find_holder
from licenses.models import Contact, Credential, Customer, License, User
from licenses.people import add_customer
from tests.shop import Buyer, Shop, session_id_of
from tests.standin.process import NotPaidError

DECLINED = "4000000000000002"
THREE_D_SECURE = "4000002500003155"


def shown_key(page: str) -> str:
    found = re.search(r'id="key"[^>]*>(wb_ix_\w+)<', page)
    return found[1] if found else ""


def test_a_stranger_buys_pro_and_gets_a_license_a_key_and_a_mail(shop: Shop):
    buyer = Buyer(shop)

    page = buyer.buy("pro_monthly").content.decode()
    shop.deliver()
    shop.work()

    license = License.objects.get()
    assert (license.tier.slug, license.kind, license.threads) == ("pro", "organization", None)
    assert license.source == f"stripe:{Subscription.objects.get().stripe_id}"
    assert license.events.get().name == "issued"
    payment = Payment.objects.get()
    assert (payment.amount_cents, payment.currency) == (9900, "usd")
    holder = find_holder(shown_key(page), timezone.now())
    assert holder is not None
    assert holder.customer_id == license.customer_id
    assert [sent.subject for sent in mail.outbox] == ["Hare Pro is yours: how to install it"]
    assert mail.outbox[0].to == ["dev@company.example"]


def test_the_welcome_page_gives_the_key_before_any_webhook_came(shop: Shop):
    buyer = Buyer(shop)

    response = buyer.buy("pro_yearly")

    assert response.status_code == 200
    assert shown_key(response.content.decode())
    assert StripeEvent.objects.count() == 0
    assert shop.deliver() == [200] * StripeEvent.objects.count()
    assert License.objects.count() == 1


def test_webhooks_alone_make_the_license_when_the_buyer_never_comes_back(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])

    shop.deliver()
    shop.work()

    assert License.objects.get().tier.slug == "pro"
    assert Credential.objects.get().name == "first key"
    assert len(mail.outbox) == 1


def test_enterprise_counts_threads_by_blocks_and_charges_the_volume_price(shop: Shop):
    Buyer(shop).buy("enterprise_monthly", quantity=5)

    license = License.objects.get()
    assert (license.tier.slug, license.kind, license.threads) == ("enterprise", "limited", 500)
    assert Payment.objects.get().amount_cents == 5 * 24900


def test_the_quantity_changed_on_stripes_page_is_what_is_licensed(shop: Shop):
    buyer = Buyer(shop)
    url = buyer.press_buy("enterprise_monthly", quantity=1)["Location"]
    buyer.client.get(buyer.pay(url, quantity=20))

    assert License.objects.get().threads == 2000
    assert Payment.objects.get().amount_cents == 20 * 21900


@pytest.mark.parametrize(
    "options",
    [{"order": "reversed"}, {"copies": 3}, {"order": "shuffled", "seed": 7, "copies": 2}],
)
def test_no_order_and_no_number_of_deliveries_changes_the_outcome(shop: Shop, options):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])

    assert set(shop.deliver(**options)) == {200}
    shop.work()

    assert License.objects.count() == 1
    assert Credential.objects.count() == 1
    assert Payment.objects.count() == 1
    assert len(mail.outbox) == 1


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


def test_an_abandoned_checkout_leaves_nothing_and_the_next_attempt_works(shop: Shop):
    buyer = Buyer(shop)
    buyer.press_buy("pro_monthly")
    shop.advance(days=1, hours=1)
    shop.settle()

    assert Cart.objects.get().status == Cart.Status.EXPIRED
    assert Customer.objects.count() == License.objects.count() == 0

    assert shown_key(buyer.buy("pro_monthly").content.decode())
    assert License.objects.count() == 1


def test_a_declined_card_buys_nothing_and_a_good_one_does_in_the_same_session(shop: Shop):
    buyer = Buyer(shop)
    url = buyer.press_buy("pro_monthly")["Location"]

    with pytest.raises(NotPaidError, match="declined"):
        buyer.pay(url, card=DECLINED)
    shop.deliver()
    shop.work()
    assert License.objects.count() == 0

    page = buyer.client.get(buyer.pay(url)).content.decode()
    assert shown_key(page)
    assert Payment.objects.count() == 1


def test_a_card_that_asks_for_3d_secure_buys_too(shop: Shop):
    page = Buyer(shop).buy("pro_monthly", card=THREE_D_SECURE).content.decode()

    assert shown_key(page)


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


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"nonce": "n" * 32, "price": "no_such_price", "quantity": "1"},
        {"nonce": "n" * 32, "price": "pro_monthly", "quantity": "0"},
        {"nonce": "n" * 32, "price": "pro_monthly", "quantity": "-1"},
        {"nonce": "n" * 32, "price": "pro_monthly", "quantity": "100000"},
        {"nonce": "n" * 32, "price": "pro_monthly", "quantity": "many"},
        {"nonce": "short", "price": "pro_monthly", "quantity": "1"},
        {"nonce": "n" * 31 + "\x00", "price": "pro_monthly", "quantity": "1"},
    ],
)
def test_a_form_that_is_not_ours_makes_no_cart(shop: Shop, fields):
    response = Client().post("/checkout/", fields)

    assert response["Location"] == "/pricing/"
    assert Cart.objects.count() == 0


def test_a_quantity_of_an_unlimited_tier_is_always_one(shop: Shop):
    Buyer(shop).buy("pro_monthly", quantity=7)

    assert Payment.objects.get().amount_cents == 9900


def test_the_free_tier_needs_no_stripe(shop: Shop):
    page = Client().get("/pricing/").content.decode()

    assert "simple/ hare<" in page
    assert "customer" not in shop.stripe_counts()


@pytest.mark.parametrize(
    ("kind", "when"),
    [*product(["500", "429", "reset"], ["before", "after"]), ("500", "during")],
)
def test_a_stripe_that_fails_at_the_checkout_loses_and_doubles_nothing(shop: Shop, kind, when):
    buyer = Buyer(shop)
    nonce = "n" * 32
    tries = 1 if kind == "429" else 2  # the SDK repeats the others once
    shop.fail_stripe("POST", "/v1/checkout/sessions", kind=kind, when=when, times=tries)

    failed = buyer.press_buy("pro_monthly", nonce=nonce)
    worked = buyer.press_buy("pro_monthly", nonce=nonce)

    assert failed.status_code == 503
    assert worked.status_code == 303
    sessions = shop.stripe_counts()["checkout.session"]
    assert sessions == 1
    buyer.client.get(buyer.pay(worked["Location"]))
    assert License.objects.count() == 1


def test_a_stripe_that_fails_at_the_welcome_page_delays_it_and_no_more(shop: Shop):
    buyer = Buyer(shop)
    path = buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    shop.fail_stripe("GET", "/v1/subscriptions", kind="500", when="before", times=2)

    assert buyer.client.get(path)["Refresh"] == "2"  # "one moment", and nothing is lost

    assert shown_key(buyer.client.get(path).content.decode())


def test_session_ids_never_repeat(shop: Shop):
    first, second = Buyer(shop), Buyer(shop, email="two@company.example")

    ids = {
        session_id_of(buyer.pay(buyer.press_buy("pro_monthly")["Location"]))
        for buyer in (first, second)
    }

    assert len(ids) == 2
