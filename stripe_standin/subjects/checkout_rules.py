"""Rules between the parameters of a Checkout session.

Source, unless a line names another: docs.stripe.com/api/checkout/sessions/create.
"""

from urllib.parse import urlsplit

from ..contract import Json
from ..errors import invalid_request, not_built
from ..world import World
from .customers import check_email

SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 3600


def check_session(world: World, params: Json) -> None:
    _check_mode(params)
    _check_urls(params)
    _check_customer(world, params)
    _check_expiry(world, params)
    _check_methods(params)
    _check_discounts(params)
    _check_tax(world, params)
    for name in ("phone_number_collection", "adaptive_pricing"):
        if _is_on(params, name):
            raise not_built(f"{name}[enabled]=true")


def _is_on(params: Json, name: str) -> bool:
    return bool(params.get(name, {}).get("enabled"))


def _check_discounts(params: Json) -> None:
    if "discounts" in params and "allow_promotion_codes" in params:
        message = "You may only specify one of these parameters: allow_promotion_codes, discounts."
        raise invalid_request(message, param="allow_promotion_codes")
    # "The coupon or promotion code to apply to this Session. Currently, only up to one".
    if len(params.get("discounts") or []) > 1:
        raise invalid_request("You may only specify one discount.", param="discounts")


def _check_tax(world: World, params: Json) -> None:
    """docs.stripe.com/tax/checkout: a customer's address must be there or be kept."""
    update = params.get("customer_update", {})
    if _is_on(params, "managed_payments"):
        # docs.stripe.com/payments/managed-payments: tax is the merchant of record's affair.
        for name in ("automatic_tax", "tax_id_collection"):
            if name in params:
                message = f"You can't pass `{name}` when managed payments are enabled."
                raise invalid_request(message, param=name)
    customer = world.find(params.get("customer"))
    if not customer:
        return
    place = (customer.get("address") or {}).get("country")
    kept = "auto" in (update.get("address"), update.get("shipping"))
    if _is_on(params, "automatic_tax") and not (place or kept):
        message = (
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a"
            " valid address to the Customer or set either `customer_update[address]` to 'auto' or"
            " `customer_update[shipping]` to 'auto' to save the address entered in Checkout to the"
            " Customer."
        )
        code = "customer_tax_location_invalid"
        raise invalid_request(message, param="automatic_tax", code=code)
    if _is_on(params, "tax_id_collection") and update.get("name") != "auto":
        message = (
            "Tax ID collection requires updating business name on the customer. To enable tax ID"
            " collection for an existing customer, please set `customer_update[name]` to `auto`."
        )
        raise invalid_request(message, param="customer_update[name]")


def _check_mode(params: Json) -> None:
    if "mode" not in params:
        message = "Missing required param: mode."
        raise invalid_request(message, param="mode", code="parameter_missing")
    # "subscription_data" is "for `subscription` mode" only; likewise the rest, for other modes.
    if params["mode"] == "payment" and "subscription_data" in params:
        message = "You can not pass `subscription_data` in `payment` mode."
        raise invalid_request(message, param="subscription_data")
    if params["mode"] != "subscription":
        raise not_built(f"mode={params['mode']}")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_built(f"ui_mode={params['ui_mode']}")


def _check_urls(params: Json) -> None:
    # "success_url ... is not allowed if ui_mode is embedded_page or elements", required otherwise.
    if not params.get("success_url"):
        message = "Missing required param: success_url."
        raise invalid_request(message, param="success_url", code="parameter_missing")
    for name in ("success_url", "cancel_url"):
        parts = urlsplit(params.get(name) or "https://example.com")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise invalid_request("Not a valid URL", param=name, code="url_invalid")


def _check_customer(world: World, params: Json) -> None:
    if "customer" in params and "customer_email" in params:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid_request(message, param="customer")
    check_email(params.get("customer_email"), "customer_email")
    if "customer" in params:
        world.require("customer", params["customer"], param="customer")
    elif "customer_update" in params:
        message = "`customer_update` can only be used with `customer`."
        raise invalid_request(message, param="customer_update")


def _check_expiry(world: World, params: Json) -> None:
    # "anywhere from 30 minutes to 24 hours after Checkout Session creation".
    ahead = params.get("expires_at", world.now() + LONGEST_SECONDS) - world.now()
    if not SHORTEST_SECONDS - 5 <= ahead <= LONGEST_SECONDS:
        message = (
            "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from"
            " Checkout Session creation."
        )
        raise invalid_request(message, param="expires_at")


def _check_methods(params: Json) -> None:
    others = set(params.get("payment_method_types", ["card"])) - {"card", "link"}
    if others:
        raise not_built(f"payment_method_types {', '.join(sorted(others))}")
