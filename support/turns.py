"""Whose turn it is: the only code that writes a ticket's status and clock."""

from datetime import datetime, timedelta

from support.clock import due_after, read_calendar
from support.models import Message, Ticket

Status = Ticket.Status


class TicketWasMerged(Exception):
    """It lives on in another ticket; show that one."""


class SaidMeanwhile(Exception):
    """The customer wrote since the owner looked; show him that before anything is sent."""


def lock_ticket(ticket_id: int) -> Ticket:
    """The ticket, locked for the transaction; raises TicketWasMerged."""
    ticket = Ticket.objects.select_for_update().get(pk=ticket_id)
    if ticket.merged_into_id is not None:
        raise TicketWasMerged(f"ticket {ticket.pk} is part of {ticket.merged_into_id}")
    return ticket


def check_seen(ticket: Ticket, seen: int | None) -> None:
    """Raise SaidMeanwhile unless *seen* is still what `newest_words` says; None asks nothing."""
    if seen is not None and newest_words(ticket) > seen:
        raise SaidMeanwhile(f"ticket {ticket.pk}")


def newest_words(ticket: Ticket) -> int:
    """The number of the last message that a person at the customer's wrote; 0 for none."""
    said = ticket.messages.filter(kind=Message.Kind.CUSTOMER, is_automatic=False)
    return said.order_by("pk").values_list("pk", flat=True).last() or 0


def run_clock(ticket: Ticket, at: datetime) -> None:
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


def stop_clock(ticket: Ticket, status: Ticket.Status, at: datetime) -> None:
    """Pending or solved: the owner has done his part."""
    if ticket.due_at is not None:
        left = read_calendar().between(at, ticket.due_at)
        ticket.left_seconds = int(left.total_seconds())
    ticket.status, ticket.due_at = status, None
    ticket.solved_at = at if status == Status.SOLVED else None
    ticket.save(update_fields=["status", "due_at", "left_seconds", "solved_at"])


def note_first_answer(ticket: Ticket) -> None:
    """How long the first answer took, by the hours that the owner has today; safe to repeat."""
    if ticket.answered_in_seconds is not None or ticket.opened_by != Ticket.Side.CUSTOMER:
        return
    answers = ticket.messages.filter(kind=Message.Kind.OWNER).order_by("at", "pk")
    first = answers.values_list("at", flat=True).first()
    if first is not None:
        taken = read_calendar().between(ticket.opened_at, first)
        ticket.answered_in_seconds = int(taken.total_seconds())
        ticket.save(update_fields=["answered_in_seconds"])


def postpone(ticket: Ticket, due_at: datetime) -> None:
    """The answer is due later; whose turn it is stays as it is."""
    ticket.due_at = due_at
    ticket.save(update_fields=["due_at"])
