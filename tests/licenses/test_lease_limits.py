"""Threads: staging, surge, and limits and licenses that change meanwhile."""

import uuid
from datetime import timedelta

import pytest

from licenses.issuing import Grant, renew_license
from licenses.leases import LARGE_POOL, LARGE_TTL_SECONDS, acquire_leases, release_lease
from licenses.models import Lease, LeasePool, License
from licenses.status import lapse_license, reinstate_license, revoke_license, suspend_license
from licenses.usage import live_leases
from tests.licenses.leasing import AT, BOTH, TTL, ask, got, limited, sums, wish

pytestmark = pytest.mark.django_db(databases=BOTH)


def renewed(license: License, threads: int | None) -> License:
    """The license as bought anew for so many threads."""
    grant = Grant(
        tier_id=license.tier_id, kind="limited", threads=threads, paid_through=license.paid_through
    )
    return renew_license(license.pk, grant=grant, at=AT)


def test_staging_is_free_and_production_does_not_feel_it():
    license = limited(100)
    ask(license, wish(100))

    staging = [got(ask(license, wish(100, env="staging"))) for _ in range(6)]
    again = ask(license, wish(100))

    assert staging == [("NONPROD", 100, 0)] * 5 + [("OVER_LIMIT", 0, 0)]
    assert again.code == "SURGE"
    assert sums(license) == (110, 90)


def test_a_process_that_moves_from_staging_to_production_is_counted_from_then_on():
    license, iid = limited(100), uuid.uuid4()
    ask(license, wish(80, iid, env="staging"))

    answer = ask(license, wish(80, iid))

    assert got(answer) == ("OK", 80, 0)
    assert sums(license) == (80, 0)
    assert Lease.objects.count() == 1


def test_blue_green_at_exactly_the_limit_refuses_nothing_and_the_surge_ends():
    license = limited(500)
    old = [wish(10) for _ in range(50)]
    new = [wish(10) for _ in range(50)]
    for asked in old:
        ask(license, asked)

    overlapping = [ask(license, asked).grant.total for asked in new]
    firm, surge = sums(license)
    for asked in old:
        release_lease(license.pk, asked.iid)
    later = [got(ask(license, asked, AT + timedelta(minutes=5))) for asked in new]
    pool = LeasePool.objects.get()

    assert overlapping == [10] * 50
    assert (firm, firm + surge) == (550, 1000)
    assert later == [("OK", 10, 0)] * 50
    assert (pool.surge_until, pool.over_since) == (None, None)
    assert pool.surge_left_s == pytest.approx(3300)


def test_demand_of_three_times_the_limit_never_gets_more_than_twice():
    license = limited(100)
    asked = [wish(10) for _ in range(30)]

    for minutes in range(0, 180, 5):
        answers = [ask(license, one, AT + timedelta(minutes=minutes)) for one in asked]
        firm, surge = sums(license)
        assert firm <= 110
        assert firm + surge <= 200
        assert sum(answer.grant.total for answer in answers) == firm + surge

    assert sums(license) == (110, 0)


def test_a_surge_ends_within_the_hour_and_comes_back_within_a_day():
    license = limited(100)
    base, more = wish(110), wish(50)
    ask(license, base)
    first = ask(license, more)

    ends = {}
    for minutes in range(10, 80, 10):
        ask(license, base, AT + timedelta(minutes=minutes))
        answer = ask(license, more, AT + timedelta(minutes=minutes))
        ends[minutes] = (answer.grant.surge, answer.surge_s)

    assert (first.code, first.surge_s) == ("SURGE", 3600)
    assert ends[50] == (50, 600)
    assert ends[60] == ends[70] == (0, 0)
    assert surge_at(license, hours=6) == 0  # 12.5 minutes are back; a surge begins with 15
    assert surge_at(license, hours=26) == 3600


def surge_at(license: License, *, hours: int) -> int:
    """Seconds of surge for whoever comes beside a full pool then."""
    at = AT + timedelta(hours=hours)
    ask(license, wish(110), at)
    return ask(license, wish(50), at).surge_s


def test_a_firm_grant_is_not_cut_when_the_limit_falls():
    license = limited(300)
    asked = [wish(100) for _ in range(3)]
    for one in asked:
        ask(license, one)
    smaller = renewed(license, 100)

    kept = [got(ask(smaller, one, AT + timedelta(minutes=5))) for one in asked]
    refused = ask(smaller, wish(10), AT + timedelta(minutes=5))

    assert kept == [("OK", 100, 0)] * 3
    assert got(refused) == ("OVER_LIMIT", 0, 0)
    assert LeasePool.objects.get().over_since == AT + timedelta(minutes=5)


