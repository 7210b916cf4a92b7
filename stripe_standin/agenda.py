"""What falls due when, kept in step with the store.

A rule looks at one object and says when it wants to act on it. Only objects that changed are looked
at again, so moving the clock costs what falls due, not what there is.
"""

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .contract import Json
from .store import Store

if TYPE_CHECKING:
    from .world import World

Action = Callable[["World", str], object]
Wish = tuple[int, Action] | None  # when, what
Find = Callable[["World", Json], Wish]


class Rule(NamedTuple):
    kind: str
    find: Find


RULES: list[Rule] = []


class Due(NamedTuple):
    """Sorts by time, then by the order of the rules, then by who was there first."""

    at: int
    rule: int
    turn: int
    object_id: str


def rule(kind: str) -> Callable[[Find], Find]:
    """A rule for objects of one kind; it may ask for one moment per object."""

    def register(find: Find) -> Find:
        RULES.append(Rule(kind, find))
        return find

    return register


class Agenda:
    """One list of what is due for each clock: the account's (""), and each test clock's."""

    def __init__(self, store: Store) -> None:
        self._stale: dict[str, None] = {}
        self._wishes: dict[str, tuple[str, dict[int, int]]] = {}  # clock, moment by rule
        self._heaps: dict[str, list[Due]] = {}
        self._turn = 0
        for row in store.rows("objects"):
            self._stale[row["id"]] = None
        store.on_change.append(self._touch)

    def _touch(self, tab: str, key: str) -> None:
        if tab in ("objects", "notes"):
            self._stale[key] = None

    def look_again(self, store: Store) -> None:
        """A setting that rules go by has changed."""
        self._stale |= {row["id"]: None for row in store.rows("objects")}

    def next_due(self, world: "World", until: int, clock: str) -> tuple[Due, Action] | None:
        """What is due first, at *until* at the latest."""
        self._refresh(world)
        heap = self._heaps.get(clock, [])
        while heap and heap[0].at <= until:
            due = heapq.heappop(heap)
            wish = self._wish(world, due) if self._is_wished(due, clock) else None
            if wish:
                # Looked at again whatever happens: what is done now may be taken back.
                del self._wishes[due.object_id][1][due.rule]
                self._stale[due.object_id] = None
                return due, wish[1]
        return None

    def _is_wished(self, due: Due, clock: str) -> bool:
        where, moments = self._wishes.get(due.object_id, ("", {}))
        return where == clock and moments.get(due.rule) == due.at

    def _wish(self, world: "World", due: Due) -> Wish:
        found = world.store.peek("objects", due.object_id)
        return RULES[due.rule].find(world, found) if found else None

    def _refresh(self, world: "World") -> None:
        stale, self._stale = self._stale, {}
        for object_id in stale:
            self._look_at(world, object_id)

    def _look_at(self, world: "World", object_id: str) -> None:
        found = world.store.peek("objects", object_id)
        before = self._wishes.pop(object_id, ("", {}))
        if found is None or found.get("deleted"):
            return
        clock, moments = world.clock_of(found), {}
        for position, rule in enumerate(RULES):
            if rule.kind != found["object"]:
                continue
            wish = rule.find(world, found)
            if wish:
                moments[position] = wish[0]
                if before[0] != clock or before[1].get(position) != wish[0]:
                    self._push(clock, wish[0], position, object_id)
        if moments:
            self._wishes[object_id] = clock, moments

    def _push(self, clock: str, at: int, position: int, object_id: str) -> None:
        self._turn += 1
        due = Due(at, position, self._turn, object_id)
        heapq.heappush(self._heaps.setdefault(clock, []), due)
