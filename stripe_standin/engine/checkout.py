"""What happens when somebody pays at the hosted Checkout page.

"Checkout creates the subscription only when the session is complete" (since basil): the customer,
the card, the subscription, the invoice and the charge all appear at that moment.
"""

from dataclasses import dataclass, field

from ..contract import Json, blank
from ..operations import nulls
from ..world import World
from .cards import BY_NUMBER
from .charging import add_intent, fail_authentication, try_charge, will_pay
from .checkout_totals import coupon_of, recount
from .collecting import mark_paid
from .coupons import new_discount, redeem
from .finalizing import finalize_invoice
from .subscribing import SELF_TAXED, start_subscription, subscription_body
from .tax_ids import add_tax_id, tax_ids_shown
from .wallets import add_card, add_customer, attach, card_of


@dataclass
class Payer:
    """What the page's form says."""

    card_number: str
    email: str = ""
    name: str = ""
    country: str = ""
    expires: tuple[int, int] = (12, 2034)
    quantities: dict[str, int] = field(default_factory=dict)  # by line item
    tax_id: str = ""


@dataclass
class Outcome:
    """How an attempt to pay ended: paid, or why not, or that the bank wants to ask first."""

    paid: bool = False
    declined: str = ""
    wants_authentication: bool = False


def pay(world: World, session_id: str, payer: Payer) -> Outcome:
    """Try to pay an open session with a card that nobody has yet."""
    session = world.get(session_id)
    _set_quantities(world, session, payer.quantities)
    world.note(session_id, country=payer.country, tax_id=payer.tax_id)
    session = recount(world, session_id)
    address = nulls("address", country=payer.country or None)
    billing = {"address": address, "email": payer.email or None, "name": payer.name or None}
    method = _method(world, payer, billing)
    world.note(session_id, billing=billing, method=method)
    if session["automatic_tax"]["status"] == "failed":
        return Outcome(declined="The tax could not be calculated. Try again.")
    if not session["amount_total"]:
        _settle_customer(world, session_id)
        complete(world, session_id)
        return Outcome(paid=True)
    return _charge(world, session_id, authenticated=False)


def _method(world: World, payer: Payer, billing: Json) -> str | None:
    """The card; none for a free session that does not ask for one."""
    if not payer.card_number:
        return None
    card = BY_NUMBER[payer.card_number]
    return str(add_card(world, card, billing=billing, expires=payer.expires)["id"])


def _charge(world: World, session_id: str, *, authenticated: bool) -> Outcome:
    """Charge the card; a customer appears only with a card that pays."""
    intent_id = _intent(world, world.get(session_id))
    method_id = world.notes(session_id)["method"]
    card = card_of(world, method_id)
    if will_pay(card, present=True, authenticated=authenticated, first=True):
        customer_id = _settle_customer(world, session_id)
        world.change(intent_id, customer=customer_id)
    intent = try_charge(
        world, intent_id, method_id, present=True, authenticated=authenticated, first=True
    )
    return _follow(world, session_id, intent)


def authenticate(world: World, session_id: str, *, passed: bool) -> Outcome:
    """The end of a 3-D Secure question."""
    if not passed:
        intent_id = world.notes(session_id)["intent"]
        return _follow(world, session_id, fail_authentication(world, intent_id))
    return _charge(world, session_id, authenticated=True)


def _follow(world: World, session_id: str, intent: Json) -> Outcome:
    if intent["status"] == "requires_action":
        return Outcome(wants_authentication=True)
    if intent["status"] != "succeeded":
        return Outcome(declined=intent["last_payment_error"]["message"])
    complete(world, session_id)
    return Outcome(paid=True)


def _set_quantities(world: World, session: Json, quantities: dict[str, int]) -> None:
    items: list[Json] = world.notes(session["id"])["items"]
    for item in items:
        quantity = quantities.get(item["id"]) or int(item["quantity"])
        item["quantity"] = quantity
    world.note(session["id"], items=items)


