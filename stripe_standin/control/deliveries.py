"""Webhooks under a test's hand: hold, take, send, drop, double, shuffle."""

import random
from concurrent.futures import ThreadPoolExecutor

from ..contract import Json, Value
from ..errors import invalid_request
from ..webhooks import queue
from ..webhooks.push import post
from ..webhooks.signing import signature_header
from ..world import World
from .door import Control, allowed, route, wanted

OPTIONS = ("order", "seed", "copies", "types", "drop", "signed_at", "limit", "corrupt")
AT_ONCE = "at_once"  # so many are sent at the same time, as Stripe does; 1: one after the other
CORRUPTIONS = ("body", "signature", "utf8")
ORDERS = ("created", "reversed", "shuffled")
SETTABLE = {
    "mode": "mode",
    "url": "webhook_url",
    "secret": "webhook_secret",
    "livemode": "livemode",
    "api_version": "api_version",
    "retries_exhausted": "retries_exhausted",
    "cancel_on_dispute": "cancel_on_dispute",
    "portal_cancel": "portal_cancel",
    "upcoming_days": "upcoming_days",
    "will_be_due_days": "will_be_due_days",
    "overdue_makes_past_due": "overdue_makes_past_due",
    "overdue_days": "overdue_days",
}
CHOICES = {
    "mode": ("push", "hold", "mute"),
    "retries_exhausted": ("canceled", "unpaid", "past_due"),
    "portal_cancel": ("cancel_at_period_end", "cancel_at"),
}


@route("POST", "settings")
@route("POST", "webhooks")
def set_webhooks(control: Control, body: Json) -> Value:
    allowed(body, *SETTABLE)
    for name, choices in CHOICES.items():
        if body.get(name, choices[0]) not in choices:
            raise invalid_request(f"{name} is one of {choices}.", param=name)
    options = control.world.options
    with control.world.lock:
        for name, value in body.items():
            wanted(body, name, type(getattr(options, SETTABLE[name])))
            setattr(options, SETTABLE[name], value)
        control.world.agenda.look_again(control.world.store)
    shown = {name: getattr(options, field) for name, field in SETTABLE.items()}
    return {name: value for name, value in shown.items() if name != "secret"}


@route("GET", "deliveries")
def list_deliveries(control: Control, body: Json) -> Value:
    world = control.world
    with world.lock:
        return [_described(world.get(row["event"])) for row in queue.pending(world)]


def _described(event: Json) -> Json:
    about = event["data"]["object"].get("id")
    shown = {name: event[name] for name in ("id", "type", "created")}
    return shown | {"about": about}


@route("POST", "deliveries/take")
def take_deliveries(control: Control, body: Json) -> Value:
    with control.world.transaction():
        return {"deliveries": _take(control, body)}


@route("POST", "deliveries/send")
def send_deliveries(control: Control, body: Json) -> Value:
    at_once = wanted(body, AT_ONCE, int, 1)
    if at_once < 1:
        raise invalid_request(f"{AT_ONCE} is 1 or more.", param=AT_ONCE)
    with control.world.transaction():
        taken = _take(control, {name: body[name] for name in body if name != AT_ONCE})
    lost = [delivery["type"] for delivery in taken if not delivery["url"]]
    if lost:
        raise invalid_request(f"No URL to send {', '.join(lost)} to.")
    with ThreadPoolExecutor(at_once) as pool:
        return [
            {"id": delivery["id"], "type": delivery["type"], "status": status}
            for delivery, status in zip(taken, pool.map(post, taken), strict=True)
        ]


def _take(control: Control, body: Json) -> list[Json]:
    """Render what is asked for, in the order asked for, and count it as delivered."""
    allowed(body, *OPTIONS)
    world = control.world
    _drop(control, body.get("drop") or [])
    rows = _ordered(_fitting(control, body.get("types")), body)
    rows = rows[: wanted(body, "limit", int)]
    signed_at = wanted(body, "signed_at", int)
    taken = [_rendered(world, row, signed_at, body.get("corrupt", "")) for row in rows]
    for row in rows:
        queue.mark_delivered(world, row)
    return [delivery for delivery in taken for _ in range(int(body.get("copies", 1)))]


def _rendered(world: World, row: Json, signed_at: int | None, corrupt: str) -> Json:
    """The delivery, damaged on request.

    "body": changed after it was signed; "signature": of another secret; "utf8": rightly signed,
    with a byte that is no UTF-8 (as "\\udcff": encode with `surrogateescape`).
    """
    delivery = queue.rendered(world, row, signed_at)
    if corrupt not in ("", *CORRUPTIONS):
        raise invalid_request(f"corrupt is one of {CORRUPTIONS}.", param="corrupt")
    if corrupt == "body":
        delivery["body"] = delivery["body"].replace('"object"', '"0bject"', 1)
    if corrupt == "utf8":
        delivery["body"] = delivery["body"].replace('"event"', '"event\udcff"', 1)
    if corrupt in ("signature", "utf8"):
        secret = (
            "whsec_of_somebody_else" if corrupt == "signature" else queue.address(world, row)[1]
        )
        signature = signature_header(delivery["body"], secret, signed_at)
        delivery["headers"]["Stripe-Signature"] = signature
    return delivery


def _drop(control: Control, unwanted: list[str]) -> None:
    for row in queue.pending(control.world):
        if row["event"] in unwanted or row["type"] in unwanted:
            queue.forget(control.world, row)


def _fitting(control: Control, types: list[str] | None) -> list[Json]:
    world = control.world
    return [row for row in queue.pending(world) if types is None or row["type"] in types]


def _ordered(rows: list[Json], body: Json) -> list[Json]:
    order = body.get("order", "created")
    if order not in ORDERS:
        raise invalid_request(f"order is one of {ORDERS}.", param="order")
    if order == "reversed":
        return rows[::-1]
    if order == "shuffled":
        random.Random(wanted(body, "seed", int, 0)).shuffle(rows)  # noqa: S311 - repeatable
    return rows
