"""Write the snapshot: at once after each commit that changed a right or the catalog, and again
by the worker if that failed. Any number of processes may export at the same time.
"""

import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from licenses.generation import Change, current_generation
from pkgindex.index.format import SCHEMA, snapshot_in
from pkgindex.index.snapshot import Snapshot, Unavailable
from pkgindex.snapshot.content import (
    CATALOG,
    Content,
    own_settings,
    read_catalog,
    read_content,
)
from pkgindex.snapshot.replaced import keep_names_of

log = logging.getLogger(__name__)

# What nobody announced, e.g. a tier's new name, is in the snapshot after this time at the latest.
MADE_ANEW_EVERY = timedelta(hours=1)
_BLOCK = 1 << 20
_PATIENCE = 10  # seconds for another process that is exporting; then the worker will repair


class Busy(Exception):
    """Another process has been exporting for too long; the worker will look again."""


def snapshot_folder() -> Path:
    """The snapshot, the notes of uses and the counters of failures; all of it may be lost."""
    return Path(settings.DATA_DIR) / "index"


def snapshot_path() -> Path:
    return snapshot_in(snapshot_folder())


def export_snapshot(change: Change | None = None) -> None:
    """Write the snapshot as the database is now. Safe to repeat; readers see all of it or none.

    After a *change* of the catalog alone what credentials open is taken over from the snapshot of
    before, so that publishing costs the same for any number of customers.

    Raises OSError for a disk that is full, Busy if others hold the lock for too long, Emptied if
    the database was lost and another begun.
    """
    asked_at = time.monotonic_ns()
    folder = snapshot_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _give_to_owner_of(folder.parent, folder)
    with _one_at_a_time(folder) as lock:
        began_at = time.monotonic_ns()
        if asked_at < _last_beginning(lock) <= began_at and snapshot_path().exists():
            return  # while we waited, somebody exported what we wanted to
        generation = current_generation()
        made_at = None
        with _snapshot() as before:
            if before and not keep_names_of(before, snapshot_path(), generation):
                made_at = _rights_made_at(before, change, generation)
        if not made_at:
            _write(read_content(), snapshot_path())
        else:
            _write(read_catalog(generation, made_at), snapshot_path(), over=CATALOG)
        os.pwrite(lock, f"{began_at:>20}".encode(), 0)


def _rights_made_at(before: Snapshot, change: Change | None, generation: int) -> str | None:
    """When the rights in the snapshot were read, if they are those of now: nothing happened since
    but *change*, and that was none of theirs.
    """
    if change is None or change.of_rights or change.number != generation:
        return None
    is_right = int(before.meta["generation"]) == change.number - 1
    is_right = is_right and own_settings().items() <= before.meta.items()
    return before.meta["made_at"] if is_right else None


@contextmanager
def _snapshot() -> Iterator[Snapshot | None]:
    """The one that stands there; None if there is none that can be read."""
    try:
        snapshot = Snapshot(snapshot_path())
    except (OSError, Unavailable):
        yield None
        return
    with closing(snapshot):
        yield snapshot


def repair_snapshot(at: datetime) -> int:
    """Export if the snapshot is not what the database says; how many were made, 0 or 1.

    That is so when the process that committed was killed before it could export, or its disk was
    full, or the settings changed; and once an hour for what nobody announced.
    """
    if is_current(at):
        return 0
    export_snapshot()
    return 1


def is_current(at: datetime) -> bool:
    """Whether the snapshot says what the database says, and is not older than an hour."""
    with _snapshot() as snapshot:
        meta = snapshot.meta if snapshot else None
    if meta is None:
        return False
    expected = {"generation": str(current_generation()), **own_settings()}
    age = at - datetime.fromisoformat(meta["made_at"])  # not the file's: this clock may be set
    return expected.items() <= meta.items() and abs(age) < MADE_ANEW_EVERY


def _write(content: Content, path: Path, *, over: tuple[str, ...] = ()) -> None:
    """Beside the place where it shall stand, brought to the disk, and then moved there. With
    *over*, a copy of the one before in which these tables are new.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".snapshot-")
    os.close(descriptor)
    temporary = Path(name)
    try:
        if over:
            with path.open("rb") as before, temporary.open("wb") as copy:
                shutil.copyfileobj(before, copy, _BLOCK)
        _fill(content, temporary, over)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        _give_to_owner_of(path.parent, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _give_to_owner_of(folder: Path, path: Path) -> None:
    """What root writes, by `sudo manage.py yank`, the shop must be able to read and replace."""
    if os.geteuid() == 0:
        with suppress(PermissionError):  # a disk elsewhere that does not trust our root
            owner = folder.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _fill(content: Content, path: Path, over: tuple[str, ...]) -> None:
    emptied = "".join(f"DELETE FROM {table};" for table in over)  # noqa: S608  our own names
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # Nobody else sees the file yet, and a half one is thrown away: no journal is needed.
        begin = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"
        database.executescript(begin + (emptied or SCHEMA))
        for table in fields(content):
            rows = getattr(content, table.name)
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                database.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)  # noqa: S608  our own names
        database.execute("COMMIT")


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[int]:
    """A lock of the host that a kill -9 releases; gives the lock file's descriptor."""
    lock = os.open(folder / "exporting", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _give_to_owner_of(folder, folder / "exporting")
        _acquire(lock)
        yield lock
    finally:
        os.close(lock)


def _acquire(lock: int) -> None:
    give_up_at = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise Busy("another process is exporting the snapshot") from None
            time.sleep(0.005)
        else:
            return


def _last_beginning(lock: int) -> int:
    """When the last export began to read (CLOCK_MONOTONIC, the same for all processes)."""
    try:
        return int(os.pread(lock, 20, 0) or 0)
    except ValueError:
        return 0
