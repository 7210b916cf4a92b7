"""Put bytes into the storage so that they are there when the rows that name them are."""

import hashlib
import os
from pathlib import Path

from django.core.files import File as DjangoFile
from django.core.files.storage import FileSystemStorage, default_storage

from pkgindex.uploads.refusals import UploadRefused, disk_trouble

_BLOCK = 1024 * 1024


def store(path: str, content: "DjangoFile[bytes]", *, sha256: str) -> None:
    """Keep *content* under *path*, which its digest is a part of. Safe to repeat.

    Bytes that are there without a row come from an upload that was killed; they may be cut off.
    """
    try:
        _store(path, content, sha256)
    except OSError as error:
        raise disk_trouble(error) from error


def _store(path: str, content: "DjangoFile[bytes]", sha256: str) -> None:
    if default_storage.exists(path):
        if _digest(path) == sha256:
            return
        default_storage.delete(path)
    content.seek(0)
    stored_as = default_storage.save(path, content)
    if stored_as != path:  # another upload of the same bytes came first
        default_storage.delete(stored_as)
        if _digest(path) != sha256:
            raise UploadRefused("The same file is being uploaded right now, try again.", 503)
    _sync(path)


def _digest(path: str) -> str:
    state = hashlib.sha256()
    with default_storage.open(path) as file:
        for block in file.chunks(_BLOCK):
            state.update(block)
    return state.hexdigest()


def _sync(path: str) -> None:
    """Bring a local file and its folders to the disk: a power cut must not leave rows without
    bytes. Other storages answer only when they have them.
    """
    if not isinstance(default_storage, FileSystemStorage):
        return
    local = Path(default_storage.path(path))
    root = Path(default_storage.path(""))
    for place in [local, *(parent for parent in local.parents if parent.is_relative_to(root))]:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
