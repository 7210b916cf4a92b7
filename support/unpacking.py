"""What a provider delivered in a form of its own, read by django-anymail. Only `work` does this."""

from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest

from support.models import InboundMail, MailEvent
from support.storing import RAW_MAIL
from support.webhooks import anymail_view


class Unpackable(Exception):
    """django-anymail could not read the delivery; keep it as it came."""


def mail_bytes(row: InboundMail) -> bytes:
    """The mail itself; raises Unpackable."""
    if row.content_type == RAW_MAIL:
        return bytes(row.raw)
    try:
        event = _events(row, "inbound")[0]
        content: bytes = event.message.as_bytes()
    except Exception as error:  # a parser's; they raise more than they say
        raise Unpackable(f"{type(error).__name__}: {error}") from error
    message = event.message
    row.envelope_to = row.envelope_to or str(message.envelope_recipient or "")[:320].lower()
    row.envelope_from = row.envelope_from or str(message.envelope_sender or "")[:320].lower()
    if message.spam_detected:
        row.spam_score = row.spam_score or message.spam_score or 100.0
    return content


def provider_events(row: MailEvent) -> list[Any]:
    """What the provider tells, as django-anymail's events; raises Unpackable."""
    try:
        return _events(row, "tracking")
    except Exception as error:
        raise Unpackable(f"{type(error).__name__}: {error}") from error


def _events(row: InboundMail | MailEvent, kind: str) -> list[Any]:
    view = anymail_view(row.source, kind)
    if view is None:
        raise Unpackable(f"the provider {row.source} is not set up any more")
    events: list[Any] = view.parse_events(_request(row))
    return events


def _request(row: InboundMail | MailEvent) -> WSGIRequest:
    """The request again, as it was stored."""
    raw = bytes(row.raw)
    request = WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "SERVER_NAME": "stored",
            "SERVER_PORT": "443",
            "CONTENT_TYPE": row.content_type,
            "CONTENT_LENGTH": str(len(raw)),
            "wsgi.input": BytesIO(raw),
        }
    )
    request._body = raw  # noqa: SLF001  where Django keeps it
    return request
