"""An index of which one project answers with whatever status it is asked for."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.pkgindex.index_client import JSON
from tests.pkgindex.wheels import build_wheel, wheel_name

OURS = "hare-pro"
FILE = wheel_name(OURS, "1.0")
ANSWERS = ("200", "empty", "401", "402", "403", "404", "410", "429", "503")


class _Handler(http.server.BaseHTTPRequestHandler):
    """`/<answer>/simple/hare-pro/`; other names are passed on, as our index does."""

    elsewhere = ""

    def do_GET(self) -> None:
        _, answer, kind, name = self.path.rstrip("/").split("/")
        if kind == "files":
            self._say(200, build_wheel(OURS, "1.0"))
        elif name != OURS:
            self._say(307, location=f"{self.elsewhere}/{name}/")
        elif answer in {"200", "empty"}:
            self._say(200, self._page(has_file=answer == "200"))
        else:
            self._say(int(answer))

    def _page(self, *, has_file: bool) -> bytes:
        entry = {"filename": FILE, "url": f"../../files/{FILE}", "hashes": {}, "yanked": False}
        files = [entry] if has_file else []
        page = {"meta": {"api-version": "1.0"}, "name": OURS, "files": files}
        return json.dumps(page).encode()

    def _say(self, status: int, body: bytes = b"", location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", JSON)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  http.server's name

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(elsewhere: str) -> Iterator[str]:
    """Its URL; names that are not ours are looked for *elsewhere*."""
    handler = type("Handler", (_Handler,), {"elsewhere": elsewhere})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
