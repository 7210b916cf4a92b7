"""Signed tokens: PASETO v4.public, and the chain from a root key to what was signed.

A release knows only root keys. Each token carries the certificate of the key that signed it, so a
release of two years ago verifies what a key signed that was born today. Nothing here asks the
network or the clock, and nothing but InvalidLicense is raised.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from . import ed25519

HEADER = "v4.public."
# Signed along but not in the token: a signature made for anything else is never a license.
LICENSE = b"wheelbarrow-license-v1"
LEASE = b"wheelbarrow-lease-v1"
CERTIFICATE = b"wheelbarrow-cert-v1"
REVOKED_KEYS = b"wheelbarrow-keys-v1"
SIGNATURE_BYTES = 64
MAX_CHARACTERS = 131_072  # documents have about 1,400; an answer to a batch may have many


class InvalidLicense(Exception):
    """The document is not a license that one of our keys signed; `reason` is one sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_token(
    token: str,
    roots: Sequence[str],
    *,
    purpose: bytes,
    use: str,
    refused_keys: Collection[str] = (),
) -> dict[str, Any]:
    """The signed claims of *token*, if the chain from one of *roots* (base64) down to it holds.

    *use* is what the signing key must be certified for; *refused_keys* are ids that were revoked.
    Raises InvalidLicense, and nothing else, for whatever text is given.
    """
    payload, signature, footer = split(token)
    ending = read_json(footer)
    kid, cert = ending.get("kid"), ending.get("cert")
    if kid in refused_keys:
        refuse("the key that signed it was revoked; fetch a newer one")
    if cert is None:  # signed by a root itself, as the first documents were
        key = _root_of(kid, roots)
        _check(key, signature, payload, footer, purpose)
        return read_json(payload)
    certified = _read_certificate(cert, roots)
    key = _certified_key(certified, kid, use)
    _check(key, signature, payload, footer, purpose)
    claims = read_json(payload)
    _check_dates(claims, certified)
    return claims


def read_chain(token: str) -> list[str]:
    """The ids of the keys from the root down, unverified: for showing."""
    ending = read_json(split(token)[2])
    cert = ending.get("cert")
    above = [] if not isinstance(cert, str) else read_chain(cert)
    return [*above, str(ending.get("kid"))]


def read_revoked_keys(token: str, roots: Sequence[str]) -> frozenset[str]:
    """The ids in a list of revoked signing keys, which only a root key may sign."""
    payload, signature, footer = split(token)
    key = _root_of(read_json(footer).get("kid"), roots)
    _check(key, signature, payload, footer, REVOKED_KEYS)
    revoked = read_json(payload).get("revoked")
    return frozenset(revoked if isinstance(revoked, list) else ())


def _read_certificate(cert: object, roots: Sequence[str]) -> dict[str, Any]:
    if not isinstance(cert, str):
        refuse("its certificate was damaged")
    payload, signature, footer = split(cert)
    root = _root_of(read_json(footer).get("kid"), roots)
    _check(root, signature, payload, footer, CERTIFICATE)
    return read_json(payload)


def _certified_key(certified: dict[str, Any], kid: object, use: str) -> bytes:
    try:
        key = base64.b64decode(certified["pub"], validate=True)
    except (KeyError, TypeError, ValueError):
        key = b""
    if not key or not kid == certified.get("kid") == key_id(key):
        refuse("its certificate is for another key")
    if certified.get("use") != use:
        refuse(f"its key may not sign this: it is for {certified.get('use')!r}")
    return key


def _check_dates(claims: dict[str, Any], certified: dict[str, Any]) -> None:
    """The key must have been valid when it signed; today's clock is not asked."""
    issued = claims.get("iat")
    if not isinstance(issued, str):  # leases count in Unix seconds and are too short to matter
        return
    try:
        is_valid = certified["nbf"][:19] <= issued[:19] <= certified["naf"][:19]
    except (KeyError, TypeError):
        is_valid = False
    if not is_valid:
        refuse("it was signed outside the life of its key")


def _root_of(kid: object, roots: Sequence[str]) -> bytes:
    """Which of our keys the footer names."""
    try:
        keys = [base64.b64decode(text) for text in roots]
    except ValueError:
        refuse("this release was built with a broken public key")
    for key in keys:
        if key_id(key) == kid:
            return key
    return refuse("it was signed with a key that this release does not know")


def _check(key: bytes, signature: bytes, payload: bytes, footer: bytes, purpose: bytes) -> None:
    if not is_signed(key, signature, pae(HEADER.encode(), payload, footer, purpose)):
        refuse("its signature is wrong: it was changed, or not signed by the seller")


def key_id(public_key: bytes) -> str:
    """The name of a key in the footer: 16 hex characters."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def refuse(why: str) -> NoReturn:
    raise InvalidLicense(f"The license document is not valid: {why}.")


def split(document: str) -> tuple[bytes, bytes, bytes]:
    """Payload, signature and footer of a token."""
    if not document.startswith(HEADER) or not document.isascii():
        refuse(f"it does not begin with {HEADER!r}")
    body, dot, footer = document[len(HEADER) :].partition(".")
    if len(document) > MAX_CHARACTERS or not dot:
        refuse("it was cut off, or is something else")
    message = _decode(body)
    if len(message) <= SIGNATURE_BYTES:
        refuse("it was cut off")
    return message[:-SIGNATURE_BYTES], message[-SIGNATURE_BYTES:], _decode(footer)


def _decode(text: str) -> bytes:
    """Base64url without padding, and only in the one canonical form.

    Python skips characters that are not of the alphabet and ignores the last bits, so one
    signature would fit many documents.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    if _encode(data) != text:
        refuse("it was damaged on its way")
    return data


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pae(*pieces: bytes) -> bytes:
    """PASETO's pre-authentication encoding: how many pieces, then the length of each before it."""
    packed = [len(pieces).to_bytes(8, "little")]
    for piece in pieces:
        packed += [len(piece).to_bytes(8, "little"), piece]
    return b"".join(packed)


def is_signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """By `cryptography` where it is installed and can do Ed25519, or else in pure Python."""
    try:  # Imported only now: it takes longer than all the rest of this package.
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )
    except ImportError:
        return ed25519.verify(key, signature, message)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except UnsupportedAlgorithm:  # an OpenSSL in FIPS mode
        return ed25519.verify(key, signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_json(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        refuse("it was damaged on its way")
    return value
