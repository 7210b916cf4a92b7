"""The thread that posts events to their endpoints, in order, again and again until a 2xx."""

import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException

from ..contract import Json
from ..world import World
from . import queue

TIMEOUT_SECONDS = 10.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 3600.0
IDLE_SECONDS = 0.5  # how soon a retry that is due is noticed


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        """Stripe takes a redirect for a failure."""
        return


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def raw(body: str) -> bytes:
    """The bytes of a body; "\\udcff" in it stands for a byte that is no UTF-8."""
    return body.encode(errors="surrogateescape")


def post(delivery: Json) -> int:
    """The status of one attempt; 0 when nobody answered."""
    request = urllib.request.Request(  # noqa: S310 - the URL is the owner's own endpoint
        delivery["url"], data=raw(delivery["body"]), headers=delivery["headers"], method="POST"
    )
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, HTTPException, ValueError):
        return 0


class Pusher:
    """Delivers in push mode; holds no lock while an endpoint is talking."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        world.on_event.append(self._on_event)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def _on_event(self, event: Json) -> None:
        queue.enqueue(self.world, event)
        self._wake.set()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(IDLE_SECONDS)
            self._wake.clear()
            while not self._stopped and self._deliver_next():
                pass

    def _deliver_next(self) -> bool:
        """Whether there was something to deliver."""
        with self.world.lock:
            row = self._next_row()
            if row is None:
                return False
            delivery = queue.rendered(self.world, row)
        status = post(delivery)
        with self.world.transaction():
            # A reset may have happened meanwhile, or a test may have taken it.
            if self.world.store.get("pending", row["key"]):
                self._note(row, status)
        return True

    def _next_row(self) -> Json | None:
        if self.world.options.mode == "hold" or queue.in_outage(self.world):
            return None
        now = time.time()
        for row in queue.pending(self.world):
            if row["next_at"] <= now and queue.address(self.world, row)[0]:
                return row
        return None

    def _note(self, row: Json, status: int) -> None:
        if 200 <= status < 300:
            queue.mark_delivered(self.world, row)
            return
        now = time.time()
        wait = min(FIRST_WAIT_SECONDS * 2 ** row["tries"], LONGEST_WAIT_SECONDS)
        queue.postpone(self.world, row, until=now + wait, gone_on=now)
