"""What a quantity of a price costs: exact, in the currency's smallest unit."""

from decimal import ROUND_HALF_UP, Decimal

from ..contract import Json
from ..world import World


def unit_price(world: World, price: Json, quantity: int) -> Decimal:
    """The price of one unit when *quantity* are bought (volume tiers: all units at one tier)."""
    if price["billing_scheme"] == "per_unit":
        return Decimal(price["unit_amount_decimal"])
    tier = volume_tier(world.notes(price["id"])["tiers"], quantity)
    return Decimal(tier["unit_amount_decimal"])


def volume_tier(tiers: list[Json], quantity: int) -> Json:
    """The tier that *quantity* falls into; the last one has `up_to` null."""
    return next(tier for tier in tiers if tier["up_to"] is None or quantity <= tier["up_to"])


def total(world: World, price: Json, quantity: int) -> int:
    return rounded(unit_price(world, price, quantity) * quantity)


def rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def shown(amount: int, currency: str) -> str:
    """1245_00 as "$1,245.00"."""
    sign = "-" if amount < 0 else ""
    value = f"{abs(amount) / 100:,.2f}"
    return f"{sign}${value}" if currency == "usd" else f"{sign}{value} {currency.upper()}"


def plain(amount: Decimal) -> str:
    """A decimal as Stripe writes it: no exponent, no needless zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
