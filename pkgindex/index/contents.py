"""What a file's URL and its `.metadata` stand for in the storage."""

from functools import lru_cache, partial
from typing import Protocol
from urllib.parse import quote

from pkgindex.index.answers import Readable
from pkgindex.index.files import Content
from pkgindex.index.format import provenance_path
from pkgindex.index.pages import FileEntry

_PROVENANCE = "application/vnd.pypi.integrity.v1+json"


class Storage(Protocol):
    """Where the bytes lie."""

    def open(self, path: str) -> Readable: ...
    def size(self, path: str) -> int: ...


class Contents:
    def __init__(self, storage: Storage, hand_on_to: str) -> None:
        self._storage = storage
        self._hand_on_to = hand_on_to

    def artifact(self, entry: FileEntry) -> Content:
        return self._content(entry.path, entry.sha256, entry.size, "application/octet-stream")

    def metadata(self, entry: FileEntry) -> Content:
        path = f"{entry.path}.metadata"
        size = self._storage.size(path)
        return self._content(path, entry.metadata_sha256, size, "text/plain; charset=utf-8")

    def provenance(self, entry: FileEntry) -> Content:
        path = provenance_path(entry.path, entry.provenance_sha256)
        size = self._storage.size(path)
        return self._content(path, entry.provenance_sha256, size, _PROVENANCE)

    def _content(self, path: str, sha256: str, size: int, media_type: str) -> Content:
        """*path* comes from the snapshot, never from a request."""
        return Content(
            sha256,
            size,
            media_type,
            partial(self._storage.open, path),
            partial(self._storage.size, path),
            f"{self._hand_on_to}{_quoted(path)}" if self._hand_on_to else "",
        )


_quoted = lru_cache(4096)(quote)
