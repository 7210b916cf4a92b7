"""The owner goes away while tickets wait."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Customer
from outbox.models import Mail
from support import tickets
from support.models import Ticket, Vacation, WorkingTime
from support.privacy import delete_tickets
from tests.support.desk import MONDAY, answering, header, sent_to, take, ticket_of
from tests.support.mails import mail
from tests.support.owner import DEV
from tests.support.pages import of, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]
ADD = "/owner/support/vacation/add/"


def go_away(owner: Client, first: str, last: str) -> None:
    fields = {"starts_on": first, "ends_on": last, "note": "At sea."}
    assert owner.post(ADD, fields).status_code == 302


def due_of(ticket: Ticket):
    ticket.refresh_from_db()
    return ticket.due_at


def test_what_was_promised_for_those_days_moves_and_who_waits_is_told(
    owner: Client, customer: Customer
):
    ticket = ticket_of(mail())  # Monday, 10:00; promised for Wednesday, 10:00

    go_away(owner, "2026-08-04", "2026-08-14")

    assert due_of(ticket) == MONDAY + timedelta(days=15)  # of Monday, Tuesday a day is left
    told = sent_to(DEV)[-1]
    assert "answered later than we said, by Tuesday, 18 August 2026, 10:00 UTC" in told.body
    assert "We are away from 4 August 2026 to 14 August 2026" in told.body
    assert "At sea." in told.body
    assert header(told, "Auto-Submitted") == "auto-generated"
    assert take(answering(told, "Fine.", sender=DEV)).ticket == ticket
    shown = page(of(DEV), f"/account/tickets/{ticket.pk}/")
    assert "Told by mail" in shown
    assert "answered by Tuesday, 18 August 2026" in shown


def test_the_same_vacation_saved_twice_moves_nothing_twice(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    go_away(owner, "2026-08-04", "2026-08-14")
    due, vacation = due_of(ticket), Vacation.objects.get()

    fields = {"starts_on": "2026-08-04", "ends_on": "2026-08-14", "note": "Back soon."}
    owner.post(f"/owner/support/vacation/{vacation.pk}/change/", fields)

    assert due_of(ticket) == due
    assert len(sent_to(DEV)) == 2


def test_a_later_vacation_and_a_late_ticket_stay_where_they_are(
    owner: Client, customer: Customer, monday
):
    ticket = ticket_of(mail())
    due = ticket.due_at

    go_away(owner, "2026-09-01", "2026-09-14")
    assert due_of(ticket) == due
    monday.move_to(MONDAY + timedelta(days=3))
    go_away(owner, "2026-08-07", "2026-08-14")

    assert due_of(ticket) == due
    assert len(sent_to(DEV)) == 1


def test_a_vacation_that_is_called_off_pulls_no_promise_forward(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    go_away(owner, "2026-08-04", "2026-08-14")
    due, vacation = due_of(ticket), Vacation.objects.get()

    owner.post(f"/owner/support/vacation/{vacation.pk}/delete/", {"post": "yes"})

    assert not Vacation.objects.exists()
    assert due_of(ticket) == due


def test_who_waits_for_the_customer_promised_nothing(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    tickets.answer_ticket(ticket.pk, body="?", closes=False, key="w", at=timezone.now())

    go_away(owner, "2026-08-04", "2026-08-14")

    assert due_of(ticket) is None
    assert not Mail.objects.filter(key__startswith="moved:").exists()


def test_shorter_hours_move_promises_too(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    fields = {"zone": "UTC", "weekdays": "123", "opens": 9, "closes": 13, "country": ""}

    owner.post("/owner/support/workingtime/add/", fields)

    assert WorkingTime.objects.get().closes == 13
    # Sixteen hours are left: 3 of Monday, 4 each of Tuesday, Wednesday and Monday, 1 of Tuesday.
    assert due_of(ticket) == MONDAY + timedelta(days=8)


def test_what_was_told_is_deleted_with_the_ticket(owner: Client, customer: Customer):
    ticket_of(mail())
    go_away(owner, "2026-08-04", "2026-08-14")
    assert Mail.objects.filter(key__startswith="moved:").exists()

    delete_tickets(customer.pk)

    assert not Mail.objects.filter(to=[DEV]).exists()
