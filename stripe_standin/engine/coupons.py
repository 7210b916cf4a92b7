"""Coupons, promotion codes, and the discounts that they become."""

from decimal import Decimal

from ..contract import Json, blank
from ..operations import nulls
from ..world import World
from .amounts import rounded
from .periods import plus

MONTH = {"interval": "month", "interval_count": 1}


def amount_off(coupon: Json, amount: int) -> int:
    """What a coupon takes off an amount; never more than there is."""
    if coupon["percent_off"] is None:
        return min(int(coupon["amount_off"]), max(amount, 0))
    return rounded(Decimal(amount) * Decimal(str(coupon["percent_off"])) / 100)


def terms_of(world: World, discount: Json) -> Json:
    """The coupon as it was when it was redeemed: a discount outlives its coupon."""
    terms: Json = world.notes(discount["id"]).get("coupon") or discount["coupon"]
    return terms


def applies_to(coupon: Json, product_id: str) -> bool:
    products = coupon.get("products")
    return products is None or product_id in products


def with_products(world: World, coupon: Json) -> Json:
    """A coupon's terms; the products it is for are shown on request only."""
    return coupon | {"products": world.notes(coupon["id"]).get("products")}


def new_discount(
    world: World, coupon_id: str, *, promotion_code: str | None = None, **whose: str | None
) -> Json:
    """A discount that nobody has yet, such as a preview's; `coupon` is its terms."""
    coupon = with_products(world, world.get(coupon_id))
    end = None
    if coupon["duration"] == "repeating":
        end = plus(world.now(), MONTH, coupon["duration_in_months"])
    discount = nulls(
        "discount",
        id=world.new_id("di_1"),
        object="discount",
        end=end,
        promotion_code=promotion_code,
        source={"type": "coupon", "coupon": coupon_id},
        start=world.now(),
    )
    return discount | whose | {"coupon": coupon}


def redeem(world: World, discount: Json) -> str:
    """Give a new discount to its customer; the id."""
    body = {key: value for key, value in discount.items() if key != "coupon"}
    world.note(body["id"], coupon=discount["coupon"])
    world.add(body, "customer.discount.created")
    count_redemption(world, body["source"]["coupon"])
    if body["promotion_code"]:
        _count_code(world, body["promotion_code"])
    return str(body["id"])


def count_redemption(world: World, coupon_id: str) -> None:
    coupon = world.get(coupon_id)
    times = coupon["times_redeemed"] + 1
    used_up = coupon["max_redemptions"] is not None and times >= coupon["max_redemptions"]
    valid = coupon["valid"] and not used_up
    world.change(coupon_id, "coupon.updated", times_redeemed=times, valid=valid)
    if not valid:
        _close_codes(world, coupon_id)


def _count_code(world: World, code_id: str) -> None:
    code = world.get(code_id)
    times = code["times_redeemed"] + 1
    used_up = code["max_redemptions"] is not None and times >= code["max_redemptions"]
    active = code["active"] and not used_up
    world.change(code_id, "promotion_code.updated", times_redeemed=times, active=active)


def _close_codes(world: World, coupon_id: str) -> None:
    """ "A promotion code is only active if the coupon is also valid"."""
    for code in world.all("promotion_code", active=True):
        if code["promotion"]["coupon"] == coupon_id:
            world.change(code["id"], "promotion_code.updated", active=False)


def stop_coupon(world: World, coupon_id: str) -> None:
    """Its `redeem_by` is over."""
    world.change(coupon_id, "coupon.updated", valid=False)
    _close_codes(world, coupon_id)


def stop_code(world: World, code_id: str) -> None:
    world.change(code_id, "promotion_code.updated", active=False)


def discounts_of(world: World, subscription: Json) -> list[Json]:
    """The discounts that an invoice of now would show."""
    found = [world.get(discount_id) for discount_id in subscription["discounts"]]
    return [each for each in found if each["end"] is None or each["end"] > world.now()]


def drop_discounts(world: World, subscription_id: str, gone: list[str]) -> None:
    """Used up, over, or replaced."""
    if not gone:
        return
    subscription = world.get(subscription_id)
    left = [each for each in subscription["discounts"] if each not in gone]
    world.change(subscription_id, "customer.subscription.updated", discounts=left)
    for discount_id in gone:
        world.emit("customer.discount.deleted", world.get(discount_id))


def drop_used(world: World, subscription_id: str) -> None:
    """After an invoice: what was good for one is gone, and so is what is over."""
    subscription = world.get(subscription_id)
    kept = {each["id"] for each in discounts_of(world, subscription)}
    gone = [
        each
        for each in subscription["discounts"]
        if each not in kept or terms_of(world, world.get(each))["duration"] == "once"
    ]
    drop_discounts(world, subscription_id, gone)


def new_coupon(world: World, **fields: object) -> Json:
    return blank("coupon", created=world.now(), times_redeemed=0, valid=True) | fields
