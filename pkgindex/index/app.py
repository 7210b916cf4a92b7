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
installers ask the next index, after a 402 they stop and print it.
"""

import re
import wsgiref.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone
from packaging.utils import InvalidName, canonicalize_name

from pkgindex.index import negotiation, pages, source
from pkgindex.index.answers import REALM, Answer, Slice, move_to, page, pass_on, refuse
from pkgindex.index.auth import BadCredentials, read_token
from pkgindex.index.files import Asked, answer_file

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Every door of the index; a test of who may do what is made from it.
ROUTES = (
    "/simple/",
    "/simple/<project>/",
    "/files/<digest>/<filename>",
    "/files/<digest>/<filename>.metadata",
)
_OURS = re.compile(r"/(simple|files)(/.*)?", re.DOTALL)
_PROJECT = re.compile(r"/simple/([^/]+)(/?)")
_FILE = re.compile(r"/files/([0-9a-f]{16})/([A-Za-z0-9][A-Za-z0-9._+!-]*?)(\.metadata)?")
_CLIENT = re.compile(r"[A-Za-z0-9._-]{1,40}/[A-Za-z0-9._+-]{1,39}")  # "pip/26.3"
FileWrapper = Callable[[Slice, int], Iterable[bytes]]
_BLOCK = 256 * 1024  # bytes, where the server cannot use sendfile


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    mounted_at: str  # SCRIPT_NAME
    headers: "WSGIEnvironment"

    def header(self, name: str) -> str | None:
        value = self.headers.get(f"HTTP_{name}")
        return None if value is None else str(value)


def mount_index(django: "WSGIApplication") -> "WSGIApplication":
    """The index on its own paths, and *django* everywhere else."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not _OURS.fullmatch(environ.get("PATH_INFO", "")):
            return django(environ, start_response)
        answer = _respond(_read(environ))
        start_response(answer.status, list(answer.headers))
        return _body(answer, environ)

    return application


def _read(environ: "WSGIEnvironment") -> Request:
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", ""),
        query=environ.get("QUERY_STRING", ""),
        mounted_at=environ.get("SCRIPT_NAME", ""),
        headers=environ,
    )


def _body(answer: Answer, environ: "WSGIEnvironment") -> Iterable[bytes]:
    if answer.file is not None:
        wrap: FileWrapper = environ.get("wsgi.file_wrapper", wsgiref.util.FileWrapper)
        return wrap(answer.file, _BLOCK)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def _respond(request: Request) -> Answer:
    if request.method not in {"GET", "HEAD"}:
        return refuse(405, "The index only answers GET and HEAD", ("Allow", "GET, HEAD"))
    try:
        with source.borrowed_connection():
            return _respond_to_reader(request, timezone.now())
    except source.Unavailable:
        return refuse(503, "The index is busy, try again", ("Retry-After", "5"))


def _respond_to_reader(request: Request, at: datetime) -> Answer:
    try:
        reader = _identify(request, at)
    except BadCredentials:
        return _unauthorized("This key is not known or no longer valid")
    answer = _route(request, reader)
    if reader is not None:
        source.note_use(reader, client=_client(request), at=at)
    return answer


def _identify(request: Request, at: datetime) -> source.Reader | None:
    """Whoever sends the request; None for a stranger. Raises BadCredentials."""
    token = read_token(request.header("AUTHORIZATION"))
    if token is None:
        return None
    reader = source.find_reader(token, at)
    if reader is None:
        raise BadCredentials("no such key")
    return reader


def _route(request: Request, reader: source.Reader | None) -> Answer:
    if request.path == "/simple":
        return _move(request, "/simple/")
    if request.path == "/simple/":
        return _page(request, lambda form: pages.render_root(source.list_projects(reader), form))
    if match := _PROJECT.fullmatch(request.path):
        return _named_project(request, reader, match[1], has_slash=bool(match[2]))
    if match := _FILE.fullmatch(request.path):
        return _file(request, reader, *match.groups())
    return _not_found()


def _named_project(
    request: Request, reader: source.Reader | None, name: str, *, has_slash: bool
) -> Answer:
    try:
        normalized = canonicalize_name(name, validate=True)
    except InvalidName:
        return _not_found()
    if name != normalized or not has_slash:
        return _move(request, f"/simple/{normalized}/")
    return _project(request, reader, normalized)


def _project(request: Request, reader: source.Reader | None, name: str) -> Answer:
    shelf = source.find_shelf(name)
    if shelf is None:
        return _foreign_name(reader, name)
    if reader is None and not shelf.is_public:
        return _needs_key()
    return _page(
        request,
        lambda form: pages.render_project(name, source.list_files(shelf, reader), form),
    )


def _foreign_name(reader: source.Reader | None, name: str) -> Answer:
    if source.is_reserved(name):
        return refuse(402, f"Nothing is published under {name} yet") if reader else _needs_key()
    if settings.INDEX_UPSTREAM:
        return pass_on(f"{settings.INDEX_UPSTREAM.rstrip('/')}/{name}/")
    return _not_found()


def _file(
    request: Request,
    reader: source.Reader | None,
    digest: str,
    filename: str,
    metadata: str | None,
) -> Answer:
    stored = source.find_file(digest, filename)
    if stored is None or (metadata and not stored.metadata_sha256):
        return _not_found()
    if reader is None and not stored.shelf.is_public:
        return _needs_key()
    refusal = source.refusals(stored.shelf, reader)(stored.counts_from)
    if refusal:
        return refuse(402, refusal)
    content = source.metadata_content(stored) if metadata else source.file_content(stored)
    return answer_file(content, _asked(request))


def _asked(request: Request) -> Asked:
    return Asked(
        method=request.method,
        if_none_match=request.header("IF_NONE_MATCH"),
        range=request.header("RANGE"),
        if_range=request.header("IF_RANGE"),
    )


def _page(request: Request, render: Callable[[str], tuple[bytes, str]]) -> Answer:
    try:
        form = negotiation.choose_form(request.header("ACCEPT"), request.query)
    except negotiation.NotAcceptable:
        return refuse(406, f"The index speaks {', '.join(negotiation.SUPPORTED)}")
    body, content_type = render(form)
    return page(body, content_type, request.header("IF_NONE_MATCH"))


def _move(request: Request, path: str) -> Answer:
    query = quote(request.query, safe="%=&+;:@!$'()*,/?~")
    return move_to(quote(request.mounted_at) + path + (f"?{query}" if query else ""))


def _needs_key() -> Answer:
    return _unauthorized(f"This needs a key; see {settings.BASE_URL}/pricing/")


def _unauthorized(sentence: str) -> Answer:
    return refuse(401, sentence, ("WWW-Authenticate", REALM))


def _not_found() -> Answer:
    return refuse(404, "Not Found")


def _client(request: Request) -> str:
    match = _CLIENT.match(request.header("USER_AGENT") or "")
    return match[0] if match else ""
