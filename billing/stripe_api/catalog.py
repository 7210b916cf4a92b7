"""Products and prices."""

from typing import TYPE_CHECKING

import stripe

from billing.remote import RemotePrice
from billing.stripe_api.client import client, id_of, translated_errors
from lib.money import VolumeTier

if TYPE_CHECKING:
    from stripe.params import PriceCreateParams


def ensure_product(product_id: str, *, name: str) -> None:
    """Make the product, or give it this name. Safe to repeat."""
    with translated_errors():
        products = client().v1.products
        try:
            product = products.retrieve(product_id)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            products.create({"id": product_id, "name": name})
            return
        if product.name != name or not product.active:
            products.update(product_id, {"name": name, "active": True})


def find_price(lookup_key: str) -> RemotePrice | None:
    """The active price that Stripe has under this lookup key."""
    with translated_errors():
        page = client().v1.prices.list(
            {"lookup_keys": [lookup_key], "active": True, "expand": ["data.tiers"]}
        )
    return _price(page.data[0]) if page.data else None


def is_price_archived(stripe_id: str) -> bool:
    """Whether nothing new may be sold at it: it or its product was archived.

    Raises StripeObjectGone for one that this account never had: then the key is of another.
    """
    with translated_errors():
        price = client().v1.prices.retrieve(stripe_id, {"expand": ["product"]})
    return not (price.active and getattr(price.product, "active", False))


def create_price(wanted: RemotePrice) -> str:
    """Make a price and move its lookup key onto it; returns the new price's id.

    `stripe_id` of *wanted* is ignored. The price that had the key goes on for those who have it.
    """
    params: PriceCreateParams = {
        "product": wanted.product_id,
        "currency": wanted.currency,
        "recurring": {"interval": wanted.interval, "usage_type": "licensed"},  # type: ignore[typeddict-item]
        "lookup_key": wanted.lookup_key,
        "transfer_lookup_key": True,
        "tax_behavior": "exclusive",
    }
    if wanted.volume_tiers:
        params["billing_scheme"] = "tiered"
        params["tiers_mode"] = "volume"
        params["tiers"] = [
            {
                "up_to": "inf" if tier.up_to is None else tier.up_to,
                "unit_amount": tier.unit_amount_cents,
            }
            for tier in wanted.volume_tiers
        ]
    else:
        assert wanted.unit_amount_cents is not None
        params["unit_amount"] = wanted.unit_amount_cents
    with translated_errors():
        return client().v1.prices.create(params).id


def _price(price: stripe.Price) -> RemotePrice:
    tiers = getattr(price, "tiers", None) or []
    return RemotePrice(
        stripe_id=price.id,
        lookup_key=price.lookup_key or "",
        product_id=id_of(price.product),
        currency=price.currency,
        interval=price.recurring.interval if price.recurring else "",
        unit_amount_cents=price.unit_amount,
        volume_tiers=tuple(VolumeTier(tier.up_to, tier.unit_amount or 0) for tier in tiers),
    )
