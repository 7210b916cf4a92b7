"""A credential was found in public: refuse it at once, tell its holder, keep the report.

The form is GitHub's secret-scanning partner protocol: a signed JSON list of what was found.
"""

import base64
import binascii
import json
import logging
import urllib.request
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from lib.tokens import digest_of
from licenses.credentials import revoke_credential
from licenses.models import Credential, LeakReport, LicenseEvent
from licenses.people import addresses_of
from outbox.mail import queue_mail

log = logging.getLogger(__name__)

KEYS_URL = "https://api.github.com/meta/public_keys/secret_scanning"
KEYS_REMEMBERED = 30 * 60  # seconds
FAILURE_REMEMBERED = 60  # so that forged reports cannot make us fetch all the time
KEYS_CACHE = "secret-scanning-keys"
MAX_BYTES = 1_048_576
MAX_FINDINGS = 1000


class BadReport(Exception):
    """The report is not signed by the partner, or is no report; nothing was done."""


@dataclass(frozen=True)
class Finding:
    token: str = field(repr=False)
    type: str
    url: str
    source: str


def read_report(body: bytes, *, key_id: str, signature: str) -> list[Finding]:
    """What was found, if the partner signed these very bytes. Raises BadReport."""
    _check_signature(body, key_id, signature)
    try:
        items = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadReport("the body is not JSON") from error
    if not isinstance(items, list) or len(items) > MAX_FINDINGS:
        raise BadReport(f"a list of at most {MAX_FINDINGS} is wanted")
    return [_finding(item) for item in items]


@transaction.atomic
def revoke_leaked_key(finding: Finding, *, at: datetime) -> bool:
    """Refuse the customer's key that it is; False if it is none.

    Safe to repeat: one revocation, one mail, one report for each place.
    """
    found = Credential.objects.select_for_update(of=("self",)).filter(
        digest=digest_of(finding.token)
    )
    credential = found.first()
    if credential is None:
        return False
    LeakReport.objects.get_or_create(
        credential=credential,
        url=finding.url,
        defaults={"source": finding.source, "at": at},
    )
    if revoke_credential(credential.pk, at=at, reason="found in public"):
        _tell(credential, finding, at)
    return True


def _tell(credential: Credential, finding: Finding, at: datetime) -> None:
    license = credential.license or credential.customer.licenses.order_by("pk").first()
    if license is not None:
        reason = f"{credential} at {finding.url}"[:200]
        LicenseEvent.objects.create(license=license, name="key leaked", reason=reason, at=at)
    addresses = addresses_of(credential.customer_id)
    if settings.OWNER_EMAIL:
        addresses.append(settings.OWNER_EMAIL)
    if addresses:
        context = {"credential": credential, "url": finding.url}
        queue_mail(
            f"leak:{credential.pk}", template="licenses/leaked", to=addresses, context=context
        )


def _check_signature(body: bytes, key_id: str, signature: str) -> None:
    if not key_id or not signature:
        raise BadReport("the report is not signed")
    key = _public_key(key_id)
    try:
        key.verify(base64.b64decode(signature, validate=True), body, ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadReport("the signature is wrong") from error


def _public_key(key_id: str) -> EllipticCurvePublicKey:
    pem = _keys().get(key_id)
    if pem is None:
        raise BadReport("the key is unknown")
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, EllipticCurvePublicKey):
        raise BadReport("the key is of another kind")
    return key


def _keys() -> dict[str, str]:
    """The partner's public keys by id, fetched at most once in half an hour."""
    keys: dict[str, str] | None = cache.get(KEYS_CACHE)
    if keys is None:
        keys = _fetch_keys()
        cache.set(KEYS_CACHE, keys, KEYS_REMEMBERED if keys else FAILURE_REMEMBERED)
    return keys


def _fetch_keys() -> dict[str, str]:
    try:
        with urllib.request.urlopen(KEYS_URL, timeout=5) as answer:
            listed = json.loads(answer.read(MAX_BYTES))["public_keys"]
            return {one["key_identifier"]: one["key"] for one in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("the keys of secret scanning cannot be fetched: %s", error)
        return {}


def _finding(item: Any) -> Finding:
    if not isinstance(item, dict):
        raise BadReport("a finding must be an object")
    token, kind, url, source = (
        str(item.get(name) or "") for name in ("token", "type", "url", "source")
    )
    return Finding(token[:200], kind[:80], url[:500], source[:40])
