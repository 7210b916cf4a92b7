"""What the index answers from. The only file of the index that reads the database."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db import connection as database

from licenses import credentials
from licenses.entitlements import Holder, find_holder, may_download
from pkgindex.index.answers import Readable
from pkgindex.index.files import Content
from pkgindex.index.pages import DIGEST_LENGTH, FileEntry, ProjectEntry
from pkgindex.models import File, Project, ReservedName

logger = logging.getLogger(__name__)

Reader = Holder  # whoever sent a credential that opens the door

_NOTE_WAITS = 100  # milliseconds for a lock; noting a use is not worth a client's time-out


class Unavailable(Exception):
    """The database does not answer; the client should come back later."""


@dataclass(frozen=True)
class Shelf:
    """A project as far as the right to it goes."""

    project_id: int
    name: str  # normalized
    is_public: bool
    tier_ids: frozenset[int]


@dataclass(frozen=True)
class Stored:
    """A file as it lies in the storage, and what decides who may have it."""

    shelf: Shelf
    counts_from: datetime
    path: str
    sha256: str
    size: int
    metadata_sha256: str


@contextmanager
def borrowed_connection() -> Iterator[None]:
    """Keep the rules of Django's request cycle, of which the index is no part: a connection that
    is broken or older than CONN_MAX_AGE is closed before and after, so that no thread keeps it.
    """
    _close_old_connections()
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        logger.exception("The index cannot read the database")
        raise Unavailable from error
    finally:
        _close_old_connections()


def _close_old_connections() -> None:
    for each in connections.all(initialized_only=True):
        if not each.in_atomic_block:  # a transaction around us belongs to somebody else
            each.close_if_unusable_or_obsolete()


def find_reader(token: str, at: datetime) -> Reader | None:
    return find_holder(token, at)


def note_use(reader: Reader, *, client: str, at: datetime) -> None:
    """Remember the use of the credential, at most once in five minutes.

    It never fails an install, nor holds it up: a database that is locked is left alone.
    """
    last = reader.credential.last_used_at
    if last is not None and last > at - credentials.USE_NOTED_EVERY:
        return
    try:
        with _short_patience():
            credentials.note_use(reader.credential, client=client, at=at)
    except DatabaseError:
        logger.warning("The use of credential %s could not be noted", reader.credential.pk)


def list_projects(reader: Reader | None) -> list[ProjectEntry]:
    """The whole catalog for a reader, the public projects for a stranger."""
    projects = Project.objects.all() if reader else Project.objects.filter(is_public=True)
    rows = projects.order_by("normalized_name").values_list("name", "normalized_name")
    return [ProjectEntry(*row) for row in rows]


def find_shelf(name: str) -> Shelf | None:
    rows = list(
        Project.objects.filter(normalized_name=name).values_list("pk", "is_public", "tiers__id")
    )
    if not rows:
        return None
    project_id, is_public, _ = rows[0]
    return Shelf(project_id, name, is_public, frozenset(row[2] for row in rows if row[2]))


def is_reserved(name: str) -> bool:
    return ReservedName.objects.covering(name).exists()


def list_files(shelf: Shelf, reader: Reader | None) -> list[FileEntry]:
    """The files of a project as *reader* shall see them.

    What he may not have stays listed, as yanked with the reason: an unpinned install then takes
    the newest release that he may have, a pinned one prints the reason. Where he may have
    nothing, nothing is marked: pip says no word about a project whose files are all yanked,
    but it shows the reason in the 402 of a file.
    """
    rows = list(
        File.objects.filter(release__project_id=shelf.project_id)
        .select_related("release")
        .order_by("release__released_at", "release_id", "filename")
    )
    refuse = refusals(shelf, reader)
    has_some = any(not refuse(row.release.counts_from) for row in rows)
    return [_entry(row, refuse(row.release.counts_from) if has_some else "") for row in rows]


def find_file(digest: str, filename: str) -> Stored | None:
    row = (
        File.objects.filter(filename=filename, sha256__startswith=digest)
        .select_related("release__project")
        .first()
    )
    if row is None or row.sha256[:DIGEST_LENGTH] != digest:
        return None
    project = row.release.project
    tier_ids = () if project.is_public else project.tiers.values_list("pk", flat=True)
    return Stored(
        shelf=Shelf(project.pk, project.normalized_name, project.is_public, frozenset(tier_ids)),
        counts_from=row.release.counts_from,
        path=row.path,
        sha256=row.sha256,
        size=row.size,
        metadata_sha256=row.metadata_sha256,
    )


def refusals(shelf: Shelf, reader: Reader | None) -> Callable[[datetime], str]:
    """Why *reader* may not have what counts as released at a moment; "" if he may."""
    if shelf.is_public or reader is None:
        return lambda _: ""
    if any(right.tier_id in shelf.tier_ids for right in reader.rights):
        return cache(lambda counts_from: _refusal(shelf, reader, counts_from, "account"))
    # Without any right the moment does not matter: one question for all files.
    reason = _refusal(shelf, reader, datetime.min, "pricing")  # noqa: DTZ901
    return lambda _: reason


def file_content(stored: Stored) -> Content:
    return Content(stored.sha256, stored.size, "application/octet-stream", _opener(stored.path))


def metadata_content(stored: Stored) -> Content:
    path = f"{stored.path}.metadata"
    size = default_storage.size(path)
    return Content(stored.metadata_sha256, size, "text/plain; charset=utf-8", _opener(path))


def _opener(path: str) -> Callable[[], Readable]:
    return lambda: default_storage.open(path)


def _refusal(shelf: Shelf, reader: Reader, counts_from: datetime, page: str) -> str:
    verdict = may_download(reader, tier_ids=shelf.tier_ids, released_at=counts_from)
    return "" if verdict.is_allowed else f"{verdict.reason}; see {settings.BASE_URL}/{page}/"


def _entry(row: File, refusal: str) -> FileEntry:
    yanked = row.release.yank_reason if row.release.yanked_at else None
    return FileEntry(
        filename=row.filename,
        version=row.release.version,
        sha256=row.sha256,
        size=row.size,
        uploaded_at=row.uploaded_at,
        requires_python=row.requires_python,
        metadata_sha256=row.metadata_sha256,
        yanked=refusal or yanked,
    )


@contextmanager
def _short_patience() -> Iterator[None]:
    """Wait for SQLite's write lock only as long as a client would not notice."""
    if database.vendor != "sqlite":
        yield
        return
    with database.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (usual,) = cursor.fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {_NOTE_WAITS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {int(usual)}")
