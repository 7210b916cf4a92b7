"""One file per subject of Stripe's API; importing this package fills the registry.

A new subject is a new file here and its name in the list below.
"""

from . import (
    account,
    charges,
    checkout,
    coupons,
    customers,
    disputes,
    events,
    invoice_payments,
    invoices,
    payment_methods,
    portal,
    previews,
    prices,
    products,
    promotion_codes,
    refunds,
    subscription_creation,
    subscription_items,
    subscriptions,
    webhook_endpoints,
)

__all__ = [
    "account",
    "charges",
    "checkout",
    "coupons",
    "customers",
    "disputes",
    "events",
    "invoice_payments",
    "invoices",
    "payment_methods",
    "portal",
    "previews",
    "prices",
    "products",
    "promotion_codes",
    "refunds",
    "subscription_creation",
    "subscription_items",
    "subscriptions",
    "webhook_endpoints",
]
