"""The doors: closed without a secret, shut to the wrong one, and never a 500."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from support import webhooks
from support.models import InboundMail, MailEvent
from support.reading import MAX_MAIL_BYTES
from support.receiving import parse_due_mail
from support.storing import keep_mail
from tests.support.cost import at_most
from tests.support.desk import MONDAY, make_licensed, sent_to
from tests.support.doors import INBOUND, basic, mailgun, open_doors, post, postmark
from tests.support.mails import POISON, mail
from tests.support.test_reading import corpus

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _open(settings) -> None:
    open_doors(settings)


@pytest.mark.parametrize("name", POISON)
def test_poison_is_kept_byte_for_byte_and_once(name: str):
    """Scenario 32: 200, byte-exact, in the inbox, and ten redeliveries make no second item."""
    body = postmark(POISON[name])
    with at_most(15):
        answer = post(INBOUND, body)

    assert answer.status_code == 200
    for _ in range(10):
        assert post(INBOUND, postmark(POISON[name])).status_code == 200
    row = InboundMail.objects.get()
    assert bytes(row.raw) == POISON[name]
    parse_due_mail(MONDAY.replace(year=2027))
    row.refresh_from_db()
    assert row.outcome != "waiting"
    assert (row.last_error, row.dead_at) == ("", None)


@pytest.mark.parametrize("file", corpus(), ids=lambda file: file.name)
def test_pythons_own_corpus_is_kept_byte_for_byte_and_sorted(file: Path):
    raw = file.read_bytes()

    assert post(INBOUND, postmark(raw)).status_code == 200
    assert mailgun(raw + b"\n").status_code == 200
    parse_due_mail(MONDAY.replace(year=2027))

    rows = InboundMail.objects.order_by("pk")
    assert [bytes(row.raw) for row in rows] == [raw, raw + b"\n"]
    assert {(row.last_error, row.dead_at, row.outcome == "waiting") for row in rows} == {
        ("", None, False)
    }


def test_pythons_own_corpus_is_here():
    """It comes with Python's tests, which some distributions leave out; CI's Python has them."""
    if not corpus():
        pytest.skip("this Python came without its tests")
    assert len(corpus()) > 40


@pytest.mark.parametrize("name", ["invalid UTF-8", "NUL in headers", "bomb"])
def test_a_signed_provider_keeps_every_byte_too(name: str):
    assert mailgun(POISON[name]).status_code == 200

    row = InboundMail.objects.get()
    assert bytes(row.raw) == POISON[name]
    assert row.envelope_to == "support@testserver"


def test_a_mail_above_djangos_limit_for_forms_is_taken_from_both():
    big = mail("x" * 3_000_000)

    assert post(INBOUND, postmark(big)).status_code == 200
    assert mailgun(big + b"y").status_code == 200

    assert {len(row.raw) for row in InboundMail.objects.all()} == {len(big), len(big) + 1}


def test_a_mail_of_25_megabytes_is_taken_with_its_files_told_twice():
    """Postmark's raw mail comes beside the same files in base64: twice the mail's size."""
    raw = mail("x" * (24 * 1024 * 1024))
    event = {**json.loads(postmark(raw)), "Attachments": [{"Content": "eHh4" * (6 * 1024 * 1024)}]}

    assert post(INBOUND, json.dumps(event)).status_code == 200

    assert len(InboundMail.objects.get().raw) == len(raw)


def test_of_a_larger_mail_the_beginning_is_kept_and_the_end_is_told():
    """A provider tries again what is refused, then forgets it, and nobody hears of it."""
    make_licensed()
    raw = mail("It does not start.\n" + "x" * MAX_MAIL_BYTES)

    for _ in range(2):
        assert post(INBOUND, postmark(raw)).status_code == 200
    parse_due_mail(MONDAY.replace(year=2027))

    row = InboundMail.objects.get()
    assert bytes(row.raw) == raw[:MAX_MAIL_BYTES]
    assert "the rest was not kept" in row.note
    assert row.ticket is not None
    assert row.ticket.messages.first().body.startswith("It does not start.")


def test_what_is_larger_than_any_mail_is_refused_and_the_owner_told(monkeypatch):
    monkeypatch.setattr(webhooks, "MAX_BODY_BYTES", 1_000)

    for _ in range(3):  # the provider tries again
        assert post(INBOUND, postmark(mail("x" * 1_000))).status_code == 413

    assert InboundMail.objects.count() == 0
    assert [one.subject for one in sent_to("owner@shop.example")] == ["A mail was too large"]


@pytest.mark.parametrize("secret", ["hook:wrong", "", "hook", "hook:secret2"])
def test_a_wrong_secret_is_refused_and_nothing_kept(secret: str):
    assert post(INBOUND, postmark(mail()), **basic(secret)).status_code == 400
    assert post(INBOUND, postmark(mail()), Authorization="Bearer x").status_code == 400
    assert InboundMail.objects.count() == 0


def test_both_secrets_open_while_one_is_changed():
    assert post(INBOUND, postmark(mail()), **basic("hook:old")).status_code == 200
    assert post(INBOUND, postmark(mail(number=2)), **basic("hook:secret")).status_code == 200


@pytest.mark.parametrize("esp", ["postmark", "mailgun", "brevo"])
@pytest.mark.parametrize("kind", ["inbound", "tracking"])
def test_without_a_secret_the_door_is_not_there(settings, esp: str, kind: str):
    settings.ANYMAIL = {"WEBHOOK_SECRET": "", "BREVO_API_KEY": "brevo-key"}

    assert post(f"/anymail/{esp}/{kind}/", "{}").status_code == 404


@pytest.mark.parametrize("path", ["sparkpost/inbound/", "nothing/inbound/", "postmark/other/"])
def test_a_provider_that_is_not_named_in_the_settings_has_no_door(path: str):
    assert post(f"/anymail/{path}", "{}").status_code == 404


@pytest.mark.parametrize(
    "options", [{"key": "another"}, {"stamp": 1}, {"stamp": 4_000_000_000}, {"token": "\u00e9"}]
)
def test_a_mailgun_mail_with_a_wrong_or_old_signature_is_refused(options):
    status = mailgun(mail(), **options).status_code

    assert status == (200 if "token" in options else 400)


def test_a_replayed_signature_makes_no_second_mail():
    first = mailgun(mail(number=1))
    second = mailgun(mail(number=2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert InboundMail.objects.count() == 1


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "{}", '{"RawEmail": 3}', '{"Headers": 3}', "\x00", "[" * 9_000]
)
def test_what_is_no_delivery_is_kept_and_shown(body: str):
    assert post(INBOUND, body).status_code == 200

    parse_due_mail(MONDAY.replace(year=2027))

    assert InboundMail.objects.get().outcome == "unreadable"


def test_mails_without_an_event_id_are_not_taken_for_one():
    post(INBOUND, postmark(mail(number=1), event_id=""))
    post(INBOUND, postmark(mail(number=2), event_id=""))

    assert InboundMail.objects.count() == 2


def test_a_provider_may_ask_whether_the_door_is_there():
    assert Client().head(INBOUND).status_code == 200
    assert Client().get(INBOUND).status_code == 405


@pytest.mark.parametrize("body", ["", "nonsense", "[]", '{"RecordType": "Bounce"}'])
def test_events_are_kept_first_too(body: str):
    for _ in range(3):
        assert post("/anymail/postmark/tracking/", body).status_code == 200

    parse_due_mail(MONDAY.replace(year=2027))

    row = MailEvent.objects.get()
    assert (row.due_at, row.last_error) == (None, "")


def receive(raw: bytes, monkeypatch: pytest.MonkeyPatch, *args: str) -> None:
    class Stdin:
        buffer = io.BytesIO(raw)

    monkeypatch.setattr("sys.stdin", Stdin)
    call_command("receive_mail", *args)


def test_the_pipe_takes_a_mail_once(monkeypatch: pytest.MonkeyPatch):
    for _ in range(2):
        receive(mail(), monkeypatch, "--from", "Dev@company.example", "--to", "support@testserver")

    row = InboundMail.objects.get()
    assert bytes(row.raw) == mail()
    assert (row.source, row.envelope_from) == ("pipe", "dev@company.example")


def test_the_pipe_knows_a_null_sender(monkeypatch: pytest.MonkeyPatch):
    receive(mail(), monkeypatch, "--from", "")

    assert InboundMail.objects.get().has_null_sender


def test_the_pipe_gives_a_mail_back_that_is_too_large(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(CommandError) as caught:
        receive(b"x" * (25 * 1024 * 1024 + 1), monkeypatch)

    assert caught.value.returncode == 65


def test_the_pipe_asks_the_mail_server_to_keep_what_could_not_be_stored(monkeypatch):
    def fail(delivery: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("support.management.commands.receive_mail.keep_mail", fail)
    with pytest.raises(CommandError) as caught:
        receive(mail(), monkeypatch)

    assert caught.value.returncode == 75
    assert keep_mail is not fail
