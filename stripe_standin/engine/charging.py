"""Taking money: payment intents, the charges they make, and the balance transactions behind."""

from typing import Any

from ..contract import Json, blank
from ..operations import nulls
from ..world import World
from .cards import Card
from .wallets import current_card

# Stripe's price for US cards; only shown in balance transactions.
FEE_PER_MILLE, FEE_FIXED = 29, 30
PAYOUT_SECONDS = 2 * 24 * 3600


def add_intent(
    world: World, *, amount: int, currency: str, customer: str | None, **fields: Any
) -> Json:
    intent_id = world.new_id("pi_3")
    intent = blank(
        "payment_intent",
        id=intent_id,
        amount=amount,
        amount_details={"tip": {}},
        capture_method="automatic",
        client_secret=f"{intent_id}_secret_{world.new_id('', 25)}",
        created=world.now(),
        currency=currency,
        customer=customer,
        payment_method_options={"card": blank("payment_intent_payment_method_options_card")},
        payment_method_types=["card"],
        status="requires_payment_method",
    )
    return world.add(intent | fields, "payment_intent.created")


def try_charge(
    world: World,
    intent_id: str,
    method_id: str,
    *,
    present: bool,
    authenticated: bool = False,
    first: bool = False,
) -> Json:
    """One attempt to charge; the intent afterwards says how it went.

    *present*: the customer sits before the page and can authenticate. *first*: he is buying at
    the checkout, where a card that is declined later still pays.
    """
    card = current_card(world, method_id)
    if _wants_authentication(card, present=present) and not authenticated:
        return world.change(
            intent_id,
            "payment_intent.requires_action",
            status="requires_action",
            payment_method=method_id,
            last_payment_error=None,
            next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {}},
        )
    if will_pay(card, present=present, authenticated=authenticated, first=first):
        return _succeed(world, intent_id, method_id)
    return _decline(world, intent_id, method_id, card)


def will_pay(card: Card, *, present: bool, authenticated: bool, first: bool = False) -> bool:
    if _wants_authentication(card, present=present) and not authenticated:
        return False
    return not card.declined or (card.declined_later and first)


def fail_authentication(world: World, intent_id: str) -> Json:
    intent = world.get(intent_id)
    method = world.get(intent["payment_method"])
    error = {
        "type": "invalid_request_error",
        "code": "payment_intent_authentication_failure",
        "message": "We are unable to authenticate your payment method. Please choose a different"
        " payment method and try again.",
        "payment_method": method,
    }
    return world.change(
        intent_id,
        "payment_intent.payment_failed",
        status="requires_payment_method",
        last_payment_error=error,
        payment_method=None,
        next_action=None,
    )


def _wants_authentication(card: Card, *, present: bool) -> bool:
    return card.authentication == "always" or (card.authentication == "once" and present)


def _succeed(world: World, intent_id: str, method_id: str) -> Json:
    intent = world.get(intent_id)
    charge = _charge(world, intent, method_id)
    amount = intent["amount"]
    charge |= {
        "amount_captured": amount,
        "captured": True,
        "paid": True,
        "status": "succeeded",
        "receipt_url": f"{world.options.public_url}/receipts/{charge['id']}",
        "outcome": _outcome("approved_by_network", "Payment complete.", "authorized"),
    }
    charge["balance_transaction"] = add_balance_transaction(
        world, "charge", charge["id"], amount, fee=round(amount * FEE_PER_MILLE / 1000) + FEE_FIXED
    )
    world.add(charge, "charge.succeeded")
    return world.change(
        intent_id,
        "payment_intent.succeeded",
        amount_received=amount,
        last_payment_error=None,
        latest_charge=charge["id"],
        next_action=None,
        payment_method=method_id,
        status="succeeded",
    )


def _decline(world: World, intent_id: str, method_id: str, card: Card) -> Json:
    intent = world.get(intent_id)
    charge = _charge(world, intent, method_id)
    charge |= {"failure_code": card.code, "failure_message": card.message, "status": "failed"}
    charge["outcome"] = _outcome("declined_by_network", "The bank declined it.", "issuer_declined")
    charge["outcome"]["reason"] = card.declined
    world.add(charge, "charge.failed")
    error = {
        "type": "card_error",
        "charge": charge["id"],
        "code": card.code,
        "decline_code": card.declined,
        "message": card.message,
        "payment_method": world.get(method_id),
    }
    return world.change(
        intent_id,
        "payment_intent.payment_failed",
        last_payment_error=error,
        latest_charge=charge["id"],
        next_action=None,
        payment_method=None,
        status="requires_payment_method",
    )


def _outcome(network_status: str, message: str, kind: str) -> Json:
    outcome = blank("charge_outcome", network_status=network_status, seller_message=message)
    return outcome | {"risk_level": "normal", "risk_score": 20, "type": kind}


def _charge(world: World, intent: Json, method_id: str) -> Json:
    method = world.get(method_id)
    card = method["card"]
    details = blank(
        "payment_method_details_card",
        **{key: card[key] for key in ("brand", "country", "exp_month", "exp_year")},
        **{key: card[key] for key in ("fingerprint", "funding", "last4")},
        amount_authorized=intent["amount"],
        checks=nulls("payment_method_details_card_checks", cvc_check="pass"),
        network=card["brand"],
    )
    return blank(
        "charge",
        id=world.new_id("ch_3"),
        amount=intent["amount"],
        billing_details=method["billing_details"],
        calculated_statement_descriptor="WHEELBARROW",
        created=world.now(),
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        fraud_details={},
        metadata=intent["metadata"],
        payment_intent=intent["id"],
        payment_method=method_id,
        payment_method_details={"card": details, "type": "card"},
    )


def add_balance_transaction(
    world: World, kind: str, source: str, amount: int, *, fee: int = 0, currency: str = "usd"
) -> str:
    fees: list[Json] = []
    if fee:
        parts = {"amount": fee, "application": None, "currency": currency, "type": "stripe_fee"}
        fees = [{**parts, "description": "Stripe processing fees"}]
    body = blank(
        "balance_transaction",
        id=world.new_id("txn_3"),
        amount=amount,
        available_on=world.now() + PAYOUT_SECONDS,
        balance_type="payments",
        created=world.now(),
        currency=currency,
        fee=fee,
        fee_details=fees,
        net=amount - fee,
        reporting_category=kind,
        source=source,
        status="pending",
        type=kind,
    )
    return str(world.add(body)["id"])
