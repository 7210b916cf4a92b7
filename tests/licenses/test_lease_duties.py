"""What the worker does about pools over their limit: events, three mails, the drain on day 14."""

from datetime import datetime, timedelta

import pytest

from licenses.lease_duties import lease_duties
from licenses.leases import release_lease
from licenses.models import Lease, LeasePool, License, LicenseEvent
from licenses.wishes import Wish
from outbox.models import Mail
from tests.licenses.leasing import AT, BOTH, ask, limited, sums, wish
from tests.licenses.overage import DAY, run

pytestmark = pytest.mark.django_db(databases=BOTH)


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
