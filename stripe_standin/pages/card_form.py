"""The fields of the payment form, read and named when they are wrong."""

import re
from urllib.parse import parse_qs

from ..contract import Json
from ..engine.cards import BY_NUMBER
from ..engine.checkout import Payer
from ..engine.wallets import add_card, attach
from ..subjects.customers import EMAIL
from ..world import World
from .html import Markup

CARD = Markup("""<label for="card_number">Card number</label>
<input id="card_number" name="card_number" inputmode="numeric" autocomplete="cc-number" required>
<div class="pair">
<div><label for="exp">Expires</label>
<input id="exp" name="exp" placeholder="MM/YY" autocomplete="cc-exp" required></div>
<div><label for="cvc">CVC</label>
<input id="cvc" name="cvc" inputmode="numeric" autocomplete="cc-csc" required></div>
</div>""")


class BadInputError(ValueError):
    """What the buyer should change, in one sentence."""


def read_fields(body: bytes) -> dict[str, str]:
    parsed = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[-1].strip() for name, values in parsed.items()}


def read_payer(fields: dict[str, str], session: Json, items: list[Json], now_year: int) -> Payer:
    if is_free(session):
        # "if_required": nothing is due, so no card is asked for.
        number, expires = "", (12, 2034)
    else:
        number = _card(fields.get("card_number", ""))
        expires = _expires(fields.get("exp", ""), now_year)
        _with_cvc(fields)
    return Payer(
        card_number=number,
        email=_email(fields, session),
        name=fields.get("name", ""),
        country=_country(fields.get("country", ""), session),
        expires=expires,
        quantities=_quantities(fields, items),
        tax_id=_tax_id(fields.get("tax_id", ""), session),
    )


def is_free(session: Json) -> bool:
    free = not session["amount_total"]
    return free and session["payment_method_collection"] == "if_required"


def _tax_id(given: str, session: Json) -> str:
    if given and not (session.get("tax_id_collection") or {}).get("enabled"):
        raise BadInputError("This page takes no tax ID.")
    if given and not re.fullmatch(r"[A-Za-z0-9-]{5,20}", given):
        raise BadInputError("Your tax ID is invalid.")
    return given.upper()


def add_customers_card(world: World, fields: dict[str, str], customer_id: str, year: int) -> Json:
    """A card from the form, attached to the customer."""
    card = BY_NUMBER[_card(fields.get("card_number", ""))]
    expires = _expires(fields.get("exp", ""), year)
    _with_cvc(fields)
    customer = world.get(customer_id)
    billing = {"email": customer["email"], "name": customer["name"]}
    method = add_card(world, card, billing=billing, expires=expires)
    return attach(world, method["id"], customer_id)


def known_email(session: Json) -> str | None:
    details = session["customer_details"] or {}
    known: str | None = details.get("email") or session["customer_email"]
    return known


def _email(fields: dict[str, str], session: Json) -> str:
    known = known_email(session)
    if known:
        return known
    if not EMAIL.fullmatch(fields.get("email", "")):
        raise BadInputError("Your email address is not complete.")
    return fields["email"]


def _country(given: str, session: Json) -> str:
    # Without a place there is no tax to calculate.
    needed = session["billing_address_collection"] == "required"
    needed = needed or (session["automatic_tax"]["enabled"] and not session["customer"])
    if not given and needed:
        raise BadInputError("Your country is missing.")
    if given and not re.fullmatch("[A-Za-z]{2}", given):
        raise BadInputError("Give your country as two letters, such as DE or US.")
    return given.upper()


def _card(given: str) -> str:
    number = re.sub(r"[\s-]", "", given)
    if not number:
        raise BadInputError("Your card number is missing.")
    if not number.isdigit() or number not in BY_NUMBER:
        raise BadInputError("This card number is not one of the test cards.")
    return number


def _expires(given: str, now_year: int) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,2})\s*/\s*(?:20)?(\d{2})", given)
    if not match or not 1 <= int(match[1]) <= 12:
        raise BadInputError("Your card's expiration date is not a month and a year (MM/YY).")
    month, year = int(match[1]), 2000 + int(match[2])
    if year < now_year:
        raise BadInputError("Your card's expiration year is in the past.")
    return month, year


def _with_cvc(fields: dict[str, str]) -> dict[str, str]:
    if not re.fullmatch(r"\d{3,4}", fields.get("cvc", "")):
        raise BadInputError("Your card's security code has three or four digits.")
    return fields


def _quantities(fields: dict[str, str], items: list[Json]) -> dict[str, int]:
    """The one adjustable item's quantity, when the form has it."""
    given = fields.get("quantity")
    item = adjustable_item(items)
    if given is None or item is None:
        return {}
    bounds = item["adjustable_quantity"]
    low, high = max(bounds["minimum"], 1), bounds["maximum"]
    if not given.isdigit() or not low <= int(given) <= high:
        raise BadInputError(f"The quantity must be between {low} and {high}.")
    return {item["id"]: int(given)}


def adjustable_item(items: list[Json]) -> Json | None:
    for item in items:
        if (item["adjustable_quantity"] or {}).get("enabled"):
            return item
    return None
