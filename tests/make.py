"""Rows for tests, made by plain functions that say only what the test is about."""

import itertools
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from licenses import credentials, issuing, people
from licenses.models import Credential, Customer, License, Product, Tier

_numbers = itertools.count(1)


def make_customer(email: str = "") -> Customer:
    number = next(_numbers)
    return people.add_customer(name=f"Company {number}", email=email or f"dev{number}@example.com")


def make_tier(
    slug: str = "pro", *, product: str = "hare", threads_per_unit: int | None = None
) -> Tier:
    row, _ = Product.objects.get_or_create(slug=product, defaults={"name": product.title()})
    tier, _ = Tier.objects.get_or_create(
        product=row,
        slug=slug,
        defaults={"name": slug.title(), "threads_per_unit": threads_per_unit},
    )
    return tier


def make_license(
    *,
    customer: Customer | None = None,
    tier: Tier | None = None,
    threads: int | None = None,
    paid_through: datetime | None = None,
    source: str = "",
) -> License:
    return issuing.issue_license(
        customer_id=(customer or make_customer()).pk,
        source=source or f"owner:test-{next(_numbers)}",
        grant=issuing.Grant(
            tier_id=(tier or make_tier()).pk,
            kind=License.Kind.ORGANIZATION if threads is None else License.Kind.LIMITED,
            threads=threads,
            paid_through=paid_through or timezone.now() + timedelta(days=30),
        ),
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def make_credential(customer: Customer, name: str = "ci") -> tuple[Credential, str]:
    """An index credential and its secret."""
    return credentials.create_credential(customer.pk, name=name, at=timezone.now())
