"""The only door to Stripe: the real SDK in, our own values out.

API version 2026-05-27.dahlia, pinned by stripe==15.2.1; the two spots that the next version
breaks (`payment_method_types`, `billing_cycle_anchor`) stand in one function each.
"""

from billing.stripe_api.catalog import create_price, ensure_product, find_price, is_price_archived
from billing.stripe_api.changes import (
    ChangeIsPlanned,
    change_at_period_end,
    change_now,
    create_portal_session,
    preview_change,
    release_schedule,
    set_cancel_at_period_end,
)
from billing.stripe_api.checkout import (
    create_checkout_session,
    create_customer,
    expire_checkout_session,
    find_checkout_session,
    retrieve_checkout_session,
)
from billing.stripe_api.client import (
    API_VERSION,
    CardDeclined,
    StripeObjectGone,
    StripeRefused,
    StripeUnavailable,
)
from billing.stripe_api.contracts import create_invoiced_subscription
from billing.stripe_api.customers import retrieve_customer, write_metadata
from billing.stripe_api.payments import (
    credit_payment,
    find_subscription_paid_by,
    refund_payment,
    retrieve_payment,
)
from billing.stripe_api.price_moves import move_to_price
from billing.stripe_api.signatures import is_signed
from billing.stripe_api.subscriptions import (
    cancel_subscription,
    list_paid_invoices,
    retrieve_subscription,
)
from billing.stripe_api.walks import (
    list_charges,
    list_disputes,
    list_events,
    list_refunds,
    list_subscriptions,
)

__all__ = [
    "API_VERSION",
    "CardDeclined",
    "ChangeIsPlanned",
    "StripeObjectGone",
    "StripeRefused",
    "StripeUnavailable",
    "cancel_subscription",
    "change_at_period_end",
    "change_now",
    "create_checkout_session",
    "create_customer",
    "create_invoiced_subscription",
    "create_portal_session",
    "create_price",
    "credit_payment",
    "ensure_product",
    "expire_checkout_session",
    "find_checkout_session",
    "find_price",
    "find_subscription_paid_by",
    "is_price_archived",
    "is_signed",
    "list_charges",
    "list_disputes",
    "list_events",
    "list_paid_invoices",
    "list_refunds",
    "list_subscriptions",
    "move_to_price",
    "preview_change",
    "refund_payment",
    "release_schedule",
    "retrieve_checkout_session",
    "retrieve_customer",
    "retrieve_payment",
    "retrieve_subscription",
    "set_cancel_at_period_end",
    "write_metadata",
]
