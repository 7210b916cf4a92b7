"""An offer is an experiment: a price of its own, for a while, with what was expected of it."""

from datetime import date
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from billing.models.prices import Price


class OfferQuerySet(models.QuerySet["Offer"]):
    def open_on(self, day: date) -> Self:
        return self.filter(closed_at=None, starts_on__lte=day, ends_on__gte=day)


class Offer(models.Model):
    """Its price is on sale from the first day to the last (UTC); who bought keeps it."""

    name = models.CharField(max_length=80, help_text="shown beside the price")
    price = models.ForeignKey(Price, models.PROTECT, related_name="offers")
    hypothesis = models.TextField(help_text="what you expect of it")
    starts_on = models.DateField()
    ends_on = models.DateField(help_text="its last day; earlier ends it earlier")
    verdict = models.TextField(blank=True, help_text="what came of it, once it is over")
    opened_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_on", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="offer_has_days")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A price that is sold anyway is no offer, and two at a time could not be told apart."""
        if self.closed_at is not None:
            return  # only its verdict is written
        if not all(getattr(self, name, None) for name in ("price_id", "starts_on", "ends_on")):
            return  # the fields say what is wrong
        others = Offer.objects.filter(price=self.price_id).exclude(pk=self.pk)
        is_of_offers = others.filter(opened_at__isnull=False, closed_at=None).exists()
        if self.opened_at is None and self.price.is_on_sale and not is_of_offers:
            raise ValidationError({"price": "It is on sale anyway: make a price for the offer."})
        if others.filter(starts_on__lte=self.ends_on, ends_on__gte=self.starts_on).exists():
            raise ValidationError({"ends_on": "Another offer has this price in these days."})
