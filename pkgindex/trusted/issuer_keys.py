"""The keys that an issuer of identities signs with, fetched from where the owner said it is."""

import base64
import json
import logging
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from django.core.cache import cache

log = logging.getLogger(__name__)

REMEMBERED = 3600  # seconds
ASKED_EVERY = 60  # seconds; forged identities cannot make us fetch more often
_MAX_BYTES = 256 * 1024
_MIN_KEY_BITS = 2048
_Numbers = dict[str, tuple[int, int]]  # by key id: modulus, exponent


class KeysUnavailable(Exception):
    """The issuer does not answer; the job should try again."""


def find_key(url: str, key_id: str) -> RSAPublicKey | None:
    """The issuer's key of this id; None if there is none. Raises KeysUnavailable."""
    known: _Numbers = cache.get(_name(url)) or {}
    # add() is true once in ASKED_EVERY seconds: a key that was rotated in is found that soon.
    if key_id not in known and cache.add(f"{_name(url)}-asked", 1, ASKED_EVERY):
        known = _fetch(url) or known
        cache.set(_name(url), known, REMEMBERED)
    if not known:
        raise KeysUnavailable(f"The keys at {url} cannot be had now, try again in a minute.")
    if key_id not in known:
        return None
    modulus, exponent = known[key_id]
    return RSAPublicNumbers(exponent, modulus).public_key()


def _name(url: str) -> str:
    return f"issuer-keys-{base64.urlsafe_b64encode(url.encode()).decode()}"[:240]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Keys come from the address that the owner gave, or not at all."""


def _fetch(url: str) -> _Numbers:
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=5) as answer:
            listed = json.loads(answer.read(_MAX_BYTES))["keys"]
        return dict(_read(key) for key in listed if key.get("kty") == "RSA" and key.get("kid"))
    except (
        OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError
    ) as error:  # fmt: skip
        log.warning("the keys at %s cannot be fetched: %s", url, error)
        return {}


def _read(key: dict[str, Any]) -> tuple[str, tuple[int, int]]:
    modulus, exponent = (_number(str(key[name])) for name in ("n", "e"))
    if modulus.bit_length() < _MIN_KEY_BITS:
        raise ValueError(f"the key {key['kid']} is too short")
    return str(key["kid"]), (modulus, exponent)


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
