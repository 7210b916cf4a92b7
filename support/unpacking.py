"""What a provider delivered in a form of its own, read by django-anymail. Only `work` does this."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest

from support.models import InboundMail, MailEvent
from support.reading import MAX_MAIL_BYTES, clean
from support.storing import RAW_MAIL, Delivery
from support.webhooks import anymail_view


class Unpackable(Exception):
    """django-anymail could not read the delivery; it is kept as it came."""


@dataclass(frozen=True)
class Unreadable:
    """One mail or event that django-anymail could not read, and what it was given."""

    error: str
    given: str = ""


def unpack(row: InboundMail) -> tuple[bytes | Unreadable, list[Delivery]]:
    """The row's mail, and what a provider delivered in one go with it, raw mails now.

    What cannot be read costs nothing of what came beside it. The row learns the envelope.
    """
    if row.content_type == RAW_MAIL:
        return bytes(row.raw), []
    try:
        first, *others = _events(row, "inbound") or [Unreadable("no mail in it")]
    except Exception as error:
        return Unreadable(_told(error)), []
    further = [_further(event, row, number) for number, event in enumerate(others, start=1)]
    return _first(first, row), further


def mail_bytes(row: InboundMail) -> bytes:
    """The mail itself; raises Unpackable."""
    first, _ = unpack(row)
    if isinstance(first, Unreadable):
        raise Unpackable(first.error)
    return first


def _first(event: Any, row: InboundMail) -> bytes | Unreadable:
    if isinstance(event, Unreadable):
        return event
    message = event.message
    try:
        content: bytes = message.as_bytes()
    except Exception as error:
        return Unreadable(_told(error))
    row.envelope_to = row.envelope_to or str(message.envelope_recipient or "")[:320].lower()
    row.envelope_from = row.envelope_from or str(message.envelope_sender or "")[:320].lower()
    row.spam_score = row.spam_score or _spam_score(message)
    return content


def _further(event: Any, row: InboundMail, number: int) -> Delivery:
    event_id = f"{row.event_id[:180]}:{number}"  # read again, it is the same
    if not isinstance(event, Unreadable):
        message = event.message
        try:
            return Delivery(
                source=row.source,
                raw=message.as_bytes()[:MAX_MAIL_BYTES],
                event_id=event_id,
                envelope_from=message.envelope_sender,
                envelope_to=str(message.envelope_recipient or ""),
                spam_score=_spam_score(message),
            )
        except Exception as error:
            event = Unreadable(_told(error), f"It stands in the delivery {row.event_id}.")
    given = f"{event_id}\n{event.given}".encode()  # two that are alike are two
    return Delivery(
        source=row.source,
        raw=given,
        content_type="text/plain",
        event_id=event_id,
        unreadable=event.error,
    )


def _spam_score(message: Any) -> float | None:
    score: float | None = message.spam_score
    return score or 100.0 if message.spam_detected else score


def provider_events(row: MailEvent) -> list[Any]:
    """What the provider tells: django-anymail's events, and Unreadable for what is none."""
    try:
        return _events(row, "tracking")
    except Exception as error:
        return [Unreadable(_told(error))]


def _events(row: InboundMail | MailEvent, kind: str) -> list[Any]:
    view = anymail_view(row.source, kind)
    if view is None:
        raise LookupError(f"the provider {row.source} is not set up any more")
    if hasattr(view, "esp_to_anymail_event"):  # what reads one of many
        view.esp_to_anymail_event = _sparing(view.esp_to_anymail_event)
    events: list[Any] = view.parse_events(_request(row))
    return events


def _sparing(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_one(*given: Any) -> Any:
        try:
            return read(*given)
        except Exception as error:
            return Unreadable(_told(error), json.dumps(given, default=str))

    return read_one


def _told(error: Exception) -> str:
    return clean(f"{type(error).__name__}: {error}")[:2000]


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
