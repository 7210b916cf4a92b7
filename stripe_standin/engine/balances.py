"""The customer's balance: credit (negative) or debt, and how it came about."""

from typing import Any

from ..contract import Json, blank
from ..world import World


def move_balance(
    world: World, customer_id: str, amount: int, kind: str, *, told: bool = True, **fields: Any
) -> Json:
    """Change the balance by *amount*; a negative one is to the customer's good."""
    customer = world.get(customer_id)
    end = customer["balance"] + amount
    event = "customer.updated" if told else ""
    world.change(customer_id, event, balance=end)
    moved = blank(
        "customer_balance_transaction",
        id=world.new_id("cbtxn_1"),
        amount=amount,
        created=world.now(),
        currency=customer["currency"] or "usd",
        customer=customer_id,
        ending_balance=end,
        metadata={},
        type=kind,
    )
    return world.add(moved | fields)
