"""Open, answer, close, merge: the only code that writes a ticket's status and clock."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from lib.sealing import derive
from licenses.models import Customer
from support import mails
from support.clock import due_after, read_calendar
from support.files import store_file
from support.models import Attachment, CannedReply, InboundMail, Message, Ticket
from support.reading import File
from support.references import new_message_id

REOPENS_WITHIN = timedelta(days=30)
Status, Kind, Match = Ticket.Status, Message.Kind, Ticket.Match


class TicketWasMerged(Exception):
    """It lives on in another ticket; show that one."""


class NotTheSameCustomer(Exception):
    """Tickets of two customers are never merged."""


@dataclass(frozen=True)
class Said:
    """What somebody wrote. *key* makes the same words told twice one message."""

    body: str
    key: str
    author: str = ""
    message_id: str = ""
    files: Sequence[File] = ()
    verified: str = ""
    is_automatic: bool = False
    mail_id: int | None = None


@dataclass(frozen=True)
class Requester:
    address: str
    name: str = ""


@transaction.atomic
def open_ticket(
    customer_id: int,
    *,
    requester: Requester,
    subject: str,
    said: Said,
    matched_by: Ticket.Match,
    at: datetime,
    follows: Ticket | None = None,
) -> Ticket:
    """A customer's new ticket, acknowledged once; told twice, it is one ticket.

    The customer's row is locked, so that two tickets at once are the first and the second.
    """
    Customer.objects.select_for_update().get(pk=customer_id)
    earlier = Message.objects.filter(key=said.key).select_related("ticket").first()
    if earlier is not None:
        return earlier.ticket
    ticket = Ticket.objects.create(
        customer_id=customer_id,
        requester=requester.address,
        requester_name=requester.name[:200],
        subject=subject.strip()[:200] or "(no subject)",
        matched_by=matched_by,
        opened_at=at,
        due_at=due_after(at),
        follows=follows,
    )
    message = _add(ticket, Kind.CUSTOMER, said, at)
    mails.acknowledge(ticket, at)
    mails.notify_owner(message, has_just_opened=True)
    return ticket


@transaction.atomic
def add_customer_message(ticket_id: int, said: Said, *, at: datetime) -> Ticket:
    """What the customer adds. A person's words start the clock again; a robot's are only shown."""
    ticket = _lock(ticket_id)
    if Message.objects.filter(key=said.key).exists():
        return ticket
    message = _add(ticket, Kind.CUSTOMER, said, at)
    if not said.is_automatic:
        _run_clock(ticket, at)
        mails.notify_owner(message, has_just_opened=False)
    return ticket


@transaction.atomic
def answer_ticket(
    ticket_id: int, *, body: str, closes: bool, key: str, at: datetime, mail_id: int | None = None
) -> Ticket:
    """Mail the owner's answer; then the ticket waits for the customer, or is solved."""
    ticket = _lock(ticket_id)
    if Message.objects.filter(key=key).exists():
        return ticket
    said = Said(
        body=body,
        key=key,
        author=settings.OWNER_EMAIL,
        message_id=new_message_id(ticket.pk),
        mail_id=mail_id,
    )
    message = _add(ticket, Kind.OWNER, said, at)
    _stop_clock(ticket, Status.SOLVED if closes else Status.PENDING, at)
    mails.send_answer(message)
    return ticket


@transaction.atomic
def add_note(ticket_id: int, *, body: str, key: str, at: datetime) -> Ticket:
    """A note of the owner's to himself; it never leaves the house."""
    ticket = _lock(ticket_id)
    if not Message.objects.filter(key=key).exists():
        _add(ticket, Kind.NOTE, Said(body=body, key=key, author=settings.OWNER_EMAIL), at)
    return ticket


@transaction.atomic
def close_ticket(ticket_id: int, *, at: datetime) -> Ticket:
    """Solved without another word."""
    ticket = _lock(ticket_id)
    if ticket.status != Status.SOLVED:
        _stop_clock(ticket, Status.SOLVED, at)
    return ticket


@transaction.atomic
def bounce_back(ticket_id: int, *, key: str, at: datetime) -> Ticket:
    """Send the canned answer for a ticket above the allowance, and close it."""
    ticket = Ticket.objects.get(pk=ticket_id)
    canned = CannedReply.objects.filter(slug="over-quota").first() or CannedReply(
        body="The tickets of this quarter are used up; please ask in public: {tracker_url}"
    )
    text = fill_in(canned, ticket)
    return answer_ticket(ticket_id, body=text, closes=True, key=key, at=at)


@transaction.atomic
def note_facts(ticket_id: int, **facts: str | bool) -> Ticket:
    """What the owner says of it: cause, topic, task, public_url, is_exempt."""
    assert set(facts) <= {"cause", "topic", "task", "public_url", "is_exempt"}
    ticket = _lock(ticket_id)
    for name, value in facts.items():
        setattr(ticket, name, value)
    ticket.save(update_fields=list(facts))
    return ticket


