from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from licenses.issuing import Grant, LicenseRevoked, issue_license, renew_license
from licenses.models import License, LicenseEvent
from licenses.status import lapse_license, revoke_license
from tests.licenses.at_once import at_once
from tests.make import make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 1, tzinfo=UTC)
UNTIL = datetime(2026, 6, 1, tzinfo=UTC)


def make_grant(tier_id: int | None = None) -> Grant:
    return Grant(
        tier_id=tier_id or make_tier().pk,
        kind=License.Kind.ORGANIZATION,
        threads=None,
        paid_through=UNTIL,
    )


def events(license: License) -> list[str]:
    return list(license.events.order_by("pk").values_list("name", flat=True))


def test_a_license_is_issued_active_and_covers_updates_as_long_as_it_is_paid():
    customer = make_customer()

    license = issue_license(
        customer_id=customer.pk, source="owner:1", grant=make_grant(), at=AT, reason="gift"
    )

    assert license.status == License.Status.ACTIVE
    assert (license.paid_through, license.updates_until) == (UNTIL, UNTIL)
    assert license.rev == 1
    event = license.events.get()
    assert (event.name, event.reason, event.at) == ("issued", "gift", AT)


def test_a_source_told_twice_gives_one_license_and_one_event():
    customer, grant = make_customer(), make_grant()
    first = issue_license(customer_id=customer.pk, source="owner:1", grant=grant, at=AT)
    longer = replace(grant, paid_through=UNTIL + timedelta(days=9))

    again = issue_license(customer_id=customer.pk, source="owner:1", grant=longer, at=AT)

    assert again.pk == first.pk
    assert again.paid_through == UNTIL
    assert events(first) == ["issued"]


@pytest.mark.django_db(transaction=True)
def test_a_source_told_by_four_at_once_gives_one_license():
    customer, grant = make_customer(), make_grant()

    licenses = at_once(
        4, lambda: issue_license(customer_id=customer.pk, source="owner:1", grant=grant, at=AT).pk
    )

    assert len(set(licenses)) == 1
    assert LicenseEvent.objects.count() == 1


def test_a_renewal_raises_the_revision_and_writes_one_event():
    license = make_license(paid_through=UNTIL)
    longer = replace(make_grant(license.tier_id), paid_through=UNTIL + timedelta(days=31))

    renew_license(license.pk, grant=longer, at=AT)
    renewed = renew_license(license.pk, grant=longer, at=AT)  # told twice

    assert renewed.rev == 2
    assert renewed.paid_through == renewed.updates_until == UNTIL + timedelta(days=31)
    assert events(license) == ["issued", "renewed"]


def test_a_renewal_that_says_nothing_new_changes_nothing():
    license = make_license(paid_through=UNTIL)

    same = renew_license(license.pk, grant=make_grant(license.tier_id), at=AT)

    assert same.rev == 1
    assert events(license) == ["issued"]


@pytest.mark.parametrize("what", ["tier", "threads"])
def test_another_tier_or_number_of_threads_is_a_change(what: str):
    license = make_license(paid_through=UNTIL)
    grant = make_grant(license.tier_id)
    new = {
        "tier": replace(grant, tier_id=make_tier("enterprise").pk),
        "threads": replace(grant, threads=200, kind=License.Kind.LIMITED),
    }[what]

    changed = renew_license(license.pk, grant=new, at=AT, reason="bought more")

    assert (changed.tier_id, changed.threads, changed.kind) == (new.tier_id, new.threads, new.kind)
    assert changed.rev == 2
    assert events(license) == ["issued", "changed"]


def test_a_renewal_leaves_the_status_alone():
    license = make_license(paid_through=UNTIL)
    lapse_license(license.pk, at=AT, reason="not paid")
    longer = replace(make_grant(license.tier_id), paid_through=UNTIL + timedelta(days=31))

    assert renew_license(license.pk, grant=longer, at=AT).status == License.Status.LAPSED


def test_a_revoked_license_is_not_renewed():
    license = make_license(paid_through=UNTIL)
    revoke_license(license.pk, at=AT, reason="refund")
    longer = replace(make_grant(license.tier_id), paid_through=UNTIL + timedelta(days=31))

    with pytest.raises(LicenseRevoked):
        renew_license(license.pk, grant=longer, at=AT)

    license.refresh_from_db()
    assert (license.status, license.paid_through, license.rev) == ("revoked", UNTIL, 2)


def test_a_revoked_source_told_again_stays_revoked():
    license = make_license(source="owner:1")
    revoke_license(license.pk, at=AT, reason="refund")

    again = issue_license(
        customer_id=license.customer_id, source="owner:1", grant=make_grant(), at=AT
    )

    assert (again.pk, again.status) == (license.pk, License.Status.REVOKED)
