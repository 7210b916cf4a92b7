"""Our copies of Stripe's rows: customer, subscription, payments."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing.dirty import mark_dirty
from billing.models import (
    Cart,
    DirtyObject,
    LateRefund,
    Payment,
    StripeCustomer,
    StripePrice,
    Subscription,
)
from billing.remote import (
    PlannedChange,
    RemoteCheckoutSession,
    RemoteCustomer,
    RemoteInvoice,
    RemoteSubscription,
)
from licenses import people
from licenses.models import Customer


def store_subscription(
    remote: RemoteSubscription, session: RemoteCheckoutSession | None
) -> Subscription:
    """Write the subscription as Stripe has it now; the first time with its customer and cart."""
    fields = mirrored(remote)
    known = Subscription.objects.filter(stripe_id=remote.stripe_id)
    if known.update(**fields):
        return known.select_related("cart", "license", "price__tier", "stripe_price").get()
    cart = _cart_of(session)
    customer = _customer_of(remote.customer, cart)
    return Subscription.objects.create(
        stripe_id=remote.stripe_id, customer=customer, cart=cart, **fields
    )


def mirrored(remote: RemoteSubscription) -> dict[str, Any]:
    """The columns of Subscription that say what Stripe says.

    Without price and quantity where the owner gave it a price that is not of our catalog.
    """
    row = StripePrice.objects.filter(stripe_id=remote.price_id).first()
    sold = {"price_id": row.price_id, "stripe_price_id": row.pk} if row else {}
    return {
        **(sold | {"quantity": remote.quantity} if sold else {}),
        "status": remote.status,
        "card_last4": remote.card.last4 if remote.card else "",
        "card_expires_on": remote.card.expires_on if remote.card else None,
        "collection_method": remote.collection_method,
        "current_period_end": remote.current_period_end,
        "cancel_at": remote.cancel_at,
        "ended_at": remote.ended_at,
        "past_due_since": remote.past_due_since if remote.status == "past_due" else None,
        "pay_url": remote.hosted_invoice_url,
        "paused_collection": remote.paused_collection[:20],
        "has_pending_update": remote.has_pending_update,
        "discounted_cents": remote.discounted_cents,
        "created_at": remote.created_at,
        **_planned(remote.planned_change),
    }


def store_payments(
    subscription: Subscription, invoices: Iterable[RemoteInvoice], at: datetime
) -> None:
    """One row per payment intent that paid something; a new one is looked at more closely."""
    for invoice in invoices:
        for payment in invoice.payments:
            row, is_new = Payment.objects.get_or_create(
                stripe_id=payment.stripe_id,
                defaults={
                    "invoice_id": invoice.stripe_id,
                    "billing_reason": invoice.billing_reason,
                    "invoice_number": invoice.number[:80],
                    "invoice_url": invoice.hosted_url[:500],
                    "invoice_pdf_url": invoice.pdf_url[:500],
                    "subscription": subscription,
                    "amount_cents": payment.amount_cents,
                    "currency": invoice.currency,
                    "paid_at": invoice.paid_at,
                },
            )
            if is_new:  # its card, and what happened to it before we knew of it
                mark_dirty(DirtyObject.Kind.PAYMENT, payment.stripe_id, at=at)
            row.subscription = subscription  # as it is now, and not asked for once more
            if row.is_late:
                LateRefund.objects.get_or_create(payment=row, defaults={"due_at": at})


def _planned(change: PlannedChange | None) -> dict[str, Any]:
    known = StripePrice.objects.filter(stripe_id=change.price_id) if change else None
    row = known.first() if known is not None else None
    return {
        "schedule_id": change.schedule_id if change else "",
        "planned_price_id": row.price_id if row else None,
        "planned_quantity": change.quantity if change and row else None,
    }


def _cart_of(session: RemoteCheckoutSession | None) -> Cart | None:
    """The cart that our checkout named as the session's `client_reference_id`."""
    if session is None:
        return None
    try:
        public_id = uuid.UUID(session.client_reference_id)
    except ValueError:
        return None  # made in the Dashboard, or by another shop of the same account
    return Cart.objects.filter(public_id=public_id).first()


def _customer_of(remote: RemoteCustomer, cart: Cart | None) -> Customer:
    """The customer who has this Stripe customer, or a new one; never one found by e-mail.

    Whoever types an address at the checkout has not proven it.
    """
    known = StripeCustomer.objects.filter(stripe_id=remote.stripe_id).select_related("customer")
    row = known.first()
    if row is not None:
        return row.customer
    customer = cart.customer if cart is not None else None
    if (
        customer is None
        or StripeCustomer.objects.filter(customer=customer, deleted_at=None).exists()
    ):
        customer = people.add_customer(name=remote.name, email=remote.email)
    StripeCustomer.objects.create(customer=customer, stripe_id=remote.stripe_id)
    return customer
