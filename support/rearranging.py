"""Two tickets that are one matter, and one ticket that is two."""

from datetime import datetime

from django.db import transaction

from support.clock import due_after
from support.models import InboundMail, Message, Ticket
from support.turns import (
    Status,
    TicketWasMerged,
    lock_ticket,
    note_first_answer,
    run_clock,
    stop_clock,
)

Kind = Message.Kind


class NotTheSameCustomer(Exception):
    """Tickets of two customers are never merged."""


class NothingLeft(Exception):
    """Whoever splits off the first words of a ticket leaves none in it."""


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
    stop_clock(ticket, Status.SOLVED, at)
    ticket.merged_into = into
    ticket.save(update_fields=["merged_into"])
    note_first_answer(into)
    if was_open:
        run_clock(into, at)
    return into


@transaction.atomic
def split_ticket(message_id: int, *, subject: str, at: datetime) -> Ticket:
    """Make a ticket of a customer's words and of all that was said after them.

    It counts as if the customer had opened it with these words; told twice, it is one ticket.
    """
    message = Message.objects.select_related("ticket").get(pk=message_id, kind=Kind.CUSTOMER)
    ticket = lock_ticket(message.ticket_id)
    message.refresh_from_db()
    said = [one for one in ticket.messages.exclude(kind=Kind.MACHINE) if one.kind != Kind.NOTE]
    if said[0].pk == message.pk:
        if ticket.follows_id is not None:
            return ticket  # told twice
        raise NothingLeft(f"message {message.pk} is the first of ticket {ticket.pk}")
    new = _begin_with(message, ticket, subject)
    _move(message, ticket, new)
    ticket.answered_in_seconds = None  # its first answer may be the other's now
    ticket.save(update_fields=["answered_in_seconds"])
    for one in (ticket, new):
        note_first_answer(one)
        _take_turn(one, at)
    return new


def _begin_with(message: Message, ticket: Ticket, subject: str) -> Ticket:
    return Ticket.objects.create(
        customer_id=ticket.customer_id,
        requester=message.author or ticket.requester,
        requester_name=ticket.requester_name if message.author == ticket.requester else "",
        subject=subject.strip()[:200] or ticket.subject,
        matched_by=ticket.matched_by,
        opened_at=message.at,
        due_at=due_after(message.at),
        follows=ticket,
    )


def _move(first: Message, ticket: Ticket, new: Ticket) -> None:
    said = list(ticket.messages.exclude(kind=Kind.MACHINE))
    moved = [one.pk for one in said if (one.at, one.pk) >= (first.at, first.pk)]
    InboundMail.objects.filter(message__in=moved).update(ticket=new)
    Message.objects.filter(pk__in=moved).update(ticket=new)


def _take_turn(ticket: Ticket, at: datetime) -> None:
    """Whoever said the last word waits for the other."""
    last = ticket.messages.filter(kind__in=[Kind.CUSTOMER, Kind.OWNER], is_automatic=False).last()
    if ticket.status == Status.OPEN and last is not None and last.kind == Kind.OWNER:
        stop_clock(ticket, Status.PENDING, at)
