"""Disputes: to be read, answered with evidence, or accepted."""

from ..contract import Json
from ..engine.disputing import INQUIRIES, WAITING, answer, decide_dispute
from ..errors import invalid_request
from ..lists import PAGING, found, page
from ..operations import Call, merged_metadata, operation

URL = "/v1/disputes"


@operation("GET", URL, takes=PAGING + " charge created payment_intent")
def list_disputes(call: Call) -> Json:
    return page(call, URL, found(call, "dispute", "charge", "payment_intent"))


@operation("GET", URL + "/{dispute}")
def get_dispute(call: Call) -> Json:
    return call.world.require("dispute", call.ids[0])


@operation("POST", URL + "/{dispute}", takes="evidence metadata submit")
def update_dispute(call: Call) -> Json:
    """docs.stripe.com/api/disputes/update: `submit` defaults to true: evidence is final."""
    dispute = call.world.require("dispute", call.ids[0])
    given = call.params.get("evidence", {})
    if given and dispute["status"] not in (*WAITING, *INQUIRIES):
        message = f"This dispute is {dispute['status']}; its evidence can't be changed any more."
        raise invalid_request(message)
    evidence = {key: None if value == "" else value for key, value in given.items()}
    metadata = merged_metadata(dispute["metadata"], call.params.get("metadata", {}))
    submit = bool(given) and call.params.get("submit", True)
    return answer(call.world, dispute["id"], evidence, submit=submit, metadata=metadata)


@operation("POST", URL + "/{dispute}/close")
def close_dispute(call: Call) -> Json:
    """ "Closing the dispute for a charge indicates that you do not have any evidence to submit and
    are essentially dismissing the dispute, acknowledging it as lost"."""
    dispute = call.world.require("dispute", call.ids[0])
    if dispute["status"] not in ("needs_response", "under_review"):
        message = f"This dispute is {dispute['status']} and can't be closed."
        raise invalid_request(message)
    return decide_dispute(call.world, dispute["id"], "lost")
