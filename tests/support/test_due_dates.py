"""When an answer is due, and what moves it."""

from datetime import date, timedelta

import pytest

from support.models import Vacation
from tests.support.correspondence import DEV, Status, answer
from tests.support.desk import MONDAY, answering, make_licensed, sent_to, take, ticket_of
from tests.support.mails import mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def test_a_vacation_moves_the_due_date_and_is_told():
    """Scenario 22."""
    make_licensed()
    Vacation.objects.create(starts_on=date(2026, 8, 1), ends_on=date(2026, 8, 14))

    ticket = ticket_of(mail())

    # Monday 17 and Tuesday 18 August are the two working days after it.
    assert ticket.due_at == MONDAY.replace(day=18, hour=17)
    body = sent_to(DEV)[0].body
    assert "Tuesday, 18 August 2026, 17:00 UTC" in body
    assert "We are away from 1 August 2026 to 14 August 2026" in body


def test_the_clock_stands_while_the_customer_is_waited_for(monday):
    make_licensed()
    ticket = ticket_of(mail())  # due Wednesday 10:00
    monday.move_to(MONDAY + timedelta(hours=3))
    ours = answer(ticket)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.due_at) == (Status.PENDING, None)
    assert ticket.left_seconds == 13 * 3600  # of sixteen working hours

    monday.move_to(MONDAY + timedelta(days=7))
    take(answering(ours, "Still", sender=DEV))

    ticket.refresh_from_db()
    assert ticket.due_at == MONDAY + timedelta(days=8, hours=5)


def test_who_was_answered_late_waits_a_working_day_at_most_for_the_next(monday):
    make_licensed()
    ticket = ticket_of(mail())
    monday.move_to(MONDAY + timedelta(days=9))
    ours = answer(ticket)

    take(answering(ours, "Still", sender=DEV))

    ticket.refresh_from_db()
    assert ticket.due_at == MONDAY + timedelta(days=10)
