"""Idempotency keys, as docs.stripe.com/api/idempotent_requests says.

The first answer to a key is kept for 24 hours, whatever its status, once a request has begun to
execute; a request that was refused at the door (parameters, a key in use) keeps nothing.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .contract import Json
from .errors import StripeError, invalid_request
from .world import World

KEPT_SECONDS = 24 * 3600
MAX_LENGTH = 255


class InFlight:
    """Keys whose first request is still being worked on."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        with self._lock:
            if key in self._keys:
                raise StripeError(
                    409,
                    "idempotency_error",
                    "There is currently another in-progress request using this Idempotent Key"
                    f" (that probably means you submitted twice): {key}",
                    code="idempotency_key_in_use",
                )
            self._keys |= {key} if key else set()
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key)


def check_key(key: str) -> None:
    if len(key) > MAX_LENGTH:
        raise invalid_request(f"Idempotency keys have at most {MAX_LENGTH} characters.")


def fingerprint(method: str, path: str, form: bytes) -> str:
    return hashlib.sha256(f"{method} {path}\n".encode() + form).hexdigest()


def kept_answer(world: World, key: str, asked: str, path: str) -> Json | None:
    """The answer given to this key before; the same key for something else is an error."""
    kept = world.store.get("idempotency", key) if key else None
    if kept is None or kept["at"] + KEPT_SECONDS < world.now():
        return None
    if kept["asked"] == asked:
        return kept
    if kept["path"] != path:
        message = (
            "Keys for idempotent requests can only be used for the same endpoint they were first"
            f" used for ('{path}' vs '{kept['path']}'). Try using a key other than '{key}' if you"
            " meant to execute a different request."
        )
    else:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were"
            f" first used with. Try using a key other than '{key}' if you meant to execute a"
            " different request."
        )
    raise StripeError(400, "idempotency_error", message)


def keep_answer(world: World, key: str, asked: str, path: str, status: int, body: Json) -> None:
    if key:
        row = {"at": world.now(), "asked": asked, "path": path, "status": status, "body": body}
        world.store.put("idempotency", key, row)
