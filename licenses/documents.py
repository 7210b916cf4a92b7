"""Signed license documents: what a customer's installation verifies offline.

A document is a PASETO v4.public token in one line. The key comes from LICENSE_ROOT_KEY_FILE; its
public half is built into the seller's wheels.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

from licenses.models import License

HEADER = "v4.public."
# Signed along but not in the token: a signature made for anything else is never a license.
IMPLICIT_ASSERTION = b"wheelbarrow-license-v1"
VERSION = 1
READABLE_BY_OTHERS = 0o077


class NoRootKey(Exception):
    """There is no key to sign with; the sentence tells the owner what to do."""


def sign_document(license: License, *, at: datetime) -> str:
    """The license as a document of one line. It holds no secret, but it cannot be called back.

    Whoever hands it out asks first whether the holder may have one. Raises NoRootKey.
    """
    key = _root_key()
    payload = _json(_claims(license, at))
    footer = _json({"kid": key_id(key.public_key().public_bytes_raw())})
    signature = key.sign(_pae(HEADER.encode(), payload, footer, IMPLICIT_ASSERTION))
    return f"{HEADER}{_base64url(payload + signature)}.{_base64url(footer)}"


def public_key() -> bytes:
    """The 32 bytes that verify our documents. Raises NoRootKey."""
    return _root_key().public_key().public_bytes_raw()


def public_key_text() -> str:
    """The same in base64: what is built into a wheel. Raises NoRootKey."""
    return base64.b64encode(public_key()).decode()


def key_id(public_key: bytes) -> str:
    """The name of a key in the footer: 16 hex characters."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def _claims(license: License, at: datetime) -> dict[str, Any]:
    tier = license.tier
    return {
        "v": VERSION,
        "lid": str(license.pk),
        "rev": license.rev,
        "cus": str(license.customer_id),
        "org": str(license.customer),
        "plan": tier.slug,
        "product": tier.product.slug,
        "products": [tier.product.slug],
        "limits": {"threads": license.threads},
        "features": list(tier.features),
        "iat": _moment(at),
        "paid_through": _moment(license.paid_through),
        "updates_until": _moment(license.updates_until),
    }


def _root_key() -> Ed25519PrivateKey:
    name = settings.LICENSE_ROOT_KEY_FILE
    if not name:
        raise NoRootKey(
            "LICENSE_ROOT_KEY_FILE is not set; make a key with `manage.py make_root_key FILE`."
        )
    try:
        status = Path(name).stat()
    except OSError as error:
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} cannot be read: {error.strerror}."
        ) from error
    if status.st_mode & READABLE_BY_OTHERS:
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} is open to other users of this machine; "
            f"run `chmod 600 {name}`."
        )
    return _load(name, status.st_mtime_ns)


@lru_cache(maxsize=2)
def _load(name: str, mtime_ns: int) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(Path(name).read_bytes(), password=None)
    except OSError as error:
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} cannot be read: {error.strerror}."
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} is not an Ed25519 key in PEM (PKCS 8, no password)."
        )
    return key


def _pae(*pieces: bytes) -> bytes:
    """PASETO's pre-authentication encoding: how many pieces, then the length of each before it."""
    packed = [len(pieces).to_bytes(8, "little")]
    for piece in pieces:
        packed += [len(piece).to_bytes(8, "little"), piece]
    return b"".join(packed)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
