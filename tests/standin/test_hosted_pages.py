"""The hosted invoice and the customer portal."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

from tests.cards import ALWAYS_ASKS, DECLINED, FAILS_AT_RENEWAL, GOOD, OTHER_GOOD

from .process import FORM, HttpAnswer
from .shop import Shop

CARD = {"card_number": GOOD, "exp": "12/34", "cvc": "123"}


def post(shop: Shop, url: str | None, **fields: str) -> HttpAnswer:
    return shop.standin.request("POST", urlsplit(url or "").path, urlencode(fields), FORM)


def get(shop: Shop, url: str | None) -> HttpAnswer:
    return shop.standin.request("GET", urlsplit(url or "").path)


def fail_to_renew(shop: Shop, card: str) -> tuple[stripe.Subscription, stripe.Invoice]:
    subscription = shop.buy(card=card)
    end = subscription["items"].data[0].current_period_end
    shop.standin.control("POST", "clock", {"to": end + 2 * 3600})
    return subscription, shop.invoices(subscription.id)[0]


def test_an_open_invoice_is_paid_on_its_page(shop: Shop) -> None:
    subscription, invoice = fail_to_renew(shop, FAILS_AT_RENEWAL)

    before = get(shop, invoice.hosted_invoice_url)
    declined = post(shop, invoice.hosted_invoice_url, **CARD | {"card_number": DECLINED})
    paid = post(shop, invoice.hosted_invoice_url, **CARD)

    assert "$99.00" in before.text
    assert (declined.status, paid.status) == (402, 303)
    assert "declined" in declined.text
    assert shop.subscription(subscription.id).status == "active"
    assert "Status: <strong>paid" in get(shop, invoice.hosted_invoice_url).text


def test_a_renewal_that_the_bank_asks_about_is_confirmed_on_the_page(shop: Shop) -> None:
    subscription, invoice = fail_to_renew(shop, ALWAYS_ASKS)

    question = get(shop, invoice.hosted_invoice_url)
    answered = post(shop, f"{invoice.hosted_invoice_url}/3ds", outcome="complete")

    assert "Your bank wants to be sure" in question.text
    assert answered.status == 303
    assert shop.subscription(subscription.id).status == "active"


@pytest.fixture
def portal_session(shop: Shop) -> tuple[stripe.Subscription, stripe.billing_portal.Session]:
    subscription = shop.buy()
    features: Any = {
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
    }
    shop.client.v1.billing_portal.configurations.create({"features": features})
    customer = str(subscription.customer)
    return subscription, shop.client.v1.billing_portal.sessions.create({"customer": customer})


def test_the_portal_changes_the_card_of_the_subscription(
    shop: Shop, portal_session: tuple[stripe.Subscription, stripe.billing_portal.Session]
) -> None:
    subscription, session = portal_session
    old = subscription.default_payment_method

    answer = post(shop, session.url, action="card", **CARD | {"card_number": OTHER_GOOD})

    new = shop.subscription(subscription.id).default_payment_method
    assert answer.status == 303
    assert new != old
    assert shop.client.v1.payment_methods.retrieve(str(new)).card.last4 == "4444"  # type: ignore[union-attr]


def test_the_portal_cancels_and_keeps(
    shop: Shop, portal_session: tuple[stripe.Subscription, stripe.billing_portal.Session]
) -> None:
    subscription, session = portal_session

    post(shop, session.url, action="cancel", subscription=subscription.id)
    leaving = shop.subscription(subscription.id)
    post(shop, session.url, action="keep", subscription=subscription.id)

    assert leaving.cancel_at_period_end
    assert leaving.cancel_at is not None
    assert shop.subscription(subscription.id).cancel_at is None


def test_the_portal_touches_no_subscription_of_others(
    shop: Shop, portal_session: tuple[stripe.Subscription, stripe.billing_portal.Session]
) -> None:
    _, session = portal_session
    other = shop.buy()

    answer = post(shop, session.url, action="cancel", subscription=other.id)

    assert answer.status == 400
    assert not shop.subscription(other.id).cancel_at_period_end
    assert other.id not in get(shop, session.url).text


def test_a_page_that_does_not_exist_is_a_404(shop: Shop) -> None:
    assert get(shop, "/i/in_none").status == 404
    assert get(shop, "/p/session/bps_none").status == 404
