"""What an invoice comes to: lines, less discounts, plus tax.

The tax is one rate for everything (`POST /_test/tax`), zero unless a test sets it; Stripe Tax would
look at the product, the place and the registrations.
"""

from decimal import Decimal

from ..contract import Json
from ..store import copied
from ..world import World
from .amounts import rounded
from .coupons import amount_off, applies_to, terms_of

TAX_RATE = "txr_1StandInAutomaticTax"


def settle(world: World, body: Json, discounts: list[Json]) -> Json:
    """Fill in discounts, taxes and totals of an invoice body, and of its lines."""
    lines = body["lines"]["data"]
    for line in lines:
        line |= {"discount_amounts": [], "pretax_credit_amounts": [], "taxes": []}
    for discount in discounts:
        _allocate(world, lines, discount)
    if body["automatic_tax"]["enabled"]:
        body["automatic_tax"]["status"] = _tax(world, body, lines)
    body["discounts"] = [discount["id"] for discount in discounts]
    return body | _totals(lines)


def _allocate(world: World, lines: list[Json], discount: Json) -> None:
    """An amount off is spread over the lines it is for, the last one takes what rounding leaves."""
    coupon = terms_of(world, discount)
    fitting = [line for line in lines if line["discountable"] and _is_for(coupon, line)]
    left = sum(_net(line) for line in fitting)
    to_give = amount_off(coupon, left)
    for line in fitting:
        net = _net(line)
        if coupon["percent_off"] is not None:
            share = amount_off(coupon, net)
        else:
            share = to_give * net // left if left else 0
            to_give, left = to_give - share, left - net
        part = {"amount": share, "discount": discount["id"]}
        line["discount_amounts"].append(part)
        line["pretax_credit_amounts"].append(part | {"type": "discount"})


def _is_for(coupon: Json, line: Json) -> bool:
    pricing = line["pricing"]
    product = pricing["price_details"]["product"] if pricing else ""
    return applies_to(coupon, product)


def _net(line: Json) -> int:
    off = sum(part["amount"] for part in line["discount_amounts"])
    return int(line["amount"]) - int(off)


def tax_of(world: World, amount: int, behavior: str) -> tuple[int, int]:
    """(tax, taxable amount) on an amount that has the tax on top or inside it."""
    rate = Decimal(str(world.options.tax_percent)) / 100
    if behavior == "inclusive":
        tax = rounded(amount * rate / (1 + rate))
        return tax, amount - tax
    return rounded(amount * rate), amount


def exemption(customer: Json) -> str:
    """Why a customer pays no tax; "" when he does."""
    reasons = {"exempt": "customer_exempt", "reverse": "reverse_charge"}
    return reasons.get(customer.get("tax_exempt") or "none", "")


def _tax(world: World, body: Json, lines: list[Json]) -> str:
    if not (body["customer_address"] or {}).get("country"):
        return "requires_location_inputs"
    if world.options.tax_fails:
        return "failed"
    exempt = exemption(world.get(body["customer"]))
    for line in lines:
        behavior = _behavior(world, line)
        tax, taxable = tax_of(world, _net(line), behavior)
        reason = exempt or ("standard_rated" if world.options.tax_percent else "not_collecting")
        line["taxes"] = [
            {
                "amount": 0 if exempt else tax,
                "tax_behavior": behavior,
                "tax_rate_details": {"tax_rate": TAX_RATE},
                "taxability_reason": reason,
                "taxable_amount": 0 if exempt else taxable,
                "type": "tax_rate_details",
            }
        ]
    return "complete"


def _behavior(world: World, line: Json) -> str:
    """Prices that do not say it have the tax on top here."""
    pricing = line["pricing"]
    price = world.find(pricing["price_details"]["price"]) if pricing else None
    return "inclusive" if price and price["tax_behavior"] == "inclusive" else "exclusive"


def _totals(lines: list[Json]) -> Json:
    subtotal = sum(line["amount"] for line in lines)
    off = _together(lines, "discount_amounts", "discount")
    taxes = _together(lines, "taxes", "tax_behavior")
    inside = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    on_top = sum(tax["amount"] for tax in taxes) - inside
    net = subtotal - sum(part["amount"] for part in off)
    due = max(net + on_top, 0)
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inside,
        "total": net + on_top,
        "total_excluding_tax": net - inside,
        "total_discount_amounts": off,
        "total_pretax_credit_amounts": [part | {"type": "discount"} for part in off],
        "total_taxes": taxes,
        "amount_due": due,
        "amount_remaining": due,
    }


def _together(lines: list[Json], name: str, key: str) -> list[Json]:
    """The parts of all lines, added up by what they have in common."""
    sums: dict[str, Json] = {}
    for line in lines:
        for part in line[name]:
            if part[key] not in sums:
                sums[part[key]] = copied(part)
            else:
                for field in ("amount", "taxable_amount"):
                    if field in part:
                        sums[part[key]][field] += part[field]
    return list(sums.values())
