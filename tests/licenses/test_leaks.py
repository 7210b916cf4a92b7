"""Keys found in public: GitHub's secret-scanning partner protocol."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from lib.tokens import TokenKind, digest_of, mint_token
from licenses import leaks
from licenses.credentials import create_lease_credential, find_credential, find_lease_credential
from licenses.leaks import KEYS_CACHE, BadReport, read_report
from licenses.models import LeakReport, LicenseEvent
from outbox.models import Mail
from tests.make import make_credential, make_license

pytestmark = pytest.mark.django_db

# The sample of GitHub's documentation, made with a key for tests.
SAMPLE = b'[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]'
SAMPLE_KEY_ID = "f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d"
SAMPLE_SIGNATURE = (
    "MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEA"
    "hHN2kDOhy2I6eGkOFmxNkOJ+L2y8oQ9A2T9GGJo6WJY="
)
SAMPLE_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP
HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==
-----END PUBLIC KEY-----"""

KEY = generate_private_key(SECP256R1())
URL = "https://github.example/octocat/hello/blob/1/x"


@pytest.fixture(autouse=True)
def _keys(_empty_cache: None) -> None:
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    cache.set(KEYS_CACHE, {SAMPLE_KEY_ID: SAMPLE_KEY, "ours": pem.decode()})


def report(*tokens: str, signature: str | None = None, url: str = URL) -> HttpResponse:
    items = [{"token": one, "type": "wb", "url": url, "source": "content"} for one in tokens]
    body = json.dumps(items).encode()
    if signature is None:
        signature = base64.b64encode(KEY.sign(body, ECDSA(SHA256()))).decode()
    return post(body, "ours", signature)


def post(body: bytes, key_id: str, signature: str) -> HttpResponse:
    headers = {"Github-Public-Key-Identifier": key_id, "Github-Public-Key-Signature": signature}
    return Client().post("/v1/leaks/github", body, content_type="application/json", headers=headers)


def test_the_sample_of_githubs_documentation_verifies():
    (found,) = read_report(SAMPLE, key_id=SAMPLE_KEY_ID, signature=SAMPLE_SIGNATURE)

    assert (found.token, found.type, found.url) == ("some_token", "some_type", "some_url")


@pytest.mark.parametrize("position", range(0, len(SAMPLE), 7))
def test_any_other_byte_does_not(position: int):
    changed = bytearray(SAMPLE)
    changed[position] ^= 1

    with pytest.raises(BadReport, match="signature"):
        read_report(bytes(changed), key_id=SAMPLE_KEY_ID, signature=SAMPLE_SIGNATURE)


def test_a_leaked_key_is_dead_at_once_and_its_holder_is_told_where_it_was(settings):
    license = make_license()
    credential, token = make_credential(license.customer, "prod-image")

    answer = report(token)

    mail = Mail.objects.get(key=f"leak:{credential.pk}")
    assert answer.json() == [
        {"token_hash": digest_of(token), "token_type": "wb", "label": "true_positive"}
    ]
    assert find_credential(token, timezone.now()) is None
    assert URL in mail.body
    assert "/account/" in mail.body
    assert token not in mail.body + mail.subject
    assert mail.to == [license.customer.contacts.get().email, "owner@shop.example"]
    assert LicenseEvent.objects.filter(license=license, name="key leaked").exists()


def test_told_twice_it_is_one_mail_and_one_report_for_each_place():
    _, token = make_credential(make_license().customer)

    for url in (URL, URL, "https://elsewhere.example"):
        report(token, url=url)

    assert Mail.objects.filter(key__startswith="leak:").count() == 1
    assert LeakReport.objects.count() == 2


def test_a_leaked_lease_key_is_dead_and_the_license_lives():
    license = make_license()
    _, token = create_lease_credential(license.pk, name="prod", at=timezone.now())

    report(token, mint_token(TokenKind.LEASE), "something else")

    license.refresh_from_db()
    assert find_lease_credential(token, timezone.now()) is None
    assert license.status == "active"


@pytest.mark.parametrize(
    ("key_id", "signature"),
    [("ours", "AAAA"), ("ours", "not base64!"), ("unknown", "AAAA"), ("", ""), ("ours", "")],
)
def test_a_forged_report_changes_nothing(key_id: str, signature: str):
    _, token = make_credential(make_license().customer)
    body = json.dumps([{"token": token, "type": "wb", "url": URL}]).encode()

    answer = post(body, key_id, signature)

    assert answer.status_code == 400
    assert find_credential(token, timezone.now()) is not None
    assert not LeakReport.objects.exists()


@pytest.mark.parametrize("body", [b"{}", b"no json", b"[7]", json.dumps([{}] * 1001).encode()])
def test_a_signed_body_that_is_no_report_is_400(body: bytes):
    signature = base64.b64encode(KEY.sign(body, ECDSA(SHA256()))).decode()

    assert post(body, "ours", signature).status_code == 400


def test_without_the_partners_keys_nothing_is_believed(monkeypatch: pytest.MonkeyPatch):
    cache.delete(KEYS_CACHE)
    monkeypatch.setattr(leaks, "KEYS_URL", "file:///nowhere/at/all")

    answer = report("x")

    assert answer.status_code == 400
