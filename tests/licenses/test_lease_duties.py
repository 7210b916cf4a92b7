"""What the worker does about leases: events, three mails, and the drain on day 14."""

from datetime import datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.chores import do_chores
from billing.models import Chore
from licenses.lease_duties import lease_duties, prune_usage
from licenses.leases import release_lease
from licenses.models import (
    CredentialNetwork,
    Lease,
    LeaseHour,
    LeasePool,
    License,
    LicenseEvent,
)
from licenses.usage import usage_of
from licenses.wishes import Wish
from outbox.models import Mail
from tests.licenses.leasing import AT, BOTH, ask, limited, sums, wish
from tests.make import make_credential, make_customer

pytestmark = pytest.mark.django_db(databases=BOTH)
DAY = timedelta(days=1)


def run(license: License, asked: list[Wish], at: datetime, until: datetime) -> None:
    """Everybody renews, and the worker looks, every ten minutes (six hours: nothing happens)."""
    step = timedelta(minutes=10)
    while at < until:
        for one in asked:
            ask(license, one, at)
        lease_duties(at)
        at += step


def skip(license: License, asked: list[Wish], at: datetime) -> None:
    """The same as if they had renewed all the time until *at*."""
    Lease.objects.update(expires_at=at + timedelta(minutes=10))
    for one in asked:
        ask(license, one, at)
    lease_duties(at)


def days_mailed(license: License) -> list[int]:
    keys = Mail.objects.filter(key__startswith=f"threads:{license.pk}:").order_by("pk")
    return [int(key.rsplit(":", 1)[1]) for key in keys.values_list("key", flat=True)]


def test_ten_percent_over_for_fifteen_days_is_mailed_thrice_and_then_drained():
    license = limited(500)
    asked = [wish(10) for _ in range(55)]
    mails, firm = {}, {}

    skip(license, asked, AT)
    assert days_mailed(license) == []  # a deployment looks the same
    for half in range(31):
        skip(license, asked, AT + timedelta(hours=1) + half * DAY / 2)
        mails[half / 2], firm[half / 2] = days_mailed(license), sums(license)

    assert mails[0] == mails[6.5] == [0]
    assert mails[7] == mails[12.5] == [0, 7]
    assert mails[13] == mails[15] == [0, 7, 13]
    assert firm[14] == (550, 0)
    assert firm[14.5] == firm[15] == (500, 0)
    assert min(row.firm for row in Lease.objects.all()) == 9  # nobody lost everything


def test_a_drained_pool_does_not_grow_again_until_less_is_wanted():
    license = limited(100)
    asked = [wish(55), wish(55)]
    for day in range(17):
        skip(license, asked, AT + day * DAY)
    drained = sums(license)

    skip(license, asked, AT + 20 * DAY)
    still = sums(license)
    skip(license, [Wish(iid=asked[0].iid, threads=45), asked[1]], AT + 21 * DAY)

    assert drained == still == (100, 0)
    assert sums(license) == (100, 0)
    assert LeasePool.objects.get().is_draining is False


def test_a_deployment_over_the_limit_is_no_reason_to_write():
    license = limited(500)
    old, new = [wish(10) for _ in range(50)], [wish(10) for _ in range(50)]
    run(license, old, AT, AT + timedelta(minutes=20))
    run(license, old + new, AT + timedelta(minutes=20), AT + timedelta(minutes=70))
    for asked in old:
        release_lease(license.pk, asked.iid)

    run(license, new, AT + timedelta(minutes=70), AT + timedelta(hours=4))

    assert days_mailed(license) == []
    assert sums(license) == (500, 0)


def test_whoever_comes_back_under_the_limit_begins_anew():
    license = limited(100)
    both = [wish(55), wish(55)]
    skip(license, both, AT)
    skip(license, both, AT + 12 * DAY)
    release_lease(license.pk, both[1].iid)
    skip(license, both[:1], AT + 12 * DAY + timedelta(hours=1))
    assert days_mailed(license) == [0]

    skip(license, both, AT + 13 * DAY)
    skip(license, both, AT + 14 * DAY)

    assert days_mailed(license) == [0, 0]
    assert LeasePool.objects.get().is_draining is False


def test_a_worker_that_was_away_for_a_month_does_not_send_three_mails_at_once():
    license = limited(100)
    asked = [wish(55), wish(55)]
    ask(license, asked[0])
    ask(license, asked[1])

    seen = {}
    for day in (30, 31, 36, 37, 43, 44, 45):
        Lease.objects.update(expires_at=AT + (day + 1) * DAY)
        skip(license, asked, AT + day * DAY)
        seen[day] = (len(days_mailed(license)), sums(license)[0])

    assert seen == {
        30: (1, 110), 31: (1, 110), 36: (1, 110), 37: (2, 110), 43: (3, 110),
        44: (3, 110),  # drains with the next renewals
        45: (3, 100),
    }  # fmt: skip


def test_a_month_without_us_is_not_an_overage():
    license = limited(100)
    asked = [wish(55), wish(55)]
    for one in asked:
        ask(license, one)
    back = AT + 30 * DAY

    lease_duties(back)
    ask(license, asked[0], back)
    ask(license, asked[1], back)
    lease_duties(back + timedelta(minutes=2))

    assert days_mailed(license) == []
    assert LeasePool.objects.get().over_since == back


def test_levels_are_told_once_each():
    license = limited(100)
    steps = [79, 80, 99, 100, 110, 100, 0, 80]

    for minute, threads in enumerate(steps):
        Lease.objects.all().delete()
        at = AT + timedelta(minutes=minute * 2)
        ask(license, wish(threads), at)
        lease_duties(at)

    names = LicenseEvent.objects.filter(name__startswith="threads").order_by("pk")
    assert list(names.values_list("name", flat=True)) == [
        "threads at 80 %",
        "threads at 100 %",
        "threads at 110 %",
        "threads at 80 %",
    ]


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
