"""Time that does not jump: ages by a clock that nobody sets, dates with a floor under them."""

from __future__ import annotations

import threading
import time

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)  # counts on while a machine sleeps; Linux only


class Clock:
    """`age()` for spans, `now()` for dates: Unix seconds that never fall below a signed time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._floor = 0.0  # the newest signed time, and when it was seen
        self._seen_at = 0.0

    def after_fork_in_child(self) -> None:
        """The lock may have been held by a thread that is not here."""
        self._lock = threading.Lock()

    def age(self) -> float:
        """Seconds since some moment in the past; only differences mean anything."""
        if _BOOT is not None:
            return time.clock_gettime(_BOOT)
        return time.monotonic()

    def now(self) -> float:
        with self._lock:
            if not self._floor:
                return time.time()
            return max(time.time(), self._floor + self.age() - self._seen_at)

    def learn(self, issued_at: float) -> None:
        """A signed answer says what time it is: from now on it is never earlier."""
        with self._lock:
            passed = self._floor + self.age() - self._seen_at if self._floor else 0.0
            if issued_at > passed:
                self._floor, self._seen_at = issued_at, self.age()

    def skew(self, issued_at: float) -> float:
        """How many seconds this machine's wall clock is off."""
        return time.time() - issued_at
