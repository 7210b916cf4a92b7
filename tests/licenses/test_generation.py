"""The number that rises with every change of who may do what."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.utils import timezone

from licenses import generation
from licenses.credentials import revoke_credential
from licenses.status import lapse_license
from tests.make import make_credential, make_customer, make_license

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told() -> Iterator[list[int]]:
    """What an observer saw, each time that it was told."""
    seen: list[int] = []
    observer = generation.on_change(lambda _: seen.append(generation.current_generation()))
    yield seen
    generation._observers.remove(observer)


def test_every_change_of_rights_raises_it_once_and_tells_after_the_commit(told: list[int]):
    license = make_license()
    credential, _ = make_credential(license.customer)
    lapse_license(license.pk, at=timezone.now(), reason="test")
    revoke_credential(credential.pk, at=timezone.now())

    first = told[0]
    assert told == [first, first + 1, first + 2, first + 3]


def test_what_is_told_twice_raises_it_once(told: list[int]):
    license = make_license()
    for _ in range(3):
        lapse_license(license.pk, at=timezone.now(), reason="test")

    assert len(told) == 2


def test_whoever_is_told_learns_the_number_and_whether_rights_changed():
    changes: list[generation.Change] = []
    observer = generation.on_change(changes.append)
    try:
        make_license()
        generation.raise_generation(of_rights=False)
    finally:
        generation._observers.remove(observer)

    now = generation.current_generation()
    assert changes == [generation.Change(now - 1, True), generation.Change(now, False)]


def test_a_change_that_was_rolled_back_tells_nobody(told: list[int]):
    before = generation.current_generation()
    customer = make_customer()

    with pytest.raises(RuntimeError), transaction.atomic():
        make_credential(customer)
        raise RuntimeError

    assert told == []
    assert generation.current_generation() == before


def test_an_observer_that_fails_stops_no_change():
    @generation.on_change
    def broken(_: generation.Change) -> None:
        raise OSError("disk full")

    try:
        license = make_license()
    finally:
        generation._observers.remove(broken)

    assert license.pk
