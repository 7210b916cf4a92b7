from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from licenses.credentials import revoke_credential
from licenses.entitlements import Holder, find_holder, may_download
from licenses.models import Customer, License, Tier
from licenses.status import lapse_license, revoke_license, suspend_license
from tests.make import make_credential, make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, tzinfo=UTC)
UNTIL = datetime(2026, 6, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
MOVES = {"suspended": suspend_license, "lapsed": lapse_license, "revoked": revoke_license}


def hold(customer: Customer, tier: Tier, status: str) -> License:
    license = make_license(customer=customer, tier=tier, paid_through=UNTIL)
    if status in MOVES:
        MOVES[status](license.pk, at=NOW, reason="test")
    return license


def holder_of(customer: Customer) -> Holder:
    _, token = make_credential(customer)
    holder = find_holder(token, NOW)
    assert holder is not None
    return holder


@pytest.mark.parametrize(
    ("status", "older", "newer"),
    [
        ("active", True, True),  # also after `paid_through`: a renewal may be an hour late
        ("lapsed", True, False),
        ("suspended", False, False),
        ("revoked", False, False),
    ],
)
def test_what_each_status_lets_its_holder_have(status: str, older: bool, newer: bool):
    customer, tier = make_customer(), make_tier()
    hold(customer, tier, status)
    holder = holder_of(customer)

    until = may_download(holder, tier_ids=[tier.pk], released_at=UNTIL)
    after = may_download(holder, tier_ids=[tier.pk], released_at=UNTIL + MOMENT)

    assert (until.is_allowed, after.is_allowed) == (older, newer)


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        (["lapsed"], "Your license of Hare Pro ended 2026-06-01 and covers releases up to then"),
        (["suspended"], "Your license of Hare Pro is suspended while a payment is disputed"),
        (["revoked"], "Your license of Hare Pro was revoked"),
        (["revoked", "suspended"], "is suspended"),
        (["suspended", "lapsed", "revoked"], "ended 2026-06-01"),
        ([], "Your license does not cover this project, it needs Hare Pro"),
    ],
)
def test_a_refusal_gives_the_reason_of_the_best_license(statuses: list[str], reason: str):
    customer, tier = make_customer(), make_tier()
    for status in statuses:
        hold(customer, tier, status)

    verdict = may_download(holder_of(customer), tier_ids=[tier.pk], released_at=NOW)

    assert not verdict.is_allowed
    assert reason in verdict.reason
    assert verdict.reason.isascii()


@pytest.mark.parametrize("order", [(UNTIL, NOW), (NOW, UNTIL)])
def test_of_two_lapsed_licenses_the_one_that_lasted_longer_is_told(
    order: tuple[datetime, datetime],
):
    customer, tier = make_customer(), make_tier()
    for until in order:
        license = make_license(customer=customer, tier=tier, paid_through=until)
        lapse_license(license.pk, at=NOW, reason="test")

    verdict = may_download(holder_of(customer), tier_ids=[tier.pk], released_at=NOW + MOMENT)

    assert "ended 2026-06-15 and covers" in verdict.reason


def test_one_active_license_is_enough_whatever_the_others_are():
    customer, tier = make_customer(), make_tier()
    for status in ["revoked", "lapsed", "active", "suspended"]:
        hold(customer, tier, status)

    assert may_download(holder_of(customer), tier_ids=[tier.pk], released_at=NOW).is_allowed


def test_a_license_covers_only_what_its_tier_grants():
    customer, pro, enterprise = make_customer(), make_tier("pro"), make_tier("enterprise")
    hold(customer, pro, "active")
    holder = holder_of(customer)

    both = may_download(holder, tier_ids=[pro.pk, enterprise.pk], released_at=NOW)
    other = may_download(holder, tier_ids=[enterprise.pk], released_at=NOW)
    nobodys = may_download(holder, tier_ids=[], released_at=NOW)

    assert both.is_allowed
    assert not other.is_allowed
    assert other.reason == "Your license does not cover this project, it needs Hare Enterprise"
    assert nobodys.reason.endswith("it needs no license on sale")


def test_the_license_of_another_customer_helps_nobody():
    tier = make_tier()
    hold(make_customer(), tier, "active")

    verdict = may_download(holder_of(make_customer()), tier_ids=[tier.pk], released_at=NOW)

    assert not verdict.is_allowed


def test_a_revoked_or_malformed_credential_has_no_holder():
    credential, token = make_credential(make_customer())
    revoke_credential(credential.pk, at=NOW)

    assert find_holder(token, NOW) is None
    assert find_holder("wb_ix_nonsense", NOW) is None


def test_a_holder_costs_two_queries_however_many_licenses_he_has(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    customer, tier = make_customer(), make_tier()
    for _ in range(5):
        hold(customer, tier, "active")
    credential, token = make_credential(customer)

    with django_assert_num_queries(2):
        holder = find_holder(token, NOW)
        assert holder is not None
        may_download(holder, tier_ids=[tier.pk], released_at=NOW)

    assert holder.credential == credential
    assert holder.customer_id == customer.pk
    assert {right.tier_name for right in holder.rights} == {"Hare Pro"}
