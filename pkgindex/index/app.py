"""The index as a WSGI application: which path is whose, and which status it gets.

| who asks              | public project | other project           | not in the catalog         |
|-----------------------|----------------|-------------------------|----------------------------|
| a stranger            | 200            | 401                     | 307 to the upstream or 404 |
| a bad credential      | 401            | 401                     | 401                        |
| a holder with a right | 200            | 200                     | 307 to the upstream or 404 |
| a holder without      | 200            | page 200, its files 402 | 307 to the upstream or 404 |

A name of the catalog is never answered with 404 nor sent to another host: an installer that also
asks another index would take a stranger's project of the same name. A reserved name, under which
nothing is published, is 401 to strangers and 402 to holders: after an empty page some
installers ask the next index, after a 402 they stop and print it. A bad credential that comes
again and again is 429; a good one never is.

Everything is answered from a snapshot (pkgindex/index/snapshot.py); no database is asked.
"""

import logging
import re
import time
import wsgiref.util
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from packaging.utils import InvalidName, canonicalize_name

from lib.addresses import network_of
from pkgindex.index import negotiation, rendering
from pkgindex.index.answers import REALM, Answer, Slice, move_to, pass_on, refuse
from pkgindex.index.auth import BadCredentials
from pkgindex.index.contents import Contents, Storage
from pkgindex.index.coverage import Coverage, Reader, Shelf, coverage_of
from pkgindex.index.encodings import choose_coding
from pkgindex.index.failures import Failures
from pkgindex.index.files import Content, answer_file
from pkgindex.index.gate import Gate, TooManyFailures
from pkgindex.index.kept import KeptPages, Page
from pkgindex.index.pages import FileEntry
from pkgindex.index.requests import Request
from pkgindex.index.snapshot import Snapshot, Snapshots, Unavailable
from pkgindex.index.usage import Usage

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

# Every door of the index; a test of who may do what is made from it.
ROUTES = (
    "/simple/",
    "/simple/<project>/",
    "/pypi/<project>/json",
    "/files/<digest>/<filename>",
    "/files/<digest>/<filename>.metadata",
    "/files/<digest>/<hint>/<filename>",
    "/integrity/<project>/<version>/<filename>/provenance",
)
PROJECT, LEGACY_JSON = "/simple/{}/", "/pypi/{}/json"
_OURS = re.compile(r"/(simple|files|pypi|integrity)(/.*)?", re.DOTALL)
_PROJECT = re.compile(r"/simple/([^/]+)(/?)")
_LEGACY_JSON = re.compile(r"/pypi/([^/]+)/json(/?)")
# The hint is what a refused file's URL says to whoever reads it; it decides nothing.
_FILE = re.compile(
    r"/files/([0-9a-f]{16})/(?:[A-Za-z0-9.-]+/)?([A-Za-z0-9][A-Za-z0-9._+!-]*?)(\.metadata)?"
)
_PROVENANCE = re.compile(r"/integrity/([^/]+)/([^/]+)/([^/]+)/provenance")
Part = Callable[[FileEntry], Content]
FileWrapper = Callable[[Slice, int], Iterable[bytes]]
_WAIT = 1  # seconds; the most that an installer is asked to sleep after wrong keys
_BLOCK = 256 * 1024  # bytes, where the server cannot use sendfile


