"""Changing and ending subscriptions."""

from typing import Any

import pytest
import stripe

from .shop import DAY, Shop

DECLINED_LATER = "4000000000000341"


def expanded(value: Any) -> Any:
    """What is there, for the type checker."""
    assert value is not None
    return value


def item_of(subscription: stripe.Subscription) -> str:
    return str(subscription["items"].data[0].id)


def quantity_of(subscription: stripe.Subscription) -> int:
    return int(subscription["items"].data[0].quantity or 0)


def test_lists_hide_canceled_subscriptions_unless_asked(shop: Shop) -> None:
    kept, ended = shop.buy(), shop.buy()
    shop.client.v1.subscriptions.cancel(ended.id)

    listed = shop.client.v1.subscriptions.list().data
    everything = shop.client.v1.subscriptions.list({"status": "all"}).data
    canceled = shop.client.v1.subscriptions.list({"status": "canceled"}).data

    assert [each.id for each in listed] == [kept.id]
    assert {each.id for each in everything} == {kept.id, ended.id}
    assert [each.id for each in canceled] == [ended.id]


def test_canceling_now_ends_it_now(shop: Shop) -> None:
    subscription = shop.buy()

    ended = shop.client.v1.subscriptions.cancel(
        subscription.id, {"invoice_now": False, "prorate": False}
    )

    assert (ended.status, ended.cancel_at) == ("canceled", None)
    assert ended.ended_at is not None
    assert [d["type"] for d in shop.standin.take()] == ["customer.subscription.deleted"]
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.subscriptions.cancel(subscription.id)


def test_metadata_merges_and_an_empty_value_removes(shop: Shop) -> None:
    subscription = shop.buy(subscription_data={"metadata": {"a": "1", "b": "2"}})

    changed = shop.client.v1.subscriptions.update(
        subscription.id, {"metadata": {"b": "", "c": "3"}}
    )

    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
    event = shop.client.v1.events.list({"limit": 1}).data[0]
    previous = event.data.previous_attributes
    assert previous is not None
    assert previous.to_dict() == {"metadata": {"a": "1", "b": "2"}}


def test_an_upgrade_costs_what_its_preview_said(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3)
    shop.standin.advance(10 * DAY)
    at = shop.standin.now()
    change: Any = {
        "items": [{"id": item_of(subscription), "quantity": 6}],
        "proration_behavior": "always_invoice",
        "proration_date": at,
    }

    preview = shop.client.v1.invoices.create_preview(
        {"subscription": subscription.id, "subscription_details": change}
    )
    changed = shop.client.v1.subscriptions.update(
        subscription.id, change | {"payment_behavior": "pending_if_incomplete"}
    )

    invoice = shop.invoices(subscription.id)[0]
    assert quantity_of(changed) == 6
    assert (invoice.status, invoice.billing_reason) == ("paid", "subscription_update")
    assert invoice.total == preview.total > 0
    credit, debit = invoice.lines.data
    assert credit.amount < 0 < debit.amount
    assert expanded(expanded(credit.parent).subscription_item_details).proration


def test_a_declined_upgrade_changes_nothing_while_it_is_pending(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=DECLINED_LATER)

    changed = shop.client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription), "quantity": 6}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
            "off_session": True,
        },
    )
    shop.standin.advance(DAY)

    later = shop.subscription(subscription.id)
    assert (quantity_of(changed), changed.status) == (3, "active")
    assert changed.pending_update is not None
    assert (quantity_of(later), later.pending_update) == (3, None)
    assert shop.invoices(subscription.id)[0].status == "void"


def test_a_pending_upgrade_is_applied_when_it_is_paid(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=DECLINED_LATER)
    shop.client.v1.subscriptions.update(
        subscription.id,
        {
            "items": [{"id": item_of(subscription), "quantity": 6}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
            "off_session": True,
        },
    )
    customer = str(subscription.customer)
    method = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})

    invoice = shop.invoices(subscription.id)[0]
    shop.client.v1.invoices.pay(str(invoice.id), {"payment_method": method.id})

    assert quantity_of(shop.subscription(subscription.id)) == 6


def more(shop: Shop, subscription: stripe.Subscription, quantity: int) -> stripe.Subscription:
    """An upgrade that waits for a card that does not pay."""
    params: Any = {
        "items": [{"id": item_of(subscription), "quantity": quantity}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
        "off_session": True,
    }
    return shop.client.v1.subscriptions.update(subscription.id, params)


def test_a_second_pending_upgrade_voids_the_invoice_of_the_first(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=DECLINED_LATER)
    first = more(shop, subscription, 6).latest_invoice

    second = more(shop, subscription, 4)

    assert second.latest_invoice != first
    assert [one.status for one in shop.invoices(subscription.id)] == ["open", "void", "paid"]
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay(str(first), {})


def test_voiding_its_invoice_gives_a_pending_upgrade_up(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=DECLINED_LATER)
    invoice = str(more(shop, subscription, 6).latest_invoice)

    shop.client.v1.invoices.void_invoice(invoice)

    now = shop.subscription(subscription.id)
    assert (now.pending_update, quantity_of(now)) == (None, 3)


def test_a_pending_upgrade_ends_with_the_period_and_leaves_the_renewal_alone(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=DECLINED_LATER)
    end = subscription["items"].data[0].current_period_end
    shop.standin.control("POST", "clock", {"to": end - 3600})

    pending = more(shop, subscription, 6).pending_update
    shop.standin.advance(DAY)

    assert pending is not None
    assert pending.expires_at == end
    renewal, upgrade, _ = shop.invoices(subscription.id)
    assert (renewal.billing_reason, renewal.status) == ("subscription_cycle", "open")
    assert upgrade.status == "void"
    assert shop.subscription(subscription.id).pending_update is None


def test_without_pending_updates_a_declined_upgrade_stays(shop: Shop) -> None:
    """What laravel/cashier-stripe#1817 met: the new quantity, and not a cent for it."""
    subscription = shop.buy(shop.enterprise(), 3, card=DECLINED_LATER)

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
    subscription = shop.buy(shop.enterprise(), 3, card=DECLINED_LATER)

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
