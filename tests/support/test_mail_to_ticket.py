"""Mail comes in: whose it is, and what is said by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from outbox.models import Mail
from support import tickets
from support.models import InboundMail, Ticket
from support.receiving import parse_due_mail
from support.references import reply_address
from support.storing import Delivery, keep_mail
from tests.make import make_customer
from tests.support.correspondence import DEV, OWNER, STRANGER, Outcome, Status, answer
from tests.support.desk import (
    MONDAY,
    answering,
    end_licenses,
    header,
    make_licensed,
    sent_to,
    take,
    ticket_of,
)
from tests.support.mails import mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def test_a_first_ticket_is_acknowledged_with_quota_and_due_date():
    """Scenario 9: one ticket, one acknowledgement naming "1 of 1" and a due date."""
    make_licensed()

    ticket = ticket_of(mail("It does not start."))

    acknowledgement = sent_to(DEV)[0]
    assert len(sent_to(DEV)) == 1
    assert "ticket 1 of 1 in this quarter (Q3 2026)" in acknowledgement.body
    assert "by Wednesday, 5 August 2026, 10:00 UTC" in acknowledgement.body
    assert header(acknowledgement, "Auto-Submitted") == "auto-replied"
    assert "OOF" in header(acknowledgement, "X-Auto-Response-Suppress")
    assert header(acknowledgement, "In-Reply-To") == "<m1@company.example>"
    assert acknowledgement.subject == "Re: Help"
    assert ticket.messages.first().body == "It does not start."


def test_the_owner_hears_of_it_and_may_answer_that_mail():
    make_licensed()

    ticket = ticket_of(mail())

    notification = sent_to(OWNER)[0]
    assert f"#{ticket.pk} Help" in notification.subject
    assert "1 of 1 this quarter" in notification.body
    assert header(notification, "Reply-To") == reply_address(ticket, side="o")


def test_the_same_mail_twice_is_one_ticket():
    make_licensed()
    take(mail())

    assert keep_mail(Delivery(source="pipe", raw=mail())) is None
    assert keep_mail(Delivery(source="postmark", raw=mail(), event_id="e1")) is None
    assert Ticket.objects.count() == 1


def test_a_second_ticket_opens_and_is_labelled(monday):
    """Scenario 10, mail: nothing is refused, the label says 2nd, bounce back sends and closes."""
    make_licensed()
    take(mail(number=1))
    monday.move_to(MONDAY + timedelta(days=2))

    second = ticket_of(mail(number=2, subject="Another thing"))

    assert second.status == Status.OPEN
    line = "This is your 2nd ticket this quarter; 1 is included in your plan."
    assert line in sent_to(DEV)[-1].body

    tickets.bounce_back(second.pk, key="b", at=timezone.now())
    tickets.bounce_back(second.pk, key="b", at=timezone.now())  # a double click

    second.refresh_from_db()
    assert second.status == Status.SOLVED
    assert "are used up" in sent_to(DEV)[-1].body
    assert len(sent_to(DEV)) == 3


def test_a_stranger_gets_one_polite_pointer(settings):
    """Scenario 12: issue, docs, buying, security and "I am a customer"; auto-replied; no ticket."""
    settings.TRACKER_URL = "https://tracker.example/hare"
    settings.DOCS_URL = "https://docs.example/hare"

    row = take(mail(sender=STRANGER))

    pointer = sent_to(STRANGER)[0]
    links = (settings.TRACKER_URL, settings.DOCS_URL, "/buying/", "/account/tickets/", "support@")
    for link in links:
        assert link in pointer.body
    assert header(pointer, "Auto-Submitted") == "auto-replied"
    assert header(pointer, "In-Reply-To") == "<m1@company.example>"
    assert row.outcome == Outcome.STRANGER
    assert Ticket.objects.count() == 0


def test_a_stranger_is_pointed_once_in_thirty_days(monday):
    """Scenario 13: six mails, one pointer, all six among the strangers; after 30 days one more."""
    for number in range(6):
        take(mail(sender=STRANGER, number=number))
        monday.shift(timedelta(days=4))

    assert len(sent_to(STRANGER)) == 1
    assert InboundMail.objects.filter(outcome=Outcome.STRANGER).count() == 6

    monday.move_to(MONDAY + timedelta(days=31))
    take(mail(sender=STRANGER, number=7))
    assert len(sent_to(STRANGER)) == 2


def test_spam_gets_no_pointer():
    row = keep_mail(Delivery(source="pipe", raw=mail(sender=STRANGER), spam_score=7.5))
    assert row is not None
    parse_due_mail(timezone.now())

    assert sent_to(STRANGER) == []
    row.refresh_from_db()
    assert "spam score 7.5" in row.note


def test_forged_senders_do_not_make_us_a_mill():
    """The breaker: 60 automatic mails an hour to everybody together."""
    for number in range(70):
        take(mail(sender=f"a{number}@elsewhere{number}.example", number=number))

    assert Mail.objects.filter(key__startswith="pointer:").count() == 60


def test_a_lapsed_customer_is_told_that_support_ended():
    customer = make_licensed()
    open_before = ticket_of(mail(number=1))
    ours = answer(open_before)
    end_licenses(customer)

    row = take(mail(number=2, subject="New question"))

    assert row.outcome == Outcome.LAPSED
    assert Ticket.objects.count() == 1
    joined = take(answering(ours, "Thanks", sender=DEV))
    assert joined.ticket == open_before  # what was open stays open


def test_a_lapsed_customers_pointer_says_where_to_buy():
    end_licenses(make_licensed())

    take(mail())

    assert "Your subscription has ended" in sent_to(DEV)[0].body


def test_whoever_has_no_license_at_all_is_a_stranger():
    make_customer(DEV)

    assert take(mail()).outcome == Outcome.STRANGER


def test_a_colleague_is_known_by_the_domain():
    """Scenario 14: new@company.example writes a ticket "matched by domain"; freemail does not."""
    customer = make_licensed("dev@eu.company.example")
    make_licensed("someone@gmail.com")

    colleague = ticket_of(mail(sender="new@mail.company.example", number=1))
    freemail = take(mail(sender="another@gmail.com", number=2))

    assert (colleague.customer, colleague.matched_by) == (customer, "domain")
    assert freemail.outcome == Outcome.STRANGER


def test_a_domain_that_only_ends_alike_is_not_a_colleagues():
    make_licensed("dev@company.example")

    assert take(mail(sender="x@notcompany.example", number=1)).outcome == Outcome.STRANGER
    assert take(mail(sender="x@company.example.evil.example", number=2)).ticket is None


def test_of_two_customers_the_one_with_a_current_license_is_meant():
    end_licenses(make_licensed())
    current = make_licensed()

    assert ticket_of(mail()).customer == current
