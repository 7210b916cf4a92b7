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
        features=_features(blank("portal_features"), call.params["features"]),
        login_page={"enabled": False, "url": None},
        metadata=merged_metadata({}, call.params.get("metadata")),
    )
    if call.params.get("login_page", {}).get("enabled"):
        raise not_built("the portal's login page")
    profile = call.params.get("business_profile", {})
    body["business_profile"] = nulls("portal_business_profile", **profile)
    body |= call.given("default_return_url", "name")
    return world.add(body, "billing_portal.configuration.created")


def _features(current: Json, given: Json) -> Json:
    for name in ("customer_update", "subscription_update"):
        if given.get(name, {}).get("enabled"):
            raise not_built(f"the portal's {name}")
    known = schemas()["portal_features"]["properties"]
    merged: Json = {name: dict(current[name]) for name in known}
    for name, wanted in given.items():
        merged[name] |= {key: value if value != "" else [] for key, value in wanted.items()}
    return merged


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
        changes["features"] = _features(body["features"], call.params["features"])
    if "business_profile" in call.params:
        changes["business_profile"] = body["business_profile"] | call.params["business_profile"]
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(body["metadata"], call.params["metadata"])
    changes["updated"] = call.world.now()
    event = "billing_portal.configuration.updated"
    return call.world.change(body["id"], event, **changes)


@operation("POST", SESSIONS, takes="customer configuration return_url locale")
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
    body |= call.given("locale")
    return world.add(body, "billing_portal.session.created")


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
