"""The line items of a Checkout session: a price or an inline one, a quantity, and their sum."""

from ..contract import Json, blank
from ..engine import amounts
from ..errors import invalid_request
from ..operations import Call, merged_metadata
from . import prices, products
from .price_rules import check_amounts, check_product

# docs.stripe.com/api/checkout/sessions/create: the defaults of adjustable_quantity.
MIN_QUANTITY, MAX_QUANTITY = 0, 99
HIGHEST_QUANTITY = 999999


def read_items(call: Call) -> list[Json]:
    items = [_item(call, item, position) for position, item in enumerate(_given(call.params))]
    _check_together(call.params, items)
    _check_currency(call, items[0]["currency"])
    return items


def _given(params: Json) -> list[Json]:
    given: list[Json] = params.get("line_items") or []
    if not given:
        message = "Missing required param: line_items."
        raise invalid_request(message, param="line_items", code="parameter_missing")
    return given


def _item(call: Call, given: Json, position: int) -> Json:
    param = f"line_items[{position}]"
    price = _price(call, given, param)
    quantity = given.get("quantity")
    if quantity is None:
        message = f"Quantity is required. Add `quantity` to `{param}`"
        raise invalid_request(message, param=f"{param}[quantity]", code="parameter_missing")
    if quantity < 1:
        message = "This value must be greater than or equal to 1."
        code = "parameter_invalid_integer"
        raise invalid_request(message, param=f"{param}[quantity]", code=code)
    total = amounts.total(call.world, price, quantity)
    return blank(
        "item",
        id=call.world.new_id("li_1"),
        adjustable_quantity=_adjustable(given, quantity, param),
        amount_subtotal=total,
        amount_total=total,
        currency=price["currency"],
        description=call.world.get(price["product"])["name"],
        metadata=merged_metadata({}, given.get("metadata")),
        price=price,
        quantity=quantity,
    )


def _price(call: Call, given: Json, param: str) -> Json:
    if ("price" in given) == ("price_data" in given):
        message = f"You must provide exactly one of `price` and `price_data` in `{param}`."
        raise invalid_request(message, param=param, code="parameter_missing")
    if "price" in given:
        price = prices.usable_price(call.world, given["price"], f"{param}[price]")
    else:
        price = _inline_price(call, given["price_data"])
    product = call.world.get(price["product"])
    if "price" in given and not (product.get("active") or product.get("deleted")):
        message = f"The product of the price `{price['id']}` is inactive."
        raise invalid_request(message, param=f"{param}[price]")
    return price


def _inline_price(call: Call, data: Json) -> Json:
    """ "price_data": a price (and product) for this session only, so it is made inactive."""
    check_product(data)
    check_amounts(data)
    if "product_data" in data:
        product = products.new_product(call, {**data["product_data"], "active": False})
        call.world.put(product)
        data = {**data, "product": product["id"]}
    return prices.new_price(Call(call.world, params={**data, "active": False}))


def _adjustable(given: Json, quantity: int, param: str) -> Json | None:
    wanted = given.get("adjustable_quantity")
    if wanted is None:
        return None
    if not wanted["enabled"]:
        return {"enabled": False, "maximum": None, "minimum": None}
    low, high = wanted.get("minimum", MIN_QUANTITY), wanted.get("maximum", MAX_QUANTITY)
    if not (low <= quantity <= high <= HIGHEST_QUANTITY):
        message = (
            f"`{param}[quantity]` must lie between the minimum and the maximum of"
            " `adjustable_quantity`."
        )
        raise invalid_request(message, param=f"{param}[adjustable_quantity]")
    return {"enabled": True, "maximum": high, "minimum": low}


def _check_together(params: Json, items: list[Json]) -> None:
    recurring = [item["price"]["recurring"] for item in items if item["price"]["recurring"]]
    if params["mode"] == "subscription" and not recurring:
        message = "You must provide at least one recurring price in `subscription` mode."
        raise invalid_request(message, param="mode")
    if len({(each["interval"], each["interval_count"]) for each in recurring}) > 1:
        message = "Checkout does not support multiple prices with different billing intervals."
        raise invalid_request(message, param="line_items")
    if len({item["currency"] for item in items}) > 1:
        message = "All prices of a Checkout Session must have the same currency."
        raise invalid_request(message, param="line_items")


def _check_currency(call: Call, currency: str) -> None:
    """A customer keeps the currency of his first subscription."""
    customer = call.world.find(call.params.get("customer"))
    bound = customer and customer.get("currency")
    if bound and bound != currency:
        message = (
            "You cannot combine currencies on a single customer. This customer has had a"
            f" subscription with currency {bound}."
        )
        raise invalid_request(message, param="line_items")
