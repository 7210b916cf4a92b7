"""A product is given up while something of it is on its way: nothing of it renews."""

import pytest
from django.utils import timezone

from billing.closings import close_product
from billing.models import Payment, Subscription
from licenses.models import Product
from tests.flows.test_changes import change, subscribed
from tests.shop import Shop

pytestmark = pytest.mark.django_db


def close_hare() -> Product:
    product = Product.objects.get(slug="hare")
    close_product(product.pk, at=timezone.now())
    return product


def test_a_change_that_was_planned_is_undone_and_nothing_renews(shop: Shop):
    row = subscribed(shop, "enterprise_monthly", 3)
    change(row, "enterprise_monthly", 2)
    row.refresh_from_db()
    assert row.schedule_id

    close_hare()
    shop.settle()

    row.refresh_from_db()
    assert (row.schedule_id, row.cancel_at) == ("", row.current_period_end)
    shop.advance(days=33)
    shop.settle()
    assert (Subscription.objects.get().status, Payment.objects.count()) == ("canceled", 1)
