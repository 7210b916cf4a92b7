"""Open, ask, answer, note, close: what is said in a ticket."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from lib.sealing import derive
from licenses.models import Customer
from support import mails
from support.canned import say_canned
from support.clock import due_after, full_span
from support.files import store_file
from support.models import Attachment, Message, Ticket
from support.reading import File
from support.references import new_message_id
from support.turns import check_seen, lock_ticket, note_first_answer, run_clock, stop_clock

REOPENS_WITHIN = timedelta(days=30)
Status, Kind = Ticket.Status, Message.Kind


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

    A robot's, which only the owner makes one, is not acknowledged and does not count. The
    customer's row is locked, so that two tickets at once are the first and the second.
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
        is_exempt=said.is_automatic,
    )
    message = _add(ticket, Kind.CUSTOMER, said, at)
    if not said.is_automatic:
        mails.acknowledge(ticket, at)
    mails.notify_owner(message, has_just_opened=True)
    return ticket


@transaction.atomic
def write_first(
    customer_id: int,
    *,
    requester: Requester,
    subject: str,
    body: str,
    key: str,
    at: datetime,
    files: Sequence[File] = (),
) -> Ticket:
    """The owner writes to a customer: a ticket that waits for him; told twice, it is one."""
    Customer.objects.select_for_update().get(pk=customer_id)
    earlier = Message.objects.filter(key=key).select_related("ticket").first()
    if earlier is not None:
        return earlier.ticket
    ticket = Ticket.objects.create(
        customer_id=customer_id,
        requester=requester.address,
        requester_name=requester.name[:200],
        subject=subject.strip()[:200],
        status=Status.PENDING,
        opened_by=Ticket.Side.OWNER,
        matched_by=Ticket.Match.HAND,
        opened_at=at,
        left_seconds=full_span().total_seconds(),
    )
    said = Said(
        body=body,
        key=key,
        author=settings.OWNER_EMAIL,
        message_id=new_message_id(ticket.pk),
        files=files,
    )
    mails.send_answer(_add(ticket, Kind.OWNER, said, at))
    return ticket


@transaction.atomic
def add_customer_message(ticket_id: int, said: Said, *, at: datetime) -> Ticket:
    """What the customer adds. A person's words start the clock again; a robot's are only shown."""
    ticket = lock_ticket(ticket_id)
    if Message.objects.filter(key=said.key).exists():
        return ticket
    message = _add(ticket, Kind.CUSTOMER, said, at)
    if not said.is_automatic:
        run_clock(ticket, at)
        mails.notify_owner(message, has_just_opened=False)
    return ticket


@transaction.atomic
def answer_ticket(
    ticket_id: int,
    *,
    body: str,
    closes: bool,
    key: str,
    at: datetime,
    files: Sequence[File] = (),
    seen: int | None = None,
    mail_id: int | None = None,
) -> Ticket:
    """Mail the owner's answer; then the ticket waits for the customer, or is solved.

    *seen* is what `newest_words` was when he read the ticket: raises SaidMeanwhile when the
    customer has written since, for what nobody has read must not be closed.
    """
    ticket = lock_ticket(ticket_id)
    if Message.objects.filter(key=key).exists():
        return ticket
    check_seen(ticket, seen)
    said = Said(
        body=body,
        key=key,
        author=settings.OWNER_EMAIL,
        message_id=new_message_id(ticket.pk),
        files=files,
        mail_id=mail_id,
    )
    message = _add(ticket, Kind.OWNER, said, at)
    note_first_answer(ticket)
    stop_clock(ticket, Status.SOLVED if closes else Status.PENDING, at)
    mails.send_answer(message)
    return ticket


@transaction.atomic
def add_note(
    ticket_id: int, *, body: str, key: str, at: datetime, mail_id: int | None = None
) -> Ticket:
    """A note of the owner's to himself; it never leaves the house."""
    ticket = lock_ticket(ticket_id)
    if not Message.objects.filter(key=key).exists():
        said = Said(body=body, key=key, author=settings.OWNER_EMAIL, mail_id=mail_id)
        _add(ticket, Kind.NOTE, said, at)
    return ticket


@transaction.atomic
def close_ticket(ticket_id: int, *, at: datetime, seen: int | None = None) -> Ticket:
    """Solved without another word; raises SaidMeanwhile as `answer_ticket` does."""
    ticket = lock_ticket(ticket_id)
    check_seen(ticket, seen)
    if ticket.status != Status.SOLVED:
        stop_clock(ticket, Status.SOLVED, at)
    return ticket


@transaction.atomic
def bounce_back(ticket_id: int, *, key: str, at: datetime, seen: int | None = None) -> Ticket:
    """Send the canned answer for a ticket above the allowance, and close it."""
    text = say_canned("over-quota", Ticket.objects.get(pk=ticket_id))
    return answer_ticket(ticket_id, body=text, closes=True, key=key, at=at, seen=seen)


@transaction.atomic
def answer_in_public(
    ticket_id: int, *, public_url: str, key: str, at: datetime, seen: int | None = None
) -> Ticket:
    """Note where the answer stands, send the customer there, and close."""
    ticket = note_facts(ticket_id, public_url=public_url)
    text = say_canned("in-public", ticket)
    return answer_ticket(ticket_id, body=text, closes=True, key=key, at=at, seen=seen)


@transaction.atomic
def note_facts(ticket_id: int, **facts: str | bool) -> Ticket:
    """What the owner says of it: cause, topic, task, public_url, is_exempt."""
    assert set(facts) <= {"cause", "topic", "task", "public_url", "is_exempt"}
    ticket = lock_ticket(ticket_id)
    for name, value in facts.items():
        setattr(ticket, name, value)
    ticket.save(update_fields=list(facts))
    return ticket


def new_key() -> str:
    """For a form: whoever sends it twice says it once."""
    return uuid.uuid4().hex


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
