"""Faults on request: the next answers of a path fail, before or after the change was committed.

An injected 500 stands for a failure of the way (load balancer, network), so it is not kept under
the idempotency key: a repeat of "after" is answered with what the first one did. One "during" is
Stripe's own: nothing took effect, and the answer is kept for the key (docs.stripe.com/api/
idempotent_requests: "the same result, including 500 errors").
"""

import threading
from dataclasses import asdict, dataclass

from .errors import StripeError
from .http import Request

KINDS = ("500", "429", "reset", "timeout")
WHEN = ("before", "during", "after")


class ConnectionCutError(Exception):
    """Close the connection without an answer, after some seconds of silence."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass
class Fault:
    method: str  # or "*"
    path: str  # a prefix
    kind: str
    when: str
    times: int = 1
    seconds: float = 30  # of silence before a timeout ends
    skip: int = 0  # requests that pass before it strikes


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def shown(self) -> list[dict[str, object]]:
        """Those that will still strike."""
        with self._lock:
            return [asdict(fault) for fault in self._faults if fault.times > 0]

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def strike(self, request: Request, *, when: str) -> None:
        fault = self._take(request, when)
        if fault is None:
            return
        if fault.kind in ("reset", "timeout"):
            raise ConnectionCutError(fault.seconds if fault.kind == "timeout" else 0)
        if fault.kind == "429":
            message = "Too many requests hit the API too quickly."
            raise StripeError(429, "invalid_request_error", message, code="rate_limit")
        raise StripeError(500, "api_error", "An error occurred while processing your request.")

    def _take(self, request: Request, when: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                fits = fault.method in ("*", request.method) and request.path.startswith(fault.path)
                if not fits or fault.when != when or fault.times < 1:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None
