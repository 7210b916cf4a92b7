"""What a file's URL and its `.metadata` stand for in the storage."""

from typing import Protocol
from urllib.parse import quote

from pkgindex.index.answers import Readable
from pkgindex.index.files import Content
from pkgindex.index.format import provenance_path
from pkgindex.index.pages import FileEntry


class Storage(Protocol):
    """Where the bytes lie."""

    def open(self, path: str) -> Readable: ...
    def size(self, path: str) -> int: ...


class Contents:
    def __init__(self, storage: Storage, hand_on_to: str) -> None:
        self._storage = storage
        self._hand_on_to = hand_on_to

    def artifact(self, entry: FileEntry) -> Content:
        return Content(
            entry.sha256,
            entry.size,
            "application/octet-stream",
            lambda: self._storage.open(entry.path),
            self._handed_on(entry.path),
        )

    def metadata(self, entry: FileEntry) -> Content:
        path = f"{entry.path}.metadata"
        return Content(
            entry.metadata_sha256,
            self._storage.size(path),
            "text/plain; charset=utf-8",
            lambda: self._storage.open(path),
            self._handed_on(path),
        )

    def provenance(self, entry: FileEntry) -> Content:
        path = provenance_path(entry.path, entry.provenance_sha256)
        return Content(
            entry.provenance_sha256,
            self._storage.size(path),
            "application/vnd.pypi.integrity.v1+json",
            lambda: self._storage.open(path),
            self._handed_on(path),
        )

    def _handed_on(self, path: str) -> str:
        """*path* comes from the snapshot, never from a request."""
        return f"{self._hand_on_to}{quote(path)}" if self._hand_on_to else ""
