"""Several workers, kills anywhere, and mails that nobody could have thought of."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from outbox.claims import LEASE
from outbox.mail import deliver_due_mail
from outbox.models import Mail
from support import sorting
from support.models import Attachment, InboundMail, Message, Ticket
from support.receiving import parse_due_mail
from support.storing import Delivery, keep_mail
from tests.flows.crashing import crashes_in_turn
from tests.flows.processes import together
from tests.support.desk import make_licensed
from tests.support.mails import POISON, mail, mutated, with_file


@pytest.mark.django_db
def test_broken_mails_are_sorted_and_stored_without_an_error(monkeypatch):
    make_licensed()
    monkeypatch.setattr(sorting, "MAX_AN_HOUR", 10_000)
    chance = random.Random(7)
    for number in range(200):
        raw = mutated(POISON[chance.choice(sorted(POISON))], chance, number.to_bytes(2, "big"))
        keep_mail(Delivery(source="pipe", raw=raw, envelope_to="a\x00b" * 200))

    while parse_due_mail(timezone.now()):
        pass

    assert not InboundMail.objects.exclude(last_error="").exists()
    assert not InboundMail.objects.filter(outcome="waiting").exists()
    assert Ticket.objects.count() > 10
    while deliver_due_mail(timezone.now()):
        pass
    assert not Mail.objects.filter(sent_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_four_workers_open_each_ticket_once():
    make_licensed()
    for number in range(20):
        keep_mail(
            Delivery(source="pipe", raw=mail(number=number, sender=f"d{number}@company.example"))
        )

    together(4, lambda _: [parse_due_mail(timezone.now()) for _ in range(3)] and None)
    parse_due_mail(timezone.now() + LEASE + timedelta(seconds=1))

    assert Ticket.objects.count() == Message.objects.filter(kind="customer").count() == 20
    assert Mail.objects.filter(key__startswith="received:").count() == 20


@pytest.mark.django_db(transaction=True)
def test_the_same_mail_by_four_doors_at_once_is_one():
    together(4, lambda n: keep_mail(Delivery(source=f"p{n}", raw=mail())) and None)

    assert InboundMail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_anywhere_loses_and_doubles_nothing(time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    make_licensed()
    keep_mail(Delivery(source="pipe", raw=with_file("a.txt", "x")))

    def is_all_or_nothing() -> None:
        counts = {Ticket.objects.count(), Attachment.objects.count(), InboundMail.objects.count()}
        assert counts in ({0, 1}, {1})
        time_machine.shift(LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(lambda: parse_due_mail(timezone.now()), is_all_or_nothing)

    assert crashes >= 8
    assert Ticket.objects.count() == Attachment.objects.count() == 1
    assert Mail.objects.filter(key__startswith="received:").count() == 1
    assert Mail.objects.filter(key__startswith="notify:").count() == 1
