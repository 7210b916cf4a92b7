"""Receipts, the card, and the mails about changes."""

import re

import pytest
from django.core import mail

from billing.models import Payment
from tests.flows.books import books_agree, pages
from tests.flows.changing import act, change, confirm, customer, preview, subscribed
from tests.shop import Shop


def test_receipts_stand_on_the_account(shop: Shop):
    subscribed(shop, "pro_monthly")
    shop.advance(days=32)
    shop.settle()

    browser = customer()
    [path] = re.findall(
        r'href="(/account/\d+/receipts/)"', browser.get("/account/").content.decode()
    )
    page = browser.get(path).content.decode()

    assert page.count("<td>$99</td>") == 2
    invoices = pages(shop, "/v1/invoices?status=paid")
    assert all(invoice["hosted_invoice_url"] in page.replace("&amp;", "&") for invoice in invoices)


def test_the_card_is_changed_on_stripes_page_for_this_customer(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")

    response = customer().post(f"/account/subscriptions/{subscription.pk}/billing/")

    assert response.status_code == 303
    assert "/p/session/bps_" in response["Location"]


def mails(text: str) -> int:
    return sum(text in sent.subject for sent in mail.outbox)


def test_each_change_is_mailed_once(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")
    act(subscription, "cancel")
    shop.settle()
    act(subscription, "resume")
    shop.settle()
    change(subscription, "enterprise_monthly", 2)
    for _ in range(3):
        shop.settle()

    assert mails("Hare Pro is canceled, and yours until") == 1
    assert mails("Hare Pro goes on") == 1
    assert mails("You have Hare Enterprise now, with 200 threads") == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "429", "reset"])
@pytest.mark.parametrize("lookup_key", ["enterprise_monthly", "pro_monthly"])
def test_a_stripe_that_fails_at_a_change_is_honest_and_doubles_nothing(
    shop: Shop, lookup_key: str, kind: str, when: str
):
    """Scenario 36: an upgrade that is paid at once, and a downgrade that waits."""
    before = "pro_monthly" if lookup_key == "enterprise_monthly" else "enterprise_monthly"
    subscription = subscribed(shop, before)
    page = preview(subscription, lookup_key)
    shop.fail_stripe("POST", "/v1/subscription", kind=kind, when=when, times=2)

    for _ in range(3):
        said = confirm(subscription, page)
        shop.settle()
        if "does not answer" not in said:
            break
        assert "Nothing was changed" not in said  # who knows?
    shop.advance(minutes=10)
    shop.settle()

    subscription.refresh_from_db()
    is_upgrade = lookup_key == "enterprise_monthly"
    assert Payment.objects.count() == 1 + is_upgrade
    assert shop.stripe_counts().get("subscription_schedule", 0) == (not is_upgrade)
    assert bool(subscription.schedule_id) == (not is_upgrade)
    assert subscription.price.lookup_key == "enterprise_monthly"
    books_agree(shop)
