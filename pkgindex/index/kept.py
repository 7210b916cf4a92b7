"""Pages that were rendered once and are kept, up to so many bytes."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from pkgindex.index.answers import FRESH, NO_SNIFFING, SANDBOX, Answer, Headers, is_known
from pkgindex.index.encodings import IDENTITY, encode

KEPT_BYTES = 64 * 1024 * 1024
_WORTH_IT = 500  # bytes; a smaller page is sent as it is


class Page:
    """One form and coding of a page, with its two answers ready."""

    __slots__ = ("_known", "coding", "size", "tag", "whole")

    def __init__(self, body: bytes, content_type: str, coding: str) -> None:
        if len(body) < _WORTH_IT:
            coding = IDENTITY
        self.coding = coding
        body = encode(body, coding)
        self.size = len(body) + 1024
        self.tag = hashlib.sha256(body).hexdigest()[:32]
        headers = (("ETag", f'"{self.tag}"'), *FRESH, *NO_SNIFFING, *SANDBOX)
        shape: Headers = (("Content-Type", content_type), ("Content-Length", str(len(body))))
        if coding != IDENTITY:
            shape = (*shape, ("Content-Encoding", coding))
        # The 304 repeats the ETag: without it uv forgets the page.
        self._known = Answer("304 Not Modified", headers)
        self.whole = Answer("200 OK", (*shape, *headers), body)

    def answer(self, if_none_match: str | None) -> Answer:
        if if_none_match is not None and is_known(f'"{self.tag}"', if_none_match):
            return self._known
        return self.whole


class KeptPages:
    """The pages that were rendered last. What a key names never changes."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._pages: OrderedDict[Hashable, Page] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable, make: Callable[[], Page]) -> Page:
        page = self._pages.get(key)
        if page is None:
            page = make()
            with self._lock:
                self._keep(key, page)
        return page

    def _keep(self, key: Hashable, page: Page) -> None:
        before = self._pages.pop(key, None)
        self._size += page.size - (before.size if before else 0)
        self._pages[key] = page
        while self._size > self._limit and len(self._pages) > 1:
            _, oldest = self._pages.popitem(last=False)
            self._size -= oldest.size
