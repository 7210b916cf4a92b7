"""Who sends a request: nobody known, a reader, or somebody with a key that opens no door."""

import hashlib
from typing import TYPE_CHECKING

from lib.addresses import client_address, is_in_networks, one_client
from lib.tokens import TokenKind, kind_of
from pkgindex.index.auth import BadCredentials, read_token
from pkgindex.index.coverage import Reader
from pkgindex.index.failures import Failures
from pkgindex.index.snapshot import Snapshot

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_KEPT_READERS = 10_000
_MALFORMED = "The key is malformed: a character is wrong or missing"
_OTHER_KINDS = {
    TokenKind.LEASE: "This key leases threads; the index wants one of the other kind",
    TokenKind.UPLOAD: "This key uploads; the index wants one of the other kind",
}


class TooManyFailures(Exception):
    """Wrong keys again and again; answer 429 and say how many seconds to wait."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Gate:
    def __init__(self, failures: Failures, *, trusted_proxies: int) -> None:
        self._failures = failures
        self._trusted_proxies = trusted_proxies

    def identify(self, snapshot: Snapshot, environ: "WSGIEnvironment", now: float) -> Reader | None:
        """Whoever sends the request; None for a stranger.

        Raises BadCredentials, which says why in one line, or TooManyFailures after ten of them
        in five minutes from one address or with one key. A good key is looked at first, so it
        never waits for a bad one.
        """
        header = environ.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        try:
            reader = _find_reader(snapshot, str(header), now)
            if reader.networks:  # most keys have none, and then no address is looked at
                _check_network(reader, self.address_of(environ))
        except BadCredentials as error:
            address = one_client(self.address_of(environ))
            seconds = self._failures.note(address, str(header), now)
            if seconds:
                raise TooManyFailures(str(error), seconds) from None
            raise
        return reader

    def address_of(self, environ: "WSGIEnvironment") -> str:
        return client_address(environ, self._trusted_proxies)


def _check_network(reader: Reader, address: str) -> None:
    if not is_in_networks(address, reader.networks):
        raise BadCredentials(reader.elsewhere)


def _find_reader(snapshot: Snapshot, header: str, now: float) -> Reader:
    """Headers are kept by their digest only, so neither the memory nor the time of a look-up
    tells anything about a key. Wrong ones are kept too: they cost no more than good ones.
    """
    key = hashlib.sha256(header.encode("latin-1", "replace")).digest()
    try:
        found = snapshot.readers[key]
    except KeyError:
        found = _look_up(snapshot, header)
        if len(snapshot.readers) >= _KEPT_READERS:
            snapshot.readers.clear()
        snapshot.readers[key] = found
    if isinstance(found, str):
        raise BadCredentials(found)
    if found.expires_at is not None and found.expires_at <= now * 1_000_000:
        raise BadCredentials(_why_not(snapshot, header))
    return found


def _look_up(snapshot: Snapshot, header: str) -> Reader | str:
    """The reader, or why there is none."""
    try:
        digest = _digest_of(header)
    except BadCredentials as error:
        return str(error)
    return snapshot.find_reader(digest) or _why_not(snapshot, header)


def _why_not(snapshot: Snapshot, header: str) -> str:
    return snapshot.find_refusal(_digest_of(header)) or "The key is unknown"


def _digest_of(header: str) -> bytes:
    """What the key is known by. Raises BadCredentials for what cannot be one: nobody is asked."""
    token = read_token(header) or ""
    kind = kind_of(token)
    if kind != TokenKind.INDEX:
        raise BadCredentials(_MALFORMED if kind is None else _OTHER_KINDS[kind])
    # A fast hash is right here: a key has 178 random bits, there is nothing to guess.
    return hashlib.sha256(token.encode()).digest()
