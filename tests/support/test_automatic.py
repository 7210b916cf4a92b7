"""The 20 cases of mail that machines send, and what our machine then does not do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from support import tickets
from support.automatic import automatic_reason
from support.models import InboundMail, Ticket
from support.quota import quota_of
from support.reading import read_mail
from tests.support.desk import MONDAY, answering, make_licensed, sent_to, take, ticket_of
from tests.support.mails import mail

DEV = "dev@company.example"
REPORT = {"Content-Type": "multipart/report; report-type={}; boundary=r"}
# name: (extra headers, whether a machine wrote it)
CASES: dict[str, tuple[dict[str, str], bool]] = {
    "human, plain": ({}, False),
    "Auto-Submitted: no": ({"Auto-Submitted": "No"}, False),
    "Auto-Submitted: auto-replied": ({"Auto-Submitted": "auto-replied"}, True),
    "auto-replied with parameters": ({"Auto-Submitted": "Auto-Replied; owner-email=a@b.ex"}, True),
    "Exchange out of office": (
        {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All",
         "Subject": "Automatic reply: Help"}, True),
    "Auto-Submitted: auto-notified": ({"Auto-Submitted": "auto-notified"}, True),
    "subject only": ({"Subject": "Automatic reply: Help"}, True),
    "Precedence: Bulk": ({"Precedence": "Bulk"}, True),
    "Precedence: auto_reply": ({"Precedence": "auto_reply"}, True),
    "X-Autoreply": ({"X-Autoreply": "yes"}, True),
    "X-Autorespond": ({"X-Autorespond": "Help"}, True),
    "List-Id": ({"List-Id": "<all.company.example>"}, True),
    "List-Unsubscribe": ({"List-Unsubscribe": "<mailto:off@company.example>"}, True),
    "X-Auto-Response-Suppress: OOF": ({"X-Auto-Response-Suppress": "OOF"}, True),
    "X-Auto-Response-Suppress, several": (
        {"X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"}, True),
    "delivery report": ({"Content-Type": REPORT["Content-Type"].format("delivery-status")}, True),
    "read receipt": (
        {"Content-Type": REPORT["Content-Type"].format("disposition-notification")}, True),
    "null sender": ({"Return-Path": "<>"}, True),
    "X-Loop": ({"X-Loop": "help@company.example"}, True),
    "Delivered-To: autoresponder": ({"Delivered-To": "autoresponder"}, True),
}  # fmt: skip
NAMES = list(CASES)


def test_there_are_twenty_cases():
    assert len(CASES) == 20


@pytest.mark.parametrize("name", NAMES)
def test_each_case_is_told_apart(name: str):
    headers, is_machine = CASES[name]

    assert bool(automatic_reason(read_mail(mail(headers=headers)).headers)) == is_machine


@pytest.mark.parametrize(
    "subject",
    ["Abwesenheitsnotiz: Help", "Réponse automatique : Help", "Out of Office: Help",
     "Risposta automatica: Help", "自动回复: Help", "=?utf-8?q?R=C3=A9ponse_automatique=3A_x?="],
)  # fmt: skip
def test_an_absence_is_understood_in_other_languages(subject: str):
    assert automatic_reason(read_mail(mail(subject=subject)).headers) == "subject"


@pytest.mark.parametrize(
    "subject",
    ["Re: Automatic reply: Help", "Our autoreply job hangs", "Automatic reply-to header is wrong",
     "How to catch an out of office mail?", "Abwesend markierte Jobs", ""],
)  # fmt: skip
def test_people_may_write_about_such_things(subject: str):
    assert automatic_reason(read_mail(mail(subject=subject)).headers) == ""


def test_an_envelope_without_a_sender_is_a_machines():
    assert automatic_reason({}, has_null_sender=True) == "null sender"


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_nothing_automatic_answers_a_machine(name: str, monday):
    """Scenario 17: a stranger's, a customer's, and one within a ticket."""
    headers, is_machine = CASES[name]
    customer = make_licensed()
    ticket = ticket_of(mail(number="first", sender="boss@company.example"))
    tickets.answer_ticket(ticket.pk, body="Try", closes=False, key="k", at=timezone.now())
    ours = sent_to("boss@company.example")[-1]
    monday.move_to(MONDAY + timedelta(days=3))

    take(mail(sender="x@elsewhere.example", headers=headers, number="s"))
    take(mail(sender=DEV, headers=headers, number="c"))
    reply = answering(ours, "Text", sender="boss@company.example", number="t")
    overlaid = {name.lower() for name in headers}
    lines = reply.decode().split("\n")
    kept = [line for line in lines if line.split(":")[0].lower() not in overlaid]
    extra = [f"{key}: {value}" for key, value in headers.items()]
    row = take("\n".join(extra + kept).encode())

    assert bool(sent_to("x@elsewhere.example")) is not is_machine
    assert bool(sent_to(DEV)) is not is_machine
    assert len(sent_to("boss@company.example")) == 2
    ticket.refresh_from_db()
    assert row.ticket == ticket  # it is shown in any case
    assert ticket.messages.last().is_automatic is is_machine
    assert ticket.status == (Ticket.Status.PENDING if is_machine else Ticket.Status.OPEN)
    assert (ticket.due_at is None) is is_machine
    quota = quota_of(customer.pk, timezone.now())
    assert quota is not None
    assert quota.used == (1 if is_machine else 2)
    kept_as = InboundMail.objects.get(sender=DEV).outcome
    assert kept_as == ("automatic" if is_machine else "ticket")
