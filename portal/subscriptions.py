"""A customer's subscriptions on his account: what they are, and the guarantee's button."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing.guarantee import NoGuarantee, refundable_until, request_guarantee
from billing.models import Payment, Subscription
from lib.money import format_cents
from licenses.models import Customer
from portal.visitors import customers_of


@dataclass(frozen=True)
class SubscriptionCard:
    """One subscription as the account page shows it."""

    subscription: Subscription
    total: str
    refundable_until: datetime | None
    receipts: tuple[Payment, ...] = ()


def subscription_cards(customer: Customer, *, at: datetime) -> list[SubscriptionCard]:
    rows = Subscription.objects.filter(customer=customer).select_related(
        "price__tier__product", "stripe_price", "planned_price__tier__product"
    )
    return [_card(subscription, at) for subscription in rows.order_by("-created_at")]


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def refund(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Ask once more, then give everything back; 409 when the guarantee does not cover it."""
    subscription = get_subscription(request, subscription_id)
    card = _card(subscription, timezone.now())
    if request.method == "GET":
        return render(request, "portal/refund.html", {"card": card})
    try:
        request_guarantee(subscription.pk, at=timezone.now())
    except NoGuarantee as reason:
        return render(request, "portal/no_guarantee.html", {"reason": reason}, status=409)
    messages.info(request, "Done. Your money is on its way back; a mail will say when it left.")
    return redirect("portal:account")


def get_subscription(request: HttpRequest, subscription_id: int) -> Subscription:
    """A subscription of the signed-in visitor's, or 404."""
    mine = Subscription.objects.filter(customer__in=customers_of(request)).select_related(
        "price__tier__product",
        "stripe_price",
        "planned_price__tier__product",
        "customer",
        "license",
    )
    return get_object_or_404(mine, pk=subscription_id)


def _card(subscription: Subscription, at: datetime) -> SubscriptionCard:
    price = subscription.price
    total = format_cents(subscription.total_cents, price.currency)
    receipts = tuple(subscription.payments.prefetch_related("refunds").order_by("-paid_at"))
    return SubscriptionCard(subscription, total, _last_moment(subscription, at), receipts)


def _last_moment(subscription: Subscription, at: datetime) -> datetime | None:
    try:
        until = refundable_until(subscription)
    except NoGuarantee:
        return None
    return until if at < until else None
