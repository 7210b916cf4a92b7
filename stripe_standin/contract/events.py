"""Webhook events: a known type, the right object under it, and that object valid in full."""

import functools

from .responses import validate_object
from .spec import API_VERSION, Json, Problem, load_spec, schema_for, schemas, schemas_by_object

# Where the object of an event is not named by the longest matching prefix of its type.
EVENT_OBJECT = {
    "charge.dispute": "dispute",
    "charge.refund": "refund",
    "customer.subscription": "subscription",
    "customer.discount": "discount",
    "customer.source": None,
    "customer.tax_id": "tax_id",
    "customer.card": "card",
    "customer.bank_account": "bank_account",
}


@functools.cache
def event_types() -> frozenset[str]:
    """Every event type of this version: the enum of WebhookEndpoint#create.enabled_events."""
    create = load_spec()["paths"]["/v1/webhook_endpoints"]["post"]
    form = create["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    return frozenset(form["properties"]["enabled_events"]["items"]["enum"]) - {"*"}


def event_object(event_type: str) -> str | None:
    """'invoice.paid' -> 'invoice', 'charge.dispute.created' -> 'dispute', unknown -> None."""
    parts = event_type.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        prefix = ".".join(parts[:cut])
        if prefix in EVENT_OBJECT:
            return EVENT_OBJECT[prefix]
        if prefix in schemas_by_object():
            return prefix
    return None


def validate_event(body: object, *, strict: bool = True, known: bool = False) -> list[Problem]:
    """*known*: its object is known to be valid, so only the event around it is looked at."""
    data = body.get("data") if isinstance(body, dict) else None
    alone = body
    if known and isinstance(body, dict) and isinstance(data, dict):
        alone = body | {"data": data | {"object": {}}}
    problems = validate_object("event", alone, strict=strict)
    if not isinstance(body, dict):
        return problems
    kind = str(body.get("type"))
    if kind not in event_types():
        problems.append(Problem("type", f"unknown event type {kind!r}", "event_type_unknown"))
    elif isinstance(data, dict) and isinstance(data.get("object"), dict):
        problems += _validate_data(kind, data)
    version = body.get("api_version")
    if version not in (None, API_VERSION):
        message = f"{version}, the description is {API_VERSION}"
        problems.append(Problem("api_version", message, "api_version"))
    return problems


def _validate_data(kind: str, data: Json) -> list[Problem]:
    problems = []
    expected, actual = event_object(kind), data["object"].get("object")
    if expected and actual != expected:
        message = f"{kind} carries a {expected}, not a {actual}"
        problems.append(Problem("data.object.object", message))
    if kind.endswith(".updated") and "previous_attributes" not in data:
        problems.append(Problem("data.previous_attributes", "missing on an .updated event"))
    name = schema_for(data["object"])
    changed = data.get("previous_attributes") or {}
    known = schemas()[name].get("properties", {}) if name else changed
    for key in set(changed) - set(known):
        where = f"data.previous_attributes.{key}"
        problems.append(Problem(where, f"not a property of {actual}"))
    return problems
