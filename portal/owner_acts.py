"""What the owner does is written down; what could ruin somebody is asked twice.

Every POST behind the admin's door passes here. A dangerous one (money, grants, prices, data that
leaves) wants his second factor anew, within five minutes, and a reason. The row is written before
the act, in a transaction of its own: a crash leaves a line too many, never one too few.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve
from django.utils import timezone

from licenses.models import OwnerAct, User

View = Callable[..., HttpResponse]
MAX_REASON = 200
NOT_ACTS = {"logout", "login", "autocomplete"}

_PAGE = re.compile(r"(?P<model>[a-z]+_[a-z]+)_(?P<page>add|change|delete|changelist)")
# Models whose every change is one of rights, prices or people.
GRAVE_MODELS = {
    "billing_price",
    "billing_invoicecontract",
    "billing_offer",
    "licenses_customer",
    "licenses_license",
    "licenses_product",
    "licenses_tier",
    "licenses_user",
    "pkgindex_project",
    "pkgindex_uploadtoken",
}
# Acts on others, by the name of the action or of the page.
GRAVE_ACTS = {
    "announce_price_move",
    "close_product",
    "move_price",
    "publish_catalog",
    "refund_everything",
    "undo",
    "export_customer",
}


@dataclass(frozen=True)
class Act:
    """What a POST is about to do. `name` e.g. "change billing_price", "revoke licenses_license"."""

    name: str
    about: str
    is_grave: bool


def guard(view: View, may_act: Callable[[HttpRequest], bool]) -> View:
    """The view of an owner's page, with its acts written down and the grave ones asked twice."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        act = read_act(request) if request.method == "POST" and may_act(request) else None
        if act is None:
            return view(request, *args, **kwargs)
        if act.is_grave and settings.OWNER_NEEDS_SECOND_FACTOR:
            answer: HttpResponse = _asked_anew(request, act, view, *args, **kwargs)
            return answer
        return _written_down(request, act, view, *args, **kwargs)

    return guarded


def read_act(request: HttpRequest) -> Act | None:
    """What the POST asks for; None for what is no act, e.g. signing out."""
    # Not request.resolver_match: a request that goes on after the second factor was asked for has
    # that of the page which asked.
    match = resolve(request.path_info)
    page = match.url_name or ""
    if page in NOT_ACTS:
        return None
    found = _PAGE.fullmatch(page)
    if found is None:
        about = " ".join(f"{name}={value}" for name, value in match.kwargs.items())
        return Act(page, about, page in GRAVE_ACTS)
    action = request.POST.get("action", "")
    is_grave = found["model"] in GRAVE_MODELS or action in GRAVE_ACTS
    if found["page"] == "changelist":
        return Act(f"{action or 'change'} {found['model']}", _selected(request), is_grave)
    about = str(match.kwargs.get("object_id", "new"))
    return Act(f"{found['page']} {found['model']}", about, is_grave)


def _selected(request: HttpRequest) -> str:
    if request.POST.get("select_across") == "1":
        return f"all of {request.META.get('QUERY_STRING', '')}".strip()
    return ", ".join(request.POST.getlist("_selected_action"))


@reauthentication_required  # type: ignore[untyped-decorator]  # of allauth
def _asked_anew(
    request: HttpRequest, act: Act, view: View, *args: Any, **kwargs: Any
) -> HttpResponse:
    if not _reason(request):
        fields = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name not in {"reason", "csrfmiddlewaretoken"}
        ]
        return render(request, "portal/owner_reason.html", {"act": act, "fields": fields})
    return _written_down(request, act, view, *args, **kwargs)


def _written_down(
    request: HttpRequest, act: Act, view: View, *args: Any, **kwargs: Any
) -> HttpResponse:
    keep_act(request, act)
    return view(request, *args, **kwargs)


def keep_act(request: HttpRequest, act: Act) -> None:
    OwnerAct.objects.create(
        at=timezone.now(),
        user=cast("User", request.user),
        act=act.name[:80],
        about=act.about[:500],
        reason=_reason(request),
        path=request.path[:200],
    )


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:MAX_REASON]
