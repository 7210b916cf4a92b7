"""Mail comes in: whose it is, which ticket, and what leaves by itself."""

import base64
import json
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Contact
from outbox.models import Mail
from support import tickets
from support.models import BouncingAddress, InboundMail, Message, Ticket, Vacation
from support.receiving import parse_due_mail
from support.references import reply_address
from support.storing import Delivery, keep_mail
from tests.make import make_customer
from tests.support.desk import (
    MONDAY,
    add_contact,
    answering,
    end_licenses,
    header,
    make_licensed,
    sent_to,
    take,
    ticket_of,
)
from tests.support.mails import delivery_report, mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]
DEV = "dev@company.example"
OWNER = "owner@shop.example"
STRANGER = "who@elsewhere.example"
Outcome, Status = InboundMail.Outcome, Ticket.Status


def answer(ticket: Ticket, text: str = "Try this.", *, closes: bool = False, key: str = "a1"):
    """The owner answers; what the customer gets."""
    tickets.answer_ticket(ticket.pk, body=text, closes=closes, key=key, at=timezone.now())
    return sent_to(ticket.requester)[-1]


# --- tickets and acknowledgements ------------------------------------------------------------


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


# --- strangers -------------------------------------------------------------------------------


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


# --- colleagues ------------------------------------------------------------------------------


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


# --- which ticket ----------------------------------------------------------------------------


def test_a_token_in_the_address_threads_without_any_reference():
    """Scenario 15."""
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket)

    row = take(answering(ours, "It works", sender=DEV, strip=lambda name: True))

    assert (row.outcome, row.ticket) == (Outcome.MESSAGE, ticket)
    assert ticket.messages.last().body.strip() == "It works"


def test_a_token_may_come_by_the_envelope_and_in_capitals():
    make_licensed()
    ticket = ticket_of(mail())

    row = take(mail(number=2), envelope_to=reply_address(ticket).upper())

    assert row.ticket == ticket


def test_our_own_id_in_references_threads_when_the_message_id_was_replaced():
    """Scenario 16: the provider replaced our Message-ID; our own stands in References still."""
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket)
    own_id = header(ours, "Message-ID")
    assert own_id in header(ours, "References")

    headers = {
        "In-Reply-To": "<0100abc@provider.example>",
        "References": f"{header(ours, 'References')} <0100abc@provider.example>",
    }
    row = take(mail(number=2, headers=headers))

    assert (row.outcome, row.ticket) == (Outcome.MESSAGE, ticket)


def test_a_providers_own_id_threads_when_nothing_else_is_left():
    """Scenario 16, the third key: the id that the provider gave our mail."""
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket)
    sent = Mail.objects.filter(message_id=header(ours, "Message-ID"))
    sent.update(provider_id="0100abc-000000")

    headers = {"In-Reply-To": "<0100abc-000000@eu.provider.example>"}
    row = take(mail(number=2, headers=headers))

    assert (row.outcome, row.ticket) == (Outcome.MESSAGE, ticket)


def test_a_number_in_the_subject_opens_nothing():
    make_licensed()
    ticket = ticket_of(mail(number=1))

    other = ticket_of(mail(number=2, subject=f"Re: [#{ticket.pk}] Help"))

    assert other != ticket


def test_a_solved_ticket_opens_again_within_thirty_days(monday):
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket, closes=True)
    monday.shift(timedelta(days=29))

    take(answering(ours, "Not yet", sender=DEV))

    ticket.refresh_from_db()
    assert ticket.status == Status.OPEN
    assert ticket.due_at is not None


def test_an_older_one_is_followed_by_a_new_ticket(monday):
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket, closes=True)
    monday.shift(timedelta(days=31))

    new = ticket_of(answering(ours, "Again", sender=DEV))

    assert new != ticket
    assert new.follows == ticket
    assert f"It follows ticket #{ticket.pk}" in sent_to(DEV)[-1].body


