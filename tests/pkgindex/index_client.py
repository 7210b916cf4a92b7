"""Ask the index as a server would: a WSGI environment in, status, headers and body out."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from pkgindex.mounting import mount_index
from pkgindex.snapshot import export_snapshot

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class Reply:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def text(self) -> str:
        return self.body.decode()


def basic(password: str, user: str = "__token__") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class IndexClient:
    """The index in front of a Django that only says that it was asked."""

    def __init__(self, key: str = "", *, address: str = "127.0.0.1") -> None:
        self.key = key
        self.address = address

    @cached_property
    def _application(self) -> Any:
        return validator(mount_index(_django))

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Reply:
        """Header names with underscores: `get("/simple/", accept="text/html")`.

        The database as the test left it is exported before: a test's transaction is never
        committed, so the export after the commit does not happen.
        """
        export_snapshot()
        return self.get_as_exported(path, method=method, **headers)

    def get_as_exported(self, path: str, *, method: str = "GET", **headers: str) -> Reply:
        """What the index answers from the snapshot that is there."""
        environ: dict[str, Any] = {"REQUEST_METHOD": method}
        path, _, environ["QUERY_STRING"] = path.partition("?")
        environ |= {"PATH_INFO": path, "SCRIPT_NAME": "", "REMOTE_ADDR": self.address}
        if self.key:
            environ["HTTP_AUTHORIZATION"] = basic(self.key)
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        setup_testing_defaults(environ)
        return self._ask(environ)

    def page(self, path: str) -> dict[str, Any]:
        """A page in JSON, which must be there."""
        reply = self.get(path, accept=JSON)
        assert reply.status == 200, reply
        return reply.json()

    def _ask(self, environ: dict[str, Any]) -> Reply:
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            said.extend([status, dict(headers)])

        blocks = self._application(environ, start)
        try:
            body = b"".join(blocks)
        finally:
            blocks.close()  # type: ignore[attr-defined]
        code, reason = said[0].split(" ", 1)
        return Reply(int(code), reason, said[1], body)


def _django(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Django"]
