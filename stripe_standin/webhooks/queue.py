"""What must still be delivered: one row per event and endpoint, in the order of the events.

The endpoint given at the start is called `default`; without a URL its deliveries wait to be taken.
"""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..contract import Json
from ..newer import HEADER, as_newer
from ..world import World
from .signing import signature_header

DEFAULT = "default"
GIVE_UP_SECONDS = 3 * 24 * 3600  # "for up to three days": docs.stripe.com/webhooks


def enqueue(world: World, event: Json) -> None:
    """One delivery per endpoint that wants the event."""
    if world.options.outage_loses and in_outage(world):
        world.store.put("lost", event["id"], {"event": event["id"]})
        return
    for endpoint in (DEFAULT, *_wanting(world, event["type"])):
        row = {
            "key": f"{event['id']}@{endpoint}",
            "event": event["id"],
            "type": event["type"],
            "endpoint": endpoint,
            "tries": 0,
            "next_at": 0.0,
        }
        world.store.put("pending", row["key"], row)
    _count_pending(world, event["id"])


def in_outage(world: World) -> bool:
    return world.account_now() < world.options.outage_until


def _wanting(world: World, kind: str) -> Iterable[str]:
    for endpoint in world.rows("webhook_endpoint", status="enabled"):
        if any(fnmatchcase(kind, wanted) for wanted in endpoint["enabled_events"]):
            yield endpoint["id"]


def _count_pending(world: World, event_id: str) -> None:
    event = world.store.peek("objects", event_id)
    if event:
        waiting = len(world.store.rows("pending", event=event_id))
        world.store.keep("objects", event_id, event | {"pending_webhooks": waiting})


def pending(world: World) -> list[Json]:
    return world.store.rows("pending")


def is_delivered(world: World, event_id: str) -> bool:
    lost = world.store.peek("lost", event_id)
    return not (lost or world.store.rows("pending", event=event_id))


def address(world: World, row: Json) -> tuple[str, str]:
    """The URL and the secret of a delivery's endpoint; ("", "") when it is gone."""
    if row["endpoint"] == DEFAULT:
        return world.options.webhook_url, world.options.webhook_secret
    endpoint = world.find(row["endpoint"])
    if endpoint is None or endpoint.get("status") != "enabled":
        return "", ""
    return endpoint["url"], world.notes(row["endpoint"])["secret"]


def rendered(world: World, row: Json, signed_at: int | None = None) -> Json:
    """The exact request that the endpoint gets."""
    event, unchecked = as_newer(world, _event(world, row))
    body = json.dumps(event, ensure_ascii=False)
    url, secret = address(world, row)
    signature = signature_header(body, secret, signed_at)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature,
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    headers |= {HEADER: "true"} if unchecked else {}
    return {
        "id": event["id"],
        "type": event["type"],
        "url": url,
        "headers": headers,
        "body": body,
    }


def _event(world: World, row: Json) -> Json:
    event = world.store.peek("objects", row["event"])
    assert event is not None, row["event"]
    return event


def mark_delivered(world: World, row: Json) -> None:
    forget(world, row)
    count = world.store.get("settings", "delivered") or {"count": 0}
    world.store.put("settings", "delivered", {"count": count["count"] + 1})


def forget(world: World, row: Json) -> None:
    world.store.delete("pending", row["key"])
    _count_pending(world, row["event"])


def forget_endpoint(world: World, endpoint_id: str) -> None:
    for row in world.store.rows("pending", endpoint=endpoint_id):
        forget(world, row)


def postpone(world: World, row: Json, *, until: float, gone_on: float) -> None:
    """Try again at *until*; after three days Stripe gives up."""
    first = row.get("first_try") or until
    if gone_on - first > GIVE_UP_SECONDS:
        forget(world, row)
        return
    again = {"tries": row["tries"] + 1, "next_at": until, "first_try": first}
    world.store.put("pending", row["key"], row | again)


def delivered_count(world: World) -> int:
    row = world.store.get("settings", "delivered")
    return int(row["count"]) if row else 0
