"""Every mail that support sends, written in the caller's transaction."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from licenses.models import Contact
from outbox.mail import message_id as outbox_message_id
from outbox.mail import queue_mail, render_mail
from support.clock import local_time, read_calendar
from support.files import file_link
from support.models import AutomaticAnswer, InboundMail, Message, Ticket, Vacation
from support.quota import quota_line, quota_of
from support.references import OWNER, new_message_id, reply_address, threading_headers

ANSWER_AGAIN_AFTER = timedelta(hours=24)  # at most one automatic mail to an address in this time
POINT_AGAIN_AFTER = timedelta(days=30)
# To everybody together, pointers and acknowledgements each: forged senders must not make us a mill.
MAX_AUTOMATIC_AN_HOUR = 60
MAX_RECIPIENTS = 10
_MARKS = re.compile(r"\A(?:\s*(?:re|aw|sv|antw|rif)\s*:)+", re.IGNORECASE)
ANSWER_ABOVE = "---- write your answer above this line ----"
# People's answers carry no Auto-Submitted (RFC 3834); the machine's say that they are its.
AUTO_REPLIED = {
    "Auto-Submitted": "auto-replied",
    "X-Auto-Response-Suppress": "OOF, AutoReply",
}


@transaction.atomic
def claim_automatic_answer(address: str, at: datetime, *, is_pointer: bool = False) -> bool:
    """Whether our machine may write to *address* now; saying yes is noted, so the next is no.

    This is what ends every loop with a robot after one mail of ours. Whoever was pointed and has
    bought since is acknowledged all the same: no robot buys.
    """
    last_hour = AutomaticAnswer.objects.filter(answered_at__gt=at - timedelta(hours=1))
    pointers = Q(pointed_at=F("answered_at"))
    if last_hour.filter(pointers if is_pointer else ~pointers).count() >= MAX_AUTOMATIC_AN_HOUR:
        return False
    pointed = {"pointed_at": at} if is_pointer else {}
    row, is_new = AutomaticAnswer.objects.get_or_create(
        address=address, defaults={"answered_at": at, **pointed}
    )
    if is_new:
        return True
    quiet = Q(answered_at__lte=at - ANSWER_AGAIN_AFTER)
    if not is_pointer:
        quiet |= pointers
    else:
        quiet &= Q(pointed_at__isnull=True) | Q(pointed_at__lte=at - POINT_AGAIN_AFTER)
    updated = AutomaticAnswer.objects.filter(quiet, pk=row.pk).update(answered_at=at, **pointed)
    return bool(updated)


def acknowledge(ticket: Ticket, at: datetime) -> None:
    """Say that it came, what is used of the quota, and when the answer is due."""
    if not claim_automatic_answer(ticket.requester, at):
        return
    quota = quota_of(ticket.customer_id, at)
    own = Message.objects.create(
        ticket=ticket,
        kind=Message.Kind.MACHINE,
        at=at,
        key=f"received:{ticket.pk}",
        message_id=new_message_id(ticket.pk),
    )
    queue_mail(
        own.key,
        template="support/received",
        to=[ticket.requester],
        context={
            "subject": bare_subject(ticket.subject),
            "ticket": ticket,
            "quota_line": quota_line(ticket, quota) if quota else "",
            "due": local_time(ticket.due_at),
            "vacation": vacation_line(at, ticket.due_at),
            "has_account": has_account(ticket),
        },
        headers={**threading_headers(ticket, own.message_id), **AUTO_REPLIED},
    )


def tell_of_delay(ticket: Ticket, at: datetime) -> None:
    """Say that the answer is due later than was said; of one due time once."""
    assert ticket.due_at is not None
    key, due = f"moved:{ticket.pk}:{ticket.due_at:%Y-%m-%dT%H:%M}", local_time(ticket.due_at)
    own, is_new = Message.objects.get_or_create(
        key=key,
        defaults={
            "ticket": ticket,
            "kind": Message.Kind.MACHINE,
            "at": at,
            "body": f"Answered by {due}.",
            "message_id": new_message_id(ticket.pk),
        },
    )
    if not is_new:
        return
    queue_mail(
        key,
        template="support/moved",
        to=[ticket.requester],
        context={
            "subject": bare_subject(ticket.subject),
            "ticket": ticket,
            "due": due,
            "vacation": vacation_line(at, ticket.due_at),
        },
        headers=threading_headers(ticket, own.message_id),
    )


def send_answer(message: Message) -> None:
    """Mail the owner's answer, as a person's mail."""
    ticket = message.ticket
    files = [(file.filename, file_link(file)) for file in message.attachments.all()]
    is_first = ticket.messages.count() == 1  # the owner wrote first
    queue_mail(
        f"answer:{message.pk}",
        template="support/answer",
        to=recipients(ticket),
        context=_answer(ticket, message.body, files=files, is_first=is_first),
        headers={**threading_headers(ticket, message.message_id), "Auto-Submitted": ""},
    )


@dataclass(frozen=True)
class Words:
    """A mail to be looked at."""

    to: list[str]
    subject: str
    body: str


def words_of_answer(ticket: Ticket, body: str) -> Words:
    """The mail that an answer of these words would be, but for its files; nothing is sent."""
    subject, text = render_mail("support/answer", _answer(ticket, body))
    return Words(recipients(ticket), subject, text)


def _answer(
    ticket: Ticket, body: str, *, files: Sequence[tuple[str, str]] = (), is_first: bool = False
) -> dict[str, Any]:
    return {
        "subject": bare_subject(ticket.subject),
        "is_first": is_first,
        "ticket": ticket,
        "body": body,
        "files": files,
        "has_account": has_account(ticket),
    }


def has_account(ticket: Ticket) -> bool:
    """Whether the requester can sign in: a colleague known by his domain cannot."""
    people = Contact.objects.filter(customer_id=ticket.customer_id, email=ticket.requester)
    return people.filter(user__isnull=False).exists()


def recipients(ticket: Ticket) -> list[str]:
    """Who asked, and everybody of the customer's who wrote in it, the first ten."""
    wrote = ticket.messages.filter(kind=Message.Kind.CUSTOMER, is_automatic=False)
    authors = wrote.values_list("author", flat=True)
    return recipients_among(ticket.requester, authors)


