"""Files that are on the disk before a row names them, so that no power cut leaves it without."""

import os
from pathlib import Path

from django.core.files.storage import FileSystemStorage, default_storage


def bring_to_disk(name: str) -> None:
    """Wait until the stored file, and the names of all the folders it lies in, are on the disk.

    Other storages than local files answer only when they have them.
    """
    if not isinstance(default_storage, FileSystemStorage):
        return
    local = Path(default_storage.path(name))
    above = Path(default_storage.path("")).parent  # it has the name of the storage's own folder
    for place in [local, *(parent for parent in local.parents if parent.is_relative_to(above))]:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
