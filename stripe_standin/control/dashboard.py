"""What the owner does in the Dashboard: any operation, but with no request of ours behind it."""

from urllib.parse import urlencode

from ..contract import Json, Value
from ..engine.cards import BY_NUMBER
from ..errors import invalid_request
from ..gate import operate
from .door import Control, allowed, route, wanted


@route("POST", "dashboard")
def do_in_dashboard(control: Control, body: Json) -> Value:
    """`{"method": "DELETE", "path": "/v1/subscriptions/sub_1", "params": {"prorate": "false"}}`;
    names of parameters as in a form: `items[0][quantity]`. No faults strike here."""
    allowed(body, "method", "path", "params")
    method, path = wanted(body, "method", str, "POST"), wanted(body, "path", str, "")
    form = urlencode({key: _text(value) for key, value in wanted(body, "params", dict, {}).items()})
    return operate(control.world, method, path, form)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@route("POST", "cards/{id}")
def change_card(control: Control, body: Json) -> Value:
    """A stored card becomes another, or expires; *automatic*: the card network told it."""
    allowed(body, "number", "exp_month", "exp_year", "automatic")
    world = control.world
    with world.transaction():
        method = world.require("payment_method", body["$id"])
        changes: Json = {name: body[name] for name in ("exp_month", "exp_year") if name in body}
        number = wanted(body, "number", str)
        if number is not None:
            card = BY_NUMBER.get(number)
            if card is None:
                raise invalid_request("This is not one of the test cards.", param="number")
            world.note(method["id"], number=number)
            changes |= {"brand": card.brand, "display_brand": card.brand, "last4": card.last4}
            changes |= {"fingerprint": card.fingerprint}
        word = "automatically_updated" if body.get("automatic") else "updated"
        event = f"payment_method.{word}"
        return world.change(method["id"], event, card=method["card"] | changes)
