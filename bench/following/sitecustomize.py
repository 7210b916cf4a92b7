"""On PYTHONPATH, this makes a process live by the stand-in's clock at the URL in FOLLOW."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from datetime import UTC, datetime

import time_machine

POLL_SECONDS = 0.05
_ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def _now() -> float:
    with _ask(f"{os.environ['FOLLOW']}/_test/clock", timeout=5) as answer:
        return float(json.load(answer)["now"])


def _follow(clock: time_machine.Coordinates) -> None:
    while True:
        try:
            theirs = _now()
        except OSError:
            return  # the stand-in has ended
        if abs(theirs - time.time()) > 2:
            clock.move_to(datetime.fromtimestamp(theirs, tz=UTC))
        time.sleep(POLL_SECONDS)


def _start() -> None:
    try:
        began = datetime.fromtimestamp(_now(), tz=UTC)
    except OSError:
        return  # it does not run yet, so there is nothing to follow
    clock = time_machine.travel(began).start()
    threading.Thread(target=_follow, args=(clock,), daemon=True).start()
    os.register_at_fork(
        after_in_child=lambda: threading.Thread(target=_follow, args=(clock,), daemon=True).start()
    )


if os.environ.get("FOLLOW"):
    _start()
