"""Routes of the control API: JSON in, JSON out."""

import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..contract import Json, Value
from ..errors import ContractBrokenError, StripeError, invalid_request
from ..faults import Faults
from ..http import Answer, Request
from ..world import World


@dataclass
class Control:
    """What the control API works on; `started_as` is what a reset goes back to."""

    world: World
    faults: Faults
    started_as: Json


Action = Callable[[Control, Json], Value]
ROUTES: dict[tuple[str, str], Action] = {}


def route(method: str, path: str) -> Callable[[Action], Action]:
    def register(action: Action) -> Action:
        ROUTES[method, "/_test/" + path] = action
        return action

    return register


def answer(control: Control, request: Request) -> Answer:
    if not is_loopback(request.peer):
        return _refusal(403, "The control API answers loopback addresses only.")
    if "origin" in request.headers:
        return _refusal(403, "The control API does not answer pages in a browser.")
    action, subject = _find(request)
    if action is None:
        return _refusal(404, f"No such control: {request.method} {request.path}")
    try:
        body = _body(request)
        return Answer.json(action(control, body | subject))
    except StripeError as error:
        return Answer.json(error.body, error.status)
    except ContractBrokenError as broken:
        return _refusal(400, str(broken))


def _find(request: Request) -> tuple[Action | None, Json]:
    action = ROUTES.get((request.method, request.path))
    if action:
        return action, {}
    parent, _, last = request.path.rpartition("/")
    return ROUTES.get((request.method, parent + "/{id}")), {"$id": last}


def _body(request: Request) -> Json:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        raise invalid_request("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise invalid_request("The body is not a JSON object.")
    return body


def is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _refusal(status: int, message: str) -> Answer:
    return Answer.json({"error": {"type": "invalid_request_error", "message": message}}, status)


def wanted(body: Json, name: str, kind: type | tuple[type, ...], default: Any = None) -> Value:
    """A field of the body, or 400 when it is of another type."""
    value = body.get(name, default)
    if value is not None and not isinstance(value, kind):
        raise invalid_request(f"{name} has the wrong type.", param=name)
    return value


def allowed(body: Json, *names: str) -> None:
    for name in body:
        if name not in (*names, "$id"):
            raise invalid_request(f"Received unknown parameter: {name}", param=name)
