"""Processes of one host that renew together: one of them asks for all, in one request.

Each has a file in a folder of this user and keeps it locked as long as it lives. Whoever gets the
lock `leader` asks, and puts the signed answer beside; the others verify it for themselves. Nothing
depends on this: whoever finds no fresh answer and cannot lead asks for itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: each process asks for itself
    fcntl = None  # type: ignore[assignment]

MOST_MEMBERS = 500  # in one request
MOST_BYTES = 262_144
_MEMBER, _SLOT, _ANSWER, _LEADER = ".member", ".slot", "answer", "leader"


@dataclass(frozen=True)
class Envelope:
    """A signed answer and what it answers; *at* is the Clock.age of the moment it was asked."""

    token: str
    nonce: str
    seq: int
    at: float


def open_folder(*names: str) -> Path | None:
    """The folder that processes of this user on this host share if *names* are the same.

    None where there is none that only this user can write to.
    """
    if fcntl is None or not hasattr(os, "geteuid"):
        return None
    key = json.dumps([socket.gethostname(), *names]).encode()
    try:
        base = Path(tempfile.gettempdir()) / f"wheelbarrow-{os.geteuid()}"
        folder = base / hashlib.sha256(key).hexdigest()[:32]
        return folder if _is_ours(base) and _is_ours(folder) else None
    except OSError:  # also where nothing at all may be written: there is no temporary folder
        return None


def _is_ours(folder: Path) -> bool:
    """Make it if need be. In a folder that everybody may write to, somebody was there first."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return is_private and found.st_uid == os.geteuid()


class Together:
    """One process's place among those that renew together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._iid = ""
        self._mine = self._leader = self._slot = -1

    def join(self, iid: str, fields: dict[str, Any]) -> None:
        """Be renewed by whoever leads, as *fields* say; again, when they change."""
        temporary = self._folder / f".{iid}"
        file = _open(temporary, os.O_CREAT | os.O_TRUNC)
        _try_lock(file)
        os.write(file, json.dumps({**fields, "iid": iid}).encode())
        # Locked before it stands in its place: nobody takes it for that of a dead process.
        temporary.replace(self._path_of(iid))
        before, self._mine, self._iid = self._mine, file, iid
        _close(before)

    def leave(self) -> None:
        """Be no member any more, and lead no more."""
        if self._iid:
            self._path_of(self._iid).unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """In a forked child: what is locked is the parent's, and stays so."""
        for file in (self._mine, self._leader, self._slot):
            _close(file)
        self._mine = self._leader = self._slot = -1
        self._iid = ""

    def lead(self) -> bool:
        """Whether this process asks for all; once it does, as long as it lives."""
        if self._leader < 0:
            self._leader = self._hold(_LEADER)
        return self._leader >= 0

    def hold(self, slot: str) -> bool:
        """Whether this process has that place; no other has it as long as it lives."""
        if self._slot < 0:
            try:
                self._slot = self._hold(hashlib.sha256(slot.encode()).hexdigest()[:32] + _SLOT)
            except OSError:  # a folder that is gone says nothing
                return True
        return self._slot >= 0

    def _hold(self, name: str) -> int:
        """The file of that name, locked; -1 if another has it."""
        file = _open(self._folder / name, os.O_CREAT)
        if _try_lock(file):
            return file
        os.close(file)
        return -1

    def members(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Who lives, this process first; and the iids of those that were killed, told once."""
        alive: list[dict[str, Any]] = []
        dead: list[str] = []
        mine = self._path_of(self._iid)
        others = sorted(path for path in self._folder.glob(f"*{_MEMBER}") if path != mine)
        for path in [mine, *others][:MOST_MEMBERS]:
            if path != mine and _died(path):
                path.unlink(missing_ok=True)
                dead.append(path.name[: -len(_MEMBER)])
            elif (fields := _read(path)) is not None:
                alive.append(fields)
        return alive, dead

    def answer(self) -> Envelope | None:
        fields = _read(self._folder / _ANSWER)
        try:
            return Envelope(**fields) if fields else None
        except TypeError:  # of a later release
            return None

    def put_answer(self, envelope: Envelope) -> None:
        temporary = self._folder / f".answer-{self._iid}"
        with open(_open(temporary, os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(asdict(envelope), file)
        temporary.replace(self._folder / _ANSWER)

    def _path_of(self, iid: str) -> Path:
        return self._folder / f"{iid}{_MEMBER}"


def _died(path: Path) -> bool:
    """Whether nobody holds the file's lock, and it is still the one in that place."""
    try:
        file = _open(path, 0)
    except OSError:
        return False
    with _closing(file):
        try:
            return _try_lock(file) and os.fstat(file).st_ino == path.stat().st_ino
        except OSError:
            return False


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            fields = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None


def _open(path: Path, flags: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _close(file: int) -> None:
    if file >= 0:
        os.close(file)


@contextlib.contextmanager
def _closing(file: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(file)
