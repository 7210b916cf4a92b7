"""What Stripe told us, what it is about, and what the owner should know of it."""

from django.db import models
from django.utils import timezone

from outbox.claims import Claimable, ClaimableManager


class DirtyObject(Claimable):
    """An object at Stripe that changed, or may have: fetch it and make our rows agree."""

    class Kind(models.TextChoices):
        SUBSCRIPTION = "subscription"
        CHECKOUT_SESSION = "checkout_session"
        PAYMENT = "payment_intent"
        CUSTOMER = "customer"

    stripe_id = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    hints = models.PositiveIntegerField(default=0, help_text="raised by each hint of a change")
    agreed = models.PositiveIntegerField(default=0, help_text="`hints` as of the last agreement")
    failing_since = models.DateTimeField(null=True, blank=True)
    agreed_at = models.DateTimeField(null=True, blank=True, help_text="when Stripe was last asked")

    objects = ClaimableManager()

    def __str__(self) -> str:
        return self.stripe_id


class StripeEvent(models.Model):
    """An event as it was received; kept for good."""

    stripe_id = models.CharField(max_length=80, unique=True)
    type = models.CharField(max_length=80, db_index=True)
    api_version = models.CharField(max_length=40, blank=True)
    livemode = models.BooleanField()
    created_at = models.DateTimeField(help_text="when Stripe made it")
    received_at = models.DateTimeField(default=timezone.now)
    payload = models.TextField(help_text="the body as it was received")
    about = models.ForeignKey(
        DirtyObject,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="events",
        help_text="what was marked dirty; empty: no effect",
    )
    note = models.CharField(max_length=200, blank=True, help_text="why it had no effect")

    class Meta:
        ordering = ["-received_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.type} {self.stripe_id}"


class OwnerNotice(models.Model):
    """Something that the owner should know, or that needs him; told once per fact."""

    key = models.CharField(max_length=200, unique=True)
    text = models.TextField()
    needs_him = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.text[:80]
