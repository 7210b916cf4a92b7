"""The one Stripe customer of a customer of ours."""

import hashlib
import json
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from billing import stripe_api
from billing.dirty import mark_dirty
from billing.models import DirtyObject, StripeCustomer
from billing.remote import RemoteCustomer
from licenses import people
from licenses.models import Customer


def ensure_stripe_customer(customer: Customer) -> str:
    """His id at Stripe: the one he has, or a new one. Safe to repeat, and to kill.

    Stripe is asked whether the one he has is still there: it may have been deleted in a month in
    which we heard of nothing, and nothing can be sold to it. Raises StripeObjectGone for an id
    that the account never had: with another account's key nobody is deleted.
    """
    known = StripeCustomer.objects.filter(customer=customer, deleted_at=None).first()
    if known is not None:
        if not stripe_api.retrieve_customer(known.stripe_id).is_deleted:
            return known.stripe_id
        _forget(known.stripe_id, at=timezone.now())
    stripe_id = _create(customer)
    row, _ = StripeCustomer.objects.get_or_create(
        customer=customer, deleted_at=None, defaults={"stripe_id": stripe_id}
    )
    return row.stripe_id


def note_customer(remote: RemoteCustomer, *, at: datetime) -> None:
    """Write what he is at Stripe now: deleted, or at which address he reads receipts."""
    if remote.is_deleted:
        note_deleted(remote.stripe_id, at=at)
    else:
        note_address(remote)


def note_address(remote: RemoteCustomer) -> None:
    """Where Stripe mails his receipts to; for the eye only. Safe to repeat."""
    known = StripeCustomer.objects.filter(stripe_id=remote.stripe_id)
    known.exclude(email=remote.email).update(email=remote.email)


def note_deleted(stripe_id: str, *, at: datetime) -> None:
    """He was deleted at Stripe; what he buys next is a new Stripe customer's."""
    StripeCustomer.objects.filter(stripe_id=stripe_id, deleted_at=None).update(deleted_at=at)


@transaction.atomic
def look_again(stripe_id: str, *, at: datetime) -> None:
    """Have the worker agree on the Stripe customer, and on his subscriptions."""
    mark_dirty(DirtyObject.Kind.CUSTOMER, stripe_id, at=at)


@transaction.atomic
def _forget(stripe_id: str, *, at: datetime) -> None:
    note_deleted(stripe_id, at=at)  # before the mark, as whoever agrees on him
    look_again(stripe_id, at=at)  # his subscriptions ended, and we did not hear of it


def _create(customer: Customer) -> str:
    """A lost answer and a second try make one customer; another shop's customer 7 is not ours.

    So the key says all that is sent (Stripe refuses a key that comes back with something else),
    and the microsecond that tells this row from row 7 of another database of the same account.
    """
    email = next(iter(people.addresses_of(customer.pk)), "")
    earlier = StripeCustomer.objects.filter(customer=customer).count()
    facts = [customer.pk, customer.created_at.isoformat(), earlier, email, customer.name]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    return stripe_api.create_customer(
        email=email, name=customer.name, idempotency_key=f"customer-{digest}"
    )
