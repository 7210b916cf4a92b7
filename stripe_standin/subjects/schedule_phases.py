"""The phases of a schedule as a request gives them.

Source: docs.stripe.com/api/subscription_schedules/update; the sentences are close to Stripe's.
"""

from ..contract import Json
from ..engine.phases import default_end, phase_body, shown_discount
from ..engine.subscribing import SELF_TAXED
from ..engine.wallets import customers_method
from ..errors import invalid_request, missing, not_built
from ..operations import Call
from .subscription_changes import checked_quantity, recurring_price


def check_first_start(call: Call, schedule: Json) -> int:
    """ "start_date: Must be set on the first phase"; the running phase keeps its own."""
    given = call.params["phases"][0].get("start_date") if call.params["phases"] else None
    if given is None:
        message = "The first phase needs a start_date."
        param = "phases[0][start_date]"
        raise invalid_request(message, param=param, code="parameter_missing")
    running = schedule["current_phase"]
    if running is None:
        return call.world.now() if given == "now" else int(given)
    if given != running["start_date"]:
        message = (
            "You can not modify the start date of the current phase. Pass the current phase with"
            f" its start_date ({running['start_date']}) as the first one."
        )
        raise invalid_request(message, param="phases[0][start_date]")
    return int(given)


def read_phases(call: Call, start: int, owner: Json) -> list[Json]:
    """Phases that follow each other without a gap, from *start* on; they replace all that was said
    before. *owner*: the subscription, or whatever else has its `customer` and `discounts`."""
    phases: list[Json] = []
    for position, given in enumerate(call.params["phases"]):
        phase = _phase(call, given, position, start) | _terms(call, given, position, owner)
        _check_anchor(call, phases[-1:], phase)
        phases.append(phase)
        start = phase["end_date"]
    if phases[-1]["end_date"] <= call.world.now():
        raise invalid_request("The last phase must end in the future.", param="phases")
    return phases


def _phase(call: Call, given: Json, position: int, start: int) -> Json:
    param = f"phases[{position}]"
    if given.get("start_date", start) not in (start, "now"):
        message = "A phase starts where the one before it ends."
        raise invalid_request(message, param=f"{param}[start_date]")
    items = _items(call, given.get("items") or [], param)
    fields = {name: given[name] for name in ("proration_behavior", "description") if name in given}
    return phase_body(
        call.world,
        items=items,
        start=start,
        end=_end(call, given, param, start, items),
        metadata={key: value for key, value in (given.get("metadata") or {}).items() if value},
        **fields,
    )


def _terms(call: Call, given: Json, position: int, owner: Json) -> Json:
    """How a phase is paid."""
    param = f"phases[{position}]"
    terms: Json = {"billing_cycle_anchor": given.get("billing_cycle_anchor")}
    if given.get("automatic_tax", {}).get("enabled"):
        terms["automatic_tax"] = SELF_TAXED
    method_id = given.get("default_payment_method")
    if method_id:
        customers_method(
            call.world, method_id, owner["customer"], f"{param}[default_payment_method]"
        )
        terms["default_payment_method"] = method_id
    named = [each["discount"] for each in given.get("discounts") or []]
    for discount_id in named:
        if discount_id not in owner["discounts"]:
            raise missing("discount", discount_id, param=f"{param}[discounts]", status=400)
    return terms | {"discounts": [shown_discount(each) for each in named]}


def _check_anchor(call: Call, before: list[Json], phase: Json) -> None:
    """Without `phase_start` Stripe may keep the old anchor, and bills nothing for the first year
    after a month (better-auth/better-auth#11336); that is not imitated."""
    rhythms = [
        (recurring["interval"], recurring["interval_count"])
        for each in [*before, phase]
        for recurring in [call.world.get(each["items"][0]["price"])["recurring"]]
    ]
    if len(set(rhythms)) > 1 and phase["billing_cycle_anchor"] != "phase_start":
        raise not_built("a phase of another interval without billing_cycle_anchor=phase_start")


def _end(call: Call, given: Json, param: str, start: int, items: list[Json]) -> int:
    if "end_date" in given and "duration" in given:
        message = "You can only set one of end_date and duration."
        raise invalid_request(message, param=f"{param}[end_date]")
    end = given.get("end_date")
    if end == "now":
        end = call.world.now()
    if end is None:
        end = default_end(call.world, start, items, given.get("duration"))
    if end <= start:
        message = "The end_date of a phase must be after its start_date."
        raise invalid_request(message, param=f"{param}[end_date]")
    return int(end)


def _items(call: Call, given: list[Json], param: str) -> list[Json]:
    if not given:
        message = f"Missing required param: {param}[items]."
        raise invalid_request(message, param=f"{param}[items]", code="parameter_missing")
    if len(given) > 1:
        raise not_built("phases with several items")
    found = []
    for position, item in enumerate(given):
        where = f"{param}[items][{position}]"
        price = recurring_price(call.world, item.get("price", ""), f"{where}[price]")
        quantity = checked_quantity(item.get("quantity", 1), f"{where}[quantity]")
        found.append({"price": price["id"], "quantity": quantity})
    return found
