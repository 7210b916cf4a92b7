"""Put bytes into the storage so that they are there when the rows that name them are."""

import hashlib

from django.core.files import File as DjangoFile
from django.core.files.storage import default_storage

from lib.durable import bring_to_disk
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
    bring_to_disk(path)


def _digest(path: str) -> str:
    state = hashlib.sha256()
    with default_storage.open(path) as file:
        for block in file.chunks(_BLOCK):
            state.update(block)
    return state.hexdigest()
