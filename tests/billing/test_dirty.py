"""The lease and the fence around each question to Stripe."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from billing import stripe_api
from billing.dirty import Write, agree, mark_dirty
from billing.models import DirtyObject, OwnerNotice
from billing.notices import tell_owner
from outbox.claims import LEASE, MAX_ATTEMPTS

pytestmark = pytest.mark.django_db
Kind = DirtyObject.Kind


def mark() -> DirtyObject:
    return mark_dirty(Kind.SUBSCRIPTION, "sub_1", at=timezone.now())


def test_an_answer_that_was_overtaken_is_thrown_away():
    """Swapped answers: the slow worker holds the older one; what it writes is taken back."""
    row = mark()
    later = timezone.now() + LEASE + timedelta(seconds=1)

    def told(what: str) -> Write:
        return lambda at: tell_owner(what, what, at=at)

    def fetch_slowly(stripe_id: str) -> Write:
        assert agree(row.pk, lambda _: told("newer"), later)
        return told("older")

    assert agree(row.pk, fetch_slowly, timezone.now()) is False

    assert [notice.key for notice in OwnerNotice.objects.all()] == ["newer"]


def test_what_changed_while_stripe_was_asked_is_asked_again():
    row = mark()

    def fetch(stripe_id: str) -> Write:
        mark()  # a webhook came in meanwhile
        return lambda at: None

    assert agree(row.pk, fetch, timezone.now())

    row.refresh_from_db()
    assert row.due_at is not None
    assert row.agreed < row.hints
    assert agree(row.pk, lambda _: lambda at: None, timezone.now())
    row.refresh_from_db()
    assert row.due_at is None


def test_an_object_in_somebodys_hands_is_left_to_him():
    row = mark()
    at = timezone.now()
    DirtyObject.objects.claim(row.pk, at)

    assert agree(row.pk, pytest.fail, at) is False


def test_a_write_that_fails_leaves_nothing_and_is_tried_again():
    row = mark()

    def fetch(stripe_id: str) -> Write:
        def write(at: datetime) -> None:
            DirtyObject.objects.create(stripe_id="half", kind=Kind.SUBSCRIPTION)
            raise ValueError("no such price")

        return write

    assert agree(row.pk, fetch, timezone.now()) is False

    row.refresh_from_db()
    assert not DirtyObject.objects.filter(stripe_id="half").exists()
    assert row.last_error == "ValueError: no such price"
    assert row.due_at is not None
    assert row.due_at > timezone.now()


def test_an_object_that_always_fails_is_given_up_and_marked_again_by_the_next_hint():
    def fetch(stripe_id: str) -> Write:
        raise stripe_api.StripeUnavailable("timeout")

    row = mark()
    at = timezone.now()
    for _ in range(MAX_ATTEMPTS + 2):
        at += timedelta(hours=2)
        agree(row.pk, fetch, at)
    row.refresh_from_db()
    assert row.dead_at is not None

    mark()
    row.refresh_from_db()
    assert row.dead_at is None
    assert row.attempts == 0
