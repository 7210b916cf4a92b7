"""The mail providers' doors: check the secret, store the bytes, answer 200. Nothing else.

django-anymail knows each provider's signature and form. Its own views would read the mail within
the request, where one bad mail is a 500 that the provider repeats for hours; so only their checks
are used here, and their reading in `support.receiving`.
"""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.utils import get_request_basic_auth
from anymail.webhooks.base import AnymailCoreWebhookView
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from support.mails import tell_owner
from support.provider_forms import form_fields
from support.reading import MAX_MAIL_BYTES
from support.storing import RAW_MAIL, Delivery, MailTooLarge, keep_event, keep_mail

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 64 * 1024 * 1024  # 25 MB of mail in JSON, and its files once more in base64
SIGNATURE_AGE_SECONDS = 24 * 3600  # providers try again for hours with the first signature
SIGNATURE_AHEAD_SECONDS = 300


class Refused(Exception):
    """Not from the provider; answer 400."""


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def inbound(request: HttpRequest, esp: str) -> HttpResponse:
    """A mail to us."""
    return _receive(request, esp, "inbound")


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def tracking(request: HttpRequest, esp: str) -> HttpResponse:
    """What became of a mail of ours."""
    return _receive(request, esp, "tracking")


def _receive(request: HttpRequest, esp: str, kind: str) -> HttpResponse:
    check = _door(esp, kind)
    if request.method == "HEAD":  # some providers ask whether the door is there
        return HttpResponse()
    try:
        check_basic_auth(request)
        body = read_body(request)
        check(request, body)
        _keep(esp, kind, request, body)
    except Refused as error:
        log.warning("%s %s refused: %s", esp, kind, error)
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain")
    except MailTooLarge as error:
        _tell_of_too_large(esp, error)
        return HttpResponse("too large\n", status=413, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def _tell_of_too_large(esp: str, error: MailTooLarge) -> None:
    """Once a day: the provider tries again, and in the end it tells nobody."""
    tell_owner(
        f"too-large:{esp}:{timezone.now():%Y-%m-%d}",
        subject="A mail was too large",
        text=f"{esp} wanted to hand over {error}. Look for it there; it was not kept here.",
    )


def _door(esp: str, kind: str) -> Any:
    """What checks a delivery of this provider; 404 where none is expected or nothing could be."""
    if esp not in settings.INBOUND_PROVIDERS:
        raise Http404
    if esp == "mailgun" and kind == "inbound":
        if not settings.ANYMAIL.get("MAILGUN_WEBHOOK_SIGNING_KEY"):
            raise Http404
        return check_mailgun
    view = anymail_view(esp, kind)
    if view is None or (view.warn_if_no_basic_auth and not webhook_secrets()):
        raise Http404
    return lambda request, _body: _run_validators(view, request)


def has_door(esp: str, kind: str) -> bool:
    """Whether a delivery of this provider could be taken."""
    try:
        _door(esp, kind)
    except Http404:
        return False
    return True


def anymail_view(esp: str, kind: str) -> Any:
    """django-anymail's view for this provider; None when its secret is not set."""
    try:
        match = resolve(f"/{esp}/{kind}/", urlconf="anymail.urls")
    except Resolver404:  # Mandrill has one for both; 404 where there is none at all
        match = resolve(f"/{esp}/", urlconf="anymail.urls")
    view_class = match.func.view_class  # type: ignore[attr-defined]
    try:
        # A stand-in for the secret: without one it would warn that the door is open.
        view: AnymailCoreWebhookView = view_class(webhook_secret=["shut:shut"])
    except (ImproperlyConfigured, AnymailError, ImportError, TypeError) as error:
        log.warning("the %s webhook of %s is off: %s", kind, esp, error)
        return None
    if (
        getattr(view, "webhook_key", "") is None
    ):  # Mandrill's, which it asks for with the first mail
        return None
    view.basic_auth = webhook_secrets()
    return view


def _run_validators(view: Any, request: HttpRequest) -> None:
    try:
        view.run_validators(request)
    except AnymailWebhookValidationFailure as error:
        raise Refused(str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"not a delivery: {type(error).__name__}") from error


def webhook_secrets() -> list[str]:
    """`user:password` of the webhooks; two while one is being changed."""
    value = settings.ANYMAIL.get("WEBHOOK_SECRET", "")
    return [secret.strip() for secret in value.split(",") if secret.strip()]


def check_basic_auth(request: HttpRequest) -> None:
    """Before the body is read: nobody without the secret makes us take 64 MB."""
    secrets = webhook_secrets()
    given = get_request_basic_auth(request) or ""
    matches = [constant_time_compare(given, secret) for secret in secrets]
    if secrets and not any(matches):
        raise Refused("missing or wrong user and password")


def read_body(request: HttpRequest) -> bytes:
    """The body up to 64 MB, whatever Django's limit for forms; raises MailTooLarge above."""
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise MailTooLarge(f"more than {MAX_BODY_BYTES} bytes")
    request._body = body  # noqa: SLF001  where Django keeps it
    return body


def check_mailgun(request: HttpRequest, body: bytes) -> None:
    """HMAC-SHA256 of timestamp and token. Mailgun's own reader would decode the mail as a form."""
    fields = form_fields(request.META.get("CONTENT_TYPE", ""), body)
    stamp, token = fields.get("timestamp", b""), fields.get("token", b"")
    key = settings.ANYMAIL["MAILGUN_WEBHOOK_SIGNING_KEY"].encode()
    expected = hmac.new(key, stamp + token, hashlib.sha256).hexdigest()
    if not constant_time_compare(fields.get("signature", b""), expected):
        raise Refused("the signature is not Mailgun's")
    age = time.time() - int(stamp) if stamp.isdigit() and len(stamp) < 12 else float("inf")
    if not -SIGNATURE_AHEAD_SECONDS <= age <= SIGNATURE_AGE_SECONDS:
        raise Refused("the signature is more than a day old, or from the future")


def _keep(esp: str, kind: str, request: HttpRequest, body: bytes) -> None:
    content_type = request.META.get("CONTENT_TYPE", "")
    if kind == "tracking":
        keep_event(Delivery(source=esp, raw=body, content_type=content_type))
    else:
        keep_mail(beginning_of(read_delivery(esp, content_type, body)))


def read_delivery(esp: str, content_type: str, body: bytes) -> Delivery:
    """The raw mail where the provider hands it over as such; else the whole delivery as it came."""
    found = None
    if esp == "postmark":
        found = _postmark(body)
    elif esp == "mailgun":
        found = _mailgun(content_type, body)
    return found or Delivery(source=esp, raw=body, content_type=content_type)


def beginning_of(delivery: Delivery) -> Delivery:
    """At most 25 MB of it: the words stand before the files, and a refusal would tell nobody."""
    if delivery.content_type != RAW_MAIL or len(delivery.raw) <= MAX_MAIL_BYTES:
        return delivery
    return replace(delivery, raw=delivery.raw[:MAX_MAIL_BYTES])


def _postmark(body: bytes) -> Delivery | None:
    try:
        event = json.loads(body)
        raw = _bytes(event["RawEmail"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # raw mail is not switched on there, or it is no event at all
    headers = event.get("Headers")
    return Delivery(
        source="postmark",
        raw=raw,
        event_id=str(event.get("MessageID") or ""),
        envelope_from=_postmark_sender(headers if isinstance(headers, list) else []),
        envelope_to=str(event.get("OriginalRecipient") or ""),
        spam_score=_score(headers, "X-Spam-Score"),
    )


def _bytes(raw: str) -> bytes:
    """Bytes that are no UTF-8 come through JSON as halves of surrogates."""
    try:
        return raw.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return raw.encode("utf-8", "surrogatepass")


def _postmark_sender(headers: Sequence[Any]) -> str | None:
    """Postmark puts the envelope's sender before the headers as Return-Path."""
    first = headers[0] if headers and isinstance(headers[0], dict) else {}
    return str(first.get("Value")) if first.get("Name") == "Return-Path" else None


def _score(headers: Any, name: str) -> float | None:
    for header in headers if isinstance(headers, list) else []:
        if isinstance(header, dict) and header.get("Name") == name:
            return _number(header.get("Value"))
    return None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1_000 else None  # nor NaN


def _mailgun(content_type: str, body: bytes) -> Delivery | None:
    fields = form_fields(content_type, body)
    if "body-mime" not in fields:
        return None
    return Delivery(
        source="mailgun",
        raw=fields["body-mime"],
        event_id=_text(fields.get("token", b"")),
        envelope_from=_text(fields["sender"]) if "sender" in fields else None,
        envelope_to=_text(fields.get("recipient", b"")),
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