def recipients_among(requester: str, authors: Iterable[str]) -> list[str]:
    """`recipients`, where the people who wrote are known already."""
    named = filter(None, authors)
    return list(dict.fromkeys([requester, *named]))[:MAX_RECIPIENTS]


def bare_subject(subject: str) -> str:
    """Without the answers' marks before it, so that ours is the only one."""
    return _MARKS.sub("", subject).strip()


def notify_owner(message: Message, *, has_just_opened: bool) -> None:
    """Tell the owner, who may simply answer this mail."""
    if not settings.OWNER_EMAIL:
        return
    ticket = message.ticket
    thread = outbox_message_id(f"ticket:{ticket.pk}")
    queue_mail(
        f"notify:{message.pk}",
        template="support/notification",
        to=[settings.OWNER_EMAIL],
        context={
            "ticket": ticket,
            "message": message,
            "files": list(message.attachments.all()),
            "is_new": has_just_opened,
            "quota": quota_of(ticket.customer_id, message.at),
            "above": ANSWER_ABOVE,
            "due": local_time(ticket.due_at),
            "admin_path": settings.ADMIN_PATH,
        },
        headers={"Reply-To": reply_address(ticket, side=OWNER), "References": thread},
    )


def tell_owner(key: str, *, subject: str, text: str) -> None:
    """A notice without a ticket: a flood, a dead mailbox, an answer that was not sent on."""
    if settings.OWNER_EMAIL:
        queue_mail(
            key,
            template="support/notice",
            to=[settings.OWNER_EMAIL],
            context={"subject": subject, "text": text},
        )


def point(mail: InboundMail, *, message_id: str, at: datetime, template: str) -> bool:
    """One polite pointer for whoever has no right to private support; False if none may go."""
    if not claim_automatic_answer(mail.sender, at, is_pointer=True):
        return False
    answered = {"In-Reply-To": message_id, "References": message_id} if message_id else {}
    queue_mail(
        f"pointer:{mail.pk}",
        template=template,
        to=[mail.sender],
        context={
            "subject": bare_subject(mail.subject) or "your mail",
            "tracker_url": settings.TRACKER_URL,
            "docs_url": settings.DOCS_URL,
            "security_email": settings.SECURITY_EMAIL,
        },
        headers={**answered, **AUTO_REPLIED, "Reply-To": settings.SUPPORT_EMAIL},
    )
    return True


def vacation_line(start: datetime, end: datetime | None) -> str:
    """Says so when the owner is away before the answer is due."""
    away = read_calendar().vacation_at(start, end or start)
    if away is None:
        return ""
    first, last = away
    note = Vacation.objects.filter(starts_on=first, ends_on=last).values_list("note", flat=True)
    text = (
        f"We are away from {_day(first)} to {_day(last)}; the time above takes that into account."
    )
    return f"{text} {note[0]}".strip() if note else text


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def digest_key(text: str) -> str:
    """An address as part of a key: of bounded length."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]
