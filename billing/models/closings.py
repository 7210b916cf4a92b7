"""The end of a subscription whose product is given up."""

from django.db import models

from billing.models.subscriptions import Subscription
from outbox.claims import Claimable, ClaimableManager


class Closing(Claimable):
    """Told that it does not renew; due until Stripe has that, too."""

    subscription = models.OneToOneField(Subscription, models.PROTECT, related_name="closing")
    announced_at = models.DateTimeField()

    objects = ClaimableManager()

    class Meta:
        ordering = ["-announced_at", "-pk"]

    def __str__(self) -> str:
        return self.subscription.stripe_id
