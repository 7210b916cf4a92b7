"""Products."""

from ..contract import Json, blank
from ..errors import invalid_request
from ..lists import PAGING, matches, page
from ..operations import Call, merged_metadata, operation
from . import prices
from .price_rules import check_amounts

URL = "/v1/products"
PLAIN = "active description shippable statement_descriptor tax_code unit_label url"
PRICE_FIELDS = (
    "currency metadata tax_behavior unit_amount unit_amount_decimal"
    " recurring.interval recurring.interval_count"
)
DEFAULT_PRICE = " ".join(f"default_price_data.{name}" for name in PRICE_FIELDS.split())
FIELDS = PLAIN + " images marketing_features metadata name"


@operation("POST", URL, takes=FIELDS + " id " + DEFAULT_PRICE)
def create_product(call: Call) -> Json:
    world, params = call.world, call.params
    product = new_product(call, params)
    if "default_price_data" not in params:
        return world.add(product, "product.created")
    world.put(product)
    check_amounts(params["default_price_data"])
    price_params = {**params["default_price_data"], "product": product["id"]}
    price = prices.new_price(Call(world, params=price_params))
    product["default_price"] = price["id"]
    world.add(product, "product.created")
    world.emit("price.created", price)
    return product


def new_product(call: Call, params: Json) -> Json:
    """A product from `product`'s own or from a price's `product_data` parameters."""
    if "id" in params and call.world.find(params["id"]):
        message = f"Product already exists. ID: {params['id']}"
        raise invalid_request(message, param="id", code="resource_already_exists")
    now = call.world.now()
    product = blank(
        "product",
        id=params.get("id") or call.world.new_id("prod_", 14),
        active=params.get("active", True),
        created=now,
        updated=now,
        name=params["name"],
        metadata=merged_metadata({}, params.get("metadata")),
        images=params.get("images") or [],
        marketing_features=params.get("marketing_features") or [],
    )
    return product | {name: params[name] for name in PLAIN.split() if name in params}


@operation("GET", URL, takes=PAGING + " active created ids shippable url")
def list_products(call: Call) -> Json:
    wanted = call.params.get("ids")
    found = [
        product
        for product in call.world.rows("product")
        if not product.get("deleted")
        and matches(product, call.params, "active", "shippable", "url")
        and (wanted is None or product["id"] in wanted)
    ]
    return page(call, URL, found)


@operation("GET", URL + "/{id}")
def get_product(call: Call) -> Json:
    return call.world.require("product", call.ids[0])


@operation("POST", URL + "/{id}", takes=FIELDS + " default_price")
def update_product(call: Call) -> Json:
    product = _live(call)
    changes = call.given(*PLAIN.split(), "name", "default_price")
    for name in ("images", "marketing_features"):
        if name in call.params:
            changes[name] = call.params[name] or []
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(product["metadata"], call.params["metadata"])
    if changes.get("default_price"):
        _check_default_price(call, product, changes["default_price"])
    changes["updated"] = call.world.now()
    return call.world.change(product["id"], "product.updated", **changes)


def _live(call: Call) -> Json:
    product = call.world.require("product", call.ids[0])
    if product.get("deleted"):
        raise invalid_request(
            f"No such product: '{call.ids[0]}'", param="id", code="resource_missing", status=404
        )
    return product


def _check_default_price(call: Call, product: Json, price_id: str) -> None:
    price = call.world.require("price", price_id, param="default_price")
    if price["product"] != product["id"]:
        message = f"The price `{price_id}` does not belong to the product `{product['id']}`."
        raise invalid_request(message, param="default_price")


@operation("DELETE", URL + "/{id}")
def delete_product(call: Call) -> Json:
    product = _live(call)
    # docs.stripe.com/api/products/delete: only while no prices are associated with it.
    if call.world.rows("price", product=product["id"]):
        message = "This product cannot be deleted because it has one or more user-created prices."
        raise invalid_request(message)
    call.world.emit("product.deleted", product)
    return call.world.put({"id": product["id"], "object": "product", "deleted": True})
