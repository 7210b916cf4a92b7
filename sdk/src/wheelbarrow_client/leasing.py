"""Leases threads in the background: never on the import path, never in a job's path.

A lease starts with what is wanted and corrects itself with the answers. Nothing here raises into
the customer's program, and no thread runs before `start`.
"""

from __future__ import annotations

import logging
import random
import threading
import weakref
from collections.abc import Collection, Sequence
from typing import Any, Callable

from .answers import Answer
from .asking import Asker
from .clock import Clock
from .document import License, verify
from .forks import no_fork
from .living import hook_once, leases
from .surroundings import is_offline
from .together import Together
from .tokens import InvalidLicense, read_revoked_keys
from .transport import GOODBYE_SECONDS, BadCredential, Transport, Unreachable
from .verdicts import Heard, Verdict, decide

log = logging.getLogger("wheelbarrow_client")

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 30.0, 900.0
SKEW_SECONDS = 86_400.0
SAY_AGAIN_SECONDS = 86_400.0
KEYS_EVERY_SECONDS = 86_400.0
CHILD_SECONDS = 2.0, 5.0  # before a forked child asks: many end or become another program sooner


class Lease:
    """The threads of one process.

    *on_change* is called with a Verdict, on the lease's own thread, whenever the number of threads
    that may run paid work changes; the pool finishes jobs and never kills one. A forked child has
    a lease of its own and wants as many threads as its parent, or *in_child* until it says more.
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
        together: Together | None = None,
        in_child: int | None = None,
    ) -> None:
        self.document = document
        self.wanted = wanted
        self.heard: Heard | None = None
        self.clock = clock or Clock()
        self._asker: Asker | None = None
        if transport is not None:
            self._asker = Asker(
                transport, roots=roots, clock=self.clock, package=package, version=version,
                together=together,
            )  # fmt: skip
        self._on_change, self._on_document = on_change, on_document
        self._released_at, self._in_child = released_at, in_child
        self._started = self.clock.age()
        self._has_begun, self._failures = False, 0
        self._etag = ""
        self._keys_at: float | None = None
        self._told: Verdict | None = None
        self._said = ("", 0.0)
        self._begin()
        leases.add(self)

    def _begin(self) -> None:
        """What a forked child must have of its own."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    # --- what the vendor's package calls -----------------------------------------------------

    @property
    def iid(self) -> str:
        """The name of this process at the server; "" if it asks nobody."""
        return self._asker.iid if self._asker else ""

    def refuse_keys(self, kids: Collection[str]) -> None:
        """Believe nothing that a key of one of these ids signed."""
        if self._asker is not None:
            self._asker.refused_keys |= frozenset(kids)

    def start(self) -> Verdict:
        """Begin to lease in the background; the verdict for now, which waits for nobody."""
        hook_once()
        self._has_begun = True
        self._tell()
        if self._asker is not None and not is_offline():
            self._asker.transport.prepare()
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
        if self._thread is None and self._has_begun:  # nobody else would tell
            self._tell()

    def stop(self) -> None:
        """Goodbye: the threads are free at once. Takes two seconds at most, and never raises.

        Said by the lease's own thread, after whatever it is asking: a renewal that came after the
        goodbye would hold the threads for nobody.
        """
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            thread = self._thread
        self._wake.set()
        if thread is threading.current_thread() and self._asker is not None:  # from on_change
            self._asker.goodbye()
        elif thread is not None:
            thread.join(2 * GOODBYE_SECONDS)

    # --- one beat, without thread or pause ----------------------------------------------------

    def beat(self) -> float:
        """Ask once and act on the answer; seconds until the next time. Never raises."""
        assert self._asker is not None
        if not self.wanted and self.heard is None:  # as nothing: there is nothing to ask for
            self._tell()
            return LAST_RETRY_SECONDS
        try:
            with no_fork():
                answer, pause = self._asker.ask(self.wanted, self.heard)
                self._take(self._asker, answer)
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

    def _take(self, asker: Asker, answer: Answer) -> None:
        self.heard = answer.heard
        self.clock.learn(answer.issued_at)
        skew = self.clock.skew(answer.issued_at)
        if abs(skew) > SKEW_SECONDS:
            self._say(f"This machine's clock is off by {skew / 3600:.0f} hours.")
        self._refresh(asker, answer.newest_rev)

    def _refresh(self, asker: Asker, newest: int) -> None:
        """Fetch the newer document, and once a day the list of revoked keys; neither is urgent."""
        try:
            if self._keys_at is None or self.clock.age() - self._keys_at > KEYS_EVERY_SECONDS:
                listed = asker.transport.get_revoked_keys()
                if listed:
                    self.refuse_keys(read_revoked_keys(listed, asker.roots))
                self._keys_at = self.clock.age()
            if newest > self.document.rev:
                text, etag = asker.transport.get_license(self._etag)
                if text:
                    self._adopt(asker, text)
                    self._etag = etag
        except (Unreachable, InvalidLicense) as error:
            log.debug("no newer license: %s", error)

    def _adopt(self, asker: Asker, text: str) -> None:
        document = verify(text, asker.roots, refused_keys=asker.refused_keys)
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

    def _start_thread(self, pause: float = 0.0) -> None:
        with self._lock:
            if self._thread is not None or self._stopped:
                return
            try:
                thread = threading.Thread(
                    target=_run, args=(weakref.ref(self), self._asker, self._wake, pause),
                    daemon=True, name="wheelbarrow-lease",
                )  # fmt: skip
                thread.start()
            except RuntimeError as error:  # there are too many, or the interpreter is ending
                self._say(f"No threads can be leased: {error}. Everything runs as before.")
                return
            self._thread = thread

    def after_fork_in_child(self) -> None:
        """The thread is dead here and the lease is the parent's: a new one, under a new name."""
        was_running = self._thread is not None and not self._stopped
        self.heard, self._failures = None, 0
        if self._in_child is not None:
            self.wanted = self._in_child
        self.clock.after_fork_in_child()
        if self._asker is not None:
            self._asker.after_fork_in_child()
        self._started, self._told = self.clock.age(), None
        self._begin()
        if was_running:
            self._start_thread(random.uniform(*CHILD_SECONDS))  # noqa: S311


def _run(
    reference: weakref.ref[Lease], asker: Asker | None, wake: threading.Event, pause: float
) -> None:
    """Beats until the lease stops or nobody holds it any more; then its threads are free."""
    if pause and (child := reference()) is not None:
        child._tell()  # noqa: SLF001
        del child
    while True:
        if pause:
            wake.wait(pause)
            wake.clear()
        lease = reference()
        if lease is None or lease._stopped:  # noqa: SLF001
            if asker is not None:
                asker.goodbye()
            return
        pause = lease.beat()
        del lease
