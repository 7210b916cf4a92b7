"""The validator, against Stripe's own fixtures and against objects that were broken on purpose."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from stripe_standin.contract import (
    blank,
    decode_form,
    event_types,
    missing_defaults,
    read_request,
    schema_for,
    schemas,
    validate_event,
    validate_object,
    validate_request,
    validate_response,
)
from stripe_standin.contract.blanks import ABSENT

FIXTURES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "fixtures3.json").read_text()
)["resources"]
KNOWN = {name: body for name, body in FIXTURES.items() if schema_for(body)}
# Stripe's own mistakes: a required property is missing in the fixture of this very version.
WRONG_AT_STRIPE = {"invoice", "deleted_person"}


@pytest.mark.parametrize("name", sorted(set(KNOWN) - WRONG_AT_STRIPE))
def test_stripes_own_fixture_is_valid(name: str) -> None:
    body = KNOWN[name]

    problems = validate_object(schema_for(body) or "", body, strict=False)

    assert problems == []


def test_the_two_fixtures_that_stripe_got_wrong_are_named() -> None:
    wrong = {
        name
        for name, body in KNOWN.items()
        if validate_object(schema_for(body) or "", body, strict=False)
    }

    assert wrong == WRONG_AT_STRIPE


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_a_blank_is_valid_and_complete(name: str) -> None:
    body = blank(name)

    assert validate_object(name, body) == []
    assert missing_defaults(body) == []


def broken_versions(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Every way to drop, mistype or invent one property of a blank."""
    whole, schema = blank(name), schemas()[name]
    found: list[tuple[str, dict[str, Any]]] = []
    for key in sorted(set(schema["required"]) - {"object"}):
        found += [(f"no {key}", {k: v for k, v in whole.items() if k != key})]
    for key in whole:
        if key not in ("object", "metadata"):
            found.append((f"{key} is a list of lists", whole | {key: [[[]]]}))
        enum = schema["properties"][key].get("enum")
        if enum and key != "object":
            found.append((f"{key} is invented", whole | {key: "invented"}))
    found.append(("unknown property", whole | {"current_period_end_at": 1}))
    return found


BROKEN = [
    pytest.param(name, body, id=f"{name}: {how}")
    for name in (
        "subscription",
        "invoice",
        "checkout.session",
        "price",
        "charge",
        "refund",
        "event",
    )
    for how, body in broken_versions(name)
]


@pytest.mark.parametrize(("name", "body"), BROKEN)
def test_a_broken_object_is_refused(name: str, body: dict[str, Any]) -> None:
    assert validate_object(name, body) != []


def test_a_property_that_old_versions_had_is_refused_when_strict() -> None:
    subscription = blank("subscription", current_period_end=1)

    assert validate_object("subscription", subscription) != []
    assert validate_object("subscription", subscription, strict=False) == []


def test_a_nested_resource_is_checked_where_it_is() -> None:
    subscription = blank("subscription", latest_invoice=blank("invoice", status="invented"))

    problems = validate_object("subscription", subscription)

    assert [problem.param for problem in problems] == ["latest_invoice.status"]


def test_random_damage_to_a_fixture_is_found_or_harmless() -> None:
    """A deleted required key anywhere in an expanded object must be found."""
    chance = random.Random(7)
    whole = blank("subscription", latest_invoice=blank("invoice"))
    required = schemas()["invoice"]["required"]

    for _ in range(200):
        damaged = copy.deepcopy(whole)
        del damaged["latest_invoice"][chance.choice(required)]
        assert validate_object("subscription", damaged) != []


def test_a_null_that_the_api_always_sends_must_not_be_left_out() -> None:
    price = blank("price")
    del price["lookup_key"]

    problems = missing_defaults(price)

    assert [problem.param for problem in problems] == ["lookup_key"]


