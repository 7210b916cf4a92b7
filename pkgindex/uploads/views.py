"""The upload door, `/legacy/`: what twine, uv, poetry, pdm and flit post to."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from pkgindex.index.answers import as_reason
from pkgindex.index.auth import BadCredentials, read_token
from pkgindex.models import UploadToken
from pkgindex.upload_tokens import find_upload_token
from pkgindex.uploads.publishing import publish_file
from pkgindex.uploads.receiving import receive
from pkgindex.uploads.refusals import UploadRefused

_PROBLEM = "application/problem+json"
_JSON = (_PROBLEM, "application/json")


@csrf_exempt  # no cookie opens this door, only a token
def upload(request: HttpRequest) -> HttpResponse:
    """Publish the file of one POST. The token is asked for before the body is read."""
    if request.method != "POST":
        sentence = "Upload files here with POST; installers use /simple/."
        return _refuse(request, 405, sentence, Allow="POST")
    at = timezone.now()
    token = _find_token(request.META.get("HTTP_AUTHORIZATION"))
    if token is None:
        sentence = "The upload token is missing, unknown or no longer valid."
        challenge = {"WWW-Authenticate": 'Basic realm="uploads", charset="UTF-8"'}
        return _refuse(request, 401, sentence, **challenge)
    try:
        with receive(request) as received:
            file = publish_file(received, token=token, at=at)
    except UploadRefused as refusal:
        return _refuse(request, refusal.status, refusal.sentence)
    is_staged = file.release.is_staged
    return _text(f"{file.filename} is {'staged' if is_staged else 'published'}.")


def _find_token(header: str | None) -> UploadToken | None:
    try:
        secret = read_token(header)
    except BadCredentials:
        return None
    return find_upload_token(secret, timezone.now()) if secret else None


def _refuse(request: HttpRequest, status: int, sentence: str, **headers: Any) -> HttpResponse:
    """twine shows only the reason phrase, uv only the body: the sentence stands in both."""
    response = _problem(status, sentence) if _reads_json(request) else _text(sentence)
    response.status_code = status
    response.reason_phrase = as_reason(sentence)
    for name, value in headers.items():
        response[name] = value
    return response


def _reads_json(request: HttpRequest) -> bool:
    """uv asks for JSON before text; twine, poetry and pdm take anything."""
    try:
        return request.get_preferred_type(["text/plain", *_JSON]) in _JSON
    except ValueError:  # a parameter in an encoding that there is not (RFC 2231)
        return False


def _problem(status: int, sentence: str) -> HttpResponse:
    """RFC 9457. uv prints "Server message: Upload refused, " and the detail."""
    problem = {
        "type": f"{settings.BASE_URL}/legacy/#refused",
        "title": "Upload refused",
        "status": status,
        "detail": sentence,
    }
    return JsonResponse(problem, content_type=_PROBLEM)


def _text(sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", content_type="text/plain; charset=utf-8")
