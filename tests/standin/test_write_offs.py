"""Invoices that the seller writes off in the Dashboard."""

import pytest

from tests.cards import FAILS_AT_RENEWAL

from .shop import DAY, Shop


def past_due(shop: Shop) -> tuple[str, str]:
    """Ids of a subscription whose renewal failed, and of the invoice that waits."""
    subscription = shop.buy(card=FAILS_AT_RENEWAL)
    shop.standin.advance(32 * DAY)
    assert shop.subscription(subscription.id).status == "past_due"
    return subscription.id, str(shop.invoices(subscription.id)[0].id)


@pytest.mark.parametrize("verb", ["mark_uncollectible", "void_invoice"])
def test_the_newest_invoice_that_is_written_off_makes_it_active(shop: Shop, verb: str) -> None:
    """ "paying the latest associated invoice or marking it uncollectible transitions the
    subscription to `active`"; "Stripe determines the status from the most recent non-voided
    invoice" (docs.stripe.com/billing/subscriptions/overview)."""
    subscription_id, invoice_id = past_due(shop)
    shop.standin.take()

    getattr(shop.client.v1.invoices, verb)(invoice_id)

    assert shop.subscription(subscription_id).status == "active"
    told = [one["type"] for one in shop.standin.take()]
    assert "customer.subscription.updated" in told
    shop.standin.advance(20 * DAY)
    assert shop.subscription(subscription_id).status == "active"


def test_an_older_invoice_that_is_written_off_changes_no_status(shop: Shop) -> None:
    shop.standin.control("POST", "settings", {"retries_exhausted": "past_due"})
    subscription_id, older = past_due(shop)
    shop.standin.advance(31 * DAY)

    shop.client.v1.invoices.mark_uncollectible(older)

    assert shop.invoices(subscription_id)[0].status == "open"
    assert shop.subscription(subscription_id).status == "past_due"


def test_what_is_unpaid_stays_so_until_it_is_paid(shop: Shop) -> None:
    shop.standin.control("POST", "settings", {"retries_exhausted": "unpaid"})
    subscription_id, invoice_id = past_due(shop)
    shop.standin.advance(8 * DAY)
    assert shop.subscription(subscription_id).status == "unpaid"

    shop.client.v1.invoices.mark_uncollectible(invoice_id)

    assert shop.subscription(subscription_id).status == "unpaid"
