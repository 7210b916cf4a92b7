"""A renewal that fails: reminders, the grace, the end, and the way back."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client

from billing.models import Payment, Subscription
from licenses.models import Customer, License, User
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.at_stripe import at_stripe, bought, signed_in_buyer, subjects
from tests.flows.books import books_agree
from tests.shop import Shop


@pytest.mark.parametrize("ending", ["canceled", "unpaid", "past_due"])
def test_retries_that_are_exhausted_lapse_the_license_and_the_way_back_works(shop: Shop, ending):
    shop.standin.control("POST", "webhooks", {"mode": "hold", "retries_exhausted": ending})
    bought(shop, card=FAILS_AT_RENEWAL)

    for _ in range(14):  # and into another period
        shop.advance(days=5)
        shop.settle()
    assert Subscription.objects.get().status == ending
    assert License.objects.get().status == License.Status.LAPSED

    back = signed_in_buyer(shop, Customer.objects.get())
    back.buy("pro_monthly")
    shop.settle()
    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1


def test_the_reminders_come_on_their_days_and_once_each(shop: Shop):
    bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    since = Subscription.objects.get().past_due_since
    assert since is not None

    for day in range(21):
        shop.clock.move_to(since + timedelta(days=day, hours=2))
        shop.work()
        shop.work()

    keys = [s for s in subjects() if "Hare Pro" in s and ("unpaid" in s or "go through" in s)]
    assert len(keys) == 5


def test_after_a_stop_only_the_newest_reminder_is_sent(shop: Shop):
    bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    since = Subscription.objects.get().past_due_since
    assert since is not None
    before = len(mail.outbox)

    shop.clock.move_to(since + timedelta(days=15))
    shop.work()

    assert len(mail.outbox) == before + 1


def test_a_failed_renewal_that_is_paid_in_time_interrupts_nothing(shop: Shop):
    subscription = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    assert Subscription.objects.get().status == "past_due"
    stripe_id = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    invoice = stripe_id["latest_invoice"]
    method = shop.ask_stripe(
        "POST", "/v1/payment_methods/pm_card_visa/attach", f"customer={stripe_id['customer']}"
    )["id"]

    shop.ask_stripe("POST", f"/v1/invoices/{invoice}/pay", f"payment_method={method}")
    shop.settle()

    license = License.objects.get()
    assert license.status == License.Status.ACTIVE
    assert [event.name for event in license.events.all()] == ["renewed", "issued"]
    assert Payment.objects.count() == 2
    books_agree(shop)


def test_the_account_leads_to_the_open_invoice(shop: Shop):
    bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))

    page = client.get("/account/").content.decode()

    assert "Pay the open invoice" in page
    assert Subscription.objects.get().pay_url in page.replace("&amp;", "&")


def test_a_payment_that_comes_after_the_end_goes_back_and_extends_nothing(shop: Shop):
    subscription = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.ask_stripe("DELETE", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.settle()
    before = License.objects.get()
    assert before.status == License.Status.LAPSED
    method = shop.ask_stripe(
        "POST", "/v1/payment_methods/pm_card_visa/attach", f"customer={remote['customer']}"
    )["id"]
    shop.advance(minutes=5)

    invoice = remote["latest_invoice"]
    shop.ask_stripe("POST", f"/v1/invoices/{invoice}/pay", f"payment_method={method}")
    shop.settle()

    after = License.objects.get()
    assert (after.status, after.paid_through) == (before.status, before.paid_through)
    assert Payment.objects.latest("paid_at").is_refunded
    assert not Payment.objects.earliest("paid_at").refunded_cents
    assert shop.stripe_counts()["refund"] == 1
    books_agree(shop)


def test_refunding_only_the_difference_of_an_upgrade_ends_nothing(shop: Shop):
    subscription = bought(shop, "enterprise_monthly", 1)
    item = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")["items"]["data"][0]
    at_stripe(
        shop, subscription,
        f"items[0][id]={item['id']}&items[0][quantity]=3&proration_behavior=always_invoice",
    )  # fmt: skip
    difference = Payment.objects.latest("pk")

    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={difference.stripe_id}")
    shop.settle()

    assert difference.is_refunded
    assert License.objects.get().status == License.Status.ACTIVE
    books_agree(shop)
