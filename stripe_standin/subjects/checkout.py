"""Checkout sessions: opened here, paid on the hosted page."""

from ..contract import Json, Value, blank
from ..engine.checkout_totals import recount
from ..errors import invalid_request, not_built
from ..expansion import shown_on_request
from ..lists import PAGING, cut, found, page, whole
from ..operations import Call, merged_metadata, nulls, operation
from ..world import World
from .checkout_items import read_items
from .checkout_rules import check_session
from .redemption import read_discount

URL = "/v1/checkout/sessions"
LIFETIME_SECONDS = 24 * 3600
CREATE = (
    "mode ui_mode success_url cancel_url client_reference_id customer customer_email"
    " line_items.price line_items.quantity line_items.adjustable_quantity line_items.metadata"
    " line_items.price_data metadata expires_at payment_method_types locale"
    " subscription_data.metadata subscription_data.description subscription_data.billing_mode.type"
    " adaptive_pricing.enabled allow_promotion_codes automatic_tax.enabled currency"
    " billing_address_collection customer_update custom_text payment_method_collection"
    " tax_id_collection.enabled tax_id_collection.required managed_payments.enabled"
    " discounts phone_number_collection.enabled submit_type integration_identifier"
    " payment_method_options.card.request_three_d_secure"
)
# "without payment_method_types a real session offered these": the page takes cards only.
DYNAMIC_METHODS = ["card", "klarna", "link", "us_bank_account"]


@operation("POST", URL, takes=CREATE)
def create_session(call: Call) -> Json:
    world, params = call.world, call.params
    check_session(world, params)
    items = read_items(call)
    session = _session_body(world, params) | {"currency": items[0]["currency"]}
    session["discounts"] = _discounts(call, items)
    copied = "success_url cancel_url client_reference_id customer customer_email locale"
    session |= call.given(*copied.split(), "allow_promotion_codes", "billing_address_collection")
    session |= call.given("submit_type", "integration_identifier")
    world.note(
        session["id"],
        items=items,
        subscription_data=params.get("subscription_data", {}),
        customer_update=params.get("customer_update", {}),
    )
    world.put(session)
    return recount(world, session["id"])


def _discounts(call: Call, items: list[Json]) -> list[Json] | None:
    """What the shop gives by itself; the buyer may type in a code where that is allowed."""
    if "discounts" not in call.params:
        return None
    found = []
    for position, given in enumerate(call.params["discounts"]):
        coupon_id, code_id = read_discount(
            call.world,
            given,
            f"discounts[{position}]",
            customer_id=call.params.get("customer"),
            amount=sum(item["amount_subtotal"] for item in items),
            currency=items[0]["currency"],
        )
        # A promotion code is shown instead of the coupon that is behind it.
        found.append({"coupon": None if code_id else coupon_id, "promotion_code": code_id})
    return found


def _session_body(world: World, params: Json) -> Json:
    session_id = world.new_id("cs_test_a1", 56)
    taxed = params.get("automatic_tax", {}).get("enabled", False)
    body = blank(
        "checkout.session",
        id=session_id,
        automatic_tax=nulls(
            "payment_pages_checkout_session_automatic_tax",
            enabled=taxed,
            liability={"type": "self"} if taxed else None,
            provider="stripe" if taxed else None,
        ),
        adaptive_pricing={"enabled": False},
        created=world.now(),
        custom_text=_custom_text(params),
        customer_details=_customer_details(world, params),
        expires_at=params.get("expires_at", world.now() + LIFETIME_SECONDS),
        metadata=merged_metadata({}, params.get("metadata")),
        mode=params["mode"],
        payment_method_collection=params.get("payment_method_collection", "always"),
        payment_method_options=_card_options(params),
        payment_method_types=params.get("payment_method_types") or DYNAMIC_METHODS,
        payment_status="unpaid",
        saved_payment_method_options={
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        },
        status="open",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{world.options.public_url}/c/pay/{session_id}",
    )
    return body | _switches(params)


def _switches(params: Json) -> Json:
    """What is only there when it was switched on (or off) by hand."""
    shown: Json = {}
    if "tax_id_collection" in params:
        shown["tax_id_collection"] = {"required": "never", **params["tax_id_collection"]}
    if "managed_payments" in params:
        managed = params["managed_payments"].get("enabled", False)
        shown["managed_payments"] = {"enabled": managed}
    return shown


def _card_options(params: Json) -> Json:
    wanted = params.get("payment_method_options", {}).get("card", {})
    asked = wanted.get("request_three_d_secure", "automatic")
    if asked != "automatic":
        raise not_built(f"request_three_d_secure={asked}")
    return {"card": {"request_three_d_secure": asked}}


def _custom_text(params: Json) -> Json:
    given = {key: value or None for key, value in params.get("custom_text", {}).items()}
    return nulls("payment_pages_checkout_session_custom_text", **given)


def _customer_details(world: World, params: Json) -> Value:
    """What is known of the buyer before he fills in the page."""
    email = params.get("customer_email")
    if "customer" in params:
        email = world.get(params["customer"])["email"]
    elif not email:
        return None
    schema = "payment_pages_checkout_session_customer_details"
    return nulls(schema, email=email, tax_exempt="none" if "customer" in params else None)


LIST = " created customer customer_details.email payment_intent status subscription"


@operation("GET", URL, takes=PAGING + LIST)
def list_sessions(call: Call) -> Json:
    email = call.params.get("customer_details", {}).get("email")
    fields = ("customer", "payment_intent", "status", "subscription")
    fitting = [
        session
        for session in found(call, "checkout.session", *fields)
        if email in (None, (session["customer_details"] or {}).get("email"))
    ]
    return page(call, URL, fitting)


@operation("GET", URL + "/{session}")
def get_session(call: Call) -> Json:
    return call.world.require("checkout.session", call.ids[0])


@operation("POST", URL + "/{session}", takes="metadata")
def update_session(call: Call) -> Json:
    session = call.world.require("checkout.session", call.ids[0])
    metadata = merged_metadata(session["metadata"], call.params.get("metadata", {}))
    return call.world.change(session["id"], metadata=metadata)


@operation("POST", URL + "/{session}/expire")
def expire_session(call: Call) -> Json:
    session = call.world.require("checkout.session", call.ids[0])
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout'
            f" Session has a status of `{session['status']}`."
        )
        raise invalid_request(message)
    return expire(call.world, session["id"])


def expire(world: World, session_id: str) -> Json:
    return world.change(session_id, "checkout.session.expired", status="expired", url=None)


@operation("GET", URL + "/{session}/line_items", takes=PAGING)
def list_session_items(call: Call) -> Json:
    session = call.world.require("checkout.session", call.ids[0])
    return cut(call, f"{URL}/{session['id']}/line_items", _items(call.world, session))


def _items(world: World, session: Json) -> list[Json]:
    items: list[Json] = world.notes(session["id"])["items"]
    return items


@shown_on_request("checkout.session", "line_items")
def show_line_items(world: World, session: Json) -> Value:
    return whole(f"{URL}/{session['id']}/line_items", _items(world, session))
