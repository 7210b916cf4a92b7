"""Whole objects: what the real API always sends, and a factory that leaves none of it out.

stripe-python since 15 raises AttributeError on an absent key, so a stand-in that leaves nulls out
breaks good code.
"""

import functools
from typing import Any

from .responses import OPEN
from .spec import Json, Problem, Value, referenced, schema_for, schemas

# Properties that the real API leaves out unless they are asked for (or apply), learnt from
# Stripe's own fixtures of this version. Everything else is always there, if only as null.
ABSENT = {
    "checkout.session": "branding_settings excluded_payment_method_types line_items"
    " name_collection optional_items presentment_details redirect_on_completion return_url"
    " tax_id_collection",
    "customer": "business_name cash_balance customer_account individual_name"
    " invoice_credit_balance sources subscriptions tax tax_ids",
    "subscription": "presentment_details",
    "subscription_item": "billed_until",
    "invoice": "confirmation_secret payments threshold_reason",
    "price": "currency_options tiers",
    "payment_intent": "hooks payment_details presentment_details",
    "charge": "presentment_details radar_options transfer",
    "event": "account context",
    "refund": "description failure_balance_transaction failure_reason instructions_email"
    " next_action pending_reason presentment_details",
    "coupon": "applies_to currency_options",
    "webhook_endpoint": "secret",
    "setup_intent": "attach_to_self customer_account managed_payments",
    "item": "discounts taxes",
    "line_item": "subscription",
    "invoice_payment": "",
    "product": "",
    "dispute": "",
    "billing_portal.session": "",
    "billing_portal.configuration": "",
    "promotion_code": "",
    "subscription_schedule": "",
    "test_helpers.test_clock": "",
}
STRINGS = {"currency": "usd", "decimal": "0"}
PLAIN = {"array": list, "boolean": bool, "integer": int, "number": int, "object": dict}


def _absent(name: str) -> list[str]:
    return ABSENT.get(name, "").split()


@functools.cache
def _always(name: str) -> frozenset[str]:
    """The properties that are always there."""
    return frozenset(schemas()[name]["properties"]) - set(_absent(name))


def missing_defaults(body: Value, path: str = "") -> list[Problem]:
    """Properties that the real API would send (null if empty) and that *body* lacks."""
    if isinstance(body, list):
        found = [missing_defaults(item, f"{path}.{i}") for i, item in enumerate(body)]
        return [problem for problems in found for problem in problems]
    problems: list[Problem] = []
    if not isinstance(body, dict):
        return problems
    name = schema_for(body)
    if name in ABSENT:
        for key in sorted(_always(name) - body.keys()):
            message = "left out; the real API sends it"
            problems.append(Problem(f"{path}.{key}".strip("."), message, "default_missing"))
    for key, value in body.items():
        if key not in OPEN and isinstance(value, (dict, list)):
            problems += missing_defaults(value, f"{path}.{key}".strip("."))
    return problems


def _default(node: Json) -> Value:
    if node.get("nullable"):
        return None
    if "$ref" in node:
        name = referenced(node)
        return _skeleton(schemas()[name], _absent(name))
    if "anyOf" in node:
        strings = any(option.get("type") == "string" for option in node["anyOf"])
        return "" if strings else _default(node["anyOf"][0])
    return _plain_default(node)


def _plain_default(node: Json) -> Value:
    if "enum" in node:
        return node["enum"][0]
    if "properties" in node:
        return _skeleton(node, [])
    if node.get("type") == "string":
        return STRINGS.get(node.get("format", ""), "")
    return PLAIN[node["type"]]()


def _skeleton(schema: Json, absent: list[str]) -> Json:
    required = set(schema.get("required", ()))
    return {
        key: _default(node)
        for key, node in schema["properties"].items()
        if key in required or (node.get("nullable") and key not in absent)
    }


def blank(name: str, /, **fields: Any) -> Json:
    """A valid object of this resource with every default key: `blank("price", id="price_1")`."""
    properties, absent = schemas()[name]["properties"], _absent(name)
    body = _skeleton(schemas()[name], absent)
    if name in ABSENT:
        for key in properties:
            if key not in body and key not in absent:
                body[key] = _default(properties[key])
    body.update(fields)
    return body
