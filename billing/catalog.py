"""Make Stripe agree with our catalog. Safe to repeat, and to kill anywhere."""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from billing import stripe_api
from billing.models import Price, StripePrice
from billing.notices import tell_owner
from billing.remote import RemotePrice
from lib.money import check_volume_tiers
from licenses.models import Tier


class CatalogError(Exception):
    """A price that cannot be sold; the sentence names it and says what is wrong."""


def sync_catalog() -> Iterator[str]:
    """Make products and prices at Stripe agree with ours; yields a line for each change.

    Prices are checked first, so that a table whose total falls changes nothing at all.
    """
    prices = list(Price.objects.to_publish().select_related("tier__product"))
    for price in prices:
        _check(price)
    for tier in {price.tier.pk: price.tier for price in prices}.values():
        stripe_api.ensure_product(product_id(tier), name=str(tier))
    for price in prices:
        yield from _sync_price(price)


def product_id(tier: Tier) -> str:
    """The id of the tier's product at Stripe: chosen by us, so it needs no column."""
    return f"{tier.product.slug}_{tier.slug}"


def withdraw_if_archived(price: Price, *, at: datetime) -> bool:
    """Whether Stripe sells the price no more; then it is off our pages, and the owner is told.

    Subscriptions that have it go on. Safe to repeat.
    """
    if not stripe_api.is_price_archived(price.stripe_id):
        return False
    with transaction.atomic():
        # Not if sync_catalog gave it another one meanwhile.
        ours = Price.objects.filter(pk=price.pk, stripe_id=price.stripe_id, is_on_sale=True)
        if ours.update(is_on_sale=False):
            tell_owner(
                f"archived:{price.stripe_id}:{at:%Y-%m-%dT%H:%M}",
                f"Stripe sells {price.lookup_key} ({price.stripe_id}) no more: the price or its "
                "product was archived there, and a buyer was turned away. It is off the pricing "
                "page; who has it keeps it. To sell it again, put it on sale in the admin and run "
                "sync_catalog.",
                at=at,
                needs_him=True,
            )
    return True


def _check(price: Price) -> None:
    if not price.volume_tiers:
        return
    try:
        check_volume_tiers(price.tiers)
    except ValueError as error:
        raise CatalogError(f"price {price.lookup_key}: {error}") from error


def _sync_price(price: Price) -> Iterator[str]:
    wanted = _wanted(price)
    there = stripe_api.find_price(price.lookup_key)
    if there is None or not _agree(there, wanted):
        stripe_id = stripe_api.create_price(wanted)
        yield f"created {price.lookup_key} as {stripe_id}"
    else:
        stripe_id = there.stripe_id
    with transaction.atomic():
        amounts = {
            "price": price,
            "unit_amount_cents": price.unit_amount_cents,
            "volume_tiers": price.volume_tiers,
        }
        StripePrice.objects.update_or_create(stripe_id=stripe_id, defaults=amounts)
        if price.stripe_id != stripe_id:
            Price.objects.filter(pk=price.pk).update(stripe_id=stripe_id)
            yield f"{price.lookup_key} is {stripe_id}"


def _wanted(price: Price) -> RemotePrice:
    return RemotePrice(
        stripe_id="",
        lookup_key=price.lookup_key,
        product_id=product_id(price.tier),
        currency=price.currency,
        interval=price.interval,
        unit_amount_cents=price.unit_amount_cents,
        volume_tiers=tuple(price.tiers),
    )


def _agree(there: RemotePrice, wanted: RemotePrice) -> bool:
    return (
        there.product_id == wanted.product_id
        and there.currency == wanted.currency
        and there.interval == wanted.interval
        and there.unit_amount_cents == wanted.unit_amount_cents
        and there.volume_tiers == wanted.volume_tiers
    )
