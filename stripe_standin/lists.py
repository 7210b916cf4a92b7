"""Lists as Stripe pages them: newest first, `limit`, `starting_after`, `ending_before`."""

from collections.abc import Callable, Iterable

from .contract import Json, Value
from .errors import invalid_request, missing
from .operations import Call
from .store import copied

PAGING = "limit starting_after ending_before"
DEFAULT_LIMIT, MAX_LIMIT = 10, 100
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def in_range(value: int | None, wanted: Value) -> bool:
    """Whether a time fits `created=5` or `created[gte]=5&created[lt]=9`."""
    if value is None:
        return False
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    return all(COMPARE[word](value, bound) for word, bound in wanted.items())


def matches(body: Json, params: Json, *fields: str) -> bool:
    """Whether *body* has the values asked for in *fields*; those not asked for do not count."""
    return all(body.get(name) == params[name] for name in fields if name in params)


def found(call: Call, kind: str, *fields: str, **others: Value) -> list[Json]:
    """Objects of a kind with the values asked for in *fields*, and *others*; to be read only."""
    wanted = {name: call.params[name] for name in fields if name in call.params}
    return call.world.rows(kind, **wanted, **others)


def page(call: Call, url: str, rows: Iterable[Json]) -> Json:
    """The page of *rows* (given oldest first) that the request asks for."""
    newest_first = [
        row
        for row in reversed(list(rows))
        if "created" not in call.params or in_range(row.get("created"), call.params["created"])
    ]
    return cut(call, url, newest_first)


def cut(call: Call, url: str, rows: list[Json]) -> Json:
    """The page of *rows*, given in the order in which Stripe shows them."""
    limit = _limit(call.params)
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise invalid_request("You can only use one of starting_after and ending_before.")
    more = False
    if before:
        rows = rows[: _position(rows, before, "ending_before")]
        more, rows = len(rows) > limit, rows[-limit:]
    else:
        rows = rows[_position(rows, after, "starting_after") + 1 :] if after else rows
        more, rows = len(rows) > limit, rows[:limit]
    return {"object": "list", "data": copied(rows), "has_more": more, "url": url}


def _limit(params: Json) -> int:
    limit = int(params.get("limit", DEFAULT_LIMIT))
    if 1 <= limit <= MAX_LIMIT:
        return limit
    bound = f"less than or equal to {MAX_LIMIT}" if limit > MAX_LIMIT else "greater than 0"
    message = f"This value must be {bound} (it currently is '{limit}')."
    raise invalid_request(message, param="limit", code="parameter_invalid_integer")


def _position(rows: list[Json], object_id: str, param: str) -> int:
    for position, row in enumerate(rows):
        if row["id"] == object_id:
            return position
    raise missing("object", object_id, param=param, status=400)


def whole(url: str, rows: list[Json]) -> Json:
    """A list inside another object."""
    return {"object": "list", "data": rows, "has_more": False, "url": url}
