"""A stranger buys: through the pricing page, Stripe's page, the webhook and the welcome page."""

from itertools import product

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing.models import Cart, Payment, Subscription
from licenses.entitlements import find_holder
from licenses.models import Credential, Customer, License
from tests.cards import DECLINED, THREE_D_SECURE
from tests.flows.buying import shown_key
from tests.shop import Buyer, Shop
from tests.standin.process import NotPaidError


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
