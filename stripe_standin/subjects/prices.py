"""Prices, per unit or in volume tiers."""

from decimal import Decimal

from ..contract import Json, Value, blank
from ..engine.amounts import plain
from ..engine.lines import show_price_in_items
from ..errors import invalid_request, missing, not_built
from ..expansion import shown_on_request
from ..lists import PAGING, matches, page
from ..operations import Call, merged_metadata, operation
from ..world import World
from . import products
from .price_rules import check_amounts, check_lookup_keys, check_product, read_tiers

URL = "/v1/prices"
FIELDS = "active lookup_key metadata nickname tax_behavior transfer_lookup_key"
CREATE = (
    " currency product product_data unit_amount unit_amount_decimal billing_scheme tiers_mode"
    " recurring.interval recurring.interval_count recurring.usage_type"
    " tiers.up_to tiers.unit_amount tiers.unit_amount_decimal"
)


@operation("POST", URL, takes=FIELDS + CREATE)
def create_price(call: Call) -> Json:
    check_product(call.params)
    check_amounts(call.params)
    if "product_data" in call.params:
        data = call.params["product_data"]
        product = call.world.add(products.new_product(call, data), "product.created")
        call = Call(call.world, params={**call.params, "product": product["id"]})
    price = new_price(call)
    call.world.emit("price.created", price)
    return price


def new_price(call: Call) -> Json:
    """Put a price from checked parameters, and note its tiers; tells nobody."""
    world, params = call.world, call.params
    product = world.require("product", params["product"], param="product")
    _take_lookup_key(call, None)
    recurring = params.get("recurring")
    price = blank(
        "price",
        id=world.new_id("price_1"),
        active=params.get("active", True),
        created=world.now(),
        currency=params["currency"],
        product=product["id"],
        lookup_key=params.get("lookup_key"),
        nickname=params.get("nickname"),
        metadata=merged_metadata({}, params.get("metadata")),
        tax_behavior=params.get("tax_behavior", "unspecified"),
        type="recurring" if recurring else "one_time",
        recurring=_recurring(recurring) if recurring else None,
    )
    if params.get("billing_scheme") == "tiered":
        price |= {"billing_scheme": "tiered", "tiers_mode": params["tiers_mode"]}
        world.note(price["id"], tiers=read_tiers(params["tiers"]))
    else:
        price |= _amount(params)
    return world.put(price)


def _recurring(params: Json) -> Json:
    if params.get("usage_type") == "metered":
        raise not_built("metered prices")
    return {
        "interval": params["interval"],
        "interval_count": params.get("interval_count", 1),
        "meter": None,
        "usage_type": "licensed",
    }


def _amount(params: Json) -> Json:
    exact = Decimal(str(params.get("unit_amount", params.get("unit_amount_decimal"))))
    whole = int(exact) if exact == exact.to_integral_value() else None
    return {"unit_amount": whole, "unit_amount_decimal": plain(exact)}


def _take_lookup_key(call: Call, price_id: str | None) -> None:
    """A lookup key names one price; with `transfer_lookup_key` the old one loses it."""
    key = call.params.get("lookup_key")
    holders = [p for p in call.world.rows("price", lookup_key=key) if key and p["id"] != price_id]
    for holder in holders:
        if not call.params.get("transfer_lookup_key"):
            message = f"A price (`{holder['id']}`) already uses that lookup key."
            raise invalid_request(message, param="lookup_key")
        changed = call.world.change(holder["id"], "price.updated", lookup_key=None)
        show_price_in_items(call.world, changed)


@operation(
    "GET",
    URL,
    takes=PAGING + " active created currency lookup_keys product type recurring.interval",
)
def list_prices(call: Call) -> Json:
    params = call.params
    check_lookup_keys(params)
    interval = params.get("recurring", {}).get("interval")
    keys = params.get("lookup_keys")
    found = [
        price
        for price in call.world.rows("price")
        if matches(price, params, "active", "currency", "product", "type")
        and (interval is None or (price["recurring"] or {}).get("interval") == interval)
        and (keys is None or price["lookup_key"] in keys)
    ]
    return page(call, URL, found)


@operation("GET", URL + "/{price}")
def get_price(call: Call) -> Json:
    return call.world.require("price", call.ids[0])


@operation("POST", URL + "/{price}", takes=FIELDS)
def update_price(call: Call) -> Json:
    price = call.world.require("price", call.ids[0])
    changes = call.given("active", "lookup_key", "nickname", "tax_behavior")
    # docs.stripe.com/api/prices/update: tax_behavior "cannot be changed" once it is specified.
    settled = price["tax_behavior"] != "unspecified"
    if settled and changes.get("tax_behavior", price["tax_behavior"]) != price["tax_behavior"]:
        message = "The tax behavior of a price cannot be changed once it is specified."
        raise invalid_request(message, param="tax_behavior")
    _take_lookup_key(call, price["id"])
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(price["metadata"], call.params["metadata"])
    changed = call.world.change(price["id"], "price.updated", **changes)
    show_price_in_items(call.world, changed)
    return changed


@shown_on_request("price", "tiers")
def show_tiers(world: World, price: Json) -> Value:
    return world.notes(price["id"]).get("tiers")


@shown_on_request("price", "currency_options")
def show_currency_options(world: World, price: Json) -> Value:
    names = ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")
    return {price["currency"]: {name: price[name] for name in names}}


def usable_price(world: World, price_id: str, param: str) -> Json:
    """A price that something new may be sold at."""
    price = world.find(price_id)
    if price is None or price["object"] != "price":
        raise missing("price", price_id, param=param, status=400)
    if not price["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise invalid_request(message, param=param)
    return price
