"""An identity that a job shows: a JSON web token (RFC 7519), signed by an issuer we know."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from pkgindex.trusted.issuer_keys import find_key

_MAX_LENGTH = 16_384  # characters; GitHub's have about 1,500
_AHEAD = 30  # seconds that the issuer's clock may be ahead of ours; behind, it may not be at all


class NotTrusted(Exception):
    """The identity opens nothing. The sentence is for the person who reads the job's log."""


@dataclass(frozen=True)
class Identity:
    """Who a job is, as its issuer says; every claim was signed."""

    issuer: str
    claims: Mapping[str, Any]
    digest: str  # of what was signed: the same for the same identity, however it is written

    def text(self, name: str) -> str:
        """A claim as text; "" if it is missing or something else."""
        value = self.claims.get(name)
        return str(value) if isinstance(value, str | int) else ""


def read_identity(
    token: str, *, issuers: Mapping[str, str], audience: str, at: datetime
) -> Identity:
    """The identity, if one of *issuers* (issuer → URL of its keys) signed it for *audience* and
    it holds at the time *at*. Raises NotTrusted, or KeysUnavailable.

    Nothing is fetched before the issuer is found among those that the owner configured.
    """
    signed, header, claims, signature = _take_apart(token)
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer not in issuers:
        raise NotTrusted("No trusted publisher has the issuer of this identity.")
    _check_signature(signed, header, signature, keys_url=issuers[issuer])
    _check_audience(claims.get("aud"), audience)
    _check_time(claims, at)
    return Identity(issuer, claims, hashlib.sha256(signed).hexdigest())


def _take_apart(token: str) -> tuple[bytes, dict[str, Any], dict[str, Any], bytes]:
    """What was signed, the header, the claims, and the signature."""
    parts = token.split(".")
    if len(token) > _MAX_LENGTH or len(parts) != 3 or not token.isascii():
        raise NotTrusted("The identity is not a JSON web token.")
    try:
        header, claims = (json.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except (binascii.Error, ValueError, RecursionError) as error:
        raise NotTrusted("The identity is not a JSON web token.") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise NotTrusted("The identity is not a JSON web token.")
    return f"{parts[0]}.{parts[1]}".encode(), header, claims, signature


def _decode(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _check_signature(
    signed: bytes, header: dict[str, Any], signature: bytes, *, keys_url: str
) -> None:
    """One algorithm only, said here: the token does not choose how it is verified."""
    if header.get("alg") != "RS256" or "crit" in header:
        raise NotTrusted("The identity is not signed with RS256.")
    key = find_key(keys_url, str(header.get("kid")))
    if key is None:
        raise NotTrusted("The issuer has no key of the id that the identity names.")
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise NotTrusted("The signature of the identity is wrong.") from error


def _check_audience(claimed: object, audience: str) -> None:
    """It must be for us alone: one that others are shown, too, they could show here."""
    if claimed not in (audience, [audience]):
        raise NotTrusted(f"The identity is not for the audience {audience!r} alone.")


def _check_time(claims: dict[str, Any], at: datetime) -> None:
    expires, begins = claims.get("exp"), claims.get("nbf", claims.get("iat"))
    # Whole numbers only: a NaN is never before nor after anything.
    if not isinstance(expires, int) or not isinstance(begins, int):
        raise NotTrusted("The identity does not say when it begins and ends.")
    if at.timestamp() >= expires:
        raise NotTrusted("The identity has expired.")
    if at.timestamp() < begins - _AHEAD:
        raise NotTrusted("The identity begins in the future.")
