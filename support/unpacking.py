"""What a provider delivered in a form of its own, read by django-anymail. Only `work` does this."""

from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest

from support.models import InboundMail, MailEvent
from support.reading import MAX_MAIL_BYTES
from support.storing import RAW_MAIL, Delivery
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
    row.spam_score = row.spam_score or _spam_score(message)
    return content


def further_mails(row: InboundMail) -> list[Delivery]:
    """What a provider delivered in one go with the row's mail, raw mails now; raises Unpackable."""
    if row.content_type == RAW_MAIL:
        return []
    try:
        return [
            _mail_of(event.message, row, number)
            for number, event in enumerate(_events(row, "inbound"))
            if number > 0
        ]
    except Exception as error:
        raise Unpackable(f"{type(error).__name__}: {error}") from error


def _mail_of(message: Any, row: InboundMail, number: int) -> Delivery:
    return Delivery(
        source=row.source,
        raw=message.as_bytes()[:MAX_MAIL_BYTES],
        event_id=f"{row.event_id[:180]}:{number}",  # read again, it is the same
        envelope_from=message.envelope_sender,
        envelope_to=str(message.envelope_recipient or ""),
        spam_score=_spam_score(message),
    )


def _spam_score(message: Any) -> float | None:
    score: float | None = message.spam_score
    return score or 100.0 if message.spam_detected else score


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
