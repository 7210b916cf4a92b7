"""`manage.py demo_catalog`: the catalog of the demo, Hare OSS / Pro / Enterprise."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from billing.models import Price
from licenses.models import Product, Tier
from pkgindex.projects import define_project

ENTERPRISE_STEPS = [(4, 26900), (9, 24900), (19, 22900), (49, 21900), (None, 21500)]
MONTHS_IN_A_YEARS_PRICE = 10


class Command(BaseCommand):
    help = "Write the demo's catalog. Only in the demo; safe to repeat."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("demo_catalog is for DEMO=1 only: it would overwrite your prices.")
        product, _ = Product.objects.update_or_create(
            slug="hare",
            defaults={"name": "Hare", "summary": "Background jobs for Python, run by threads."},
        )
        oss, pro, enterprise = _tiers(product)
        _prices(pro, enterprise)
        at = timezone.now()
        everybody = [oss.pk, pro.pk, enterprise.pk]
        define_project("hare", at=at, tier_ids=everybody, is_public=True)
        define_project("hare-pro", at=at, tier_ids=[pro.pk, enterprise.pk])
        define_project("hare-ent", at=at, tier_ids=[enterprise.pk])
        self.stdout.write("Hare OSS, Pro and Enterprise are in the catalog.")


def _tiers(product: Product) -> tuple[Tier, Tier, Tier]:
    return (
        _tier(product, "oss", name="OSS", rank=0, summary="The queue itself, for everybody."),
        _tier(
            product,
            "pro",
            name="Pro",
            rank=1,
            summary="Batches and reliability, for one organization.",
            features=["batches", "reliable fetch"],
            tickets_per_quarter=1,
        ),
        _tier(
            product,
            "enterprise",
            name="Enterprise",
            rank=2,
            summary="All of Pro, rate limits and schedules, by threads.",
            features=["batches", "reliable fetch", "rate limits", "schedules"],
            threads_per_unit=100,
            tickets_per_quarter=4,
        ),
    )


def _tier(product: Product, slug: str, **fields: Any) -> Tier:
    tier, _ = Tier.objects.update_or_create(product=product, slug=slug, defaults=fields)
    return tier


def _prices(pro: Tier, enterprise: Tier) -> None:
    _price(pro, "pro_monthly", interval="month", unit_amount_cents=9900)
    _price(pro, "pro_yearly", interval="year", unit_amount_cents=99500)
    _price(enterprise, "enterprise_monthly", interval="month", volume_tiers=_steps(1))
    yearly = _steps(MONTHS_IN_A_YEARS_PRICE)
    _price(enterprise, "enterprise_yearly", interval="year", volume_tiers=yearly)


def _steps(months: int) -> list[list[int | None]]:
    return [[up_to, cents * months] for up_to, cents in ENTERPRISE_STEPS]


def _price(tier: Tier, lookup_key: str, **fields: Any) -> None:
    Price.objects.update_or_create(lookup_key=lookup_key, defaults={"tier": tier, **fields})
