"""The stock admin, and the desk beside it, open to the owner with his second factor only."""

from collections.abc import Callable
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from portal.owner_acts import guard

# Rows of libraries that must not be edited by hand. An address added here would count as proven
# (portal.sign_in_urls says why that must not be), a second factor is enrolled by whoever holds
# it, and groups mean nothing: there is one owner.
NOT_BY_HAND = {"account.emailaddress", "mfa.authenticator", "auth.group"}


class OwnerSite(AdminSite):
    site_header = site_title = "Wheelbarrow"
    index_title = "The shop"

    def register(self, model_or_iterable: Any, *args: Any, **options: Any) -> None:
        """Whichever app asks for it, and in whatever order the apps are loaded."""
        is_one = isinstance(model_or_iterable, ModelBase)
        models: list[Any] = [model_or_iterable] if is_one else list(model_or_iterable)
        kept = [model for model in models if model._meta.label_lower not in NOT_BY_HAND]
        super().register(kept, *args, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and has_second_factor(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Every page of the owner's, guarded (portal.owner_acts)."""
        return guard(super().admin_view(view, cacheable), self.has_permission)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Sign in where everybody does; staff without a second factor is sent to enrol one."""
        if super().has_permission(request) and not is_mfa_enabled(request.user):
            return redirect("mfa_activate_totp")
        query = urlencode({"next": request.GET.get("next", reverse("admin:index"))})
        return redirect(f"{reverse('account_login')}?{query}")


def has_second_factor(request: HttpRequest) -> bool:
    """Whether this session was opened with a second factor (the demo asks for none)."""
    if not settings.OWNER_NEEDS_SECOND_FACTOR:
        return True
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def owners(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page of the owner's outside the admin, guarded as the admin is."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        checked: Callable[..., HttpResponse] = admin.site.admin_view(view)
        return checked(request, *args, **kwargs)

    return guarded
