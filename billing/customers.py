"""The one Stripe customer of a customer of ours."""

from billing import stripe_api
from billing.models import StripeCustomer
from licenses import people
from licenses.models import Customer


def ensure_stripe_customer(customer: Customer) -> str:
    """His id at Stripe: the one he has, or a new one. Safe to repeat, and to kill."""
    all_of_his = StripeCustomer.objects.filter(customer=customer)
    known = all_of_his.filter(deleted_at=None).first()
    if known is not None:
        return known.stripe_id
    stripe_id = stripe_api.create_customer(
        email=next(iter(people.addresses_of(customer.pk)), ""),
        name=customer.name,
        idempotency_key=f"customer-{customer.pk}-{all_of_his.count()}",
    )
    row, _ = StripeCustomer.objects.get_or_create(
        customer=customer, deleted_at=None, defaults={"stripe_id": stripe_id}
    )
    return row.stripe_id
