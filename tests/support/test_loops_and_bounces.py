"""Mail comes in that no human wrote: robots, our own, and reports of what never arrived."""

import base64
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Contact
from outbox.models import Mail
from support.models import BouncingAddress, Ticket
from support.receiving import parse_due_mail
from tests.support.correspondence import DEV, OWNER, STRANGER, Outcome
from tests.support.desk import add_contact, make_licensed, sent_to, take
from tests.support.mails import delivery_report, mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


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
