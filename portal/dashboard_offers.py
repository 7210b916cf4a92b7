"""Offers as experiments: their days, what was expected, what came of them, and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import Offer, Payment, Subscription
from billing.offers import result_of, sales_of, with_results, with_sales
from lib.money import format_cents
from portal.dashboard_table import Cell, Table, show
from portal.owner_site import owners

SHOWN = 6


@dataclass(frozen=True)
class OfferRow:
    """An offer on the dashboard."""

    offer: Offer
    state: str
    sales: int

    @property
    def url(self) -> str:
        return reverse("portal:offer_rows", args=[self.offer.pk])


def newest_offers(at: datetime) -> list[OfferRow]:
    """One query."""
    offers: Any = with_sales(Offer.objects.select_related("price"))[:SHOWN]
    return [OfferRow(one, _state(one, at), one.sales) for one in offers]


@owners
@require_safe
@never_cache
def offers(request: HttpRequest) -> HttpResponse:
    """All of them, newest first."""
    found = with_results(Offer.objects.select_related("price"))
    meaning = (
        "Checkouts: who pressed Buy at its price in its days. Sold: who paid. Money: all that "
        "they paid since, less what went back. Views are not counted: no page counts visitors."
    )
    columns = ("Offer", "Days", "State", "Checkouts", "Sold", "Given back", "Money", "Verdict")
    return show(request, Table("Offers", meaning, columns, found, _offers))


@owners
@require_safe
@never_cache
def offer_rows(request: HttpRequest, offer_id: int) -> HttpResponse:
    """What was sold of one, with the money of each."""
    offer = get_object_or_404(Offer.objects.select_related("price"), pk=offer_id)
    result, currency = result_of(offer), offer.price.currency
    quarters = ", ".join(
        f"{day.year} Q{(day.month + 2) // 3} {format_cents(cents, currency)}"
        for day, cents in sorted(result.by_quarter.items())
    )
    notes = (
        f"Expected: {offer.hypothesis}",
        f"Money by quarter: {quarters or 'none yet'}.",
        f"Verdict: {offer.verdict or 'not written yet'}",
    )
    return show(
        request,
        Table(
            offer.name,
            f"{_days(offer)}, {_state(offer, timezone.now())}: {result.checkouts} checkouts, "
            f"{result.sales} sold, {result.refunded} of them given back.",
            ("Customer", "Subscription", "Bought", "State", "Money"),
            sales_of(offer).select_related("customer").order_by("-created_at", "-pk"),
            _sales,
            total=format_cents(result.cents, currency),
            notes=notes,
            change_url=reverse("admin:billing_offer_change", args=[offer.pk]),
        ),
    )


def _offers(found: Sequence[Any]) -> list[list[Cell]]:
    at = timezone.now()
    return [
        [
            Cell(one.name, reverse("portal:offer_rows", args=[one.pk])),
            Cell(_days(one)),
            Cell(_state(one, at)),
            Cell(str(one.checkouts)),
            Cell(str(one.sales)),
            Cell(str(one.given_back)),
            Cell(format_cents(one.cents, one.price.currency)),
            Cell(one.verdict),
        ]
        for one in found
    ]


def _sales(found: Sequence[Subscription]) -> list[list[Cell]]:
    money = _money_of(found)
    return [
        [
            Cell(str(one.customer)),
            Cell(one.stripe_id, reverse("admin:billing_subscription_change", args=[one.pk])),
            Cell(f"{one.created_at:%Y-%m-%d}"),
            Cell(one.status),
            Cell(money[one.pk]),
        ]
        for one in found
    ]


def _money_of(found: Sequence[Subscription]) -> dict[int, str]:
    """subscription → what was paid for it, less what went back."""
    cents = dict.fromkeys([one.pk for one in found], 0)
    payments = Payment.objects.filter(subscription__in=found).prefetch_related("refunds")
    currency = "usd"
    for payment in payments:
        cents[payment.subscription_id] += payment.amount_cents - payment.refunded_cents
        currency = payment.currency
    return {pk: format_cents(number, currency) for pk, number in cents.items()}


def _days(offer: Offer) -> str:
    return f"{offer.starts_on} to {offer.ends_on}"


def _state(offer: Offer, at: datetime) -> str:
    if offer.closed_at is not None or offer.ends_on < at.date():
        return "over" if offer.verdict else "over, and no verdict yet"
    return "on sale" if offer.opened_at is not None else "not begun"
