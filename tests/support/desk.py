"""The parts of a support story: mail comes in, the worker works, mail goes out."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from django.core import mail as django_mail
from django.utils import timezone

from licenses.models import Contact, Customer, License, Tier
from outbox.mail import deliver_due_mail
from support import tickets
from support.models import InboundMail, Ticket
from support.reading import File
from support.receiving import parse_due_mail
from support.storing import Delivery, keep_mail
from support.tickets import Requester, Said
from tests.make import make_customer, make_license, make_tier

MONDAY = datetime(2026, 8, 3, 10, tzinfo=UTC)


def make_plan(slug: str = "pro", *, tickets: int = 1) -> Tier:
    tier = make_tier(slug)
    tier.tickets_per_quarter = tickets
    tier.save()
    return tier


def make_licensed(email: str = "dev@company.example", *, tickets: int = 1) -> Customer:
    """A customer with a current license that includes so many tickets a quarter."""
    customer = make_customer(email)
    make_license(customer=customer, tier=make_plan(tickets=tickets))
    return customer


def add_contact(customer: Customer, email: str, role: str = Contact.Role.BILLING) -> Contact:
    return Contact.objects.create(customer=customer, email=email, role=role)


def end_licenses(customer: Customer) -> None:
    License.objects.filter(customer=customer).update(status=License.Status.LAPSED)


def take(raw: bytes, **envelope: Any) -> InboundMail:
    """A mail comes in by the pipe and is worked on; the row as it is then."""
    row = keep_mail(Delivery(source="pipe", raw=raw, **envelope))
    assert row is not None, "this very mail came before"
    parse_due_mail(timezone.now())
    row.refresh_from_db()
    assert row.last_error == "", row.last_error
    return row


def make_conversation(customer: Customer) -> Ticket:
    """A ticket with a file, and a stranger's mail beside it; nothing of it was sent."""
    contact = customer.contacts.order_by("pk")[0]
    ticket = tickets.open_ticket(
        customer.pk,
        requester=Requester(contact.email, "Jane Doe"),
        subject="It hangs",
        said=Said(
            body="It hangs with 200 threads.",
            key=f"conversation:{customer.pk}",
            author=contact.email,
            files=[File("trace.txt", b"Traceback")],
        ),
        matched_by=Ticket.Match.CONTACT,
        at=timezone.now(),
    )
    InboundMail.objects.create(
        source="pipe",
        event_id="stranger",
        sha256="0" * 64,
        raw=b"raw",
        outcome=InboundMail.Outcome.STRANGER,
        sender="who@elsewhere.example",
    )
    return ticket


def ticket_of(raw: bytes, **envelope: Any) -> Ticket:
    row = take(raw, **envelope)
    assert row.ticket is not None, (row.outcome, row.note)
    return row.ticket


def sent_to(address: str) -> list[Any]:
    """What left for an address, oldest first, after everything due was delivered."""
    while deliver_due_mail(timezone.now()):
        pass
    return [one for one in django_mail.outbox if address in one.to]


def header(message: Any, name: str) -> str:
    return str(message.extra_headers.get(name, ""))


def answering(
    ours: Any,
    text: str,
    *,
    sender: str,
    strip: Callable[[str], bool] = lambda name: False,
    number: int | str = 1,
) -> bytes:
    """A reply to a mail of ours, as a mail program makes it."""
    reply = EmailMessage()
    reply["From"] = sender
    reply["To"] = header(ours, "Reply-To") or ours.from_email
    reply["Subject"] = f"Re: {ours.subject}"
    reply["Message-ID"] = f"<answer{number}@company.example>"
    references = f"{header(ours, 'References')} {header(ours, 'Message-ID')}".strip()
    for name, value in (("In-Reply-To", header(ours, "Message-ID")), ("References", references)):
        if not strip(name):
            reply[name] = value
    reply.set_content(text)
    return bytes(reply)
