"""What the worker notes of each hour of a pool, what it costs, and what it forgets."""

from datetime import datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.chores import do_chores
from billing.models import Chore
from licenses.lease_duties import lease_duties, prune_usage
from licenses.leases import release_lease
from licenses.models import CredentialNetwork, Lease, LeaseHour, LeasePool, LicenseEvent
from licenses.usage import usage_of
from tests.licenses.leasing import AT, BOTH, ask, limited, wish
from tests.licenses.overage import DAY, run
from tests.make import make_credential, make_customer

pytestmark = pytest.mark.django_db(databases=BOTH)


def test_a_pool_is_looked_after_once_a_minute_and_nothing_to_tell_is_nothing_done():
    license = limited(100)
    ask(license, wish(10))

    done = [lease_duties(AT), lease_duties(AT + timedelta(seconds=30))]
    first_look = LeasePool.objects.get().looked_at
    done.append(lease_duties(AT + timedelta(seconds=60)))

    assert done == [0, 0, 0]
    assert first_look == AT
    assert LeasePool.objects.get().looked_at == AT + timedelta(seconds=60)


def test_the_hours_hold_the_peaks_and_what_was_refused():
    license = limited(100)
    for asked in [wish(60), wish(60), wish(60), wish(60)]:
        ask(license, asked, AT + timedelta(minutes=5))
    ask(license, wish(30, env="staging"), AT + timedelta(minutes=6))
    lease_duties(AT + timedelta(minutes=70))

    first, second = usage_of(license.pk, since=AT, until=AT + DAY)

    assert first == {
        "hour": "2026-05-01T12:00:00+00:00",
        "peak": 200,
        "peak_surge": 90,
        "peak_free": 30,
        "processes": 4,
        "wanted": 240,
        "refused": 1,
        "over_limit": 1,
        "drained": 0,
        "over_free": 0,
        "not_active": 0,
    }
    assert (second["hour"], second["peak"]) == ("2026-05-01T13:00:00+00:00", 0)


def test_renewals_alone_count_in_every_hour():
    license, asked = limited(100), wish(40)
    run(license, [asked], AT, AT + timedelta(hours=3))

    hours = usage_of(license.pk, since=AT, until=AT + DAY)

    assert [hour["peak"] for hour in hours] == [40, 40, 40]


def test_old_hours_are_forgotten():
    ask(limited(100), wish(1), AT)

    assert prune_usage(AT + 399 * DAY) == 0
    assert prune_usage(AT + 401 * DAY) == 1
    assert LeaseHour.objects.count() == 0


def test_a_pool_whose_license_is_gone_is_forgotten():
    LeasePool.objects.create(pk=999_999)

    lease_duties(AT)

    assert LeasePool.objects.count() == 0


def test_the_night_forgets_what_is_no_longer_shown():
    now = timezone.now()
    old = now - timedelta(days=500)
    LeaseHour.objects.create(license_id=1, hour=old)
    LeaseHour.objects.create(license_id=1, hour=now - timedelta(days=2))
    credential, _ = make_credential(make_customer())
    CredentialNetwork.objects.create(credential=credential, day=old.date(), network="AS1")
    do_chores(now)
    Chore.objects.filter(name="prune").update(due_at=now)

    do_chores(now)

    assert LeaseHour.objects.count() == 1
    assert not CredentialNetwork.objects.exists()
    chore = Chore.objects.get(name="prune")
    assert chore.outcome == "1 hours of threads and 1 uses of keys forgotten"
    assert chore.due_at is not None
    assert chore.due_at > now


def test_far_too_much_outside_production_is_an_event_once_a_day():
    license, fair = limited(10), limited(10)
    ask(fair, wish(50, env="staging"))
    for hour in range(30):
        ask(license, wish(51, env="staging"), AT + timedelta(hours=hour))
        lease_duties(AT + timedelta(hours=hour, minutes=5))

    events = LicenseEvent.objects.filter(name="many threads outside production")

    assert [event.license_id for event in events] == [license.pk] * 2
    assert events[0].reason == "more than 5 times the limit of 10"


def test_pools_in_which_nothing_changed_are_looked_at_together_and_without_a_lock():
    license = limited()
    asked = [wish(10) for _ in range(2)]
    for one in asked:
        ask(license, one)
    lease_duties(AT)
    alone = statements_of_a_look(AT + timedelta(minutes=2))

    for other in [limited() for _ in range(3)]:
        ask(other, wish(10), AT + timedelta(minutes=2))
    lease_duties(AT + timedelta(minutes=3))
    together = statements_of_a_look(AT + timedelta(minutes=5))

    assert len(together) == len(alone) <= 8
    assert not [one for one in together if "BEGIN" in one or "FOR UPDATE" in one]
    assert {pool.looked_at for pool in LeasePool.objects.all()} == {AT + timedelta(minutes=5)}


def statements_of_a_look(at: datetime) -> list[str]:
    with CaptureQueriesContext(connections["volatile"]) as seen:
        lease_duties(at)
    return [query["sql"] for query in seen.captured_queries]


def test_an_hour_in_which_everybody_only_renewed_has_its_peak():
    license, asked = limited(), wish(70)
    for minutes in range(0, 130, 10):
        ask(license, asked, AT + timedelta(minutes=minutes))
        lease_duties(AT + timedelta(minutes=minutes))

    assert [hour.peak for hour in LeaseHour.objects.order_by("hour")] == [70, 70, 70]


def test_a_goodbye_and_a_death_are_counted_with_the_next_look():
    license, one, two = limited(), wish(30), wish(40)
    ask(license, one)
    ask(license, two)
    lease_duties(AT)

    release_lease(license.pk, one.iid)
    lease_duties(AT + timedelta(minutes=2))
    assert LeasePool.objects.get().firm == 40

    lease_duties(AT + timedelta(minutes=16))
    assert LeasePool.objects.get().firm == 0
    assert not Lease.objects.exists()
