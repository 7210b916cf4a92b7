"""Attestations of an upload (PEP 740): checked as far as they can be without Sigstore, and made
into the provenance object that the index serves beside the file.

A signature of the job's workflow over this very file is checked here. That the certificate was
issued by Sigstore, and that the signature stands in its public log, is left to whoever verifies:
it needs Sigstore's roots, which change.
"""

import base64
import binascii
import json
import math
from typing import Any, NoReturn, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from pkgindex.models import TrustedPublisher
from pkgindex.trusted.identity import NotTrusted
from pkgindex.trusted.signer import check_signer
from pkgindex.uploads.refusals import UploadRefused, shown

PREDICATES = (
    "https://docs.pypi.org/attestations/publish/v1",
    "https://slsa.dev/provenance/v1",
)
_STATEMENT = "https://in-toto.io/Statement/v1"
_PAYLOAD = b"application/vnd.in-toto+json"
Kind = TypeVar("Kind")
_MAX_LENGTH = 512 * 1024  # characters; two of them have about 20,000


def read_attestations(
    text: str, *, publisher: TrustedPublisher | None, filename: str, sha256: str
) -> bytes:
    """The provenance object for the form's field *text*; b"" if there are no attestations.

    Raises UploadRefused for the first thing that is wrong with them.
    """
    if not text:
        return b""
    if publisher is None:
        _refuse("only a job of a trusted publisher may send them, not a token made by hand")
    attestations = _parse(text)
    kinds = [_check(one, publisher, filename, sha256) for one in attestations]
    if len(set(kinds)) < len(kinds):
        _refuse("two of them are of the same kind")
    bundle = {"publisher": _describe(publisher), "attestations": attestations}
    provenance = {"version": 1, "attestation_bundles": [bundle]}
    return json.dumps(provenance, allow_nan=False).encode()


def _refuse(why: str) -> NoReturn:
    raise UploadRefused(f"Invalid attestations supplied during upload: {why}.")


def _parse(text: str) -> list[dict[str, Any]]:
    attestations = _read_json(text) if len(text) <= _MAX_LENGTH else None
    if not isinstance(attestations, list) or not 0 < len(attestations) <= len(PREDICATES):
        _refuse(f"they are not a JSON array of at most {len(PREDICATES)}")
    return attestations


def _read_json(text: str | bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        _refuse("they are not JSON")


def _refuse_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON")


def _finite(text: str) -> float:
    """Python reads 1e999 as infinity, and would write it as what is not JSON."""
    number = float(text)
    if not math.isfinite(number):
        _refuse(f"{shown(text)} is too large a number")
    return number


def _check(attestation: Any, publisher: TrustedPublisher, filename: str, sha256: str) -> str:
    """What kind of statement it is. Its parts are named as PEP 740 names them."""
    version = _part(attestation, "version", int)
    if version != 1:
        _refuse(f"version {version} is not 1")
    material = _part(attestation, "verification_material", dict)
    if not _part(material, "transparency_entries", list):
        _refuse("transparency_entries is empty")
    envelope = _part(attestation, "envelope", dict)
    statement = _bytes(envelope, "statement")
    certificate = _read_certificate(_bytes(material, "certificate"))
    _check_signature(certificate, _bytes(envelope, "signature"), statement)
    try:
        check_signer(certificate, publisher)
    except NotTrusted as error:
        _refuse(str(error))
    return _check_statement(_read_json(statement), filename, sha256)


def _check_statement(statement: Any, filename: str, sha256: str) -> str:
    """An in-toto statement about this file and no other."""
    if _part(statement, "_type", str) != _STATEMENT:
        _refuse(f"the statement is not of the type {_STATEMENT}")
    subjects = _part(statement, "subject", list)
    if len(subjects) != 1:
        _refuse("the statement is not about one file")
    name = _part(subjects[0], "name", str)
    if name != filename:
        _refuse(f"the statement is about {shown(name)}, not {shown(filename)}")
    if _part(_part(subjects[0], "digest", dict), "sha256", str) != sha256:
        _refuse("the statement has another sha256 than the file")
    kind = _part(statement, "predicateType", str)
    if kind not in PREDICATES:
        _refuse(f"the predicate type {shown(kind)} is not one of {', '.join(PREDICATES)}")
    return kind


def _read_certificate(content: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(content)
        _ = certificate.extensions  # which are read only now
    except (
        ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType
    ):  # fmt: skip
        _refuse("the certificate cannot be read")
    return certificate


def _check_signature(certificate: x509.Certificate, signature: bytes, statement: bytes) -> None:
    key = _public_key(certificate)
    try:
        key.verify(signature, _encode(statement), ec.ECDSA(SHA256()))
    except InvalidSignature:
        _refuse("the signature is not the certificate's")


def _public_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        _refuse("the certificate's key cannot be read")
    if not isinstance(key, ec.EllipticCurvePublicKey):
        _refuse("the certificate's key is not one of an elliptic curve")
    return key


def _encode(statement: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(_PAYLOAD), _PAYLOAD, len(statement), statement)


def _bytes(holder: Any, name: str) -> bytes:
    text = "".join(_part(holder, name, str).split())  # some encoders break lines
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        _refuse(f"{name} is not base64")


def _part(holder: Any, name: str, kind: type[Kind]) -> Kind:
    part = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(part, kind) or isinstance(part, bool):
        _refuse(f"{name} is missing or not as PEP 740 says")
    return part


def _describe(publisher: TrustedPublisher) -> dict[str, str | None]:
    """As PyPI names it; `pypi-attestations` reads it."""
    is_github = publisher.kind == TrustedPublisher.Kind.GITHUB
    return {
        "kind": "GitHub" if is_github else "GitLab",
        "repository": publisher.repository,
        "workflow" if is_github else "workflow_filepath": publisher.workflow,
        "environment": publisher.environment or None,
    }
