"""What goes wrong between people: copies, several writers, words that cross on the way."""

import re
from email.message import EmailMessage
from functools import partial

import pytest
from django.test import Client
from django.utils import timezone

from outbox.models import Mail
from support import mails, tickets
from support.files import file_link
from support.models import Attachment, InboundMail, Message, Ticket
from support.rearranging import merge_tickets
from support.turns import SaidMeanwhile, newest_words
from tests.support.desk import (
    add_contact,
    answering,
    header,
    make_licensed,
    sent_to,
    take,
    ticket_of,
)
from tests.support.mails import delivery_report, mail, with_file

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]
DEV = "dev@company.example"
COLLEAGUE = "new@company.example"
OWNER = "owner@shop.example"
Outcome = InboundMail.Outcome


def copy_of(raw: bytes, way: str) -> bytes:
    """The same mail as it comes by another way: other bytes, the same mail."""
    return f"Received: from {way}\r\n".encode() + raw


def answer(ticket: Ticket, body: str = "Try 2.1.", key: str = "a1") -> Ticket:
    return tickets.answer_ticket(ticket.pk, body=body, closes=False, key=key, at=timezone.now())


# --- one mail by two ways --------------------------------------------------------------------


def test_a_copy_of_a_mail_opens_no_second_ticket():
    make_licensed()

    first = take(copy_of(mail(), "one"))
    second = take(copy_of(mail(), "two"))

    assert first.ticket == second.ticket == Ticket.objects.get()
    assert "came before" in second.note
    assert Message.objects.filter(kind="customer").count() == 1
    assert len(sent_to(DEV)) == 1


def test_a_copy_of_an_answer_joins_once():
    make_licensed()
    ticket = ticket_of(mail())
    reply = answering(sent_to(DEV)[0], "Still hangs.", sender=DEV)

    for way in ("one", "two"):
        assert take(copy_of(reply, way)).outcome == Outcome.MESSAGE

    assert ticket.messages.filter(body__contains="Still hangs").count() == 1


def test_a_copy_of_the_owners_answer_is_not_sent_twice():
    make_licensed()
    ticket_of(mail())
    reply = answering(sent_to(OWNER)[0], "Try 2.1.", sender=OWNER)

    for way in ("one", "two"):
        assert take(copy_of(reply, way)).outcome == Outcome.REPLY

    assert [one.body[:8] for one in sent_to(DEV)[1:]] == ["Try 2.1."]


def test_other_words_under_the_same_message_id_are_another_mail():
    make_licensed()

    first, second = ticket_of(mail("One")), ticket_of(mail("Two"))

    assert first != second


def test_the_same_words_without_a_message_id_are_said_twice():
    make_licensed()
    plain = mail(headers={"Message-ID": ""})

    assert ticket_of(copy_of(plain, "one")) != ticket_of(copy_of(plain, "two"))


# --- several writers -------------------------------------------------------------------------


def test_who_adds_to_his_own_mail_adds_to_his_ticket():
    """ "Forgot to say": an answer to his own sent mail names no id of ours."""
    make_licensed()
    ticket = ticket_of(mail(number=1))

    row = take(mail("On 3.13.", number=2, headers={"In-Reply-To": "<m1@company.example>"}))

    assert (row.outcome, row.ticket) == (Outcome.MESSAGE, ticket)


def test_a_customers_message_id_lets_nobody_else_in():
    make_licensed()
    ticket_of(mail(number=1))
    other = make_licensed("x@other.example")

    row = take(
        mail("Hi", sender="x@other.example", headers={"In-Reply-To": "<m1@company.example>"})
    )

    assert row.outcome == Outcome.TICKET
    assert row.ticket is not None
    assert row.ticket.customer == other


def test_a_colleague_who_joined_gets_the_answer_too():
    customer = make_licensed()
    add_contact(customer, COLLEAGUE)
    ticket = ticket_of(mail())
    take(answering(sent_to(DEV)[0], "Here as well.", sender=COLLEAGUE))

    answer(ticket)

    assert sent_to(DEV)[-1].to == [DEV, COLLEAGUE]


def test_after_a_merge_both_who_asked_get_the_answer():
    make_licensed()
    first = ticket_of(mail(number=1))
    second = ticket_of(mail(number=2, sender=COLLEAGUE))
    merge_tickets(second.pk, into_id=first.pk, at=timezone.now())

    answer(first)

    assert sent_to(COLLEAGUE)[-1].body.startswith("Try 2.1.")


def test_a_robot_that_joined_gets_no_answer():
    make_licensed()
    ticket = ticket_of(mail())
    away = answering(sent_to(DEV)[0], "I am away.", sender=COLLEAGUE)
    take(b"Auto-Submitted: auto-replied\r\n" + away)

    answer(ticket)

    assert sent_to(DEV)[-1].to == [DEV]


def test_a_subject_has_one_re_only():
    make_licensed()
    ticket = ticket_of(mail(subject="RE: Re: Help"))

    answer(ticket)

    assert {one.subject for one in sent_to(DEV)} == {"Re: Help"}


