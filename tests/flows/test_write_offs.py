"""Invoices that nobody is to pay any more: written off by the owner, or by a pause."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing.models import Subscription
from licenses.models import License, User
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.books import books_agree, pages
from tests.shop import Buyer, Shop

PAY = "Pay the open invoice"


def bought(shop: Shop) -> Subscription:
    """Monthly, with a card that fails at the first renewal and later."""
    Buyer(shop).buy("pro_monthly", card=FAILS_AT_RENEWAL)
    shop.settle()
    return Subscription.objects.get()


def days_go_by(shop: Shop, days: int) -> None:
    """Ten at a time; what falls due on the way is done in order at Stripe."""
    while days > 0:
        shop.advance(days=min(days, 10))
        shop.settle()
        days -= 10


def status() -> str:
    return License.objects.get().status


def account() -> str:
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    return client.get("/account/").content.decode()


def test_after_a_pause_a_renewal_that_fails_has_its_grace(shop: Shop):
    """What the pause wrote off was never asked for: nobody owed it."""
    subscription = bought(shop)
    path = f"/v1/subscriptions/{subscription.stripe_id}"
    shop.ask_stripe("POST", path, "pause_collection[behavior]=mark_uncollectible")
    days_go_by(shop, 40)
    assert status() == "lapsed"
    shop.ask_stripe("POST", path, "pause_collection=")
    days_go_by(shop, 20)
    assert status() == "active"
    mail.outbox.clear()

    days_go_by(shop, 4)

    subscription.refresh_from_db()
    assert subscription.status == "past_due"
    assert subscription.past_due_since is not None
    assert timezone.now() - subscription.past_due_since < timedelta(days=5)
    assert status() == "active"
    assert len(mail.outbox) == 1
    assert "ended" not in mail.outbox[0].subject
    assert not shop.night().drift
    books_agree(shop)


@pytest.mark.parametrize("verb", ["void", "mark_uncollectible"])
def test_what_the_owner_writes_off_is_served(shop: Shop, verb: str):
    """Stripe calls it active again, and asks for the next period as ever."""
    subscription = bought(shop)
    shop.standin.control("POST", "settings", {"retries_exhausted": "past_due"})
    days_go_by(shop, 54)
    assert status() == "lapsed"

    (invoice,) = pages(shop, "/v1/invoices?status=open")
    shop.ask_stripe("POST", f"/v1/invoices/{invoice['id']}/{verb}")
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.status, subscription.past_due_since) == ("active", None)
    assert status() == "active"
    assert PAY not in account()
    assert not shop.night().drift
    books_agree(shop)


@pytest.mark.parametrize("ending", ["canceled", "unpaid"])
def test_who_is_served_no_more_is_asked_to_pay_only_where_that_helps(shop: Shop, ending: str):
    """After the end it would go back, and he may buy anew."""
    bought(shop)
    shop.standin.control("POST", "settings", {"retries_exhausted": ending})
    days_go_by(shop, 33)
    assert PAY in account()

    days_go_by(shop, 7)

    assert (Subscription.objects.get().status, status()) == (ending, "lapsed")
    assert (PAY in account()) == (ending == "unpaid")
    assert "Buy it again" in account()
    assert not shop.night().drift
