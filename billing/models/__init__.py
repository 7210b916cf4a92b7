"""Our mirror of Stripe: prices, carts, subscriptions, payments, events."""

from billing.models.carts import Cart, StripeCustomer
from billing.models.contracts import InvoiceContract
from billing.models.events import DirtyObject, OwnerNotice, StripeEvent
from billing.models.price_moves import PriceMove
from billing.models.prices import MAX_QUANTITY, Price, StripePrice
from billing.models.subscriptions import (
    Dispute,
    GuaranteeRefund,
    Payment,
    Refund,
    Subscription,
)

__all__ = [
    "MAX_QUANTITY",
    "Cart",
    "DirtyObject",
    "Dispute",
    "GuaranteeRefund",
    "InvoiceContract",
    "OwnerNotice",
    "Payment",
    "Price",
    "PriceMove",
    "Refund",
    "StripeCustomer",
    "StripeEvent",
    "StripePrice",
    "Subscription",
]
