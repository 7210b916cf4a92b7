"""Everything that Stripe would remember: objects, what happened to them, and what time it is.

Subjects read and write through `World` only. An object that is put here is held to Stripe's
description, and every change that Stripe tells becomes an event with a full snapshot.

`notes` are facts about an object that Stripe knows and does not show in it: the number of a card,
the items of an open Checkout session, how often a payment was tried.
"""

import os
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .agenda import Agenda
from .contract import (
    API_VERSION,
    Json,
    Problem,
    Value,
    missing_defaults,
    validate_event,
    validate_object,
)
from .embedding import embedded
from .errors import ContractBrokenError, missing
from .store import Store, copied

ALPHABET = string.ascii_letters + string.digits
CLOCK = "test_helpers.test_clock"


@dataclass
class Options:
    """How the process was started, and what `/_test/webhooks` may change of it."""

    public_url: str = "http://localhost:12111"
    webhook_url: str = ""
    webhook_secret: str = "whsec_standin"  # noqa: S105 - a made-up default, said in the help text
    mode: str = "push"
    livemode: bool = False
    api_version: str = API_VERSION
    retries_exhausted: str = "canceled"
    cancel_on_dispute: bool = False
    # Until then (by the stand-in's clock) nothing is delivered; what is made meanwhile may be lost.
    outage_until: int = 0
    outage_loses: bool = False
    upcoming_days: int = 7  # before a renewal: invoice.upcoming; 0 is never
    will_be_due_days: int = 3  # before a due date: invoice.will_be_due; 0 is never
    overdue_makes_past_due: bool = True
    overdue_days: int = 0  # after a due date the subscription ends as `retries_exhausted` says
    portal_cancel: str = "cancel_at_period_end"
    tax_percent: float = 0.0
    tax_fails: bool = False


