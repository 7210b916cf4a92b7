"""Amounts are integers in the currency's smallest unit, with the currency beside them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class VolumeTier:
    """One step of a volume price: up to this quantity (None: no end) each unit costs this much."""

    up_to: int | None
    unit_amount_cents: int


class TotalFalls(ValueError):
    """A tier table whose total falls when one buys more; say so to whoever edits it."""


def volume_total_cents(tiers: Sequence[VolumeTier], quantity: int) -> int:
    """What *quantity* units cost: all of them at the price of the step the quantity falls in."""
    for tier in tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return quantity * tier.unit_amount_cents
    raise ValueError(f"no tier covers a quantity of {quantity}")


def check_volume_tiers(tiers: Sequence[VolumeTier]) -> None:
    """Raise ValueError unless the steps ascend, the last has no end, and no total falls.

    Totals fall where (first quantity of a step) x its price < (that quantity - 1) x the price
    before: 19 blocks at $229 cost $4,351, and 20 at $199 only $3,980.
    """
    if not tiers or tiers[-1].up_to is not None:
        raise ValueError("the last tier must have no upper bound")
    previous = None
    for tier in tiers:
        if previous is not None:
            _check_step(previous, tier)
        previous = tier


def _check_step(before: VolumeTier, after: VolumeTier) -> None:
    if before.up_to is None or (after.up_to is not None and after.up_to <= before.up_to):
        raise ValueError("the upper bounds of the tiers must ascend")
    first = before.up_to + 1
    if first * after.unit_amount_cents < before.up_to * before.unit_amount_cents:
        raise TotalFalls(
            f"{first} units would cost {format_cents(first * after.unit_amount_cents)}, "
            f"less than {before.up_to} units at "
            f"{format_cents(before.up_to * before.unit_amount_cents)}"
        )


def format_cents(amount_cents: int, currency: str = "usd") -> str:
    """`$1,245.00` for dollars, `1,245.00 EUR` for others; whole dollars lose the `.00`."""
    sign = "-" if amount_cents < 0 else ""
    whole, cents = divmod(abs(amount_cents), 100)
    text = f"{whole:,}" if cents == 0 else f"{whole:,}.{cents:02}"
    return f"{sign}${text}" if currency == "usd" else f"{sign}{text} {currency.upper()}"
