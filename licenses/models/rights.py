"""Licenses: what each customer may do."""

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.utils import timezone

from licenses.models.catalog import Tier
from licenses.models.people import Customer


class LicenseQuerySet(models.QuerySet["License"]):
    def held_by(self, customers: Iterable[Customer]) -> Self:
        return self.filter(customer__in=customers)


class License(models.Model):
    """A right to run one product, held by one customer."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"  # a dispute is open; comes back when it is won
        LAPSED = "lapsed"  # paid time over; keeps what it paid for
        REVOKED = "revoked"  # refund or abuse; never comes back

    class Kind(models.TextChoices):
        ORGANIZATION = "organization"  # unlimited
        LIMITED = "limited"  # by threads
        SITE = "site"  # unlimited
        EVALUATION = "evaluation"  # free, dated
        COMPLIMENTARY = "complimentary"  # a gift

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="licenses")
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="licenses")
    kind = models.CharField(max_length=13, choices=Kind.choices)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.ACTIVE)
    threads = models.PositiveIntegerField(null=True, blank=True, help_text="empty: no limit")
    paid_through = models.DateTimeField(help_text="end of the paid time, exclusive")
    updates_until = models.DateTimeField(
        help_text="once lapsed, releases up to this moment stay installable"
    )
    # Who asked for it, e.g. "stripe:sub_123" or "owner:gift-7". Unique, so that the
    # same purchase told twice gives one license.
    source = models.CharField(max_length=80, unique=True)
    rev = models.PositiveIntegerField(default=1, help_text="raised by every change; newest wins")
    created_at = models.DateTimeField(default=timezone.now)

    objects = LicenseQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.tier} ({self.source})"

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE


class LicenseEvent(models.Model):
    """What happened to a license; rows are only ever added."""

    license = models.ForeignKey(License, models.PROTECT, related_name="events")
    name = models.CharField(max_length=40, help_text="issued, renewed, lapsed, …")
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M}"


class Generation(models.Model):
    """One row: how often the rights changed (licenses.generation)."""

    ONLY = 1

    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)
