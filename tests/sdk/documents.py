"""A seller in a few lines: signs documents for tests, without Django and without our signer."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from wheelbarrow_client.tokens import key_id

ASSERTION = b"wheelbarrow-license-v1"


def make_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def public_text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def make_claims(**changes: Any) -> dict[str, Any]:
    claims = {
        "v": 1,
        "lid": "7",
        "rev": 3,
        "cus": "5",
        "org": "Müller & Søn",
        "plan": "pro",
        "product": "hare",
        "products": ["hare"],
        "limits": {"threads": None},
        "features": ["batches"],
        "iat": "2026-01-01T00:00:00Z",
        "paid_through": "2027-01-01T00:00:00Z",
        "updates_until": "2027-01-01T00:00:00.500000Z",
    }
    return claims | changes


def sign(
    key: Ed25519PrivateKey,
    claims: dict[str, Any] | None = None,
    *,
    footer: bytes | None = None,
    assertion: bytes = ASSERTION,
) -> str:
    payload = json.dumps(make_claims() if claims is None else claims).encode()
    if footer is None:
        kid = key_id(key.public_key().public_bytes_raw())
        footer = json.dumps({"kid": kid}).encode()
    signature = key.sign(pae(b"v4.public.", payload, footer, assertion))
    return f"v4.public.{base64url(payload + signature)}.{base64url(footer)}"


def pae(*pieces: bytes) -> bytes:
    lengths = [len(piece).to_bytes(8, "little") + piece for piece in pieces]
    return len(pieces).to_bytes(8, "little") + b"".join(lengths)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