def test_an_upgrade_reaches_whoever_was_refused_with_his_next_question():
    license = limited(100)
    asked = [wish(100) for _ in range(3)]
    before = [ask(license, one).grant.total for one in asked]

    larger = renewed(license, 300)
    after = [got(ask(larger, one, AT + timedelta(seconds=60))) for one in asked]

    assert before == [100, 100, 0]
    assert after == [("OK", 100, 0)] * 3


def test_a_request_that_read_the_license_before_the_change_does_not_undo_it():
    stale = limited(100)
    fresh = renewed(stale, 300)
    ask(fresh, wish(10))

    ask(stale, wish(10))

    assert LeasePool.objects.get().limit == 300


@pytest.mark.parametrize(
    ("move", "code"), [(suspend_license, "SUSPENDED"), (revoke_license, "REVOKED")]
)
def test_a_suspended_or_revoked_license_gives_nothing_and_holds_nothing(move, code):
    license, asked = limited(100), wish(10)
    ask(license, asked)

    answer = ask(move(license.pk, at=AT, reason="test"), asked)

    assert got(answer) == (code, 0, 0)
    assert sums(license) == (0, 0)


def test_a_suspended_license_works_again_with_the_first_answer_after_it_was_reinstated():
    license, asked = limited(100), wish(10)
    ask(suspend_license(license.pk, at=AT, reason="dispute"), asked)

    answer = ask(reinstate_license(license.pk, at=AT, reason="won"), asked)

    assert got(answer) == ("OK", 10, 0)


def test_a_lapsed_license_keeps_its_threads_and_says_so():
    license, asked = limited(100), wish(100)
    ask(license, asked)

    answer = ask(lapse_license(license.pk, at=AT, reason="ended"), asked)

    assert got(answer) == ("LAPSED", 100, 0)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_jump_of_the_servers_clock_loses_no_firm_thread(hours: int):
    license = limited(100)
    asked = [wish(10) for _ in range(10)]
    for one in asked:
        ask(license, one)

    jumped = AT + timedelta(hours=hours, minutes=5)
    answers = [got(ask(license, one, jumped)) for one in asked]
    back = [got(ask(license, one, AT + timedelta(minutes=10))) for one in asked]

    assert answers == back == [("OK", 10, 0)] * 10


def test_members_of_a_batch_are_counted_like_single_processes():
    license = limited(100)
    members = [wish(50) for _ in range(5)]

    outcome = acquire_leases(license, members, at=AT)
    again = acquire_leases(license, members, at=AT + timedelta(minutes=5))

    codes = ["OK", "OK", "SURGE", "SURGE", "OVER_LIMIT"]
    assert [answer.code for answer in outcome.answers] == codes
    assert [answer.code for answer in again.answers] == codes
    assert sums(license) == (110, 90)


def test_a_large_pool_is_asked_to_come_less_often():
    license = limited(None)
    members = [wish(1) for _ in range(LARGE_POOL + 1)]

    first = acquire_leases(license, members, at=AT).answers[0]
    again = ask(license, members[0])

    assert (first.ttl_s, first.next_s) == (900, 300)
    assert (again.ttl_s, again.next_s) == (LARGE_TTL_SECONDS, 900)
    row = Lease.objects.get(iid=members[0].iid)
    assert row.expires_at == AT + timedelta(seconds=LARGE_TTL_SECONDS)


def test_lost_leases_are_rebuilt_by_the_next_renewals():
    license = limited(100)
    asked = [wish(20) for _ in range(5)]
    for one in asked:
        ask(license, one)
    Lease.objects.all().delete()
    LeasePool.objects.all().delete()

    answers = [got(ask(license, one, AT + timedelta(minutes=5))) for one in asked]

    assert answers == [("OK", 20, 0)] * 5


def test_only_living_leases_are_shown():
    license = limited(100)
    ask(license, wish(10))
    ask(license, wish(20), AT + timedelta(minutes=10))

    shown = [row.threads for row in live_leases(license.pk, AT + TTL)]

    assert shown == [20]


def test_releasing_twice_says_that_there_was_nothing():
    license, asked = limited(100), wish(10)
    ask(license, asked)

    assert [release_lease(license.pk, asked.iid) for _ in range(2)] == [True, False]
