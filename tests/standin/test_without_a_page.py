"""What happens without the hosted page: the Dashboard, the portal's API, subscriptions by API."""

from typing import Any

import pytest
import stripe

from .shop import DAY, Shop


def test_an_edit_as_in_the_dashboard_is_told(shop: Shop) -> None:
    subscription = shop.buy()

    shop.standin.control("POST", f"objects/{subscription.id}", {"status": "paused"})

    assert shop.subscription(subscription.id).status == "paused"
    assert [d["type"] for d in shop.standin.take()] == ["customer.subscription.updated"]
    with pytest.raises(AssertionError, match="400"):
        shop.standin.control("POST", f"objects/{subscription.id}", {"status": "sleeping"})
    assert shop.subscription(subscription.id).status == "paused"


def test_a_portal_session_needs_a_configuration(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})
    with pytest.raises(stripe.InvalidRequestError, match="default configuration"):
        shop.client.v1.billing_portal.sessions.create({"customer": customer.id})

    shop.client.v1.billing_portal.configurations.create(
        {
            "features": {
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True},
                "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
            }
        }
    )
    session = shop.client.v1.billing_portal.sessions.create(
        {"customer": customer.id, "return_url": "https://shop.example/account"}
    )

    assert session.url.endswith(f"/p/session/{session.id}")


def test_a_subscription_can_be_made_without_a_page(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})
    method = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})

    subscription = shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.pro().id}],
            "default_payment_method": method.id,
        }
    )

    assert subscription.status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.client.v1.subscriptions.create(
            {"customer": customer.id, "items": [{"price": shop.pro().id}]}
        )


def test_the_card_that_paid_may_stay_on_the_subscription(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})
    method = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    settings: Any = {"default_payment_method": method.id}
    shop.client.v1.customers.update(customer.id, {"invoice_settings": settings})

    subscription = shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.pro().id}],
            "payment_settings": {"save_default_payment_method": "on_subscription"},
        }
    )

    assert subscription.default_payment_method == method.id


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("void", "void"), ("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible")],
)
def test_a_paused_collection_lets_the_period_go_by(shop: Shop, behavior: str, status: str) -> None:
    subscription = shop.buy()
    paused: Any = {"pause_collection": {"behavior": behavior}}
    shop.client.v1.subscriptions.update(subscription.id, paused)

    shop.standin.advance(32 * DAY)

    assert shop.invoices(subscription.id)[0].status == status
    assert shop.subscription(subscription.id).status == "active"
    assert len(shop.client.v1.charges.list().data) == 1


def test_a_buyer_may_correct_his_name_where_the_shop_allows_it(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co", "name": "Old"})
    allowed: Any = {"customer": customer.id, "customer_update": {"name": "auto"}}

    shop.buy(**allowed)

    assert shop.client.v1.customers.retrieve(customer.id).name == "Test Buyer"


def test_a_product_may_come_with_its_price(shop: Shop) -> None:
    data: Any = {"currency": "usd", "unit_amount": 500, "recurring": {"interval": "month"}}

    product = shop.client.v1.products.create({"name": "Pro", "default_price_data": data})

    price = shop.client.v1.prices.retrieve(str(product.default_price))
    assert (price.product, price.unit_amount) == (product.id, 500)
    with pytest.raises(stripe.InvalidRequestError, match="user-created prices"):
        shop.client.v1.products.delete(product.id)
