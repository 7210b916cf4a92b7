"""Subscriptions and what was paid for them, as rows."""

from datetime import UTC, datetime

from billing.models import Payment, Price, Subscription
from tests.make import make_customer, make_license

START = datetime(2025, 3, 1, 12, tzinfo=UTC)
END = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_subscription(price: Price, *, end: datetime = END, start: datetime = START):
    customer = make_customer()
    return Subscription.objects.create(
        stripe_id=f"sub_{customer.pk}",
        customer=customer,
        license=make_license(customer=customer, tier=price.tier),
        status="active",
        price=price,
        quantity=1,
        current_period_end=end,
        created_at=start,
    )


def make_payment(row: Subscription, cents: int, at: datetime) -> Payment:
    return Payment.objects.create(
        stripe_id=f"pi_{Payment.objects.count()}",
        invoice_id="in_1",
        subscription=row,
        amount_cents=cents,
        currency="usd",
        paid_at=at,
        billing_reason="subscription_create",
    )
