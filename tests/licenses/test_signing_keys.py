"""Root → signing key → document: keys come and go, old clients verify."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from wheelbarrow_client import InvalidLicense, verify
from wheelbarrow_client.tokens import read_chain, read_revoked_keys

from licenses import signing_keys
from licenses.documents import armour, sign_document
from licenses.lease_answers import PURPOSE as LEASE
from licenses.models import License, RevokedKeys, SigningKey
from licenses.root_key import NoRootKey, key_id, public_key, public_key_text
from licenses.signing_keys import (
    issue_signing_key,
    key_list,
    list_ending,
    revoke_signing_key,
    signer_for,
)
from tests.make import make_license

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("root_key")]
AT = datetime(2026, 5, 1, tzinfo=UTC)
Use = SigningKey.Use


def signed(license: License, at: datetime) -> str:
    cache.clear()  # as another process would do it
    return sign_document(license, at=at)


def test_a_wheel_of_two_years_ago_verifies_what_a_new_key_signed():
    roots = [public_key_text()]  # all that the wheel knows
    old = signed(make_license(), AT)
    new_key = issue_signing_key(Use.LICENSE, at=AT + timedelta(days=800))

    new = signed(make_license(), AT + timedelta(days=800))

    assert verify(old, roots)
    assert verify(new, roots)
    assert read_chain(new) == [key_id(public_key()), new_key.kid]


def test_a_key_that_ran_out_signs_no_more_and_what_it_signed_stays_genuine():
    roots = [public_key_text()]
    old = signed(make_license(), AT)

    later = signed(make_license(), AT + timedelta(days=731))

    assert read_chain(old) != read_chain(later)
    assert verify(old, roots)
    assert SigningKey.objects.count() == 2


def test_the_root_may_lie_in_a_safe_once_a_key_was_issued(settings):
    roots = [public_key_text()]
    issue_signing_key(Use.LICENSE, at=AT)
    settings.LICENSE_ROOT_KEY_FILE = ""

    assert verify(signed(make_license(), AT), roots)
    with pytest.raises(NoRootKey):
        signer_for(Use.LEASE, AT)


def test_a_second_root_takes_over_with_wheels_that_know_both(tmp_path: Path, settings):
    warm = public_key_text()
    settings.LICENSE_ROOT_KEY_FILE = str(tmp_path / "cold.pem")
    call_command("make_root_key", str(tmp_path / "cold.pem"), stdout=None)
    issue_signing_key(Use.LICENSE, at=AT)

    document = signed(make_license(), AT)

    assert verify(document, [warm, public_key_text()])
    with pytest.raises(InvalidLicense, match="does not know"):
        verify(document, [warm])


def test_a_revoked_key_is_listed_by_the_root_and_every_license_is_issued_anew():
    license, roots = make_license(), [public_key_text()]
    document = signed(license, AT)
    kid = SigningKey.objects.get().kid

    for _ in range(2):
        revoke_signing_key(kid, at=AT)

    refused = read_revoked_keys(RevokedKeys.objects.get().token, roots)
    license.refresh_from_db()
    assert refused == {kid}
    assert license.rev == 2
    with pytest.raises(InvalidLicense, match="was revoked"):
        verify(document, roots, refused_keys=refused)
    assert verify(signed(license, AT), roots, refused_keys=refused).rev == 2
    cache.clear()
    assert key_list(AT)["keys"] == RevokedKeys.objects.get().token


def test_a_list_of_revoked_keys_that_a_signing_key_signed_is_refused():
    forged = signer_for(Use.LICENSE, AT).sign({"revoked": ["x"]}, purpose=b"wheelbarrow-keys-v1")

    with pytest.raises(InvalidLicense, match="does not know"):
        read_revoked_keys(forged, [public_key_text()])


def test_a_key_for_leases_signs_no_license():
    lease_key = signer_for(Use.LEASE, AT)
    forged = lease_key.sign({"v": 1}, purpose=b"wheelbarrow-license-v1")

    with pytest.raises(InvalidLicense, match="it is for 'lease'"):
        verify(forged, [public_key_text()])


def test_a_certificate_is_not_a_license_and_a_lease_is_none():
    signer = signer_for(Use.LICENSE, AT)

    for token in (signer.cert, signer.sign({"v": 1}, purpose=LEASE)):
        with pytest.raises(InvalidLicense, match="signature is wrong"):
            verify(token, [public_key_text()])


def test_a_document_from_outside_the_life_of_its_key_is_refused():
    signer = signer_for(Use.LICENSE, AT)
    early = signer.sign({"v": 1, "iat": "2020-01-01T00:00:00Z"}, purpose=b"wheelbarrow-license-v1")

    with pytest.raises(InvalidLicense, match="outside the life"):
        verify(early, [public_key_text()])


def test_the_private_half_is_sealed():
    issue_signing_key(Use.LICENSE, at=AT)

    row = SigningKey.objects.values().get()
    assert row["sealed_private"].startswith("gAAAA")
    assert "PRIVATE" not in str(row)


def test_a_shop_with_another_secret_key_signs_with_a_new_key(settings):
    """Moved to a new machine: nobody bought a document there, and no lease was answered."""
    old = signed(make_license(), AT)
    signing_keys._signer.cache_clear()  # as another process
    settings.SECRET_KEY = "of the new machine"

    new = signed(make_license(), AT)

    assert read_chain(new) != read_chain(old)
    assert verify(new, [public_key_text()])
    signing_keys._signer.cache_clear()
    settings.LICENSE_ROOT_KEY_FILE, settings.SECRET_KEY = "", "of a third"
    with pytest.raises(NoRootKey, match="was sealed with another SECRET_KEY"):
        signed(make_license(), AT)


def test_a_document_in_armour_is_the_same_document():
    document = signed(make_license(), AT)

    text = armour(document)

    assert max(map(len, text.splitlines())) == 64
    assert verify(text, [public_key_text()]) == verify(document, [public_key_text()])
    assert verify(text.replace("\n", "\r\n"), [public_key_text()])
    for damaged in (text.replace("BEGIN", "BEGAN"), text.replace("-----END", "--END"), text[:200]):
        with pytest.raises(InvalidLicense):
            verify(damaged, [public_key_text()])


def test_the_owner_rotates_and_revokes_by_command(capsys: pytest.CaptureFixture[str]):
    call_command("signing_key", "issue")
    call_command("signing_key", "rotate", use="license")
    first = SigningKey.objects.filter(use=Use.LICENSE).order_by("pk")[0]

    call_command("signing_key", "revoke", first.kid)
    call_command("signing_key", "list")

    printed = capsys.readouterr().out
    assert SigningKey.objects.count() == 3
    assert f"{first.kid}  license" in printed
    assert printed.count("valid") == 2
    assert printed.count("  revoked") == 1
    with pytest.raises(CommandError, match="no signing key"):
        call_command("signing_key", "revoke", "unknown")


def test_without_the_root_the_command_says_what_is_missing(settings, tmp_path: Path):
    settings.LICENSE_ROOT_KEY_FILE = ""

    with pytest.raises(CommandError, match="make_root_key"):
        call_command("signing_key", "issue")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("signing_key", "issue", root=str(tmp_path / "usb.pem"))


def test_whoever_keeps_the_root_off_the_server_hears_before_no_key_signs_any_more(settings):
    """On that day nobody who buys gets a document, and no lease is answered."""
    for use in Use:
        issue_signing_key(use, at=AT)
    ends_at = AT + timedelta(days=730)
    settings.LICENSE_ROOT_KEY_FILE, root = "", settings.LICENSE_ROOT_KEY_FILE

    nights = [59, 60, 61, 716, 717, 730, 800]
    told = [[notice for notice, _ in list_ending(ends_at - timedelta(days=n))] for n in nights]
    late = list_ending(ends_at + timedelta(days=1))

    of = {key.use: key.kid for key in SigningKey.objects.all()}
    both = [f"signing-key:{of[use]}:60" for use in ("lease", "license")]
    assert sorted(told[0]) == sorted(told[1]) == sorted(both)
    assert told[2:] == [[]] * 5
    assert all(notice.endswith(":0") for notice, _ in late)
    assert "signing_key issue --use license" in dict(late)[f"signing-key:{of['license']}:0"]

    issue_signing_key(Use.LICENSE, at=ends_at, root_file=root)
    issue_signing_key(Use.LEASE, at=ends_at, root_file=root)
    assert list_ending(ends_at) == []

    newest = SigningKey.objects.latest("pk")  # the earlier one of its use ended long ago
    revoke_signing_key(newest.kid, at=ends_at + timedelta(days=9), root_file=root)
    assert [notice for notice, _ in list_ending(ends_at + timedelta(days=10))] == [
        f"signing-key:{newest.kid}:0"
    ]


def test_where_the_root_is_at_hand_the_next_key_makes_itself_and_nobody_is_told():
    issue_signing_key(Use.LICENSE, at=AT)

    assert list_ending(AT + timedelta(days=729)) == []


def test_a_shop_that_signs_nothing_is_told_nothing(settings):
    settings.LICENSE_ROOT_KEY_FILE = ""

    assert list_ending(AT) == []
