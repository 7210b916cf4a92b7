"""What support costs the owner: counted by hand beside the rows."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from licenses.models import Customer
from portal.figures.support_load import load_of, share_over_allowance, weeks_of
from support import tickets
from support.models import Ticket
from support.rearranging import merge_tickets, split_ticket
from tests.portal.reading import text_of
from tests.support.desk import MONDAY, make_licensed

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOW = MONDAY + 10 * DAY  # Thursday of the week after


def ask(customer: Customer, at: datetime, *, subject: str = "It hangs", topic: str = "") -> Ticket:
    ticket = tickets.open_ticket(
        customer.pk,
        requester=tickets.Requester("dev@company.example"),
        subject=subject,
        said=tickets.Said(body="Why?", key=tickets.new_key()),
        matched_by=Ticket.Match.CONTACT,
        at=at,
    )
    if topic:
        tickets.note_facts(ticket.pk, topic=topic, cause=Ticket.Cause.HOW_TO)
    return ticket


def answer(ticket: Ticket, at: datetime, key: str = "") -> None:
    tickets.answer_ticket(ticket.pk, body="So.", closes=False, key=key or tickets.new_key(), at=at)


@pytest.fixture
def customer(db: None, time_machine) -> Customer:
    time_machine.move_to(NOW, tick=False)
    customer = make_licensed()
    Customer.objects.update(created_at=MONDAY - 20 * DAY)
    return customer


def seconds(ticket: Ticket) -> int | None:
    return Ticket.objects.get(pk=ticket.pk).answered_in_seconds


def test_the_first_answer_is_timed_in_the_owners_hours_and_only_once(customer: Customer):
    ticket = ask(customer, MONDAY)
    assert seconds(ticket) is None

    answer(ticket, MONDAY + DAY, key="same")  # from 10 to 17, from 9 to 10
    answer(ticket, MONDAY + DAY, key="same")
    answer(ticket, MONDAY + 3 * DAY)

    assert seconds(ticket) == 8 * 3600


def test_a_note_or_a_closing_without_words_is_no_answer(customer: Customer):
    ticket = ask(customer, MONDAY)

    tickets.add_note(ticket.pk, body="Look.", key="n", at=MONDAY + HOUR)
    tickets.close_ticket(ticket.pk, at=MONDAY + HOUR)

    assert seconds(ticket) is None


def test_a_ticket_split_off_takes_its_answer_along(customer: Customer):
    ticket = ask(customer, MONDAY)
    said = tickets.Said(body="Besides: invoices?", key="second")
    tickets.add_customer_message(ticket.pk, said, at=MONDAY + HOUR)
    answer(ticket, MONDAY + 3 * HOUR)
    second = ticket.messages.get(key="second")

    new = split_ticket(second.pk, subject="Invoices", at=MONDAY + 4 * HOUR)

    assert (seconds(ticket), seconds(new)) == (None, 2 * 3600)


def test_a_ticket_that_takes_an_answered_one_is_answered(customer: Customer):
    first, second = ask(customer, MONDAY), ask(customer, MONDAY + HOUR)
    answer(second, MONDAY + 2 * HOUR)

    merge_tickets(second.pk, into_id=first.pk, at=MONDAY + 3 * HOUR)

    assert seconds(first) == 2 * 3600
    assert [one.pk for one in load_of(NOW).tickets] == [first.pk]


def test_the_load_of_thirty_days_and_its_weeks(customer: Customer, django_assert_num_queries):
    other = make_licensed("other@company.example")
    Customer.objects.filter(pk=other.pk).update(created_at=MONDAY - 200 * DAY)
    ask(customer, MONDAY - 31 * DAY)
    first = ask(customer, MONDAY)  # the second of this quarter, and one is included
    for hours in (2, 30):
        answer(ask(other, MONDAY - 7 * DAY), MONDAY - 7 * DAY + hours * HOUR)
    answer(first, MONDAY + 4 * HOUR)

    with django_assert_num_queries(1):
        load = load_of(NOW)
    with django_assert_num_queries(1):
        weeks = weeks_of(NOW)

    assert (load.number, load.unanswered, load.of_new_customers) == (3, 0, 1)
    assert load.per_hundred(150) == 2.0
    assert load.first_answer == 4 * HOUR
    assert load.share_within(16 * HOUR) == 1.0
    assert load.share_within(5 * HOUR) == pytest.approx(2 / 3)
    assert share_over_allowance(load.tickets, NOW) == pytest.approx(2 / 3)
    assert [(one.first_day.isoformat(), one.opened, one.answered) for one in weeks[-4:]] == [
        ("2026-07-20", 0, 0),
        ("2026-07-27", 2, 2),
        ("2026-08-03", 1, 1),
        ("2026-08-10", 0, 0),
    ]
    assert sum(one.opened for one in weeks) == 4
    assert weeks[-3].first_answer == 8 * HOUR  # the median of 2 h and 14 h


def test_the_owner_sees_it_with_its_rows_and_what_to_write_down(owner: Client, customer: Customer):
    for number in range(3):
        ask(customer, MONDAY + number * HOUR, topic="Heroku variables")
    answer(Ticket.objects.earliest("pk"), MONDAY + HOUR)
    asked = text_of(owner, "/owner/business/support/")

    assert "Tickets 3 That customers opened: how to 3." in asked
    assert "First answer 1.0 h" in asked
    assert "2 not answered yet" in asked
    assert "Heroku variables : 3 times in 90 days" in asked
    assert "2026-08-03 3 1 1.0 h" in asked
    assert asked.count("It hangs") == 3
    assert "First answer 1.0 h" in text_of(owner)
    tickets.note_facts(Ticket.objects.latest("pk").pk, task="Write it into the FAQ.")
    assert "Heroku variables :" not in text_of(owner, "/owner/business/support/")


def test_an_empty_desk_is_no_error(owner: Client):
    shown = text_of(owner, "/owner/business/support/")

    assert "Tickets 0 That customers opened: none." in shown
    assert "First answer - Your working time" in shown
    assert len(weeks_of(datetime(2026, 1, 1, tzinfo=UTC))) == 12
