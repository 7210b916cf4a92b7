"""What our conditional UPDATEs rely on when the database is PostgreSQL."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from licenses.models import Customer
from outbox.claims import Claim
from outbox.models import Mail
from tests.licenses.at_once import at_once

WAIT_SECONDS = 5


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_transactions_are_read_committed():
    assert setting("transaction_isolation") == "read committed"


@pytest.mark.django_db
def test_times_are_utc_and_text_is_utf_8():
    assert setting("timezone") == "UTC"
    assert setting("server_encoding") == "UTF8"


@pytest.mark.django_db(transaction=True)
def test_eight_who_claim_one_mail_at_once_are_one():
    now = timezone.now()
    mail = Mail.objects.create(key="welcome:sub_1", to=[], subject="", body="", due_at=now)

    claims = at_once(8, lambda: Mail.objects.all().claim(mail.pk, now))

    assert len([claim for claim in claims if isinstance(claim, Claim)]) == 1
    assert claims.count(None) == 7


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_waited_looks_at_the_row_again():
    """READ COMMITTED checks the WHERE anew after the wait; the second must not claim as well."""
    now = timezone.now()
    mail = Mail.objects.create(key="welcome:sub_1", to=[], subject="", body="", due_at=now)
    claimed, waits = threading.Event(), threading.Event()

    def claim_and_linger() -> Claim | None:
        with transaction.atomic():
            claim = Mail.objects.all().claim(mail.pk, now)
            claimed.set()
            waits.wait(WAIT_SECONDS)
        return claim

    def claim_second() -> Claim | None:
        claimed.wait(WAIT_SECONDS)
        threading.Timer(0.3, waits.set).start()  # by then the UPDATE below waits for the row
        return Mail.objects.all().claim(mail.pk, now + timedelta(seconds=1))

    turns = [claim_and_linger, claim_second]

    def take_turn() -> Claim | None:
        turn = turns.pop()
        return turn()

    outcomes = at_once(2, take_turn)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Claim", "NoneType"]


@pytest.mark.django_db(transaction=True)
def test_a_refused_row_leaves_the_transaction_around_it_alive():
    Mail.objects.create(key="welcome:sub_1", to=[], subject="", body="")

    with transaction.atomic():
        Customer.objects.create(name="kept")
        with pytest.raises(IntegrityError), transaction.atomic():
            Mail.objects.create(key="welcome:sub_1", to=[], subject="", body="")
        Customer.objects.create(name="kept too")

    assert Customer.objects.count() == 2
