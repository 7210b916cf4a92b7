"""Which rows have a certain value in a field, without looking at all of them."""

from collections.abc import Iterable
from typing import Any

from .contract import Json

# The fields by which rows are looked up often.
INDEXED = {
    "objects": (
        "object",
        "status",
        "customer",
        "email",
        "subscription",
        "invoice",
        "charge",
        "payment_intent",
        "payment.payment_intent",
        "source",
        "test_clock",
    ),
    "pending": ("event", "endpoint"),
}
Place = tuple[str, str, Any]  # table, field, value


def value_at(row: Json, path: str) -> Any:
    """The value of a field, or by "field.field" of one inside an object; None if there is none."""
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


class Index:
    """Kept in step by the store; a key keeps the place in the order that it got when it was new."""

    def __init__(self) -> None:
        self._keys: dict[Place, dict[str, None]] = {}
        self._order: dict[tuple[str, str], int] = {}
        self._next = 0

    def replace(self, tab: str, key: str, old: Json | None, new: Json | None) -> None:
        if tab not in INDEXED:
            return
        if new is None:
            self._order.pop((tab, key), None)
        elif (tab, key) not in self._order:
            self._next += 1
            self._order[tab, key] = self._next
        before, after = _values(tab, old), _values(tab, new)
        for place in before - after:
            self._keys[place].pop(key, None)
        for place in after - before:
            self._keys.setdefault(place, {})[key] = None

    def candidates(self, tab: str, fields: Json) -> Iterable[str] | None:
        """Keys, in order, of which those with *fields* are a part; None: look at all."""
        places = [(tab, name, fields[name]) for name in INDEXED.get(tab, ()) if name in fields]
        if not places:
            return None
        fewest = min((self._keys.get(place, {}) for place in places), key=len)
        return sorted(fewest, key=lambda key: self._order[tab, key])


def _values(tab: str, row: Json | None) -> set[Place]:
    if row is None:
        return set()
    values = {name: value_at(row, name) for name in INDEXED[tab] if name.partition(".")[0] in row}
    return {
        (tab, name, value)
        for name, value in values.items()
        if value is None or isinstance(value, str)
    }
