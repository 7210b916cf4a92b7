"""Customers and the cards they pay with."""

from datetime import UTC, datetime
from typing import Any, NoReturn

from ..contract import Json, blank
from ..errors import card_declined, invalid_request
from ..operations import nulls
from ..world import World
from .cards import BY_NUMBER, EXPIRED, NAMED, Card


def add_customer(world: World, **fields: Any) -> Json:
    customer = blank(
        "customer",
        id=world.new_id("cus_", 14),
        created=world.now(),
        delinquent=False,
        invoice_prefix=world.new_id("", 8).upper(),
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
    )
    return world.add(customer | fields, "customer.created")


def card_of(world: World, method_id: str) -> Card:
    return BY_NUMBER[world.notes(method_id)["number"]]


def current_card(world: World, method_id: str) -> Card:
    """The card as it behaves today: one whose date is over is declined."""
    shown = world.get(method_id)["card"]
    today = datetime.fromtimestamp(world.now(), UTC)
    over = (shown["exp_year"], shown["exp_month"]) < (today.year, today.month)
    return EXPIRED if over else card_of(world, method_id)


def add_card(
    world: World, card: Card, *, billing: Json, expires: tuple[int, int] = (12, 2034)
) -> Json:
    """A card that belongs to nobody yet; *expires* is (month, year)."""
    month, year = expires
    method = blank(
        "payment_method",
        id=world.new_id("pm_1"),
        created=world.now(),
        type="card",
        allow_redisplay="unspecified",
        billing_details=nulls("billing_details", **billing),
        metadata={},
        card=blank(
            "payment_method_card",
            brand=card.brand,
            checks=nulls("payment_method_card_checks", cvc_check="pass"),
            country="US",
            display_brand=card.brand,
            exp_month=month,
            exp_year=year,
            fingerprint=card.fingerprint,
            funding="credit",
            last4=card.last4,
            networks={"available": [card.brand], "preferred": None},
            three_d_secure_usage={"supported": True},
        ),
    )
    world.note(method["id"], number=card.number)
    return world.put(method)


def named_or_own(world: World, method_id: str, param: str) -> Json:
    """A payment method of the account; a name such as `pm_card_visa` makes a new one."""
    if method_id not in NAMED:
        return world.require("payment_method", method_id, param=param)
    return add_card(world, BY_NUMBER[NAMED[method_id]], billing={})


def customers_method(world: World, method_id: str, customer_id: str, param: str) -> Json:
    """A payment method that this customer may be charged with."""
    method = world.require("payment_method", method_id, param=param)
    if method["customer"] != customer_id:
        message = (
            f"The customer does not have a payment method with the ID {method_id}. The payment"
            " method must be attached to the customer."
        )
        raise invalid_request(message, param=param, code="resource_missing")
    return method


def attach(world: World, method_id: str, customer_id: str) -> Json:
    return world.change(method_id, "payment_method.attached", customer=customer_id)


def detach(world: World, method: Json) -> Json:
    """Stripe tells whose it was in `previous_attributes`, though the type is no `.updated`."""
    after = world.put({**method, "customer": None})
    world.emit("payment_method.detached", after, {"customer": method["customer"]})
    for subscription in world.all("subscription", default_payment_method=method["id"]):
        event = "customer.subscription.updated"
        world.change(subscription["id"], event, default_payment_method=None)
    return after


def refuse(card: Card) -> NoReturn:
    """The 402 of a card that is declined."""
    raise card_declined(card.message, card.declined, code=card.code)
