"""One subscription of the signed-in customer's, and the guarantee's button."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing.guarantee import NoGuarantee, request_guarantee
from billing.models import Subscription
from portal.holdings import holding_of
from portal.visitors import customers_of


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def refund(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Ask once more, then give everything back; 409 when the guarantee does not cover it."""
    subscription = get_subscription(request, subscription_id)
    if request.method == "GET":
        holding = holding_of(subscription, timezone.now())
        return render(request, "portal/refund.html", {"holding": holding})
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
        "license__tier__product",
    )
    return get_object_or_404(mine, pk=subscription_id)
