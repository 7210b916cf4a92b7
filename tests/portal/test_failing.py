"""A duty of the worker that fails: the log is not flooded, and the owner hears when it goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models import OwnerNotice
from outbox.models import Mail
from portal.failing import Failing

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ERROR = RuntimeError("the database has no project")


def fail(failing: Failing, *, seconds: int, name: str = "repair_snapshot") -> None:
    """Fails for so long, twice a second."""
    for half in range(2 * seconds):
        failing.note(name, ERROR, NOON + timedelta(seconds=half / 2))


def test_the_log_has_it_once_a_minute(caplog: pytest.LogCaptureFixture):
    fail(Failing(), seconds=120)

    assert len(caplog.records) == 2
    assert "the database has no project" in caplog.text
    assert OwnerNotice.objects.count() == 0


def test_after_ten_minutes_the_owner_is_told_once_and_it_closes_when_it_works():
    failing = Failing()

    fail(failing, seconds=660)

    notice = OwnerNotice.objects.get()
    assert notice.needs_him
    assert notice.text == (
        "The worker's repair_snapshot fails since 2026-03-10 12:00 UTC: "
        "RuntimeError: the database has no project"
    )
    assert Mail.objects.count() == 1
    failing.clear("sync_due", NOON)
    assert OwnerNotice.objects.get().closed_at is None
    failing.clear("repair_snapshot", NOON + timedelta(minutes=12))
    assert OwnerNotice.objects.get().closed_at == NOON + timedelta(minutes=12)


def test_a_worker_that_was_restarted_closes_what_another_told():
    fail(Failing(), seconds=660)

    Failing().clear("repair_snapshot", NOON + timedelta(hours=1))

    assert OwnerNotice.objects.get().closed_at is not None


def test_what_works_costs_no_query(django_assert_num_queries):
    failing = Failing()
    failing.clear("sync_due", NOON)

    with django_assert_num_queries(0):
        failing.clear("sync_due", NOON)
