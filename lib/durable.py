"""Files that are on the disk before a row names them, so that no power cut leaves it without."""

import os
from pathlib import Path

from django.core.files.storage import FileSystemStorage, default_storage


def bring_to_disk(*names: str) -> None:
    """Wait until the stored files, and the names of all the folders they lie in, are on the disk.

    Other storages than local files answer only when they have them.
    """
    if not isinstance(default_storage, FileSystemStorage):
        return
    files = [Path(default_storage.path(name)) for name in names]
    above = Path(default_storage.path("")).parent  # it has the name of the storage's own folder
    folders = [parent for file in files for parent in file.parents if parent.is_relative_to(above)]
    for place in dict.fromkeys(files + folders):  # each folder once
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
