"""What a newer API would show: values outside the description, on purpose.

Stripe renders answers in the version of the request, so an unknown status should never be seen; it
is all the same, when the account moves on before the code does. A test sets such values
with the control API. They are put over the finished answer or event, after it was checked, and the
answer or delivery says so in a header.
"""

from .contract import Json, Value
from .store import copied
from .world import World

TABLE = "newer"
HEADER = "Standin-Unchecked"


def show_as(world: World, object_id: str, **fields: Value) -> None:
    world.store.put(TABLE, object_id, fields)


def as_newer(world: World, body: Json) -> tuple[Json, bool]:
    """The body with such values in it, and whether there were any."""
    rows = world.store.table(TABLE)
    if not rows:
        return body, False
    body = copied(body)
    return body, _put_over(rows, body)


def _put_over(rows: dict[str, Json], node: Value) -> bool:
    if isinstance(node, list):
        return sum(_put_over(rows, item) for item in node) > 0
    if not isinstance(node, dict):
        return False
    touched = sum(_put_over(rows, value) for value in node.values()) > 0
    own = rows.get(node["id"]) if isinstance(node.get("id"), str) else None
    node |= own or {}
    return touched or own is not None
