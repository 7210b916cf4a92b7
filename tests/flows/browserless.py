"""Whoever comes to the shop, through the real WSGI root: with a session, a key, or nothing."""

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test import RequestFactory

from config.wsgi import application
from pkgindex.snapshot import export_snapshot

CSRF = "c" * 32


@contextmanager
def _connection_kept() -> Iterator[None]:
    """As Django's test client does: the test's transaction lives in this connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Visitor:
    """`session` is the value of a session cookie, `key` a password of HTTP Basic."""

    session: str = ""
    key: str = ""

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Reply:
        fields = {"csrfmiddlewaretoken": CSRF, **(form or {})}
        body = urlencode(fields).encode() if method == "POST" else b""
        request = RequestFactory().generic(
            method, path, body, content_type="application/x-www-form-urlencoded", **self._extra()
        )
        said: list[Any] = []
        if connection.in_atomic_block:
            export_snapshot()  # the test's transaction is never committed
        with _connection_kept():
            blocks = application(request.environ, lambda *answer: said.append(answer))
            try:
                content = b"".join(blocks)
            finally:
                if hasattr(blocks, "close"):
                    blocks.close()
        status, headers = said[0][0], dict(said[0][1])
        return Reply(int(status.split(" ")[0]), headers, content)

    def _extra(self) -> dict[str, str]:
        cookies = [f"{settings.CSRF_COOKIE_NAME}={CSRF}"]
        if self.session:
            cookies.append(f"{settings.SESSION_COOKIE_NAME}={self.session}")
        extra = {"HTTP_COOKIE": "; ".join(cookies)}
        if self.key:
            basic = base64.b64encode(f"__token__:{self.key}".encode()).decode()
            extra["HTTP_AUTHORIZATION"] = f"Basic {basic}"
            # Wrong keys are counted by address: each visitor has his own.
            extra["REMOTE_ADDR"] = "10." + ".".join(
                str(zlib.crc32(self.key.encode()) >> n & 255) for n in (0, 8, 16)
            )
        return extra
