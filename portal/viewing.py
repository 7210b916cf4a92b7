"""The owner sees a customer's account as the customer does, and can do nothing there.

No session is borrowed: it is the same page drawn for him, its buttons disabled, and every address
behind them answers 404 to whoever is no contact of the customer.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from licenses.models import Customer
from portal.account import guide_for
from portal.export import export_customer
from portal.holdings import account_cards
from portal.owner_acts import Act, keep_act
from portal.owner_site import owners
from support.bounces import bouncing_contacts


@owners
@require_safe
@never_cache
def view_as(request: HttpRequest, customer_id: int) -> HttpResponse:
    """That he looked is written down."""
    chosen = Customer.objects.filter(pk=customer_id)
    customer = get_object_or_404(chosen)
    keep_act(request, Act("view as customer", f"customer {customer_id}", is_grave=False))
    cards = account_cards(chosen, None, timezone.now())
    context = {
        "viewed": customer,
        "cards": cards,
        "bouncing": bouncing_contacts([customer]),
        "guide": guide_for(cards),
    }
    return render(request, "portal/viewed_account.html", context)


@owners
@require_POST
@never_cache
def export_for_owner(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The customer's export, for one who asks by letter."""
    customer = get_object_or_404(Customer, pk=customer_id)
    data = export_customer(customer, at=timezone.now())
    response = JsonResponse(data, json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="account-{customer.pk}.json"'
    return response
