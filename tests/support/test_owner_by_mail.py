"""The owner answers from his own mail program."""

import pytest

from support.models import Message
from tests.support.correspondence import DEV, OWNER, STRANGER, Outcome, Status, answer
from tests.support.desk import answering, make_licensed, sent_to, take, ticket_of
from tests.support.mails import mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def quoted(ours, text: str) -> str:
    below = "\n".join(f"> {line}" for line in ours.body.splitlines())
    return f"{text}\n\nOn Mon, 3 Aug 2026 at 10:00, Wheelbarrow <shop@testserver>\nwrote:\n{below}"


def test_the_owner_answers_the_notification_and_the_customer_gets_it():
    make_licensed()
    ticket = ticket_of(mail())
    notification = sent_to(OWNER)[0]

    row = take(answering(notification, quoted(notification, "Update to 2.1."), sender=OWNER))

    ticket.refresh_from_db()
    assert row.outcome == Outcome.REPLY
    assert ticket.status == Status.PENDING
    sent = sent_to(DEV)[-1]
    assert sent.body.startswith("Update to 2.1.\n\n-- \n")
    assert "this quarter" not in sent.body  # nothing of the notification
    assert "Auto-Submitted" not in sent.extra_headers  # a person wrote it
    assert OWNER not in str(sent.message())


@pytest.mark.parametrize(("command", "status"), [("#close", "solved"), ("#note", "open")])
def test_the_first_line_may_command(command: str, status: str):
    make_licensed()
    ticket = ticket_of(mail())
    notification = sent_to(OWNER)[0]

    take(answering(notification, quoted(notification, f"{command}\nWords"), sender=OWNER))

    ticket.refresh_from_db()
    assert ticket.status == status
    assert len(sent_to(DEV)) == (2 if command == "#close" else 1)


def test_an_empty_answer_is_not_sent_and_the_owner_told():
    make_licensed()
    ticket_of(mail())
    notification = sent_to(OWNER)[0]

    take(answering(notification, quoted(notification, ""), sender=OWNER))

    assert len(sent_to(DEV)) == 1
    assert "Not sent" in sent_to(OWNER)[-1].subject


@pytest.mark.parametrize("sender", [DEV, STRANGER, "owner@elsewhere.example"])
def test_the_owners_token_is_his_alone(sender: str):
    make_licensed()
    ticket = ticket_of(mail())
    notification = sent_to(OWNER)[0]

    row = take(answering(notification, "Evil words", sender=sender))

    assert row.outcome == Outcome.QUARANTINED
    assert ticket.messages.filter(kind=Message.Kind.OWNER).count() == 0


def test_the_owners_address_without_his_token_is_refused():
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket)

    row = take(answering(ours, "I am the owner", sender=OWNER))
    fresh = take(mail(sender=OWNER, number=7))

    assert row.outcome == Outcome.QUARANTINED
    assert fresh.outcome == Outcome.STRANGER
    assert ticket.messages.filter(body__contains="I am the owner").count() == 0


def test_the_owners_vacation_robot_does_not_answer_customers():
    make_licensed()
    ticket = ticket_of(mail())
    notification = sent_to(OWNER)[0]
    raw = answering(notification, "I am away", sender=OWNER)

    row = take(b"Auto-Submitted: auto-replied\r\n" + raw)

    assert row.outcome == Outcome.AUTOMATIC
    assert ticket.messages.filter(kind=Message.Kind.OWNER).count() == 0


def test_a_forged_owner_is_refused_where_the_mail_server_says_so(settings):
    settings.MAIL_AUTHSERV_ID = "mx.shop.example"
    make_licensed()
    ticket = ticket_of(mail())
    notification = sent_to(OWNER)[0]
    raw = answering(notification, "Evil words", sender=OWNER)

    row = take(b"Authentication-Results: mx.shop.example; spf=fail; dmarc=fail\r\n" + raw)

    assert row.outcome == Outcome.QUARANTINED
    assert ticket.messages.filter(kind=Message.Kind.OWNER).count() == 0


@pytest.mark.parametrize(
    ("results", "verified"),
    [
        ("mx.shop.example; dmarc=pass", "pass"),
        ("mx.shop.example; spf=pass; dkim=fail", "pass"),
        ("mx.shop.example; spf=softfail; dkim=none", "fail"),
        ("mx.evil.example; dmarc=pass", ""),
    ],
)
def test_only_our_own_mail_server_is_believed(settings, results: str, verified: str):
    settings.MAIL_AUTHSERV_ID = "mx.shop.example"
    make_licensed()

    ticket = ticket_of(f"Authentication-Results: {results}\r\n".encode() + mail())

    assert ticket.messages.first().verified == verified
