"""Rules between parameters, which Stripe's description does not state."""

from urllib.parse import urlencode

import pytest
import stripe

from .process import StandIn
from .shop import Shop
from .test_requests import call

URLS = {"success_url": "https://a.example/ok"}
SUBSCRIPTION = {"mode": "subscription", **URLS}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        (URLS, "mode"),
        ({"mode": "subscription"}, "success_url"),
        ({**SUBSCRIPTION, "success_url": "shop"}, "success_url"),
        (SUBSCRIPTION, "line_items"),
        ({**SUBSCRIPTION, "line_items[0][price]": "price_none"}, "line_items[0][price]"),
        ({**SUBSCRIPTION, "line_items[0][price]": "PRO"}, "line_items[0][quantity]"),
        (
            {**SUBSCRIPTION, "line_items[0][price]": "PRO", "line_items[0][quantity]": "0"},
            "line_items[0][quantity]",
        ),
        (
            {**SUBSCRIPTION, "line_items[0][price]": "ONCE", "line_items[0][quantity]": "1"},
            "mode",
        ),
        (
            {**SUBSCRIPTION, "line_items[0][price]": "OLD", "line_items[0][quantity]": "1"},
            "line_items[0][price]",
        ),
        ({**SUBSCRIPTION, "customer": "cus_1", "customer_email": "a@b.co"}, "customer"),
        ({**SUBSCRIPTION, "customer": "cus_none"}, "customer"),
        ({**SUBSCRIPTION, "customer_email": "nobody"}, "customer_email"),
        ({**SUBSCRIPTION, "customer_update[name]": "auto"}, "customer_update"),
        ({**SUBSCRIPTION, "expires_at": "5"}, "expires_at"),
        (
            {"mode": "payment", **URLS, "subscription_data[description]": "x"},
            "subscription_data",
        ),
    ],
)
def test_a_checkout_session_follows_stripes_rules(
    standin: StandIn, shop: Shop, params: dict[str, str], param: str
) -> None:
    old = shop.pro()
    shop.client.v1.prices.update(old.id, {"active": False})
    product = str(old.product)
    once = shop.client.v1.prices.create({"currency": "usd", "product": product, "unit_amount": 500})
    names = {"PRO": shop.pro().id, "ONCE": once.id, "OLD": old.id}
    form = urlencode({key: names.get(value, value) for key, value in params.items()})

    answer = call(standin, "POST", "/v1/checkout/sessions", form)

    assert answer.status == 400
    assert answer.json()["error"]["param"] == param


MONTHLY = {"currency": "usd", "recurring[interval]": "month"}
TIERED = {**MONTHLY, "billing_scheme": "tiered", "tiers_mode": "volume"}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        (MONTHLY, "unit_amount"),
        ({**MONTHLY, "unit_amount": "-1"}, "unit_amount"),
        ({**MONTHLY, "unit_amount": "1", "unit_amount_decimal": "1"}, "unit_amount"),
        ({**MONTHLY, "tiers[0][up_to]": "inf", "tiers[0][unit_amount]": "1"}, "tiers"),
        (TIERED, "tiers"),
        ({**TIERED, "tiers[0][up_to]": "5", "tiers[0][unit_amount]": "1"}, "tiers[0][up_to]"),
        (
            {
                **TIERED,
                "tiers[0][up_to]": "5",
                "tiers[0][unit_amount]": "2",
                "tiers[1][up_to]": "3",
                "tiers[1][unit_amount]": "1",
                "tiers[2][up_to]": "inf",
                "tiers[2][unit_amount]": "1",
            },
            "tiers[1][up_to]",
        ),
        (
            {**MONTHLY, "unit_amount": "1", "recurring[interval_count]": "99"},
            "recurring[interval_count]",
        ),
    ],
)
def test_a_price_follows_stripes_rules(
    standin: StandIn, client: stripe.StripeClient, params: dict[str, str], param: str
) -> None:
    product = client.v1.products.create({"name": "Pro"}).id

    answer = call(standin, "POST", "/v1/prices", urlencode({**params, "product": product}))

    assert answer.status == 400
    assert answer.json()["error"]["param"] == param


def test_a_lookup_key_names_one_price(shop: Shop) -> None:
    old = shop.pro(lookup_key="pro")

    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        shop.pro(lookup_key="pro")
    new = shop.pro(lookup_key="pro", transfer_lookup_key=True)

    found = shop.client.v1.prices.list({"lookup_keys": ["pro"]}).data
    assert [price.id for price in found] == [new.id]
    assert shop.client.v1.prices.retrieve(old.id).lookup_key is None


def test_a_product_id_is_given_once(client: stripe.StripeClient) -> None:
    client.v1.products.create({"id": "pro", "name": "Pro"})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.products.create({"id": "pro", "name": "Pro"})

    assert refused.value.code == "resource_already_exists"
