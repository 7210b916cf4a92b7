"""Changes that wait for their money: pending updates."""

from typing import Any

import pytest
import stripe

from tests.cards import FAILS_AT_RENEWAL
from tests.standin.reading import item_of, quantity_of

from .shop import DAY, Shop


def expanded(value: Any) -> Any:
    """What is there, for the type checker."""
    assert value is not None
    return value


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
    subscription = shop.buy(shop.enterprise(), 3, card=FAILS_AT_RENEWAL)

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
    subscription = shop.buy(shop.enterprise(), 3, card=FAILS_AT_RENEWAL)
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
    subscription = shop.buy(shop.enterprise(), 3, card=FAILS_AT_RENEWAL)
    first = more(shop, subscription, 6).latest_invoice

    second = more(shop, subscription, 4)

    assert second.latest_invoice != first
    assert [one.status for one in shop.invoices(subscription.id)] == ["open", "void", "paid"]
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay(str(first), {})


def test_voiding_its_invoice_gives_a_pending_upgrade_up(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=FAILS_AT_RENEWAL)
    invoice = str(more(shop, subscription, 6).latest_invoice)

    shop.client.v1.invoices.void_invoice(invoice)

    now = shop.subscription(subscription.id)
    assert (now.pending_update, quantity_of(now)) == (None, 3)


def test_a_pending_upgrade_ends_with_the_period_and_leaves_the_renewal_alone(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3, card=FAILS_AT_RENEWAL)
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