@pytest.mark.parametrize("sender", [STRANGER, "evil@gmail.com", "dev@company.example.evil.example"])
def test_a_leaked_token_is_of_no_use_to_others(sender: str):
    """Scenario 33: from a foreign address nothing is appended, and nothing of it leaves."""
    make_licensed()
    ticket = ticket_of(mail("Our secret plans"))
    ours = answer(ticket, "About your secret plans")
    said = ticket.messages.count()

    row = take(answering(ours, "Tell me more", sender=sender))

    assert (row.outcome, row.ticket) == (Outcome.QUARANTINED, ticket)
    assert "from elsewhere" in row.note
    assert ticket.messages.count() == said
    assert sent_to(sender) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address.replace("+t_", "+o_"),
        lambda address: address.split("_")[0] + "_1_" + "a" * 26 + "@testserver",
        lambda address: address[:-13] + "a" * 2 + address[-11:],
    ],
)
def test_a_forged_token_is_no_token(change):
    """Scenario 33: a valid number with a guessed token."""
    make_licensed()
    ticket = ticket_of(mail(number=1))
    forged = change(reply_address(ticket))
    assert forged != reply_address(ticket)

    row = take(mail(number=2, to=forged, sender=STRANGER))

    assert (row.outcome, row.ticket) == (Outcome.STRANGER, None)
    assert ticket.messages.filter(kind=Message.Kind.CUSTOMER).count() == 1


def test_a_guessed_message_id_is_none_of_ours():
    """Scenario 33: the number is right, the random part is not."""
    make_licensed()
    ticket = ticket_of(mail(number=1))
    guess = f"<t{ticket.pk}.0123456789abcdef@testserver>"

    row = take(mail(number=2, sender=STRANGER, headers={"References": guess}))

    assert row.outcome == Outcome.STRANGER
    assert sent_to(STRANGER)[0].body.count("It does not start") == 0


def test_a_note_of_the_owner_threads_nothing():
    make_licensed()
    ticket = ticket_of(mail())
    tickets.add_note(ticket.pk, body="he pays late", key="n", at=timezone.now())

    answer(ticket)

    assert all("he pays late" not in one.body for one in sent_to(DEV))


# --- loops -----------------------------------------------------------------------------------


def test_a_robot_that_answers_everything_gets_one_mail_of_ours(monday):
    """Scenario 18: 50 exchanges with an unmarked robot: we send one, the owner gets one notice."""
    make_licensed()
    row = take(mail("I am a robot", number=0))
    for number in range(1, 51):
        mails = sent_to(DEV)
        raw = mail(f"Re: {len(mails)} of yours", number=number, subject="Thank you for your mail")
        row = take(raw)
        monday.shift(timedelta(seconds=20))

    assert len(sent_to(DEV)) == 1
    assert row.outcome == Outcome.HELD
    notices = [one for one in sent_to(OWNER) if "Many mails from" in one.subject]
    assert len(notices) == 1
    assert Ticket.objects.count() == 20


def test_a_strangers_robot_gets_one_mail_of_ours():
    """Scenario 18, a stranger's."""
    for number in range(50):
        take(mail(sender=STRANGER, number=number, subject=f"Re: Re: {number}"))

    assert len(sent_to(STRANGER)) == 1


def test_our_own_mail_that_comes_back_is_dropped():
    make_licensed()
    take(mail())
    own = sent_to(DEV)[0].message().as_bytes()

    row = take(own)

    assert row.outcome == Outcome.OWN
    assert Ticket.objects.count() == 1


# --- bounces ---------------------------------------------------------------------------------


def dunning() -> Mail:
    from outbox.mail import queue_mail

    context = {"tier": "Hare Pro", "updates_until": timezone.now()}
    return queue_mail("ended:sub_1", template="billing/ended", to=[DEV], context=context)


def test_a_dead_mailbox_is_marked_and_the_next_contact_gets_the_mail():
    """Scenario 19, by a report: flagged, failed over, access unaffected."""
    customer = make_licensed()
    add_contact(customer, "tech@company.example", Contact.Role.TECHNICAL)
    add_contact(customer, "money@company.example", Contact.Role.BILLING)
    lost = dunning()
    sent_to(DEV)

    report = delivery_report(DEV, original_id=lost.message_id)
    row = take(report)

    assert row.outcome == Outcome.BOUNCE
    assert BouncingAddress.objects.get().address == DEV
    assert sent_to("money@company.example")[0].subject == lost.subject
    assert sent_to("tech@company.example") == []
    assert customer.licenses.get().status == "active"
    assert "comes back" in sent_to(OWNER)[0].subject
    again = Mail.objects.get(key__contains=" to contact ")
    take(delivery_report("money@company.example", original_id=again.message_id))
    assert len(sent_to("tech@company.example")) == 1
    assert len(sent_to(DEV)) == 1


def test_a_report_with_odd_bytes_in_an_id_is_read_all_the_same():
    """PostgreSQL takes no NUL; on SQLite this was always so."""
    make_licensed()
    lost = dunning()

    report = delivery_report(DEV, original_id=lost.message_id)
    row = take(report.replace(b"Message-ID: <mr", b"Message-ID: <m\x00\xe9r", 1))

    assert row.outcome == Outcome.BOUNCE
    assert BouncingAddress.objects.get().address == DEV


