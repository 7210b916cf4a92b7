"""Whoever still uses a key that ends hears of it before his builds do, once for each end."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from licenses.credentials import create_credential, note_use, revoke_credential, rotate_credential
from licenses.key_reminders import remind_of_ends
from licenses.models import Credential
from licenses.scopes import make_scope
from outbox.models import Mail
from tests.make import make_credential, make_customer

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def use(credential: Credential, at: datetime) -> None:
    note_use(Credential.objects.get(pk=credential.pk), client="pip/26.3", at=at, network="a/24")


def test_a_rotated_key_that_is_still_used_is_told_two_days_before_its_end(now: datetime):
    old, _ = make_credential(make_customer("dev@company.example"), "ci")
    new, _ = rotate_credential(old.pk, at=now)
    use(old, now + 3 * DAY)

    done = [remind_of_ends(now + days * DAY) for days in (4, 5, 6, 7, 8)]

    assert done == [0, 1, 0, 0, 0]
    mail = Mail.objects.get(key__startswith="key-ends:")
    assert mail.to == ["dev@company.example"]
    assert mail.subject.startswith("Your key ci ends on")
    for text in (f"…{old.hint}", f"Its successor ends in …{new.hint}", "pip/26.3", "a/24"):
        assert text in mail.body


def test_a_rotated_key_that_rests_ends_silently(now: datetime):
    old, _ = make_credential(make_customer())
    use(old, now - DAY)
    rotate_credential(old.pk, at=now)

    assert remind_of_ends(now + 6 * DAY) == 0


def test_a_key_with_a_last_day_is_told_two_weeks_before_if_it_is_in_use(now: datetime):
    scope = make_scope(expires_at=now + 100 * DAY)
    customer = make_customer()
    used, _ = create_credential(customer.pk, name="ci", at=now, scope=scope)
    create_credential(customer.pk, name="forgotten", at=now, scope=scope)
    use(used, now + 80 * DAY)

    assert remind_of_ends(now + 85 * DAY) == 0
    assert remind_of_ends(now + 86 * DAY) == 1
    assert "Make a new key" in Mail.objects.get().body


def test_a_revoked_key_is_not_spoken_of(now: datetime):
    old, _ = make_credential(make_customer())
    rotate_credential(old.pk, at=now)
    use(old, now + DAY)
    revoke_credential(old.pk, at=now + DAY)

    assert remind_of_ends(now + 6 * DAY) == 0