def _intent(world: World, session: Json) -> str:
    """The session's payment intent: one for all its attempts."""
    intent_id = world.notes(session["id"]).get("intent")
    if intent_id:
        amount = session["amount_total"]
        return str(world.change(intent_id, amount=amount)["id"])
    intent = add_intent(
        world,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description="Subscription creation",
        setup_future_usage="off_session",
    )
    world.note(session["id"], intent=intent["id"])
    return str(intent["id"])


def complete(world: World, session_id: str) -> Json:
    """The money is there (or nothing is due): make everything that the session promised."""
    session, notes = world.get(session_id), world.notes(session_id)
    customer = world.get(notes["customer"])
    subscription = _subscription(world, session, notes, customer["id"])
    invoice = _pay_first_invoice(world, subscription["latest_invoice"], notes.get("intent"))
    details = blank("payment_pages_checkout_session_customer_details", tax_exempt="none")
    details |= notes["billing"] | {"email": customer["email"]}
    details |= {"tax_exempt": customer["tax_exempt"], "tax_ids": tax_ids_shown(world, session)}
    return world.change(
        session_id,
        "checkout.session.completed",
        customer=customer["id"],
        customer_details=details,
        invoice=invoice["id"],
        payment_status="paid" if session["amount_total"] else "no_payment_required",
        status="complete",
        subscription=subscription["id"],
        url=None,
    )


def _settle_customer(world: World, session_id: str) -> str:
    """The session's customer, made now if it has none, with the card attached."""
    notes = world.notes(session_id)
    customer = _customer(world, world.get(session_id), notes["billing"])
    if notes["method"]:
        attach(world, notes["method"], customer["id"])
    if notes.get("tax_id"):
        add_tax_id(world, customer["id"], notes["tax_id"])
    world.note(session_id, customer=customer["id"])
    return str(customer["id"])


def _customer(world: World, session: Json, billing: Json) -> Json:
    if session["customer"]:
        return _update_customer(world, session, billing)
    email = session["customer_email"] or billing["email"]
    return add_customer(world, email=email, name=billing["name"], address=billing["address"])


def _update_customer(world: World, session: Json, billing: Json) -> Json:
    """An existing customer keeps what he has, but for what `customer_update` allows."""
    customer = world.get(session["customer"])
    allowed = world.notes(session["id"])["customer_update"]
    changes = {name: billing[name] for name in ("name", "address") if allowed.get(name) == "auto"}
    if not customer["email"]:
        changes["email"] = billing["email"]
    return world.change(customer["id"], "customer.updated", **changes)


def _subscription(world: World, session: Json, notes: Json, customer_id: str) -> Json:
    data = notes["subscription_data"]
    bought = [(world.get(item["price"]["id"]), item["quantity"]) for item in notes["items"]]
    body = subscription_body(
        world,
        bought,
        customer=customer_id,
        default_payment_method=notes["method"],
        description=data.get("description"),
        metadata=data.get("metadata", {}),
    )
    if data.get("billing_mode", {}).get("type") == "classic":
        body["billing_mode"] = {"type": "classic", "flexible": None}
    if session["automatic_tax"]["enabled"]:
        body["automatic_tax"] = SELF_TAXED
    if session["managed_payments"]:
        body["managed_payments"] = {"enabled": session["managed_payments"]["enabled"]}
    body["discounts"] = _redeem(world, session, body)
    return start_subscription(world, body)


def _redeem(world: World, session: Json, body: Json) -> list[str]:
    found = []
    for given in session["discounts"] or []:
        discount = new_discount(
            world,
            coupon_of(world, given),
            promotion_code=given["promotion_code"],
            checkout_session=session["id"],
            customer=body["customer"],
            subscription=body["id"],
        )
        found.append(redeem(world, discount))
    return found


def _pay_first_invoice(world: World, invoice_id: str, intent_id: str | None) -> Json:
    """Finalize the invoice and let the intent that was charged already stand for its payment."""
    finalize_invoice(world, invoice_id, intent_id=intent_id or "")
    return mark_paid(world, invoice_id)
