"""`expand[]`: ids become objects, and properties that are only shown when asked for appear.

A subject registers the second kind: `@shown_on_request("price", "tiers")`.
"""

from collections.abc import Callable, Iterable

from .contract import Json, Value
from .world import World

Show = Callable[[World, Json], Value]
SHOWN_ON_REQUEST: dict[tuple[str, str], Show] = {}


def shown_on_request(kind: str, prop: str) -> Callable[[Show], Show]:
    def register(show: Show) -> Show:
        SHOWN_ON_REQUEST[kind, prop] = show
        return show

    return register


def expand(world: World, body: Json, paths: Iterable[str]) -> Json:
    for path in sorted(paths):
        _expand(world, body, path.split("."))
    return body


def _expand(world: World, node: Value, steps: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(world, item, steps)
    elif isinstance(node, dict) and steps:
        _expand_property(world, node, steps[0])
        _expand(world, node.get(steps[0]), steps[1:])


def _expand_property(world: World, node: Json, name: str) -> None:
    show = SHOWN_ON_REQUEST.get((node.get("object", ""), name))
    if show:
        shown = show(world, node) if node.get(name) is None else None
        if shown is not None:  # a price per unit has no `tiers`, not even null
            node[name] = shown
    elif isinstance(node.get(name), str):
        node[name] = _found(world, node[name]) or node[name]
    elif isinstance(node.get(name), list):
        node[name] = [world.find(item) or item for item in node[name]]


def _found(world: World, object_id: str) -> Json | None:
    """A coupon that was deleted is still shown whole where it was redeemed."""
    found = world.find(object_id)
    if found and found["object"] == "coupon" and found.get("deleted"):
        whole: Json = world.notes(object_id)["whole"]
        return whole
    return found
