"""Who buys, and what he pressed "Buy" on."""

import uuid

from django.db import models
from django.utils import timezone

from billing.models.prices import Price
from billing.models.terms import LicenseText
from licenses.models import Customer


class StripeCustomer(models.Model):
    """The one Stripe customer of a customer; one that was deleted there stays, for its past."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    stripe_id = models.CharField(max_length=80, unique=True)
    email = models.CharField(
        max_length=512,
        blank=True,
        db_default="",
        help_text="where Stripe mails receipts to; it opens no account here",
    )
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="deleted at Stripe")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(deleted_at__isnull=True),
                name="one_live_stripe_customer",
            )
        ]

    def __str__(self) -> str:
        return self.stripe_id


class Cart(models.Model):
    """One press of "Buy": what, how much, and the first key's digest."""

    class Status(models.TextChoices):
        OPEN = "open"
        COMPLETED = "completed"
        EXPIRED = "expired"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, help_text="client_reference_id")
    # SHA-256 of the page's nonce, the price and the quantity. Unique, so that a double click
    # is one cart, one key and one checkout session.
    click = models.CharField(max_length=64, unique=True)
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(default=1)
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="set when the buyer was signed in",
    )
    terms = models.ForeignKey(
        LicenseText,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="what was agreed to by pressing Buy",
    )
    credential_digest = models.CharField(max_length=64)
    credential_hint = models.CharField(max_length=4)
    stripe_session_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    key_first_shown_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.price} x {self.quantity}"
