"""Invoices for the big: agreed with the owner, and made by his hand only."""

import uuid

from django.db import models
from django.utils import timezone

from billing.models.prices import Price
from billing.models.subscriptions import Subscription
from licenses.models import Customer
from outbox.claims import Claimable, ClaimableManager


class InvoiceContract(Claimable):
    """A subscription that is paid by invoice; due until Stripe has it."""

    class GrantOn(models.TextChoices):
        SIGNATURE = "signature"
        PAYMENT = "payment"

    # Stands in the subscription's metadata and in the idempotency key: a number would come again
    # after a restored backup.
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(default=1)
    days_until_due = models.PositiveIntegerField(default=30)
    reference = models.CharField(
        max_length=80, blank=True, help_text="their purchase order; stands on every invoice"
    )
    grant_on = models.CharField(
        max_length=9,
        choices=GrantOn.choices,
        default=GrantOn.PAYMENT,
        help_text="when the license begins",
    )
    signed_at = models.DateTimeField(null=True, blank=True)
    notes = models.TextField(blank=True, help_text="for the owner only")
    created_at = models.DateTimeField(default=timezone.now)
    subscription = models.OneToOneField(
        Subscription, models.PROTECT, null=True, blank=True, related_name="contract"
    )

    objects = ClaimableManager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, days_until_due__gte=1),
                name="contract_at_least_one",
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.price} x {self.quantity}"
