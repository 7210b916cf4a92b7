"""PASETO v4.public, the signing half: Ed25519 over an encoding that cannot be read in two ways.

The client has a verifier of its own (sdk/), which shares no code with this.
"""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HEADER = "v4.public."


def sign(
    key: Ed25519PrivateKey, claims: dict[str, Any], *, footer: dict[str, Any], purpose: bytes
) -> str:
    """The token. *purpose* (PASETO's implicit assertion) is signed along but not in the token:
    what was signed for one purpose is nothing for another.
    """
    payload, ending = compact_json(claims), compact_json(footer)
    signature = key.sign(_pae(HEADER.encode(), payload, ending, purpose))
    return f"{HEADER}{_base64url(payload + signature)}.{_base64url(ending)}"


def compact_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _pae(*pieces: bytes) -> bytes:
    """PASETO's pre-authentication encoding: how many pieces, then the length of each before it."""
    packed = [len(pieces).to_bytes(8, "little")]
    for piece in pieces:
        packed += [len(piece).to_bytes(8, "little"), piece]
    return b"".join(packed)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
