"""Test clocks: customers with a time of their own."""

from typing import Any

import pytest
import stripe

from .shop import DAY, Shop


def test_a_customer_on_a_clock_renews_when_it_is_moved(shop: Shop) -> None:
    start = shop.standin.now()
    clock = shop.client.v1.test_helpers.test_clocks.create({"frozen_time": start, "name": "year"})
    customer = shop.client.v1.customers.create({"email": "a@b.co", "test_clock": clock.id})
    method = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    on_clock = shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.pro().id}],
            "default_payment_method": method.id,
        }
    )
    other = shop.buy()

    moving = shop.client.v1.test_helpers.test_clocks.advance(
        clock.id, {"frozen_time": start + 33 * DAY}
    )
    ready = shop.client.v1.test_helpers.test_clocks.retrieve(clock.id)

    assert (moving.status, ready.status) == ("advancing", "ready")
    assert ready.frozen_time == start + 33 * DAY
    assert on_clock.test_clock == clock.id
    assert [i.status for i in shop.invoices(on_clock.id)] == ["paid", "paid"]
    assert len(shop.invoices(other.id)) == 1
    shop.standin.advance(33 * DAY)
    assert len(shop.invoices(on_clock.id)) == 2
    assert len(shop.invoices(other.id)) == 2


def test_a_clock_takes_its_customers_with_it(shop: Shop) -> None:
    clock = shop.client.v1.test_helpers.test_clocks.create({"frozen_time": shop.standin.now()})
    customer = shop.client.v1.customers.create({"email": "a@b.co", "test_clock": clock.id})

    shop.client.v1.test_helpers.test_clocks.delete(clock.id)

    gone: Any = shop.client.v1.customers.retrieve(customer.id)
    assert gone.deleted
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.test_helpers.test_clocks.retrieve(clock.id)
    assert shop.client.v1.test_helpers.test_clocks.list().data == []


def test_a_clock_goes_forward_and_not_too_far(shop: Shop) -> None:
    start = shop.standin.now()
    clock = shop.client.v1.test_helpers.test_clocks.create({"frozen_time": start})

    for wrong in (start, start - DAY, start + 800 * DAY):
        with pytest.raises(stripe.InvalidRequestError):
            shop.client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": wrong})


def test_a_clock_has_room_for_three(shop: Shop) -> None:
    clock = shop.client.v1.test_helpers.test_clocks.create({"frozen_time": shop.standin.now()})
    for _ in range(3):
        shop.client.v1.customers.create({"test_clock": clock.id})

    with pytest.raises(stripe.InvalidRequestError, match="3 customers"):
        shop.client.v1.customers.create({"test_clock": clock.id})
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        shop.client.v1.customers.create({"test_clock": "clock_none"})
