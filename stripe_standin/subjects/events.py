"""Events, kept for 30 days."""

from fnmatch import fnmatchcase

from ..contract import Json
from ..errors import invalid_request, missing
from ..lists import PAGING, page
from ..operations import Call, operation
from ..webhooks.queue import is_delivered

URL = "/v1/events"
KEPT_SECONDS = 30 * 24 * 3600
MAX_TYPES = 20


@operation("GET", URL, takes=PAGING + " created delivery_success type types")
def list_events(call: Call) -> Json:
    types = call.params.get("types", [])
    if len(types) > MAX_TYPES:
        raise invalid_request("You may specify up to 20 types.", param="types")
    if types and "type" in call.params:
        raise invalid_request("You may only specify one of type and types.", param="type")
    if "type" in call.params:
        types = [call.params["type"]]
    wanted = call.params.get("delivery_success")
    found = [
        event
        for event in call.world.rows("event")
        if _is_kept(call, event)
        and (not types or any(fnmatchcase(event["type"], kind) for kind in types))
        and (wanted is None or is_delivered(call.world, event["id"]) == wanted)
    ]
    return page(call, URL, found)


def _is_kept(call: Call, event: Json) -> bool:
    """docs.stripe.com/api/events/list: "going back up to 30 days"."""
    return bool(event["created"] >= call.world.now() - KEPT_SECONDS)


@operation("GET", URL + "/{id}")
def get_event(call: Call) -> Json:
    event = call.world.require("event", call.ids[0])
    if not _is_kept(call, event):
        raise missing("event", call.ids[0])
    return event
