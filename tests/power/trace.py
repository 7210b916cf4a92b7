"""Record what a process asks of the file system, and read it as a list of operations.

Recorded with `strace -xx -y`: every string is hexadecimal, every descriptor shows its path. One
thread writes, so an operation is one line, and the order of the lines is the order of the deeds.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "open,openat,creat,lseek,write,writev,pwrite64,pwritev,ftruncate,truncate,fallocate,fsync,"
    "fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "sendfile,copy_file_range"
)
_NOT_KNOWN = {"writev", "pwritev", "truncate", "fallocate", "sendfile", "copy_file_range"}
_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<[^>]*>)?(?: .*)?$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PATH_OF_DESCRIPTOR = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?")


@dataclass(frozen=True)
class Operation:
    """One deed. *path* and *target* are absolute; *data* and *offset* are of a write; *size* of a
    truncation. *path* is that of the file when it was done.
    """

    kind: str  # create, write, truncate, sync, rename, link, unlink, mkdir
    path: str
    target: str = ""
    offset: int = 0
    data: bytes = b""
    size: int = 0


def can_trace() -> bool:
    """Whether this machine has strace and lets it trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0


def record(command: Sequence[str], log: Path, env: Mapping[str, str], folder: Path) -> None:
    """Run *command* to its end under strace. Raises CalledProcessError when it fails."""
    traced = [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        "100000000",
        "-e",
        f"trace={CALLS}",
        "-o",
        str(log),
    ]
    subprocess.run([*traced, *command], env=dict(env), cwd=folder, check=True)


def read(log: Path, root: Path) -> Iterator[Operation]:
    """What was done below *root*. Raises ValueError for a line that it cannot understand."""
    reader = _Reader(f"{os.path.realpath(root)}/")
    with log.open() as lines:
        for line in lines:
            if "unfinished ..." in line or "resumed>" in line:
                raise ValueError(f"two threads at once: {line[:200]}")
            if found := _LINE.match(line):
                call, arguments, result = found[1], found[2], int(found[3])
                if result >= 0:
                    yield from reader.operations(call, arguments, result)


class _Reader:
    """Knows where each descriptor stands, as a plain write does not say."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.positions: dict[int, int] = {}

    def operations(self, call: str, arguments: str, result: int) -> Iterator[Operation]:
        if call in {"open", "openat", "creat"}:
            yield from self._opened(arguments, result)
        elif call in {"rename", "renameat", "renameat2", "link", "linkat"}:
            source, target = (self._absolute(text) for text in _texts(arguments)[:2])
            kind = call.removesuffix("2").removesuffix("at")
            yield from self._inside(Operation(kind, source, target))
        elif call in {"unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"}:
            kind = "mkdir" if call.startswith("mkdir") else "unlink"
            yield from self._inside(Operation(kind, self._absolute(_texts(arguments)[0])))
        elif (found := _PATH_OF_DESCRIPTOR.match(arguments)) and not found[3]:
            yield from self._on_descriptor(call, int(found[1]), found[2], arguments, result)

    def _opened(self, arguments: str, descriptor: int) -> Iterator[Operation]:
        self.positions[descriptor] = 0
        path = self._absolute(_texts(arguments)[0])
        if "O_CREAT" in arguments:
            yield from self._inside(Operation("create", path))
        if "O_TRUNC" in arguments:
            yield from self._inside(Operation("truncate", path))

    def _on_descriptor(
        self, call: str, descriptor: int, hexed: str, arguments: str, result: int
    ) -> Iterator[Operation]:
        path = _bytes(hexed).decode()
        if call == "lseek":
            self.positions[descriptor] = result
        elif call == "write":
            at = self.positions.get(descriptor, 0)
            self.positions[descriptor] = at + result
            data = _bytes(_TEXT.findall(arguments)[0])[:result]
            yield from self._inside(Operation("write", path, offset=at, data=data))
        elif call == "pwrite64":
            data = _bytes(_TEXT.findall(arguments)[0])[:result]
            at = int(arguments.rsplit(", ", 1)[1])
            yield from self._inside(Operation("write", path, offset=at, data=data))
        elif call == "ftruncate":
            yield from self._inside(
                Operation("truncate", path, size=int(arguments.rsplit(", ", 1)[1]))
            )
        elif call in {"fsync", "fdatasync"}:
            yield from self._inside(Operation("sync", path))
        elif call in _NOT_KNOWN and path.startswith(self.root):
            raise ValueError(f"{call} is not known here")

    def _inside(self, operation: Operation) -> Iterator[Operation]:
        if f"{operation.path}/".startswith(self.root) or operation.target.startswith(self.root):
            yield operation

    def _absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self.root}{path}"  # it runs in the root


def _texts(arguments: str) -> list[str]:
    return [_bytes(text).decode() for text in _TEXT.findall(arguments)]


def _bytes(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))
