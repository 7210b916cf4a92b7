"""Files in a local folder, as Django's FileSystemStorage lays them out."""

import os
from pathlib import Path

from pkgindex.index.answers import Readable


class Folder:
    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def open(self, path: str) -> Readable:
        """*path* comes from the snapshot, never from a request."""
        return open(f"{self._root}/{path}", "rb", buffering=0)  # noqa: PTH123  5 times faster

    def size(self, path: str) -> int:
        return os.stat(f"{self._root}/{path}").st_size  # noqa: PTH116  3 times faster
