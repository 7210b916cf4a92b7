"""Requests as no client makes them: every part of one may be spoiled, and a seed says how."""

import base64
import binascii
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from django.utils import timezone

from lib.tokens import TokenKind, mint_token
from licenses import credentials, status
from pkgindex.index.standalone import make_index
from pkgindex.snapshot import export_snapshot, snapshot_path
from tests.make import make_credential, make_license, make_tier
from tests.pkgindex.index_client import JSON, basic
from tests.pkgindex.make import add_provenance, make_file, make_project, make_release, url_of

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What the index may say. It never asks a client to try another index for a name of ours, and a
# 5xx means a bug or an outage.
EXPECTED = {200, 206, 301, 304, 401, 402, 403, 404, 405, 406, 416, 429}
TELLING = [
    "\x00", "\r\nX: y", "\t", " ", "/", "//", "..", "%2e%2e/", "%", "\xff", "\xc3\xa9", ":", ";q=",
    ",", "=", '"', "W/", "*", "-", "bytes=", "9" * 400, "-1", "Basic ", "__token__", "1e400", "{}",
    "a" * 5000, "\x7f", "\u00b2", "'", "<script>", "0" * 64,
]  # fmt: skip
HEADERS = {
    "HTTP_ACCEPT": [JSON, "text/html", f"{JSON}, text/html; q=0.1", "*/*", ""],
    "HTTP_ACCEPT_ENCODING": ["gzip", "identity", "gzip;q=0.5, zstd", ""],
    "HTTP_RANGE": ["bytes=0-9", "bytes=-5", "bytes=5-", "bytes=0-1,3-4", "bytes=900000-"],
    "HTTP_IF_NONE_MATCH": ['"x"', "*", 'W/"a", "b"'],
    "HTTP_IF_RANGE": ['"x"', "Wed, 21 Oct 2026 07:28:00 GMT"],
    "HTTP_USER_AGENT": ["pip/26.3 {}", "uv/0.13.9", ""],
    "HTTP_X_FORWARDED_FOR": ["203.0.113.9", "::1, 10.0.0.1", "fe80::1%eth0"],
    "QUERY_STRING": ["format=text/html", f"format={JSON}", "a=b&format=", ""],
}


def spoil_text(text: str, dice: random.Random) -> str:
    """One to three wounds; still what a server may hand on, which decodes as Latin-1."""
    for _ in range(dice.randint(1, 3)):
        at = dice.randint(0, len(text))
        wound = dice.randrange(5)
        if wound == 0:
            text = text[:at] + dice.choice(TELLING) + text[at:]
        elif wound == 1:
            text = text[:at] + text[at + dice.randint(1, 9) :]
        elif wound == 2:
            text = text[:at] + chr(dice.randrange(256)) + text[at + 1 :]
        elif wound == 3:
            text = text[:at] + text[max(at - dice.randint(1, 30), 0) :]
        else:
            text = text.swapcase()
    return text


