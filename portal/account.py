"""What a signed-in customer sees and does: his licenses and his keys."""

import re
from datetime import UTC, datetime, time, timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from licenses import credentials
from licenses.models import Credential, License, Product
from licenses.scopes import BadScope, Scope, make_scope
from portal.installing import install_guide, signed_document
from portal.subscriptions import subscription_cards
from portal.visitors import customers_of
from support.bounces import bouncing_contacts

SHOWN = ("licenses__tier__product", "credentials__successor")


class KeyForm(forms.Form):
    customer = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(max_length=80, strip=True, label="Name")
    products = forms.ModelMultipleChoiceField(
        Product.objects.all(), to_field_name="slug", required=False
    )
    versions = forms.CharField(max_length=80, required=False)
    networks = forms.CharField(max_length=800, required=False, help_text="spaces or commas between")
    expires_on = forms.DateField(required=False)

    def scope(self, at: datetime) -> Scope:
        """What the key is limited to. Raises BadScope."""
        last = self.cleaned_data["expires_on"]
        ends_at = None
        if last is not None:  # the whole day, in UTC
            ends_at = datetime.combine(last, time.min, UTC) + timedelta(days=1)
            if ends_at <= at:
                raise BadScope(f"{last} is over")
        return make_scope(
            products=[product.slug for product in self.cleaned_data["products"]],
            versions=self.cleaned_data["versions"],
            networks=re.split(r"[\s,]+", self.cleaned_data["networks"].strip(" ,")),
            expires_at=ends_at,
        )


@require_safe
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    mine = list(customers_of(request).prefetch_related(*SHOWN))
    for customer in mine:
        customer.subscription_cards = subscription_cards(customer, at=timezone.now())  # type: ignore[attr-defined]
        held = {license.tier.product for license in customer.licenses.all()}
        customer.products = sorted(held, key=str)  # type: ignore[attr-defined]
    context = {"customers": mine, "bouncing": bouncing_contacts(mine)}
    return render(request, "portal/account.html", context)


@require_POST
@login_required
@never_cache
def create_key(request: HttpRequest) -> HttpResponse:
    """Make a key and show it, once."""
    form = KeyForm(request.POST)
    if not form.is_valid():
        wrong = ", ".join(form.errors)
        messages.warning(request, f"No key was made; look again at: {wrong}.")
        return redirect("portal:account")
    customer = get_object_or_404(customers_of(request), pk=form.cleaned_data["customer"])
    try:
        credential, token = credentials.create_credential(
            customer.pk,
            name=form.cleaned_data["name"],
            at=timezone.now(),
            scope=form.scope(timezone.now()),
        )
    except BadScope as error:
        messages.warning(request, f"No key was made: {error}.")
        return redirect("portal:account")
    except credentials.TooManyCredentials:
        messages.warning(request, "You have 20 keys, the most there can be. Revoke one first.")
        return redirect("portal:account")
    return _show_key(request, credential, token)


@require_POST
@login_required
@never_cache
def rotate_key(request: HttpRequest, credential_id: int) -> HttpResponse:
    """Make a successor and show it, once; the old key works for seven days more."""
    mine = Credential.objects.filter(customer__in=customers_of(request))
    old = get_object_or_404(mine, pk=credential_id)
    try:
        successor, token = credentials.rotate_credential(old.pk, at=timezone.now())
    except (credentials.AlreadyRotated, credentials.CredentialGone):
        messages.warning(request, f"The key {old} was replaced already, or works no more.")
        return redirect("portal:account")
    except credentials.TooManyCredentials:
        messages.warning(request, "You have 20 keys, the most there can be. Revoke one first.")
        return redirect("portal:account")
    return _show_key(request, successor, token)


def _show_key(request: HttpRequest, credential: Credential, token: str) -> HttpResponse:
    licenses = credential.customer.licenses.select_related("tier__product")
    license = licenses.order_by("-paid_through").first()
    is_for_index = credential.kind == Credential.Kind.INDEX
    guide = install_guide(license.tier, key=token) if license and is_for_index else None
    context = {"credential": credential, "key": token, "guide": guide}
    return render(request, "portal/new_key.html", context)


@require_POST
@login_required
def revoke_key(request: HttpRequest, credential_id: int) -> HttpResponse:
    mine = Credential.objects.filter(customer__in=customers_of(request))
    credential = get_object_or_404(mine, pk=credential_id)
    credentials.revoke_credential(credential.pk, at=timezone.now())
    messages.info(request, f"The key {credential} is refused from now on.")
    return redirect("portal:account")


@require_safe
@login_required
@never_cache
def document(request: HttpRequest, license_id: int) -> HttpResponse:
    """The signed license as a file, for WHEELBARROW_LICENSE_FILE."""
    license = get_object_or_404(
        License.objects.held_by(customers_of(request)).select_related("tier__product", "customer"),
        pk=license_id,
    )
    text = signed_document(license)
    if text is None:
        raise Http404
    response = HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8")
    name = f"{license.tier.product.slug}-{license.tier.slug}.license"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
