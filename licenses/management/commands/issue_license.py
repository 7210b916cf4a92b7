"""`manage.py issue_license`: a license as a gift, without Stripe."""

import hashlib
from argparse import ArgumentParser
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from licenses.credentials import create_credential
from licenses.issuing import Grant, issue_license
from licenses.models import License, Tier, normalize_email
from licenses.people import add_customer
from outbox.mail import queue_mail

MAX_DAYS = 36_500
MAX_THREADS = 2**31 - 1  # what the column holds on every database
MAX_SOURCE_CHARACTERS = 80


@dataclass(frozen=True)
class Gift:
    """What the owner gives, to whom, and under which source it is given once."""

    email: str
    name: str
    source: str
    grant: Grant


class Command(BaseCommand):
    help = "Give a license away: makes customer, license and index key, and mails the person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True, help="the person who signs in")
        parser.add_argument("--name", required=True, help="the organization, as its license says")
        parser.add_argument("--tier", required=True, help="PRODUCT/TIER, e.g. hare/pro")
        parser.add_argument("--days", type=int, default=365, help="default: %(default)s")
        parser.add_argument(
            "--threads", type=int, help="default: one unit of the tier, or no limit"
        )
        parser.add_argument("--source", help="owner:…; default: one gift for an address and tier")
        parser.add_argument(
            "--kind", choices=License.Kind.values, default=License.Kind.COMPLIMENTARY.value
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        license, key = give(_gift(options, now), at=now)
        self.stdout.write(f"customer  {license.customer} ({license.customer_id})")
        self.stdout.write(
            f"license   {license.pk}: {license.tier}, {license.status}, "
            f"until {license.paid_through:%Y-%m-%d}, source {license.source}"
        )
        if key is not None:
            self.stdout.write(f"index key {key}\nThe key is shown only now.")
            return
        self.stdout.write(
            "This gift was made before; nothing was changed. A new key is made by signing in at "
            f"{settings.BASE_URL}/account/."
        )


@transaction.atomic
def give(gift: Gift, *, at: datetime) -> tuple[License, str | None]:
    """The license of the gift and its first index key; None for the key when told twice."""
    known = License.objects.filter(source=gift.source).select_related("customer", "tier__product")
    if license := known.first():
        _check_same(license, gift)
        return license, None
    # Always a customer of its own: an address that somebody typed proves nothing.
    customer = add_customer(name=gift.name, email=gift.email)
    license = issue_license(
        customer_id=customer.pk, source=gift.source, grant=gift.grant, at=at, reason="gift"
    )
    if license.customer_id != customer.pk:  # rolls this customer back
        raise CommandError(f"{gift.source} is being given at this very moment; run it again.")
    _, key = create_credential(customer.pk, name="first key", at=at)
    queue_mail(
        f"gift:{gift.source}",
        template="licenses/gift",
        to=[gift.email],
        context={"license": license},
    )
    return license, key


def _check_same(license: License, gift: Gift) -> None:
    contacts = license.customer.contacts.filter(email=gift.email)
    if license.tier_id != gift.grant.tier_id or not contacts.exists():
        raise CommandError(
            f"{gift.source} was given before as {license.tier} to {license.customer}; "
            "choose another --source."
        )


def _gift(options: dict[str, Any], now: datetime) -> Gift:
    """The options, checked."""
    email = normalize_email(options["email"])
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"--email {options['email']!r} is not an e-mail address.") from error
    if not options["name"].strip():
        raise CommandError("--name must say who the license is for.")
    tier = _tier(options["tier"])
    grant = Grant(
        tier_id=tier.pk,
        kind=options["kind"],
        threads=_threads(options["threads"], tier),
        paid_through=now + timedelta(days=_between("--days", options["days"], MAX_DAYS)),
    )
    source = _source(options["source"] or _default_source(email, tier))
    return Gift(email=email, name=options["name"].strip(), source=source, grant=grant)


def _tier(slugs: str) -> Tier:
    product, _, tier = slugs.partition("/")
    found = Tier.objects.filter(product__slug=product, slug=tier).select_related("product").first()
    if found is None:
        pairs = Tier.objects.values_list("product__slug", "slug")
        known = ", ".join(f"{product}/{tier}" for product, tier in pairs) or "none"
        raise CommandError(f"--tier {slugs!r} is not in the catalog; it has: {known}.")
    return found


def _threads(asked: int | None, tier: Tier) -> int | None:
    return tier.threads_for(1) if asked is None else _between("--threads", asked, MAX_THREADS)


def _between(option: str, number: int, high: int) -> int:
    if not 1 <= number <= high:
        raise CommandError(f"{option} must be from 1 to {high}, not {number}.")
    return number


def _default_source(email: str, tier: Tier) -> str:
    """The same command run again is the same gift; a second one needs a --source of its own."""
    fact = f"{email} {tier.product.slug}/{tier.slug}"
    return f"owner:gift-{hashlib.sha256(fact.encode()).hexdigest()[:16]}"


def _source(source: str) -> str:
    if not source.startswith("owner:") or len(source) > MAX_SOURCE_CHARACTERS:
        raise CommandError(
            f"--source must begin with owner: and have at most {MAX_SOURCE_CHARACTERS} characters."
        )
    return source
