"""Mail waits for a worker, and one that fails stops no other."""

from datetime import timedelta

import pytest
from django.utils import timezone

from support import tickets
from support.models import Ticket
from support.receiving import parse_due_mail
from support.storing import Delivery, keep_mail
from tests.support.desk import make_licensed
from tests.support.mails import mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


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
