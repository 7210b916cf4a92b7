"""Attestations as a job's tools make them, signed with a certificate as Fulcio would issue it; only
its issuer is nobody, and the log's entries are empty.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
SLSA = "https://slsa.dev/provenance/v1"
_AT = datetime(2026, 11, 1, tzinfo=UTC)


@lru_cache
def signing_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def gitlab_claims(issuer: str, **claims: str) -> dict[int, str]:
    """What Fulcio writes for a job of hare/hare-pro, by the last number of the OID."""
    project = f"{issuer}/hare/hare-pro"
    return {
        8: issuer,
        12: project,
        13: "0" * 40,
        14: "refs/heads/main",
        15: "42",
        18: f"{project}//.gitlab-ci.yml@refs/heads/main",
    } | {int(number.removeprefix("oid")): value for number, value in claims.items()}


def github_claims(**claims: str) -> dict[int, str]:
    project = "https://github.com/Hare/hare-pro"
    return {
        8: "https://token.actions.githubusercontent.com",
        12: project,
        13: "0" * 40,
        14: "refs/tags/v1",
        15: "74",
        18: f"{project}/.github/workflows/release.yml@refs/tags/v1",
    } | {int(number.removeprefix("oid")): value for number, value in claims.items()}


def make_certificate(claims: dict[int, str], *, uri: str = "", key: Any = None) -> bytes:
    """In DER. It names the workflow's URI as its subject, unless *uri* says another."""
    key = key or signing_key()
    nobody = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(nobody)
        .issuer_name(nobody)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(_AT)
        .not_valid_after(_AT + timedelta(minutes=10))
    )
    name = x509.UniformResourceIdentifier(uri or claims[18])
    builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=True)
    for number, value in claims.items():
        oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")
        extension = x509.UnrecognizedExtension(oid, asn1.encode_der(value))
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signing_key(), SHA256()).public_bytes(Encoding.DER)


def make_statement(filename: str, sha256: str, kind: str = PUBLISH) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": sha256}}],
        "predicateType": kind,
        "predicate": None,
    }


def attest(statement: dict[str, Any] | bytes, certificate: bytes) -> dict[str, Any]:
    """An attestation object of PEP 740."""
    content = statement if isinstance(statement, bytes) else json.dumps(statement).encode()
    kind = b"application/vnd.in-toto+json"
    signed = b"DSSEv1 28 %b %d %b" % (kind, len(content), content)
    signature = signing_key().sign(signed, ec.ECDSA(SHA256()))
    return {
        "version": 1,
        "verification_material": {
            "certificate": base64.b64encode(certificate).decode(),
            "transparency_entries": [{"logIndex": "1"}],
        },
        "envelope": {
            "statement": base64.b64encode(content).decode(),
            "signature": base64.b64encode(signature).decode(),
        },
    }
