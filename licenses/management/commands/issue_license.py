"""`manage.py issue_license`: a license as a gift, without Stripe."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.utils import timezone

from licenses.gifts import MAX_DAYS, MAX_THREADS, Gift, GiftRefused, give, source_of
from licenses.issuing import Grant
from licenses.models import License, Tier, normalize_email

MAX_SOURCE_CHARACTERS = 80


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
        parser.add_argument(
            "--source",
            help="owner:…; default: one at a time for an address, tier, kind and threads",
        )
        parser.add_argument(
            "--kind", choices=License.Kind.values, default=License.Kind.COMPLIMENTARY.value
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            license, key = give(_gift(options, now), at=now, with_key=True)
        except GiftRefused as refused:
            raise CommandError(f"{refused}.") from refused
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
    source = _source(options["source"] or source_of(grant, email=email))
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


def _source(source: str) -> str:
    if not source.startswith("owner:") or len(source) > MAX_SOURCE_CHARACTERS:
        raise CommandError(
            f"--source must begin with owner: and have at most {MAX_SOURCE_CHARACTERS} characters."
        )
    return source
