"""The customer's balance: adjusted by hand, and its history."""

from ..contract import Json
from ..engine.balances import move_balance
from ..errors import invalid_request, missing
from ..lists import PAGING, page
from ..operations import Call, merged_metadata, operation

URL = "/v1/customers/{customer}/balance_transactions"


def _customer(call: Call) -> Json:
    customer = call.world.require("customer", call.ids[0])
    if customer.get("deleted"):
        raise missing("customer", call.ids[0])
    return customer


@operation("POST", URL, takes="amount currency description metadata")
def create_balance_transaction(call: Call) -> Json:
    customer, currency = _customer(call), call.params["currency"]
    if customer["currency"] not in (None, currency):
        message = f"The customer's currency is {customer['currency']}."
        raise invalid_request(message, param="currency")
    if not customer["currency"]:
        call.world.change(customer["id"], currency=currency)
    return move_balance(
        call.world,
        customer["id"],
        call.params["amount"],
        "adjustment",
        description=call.params.get("description"),
        metadata=merged_metadata({}, call.params.get("metadata")),
    )


@operation("GET", URL, takes=PAGING + " created invoice")
def list_balance_transactions(call: Call) -> Json:
    wanted = {"customer": _customer(call)["id"]}
    wanted |= {"invoice": call.params["invoice"]} if "invoice" in call.params else {}
    rows = call.world.rows("customer_balance_transaction", **wanted)
    return page(call, URL.replace("{customer}", call.ids[0]), rows)
