"""What a signed-in customer sees first: what he has, his keys, and how to install it."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from licenses.documents import armour
from licenses.models import License, User
from portal.holdings import AccountCard, account_cards
from portal.installing import InstallGuide, install_guide, signed_document
from portal.visitors import customers_of
from support.bounces import bouncing_contacts


@require_safe
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    cards = account_cards(customers_of(request), cast("User", request.user), timezone.now())
    context = {
        "cards": cards,
        "bouncing": bouncing_contacts(card.customer for card in cards),
        "guide": guide_for(cards),
    }
    return render(request, "portal/account.html", context)


def guide_for(cards: list[AccountCard]) -> InstallGuide | None:
    """The commands for the newest license of all, with a placeholder for the key."""
    held = [card.newest_license for card in cards if card.newest_license is not None]
    newest = max(held, key=lambda one: (one.is_active, one.paid_through), default=None)
    return install_guide(newest.tier, key=None) if newest is not None else None


@require_safe
@login_required
@never_cache
def document(request: HttpRequest, license_id: int) -> HttpResponse:
    """The signed license as a file, for WHEELBARROW_LICENSE_FILE; ?form=line: as one line."""
    license = get_object_or_404(
        License.objects.held_by(customers_of(request)).select_related("tier__product", "customer"),
        pk=license_id,
    )
    text = signed_document(license)
    if text is None:
        raise Http404
    if request.GET.get("form") != "line":
        text = armour(text).rstrip("\n")
    response = HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8")
    name = f"{license.tier.product.slug}-{license.tier.slug}.license"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
