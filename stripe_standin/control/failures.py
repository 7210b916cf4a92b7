"""Faults of the API, and times in which nothing is delivered."""

from .. import faults
from ..contract import Json, Value
from ..errors import invalid_request
from .door import Control, allowed, route, wanted


@route("POST", "faults")
def add_fault(control: Control, body: Json) -> Value:
    allowed(body, "method", "path", "kind", "when", "times", "seconds", "skip")
    kind, when = str(body.get("kind")), body.get("when", "before")
    if kind not in faults.KINDS or when not in faults.WHEN:
        raise invalid_request(f"kind is one of {faults.KINDS}, when one of {faults.WHEN}.")
    method, path = str(wanted(body, "method", str, "POST")), str(wanted(body, "path", str, "/v1/"))
    times = int(wanted(body, "times", int, 1))
    seconds = float(wanted(body, "seconds", (int, float), 30))
    skip = int(wanted(body, "skip", int, 0))
    control.faults.add(faults.Fault(method, path, kind, when, times, seconds, skip))
    return {"added": True}


@route("GET", "faults")
def list_faults(control: Control, body: Json) -> Value:
    return control.faults.shown()


@route("DELETE", "faults")
def clear_faults(control: Control, body: Json) -> Value:
    control.faults.clear()
    return {"cleared": True}


@route("POST", "outage")
def set_outage(control: Control, body: Json) -> Value:
    """From now on nothing is delivered for so long; afterwards it comes late, or, *lost*, never."""
    allowed(body, "seconds", "lost")
    world = control.world
    with world.lock:
        seconds = int(wanted(body, "seconds", int, 0))
        world.options.outage_until = world.account_now() + seconds
        world.options.outage_loses = bool(wanted(body, "lost", bool))
        return {"until": world.options.outage_until, "lost": world.options.outage_loses}
