"""A folder that holds exactly what is put into it, each file whole or not at all."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_MARKER = ".wheelbarrow"  # only a folder that has it is swept
_BLOCK = 1024 * 1024


class Unwritable(Exception):
    """The folder is somebody else's, or just being written; nothing was changed."""


class Tree:
    """What was not put since the tree was opened goes away with `remove_the_rest`.

    Each file is written beside its place and moved there, and only if it is not there already.
    Readers may look at any moment; a kill leaves temporary files, which the next export removes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: set[str] = {_MARKER}
        self.changes = 0  # files written or removed

    def put(self, path: str, content: bytes) -> None:
        self._kept.add(path)
        place = self._root / path
        try:
            if place.read_bytes() == content:
                return
        except FileNotFoundError:
            pass
        temporary = self._beside(path)
        temporary.write_bytes(content)
        self._move(temporary, place)

    def keep(self, path: str) -> None:
        self._kept.add(path)

    def keep_digested(self, path: str, digest: str) -> bool:
        """Keep what lies there if its SHA-256 begins with *digest*, and say whether it does."""
        self._kept.add(path)
        try:
            content = (self._root / path).read_bytes()
        except FileNotFoundError:
            return False
        return hashlib.sha256(content).hexdigest().startswith(digest)

    def keep_stored(self, path: str) -> int:
        """Keep what lies there; its size, or 0. It never changes: its digest is in the path, and
        it was whole before it was moved there.
        """
        self._kept.add(path)
        try:
            return (self._root / path).stat().st_size
        except FileNotFoundError:
            return 0

    def store_link(self, path: str, original: Path) -> None:
        """A second name for a local file that never changes; where that cannot be, a copy."""
        temporary = self._beside(path)
        try:
            temporary.hardlink_to(original)
        except OSError:  # another disk, or a file system without links
            with original.open("rb") as source:
                _copy(source, temporary)
        self._move(temporary, self._root / path)

    def store_copy(self, path: str, source: BinaryIO) -> None:
        temporary = self._beside(path)
        _copy(source, temporary)
        self._move(temporary, self._root / path)

    def _beside(self, path: str) -> Path:
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}")
        temporary.unlink(missing_ok=True)  # of an export that was killed
        return temporary

    def _move(self, temporary: Path, place: Path) -> None:
        temporary.replace(place)
        self.changes += 1

    def remove_the_rest(self, below: str = "") -> None:
        """Take away every file *below* that was not put, and folders that are empty then."""
        for folder, _, names in os.walk(self._root / below, topdown=False):
            place = Path(folder)
            for name in names:
                if (place / name).relative_to(self._root).as_posix() not in self._kept:
                    (place / name).unlink()
                    self.changes += 1
            if place != self._root and not any(place.iterdir()):
                place.rmdir()


@contextmanager
def open_tree(root: Path) -> Iterator[Tree]:
    """Raises Unwritable if *root* holds anything that was not exported, or is being exported."""
    root.mkdir(parents=True, exist_ok=True)
    marker = root / _MARKER
    if not marker.exists() and any(root.iterdir()):
        raise Unwritable(f"{root} is neither empty nor an earlier export; name another folder.")
    with marker.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unwritable(f"{root} is being exported right now.") from None
        yield Tree(root)


def _copy(source: BinaryIO, temporary: Path) -> None:
    """Brought to the disk, for it will not be compared later."""
    with temporary.open("wb") as file:
        while block := source.read(_BLOCK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
