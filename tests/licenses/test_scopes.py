"""What a credential is limited to, and its rotation."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from lib.addresses import network_of
from licenses.credentials import (
    AlreadyRotated,
    CredentialGone,
    create_credential,
    explain_refusal,
    find_credential,
    find_lease_credential,
    note_use,
    revoke_credential,
    rotate_credential,
)
from licenses.entitlements import Holder, find_holder, may_download
from licenses.models import Credential
from licenses.scopes import BadScope, Scope, make_scope
from tests.make import make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
INDEX = Credential.Kind.INDEX


def holder_of(scope: Scope, **options: str) -> Holder:
    license = make_license(tier=make_tier("pro"))
    make_license(customer=license.customer, tier=make_tier("pro", product="hedgehog"))
    _, token = create_credential(license.customer_id, name="ci", at=AT, scope=scope)
    holder = find_holder(token, AT, **options)
    assert holder is not None
    return holder


def verdict(holder: Holder, product: str, version: str) -> str:
    tier = make_tier("pro", product=product)
    return may_download(holder, tier_ids=[tier.pk], released_at=AT, version=version).reason


def test_a_credential_for_one_product_up_to_a_version_opens_nothing_else():
    holder = holder_of(make_scope(products=["hare"], versions="<4"))

    assert verdict(holder, "hare", "3.9.1") == verdict(holder, "hare", "3.0rc1") == ""
    assert verdict(holder, "hare", "4.0") == "This credential is limited to versions <4"
    assert verdict(holder, "hare", "no version") == "This credential is limited to versions <4"
    assert verdict(holder, "hedgehog", "1.0") == "This credential is limited to hare"


def test_without_a_scope_everything_that_the_licenses_cover_is_open():
    holder = holder_of(Scope())

    assert verdict(holder, "hare", "4.0") == verdict(holder, "hedgehog", "1.0") == ""


def test_a_credential_for_a_network_is_refused_elsewhere():
    license = make_license()
    scope = make_scope(networks=["192.0.2.0/24", "2001:db8::/32"])
    _, token = create_credential(license.customer_id, name="ci", at=AT, scope=scope)

    inside = [
        find_holder(token, AT, address=ip)
        for ip in ("192.0.2.7", "2001:db8::1", "::ffff:192.0.2.1")
    ]
    outside = [find_holder(token, AT, address=ip) for ip in ("192.0.3.7", "::1", "", "x")]

    assert None not in inside
    assert outside == [None] * 4
    assert "not for this network" in explain_refusal(token, AT, wanted=INDEX)


@pytest.mark.parametrize(
    "options", [{"versions": "four"}, {"networks": ["300.0.0.0/8"]}, {"networks": ["::/0"] * 21}]
)
def test_a_scope_that_makes_no_sense_is_refused(options):
    with pytest.raises(BadScope):
        make_scope(**options)


def test_a_credential_ends_when_its_scope_says():
    scope = make_scope(expires_at=AT + WEEK)
    _, token = create_credential(make_customer().pk, name="ci", at=AT, scope=scope)

    assert find_credential(token, AT + WEEK - timedelta(seconds=1))
    assert find_credential(token, AT + WEEK) is None
    assert "expired on 2026-05-08" in explain_refusal(token, AT + WEEK, wanted=INDEX)


def test_after_a_rotation_both_work_for_seven_days_and_the_use_of_the_old_one_shows():
    scope = make_scope(products=["hare"])
    old, old_token = create_credential(make_customer().pk, name="ci", at=AT, scope=scope)

    successor, token = rotate_credential(old.pk, at=AT)

    old.refresh_from_db()
    note_use(old, client="pip/26.3", at=AT + timedelta(days=3), network="192.0.2.0/24")
    old.refresh_from_db()
    assert (successor.name, successor.products, successor.expires_at) == ("ci", ["hare"], None)
    assert (old.successor, old.rotated_at, old.expires_at) == (successor, AT, AT + WEEK)
    assert (old.last_client, old.last_network) == ("pip/26.3", "192.0.2.0/24")
    assert find_credential(old_token, AT + WEEK - timedelta(seconds=1)) == old
    assert find_credential(old_token, AT + WEEK) is None
    assert find_credential(token, AT + WEEK) == successor
    assert f"use its successor (...{successor.hint})" in explain_refusal(
        old_token, AT + WEEK, wanted=INDEX
    )


def test_an_overlap_is_thirty_days_at_most_and_may_be_none():
    one, one_token = create_credential(make_customer().pk, name="a", at=AT)
    two, _ = create_credential(make_customer().pk, name="b", at=AT)

    rotate_credential(one.pk, at=AT, overlap=timedelta(0))
    rotate_credential(two.pk, at=AT, overlap=timedelta(days=90))

    two.refresh_from_db()
    assert find_credential(one_token, AT) is None
    assert two.expires_at == AT + timedelta(days=30)


def test_what_was_rotated_or_revoked_is_not_rotated():
    old, _ = create_credential(make_customer().pk, name="ci", at=AT)
    successor, _ = rotate_credential(old.pk, at=AT)
    revoke_credential(successor.pk, at=AT)

    with pytest.raises(AlreadyRotated):
        rotate_credential(old.pk, at=AT)
    with pytest.raises(CredentialGone):
        rotate_credential(successor.pk, at=AT)


def test_a_full_customer_can_rotate_each_of_his_twenty():
    customer = make_customer()
    made = [create_credential(customer.pk, name=str(n), at=AT)[0] for n in range(20)]

    for one in made:
        rotate_credential(one.pk, at=AT)

    assert Credential.objects.usable(AT).count() == 40


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_networks_are_kept_coarse(address: str, network: str):
    assert network_of(address) == network


def test_the_owner_makes_a_lease_key_by_command(capsys: pytest.CaptureFixture[str]):
    license = make_license()

    call_command("make_lease_key", str(license.pk))

    found = find_lease_credential(capsys.readouterr().out.strip(), datetime.now(UTC))
    assert found is not None
    assert found.license == license
    with pytest.raises(CommandError, match="no license 999"):
        call_command("make_lease_key", "999")
