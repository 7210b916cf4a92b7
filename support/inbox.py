"""What the owner does by hand with mails that were nobody's."""

from datetime import datetime

from django.db import transaction

from licenses.people import add_customer
from support import tickets
from support.models import InboundMail, Ticket
from support.reading import read_mail
from support.tickets import Requester
from support.unpacking import mail_bytes
from support.words import said_by

Outcome = InboundMail.Outcome
IN_BOX = [
    Outcome.WAITING,
    Outcome.STRANGER,
    Outcome.LAPSED,
    Outcome.QUARANTINED,
    Outcome.UNREADABLE,
    Outcome.AUTOMATIC,
    Outcome.HELD,
]


class NobodyToAnswer(Exception):
    """The mail names no sender, so that no answer could leave."""


@transaction.atomic
def adopt_mail(mail_id: int, *, customer_id: int | None, at: datetime) -> Ticket:
    """Make a ticket of a mail; told twice, it is one. Raises NobodyToAnswer, Unpackable.

    Without a customer it is the ticket of a new one, who has no contact: whoever wrote has not
    proven his address, and gets answers by mail only.
    """
    row: InboundMail = InboundMail.objects.select_for_update().get(pk=mail_id)
    if row.outcome == Outcome.TICKET and row.ticket is not None:
        return row.ticket
    mail = read_mail(mail_bytes(row))
    if not mail.sender:
        raise NobodyToAnswer(f"mail {mail_id}")
    if customer_id is None:
        customer_id = add_customer(name=mail.sender_name or mail.sender).pk
    ticket = tickets.open_ticket(
        customer_id,
        requester=Requester(mail.sender, mail.sender_name),
        subject=mail.subject,
        said=said_by(mail, row),
        matched_by=Ticket.Match.HAND,
        at=at,
    )
    _note(row, Outcome.TICKET, ticket, "made a ticket by the owner")
    return ticket


@transaction.atomic
def append_mail(mail_id: int, *, at: datetime) -> Ticket | None:
    """Add a quarantined mail to the ticket that it names: the owner knows who wrote it.

    From then on the sender may write there. None when the mail names no ticket.
    """
    row: InboundMail = InboundMail.objects.select_for_update().get(pk=mail_id)
    if row.ticket is None or row.outcome not in {Outcome.QUARANTINED, Outcome.MESSAGE}:
        return None
    into = row.ticket.merged_into or row.ticket
    ticket = tickets.add_customer_message(into.pk, said_by(read_mail(mail_bytes(row)), row), at=at)
    _note(row, Outcome.MESSAGE, ticket, "added by the owner")
    return ticket


def put_away(mail_ids: list[int], at: datetime) -> int:
    """Take mails out of the owner's sight; they are deleted in their time. How many it were."""
    seen = InboundMail.objects.filter(pk__in=mail_ids, outcome__in=IN_BOX, put_away_at=None)
    return seen.exclude(outcome=Outcome.WAITING).update(put_away_at=at)


def _note(row: InboundMail, outcome: InboundMail.Outcome, ticket: Ticket, note: str) -> None:
    row.outcome, row.ticket, row.note = outcome, ticket, note
    row.save(update_fields=["outcome", "ticket", "note"])
