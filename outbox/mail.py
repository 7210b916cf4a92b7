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

from outbox.claims import Claim, for_a_while
from outbox.models import Mail

log = logging.getLogger(__name__)
OURS = "X-Wheelbarrow"  # by this header we know our own mail when it comes back


def queue_mail(
    key: str,
    *,
    template: str,
    to: Sequence[str],
    context: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> Mail:
    """Write the mail of a fact; told twice, it is written once.

    `was_queued_now` of the returned row says whether this call wrote it.

    *template* names a pair `<template>.subject.txt` and `<template>.txt`, rendered now, so that
    it shows what the transaction commits. Nothing secret may be in *context*. *headers* are
    added to the usual ones: "" leaves a usual one out, a Message-ID replaces ours.
    """
    subject, body = render_mail(template, context)
    mail: Mail
    mail, mail_is_new = Mail.objects.get_or_create(
        key=key,
        defaults={
            "to": list(to),
            "subject": subject,
            "body": body,
            "headers": headers or {},
            "message_id": (headers or {}).get("Message-ID") or message_id(key),
            "due_at": timezone.now(),
        },
    )
    mail.was_queued_now = mail_is_new
    return mail


def render_mail(template: str, context: dict[str, Any]) -> tuple[str, str]:
    """Subject and body as `queue_mail` would write them; nothing is queued."""
    context = {"shop_name": settings.SHOP_NAME, "base_url": settings.BASE_URL, **context}
    subject = " ".join(_text(f"{template}.subject.txt", context).split())[:200]
    return subject, _text(f"{template}.txt", context)


def is_queued(key: str) -> bool:
    """Whether the fact was mailed, or will be."""
    return Mail.objects.filter(key=key).exists()


def queue_again(mail: Mail, *, key: str, to: Sequence[str]) -> Mail:
    """Queue what *mail* said for somebody else, under a key of its own."""
    copy: Mail
    copy, _ = Mail.objects.get_or_create(
        key=key,
        defaults={
            "to": list(to),
            "subject": mail.subject,
            "body": mail.body,
            "message_id": message_id(key),
            "due_at": timezone.now(),
        },
    )
    return copy


def queued_among(keys: Iterable[str]) -> set[str]:
    """Those of the facts that were mailed, or will be."""
    return set(Mail.objects.filter(key__in=list(keys)).values_list("key", flat=True))


def sent_at(key: str) -> datetime | None:
    """When the fact's mail left; None if it has not."""
    return Mail.objects.filter(key=key).values_list("sent_at", flat=True).first()


def _text(template: str, context: dict[str, Any]) -> str:
    text = render_to_string(template, context, using="text")
    return str.__str__(text)  # no SafeString: a mail's words are not safe as HTML


def deliver_due_mail(at: datetime) -> int:
    """Send every mail that is due; returns how many left.

    A kill between the server's "accepted" and our mark sends the mail a second time, under the
    same Message-ID; nothing is lost.
    """
    due = Mail.objects.due(at).order_by("due_at", "pk").values_list("pk", flat=True)[:100]
    return sum(_deliver(pk, at) for pk in for_a_while(due))


def _deliver(pk: int, at: datetime) -> bool:
    claim = Mail.objects.claim(pk, at)
    if claim is None:
        return False
    mail = Mail.objects.get(pk=pk)
    message = _message(mail)
    try:
        message.send()
    except Exception as error:
        log.warning("mail %s not sent: %s", mail.key, error)
        claim.fail(error, timezone.now())
        return False
    return _mark_sent(claim, provider_id=_provider_id(message))


def _mark_sent(claim: Claim, *, provider_id: str) -> bool:
    return claim.update(sent_at=timezone.now(), due_at=None, last_error="", provider_id=provider_id)


def _message(mail: Mail) -> EmailMessage:
    usual = {
        "Message-ID": mail.message_id or message_id(mail.key),
        "Auto-Submitted": "auto-generated",
        OURS: settings.HOST,
    }
    headers = {name: value for name, value in {**usual, **mail.headers}.items() if value}
    return EmailMessage(subject=mail.subject, body=mail.body, to=mail.to, headers=headers)


def _provider_id(message: EmailMessage) -> str:
    """The provider's own id, which django-anymail leaves on the message; "" by plain SMTP."""
    status = getattr(message, "anymail_status", None)
    provider_id = getattr(status, "message_id", None)
    return provider_id[:200] if isinstance(provider_id, str) else ""


def message_id(key: str) -> str:
    """The Message-ID of a fact: the same however often the mail is sent."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{settings.HOST}>"