def event(kind: str, body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    made = blank("event", id="evt_1", type=kind, api_version="2026-05-27.dahlia")
    return made | {"data": {"object": body}} | fields


def test_a_good_event_is_valid() -> None:
    assert validate_event(event("invoice.paid", blank("invoice"))) == []


@pytest.mark.parametrize(
    "broken",
    [
        event("invoice.imagined", blank("invoice")),
        event("invoice.paid", blank("charge")),
        event("invoice.updated", blank("invoice")),
        event("invoice.paid", blank("invoice", status="invented")),
        event("invoice.paid", blank("invoice"), api_version="2024-06-20"),
        event("invoice.updated", blank("invoice"))
        | {"data": {"object": blank("invoice"), "previous_attributes": {"paid": True}}},
    ],
    ids=["type", "object", "previous", "content", "version", "previous key"],
)
def test_a_wrong_event_is_refused(broken: dict[str, Any]) -> None:
    assert validate_event(broken) != []


def test_the_description_knows_the_events_that_billing_needs() -> None:
    needed = {"checkout.session.completed", "invoice.paid", "customer.subscription.deleted"}

    assert needed <= event_types()


def test_an_answer_of_the_wrong_kind_is_refused() -> None:
    assert validate_response("GET", "/v1/customers/cus_1", 200, blank("price")) != []
    assert validate_response("GET", "/v1/customers/cus_1", 200, blank("customer")) == []
    assert validate_response("GET", "/v1/customers/cus_1", 204, blank("customer")) != []


def test_forms_are_read_as_stripe_reads_them() -> None:
    indexed, _ = decode_form("items[0][price]=a&items[0][quantity]=2&items[1][price]=b")
    appended, _ = decode_form("items[][price]=a&items[][quantity]=2&items[][price]=b")
    listed, _ = decode_form("expand[]=x&expand[]=y")

    assert indexed == appended
    assert listed == {"expand": {"0": "x", "1": "y"}}


def test_parameters_are_read_into_python_values() -> None:
    form = "mode=subscription&line_items[0][quantity]=3&allow_promotion_codes=true&metadata[a]=1"

    params, problems = read_request("POST", "/v1/checkout/sessions", form)

    assert problems == []
    assert params["line_items"] == [{"quantity": 3}]
    assert params["allow_promotion_codes"] is True
    assert params["metadata"] == {"a": "1"}


OLD_TUTORIALS = [
    ("POST", "/v1/subscriptions", "customer=c&items[0][plan]=p"),
    ("POST", "/v1/subscriptions", "customer=c&plan=p"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&coupon=x"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&promotion_code=x"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&prorate=true"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&billing=charge_automatically"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&tax_percent=19"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&source=tok_visa"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&payment_behavior=whatever"),
    ("POST", "/v1/subscriptions", "customer=c&items[0][price]=p&items[0][quantity]=many"),
    ("POST", "/v1/subscriptions", "customer=c&items=price_1"),
    (
        "POST",
        "/v1/subscriptions",
        "customer=c&items[0][price]=p&expand[]=latest_invoice.payment_intent",
    ),
    ("POST", "/v1/subscriptions/sub_1", "cancel_at_period_end=1"),
    ("POST", "/v1/subscriptions/sub_1", "cancel_at_period_end=True"),
    ("POST", "/v1/subscriptions/sub_1", "billing_cycle_anchor[type]=now"),
    ("POST", "/v1/subscriptions/sub_1", "pause_collection[behavior]=stop"),
    ("POST", "/v1/subscriptions/sub_1", "proration_behavior=true"),
    ("POST", "/v1/subscriptions/sub_1", "quantity=3"),
    ("DELETE", "/v1/subscriptions/sub_1", "at_period_end=true"),
    ("GET", "/v1/subscriptions", "status=any"),
    ("GET", "/v1/subscriptions", "plan=p"),
    ("GET", "/v1/invoices/upcoming", "customer=c"),
    ("GET", "/v1/invoices", "subscription[id]=s"),
    ("GET", "/v1/invoices", "paid=true"),
    ("GET", "/v1/invoices/in_1", "expand[]=payment_intent"),
    ("GET", "/v1/invoices/in_1", "expand[]=charge"),
    ("GET", "/v1/invoices/in_1", "expand[]=subscription.customer"),
    ("GET", "/v1/invoices", "expand[]=data.a.b.c.d"),
    ("GET", "/v1/charges/ch_1", "expand[]=invoice"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&ui_mode=hosted"),
    ("POST", "/v1/checkout/sessions", "mode=subscribe"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&subscription_data[items][0][plan]=p"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&subscription_data[coupon]=x"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&line_items[0][amount]=500"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&line_items[0][name]=Pro"),
    (
        "POST",
        "/v1/checkout/sessions",
        "mode=subscription&line_items[0][price]=p&line_items[0][quantity]=1.5",
    ),
    ("POST", "/v1/checkout/sessions", "mode=subscription&allow_promotion_codes=yes"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&allowed_payment_method_types[0]=card"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&payment_method_types[0]=bitcoin"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&client_reference_id=" + "x" * 201),
    ("POST", "/v1/checkout/sessions", "mode=subscription&metadata[" + "k" * 41 + "]=v"),
    ("POST", "/v1/checkout/sessions", "mode=subscription&metadata[k]=" + "v" * 501),
    ("POST", "/v1/products", "description=no+name"),
    ("POST", "/v1/products", "name=Pro&type=service"),
    ("POST", "/v1/prices", "product=p&unit_amount=1"),
    ("POST", "/v1/prices", "currency=USD&product=p&unit_amount=1"),
    ("POST", "/v1/prices", "currency=usd&product=p&unit_amount=9.99"),
    ("POST", "/v1/prices", "currency=usd&product=p&recurring[interval]=monthly"),
    ("POST", "/v1/prices", "currency=usd&product=p&tiers[0][unit_amount]=1"),
    ("POST", "/v1/refunds", "invoice=in_1"),
    ("POST", "/v1/refunds", "charge=ch_1&reason=changed_my_mind"),
    ("POST", "/v1/customers", "email[]=a@b.c"),
    ("POST", "/v1/customers", "coupon=x"),
    ("POST", "/v1/webhook_endpoints", "url=https://a.example&enabled_events[]=invoice.imagined"),
    ("POST", "/v1/subscription_items/si_1/usage_records", "quantity=1"),
    ("POST", "/v1/plans", "amount=1"),
]


@pytest.mark.parametrize(("method", "path", "form"), OLD_TUTORIALS)
def test_what_old_tutorials_send_is_refused(method: str, path: str, form: str) -> None:
    assert validate_request(method, path, form) != []
