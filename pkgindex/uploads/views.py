"""The upload door, `/legacy/`: what twine, uv, poetry, pdm and flit post to."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from pkgindex.index.answers import as_reason
from pkgindex.index.auth import BadCredentials, read_token
from pkgindex.models import UploadToken
from pkgindex.upload_tokens import find_upload_token
from pkgindex.uploads.publishing import publish_file
from pkgindex.uploads.receiving import receive
from pkgindex.uploads.refusals import UploadRefused


@csrf_exempt  # no cookie opens this door, only a token
def upload(request: HttpRequest) -> HttpResponse:
    """Publish the file of one POST. The token is asked for before the body is read."""
    if request.method != "POST":
        return _say(405, "Upload files here with POST; installers use /simple/.", Allow="POST")
    at = timezone.now()
    token = _find_token(request.META.get("HTTP_AUTHORIZATION"))
    if token is None:
        challenge = {"WWW-Authenticate": 'Basic realm="uploads", charset="UTF-8"'}
        return _say(401, "The upload token is missing, unknown or no longer valid.", **challenge)
    try:
        with receive(request) as received:
            file = publish_file(received, token=token, at=at)
    except UploadRefused as refusal:
        return _say(refusal.status, refusal.sentence)
    is_staged = file.release.is_staged
    return _say(200, f"{file.filename} is {'staged' if is_staged else 'published'}.")


def _find_token(header: str | None) -> UploadToken | None:
    try:
        secret = read_token(header)
    except BadCredentials:
        return None
    return find_upload_token(secret, timezone.now()) if secret else None


def _say(status: int, sentence: str, **headers: Any) -> HttpResponse:
    """twine shows only the reason phrase, uv only the body: the sentence stands in both."""
    return HttpResponse(
        f"{sentence}\n",
        status=status,
        reason="OK" if status == 200 else as_reason(sentence),
        content_type="text/plain; charset=utf-8",
        headers=headers,
    )
