"""What is done again and again: a row each, so that any number of workers do it once."""

from django.db import models

from billing.models.carts import StripeCustomer
from outbox.claims import Claimable, ClaimableManager


class Chore(Claimable):
    """Something done every night. An empty `due_at` switches it off."""

    name = models.CharField(max_length=40, unique=True)
    done_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=500, blank=True, help_text="of the last time")

    objects = ClaimableManager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class EventCursor(models.Model):
    """One row: the moment up to which Stripe was asked for its events."""

    ONLY = 1

    asked_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.asked_until:%Y-%m-%d %H:%M}"


class SecondBackup(Claimable):
    """What Stripe's metadata holds of a customer's rights, for the day our database is gone."""

    customer = models.OneToOneField(StripeCustomer, models.CASCADE, related_name="backup")
    hints = models.PositiveIntegerField(default=0, help_text="raised when his rights changed")
    written = models.JSONField(default=dict, help_text="the metadata as it was last written")
    written_at = models.DateTimeField(null=True, blank=True)

    objects = ClaimableManager()

    def __str__(self) -> str:
        return str(self.customer)


class BackupCursor(models.Model):
    """One row: the licenses' generation up to which second backups were asked for."""

    ONLY = 1

    generation = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.generation)
