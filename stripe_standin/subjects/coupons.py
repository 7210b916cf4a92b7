"""Coupons."""

from ..contract import Json, Value
from ..engine.coupons import new_coupon, stop_coupon
from ..errors import invalid_request, missing
from ..expansion import shown_on_request
from ..lists import PAGING, page
from ..operations import Call, merged_metadata, operation
from ..world import World

URL = "/v1/coupons"
TERMS = "amount_off currency duration_in_months max_redemptions name percent_off redeem_by"


@operation("POST", URL, takes=f"{TERMS} id duration metadata applies_to")
def create_coupon(call: Call) -> Json:
    world, params = call.world, call.params
    _check(call)
    coupon = new_coupon(
        world,
        id=params.get("id") or world.new_id("", 8),
        duration=params.get("duration", "once"),
        metadata=merged_metadata({}, params.get("metadata")),
        **call.given(*TERMS.split()),
    )
    if "applies_to" in params:
        products = params["applies_to"].get("products", [])
        for product_id in products:
            world.require("product", product_id, param="applies_to[products]")
        world.note(coupon["id"], products=products)
    return world.add(coupon, "coupon.created")


def _check(call: Call) -> None:
    """Source: docs.stripe.com/api/coupons/create."""
    params = call.params
    if ("percent_off" in params) == ("amount_off" in params):
        message = "Give exactly one of percent_off and amount_off."
        raise invalid_request(message, param="percent_off", code="parameter_missing")
    if "percent_off" in params and not 0 < params["percent_off"] <= 100:
        message = "percent_off must be greater than 0 and at most 100."
        raise invalid_request(message, param="percent_off")
    if "amount_off" in params and (params["amount_off"] < 1 or "currency" not in params):
        message = "amount_off is a positive amount, and needs a currency."
        raise invalid_request(message, param="amount_off" if "currency" in params else "currency")
    if "percent_off" in params and "currency" in params:
        raise invalid_request("A percentage has no currency.", param="currency")
    repeats = params.get("duration", "once") == "repeating"
    if repeats != ("duration_in_months" in params):
        message = "duration_in_months is required with, and only allowed with, `repeating`."
        raise invalid_request(message, param="duration_in_months")
    _check_limits(call)


def _check_limits(call: Call) -> None:
    params = call.params
    for name in ("duration_in_months", "max_redemptions"):
        if params.get(name, 1) < 1:
            message = "This value must be greater than or equal to 1."
            raise invalid_request(message, param=name, code="parameter_invalid_integer")
    if params.get("redeem_by", call.world.now() + 1) <= call.world.now():
        raise invalid_request("redeem_by must be in the future.", param="redeem_by")
    taken = call.world.find(params.get("id"))
    if taken and not taken.get("deleted"):
        message = "Coupon already exists."
        raise invalid_request(message, param="id", code="resource_already_exists")


def _living(call: Call) -> Json:
    coupon = call.world.require("coupon", call.ids[0])
    if coupon.get("deleted"):
        raise missing("coupon", call.ids[0])
    return coupon


@operation("GET", URL, takes=PAGING + " created")
def list_coupons(call: Call) -> Json:
    return page(call, URL, [c for c in call.world.rows("coupon") if not c.get("deleted")])


@operation("GET", URL + "/{coupon}")
def get_coupon(call: Call) -> Json:
    return _living(call)


@operation("POST", URL + "/{coupon}", takes="metadata name")
def update_coupon(call: Call) -> Json:
    coupon, changes = _living(call), call.given("name")
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(coupon["metadata"], call.params["metadata"])
    return call.world.change(coupon["id"], "coupon.updated", **changes)


@operation("DELETE", URL + "/{coupon}")
def delete_coupon(call: Call) -> Json:
    """ "You can delete coupons ... Deleting a coupon does not affect any customers who have already
    applied the coupon; it means that new customers can't redeem the coupon"."""
    coupon = _living(call)
    stop_coupon(call.world, coupon["id"])
    call.world.note(coupon["id"], whole=coupon)
    call.world.emit("coupon.deleted", coupon)
    return call.world.put({"id": coupon["id"], "object": "coupon", "deleted": True})


@shown_on_request("coupon", "applies_to")
def show_products(world: World, coupon: Json) -> Value:
    products = world.notes(coupon["id"]).get("products")
    return None if products is None else {"products": products}
