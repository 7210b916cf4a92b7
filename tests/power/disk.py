"""A disk whose power may be cut: what was not brought to it may be there, or not, or in part.

The rules are POSIX's, stricter than ext4's: `fsync` of a file keeps its bytes and not its name,
`fsync` of a folder keeps the names in it. What was not kept survives by chance: writes each on its
own and in any order, torn at sectors of 512 bytes; names of one folder in their order.
"""

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.power.trace import Operation

SECTOR = 512


@dataclass
class Inode:
    kept: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)

    def sync(self) -> None:
        for operation in self.pending:
            _apply(self.kept, operation)
        self.pending.clear()

    def after_the_cut(self, chance: random.Random) -> bytes:
        content = bytearray(self.kept)
        for operation in self.pending:
            fate = chance.choice(("kept", "kept", "lost", "torn"))
            if fate == "kept":
                _apply(content, operation)
            elif fate == "torn" and operation.kind == "write":
                for part in _sectors(operation):
                    if chance.random() < 0.5:
                        _apply(content, part)
        return bytes(content)


@dataclass
class Folder:
    kept: "dict[str, Inode | Folder]" = field(default_factory=dict)
    pending: "list[tuple[str, Inode | Folder | None]]" = field(
        default_factory=list
    )  # None: it goes

    def sync(self) -> None:
        for name, what in self.pending:
            _name(self.kept, name, what)
        self.pending.clear()

    def after_the_cut(self, chance: random.Random) -> "dict[str, Inode | Folder]":
        names = dict(self.kept)
        for name, what in self.pending[: chance.randint(0, len(self.pending))]:
            _name(names, name, what)
        return names


class Disk:
    """What lies below *root*, which is on the disk as it is found."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self.now: dict[str, Inode | Folder] = {}  # by its path, as processes see it
        for path, _, names in os.walk(self.root):
            self.now[path] = folder = Folder()
            if path != self.root:
                self._folder_of(path).kept[Path(path).name] = folder
            for name in names:
                inode = Inode(bytearray(Path(path, name).read_bytes()))
                self.now[f"{path}/{name}"] = folder.kept[name] = inode

    def do(self, operation: Operation) -> None:
        path, kind = operation.path, operation.kind
        if kind in {"create", "mkdir"}:
            if path not in self.now:
                self._link(path, Inode() if kind == "create" else Folder())
        elif kind in {"rename", "link"}:
            self._link(operation.target, self.now[path])
            if kind == "rename":
                self._link(path, None)
        elif kind == "unlink":
            self._link(path, None)
        elif kind == "sync":
            self.now[path].sync()
        else:
            inode = self.now[path]
            assert isinstance(inode, Inode), path
            inode.pending.append(operation)

    def cut(self, target: Path, seed: int) -> None:
        """Write into *target* what a cut of the power leaves; each seed is another chance."""
        root = self.now[self.root]
        assert isinstance(root, Folder)
        _write(root, target, random.Random(seed))

    def _link(self, path: str, what: Inode | Folder | None) -> None:
        _name(self.now, path, what)
        self._folder_of(path).pending.append((Path(path).name, what))

    def _folder_of(self, path: str) -> Folder:
        folder = self.now[str(Path(path).parent)]
        assert isinstance(folder, Folder), path
        return folder


def _write(folder: Folder, target: Path, chance: random.Random) -> None:
    target.mkdir()
    for name, what in folder.after_the_cut(chance).items():
        if isinstance(what, Folder):
            _write(what, target / name, chance)
        else:
            (target / name).write_bytes(what.after_the_cut(chance))


def _name(names: dict[str, Inode | Folder], name: str, what: Inode | Folder | None) -> None:
    if what is None:
        names.pop(name, None)
    else:
        names[name] = what


def _sectors(write: Operation) -> Iterable[Operation]:
    for start in range(0, len(write.data), SECTOR):
        part = write.data[start : start + SECTOR]
        yield Operation("write", write.path, offset=write.offset + start, data=part)


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.kind == "truncate":
        if operation.size < len(content):
            del content[operation.size :]
        else:
            content.extend(bytes(operation.size - len(content)))
        return
    end = operation.offset + len(operation.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[operation.offset : end] = operation.data
