"""What we count for the customer: why threads were refused, hour by hour."""

from datetime import timedelta

import pytest

from licenses.lease_duties import lease_duties
from licenses.leases import acquire_leases
from licenses.models import LeaseHour, LeasePool, License
from licenses.status import suspend_license
from licenses.usage import Refused, Use, live_usage, note_hour, refused_in
from tests.licenses.at_once import at_once
from tests.licenses.leasing import AT, BOTH, ask, limited, wish

pytestmark = pytest.mark.django_db(databases=BOTH)
HOUR = timedelta(hours=1)


def refused(license: License) -> Refused:
    """In the only hour there is."""
    return refused_in(LeaseHour.objects.get(license_id=license.pk))


def test_more_than_the_limit_is_counted_as_that():
    license = limited(100)
    for _ in range(4):
        ask(license, wish(50))

    ask(license, wish(50))

    assert refused(license) == Refused(over_limit=1)
    assert LeaseHour.objects.get().refused == 1


def test_what_was_refused_outside_production_says_so():
    license = limited(10)

    acquire_leases(license, [wish(10), wish(51, env="staging")], at=AT)

    assert refused(license) == Refused(over_free=1)


def test_while_a_pool_drains_that_is_the_reason():
    license = limited(100)
    first, second = wish(60), wish(50)
    for asked in (first, second):
        ask(license, asked)
    LeasePool.objects.update(is_draining=True, over_since=AT)

    ask(license, second)

    assert refused(license) == Refused(drained=1)


def test_a_suspended_license_counts_who_asked_in_vain():
    license = limited(100)
    ask(license, wish(50))
    suspended = suspend_license(license.pk, at=AT, reason="dispute")

    for _ in range(2):
        acquire_leases(suspended, [wish(10), wish(10)], at=AT)

    hour = LeaseHour.objects.get(license_id=license.pk)
    assert refused_in(hour) == Refused(not_active=4)
    assert (hour.refused, hour.peak) == (4, 50)


def test_the_reasons_add_up_over_the_hour_and_begin_anew_with_the_next():
    license = limited(100)
    for _ in range(5):
        ask(license, wish(110))
    ask(license, wish(510, env="staging"))

    ask(license, wish(110), AT + HOUR)

    first, second = LeaseHour.objects.filter(license_id=license.pk).order_by("hour")
    assert first.refused == refused_in(first).total == 5
    assert refused_in(first).over_free == 1
    assert second.refused == refused_in(second).total == 0


def test_looking_after_a_pool_refuses_nobody():
    license = limited(100)
    ask(license, wish(50))

    lease_duties(AT + HOUR / 2)

    assert refused(license) == Refused()


@pytest.mark.django_db(transaction=True, databases=BOTH)
def test_the_first_to_count_in_an_hour_may_be_several():
    at_once(4, lambda: note_hour(7, AT, Use(firm=5, refused=Refused(not_active=2))))

    hour = LeaseHour.objects.get()
    assert (hour.peak, hour.refused, hour.not_active) == (5, 8, 8)


def test_live_usage_lists_a_process_once_and_no_dead_one():
    license = limited(100)
    old, young = wish(10, slot="web/1"), wish(20, slot="web/2")
    ask(license, old)
    ask(license, young, AT + timedelta(minutes=10))

    now = AT + timedelta(minutes=16)

    assert [(row["slot"], row["firm"]) for row in live_usage(license.pk, now)] == [("web/2", 20)]
