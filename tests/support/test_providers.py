"""The providers beside Postmark and Mailgun: their doors, and what they deliver in one go."""

import base64
import hashlib
import hmac
import json

import pytest
from django.test import Client

from support.models import BouncingAddress, InboundMail, MailEvent
from support.receiving import parse_due_mail
from tests.support.desk import MONDAY
from tests.support.doors import basic, open_doors, post
from tests.support.mails import mail

pytestmark = pytest.mark.django_db
# django-anymail's; two more need packages of their own (Amazon SES boto3, Resend svix).
PROVIDERS = [
    "brevo", "mailersend", "mailgun", "mailjet", "mailtrap", "mandrill", "postal", "postmark",
    "sparkpost", "unisender_go",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _open(settings) -> None:
    open_doors(settings)


def test_another_provider_is_read_by_anymail_later():
    body = {"items": [{"Uuid": ["u1"], "From": {"Address": "dev@company.example"},
                       "Headers": {"From": "dev@company.example", "Subject": "Hi"},
                       "RawTextBody": "It does not start.", "Attachments": []}]}  # fmt: skip

    assert post("/anymail/brevo/inbound/", json.dumps(body)).status_code == 200
    parse_due_mail(MONDAY.replace(year=2027))

    row = InboundMail.objects.get()
    assert (row.sender, row.subject, row.outcome) == ("dev@company.example", "Hi", "stranger")


def test_mails_that_a_provider_delivers_together_are_all_kept():
    items = [
        {"Uuid": [f"u{number}"], "From": {"Address": f"dev{number}@company.example"},
         "Headers": {"From": f"dev{number}@company.example", "Subject": f"Question {number}"},
         "RawTextBody": "It does not start.", "Attachments": []}
        for number in range(3)
    ]  # fmt: skip
    body = json.dumps({"items": items})

    for _ in range(2):  # delivered again, before and after it was read
        assert post("/anymail/brevo/inbound/", body).status_code == 200
        while parse_due_mail(MONDAY.replace(year=2027)):
            pass

    subjects = InboundMail.objects.order_by("subject").values_list("subject", flat=True)
    assert list(subjects) == ["Question 0", "Question 1", "Question 2"]
    assert not InboundMail.objects.filter(outcome__in=["waiting", "unreadable"]).exists()


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_one_mail_that_cannot_be_read_costs_no_other_of_its_delivery(bad: int):
    items: list[dict[str, object]] = [
        {"Uuid": [f"u{number}"], "Headers": {"From": "dev@company.example", "Subject": f"{number}"},
         "RawTextBody": "It does not start.", "Attachments": []}
        for number in range(3)
    ]  # fmt: skip
    items[bad]["Headers"] = "of another kind"
    body = json.dumps({"items": items})

    for _ in range(2):  # delivered again, before and after it was read
        assert post("/anymail/brevo/inbound/", body).status_code == 200
        while parse_due_mail(MONDAY.replace(year=2027)):
            pass

    unread = InboundMail.objects.get(outcome="unreadable")
    assert "of another kind" in bytes(unread.raw).decode()
    assert "AttributeError" in unread.note
    read = InboundMail.objects.filter(outcome="stranger").values_list("subject", flat=True)
    assert sorted(read) == sorted({"0", "1", "2"} - {f"{bad}"})
    assert InboundMail.objects.count() == 3


def mandrill(path: str, events: list[dict[str, object]], key: str) -> int:
    """As Mandrill delivers: many in one form, signed with its address."""
    given = json.dumps(events)
    signed = f"http://testserver{path}mandrill_events{given}".encode()
    signature = base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha1).digest()).decode()
    headers = {"X-Mandrill-Signature": signature}
    return Client().post(path, {"mandrill_events": given}, headers=headers).status_code


def test_mandrill_has_a_door_for_each_and_delivers_many_at_once(settings):
    settings.INBOUND_PROVIDERS = ["mandrill"]
    settings.ANYMAIL = {"MANDRILL_WEBHOOK_KEY": "key"}
    events: list[dict[str, object]] = [
        {"event": "inbound", "ts": 1_400_000_000 + number,
         "msg": {"raw_msg": mail(number=number).decode(), "email": "support@testserver",
                 "spam_report": {"score": 0.1}}}
        for number in range(2)
    ]  # fmt: skip

    assert mandrill("/anymail/mandrill/inbound/", events, "wrong") == 400
    assert mandrill("/anymail/mandrill/inbound/", events, "key") == 200
    while parse_due_mail(MONDAY.replace(year=2027)):
        pass

    found = InboundMail.objects.values_list("outcome", "envelope_to")
    assert list(found) == [("stranger", "support@testserver")] * 2


def test_what_is_told_beside_something_unreadable_is_heard(settings):
    settings.INBOUND_PROVIDERS = ["mandrill"]
    settings.ANYMAIL = {"MANDRILL_WEBHOOK_KEY": "key"}
    events: list[dict[str, object]] = [
        {"event": "hard_bounce", "ts": 1_400_000_000, "msg": None},
        {"event": "hard_bounce", "ts": 1_400_000_000, "msg": {"email": "gone@company.example"}},
    ]

    assert mandrill("/anymail/mandrill/tracking/", events, "key") == 200
    parse_due_mail(MONDAY.replace(year=2027))

    assert BouncingAddress.objects.get().address == "gone@company.example"
    [row] = MailEvent.objects.all()
    assert "TypeError" in row.note
    assert "bounced: gone@company.example" in row.note


@pytest.mark.parametrize("kind", ["inbound", "tracking"])
@pytest.mark.parametrize("esp", PROVIDERS)
def test_no_provider_has_a_door_without_a_secret(settings, esp: str, kind: str):
    settings.INBOUND_PROVIDERS, settings.ANYMAIL = PROVIDERS, {}

    assert post(f"/anymail/{esp}/{kind}/", "{}").status_code == 404


@pytest.mark.parametrize("kind", ["inbound", "tracking"])
@pytest.mark.parametrize("esp", ["brevo", "mailjet", "postmark", "sparkpost"])
def test_every_provider_with_a_secret_has_its_doors(settings, esp: str, kind: str):
    settings.INBOUND_PROVIDERS = PROVIDERS

    assert post(f"/anymail/{esp}/{kind}/", "{}").status_code == 200
    assert post(f"/anymail/{esp}/{kind}/", "{}", **basic("hook:wrong")).status_code == 400
