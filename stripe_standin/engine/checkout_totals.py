"""What an open Checkout session comes to: items, less a discount, plus tax."""

from ..contract import Json
from ..world import World
from . import amounts
from .coupons import amount_off, applies_to, with_products
from .sums import exemption, tax_of


def recount(world: World, session_id: str) -> Json:
    """Bring the sums of the session in step with its items, its discount and the buyer's place."""
    session, notes = world.get(session_id), world.notes(session_id)
    items: list[Json] = notes["items"]
    for item in items:
        total = amounts.total(world, item["price"], item["quantity"])
        item |= {"amount_subtotal": total, "amount_discount": 0, "amount_tax": 0}
    _discount(world, session, items)
    status = _tax(world, session, items, notes.get("country"))
    for item in items:
        added = item["amount_tax"] if _is_on_top(item) else 0
        item["amount_total"] = item["amount_subtotal"] - item["amount_discount"] + added
    world.note(session_id, items=items)
    return world.change(
        session_id,
        amount_subtotal=_sum(items, "amount_subtotal"),
        amount_total=_sum(items, "amount_total"),
        automatic_tax=session["automatic_tax"] | {"status": status},
        total_details={
            "amount_discount": _sum(items, "amount_discount"),
            "amount_shipping": 0,
            "amount_tax": _sum(items, "amount_tax"),
        },
    )


def _sum(items: list[Json], name: str) -> int:
    return sum(int(item[name]) for item in items)


def _discount(world: World, session: Json, items: list[Json]) -> None:
    for given in session["discounts"] or []:
        coupon = with_products(world, world.get(coupon_of(world, given)))
        fitting = [item for item in items if applies_to(coupon, item["price"]["product"])]
        left = _sum(fitting, "amount_subtotal")
        to_give = amount_off(coupon, left)
        for item in fitting:
            net = item["amount_subtotal"]
            if coupon["percent_off"] is not None:
                item["amount_discount"] = amount_off(coupon, net)
                continue
            item["amount_discount"] = to_give * net // left if left else 0
            to_give, left = to_give - item["amount_discount"], left - net


def coupon_of(world: World, given: Json) -> str:
    """The coupon behind an entry of `session.discounts`."""
    if given["promotion_code"]:
        return str(world.get(given["promotion_code"])["promotion"]["coupon"])
    return str(given["coupon"])


def _is_on_top(item: Json) -> bool:
    return bool(item["price"]["tax_behavior"] != "inclusive")


def _tax(world: World, session: Json, items: list[Json], country: str | None) -> str | None:
    if not session["automatic_tax"]["enabled"]:
        return None
    customer = world.find(session["customer"]) or {}
    if not (country or (customer.get("address") or {}).get("country")):
        return "requires_location_inputs"
    if world.options.tax_fails:
        return "failed"
    for item in items:
        behavior = "exclusive" if _is_on_top(item) else "inclusive"
        net = item["amount_subtotal"] - item["amount_discount"]
        item["amount_tax"] = 0 if exemption(customer) else tax_of(world, net, behavior)[0]
    return "complete"
