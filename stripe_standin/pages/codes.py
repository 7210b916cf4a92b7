"""The promotion code that a buyer types in at Checkout."""

from ..contract import Json
from ..engine.checkout_totals import recount
from ..errors import StripeError
from ..subjects.redemption import usable_code
from ..world import World
from .card_form import BadInputError


def apply_code(world: World, session: Json, fields: dict[str, str]) -> Json:
    """The session with the typed-in code; an empty field takes an earlier one away."""
    if not session["allow_promotion_codes"] or "promotion_code" not in fields:
        return session
    typed = fields["promotion_code"]
    discounts = [{"coupon": None, "promotion_code": _code(world, session, typed)}] if typed else []
    world.change(session["id"], discounts=discounts)
    return recount(world, session["id"])


def _code(world: World, session: Json, typed: str) -> str:
    active = world.rows("promotion_code", active=True)
    found = [code["id"] for code in active if code["code"].lower() == typed.lower()]
    if not found:
        raise BadInputError("This code is invalid.")
    try:
        code = usable_code(
            world,
            found[0],
            "promotion_code",
            customer_id=session["customer"],
            amount=session["amount_subtotal"],
            currency=session["currency"],
        )
    except StripeError as refused:
        raise BadInputError(str(refused)) from None
    return str(code["id"])
