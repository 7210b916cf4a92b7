"""Licenses that the owner gives away: no Stripe, no price, a date until which they hold."""

import hashlib
import itertools
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


def source_of(grant: Grant, *, email: str = "", customer: Customer | None = None) -> str:
    """The same gift asked for again is the same while it lives; then it is a new one.

    So is one of another kind or size, and one that went to somebody else meanwhile.
    """
    tier = Tier.objects.select_related("product").get(pk=grant.tier_id)
    whom = f"customer {customer.pk}" if customer else email
    fact = f"{whom} {tier.product.slug}/{tier.slug}"
    base = f"owner:gift-{hashlib.sha256(fact.encode()).hexdigest()[:16]}"
    for number in itertools.count(1):
        source = base if number == 1 else f"{base}-{number}"
        license = _license_of(source)
        if license is None or _is_that_gift(license, grant, email, customer):
            break
    return source


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
    """The license, if it was given before; None if it can be given now. Raises GiftRefused."""
    license = _license_of(gift.source)
    if license is None:
        if gift.customer and not addresses_of(gift.customer.pk):
            raise GiftRefused(f"nobody of {gift.customer} can be mailed; add a contact first")
        return None
    is_theirs = _is_held_by(license, gift.email, gift.customer)
    if license.tier_id != gift.grant.tier_id or not is_theirs:
        raise GiftRefused(
            f"{gift.source} was given before as {license.tier} to {license.customer}; "
            "choose another source"
        )
    return license


def _license_of(source: str) -> License | None:
    known = License.objects.filter(source=source)
    return known.select_related("customer", "tier__product").first()


def _is_that_gift(license: License, grant: Grant, email: str, customer: Customer | None) -> bool:
    given = (license.tier_id, license.kind, license.threads)
    is_same = given == (grant.tier_id, grant.kind, grant.threads)
    return license.is_active and is_same and _is_held_by(license, email, customer)


def _is_held_by(license: License, email: str, customer: Customer | None) -> bool:
    if customer:
        return license.customer_id == customer.pk
    return license.customer.contacts.filter(email=email).exists()
