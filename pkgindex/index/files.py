"""Answers that carry a file: whole, a range of it, or 304."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pkgindex.index.answers import NO_SNIFFING, SANDBOX, Answer, Headers, Readable, Slice, is_known

# The bytes of a URL never change, its digest is a part of it; but they are for this client only.
FOREVER: Headers = (
    ("Cache-Control", "private, max-age=31536000, immutable"),
    ("Vary", "Authorization"),
)
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True)
class Content:
    """Bytes in the storage. `open` is called only when they are sent, by us or by nginx."""

    sha256: str
    size: int
    media_type: str
    open: Callable[[], Readable]
    measure: Callable[[], int]  # its size as it lies there; raises OSError if it does not
    # Where nginx finds it (X-Accel-Redirect); it then sends the bytes, and does ranges itself.
    handed_on: str = ""

    def check(self) -> None:
        """Raises OSError for what is lost or cut short: nginx would say 404, or send what is
        left of it.
        """
        if (size := self.measure()) != self.size:
            raise OSError(f"it has {size} bytes instead of {self.size}")


@dataclass(frozen=True)
class Asked:
    """What a request says about the file: its conditional and range headers."""

    method: str = "GET"
    if_none_match: str | None = None
    range: str | None = None
    if_range: str | None = None


def answer_file(content: Content, asked: Asked) -> Answer:
    tag = f'"{content.sha256}"'
    headers = (("ETag", tag), ("Accept-Ranges", "bytes"), *FOREVER, *NO_SNIFFING, *SANDBOX)
    if is_known(tag, asked.if_none_match):
        return Answer("304 Not Modified", headers)
    part = _asked_part(asked, content.size, tag)
    if part is None:
        return _send(content, asked, "200 OK", range(content.size), headers)
    if not part:
        outside = ("Content-Range", f"bytes */{content.size}")
        return _send(content, asked, "416 Range Not Satisfiable", part, (outside, *headers))
    where = ("Content-Range", f"bytes {part.start}-{part.stop - 1}/{content.size}")
    return _send(content, asked, "206 Partial Content", part, (where, *headers))


def _send(content: Content, asked: Asked, status: str, part: range, headers: Headers) -> Answer:
    shape = (("Content-Type", content.media_type), ("Content-Length", str(len(part))))
    if asked.method == "HEAD" or not part:
        return Answer(status, (*shape, *headers))
    if content.handed_on:
        content.check()
        shape = (("Content-Type", content.media_type), ("Content-Length", "0"))
        where = ("X-Accel-Redirect", content.handed_on)
        return Answer(status, (where, *shape, *headers), sends_file=True)
    file = Slice(content.open(), part.start, len(part))
    return Answer(status, (*shape, *headers), file=file, sends_file=True)


def _asked_part(asked: Asked, size: int, tag: str) -> range | None:
    """The bytes that are asked for; None means all, an empty range none that exist.

    Several ranges at once and what cannot be read are ignored, as RFC 9110, 14.2 allows.
    """
    if asked.method != "GET" or asked.range is None:
        return None
    if asked.if_range is not None and asked.if_range.strip() != tag:
        return None
    match = _RANGE.fullmatch(asked.range.strip().lower())
    return _read_range(*match.groups(), size=size) if match else None


def _read_range(first: str, last: str, *, size: int) -> range | None:
    if not first and not last:
        return None
    if not first:
        return range(max(size - int(last), 0), size)  # so many bytes from the end
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)
