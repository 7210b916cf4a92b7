"""A recorder in front of the server: what a client asks, and what it is answered, to the byte.

It may take the word of core metadata off the pages, as on an index that has none: then a client
that can asks for the end of a wheel, by HEAD and Range.
"""

import gzip
import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_HOPS = {"connection", "transfer-encoding", "keep-alive", "content-length"}
_OF_METADATA = ("core-metadata", "dist-info-metadata", "data-dist-info-metadata")


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    body: bytes  # without its coding


@dataclass(frozen=True)
class Exchange:
    kind: str
    path: str
    headers: dict[str, str]  # of the request
    answer: Answer


@dataclass
class Record:
    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)


def kind_of(method: str, path: str, headers: dict[str, str]) -> str:
    if path.startswith("/simple/"):
        return "page"
    if path.endswith(".metadata"):
        return "metadata"
    if method == "HEAD":
        return "head"
    return "range" if "range" in {name.lower() for name in headers} else "file"


def ask(server: str, method: str, path: str, headers: dict[str, str]) -> Answer:
    return _ask(server, method, path, headers)[0]


def _ask(
    server: str, method: str, path: str, headers: dict[str, str]
) -> tuple[Answer, dict[str, str], bytes]:
    """The answer, its headers, and its body as it came."""
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=60)
    try:
        connection.request(method, path, headers=headers)
        came = connection.getresponse()
        raw = came.read()
    finally:
        connection.close()
    is_packed = came.getheader("Content-Encoding") == "gzip"
    body = gzip.decompress(raw) if is_packed else raw
    return Answer(came.status, came.reason, body), dict(came.getheaders()), raw


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_url: str
    record: Record
    tells_metadata: bool

    def do_GET(self) -> None:
        headers = dict(self.headers.items())
        kind = kind_of(self.command, self.path, headers)
        answer, said, raw = _ask(self.server_url, self.command, self.path, headers)
        self.record.exchanges.append(Exchange(kind, self.path, headers, answer))
        if kind == "page" and answer.status == 200 and not self.tells_metadata:
            raw = _without_metadata(answer.body)
            said.pop("Content-Encoding", None)
        self.send_response_only(answer.status, answer.reason)
        for name, value in said.items():
            if name.lower() not in _HOPS:
                self.send_header(name, value)
        length = said.get("Content-Length", "0") if self.command == "HEAD" else str(len(raw))
        if answer.status != 304:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(raw)

    do_HEAD = do_GET  # noqa: N815  http.server's name

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that ends closes its connections as it likes."""


@contextmanager
def recording(server: str, *, tells_metadata: bool = True) -> Iterator[Record]:
    """Answers as *server* does, at an address of its own."""
    record = Record()
    own = {"server_url": server, "record": record, "tells_metadata": tells_metadata}
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), own)) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        record.url = f"http://127.0.0.1:{proxy.server_port}"
        try:
            yield record
        finally:
            proxy.shutdown()
            thread.join()


def _without_metadata(body: bytes) -> bytes:
    page = json.loads(body)
    for file in page["files"]:
        for name in _OF_METADATA:
            file.pop(name, None)
    return json.dumps(page).encode()
