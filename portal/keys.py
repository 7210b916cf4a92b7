"""A customer makes, rotates and revokes keys. A key is shown once, on the answer that made it."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from licenses import credentials
from licenses.models import Credential, Customer, License
from licenses.scopes import BadScope, Scope, make_scope
from portal.installing import install_guide
from portal.visitors import customers_of

OVERLAPS = {"0": "at once", "24": "in 24 hours", "168": "in 7 days", "720": "in 30 days"}


class KeyForm(forms.Form):
    """A name, and what the key is limited to; empty limits are none."""

    customer = forms.IntegerField()
    name = forms.CharField(max_length=80, strip=True)
    license = forms.IntegerField(required=False)  # empty: for installing
    products = forms.CharField(required=False, max_length=400)
    versions = forms.CharField(required=False, max_length=80)
    networks = forms.CharField(required=False, max_length=1000)
    expires_on = forms.DateField(required=False)

    def scope(self, at: datetime) -> Scope:
        """Raises BadScope."""
        fields = self.cleaned_data
        return make_scope(
            products=fields["products"].replace(",", " ").split(),
            versions=fields["versions"],
            networks=fields["networks"].replace(",", " ").split(),
            expires_at=self._end(at),
        )

    def _end(self, at: datetime) -> datetime | None:
        """The end of the day that was typed, in UTC."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        end = datetime.combine(day, time.min, tzinfo=UTC) + timedelta(days=1)
        if end <= at:
            raise BadScope("the last day lies in the past")
        return end


class RotateForm(forms.Form):
    overlap = forms.ChoiceField(choices=list(OVERLAPS.items()))


@require_POST
@login_required
@never_cache
def create_key(request: HttpRequest) -> HttpResponse:
    """Make a key and show it, once."""
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _back(request, "Give the key a name of at most 80 characters, and dates as dates.")
    customer = get_object_or_404(customers_of(request), pk=form.cleaned_data["customer"])
    try:
        credential, token = _create(customer, form)
    except credentials.TooManyCredentials:
        return _back(request, "You have 20 keys, the most there can be. Revoke one first.")
    except BadScope as reason:
        return _back(request, f"The key was not made: {reason}.")
    return _show(request, credential, token)


def _create(customer: Customer, form: KeyForm) -> tuple[Credential, str]:
    at = timezone.now()
    scope = form.scope(at)
    _check_products(customer, scope)
    named: dict[str, Any] = {"name": form.cleaned_data["name"], "at": at, "scope": scope}
    license_id = form.cleaned_data["license"]
    if license_id is None:
        return credentials.create_credential(customer.pk, **named)
    license = get_object_or_404(customer.licenses, pk=license_id)
    return credentials.create_lease_credential(license.pk, **named)


def _check_products(customer: Customer, scope: Scope) -> None:
    held = set(customer.licenses.values_list("tier__product__slug", flat=True))
    if unknown := scope.products - held:
        raise BadScope(f"you have no license of {', '.join(sorted(unknown))}")


@require_POST
@login_required
@never_cache
def rotate_key(request: HttpRequest, credential_id: int) -> HttpResponse:
    """A successor, shown once; the old key works on for the time that was chosen."""
    old = _mine(request, credential_id)
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _back(request, "Choose how long the old key shall work on.")
    overlap = timedelta(hours=int(form.cleaned_data["overlap"]))
    try:
        new, token = credentials.rotate_credential(old.pk, at=timezone.now(), overlap=overlap)
    except (credentials.AlreadyRotated, credentials.CredentialGone):
        return _back(request, f"The key {old} was rotated or ended before; nothing was changed.")
    except credentials.TooManyCredentials:
        return _back(request, "You have 20 keys, the most there can be. Revoke one first.")
    return _show(request, new, token, ends=OVERLAPS[form.cleaned_data["overlap"]])


@require_POST
@login_required
def revoke_key(request: HttpRequest, credential_id: int) -> HttpResponse:
    credential = _mine(request, credential_id)
    credentials.revoke_credential(credential.pk, at=timezone.now())
    messages.info(request, f"The key {credential} is refused from now on.")
    return redirect("portal:account")


def _mine(request: HttpRequest, credential_id: int) -> Credential:
    mine = Credential.objects.filter(customer__in=customers_of(request))
    return get_object_or_404(mine, pk=credential_id)


def _show(
    request: HttpRequest, credential: Credential, token: str, *, ends: str = ""
) -> HttpResponse:
    """The one page that holds the key; *ends*: when the key that it replaces does."""
    installs = credential.kind == Credential.Kind.INDEX
    license = _newest_license(credential.customer) if installs else None
    guide = install_guide(license.tier, key=token) if license else None
    context = {"credential": credential, "key": token, "guide": guide, "ends": ends}
    return render(request, "portal/new_key.html", context)


def _newest_license(customer: Customer) -> License | None:
    licenses = customer.licenses.select_related("tier__product")
    return max(licenses, key=lambda one: (one.is_active, one.paid_through), default=None)


def _back(request: HttpRequest, text: str) -> HttpResponse:
    messages.warning(request, text)
    return redirect("portal:account")
