"""The invariants find what they are for: each lie in our rows breaks them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from billing.models import LateRefund, Payment, Subscription
from licenses.models import License, Tier
from outbox.models import Mail
from tests.flows.books import books_agree
from tests.flows.conftest import end_with_books
from tests.shop import Buyer, Shop

LIES: dict[str, Callable[[], object]] = {
    "more threads": lambda: License.objects.update(threads=F("threads") + 100),
    "another tier": lambda: License.objects.update(tier=Tier.objects.get(slug="pro")),
    "longer": lambda: License.objects.update(paid_through=timezone.now() + timedelta(days=400)),
    "lapsed": lambda: License.objects.update(status="lapsed"),
    "paid for nothing": lambda: Subscription.objects.update(license=None),
    "a job that waits": lambda: LateRefund.objects.create(
        payment=Payment.objects.get(), due_at=timezone.now() + timedelta(days=9)
    ),
    "a second welcome": lambda: Mail.objects.create(
        key="welcome:again", to=[], sent_at=timezone.now()
    ),
    "a mail that left twice": lambda: mail.outbox.append(mail.outbox[0]),
}


def test_each_lie_breaks_the_books(shop: Shop):
    Buyer(shop).buy("enterprise_monthly", 2)
    shop.settle()
    books_agree(shop)

    for lie in LIES.values():
        with pytest.raises(AssertionError), transaction.atomic():
            lie()
            books_agree(shop)
    mail.outbox.pop()
    books_agree(shop)


def test_a_scenario_that_ends_with_a_lie_fails(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    end_with_books(shop)

    Payment.objects.update(amount_cents=1)
    Payment.objects.get().refunds.create(
        stripe_id="re_1", amount_cents=1, status="succeeded", created_at=timezone.now()
    )

    with pytest.raises(AssertionError):
        end_with_books(shop)
