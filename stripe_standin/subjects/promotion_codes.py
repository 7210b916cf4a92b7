"""Promotion codes: what a customer types in to redeem a coupon."""

import re

from ..contract import Json, blank
from ..engine.coupons import stop_code
from ..errors import invalid_request
from ..lists import PAGING, found, page
from ..operations import Call, merged_metadata, operation
from .redemption import usable_coupon

URL = "/v1/promotion_codes"
RESTRICTIONS = " ".join(
    f"restrictions.{name}"
    for name in ("first_time_transaction", "minimum_amount", "minimum_amount_currency")
)
CODE = re.compile(r"[A-Za-z0-9-]+")


@operation(
    "POST",
    URL,
    takes=f"active code customer expires_at max_redemptions metadata promotion {RESTRICTIONS}",
)
def create_promotion_code(call: Call) -> Json:
    world, params = call.world, call.params
    coupon_id = params["promotion"].get("coupon")
    if not coupon_id:
        message = "Missing required param: promotion[coupon]."
        raise invalid_request(message, param="promotion[coupon]", code="parameter_missing")
    coupon = usable_coupon(world, coupon_id, "promotion[coupon]")
    if "customer" in params:
        world.require("customer", params["customer"], param="customer")
    code = params.get("code") or world.new_id("", 8).upper()
    _check(call, coupon, code)
    return world.add(
        blank(
            "promotion_code",
            id=world.new_id("promo_1"),
            active=params.get("active", True),
            code=code,
            created=world.now(),
            metadata=merged_metadata({}, params.get("metadata")),
            promotion={"type": "coupon", "coupon": coupon_id},
            restrictions=_restrictions(params),
        )
        | call.given("customer", "expires_at", "max_redemptions"),
        "promotion_code.created",
    )


def _restrictions(params: Json) -> Json:
    none: Json = {"minimum_amount": None, "minimum_amount_currency": None}
    given: Json = params.get("restrictions", {})
    return {"first_time_transaction": False} | none | given


def _check(call: Call, coupon: Json, code: str) -> None:
    """Source: docs.stripe.com/api/promotion_codes/create."""
    if not CODE.fullmatch(code):
        message = "Valid characters for a promotion code are a-z, A-Z, 0-9 and hyphens."
        raise invalid_request(message, param="code")
    if by_code(call, code):
        message = f"An active promotion code with `code: {code}` already exists."
        raise invalid_request(message, param="code")
    expires = call.params.get("expires_at", call.world.now() + 1)
    if expires <= call.world.now():
        raise invalid_request("expires_at must be in the future.", param="expires_at")
    if coupon["redeem_by"] and expires > coupon["redeem_by"]:
        message = "expires_at cannot be after the coupon's redeem_by."
        raise invalid_request(message, param="expires_at")
    limit, most = call.params.get("max_redemptions", 1), coupon["max_redemptions"]
    if limit < 1 or (most and limit > most):
        message = "max_redemptions must be at least 1, and no more than the coupon's."
        raise invalid_request(message, param="max_redemptions")
    rules = _restrictions(call.params)
    if (rules["minimum_amount"] is None) != (rules["minimum_amount_currency"] is None):
        message = "minimum_amount and minimum_amount_currency belong together."
        raise invalid_request(message, param="restrictions[minimum_amount_currency]")


def by_code(call: Call, code: str) -> list[Json]:
    """Active codes, whatever their case."""
    active = call.world.rows("promotion_code", active=True)
    return [each for each in active if each["code"].lower() == code.lower()]


@operation("GET", URL, takes=PAGING + " active code coupon created customer")
def list_promotion_codes(call: Call) -> Json:
    code, coupon = call.params.get("code", "").lower(), call.params.get("coupon")
    fitting = [
        each
        for each in found(call, "promotion_code", "active", "customer")
        if (not code or each["code"].lower() == code)
        and coupon in (None, each["promotion"]["coupon"])
    ]
    return page(call, URL, fitting)


@operation("GET", URL + "/{promotion_code}")
def get_promotion_code(call: Call) -> Json:
    return call.world.require("promotion_code", call.ids[0])


@operation("POST", URL + "/{promotion_code}", takes="active metadata")
def update_promotion_code(call: Call) -> Json:
    code = call.world.require("promotion_code", call.ids[0])
    changes = call.given("active")
    if changes.get("active") and not code["active"]:
        usable_coupon(call.world, code["promotion"]["coupon"], "active")
        expired = code["expires_at"] and code["expires_at"] <= call.world.now()
        if expired or by_code(call, code["code"]):
            raise invalid_request("This promotion code cannot be activated again.", param="active")
    if changes.get("active") is False:
        stop_code(call.world, code["id"])
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(code["metadata"], call.params["metadata"])
    return call.world.change(code["id"], "promotion_code.updated", **changes)