def test_the_owner_hears_that_a_colleague_cannot_read_his_answer():
    make_licensed()
    ticket = ticket_of(mail(sender=COLLEAGUE))
    answer(ticket)
    ours = sent_to(COLLEAGUE)[-1]

    take(delivery_report(COLLEAGUE, original_id=header(ours, "Message-ID")))

    notice = sent_to(OWNER)[-1]
    assert notice.subject == f"Mail to {COLLEAGUE} comes back"
    assert f"Answers to #{ticket.pk} are not read there." in notice.body


def test_the_notice_names_the_files():
    make_licensed()
    ticket_of(with_file("trace.txt", "x" * 2_048))

    assert "With 1 file: trace.txt (2.0" in sent_to(OWNER)[0].body.replace("\xa0", " ")


# --- words that cross ------------------------------------------------------------------------


def test_an_answer_written_before_the_newest_words_were_seen_is_not_sent():
    make_licensed()
    ticket = ticket_of(mail())
    seen = newest_words(ticket)
    take(answering(sent_to(DEV)[0], "Never mind, it was our proxy.", sender=DEV))

    with pytest.raises(SaidMeanwhile):
        tickets.answer_ticket(
            ticket.pk, body="Try", closes=True, key="a", at=timezone.now(), seen=seen
        )

    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert len(sent_to(DEV)) == 1


def test_an_answer_sent_twice_is_no_answer_that_crossed():
    make_licensed()
    ticket = ticket_of(mail())
    seen = newest_words(ticket)

    send = partial(tickets.answer_ticket, ticket.pk, body="Try", closes=False, key="a", seen=seen)

    send(at=timezone.now())
    take(answering(sent_to(DEV)[0], "Thanks", sender=DEV))
    send(at=timezone.now())

    assert Message.objects.filter(kind="owner").count() == 1


# --- the owner's own mail program ------------------------------------------------------------


def with_attachment(reply: bytes) -> bytes:
    whole = EmailMessage()
    head, _, text = reply.partition(b"\n\n")
    for line in head.decode().replace("\n ", " ").splitlines():
        name, _, value = line.partition(": ")
        if name.lower() not in {"content-type", "content-transfer-encoding", "mime-version"}:
            whole[name] = value
    whole.set_content(text.decode())
    whole.add_attachment(b"diff", maintype="text", subtype="x-diff", filename="fix.patch")
    return bytes(whole)


def test_a_file_that_the_owner_attached_reaches_the_customer():
    make_licensed()
    ticket_of(mail())
    reply = answering(sent_to(OWNER)[0], "See the patch.", sender=OWNER)

    take(with_attachment(reply))

    file = Attachment.objects.get()
    assert file.filename == "fix.patch"
    assert file.message.kind == Message.Kind.OWNER
    sent = sent_to(DEV)[-1]
    assert "fix.patch" in sent.body
    assert f"/account/tickets/files/{file.pk}/" in sent.body


def test_a_colleague_without_an_account_gets_the_file_and_no_link_to_sign_in(client: Client):
    """He is known by his domain; the link in his mail is all that he has."""
    make_licensed()
    ticket_of(mail(sender=COLLEAGUE))
    acknowledged = sent_to(COLLEAGUE)[0]

    take(with_attachment(answering(sent_to(OWNER)[0], "See the patch.", sender=OWNER)))

    link = re.search(r"fix.patch: http://testserver(\S+)", sent_to(COLLEAGUE)[-1].body)
    assert link
    got = client.get(link[1])
    assert (got.status_code, got.content) == (200, b"diff")
    assert got["Content-Type"] == "application/octet-stream"
    assert "/account/tickets/" not in acknowledged.body
    assert sent_to(COLLEAGUE)[-1].body.count("/account/tickets/") == 1
    for forged in (link[1][:-2] + "/", link[1].replace(link[1][-4:], "aaa/")):
        assert client.get(forged).status_code == 404


def test_a_file_of_the_customers_has_no_such_link(client: Client):
    make_licensed()
    ticket_of(with_file("trace.txt", "secret"))
    file = Attachment.objects.get()

    assert client.get(file_link(file).removeprefix("http://testserver")).status_code == 404


def test_who_can_sign_in_is_shown_where():
    make_licensed()
    ticket = ticket_of(mail())

    take(answering(sent_to(OWNER)[0], "Try 2.1.", sender=OWNER))

    assert "http://testserver/account/tickets/\n" in sent_to(DEV)[0].body
    assert f"/account/tickets/{ticket.pk}/" in sent_to(DEV)[-1].body


def test_an_owner_who_answers_many_is_no_flood():
    make_licensed(tickets=99)
    for number in range(22):
        ticket_of(mail(number=number, sender=f"d{number}@company.example"))

    for number, notice in enumerate(sent_to(OWNER)[:22]):
        row = take(answering(notice, f"Answer {number}", sender=OWNER, number=f"o{number}"))

        assert row.outcome == Outcome.REPLY


def test_strangers_do_not_use_up_what_customers_get(monkeypatch):
    make_licensed()
    monkeypatch.setattr(mails, "MAX_AUTOMATIC_AN_HOUR", 3)
    for number in range(5):
        take(mail(number=number, sender=f"who@elsewhere{number}.example"))

    ticket_of(mail(number=9))

    assert Mail.objects.filter(key__startswith="pointer:").count() == 3
    assert "Your message has arrived" in sent_to(DEV)[0].body
    assert header(sent_to(DEV)[0], "Auto-Submitted") == "auto-replied"
