"""Put bytes into the storage so that they are there when the rows that name them are."""

import hashlib
from dataclasses import dataclass

from django.core.files import File as DjangoFile
from django.core.files.storage import default_storage

from lib.durable import bring_to_disk
from pkgindex.uploads.refusals import UploadRefused, disk_trouble

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Part:
    """A file, or what is served beside it, and where it shall lie: its digest is in the path."""

    path: str
    content: "DjangoFile[bytes]"
    sha256: str


def store(*parts: Part) -> None:
    """Keep all of them, on the disk when this returns. Safe to repeat.

    Bytes that are there without a row come from an upload that was killed; they may be cut off,
    and those that are whole may not be on the disk yet.
    """
    try:
        for part in parts:
            _store(part)
        bring_to_disk(*(part.path for part in parts))
    except OSError as error:
        raise disk_trouble(error) from error


def _store(part: Part) -> None:
    if default_storage.exists(part.path):
        if _digest(part.path) == part.sha256:
            return
        default_storage.delete(part.path)
    part.content.seek(0)
    stored_as = default_storage.save(part.path, part.content)
    if stored_as != part.path:  # another upload of the same bytes came first
        default_storage.delete(stored_as)
        if _digest(part.path) != part.sha256:
            raise UploadRefused("The same file is being uploaded right now, try again.", 503)


def _digest(path: str) -> str:
    state = hashlib.sha256()
    with default_storage.open(path) as file:
        for block in file.chunks(_BLOCK):
            state.update(block)
    return state.hexdigest()
