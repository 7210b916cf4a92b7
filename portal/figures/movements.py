"""What became of the ARR between two days: each customer's, at both ends; not a sum of events."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    NEW = "new"
    REACTIVATION = "reactivation"  # was a customer before, and had left
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURNED = "churned"
    RETIRED = "retired"  # left with a product that is being given up
    GIVEN_BACK = "given_back"  # by the guarantee: no churn
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Move:
    """One customer at both ends, in cents a year."""

    customer_id: int
    before: int
    after: int
    kind: Kind


@dataclass
class Movements:
    """Cents a year, all of them 0 or more; `start + gained - lost == end`, to the cent."""

    start: int = 0
    new: int = 0
    reactivation: int = 0
    expansion: int = 0
    contraction: int = 0
    churned: int = 0
    retired: int = 0
    given_back: int = 0
    end: int = 0
    customers_at_start: int = 0
    customers_lost: int = 0  # churned or retired

    @property
    def gross_churn(self) -> float | None:
        """(churned + retired + contraction) / start; None when there was nothing."""
        return self._of_start(self._lost)

    @property
    def net_churn(self) -> float | None:
        """(churned + retired + contraction - expansion - reactivation) / start."""
        return self._of_start(self._lost - self.expansion - self.reactivation)

    @property
    def gross_retention(self) -> float | None:
        """GRR: 1 - gross churn."""
        return self._of_start(self.start - self._lost)

    @property
    def net_retention(self) -> float | None:
        """NRR: (start - churned - retired - contraction + expansion) / start."""
        return self._of_start(self.start - self._lost + self.expansion)

    @property
    def logo_churn(self) -> float | None:
        """Customers lost / customers at the start."""
        if not self.customers_at_start:
            return None
        return self.customers_lost / self.customers_at_start

    @property
    def _lost(self) -> int:
        return self.churned + self.retired + self.contraction

    def _of_start(self, cents: int) -> float | None:
        return cents / self.start if self.start else None


def moves_between(
    start: Mapping[int, int],
    end: Mapping[int, int],
    *,
    known_before: AbstractSet[int],
    given_back: AbstractSet[int],
    retired: AbstractSet[int] = frozenset(),
) -> list[Move]:
    """Compare customer → cents at both ends; everybody who is in either.

    *known_before*: who was worth something on any day before the start. *given_back*: whose money
    went back by the guarantee in between. *retired*: who had only products that are given up.
    """
    found = []
    for customer in sorted(start.keys() | end.keys()):
        before, after = start.get(customer, 0), end.get(customer, 0)
        if customer in known_before or before:
            kind = _kind(before, after)
        else:
            kind = Kind.NEW if after else Kind.UNCHANGED
        if kind == Kind.CHURNED and customer in given_back:
            kind = Kind.GIVEN_BACK
        elif kind == Kind.CHURNED and customer in retired:
            kind = Kind.RETIRED
        found.append(Move(customer, before, after, kind))
    return found


def add_up(moves: Iterable[Move]) -> Movements:
    found = Movements()
    for move in moves:
        found.start += move.before
        found.end += move.after
        found.customers_at_start += move.before > 0
        found.customers_lost += move.kind in {Kind.CHURNED, Kind.RETIRED}
        if move.kind != Kind.UNCHANGED:
            changed = abs(move.after - move.before)
            setattr(found, move.kind, getattr(found, move.kind) + changed)
    return found


def movements(
    start: Mapping[int, int],
    end: Mapping[int, int],
    *,
    known_before: AbstractSet[int],
    given_back: AbstractSet[int],
    retired: AbstractSet[int] = frozenset(),
) -> Movements:
    """The same, added up."""
    return add_up(
        moves_between(start, end, known_before=known_before, given_back=given_back, retired=retired)
    )


def _kind(before: int, after: int) -> Kind:
    """Of somebody who was a customer before."""
    if before == after:
        return Kind.UNCHANGED
    if not before:
        return Kind.REACTIVATION
    if not after:
        return Kind.CHURNED
    return Kind.EXPANSION if after > before else Kind.CONTRACTION
