"""Queue a mail in the caller's transaction; `manage.py work` delivers it after the commit."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from outbox.claims import Claim
from outbox.models import Mail

log = logging.getLogger(__name__)


def queue_mail(key: str, *, template: str, to: Sequence[str], context: dict[str, Any]) -> Mail:
    """Write the mail of a fact; told twice, it is written once.

    *template* names a pair `<template>.subject.txt` and `<template>.txt`, rendered now, so that
    it shows what the transaction commits. Nothing secret may be in *context*.
    """
    context = {"shop_name": settings.SHOP_NAME, "base_url": settings.BASE_URL, **context}
    mail: Mail
    mail, _ = Mail.objects.get_or_create(
        key=key,
        defaults={
            "to": list(to),
            "subject": " ".join(_text(f"{template}.subject.txt", context).split()),
            "body": _text(f"{template}.txt", context),
            "due_at": timezone.now(),
        },
    )
    return mail


def is_queued(key: str) -> bool:
    """Whether the fact was mailed, or will be."""
    return Mail.objects.filter(key=key).exists()


def queued_among(keys: Iterable[str]) -> set[str]:
    """Those of the facts that were mailed, or will be."""
    return set(Mail.objects.filter(key__in=list(keys)).values_list("key", flat=True))


def sent_at(key: str) -> datetime | None:
    """When the fact's mail left; None if it has not."""
    return Mail.objects.filter(key=key).values_list("sent_at", flat=True).first()


def _text(template: str, context: dict[str, Any]) -> str:
    return render_to_string(template, context, using="text")


def deliver_due_mail(at: datetime) -> int:
    """Send every mail that is due; returns how many left.

    A kill between the server's "accepted" and our mark sends the mail a second time, under the
    same Message-ID; nothing is lost.
    """
    due = Mail.objects.due(at).order_by("due_at").values_list("pk", flat=True)[:100]
    return sum(_deliver(pk, at) for pk in list(due))


def _deliver(pk: int, at: datetime) -> bool:
    claim = Mail.objects.claim(pk, at)
    if claim is None:
        return False
    mail = Mail.objects.get(pk=pk)
    try:
        _message(mail).send()
    except Exception as error:
        log.warning("mail %s not sent: %s", mail.key, error)
        claim.fail(error, at)
        return False
    return _mark_sent(claim)


def _mark_sent(claim: Claim) -> bool:
    return claim.update(sent_at=timezone.now(), due_at=None, last_error="")


def _message(mail: Mail) -> EmailMessage:
    return EmailMessage(
        subject=mail.subject,
        body=mail.body,
        to=mail.to,
        headers={"Message-ID": message_id(mail.key), "Auto-Submitted": "auto-generated"},
    )


def message_id(key: str) -> str:
    """The Message-ID of a fact: the same however often the mail is sent."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{settings.HOST}>"
