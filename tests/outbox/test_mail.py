from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.locmem import EmailBackend as LocmemBackend
from django.db import transaction
from django.utils import timezone
from time_machine import TimeMachineFixture

from outbox import claims
from outbox.claims import LEASE, MAX_ATTEMPTS
from outbox.mail import deliver_due_mail, message_id, queue_mail
from outbox.models import Mail

pytestmark = pytest.mark.django_db


class FailingBackend(BaseEmailBackend):
    """A mail server that refuses everything."""

    def send_messages(self, email_messages: object) -> int:
        raise SMTPException("no")


class SlowBackend(LocmemBackend):
    """A mail server that takes 25 seconds for each mail; at the fourth another worker begins."""

    clock: TimeMachineFixture
    begun = 0

    def send_messages(self, messages: Any) -> int:
        SlowBackend.begun += 1
        SlowBackend.clock.shift(timedelta(seconds=25))
        if SlowBackend.begun == 4:
            deliver_due_mail(timezone.now())
        return int(super().send_messages(messages))


@pytest.fixture
def failing_server(settings):
    settings.EMAIL_BACKEND = "tests.outbox.test_mail.FailingBackend"


def queue(key: str = "ended:sub_1") -> Mail:
    context = {"tier": "Hare Pro", "updates_until": timezone.now()}
    return queue_mail(key, template="billing/ended", to=["dev@example.com"], context=context)


def test_a_fact_told_twice_is_mailed_once():
    queue()
    queue()

    deliver_due_mail(timezone.now())
    deliver_due_mail(timezone.now())

    assert len(mail.outbox) == 1
    assert mail.outbox[0].to == ["dev@example.com"]
    assert "Hare Pro" in mail.outbox[0].subject


def test_a_slow_server_gets_no_mail_twice(
    settings: Any, time_machine: TimeMachineFixture, monkeypatch: pytest.MonkeyPatch
):
    """The lease of a mail begins when its turn comes, not with the round."""
    time_machine.move_to(timezone.now(), tick=False)
    settings.EMAIL_BACKEND = "tests.outbox.test_mail.SlowBackend"
    monkeypatch.setattr(SlowBackend, "clock", time_machine, raising=False)
    monkeypatch.setattr(SlowBackend, "begun", 0)
    for number in range(6):
        queue(f"ended:sub_{number}")

    deliver_due_mail(timezone.now())

    sent = [one.extra_headers["Message-ID"] for one in mail.outbox]
    assert len(sent) == len(set(sent)) == 6


def test_a_slow_server_holds_up_no_other_duty(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(claims, "ROUND_SECONDS", 0)  # one mail takes longer than a round may
    for number in range(3):
        queue(f"ended:sub_{number}")

    rounds = [deliver_due_mail(timezone.now()) for _ in range(4)]

    assert rounds == [1, 1, 1, 0]


def test_a_mail_refused_late_in_a_round_waits_from_then_on(
    failing_server: None, time_machine: TimeMachineFixture
):
    time_machine.move_to(timezone.now(), tick=False)
    mail_row, began = queue(), timezone.now()

    time_machine.shift(timedelta(minutes=2))  # on the mails before it
    deliver_due_mail(began)

    mail_row.refresh_from_db()
    assert mail_row.due_at > timezone.now()


def test_a_fact_that_was_rolled_back_is_not_mailed():
    with pytest.raises(RuntimeError), transaction.atomic():
        queue()
        raise RuntimeError("the purchase failed after all")

    deliver_due_mail(timezone.now())

    assert mail.outbox == []


def test_the_message_id_of_a_fact_never_changes():
    queue()

    deliver_due_mail(timezone.now())

    assert mail.outbox[0].extra_headers["Message-ID"] == message_id("ended:sub_1")


def test_a_mail_that_was_not_sent_is_tried_later_and_keeps_its_error(failing_server):
    row = queue()

    sent = deliver_due_mail(timezone.now())

    row.refresh_from_db()
    assert sent == 0
    assert row.last_error == "SMTPException: no"
    assert row.sent_at is None
    assert row.due_at is not None
    assert row.due_at > timezone.now()


def test_a_mail_is_given_up_after_twelve_tries_and_stays_visible(failing_server):
    row = queue()
    at = timezone.now()

    for _ in range(MAX_ATTEMPTS + 3):
        at += timedelta(hours=2)
        deliver_due_mail(at)

    row.refresh_from_db()
    assert row.dead_at is not None
    assert row.attempts == MAX_ATTEMPTS


def test_a_worker_that_was_killed_loses_its_claim_after_a_minute():
    row = queue()
    at = timezone.now()
    Mail.objects.claim(row.pk, at)  # and never heard of again

    deliver_due_mail(at + timedelta(seconds=30))
    assert mail.outbox == []

    deliver_due_mail(at + LEASE + timedelta(seconds=1))
    assert len(mail.outbox) == 1


def test_a_worker_that_was_overtaken_writes_nothing():
    row = queue()
    at = timezone.now()
    slow = Mail.objects.claim(row.pk, at)
    fast = Mail.objects.claim(row.pk, at + LEASE + timedelta(seconds=1))
    assert slow is not None
    assert fast is not None

    assert fast.update(sent_at=at, due_at=None) is True
    assert slow.update(sent_at=None, due_at=at) is False

    row.refresh_from_db()
    assert row.sent_at == at


def test_a_row_in_somebodys_hands_cannot_be_claimed():
    row = queue()
    at = timezone.now()

    assert Mail.objects.claim(row.pk, at) is not None
    assert Mail.objects.claim(row.pk, at) is None
