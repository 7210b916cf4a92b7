"""The card that a subscription is charged to, and whether its holder must do something."""

import calendar
from datetime import date
from typing import Any

import stripe

from billing.remote import RemoteCard
from billing.stripe_api.client import client, translated_errors

# What `card_of` reads.
EXPANDED = ["default_payment_method", "customer.invoice_settings.default_payment_method"]


def card_of(subscription: stripe.Subscription) -> RemoteCard | None:
    """The subscription's own card, or else the customer's: in this order Stripe takes them."""
    customer: Any = subscription.customer
    settings = getattr(customer, "invoice_settings", None)  # none is left of a deleted customer
    method: Any = subscription.default_payment_method
    method = method or (settings.default_payment_method if settings else None)
    card = getattr(method, "card", None)
    if card is None:
        return None
    last_day = calendar.monthrange(card.exp_year, card.exp_month)[1]
    return RemoteCard(card.last4 or "", date(card.exp_year, card.exp_month, last_day))


def waits_for_authentication(invoice: stripe.Invoice) -> bool:
    """Whether the bank wants the cardholder to confirm the open invoice's payment."""
    with translated_errors():
        payments = client().v1.invoice_payments.list(
            {"invoice": invoice.id, "expand": ["data.payment.payment_intent"]}
        )
    intents = [payment.payment.payment_intent for payment in payments.data]
    return any(
        isinstance(intent, stripe.PaymentIntent) and intent.status == "requires_action"
        for intent in intents
    )
