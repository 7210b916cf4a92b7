"""The license document: where it stands, and whether it is genuine.

A document is a PASETO v4.public token whose footer names the signing key. Nothing here asks the
network or the clock, and nothing but InvalidLicense is raised.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from . import ed25519

HEADER = "v4.public."
# Signed along but not in the token: a signature made for anything else is never a license.
IMPLICIT_ASSERTION = b"wheelbarrow-license-v1"
VERSION = 1
SIGNATURE_BYTES = 64
MAX_CHARACTERS = 16_384  # real ones have about 700

TEXT_VARIABLE = "WHEELBARROW_LICENSE"
FILE_VARIABLE = "WHEELBARROW_LICENSE_FILE"


class InvalidLicense(Exception):
    """The document is not a license that one of our keys signed; `reason` is one sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class License:
    """What a genuine document says. The dates are for showing: the index decides by them."""

    license_id: str
    rev: int  # of two documents of one license the higher one is newer
    customer_id: str  # opaque
    organization: str
    product: str
    products: tuple[str, ...]
    plan: str  # the tier's slug, e.g. "pro"
    threads: int | None  # None: no limit
    features: tuple[str, ...]
    issued_at: datetime
    paid_through: datetime
    updates_until: datetime

    def has_feature(self, name: str) -> bool:
        return name in self.features

    @property
    def limit(self) -> str:
        """The thread limit in words."""
        return "unlimited threads" if self.threads is None else f"{self.threads} threads"


def read(product: str) -> str | None:
    """The license document on this machine, unverified; None if there is none.

    Looked for in WHEELBARROW_LICENSE (the text), in the file that WHEELBARROW_LICENSE_FILE names,
    and in `~/.config/<product>/license`, in that order. A file that is named but cannot be read
    raises InvalidLicense, for falling through to another license would only puzzle people.
    """
    text = os.environ.get(TEXT_VARIABLE, "").strip()
    if text:
        return text
    path = os.environ.get(FILE_VARIABLE, "").strip()
    if path:
        return _read_file(Path(path), named_by=FILE_VARIABLE)
    own = _user_file(product)
    if own is None or not os.path.lexists(own):
        return None
    return _read_file(own, named_by="your configuration")


def verify(document: str, public_keys: Sequence[str]) -> License:
    """The license that *document* is, if one of *public_keys* (base64) signed it.

    Raises InvalidLicense, and nothing else, for whatever text is given.
    """
    payload, signature, footer = _split(document.strip())
    key = _key_of(footer, public_keys)
    signed = _pae(HEADER.encode(), payload, footer, IMPLICIT_ASSERTION)
    if not _is_signed(key, signature, signed):
        _refuse("its signature is wrong: it was changed, or not signed by the seller")
    return _license(payload)


def key_id(public_key: bytes) -> str:
    """The name of a key in the footer: 16 hex characters."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def _refuse(why: str) -> NoReturn:
    raise InvalidLicense(f"The license document is not valid: {why}.")


def _user_file(product: str) -> Path | None:
    try:
        folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    except RuntimeError:  # a container whose user has no home
        return None
    return Path(folder) / product / "license"


def _read_file(path: Path, *, named_by: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_CHARACTERS + 1).decode("utf-8-sig").strip()
    except OSError as error:
        reason = f"The license file {path} ({named_by}) cannot be read: {error.strerror}."
        raise InvalidLicense(reason) from error
    except ValueError as error:
        reason = f"The license file {path} ({named_by}) is not a license document."
        raise InvalidLicense(reason) from error


def _split(document: str) -> tuple[bytes, bytes, bytes]:
    """Payload, signature and footer of a token."""
    if not document.startswith(HEADER) or not document.isascii():
        _refuse(f"it does not begin with {HEADER!r}")
    body, dot, footer = document[len(HEADER) :].partition(".")
    if len(document) > MAX_CHARACTERS or not dot:
        _refuse("it was cut off, or is something else")
    message = _decode(body)
    if len(message) <= SIGNATURE_BYTES:
        _refuse("it was cut off")
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
        _refuse("it was damaged on its way")
    return data


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _key_of(footer: bytes, public_keys: Sequence[str]) -> bytes:
    """Which of our keys the footer names."""
    kid = _json(footer).get("kid")
    try:
        keys = [base64.b64decode(text) for text in public_keys]
    except ValueError:
        _refuse("this release was built with a broken public key")
    for key in keys:
        if key_id(key) == kid:
            return key
    _refuse("it was signed with a key that this release does not know")


def _pae(*pieces: bytes) -> bytes:
    """PASETO's pre-authentication encoding: how many pieces, then the length of each before it."""
    packed = [len(pieces).to_bytes(8, "little")]
    for piece in pieces:
        packed += [len(piece).to_bytes(8, "little"), piece]
    return b"".join(packed)


def _is_signed(key: bytes, signature: bytes, message: bytes) -> bool:
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


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        _refuse("it was damaged on its way")
    return value


def _license(payload: bytes) -> License:
    """The signed claims as a value."""
    claims = _json(payload)
    if claims.get("v") != VERSION:
        _refuse(f"its version is {claims.get('v')!r}; upgrade the package to read it")
    try:
        return License(
            license_id=str(claims["lid"]),
            rev=int(claims["rev"]),
            customer_id=str(claims["cus"]),
            organization=str(claims["org"]),
            product=str(claims["product"]),
            products=tuple(claims["products"]),
            plan=str(claims["plan"]),
            threads=claims["limits"]["threads"],
            features=tuple(claims["features"]),
            issued_at=_moment(claims["iat"]),
            paid_through=_moment(claims["paid_through"]),
            updates_until=_moment(claims["updates_until"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        _refuse("a claim is missing or malformed; upgrade the package to read it")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.9 cannot read a Z
