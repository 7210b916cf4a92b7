"""Notes which key was used and which file was fetched, without a database.

Each process appends lines to a file of its own; `manage.py work` folds them into the database
(pkgindex/usage.py). A line is one write to the kernel, so kill -9 loses none that was begun.
"""

import fcntl
import logging
import os
import re
import secrets
import threading
from pathlib import Path

log = logging.getLogger(__name__)

NOTED_EVERY = 300  # seconds; a page shows nothing new about a key before that
SUFFIX = ".usage"
_FULL = 8 * 1024 * 1024  # bytes, then a new file is begun
_KEPT = 10_000
_IN_CI = re.compile(r'"ci":\s*true')  # pip and uv say so of themselves
_CLIENT = re.compile(r"[A-Za-z0-9._-]{1,40}/[A-Za-z0-9._+-]{1,39}")  # "pip/26.3"


class Usage:
    def __init__(self, folder: Path | None) -> None:
        """Without a *folder* nothing is noted."""
        self._folder = folder
        self._lock = threading.Lock()
        self._file = -1
        self._written = 0
        # By credential, network, and whether it was a job of CI.
        self._noted: dict[tuple[int, str, bool], float] = {}

    def note_key(self, credential_id: int, agent: str, network: str, now: float) -> None:
        """The key opened a door; said once in five minutes for each network that it came from."""
        is_ci = bool(_IN_CI.search(agent))
        key = (credential_id, network, is_ci)
        if now < self._noted.get(key, 0) + NOTED_EVERY:
            return
        if len(self._noted) >= _KEPT:
            self._noted.clear()
        self._noted[key] = now
        self._write(credential_id, 0, agent, now, network, is_ci=is_ci)

    def note_download(self, credential_id: int, file_id: int, agent: str, now: float) -> None:
        """A whole file was sent; credential 0 is a stranger."""
        self._write(credential_id, file_id, agent, now)

    def _write(
        self, credential_id: int, file_id: int, agent: str, now: float, network: str = "",
        *, is_ci: bool = False,
    ) -> None:  # fmt: skip
        if self._folder is None:
            return
        # JSON: what stands in quotes is printable ASCII without a quote or a backslash.
        ci = ', "ci"' if is_ci else ""
        client = client_of(agent)
        line = f'[{int(now)}, {credential_id}, {file_id}, "{client}", "{network}"{ci}]\n'
        try:
            with self._lock:
                self._append(self._folder, line.encode())
        except OSError:  # a full disk stops no install
            log.exception("A use of the index could not be noted")

    def _append(self, folder: Path, line: bytes) -> None:
        if self._file < 0 or self._written > _FULL:
            self._begin(folder)
        self._written += os.write(self._file, line)

    def _begin(self, folder: Path) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
        self._file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._written = 0
        # As long as somebody holds it, the file is not taken away after it was folded.
        fcntl.flock(self._file, fcntl.LOCK_SH)


def client_of(agent: str) -> str:
    """The installer and its version, "pip/26.3", from a User-Agent; "" for anything strange."""
    match = _CLIENT.match(agent)
    return match[0] if match else ""
