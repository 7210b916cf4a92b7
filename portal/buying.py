"""The two doors of a purchase: the press of "Buy", and the page after Stripe's."""

import logging
import re

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing import carts, stripe_api
from billing import checkout as billing_checkout
from billing.carts import Click
from billing.models import MAX_QUANTITY, Cart, Price, Subscription
from billing.open_pages import AlreadyBought
from licenses.models import Credential, Customer, User
from portal.installing import install_guide, signed_document
from portal.terms import current_terms

log = logging.getLogger(__name__)
SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,110}")


class BuyForm(forms.Form):
    """What the pricing page posts."""

    nonce = forms.RegexField(r"^[A-Za-z0-9_-]{20,64}$")
    price = forms.ModelChoiceField(
        Price.objects.on_sale().select_related("tier__product"),
        to_field_name="lookup_key",
    )
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)

    def click(self) -> Click:
        price: Price = self.cleaned_data["price"]
        quantity = min(self.cleaned_data["quantity"], price.max_quantity)
        return Click(self.cleaned_data["nonce"], price, quantity)


@require_POST
@never_cache
def checkout(request: HttpRequest) -> HttpResponse:
    form = BuyForm(request.POST)
    if not form.is_valid():
        return _back_to_pricing(request, "Please choose a price and a quantity from 1 to 1,000.")
    click = form.click()
    if not click.price.stripe_id:
        return _back_to_pricing(request, f"{click.price.tier} is not on sale yet.")
    try:
        return _send_to_stripe(request, click)
    except AlreadyBought as bought:
        return redirect(f"{reverse('portal:welcome')}?session_id={bought.cart.stripe_session_id}")
    except billing_checkout.AlreadyLicensed as product:
        messages.info(request, f"You have a license of {product} already, or an invoice for one.")
        return redirect("portal:account")
    except billing_checkout.CartIsStale:
        return _back_to_pricing(request, "That page was open too long. Please choose again.")


def _send_to_stripe(request: HttpRequest, click: Click) -> HttpResponse:
    try:
        cart, url = billing_checkout.start_checkout(
            click,
            customer=_customer_of(request),
            earlier=_open_carts(request),
            at=timezone.now(),
            terms=current_terms(),
        )
    except billing_checkout.NoMoreSales:
        return render(request, "portal/no_sale.html", status=409)
    except billing_checkout.NotForSale as tier:
        return render(request, "portal/not_for_sale.html", {"tier": tier}, status=409)
    except (stripe_api.StripeUnavailable, stripe_api.StripeRefused):
        log.exception("no checkout session for %s", click.price)
        return _payment_is_away(request)
    return _to_stripe(cart, url, key=click.first_key)


@require_safe
@never_cache
def welcome(request: HttpRequest) -> HttpResponse:
    """What was bought, the first key and the commands to paste; works without any webhook."""
    session_id = request.GET.get("session_id", "")
    if not SESSION_ID.fullmatch(session_id):
        raise Http404
    cart = get_object_or_404(Cart, stripe_session_id=session_id)
    key = carts.key_in_cookies(request.COOKIES, cart)
    if key is None and not _may_see(request, cart):
        raise Http404
    try:
        bought = billing_checkout.find_purchase(cart)
    except (stripe_api.StripeUnavailable, stripe_api.StripeRefused):
        return _payment_is_away(request)
    if bought is None:
        return _not_bought(request, cart)
    return render(request, "portal/welcome.html", _purchase(bought, cart, key))


def _purchase(bought: Subscription, cart: Cart, key: str | None) -> dict[str, object]:
    license = bought.license
    assert license is not None
    shown = key if key is not None and _may_show_key(cart) else None
    return {
        "license": license,
        "key": shown,
        "guide": install_guide(license.tier, key=shown),
        "document": signed_document(license),
    }


def _may_show_key(cart: Cart) -> bool:
    """Until it is first used, for at most 15 minutes after it was first shown."""
    unused = Credential.objects.usable(timezone.now()).filter(
        digest=cart.credential_digest, last_used_at__isnull=True
    )
    return unused.exists() and carts.note_key_shown(cart, timezone.now())


def _not_bought(request: HttpRequest, cart: Cart) -> HttpResponse:
    if billing_checkout.is_given_back(cart):
        return render(request, "portal/duplicate.html", {"cart": cart})
    return _waiting(request, cart)


def _waiting(request: HttpRequest, cart: Cart) -> HttpResponse:
    response = render(request, "portal/waiting.html", {"cart": cart})
    response["Refresh"] = "2"  # works without JavaScript
    return response


def _may_see(request: HttpRequest, cart: Cart) -> bool:
    if not isinstance(request.user, User):
        return False
    mine = Customer.objects.of_user(request.user)
    return Subscription.objects.filter(cart=cart, customer__in=mine).exists() or any(
        customer.pk == cart.customer_id for customer in mine
    )


def _customer_of(request: HttpRequest) -> Customer | None:
    """The customer for whom a signed-in person buys: the one he has had longest."""
    if not isinstance(request.user, User):
        return None
    return Customer.objects.of_user(request.user).order_by("created_at", "pk").first()


def _open_carts(request: HttpRequest) -> list[Cart]:
    """Open carts of this browser (it proves them by cookie), and of the signed-in customer."""
    named = [_public_id(name) for name in request.COOKIES if name.startswith(carts.COOKIE_PREFIX)]
    found = Cart.objects.filter(public_id__in=[one for one in named if one])
    proven = [
        cart
        for cart in found.filter(status=Cart.Status.OPEN)
        if carts.key_in_cookies(request.COOKIES, cart) is not None
    ]
    customer = _customer_of(request)
    if customer is None:
        return proven
    lately = timezone.now() - billing_checkout.CART_LIVES
    his = Cart.objects.filter(customer=customer, status=Cart.Status.OPEN, created_at__gt=lately)
    return list({cart.pk: cart for cart in [*proven, *his]}.values())


_HEX = re.compile(r"[0-9a-f]{32}")


def _public_id(cookie_name: str) -> str:
    public_id = cookie_name.removeprefix(carts.COOKIE_PREFIX)
    return public_id if _HEX.fullmatch(public_id) else ""


def _to_stripe(cart: Cart, url: str, *, key: str) -> HttpResponse:
    response = redirect(url)
    response.status_code = 303
    name, value = carts.cookie_of(cart, key)
    response.set_cookie(
        name,
        value,
        max_age=carts.COOKIE_SECONDS,
        httponly=True,
        secure=settings.IS_HTTPS,
        samesite="Lax",  # it must come along when Stripe sends the buyer back
    )
    return response


def _back_to_pricing(request: HttpRequest, text: str) -> HttpResponse:
    messages.warning(request, text)
    return redirect("portal:pricing")


def _payment_is_away(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/payment_away.html", status=503)