def test_a_report_may_name_the_id_that_the_provider_gave_our_mail():
    customer = make_licensed()
    add_contact(customer, "money@company.example", Contact.Role.BILLING)
    dunning()
    sent_to(DEV)
    Mail.objects.filter(to=[DEV]).update(provider_id="0100abc-000000")

    take(delivery_report(DEV, original_id="<0100abc-000000@eu.provider.example>"))

    assert BouncingAddress.objects.get().address == DEV
    assert len(sent_to("money@company.example")) == 1


@pytest.mark.parametrize(
    ("kind", "is_dead"),
    [("HardBounce", True), ("BadEmailAddress", True), ("SoftBounce", False), ("Transient", False),
     ("SpamComplaint", False)],
)  # fmt: skip
def test_a_dead_mailbox_is_marked_by_the_providers_word(kind: str, is_dead: bool, settings):
    """Scenario 19, by the webhook."""
    settings.INBOUND_PROVIDERS, settings.ANYMAIL = ["postmark"], {"WEBHOOK_SECRET": "hook:s"}
    customer = make_licensed()
    add_contact(customer, "money@company.example")
    dunning()
    sent_to(DEV)
    Mail.objects.update(provider_id="pm-1")
    event = {"RecordType": "Bounce", "Type": kind, "ID": 7, "Email": DEV, "MessageID": "pm-1",
             "Details": "no such user", "BouncedAt": "2026-08-03T10:00:00Z"}  # fmt: skip
    basic = {"Authorization": "Basic " + base64.b64encode(b"hook:s").decode()}

    for _ in range(3):
        Client().post(
            "/anymail/postmark/tracking/", json.dumps(event), "application/json", headers=basic
        )
        parse_due_mail(timezone.now())

    assert BouncingAddress.objects.filter(address=DEV).exists() is is_dead
    assert len(sent_to("money@company.example")) == (1 if is_dead else 0)


def test_a_passing_trouble_marks_nobody():
    make_licensed()
    lost = dunning()

    take(delivery_report(DEV, original_id=lost.message_id, action="delayed"))

    assert BouncingAddress.objects.count() == 0


def test_a_forged_report_marks_nobody():
    make_licensed()

    row = take(delivery_report(DEV, original_id="<guessed@testserver>"))

    assert (row.outcome, row.note) == (Outcome.BOUNCE, "about no mail of ours")
    assert BouncingAddress.objects.count() == 0


def test_a_mail_of_two_customers_contact_goes_to_nobody_else():
    for _ in range(2):
        customer = make_licensed()
        add_contact(customer, f"other{customer.pk}@company.example")
    lost = dunning()

    take(delivery_report(DEV, original_id=lost.message_id))

    assert Mail.objects.filter(key__contains=" to contact ").count() == 0


def test_whoever_writes_from_a_dead_mailbox_is_alive():
    make_licensed()
    BouncingAddress.objects.create(address=DEV, since=timezone.now())

    take(mail())

    assert BouncingAddress.objects.count() == 0


# --- the clock -------------------------------------------------------------------------------


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


# --- the owner's own mail program ------------------------------------------------------------


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


# --- workers ---------------------------------------------------------------------------------


def test_mail_waits_while_nobody_works_and_none_is_lost():
    make_licensed()
    for number in range(30):
        sender = f"dev{number}@company.example"
        keep_mail(Delivery(source="pipe", raw=mail(number=number, sender=sender)))

    assert parse_due_mail(timezone.now()) == 30
    assert parse_due_mail(timezone.now()) == 0
    assert Ticket.objects.count() == 30


def test_a_mail_that_fails_is_tried_again_and_stops_no_other(monkeypatch):
    make_licensed()
    bad = keep_mail(Delivery(source="pipe", raw=mail(number=1, sender="a@company.example")))
    good = keep_mail(Delivery(source="pipe", raw=mail(number=2, sender="b@company.example")))
    real = tickets.open_ticket

    def fail_once(customer_id: int, **fields):
        if fields["requester"].address.startswith("a@"):
            raise OSError("the disk is full")
        return real(customer_id, **fields)

    monkeypatch.setattr(tickets, "open_ticket", fail_once)
    assert parse_due_mail(timezone.now()) == 1
    monkeypatch.setattr(tickets, "open_ticket", real)

    assert bad is not None
    assert good is not None
    bad.refresh_from_db()
    assert bad.last_error == "OSError: the disk is full"
    assert bad.due_at is not None
    assert parse_due_mail(timezone.now() + timedelta(minutes=1)) == 1
    assert Ticket.objects.count() == 2
