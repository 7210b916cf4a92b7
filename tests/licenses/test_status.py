from datetime import UTC, datetime

import pytest

from licenses.issuing import LicenseRevoked
from licenses.models import License
from licenses.status import lapse_license, reinstate_license, revoke_license, suspend_license
from tests.licenses.at_once import at_once
from tests.make import make_license

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 1, tzinfo=UTC)
MOVES = {
    "suspended": suspend_license,
    "active": reinstate_license,
    "lapsed": lapse_license,
    "revoked": revoke_license,
}


def history(license: License) -> list[tuple[str, str]]:
    return list(license.events.order_by("pk").values_list("name", "reason"))


@pytest.mark.parametrize("to", ["suspended", "lapsed", "revoked"])
def test_a_move_changes_the_status_raises_the_revision_and_is_told_once(to: str):
    license = make_license()

    MOVES[to](license.pk, at=AT, reason="because")
    moved = MOVES[to](license.pk, at=AT, reason="told twice")

    assert (moved.status, moved.rev) == (to, 2)
    assert history(license) == [("issued", ""), (to, "because")]


@pytest.mark.parametrize("through", ["suspended", "lapsed"])
def test_a_suspended_or_lapsed_license_comes_back(through: str):
    license = make_license()
    MOVES[through](license.pk, at=AT, reason="x")

    back = reinstate_license(license.pk, at=AT, reason="paid again")

    assert (back.status, back.rev) == (License.Status.ACTIVE, 3)
    assert history(license)[-1] == ("reinstated", "paid again")


def test_reinstating_an_active_license_changes_nothing():
    license = make_license()

    same = reinstate_license(license.pk, at=AT, reason="x")

    assert same.rev == 1
    assert history(license) == [("issued", "")]


@pytest.mark.parametrize("to", ["suspended", "active", "lapsed"])
def test_a_revoked_license_never_comes_back(to: str):
    license = make_license()
    revoke_license(license.pk, at=AT, reason="refund")

    with pytest.raises(LicenseRevoked):
        MOVES[to](license.pk, at=AT, reason="please")

    license.refresh_from_db()
    assert (license.status, license.rev) == (License.Status.REVOKED, 2)
    assert history(license) == [("issued", ""), ("revoked", "refund")]


def test_a_move_touches_no_date_and_no_other_license():
    license, other = make_license(), make_license()

    moved = lapse_license(license.pk, at=AT, reason="ended")

    other.refresh_from_db()
    assert moved.paid_through == license.paid_through
    assert moved.updates_until == license.updates_until
    assert (other.status, other.rev) == (License.Status.ACTIVE, 1)


@pytest.mark.django_db(transaction=True)
def test_four_who_revoke_at_once_leave_one_event():
    license = make_license()

    results = at_once(4, lambda: revoke_license(license.pk, at=AT, reason="refund"))

    license.refresh_from_db()
    assert all(isinstance(result, License) for result in results)
    assert (license.status, license.rev) == (License.Status.REVOKED, 2)
    assert history(license) == [("issued", ""), ("revoked", "refund")]
