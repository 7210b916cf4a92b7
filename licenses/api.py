"""The license API: every decision is an answer with status 200, so that no proxy and no retry
can misread it. 401 says only that the credential is wrong, 503 that we are away.
"""

import hashlib
import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lib.addresses import client_address, network_of
from licenses.credentials import (
    explain_refusal,
    find_lease_credential,
    note_use,
    remembered_lease_credential,
)
from licenses.documents import NoRootKey, sign_document
from licenses.lease_answers import sign_answer, sign_batch
from licenses.lease_requests import Malformed, read_batch, read_request
from licenses.leases import acquire_leases, release_lease
from licenses.models import Credential, License
from licenses.scopes import scope_of
from licenses.signing_keys import key_list
from licenses.usage import live_usage, usage_of

log = logging.getLogger(__name__)
P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, License, P], HttpResponse]
Door = Callable[Concatenate[HttpRequest, P], HttpResponse]
SAFE = {"GET", "HEAD"}  # they show names and features, which are fetched anew
RETRY_SECONDS = "30"
USAGE_DAYS = 31


def with_lease_credential(view: View[P]) -> Door[P]:
    """The view of a license that a lease credential opens: `Authorization: Bearer wb_ls_…`."""

    @csrf_exempt  # a machine with a header, never a browser with a cookie
    @never_cache
    @wraps(view)
    def door(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        at, token = timezone.now(), _bearer_token(request)
        address = client_address(request.META, settings.TRUSTED_PROXIES)
        try:
            find = find_lease_credential if request.method in SAFE else remembered_lease_credential
            credential = find(token, at)
            if credential is None or not scope_of(credential).allows_address(address):
                return _unauthorized(explain_refusal(token, at, wanted=Credential.Kind.LEASE))
            assert credential.license is not None  # a constraint of the table
            agent, network = request.headers.get("User-Agent", ""), network_of(address)
            note_use(credential, client=agent, at=at, network=network)
            return view(request, credential.license, *args, **kwargs)
        except Malformed as error:
            return JsonResponse({"error": str(error)}, status=422)
        except (DatabaseError, NoRootKey):
            log.exception("the license API cannot answer")
            return _unavailable()

    return cast("Door[P]", door)


@require_http_methods(["PUT", "DELETE"])
@with_lease_credential
def lease(request: HttpRequest, license: License, iid: uuid.UUID) -> HttpResponse:
    if request.method == "DELETE":
        release_lease(license.pk, iid)
        return HttpResponse(status=204)
    at = timezone.now()
    asked = read_request(request.body, iid=iid)
    outcome = acquire_leases(license, asked.wishes, at=at)
    return JsonResponse({"lease": sign_answer(license, asked, outcome, at=at)})


@require_POST
@with_lease_credential
def lease_batch(request: HttpRequest, license: License) -> HttpResponse:
    at = timezone.now()
    asked = read_batch(request.body)
    outcome = acquire_leases(license, asked.wishes, at=at)
    return JsonResponse({"leases": sign_batch(license, asked, outcome, at=at)})


@require_POST
@with_lease_credential
def release(request: HttpRequest, license: License, iid: uuid.UUID) -> HttpResponse:
    """For a lease that is stuck: its process is gone, and nobody wants to wait."""
    return JsonResponse({"released": release_lease(license.pk, iid)})


@require_safe
@with_lease_credential
def license_document(request: HttpRequest, license: License) -> HttpResponse:
    """The newest document. Who may have none (suspended, revoked) gets 403 with the reason."""
    if license.status not in {License.Status.ACTIVE, License.Status.LAPSED}:
        return JsonResponse({"error": f"The license is {license.status}."}, status=403)
    etag = f'"{license.pk}-{license.rev}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    text = sign_document(license, at=timezone.now())
    return HttpResponse(
        f"{text}\n", content_type="text/plain; charset=utf-8", headers={"ETag": etag}
    )


@require_safe
@with_lease_credential
def usage(request: HttpRequest, license: License) -> HttpResponse:
    """What we count: the live leases, the peaks of each hour, and why threads were refused."""
    now = timezone.now()
    since = _moment(request, "from") or now - timedelta(days=USAGE_DAYS)
    until = _moment(request, "to") or now
    hours = usage_of(license.pk, since=since, until=until)
    leases = live_usage(license.pk, now)
    return JsonResponse({"limit": license.threads, "leases": leases, "hours": hours})


@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    """Which signing keys and licenses were revoked: signed, the same for everybody."""
    try:
        response = JsonResponse(key_list(timezone.now()))
    except (DatabaseError, NoRootKey):
        return _unavailable()
    response["Cache-Control"] = "public, max-age=3600"
    response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    return response


def _bearer_token(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _moment(request: HttpRequest, name: str) -> datetime | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise Malformed(f"{name} must be a time like 2026-01-31T12:00:00Z")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _unauthorized(reason: str) -> HttpResponse:
    return JsonResponse({"error": reason}, status=401, headers={"WWW-Authenticate": "Bearer"})


def _unavailable() -> HttpResponse:
    return JsonResponse(
        {"error": "The license server cannot answer just now; nothing stops because of it."},
        status=503,
        headers={"Retry-After": RETRY_SECONDS},
    )
