"""HTTP to the license server: short time-outs, no retry of its own, nothing imported early."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from .forks import no_fork

TIMEOUT_SECONDS = 5.0  # until something comes
MOST_SECONDS = 10.0  # until all of it has come
GOODBYE_SECONDS = 1.0
MAX_BYTES = 262_144


class Unreachable(Exception):
    """No answer that can be used; try again later. `retry_after_s` is the server's wish."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class BadCredential(Unreachable):
    """The server does not know the lease credential; it says why."""


@dataclass(frozen=True)
class Transport:
    """One server and one credential."""

    host: str  # e.g. https://shop.example
    credential: str = field(repr=False)  # a traceback with values must not show it
    agent: str = "wheelbarrow-client"

    def put_lease(self, iid: str, body: dict[str, Any]) -> str:
        """The signed answer, unverified. Raises Unreachable."""
        text, _ = self._send("PUT", f"/v1/leases/{iid}", json.dumps(body).encode())
        try:
            return str(json.loads(text)["lease"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable("the answer is no lease") from error

    def post_batch(self, body: dict[str, Any]) -> str:
        """The signed answer to several processes, unverified. Raises Unreachable."""
        text, _ = self._send("POST", "/v1/leases:batch", json.dumps(body).encode())
        try:
            return str(json.loads(text)["leases"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable("the answer is no lease") from error

    def delete_lease(self, iid: str) -> None:
        """Goodbye. Raises Unreachable."""
        self._send("DELETE", f"/v1/leases/{iid}", None, timeout=GOODBYE_SECONDS)

    def get_license(self, etag: str = "") -> tuple[str, str]:
        """The newest document, unverified, and its tag; "" if it is the one of *etag*."""
        return self._send("GET", "/v1/license", None, etag=etag)

    def get_revoked_keys(self) -> str:
        """The signed list of revoked keys; "" if none ever was."""
        text, _ = self._send("GET", "/v1/keys", None)
        try:
            return str(json.loads(text)["keys"] or "")
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable("the answer is no list of keys") from error

    @staticmethod
    def prepare() -> None:
        """Import what a request needs, on the thread that starts a lease.

        TLS alone takes longer to import than all the rest of this package, so it waits until
        then; but a fork in the middle of an import would leave a lock in the child that nobody
        opens, so no other thread may do it.
        """
        import encodings.idna  # noqa: PLC0415
        import http.client  # noqa: PLC0415
        import urllib.request  # noqa: PLC0415

        del encodings, http, urllib

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        etag: str = "",
        timeout: float = TIMEOUT_SECONDS,
    ) -> tuple[str, str]:
        import http.client  # noqa: PLC0415
        import urllib.request  # noqa: PLC0415

        headers = {"Authorization": f"Bearer {self.credential}", "User-Agent": self.agent}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if etag:
            headers["If-None-Match"] = etag
        request = urllib.request.Request(self.host + path, body, headers, method=method)  # noqa: S310
        try:
            with no_fork():
                return self._open(request, timeout, etag)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def _open(self, request: Any, timeout: float, etag: str) -> tuple[str, str]:
        import urllib.error  # noqa: PLC0415

        try:
            with _opener().open(request, timeout=timeout) as answer:
                text = _read_all(answer).decode("utf-8", "replace")
                return text, answer.headers.get("ETag") or ""
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error.code, dict(error.headers), error.read(4096), etag)

    def _refused(
        self, status: int, headers: dict[str, str], body: bytes, etag: str
    ) -> tuple[str, str]:
        if status == 304:
            return "", etag
        if status == 401:
            raise BadCredential(_reason(body))
        raise Unreachable(f"status {status}", _seconds(headers.get("Retry-After", "")))


def _read_all(answer: Any) -> bytes:
    """The body, or its first MAX_BYTES. Raises Unreachable if it comes in drops, which never let a
    time-out pass.
    """
    ends_at, read = time.monotonic() + MOST_SECONDS, b""
    while len(read) < MAX_BYTES and (piece := answer.read1(MAX_BYTES)):
        read += piece
        if time.monotonic() > ends_at:
            raise Unreachable("the answer came too slowly")
    return read[:MAX_BYTES]


def _opener() -> Any:
    """Follows no redirect: that would carry the credential to another host."""
    import urllib.request  # noqa: PLC0415

    class Straight(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    return urllib.request.build_opener(Straight)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return "the lease credential was refused"


def _seconds(text: str) -> float:
    return min(3600.0, float(text)) if text.isdecimal() else 0.0
