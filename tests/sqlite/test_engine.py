"""The settings that keep SQLite right hold on every connection, not only on paper."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from config.checks import is_safe_sqlite
from licenses.models import Customer
from tests.licenses.at_once import at_once

HELD_SECONDS = 0.5


def pragma(name: str) -> int | str:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return cursor.fetchone()[0]


def both_at_once(first: Callable[[], None], second: Callable[[], None]) -> list[Exception | None]:
    turns = [first, second]

    def take_turn() -> None:
        turn = turns.pop()
        turn()

    return at_once(2, take_turn)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL: what was acknowledged survives a power cut
        ("foreign_keys", 1),
        ("journal_size_limit", 64 * 1024 * 1024),
    ],
)
def test_every_connection_has_the_setting(name, value):
    assert pragma(name) == value


@pytest.mark.django_db
def test_a_writer_waits_at_least_twenty_seconds_for_his_turn():
    assert pragma("busy_timeout") >= 20_000


def test_this_sqlite_is_free_of_the_wal_reset_bug():
    assert is_safe_sqlite(connection.Database.sqlite_version_info)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_takes_the_write_lock_when_it_begins():
    holds, times = threading.Event(), {}

    def hold_without_writing() -> None:
        with transaction.atomic():
            holds.set()
            time.sleep(HELD_SECONDS)
            times["first ends"] = time.monotonic()

    def come_second() -> None:
        holds.wait()
        with transaction.atomic():
            times["second begins"] = time.monotonic()

    outcomes = both_at_once(hold_without_writing, come_second)

    assert outcomes == [None, None]  # the second waited, it did not fail
    assert times["second begins"] >= times["first ends"]


@pytest.mark.django_db(transaction=True)
def test_read_then_write_loses_no_update_with_eight_at_once():
    customer = Customer.objects.create(name="0")

    def count_one_up() -> None:
        with transaction.atomic():
            row = Customer.objects.get(pk=customer.pk)
            row.name = str(int(row.name) + 1)
            row.save(update_fields=["name"])

    outcomes = at_once(8, count_one_up)

    assert outcomes == [None] * 8
    customer.refresh_from_db()
    assert customer.name == "8"


@pytest.mark.django_db(transaction=True)
def test_reading_goes_on_while_somebody_writes():
    holds, seen = threading.Event(), {}

    def write_slowly() -> None:
        with transaction.atomic():
            Customer.objects.create(name="new")
            holds.set()
            time.sleep(HELD_SECONDS)
            seen["committed at"] = time.monotonic()

    def read() -> None:
        holds.wait()
        seen["count"] = Customer.objects.count()
        seen["read at"] = time.monotonic()

    outcomes = both_at_once(write_slowly, read)

    assert outcomes == [None, None]
    assert seen["count"] == 0
    assert seen["read at"] < seen["committed at"]
