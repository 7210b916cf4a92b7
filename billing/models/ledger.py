"""What the subscriptions were worth, and since when: the history that figures are computed from."""

from django.db import models

from billing.models.prices import Price
from billing.models.subscriptions import Subscription
from licenses.models import Tier


class LedgerEntry(models.Model):
    """What a subscription is worth from a moment on, until its next entry; rows are only added."""

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="ledger")
    at = models.DateTimeField(help_text="when it became so; never before the entry before it")
    heard_at = models.DateTimeField(help_text="when we knew")
    cents_a_year = models.BigIntegerField(help_text="0: it counts no more, or not yet")
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="+")
    interval = models.CharField(max_length=5, choices=Price.Interval.choices)
    paid_until = models.DateTimeField(help_text="the end of its period at Stripe")
    is_leaving = models.BooleanField(help_text="canceled, and not over yet")

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["subscription", "-at"], name="ledger_newest")]

    def __str__(self) -> str:
        return f"{self.subscription.stripe_id} since {self.at:%Y-%m-%d}"
