"""The customer portal's page: plans, details, reasons, and what waits for the period's end."""

from typing import Any

import pytest
import stripe

from .shop import DAY, Shop
from .test_hosted_pages import get, post

REASONS: Any = {"enabled": True, "options": ["too_expensive", "unused", "other"]}
AT_PERIOD_END: Any = [{"type": "decreasing_item_amount"}, {"type": "shortening_interval"}]


def open_portal(
    shop: Shop, subscription: stripe.Subscription, prices: list[stripe.Price], **fields: Any
) -> str:
    """A session for a portal where everything is allowed; its URL."""
    products = [
        {
            "product": str(price.product),
            "prices": [price.id],
            "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 50},
        }
        for price in prices
    ]
    features: Any = {
        "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "tax_id"]},
        "subscription_cancel": {"enabled": True, "cancellation_reason": REASONS},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price", "quantity"],
            "products": products,
            "proration_behavior": "always_invoice",
            "schedule_at_period_end": {"conditions": AT_PERIOD_END},
        },
    }
    shop.client.v1.billing_portal.configurations.create({"features": features})
    params: Any = {"customer": str(subscription.customer), **fields}
    return shop.client.v1.billing_portal.sessions.create(params).url


def quantity(shop: Shop, subscription_id: str) -> int:
    return int(shop.subscription(subscription_id)["items"].data[0].quantity or 0)


def test_more_is_billed_at_once_and_less_waits(shop: Shop) -> None:
    price = shop.enterprise()
    subscription = shop.buy(price, 3)
    url = open_portal(shop, subscription, [price])

    post(shop, url, action="update", subscription=subscription.id, quantity="4")
    more = quantity(shop, subscription.id)
    post(shop, url, action="update", subscription=subscription.id, quantity="2")
    waiting = shop.subscription(subscription.id)
    refused = post(shop, url, action="update", subscription=subscription.id, quantity="9")
    shop.standin.advance(32 * DAY)

    assert more == 4
    assert shop.invoices(subscription.id)[1].billing_reason == "subscription_update"
    assert waiting.schedule
    assert waiting["items"].data[0].quantity == 4
    assert (refused.status, quantity(shop, subscription.id)) == (400, 2)


def test_a_planned_change_can_be_undone(shop: Shop) -> None:
    price = shop.enterprise()
    subscription = shop.buy(price, 3)
    url = open_portal(shop, subscription, [price])
    post(shop, url, action="update", subscription=subscription.id, quantity="2")

    planned = get(shop, url)
    post(shop, url, action="undo", subscription=subscription.id)
    shop.standin.advance(32 * DAY)

    assert "Undo the planned change" in planned.text
    assert shop.subscription(subscription.id).schedule is None
    assert quantity(shop, subscription.id) == 3


def test_another_plan_is_chosen_from_the_list(shop: Shop) -> None:
    pro, enterprise = shop.pro(), shop.enterprise()
    subscription = shop.buy(pro)
    url = open_portal(shop, subscription, [pro, enterprise])

    shown = get(shop, url)
    post(shop, url, action="update", subscription=subscription.id, price=enterprise.id)
    foreign = post(shop, url, action="update", subscription=subscription.id, price=shop.pro().id)

    assert enterprise.id in shown.text
    assert shop.subscription(subscription.id)["items"].data[0].price.id == enterprise.id
    assert foreign.status == 400


@pytest.mark.parametrize(("way", "flag"), [("cancel_at_period_end", True), ("cancel_at", False)])
def test_leaving_tells_why_and_either_field_tells_when(shop: Shop, way: str, flag: bool) -> None:
    price = shop.pro()
    subscription = shop.buy(price)
    shop.standin.control("POST", "webhooks", {"portal_cancel": way})
    url = open_portal(shop, subscription, [price])

    post(shop, url, action="cancel", subscription=subscription.id, feedback="unused", comment="x")

    leaving = shop.subscription(subscription.id)
    details = leaving.cancellation_details
    assert leaving.cancel_at == subscription["items"].data[0].current_period_end
    assert leaving.cancel_at_period_end == flag
    assert details
    assert (details.feedback, details.reason) == ("unused", "cancellation_requested")


def test_a_customer_corrects_his_details(shop: Shop) -> None:
    price = shop.pro()
    subscription = shop.buy(price)
    url = open_portal(shop, subscription, [price])

    post(shop, url, action="customer", name="Acme", email="new@example.com", tax_id="DE123456789")
    wrong = post(shop, url, action="customer", email="nobody")

    customer = shop.client.v1.customers.retrieve(str(subscription.customer))
    assert (customer.name, customer.email, wrong.status) == ("Acme", "new@example.com", 400)
    seen = [delivery["type"] for delivery in shop.standin.take()]
    assert {"customer.updated", "customer.tax_id.created"} <= set(seen)


def test_a_flow_leads_back_to_the_shop(shop: Shop) -> None:
    price = shop.pro()
    subscription = shop.buy(price)
    done = {"type": "redirect", "redirect": {"return_url": "https://shop.example/account"}}
    flow: Any = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": subscription.id},
        "after_completion": done,
    }
    url = open_portal(shop, subscription, [price], flow_data=flow)

    left = post(shop, url, action="cancel", subscription=subscription.id)

    assert left.headers["location"] == "https://shop.example/account"


def test_a_portal_that_sells_needs_to_know_what(shop: Shop) -> None:
    features: Any = {"subscription_update": {"enabled": True}}

    with pytest.raises(stripe.InvalidRequestError, match="default_allowed_updates"):
        shop.client.v1.billing_portal.configurations.create({"features": features})
    details: Any = {"customer_update": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError, match="allowed_updates"):
        shop.client.v1.billing_portal.configurations.create({"features": details})
