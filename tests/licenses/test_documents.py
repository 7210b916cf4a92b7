import base64
import hashlib
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as make_ec_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.cache import cache
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries, Settings
from wheelbarrow_client import InvalidLicense, verify

from licenses import root_key as root
from licenses.documents import NoRootKey, public_key, public_key_text, sign_document
from licenses.models import License, SigningKey
from licenses.signing_keys import issue_signing_key
from tests.make import make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def parts(document: str) -> tuple[bytes, bytes]:
    """What was signed, and the footer."""
    _, _, body, footer = document.split(".")
    return decode(body)[:-64], decode(footer)


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.usefixtures("root_key")
def test_a_document_says_what_the_license_grants():
    until = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
    tier = make_tier("enterprise", threads_per_unit=100)
    tier.features = ["batches", "schedules"]
    tier.save()
    license = make_license(tier=tier, threads=300, paid_through=until)

    document = sign_document(license, at=AT)

    claims, footer = map(json.loads, parts(document))
    assert claims == {
        "v": 1,
        "lid": str(license.pk),
        "rev": 1,
        "cus": str(license.customer_id),
        "org": license.customer.name,
        "plan": "enterprise",
        "product": "hare",
        "products": ["hare"],
        "limits": {"threads": 300},
        "features": ["batches", "schedules"],
        "iat": "2026-05-06T07:08:09Z",
        "nbf": "2026-05-06T07:08:09Z",
        "paid_through": "2027-01-02T03:04:05Z",
        "updates_until": "2027-01-02T03:04:05Z",
        "exp": "2027-02-06T03:04:05Z",
        "fallback": "perpetual",
        "mode": "pool",
        "grace_s": 30 * 86_400,
        "hosts": ["http://testserver"],
        "support": "http://testserver/account/",
    }
    key = SigningKey.objects.get()
    assert footer == {"kid": key.kid, "cert": key.cert}
    certified, ending = map(json.loads, parts(key.cert))
    assert certified == {
        "kid": key.kid,
        "pub": certified["pub"],
        "use": "license",
        "nbf": "2026-05-06T07:08:09Z",
        "naf": "2028-05-05T07:08:09Z",
    }
    assert key.kid == hashlib.sha256(base64.b64decode(certified["pub"])).hexdigest()[:16]
    assert ending == {"kid": hashlib.sha256(public_key()).hexdigest()[:16]}


@pytest.mark.usefixtures("root_key")
def test_the_document_of_an_evaluation_ends_a_day_after_it():
    license = make_license(paid_through=datetime(2027, 1, 2, tzinfo=UTC))
    License.objects.update(kind=License.Kind.EVALUATION)
    license.refresh_from_db()

    found = verify(sign_document(license, at=AT), [public_key_text()])

    assert found.ends_at == found.refresh_by == datetime(2027, 1, 3, tzinfo=UTC)


@pytest.mark.usefixtures("root_key")
def test_the_customers_client_reads_what_was_signed():
    license = make_license(tier=make_tier("pro"))

    found = verify(sign_document(license, at=AT), [public_key_text()])

    assert (found.product, found.plan, found.threads) == ("hare", "pro", None)
    assert found.organization == license.customer.name
    assert found.paid_through == license.paid_through


@pytest.mark.usefixtures("root_key")
@pytest.mark.parametrize(("has_cryptography", "most_ms"), [(True, 1.0), (False, 10.0)])
def test_verifying_the_whole_chain_takes_no_time(monkeypatch, has_cryptography, most_ms):
    """The fastest of many: other processes share the machine."""
    document, keys = sign_document(make_license(), at=AT), [public_key_text()]
    if not has_cryptography:
        monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)

    def seconds() -> float:
        began = time.perf_counter()
        verify(document, keys)
        return time.perf_counter() - began

    assert 1000 * min(seconds() for _ in range(40)) < most_ms


@pytest.mark.usefixtures("root_key")
def test_a_document_is_one_line_without_address_or_status():
    license = make_license(customer=make_customer("ada@example.com"))

    document = sign_document(license, at=AT)

    payload, _ = parts(document)
    assert len(document.split()) == 1
    assert b"@" not in payload
    assert b"status" not in payload
    assert len(document) < 1400


@pytest.mark.usefixtures("root_key")
def test_every_byte_of_a_document_counts():
    document = sign_document(make_license(), at=AT).encode()
    keys = [public_key_text()]

    for position in range(len(document)):
        flipped = bytearray(document)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(InvalidLicense):
            verify(flipped.decode("latin-1"), keys)