class StrangeRequests:
    """Asks *application*, which has at most one hop before it, about *paths*.

    *private* are those of them that only *key* opens, but for the pages: the first of *keys* sees
    them too, and no file. The others open nothing.
    """

    def __init__(
        self, application: Application, paths: list[str], private: list[str], key: str,
        keys: list[str],
    ) -> None:  # fmt: skip
        self._application = application
        self._paths = paths
        self._private = private
        self._key = key
        self._keys = [key, *keys, mint_token(TokenKind.INDEX), mint_token(TokenKind.LEASE)]

    def ask(self, seed: int) -> str:
        """The status of the answer to the request of this seed. Raises AssertionError."""
        environ = self.make(random.Random(seed))
        status, headers, body = _answer(self._application, environ)
        code = int(status[:3])
        assert code in EXPECTED, (status, environ)
        assert status.isprintable(), status
        assert status.isascii(), status
        for name, value in headers:
            assert not set(value) & set("\r\n\0"), (name, value, environ)
            value.encode("latin-1")
        if environ["PATH_INFO"] in self._private:
            assert code != 404, environ  # an installer would look for the name elsewhere
            if code in {200, 206}:
                said = _decoded(environ.get("HTTP_AUTHORIZATION", ""))
                is_file = not environ["PATH_INFO"].startswith(("/simple/", "/pypi/"))
                opening = [self._key] if is_file else self._keys[:2]
                assert any(key in said for key in opening), environ
        if environ["REQUEST_METHOD"] == "HEAD" or code == 304:
            assert not body, environ
        return str(code)

    def make(self, dice: random.Random) -> dict[str, Any]:
        method = "GET" if dice.random() < 0.9 else dice.choice(["HEAD", "POST", "\xff"])
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": dice.choice(self._paths),
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "REMOTE_ADDR": f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}",
            "SERVER_NAME": "index.example",
            "SERVER_PORT": "80",
        }  # fmt: skip
        if dice.random() < 0.8:
            key = dice.choice([self._key, *self._keys])
            environ["HTTP_AUTHORIZATION"] = _authorization(key, dice)
        for name, values in HEADERS.items():
            if dice.random() < 0.3:
                environ[name] = _perhaps(dice.choice(values), dice)
        if dice.random() < 0.4:
            environ["PATH_INFO"] = spoil_text(environ["PATH_INFO"], dice)
        return environ


def _authorization(key: str, dice: random.Random) -> str:
    """Spoiled as a whole, or before it is encoded, or not at all."""
    if dice.random() < 0.3:
        return basic(spoil_text(key, dice))
    if dice.random() < 0.1:
        return basic("", user=key)
    return _perhaps(basic(key), dice)


def _perhaps(text: str, dice: random.Random) -> str:
    return spoil_text(text, dice) if dice.random() < 0.5 else text


def _answer(
    application: Application, environ: Mapping[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    said: list[Any] = []
    blocks = application(dict(environ), lambda *start: said.extend(start))
    try:
        body = b"".join(blocks)
    finally:
        if hasattr(blocks, "close"):
            blocks.close()
    return said[0], said[1], body


def _decoded(header: str) -> str:
    """All that might be meant by it, read more generously than by the index."""
    text = header.lstrip()[5:].encode("latin-1", "replace")
    try:
        return header + base64.b64decode(text + b"====").decode("latin-1")
    except binascii.Error:
        return header


def fill_index(files: Path, state: Path) -> StrangeRequests:
    """A catalog with keys of every kind, exported; *files* is where the storage lies."""
    pro = make_tier("pro")
    open_file = make_file(make_release(make_project("hare", is_public=True)))
    file = make_file(make_release(make_project("hare-pro", tiers=[pro])))
    add_provenance(file)
    _, key = make_credential(make_license(tier=pro).customer)
    gone, gone_key = make_credential(make_license(tier=pro).customer)
    credentials.revoke_credential(gone.pk, at=timezone.now())
    refunded = make_license(tier=pro)
    _, refunded_key = make_credential(refunded.customer)
    status.revoke_license(refunded.pk, at=timezone.now(), reason="test")
    export_snapshot()
    provenance = f"/integrity/hare-pro/1.0/{file.filename}/provenance"
    private = ["/simple/hare-pro/", url_of(file), f"{url_of(file)}.metadata", provenance]
    public = ["/simple/", "/simple/hare/", url_of(open_file), "/simple/Hare", "/pypi/hare/json"]
    others = ["/simple/foreign/", "/files/0000000000000000/x.whl", "/integrity/", "/"]
    return StrangeRequests(
        make_index(snapshot_path(), files, state=state, trusted_proxies=1),
        [*private, *public, *others, "/pypi/hare-pro/json"],
        [*private, "/pypi/hare-pro/json"],
        key,
        [refunded_key, gone_key],
    )
