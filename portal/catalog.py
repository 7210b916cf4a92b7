"""The owner's catalog: what is sold, whether Stripe has it, and who is affected by a change.

Rows are edited in the admin. What reaches Stripe or a customer is done here: each page shows who is
affected and the very mail, and the button below it does that and nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import closings, stripe_api
from billing.catalog import CatalogError, sync_catalog
from billing.models import Price, PriceMove, StripePrice, Subscription
from billing.price_moves import NoMove, announce_move, plan_move, preview_mail
from billing.verdict import ENDED
from lib.money import format_cents
from licenses.models import License, Product
from outbox.mail import render_mail
from portal.owner_site import owners

SHOWN = 50
AWAY = "Stripe did not answer; press it again: what is there already stays as it is."


@dataclass(frozen=True)
class PriceRow:
    """A price, and who pays it."""

    price: Price
    amount: str  # of one unit
    state: str  # at Stripe
    subscribers: int
    at_another: int  # of them at an amount of before

    @property
    def is_at_stripe(self) -> bool:
        return not self.state


@owners
@require_safe
@never_cache
def catalog(request: HttpRequest) -> HttpResponse:
    prices = _price_rows()
    products = [
        (product, [row for row in prices if row.price.tier.product_id == product.pk])
        for product in Product.objects.prefetch_related("tiers").order_by("pk")
    ]
    wanted = set(Price.objects.to_publish().values_list("pk", flat=True))
    waiting = [row for row in prices if row.price.pk in wanted and not row.is_at_stripe]
    return render(request, "portal/catalog.html", {"products": products, "waiting": waiting})


@owners
@require_POST
def publish_catalog(request: HttpRequest) -> HttpResponse:
    """Make Stripe agree; safe to press again."""
    try:
        lines = list(sync_catalog())
    except (CatalogError, stripe_api.StripeRefused) as error:
        messages.warning(request, f"Not done: {error}")
    except stripe_api.StripeUnavailable:
        messages.warning(request, AWAY)
    else:
        for line in lines or ["Stripe agreed already."]:
            messages.info(request, line)
    return redirect("portal:catalog")


@owners
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def close_product(request: HttpRequest, product_id: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=product_id)
    if request.method == "POST":
        return _close(request, product)
    rows = list(closings.running([product.pk]).order_by("-current_period_end", "pk"))
    gifts = list(closings.gifts(product.pk))
    context = {
        "product": product,
        "rows": rows[:SHOWN],
        "more": max(len(rows) - SHOWN, 0),
        "number": len(rows),
        "gifts": gifts,
        "last": rows[0].current_period_end if rows else None,
        "mails": _mails_of([*rows, *gifts]),
    }
    return render(request, "portal/close_product.html", context)


@owners
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def move_price(request: HttpRequest, price_id: int) -> HttpResponse:
    """Everybody who pays another amount for this price: to today's, with notice."""
    price = get_object_or_404(Price.objects.select_related("tier__product"), pk=price_id)
    plans = [_plan(row) for row in _at_another(price)]
    moving = [plan for plan in plans if plan["target"] is not None]
    if request.method == "POST":
        return _announce(request, price, [plan["row"].pk for plan in moving])
    before = sum(plan["before"] for plan in moving)
    after = sum(plan["after"] for plan in moving)
    context = {
        "price": price,
        "moving": moving[:SHOWN],
        "more": max(len(moving) - SHOWN, 0),
        "number": len(moving),
        "staying": [plan for plan in plans if plan["target"] is None],
        "before": format_cents(before, price.currency),
        "after": format_cents(after, price.currency),
        "mail": preview_mail(moving[0]["row"], at=timezone.now()) if moving else None,
    }
    return render(request, "portal/move_price.html", context)


def _price_rows() -> list[PriceRow]:
    prices = Price.objects.select_related("tier__product").order_by("tier__rank", "interval")
    at_stripe = {row.stripe_id: row for row in StripePrice.objects.all()}
    by_amount: dict[tuple[int, str], int] = {
        (price, there or ""): number
        for price, there, number in Subscription.objects.exclude(status__in=ENDED)
        .values_list("price", "stripe_price__stripe_id")
        .annotate(number=Count("pk"))
        .order_by()
    }
    by_price: Counter[int] = Counter()
    for (price_id, _), number in by_amount.items():
        by_price[price_id] += number
    return [
        PriceRow(
            price=price,
            amount=format_cents(price.total_cents(1), price.currency),
            state=_state(price, at_stripe.get(price.stripe_id)),
            subscribers=by_price[price.pk],
            at_another=by_price[price.pk] - by_amount.get((price.pk, price.stripe_id), 0),
        )
        for price in prices
    ]


def _state(price: Price, there: StripePrice | None) -> str:
    """What Stripe does not have of it; "" when it has all."""
    if there is None:
        return "not at Stripe yet"
    ours = (price.unit_amount_cents, price.volume_tiers)
    if ours != (there.unit_amount_cents, there.volume_tiers):
        return f"Stripe has {format_cents(there.total_cents(1), price.currency)}"
    return ""


def _close(request: HttpRequest, product: Product) -> HttpResponse:
    try:
        if closings.close_product(product.pk, at=timezone.now()):
            messages.info(request, f"{product} is closing; the mails leave within minutes.")
    except closings.NotOnSale as refused:
        messages.warning(request, f"Not closed: {refused}.")
    return redirect("portal:catalog")


def _mails_of(holders: Sequence[Subscription | License]) -> list[dict[str, Any]]:
    """Each kind of mail once, as the first who gets that kind gets it."""
    kinds: dict[str, list[Subscription | License]] = {}
    for one in holders:
        kinds.setdefault(_kind(one), []).append(one)
    return [
        {
            "to": f"{kind} ({len(rows)})",
            "mail": render_mail(closings.TEMPLATE, closings.mail_context(rows[0])),
        }
        for kind, rows in kinds.items()
    ]


def _kind(row: Subscription | License) -> str:
    if isinstance(row, License):
        is_tried = row.kind == License.Kind.EVALUATION
        return "whoever evaluates it" if is_tried else "whoever was given it"
    return "whoever has an open invoice" if row.status == "past_due" else "subscribers"


def _at_another(price: Price) -> list[Subscription]:
    """Who pays an amount of before, and was not told of a move yet."""
    rows = Subscription.objects.filter(price=price).exclude(status__in=ENDED)
    told = PriceMove.objects.filter(state=PriceMove.State.ANNOUNCED).values("subscription")
    others = rows.exclude(stripe_price__stripe_id=price.stripe_id).exclude(pk__in=told)
    return list(
        others.select_related("customer", "price__tier__product", "stripe_price").order_by("pk")
    )


def _plan(row: Subscription) -> dict[str, Any]:
    try:
        target = plan_move(row)
    except NoMove as refused:
        return {"row": row, "target": None, "why": str(refused), "before": 0, "after": 0}
    before, after = row.total_cents, target.total_cents(row.quantity)
    return {
        "row": row,
        "target": target,
        "before": before,
        "after": after,
        "shown_before": format_cents(before, row.price.currency),
        "shown_after": format_cents(after, row.price.currency),
    }


def _announce(request: HttpRequest, price: Price, ids: list[int]) -> HttpResponse:
    told = 0
    for pk in ids:
        try:
            announce_move(pk, at=timezone.now())
        except NoMove as refused:
            messages.warning(request, f"{refused}.")
        else:
            told += 1
    messages.info(request, f"{told} subscriber{'' if told == 1 else 's'} of {price} will be told.")
    return redirect("portal:catalog")
