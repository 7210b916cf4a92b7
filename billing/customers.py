"""The one Stripe customer of a customer of ours."""

from billing import stripe_api
from billing.models import StripeCustomer
from licenses import people
from licenses.models import Customer


def ensure_stripe_customer(customer: Customer) -> str:
    """His id at Stripe: the one he has, or a new one. Safe to repeat, and to kill."""
    known = StripeCustomer.objects.filter(customer=customer).first()
    if known is not None:
        return known.stripe_id
    stripe_id = stripe_api.create_customer(
        email=next(iter(people.addresses_of(customer.pk)), ""),
        name=customer.name,
        idempotency_key=f"customer-{customer.pk}",
    )
    row, _ = StripeCustomer.objects.get_or_create(
        customer=customer, defaults={"stripe_id": stripe_id}
    )
    return row.stripe_id
