"""Tax ids of customers."""

from ..contract import Json
from ..engine.tax_ids import add_tax_id
from ..errors import invalid_request, missing, not_built
from ..lists import PAGING, found, page
from ..operations import Call, operation

OF_CUSTOMER = "/v1/customers/{customer}/tax_ids"
ALL = "/v1/tax_ids"


def _customer(call: Call, customer_id: str, param: str = "") -> Json:
    customer = call.world.require("customer", customer_id, param=param)
    if customer.get("deleted"):
        raise missing("customer", customer_id)
    return customer


def _add(call: Call, customer: Json) -> Json:
    value = call.params["value"].strip()
    if not value:
        raise invalid_request("Invalid value for tax ID.", param="value", code="tax_id_invalid")
    return add_tax_id(call.world, customer["id"], value, call.params["type"])


@operation("POST", OF_CUSTOMER, takes="type value")
def create_customer_tax_id(call: Call) -> Json:
    return _add(call, _customer(call, call.ids[0]))


@operation("POST", ALL, takes="type value owner.type owner.customer")
def create_tax_id(call: Call) -> Json:
    owner = call.params.get("owner", {})
    if owner.get("type") != "customer" or "customer" not in owner:
        raise not_built("tax ids of others than customers")
    return _add(call, _customer(call, owner["customer"], "owner[customer]"))


@operation("GET", OF_CUSTOMER, takes=PAGING)
def list_customer_tax_ids(call: Call) -> Json:
    customer = _customer(call, call.ids[0])
    url = OF_CUSTOMER.replace("{customer}", customer["id"])
    return page(call, url, call.world.rows("tax_id", customer=customer["id"]))


@operation("GET", ALL, takes=PAGING + " owner.type owner.customer")
def list_tax_ids(call: Call) -> Json:
    owner = call.params.get("owner", {})
    call.params |= {"customer": owner["customer"]} if "customer" in owner else {}
    return page(call, ALL, found(call, "tax_id", "customer"))


def _one(call: Call) -> Json:
    tax_id = call.world.require("tax_id", call.ids[1])
    if tax_id.get("deleted") or tax_id["customer"] != call.ids[0]:
        raise missing("tax_id", call.ids[1])
    return tax_id


@operation("GET", OF_CUSTOMER + "/{id}")
def get_customer_tax_id(call: Call) -> Json:
    return _one(call)


@operation("DELETE", OF_CUSTOMER + "/{id}")
def delete_customer_tax_id(call: Call) -> Json:
    tax_id = _one(call)
    call.world.emit("customer.tax_id.deleted", tax_id)
    return call.world.put({"id": tax_id["id"], "object": "tax_id", "deleted": True})
