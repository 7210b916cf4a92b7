"""Who may redeem which coupon or promotion code, and for what."""

from ..contract import Json
from ..engine.amounts import shown
from ..engine.coupons import new_discount
from ..errors import invalid_request, missing
from ..operations import Call
from ..world import World

MAX_DISCOUNTS = 20  # docs.stripe.com/billing/subscriptions/coupons#stackable


def usable_coupon(world: World, coupon_id: str, param: str, currency: str = "") -> Json:
    found = world.find(coupon_id)
    if not found or found["object"] != "coupon" or found.get("deleted"):
        raise missing("coupon", coupon_id, param=param, status=400)
    if not found["valid"]:
        raise invalid_request(f"Coupon expired: {coupon_id}", param=param, code="coupon_expired")
    if currency and found["currency"] not in (None, currency):
        message = f"The coupon's currency ({found['currency']}) is not {currency}."
        raise invalid_request(message, param=param)
    return found


def usable_code(
    world: World, code_id: str, param: str, *, customer_id: str | None, amount: int, currency: str
) -> Json:
    """A promotion code that this customer may use for this amount."""
    code = world.require("promotion_code", code_id, param=param)
    if not code["active"]:
        message = f"This promotion code ({code['code']}) is not active."
        raise invalid_request(message, param=param, code="promotion_code_expired")
    usable_coupon(world, code["promotion"]["coupon"], param, currency)
    if code["customer"] not in (None, customer_id):
        message = "This promotion code cannot be redeemed because it is for another customer."
        raise invalid_request(message, param=param)
    rules = code["restrictions"]
    if rules["first_time_transaction"] and _has_paid(world, customer_id):
        message = (
            "This promotion code cannot be redeemed because the associated customer has prior"
            " transactions."
        )
        raise invalid_request(message, param=param)
    if rules["minimum_amount"] and amount < rules["minimum_amount"]:
        least = shown(rules["minimum_amount"], rules["minimum_amount_currency"])
        message = f"This promotion code cannot be redeemed for less than {least}."
        raise invalid_request(message, param=param)
    return code


def _has_paid(world: World, customer_id: str | None) -> bool:
    return bool(customer_id and world.rows("charge", customer=customer_id, status="succeeded"))


def read_discount(
    world: World, given: Json, param: str, *, customer_id: str | None, amount: int, currency: str
) -> tuple[str, str | None]:
    """The coupon, and the promotion code if it was one, of an entry of `discounts[]`."""
    if ("coupon" in given) == ("promotion_code" in given):
        message = f"You must specify exactly one of coupon and promotion_code in {param}."
        raise invalid_request(message, param=param)
    if "coupon" in given:
        param += "[coupon]"
        return usable_coupon(world, given["coupon"], param, currency)["id"], None
    param += "[promotion_code]"
    code = usable_code(
        world,
        given["promotion_code"],
        param,
        customer_id=customer_id,
        amount=amount,
        currency=currency,
    )
    return code["promotion"]["coupon"], code["id"]


def read_discounts(call: Call, body: Json, amount: int) -> list[Json] | None:
    """`discounts[]` of a subscription or a preview: kept ones as they are, others new and not yet
    redeemed; None when nothing was said."""
    if "discounts" not in call.params:
        return None
    given: list[Json] = call.params["discounts"] or []
    if len(given) > MAX_DISCOUNTS:
        raise invalid_request(f"You can give at most {MAX_DISCOUNTS} discounts.", param="discounts")
    return [
        _read_own(call.world, each, body, amount, f"discounts[{position}]")
        for position, each in enumerate(given)
    ]


def _read_own(world: World, given: Json, body: Json, amount: int, param: str) -> Json:
    if "discount" in given:
        if given["discount"] not in body["discounts"]:
            raise missing("discount", given["discount"], param=f"{param}[discount]", status=400)
        return world.get(given["discount"])
    coupon_id, code_id = read_discount(
        world, given, param, customer_id=body["customer"], amount=amount, currency=body["currency"]
    )
    whose = {"customer": body["customer"], "subscription": body["id"]}
    return new_discount(world, coupon_id, promotion_code=code_id, **whose)