@transaction.atomic
def merge_tickets(ticket_id: int, *, into_id: int, at: datetime) -> Ticket:
    """Move everything said in a ticket into another one of the same customer."""
    first, second = sorted([ticket_id, into_id])  # always in the same order: no deadlock
    locked = {pk: Ticket.objects.select_for_update().get(pk=pk) for pk in (first, second)}
    ticket, into = locked[ticket_id], locked[into_id]
    if ticket.merged_into_id == into_id:
        return into
    if ticket.pk == into.pk or into.merged_into_id is not None:
        raise TicketWasMerged(f"ticket {into.pk} cannot take another")
    if ticket.customer_id != into.customer_id:
        raise NotTheSameCustomer(f"tickets {ticket.pk} and {into.pk}")
    ticket.messages.update(ticket=into)
    ticket.mails.update(ticket=into)
    ticket.merged.update(merged_into=into)
    was_open = ticket.status == Status.OPEN
    _stop_clock(ticket, Status.SOLVED, at)
    ticket.merged_into = into
    ticket.save(update_fields=["merged_into"])
    if was_open:
        _run_clock(into, at)
    return into


def adopt_mail(mail_id: int, *, customer_id: int, mail: Said, at: datetime) -> Ticket:
    """Make a ticket of a mail that was nobody's, by the owner's hand."""
    row = InboundMail.objects.get(pk=mail_id)
    ticket = open_ticket(
        customer_id,
        requester=Requester(row.sender),
        subject=row.subject,
        said=mail,
        matched_by=Match.HAND,
        at=at,
    )
    InboundMail.objects.filter(pk=mail_id).update(
        outcome=InboundMail.Outcome.TICKET, ticket=ticket, note="made a ticket by the owner"
    )
    return ticket


def fill_in(reply: CannedReply, ticket: Ticket) -> str:
    """A canned reply with its variables filled in; unknown ones stay as they are."""
    values = {
        "name": ticket.requester_name or "Hello",
        "ticket": str(ticket.pk),
        "subject": ticket.subject,
        "customer": str(ticket.customer),
        "shop_name": settings.SHOP_NAME,
        "base_url": settings.BASE_URL,
        "tracker_url": settings.TRACKER_URL or settings.BASE_URL,
        "invoice_min": f"${settings.INVOICE_MIN_YEARLY:,}",
        "security_email": settings.SECURITY_EMAIL,
    }
    text = reply.body
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def new_key() -> str:
    """For a form: whoever sends it twice says it once."""
    return uuid.uuid4().hex


def _lock(ticket_id: int) -> Ticket:
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if ticket.merged_into_id is not None:
        raise TicketWasMerged(f"ticket {ticket.pk} is part of {ticket.merged_into_id}")
    return ticket


def _add(ticket: Ticket, kind: Message.Kind, said: Said, at: datetime) -> Message:
    message = Message.objects.create(
        ticket=ticket,
        kind=kind,
        author=said.author,
        body=said.body,
        at=at,
        is_automatic=said.is_automatic,
        verified=said.verified,
        message_id=said.message_id if len(said.message_id) <= 250 else "",
        key=said.key,
        mail_id=said.mail_id,
    )
    for number, file in enumerate(said.files):
        # The same name when the work is done again after a crash: nothing is left over.
        name = derive("attachment", f"{said.key}:{number}").hex()[:40]
        Attachment.objects.create(
            message=message,
            filename=file.filename[:150],
            size=len(file.content),
            stored_as=store_file(name, file.content),
        )
    return message


def _run_clock(ticket: Ticket, at: datetime) -> None:
    """The customer's turn is over. What was left of the time goes on, but a working day at least:
    an answer in the last minute must not make the next one late.
    """
    if ticket.status == Status.OPEN:
        return
    if ticket.status == Status.PENDING:
        calendar = read_calendar()
        left = max(timedelta(seconds=ticket.left_seconds), calendar.day_length)
        ticket.due_at = calendar.add(at, left)
    else:
        ticket.due_at = due_after(at)
    ticket.status, ticket.solved_at = Status.OPEN, None
    ticket.save(update_fields=["status", "due_at", "solved_at"])


def _stop_clock(ticket: Ticket, status: Ticket.Status, at: datetime) -> None:
    if ticket.due_at is not None:
        left = read_calendar().between(at, ticket.due_at)
        ticket.left_seconds = int(left.total_seconds())
    ticket.status, ticket.due_at = status, None
    ticket.solved_at = at if status == Status.SOLVED else None
    ticket.save(update_fields=["status", "due_at", "left_seconds", "solved_at"])
