"""A threaded HTTP/1.1 server for one WSGI application, with connections that stay open."""

import io
import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote
from wsgiref.types import WSGIEnvironment

from .app import WSGIApp

IDLE_SECONDS = 30


class RequestHandler(BaseHTTPRequestHandler):
    """Requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "Server"

    def do_any(self) -> None:
        environ = self._environ()
        sent: list[Any] = []
        chunks = self.server.app(environ, lambda *head: sent.extend(head[:2]))  # type: ignore[arg-type]
        try:
            body = b"".join(chunks)
        except ConnectionAbortedError:
            self._reset()
            return
        status, headers = sent
        code, _, phrase = status.partition(" ")
        self.send_response(int(code), phrase)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = do_PATCH = do_any  # noqa: N815

    def _environ(self) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.input": io.BytesIO(body),
        }
        for name, value in self.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ

    def _reset(self) -> None:
        """Close without a word: a TCP reset, as when a load balancer dies."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *args: Any) -> None:
        """Be quiet: the one line on stdout is for whoever waits for it."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: WSGIApp) -> None:
        super().__init__(address, RequestHandler)
        self.app = app

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; anything else is told on stderr."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)
