"""The index in front of Django, on Django's settings."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage

from pkgindex.index import Index
from pkgindex.index.answers import Readable
from pkgindex.index.contents import Storage
from pkgindex.index.failures import Failures
from pkgindex.index.snapshot import Snapshots
from pkgindex.index.storage import Folder
from pkgindex.index.usage import Usage
from pkgindex.snapshot import export_snapshot, snapshot_folder, snapshot_path
from pkgindex.usage import spool_folder

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def mount_index(django: "WSGIApplication") -> "WSGIApplication":
    """The index on its own paths, and *django* everywhere else."""
    index = Index(
        Snapshots(snapshot_path(), make_first=export_snapshot),
        _storage(),
        usage=Usage(spool_folder()),
        failures=Failures(snapshot_folder()),
        trusted_proxies=settings.TRUSTED_PROXIES,
    )
    return index.in_front_of(django)


class DjangoStorage:
    """Any storage that Django knows, e.g. an S3-compatible one."""

    def open(self, path: str) -> Readable:
        return cast("Readable", default_storage.open(path))

    def size(self, path: str) -> int:
        return default_storage.size(path)


def _storage() -> Storage:
    if isinstance(default_storage, FileSystemStorage):
        return Folder(Path(default_storage.base_location))
    return DjangoStorage()
