"""Our mirror of Stripe: prices, carts, subscriptions, payments, events."""

from billing.models.carts import Cart, StripeCustomer
from billing.models.chores import BackupCursor, Chore, EventCursor, SecondBackup
from billing.models.closings import Closing
from billing.models.contracts import InvoiceContract
from billing.models.details import BillingDetails
from billing.models.events import DirtyObject, OwnerNotice, StripeEvent
from billing.models.ledger import LedgerEntry
from billing.models.offers import Offer
from billing.models.price_moves import PriceMove
from billing.models.prices import MAX_QUANTITY, Price, StripePrice
from billing.models.subscriptions import (
    Dispute,
    GuaranteeRefund,
    LateRefund,
    Payment,
    Refund,
    Subscription,
)
from billing.models.terms import LicenseText

__all__ = [
    "MAX_QUANTITY",
    "BackupCursor",
    "BillingDetails",
    "Cart",
    "Chore",
    "Closing",
    "DirtyObject",
    "Dispute",
    "EventCursor",
    "GuaranteeRefund",
    "InvoiceContract",
    "LateRefund",
    "LedgerEntry",
    "LicenseText",
    "Offer",
    "OwnerNotice",
    "Payment",
    "Price",
    "PriceMove",
    "Refund",
    "SecondBackup",
    "StripeCustomer",
    "StripeEvent",
    "StripePrice",
    "Subscription",
]
