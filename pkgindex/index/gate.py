"""Who sends a request: nobody known, a reader, or somebody with a key that opens no door."""

import hashlib
from typing import TYPE_CHECKING

from pkgindex.index.addresses import client_address
from pkgindex.index.auth import BadCredentials, read_token
from pkgindex.index.coverage import Reader
from pkgindex.index.failures import Failures
from pkgindex.index.snapshot import Snapshot

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_KEPT_READERS = 10_000


class TooManyFailures(Exception):
    """Wrong keys again and again; answer 429 and say how many seconds to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Gate:
    def __init__(self, failures: Failures, *, trusted_proxies: int) -> None:
        self._failures = failures
        self._trusted_proxies = trusted_proxies

    def identify(self, snapshot: Snapshot, environ: "WSGIEnvironment", now: float) -> Reader | None:
        """Whoever sends the request; None for a stranger.

        Raises BadCredentials, or TooManyFailures after ten of them in five minutes from one
        address or with one key. A good key is looked at first, so it never waits for a bad one.
        """
        header = environ.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        try:
            return _find_reader(snapshot, str(header), now)
        except BadCredentials:
            address = client_address(environ, self._trusted_proxies)
            seconds = self._failures.note(address, str(header), now)
            if seconds:
                raise TooManyFailures(seconds) from None
            raise


def _find_reader(snapshot: Snapshot, header: str, now: float) -> Reader:
    """Headers are kept by their digest only, so neither the memory nor the time of a look-up
    tells anything about a key. Wrong ones are kept too: they cost no more than good ones.
    """
    key = hashlib.sha256(header.encode("latin-1", "replace")).digest()
    try:
        reader = snapshot.readers[key]
    except KeyError:
        reader = _look_up(snapshot, header)
        if len(snapshot.readers) >= _KEPT_READERS:
            snapshot.readers.clear()
        snapshot.readers[key] = reader
    if reader is None:
        raise BadCredentials("no such key")
    if reader.expires_at is not None and reader.expires_at <= now * 1_000_000:
        raise BadCredentials("expired")
    return reader


def _look_up(snapshot: Snapshot, header: str) -> Reader | None:
    try:
        token = read_token(header) or ""
    except BadCredentials:
        return None
    # A fast hash is right here: a key has 178 random bits, there is nothing to guess.
    return snapshot.find_reader(hashlib.sha256(token.encode()).digest())
