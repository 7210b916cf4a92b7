"""A subscriber who moves to today's price, by the owner's hand and with notice."""

from django.db import models
from django.db.models import Q

from billing.models.prices import StripePrice
from billing.models.subscriptions import Subscription
from outbox.claims import Claimable, ClaimableManager


class PriceMove(Claimable):
    """One subscription's move to another amount at a renewal; due a day before it."""

    class State(models.TextChoices):
        ANNOUNCED = "announced"
        UNDONE = "undone"
        MOVED = "moved"

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="price_moves")
    from_price = models.ForeignKey(StripePrice, models.PROTECT, related_name="+")
    to_price = models.ForeignKey(StripePrice, models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=State.choices, default=State.ANNOUNCED)
    announced_at = models.DateTimeField()
    at = models.DateTimeField(help_text="the renewal that is the first at the new price")
    note = models.CharField(max_length=200, blank=True, help_text="why it was undone")

    objects = ClaimableManager()

    class Meta:
        ordering = ["-announced_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(state="announced"),
                name="one_announced_price_move",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription.stripe_id} to {self.to_price}: {self.state}"
