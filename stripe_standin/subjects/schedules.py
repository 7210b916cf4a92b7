"""Subscription schedules: made from a subscription or for a customer, changed phase by phase."""

from ..contract import Json
from ..engine import scheduling
from ..engine.final_bills import bill_the_end
from ..engine.subscription_ends import LIVE
from ..errors import invalid_request
from ..lists import PAGING, found, in_range, page
from ..operations import Call, merged_metadata, operation
from .schedule_phases import check_first_start, read_phases

URL = "/v1/subscription_schedules"
PHASE = " ".join(
    f"phases.{name}"
    for name in (
        *("items.price", "items.quantity", "items.metadata", "start_date", "end_date"),
        *("duration", "proration_behavior", "metadata", "description", "currency"),
        *("automatic_tax.enabled", "billing_cycle_anchor", "default_payment_method"),
        "discounts.discount",
    )
)
MOMENTS = ("canceled_at", "completed_at", "released_at")


@operation(
    "POST",
    URL,
    takes=f"customer end_behavior from_subscription metadata start_date {PHASE}"
    " default_settings.default_payment_method",
)
def create_schedule(call: Call) -> Json:
    world, params = call.world, call.params
    if "from_subscription" in params:
        return _from_subscription(call)
    for name in ("customer", "phases"):
        if not params.get(name):
            message = f"Missing required param: {name}."
            raise invalid_request(message, param=name, code="parameter_missing")
    customer = world.require("customer", params["customer"], param="customer")
    start = params.get("start_date", params["phases"][0].get("start_date"))
    if start is None:
        raise invalid_request("A schedule needs a start_date.", param="start_date")
    start = world.now() if start == "now" else int(start)
    if start < world.now():
        raise invalid_request("A schedule cannot start in the past.", param="start_date")
    phases = read_phases(call, start, {"customer": customer["id"], "discounts": []})
    schedule = scheduling.new_schedule(world, customer["id"], phases, **_fields(call, {}))
    method_id = params.get("default_settings", {}).get("default_payment_method")
    schedule["default_settings"]["default_payment_method"] = method_id
    world.add(schedule, "subscription_schedule.created")
    return scheduling.start_now(world, schedule["id"]) if start <= world.now() else schedule


def _from_subscription(call: Call) -> Json:
    """ "When using this parameter, other parameters (such as phase values) cannot be set"."""
    others = sorted(set(call.params) - {"from_subscription", "expand"})
    if others:
        message = f"You cannot set `{others[0]}` if `from_subscription` is set."
        raise invalid_request(message, param=others[0])
    subscription_id = call.params["from_subscription"]
    subscription = call.world.require("subscription", subscription_id, param="from_subscription")
    if subscription["schedule"]:
        message = (
            "You cannot migrate a subscription that is already attached to a schedule:"
            f" `{subscription['schedule']}`."
        )
        raise invalid_request(message, param="from_subscription")
    if subscription["status"] not in LIVE:
        message = f"You cannot migrate a subscription in the `{subscription['status']}` status."
        raise invalid_request(message, param="from_subscription")
    return scheduling.attach_to(call.world, subscription_id)


def _fields(call: Call, before: Json) -> Json:
    changes = call.given("end_behavior")
    if changes.get("end_behavior") in ("none", "renew"):
        message = "end_behavior must be release or cancel."
        raise invalid_request(message, param="end_behavior")
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(before.get("metadata"), call.params["metadata"])
    return changes


@operation("GET", URL, takes=f"{PAGING} created customer scheduled {' '.join(MOMENTS)}")
def list_schedules(call: Call) -> Json:
    waits = call.params.get("scheduled")
    fitting = [
        schedule
        for schedule in found(call, "subscription_schedule", "customer")
        if (not waits or schedule["status"] == "not_started")
        and all(in_range(schedule[m], call.params[m]) for m in MOMENTS if m in call.params)
    ]
    return page(call, URL, fitting)


@operation("GET", URL + "/{schedule}")
def get_schedule(call: Call) -> Json:
    return call.world.require("subscription_schedule", call.ids[0])


def _running(call: Call, verb: str) -> Json:
    schedule = call.world.require("subscription_schedule", call.ids[0])
    if schedule["status"] not in scheduling.RUNNING:
        message = (
            f"You cannot {verb} a subscription schedule that is currently in the"
            f" `{schedule['status']}` status."
        )
        raise invalid_request(message)
    return schedule


@operation("POST", URL + "/{schedule}", takes=f"end_behavior metadata proration_behavior {PHASE}")
def update_schedule(call: Call) -> Json:
    schedule = _running(call, "update")
    fields = _fields(call, schedule)
    if "phases" not in call.params:
        event = "subscription_schedule.updated"
        return call.world.change(schedule["id"], event, **fields)
    start = check_first_start(call, schedule)
    subscription = call.world.find(schedule["subscription"])
    phases = read_phases(call, start, subscription or schedule | {"discounts": []})
    behavior = call.params.get("proration_behavior", "create_prorations")
    return scheduling.set_phases(call.world, schedule["id"], phases, behavior, **fields)


@operation("POST", URL + "/{schedule}/release", takes="preserve_cancel_date")
def release_schedule(call: Call) -> Json:
    return scheduling.release(call.world, _running(call, "release")["id"])


@operation("POST", URL + "/{schedule}/cancel", takes="invoice_now prorate")
def cancel_schedule(call: Call) -> Json:
    """Both `invoice_now` and `prorate` default to true here."""
    schedule = _running(call, "cancel")
    subscription = call.world.find(schedule["subscription"])
    if subscription and subscription["status"] in ("active", "past_due"):
        bill_the_end(
            call.world,
            subscription["id"],
            invoice_now=call.params.get("invoice_now", True),
            prorate=call.params.get("prorate", True),
        )
    return scheduling.cancel(call.world, schedule["id"])
