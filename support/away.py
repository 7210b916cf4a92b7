"""The owner goes away: what he has promised for those days moves behind them."""

from datetime import datetime

from django.db import transaction

from support.clock import Calendar, read_calendar
from support.mails import tell_of_delay
from support.models import Ticket
from support.turns import Status, lock_ticket, postpone


@transaction.atomic
def move_promises(before: Calendar, at: datetime) -> int:
    """The calendar was *before*, and is another one now: what was left of each open ticket's time
    goes on in the new one, and who waits is told once. How many moved.

    A promise never moves forward, and what is late stays late.
    """
    after = read_calendar()
    waiting = Ticket.objects.filter(status=Status.OPEN, due_at__gt=at) if after != before else []
    return sum(_move(ticket.pk, before, after, at) for ticket in waiting)


def _move(ticket_id: int, before: Calendar, after: Calendar, at: datetime) -> bool:
    ticket = lock_ticket(ticket_id)
    if ticket.due_at is None:  # answered just now
        return False
    due_at = after.add(at, before.between(at, ticket.due_at))
    if due_at <= ticket.due_at:
        return False
    postpone(ticket, due_at)
    tell_of_delay(ticket, at)
    return True