class Index:
    """The application. It asks nothing but its snapshot and its storage."""

    def __init__(
        self,
        snapshots: Snapshots,
        storage: Storage,
        *,
        usage: Usage,
        failures: Failures,
        trusted_proxies: int = 0,
        hand_on_to: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """*hand_on_to* is a path of nginx under which the storage lies, e.g. "/stored/"."""
        self.snapshots = snapshots
        self._contents = Contents(storage, hand_on_to)
        self._usage = usage
        self._gate = Gate(failures, trusted_proxies=trusted_proxies)
        self._clock = clock
        self._kept = KeptPages()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        answer = self._respond(environ)
        start_response(answer.status, list(answer.headers))
        if answer.file is not None:
            wrap: FileWrapper = environ.get("wsgi.file_wrapper", wsgiref.util.FileWrapper)
            return wrap(answer.file, _BLOCK)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def in_front_of(self, other: "WSGIApplication") -> "WSGIApplication":
        """The index on its own paths, and *other* everywhere else."""

        def application(
            environ: "WSGIEnvironment", start_response: "StartResponse"
        ) -> Iterable[bytes]:
            if _OURS.fullmatch(environ.get("PATH_INFO", "")):
                return self(environ, start_response)
            return other(environ, start_response)

        return application

    def _respond(self, environ: "WSGIEnvironment") -> Answer:
        method = environ["REQUEST_METHOD"]
        if method not in {"GET", "HEAD"}:
            return refuse(405, "The index only answers GET and HEAD", ("Allow", "GET, HEAD"))
        now = self._clock()
        try:
            snapshot = self.snapshots.newest()
            reader = self._gate.identify(snapshot, environ, now)
            return self._answer(snapshot, reader, environ, now)
        except Unavailable as error:
            log.warning("There is nothing to answer from: %s", error)
            return refuse(503, "The index is busy, try again", ("Retry-After", "5"))
        except BadCredentials as error:
            return _unauthorized(str(error))
        except TooManyFailures as failures:
            sentence = f"{failures}; too often, try again in {failures.seconds} seconds"
            # A good key need not wait at all, so whoever mends his comes back at once; and pip
            # would sleep for what stands here, five times, without a word.
            return refuse(429, sentence, ("Retry-After", str(min(failures.seconds, _WAIT))))

    def _answer(
        self, snapshot: Snapshot, reader: Reader | None, environ: "WSGIEnvironment", now: float
    ) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        request = Request(method, path, environ, snapshot, reader, now)
        if reader is not None:
            network = network_of(self._gate.address_of(environ))
            self._usage.note_key(reader.credential_id, request.agent, network, now)
        return self._route(request)

    def _route(self, request: Request) -> Answer:
        path = request.path
        if match := _PROJECT.fullmatch(path):
            return self._named(request, match[1], PROJECT, is_exact=bool(match[2]))
        if match := _FILE.fullmatch(path):
            return self._file(request, *match.groups())
        if match := _PROVENANCE.fullmatch(path):
            return self._provenance(request, *match.groups())
        if path in {"/simple/", "/simple"}:
            return self._root(request) if path == "/simple/" else _move(request, "/simple/")
        if match := _LEGACY_JSON.fullmatch(path):
            return self._named(request, match[1], LEGACY_JSON, is_exact=not match[2])
        return _not_found()

    def _named(self, request: Request, name: str, pattern: str, *, is_exact: bool) -> Answer:
        normalized = _normalize(name)
        if normalized is None:
            return _not_found()
        if name != normalized or not is_exact:
            return _move(request, pattern.format(normalized))
        shelf = request.snapshot.find_shelf(name)
        if shelf is None:
            return _foreign_name(request, name, pattern)
        if request.reader is None and not shelf.is_public:
            return _needs_key(request)
        coverage = coverage_of(shelf, request.reader)
        if pattern == LEGACY_JSON:
            return self._legacy_json(request, shelf, coverage)
        return self._project(request, shelf, coverage)

    def _root(self, request: Request) -> Answer:
        def make(form: str, coding: str) -> Page:
            only_public = request.reader is None
            return rendering.root_page(request.snapshot, form, coding, only_public=only_public)

        key = (request.snapshot.meta["catalog"], request.reader is None)
        return self._page(request, key, make)

    def _project(self, request: Request, shelf: Shelf, coverage: Coverage) -> Answer:
        def make(form: str, coding: str) -> Page:
            return rendering.project_page(request.snapshot, shelf, coverage, form, coding)

        key = (shelf.digest, coverage, request.snapshot.base_url)
        return self._page(request, key, make)

    def _legacy_json(self, request: Request, shelf: Shelf, coverage: Coverage) -> Answer:
        def make() -> Page:
            return rendering.legacy_page(request.snapshot, shelf, coverage, coding)

        coding = choose_coding(request.header("ACCEPT_ENCODING") or "")
        key = (shelf.digest, coverage, "legacy", coding, request.snapshot.base_url)
        return self._kept.find(key, make).answer(request.header("IF_NONE_MATCH"))

    def _page(
        self, request: Request, key: tuple[object, ...], make: Callable[[str, str], Page]
    ) -> Answer:
        try:
            form = negotiation.choose_form(request.header("ACCEPT"), request.query)
        except negotiation.NotAcceptable:
            return refuse(406, f"The index speaks {', '.join(negotiation.SUPPORTED)}")
        coding = choose_coding(request.header("ACCEPT_ENCODING") or "")
        page = self._kept.find((*key, form, coding), lambda: make(form, coding))
        return page.answer(request.header("IF_NONE_MATCH"))

    def _file(self, request: Request, digest: str, filename: str, metadata: str | None) -> Answer:
        found = request.snapshot.find_file(digest, filename)
        if found is None or (metadata and not found[1].metadata_sha256):
            return _not_found()
        part = self._contents.metadata if metadata else self._contents.artifact
        return self._if_covered(request, *found, part)

    def _provenance(self, request: Request, name: str, version: str, filename: str) -> Answer:
        found = request.snapshot.find_file("", filename)
        if found is None or not found[1].provenance_sha256:
            return _not_found()
        if (name, version) != (found[0].normalized_name, found[1].version):
            return _not_found()
        return self._if_covered(request, *found, self._contents.provenance)

    def _if_covered(self, request: Request, shelf: Shelf, entry: FileEntry, part: Part) -> Answer:
        """A file or what lies beside it, if its reader may have the file."""
        if request.reader is None and not shelf.is_public:
            return _needs_key(request)
        if quarantined := rendering.quarantine(shelf):
            return refuse(403, quarantined)
        refusal = coverage_of(shelf, request.reader).refusal(entry.counts_from, entry.version)
        if refusal:
            return refuse(402, refusal)
        try:
            answer = answer_file(part(entry), request.asked)
        except Exception:  # whatever the storage raises; 404 would send installers elsewhere
            log.exception("%s cannot be read", entry.filename)
            return refuse(503, "This file cannot be read now, try again", ("Retry-After", "5"))
        is_whole = answer.sends_file and answer.status.startswith("200")
        if is_whole and part == self._contents.artifact:
            self._usage.note_download(request.credential_id, entry.id, request.agent, request.now)
        return answer


@lru_cache(4096)
def _normalize(name: str) -> str | None:
    """The name as PEP 503 normalizes it; None if it cannot be one."""
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        return None


def _foreign_name(request: Request, name: str, pattern: str) -> Answer:
    if request.snapshot.is_reserved(name):
        if request.reader is None:
            return _needs_key(request)
        return refuse(402, f"Nothing is published under {name} yet")
    if request.snapshot.upstream and pattern == PROJECT:
        return pass_on(f"{request.snapshot.upstream.rstrip('/')}/{name}/")
    return _not_found()


def _move(request: Request, path: str) -> Answer:
    mounted_at = request.environ.get("SCRIPT_NAME", "")
    query = quote(request.query, safe="%=&+;:@!$'()*,/?~")
    return move_to(quote(mounted_at) + path + (f"?{query}" if query else ""))


def _needs_key(request: Request) -> Answer:
    return _unauthorized(rendering.needs_key(request.snapshot))


def _unauthorized(sentence: str) -> Answer:
    return refuse(401, sentence, ("WWW-Authenticate", REALM))


def _not_found() -> Answer:
    return refuse(404, "Not Found")
