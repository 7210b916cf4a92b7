"""Threads: what each process gets, and for how long."""

import uuid
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from licenses.leases import release_lease
from licenses.models import Lease
from tests.licenses.leasing import AT, BOTH, TTL, ask, got, limited, sums, wish

pytestmark = pytest.mark.django_db(databases=BOTH)
MOMENT = timedelta(microseconds=1)


def test_five_pools_of_fifty_on_one_block_of_a_hundred():
    license = limited(100)

    answers = [got(ask(license, wish(50))) for _ in range(5)]

    assert answers == [
        ("OK", 50, 0),
        ("OK", 50, 0),
        ("SURGE", 10, 40),
        ("SURGE", 0, 50),
        ("OVER_LIMIT", 0, 0),
    ]
    assert sums(license) == (110, 90)


def test_whoever_stands_by_gets_threads_when_another_says_goodbye():
    license = limited(100)
    first, last = wish(50), wish(50)
    for asked in (first, wish(50), wish(50), wish(50)):
        ask(license, asked)
    refused = ask(license, last)

    release_lease(license.pk, first.iid)
    later = ask(license, last, AT + timedelta(seconds=refused.next_s))

    assert got(refused) == ("OVER_LIMIT", 0, 0)
    assert refused.next_s == 60
    assert later.grant.firm == 50


def test_a_license_without_limit_gives_all_that_is_wanted():
    assert got(ask(limited(None), wish(5000))) == ("OK", 5000, 0)


def test_a_renewal_that_changes_nothing_takes_no_lock_and_one_write():
    license, asked = limited(100), wish(10)
    ask(license, asked)

    with CaptureQueriesContext(connections["volatile"]) as queries:
        again = ask(license, asked, AT + timedelta(seconds=300))

    assert got(again) == ("OK", 10, 0)
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "UPDATE"]
    assert Lease.objects.get().expires_at == AT + timedelta(seconds=300) + TTL


def test_asking_again_in_any_order_is_one_lease():
    license, asked = limited(100), wish(10)

    for seconds in (0, 300, 100, 300, 0):
        ask(license, asked, AT + timedelta(seconds=seconds))

    assert sums(license) == (10, 0)
    assert Lease.objects.count() == 1


def test_a_reconnect_after_two_ttls_is_not_a_second_checkout():
    license, asked = limited(100), wish(60)
    ask(license, asked)

    answer = ask(license, asked, AT + 2 * TTL)

    assert got(answer) == ("OK", 60, 0)
    assert sums(license) == (60, 0)


def test_threads_of_a_killed_process_come_back_exactly_when_its_lease_ends():
    license = limited(100)
    ask(license, wish(110))

    early = ask(license, wish(100), AT + TTL - MOMENT)
    late = ask(license, wish(100), AT + TTL)

    assert early.grant.firm == 0
    assert got(late) == ("OK", 100, 0)


def test_a_restart_in_the_same_slot_takes_the_place_of_the_old_at_once():
    license = limited(100)

    answers = [ask(license, wish(100, slot="host/3")) for _ in range(20)]

    assert {got(answer) for answer in answers} == {("OK", 100, 0)}
    assert sums(license) == (100, 0)


def test_a_crash_loop_of_twenty_restarts_is_one_lease_of_its_slot_at_every_moment():
    license = limited(100)
    ask(license, wish(90, slot="host/1"))

    for restart in range(20):
        answer = ask(license, wish(10, slot="host/2"), AT + restart * timedelta(seconds=45))
        assert got(answer) == ("OK", 10, 0)
        assert sums(license) == (100, 0)

    assert Lease.objects.filter(license_id=license.pk, slot="host/2").count() == 1


def test_the_slot_of_another_customer_is_left_alone():
    ours, theirs = limited(100), limited(100)
    ask(ours, wish(10, slot="web/1"))

    ask(theirs, wish(10, slot="web/1"))

    assert sums(ours) == sums(theirs) == (10, 0)


def test_the_instance_of_another_customer_is_left_alone():
    ours, theirs, iid = limited(100), limited(100), uuid.uuid4()
    ask(ours, wish(10, iid))

    ask(theirs, wish(20, iid))
    release_lease(theirs.pk, iid)

    assert sums(ours) == (10, 0)
    assert sums(theirs) == (0, 0)
