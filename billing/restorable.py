"""What a second backup holds of a license and of a credential, as one short word each, and back.

    lic:17,stripe:sub_1,hare/pro,organization,active,,1798761600,1798761600,3
    key:iXohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg7fQ2.e1798761600

A digest of a random secret is no secret: from it nobody gets the key.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

from lib.times import from_unix
from licenses.models import Credential, License

LICENSE, CREDENTIAL = "lic:", "key:"
KINDS = {Credential.Kind.INDEX: "i", Credential.Kind.LEASE: "l"}
DIGEST_LENGTH = 43  # of SHA-256 in base64 without padding


@dataclass(frozen=True)
class RestorableLicense:
    license_id: int
    source: str
    tier: str  # "<product's slug>/<tier's slug>"
    kind: str
    status: str
    threads: int | None
    paid_through: datetime
    updates_until: datetime
    rev: int


@dataclass(frozen=True)
class RestorableCredential:
    kind: str
    digest: str  # in hex, as the row has it
    hint: str
    expires_at: datetime | None


def license_entry(license: License) -> str:
    """*license* with its tier and product at hand."""
    fields = (
        license.pk,
        quote(license.source, safe=":"),
        f"{license.tier.product.slug}/{license.tier.slug}",
        license.kind,
        license.status,
        "" if license.threads is None else license.threads,
        _unix(license.paid_through),
        _unix(license.updates_until),
        license.rev,
    )
    return LICENSE + ",".join(map(str, fields))


def read_license(entry: str) -> RestorableLicense:
    number, source, tier, kind, status, threads, paid, updates, rev = entry.split(",")
    return RestorableLicense(
        license_id=int(number.removeprefix(LICENSE)),
        source=unquote(source),
        tier=tier,
        kind=kind,
        status=status,
        threads=int(threads) if threads else None,
        paid_through=from_unix(int(paid)),
        updates_until=from_unix(int(updates)),
        rev=int(rev),
    )


def credential_entry(credential: Credential) -> str:
    digest = base64.urlsafe_b64encode(bytes.fromhex(credential.digest)).decode().rstrip("=")
    expires = f".e{_unix(credential.expires_at)}" if credential.expires_at else ""
    return CREDENTIAL + KINDS[Credential.Kind(credential.kind)] + digest + credential.hint + expires


def read_credential(entry: str) -> RestorableCredential:
    """What follows a dot begins with a letter of its own; those not known are passed over."""
    word, *more = entry.removeprefix(CREDENTIAL).split(".")
    expires = [part[1:] for part in more if part.startswith("e")]
    digest = base64.urlsafe_b64decode(word[1 : 1 + DIGEST_LENGTH] + "=").hex()
    return RestorableCredential(
        kind=next(kind for kind, letter in KINDS.items() if letter == word[0]),
        digest=digest,
        hint=word[1 + DIGEST_LENGTH :],
        expires_at=from_unix(int(expires[0])) if expires else None,
    )


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())