@dataclass
class Cause:
    """What made the events of this transaction: a request, or nobody (the clock, the Dashboard)."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass
class World:
    store: Store
    options: Options
    lock: threading.RLock = field(default_factory=threading.RLock)
    cause: Cause = field(default_factory=Cause)
    # Told every event as it is made; the webhook queue subscribes here.
    on_event: list[Callable[[Json], None]] = field(default_factory=list)
    agenda: Agenda = field(init=False)
    requests: int = 0  # of the API, since the start: whoever waits for a worker watches it
    clock_id: str = ""  # the test clock in hand; "" is the account's own time

    def __post_init__(self) -> None:
        self.agenda = Agenda(self.store)

    @contextmanager
    def transaction(self, cause: Cause | None = None) -> Iterator[None]:
        """One change at a time; an exception takes everything back."""
        with self.lock:
            self.cause = cause or Cause()
            try:
                yield
            except BaseException:
                self.store.rollback()
                raise
            self.store.commit()

    # The clock: real time plus an offset that only grows; a test clock in hand stands still.

    def now(self) -> int:
        clock = self.store.peek("objects", self.clock_id) if self.clock_id else None
        return int(clock["frozen_time"]) if clock else self.account_now()

    def account_now(self) -> int:
        return int(time.time()) + self.clock_offset()

    def clock_offset(self) -> int:
        row = self.store.peek("settings", "clock")
        return int(row["offset"]) if row else 0

    def move_clock(self, to: int) -> None:
        if self.clock_id:
            self.change(self.clock_id, frozen_time=to)
        else:
            self.store.put("settings", "clock", {"offset": to - int(time.time())})

    def clock_of(self, body: Json) -> str:
        """The test clock that an object lives by: its own, or its customer's."""
        if body["object"] == CLOCK:
            return str(body["id"])
        own = body.get("test_clock")
        customer = body.get("customer")
        if own is None and isinstance(customer, str):
            own = (self.store.peek("objects", customer) or {}).get("test_clock")
        return own or ""

    @contextmanager
    def by_clock_of(self, *ids: Value) -> Iterator[None]:
        """Go by the clock of the first of these objects that is on one."""
        found = (self.store.peek("objects", each) for each in ids if isinstance(each, str))
        clocks = [self.clock_of(body) for body in found if body]
        before, self.clock_id = self.clock_id, next(filter(None, clocks), self.clock_id)
        try:
            yield
        finally:
            self.clock_id = before

    # Objects

    def new_id(self, prefix: str, length: int = 24) -> str:
        return prefix + "".join([ALPHABET[byte % 62] for byte in os.urandom(length)])

    def find(self, object_id: Value) -> Json | None:
        return self.store.get("objects", object_id) if isinstance(object_id, str) else None

    def get(self, object_id: str) -> Json:
        """An object that must be there, because another one names it."""
        found = self.find(object_id)
        assert found is not None, object_id
        return found

    def require(self, kind: str, object_id: str, *, param: str = "") -> Json:
        """An object that a request names: 404, or 400 when *param* names it."""
        found = self.find(object_id)
        if not found or found["object"] != kind or (param and found.get("deleted")):
            raise missing(kind, object_id, param=param or "id", status=400 if param else 404)
        return found

    def rows(self, kind: str, **fields: Any) -> list[Json]:
        """Objects of a kind, oldest first, whose fields equal the ones given; to be read only."""
        return self.store.rows("objects", object=kind, **fields)

    def all(self, kind: str, **fields: Any) -> list[Json]:
        """The same, each a copy that may be changed."""
        return [copied(row) for row in self.rows(kind, **fields)]

    def put(self, body: Json) -> Json:
        self._keep(copied(body))
        return body

    def _keep(self, body: Json) -> Json:
        """Hold it to the description, and to its place; what is kept is not changed any more."""
        kind = "deleted_" + body["object"] if body.get("deleted") else body["object"]
        lacking = [] if body.get("deleted") else missing_defaults(body)
        _hold(body["id"], validate_object(kind, body) + lacking)
        return self.store.keep("objects", body["id"], body)

    def add(self, body: Json, event: str = "") -> Json:
        """Put a new object, and tell of it."""
        kept = self._keep(copied(body))
        if event:
            self._tell(event, kept)
        return body

    def change(self, object_id: str, event: str = "", /, **fields: Any) -> Json:
        """Change fields; tell of it as *event* when something did change.

        An `.updated` event carries what the changed fields were before, as Stripe's do.
        """
        before = self.store.peek("objects", object_id)
        assert before is not None, object_id
        after = self._keep(copied({**before, **fields}))
        previous = {key: value for key, value in before.items() if after[key] != value}
        previous |= {key: None for key in after if key not in before}
        if event and event.endswith(".updated") and previous:
            self._tell(event, after, previous)
        elif event and not event.endswith(".updated"):
            self._tell(event, after)
        shown: Json = copied(after)
        return shown

    # Notes

    def notes(self, object_id: str) -> Json:
        return self.store.get("notes", object_id) or {}

    def note(self, object_id: str, **facts: Any) -> None:
        self.store.put("notes", object_id, self.notes(object_id) | facts)

    # Events

    def emit(self, kind: str, body: Json, previous: Json | None = None) -> Json:
        return self._tell(kind, copied(body), copied(previous))

    def _tell(self, kind: str, body: Json, previous: Json | None = None) -> Json:
        """Make the event of a body that is not changed any more."""
        data: Json = {"object": embedded(body) if body.get("object") == "invoice" else body}
        if previous is not None or kind.endswith(".updated"):
            data["previous_attributes"] = previous or {}
        cause = {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key}
        event: Json = {
            "id": self.new_id("evt_1"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.account_now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": cause,
            "type": kind,
        }
        # What was just put is known to be right, and need not be looked at again.
        kept = self.store.peek("objects", str(body.get("id")))
        known = body is kept or body == kept
        lacking = missing_defaults(event | {"data": {}})
        lacking += [] if known or body.get("deleted") else missing_defaults(body)
        _hold(f"event {kind}", validate_event(event, known=known) + lacking)
        if self.options.mode == "mute":
            return event
        # What an event of the other mode, or of an older endpoint, would claim.
        event |= {"livemode": self.options.livemode, "api_version": self.options.api_version}
        self.store.keep("objects", event["id"], event)
        for told in self.on_event:
            told(event)
        return event


def _hold(what: str, problems: list[Problem]) -> None:
    if problems:
        raise ContractBrokenError(what, problems)
