"""What tiers cost, and as what Stripe has it."""

from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from lib.money import VolumeTier, check_volume_tiers, volume_total_cents
from licenses.models import Product, Tier

MAX_QUANTITY = 1000


class PriceQuerySet(models.QuerySet["Price"]):
    def on_sale(self) -> Self:
        """What may be bought: of products that are on sale, too."""
        return self.filter(is_on_sale=True, tier__product__status=Product.Status.ON_SALE)

    def to_publish(self) -> Self:
        """What Stripe should have: what is or will be sold, that of drafts, too."""
        planned = Q(offers__isnull=False, offers__closed_at=None)
        rows = self.filter(Q(is_on_sale=True) | planned).distinct()
        return rows.exclude(tier__product__status__in=Product.GIVEN_UP)


class Price(models.Model):
    """What a tier costs per month or year: one amount, or volume tiers by quantity."""

    class Interval(models.TextChoices):
        MONTH = "month"
        YEAR = "year"

    tier = models.ForeignKey(Tier, models.PROTECT, related_name="+")
    lookup_key = models.SlugField(unique=True, help_text="how Stripe and our pages name it")
    interval = models.CharField(max_length=5, choices=Interval.choices)
    currency = models.CharField(max_length=3, default="usd")
    unit_amount_cents = models.PositiveIntegerField(null=True, blank=True)
    volume_tiers = models.JSONField(
        default=list,
        blank=True,
        help_text='instead of an amount: [[4, 26900], [9, 24900], [null, 21500]] means "up to 4 '
        'units $269 each, up to 9 $249 each, above $215 each"',
    )
    is_on_sale = models.BooleanField(default=True)
    stripe_id = models.CharField(max_length=80, blank=True, help_text="set by sync_catalog")

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering = ["tier", "interval"]
        constraints = [
            models.CheckConstraint(
                condition=Q(unit_amount_cents__isnull=False, volume_tiers=[])
                | (Q(unit_amount_cents__isnull=True) & ~Q(volume_tiers=[])),
                name="price_amount_or_tiers",
            )
        ]

    def __str__(self) -> str:
        return self.lookup_key

    def clean(self) -> None:
        """Refuse in the admin what sync_catalog would refuse."""
        if (self.unit_amount_cents is None) != bool(self.volume_tiers):
            raise ValidationError("Give either an amount or volume tiers.")
        if self.volume_tiers:
            try:
                check_volume_tiers(self.tiers)
            except ValueError as error:
                raise ValidationError({"volume_tiers": str(error)}) from error

    @property
    def tiers(self) -> list[VolumeTier]:
        """The volume tiers; raises ValueError if what was typed is not a table of them."""
        return volume_tiers(self.volume_tiers)

    @property
    def max_quantity(self) -> int:
        """How many units one may buy; a tier without a thread limit is sold once."""
        return 1 if self.tier.threads_per_unit is None else MAX_QUANTITY

    @property
    def may_be_sold(self) -> bool:
        return self.is_on_sale and self.tier.product.status == Product.Status.ON_SALE

    def total_cents(self, quantity: int) -> int:
        """What *quantity* units cost per interval, before tax and discounts."""
        if self.unit_amount_cents is not None:
            return self.unit_amount_cents * quantity
        return volume_total_cents(self.tiers, quantity)


def volume_tiers(table: Any) -> list[VolumeTier]:
    try:
        return [VolumeTier(_whole(up_to), int(cents)) for up_to, cents in table]
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a table of [up to, cents]: {table!r}") from error


def _whole(up_to: Any) -> int | None:
    return None if up_to is None else int(up_to)


class StripePrice(models.Model):
    """A price as Stripe has it. Amounts there never change: a new amount is a new one of these."""

    stripe_id = models.CharField(max_length=80, unique=True)
    price = models.ForeignKey(Price, models.PROTECT, related_name="stripe_prices")
    # What it costs for ever, as in `Price`; that of the price may move on.
    unit_amount_cents = models.PositiveIntegerField(null=True, blank=True)
    volume_tiers = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.stripe_id

    def total_cents(self, quantity: int) -> int:
        """What *quantity* units cost whoever bought at this amount."""
        if self.unit_amount_cents is not None:
            return self.unit_amount_cents * quantity
        if not self.volume_tiers:
            return self.price.total_cents(quantity)  # from before amounts were kept here
        return volume_total_cents(volume_tiers(self.volume_tiers), quantity)