def test_the_document_of_another_shop_is_refused(tmp_path: Path, settings: Settings):
    license = make_license()
    documents_of, keys = {}, {}
    for shop in ("ours", "theirs"):
        settings.LICENSE_ROOT_KEY_FILE = str(tmp_path / shop)
        call_command("make_root_key", str(tmp_path / shop), stdout=None)
        issue_signing_key(SigningKey.Use.LICENSE, at=AT)
        cache.clear()
        documents_of[shop] = sign_document(license, at=AT)
        keys[shop] = public_key_text()

    body = documents_of["theirs"].rsplit(".", 1)[0]
    footer = documents_of["ours"].rsplit(".", 1)[1]

    assert verify(documents_of["ours"], [keys["ours"]])
    with pytest.raises(InvalidLicense, match="does not know"):
        verify(documents_of["theirs"], [keys["ours"]])
    with pytest.raises(InvalidLicense, match="signature is wrong"):
        verify(f"{body}.{footer}", [keys["ours"]])
    with pytest.raises(InvalidLicense, match="signature is wrong"):
        verify(f"{body}.{footer}", [keys["ours"], keys["theirs"]])


@pytest.mark.usefixtures("root_key")
def test_a_name_in_any_script_is_kept():
    customer = make_customer()
    customer.name = 'Łódź "Zażółć" & 株式会社 🐇'
    customer.save()

    found = verify(sign_document(make_license(customer=customer), at=AT), [public_key_text()])

    assert found.organization == customer.name


@pytest.mark.usefixtures("root_key")
def test_a_customer_without_a_name_is_not_an_empty_line():
    customer = make_customer()
    customer.name = ""
    customer.save()

    found = verify(sign_document(make_license(customer=customer), at=AT), [public_key_text()])

    assert found.organization == f"customer {customer.pk}"


@pytest.mark.usefixtures("root_key")
def test_signing_asks_the_database_nothing_that_was_fetched(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    make_license()
    license = License.objects.select_related("customer", "tier__product").get()
    sign_document(license, at=AT)  # finds the signing key

    with django_assert_num_queries(0):
        sign_document(license, at=AT)


def test_without_a_key_file_the_sentence_says_how_to_make_one(settings: Settings):
    settings.LICENSE_ROOT_KEY_FILE = ""

    with pytest.raises(NoRootKey, match="make_root_key FILE"):
        sign_document(make_license(), at=AT)
    with pytest.raises(NoRootKey):
        public_key_text()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_a_key_file_that_others_may_open_is_refused(root_key: Path, mode: int):
    root_key.chmod(mode)

    with pytest.raises(NoRootKey, match="chmod 600"):
        public_key()


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_the_owner_alone_is_used(root_key: Path, mode: int):
    root_key.chmod(mode)

    assert len(public_key()) == 32


def test_a_key_file_that_is_not_there_is_named(root_key: Path):
    root_key.unlink()

    with pytest.raises(NoRootKey, match=r"root\.pem cannot be read: No such file"):
        public_key()


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_file_that_holds_no_key_is_refused_without_showing_it(root_key: Path, content: bytes):
    root_key.write_bytes(content)

    with pytest.raises(NoRootKey, match="not an Ed25519 key in PEM") as refused:
        public_key()

    assert refused.value.__cause__ is None


def test_a_key_of_another_kind_is_refused(root_key: Path):
    key = make_ec_key(SECP256R1())
    root_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    with pytest.raises(NoRootKey, match="not an Ed25519 key in PEM"):
        public_key()


def test_the_file_is_read_once_until_it_changes(root_key: Path, tmp_path: Path):
    root._load.cache_clear()
    first = public_key()
    again = public_key()
    reads_before = root._load.cache_info().misses
    call_command("make_root_key", str(tmp_path / "next.pem"), stdout=None)
    (tmp_path / "next.pem").rename(root_key)
    later = root_key.stat().st_mtime + timedelta(seconds=1).total_seconds()
    os.utime(root_key, (later, later))

    changed = public_key()

    assert first == again
    assert reads_before == 1
    assert changed != first


def test_the_command_makes_a_key_that_only_the_owner_may_read(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "root.pem"

    call_command("make_root_key", str(file))

    settings.LICENSE_ROOT_KEY_FILE = str(file)
    printed = capsys.readouterr()
    assert file.stat().st_mode & 0o777 == 0o600
    assert printed.out == f"{public_key_text()}\n"
    assert f"LICENSE_ROOT_KEY_FILE={file}" in printed.err
    assert "PRIVATE" not in printed.out + printed.err


def test_the_command_never_overwrites_a_key(root_key: Path):
    before = root_key.read_bytes()

    with pytest.raises(CommandError, match="exists already and is left as it is"):
        call_command("make_root_key", str(root_key))

    assert root_key.read_bytes() == before


def test_the_command_says_where_it_cannot_write(tmp_path: Path):
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("make_root_key", str(tmp_path / "nowhere" / "root.pem"))
