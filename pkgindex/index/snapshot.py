"""The snapshot, open for reading: who somebody is, and what there is."""

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from weakref import WeakMethod, finalize

from pkgindex.index.coverage import ALL, EVERYTHING, Coverage, Reader, Right, Shelf
from pkgindex.index.format import FORMAT, from_microseconds
from pkgindex.index.pages import FileEntry, ProjectEntry

log = logging.getLogger(__name__)

Row = TypeVar("Row")
_KEPT = 4096  # rows of a kind that stay in memory: what is used, not what there is
_PAUSE = 1  # seconds, before what failed is tried again
_FILE = (
    "filename, version, sha256, size, uploaded_at, requires_python, metadata_sha256, yanked,"
    " counts_from, id, packagetype, blake2_256, provenance_sha256"
)
_SHELF = (
    "id, normalized_name, name, is_public, tiers, not_covered, status, status_reason, newest,"
    " digest"
)


class Unavailable(Exception):
    """There is no snapshot that can be read; the client should come back later."""


def _keeping(find: Callable[..., Row]) -> Callable[..., Row]:
    """*find*, a method of a snapshot, keeping what it finds. It does not keep the snapshot: the
    file of one that was replaced is closed as soon as nobody asks it, and its bytes are freed.
    """
    method = WeakMethod(find)

    @lru_cache(_KEPT)
    def found(*asked: Any) -> Row:
        find = method()
        assert find is not None  # whoever asks has the snapshot
        return find(*asked)

    return found


class Snapshot:
    """One exported file. It never changes, so what was read of it may be kept."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable if the file is missing or not a snapshot of this format."""
        try:
            address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
            # Python's SQLite is built serialized: threads may share a connection.
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise Unavailable(f"{path}: {error}") from error
        finalize(self, self._database.close).atexit = False
        # Before anything is answered from it: in a torn file a name of ours might not be found,
        # and would be sent to another index.
        if self._ask("PRAGMA quick_check(1)") != [("ok",)]:
            raise Unavailable(f"{path} is damaged")
        self.meta = dict(self._ask("SELECT name, value FROM meta"))
        if self.meta.get("format") != FORMAT:
            raise Unavailable(f"{path} has format {self.meta.get('format')!r}, not {FORMAT!r}")
        self.readers: dict[bytes, Reader | str] = {}  # the gate keeps here what it has found
        self.base_url = self.meta["base_url"]
        self.upstream = self.meta["upstream"]
        self.find_reader = _keeping(self._find_reader)
        self.find_shelf = _keeping(self._find_shelf)
        self.find_file = _keeping(self._find_file)
        self.is_reserved = _keeping(self._is_reserved)
        self._rights = _keeping(self._read_rights)

    def close(self) -> None:
        self._database.close()

    def list_projects(self, *, only_public: bool) -> list[ProjectEntry]:
        condition = "WHERE is_public" if only_public else ""
        rows = self._ask(
            f"SELECT name, normalized_name FROM project {condition} ORDER BY normalized_name"  # noqa: S608  a constant
        )
        return [ProjectEntry(*row) for row in rows]

    def list_shelves(self) -> list[Shelf]:
        rows = self._ask(f"SELECT {_SHELF} FROM project ORDER BY normalized_name")  # noqa: S608  constants
        return [_shelf(row) for row in rows]

    def list_reserved(self) -> dict[str, bool]:
        """Names that are never passed on; whether those that begin with them are not, either."""
        rows = self._ask("SELECT normalized_name, is_prefix FROM reserved")
        return {name: bool(is_prefix) for name, is_prefix in rows}

    def list_readers(self) -> Iterator[tuple[bytes, Reader]]:
        """Every credential that opens a door, with its digest; those that will expire, too."""
        for row in self._ask("SELECT digest, id, expires_at, rights, scope FROM credential"):
            yield row[0], self._reader(row[1:])

    def list_refusals(self) -> dict[bytes, str]:
        """Why each credential ended, or will have when it expires, by digest."""
        return dict(self._ask("SELECT digest, text FROM refused"))

    def list_files(self, shelf: Shelf) -> list[FileEntry]:
        """In the order of their release."""
        rows = self._ask(
            f"SELECT {_FILE} FROM file WHERE project = ? ORDER BY position",  # noqa: S608  constants
            shelf.id,
        )
        return [_entry(row) for row in rows]

    def _find_reader(self, digest: bytes) -> Reader | None:
        """Whoever holds the credential of this SHA-256; expired ones are the caller's to see."""
        rows = self._ask(
            "SELECT id, expires_at, rights, scope FROM credential WHERE digest = ?", digest
        )
        return self._reader(rows[0]) if rows else None

    def _reader(self, row: Any) -> Reader:
        credential_id, expires_at, rights, scope = row
        reader = Reader(credential_id, expires_at, self._rights(rights))
        return reader if scope is None else _limited(reader, json.loads(scope))

    def find_refusal(self, digest: bytes) -> str:
        """Why the credential of this SHA-256 ended, or will have when it expires; or ""."""
        rows = self._ask("SELECT text FROM refused WHERE digest = ?", digest)
        return str(rows[0][0]) if rows else ""

    def _read_rights(self, text: str) -> tuple[Right, ...]:
        return tuple(
            Right(tier_id, EVERYTHING if until is None else until, self._sentence(sentence))
            for tier_id, until, sentence in json.loads(text)
        )

    def _sentence(self, number: int) -> str:
        rows = self._ask("SELECT text FROM sentence WHERE id = ?", number)
        return str(rows[0][0]) if rows else ""

    def _find_shelf(self, name: str) -> Shelf | None:
        return self._shelf("normalized_name = ?", name)

    def _shelf(self, condition: str, value: object) -> Shelf | None:
        rows = self._ask(f"SELECT {_SHELF} FROM project WHERE {condition}", value)  # noqa: S608  constants
        return _shelf(rows[0]) if rows else None

    def _find_file(self, digest: str, filename: str) -> tuple[Shelf, FileEntry] | None:
        """The file whose SHA-256 begins with *digest*, and its project."""
        rows = self._ask(
            f"SELECT project, {_FILE} FROM file WHERE filename = ?",  # noqa: S608  constants
            filename,
        )
        if not rows:
            return None
        entry = _entry(rows[0][1:])
        shelf = self._shelf("id = ?", rows[0][0])
        return (shelf, entry) if shelf and entry.sha256.startswith(digest) else None

    def _is_reserved(self, name: str) -> bool:
        """Whether the owner reserved the name, or a prefix of it up to a hyphen."""
        parts = name.split("-")
        starts = ["-".join(parts[:count]) for count in range(1, min(len(parts), 50) + 1)]
        marks = ", ".join("?" * len(starts))
        condition = f"normalized_name = ? OR (is_prefix AND normalized_name IN ({marks}))"
        return bool(self._ask(f"SELECT 1 FROM reserved WHERE {condition}", name, *starts))  # noqa: S608

    def _ask(self, sql: str, *values: Any) -> list[Any]:
        try:
            return self._database.execute(sql, values).fetchall()
        except sqlite3.Error as error:  # a disk that gives back something else than before
            raise Unavailable(str(error)) from error


