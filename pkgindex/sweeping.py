"""Take away what a kill left behind: bytes that nothing lists, halves of uploads and snapshots."""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import transaction

from licenses.generation import raise_generation
from pkgindex.models import File
from pkgindex.snapshot import snapshot_folder

SWEPT_EVERY = 24 * 3600  # seconds
LEFT_BEHIND = 24 * 3600  # seconds without a change; the longest upload is over by then
_STORED = re.compile(r"files/../../([0-9a-f]{64})/[^/]+")


def sweep_leftovers(at: datetime) -> int:
    """Once a day, by whichever worker comes first; how many files were taken away.

    Safe to repeat and to be killed: what is left is found the next day.
    """
    marker = snapshot_folder() / "swept"
    now = at.timestamp()
    if marker.exists() and 0 <= now - marker.stat().st_mtime < SWEPT_EVERY:
        return 0
    done = sum(map(_remove_stored, _unlisted(now)))
    for path in _halves(now):
        path.unlink(missing_ok=True)
        done += 1
    _touch(marker, now)
    return done


def _unlisted(now: float) -> Iterator[str]:
    """Names in the storage that no row names. A storage elsewhere is left to its own rules."""
    if not isinstance(default_storage, FileSystemStorage):
        return
    root = Path(default_storage.base_location)
    files = File.objects.only("sha256", "filename", "provenance_sha256")
    listed = {name for file in files.iterator() for name in file.paths}
    for path in (root / "files").glob("*/*/*/*"):
        name = path.relative_to(root).as_posix()
        if name not in listed and _STORED.fullmatch(name) and _is_old(path, now):
            yield name


@transaction.atomic
def _remove_stored(name: str) -> int:
    """An upload of the same bytes, which found them there, may be about to list them. Both write
    the number of the generation first, so either it is listed now, or the upload will see that
    the bytes are gone (publishing.py).
    """
    raise_generation()
    match = _STORED.fullmatch(name)
    assert match is not None
    for file in File.objects.filter(sha256=match[1]):
        if name in file.paths:
            return 0
    default_storage.delete(name)
    return 1


def _halves(now: float) -> Iterator[Path]:
    """Temporary files of a process that was killed."""
    uploads = Path(settings.FILE_UPLOAD_TEMP_DIR or "/nonexistent").glob("*.upload*")
    for path in (*uploads, *snapshot_folder().glob(".snapshot-*")):
        if _is_old(path, now):
            yield path


def _is_old(path: Path, now: float) -> bool:
    try:
        return now - path.stat().st_mtime > LEFT_BEHIND
    except FileNotFoundError:
        return False


def _touch(marker: Path, now: float) -> None:
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    os.utime(marker, (now, now))
