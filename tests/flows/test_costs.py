"""What a webhook costs, and that no transaction is open while Stripe is asked."""

from typing import Any

import pytest
import stripe
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.guarantee import request_guarantee
from billing.models import Subscription
from tests.cards import OTHER_GOOD
from tests.shop import Buyer, Shop


def test_a_webhook_costs_at_most_fifteen_queries(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])

    for delivery in shop.take():
        with CaptureQueriesContext(connection) as queries:
            assert shop.post(delivery) == 200
        assert len(queries) <= 15, [query["sql"] for query in queries]


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_stripe_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    asked: list[bool] = []
    original = stripe.RequestsClient.request

    def watch(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(connection.in_atomic_block)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(stripe.RequestsClient, "request", watch)  # looks on, and passes on
    Buyer(shop).buy("enterprise_monthly", quantity=2)
    shop.settle()
    shop.advance(days=32)
    shop.settle()
    Buyer(shop, email="second@company.example").buy("pro_monthly", card=OTHER_GOOD)
    shop.settle()
    request_guarantee(Subscription.objects.latest("pk").pk, at=timezone.now())
    shop.settle()

    assert len(asked) > 15
    assert not any(asked)