def _shelf(row: Any) -> Shelf:
    number, normalized_name, name, is_public, tiers, *others = row
    tier_ids = frozenset(json.loads(tiers))
    return Shelf(number, normalized_name, name, bool(is_public), tier_ids, *others)


def _limited(reader: Reader, scope: dict[str, Any]) -> Reader:
    most = ALL
    if scope["versions"]:
        most = Coverage(EVERYTHING, versions=scope["versions"], not_in_range=scope["not_in_range"])
    networks = tuple(scope["networks"])
    return replace(reader, most=most, networks=networks, elsewhere=scope["elsewhere"])


def _entry(row: Any) -> FileEntry:
    (filename, version, sha256, size, uploaded_at, requires_python, metadata_sha256, yanked,
     counts_from, number, packagetype, blake2_256, provenance_sha256) = row  # fmt: skip
    return FileEntry(
        filename=filename,
        version=version,
        sha256=sha256,
        size=size,
        uploaded_at=from_microseconds(uploaded_at),
        requires_python=requires_python,
        metadata_sha256=metadata_sha256,
        yanked=yanked,
        counts_from=counts_from,
        id=number,
        packagetype=packagetype,
        blake2_256=blake2_256,
        provenance_sha256=provenance_sha256,
    )


class Snapshots:
    """The newest snapshot under a path. A file that is put in its place is seen by the next
    request; one that cannot be read is passed over for the one before, and tried again.
    """

    def __init__(self, path: Path, make_first: Callable[[], object] | None = None) -> None:
        """*make_first* is called, at most once a second, while there is no snapshot at all."""
        self._path = path
        self._path_text = str(path)
        self._make_first = make_first
        self._lock = threading.Lock()
        self._seen: object = None
        self._newest: Snapshot | None = None
        self._failed: object = None
        self._failed_at = float("-inf")
        self._tried_at = float("-inf")

    def newest(self) -> Snapshot:
        """Raises Unavailable while there is none."""
        # One stat a request: 2 microseconds, and a revoked key is refused at once.
        if self._identity() != self._seen or self._newest is None:
            with self._lock:
                self._take_over()
        if self._newest is None:
            raise Unavailable(f"{self._path} is not there")
        return self._newest

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path_text)  # noqa: PTH116  on the path of every request
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _take_over(self) -> None:
        self._read(self._identity())
        if self._newest is None:  # none is there, or only one of an earlier release
            self._read(self._first())

    def _read(self, identity: object) -> None:
        if identity == self._seen or identity is None:
            return  # somebody else did, or it was taken away: the old one is good still
        is_new = identity != self._failed
        if not is_new and time.monotonic() - self._failed_at < _PAUSE:
            return
        try:
            self._newest = Snapshot(self._path)
        except Unavailable:
            # Perhaps only now: this process may have too many files open.
            self._failed, self._failed_at = identity, time.monotonic()
            if is_new:
                log.exception("The snapshot cannot be read; the one before is kept")
        else:
            self._seen = identity

    def _first(self) -> tuple[int, int, int] | None:
        if self._make_first is not None and time.monotonic() - self._tried_at > _PAUSE:
            self._tried_at = time.monotonic()
            try:
                self._make_first()
            except Exception:  # a database that is away: there is still nothing to answer from
                log.exception("The first snapshot cannot be made")
        return self._identity()
