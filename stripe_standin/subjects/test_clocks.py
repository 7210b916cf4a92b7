"""Test clocks: a time of their own for a few customers.

Source: docs.stripe.com/billing/testing/test-clocks. What a customer on one owns goes by that clock;
disputes and refunds of his payments go by the account's.
"""

from ..contract import Json, blank
from ..engine.periods import plus
from ..errors import invalid_request, missing
from ..lists import PAGING, page
from ..operations import Call, operation
from ..timeline import do_due
from ..world import CLOCK, World
from .customers import remove_customer

URL = "/v1/test_helpers/test_clocks"
KEPT_SECONDS = 30 * 24 * 3600
TWO_YEARS = {"interval": "year", "interval_count": 1}


@operation("POST", URL, takes="frozen_time name")
def create_clock(call: Call) -> Json:
    return call.world.add(
        blank(
            CLOCK,
            id=call.world.new_id("clock_1"),
            created=call.world.account_now(),
            deletes_after=call.world.account_now() + KEPT_SECONDS,
            frozen_time=call.params["frozen_time"],
            name=call.params.get("name"),
            status="ready",
            status_details={},
        ),
        CLOCK + ".created",
    )


@operation("GET", URL, takes=PAGING)
def list_clocks(call: Call) -> Json:
    return page(call, URL, [c for c in call.world.rows(CLOCK) if not c.get("deleted")])


@operation("GET", URL + "/{test_clock}")
def get_clock(call: Call) -> Json:
    clock = call.world.require(CLOCK, call.ids[0])
    if clock.get("deleted"):
        raise missing(CLOCK, call.ids[0])
    return clock


@operation("DELETE", URL + "/{test_clock}")
def delete_clock(call: Call) -> Json:
    """ "Deleting a test clock also deletes the customers on it"."""
    clock = get_clock(call)
    for customer in call.world.all("customer", test_clock=clock["id"]):
        remove_customer(call.world, customer)
    call.world.emit(CLOCK + ".deleted", clock)
    call.world.clock_id = ""  # it is gone
    return call.world.put({"id": clock["id"], "object": CLOCK, "deleted": True})


@operation("POST", URL + "/{test_clock}/advance", takes="frozen_time")
def advance_clock(call: Call) -> Json:
    """The answer says `advancing`, as Stripe's does; here the clock is `ready` right after."""
    world, clock, to = call.world, get_clock(call), int(call.params["frozen_time"])
    if to <= clock["frozen_time"]:
        message = "The new frozen time must be after the current one."
        raise invalid_request(message, param="frozen_time")
    if to > _farthest(world, clock):
        message = (
            "You can advance a test clock by at most two intervals of the shortest subscription on"
            " it, or two years without one."
        )
        raise invalid_request(message, param="frozen_time")
    details = {"advancing": {"target_frozen_time": to}}
    moving = world.change(
        clock["id"], CLOCK + ".advancing", status="advancing", status_details=details
    )
    do_due(world, to)
    world.change(clock["id"], CLOCK + ".ready", frozen_time=to, status="ready", status_details={})
    return moving


def _farthest(world: World, clock: Json) -> int:
    live = [
        subscription["items"]["data"][0]["price"]["recurring"]
        for subscription in world.rows("subscription", test_clock=clock["id"])
        if subscription["status"] not in ("canceled", "incomplete_expired")
    ]
    return min(plus(clock["frozen_time"], each, 2) for each in live or [TWO_YEARS])
