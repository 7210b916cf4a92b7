"""The doors of trusted publishing, as `uv publish` knocks at them: audience, mint, burn."""

import json

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from pkgindex.trusted.identity import NotTrusted
from pkgindex.trusted.issuer_keys import KeysUnavailable
from pkgindex.trusted.minting import burn_upload_token, mint_upload_token

_MAX_BYTES = 32_768


@require_GET
def audience(request: HttpRequest) -> JsonResponse:
    """For whom a job shall ask its identity: for this shop and no other."""
    return JsonResponse({"audience": settings.HOST})


@never_cache
@csrf_exempt  # no cookie opens this door, only a signed identity
@require_POST
def mint_token(request: HttpRequest) -> JsonResponse:
    try:
        secret = mint_upload_token(_read_token(request), at=timezone.now())
    except NotTrusted as refusal:
        return _refuse(422, "not-trusted", str(refusal))
    except KeysUnavailable as refusal:
        return _refuse(503, "issuer-away", str(refusal))
    return JsonResponse({"success": True, "token": secret})


@never_cache
@csrf_exempt  # whoever has the token may give it back
@require_POST
def burn_token(request: HttpRequest) -> JsonResponse:
    """Says the same whether there was such a token or not."""
    try:
        burn_upload_token(_read_token(request), at=timezone.now())
    except NotTrusted as refusal:
        return _refuse(422, "no-token", str(refusal))
    return JsonResponse({"success": True})


def _read_token(request: HttpRequest) -> str:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or len(length) > 9 or int(length) > _MAX_BYTES:
        raise NotTrusted("The body must be a small JSON object with a token.")
    try:
        content = json.loads(request.read(_MAX_BYTES))
        token = content["token"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise NotTrusted("The body must be a small JSON object with a token.") from error
    if not isinstance(token, str) or not token.isascii():
        raise NotTrusted("The token must be a text.")
    return token


def _refuse(status: int, code: str, sentence: str) -> JsonResponse:
    """In the form that PyPI answers with, which uv prints."""
    errors = [{"code": code, "description": sentence}]
    return JsonResponse({"message": "No token was made.", "errors": errors}, status=status)
