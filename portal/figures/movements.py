"""What became of the ARR between two days: each customer's, at both ends; not a sum of events."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass
class Movements:
    """Cents a year, all of them 0 or more; `start + gained - lost == end`, to the cent."""

    start: int = 0
    new: int = 0
    reactivation: int = 0  # was a customer before, and had left
    expansion: int = 0
    contraction: int = 0
    churned: int = 0
    given_back: int = 0  # by the guarantee: no churn
    end: int = 0
    customers_at_start: int = 0
    customers_lost: int = 0

    @property
    def gross_churn(self) -> float | None:
        """(churned + contraction) / start; None when there was nothing."""
        return self._of_start(self.churned + self.contraction)

    @property
    def net_churn(self) -> float | None:
        """(churned + contraction - expansion - reactivation) / start."""
        gained = self.expansion + self.reactivation
        return self._of_start(self.churned + self.contraction - gained)

    @property
    def logo_churn(self) -> float | None:
        """Customers lost / customers at the start."""
        if not self.customers_at_start:
            return None
        return self.customers_lost / self.customers_at_start

    def _of_start(self, cents: int) -> float | None:
        return cents / self.start if self.start else None


def movements(
    start: Mapping[int, int],
    end: Mapping[int, int],
    *,
    known_before: AbstractSet[int],
    given_back: AbstractSet[int],
) -> Movements:
    """Compare customer → cents at both ends.

    *known_before*: who was worth something on any day before the start. *given_back*: whose money
    went back by the guarantee in between.
    """
    found = Movements(start=sum(start.values()), end=sum(end.values()))
    found.customers_at_start = sum(1 for cents in start.values() if cents)
    for customer in start.keys() | end.keys():
        before, after = start.get(customer, 0), end.get(customer, 0)
        _sort(found, before, after, customer in known_before, customer in given_back)
    return found


def _sort(found: Movements, before: int, after: int, was_known: bool, was_given_back: bool) -> None:  # noqa: FBT001
    if before == after:
        return
    if not before:
        if was_known:
            found.reactivation += after
        else:
            found.new += after
    elif not after and was_given_back:
        found.given_back += before
    elif not after:
        found.churned += before
        found.customers_lost += 1
    elif after > before:
        found.expansion += after - before
    else:
        found.contraction += before - after
