"""On a replica: put a snapshot that was pulled into its place, without the files that have not
come yet.

    python -m pkgindex.index.taking_over --pulled FILE --snapshot FILE --files DIR

So rights wait for no file, however large it is, and what is listed is there.
"""

import argparse
import hashlib
import math
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from pathlib import Path

from pkgindex.index.coverage import Shelf
from pkgindex.index.format import provenance_path, to_microseconds
from pkgindex.index.pages import FileEntry
from pkgindex.index.snapshot import Snapshot, Unavailable

# Seconds for reading files that came. What is not read then is listed next time: a replica that
# was away for long does not let rights wait for it.
PATIENCE = 5.0
_PREFIX, _LEFTOVER_SECONDS = ".taken-", 3600
Awaited = dict[Shelf, list[FileEntry]]


def take_over(pulled: Path, snapshot: Path, files: Path, *, patience: float = PATIENCE) -> int:
    """How many files are awaited. Safe to repeat; readers see the old snapshot or the new one.

    What was listed before stays listed: a file that is lost is 503, not 404. The first snapshot
    waits for all of its files: empty pages would be worse than none. Raises Unavailable, and then
    nothing is changed, if what was pulled is no snapshot of this release.
    """
    found = pulled.stat()
    meta, known = _look_at(snapshot)
    with closing(Snapshot(pulled)) as new:
        awaited = _awaited(new, known, files, patience if meta else math.inf)
    uploads = [entry.uploaded_at for entries in awaited.values() for entry in entries]
    said = {
        "taken_from": f"{found.st_mtime_ns} {found.st_size}",
        "awaited": str(len(uploads)),
        "awaited_since": str(to_microseconds(min(uploads))) if uploads else "",
    }
    if not said.items() <= meta.items() and (meta or not uploads):
        _write(pulled, snapshot, awaited, said)
    return len(uploads)


def _look_at(snapshot: Path) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """What the snapshot in its place says of itself, and the files that it lists."""
    try:
        with closing(Snapshot(snapshot)) as before:
            entries = [file for shelf in before.list_shelves() for file in before.list_files(shelf)]
            return before.meta, {(entry.filename, entry.sha256) for entry in entries}
    except Unavailable:
        return {}, set()


def _awaited(
    new: Snapshot, known: Collection[tuple[str, str]], files: Path, patience: float
) -> Awaited:
    """The files that are not here, by project. None is read before all are of their size where
    all are waited for.
    """
    unknown = [
        (shelf, entry)
        for shelf in new.list_shelves()
        for entry in new.list_files(shelf)
        if (entry.filename, entry.sha256) not in known
    ]
    missing = [pair for pair in unknown if not _has_size(pair[1], files)]
    if not (missing and patience == math.inf):
        end = time.monotonic() + patience
        missing = [
            pair for pair in unknown if time.monotonic() > end or not _has_come(pair[1], files)
        ]
    awaited: Awaited = {}
    for shelf, entry in missing:
        awaited.setdefault(shelf, []).append(entry)
    return awaited


def _has_size(entry: FileEntry, files: Path) -> bool:
    try:
        return (files / entry.path).stat().st_size == entry.size
    except OSError:
        return False


def _has_come(entry: FileEntry, files: Path) -> bool:
    """Whole, with all that is served beside it: an upload that was killed leaves half a file on
    the first host, and that was pulled, too.
    """
    path = files / entry.path
    parts = {
        f"{path}.metadata": entry.metadata_sha256,
        provenance_path(str(path), entry.provenance_sha256): entry.provenance_sha256,
        str(path): entry.sha256,
    }
    try:
        return _has_size(entry, files) and all(
            _digest(Path(name)) == sha256 for name, sha256 in parts.items() if sha256
        )
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(pulled: Path, snapshot: Path, awaited: Awaited, said: dict[str, str]) -> None:
    """Beside its place, brought to the disk, and moved there."""
    _clear_leftovers(snapshot.parent)
    descriptor, name = tempfile.mkstemp(dir=snapshot.parent, prefix=_PREFIX)
    os.close(descriptor)
    temporary = Path(name)
    try:
        shutil.copyfile(pulled, temporary)
        _change(temporary, awaited, said)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(snapshot)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _clear_leftovers(folder: Path) -> None:
    """Of those who were killed; a young one may be another's who is at work."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another one clears, too
            if time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                path.unlink()


def _change(path: Path, awaited: Awaited, said: dict[str, str]) -> None:
    """The pages of a project without some of its files are other pages: its digest says so."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # Nobody else sees the file yet, and a half one is thrown away: no journal is needed.
        database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;")
        for shelf, entries in awaited.items():
            names = [entry.filename for entry in entries]
            digest = hashlib.sha256(shelf.digest + repr(names).encode()).digest()
            database.execute("UPDATE project SET digest = ? WHERE id = ?", (digest, shelf.id))
            database.executemany("DELETE FROM file WHERE filename = ?", [(name,) for name in names])
        database.executemany("INSERT INTO meta VALUES (?, ?)", said.items())
        database.execute("COMMIT")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m pkgindex.index.taking_over")
    parser.add_argument("--pulled", type=Path, required=True, help="what came from the first host")
    parser.add_argument("--snapshot", type=Path, required=True, help="what the index answers from")
    parser.add_argument("--files", type=Path, required=True, help="the folder that holds files/…")
    options = parser.parse_args(arguments)
    try:
        count = take_over(options.pulled, options.snapshot, options.files)
    except (OSError, Unavailable, sqlite3.Error) as error:
        print(f"What was pulled is not taken over: {error}", file=sys.stderr)
        return 1
    if count:
        print(f"{count} files have not come yet")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
