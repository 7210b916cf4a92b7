"""What is sold."""

from django.db import models


class Product(models.Model):
    """Something that is sold, e.g. Hare."""

    class Status(models.TextChoices):
        DRAFT = "draft"  # on no page yet
        ON_SALE = "on sale"
        CLOSING = "closing"  # nobody new; who has it keeps it until the end that was announced
        RETIRED = "retired"  # no page names it; what was paid for stays installable

    GIVEN_UP = (Status.CLOSING, Status.RETIRED)

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    summary = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=7, choices=Status.choices, default=Status.ON_SALE, db_default=Status.ON_SALE
    )
    ends_on = models.DateField(
        null=True, blank=True, help_text="the last day of a product that is closing"
    )

    def __str__(self) -> str:
        return self.name


class Tier(models.Model):
    """A level of a product: what it grants."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="tiers")
    slug = models.SlugField()
    name = models.CharField(max_length=80)
    summary = models.CharField(max_length=200, blank=True)
    rank = models.PositiveSmallIntegerField(default=0, help_text="order on the pricing page")
    features = models.JSONField(default=list, blank=True, help_text="list of feature names")
    threads_per_unit = models.PositiveIntegerField(
        null=True, blank=True, help_text="threads that one unit of quantity allows; empty: no limit"
    )
    tickets_per_quarter = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["product", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["product", "slug"], name="tier_once_per_product")
        ]

    def __str__(self) -> str:
        return f"{self.product.name} {self.name}"

    def threads_for(self, quantity: int) -> int | None:
        """Threads that *quantity* units allow; None means no limit."""
        return None if self.threads_per_unit is None else self.threads_per_unit * quantity
