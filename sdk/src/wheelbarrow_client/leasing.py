"""Leases threads in the background: never on the import path, never in a job's path.

A lease starts with what is wanted and corrects itself with the answers. Nothing here raises into
the customer's program, and no thread runs before `start`.
"""

from __future__ import annotations

import atexit
import base64
import logging
import os
import random
import threading
import uuid
import weakref
from collections.abc import Sequence
from typing import Any, Callable

from .clock import Clock
from .document import License, verify
from .surroundings import environment, is_offline, slot
from .tokens import LEASE, InvalidLicense, read_revoked_keys, read_token
from .transport import BadCredential, Transport, Unreachable
from .verdicts import Heard, Verdict, decide

log = logging.getLogger("wheelbarrow_client")

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 30.0, 900.0
JITTER = 0.2
LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 60.0, 900.0  # what a server may ask for
SKEW_SECONDS = 86_400.0
SAY_AGAIN_SECONDS = 86_400.0
KEYS_EVERY_SECONDS = 86_400.0

_leases: weakref.WeakSet[Lease] = weakref.WeakSet()
_hooked: list[bool] = []


class Lease:
    """The threads of one process.

    *on_change* is called with a Verdict, on the lease's own thread, whenever the number of threads
    that may run paid work changes; the pool finishes jobs and never kills one.
    """

    def __init__(
        self,
        document: License,
        *,
        wanted: int,
        transport: Transport | None,
        roots: Sequence[str],
        on_change: Callable[[Verdict], None],
        released_at: Any = None,
        package: str = "",
        version: str = "",
        clock: Clock | None = None,
        on_document: Callable[[str, License], None] | None = None,
    ) -> None:
        self.document = document
        self.wanted = wanted
        self.iid = str(uuid.uuid4())
        self.heard: Heard | None = None
        self.clock = clock or Clock()
        self._transport, self._roots = transport, roots
        self._on_change, self._on_document = on_change, on_document
        self._released_at = released_at
        self._package, self._version = package, version
        self._started = self.clock.age()
        self._seq, self._failures = 0, 0
        self._etag = ""
        self._refused_keys: frozenset[str] = frozenset()
        self._keys_at: float | None = None
        self._told: Verdict | None = None
        self._said = ("", 0.0)
        self._begin()
        _leases.add(self)

    def _begin(self) -> None:
        """What a forked child must have of its own."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    # --- what the vendor's package calls -----------------------------------------------------

    def start(self) -> Verdict:
        """Begin to lease in the background; the verdict for now, which waits for nobody."""
        _hook_once()
        self._tell()
        if self._transport is not None and not is_offline():
            self._transport.prepare()
            self._start_thread()
        return self.verdict()

    def verdict(self) -> Verdict:
        """How many threads may run paid work at this moment."""
        released = self._released_at
        return decide(
            self.wanted,
            limit=self.document.threads,
            covers_release=released is None or self.document.covers_release(released),
            heard=self.heard,
            age=self.clock.age(),
            started=self._started,
        )

    def resize(self, wanted: int) -> None:
        """More or fewer threads are wanted from now on."""
        self.wanted = wanted
        self._wake.set()

    def stop(self) -> None:
        """Goodbye: the threads are free at once. Takes a second at most, and never raises."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            was_running = self._thread is not None
        self._wake.set()
        if was_running and self._transport is not None:
            try:
                self._transport.delete_lease(self.iid)
            except Unreachable as error:
                log.debug("no goodbye: %s", error)

    # --- one beat, without thread or pause ----------------------------------------------------

    def beat(self) -> float:
        """Ask once and act on the answer; seconds until the next time. Never raises."""
        assert self._transport is not None
        try:
            pause = self._ask(self._transport)
            self._failures = 0
        except BadCredential as error:
            self._say(f"No threads can be leased: {error}. Everything runs as before.")
            pause = self._back_off(0.0)
        except Unreachable as error:
            log.debug("license server: %s", error)
            pause = self._back_off(error.retry_after_s)
        except Exception:
            log.exception("leasing failed; everything runs as before")
            pause = self._back_off(0.0)
        self._tell()
        return self._until_surge_ends(pause)

    def _ask(self, transport: Transport) -> float:
        self._seq += 1
        nonce = base64.b64encode(os.urandom(16)).decode()
        token = transport.put_lease(self.iid, self._request(nonce))
        try:
            answer = read_token(
                token, self._roots, purpose=LEASE, use="lease", refused_keys=self._refused_keys
            )
        except InvalidLicense as error:
            raise Unreachable(f"an answer that the seller did not sign: {error}") from error
        expected = (self.iid, nonce, self._seq)
        if (answer.get("iid"), answer.get("nonce"), answer.get("seq")) != expected:
            raise Unreachable("an answer to another question")
        return self._take(transport, answer)

    def _request(self, nonce: str) -> dict[str, Any]:
        heard, age = self.heard, self.clock.age()
        return {
            "v": 1,
            "threads": self.wanted,
            "procs": 1,
            "env": environment(),
            "slot": slot(),
            "pkg": self._package[:40],
            "ver": self._version[:19],
            "nonce": nonce,
            "seq": self._seq,
            "held": {"firm": heard.firm if heard else 0, "surge": heard.surge if heard else 0},
            "unreached_s": int(age - (heard.at if heard else self._started)),
        }

    def _take(self, transport: Transport, answer: dict[str, Any]) -> float:
        try:
            issued_at = float(answer["iat"])
            heard = Heard(
                code=str(answer["code"]),
                firm=int(answer["firm"]),
                surge=int(answer["surge"]),
                surge_s=float(answer["surge_s"]),
                at=self.clock.age(),
                grace_s=float(answer["grace_s"]),
                limit=answer["pool"]["limit"],
                message=str(answer.get("msg", "")),
                url=str(answer.get("url", "")),
            )
            pause, newest = float(answer["next_s"]), int(answer["lic_rev"])
        except (KeyError, TypeError, ValueError) as error:
            raise Unreachable("an answer in a form that this release does not know") from error
        self.heard = heard
        self.clock.learn(issued_at)
        skew = self.clock.skew(issued_at)
        if abs(skew) > SKEW_SECONDS:
            self._say(f"This machine's clock is off by {skew / 3600:.0f} hours.")
        self._refresh(transport, newest)
        paced: float = min(max(pause, LEAST_PAUSE_SECONDS), MOST_PAUSE_SECONDS)
        return paced * _jitter()

    def _refresh(self, transport: Transport, newest: int) -> None:
        """Fetch the newer document, and once a day the list of revoked keys; neither is urgent."""
        try:
            if self._keys_at is None or self.clock.age() - self._keys_at > KEYS_EVERY_SECONDS:
                listed = transport.get_revoked_keys()
                if listed:
                    self._refused_keys |= read_revoked_keys(listed, self._roots)
                self._keys_at = self.clock.age()
            if newest > self.document.rev:
                text, etag = transport.get_license(self._etag)
                if text:
                    self._adopt(text)
                    self._etag = etag
        except (Unreachable, InvalidLicense) as error:
            log.debug("no newer license: %s", error)

    def _adopt(self, text: str) -> None:
        document = verify(text, self._roots, refused_keys=self._refused_keys)
        is_ours = document.license_id == self.document.license_id
        if is_ours and document.rev > self.document.rev:
            self.document = document
            if self._on_document is not None:
                self._on_document(text.strip(), document)

    def _back_off(self, wish: float) -> float:
        """30 s, 60 s … 900 s, each with jitter, so that a return after an outage is no stampede."""
        self._failures += 1
        doubled: float = FIRST_RETRY_SECONDS * 2 ** min(self._failures - 1, 10)
        most = min(LAST_RETRY_SECONDS, doubled)
        return max(wish, most * random.uniform(0.5, 1.0))  # noqa: S311  no secret

    def _until_surge_ends(self, pause: float) -> float:
        if self.heard is None or not self.heard.surge:
            return pause
        left = self.heard.surge_s - (self.clock.age() - self.heard.at)
        return min(pause, left + 0.1) if left > 0 else pause

    def _tell(self) -> None:
        verdict = self.verdict()
        if verdict.reason:
            self._say(verdict.reason)
        if self._told is not None and verdict.threads == self._told.threads:
            return
        self._told = verdict
        try:
            self._on_change(verdict)
        except Exception:
            log.exception("on_change failed")

    def _say(self, line: str) -> None:
        """A line in the log, and the same line not again for a day."""
        said, at = self._said
        if line != said or self.clock.age() - at > SAY_AGAIN_SECONDS:
            self._said = (line, self.clock.age())
            log.warning("%s", line)

    # --- the thread, and forks -----------------------------------------------------------------

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(
                    target=_run, args=(weakref.ref(self), self._wake), daemon=True,
                    name="wheelbarrow-lease",
                )  # fmt: skip
                self._thread.start()

    def _after_fork_in_child(self) -> None:
        """The thread is dead here and the lease is the parent's: a new one, under a new name."""
        was_running = self._thread is not None and not self._stopped
        self.iid, self.heard, self._failures = str(uuid.uuid4()), None, 0
        self._started, self._told = self.clock.age(), None
        self._begin()
        if was_running:
            self._start_thread()


def _run(reference: weakref.ref[Lease], wake: threading.Event) -> None:
    """Beats until the lease stops or nobody holds it any more."""
    while True:
        lease = reference()
        if lease is None or lease._stopped:  # noqa: SLF001
            return
        pause = lease.beat()
        del lease
        wake.wait(pause)
        wake.clear()


def _jitter() -> float:
    return random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  no secret


def _hook_once() -> None:
    """Once per process, and only when a lease starts."""
    if _hooked:
        return
    _hooked.append(True)
    atexit.register(_stop_all)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_fork_all)


def _stop_all() -> None:
    for lease in list(_leases):
        lease.stop()


def _fork_all() -> None:
    for lease in list(_leases):
        lease._after_fork_in_child()  # noqa: SLF001
