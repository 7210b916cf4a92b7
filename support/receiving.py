"""`work` reads what came in: one row at a time, claimed, read outside and acted on in one
transaction that the fence guards. A mail that cannot be read is an item in the inbox.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from licenses import news
from outbox.claims import Claim, for_a_while
from outbox.models import Mail
from support import bounces, mails, tickets
from support.answering import answer_above, command_of
from support.models import InboundMail, MailEvent, Message
from support.reading import ReadMail, clean, read_mail
from support.sorting import Verdict, sort_mail
from support.storing import Delivery, keep_mail
from support.tickets import Requester
from support.unpacking import Unreadable, provider_events, unpack
from support.words import said_by

log = logging.getLogger(__name__)
BATCH = 100
SPAM_SCORE = 5.0  # from here on no pointer goes out
Outcome = InboundMail.Outcome


def parse_due_mail(at: datetime) -> int:
    """Read every mail that waits, and what providers told; returns how many were done."""
    due = InboundMail.objects.due(at).order_by("received_at", "pk").values_list("pk", flat=True)
    done = sum(_take(InboundMail, pk, at, _read_mail) for pk in for_a_while(due[:BATCH]))
    told = MailEvent.objects.due(at).order_by("received_at", "pk").values_list("pk", flat=True)
    return done + sum(_take(MailEvent, pk, at, _read_event) for pk in for_a_while(told[:BATCH]))


# Reads a row; returns what to do inside the guarded transaction, which returns fields to write.
Act = Callable[[], dict[str, Any]]


def _take(model: Any, pk: int, at: datetime, read: Callable[[Any, datetime], Act]) -> bool:
    claim: Claim | None = model.objects.claim(pk, at)
    if claim is None:
        return False
    try:
        act = read(model.objects.get(pk=pk), at)
        with transaction.atomic():
            if not claim.update(due_at=None, last_error=""):
                return False  # somebody took over; what he writes counts
            model.objects.filter(pk=pk).update(**act())
    except Exception as error:
        log.exception("%s %s could not be worked on", model.__name__, pk)
        claim.fail(error, timezone.now())
        return False
    return True


def _read_mail(row: InboundMail, at: datetime) -> Act:
    raw, further = unpack(row)
    if isinstance(raw, Unreadable):
        unread = {"outcome": Outcome.UNREADABLE, "note": raw.error}
        return _keeping(further, lambda: unread)
    mail = read_mail(raw)
    return _keeping(further, lambda: _act(mail, raw, row, at))


def _keeping(further: Sequence[Delivery], act: Act) -> Act:
    """What to do, and before it what came in the same delivery."""

    def act_on_all() -> dict[str, Any]:
        for one in further:
            keep_mail(one)
        return act()

    return act_on_all


def _act(mail: ReadMail, raw: bytes, row: InboundMail, at: datetime) -> dict[str, Any]:
    row.sender, row.subject = mail.sender, mail.subject
    verdict = sort_mail(mail, row, at)
    done = _DEEDS.get(verdict.outcome, _do_nothing)(mail, row, verdict, at)
    if verdict.outcome == Outcome.BOUNCE:
        done["note"] = bounces.note_report(mail, raw, verdict.failed, at)
    notes = [done.pop("note", ""), verdict.note, *mail.problems]
    return {
        "outcome": verdict.outcome,
        "ticket": verdict.ticket,
        "sender": row.sender,
        "subject": row.subject,
        "envelope_from": row.envelope_from,
        "envelope_to": row.envelope_to,
        "spam_score": row.spam_score,
        "note": "\n".join(note for note in notes if note)[:5000],
        **done,
    }


def _do_nothing(mail: ReadMail, row: InboundMail, verdict: Verdict, at: datetime) -> dict[str, Any]:
    return {}


def _open(mail: ReadMail, row: InboundMail, verdict: Verdict, at: datetime) -> dict[str, Any]:
    assert verdict.customer_id is not None
    bounces.clear_bouncing(mail.sender)
    ticket = tickets.open_ticket(
        verdict.customer_id,
        requester=Requester(mail.sender, mail.sender_name),
        subject=mail.subject,
        said=said_by(mail, row, verdict),
        matched_by=verdict.matched_by,
        at=at,
        follows=verdict.ticket,
    )
    return {"ticket": ticket, **_copy_note(row)}


def _join(mail: ReadMail, row: InboundMail, verdict: Verdict, at: datetime) -> dict[str, Any]:
    assert verdict.ticket is not None
    if not verdict.automatic:
        bounces.clear_bouncing(mail.sender)
    tickets.add_customer_message(verdict.ticket.pk, said_by(mail, row, verdict), at=at)
    return _copy_note(row)


def _copy_note(row: InboundMail) -> dict[str, Any]:
    """A mail may come by two ways, e.g. to two of our addresses; then it is said once."""
    is_said = Message.objects.filter(mail_id=row.pk).exists()
    return {} if is_said else {"note": "a copy of a mail that came before"}


def _reply(mail: ReadMail, row: InboundMail, verdict: Verdict, at: datetime) -> dict[str, Any]:
    """The owner answered the notification in his own mail program."""
    assert verdict.ticket is not None
    ticket = verdict.ticket.merged_into or verdict.ticket
    said = said_by(mail, row)
    command, text = command_of(answer_above(mail.text))
    if not text:
        mails.tell_owner(
            f"unsent:{said.key}",
            subject=f"Not sent: your answer to #{ticket.pk}",
            text=f"Nothing stood above the line, so nothing was sent to {ticket.requester}.",
        )
        return {"note": "nothing above the line; not sent"}
    if command == "note":
        tickets.add_note(ticket.pk, body=text, key=said.key, at=at, mail_id=row.pk)
    else:
        tickets.answer_ticket(
            ticket.pk,
            body=text,
            closes=command == "close",
            key=said.key,
            at=at,
            files=mail.files,
            mail_id=row.pk,
        )
    return {"ticket": ticket, **_copy_note(row)}


def _hold(mail: ReadMail, row: InboundMail, verdict: Verdict, at: datetime) -> dict[str, Any]:
    mails.tell_owner(
        f"flood:{mails.digest_key(mail.sender)}:{at:%Y-%m-%d}",
        subject=f"Many mails from {mail.sender}",
        text=f"{verdict.note}. They are held in the inbox; nothing is answered.",
    )
    return {}


def _point(mail: ReadMail, row: InboundMail, verdict: Verdict, at: datetime) -> dict[str, Any]:
    if mail.sender == settings.OWNER_EMAIL.lower():
        return {"note": "the owner's own, without a token"}
    if why := _is_not_to_be_answered(mail, row, verdict):
        return {"note": f"{why}: no pointer"}
    template = "support/lapsed" if verdict.outcome == Outcome.LAPSED else "support/pointer"
    sent = mails.point(row, message_id=mail.message_id, at=at, template=template)
    return {"note": "a pointer was sent" if sent else "no pointer: one was sent before"}


def _is_not_to_be_answered(mail: ReadMail, row: InboundMail, verdict: Verdict) -> str:
    """Why not: whoever stands in From has most likely not written it."""
    if (row.spam_score or 0) >= SPAM_SCORE:
        return f"spam score {row.spam_score}"
    # A mail server's own filter; whoever writes these himself only spares us the pointer.
    if mail.first("x-spam-flag").strip().lower() == "yes":
        return "marked as spam"
    if mail.first("x-spam-status").strip().lower().startswith("yes"):
        return "marked as spam"
    return "the sender is not verified" if verdict.verified == Message.Verified.FAIL else ""


_DEEDS = {
    Outcome.TICKET: _open,
    Outcome.MESSAGE: _join,
    Outcome.REPLY: _reply,
    Outcome.HELD: _hold,
    Outcome.STRANGER: _point,
    Outcome.LAPSED: _point,
}


def _read_event(row: MailEvent, at: datetime) -> Act:
    events = provider_events(row)
    return lambda: {"note": clean("; ".join(_act_on(event, at) for event in events))[:200]}


def _act_on(event: Any, at: datetime) -> str:
    """Only a mailbox that is dead for good matters; the provider was proven by its secret."""
    if isinstance(event, Unreadable):
        return event.error
    kind = str(event.event_type)
    given = event.esp_event if isinstance(event.esp_event, dict) else {}
    is_soft = given.get("Type") == "SoftBounce"  # Postmark's
    says_hard = given.get("event") == "hard_bounce"  # Mandrill's, which django-anymail passes on
    is_final = event.reject_reason in {"bounced", "invalid"} or says_hard
    hard = kind in {"bounced", "rejected"} and is_final
    address = clean(str(event.recipient or "")).strip().lower()[:320]
    if kind == "complained":
        news.unfollow_all(address)
    if not hard or is_soft or "@" not in address:
        return kind
    told_id = clean(str(event.message_id or ""))[:200]
    ours = [one for one in _sent_as(told_id) if address in one.to]
    reason = str(event.mta_response or event.description or kind)
    bounces.mark_bouncing(address, reason=clean(reason), mails=ours, at=at)
    return f"{kind}: {address}"


def _sent_as(told_id: str) -> list[Mail]:
    if not told_id:
        return []
    by_provider = list(Mail.objects.filter(provider_id=told_id)[:1])
    return by_provider or list(Mail.objects.filter(message_id=told_id)[:1])
