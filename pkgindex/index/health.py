"""`/healthz` of an index without the shop, for a monitor outside: 200, or 503 and why."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pkgindex.index.answers import FRESH, Answer, refuse
from pkgindex.index.snapshot import Snapshots, Unavailable

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LATE_SECONDS = 600  # a replica pulls every ten
LATE_FILES_SECONDS = 3600  # the largest file may be on its way for a while
_WELL = Answer("200 OK", (("Content-Type", "text/plain"), ("Content-Length", "3"), *FRESH), b"ok\n")


class Health:
    """The application for every path that is not the index's."""

    def __init__(
        self, snapshots: Snapshots, pulled: Path | None, clock: Callable[[], float] = time.time
    ) -> None:
        """*pulled* is a file that is touched after each pull; None where nothing is pulled."""
        self._snapshots, self._pulled, self._clock = snapshots, pulled, clock

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        answer = self._respond(environ.get("PATH_INFO", ""))
        start_response(answer.status, list(answer.headers))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _respond(self, path: str) -> Answer:
        if path != "/healthz":
            return refuse(404, "Not Found")
        sentence = self._what_is_wrong()
        return refuse(503, sentence) if sentence else _WELL

    def _what_is_wrong(self) -> str:
        try:
            meta = self._snapshots.newest().meta
            passed = self._clock() - self._pulled.stat().st_mtime if self._pulled else 0.0
        except Unavailable as error:
            return f"There is nothing to answer from: {error}"
        except OSError:
            return f"Nothing was ever pulled: {self._pulled} is not there"
        if passed > LATE_SECONDS:
            return f"Nothing was pulled for {passed / 60:.0f} minutes"
        return self._what_is_awaited(meta)

    def _what_is_awaited(self, meta: dict[str, str]) -> str:
        """A snapshot that was taken over (taking_over.py) says which files had not come."""
        since = meta.get("awaited_since")
        passed = self._clock() - int(since) / 1e6 if since else 0.0
        late = f"Files that were published {passed / 60:.0f} minutes ago did not come"
        return late if passed > LATE_FILES_SECONDS else ""
