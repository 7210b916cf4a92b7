"""The customer portal: its configurations, and sessions with a link to the hosted page."""

from ..contract import Json, blank, schemas
from ..errors import invalid_request, not_built
from ..lists import PAGING, matches, page
from ..operations import Call, merged_metadata, nulls, operation
from ..world import World

SESSIONS = "/v1/billing_portal/sessions"
CONFIGURATIONS = "/v1/billing_portal/configurations"
FIELDS = "business_profile default_return_url features login_page metadata name"


@operation("POST", CONFIGURATIONS, takes=FIELDS)
def create_configuration(call: Call) -> Json:
    world = call.world
    first = not world.all("billing_portal.configuration")
    body = blank(
        "billing_portal.configuration",
        id=world.new_id("bpc_1"),
        active=True,
        created=world.now(),
        is_default=first,
        updated=world.now(),
        features=_features(world, blank("portal_features"), call.params["features"]),
        login_page={"enabled": False, "url": None},
        metadata=merged_metadata({}, call.params.get("metadata")),
    )
    if call.params.get("login_page", {}).get("enabled"):
        raise not_built("the portal's login page")
    profile = call.params.get("business_profile", {})
    body["business_profile"] = nulls("portal_business_profile", **profile)
    body |= call.given("default_return_url", "name")
    return world.add(body, "billing_portal.configuration.created")


def _features(world: World, current: Json, given: Json) -> Json:
    known = schemas()["portal_features"]["properties"]
    merged: Json = {name: dict(current[name]) for name in known}
    for name, wanted in given.items():
        clean = {key: value if value != "" else [] for key, value in wanted.items()}
        for key, value in clean.items():
            old = merged[name].get(key)
            hashes = isinstance(old, dict) and isinstance(value, dict)
            merged[name][key] = old | value if hashes else value
    _check_customer_update(merged["customer_update"])
    _check_subscription_update(world, merged["subscription_update"])
    return merged


def _check_customer_update(feature: Json) -> None:
    """docs.stripe.com/api/customer_portal/configurations/create."""
    if feature["enabled"] and not feature["allowed_updates"]:
        message = "Missing required param: features[customer_update][allowed_updates]."
        param = "features[customer_update][allowed_updates]"
        raise invalid_request(message, param=param, code="parameter_missing")


def _check_subscription_update(world: World, feature: Json) -> None:
    if not feature["enabled"]:
        return
    for name in ("default_allowed_updates", "products"):
        if not feature[name]:
            param = f"features[subscription_update][{name}]"
            message = f"Missing required param: {param}."
            raise invalid_request(message, param=param, code="parameter_missing")
    for position, product in enumerate(feature["products"]):
        param = f"features[subscription_update][products][{position}]"
        world.require("product", product["product"], param=f"{param}[product]")
        none = {"enabled": False, "maximum": None, "minimum": 1}
        product["adjustable_quantity"] = none | product.get("adjustable_quantity", {})
        for price_id in product["prices"]:
            price = world.require("price", price_id, param=f"{param}[prices]")
            if price["product"] != product["product"]:
                message = f"The price {price_id} does not belong to {product['product']}."
                raise invalid_request(message, param=f"{param}[prices]")


@operation("GET", CONFIGURATIONS, takes=PAGING + " active is_default")
def list_configurations(call: Call) -> Json:
    found = call.world.rows("billing_portal.configuration")
    fitting = [c for c in found if matches(c, call.params, "active", "is_default")]
    return page(call, CONFIGURATIONS, fitting)


@operation("GET", CONFIGURATIONS + "/{configuration}")
def get_configuration(call: Call) -> Json:
    return call.world.require("billing_portal.configuration", call.ids[0])


@operation("POST", CONFIGURATIONS + "/{configuration}", takes=FIELDS + " active")
def update_configuration(call: Call) -> Json:
    body = call.world.require("billing_portal.configuration", call.ids[0])
    changes = call.given("active", "default_return_url", "name")
    if "features" in call.params:
        changes["features"] = _features(call.world, body["features"], call.params["features"])
    if "business_profile" in call.params:
        changes["business_profile"] = body["business_profile"] | call.params["business_profile"]
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(body["metadata"], call.params["metadata"])
    changes["updated"] = call.world.now()
    event = "billing_portal.configuration.updated"
    return call.world.change(body["id"], event, **changes)


@operation("POST", SESSIONS, takes="customer configuration flow_data return_url locale")
def create_portal_session(call: Call) -> Json:
    world, params = call.world, call.params
    if "customer" not in params:
        message = "Missing required param: customer."
        raise invalid_request(message, param="customer", code="parameter_missing")
    world.require("customer", params["customer"], param="customer")
    configuration = _configuration(world, params.get("configuration"))
    session_id = world.new_id("bps_1")
    body = blank(
        "billing_portal.session",
        id=session_id,
        configuration=configuration["id"],
        created=world.now(),
        customer=params["customer"],
        return_url=params.get("return_url") or configuration["default_return_url"],
        url=f"{world.options.public_url}/p/session/{session_id}",
    )
    body |= call.given("locale") | {"flow": _flow(world, params)}
    return world.add(body, "billing_portal.session.created")


def _flow(world: World, params: Json) -> Json | None:
    """A deep link into one task. The page shows everything all the same; only where it leads
    afterwards is obeyed."""
    given = params.get("flow_data")
    if not given:
        return None
    done = nulls("portal_flows_flow_after_completion", type="portal_homepage")
    kind = given["type"]
    flow = nulls("portal_flows_flow", type=kind, after_completion=done)
    flow["after_completion"] |= given.get("after_completion", {})
    if kind == "payment_method_update":
        return flow
    named = given.get(kind)
    if not named:
        message = f"Missing required param: flow_data[{kind}]."
        raise invalid_request(message, param=f"flow_data[{kind}]", code="parameter_missing")
    param = f"flow_data[{kind}][subscription]"
    subscription = world.require("subscription", named["subscription"], param=param)
    if subscription["customer"] != params["customer"]:
        raise invalid_request("The subscription is not the customer's.", param=param)
    extra = {"subscription_cancel": {"retention": None}}
    extra["subscription_update_confirm"] = {"discounts": None}
    return flow | {kind: extra.get(kind, {}) | named}


def _configuration(world: World, configuration_id: str | None) -> Json:
    kind = "billing_portal.configuration"
    if configuration_id:
        return world.require(kind, configuration_id, param="configuration")
    default = world.all(kind, is_default=True)
    if not default:
        message = (
            "No configuration provided and your test mode default configuration has not been"
            " created. Provide a configuration or create your default by saving your customer"
            " portal settings in test mode."
        )
        raise invalid_request(message)
    return default[0]
