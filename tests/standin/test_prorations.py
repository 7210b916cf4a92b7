"""Changes at once: prorations, credits, and what a price or a customer that goes leaves."""

import pytest
import stripe

from tests.cards import FAILS_AT_RENEWAL
from tests.standin.reading import item_of, quantity_of

from .shop import DAY, Shop


def test_without_pending_updates_a_declined_upgrade_stays(shop: Shop) -> None:
    """What laravel/cashier-stripe#1817 met: the new quantity, and not a cent for it."""
    subscription = shop.buy(shop.enterprise(), 3, card=FAILS_AT_RENEWAL)

    changed = shop.client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription), "quantity": 6}],
            "proration_behavior": "always_invoice",
            "off_session": True,
        },
    )

    assert (quantity_of(changed), changed.status) == (6, "past_due")


def test_error_if_incomplete_takes_everything_back(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=FAILS_AT_RENEWAL)

    with pytest.raises(stripe.CardError) as refused:
        shop.client.v1.subscriptions.update(
            subscription.id,
            {
                "items": [{"id": item_of(subscription), "quantity": 6}],
                "proration_behavior": "always_invoice",
                "payment_behavior": "error_if_incomplete",
                "off_session": True,
            },
        )

    assert refused.value.code == "card_declined"
    assert quantity_of(shop.subscription(subscription.id)) == 3
    assert len(shop.invoices(subscription.id)) == 1


def test_prorations_may_wait_for_the_next_invoice(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3)

    shop.client.v1.subscriptions.update(
        subscription.id, {"items": [{"id": item_of(subscription), "quantity": 6}]}
    )
    one = len(shop.invoices(subscription.id))
    shop.standin.advance(32 * DAY)

    renewal = shop.invoices(subscription.id)[0]
    assert one == 1
    assert len(renewal.lines.data) == 3
    assert renewal.total == pytest.approx(6 * 24900 + (6 * 24900 - 3 * 26900), abs=5)


def test_from_months_to_years_the_item_gets_a_new_period(shop: Shop) -> None:
    monthly, yearly = shop.pro(), shop.pro("year")
    subscription = shop.buy(monthly)
    shop.standin.advance(10 * DAY)

    changed = shop.client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription), "price": yearly.id}],
            "proration_behavior": "always_invoice",
        },
    )

    item, invoice = changed["items"].data[0], shop.invoices(subscription.id)[0]
    assert item.current_period_end - item.current_period_start in (365 * DAY, 366 * DAY)
    assert changed.billing_cycle_anchor == subscription.billing_cycle_anchor
    assert [line.amount > 0 for line in invoice.lines.data] == [False, True]
    assert invoice.lines.data[1].amount == 99500
    shop.standin.control("POST", "clock", {"to": item.current_period_end + 2 * 3600})
    assert shop.invoices(subscription.id)[0].total == 99500


def test_a_change_without_prorations_costs_nothing_now(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3)

    shop.client.v1.subscription_items.update(
        item_of(subscription), {"quantity": 1, "proration_behavior": "none"}
    )

    assert quantity_of(shop.subscription(subscription.id)) == 1
    assert len(shop.invoices(subscription.id)) == 1


def test_a_credit_pays_the_next_invoice(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 6)

    shop.client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription), "quantity": 1}],
            "proration_behavior": "always_invoice",
        },
    )

    customer = shop.client.v1.customers.retrieve(str(subscription.customer))
    credited = shop.invoices(subscription.id)[0]
    assert (credited.status, credited.amount_due) == ("paid", 0)
    assert customer.balance == credited.total < 0
    shop.standin.advance(32 * DAY)
    renewal = shop.invoices(subscription.id)[0]
    assert (renewal.total, renewal.amount_due, renewal.starting_balance) == (
        26900,
        0,
        customer.balance,
    )


def test_an_archived_price_still_renews_but_is_not_sold(shop: Shop) -> None:
    price = shop.pro()
    subscription = shop.buy(price)
    shop.client.v1.prices.update(price.id, {"active": False})

    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.session(price)
    shop.standin.advance(32 * DAY)

    renewed = shop.subscription(subscription.id)
    assert renewed.status == "active"
    assert renewed["items"].data[0].price.active is False


def test_deleting_a_customer_ends_his_subscriptions(shop: Shop) -> None:
    subscription = shop.buy()

    gone = shop.client.v1.customers.delete(str(subscription.customer))

    assert gone.deleted
    assert shop.subscription(subscription.id).status == "canceled"
    assert "deleted" in shop.client.v1.customers.retrieve(str(subscription.customer))
    assert shop.client.v1.customers.list().data == []
