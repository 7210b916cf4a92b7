"""Checkout sessions: opened here, paid on the hosted page."""

from ..contract import Json, Value, blank
from ..errors import invalid_request, not_built
from ..expansion import shown_on_request
from ..lists import PAGING, cut, matches, page, whole
from ..operations import Call, merged_metadata, nulls, operation
from ..world import World
from .checkout_items import read_items
from .checkout_rules import check_session

URL = "/v1/checkout/sessions"
LIFETIME_SECONDS = 24 * 3600
CREATE = (
    "mode ui_mode success_url cancel_url client_reference_id customer customer_email"
    " line_items.price line_items.quantity line_items.adjustable_quantity line_items.metadata"
    " line_items.price_data metadata expires_at payment_method_types locale"
    " subscription_data.metadata subscription_data.description subscription_data.billing_mode.type"
    " adaptive_pricing.enabled allow_promotion_codes automatic_tax.enabled currency"
    " billing_address_collection customer_update custom_text payment_method_collection"
    " tax_id_collection.enabled managed_payments.enabled phone_number_collection.enabled"
    " submit_type payment_method_options.card.request_three_d_secure integration_identifier"
)
# "without payment_method_types a real session offered these": the page takes cards only.
DYNAMIC_METHODS = ["card", "klarna", "link", "us_bank_account"]


@operation("POST", URL, takes=CREATE)
def create_session(call: Call) -> Json:
    world, params = call.world, call.params
    check_session(world, params)
    items = read_items(call)
    total = sum(item["amount_total"] for item in items)
    if not total and params.get("payment_method_collection") == "if_required":
        raise not_built("a free session without a card")
    session = _session_body(world, params) | {
        "amount_subtotal": total,
        "amount_total": total,
        "currency": items[0]["currency"],
    }
    copied = "success_url cancel_url client_reference_id customer customer_email locale"
    session |= call.given(*copied.split(), "allow_promotion_codes", "billing_address_collection")
    session |= call.given("submit_type", "integration_identifier")
    world.note(
        session["id"],
        items=items,
        subscription_data=params.get("subscription_data", {}),
        customer_update=params.get("customer_update", {}),
    )
    return world.put(session)


def _session_body(world: World, params: Json) -> Json:
    session_id = world.new_id("cs_test_a1", 56)
    return blank(
        "checkout.session",
        id=session_id,
        automatic_tax=nulls("payment_pages_checkout_session_automatic_tax", enabled=False),
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
    found = [
        session
        for session in call.world.rows("checkout.session")
        if matches(session, call.params, *fields)
        and email in (None, (session["customer_details"] or {}).get("email"))
    ]
    return page(call, URL, found)


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
