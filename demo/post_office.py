"""The demo's mail server: SMTP on the loopback interface, as an owner's own would be set up.

What is for the shop's support goes through its pipe, `manage.py receive_mail`; everything else,
whoever it is for, is kept in one folder for `demo.mailboxes` to show.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from demo.processes import ROOT

MAX_MAIL_BYTES = 30_000_000  # a little more than the shop takes, so that its own limit is met
MAX_LINE_BYTES = 4_096
DATA_ERROR = 65  # sysexits, as the pipe answers
_ADDRESS = re.compile(r"(?:FROM|TO):\s*<([^<>\s]{0,320})>", re.IGNORECASE)
_numbers = itertools.count(1)

Pipe = Callable[[bytes, str, str], int]  # the mail, from, to; its exit status


@dataclass(frozen=True)
class PostOffice:
    support: str  # the shop's address; those with a token after a "+" are its own too
    folder: Path
    pipe: Pipe

    def take(self, raw: bytes, sender: str, recipients: list[str]) -> str:
        """SMTP's answer once the mail is where it belongs, or why it is not."""
        for recipient in filter(self._is_shops, recipients):
            status = self.pipe(raw, sender, recipient)
            if status:
                return "554 refused" if status == DATA_ERROR else "451 try again later"
        if not all(map(self._is_shops, recipients)):
            self._keep(raw)
        return "250 taken"

    def _is_shops(self, address: str) -> bool:
        local, _, domain = address.lower().rpartition("@")
        return f"{local.partition('+')[0]}@{domain}" == self.support.lower()

    def _keep(self, raw: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{time.time_ns()}-{next(_numbers)}.log"
        half = file.with_suffix(".part")
        half.write_bytes(raw.replace(b"\r\n", b"\n"))
        half.rename(file)  # nobody reads half a mail


def receive_mail(raw: bytes, sender: str, recipient: str) -> int:
    """Into the shop's pipe, as Postfix does it."""
    command = [sys.executable, "manage.py", "receive_mail", "--from", sender, "--to", recipient]
    return subprocess.run(command, input=raw, cwd=ROOT, env=os.environ, check=False).returncode


class Session(StreamRequestHandler):
    """One connection: RFC 5321, as much of it as mail programs and Django speak."""

    office: PostOffice  # set by `serve_smtp`
    timeout = 120
    sender: str | None = None
    recipients: list[str]

    def handle(self) -> None:
        self.recipients = []
        self._say("220 mailboxes.demo")
        while line := self.rfile.readline(MAX_LINE_BYTES):
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            answer = self._obey(verb.upper(), rest)
            self._say(answer)
            if answer.startswith("221"):
                return

    def _obey(self, verb: str, rest: str) -> str:
        if verb in {"HELO", "EHLO", "RSET"}:
            self.sender, self.recipients = None, []
            extensions = f"250-8BITMIME\r\n250 SIZE {MAX_MAIL_BYTES}"
            return f"250-mailboxes.demo\r\n{extensions}" if verb == "EHLO" else "250 OK"
        if verb in {"MAIL", "RCPT"}:
            return self._name(verb, rest)
        if verb == "DATA":
            return self._data()
        return {"NOOP": "250 OK", "QUIT": "221 bye"}.get(verb, "502 not known here")

    def _name(self, verb: str, rest: str) -> str:
        found = _ADDRESS.match(rest)
        if not found:
            return "501 an address in angle brackets is wanted"
        if verb == "MAIL":
            self.sender, self.recipients = found[1], []
        else:
            self.recipients.append(found[1])
        return "250 OK"

    def _data(self) -> str:
        if self.sender is None or not self.recipients:
            return "503 from whom, and to whom?"
        self._say("354 end with a dot alone")
        raw = self._read_mail()
        sender, recipients = self.sender, self.recipients
        self.sender, self.recipients = None, []
        return self.office.take(raw, sender, recipients) if raw is not None else "552 too large"

    def _read_mail(self) -> bytes | None:
        """Up to the dot, with the dots taken away that were put before others; None: too large."""
        lines, size = [], 0
        while (line := self.rfile.readline()) and line != b".\r\n":
            size += len(line)
            if size <= MAX_MAIL_BYTES:
                lines.append(line.removeprefix(b"."))
        return b"".join(lines) if size <= MAX_MAIL_BYTES else None

    def _say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


class Server(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def smtp_server(port: int, office: PostOffice) -> Server:
    """Listens on the loopback interface; 0 is any free port."""
    return Server(("127.0.0.1", port), type("BoundSession", (Session,), {"office": office}))
