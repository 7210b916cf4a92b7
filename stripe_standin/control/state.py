"""Reset, state, the clock, faults, and edits as somebody would make them in the Dashboard."""

from collections import Counter

from ..contract import Json, Value
from ..errors import invalid_request, missing
from ..timeline import advance
from ..webhooks import queue
from .door import Control, allowed, route, wanted

# What an edit in the Dashboard is told as.
UPDATED = {
    "subscription": "customer.subscription.updated",
    "checkout.session": "",
    "invoice_payment": "",
    "payment_intent": "",
    "dispute": "charge.dispute.updated",
    "webhook_endpoint": "",
}


@route("POST", "reset")
def reset(control: Control, body: Json) -> Value:
    world = control.world
    with world.transaction():
        world.store.clear()
        for name, value in control.started_as.items():
            setattr(world.options, name, value)
    control.faults.clear()
    return show_state(control, {})


@route("GET", "state")
def show_state(control: Control, body: Json) -> Value:
    world = control.world
    with world.lock:
        counts = Counter(row["object"] for row in world.store.rows("objects"))
        return {
            "now": world.now(),
            "mode": world.options.mode,
            "counts": dict(counts),
            "pending": len(queue.pending(world)),
            "requests": world.requests,
            "delivered": queue.delivered_count(world),
        }


@route("GET", "clock")
def show_clock(control: Control, body: Json) -> Value:
    """Cheap, for whoever asks all the time: nothing is counted."""
    return {"now": control.world.now(), "requests": control.world.requests}


@route("POST", "clock")
def move_clock(control: Control, body: Json) -> Value:
    allowed(body, "advance_s", "to")
    seconds, to = wanted(body, "advance_s", int), wanted(body, "to", int)
    if (seconds is None) == (to is None):
        raise invalid_request("Give either advance_s or to.")
    with control.world.transaction():
        target = control.world.now() + seconds if to is None else to
        if target < control.world.now():
            raise invalid_request("The clock only goes forward.")
        done = advance(control.world, target)
    return {"now": control.world.now(), "done": done}


@route("POST", "objects/{id}")
def edit_object(control: Control, body: Json) -> Value:
    object_id = body.pop("$id")
    world = control.world
    with world.transaction():
        found = world.find(object_id)
        if found is None:
            raise missing("object", object_id)
        kind = found["object"]
        event = UPDATED.get(kind, f"{kind}.updated")
        return world.change(object_id, event, **_merged(found, body))


def _merged(current: Json, patch: Json) -> Json:
    """Hashes merge (RFC 7396, except that null stays a value, as Stripe shows it)."""
    merged: Json = {}
    for key, value in patch.items():
        old = current.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = old | _merged(old, value)
        else:
            merged[key] = value
    return merged


@route("POST", "events")
def emit_event(control: Control, body: Json) -> Value:
    allowed(body, "type", "object", "previous_attributes")
    kind, made = wanted(body, "type", str, ""), wanted(body, "object", dict, {})
    with control.world.transaction():
        return control.world.emit(kind, made, wanted(body, "previous_attributes", dict))
