"""An answer before it is on the wire: status line, headers, and a body or a part of a file."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

Headers = tuple[tuple[str, str], ...]

REALM = 'Basic realm="package index", charset="UTF-8"'
NO_SNIFFING: Headers = (("X-Content-Type-Options", "nosniff"),)
SANDBOX: Headers = (("Content-Security-Policy", "sandbox; default-src 'none'"),)
# Not stored by shared caches, and asked again each time: a release, a purchase or a refund shows
# in the very next request. A matching ETag makes that cheap.
FRESH: Headers = (
    ("Cache-Control", "private, no-cache"),
    ("Vary", "Accept, Authorization, Accept-Encoding"),
)
_REASON_LIMIT = 300  # characters; a status line must fit into every client's buffer


class Readable(Protocol):
    """A file of the storage, open for reading."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class Slice:
    """*length* bytes of a file from *start* on.

    Has `fileno`, and stands at *start*, so that the server may use sendfile.
    """

    def __init__(self, file: Readable, start: int, length: int) -> None:
        file.seek(start)
        self._left = length
        self._read = file.read
        self.fileno = file.fileno
        self.seek = file.seek
        self.close = file.close

    def read(self, size: int = -1) -> bytes:
        data = self._read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


@dataclass(frozen=True, slots=True)
class Answer:
    status: str  # "200 OK"
    headers: Headers = ()
    body: bytes = b""
    file: Slice | None = None  # sent instead of the body, never held in memory
    sends_file: bool = False  # by ourselves, or by the server in front of us


@lru_cache(1024)  # the same few sentences again and again
def refuse(status: int, sentence: str, *headers: tuple[str, str]) -> Answer:
    """A refusal: the sentence stands in the status line, where pip and twine show it."""
    body = f"{sentence}\n".encode()
    kind = ("Content-Type", "text/plain; charset=utf-8")
    return Answer(
        f"{status} {as_reason(sentence)}",
        (kind, ("Content-Length", str(len(body))), *NO_SNIFFING, *FRESH, *headers),
        body,
    )


def as_reason(sentence: str) -> str:
    """The sentence as a reason phrase: printable ASCII, one line, of bounded length."""
    printable = "".join(char if " " <= char <= "~" else "?" for char in sentence)
    return printable[:_REASON_LIMIT]


def move_to(location: str) -> Answer:
    return refuse(301, "Moved Permanently", ("Location", location))


def pass_on(location: str) -> Answer:
    """Send the client to another index, for this time only."""
    return refuse(307, "Temporary Redirect", ("Location", location))


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Whether the client holds what *tag* names (weak comparison, RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    tags = {item.strip().removeprefix("W/") for item in if_none_match.split(",")}
    return tag in tags or "*" in tags
