"""Offers begin and end by the calendar: their price goes on sale and off it. Holders keep it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Aggregate, Count, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncQuarter

from billing.models import Cart, Offer, Payment, Price, Refund, Subscription
from billing.notices import tell_owner
from lib.money import format_cents


@dataclass(frozen=True)
class Result:
    """What came of an offer so far. Cents by quarter (UTC), less what went back in it."""

    offer: Offer
    checkouts: int
    sales: int
    refunded: int  # of the sales
    by_quarter: dict[date, int]

    @property
    def cents(self) -> int:
        return sum(self.by_quarter.values())


def turn_offers(at: datetime) -> int:
    """Put on sale what begins and off what is over; how many turned. Safe to repeat.

    A price that is on sale anyway is not put there by its offer, and stays there after it.
    """
    waiting = Offer.objects.filter(closed_at=None)
    begins = Q(opened_at=None, starts_on__lte=at.date(), ends_on__gte=at.date())
    due = waiting.filter(begins & Q(price__is_on_sale=False) | Q(ends_on__lt=at.date()))
    return sum(_turn(pk, at) for pk in list(due.values_list("pk", flat=True)))


def result_of(offer: Offer) -> Result:
    """Four queries. Sales are subscriptions that were bought at its price in its days."""
    carts, sales = _carts(offer), sales_of(offer)
    given = Q(guarantee__isnull=False)
    numbers = sales.aggregate(sales=Count("pk"), refunded=Count("pk", filter=given))
    by_quarter: dict[date, int] = {}
    payments = Payment.objects.filter(subscription__in=sales)
    refunds = Refund.objects.filter(payment__subscription__in=sales)
    for rows, moment, sign in (
        (payments, "paid_at", 1),
        (refunds.exclude(status__in=Refund.UNDONE), "created_at", -1),
    ):
        sums = rows.annotate(quarter=TruncQuarter(moment)).values("quarter").order_by("quarter")
        for row in sums.annotate(cents=Sum("amount_cents")):
            day = row["quarter"].date()
            by_quarter[day] = by_quarter.get(day, 0) + sign * row["cents"]
    return Result(offer, carts.count(), numbers["sales"], numbers["refunded"], by_quarter)


def sales_of(offer: Offer) -> QuerySet[Subscription]:
    """What was bought at its price in its days, and paid."""
    return Subscription.objects.filter(cart__in=_carts(offer), license__isnull=False)


def with_sales(offers: QuerySet[Offer]) -> QuerySet[Offer]:
    """Each with `sales`, as `result_of` counts them, in one query."""
    return offers.annotate(sales=_number(_sold(), Count("pk")))


def with_results(offers: QuerySet[Offer]) -> QuerySet[Offer]:
    """Each with `sales`, `checkouts`, `given_back` and `cents`, as in `result_of`; one query."""
    payments = Payment.objects.filter(**_in_its_days("subscription__cart__"))
    refunds = Refund.objects.filter(**_in_its_days("payment__subscription__cart__"))
    cents = Sum("amount_cents")
    return with_sales(offers).annotate(
        checkouts=_number(Cart.objects.filter(**_in_its_days("")), Count("pk")),
        given_back=_number(_sold().filter(guarantee__isnull=False), Count("pk")),
        cents=_number(payments.filter(subscription__license__isnull=False), cents)
        - _number(
            refunds.filter(payment__subscription__license__isnull=False).exclude(
                status__in=Refund.UNDONE
            ),
            cents,
        ),
    )


def _carts(offer: Offer) -> QuerySet[Cart]:
    days = (offer.starts_on, offer.ends_on)
    return Cart.objects.filter(price=offer.price_id, created_at__date__range=days)


def _sold() -> QuerySet[Subscription]:
    """`sales_of` the offer that a query is about."""
    return Subscription.objects.filter(**_in_its_days("cart__"), license__isnull=False)


def _in_its_days(cart: str) -> dict[str, OuterRef]:
    return {
        f"{cart}price": OuterRef("price"),
        f"{cart}created_at__date__gte": OuterRef("starts_on"),
        f"{cart}created_at__date__lte": OuterRef("ends_on"),
    }


def _number(rows: QuerySet[Any], what: Aggregate) -> Coalesce:
    """One number of all these rows, in a query about something else; 0 for none."""
    alone = rows.order_by().annotate(one=Value(1)).values("one")
    return Coalesce(Subquery(alone.annotate(number=what).values("number")), 0)


@transaction.atomic
def _turn(pk: int, at: datetime) -> bool:
    offer = Offer.objects.select_for_update().get(pk=pk)
    if offer.closed_at is not None:
        return False
    if offer.ends_on < at.date():
        return _close(offer, at)
    if offer.opened_at is not None:
        return False
    if not Price.objects.filter(pk=offer.price_id, is_on_sale=False).update(is_on_sale=True):
        return False
    Offer.objects.filter(pk=pk).update(opened_at=at)
    return True


def _close(offer: Offer, at: datetime) -> bool:
    if offer.opened_at is not None:
        following = Offer.objects.filter(price=offer.price_id).open_on(at.date())
        following.filter(opened_at=None).update(opened_at=at)  # it takes the price over
        if not following.exists():
            Price.objects.filter(pk=offer.price_id).update(is_on_sale=False)
    Offer.objects.filter(pk=offer.pk).update(closed_at=at)
    result = result_of(offer)
    text = (
        f"The offer {offer} is over: {result.sales} sold, {result.refunded} of them given back, "
        f"{format_cents(result.cents, offer.price.currency)}. Write the verdict into the offer."
    )
    tell_owner(f"offer-over:{offer.pk}", text, at=at, needs_him=True)
    return True
