"""Raw bytes first: one insert, and the same delivery again changes nothing."""

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from support.models import InboundMail, MailEvent
from support.reading import MAX_MAIL_BYTES, clean

RAW_MAIL = "message/rfc822"
Row = TypeVar("Row", InboundMail, MailEvent)


class MailTooLarge(Exception):
    """Above what is taken; tell whoever delivers it, so that the sender or the owner learns."""


@dataclass(frozen=True)
class Delivery:
    """What came, and what the one who brought it says of its envelope."""

    source: str
    raw: bytes
    content_type: str = RAW_MAIL
    event_id: str = ""
    envelope_from: str | None = None  # None: not told
    envelope_to: str = ""
    spam_score: float | None = None
    unreadable: str = ""  # why; such a mail is not read, but kept


def keep_mail(delivery: Delivery) -> InboundMail | None:
    """Store a mail for `work` to read; None when it is here already. Raises MailTooLarge."""
    if delivery.content_type == RAW_MAIL and len(delivery.raw) > MAX_MAIL_BYTES:
        raise MailTooLarge(f"{len(delivery.raw)} bytes")
    envelope_from = delivery.envelope_from
    return _insert(
        InboundMail(
            envelope_from=clean(envelope_from or "").strip("<> ").lower()[:320],
            has_null_sender=envelope_from is not None and envelope_from.strip() in {"", "<>"},
            envelope_to=clean(delivery.envelope_to).strip("<> ").lower()[:320],
            spam_score=delivery.spam_score,
            **_of_what_cannot_be_read(delivery),
        ),
        delivery,
    )


def _of_what_cannot_be_read(delivery: Delivery) -> dict[str, str]:
    if not delivery.unreadable:
        return {}
    return {"outcome": InboundMail.Outcome.UNREADABLE, "note": delivery.unreadable}


def keep_event(delivery: Delivery) -> MailEvent | None:
    """Store what a provider tells about a mail of ours; None when it is here already."""
    return _insert(MailEvent(), delivery)


def _insert(row: Row, delivery: Delivery) -> Row | None:
    row.source = delivery.source
    row.raw = delivery.raw
    row.sha256 = hashlib.sha256(delivery.raw).hexdigest()
    # A provider that names nothing must not make all its mails one.
    row.event_id = clean(delivery.event_id)[:200] or row.sha256
    row.content_type = clean(delivery.content_type)[:200]
    row.due_at = None if delivery.unreadable else timezone.now()
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return row
