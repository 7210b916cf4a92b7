"""One question to the license server and its signed answer: for one process or for a whole host."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import random
import uuid
from collections.abc import Sequence
from typing import Any, Callable

from .answers import Answer, of_member, read_answer
from .clock import Clock
from .surroundings import environment, slot
from .together import Envelope, Together
from .tokens import LEASE, InvalidLicense, read_token
from .transport import BadCredential, Transport, Unreachable
from .verdicts import Heard

log = logging.getLogger("wheelbarrow_client")

JITTER = 0.2
# Parts of the pause that the server asks for (300 s). The leader comes a little early, so that the
# others find its answer when they look; what was revoked still stops within 360 s everywhere.
LEADER, FOLLOWER = (0.8, 1.0), (1.1, 1.15)


class Asker:
    """What one process says to the server, under its own name."""

    def __init__(
        self,
        transport: Transport,
        *,
        roots: Sequence[str],
        clock: Clock,
        package: str = "",
        version: str = "",
        together: Together | None = None,
    ) -> None:
        self.transport, self.roots = transport, roots
        self.iid = str(uuid.uuid4())
        self.refused_keys: frozenset[str] = frozenset()
        self._clock, self._together = clock, together
        self._started = clock.age()
        self._package, self._version = package[:40], version[:19]
        self._seq = 0
        self._has_asked = False  # under this name
        self._slot: str | None = None  # decided with the first question

    def ask(self, wanted: int, heard: Heard | None) -> tuple[Answer, float]:
        """The newest answer, and the seconds until the next time. Raises Unreachable.

        Alone at first and whenever the number changes; then together with others of this host.
        """
        if self._together is not None and heard is not None and heard.asked == wanted:
            try:
                answered = self._ask_together(self._together, wanted, heard)
            except OSError as error:  # whatever is wrong in the folder, alone it works
                log.debug("asking alone: %s", error)
                answered = None
            if answered is not None:
                return answered
        return self._ask_alone(wanted, heard)

    def _ask_together(
        self, together: Together, wanted: int, heard: Heard
    ) -> tuple[Answer, float] | None:
        """The leader's answer, or that to all as the leader; None: ask alone."""
        try:
            envelope = together.answer()
            if envelope is not None and heard.at < envelope.at <= self._clock.age():
                answer = self._read(envelope, wanted)
                if answer is not None:
                    return answer, self._until_the_leaders_next(answer)
            return self._ask_for_all(together, wanted) if together.lead() else None
        except BadCredential:
            raise  # the server spoke, and would say it again
        except Unreachable as error:
            if error.retry_after_s:
                raise
            log.debug("asking alone: %s", error)
            return None

    def goodbye(self) -> None:
        """The threads are free, if any were asked for. Never raises."""
        try:
            if self._together is not None:
                with contextlib.suppress(OSError):  # the folder is no longer ours
                    self._together.leave()
            if self._has_asked:
                self.transport.delete_lease(self.iid)
        except Exception as error:
            log.debug("no goodbye: %s", error)

    def after_fork_in_child(self) -> None:
        self.iid, self._started = str(uuid.uuid4()), self._clock.age()
        self._has_asked = False
        self._slot = ""
        if self._together is not None:
            self._together.forget()
            self._slot = None

    def _ask_alone(self, wanted: int, heard: Heard | None) -> tuple[Answer, float]:
        request = {**self._common(), **self._own(wanted, heard)}
        envelope = self._send(lambda body: self.transport.put_lease(self.iid, body), request)
        answer = self._read(envelope, wanted)
        if answer is None:
            raise Unreachable("an answer to another question")
        if self._together is not None:
            self._join(self._together, wanted)
        return answer, answer.pause_s * _jitter()

    def _ask_for_all(self, together: Together, wanted: int) -> tuple[Answer, float]:
        """Those that were killed are said goodbye for, the others are renewed."""
        members, dead = together.members()
        for iid in dead:
            self.transport.delete_lease(iid)
        envelope = self._send(self.transport.post_batch, {**self._common(), "members": members})
        answer = self._read(envelope, wanted)
        if answer is None:  # somebody cleaned up: our own file is gone
            raise Unreachable("an answer to others")
        together.put_answer(envelope)
        return answer, answer.pause_s * random.uniform(*LEADER)  # noqa: S311

    def _until_the_leaders_next(self, answer: Answer) -> float:
        passed = self._clock.age() - answer.heard.at
        return max(1.0, answer.pause_s * random.uniform(*FOLLOWER) - passed)  # noqa: S311

    def _join(self, together: Together, wanted: int) -> None:
        try:
            together.join(self.iid, {"threads": wanted, "slot": self._own_slot()})
        except OSError as error:
            log.debug("asking alone from now on: %s", error)
            self._together = None

    def _send(self, ask: Callable[[dict[str, Any]], str], body: dict[str, Any]) -> Envelope:
        at = self._clock.age()
        self._has_asked = True
        return Envelope(ask(body), body["nonce"], body["seq"], at)

    def _read(self, envelope: Envelope, asked: int) -> Answer | None:
        """What it says to this process, if the seller signed it; None if it does not."""
        try:
            claims = read_token(
                envelope.token,
                self.roots,
                purpose=LEASE,
                use="lease",
                refused_keys=self.refused_keys,
            )
        except InvalidLicense as error:
            raise Unreachable(f"an answer that the seller did not sign: {error}") from error
        mine = of_member(claims, self.iid) or claims
        expected = (self.iid, envelope.nonce, envelope.seq)
        if (mine.get("iid"), mine.get("nonce"), mine.get("seq")) != expected:
            return None
        return read_answer(mine, at=envelope.at, asked=asked)

    def _common(self) -> dict[str, Any]:
        self._seq += 1
        return {
            "v": 1,
            "env": environment(),
            "pkg": self._package,
            "ver": self._version,
            "nonce": base64.b64encode(os.urandom(16)).decode(),
            "seq": self._seq,
        }

    def _own(self, wanted: int, heard: Heard | None) -> dict[str, Any]:
        since = heard.at if heard else self._started
        return {
            "threads": wanted,
            "procs": 1,
            "slot": self._own_slot(),
            "held": {"firm": heard.firm if heard else 0, "surge": heard.surge if heard else 0},
            "unreached_s": int(self._clock.age() - since),
        }

    def _own_slot(self) -> str:
        """Its place on the host, unless a process that lives has it: where a whole service has the
        variable, each of its processes would be taken for the restart of another.
        """
        if self._slot is None:
            self._slot = slot()
            if self._slot and self._together is not None and not self._together.hold(self._slot):
                self._slot = ""
        return self._slot


def _jitter() -> float:
    return random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  no secret
