"""Pages for everybody: prices, and whether we are there."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import Offer, Price
from lib.money import format_cents
from licenses.models import Product, Tier
from portal.changelog import releases_of
from portal.installing import free_projects_of
from portal.questions import policies
from portal.texts import has_text, render_text

NEWEST = 3  # releases on a product's page


@dataclass(frozen=True)
class Step:
    """One step of a volume price: from so many units on, each costs so much."""

    start: int
    unit: str
    total: str  # of as many as it starts with


@dataclass(frozen=True)
class PriceChoice:
    """One price as the page shows it."""

    lookup_key: str
    interval: str
    amount: str  # of one unit, e.g. "$269"
    steps: tuple[Step, ...]
    steps_json: str  # the same for the script that shows a live total; "" for other currencies
    nonce: str
    offer: Offer | None  # it is on sale for a while only
    max_quantity: int  # 1: there is nothing to choose

    @property
    def has_quantity(self) -> bool:
        return self.max_quantity > 1


@dataclass(frozen=True)
class TierCard:
    tier: Tier
    choices: tuple[PriceChoice, ...]


@dataclass(frozen=True)
class ProductCard:
    product: Product
    tiers: tuple[TierCard, ...]
    free_projects: tuple[str, ...]


@require_safe
@never_cache  # each drawing has nonces of its own
def pricing(request: HttpRequest) -> HttpResponse:
    context = {"products": product_cards(), "terms": render_text("pricing", policies())}
    return render(request, "portal/pricing.html", context)


@require_safe
@never_cache  # as above
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One product: the owner's words (`product-<slug>.md`), its tiers, and what is new."""
    row = get_object_or_404(Product, slug=slug, status=Product.Status.ON_SALE)
    text = f"product-{slug}"
    context = {
        "card": next(card for card in product_cards() if card.product == row),
        "text": render_text(text, policies()) if has_text(text) else "",
        "releases": releases_of(row)[:NEWEST],
    }
    return render(request, "portal/product.html", context)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers; a load balancer asks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


def product_cards() -> list[ProductCard]:
    """The whole catalog that is on sale, in the order of the pricing page."""
    prices = Price.objects.on_sale().order_by("interval")
    by_tier: dict[int, list[Price]] = {}
    begun = Offer.objects.filter(opened_at__isnull=False, closed_at=None)
    offers = Prefetch("offers", begun, to_attr="open_offers")
    for price in prices.select_related("tier__product").prefetch_related(offers):
        by_tier.setdefault(price.tier_id, []).append(price)
    products = list(
        Product.objects.filter(status=Product.Status.ON_SALE)
        .prefetch_related("tiers")
        .order_by("pk")
    )
    free = free_projects_of(products)
    return [
        ProductCard(
            product=product,
            tiers=tuple(_tier_card(tier, by_tier.get(tier.pk, [])) for tier in product.tiers.all()),
            free_projects=tuple(free[product.pk]),
        )
        for product in products
    ]


def _tier_card(tier: Tier, prices: Iterable[Price]) -> TierCard:
    return TierCard(tier, tuple(price_choice(price) for price in prices))


def price_choice(price: Price) -> PriceChoice:
    steps = price.tiers if price.volume_tiers else []
    starts = [1, *((step.up_to or 0) + 1 for step in steps[:-1])] if steps else []
    return PriceChoice(
        lookup_key=price.lookup_key,
        interval=price.interval,
        amount=format_cents(price.total_cents(1), price.currency),
        steps=tuple(
            Step(
                start,
                format_cents(step.unit_amount_cents, price.currency),
                format_cents(price.total_cents(start), price.currency),
            )
            for start, step in zip(starts, steps, strict=True)
        ),
        steps_json=_steps_json(price),
        nonce=secrets.token_urlsafe(24),
        offer=next(iter(getattr(price, "open_offers", ())), None),
        max_quantity=price.max_quantity,
    )


def _steps_json(price: Price) -> str:
    if price.currency != "usd":
        return ""
    return json.dumps(price.volume_tiers or [[None, price.unit_amount_cents]])
