"""A customer takes his data with him, and closes his account."""

from collections.abc import Iterable

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from billing import changes, stripe_api
from billing.checkout import close_carts
from billing.models import Subscription
from billing.open_pages import AlreadyBought
from licenses.closing import close_customer
from licenses.models import Customer
from portal.changing import AWAY
from portal.export import export_customer
from portal.holdings import RUNNING
from portal.visitors import customer_of, owned_customer
from support.privacy import delete_tickets

ENDED_AT_STRIPE = ("canceled", "incomplete_expired")
JUST_BOUGHT = (
    "You have just bought something on a page that was still open. Look at it on your account "
    "first; then close the account."
)


@require_safe
@login_required
@never_cache
def export(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Everything as one JSON file."""
    customer = customer_of(request, customer_id)
    data = export_customer(customer, at=timezone.now())
    response = JsonResponse(data, json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="account-{customer.pk}.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def close(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Say what goes and what stays; then cancel at Stripe, and forget the people."""
    customer = owned_customer(request, customer_id)
    mine = Subscription.objects.filter(customer=customer).select_related("license")
    running = mine.filter(status__in=RUNNING)
    by_invoice = [one for one in running if one.is_by_invoice]
    if request.method != "POST" or by_invoice or request.POST.get("sure") != "yes":
        context = {"customer": customer, "by_invoice": by_invoice, "running": running}
        return render(request, "portal/close.html", context)
    try:
        _close(customer, mine.exclude(status__in=ENDED_AT_STRIPE))
    except AlreadyBought:
        messages.warning(request, JUST_BOUGHT)
        return redirect("portal:close", customer.pk)
    except (stripe_api.StripeUnavailable, stripe_api.StripeRefused):
        messages.warning(request, AWAY)
        return redirect("portal:close", customer.pk)
    logout(request)
    messages.info(request, "The account is closed. Thank you for having been here.")
    return redirect("portal:home")


def _close(customer: Customer, subscriptions: Iterable[Subscription]) -> None:
    """Stripe first: if we are killed in between, nothing renews, and the button is still there.

    No page is left on which he could pay for what he then could not reach.
    """
    close_carts(customer)
    for subscription in subscriptions:
        changes.end_for_good(subscription, at=timezone.now())
    with transaction.atomic():
        delete_tickets(customer.pk)  # by his people's addresses, too
        close_customer(customer.pk, at=timezone.now())
