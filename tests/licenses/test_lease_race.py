"""Many writers at once: no commit over-grants, and this test would notice if one did."""

import contextlib
import os
import pickle
import random
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import OperationalError, connections, transaction
from django.utils import timezone

from bench import lease_rounds
from bench.lease_race import (
    FIRST_ID,
    Tally,
    Writer,
    make_pools,
    race,
    short_times,
    without_delete,
    without_lock,
)
from licenses.leases import acquire_leases
from licenses.models import Lease, License
from licenses.routers import VOLATILE
from licenses.wishes import Wish
from tests.flows.processes import together
from tests.licenses.leasing import BOTH

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=BOTH),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
PROCESSES, WRITERS = 4, 16
SECONDS = float(os.environ.get("LEASE_RACE_SECONDS", "8"))  # CI asks for more
MUTANT_SECONDS = 60  # at most: it ends with the first wrong
ROUNDS = 8


def run(folder: Path, mutant: contextlib.AbstractContextManager[None], seconds: float) -> Tally:
    """The tally of all processes."""
    make_pools()

    def act(number: int) -> None:
        tally = race(seed=number, writers=WRITERS, seconds=seconds)
        (folder / str(number)).write_bytes(pickle.dumps(tally))

    with short_times(), mutant:
        together(PROCESSES, act)
    total = Tally()
    for file in folder.iterdir():
        total.add(pickle.loads(file.read_bytes()))
    return total


def test_sixty_four_writers_are_never_given_too_much(tmp_path: Path):
    tally = Tally()
    for number in range(ROUNDS):  # one is enough, unless the machine has other things to do
        folder = tmp_path / str(number)
        folder.mkdir()
        tally.add(run(folder, contextlib.nullcontext(), SECONDS))
        if was_tight(tally):
            break

    assert tally.wrong == []
    assert was_tight(tally)
    assert Lease.objects.exists()


def was_tight(tally: Tally) -> bool:
    """Whether there was a race at all: the pool was full, and surged by half."""
    return tally.operations > 20 * SECONDS and tally.was_full()


def test_a_race_in_which_nothing_was_done_is_not_won(capsys: pytest.CaptureFixture[str]):
    assert lease_rounds.race(operations=1000, processes=1, seconds=0) == 1

    assert "proves nothing: 0 operations" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("operations", "most", "doubt"),
    [
        (500, {100: (110, 151)}, ""),
        (0, {100: (110, 151)}, "0 operations in 60 s"),
        (499, {100: (110, 151)}, "499 operations in 60 s"),
        (500, {100: (109, 200)}, "the pool of 100 was never full"),
        (500, {100: (110, 150)}, "the pool of 100 was never full"),
        (500, {}, "the pool of 100 was never full"),
    ],
)
def test_a_race_without_a_wrong_counts_if_it_was_one(
    operations: int, most: dict[int, tuple[int, int]], doubt: str
):
    tally = Tally(operations=operations, most=most)

    assert lease_rounds.doubt(tally, wanted=1_000_000, took=60) == doubt


def test_a_race_that_did_all_it_was_asked_for_may_be_slow():
    tally = Tally(operations=9, most={100: (110, 200)})

    assert lease_rounds.doubt(tally, wanted=9, took=60) == ""


@pytest.mark.parametrize("fault", ["disk I/O error", "no such table: licenses_lease"])
def test_another_fault_of_the_database_is_no_waiting(fault: str):
    writer = Writer(random.Random(1))

    def broken(*_: object) -> None:
        raise OperationalError(fault)

    with connections[VOLATILE].execute_wrapper(broken), pytest.raises(OperationalError):
        writer.say_goodbye(License(pk=FIRST_ID), Wish(uuid.uuid4(), 1))

    assert writer.tally.busy == 0


def test_a_writer_who_waited_too_long_for_a_lock_comes_back(short_waits: None):
    make_pools()
    license, wish = License(pk=FIRST_ID, threads=7, rev=1, status="active"), Wish(uuid.uuid4(), 1)
    acquire_leases(license, [wish], at=timezone.now())
    writer = Writer(random.Random(1))

    with ThreadPoolExecutor(1) as other, held_elsewhere(other):
        writer.say_goodbye(license, wish)
    writer.say_goodbye(license, wish)

    assert (writer.tally.busy, writer.tally.operations) == (1, 1)
    assert not Lease.objects.exists()


@contextlib.contextmanager
def held_elsewhere(other: ThreadPoolExecutor) -> Iterator[None]:
    """Another connection is in the midst of changing every lease."""
    changed, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(using=VOLATILE):
                Lease.objects.update(package="held")
                changed.set()
                done.wait(30)
        finally:
            changed.set()
            connections.close_all()

    holding = other.submit(hold)
    changed.wait(30)
    try:
        yield
    finally:
        done.set()
        holding.result()


@pytest.fixture
def short_waits() -> Iterator[None]:
    connection = connections[VOLATILE]
    is_sqlite = connection.vendor == "sqlite"
    wait = "PRAGMA busy_timeout = 50" if is_sqlite else "SET lock_timeout = 50"
    with connection.cursor() as cursor:
        cursor.execute(wait)
    yield
    connection.close()


@pytest.mark.parametrize("mutant", [without_lock, without_delete])
def test_without_the_lock_or_the_delete_the_race_is_lost(tmp_path: Path, mutant):
    tally = run(tmp_path, mutant(), MUTANT_SECONDS)

    assert tally.wrong
