"""Licenses that the owner gives away: no Stripe, no price, a date until which they hold."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from licenses.credentials import create_credential
from licenses.issuing import Grant, issue_license
from licenses.models import Customer, License, Tier
from licenses.people import add_customer, addresses_of
from outbox.mail import queue_mail

MAX_DAYS = 36_500
MAX_THREADS = 2**31 - 1  # what the column holds on every database


class GiftRefused(Exception):
    """It cannot be given so; the sentence says why."""


@dataclass(frozen=True)
class Gift:
    """What the owner gives, to whom, and under which source it is given once.

    With *customer* it goes to somebody who is known, else to a new one of this name and address.
    """

    source: str
    grant: Grant
    email: str = ""
    name: str = ""
    customer: Customer | None = None


def source_of(tier: Tier, *, email: str = "", customer: Customer | None = None) -> str:
    """The same gift asked for again is the same; a second one needs a source of its own."""
    whom = f"customer {customer.pk}" if customer else email
    fact = f"{whom} {tier.product.slug}/{tier.slug}"
    return f"owner:gift-{hashlib.sha256(fact.encode()).hexdigest()[:16]}"


@transaction.atomic
def give(gift: Gift, *, at: datetime, with_key: bool = False) -> tuple[License, str | None]:
    """The license of the gift, and a first index key if one is asked for; its people are mailed.

    Told twice, it is given once, and there is no key. Raises GiftRefused.
    """
    if license := check_gift(gift):
        return license, None
    # Always a customer of its own: an address that somebody typed proves nothing.
    customer = gift.customer or add_customer(name=gift.name, email=gift.email)
    license = issue_license(
        customer_id=customer.pk, source=gift.source, grant=gift.grant, at=at, reason="gift"
    )
    if license.customer_id != customer.pk:  # rolls this customer back
        raise GiftRefused(f"{gift.source} is being given at this very moment; try again")
    key = create_credential(customer.pk, name="first key", at=at)[1] if with_key else None
    queue_mail(
        f"gift:{gift.source}",
        template="licenses/gift",
        to=addresses_of(customer.pk),
        context={"license": license},
    )
    return license, key


def check_gift(gift: Gift) -> License | None:
    """The license, if it was given before. Raises GiftRefused if that was somebody else's."""
    known = License.objects.filter(source=gift.source).select_related("customer", "tier__product")
    license = known.first()
    if license is None:
        return None
    is_theirs = (
        license.customer_id == gift.customer.pk
        if gift.customer
        else license.customer.contacts.filter(email=gift.email).exists()
    )
    if license.tier_id != gift.grant.tier_id or not is_theirs:
        raise GiftRefused(
            f"{gift.source} was given before as {license.tier} to {license.customer}; "
            "choose another source"
        )
    return license
