"""Webhook endpoints made through the API, beside the one the process was started with."""

from urllib.parse import urlsplit

from ..contract import API_VERSION, Json, blank
from ..errors import invalid_request, missing, not_built
from ..lists import PAGING, page
from ..operations import Call, merged_metadata, operation
from ..webhooks import queue

URL = "/v1/webhook_endpoints"


@operation("POST", URL, takes="url enabled_events description metadata api_version")
def create_webhook_endpoint(call: Call) -> Json:
    world, params = call.world, call.params
    _check(params)
    endpoint = blank(
        "webhook_endpoint",
        id=world.new_id("we_1"),
        api_version=params.get("api_version"),
        created=world.now(),
        description=params.get("description") or None,
        enabled_events=params["enabled_events"],
        metadata=merged_metadata({}, params.get("metadata")),
        status="enabled",
        url=params["url"],
    )
    secret = world.new_id("whsec_", 32)
    world.note(endpoint["id"], secret=secret)
    world.put(endpoint)
    # "The endpoint's secret, used to generate webhook signatures. Only returned at creation."
    return {**endpoint, "secret": secret}


def _check(params: Json) -> None:
    if "url" in params:
        parts = urlsplit(params["url"])
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise invalid_request(
                "Invalid URL: An explicit scheme (such as https) must be provided.",
                param="url",
                code="url_invalid",
            )
    if params.get("api_version", API_VERSION) != API_VERSION:
        raise not_built(f"endpoints of another API version than {API_VERSION}")


@operation("GET", URL, takes=PAGING)
def list_webhook_endpoints(call: Call) -> Json:
    living = [e for e in call.world.rows("webhook_endpoint") if not e.get("deleted")]
    return page(call, URL, living)


@operation("GET", URL + "/{webhook_endpoint}")
def get_webhook_endpoint(call: Call) -> Json:
    endpoint = call.world.require("webhook_endpoint", call.ids[0])
    if endpoint.get("deleted"):
        raise missing("webhook_endpoint", call.ids[0])
    return endpoint


@operation(
    "POST", URL + "/{webhook_endpoint}", takes="url enabled_events description metadata disabled"
)
def update_webhook_endpoint(call: Call) -> Json:
    endpoint = get_webhook_endpoint(call)
    _check(call.params)
    changes = call.given("url", "enabled_events", "description")
    if "disabled" in call.params:
        changes["status"] = "disabled" if call.params["disabled"] else "enabled"
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(endpoint["metadata"], call.params["metadata"])
    return call.world.change(endpoint["id"], **changes)


@operation("DELETE", URL + "/{webhook_endpoint}")
def delete_webhook_endpoint(call: Call) -> Json:
    endpoint = get_webhook_endpoint(call)
    queue.forget_endpoint(call.world, endpoint["id"])
    return call.world.put({"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True})
