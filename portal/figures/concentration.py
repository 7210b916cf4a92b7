"""How much hangs on how few customers."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Concentration:
    """Shares are fractions of the whole, 0 to 1. `effective` is how many customers of equal size
    would be as concentrated: 1 / the sum of the squared shares (the Herfindahl index).
    """

    customers: int
    top1: float
    top5: float
    top10: float
    hhi: float
    effective: float
    color: str  # "green", "amber", "red"


def concentrate(values: Collection[int]) -> Concentration:
    """Of the cents of each customer. Nothing is worth nothing: all is 0 then, and green."""
    total = sum(values)
    if not total:
        return Concentration(0, 0, 0, 0, 0, 0, "green")
    shares = sorted((value / total for value in values if value), reverse=True)
    hhi = sum(share * share for share in shares)
    return Concentration(
        customers=len(shares),
        top1=shares[0],
        top5=sum(shares[:5]),
        top10=sum(shares[:10]),
        hhi=hhi,
        effective=1 / hhi,
        color=_color(shares[0], len(shares)),
    )


def _color(top1: float, customers: int) -> str:
    """Of few equal customers each has a large share; that alone is no alarm."""
    if top1 > max(0.05, 3 / customers):
        return "red"
    return "amber" if top1 > max(0.03, 2 / customers) else "green"
