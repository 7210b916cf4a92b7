"""What is told beforehand and afterwards: renewals, due dates, trials."""

import time

import pytest
import stripe

from .shop import DAY, Shop
from .test_time import period_end, types


def test_a_renewal_is_announced_a_week_before(shop: Shop) -> None:
    subscription = shop.buy()
    end = period_end(subscription)

    shop.standin.control("POST", "clock", {"to": end - 8 * DAY})
    before = types(shop)
    shop.standin.control("POST", "clock", {"to": end - 6 * DAY})

    (announced,) = shop.standin.take()
    assert before == []
    assert announced["type"] == "invoice.upcoming"
    assert '"total": 9900' in announced["body"]
    shop.standin.control("POST", "settings", {"upcoming_days": 0})
    shop.standin.advance(33 * DAY)
    assert "invoice.upcoming" not in types(shop)


def test_who_leaves_gets_no_announcement(shop: Shop) -> None:
    subscription = shop.buy()
    shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})

    shop.standin.advance(35 * DAY)

    assert "invoice.upcoming" not in types(shop)


def invoice_customer(shop: Shop) -> stripe.Subscription:
    customer = shop.client.v1.customers.create({"email": "big@example.com"})
    return shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.pro("year").id}],
            "collection_method": "send_invoice",
            "days_until_due": 30,
        }
    )


def test_a_due_date_is_announced_and_then_missed(shop: Shop) -> None:
    subscription = invoice_customer(shop)

    shop.standin.advance(28 * DAY)
    before = types(shop)
    shop.standin.advance(3 * DAY)

    assert "invoice.will_be_due" in before
    assert types(shop) == ["invoice.overdue", "customer.subscription.updated"]
    assert shop.subscription(subscription.id).status == "past_due"


@pytest.mark.parametrize("ends", ["canceled", "unpaid"])
def test_an_invoice_that_stays_overdue_ends_it_as_the_account_chose(shop: Shop, ends: str) -> None:
    settings = {"overdue_days": 30, "retries_exhausted": ends}
    shop.standin.control("POST", "settings", settings)
    subscription = invoice_customer(shop)

    shop.standin.advance(62 * DAY)

    assert shop.subscription(subscription.id).status == ends


def test_an_overdue_invoice_may_change_nothing(shop: Shop) -> None:
    shop.standin.control("POST", "settings", {"overdue_makes_past_due": False})
    subscription = invoice_customer(shop)

    shop.standin.advance(40 * DAY)

    assert shop.subscription(subscription.id).status == "active"
    assert "invoice.overdue" in types(shop)


def test_a_thousand_days_of_one_customer_take_a_moment(shop: Shop) -> None:
    subscription = shop.buy()
    began = time.monotonic()

    for _ in range(10):
        shop.standin.advance(100 * DAY)
        shop.standin.take()

    assert len(shop.invoices(subscription.id, limit=100)) == 33
    assert time.monotonic() - began < 20


def test_a_trial_costs_nothing_and_its_end_is_announced(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})
    method = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    subscription = shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.pro().id}],
            "default_payment_method": method.id,
            "trial_period_days": 14,
        }
    )

    shop.standin.advance(12 * DAY)
    told = types(shop)
    shop.standin.advance(3 * DAY)

    renewed, first = shop.invoices(subscription.id)
    assert (subscription.status, first.status, first.total) == ("trialing", "paid", 0)
    assert "customer.subscription.trial_will_end" in told
    assert (renewed.status, renewed.total) == ("paid", 9900)
    assert shop.subscription(subscription.id).status == "active"
