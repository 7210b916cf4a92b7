"""Rules between the parameters of a Checkout session.

Source, unless a line names another: docs.stripe.com/api/checkout/sessions/create.
"""

from urllib.parse import urlsplit

from ..contract import Json
from ..errors import invalid_request, not_built
from ..world import World
from .customers import check_email

SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 3600
SWITCHES = ("automatic_tax", "tax_id_collection", "managed_payments", "phone_number_collection")


def check_session(world: World, params: Json) -> None:
    _check_mode(params)
    _check_urls(params)
    _check_customer(world, params)
    _check_expiry(world, params)
    _check_methods(params)
    for name in SWITCHES:
        if params.get(name, {}).get("enabled"):
            raise not_built(f"{name}[enabled]=true")
    if params.get("adaptive_pricing", {}).get("enabled"):
        raise not_built("adaptive_pricing[enabled]=true")


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
