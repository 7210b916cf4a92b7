"""A request and an answer, so that no subject needs to know WSGI."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIEnvironment

from .contract import Value


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]  # names in lower case
    peer: str

    @classmethod
    def read(cls, environ: WSGIEnvironment) -> "Request":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {
            key[5:].replace("_", "-").lower(): value
            for key, value in environ.items()
            if key.startswith("HTTP_")
        }
        return cls(
            method=environ["REQUEST_METHOD"],
            path=unquote(environ.get("PATH_INFO", "/")),
            query=environ.get("QUERY_STRING", ""),
            body=environ["wsgi.input"].read(length) if length else b"",
            headers=headers,
            peer=environ.get("REMOTE_ADDR", ""),
        )


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_off: bool = False  # close the connection without a word (a fault that was asked for)
    silent_seconds: float = 0  # ... after this long

    @classmethod
    def json(cls, value: Value, status: int = 200, **headers: Any) -> "Answer":
        body = json.dumps(value, indent=2).encode()
        return cls(status, body, {"Content-Type": "application/json", **headers})

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        if self.cut_off:
            return _BreakOff(self.silent_seconds)
        phrase = HTTPStatus(self.status).phrase
        headers = {**self.headers, "Content-Length": str(len(self.body))}
        start_response(f"{self.status} {phrase}", list(headers.items()))
        return [self.body]


class _BreakOff(Iterator[bytes]):
    """A body that ends the connection: the server knows what a lost connection looks like."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __next__(self) -> bytes:
        time.sleep(self._seconds)
        raise ConnectionAbortedError("a fault that was asked for")
