"""A night's work says that it goes on, without a write for each step, and yields when overtaken."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing import chores
from billing.models import Chore, OwnerNotice
from licenses.models import SigningKey
from licenses.signing_keys import issue_signing_key
from outbox.claims import LEASE, Claim

pytestmark = pytest.mark.django_db


def claim(chore: Chore) -> Claim:
    claimed = Chore.objects.claim(chore.pk, timezone.now())
    assert claimed is not None
    return claimed


@pytest.fixture
def chore() -> Chore:
    return Chore.objects.create(name="reconcile", due_at=timezone.now())


def test_a_thousand_steps_of_a_second_write_nothing(
    chore: Chore, django_assert_num_queries: DjangoAssertNumQueries
):
    beat = chores.make_beat(claim(chore))

    with django_assert_num_queries(0):
        for _ in range(1000):
            beat()


def test_after_a_while_the_lease_is_longer(chore: Chore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chores, "BEAT_SECONDS", 0)
    beat = chores.make_beat(claim(chore))
    Chore.objects.update(lease_until=timezone.now())

    beat()

    assert Chore.objects.get().lease_until > timezone.now() + LEASE / 2


def test_who_was_overtaken_stops(chore: Chore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chores, "BEAT_SECONDS", 0)
    beat = chores.make_beat(claim(chore))
    Chore.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    claim(chore)

    with pytest.raises(chores.Overtaken):
        beat()


def test_at_night_the_owner_hears_that_soon_no_key_signs(root_key: Path, settings):
    at = timezone.now()
    issue_signing_key(SigningKey.Use.LEASE, at=at - timedelta(days=700))
    settings.LICENSE_ROOT_KEY_FILE = ""

    for _ in range(2):
        chores.remind_nightly(at, lambda: None)

    notice = OwnerNotice.objects.get()
    assert notice.needs_him
    assert "Nobody signs leases after" in notice.text

    issue_signing_key(SigningKey.Use.LEASE, at=at, root_file=str(root_key))
    chores.remind_nightly(at, lambda: None)
    assert OwnerNotice.objects.get().closed_at == at
