"""A crash before any one write statement of the way, each of them in turn."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from billing.models import Cart, DirtyObject, StripeEvent
from licenses.models import Credential, License, LicenseEvent
from outbox.claims import LEASE
from outbox.models import Mail
from tests.flows.crashing import crashes_in_turn
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_webhook_that_crashed_is_kept_whole_when_stripe_sends_it_again(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    created = next(one for one in shop.take() if one["type"] == "customer.subscription.created")

    def is_whole_or_not_there() -> None:
        assert StripeEvent.objects.count() == DirtyObject.objects.count() == 0

    crashes = crashes_in_turn(lambda: shop.post(created), is_whole_or_not_there)

    assert crashes >= 3
    assert StripeEvent.objects.get().about == DirtyObject.objects.get()


def test_a_worker_that_crashed_anywhere_is_finished_by_the_next(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("enterprise_monthly", quantity=3)["Location"])
    shop.deliver()

    def is_all_or_nothing() -> None:
        there = {License.objects.count(), Credential.objects.count(), Mail.objects.count()}
        assert len(there) == 1
        shop.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(shop.work, is_all_or_nothing)

    assert crashes >= 10
    assert License.objects.get().threads == 300
    assert LicenseEvent.objects.count() == Credential.objects.count() == 1
    assert Mail.objects.get().sent_at is not None
    assert 1 <= len(mail.outbox) <= 2  # once more at most: between "accepted" and our mark


def test_a_checkout_that_crashed_anywhere_is_one_cart_and_one_session_afterwards(shop: Shop):
    buyer = Buyer(shop)
    nonce = "n" * 32

    def one_at_most() -> None:
        assert Cart.objects.count() <= 1

    crashes = crashes_in_turn(lambda: buyer.press_buy("pro_monthly", nonce=nonce), one_at_most)

    assert crashes >= 2
    assert Cart.objects.get().stripe_session_id
    assert shop.stripe_counts()["checkout.session"] == 1


def test_a_renewal_that_crashed_anywhere_extends_once(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    shop.advance(days=32)
    shop.deliver()

    def wait_for_the_lease() -> None:
        shop.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(shop.work, wait_for_the_lease)

    assert crashes >= 5
    assert License.objects.get().rev == 2
    assert [event.name for event in LicenseEvent.objects.all()] == ["renewed", "issued"]
