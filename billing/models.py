"""Our mirror of Stripe: prices, carts, subscriptions, payments, events."""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from lib.money import VolumeTier, check_volume_tiers, volume_total_cents
from licenses.models import Customer, License, Tier
from outbox.claims import Claimable, ClaimableManager

MAX_QUANTITY = 1000


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
        try:
            return [VolumeTier(_whole(up_to), int(cents)) for up_to, cents in self.volume_tiers]
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a table of [up to, cents]: {self.volume_tiers!r}") from error

    @property
    def max_quantity(self) -> int:
        """How many units one may buy; a tier without a thread limit is sold once."""
        return 1 if self.tier.threads_per_unit is None else MAX_QUANTITY

    def total_cents(self, quantity: int) -> int:
        """What *quantity* units cost per interval, before tax and discounts."""
        if self.unit_amount_cents is not None:
            return self.unit_amount_cents * quantity
        return volume_total_cents(self.tiers, quantity)


def _whole(up_to: Any) -> int | None:
    return None if up_to is None else int(up_to)


class StripePrice(models.Model):
    """A price as Stripe has it. Amounts there never change: a new amount is a new one of these."""

    stripe_id = models.CharField(max_length=80, unique=True)
    price = models.ForeignKey(Price, models.PROTECT, related_name="stripe_prices")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.stripe_id


class StripeCustomer(models.Model):
    """The one Stripe customer of a customer."""

    customer = models.OneToOneField(Customer, models.PROTECT, related_name="+")
    stripe_id = models.CharField(max_length=80, unique=True)

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
    credential_digest = models.CharField(max_length=64)
    credential_hint = models.CharField(max_length=4)
    stripe_session_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    key_first_shown_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.price} x {self.quantity}"


class Subscription(models.Model):
    """A subscription as Stripe last told us; statuses are Stripe's, word for word."""

    stripe_id = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    cart = models.OneToOneField(Cart, models.PROTECT, null=True, blank=True, related_name="+")
    license = models.OneToOneField(License, models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=20)
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    current_period_end = models.DateTimeField()
    cancel_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    past_due_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.stripe_id} ({self.status})"


class Payment(models.Model):
    """Money received: ties refunds and disputes, which name no customer, to a subscription."""

    stripe_id = models.CharField(max_length=80, unique=True, help_text="payment intent")
    invoice_id = models.CharField(max_length=80, db_index=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="payments")
    amount_cents = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    paid_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.stripe_id


class DirtyObject(Claimable):
    """An object at Stripe that changed, or may have: fetch it and make our rows agree."""

    class Kind(models.TextChoices):
        SUBSCRIPTION = "subscription"
        CHECKOUT_SESSION = "checkout_session"

    stripe_id = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    hints = models.PositiveIntegerField(default=0, help_text="raised by each hint of a change")
    agreed = models.PositiveIntegerField(default=0, help_text="`hints` as of the last agreement")

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
